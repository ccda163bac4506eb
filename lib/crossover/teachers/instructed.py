"""Teachers that are told a task: a language model, prompted or fine-tuned on the original examples, and an encoder.

Prompts are in the style of Super-NaturalInstructions; fine-tuning makes each original example a prompt to annotate and
one to generate. Source: arXiv 2310.01119, section 3 (its teacher is tuned on all tasks together).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.models import encoder
from crossover.models.language_model import LanguageModel
from crossover.models.recipe import Recipe
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import ClassificationTask, Instructed
from crossover.teachers.base import Kind, Reply, Request
from crossover.teachers.local import SampledTeacher, fine_tune, weights

VERSION = 1  # raised when a change here changes what a fine-tuned teacher is


@dataclass(frozen=True)
class InstructedTeacher(SampledTeacher):
    """A causal language model as annotator and generator, loaded and tuned when its first reply is asked for.

    With a ``recipe``, the ``original`` examples and ``others``, pairs of other tasks, fine-tune it; ``layers`` keeps
    the model's lowest ones, 0 all. arXiv 2310.01119 samples annotations at 0.1 and generations at 0.8.
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

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What the teacher is fine-tuned on: the originals as annotations, then as generations, then ``others``."""
        ask = self.task.instruction
        annotations = ((ask.annotate(p.question), p.answer) for p in self.original)
        generations = ((ask.generate(self._class(p)), self.task.as_example(p)) for p in self.original)
        return (*annotations, *generations, *self.others)

    @cached_property
    def id(self) -> str:
        cut = f", layers={self.layers}" if self.layers else ""
        training = digest([VERSION, self.pairs, self.recipe.as_dict(), self.seed]) if self.recipe else ""
        tuned = f", tuned on {len(self.pairs) // 2}: {training}" if training else ""
        return f"instructed({self.model}@{weights(self.model)}{cut}, temperature={self.temperature:g}{tuned})"

    @property
    def language_model(self) -> LanguageModel:
        return _load(self.model, self.layers, self.pairs, self.recipe, self.seed, self.device)

    def prompt(self, request: Request) -> str:
        """Return the task's instruction with the input to annotate, or with the class to generate an example of."""
        ask, text = self.task.instruction, request.problem.question
        return ask.annotate(text) if request.kind == "annotate" else ask.generate(text or None)

    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """A reply ends after its last line: one of an annotation, one per field of an example."""
        writes_output = kind == "annotate" or not isinstance(self.task, ClassificationTask)
        lines = int(writes_output) + (0 if kind == "annotate" else max(1, len(self.task.fields)))
        most = (0 if kind == "annotate" else self.task.input_tokens) + writes_output * self.task.output_tokens
        tokenizer = self.language_model.tokenizer
        return (lambda tokens: tokenizer.decode(tokens).lstrip().count("\n") >= lines), most

    def _class(self, problem: Problem) -> str | None:
        return self.task.extract(problem.answer) if isinstance(self.task, ClassificationTask) else None


@lru_cache(maxsize=2)
def _load(
    model: str, layers: int, pairs: tuple[tuple[str, str], ...], recipe: Recipe | None, seed: int, device: str
) -> LanguageModel:
    """A model loaded and fine-tuned once per process; on disk every replicate, task and size would leave one."""
    loaded = LanguageModel.load(model, device, layers)
    return fine_tune(loaded, pairs, recipe, seed, f"{len(pairs) // 2} examples") if recipe else loaded


@dataclass(frozen=True)
class Labeller:
    """An encoder as annotator, trained on the ``original`` examples when its first reply is asked for."""

    task: ClassificationTask
    original: Sequence[Problem]
    recipe: Recipe
    seed: int = 0
    device: str = "cpu"
    repeatable = False

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((problem.question, self.task.extract(problem.answer) or "") for problem in self.original)

    @cached_property
    def id(self) -> str:
        training = digest([self.pairs, self.recipe.as_dict(), self.seed])
        model = self.recipe.model
        return f"labeller({model}@{weights(model)}, tuned on {len(self.pairs)}: {training})"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the most likely label of each input; tokens are those of the input, and one for the label."""
        if other := [request.kind for request in requests if request.kind != "annotate"]:
            raise CrossoverError(f"An encoder gives labels alone and cannot {other[0]}; use the teacher 'tuned'.")
        trained = _trained(self.pairs, self.task.labels, self.recipe, self.seed, self.device)
        texts = [request.problem.question for request in requests]
        lengths = map(len, trained.tokens(texts))
        return [Reply(label, length, 1) for label, length in zip(trained.predict(texts), lengths, strict=True)]


@lru_cache(maxsize=1)
def _trained(
    pairs: tuple[tuple[str, str], ...], labels: tuple[str, ...], recipe: Recipe, seed: int, device: str
) -> encoder.Encoder:
    loaded = encoder.Encoder.load(recipe.model, labels, seed, device)
    encoder.train(loaded, pairs, recipe, seed)
    return loaded
