"""Generation tasks: concepts or attributes to a sentence that mentions them.

``captions`` are human captions of films (ActivityNet) in HellaSwag's validation split; their concepts are nouns and
verbs that spaCy finds. Not comparable with CommonGen. Attributes are read off with patterns, as slot error scripts do
(Dušek et al. 2019). In E2E's human references they find 93% of the slots, and flag 8% as unsupported, mostly correctly.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from crossover.data import load
from crossover.data.pinned import EN_CORE_WEB_SM, cached
from crossover.paths import read_yaml
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import GenerationTask, first_line

_VERSION = 1  # raised when the captions or the way their concepts are found change
_SIZES = range(3, 6)  # concepts of an item, as in CommonGen
_LENGTHS = range(5, 19)  # words of a caption
_CONCEPT = re.compile(r"[a-z][a-z' -]*")


class _Concepts(GenerationTask):
    """An input of concepts and a sentence that uses them all."""

    metric = "every concept is used"

    def _units(self, question: str) -> frozenset[str]:
        return frozenset(concepts(question))

    def read_input(self, text: str) -> str | None:
        """Return the concepts on the first line in order; ``None`` if they are not two to eight different words."""
        listed = concepts(first_line(text))
        sound = 2 <= len(listed) <= 8 and len(set(listed)) == len(listed) and all(map(_CONCEPT.fullmatch, listed))
        return ", ".join(sorted(listed)) if sound else None

    def mentioned(self, question: str, text: str) -> list[bool]:
        """Whether each concept is used, in any form: compared by lemma, as CommonGen's own coverage is."""
        used = _forms(text)
        return [set(concept.split()) <= used for concept in concepts(question)]

    def unsupported(self, question: str, text: str) -> None:
        """A sentence may add what it likes to its concepts."""


class CommonGen(_Concepts, card="common_gen"):
    """CommonGen (Lin et al. 2020): concepts with all their human sentences, tested on validation."""

    def _group(self, row: load.Row) -> str:
        return ", ".join(sorted(row["concepts"]))


class Captions(_Concepts, card="captions"):
    """Human captions with the concepts that are found in them; all captions of a film go to one side."""

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        texts = {text for row in rows if _is_caption(row) for text in _sentences(row)}
        first: dict[str, str] = {}
        for text, words in _captions(self).items():
            if text in texts:
                first.setdefault(", ".join(words), text)
        return [Problem("", given, f" {text}", references=(text,)) for given, text in first.items()]

    def _group(self, row: load.Row) -> str:
        return row["source_id"]


def concepts(question: str) -> list[str]:
    """Return the concepts that an input lists."""
    return [part.strip().casefold() for part in question.split(",") if part.strip()]


def _is_caption(row: load.Row) -> bool:
    return row["source_id"].startswith("activitynet")


def _sentences(row: load.Row) -> list[str]:
    """The captions in a row: the sentences of its context, and the one that its right ending completes."""
    last = f"{row['ctx_b']} {row['endings'][int(row['label'])]}"
    texts = [" ".join(text.split()) for text in (*re.split(r"(?<=[.!?])\s+", row["ctx_a"]), last)]
    return [text[:1].upper() + text[1:] for text in texts if len(text.split()) in _LENGTHS]


@cache
def _captions(task: Captions) -> dict[str, list[str]]:
    """Captions with their concepts, from the model cache; finding them takes spaCy some seconds, once."""
    rows = [row for row in load.load(task.data_set, "validation", task.source) if _is_caption(row)]
    texts = list(dict.fromkeys(text for row in rows for text in _sentences(row)))

    def build(folder: Path) -> None:
        print(f"Finding the concepts of {len(texts)} captions, once ...", file=sys.stderr)
        found = {}
        for text, words in zip(texts, _lemmas(texts), strict=True):
            lemmas = {lemma for kind, _, lemma in words if kind in ("NOUN", "VERB")}
            listed = sorted(filter(_CONCEPT.fullmatch, lemmas))
            if len(listed) in _SIZES:
                found[text] = listed
        (folder / "captions.json").write_text(json.dumps(found, ensure_ascii=False, indent=0), encoding="utf-8")

    folder = cached(f"captions-{_VERSION}-{EN_CORE_WEB_SM.sha256[:8]}", build, doing="finding")
    return json.loads((folder / "captions.json").read_text(encoding="utf-8"))


def _lemmas(texts: Sequence[str]) -> list[list[tuple[str, str, str]]]:
    """Part of speech, form and lemma of every word of each text."""
    from crossover.models.spacy_english import load_tagger  # spaCy takes seconds to load

    docs = load_tagger().pipe(texts, batch_size=256)
    return [[(word.pos_, word.lower_, word.lemma_.casefold()) for word in doc] for doc in docs]


@lru_cache(maxsize=10_000)
def _forms(text: str) -> frozenset[str]:
    """The words of a text as they stand, without an ending s, and as lemmas."""
    words = _lemmas([text])[0]
    return frozenset(form for _, word, lemma in words for form in (word, word.removesuffix("s"), lemma))


# --- attributes -------------------------------------------------------------------------------------------------------

_SLOT = re.compile(r"\s*([A-Za-z ]+?)\[([^\[\]]+)\]\s*(?:,|$)")
_DATA = read_yaml(Path(__file__).with_name("e2e_nlg.yaml"))
_LEVEL_OF: dict[str, str] = _DATA["level_of"]


def _pattern(alternatives: list[str]) -> re.Pattern[str]:
    return re.compile(re.sub(r"<(\w+)>", lambda m: _DATA["parts"][m[1]], "|".join(alternatives)), re.IGNORECASE)


#: Patterns by slot and level. A text mentions a level where the pattern is found in it.
_LEVELS = {slot: {level: _pattern(p) for level, p in levels.items()} for slot, levels in _DATA["levels"].items()}


class E2e(GenerationTask, card="e2e_nlg"):
    """E2E NLG (Novikova et al. 2017); from a local folder the validation split is trained on."""

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
    """Return names and values of the attributes in an input."""
    return [(found[1], found[2].strip()) for found in _SLOT.finditer(question)]


def _levels(text: str, slot: str) -> Iterator[str]:
    """The levels of a slot that a text mentions."""
    for level, pattern in _LEVELS[slot].items():
        if pattern.search(text):
            yield level
            if level == "no":  # "not family friendly" holds "family friendly"
                return
