"""The ``gsm8k`` task: grade-school word problems of Cobbe et al. (arXiv 2110.14168), answers by a chain of steps.

Seed problems come from the train split and test problems from the test split. The ``pypi`` source has the test split
alone: there one half of it, by a stable hash of the question, gives the seeds and the other half the test, so that
numbers from it are not comparable with published ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crossover.data import load
from crossover.tasks.base import Problem
from crossover.tasks.final_answers import NumberAnswers
from crossover.tasks.problem_sets import Pooled, half

_ANNOTATION = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True)
class Gsm8k(NumberAnswers, Pooled):
    """GSM8K from one of the data sources.

    Parameters
    ----------
    source : {"pypi", "dir", "hub"}
        See :func:`crossover.data.load.load`.
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

    def _pool(self, side: str) -> list[Problem]:
        halved = self.source == "pypi"
        split = "train" if side == "seed" and not halved else "test"
        rows = load.load("gsm8k", split, self.source, self.folder, self.revision)  # type: ignore[arg-type]
        if halved:
            rows = [r for r in rows if half(r["question"]) == side]
        return [Problem("", r["question"], " " + _ANNOTATION.sub("", r["answer"]).strip()) for r in rows]
