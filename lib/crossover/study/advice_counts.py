"""The rows and counts that advice from this project's own results rests on, the confirmation study's where whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from crossover.errors import CrossoverError
from crossover.params.budget_ratio import Ablations
from crossover.params.profiles import resolve
from crossover.paths import CONFIRMATION, PUBLISHED, results_folder
from crossover.stats.counts import COLUMNS, validate_counts
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.stats.verdicts import LEVEL
from crossover.study.confirmation import confirmed, whole
from crossover.study.grids import ablations
from crossover.study.paired import outcome_table
from crossover.study.select import Outcome
from crossover.study.store import read_runs

#: What differs between the cells of one grid.
AXES = ("strategy", "seed_size", "budget", "replicate", "n_test")
#: What a student of the seeds alone has none of.
BOUGHT = ("teacher", "teacher_settings", "augmenter_settings", "verify")


def common(settings: str, without: Sequence[str] = AXES) -> str:
    """Return a cell's settings, as stored, without what differs between the cells of one grid."""
    return json.dumps({k: v for k, v in json.loads(settings).items() if k not in without}, sort_keys=True)


def counts(folder: Path, outcome: Outcome = "correct", alone: bool = False) -> pd.DataFrame:
    """Return the checked counts, or scores of another ``outcome``, that advice rests on: each task's largest grid.

    A strategy that was not run at all of a grid's seed-set sizes is left out: advice would extrapolate it at most.
    ``alone`` adds the students of the seeds alone, with budget 0, where the grid has them.
    Of the published results, tasks are the confirmation study's that it has.
    """
    runs = read_runs(folder, "budget_ratio")
    if not len(runs):
        raise CrossoverError(
            f"{folder}: no budget-ratio results yet; run `make reproduce PROFILE={folder.name}`, or use --from"
        )
    if folder.resolve() == results_folder(PUBLISHED).resolve() and outcome == "correct":
        fresh = pd.concat([confirmed("03_budget_ratio"), *_other_tasks()])
        runs = pd.concat([runs[~runs["task"].isin(fresh["task"])], fresh])
    bare = runs["settings"].map(partial(common, without=(*AXES, *BOUGHT)))
    runs = runs.assign(grid=runs["settings"].map(common), bare=bare, task=runs["task"].astype(str))
    parts = []
    for _, rows in runs.groupby("task", sort=True):
        bought = rows[rows["budget"] > 0]
        grid = bought[bought["grid"] == bought["grid"].value_counts(sort=True).index[0]]
        if alone:
            grid = pd.concat([grid, rows[(rows["budget"] == 0) & (rows["bare"] == grid["bare"].iloc[0])]])
        sizes = grid.groupby("strategy")["seed_size"].nunique()
        parts.append(grid[grid["strategy"].isin(sizes[sizes == grid["seed_size"].nunique()].index)])
    table = pd.concat(parts, ignore_index=True)
    table = table[COLUMNS] if outcome == "correct" else outcome_table(table, folder, outcome)[0]
    return validate_counts(table, where=str(folder / "runs.csv"))


def fitted(table: pd.DataFrame) -> Fits:
    """Fit the curves that advice and rounds of a pilot rest on: enough draws for advice, quickly."""
    return fit_table(table, LEVEL, draws=500)


def _other_tasks() -> Iterator[pd.DataFrame]:
    """The confirmation study's rows of the tasks that the chapter on ablations adds."""
    planned = resolve("04_ablations", CONFIRMATION, {})
    assert isinstance(planned, Ablations)
    return (whole(ablations.grids(planned)[task]) for task in planned.other_tasks)


def crossovers_by_likelihood(runs: pd.DataFrame, folder: Path) -> list[Crossover]:
    """Return a grid's crossovers by the gold answer's log-likelihood; raises :class:`MissingRows` without it."""
    scores = outcome_table(runs[runs["budget"] > 0], folder, "gold_loglik")[0]
    return find_crossovers(fitted(scores), checks=False)
