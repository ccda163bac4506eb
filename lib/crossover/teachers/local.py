"""Teachers on this machine: transformers causal language models, sampled in batches.

Without fine-tuning, a pretrained model continues the prompts for answers and new questions; prompts for rephrasings go
through its chat template where it has one. Fine-tuned on gold problems, one model learns three kinds of prompt at once:
answers, other words for a gold question (where the task is procedural: the oracle's), and a question after a few. Then
it is asked in the form that it was trained in. Sources: arXiv 2409.19759, appendix (few-shot prompts, temperature 0.7);
arXiv 2310.01119 (fine-tuned teacher).
"""

import functools
import hashlib
import json
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from crossover.data.pinned import cached
from crossover.digests import digest
from crossover.models.decoding import by_length, common, read_prompts, sampled, write
from crossover.models.language_model import LanguageModel, train
from crossover.models.recipe import Recipe
from crossover.models.weights import fingerprint
from crossover.tasks.base import Problem, ProceduralTask, Task, answer_is_complete
from crossover.teachers.base import EXAMPLES, Kind, Reply, Request, new_question_prompt, prompt
from crossover.teachers.oracle import Oracle

VERSION = 1  # raised when a change here changes what a fine-tuned teacher is

weights = functools.cache(fingerprint)  # a model's weights, too, are loaded once per process


class SampledTeacher(ABC):
    """A language model as teacher; a subclass says what is asked and where a reply ends."""

    temperature: float
    batch_size: int
    repeatable = False
    shares_prefix = False  # whether the tokens that all prompts of a batch begin with are computed once

    @property
    @abstractmethod
    def id(self) -> str:
        """Model and sampling settings."""

    @property
    @abstractmethod
    def language_model(self) -> LanguageModel:
        """The model and its tokenizer, loaded and fine-tuned when they are first asked for."""

    @abstractmethod
    def prompt(self, request: Request) -> str:
        """Return the text that a reply continues."""

    @abstractmethod
    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """Return the test of whether a reply has ended, and its most tokens."""

    def draw_name(self, request: Request) -> str:
        """Return the text that seeds a reply's random stream."""
        return f"{self.id}/{request.kind}/{request.problem.question}/{request.index}"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one sampled reply per request; a request's draws do not depend on which others came with it."""
        lm, replies = self.language_model, {}
        prompts = lm.tokenizer([self.prompt(r) for r in requests], add_special_tokens=False)["input_ids"]
        with tqdm(total=len(requests), desc="Asking the teacher", unit="reply", file=sys.stderr, leave=False) as bar:
            for kind in dict.fromkeys(request.kind for request in requests):
                numbers = [i for i, request in enumerate(requests) if request.kind == kind]
                ended, most = self.limits(kind)
                for batch in by_length([prompts[i] for i in numbers], self.batch_size):
                    rows = [numbers[i] for i in batch]
                    asked = [prompts[i] for i in rows]
                    pick = sampled(self.temperature, [self._seed(requests[i]) for i in rows])
                    prefix = read_prompts(lm, asked, common(asked) if self.shares_prefix else 0)
                    for i, text in zip(rows, write(lm, prefix, pick, ended, most), strict=True):
                        out = len(lm.tokenizer(text, add_special_tokens=False)["input_ids"])
                        text = text.rstrip() if kind == "answer" else text.strip() or None
                        replies[i] = Reply(text, len(prompts[i]), out)
                    bar.update(len(rows))
        return [replies[i] for i in range(len(requests))]

    def _seed(self, request: Request) -> int:
        return int.from_bytes(hashlib.sha256(self.draw_name(request).encode()).digest()[:7], "big")


def fine_tune(
    model: LanguageModel, pairs: Sequence[tuple[str, str]], recipe: Recipe, seed: int, said: str
) -> LanguageModel:
    """Return a model fine-tuned in place on (prompt, completion) pairs, with a bar that says on what."""
    label = f"Fine-tuning the teacher on {said}"
    with tqdm(total=recipe.steps(len(pairs)), desc=label, unit="step", file=sys.stderr, leave=False) as bar:
        train(model, pairs, recipe, seed, tick=bar.update)
    return model


def rephrase_prompt(question: str) -> str:
    """Return the prompt after which a fine-tuned teacher says a question in other words."""
    return f"Question: {question}\nThe same question in other words:"


def _others(problem: Problem, problems: Sequence[Problem]) -> list[str]:
    """Draw the questions that are shown before ``problem``'s own is to be written."""
    rng = random.Random(f"{problem.id}/{problem.question}")
    others = [p.question for p in problems if p is not problem]
    return rng.sample(others, min(rng.randint(1, EXAMPLES + 1), len(others)))


