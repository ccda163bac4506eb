"""Published benchmarks as tasks: ARC, GSM8K, GSM-Symbolic templates and Spider."""

import importlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from crossover.data import load
from crossover.errors import CrossoverError, nearest
from crossover.normal_text import words
from crossover.tasks.base import Benchmark, Drawing, NumberAnswers, Problem, QuestionAnswer, half, held_out, text_id
from crossover.tasks.sql import SqlAnswers, asked, schema

_LETTERS = "ABCDE"
_SUBSETS = ("challenge", "easy")
_CHOICE = re.compile(r"[(\[]?([A-Ea-e])[)\].:]+\s+(\S.*)")
# A letter that more words follow is the article "a" or the start of a sentence, not a choice.
_FINAL = re.compile(r"\s*[(\[]?([A-Ea-e])(?:[)\].:]|\s*$)")


@dataclass(frozen=True)
class Arc(QuestionAnswer, Benchmark):
    """ARC (arXiv 1803.05457): ``challenge`` questions (which simple retrieval answered wrongly) or ``easy`` ones.

    A question is its stem, then one lettered line per choice; a completion is the text of the right choice and then the
    letter, ``#### B``. The ``pypi`` source has no train split: half of the test split, by a stable hash of the stem,
    joins the seeds. Without ``listed`` choices (a *cloze* prompt) a choice must be likely by itself, which is how small
    models are scored.
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
        """Return each choice's letter, and its text as a completion begins with it, which alone is scored."""
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


# --- arithmetic -------------------------------------------------------------------------------------------------------

_ANNOTATION = re.compile(r"<<[^<>]*>>")
_FLOAT_NOISE = re.compile(r"\d\.\d{5,}")  # some templates print 20.000000000000004 for 20
Template = Callable[[random.Random, float], dict[str, Any]]


@dataclass(frozen=True)
class Gsm8k(NumberAnswers, Benchmark):
    """GSM8K (Cobbe et al., arXiv 2110.14168), without the annotations of its calculations."""

    name: str = field(default="gsm8k", init=False)

    def _pool(self, side: str) -> list[Problem]:
        halved = self.source == "pypi"  # which has the test split alone
        rows = self._rows("gsm8k", "train" if side == "seed" and not halved else "test")
        rows = [r for r in rows if not halved or half(r["question"]) == side]
        return [Problem("", r["question"], " " + _ANNOTATION.sub("", r["answer"]).strip()) for r in rows]


@cache
def templates() -> dict[int, Template]:
    """The templates that reasoning-gym marks as sound, by number. The import takes seconds, so it is done here."""
    package = "reasoning_gym.arithmetic.gsm_symbolic"
    sound = importlib.import_module(f"{package}.gsm_symbolic").tasks_ok
    halves = [importlib.import_module(f"{package}.generators_{h}") for h in ("00_49", "50_99")]
    return {i: getattr(halves[i >= 50], f"generate_{i}") for i in sound}


@dataclass(frozen=True)
class GsmSymbolic(NumberAnswers, Drawing):
    """Problems of the GSM-Symbolic templates (arXiv 2410.05229), whose number is the ``structure``."""

    stream = "gsm_symbolic"

    name: str = field(default="gsm_symbolic", init=False)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        known = templates()
        while True:
            number = rng.choice(list(known))
            example = known[number](rng, 1.0)
            question, chain = example["question"], example["metadata"]["answer_cot"]
            on_test_side = held_out(f"{number} {re.findall(r'[0-9]+', question)}")
            if on_test_side == test and not _FLOAT_NOISE.search(question + chain):
                return Problem(text_id("drawn", question), question, " " + chain.strip(), number)


# --- spider -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spider(SqlAnswers, Benchmark):
    """Spider (arXiv 1809.08887), tested on its validation split; ``databases`` holds ``<db_id>/<db_id>.sqlite``."""

    databases: str
    source: str = field(default="dir", kw_only=True)  # the wheel does not have Spider
    name: str = field(default="spider", init=False)

    def _pool(self, side: str) -> list[Problem]:
        return [self._problem(row) for row in self._rows("spider", "train" if side == "seed" else "validation")]

    def _problem(self, row: load.Row) -> Problem:
        tables = schema(self._path(row["db_id"]))
        query = " ".join(row["query"].split()).rstrip("; ")
        return Problem("", asked(tables.items(), row["question"]), f" {query}", row["db_id"])

    def path(self, problem: Problem) -> Path:
        return self._path(problem.structure)

    def _path(self, db_id: str) -> Path:
        path = Path(self.databases).expanduser() / db_id / f"{db_id}.sqlite"
        if not path.is_file():
            raise CrossoverError(
                f"{path} is missing. Set databases, now {self.databases!r}, to the folder `database` of Spider's "
                "download (https://yale-lily.github.io/spider), which holds one folder for each database."
            )
        return path
