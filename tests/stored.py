"""A results table with rows of one's own, as the store would have written it."""

import json
from pathlib import Path

import pandas as pd

from crossover import store

#: What a clean oracle's cells have in common.
SETTINGS = {"teacher_settings": {"answer_error": 0.0, "coverage": 1.0}, "verify": False}


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
