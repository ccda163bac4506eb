"""What an experiment is: how the data of its cells are made, and how their students are trained and scored."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from crossover.evaluation.answers import Outcome
from crossover.models.language_model import LanguageModel, train
from crossover.models.recipe import Recipe
from crossover.models.training import Trained
from crossover.study.cell import Cell, Evaluation, TrainingData
from crossover.study.store import Store
from crossover.tasks.base import Problem, Task

C_contra = TypeVar("C_contra", bound=Cell, contravariant=True)


class Experiment(Protocol[C_contra]):
    """One experiment; it has no state, so that workers can be sent its methods."""

    def check(self, cells: Sequence[C_contra]) -> None:
        """Refuse cells that ask for more items than their tasks have, before anything is bought or trained."""

    def make_data(self, cell: C_contra, store: Store, device: str) -> TrainingData:
        """Return what a cell's student is trained on; every teacher call is kept in the store."""

    def train_and_score(self, cell: C_contra, pairs: Sequence[tuple[str, str]], device: str) -> Evaluation:
        """Train a student on (prompt, completion) pairs and score it on the cell's test items."""

    def metric(self, cell: C_contra) -> str:
        """Return what a row's ``n_correct`` counts, in words."""


def test_items(cell: Cell, task: Task) -> list[Problem]:
    """Return the items that a cell's student is scored on."""
    return task.test(cell.skip_test + cell.n_test)[cell.skip_test :]


def training_seed(cell: Cell) -> int:
    """Return the seed of a cell's student."""
    return int(cell.key[:8], 16)


def train_causal(
    cell: Cell, pairs: Sequence[tuple[str, str]], device: str
) -> tuple[LanguageModel, Callable[[], Trained]]:
    """Return a causal student and the call that trains it; without any pair the student stays as it was."""
    recipe = Recipe(**cell.recipe)
    student = LanguageModel.load(recipe.model, device, recipe.student_layers)
    return student, lambda: train(student, pairs, recipe, training_seed(cell)) if pairs else Trained(0, 0, math.nan)


def timed(train: Callable[[], Trained], score: Callable[[], list[Outcome]]) -> Evaluation:
    """Train, score, and note how long both took."""
    start = time.perf_counter()
    trained = train()
    between = time.perf_counter()
    outcomes = score()
    end = time.perf_counter()
    return Evaluation(outcomes, trained.tokens, trained.loss, between - start, end - between)
