"""What a task is: problems, a prompt, an answer format, a score; a procedural task makes its own problems."""

import importlib.resources
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
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

    ``structure`` is the plan behind a procedural problem; ``references`` are texts that answer it.
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


def packaged(package: str, name: str) -> dict[str, Any]:
    """Read a YAML file of a package of the library."""
    text = importlib.resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def answer_is_complete(task: Task, decode: Callable[[list[int]], str]) -> Callable[[list[int]], bool]:
    """Return a test of the tokens written so far: a line has ended, and a final answer can be read before its end."""
    return lambda tokens: "\n" in decode(tokens[-1:]) and task.extract(decode(tokens[:-1])) is not None


# --- final answers ----------------------------------------------------------------------------------------------------

_FINAL = re.compile(r"####\s*([-+−]?)\s*\$?\s*([-+]?)((?:\d[\d,]*)(?:\.\d+)?|\.\d+)")


def final_number(completion: str) -> str | None:
    r"""Return the number after the first ``####`` without commas, money signs and zeros at its end, or ``None``.

    >>> final_number(" 3 + 4 = 7\n#### 1,007.0"), final_number("#### -$3.50"), final_number("7")
    ('1007', '-3.5', None)
    """
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
