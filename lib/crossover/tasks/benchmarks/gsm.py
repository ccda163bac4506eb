"""Grade-school arithmetic that others made: GSM8K, and GSM-Symbolic templates as reasoning-gym generates them."""

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
from crossover.tasks.problem_sets import Benchmark, Drawing, half, held_out, text_id

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

    name: str = field(default="gsm_symbolic", init=False)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        known = templates()
        for _ in range(self.tries):
            number = rng.choice(list(known))
            example = known[number](rng, 1.0)
            question, chain = example["question"], example["metadata"]["answer_cot"]
            on_test_side = held_out(f"{number} {re.findall(r'[0-9]+', question)}")
            if on_test_side == test and not _FLOAT_NOISE.search(question + chain):
                return Problem(text_id("drawn", question), question, " " + chain.strip(), number)
        raise CrossoverError("gsm_symbolic: no template has a problem on this side of the split.")

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{side}/{replicate}"
