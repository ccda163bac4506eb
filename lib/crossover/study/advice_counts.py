"""The counts that advice from this project's own results rests on, by task.

``crossover advise`` and the page that advises read one table, so that they agree.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.counts import COLUMNS, validate_counts
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, fit_table
from crossover.study.paired import Outcome, outcome_table
from crossover.study.select import MissingRows
from crossover.study.store import read_runs

DRAWS, LEVEL, SEED = 500, 0.9, 0
#: What differs between the cells of one grid.
AXES = ("strategy", "seed_size", "budget", "replicate", "n_test")
#: The dials of an augmenter that advice keeps apart, each with what readers are told of a value.
DIALS = {
    ("coverage",): "coverage {:g}",
    ("invalid_rate", "rephrase_drift"): "augmenter that spoils {:.0%}",
}


def common(settings: str) -> str:
    """Return a cell's settings, as stored, without what differs between the cells of one grid."""
    return json.dumps({k: v for k, v in json.loads(settings).items() if k not in AXES}, sort_keys=True)


def counts(folder: Path, outcome: Outcome = "correct") -> pd.DataFrame:
    """Return the checked counts that advice rests on, a task for each question.

    Of each task that is its largest grid of equal settings. What was also bought from an augmenter with one of
    :data:`DIALS` turned stands with the other strategies' cells in a task of its own, as ``"<task>, coverage 0.5"``. A
    strategy that was not run at all of a grid's seed-set sizes is left out: advice would extrapolate it at most of
    them.

    Another ``outcome`` than correct answers, such as ``gold_loglik``, gives scores in place of counts.

    Raises
    ------
    CrossoverError
        There are no rows of the budget-ratio experiment, or their items do not hold the outcome.
    """
    runs = read_runs(folder, "budget_ratio")
    if not len(runs):
        raise CrossoverError(
            f"{folder}: no budget-ratio results yet; run `make reproduce PROFILE={folder.name}`, or use --from"
        )
    runs = runs[runs["budget"] > 0]  # the seeds alone are no point of a curve
    runs = runs.assign(grid=runs["settings"].map(common), task=runs["task"].astype(str))
    parts = []
    for task, rows in runs.groupby("task", sort=True):
        main = rows["grid"].value_counts(sort=True).index[0]
        base = rows[rows["grid"] == main]
        parts.append(_whole(base))
        for grid, changed in rows[rows["grid"] != main].groupby("grid", sort=True):
            what = _turned(main, grid)
            budgets = changed.groupby(["strategy", "seed_size"])["budget"].nunique()
            if what and (budgets >= MIN_BUDGETS).all():
                new = _whole(changed)
                rest = base[
                    ~base["strategy"].isin(set(new["strategy"])) & base["seed_size"].isin(set(new["seed_size"]))
                ]
                parts.append(pd.concat([_whole(rest), new]).assign(task=f"{task}, {what}"))
    table = pd.concat(parts, ignore_index=True)
    table = table[COLUMNS] if outcome == "correct" else outcome_table(table, folder, outcome)[0]
    return validate_counts(table, where=str(folder / "runs.csv"))


def crossovers_by_outcome(runs: pd.DataFrame, folder: Path) -> dict[Outcome, list[Crossover]]:
    """Return a grid's crossovers by accuracy and, where the items hold it, by the gold answer's log-likelihood."""
    bought = runs[runs["budget"] > 0]
    outcomes: tuple[Outcome, ...] = ("correct", "gold_loglik")
    found: dict[Outcome, list[Crossover]] = {}
    for outcome in outcomes:
        with contextlib.suppress(MissingRows):
            table = bought if outcome == "correct" else outcome_table(bought, folder, outcome)[0]
            found[outcome] = find_crossovers(fit_table(table, LEVEL, DRAWS, SEED), checks=False)
    return found


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those strategies that were run at every seed-set size."""
    sizes = rows.groupby("strategy")["seed_size"].nunique()
    return rows[rows["strategy"].isin(sizes[sizes == rows["seed_size"].nunique()].index)]


def _turned(main: str, other: str) -> str:
    """Say which of :data:`DIALS` a grid has at another value than the main one.

    Empty where more or something else differs.
    """
    first, second = json.loads(main), json.loads(other)
    dials, own = (settings.get("teacher_settings", {}) for settings in (second, first))
    for names, told in DIALS.items():
        values = {dials.get(name) for name in names}
        as_in_main = second | {"teacher_settings": dials | {name: own.get(name) for name in names}}
        if len(values) == 1 and None not in values and as_in_main == first:
            return told.format(*values)
    return ""
