"""Precision of generated questions against sentences with hand-made lists of every question that may be made of them.

Templates were tuned on one part of ``hand_checked.yaml``; the loss of precision on the other is what tuning fitted.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from scipy.stats import binomtest

from crossover.errors import CrossoverError
from crossover.questions.generate import Generator, Question
from crossover.questions.realise import BLANK

#: The sentences by which the project's own templates are judged.
EXPECTATIONS = Path(__file__).with_name("hand_checked.yaml")
_YEAR = re.compile(r"\b\d{4}\b")


@dataclass(frozen=True)
class Expected:
    """A sentence of a part (``tune`` or ``held_out``), its right questions with answers, and phrases to blank out.

    All are normalised; ``#`` stands for a year that the sentence does not name.
    """

    part: str
    text: str
    accepted: frozenset[tuple[str, str]]
    cloze: frozenset[str]

    def allows(self, made: Question) -> bool:
        """Whether a generated question is one of those expected."""
        if made.type == "cloze":
            restored = made.question.replace(BLANK, made.answer)
            return normalise(restored) == normalise(self.text) and normalise(made.answer) in self.cloze
        named = set(_YEAR.findall(self.text))
        question = _YEAR.sub(lambda year: year[0] if year[0] in named else "#", made.question)
        return (normalise(question), normalise(made.answer)) in self.accepted


class Precision(NamedTuple):
    """The share of generated questions that are right, with its 95% Wilson interval."""

    right: int
    made: int
    share: float
    low: float
    high: float


def normalise(text: str) -> str:
    """Return text without case, punctuation (``#`` aside) and repeated spaces.

    >>> normalise('Who wrote "Hamlet"?')
    'who wrote hamlet'
    """
    kept = "".join(c if c == "#" or not unicodedata.category(c).startswith(("P", "S")) else " " for c in text.lower())
    return " ".join(kept.split())


def expand(pattern: str) -> list[str]:
    """Return every reading of a pattern in which ``[x]`` may be left out and ``(x|y)`` is x or y.

    >>> expand("(When|In which year) did he [first] die?")
    ['When did he first die?', 'When did he  die?', 'In which year did he first die?', 'In which year did he  die?']
    """
    pieces = re.split(r"\[([^\]]*)\]|\(([^)]*\|[^)]*)\)", pattern)  # text, optional or None, choices or None, text, ...
    options = [[text] for text in pieces]
    options[1::3] = [[text, ""] if text is not None else [""] for text in pieces[1::3]]
    options[2::3] = [text.split("|") if text is not None else [""] for text in pieces[2::3]]
    return ["".join(choice) for choice in itertools.product(*options)]


def read_expectations(path: Path | str) -> list[Expected]:
    """Read a file of sentences."""
    read: list[Expected] = []
    for part, entries in yaml.safe_load(Path(path).read_text(encoding="utf-8")).items():
        for entry in entries:
            accepted = set()
            for line in entry.get("accept") or ():
                question, arrow, answer = line.partition(" -> ")
                if not arrow:
                    raise CrossoverError(f"{entry['text']!r}: {line!r} has no ' -> ' between question and answer.")
                accepted |= {(normalise(q), normalise(a)) for q in expand(question) for a in expand(answer)}
            cloze = frozenset(normalise(a) for phrase in entry.get("cloze") or () for a in expand(phrase))
            read.append(Expected(part, entry["text"], frozenset(accepted), cloze))
    return read


def judge(generator: Generator, expected: list[Expected]) -> pd.DataFrame:
    """Generate questions from every sentence and judge each."""
    rows = [
        (entry.part, entry.text, made.question, made.answer, made.type, made.template, entry.allows(made))
        for entry in expected
        for made in generator.text(entry.text)
    ]
    return pd.DataFrame(rows, columns=["part", "text", "question", "answer", "type", "template", "right"])


def precision(judged: pd.DataFrame) -> Precision:
    """Return the share that is right of some rows of :func:`judge`."""
    right, made = int(judged["right"].sum()), len(judged)
    if not made:
        raise CrossoverError("precision needs at least one generated question; the templates made none")
    interval = binomtest(right, made).proportion_ci(method="wilson")
    return Precision(right, made, right / made, float(interval.low), float(interval.high))


def failures(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the questions that were not expected, by template."""
    columns = ["part", "template", "text", "question", "answer"]
    return judged.loc[~judged["right"], columns].sort_values(["template", "text"], ignore_index=True)
