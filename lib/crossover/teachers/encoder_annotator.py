"""A teacher of the students' own family.

An encoder fine-tuned on the original examples, which can annotate and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.models.encoder import Encoder, train
from crossover.models.recipe import Recipe
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import ClassificationTask
from crossover.teachers.base import Reply, Request
from crossover.teachers.finetuning import weights


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
        """What it is trained on, (input, label)."""
        return tuple((problem.question, self.task.extract(problem.answer)) for problem in self.original)

    @cached_property
    def id(self) -> str:
        """Model and training, as stored with each reply."""
        training = digest([self.pairs, self.recipe.as_dict(), self.seed])
        model = self.recipe.model
        return f"labeller({model}@{weights(model)}, tuned on {len(self.pairs)}: {training})"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the most likely label of each input; tokens are those of the input, and one for the label.

        Raises
        ------
        CrossoverError
            Something else than an annotation is asked for.
        """
        if other := [request.kind for request in requests if request.kind != "annotate"]:
            raise CrossoverError(f"An encoder gives labels alone and cannot {other[0]}; use the teacher 'tuned'.")
        encoder = _trained(self.pairs, self.task.labels, self.recipe, self.seed, self.device)
        texts = [request.problem.question for request in requests]
        lengths = map(len, encoder.tokens(texts))
        return [Reply(label, length, 1) for label, length in zip(encoder.predict(texts), lengths, strict=True)]


@lru_cache(maxsize=1)
def _trained(
    pairs: tuple[tuple[str, str], ...], labels: tuple[str, ...], recipe: Recipe, seed: int, device: str
) -> Encoder:
    encoder = Encoder.load(recipe.model, labels, seed, device)
    train(encoder, pairs, recipe, seed)
    return encoder