@dataclass(frozen=True)
class LocalTeacher(SampledTeacher):
    """A transformers model as teacher and augmenter, loaded when its first reply is asked for.

    Its prompts show ``examples``. With ``gold`` problems and a ``recipe`` (without ``model``), it is fine-tuned first.
    """

    task: Task
    examples: Sequence[Problem]
    model: str
    temperature: float = 0.7
    max_new_tokens: int = 96
    gold: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 64
    device: str = "cpu"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What fine-tuning trains: rephrasing only where the task gives gold rephrasings."""
        rephrase: tuple[Kind, ...] = ("rephrase",) if isinstance(self.task, ProceduralTask) else ()
        return ("answer", *rephrase, "new_question") if self.gold else ()

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The (prompt, completion) pairs, one per gold problem and kind; new questions follow other gold ones."""
        problems = self.task.gold(self.gold)
        pairs = [(self.task.prompt(problem.question), problem.answer) for problem in problems]
        if isinstance(self.task, ProceduralTask):
            replies = Oracle(self.task).reply([Request("rephrase", problem, 0) for problem in problems])
            pairs += [(rephrase_prompt(p.question), f" {r.text}") for p, r in zip(problems, replies, strict=True)]
        for problem in problems:
            pairs.append((new_question_prompt(_others(problem, problems)), f" {problem.question}"))
        return pairs

    @cached_property
    def digest(self) -> str:
        """A digest of all that tuned weights depend on: pretrained weights, training pairs, recipe."""
        return digest([VERSION, weights(self.model), self.pairs, self._recipe.as_dict()])

    @cached_property
    def id(self) -> str:
        tuned = f", {self._tuned}" if self.gold else ""
        sampling = f"temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens}"
        return f"local({self.model}@{weights(self.model)}, {sampling}{tuned})"

    @property
    def language_model(self) -> LanguageModel:
        return _load(str(self.folder()) if self.gold else self.model, self.device)

    def folder(self) -> Path:
        """Return the folder of the fine-tuned model, from the cache or, the first time, by training it."""
        return cached(f"teacher-{self.digest}", self._write, doing="fine-tuning")

    @property
    def _recipe(self) -> Recipe:
        return Recipe(self.model, **self.recipe)

    @property
    def _tuned(self) -> str:
        r = self._recipe
        return (
            f"gold={self.gold}, trained={'+'.join(self.kinds)}, trained_layers={r.trained_layers}, epochs={r.epochs},"
            f" min_steps={r.min_steps}, batch_size={r.batch_size}, learning_rate={r.learning_rate:g},"
            f" tuning={self.digest}"
        )

    def _write(self, folder: Path) -> None:
        pretrained = LanguageModel.load(self.model, self.device, self._recipe.student_layers)
        said = f"{self.gold} gold problems ({', '.join(self.kinds)})"
        tuned = fine_tune(pretrained, self.pairs, self._recipe, 0, said)
        tuned.model.save_pretrained(folder)
        tuned.tokenizer.save_pretrained(folder)
        told = {"teacher": self._tuned, "recipe": self._recipe.as_dict()}
        (folder / "teacher.json").write_text(json.dumps(told, indent=1))

    def prompt(self, request: Request) -> str:
        """Return a few-shot prompt, or the prompt that the model was fine-tuned on."""
        if request.kind == "rephrase" and "rephrase" in self.kinds:
            return rephrase_prompt(request.problem.question)
        text = prompt(request, self.task, [] if self.gold and request.kind == "answer" else self.examples)
        if request.kind != "rephrase":
            return text
        tokenizer = self.language_model.tokenizer
        if tokenizer.chat_template is None:
            return f"{text}\n\nNew question:"
        turn = [{"role": "user", "content": text}]
        return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))

    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """An answer ends with its final answer; a question with its line, where the model has not learnt its end."""
        if kind == "answer":
            return answer_is_complete(self.task, self.language_model.tokenizer.decode), self.max_new_tokens
        return (lambda tokens: False) if kind in self.kinds else self._line_ended, self.max_new_tokens

    def draw_name(self, request: Request) -> str:
        """Name a draw by the problem, too: two seeds may ask the same."""
        return f"{self.id}/{request.kind}/{request.problem.id}/{request.problem.question}/{request.index}"

    def _line_ended(self, tokens: list[int]) -> bool:
        text = self.language_model.tokenizer.decode(tokens)
        return "\n" in text.lstrip() and bool(text.strip())


@functools.lru_cache(maxsize=2)
def _load(model: str, device: str) -> LanguageModel:
    """A model, loaded once per process: the cells of a study share one teacher and one augmenter."""
    return LanguageModel.load(model, device)
