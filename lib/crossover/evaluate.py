"""Greedy answers to test questions, in batches, and which of them are right.

Sampling of any kind would add noise to every point of a curve, so students answer greedily (temperature 0), as in arXiv
2409.19759, section 4. The outcome of each item is kept: two students that answered the same items are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossover.decoding import by_length, decode, greedy
from crossover.students.causal import Student
from crossover.tasks.base import Problem, Task


@dataclass(frozen=True)
class Outcome:
    """One test item: its id, the final answer that was read (or ``None``), and whether it is right."""

    item: str
    extracted: str | None
    correct: bool


def evaluate(
    student: Student, task: Task, problems: Sequence[Problem], max_new_tokens: int, batch_size: int = 256
) -> list[Outcome]:
    """Answer every problem greedily and score it; the order of ``problems`` is kept."""
    prompts = student.tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    ended = answered(student.tokenizer, task)
    completions: dict[int, str] = {}
    for rows in by_length(prompts, batch_size):
        texts = decode(student, [prompts[i] for i in rows], greedy, ended, max_new_tokens)
        completions.update(zip(rows, texts, strict=True))
    return [
        Outcome(p.id, task.extract(completions[i]), task.correct(completions[i], p)) for i, p in enumerate(problems)
    ]


def answered(tokenizer, task: Task) -> Callable[[list[int]], bool]:
    """Return a test of whether an answer has ended: a line ended, and a final answer can be read before its end."""

    def ended(tokens: list[int]) -> bool:
        return "\n" in tokenizer.decode(tokens[-1:]) and task.extract(tokenizer.decode(tokens[:-1])) is not None

    return ended
