"""A teacher on this machine: any transformers causal language model, sampled in batches.

Without fine-tuning, a pretrained model continues the prompts for answers and new questions; prompts for rephrasings go
through its chat template where it has one. Fine-tuned on gold problems (:mod:`crossover.teachers.finetuning`), it is
asked in the form that it was trained in, without solved examples. Sources: arXiv 2409.19759, appendix (few-shot
prompts, sampling at temperature 0.7); arXiv 2310.01119 (fine-tuned teacher).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from crossover.errors import CrossoverError
from crossover.models.language_model import LanguageModel
from crossover.models.recipe import Recipe
from crossover.tasks.base import Problem, Task, answer_is_complete
from crossover.teachers.base import Kind, Request
from crossover.teachers.few_shot_prompts import prompt
from crossover.teachers.finetuning import Tuning, rephrase_prompt, weights
from crossover.teachers.sampled import SampledTeacher


@dataclass(frozen=True)
class LocalTeacher(SampledTeacher):
    """A transformers model as teacher and augmenter, loaded when its first reply is asked for.

    Its prompts show ``examples``. With ``gold`` problems of the task, and a ``recipe`` (the fields of
    :class:`crossover.models.recipe.Recipe` other than ``model``), it is fine-tuned first.
    """

    task: Task
    examples: Sequence[Problem]
    model: str
    temperature: float = 0.7
    max_new_tokens: int = 96
    gold: int = 0
    recipe: Mapping[str, object] = field(default_factory=dict)
    batch_size: int = 64
    device: str = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gold < 0:
            raise CrossoverError(
                f"gold is {self.gold}; give how many gold problems to fine-tune on, or 0 to prompt only."
            )
        if bool(self.gold) != bool(self.recipe):
            raise CrossoverError(
                f"gold is {self.gold} and recipe is {dict(self.recipe)}; give both to fine-tune the teacher, or"
                " neither."
            )

    @cached_property
    def tuning(self) -> Tuning | None:
        """How the model is fine-tuned; ``None`` where it is used as it comes."""
        return Tuning(self.task, self.gold, Recipe(self.model, **self.recipe)) if self.gold else None

    @cached_property
    def id(self) -> str:
        """Model, fine-tuning and sampling settings, as stored with each reply."""
        tuned = f", {self.tuning}" if self.tuning else ""
        sampling = f"temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens}"
        return f"local({self.model}@{weights(self.model)}, {sampling}{tuned})"

    @cached_property
    def language_model(self) -> LanguageModel:
        """The model and its tokenizer, loaded once per process."""
        return _load(self.model, self.tuning, self.device)

    def prompt(self, request: Request) -> str:
        """Return a few-shot prompt, or the prompt that the model was fine-tuned on."""
        if request.kind == "rephrase" and self._learnt("rephrase"):
            return rephrase_prompt(request.problem.question)
        text = prompt(request, self.task, [] if self.tuning and request.kind == "answer" else self.examples)
        if request.kind != "rephrase":
            return text
        tokenizer = self.language_model.tokenizer
        if tokenizer.chat_template is None:
            return f"{text}\n\nNew question:"
        turn = [{"role": "user", "content": text}]
        return tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)

    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """An answer ends with its final answer; a question with its line, where the model has not learnt its end."""
        if kind == "answer":
            return answer_is_complete(self.task, self.language_model.tokenizer.decode), self.max_new_tokens
        return (lambda tokens: False) if self._learnt(kind) else self._line_ended, self.max_new_tokens

    def draw_name(self, request: Request) -> str:
        """Name a draw by the problem, too: two seeds may ask the same."""
        return f"{self.id}/{request.kind}/{request.problem.id}/{request.problem.question}/{request.index}"

    def _learnt(self, kind: Kind) -> bool:
        return self.tuning is not None and kind in self.tuning.kinds

    def _line_ended(self, tokens: list[int]) -> bool:
        text = self.language_model.tokenizer.decode(tokens)
        return "\n" in text.lstrip() and bool(text.strip())


@functools.lru_cache(maxsize=2)
def _load(model: str, tuning: Tuning | None, device: str) -> LanguageModel:
    """Load a model once a process: the cells of a study share one teacher and one augmenter."""
    return LanguageModel.load(str(tuning.folder(device)) if tuning else model, device)
