"""Fine-tuning a local teacher on gold problems: the prompts that it learns, its training pairs, its cached weights.

A fine-tuned teacher is asked as it was trained. One model learns three kinds of prompt at once: a gold question and its
answer; a gold question and other words for it; a few gold questions and one more. Only a procedural task has gold
rephrasings, the oracle's own: for any other task, answers and new questions are all that is trained, and the teacher
rephrases as it would without fine-tuning. A fine-tuned augmenter has seen more than the seeds: the gold questions are a
source of its new ones. Source: arXiv 2310.01119 (a teacher fine-tuned on few examples).
"""

from __future__ import annotations

import functools
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from crossover.data.pinned import cached
from crossover.digests import digest
from crossover.models.language_model import LanguageModel, train
from crossover.models.recipe import Recipe
from crossover.models.weights import fingerprint
from crossover.tasks.base import Problem, ProceduralTask, Task
from crossover.teachers.base import Kind, Request
from crossover.teachers.few_shot_prompts import EXAMPLES, new_question_prompt
from crossover.teachers.oracle import Oracle

VERSION = 1  # raised when a change here changes what a fine-tuned teacher is


@functools.cache
def weights(model: str) -> str:
    """Return a model's fingerprint, computed once a process: its weights, too, are loaded once."""
    return fingerprint(model)


def rephrase_prompt(question: str) -> str:
    """Return the prompt after which a fine-tuned teacher says a question in other words.

    >>> rephrase_prompt("How many?")
    'Question: How many?\\nThe same question in other words:'
    """
    return f"Question: {question}\nThe same question in other words:"


@dataclass(frozen=True)
class Tuning:
    """A fine-tuning of one model on one task's gold problems."""

    task: Task
    gold: int
    recipe: Recipe

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is trained: rephrasing only where the task gives gold rephrasings."""
        return (
            ("answer", "rephrase", "new_question")
            if isinstance(self.task, ProceduralTask)
            else ("answer", "new_question")
        )

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The (prompt, completion) pairs, one a gold problem and kind.

        The questions shown before a new one are other gold questions, one to as many as a teacher will be shown.
        """
        problems = self.task.gold(self.gold)
        pairs = [(self.task.prompt(problem.question), problem.answer) for problem in problems]
        if "rephrase" in self.kinds:
            replies = Oracle(self.task).reply([Request("rephrase", problem, 0) for problem in problems])
            pairs += [(rephrase_prompt(p.question), f" {r.text}") for p, r in zip(problems, replies, strict=True)]
        for problem in problems:
            pairs.append((new_question_prompt(_others(problem, problems)), f" {problem.question}"))
        return pairs

    @cached_property
    def digest(self) -> str:
        """A digest of all that the weights depend on: pretrained weights, training pairs, recipe."""
        return digest([VERSION, weights(self.recipe.model), self.pairs, self.recipe.as_dict()])

    def __str__(self) -> str:
        r = self.recipe
        return (
            f"gold={self.gold}, trained={'+'.join(self.kinds)}, trained_layers={r.trained_layers}, epochs={r.epochs},"
            f" min_steps={r.min_steps}, batch_size={r.batch_size}, learning_rate={r.learning_rate:g},"
            f" tuning={self.digest}"
        )

    def folder(self, device: str = "cpu") -> Path:
        """Return the folder of the fine-tuned model, from the model cache or, the first time, by training it."""
        return cached(f"teacher-{self.digest}", lambda folder: self._write(folder, device), doing="fine-tuning")

    def _write(self, folder: Path, device: str) -> None:
        student = LanguageModel.load(self.recipe.model, device, self.recipe.student_layers)
        label = f"Fine-tuning the teacher on {self.gold} gold problems ({', '.join(self.kinds)})"
        with tqdm(
            total=self.recipe.steps(len(self.pairs)), desc=label, unit="step", file=sys.stderr, leave=False
        ) as bar:
            train(student, self.pairs, self.recipe, seed=0, tick=bar.update)
        student.model.save_pretrained(folder)
        student.tokenizer.save_pretrained(folder)
        (folder / "teacher.json").write_text(
            json.dumps({"teacher": str(self), "recipe": self.recipe.as_dict()}, indent=1)
        )


def _others(problem: Problem, problems: Sequence[Problem]) -> list[str]:
    """Draw the questions that are shown before ``problem``'s own is to be written."""
    rng = random.Random(f"{problem.id}/{problem.question}")
    others = [p.question for p in problems if p is not problem]
    return rng.sample(others, min(rng.randint(1, EXAMPLES + 1), len(others)))
