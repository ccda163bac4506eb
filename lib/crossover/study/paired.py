"""Contrasts between cells of a results table, paired by test item."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.contrasts import Contrast, contrast
from crossover.study.select import MissingRows, Selector, choose

LEVEL = 0.9
#: What a contrast is of: right answers, or the scores of texts.
Outcome = Literal["correct", "score"]


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
        From :func:`crossover.study.select.settings_table`.
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
