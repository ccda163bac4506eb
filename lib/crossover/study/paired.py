"""Contrasts between cells of a results table, paired by test item."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.contrasts import Components, Contrast, Prior, components
from crossover.stats.verdicts import LEVEL
from crossover.study.select import Comparison, MissingRows, Outcome, Selector, choose

AXES = ("task", "strategy", "seed_size", "budget", "replicate")


@dataclass(frozen=True)
class Pairing:
    """What the students that a contrast compares answered."""

    differences: np.ndarray  #: (R, I): weighted sums of outcomes, by replicate and test item.
    strata: np.ndarray  #: (I,): the evaluation set of each item.
    binary: bool  #: Whether outcomes are correct answers.
    sides: tuple[float, ...]  #: Mean outcome of the terms with a positive weight, and of those with a negative one.
    load: float  #: Sum of the squared weights: the variance between replicates in units of one student's.
    students: int  #: On each draw of the seed questions.
    student_variance: float  #: Between the mean outcomes of students on one draw; 0 where each has one.
    keys: frozenset[str]  #: The cells that are compared.
    replicates: tuple[int, ...]

    @cached_property
    def components(self) -> Components:
        """The mean difference and the parts of its variance."""
        return components(self.differences, self.strata, self.binary)

    def between(self, prior: Prior | None = None) -> tuple[float, float]:
        """Return the variance between replicates, drawn to a ``prior`` where given, and its degrees of freedom."""
        own = self.components
        return prior.between(own, self.load) if prior else (own.between, own.replicates - 1.0)

    def contrast(self, prior: Prior | None = None) -> Contrast:
        """Return the mean difference with its 90% interval, by the variance of :meth:`between`."""
        return self.components.contrast(LEVEL, *self.between(prior))


def pair(rows: pd.DataFrame, folder: Path, base: Selector, compared: Comparison) -> Pairing:
    """Return what the cells that are compared answered, item by item; students of one draw are averaged.

    ``rows`` come from :func:`crossover.study.select.settings_table`; ``base`` has the settings that selectors do not
    name. Raises :class:`MissingRows` where cells or the outcome are not there.
    """
    outcome, sets = compared.outcome, compared.sets
    chosen, shared = choose(rows, base, compared)
    total = pd.DataFrame()
    means: list[tuple[float, float]] = []
    within: list[float] = []
    for weight, keys in chosen:
        students = [pd.concat([item_outcomes(folder, key, outcome, sets) for key in keys[r]], axis=1) for r in shared]
        within += [float(one.mean().var(ddof=1)) for one in students if one.shape[1] > 1]
        table = pd.concat([one.mean(axis=1) for one in students], axis=1).T
        total = table * weight if total.empty else total + weight * table  # item by item
        means.append((weight, float(table.to_numpy(float).mean())))
    differences = total.to_numpy(float)
    if not np.isfinite(differences).all():
        raise CrossoverError(f"The cells that are compared answered different test items, or lack outcomes: {outcome}.")
    strata = np.array([item.rpartition("/")[0] for item in total])
    used = frozenset(key for _, keys in chosen for r in shared for key in keys[r])
    load = float(sum(weight**2 for weight, _ in chosen))
    split = [[(abs(w), mean) for w, mean in means if w * sign > 0] for sign in (1, -1)]
    sides = tuple(float(np.average([m for _, m in side], weights=[w for w, _ in side])) for side in split if side)
    fewest = min(len(keys[r]) for _, keys in chosen for r in shared)
    spread = float(np.mean(within)) if within else 0.0
    return Pairing(differences, strata, outcome == "correct", sides, load, fewest, spread, used, tuple(shared))


def paired_row(
    rows: pd.DataFrame, folder: Path, base: Selector, compared: Comparison, prior: Prior | None = None
) -> dict[str, object]:
    """Return the contrast of what :func:`pair` finds as columns; where rows are missing, ``why`` names them."""
    names = ("estimate", "low", "high", "p")
    try:
        c = pair(rows, folder, base, compared).contrast(prior)
    except MissingRows as missing:
        return dict.fromkeys(names, np.nan) | {"replicates": 0, "items": 0, "why": str(missing)}
    return {name: getattr(c, name) for name in (*names, "replicates", "items")} | {"why": ""}


def item_outcomes(folder: Path, key: str, outcome: Outcome = "correct", sets: Sequence[str] = ()) -> pd.Series:
    """Return the outcomes of a cell's test items by item, in the items' order; of some sets only, where named."""
    path = folder / "items" / f"{key}.parquet"
    if not path.exists():
        raise CrossoverError(
            f"{path} is missing: the cell's outcomes are needed. Delete its row in runs.csv and run again."
        )
    items = _read(path, path.stat().st_mtime_ns)
    if sets:
        names = items.index.str.partition("/").get_level_values(0)
        if missing := [name for name in sets if name not in names]:
            raise MissingRows(f"no items of {', '.join(missing)}")
        items = items[names.isin(sets)]
    if outcome == "gold_loglik":
        if not {"gold_nats", "gold_tokens"} <= {*items}:
            raise MissingRows("the items hold no log-likelihood of the gold answer")
        return -items["gold_nats"] / items["gold_tokens"]
    return items[outcome].astype(float) / (100 if outcome == "score" else 1)


def outcome_table(runs: pd.DataFrame, folder: Path, outcome: Outcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of a grid's cells, as ``fit_table`` takes them, and their items' outcomes, over students."""
    if runs.empty:
        raise MissingRows("no cells to compare")
    parts = [
        item_outcomes(folder, run.key, outcome).rename("outcome").reset_index()
        .assign(**{name: getattr(run, name) for name in AXES})
        for run in runs.itertuples()
    ]  # fmt: skip
    items = pd.concat(parts).astype({"replicate": str}).groupby([*AXES, "item"])["outcome"].mean()
    cells = items.groupby(level=list(AXES)).agg(score="mean", score_sd="std", n_test="size")
    return cells.reset_index(), items.reset_index()


@lru_cache(maxsize=4096)
def _read(path: Path, _changed: int) -> pd.DataFrame:
    return pd.read_parquet(path).set_index("item").sort_index()
