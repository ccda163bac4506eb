"""The ``arc`` task: grade-school science questions with three to five choices, of Clark et al. (arXiv 1803.05457).

A question is its stem, then one line per choice, lettered whatever the labels of the data; a completion is a rationale
(here the text of the right choice) and then the letter, ``#### B``. The ``pypi`` source has no train split: there half
of the test split, by a stable hash of the stem, joins the validation split as seeds. A seed with the stem of a test
problem, whatever its case and punctuation, is left out.
"""

import re
from dataclasses import dataclass, field

from crossover.data import load
from crossover.errors import CrossoverError, nearest
from crossover.normal_text import words
from crossover.tasks.base import Problem
from crossover.tasks.final_answers import QuestionAnswer
from crossover.tasks.problem_sets import Benchmark, half

_LETTERS = "ABCDE"
_SUBSETS = ("challenge", "easy")
_CHOICE = re.compile(r"[(\[]?([A-Ea-e])[)\].:]+\s+(\S.*)")
# A letter that more words follow is the article "a" or the start of a sentence, not a choice.
_FINAL = re.compile(r"\s*[(\[]?([A-Ea-e])(?:[)\].:]|\s*$)")


@dataclass(frozen=True)
class Arc(QuestionAnswer, Benchmark):
    r"""ARC's ``challenge`` questions (which simple retrieval answered wrongly) or its ``easy`` ones.

    Without ``listed`` choices (a *cloze* prompt) a choice must be likely by itself, which is how small models, which
    cannot tell letters apart, are scored.

    >>> Arc().extract(" Steam is hot.\n#### (b)."), Arc().extract("#### A hot one"), Arc().extract("B")
    ('B', None, None)
    """

    subset: str = "challenge"
    listed: bool = True
    name: str = field(default="arc", init=False)

    def __post_init__(self) -> None:
        if self.subset not in _SUBSETS:
            raise CrossoverError(f"arc: there is no subset {self.subset!r}.{nearest(str(self.subset), _SUBSETS)}")

    def prompt(self, question: str) -> str:
        return super().prompt(question if self.listed else question.split("\n", 1)[0])

    def extract(self, completion: str) -> str | None:
        match = _FINAL.match(completion.partition("####")[2].partition("\n")[0])
        return match[1].upper() if match else None

    def correct(self, completion: str, problem: Problem) -> bool:
        letter = self.extract(completion)
        return letter is not None and letter == self.extract(problem.answer)

    def choices(self, question: str) -> list[str]:
        """Return the choices in a question's text, the last list that starts at A; empty where there are not two."""
        found: list[str] = []
        for line in question.splitlines():
            if match := _CHOICE.fullmatch(line.strip()):
                place = _LETTERS.index(match[1].upper())
                if place == 0:
                    found = []
                if place == len(found):
                    found.append(match[2])
        return found if len(found) > 1 else []

    def completions(self, question: str) -> list[tuple[str, str]]:
        """Return each choice's letter and its text as a completion begins with it.

        The letter's own line is not scored: its cost, divided by a choice's length, would favour long choices.
        """
        return [(letter, f" {text}") for letter, text in zip(_LETTERS, self.choices(question), strict=False)]

    def _pool(self, side: str) -> list[Problem]:
        data_set, halved = f"arc_{self.subset}", self.source == "pypi"
        tests = self._rows(data_set, "test")
        held_out = [row for row in tests if not halved or half(_words(row)) == "test"]
        if side == "test":
            return [self._problem(row) for row in held_out]
        stems = {_words(row) for row in held_out}
        rows = [*self._rows(data_set, "validation"), *tests] if halved else self._rows(data_set, "train")
        return [self._problem(row) for row in rows if _words(row) not in stems]

    def _problem(self, row: load.Row) -> Problem:
        stem, *texts = (" ".join(text.split()) for text in (row["question"], *row["choices"]["text"]))
        labels, lines = row["choices"]["label"], [f"{a}. {b}" for a, b in zip(_LETTERS, texts, strict=False)]
        question = "\n".join([stem, *lines])
        if row["answerKey"] not in labels[: len(texts)] or self.choices(question) != texts:
            raise CrossoverError(
                f"arc: row {row['id']!r} has the answer {row['answerKey']!r}, the labels {labels} and the choices "
                f"{texts}. It needs two to five choices, none empty, and the label of one as its answer; fix the row."
            )
        right = labels.index(row["answerKey"])
        stop = "" if texts[right].endswith((".", "!", "?")) else "."
        return Problem("", question, f" {texts[right]}{stop}\n#### {_LETTERS[right]}")


def _words(row: load.Row) -> str:
    """A row's stem without case and punctuation: what two near copies of a question share."""
    return " ".join(words(row["question"]))
