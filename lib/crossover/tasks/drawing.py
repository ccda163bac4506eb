"""What tasks share that draw their problems: streams, names, and sets in which no two problems are the same."""

from __future__ import annotations

import hashlib
import random
from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import ClassVar, TypeVar

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem
from crossover.tasks.problem_sets import Sets

T = TypeVar("T")


class Drawing(Sets):
    """The sets of a task whose :meth:`_drawn` gives one problem of the training or the test side."""

    #: Draws without success after which a task is taken to have no more.
    tries: ClassVar[int] = 10_000

    @abstractmethod
    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        """One problem of a side."""

    @abstractmethod
    def _stream(self, side: str, replicate: int) -> str:
        """A text that names the stream that a set is drawn from; its generator is seeded by it."""

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        """What no two problems of a set may share."""
        return problem.question

    def sample(self, rng: random.Random) -> Problem:
        """Draw a problem from the whole training side."""
        return self._drawn(rng, test=False)

    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        if n < 0:
            raise CrossoverError(f"{self.name}: {n} problems were asked for; ask for 0 or more.")
        # random.Random hashes a text with SHA-512, so the stream is the same in every process.
        rng, found, misses = random.Random(self._stream(side, replicate)), {}, 0
        while len(found) < n:
            problem = self._drawn(rng, test=side == "test")
            key = self._alike(problem, side == "test")
            misses = misses + 1 if key in found else 0
            if misses > self.tries:
                raise CrossoverError(f"{self.name}: only {len(found)} distinct problems of {n}; ask for fewer.")
            found.setdefault(key, problem)
        return list(found.values())

    def _first(self, make: Callable[[random.Random], T | None], rng: random.Random, what: str) -> T:
        """The first structure that ``make`` gives."""
        for _ in range(self.tries):
            if (made := make(rng)) is not None:
                return made
        raise CrossoverError(f"{self.name}: no values give {what}; draw another problem instead.")


def text_id(prefix: str, text: str) -> str:
    """Return a name that a text has in every process."""
    return f"{prefix}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"
