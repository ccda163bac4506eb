"""What published pages show of the confirmation study while its students are trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from crossover.params.fields import TrainingParameters
from crossover.params.profiles import resolve
from crossover.paths import CONFIRMATION, PUBLISHED, results_folder
from crossover.study.cell import Cell, QueryCell
from crossover.study.grids import cells_of
from crossover.study.store import read_runs

MIN_REPLICATES = 2

P = TypeVar("P", bound=TrainingParameters)


def confirmed(notebook: str) -> pd.DataFrame:
    """Return the confirmation study's rows of a notebook's grid that count, see :func:`whole`."""
    return whole(cells_of(resolve(notebook, CONFIRMATION, {})))


def whole(cells: Sequence[Cell], every: bool = False) -> pd.DataFrame:
    """Return the rows of the confirmation study's cells that count; with ``every``, none unless all sizes do.

    Students of a seed-set size and recipe, or of a mixture of questions, count by whole replicates, so that no half of
    one favours a strategy, and from two on (as many as are planned): one says nothing of how replicates spread.
    """
    planned: dict[object, dict[int, set[str]]] = {}
    for cell in cells:
        planned.setdefault(_together(cell), {}).setdefault(cell.replicate, set()).add(cell.key)
    rows = read_runs(results_folder(CONFIRMATION))
    done, count = set(rows["key"]), set[str]()
    for replicates in planned.values():
        finished = [keys for keys in replicates.values() if keys <= done]
        if len(finished) >= min(MIN_REPLICATES, len(replicates)):
            count.update(*finished)
        elif every:
            return rows.iloc[:0]
    return rows[rows["key"].isin(count)]


def _together(cell: Cell) -> object:
    """Name the cells of the grid that are shown together or not at all."""
    if isinstance(cell, QueryCell):
        return cell.seed_size, repr(cell.recipe)
    return replace(cell, replicate=0).key


def shown(notebook: str, parameters: P, runs: pd.DataFrame) -> tuple[P, pd.DataFrame, Path]:
    """Return the parameters, rows and results folder of what a chapter shows: of its own run, ``runs``, or confirmed.

    The published chapter shows the confirmation study; what is made from its rows goes to the published results.
    """
    if parameters.confirmed and parameters.results == PUBLISHED and len(fresh := confirmed(notebook)):
        planned = resolve(notebook, CONFIRMATION, {"results": PUBLISHED})
        assert isinstance(planned, type(parameters))
        return planned, fresh, results_folder(CONFIRMATION)
    return parameters, runs, results_folder(parameters.results)
