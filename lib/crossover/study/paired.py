"""Cells of a results table picked by their settings, and contrasts between them, paired by test item."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError, nearest
from crossover.stats.contrasts import Contrast, contrast

LEVEL = 0.9
#: The values of settings that pick cells.
Selector = dict[str, bool | int | float | str]
#: What a contrast is of: right answers, or the scores of texts.
Outcome = Literal["correct", "score"]


class MissingRows(CrossoverError):
    """Rows that a statistic needs are not in the results."""


def settings_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with a column for every setting of its cells, nested ones by their own names.

    A setting that a cell does not have is missing (``NaN``) there, unless :class:`crossover.study.cell.Cell` has a default. Gold
    problems are counted for the teacher (``teacher_gold``) and for the augmenter (``augmenter_gold``), which may be the same one.
    """
    from crossover.study.cell import Cell

    flat = []
    for text in runs["settings"]:
        cell = Cell(**json.loads(text))
        augmenter = cell.augmenter_settings or cell.teacher_settings
        flat.append(
            {"verify": cell.verify, "version": cell.version, "scoring": cell.scoring, "student_seed": cell.student_seed}
            | {"student_layers": 0, "teacher_layers": 0}
            | {"teacher_gold": cell.teacher_settings.get("gold", 0), "augmenter_gold": augmenter.get("gold", 0)}
            | cell.task_settings
            | {name: value for name, value in cell.teacher_settings.items() if name not in ("gold", "recipe")}
            | cell.recipe
        )
    return pd.concat([runs, pd.DataFrame(flat, index=runs.index)], axis=1)


def paired(
    rows: pd.DataFrame,
    folder: Path,
    base: Selector,
    points: Sequence[Selector],
    terms: Sequence[Selector],
    outcome: Outcome = "correct",
    sets: Sequence[str] = (),
    level: float = LEVEL,
) -> tuple[Contrast, set[str]]:
    """Return a paired contrast between cells, and the keys of the cells that it used.

    Where several students were trained on the same data, a replicate's outcomes are their mean.

    Parameters
    ----------
    rows : DataFrame
        From :func:`settings_table`.
    folder : Path
        Whose ``items/`` hold the outcomes.
    base, points, terms
        As the head of ``notebooks/claims.yaml`` explains.
    outcome : {"correct", "score"}
        Of what: right answers, or the scores of texts as fractions of 1.
    sets : sequence of str
        The evaluation sets whose items count, where a student was tested on several; by default all.
    level : float
        Of the interval.

    Raises
    ------
    MissingRows
        Cells that a term selects are not in the table; the message names them.
    CrossoverError
        A selector names a setting that no cell has, or picks two cells where one is meant.
    """
    chosen, shared = choose(rows, base, points, terms)
    means = {
        (n, r): np.mean([_items(folder, key, outcome, sets) for key in keys[r]], axis=0)
        for n, (_, keys) in enumerate(chosen)
        for r in shared
    }
    total = np.stack([sum(w * means[n, r] for n, (w, _) in enumerate(chosen)) for r in shared])
    return contrast(total, level, outcome == "correct"), {key for _, keys in chosen for r in shared for key in keys[r]}


def paired_row(
    rows: pd.DataFrame,
    folder: Path,
    base: Selector,
    points: Sequence[Selector],
    terms: Sequence[Selector],
    outcome: Outcome = "correct",
    sets: Sequence[str] = (),
) -> dict[str, object]:
    """Return what :func:`paired` finds, whose arguments these are, as columns of a table, with its usual interval.

    They are ``estimate, low, high, p, replicates, items, why``; where rows are missing there is no estimate, and ``why`` names them.
    """
    try:
        c, _ = paired(rows, folder, base, points, terms, outcome, sets)
    except MissingRows as missing:
        return dict.fromkeys(("estimate", "low", "high", "p"), np.nan) | {
            "replicates": 0,
            "items": 0,
            "why": str(missing),
        }
    return {
        "estimate": c.estimate,
        "low": c.low,
        "high": c.high,
        "p": c.p,
        "replicates": c.replicates,
        "items": c.items,
        "why": "",
    }


def choose(
    rows: pd.DataFrame, base: Selector, points: Sequence[Selector], terms: Sequence[Selector]
) -> tuple[list[tuple[float, pd.Series]], list[int]]:
    """Return the weight and the cells of every term at every point, by replicate one a student, and the replicates that have them all."""
    chosen = []
    for point, term in itertools.product(points, terms):
        selector = base | point | {k: v for k, v in term.items() if k != "weight"}
        found = select(rows, selector, base)
        if found.empty:
            named = {k: v for k, v in selector.items() if base.get(k) != v}
            raise MissingRows(f"no cells with {_listed(named)}")
        if found.duplicated(["replicate", "student_seed"]).any():
            raise CrossoverError(
                f"{_listed(selector)} picks several cells of one replicate: name what tells them apart."
            )
        chosen.append((float(term["weight"]) / len(points), found.groupby("replicate")["key"].agg(list)))
    shared = sorted(set.intersection(*(set(keys.index) for _, keys in chosen)))
    if not shared:
        raise MissingRows("no replicate has all the cells that are compared")
    return chosen, shared


def select(rows: pd.DataFrame, selector: Mapping[str, object], base: Selector) -> pd.DataFrame:
    """Return the rows with a selector's values; a setting of the base that no cell has (another teacher's dial) selects none."""
    if "experiment" in selector:
        # Another experiment's settings are empty columns here: naming one of them is as wrong as a misspelt one.
        rows = rows[rows["experiment"] == selector["experiment"]].dropna(axis=1, how="all")
    missing = [name for name in selector if name not in rows]
    for name in missing:
        if len(rows) and name not in base:
            raise CrossoverError(
                f"The claims ledger selects by {name!r}, which no cell has.{nearest(name, rows.columns)}"
            )
    if missing:
        return rows.iloc[:0]
    wanted = np.logical_and.reduce([(rows[name] == value).to_numpy() for name, value in selector.items()])
    return rows[wanted]


def _items(folder: Path, key: str, outcome: Outcome = "correct", sets: Sequence[str] = ()) -> np.ndarray:
    """Return the outcomes of a cell's test items, in the items' order; scores as fractions of 1; of some sets alone where named."""
    path = folder / "items" / f"{key}.parquet"
    if not path.exists():
        raise CrossoverError(
            f"{path} is missing: the cell's outcomes are needed. Delete its row in runs.csv and run again."
        )
    items = pd.read_parquet(path, columns=["item", outcome]).sort_values("item")
    if sets:
        items = items[items["item"].str.partition("/")[0].isin(sets)]
        if items.empty:
            raise MissingRows(f"no items of {', '.join(sets)}")
    return items[outcome].to_numpy(float) / (100 if outcome == "score" else 1)


def _listed(selector: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in selector.items())
