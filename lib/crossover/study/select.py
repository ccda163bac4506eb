"""Selection of cells in a results table by their settings.

A *selector* maps names to values. A name is a column of ``runs.csv`` or a setting with the part of the cell that it
belongs to, as ``teacher.coverage``, ``recipe.model`` or ``task.share``. The part may be left out where only one has
such a setting.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError, nearest
from crossover.study.cell import DEFAULTS

#: The values of settings that pick cells: numbers, texts, true and false.
Selector = dict[str, Any]
#: What a contrast is of: correct answers; scores of texts; log-likelihood of the gold answer, nats per token.
Outcome = Literal["correct", "score", "gold_loglik"]
#: Parts of a cell whose settings may be named without their part; an augmenter's may not, as the teacher has the same
#: ones.
PARTS = ("task", "teacher", "recipe")


@dataclass(frozen=True)
class Comparison:
    """Cells that are compared: weighted ``terms`` at each of ``points``; on some evaluation ``sets``, or on all.

    The head of ``notebooks/claims.yaml`` explains the fields.
    """

    terms: Sequence[Selector]
    points: Sequence[Selector] = ({},)
    outcome: Outcome = "correct"
    sets: Sequence[str] = ()


def minus(one: Selector, other: Selector) -> list[Selector]:
    """Return the terms of a difference between two conditions."""
    return [{"weight": 1, **one}, {"weight": -1, **other}]


class MissingRows(CrossoverError):
    """Rows that a statistic needs are not in the results."""


def settings_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with one more column per setting of its cells, and ``ratio``, queries per seed question.

    The columns are named by the part of the cell: ``task.``, ``teacher.``, ``augmenter.`` (the teacher's where it has
    none of its own) and ``recipe.``. A setting that a cell does not have is missing (``NaN``), unless :data:`DEFAULTS`
    has a value.
    """
    cells = [
        {"verify": False, "scoring": "generate", "student_seed": 0, "skip_test": 0} | json.loads(text)
        for text in runs["settings"]
    ]
    flat = pd.json_normalize(
        [
            {name: cell[name] for name in ("verify", "version", "scoring", "student_seed", "skip_test")}
            | {part: cell.get(f"{part}_settings", {}) for part in ("task", "teacher")}
            | {"recipe": cell.get("recipe", {})}
            | {"augmenter": cell.get("augmenter_settings") or cell.get("teacher_settings", {})}
            for cell in cells
        ]
    ).set_index(runs.index)
    for name, value in DEFAULTS.items():
        flat[name] = flat[name].fillna(value) if name in flat else value
    return pd.concat([runs, flat], axis=1).assign(ratio=runs["budget"] / runs["seed_size"].where(runs["seed_size"] > 0))


def choose(rows: pd.DataFrame, base: Selector, compared: Comparison) -> tuple[list[tuple[float, pd.Series]], list[int]]:
    """Return each term's weight and keys by replicate at every point, and the replicates that all of them have."""
    chosen = []
    for point, term in itertools.product(compared.points, compared.terms):
        selector = base | point | {k: v for k, v in term.items() if k != "weight"}
        found = select(rows, selector, base)
        if found.empty:
            named = {k: v for k, v in selector.items() if base.get(k) != v}
            raise MissingRows(f"no cells with {_listed(named)}")
        if found.duplicated(["replicate", "student_seed"]).any():
            raise CrossoverError(
                f"{_listed(selector)} picks several cells of one replicate: name what tells them apart."
            )
        chosen.append((float(term["weight"]) / len(compared.points), found.groupby("replicate")["key"].agg(list)))
    shared = sorted(set.intersection(*(set(keys.index) for _, keys in chosen)))
    if not shared:
        raise MissingRows("no replicate has all the cells that are compared")
    return chosen, shared


def select(rows: pd.DataFrame, selector: Mapping[str, object], base: Selector) -> pd.DataFrame:
    """Return the rows with a selector's values; a name outside ``base`` must be a setting of some cell."""
    if "experiment" in selector:
        rows = rows[rows["experiment"] == selector["experiment"]]
    if rows.empty:
        return rows
    columns = {name: _column(rows, name) for name in selector}
    for name, column in columns.items():
        if column is None and name not in base:
            raise CrossoverError(f"{name!r} is a setting of no cell.{nearest(name, _names(rows))}")
    if None in columns.values():
        return rows.iloc[:0]
    wanted = [(rows[column] == selector[name]).to_numpy() for name, column in columns.items()]
    return rows[np.logical_and.reduce(wanted)]


def _column(rows: pd.DataFrame, name: str) -> str | None:
    """The column that a name means; another experiment's settings are empty columns here, and no cell has them."""
    if name in rows:
        return name if rows[name].notna().any() else None
    found = [full for part in PARTS if (full := f"{part}.{name}") in rows and rows[full].notna().any()]
    if len(found) > 1:
        raise CrossoverError(f"{name!r} is a setting of several parts of a cell. Write one of: {', '.join(found)}.")
    return found[0] if found else None


def _names(rows: pd.DataFrame) -> list[str]:
    known = [name for name in rows.columns if rows[name].notna().any()]
    return [*known, *(name.partition(".")[2] for name in known if "." in name)]


def _listed(selector: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in selector.items())
