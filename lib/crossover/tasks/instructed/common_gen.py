"""Concepts to a sentence: CommonGen (Lin et al. 2020), and captions, which a plain install brings.

``captions`` are human captions of short films in HellaSwag's validation split (from ActivityNet Captions, a source of
CommonGen); their concepts are nouns and verbs that spaCy's small English model finds. Not comparable with CommonGen.
"""

import json
import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from crossover.data import load
from crossover.data.pinned import EN_CORE_WEB_SM, cached
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
        """Return the concepts on the first line in alphabetical order; ``None`` if not two to eight words."""
        listed = concepts(first_line(text))
        sound = 2 <= len(listed) <= 8 and len(set(listed)) == len(listed) and all(map(_CONCEPT.fullmatch, listed))
        return ", ".join(sorted(listed)) if sound else None

    def mentioned(self, question: str, text: str) -> list[bool]:
        """Whether each concept is used, in any form: compared by lemma, as CommonGen's own coverage is."""
        used = _forms(text)
        return [set(concept.split()) <= used for concept in concepts(question)]

    def unsupported(self, question: str, text: str) -> None:
        """Return ``None``: a sentence may add what it likes to its concepts."""


class CommonGen(_Concepts, card="common_gen"):
    """CommonGen: concepts with all their human sentences, tested on validation, as its test is not public."""

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
    """Return the concepts that an input lists.

    >>> concepts("bread, knife")
    ['bread', 'knife']
    """
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
            listed = sorted(
                {lemma for kind, _, lemma in words if kind in ("NOUN", "VERB") and _CONCEPT.fullmatch(lemma)}
            )
            if len(listed) in _SIZES:
                found[text] = listed
        (folder / "captions.json").write_text(json.dumps(found, ensure_ascii=False, indent=0), encoding="utf-8")

    folder = cached(f"captions-{_VERSION}-{EN_CORE_WEB_SM.sha256[:8]}", build, doing="finding")
    return json.loads((folder / "captions.json").read_text(encoding="utf-8"))


def _lemmas(texts: Sequence[str]) -> list[list[tuple[str, str, str]]]:
    """Part of speech, form and lemma of every word of each text."""
    docs = _tagger().pipe(texts, batch_size=256)
    return [[(word.pos_, word.lower_, word.lemma_.casefold()) for word in doc] for doc in docs]


@lru_cache(maxsize=10_000)
def _forms(text: str) -> frozenset[str]:
    """The words of a text as they stand, without an ending s, and as lemmas."""
    words = _lemmas([text])[0]
    return frozenset(form for _, word, lemma in words for form in (word, word.removesuffix("s"), lemma))


@cache
def _tagger() -> Any:
    from crossover.models.spacy_english import load_tagger  # spaCy takes seconds to load

    return load_tagger()
