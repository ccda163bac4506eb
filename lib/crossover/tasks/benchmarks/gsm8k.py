"""The ``gsm8k`` task: grade-school word problems of Cobbe et al. (arXiv 2110.14168), answers by a chain of steps.

Seed problems come from the train split and test problems from the test split; the ``pypi`` source has the latter alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crossover.tasks.base import Problem
from crossover.tasks.final_answers import NumberAnswers
from crossover.tasks.problem_sets import Benchmark, half

_ANNOTATION = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True)
class Gsm8k(NumberAnswers, Benchmark):
    """GSM8K, without the annotations of its calculations."""

    name: str = field(default="gsm8k", init=False)

    def _pool(self, side: str) -> list[Problem]:
        halved = self.source == "pypi"
        rows = self._rows("gsm8k", "train" if side == "seed" and not halved else "test")
        rows = [r for r in rows if not halved or half(r["question"]) == side]
        return [Problem("", r["question"], " " + _ANNOTATION.sub("", r["answer"]).strip()) for r in rows]
