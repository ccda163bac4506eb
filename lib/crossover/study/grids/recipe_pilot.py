"""The grid of the recipe pilot: the base recipe, and every change of it."""

from __future__ import annotations

from crossover.params.recipe_pilot import RecipePilot
from crossover.study.cell import QueryCell
from crossover.study.grids.budget_ratio import grid, in_order

BASE = "base"


def cells(p: RecipePilot) -> list[QueryCell]:
    """Return the cells of every recipe, replicate by replicate."""
    return in_order(cell for part in grids(p).values() for cell in part)


def grids(p: RecipePilot) -> dict[str, list[QueryCell]]:
    """Return the cells of each recipe, by its name: ``"base"`` or what it changes."""
    changes = [change for tried in p.factors.values() for change in tried]
    return {BASE: grid(p)} | {name(change): grid(p, **change) for change in changes}


def name(change: dict[str, object]) -> str:
    """Return how a change of the recipe is written.

    >>> name({"updates": "steps", "max_steps": 48})
    'updates=steps, max_steps=48'
    """
    return ", ".join(f"{key}={value}" for key, value in change.items())
