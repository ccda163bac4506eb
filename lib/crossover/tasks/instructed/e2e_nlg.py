"""The ``e2e_nlg`` task: a sentence about a restaurant from its attributes (E2E NLG; Novikova et al. 2017).

Which attributes a sentence mentions is read off with patterns, as the slot error scripts for this data set do (Dušek et
al. 2019). On the human references of the validation split the patterns find 93% of the attributes and call 8% of
sentences unsupported, most of them rightly: people omit facts and make mistakes as well.
"""

import re
from collections.abc import Iterator

from crossover.data import load
from crossover.tasks.base import packaged
from crossover.tasks.instructed.base import GenerationTask

_SLOT = re.compile(r"\s*([A-Za-z ]+?)\[([^\[\]]+)\]\s*(?:,|$)")
_DATA = packaged(__package__, "e2e_nlg.yaml")
_LEVEL_OF: dict[str, str] = _DATA["level_of"]


def _pattern(alternatives: list[str]) -> re.Pattern[str]:
    return re.compile(re.sub(r"<(\w+)>", lambda m: _DATA["parts"][m[1]], "|".join(alternatives)), re.IGNORECASE)


#: Patterns by slot and level. A text mentions a level where the pattern is found in it.
_LEVELS = {slot: {level: _pattern(p) for level, p in levels.items()} for slot, levels in _DATA["levels"].items()}


class E2e(GenerationTask, card="e2e_nlg"):
    """Attributes to a sentence; items with the same attributes are one, with all their references.

    The hub's training split is in no other source: from a local folder the validation split is trained on.

    >>> mr, text = "name[The Mill], priceRange[cheap], familyFriendly[no]", "The Mill is an inexpensive pub."
    >>> E2e().mentioned(mr, text), E2e().unsupported(mr, text)
    ([True, True, False], ['eatType: pub'])
    """

    def _group(self, row: load.Row) -> str:
        return row["meaning_representation"]

    def _units(self, question: str) -> frozenset[str]:
        """The attributes: two inputs that differ in a name or a price are two items."""
        return frozenset(f"{slot}[{value}]" for slot, value in slots(question))

    def read_input(self, text: str) -> str | None:
        """Return the attributes on the first line, or ``None`` where they cannot be read or one is not a known one."""
        line = super().read_input(text) or ""
        found, rest = slots(line), _SLOT.sub("", line).strip()
        known = all(
            slot in ("name", "near") or _LEVEL_OF.get(value, value) in _LEVELS.get(slot, ()) for slot, value in found
        )
        sound = found and known and not rest and len(dict(found)) == len(found)
        return ", ".join(f"{slot}[{value}]" for slot, value in found) if sound else None

    def mentioned(self, question: str, text: str) -> list[bool]:
        """Whether each attribute of the input is found in a text."""
        return [
            _LEVEL_OF.get(value, value) in _levels(text, slot)
            if slot in _LEVELS
            else value.removeprefix("The ").casefold() in text.casefold()
            for slot, value in slots(question)
        ]

    def unsupported(self, question: str, text: str) -> list[str]:
        """Return attributes that are found in a text and are not, or not so, in the input; names are not looked for."""
        asked = {slot: _LEVEL_OF.get(value, value) for slot, value in slots(question)}
        for name in (value for slot, value in slots(question) if slot in ("name", "near")):
            text = re.sub(re.escape(name), "", text, flags=re.IGNORECASE)  # "The Coffee Mill" is not a coffee shop
        found = [(slot, level) for slot in _LEVELS for level in _levels(text, slot)]
        # Every place is called a restaurant, whatever it is.
        return [f"{slot}: {level}" for slot, level in found if level not in (asked.get(slot), "restaurant")]


def slots(question: str) -> list[tuple[str, str]]:
    """Return names and values of the attributes in an input.

    >>> slots("name[The Mill], near[Café Rouge]")
    [('name', 'The Mill'), ('near', 'Café Rouge')]
    """
    return [(found[1], found[2].strip()) for found in _SLOT.finditer(question)]


def _levels(text: str, slot: str) -> Iterator[str]:
    """The levels of a slot that a text mentions."""
    for level, pattern in _LEVELS[slot].items():
        if pattern.search(text):
            yield level
            if level == "no":  # "not family friendly" holds "family friendly"
                return
