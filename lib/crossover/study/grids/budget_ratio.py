"""The grid of the chapter on the budget ratio: strategy, seed-set size, budget, replicate."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from crossover.models.recipe import Recipe
from crossover.params.budget_ratio import BudgetRatio, RecipePilot
from crossover.study.cell import QueryCell

BASE = "base"  #: The name of the recipe that a pilot's changes depart from.

#: How a local teacher is fine-tuned on gold problems.
GOLD_RECIPE = {"trained_layers": 15, "epochs": 3, "learning_rate": 2e-4, "min_steps": 16, "batch_size": 8}


def cells(p: BudgetRatio) -> list[QueryCell]:
    """Return the grid in the order of :func:`in_order`."""
    return in_order(grid(p))


def in_order(grid: Iterable[QueryCell]) -> list[QueryCell]:
    """Return cells in running order: small seed sets first, whole replicates, the longest cells of one first."""
    return sorted(grid, key=lambda cell: (cell.seed_size, cell.replicate, -cell.budget))


def grid(p: BudgetRatio, **changes: object) -> list[QueryCell]:
    """Return the cells of these parameters with some of them changed; ``changes`` are not checked again."""
    p = p.model_copy(update=changes)
    own = {"steps": 1, "distractors": 0} if p.task == "math_words" else {}  # part of the published keys
    shared: dict[str, Any] = {
        "version": 2,
        "task": p.task,
        "task_settings": {**own, **p.task_options},
        "n_test": p.n_test,
        "skip_test": p.skip_test,
        "scoring": p.scoring,
        "max_new_tokens": p.max_new_tokens,
        "recipe": recipe(p),
    }
    bought: dict[str, Any] = {
        "teacher": p.teacher,
        "teacher_settings": _teacher_settings(p, p.teacher_gold),
        "augmenter_settings": {} if p.augmenter_gold == p.teacher_gold else _teacher_settings(p, p.augmenter_gold),
        "connection": p.pick(*p.connection),
        "spending": p.pick(*p.spending),
        "verify": p.verify,
    }
    return [
        QueryCell(
            **shared, **({"teacher": "none"} if strategy == "seeds_only" else bought), strategy=strategy,
            seed_size=seed_size, budget=budget, replicate=p.first_replicate + replicate, student_seed=student,
        )
        for seed_size in p.seed_sizes
        for replicate in range(p.size_replicates.get(seed_size, p.replicates))
        for strategy in p.strategies
        for budget in ([0] if strategy == "seeds_only" else p.budget_list(seed_size))
        for student in range(p.students)
    ]  # fmt: skip


def recipe(p: BudgetRatio) -> dict[str, object]:
    """Return the recipe of the students."""
    return Recipe(p.student, **p.pick(*(f.name for f in fields(Recipe) if f.name != "model"))).settings


def _teacher_settings(p: BudgetRatio, gold: int) -> dict[str, object]:
    if p.teacher == "oracle":
        return p.pick("answer_error", "rephrase_drift", "invalid_rate", "coverage")
    settings: dict[str, object] = {"model": p.teacher_model, "temperature": p.temperature}
    if p.teacher == "local" and gold:
        settings |= {"gold": gold, "recipe": GOLD_RECIPE}
    return settings


def recipe_cells(p: RecipePilot) -> list[QueryCell]:
    """Return the cells of every recipe, replicate by replicate."""
    return in_order(cell for part in recipes(p).values() for cell in part)


def recipes(p: RecipePilot) -> dict[str, list[QueryCell]]:
    """Return the cells of each recipe, by its name: ``"base"`` or what it changes."""
    changes = [change for tried in p.factors.values() for change in tried]
    return {BASE: grid(p)} | {recipe_name(change): grid(p, **change) for change in changes}


def recipe_name(change: Mapping[str, object]) -> str:
    """Return how a change of the recipe is written, as ``updates=steps, max_steps=48``."""
    return ", ".join(f"{key}={value}" for key, value in change.items())
