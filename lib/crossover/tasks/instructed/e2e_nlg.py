"""The ``e2e_nlg`` task: a sentence about a restaurant from its attributes (E2E NLG; Novikova et al. 2017).

Which attributes a sentence mentions is read off with patterns, as the slot error scripts for this data set do (Dušek et
al. 2019). Prices and ratings count by level, so that "cheap" mentions ``less than £20``. On the human references of the
validation split the patterns find 93% of the attributes and call 8% of sentences unsupported: people leave things out and
make mistakes too, and most of what is found is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crossover.data import load
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import GenerationTask, Referenced

_SLOT = re.compile(r"\s*([A-Za-z ]+?)\[([^\[\]]+)\]\s*(?:,|$)")
_NOT = r"(?:\bnot?(?! only)|n't|\bnon|\bun|\bwithout)\W+(?:\w+\W+){0,5}?"
_CHILDREN = r"(?:famil(?!iar)\w*|kids?\b|child\w*)"
_FEW = r"\W+(?:(?!pric|cost|and\b|but\b|with\b|out\b)\w+\W+){0,3}"  # up to three words of the same thought
_PRICE, _RATING = r"(?:pric\w*|cost\w*)", r"(?:rat(?:ed|es|ing)\w*|review\w*)"
#: Patterns by slot and level. A text mentions a level where the pattern is found in it.
_LEVELS: dict[str, dict[str, str]] = {
    "priceRange": {
        "low": r"(?<!not the )cheap|inexpensive|affordabl|low(?:er|est)?[- ](?:pric|cost)|"
        rf"{_PRICE}{_FEW}low\b|(?:less|lower|cheaper) than £? ?20|(?:under|below|up to) £? ?20|20 or less",
        "mid": r"moderate|\bmid(?:dle)?[- ]?(?:\w+[- ])?(?:pric|range)|reasonabl|(?:average|decent|fair|intermediate)(?:ly)?[- ]?(?:pric|cost)|"
        rf"{_PRICE}{_FEW}average|£? ?20 ?(?:-|–|to|and) ?£? ?25|medium",
        "high": r"(?<!in)expensive|high(?:er|ly)?[- ](?:\w+[- ])?(?:pric|cost|end|range)|pricey|upper|above average|"
        rf"{_PRICE}{_FEW}high\b(?! (?:customer|rat|review|serv))|"
        r"(?:more|higher|greater) than £? ?30|(?:over|above|from|exceed\w*|cost of) £? ?30|£? ?30 (?:or|and|minimum)",
    },
    "customer rating": {
        "low": rf"(?:low|poor|bad)(?:ly)?[- ](?:\w+[- ])?{_RATING}|{_RATING}{_FEW}(?:low|poor)\b(?! pric)|"
        r"\b(?:1|one)[- ]?(?:out|of|star|/)|rated (?:1|one)\b|lower than average",
        "mid": rf"average(?!\W+(?:pric|cost))|moderate(?:ly)? {_RATING}|\b(?:3|three)[- ]?(?:out|of|our|star|/)|rated (?:3|three)\b|mediocre|"
        rf"decent(?:ly)?[- ](?:\w+[- ])?{_RATING}",
        "high": rf"(?:high|top|great|good|excellent|well)(?:ly|est)?[- ](?:\w+[- ])?{_RATING}(?! of (?:1|3|one|three))|highly recommend|"
        rf"{_RATING}{_FEW}(?:high|good|great|excellent)\b(?! (?:pric|rating of))|\b(?:5|five)[- ]?(?:out|of|star|/)|rated (?:5|five)\b",
    },
    "familyFriendly": {
        "no": rf"{_NOT}{_CHILDREN}|{_CHILDREN}\W*(?:un|not\b)|adult(?:s)?[- ](?:only|estab|env|orient)|(?:for|only) adults|unsuitable",
        "yes": _CHILDREN,
    },
    "area": {"city centre": r"cent(?:re|er)\b|downtown", "riverside": r"river"},
    "eatType": {"coffee shop": r"coffee|caf[eé](?! (?:sicilia|brazil|rouge))", "pub": r"\bpub\b", "restaurant": r"restaurant"},
    "food": {
        "Chinese": r"chinese", "English": r"english|british(?! pound)|breakfast", "Fast food": r"\bfast[- ]?food|burgers|fries",
        "French": r"french", "Italian": r"italian|pasta|pizza", "Japanese": r"japanese|sushi", "Indian": r"(?<!raja )indian|curr(?:y|ies)",
    },
}  # fmt: skip
_LEVEL_OF = {
    "cheap": "low", "less than £20": "low", "moderate": "mid", "£20-25": "mid", "high": "high", "more than £30": "high",
    "low": "low", "1 out of 5": "low", "average": "mid", "3 out of 5": "mid", "5 out of 5": "high",
}  # fmt: skip
_SLOTS = ("name", "near", *_LEVELS)


class E2e(GenerationTask, card="e2e_nlg"):
    """Attributes to a sentence; items with the same attributes are one, with all their references.

    The hub's training split is in no other source: from a local folder the validation split is trained on.

    Examples
    --------
    >>> task = E2e()
    >>> mr = "name[The Mill], priceRange[cheap], familyFriendly[no]"
    >>> task.mentioned(mr, "The Mill is an inexpensive pub."), task.unsupported(mr, "The Mill is an inexpensive pub.")
    ([True, True, False], ['eatType: pub'])
    """

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        references: dict[str, list[str]] = {}
        for row in rows:
            text = " ".join(row["human_reference"].split())
            references.setdefault(self.as_input(row["meaning_representation"]), []).append(text)
        return [Referenced("", given, f" {texts[0]}", references=tuple(texts)) for given, texts in references.items()]

    def _group(self, row: load.Row) -> str:
        return row["meaning_representation"]

    def _units(self, question: str) -> frozenset[str]:
        """The attributes: two inputs that differ in a name or a price are two items."""
        return frozenset(f"{slot}[{value}]" for slot, value in slots(question))

    def read_input(self, text: str) -> str | None:
        """Return the attributes on the first line, or ``None`` where they cannot be read or one is not a known one."""
        line = super().read_input(text)
        found = slots(line) if line else []
        return ", ".join(f"{slot}[{value}]" for slot, value in found) if found and _readable(line) else None

    def mentioned(self, question: str, text: str) -> list[bool]:
        """Whether each attribute of the input is found in a text."""
        return [_mentions(text, slot, value) for slot, value in slots(question)]

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


def _readable(line: str) -> bool:
    """Whether a line is a list of known attributes, each once, with known values, and nothing more."""
    found = slots(line)
    names = [slot for slot, _ in found]
    known = all(
        slot in _SLOTS and (slot not in _LEVELS or _LEVEL_OF.get(value, value) in _LEVELS[slot])
        for slot, value in found
    )
    return known and len(set(names)) == len(names) and not _SLOT.sub("", line).strip()


def _mentions(text: str, slot: str, value: str) -> bool:
    if slot in _LEVELS:
        return _LEVEL_OF.get(value, value) in _levels(text, slot)
    return value.removeprefix("The ").casefold() in text.casefold()


def _levels(text: str, slot: str) -> Iterator[str]:
    """The levels of a slot that a text mentions."""
    for level, pattern in _LEVELS[slot].items():
        if re.search(pattern, text, re.IGNORECASE):
            yield level
            if level == "no":  # "not family friendly" holds "family friendly"
                return
