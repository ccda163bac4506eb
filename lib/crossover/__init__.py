"""Crossover: the synthetic-data strategy that a query budget should buy.

What this module exports is the public interface; its names are stable. Each is loaded when it is first used, so that
``import crossover`` takes no time.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crossover.errors import CrossoverError as CrossoverError
    from crossover.stats.advice import advise as advise
    from crossover.stats.counts import example_counts as example_counts
    from crossover.stats.counts import read_counts as read_counts
    from crossover.stats.crossovers import find_crossovers as find_crossovers
    from crossover.stats.curves import fit_table as fit_table
    from crossover.stats.lead import compare as compare
    from crossover.stats.next_cells import next_cells as next_cells
    from crossover.strategies import load_strategy as load_strategy
    from crossover.study.run import run_cells as run_cells
    from crossover.tasks import load_task as load_task

#: The room of each public name.
_ROOMS = {
    "read_counts": "stats.counts",
    "example_counts": "stats.counts",
    "fit_table": "stats.curves",
    "find_crossovers": "stats.crossovers",
    "advise": "stats.advice",
    "compare": "stats.lead",
    "next_cells": "stats.next_cells",
    "load_task": "tasks",
    "load_strategy": "strategies",
    "run_cells": "study.run",
    "CrossoverError": "errors",
}
__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'crossover' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"crossover.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
