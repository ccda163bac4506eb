"""A teacher that is told a task: prompted with the instruction alone, or fine-tuned on the original examples first.

It annotates an input, or generates an example. Both are asked in the style of Super-NaturalInstructions, and a
fine-tuned teacher is trained on both at once, each original example as one prompt of either kind; Adam with a cosine
schedule, every weight or the upper layers. Source: arXiv 2310.01119, section 3 (its teacher is tuned on all tasks
together, ours on one).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tqdm import tqdm

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.models.language_model import LanguageModel, train
from crossover.models.recipe import Recipe
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import ClassificationTask, Instructed
from crossover.teachers.base import Kind, Request
from crossover.teachers.finetuning import weights
from crossover.teachers.sampled import SampledTeacher

VERSION = 1  # raised when a change here changes what a fine-tuned teacher is


@dataclass(frozen=True)
class InstructedTeacher(SampledTeacher):
    """A causal language model as annotator and generator, loaded and tuned when its first reply is asked for.

    The ``original`` examples, with a ``recipe``, fine-tune it, and so do ``others``, prompts and completions of other
    tasks. ``layers`` keeps the model's lowest ones, 0 all. arXiv 2310.01119 samples annotations at 0.1 and generations
    at 0.8.
    """

    task: Instructed
    model: str
    temperature: float
    layers: int = 0
    original: Sequence[Problem] = ()
    others: tuple[tuple[str, str], ...] = ()
    recipe: Recipe | None = None
    seed: int = 0
    device: str = "cpu"
    batch_size: int = 32
    shares_prefix = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.original or self.others) != (self.recipe is not None):
            raise CrossoverError(
                f"A teacher has {len(self.original)} original examples and the recipe {self.recipe}; give both to "
                "fine-tune it, or neither to prompt it."
            )

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What the teacher is fine-tuned on, (prompt, completion).

        The originals as annotations, then as generations.
        """
        ask = self.task.instruction
        annotations = ((ask.annotate(p.question), p.answer) for p in self.original)
        generations = ((ask.generate(self._class(p)), self.task.as_example(p)) for p in self.original)
        return (*annotations, *generations, *self.others)

    @cached_property
    def id(self) -> str:
        """Model, fine-tuning and temperature, as stored with each reply."""
        cut = f", layers={self.layers}" if self.layers else ""
        tuned = f", tuned on {len(self.pairs) // 2}: {self._digest()}" if self.recipe else ""
        return f"instructed({self.model}@{weights(self.model)}{cut}, temperature={self.temperature:g}{tuned})"

    @property
    def language_model(self) -> LanguageModel:
        """The model and its tokenizer, fine-tuned if it is to be."""
        return _load(self.model, self.layers, self.pairs, self.recipe, self.seed, self.device)

    def prompt(self, request: Request) -> str:
        """Return the task's instruction with the input to annotate, or with the class to generate an example of."""
        ask, text = self.task.instruction, request.problem.question
        return ask.annotate(text) if request.kind == "annotate" else ask.generate(text or None)

    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """A reply ends after its last line: one of an annotation, one per field of an example."""
        lines = (
            1 if kind == "annotate" else max(1, len(self.task.fields)) + (not isinstance(self.task, ClassificationTask))
        )
        most = 0 if kind == "annotate" else self.task.input_tokens
        if kind == "annotate" or not isinstance(self.task, ClassificationTask):
            most += self.task.output_tokens
        tokenizer = self.language_model.tokenizer
        return (lambda tokens: tokenizer.decode(tokens).lstrip().count("\n") >= lines), most

    def _class(self, problem: Problem) -> str | None:
        return self.task.extract(problem.answer) if isinstance(self.task, ClassificationTask) else None

    def _digest(self) -> str:
        return digest([VERSION, self.pairs, self.recipe.as_dict(), self.seed])


@lru_cache(maxsize=2)
def _load(
    model: str, layers: int, pairs: tuple[tuple[str, str], ...], recipe: Recipe | None, seed: int, device: str
) -> LanguageModel:
    """Load and fine-tune a model once per process: the cells of one replicate share a teacher.

    It is not kept on disk, where every replicate, task and size would leave a model; its replies are.
    """
    student = LanguageModel.load(model, device, layers)
    if recipe:
        label = f"Fine-tuning the teacher on {len(pairs) // 2} examples"
        with tqdm(total=recipe.steps(len(pairs)), desc=label, unit="step", file=sys.stderr, leave=False) as bar:
            train(student, pairs, recipe, seed, tick=bar.update)
    return student
