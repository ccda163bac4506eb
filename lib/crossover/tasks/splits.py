"""Benchmarks read from files: seeds and test problems as prefixes of two shuffled pools."""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem, by_seed


class Pooled(ABC):
    """Seeds and test problems of a benchmark, from the two pools that :meth:`_pool` gives."""

    name: str
    source: str

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Return ``n`` problems of the seed pool, shuffled by the replicate; smaller sets are prefixes."""
        return by_seed(f"seed-{replicate}", self._some("seed", n, replicate))

    def gold(self, n: int) -> list[Problem]:
        """Return the first ``n`` problems of the seed pool in one fixed shuffle of their own."""
        return by_seed("gold", self._some("gold", n, 0))

    def test(self, n: int) -> list[Problem]:
        """Return the first ``n`` test problems in one fixed shuffle."""
        return by_seed("test", self._some("test", n, 0))

    @abstractmethod
    def _pool(self, side: str) -> list[Problem]:
        """The problems of one side, ``"seed"`` or ``"test"``, in the order of the files."""

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
