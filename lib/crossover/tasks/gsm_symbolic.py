"""The ``gsm_symbolic`` task: GSM-Symbolic templates (arXiv 2410.05229) as reasoning-gym generates them.

A template draws fresh names and numbers, so problems are unlimited and :meth:`GsmSymbolic.sample` and
:meth:`GsmSymbolic.edit` work. A template has one wording and one solution text, so rewording, drift and invalid
questions are not possible: this is a plain task with those two additions, not a ``ProceduralTask``.
"""

from __future__ import annotations

import hashlib
import importlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from crossover.errors import CrossoverError
from crossover.tasks.answers import NumberAnswers
from crossover.tasks.base import Problem, by_seed

_TRIES = 10_000
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
class GsmSymbolic(NumberAnswers):
    """Word problems from the GSM-Symbolic templates; one in ten, by a stable hash of template and numbers, is test.

    Examples
    --------
    >>> task = GsmSymbolic()
    >>> p = task.test(1)[0]
    >>> task.correct(p.answer, p)
    True
    """

    name: str = field(default="gsm_symbolic", init=False)

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Draw ``n`` seed problems with distinct questions; a smaller set is a prefix of a larger one."""
        return by_seed(f"seed-{replicate}", self._distinct(n, random.Random(f"{self.name}/seed/{replicate}"), False))

    def gold(self, n: int) -> list[Problem]:
        """Draw ``n`` problems of the training side with distinct questions, from a stream of their own."""
        return by_seed("gold", self._distinct(n, random.Random(f"{self.name}/gold"), False))

    def test(self, n: int) -> list[Problem]:
        """Draw ``n`` test problems with distinct questions."""
        return by_seed("test", self._distinct(n, random.Random(f"{self.name}/test"), True))

    def sample(self, rng: random.Random) -> Problem:
        """Draw a problem from all templates, never one of the test side."""
        return self._draw(rng, None, test=False)

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Draw another problem from the same template; ``structure`` is the template's number."""
        for _ in range(_TRIES):
            new = self._draw(rng, problem.structure, test=False)
            if new.question != problem.question:
                return new
        raise CrossoverError(f"gsm_symbolic: template {problem.structure} gives no other problem than {problem.id}.")

    def _draw(self, rng: random.Random, template: int | None, test: bool) -> Problem:
        known = templates()
        for _ in range(_TRIES):
            number = rng.choice(list(known)) if template is None else template
            example = known[number](rng, 1.0)
            question, chain = example["question"], example["metadata"]["answer_cot"]
            if _is_test(number, question) == test and not _FLOAT_NOISE.search(question + chain):
                digest = hashlib.blake2b(question.encode(), digest_size=6).hexdigest()
                return Problem(f"drawn-{digest}", question, " " + chain.strip(), number)
        raise CrossoverError(f"gsm_symbolic: template {template} has no problem on this side of the split.")

    def _distinct(self, n: int, rng: random.Random, test: bool) -> list[Problem]:
        if n < 0:
            raise CrossoverError(f"gsm_symbolic: {n} problems were asked for; ask for 0 or more.")
        found: dict[str, Problem] = {}
        while len(found) < n:
            problem = self._draw(rng, None, test)
            found.setdefault(problem.question, problem)
        return list(found.values())


def _is_test(template: int, question: str) -> bool:
    text = f"{template} {re.findall(r'[0-9]+', question)}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") % 10 == 0
