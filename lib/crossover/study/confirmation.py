"""The confirmation study's rows, which stand for the published study's wherever a grid is whole."""

import pandas as pd

from crossover.params.profiles import resolve
from crossover.paths import CONFIRMATION, results_folder
from crossover.study.grids import cells_of
from crossover.study.store import read_runs


def confirmed() -> pd.DataFrame:
    """Return the confirmation study's rows of the budget-ratio grid, its seeds-only students included.

    A seed-set size counts when all its planned students are trained, so that nothing is looked at again with each new
    row.
    """
    planned: dict[int, set[str]] = {}
    for cell in cells_of(resolve("03_budget_ratio", CONFIRMATION, {})):
        planned.setdefault(cell.seed_size, set()).add(cell.key)
    rows = read_runs(results_folder(CONFIRMATION))
    done = set(rows["key"])
    return rows[rows["key"].isin(set().union(*(keys for keys in planned.values() if keys <= done)))]
