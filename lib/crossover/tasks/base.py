"""What a task is: problems, a prompt, an answer format, a score; and what a procedural task adds.

A procedural task knows how its problems are made, which is what lets the oracle teacher answer, rephrase and invent
with a set error rate.
"""

import importlib.resources
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import yaml

from crossover.errors import CrossoverError
from crossover.normal_text import words

#: Which draw of seeds, replies and test problems the procedural tasks make. The first was looked at while the training
#: recipe was chosen; raising the number gives problems that nobody has seen.
DRAW = 2


@dataclass(frozen=True)
class Problem:
    """A question with a completion that is right; ids (``"seed-3-00017"``) are unique within a task.

    ``structure`` is the plan behind a procedural problem; ``references`` are texts that answer it, ``answer`` the
    first.
    """

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
class ChoiceTask(Task, Protocol):
    """A task whose questions list their possible answers, so that a student can be scored without writing one."""

    def completions(self, question: str) -> list[tuple[str, str]]:
        """Return each choice as its final answer and the completion to score; empty where a text lists none."""


@runtime_checkable
class GuardedTask(Task, Protocol):
    """A task of which generated questions near a test question are dropped before they are trained on."""

    drops_near_test: bool

    def near_test(self, questions: Sequence[str]) -> list[bool]:
        """Whether each question is nearly a test question."""


@runtime_checkable
class ProceduralTask(Task, Protocol):
    """A task that makes its own problems, so that truth is known at every step; all randomness comes from ``rng``."""

    def sample(self, rng: random.Random) -> Problem:
        """Draw a fresh problem from the whole task distribution, never one of the test set's."""

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a new problem near ``problem``: same scenario and plan, other quantities and names."""

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same problem in other words: equal structure, equal final answer, usually another text."""

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording that has lost the meaning, with structure and answer of the text as it now reads."""

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question that cannot be answered: ``structure`` is ``None``, ``answer`` a confident guess."""

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write a right completion, in one of many wordings."""

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write a plausible, well-formed completion with a mistake in it."""


def seeds_apart(task: Task, n: int, replicate: int, gold: Sequence[Problem]) -> list[Problem]:
    """Return ``n`` seeds of a replicate, gold problems' questions passed over, whatever their case and punctuation.

    Ids stay, and a smaller set is a prefix of a larger.
    """
    held = {tuple(words(problem.question)) for problem in gold}
    seeds, drawn = task.seeds(n, replicate), n
    while len(apart := [seed for seed in seeds if tuple(words(seed.question)) not in held]) < n:
        drawn += n - len(apart)
        try:
            seeds = task.seeds(drawn, replicate)
        except CrossoverError as problem:
            raise CrossoverError(
                f"{task.name} has too few problems for {n} seeds beside {len(gold)} gold ones; lower either. {problem}"
            ) from None
    return apart


def packaged(package: str, name: str) -> dict[str, Any]:
    """Read a YAML file of a package of the library."""
    text = importlib.resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def answer_is_complete(task: Task, decode: Callable[[list[int]], str]) -> Callable[[list[int]], bool]:
    """Return a test of the tokens written so far: a line has ended, and a final answer can be read before its end."""
    return lambda tokens: "\n" in decode(tokens[-1:]) and task.extract(decode(tokens[:-1])) is not None
