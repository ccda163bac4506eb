"""Seeds, gold and test problems: how a task numbers them, and the two shuffled pools of benchmarks read from files."""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem, by_seed


class Sets(ABC):
    """The sets of problems of a task, each the beginning of a stream: a smaller set is a prefix of a larger one."""

    name: str

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Return ``n`` seed problems of a replicate."""
        return by_seed(f"seed-{replicate}", self._some("seed", n, replicate))

    def gold(self, n: int) -> list[Problem]:
        """Return ``n`` problems of the training side that a local teacher may be fine-tuned on, from one stream."""
        return by_seed("gold", self._some("gold", n, 0))

    def test(self, n: int) -> list[Problem]:
        """Return ``n`` test problems, from one stream; none is ever among seeds or gold problems."""
        return by_seed("test", self._some("test", n, 0))

    @abstractmethod
    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        """The first ``n`` problems of a stream, ``"seed"``, ``"gold"`` or ``"test"``."""


class Pooled(Sets):
    """The sets of a benchmark, from the two pools that :meth:`_pool` gives."""

    source: str

    @abstractmethod
    def _pool(self, side: str) -> list[Problem]:
        """The problems of one side, ``"seed"`` or ``"test"``, in the order of the files."""

    def available(self, side: str) -> int:
        """Return how many problems there are of a side, ``"seed"`` or ``"test"``."""
        return len(self._pool(side))

    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        pool = self._pool("test" if side == "test" else "seed")
        if not 0 <= n <= len(pool):
            raise CrossoverError(
                f"{self.name}: {n} {side} problems were asked for; the {self.source} source has {len(pool)}; ask for 0 to that many."
            )
        random.Random(f"{self.name}/{side}/{replicate}").shuffle(pool)
        return pool[:n]


def half(text: str) -> str:
    """Return the side, ``"seed"`` or ``"test"``, of a text whose split must give both."""
    return "seed" if hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 2 else "test"
