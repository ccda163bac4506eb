"""The ``gsm_symbolic`` task: GSM-Symbolic templates (arXiv 2410.05229) as reasoning-gym generates them.

A template draws fresh names and numbers, so problems are unlimited and :meth:`GsmSymbolic.sample` and
:meth:`GsmSymbolic.edit` work. A template has one wording and one solution text, so rewording, drift and invalid
questions are not possible: this is a plain task with those two additions, not a ``ProceduralTask``.
"""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem
from crossover.tasks.final_answers import NumberAnswers
from crossover.tasks.problem_sets import Drawing, held_out, text_id

_FLOAT_NOISE = re.compile(r"\d\.\d{5,}")  # some templates print 20.000000000000004 for 20
Template = Callable[[random.Random, float], dict[str, Any]]


@cache
def templates() -> dict[int, Template]:
    """The templates that reasoning-gym marks as sound, by number. The import takes seconds, so it is done here."""
    try:
        package = "reasoning_gym.arithmetic.gsm_symbolic"
        sound = importlib.import_module(f"{package}.gsm_symbolic").tasks_ok
        halves = [importlib.import_module(f"{package}.generators_{h}") for h in ("00_49", "50_99")]
    except ImportError as error:
        raise CrossoverError(
            f"gsm_symbolic needs reasoning-gym ({error}). Run: pip install reasoning-gym==0.1.25"
        ) from error
    return {i: getattr(halves[i >= 50], f"generate_{i}") for i in sound}


@dataclass(frozen=True)
class GsmSymbolic(NumberAnswers, Drawing):
    """Word problems from the GSM-Symbolic templates; one in ten, by a stable hash of template and numbers, is test.

    Examples
    --------
    >>> task = GsmSymbolic()
    >>> p = task.test(1)[0]
    >>> task.correct(p.answer, p)
    True
    """

    name: str = field(default="gsm_symbolic", init=False)

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Draw another problem from the same template; ``structure`` is the template's number."""
        for _ in range(self.tries):
            new = self._draw(rng, problem.structure, test=False)
            if new.question != problem.question:
                return new
        raise CrossoverError(f"gsm_symbolic: template {problem.structure} gives no other problem than {problem.id}.")

    def _draw(self, rng: random.Random, template: int | None, test: bool) -> Problem:
        known = templates()
        for _ in range(self.tries):
            number = rng.choice(list(known)) if template is None else template
            example = known[number](rng, 1.0)
            question, chain = example["question"], example["metadata"]["answer_cot"]
            on_test_side = held_out(f"{number} {re.findall(r'[0-9]+', question)}")
            if on_test_side == test and not _FLOAT_NOISE.search(question + chain):
                return Problem(text_id("drawn", question), question, " " + chain.strip(), number)
        raise CrossoverError(f"gsm_symbolic: template {template} has no problem on this side of the split.")

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        return self._draw(rng, None, test)

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{side}/{replicate}"
