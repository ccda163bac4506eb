"""Evaluation sets and real questions: which rows test, which train; none of these is near a tested one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crossover.data.load import DATA_SETS, Row, load
from crossover.data.near_duplicates import Neighbourhood
from crossover.errors import CrossoverError
from crossover.normal_text import word_set
from crossover.paths import read_yaml


@dataclass(frozen=True)
class EvaluationSet:
    """An entry of ``closed_book.yaml``, whose head says what the fields are."""

    data: str
    split: str
    text: str
    question: bool
    definition: str
    metric: str


SETS: dict[str, EvaluationSet] = {
    name: EvaluationSet(**entry) for name, entry in read_yaml(Path(__file__).with_suffix(".yaml")).items()
}

Sources = tuple[tuple[str, str], ...]  #: names of sets, each with its source


def with_question_mark(question: str) -> str:
    """Return a question with a capital letter and a question mark, which NQ-open and WebQuestions lack at times."""
    text = " ".join(question.split())
    return text[:1].upper() + text[1:].rstrip(" ?.") + "?"


def test_rows(name: str, source: str) -> list[tuple[str, Row]]:
    """Return every test row of a set with its item id, in a fixed random order: the first n are a random sample."""
    rows = _ordered(name, source)
    return rows[: len(rows) // 2] if _halved(name, source) else rows


def draw_test(name: str, source: str, n: int) -> list[tuple[str, Row]]:
    """Return the first ``n`` test rows of a set; an error where it has fewer."""
    rows = test_rows(name, source)
    if n > len(rows):
        raise CrossoverError(f"{name} has {len(rows)} test items in the source {source!r}, not {n}; lower its number.")
    return rows[:n]


def question_sets(sources: Mapping[str, str]) -> Sources:
    """Return those of some sets that hold questions, with their sources, in the order of their names."""
    return tuple(sorted((name, source) for name, source in sources.items() if SETS[name].question))


@cache
def pool(sources: Sources) -> tuple[tuple[str, str], ...]:
    """Return real questions with an answer to train on, none near a test question of any of the sets."""
    tested = near_tests(sources)
    found: list[tuple[str, str]] = []
    for name, source in sources:
        if _halved(name, source):
            ordered = _ordered(name, source)
            rows = [row for _, row in ordered[len(ordered) // 2 :]]
        else:
            rows = _rows(name, "train", source)
        near = tested.holds([word_set(row["question"]) for row in rows])
        kept = [row for row, leaks in zip(rows, near, strict=True) if not leaks]
        found += [(with_question_mark(row["question"]), answers(name, row)[0]) for row in kept]
    return tuple(found)


@cache
def near_tests(sources: Sources) -> Neighbourhood:
    """Return the test questions of some sets, tested on or not, for questions to be held against."""
    return Neighbourhood(word_set(row["question"]) for name, source in sources for _, row in test_rows(name, source))


def answers(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the answers of a question set's row that count as right, the one to train on first."""
    if name == "trivia_qa":
        first = row["answer"]["value"]
        return (first, *(alias for alias in row["answer"]["aliases"] if alias != first))
    return tuple(row["answers" if name == "web_questions" else "answer"])


def _halved(name: str, source: str) -> bool:
    """Whether a question set's test split has to give the training questions too."""
    return SETS[name].question and "train" not in DATA_SETS[SETS[name].data].splits(source.partition(":")[0])


@cache
def _ordered(name: str, source: str) -> list[tuple[str, Row]]:
    rows = [(f"{name}/{number:05d}", row) for number, row in enumerate(_rows(name, SETS[name].split, source))]
    text = SETS[name].text
    return sorted(rows, key=lambda pair: hashlib.sha256(f"{pair[1][text]}|{pair[0]}".encode()).digest())


def _rows(name: str, split: str, source: str) -> list[Row]:
    kind, _, revision = source.partition(":")
    return load(SETS[name].data, split, kind, revision=revision or None)
