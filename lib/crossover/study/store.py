"""The results table of a run: one row per cell, readable as text, safe to kill at any moment.

``items/<key>.parquet`` holds the outcome of each of a cell's test items, and is written before the row. Rows are
appended; when a run ends they are sorted, so that the same cells give the same file in whatever order they finished.
"""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import io
import math
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from crossover.errors import CrossoverError
from crossover.paths import written

if TYPE_CHECKING:
    import pandas as pd

    from crossover.evaluation.answers import Outcome

COLUMNS = {
    "key": str, "experiment": str, "task": str, "strategy": str, "seed_size": int, "budget": int, "replicate": int,
    "teacher": str, "student": str, "n_train": int, "n_test": int, "n_correct": int, "metric": str, "queries": int,
    "asked": int, "returned": int, "parsed": int, "verified": int, "unique": int, "kept": int, "tokens_in": int,
    "tokens_out": int, "train_tokens": int, "train_loss": float, "device": str, "provenance": str,
    "seconds_train": float, "seconds_eval": float, "finished": str, "settings": str, "measures": str,
    "gold_nats": float, "gold_tokens": float,
}  # fmt: skip
#: Columns that a table has only where some row has something in them: a table made before there were any is sound.
OPTIONAL = ("measures", "gold_nats", "gold_tokens")
#: What stands for a number that is not there.
MISSING = {"train_loss": ["nan"], "gold_nats": [""], "gold_tokens": [""]}
ITEM_COLUMNS = ["item", "extracted", "correct", "score", "gold_nats", "gold_tokens", "gold_bytes"]
_ORDER = ("experiment", "task", "seed_size", "strategy", "budget", "replicate", "key")


class Store:
    """The results of one profile, in one folder, which is made if it is missing."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / "runs.csv"
        self._header: list[str] = []  # the columns of the table as it was last read or written
        with written(folder):
            (folder / "items").mkdir(parents=True, exist_ok=True)

    def rows(self) -> dict[str, dict[str, str]]:
        """Return the finished rows by cell key, as text; damaged ones are told and dropped, their file is kept."""
        if not self.path.exists():
            return {}
        text = self.path.read_text(encoding="utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        self._header, *lines = list(csv.reader(io.StringIO(whole))) or [[]]
        if not set(COLUMNS) - set(OPTIONAL) <= set(self._header) <= set(COLUMNS):
            raise CrossoverError(
                f"{self.path} does not begin with the columns of a results table. Move it away (its rows are not lost) "
                "and run again."
            )
        rows, damaged = {}, [len(lines) + 2] * (whole != text)
        for number, line in enumerate(lines, 2):
            row = dict(zip(self._header, line, strict=False))
            if len(line) == len(self._header) and all(_has_type(name, value) for name, value in row.items()):
                rows[row["key"]] = row
            else:
                damaged.append(number)
        if damaged:
            kept = self.path.with_suffix(".csv.damaged")
            with written(self.folder):
                kept.write_text(text, encoding="utf-8")
            self._replace(rows.values())
            print(
                f"{self.path}: line {', '.join(map(str, damaged))} damaged; {len(rows)} sound rows kept, the rest will"
                f" be computed again. The file as it was: {kept.name}",
                file=sys.stderr,
            )
        return rows

    def append(self, row: Mapping[str, object], outcomes: Sequence[Outcome]) -> None:
        """Store a finished cell: its items first, then its row, flushed to disk."""
        import pandas as pd

        items = pd.DataFrame([dataclasses.asdict(o) for o in outcomes], columns=ITEM_COLUMNS)
        items = items.drop(columns=[name for name in ITEM_COLUMNS[3:] if items[name].isna().all()])
        with written(self.folder):
            path = self.folder / "items" / f"{row['key']}.parquet"
            items.to_parquet(path.with_suffix(".part"), index=False)
            path.with_suffix(".part").replace(path)
            if not self._header:
                self.rows()
            if not set(_columns([row])) <= set(self._header):
                self._replace([*self.rows().values(), row])
                return
            with open(self.path, "a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, self._header, lineterminator="\n", extrasaction="ignore").writerow(row)
                file.flush()
                os.fsync(file.fileno())

    def adopt(self, folder: Path, keys: Collection[str]) -> None:
        """Take over finished cells of another results folder, by key, with all of its stored replies and provenance."""
        if not (folder / "runs.csv").exists():
            return
        other = Store(folder)
        # a run that is writing there would have its last row taken for a damaged one, and half a file copied
        with other.lock(), written(self.folder):
            mine = self.rows()
            found = {key: row for key, row in other.rows().items() if key in keys and key not in mine}
            for kind in ("generations", "provenance"):
                if not (self.folder / kind).exists() and (folder / kind).exists():
                    shutil.copytree(folder / kind, self.folder / kind)
            for key in found:
                shutil.copy(folder / "items" / f"{key}.parquet", self.folder / "items")
        if found:
            self._replace([*mine.values(), *found.values()])

    def sort(self) -> None:
        """Put the rows in their final order: by experiment, task, seed-set size, strategy, budget, replicate."""
        if rows := self.rows():
            self._replace(sorted(rows.values(), key=lambda row: [COLUMNS[c](row[c]) for c in _ORDER]))

    def _replace(self, rows: Iterable[Mapping[str, object]]) -> None:
        rows = list(rows)
        self._header = _columns(rows)
        fresh = self.path.with_suffix(".part")
        with written(self.folder):
            with open(fresh, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self._header, lineterminator="\n", extrasaction="ignore", restval="")
                writer.writeheader()
                writer.writerows(rows)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one run at a time; a second run is refused rather than mixed in."""
        with written(self.folder):
            file = open(self.folder / ".lock", "w")  # noqa: SIM115 - held open for as long as the lock
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CrossoverError(f"Another run is writing {self.folder}. Wait for it, or stop it.") from None
            yield


@lru_cache(maxsize=4)
def _table(path: Path, state: tuple[int, int] | None) -> pd.DataFrame:
    """The table of a file in a state (time and size), parsed once; empty without a file."""
    import pandas as pd

    if state is None:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    try:
        runs = pd.read_csv(path, dtype=COLUMNS, keep_default_na=False, na_values=MISSING)
    except ValueError as problem:
        raise CrossoverError(f"{path} cannot be read: {problem}") from problem
    return runs.assign(**{name: "" if COLUMNS[name] is str else math.nan for name in OPTIONAL if name not in runs})


def read_runs(folder: Path, experiment: str | None = None) -> pd.DataFrame:
    """Return a results table with typed columns, of one experiment where named; empty where there is none yet."""
    path = folder / "runs.csv"
    about = path.stat() if path.exists() else None
    runs = _table(path, about and (about.st_mtime_ns, about.st_size)).copy(deep=False)
    return runs if experiment is None else runs[runs["experiment"] == experiment].reset_index(drop=True)


def worker_hours(runs: pd.DataFrame) -> pd.Series:
    """Return the hours that each row's student took one worker, training and tests together."""
    return (runs["seconds_train"] + runs["seconds_eval"]) / 3600


def _columns(rows: Collection[Mapping[str, object]]) -> list[str]:
    """The columns that a table of these rows has."""
    return [name for name in COLUMNS if name not in OPTIONAL or any(row.get(name) for row in rows)]


def _has_type(name: str, value: str) -> bool:
    try:
        COLUMNS[name](value if value or name not in OPTIONAL else "0")
    except ValueError:
        return False
    return True
