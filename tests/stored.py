"""A results table with rows of one's own, as the store would have written it."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from crossover.evaluation.answers import Outcome
from crossover.study import store
from crossover.study.cell import Cell
from crossover.study.select import settings_table

#: What a clean oracle's cells have in common.
SETTINGS = {
    "teacher_settings": {"answer_error": 0.0, "coverage": 1.0, "invalid_rate": 0.0, "rephrase_drift": 0.0},
    "verify": False,
}


def write_lines(path: Path, rows: Iterable[object] | str) -> None:
    """Write rows as packed JSON lines, or a text in their place, into a folder that is made if need be."""
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


def write_runs(folder: Path, table: pd.DataFrame) -> None:
    """Write ``runs.csv`` with some of its columns given; ``settings`` may hold dicts, and are a clean oracle's by default."""
    rows = table.copy()
    if "settings" not in rows:
        rows["settings"] = [SETTINGS] * len(rows)
    rows["settings"] = rows["settings"].map(json.dumps)
    for name, kind in store.COLUMNS.items():
        if name not in rows:
            rows[name] = "" if kind is str else 0
    folder.mkdir(parents=True, exist_ok=True)
    rows[list(store.COLUMNS)].to_csv(folder / "runs.csv", index=False)


def plant(
    folder: Path,
    cells: Iterable[Cell],
    outcomes: Callable[[Cell], list[Outcome]],
    measures: Callable[[Cell], dict] = lambda _: {},
    **values: object,
):
    """Fill a results folder with cells whose outcomes, measures and further ``values`` are set, and return their rows."""
    filled = store.Store(folder)
    zeros = {name: kind() for name, kind in store.COLUMNS.items()}
    for cell in cells:
        found = outcomes(cell)
        row = zeros | {
            "key": cell.key, "experiment": cell.experiment, "task": cell.task, "strategy": cell.strategy, "seed_size": cell.seed_size,
            "budget": cell.budget, "replicate": cell.replicate, "n_test": len(found), "n_correct": sum(o.correct for o in found),
            "queries": cell.budget, "tokens_in": 10 * cell.budget, "tokens_out": 5 * cell.budget, "settings": cell.settings,
            "measures": json.dumps(measures(cell)),
        } | values  # fmt: skip
        filled.append(row, found)
    return settings_table(store.read_runs(folder))


def first_right(right: int, n: int) -> list[Outcome]:
    """Return the outcomes of ``n`` items of which the first are right."""
    return [Outcome(str(i), None, i < right) for i in range(n)]
