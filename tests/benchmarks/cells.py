"""Cells per hour, a commit against the working tree: the same cells of the study's recipe with two workers, in turn.

The working tree also scores every gold answer, which the first release did not.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.tables import ratio, table
from crossover.paths import repository, results_folder
from crossover.study.store import read_runs

COMMIT = "08afd83"
#: Cells of word problems: strategy and queries, all of 16 seed questions and replicate 0.
CELLS = (("answer_augmentation", 64), ("new_question", 64), ("answer_augmentation", 256), ("new_question", 256))


def run(commit: str = COMMIT, cells: tuple[tuple[str, int], ...] = CELLS, repeats: int = 3) -> pd.DataFrame:
    """Time both, and say where the seconds go and how the students differ."""
    rows = read_runs(results_folder("study"), "budget_ratio").query(
        "task == 'math_words' and seed_size == 16 and replicate == 0"
    )
    known = {
        (row.strategy, row.budget): row.settings
        for row in rows.itertuples()
        if '"answer_error": 0.0, "coverage": 1.0' in row.settings
    }
    settings = json.dumps([known[cell] for cell in cells])
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        subprocess.run(
            ["git", "worktree", "add", "--detach", old, commit], cwd=repository(), check=True, capture_output=True
        )
        try:
            for turn in range(repeats):
                for name, root in (("old", old), ("new", repository())):
                    turns.append(measure(root, settings, Path(folder) / f"{name}{turn}") | {"turn": turn, "who": name})
        finally:
            subprocess.run(
                ["git", "worktree", "remove", "--force", old], cwd=repository(), check=True, capture_output=True
            )
    found = pd.DataFrame(turns).pivot(index="turn", columns="who")
    whose = [("old", commit), ("new", "the working tree")]
    return table([
        *((f"{len(cells)} cells, two workers, {name}", 3600 * len(cells) / found["wall", who].median(), "cells/h", "") for who, name in whose),
        ratio("cells per hour, new over old", 1 / found["wall"], "new", "old", ">= 1.25"),
        ratio("cells per CPU hour, new over old", 1 / found["cpu"], "new", "old"),
        *((f"{what} a cell, {name}", found[what, who].median() / len(cells), "s", "") for what in ("training", "scoring") for who, name in whose),
        *((f"accuracy, {name}", found["accuracy", who].mean(), "", "") for who, name in whose),
    ])  # fmt: skip


def measure(root: Path, settings: str, folder: Path) -> dict[str, float]:
    """Run the cells by the library of a checkout; return wall and CPU seconds, their parts, and the accuracy."""
    driver = Path(__file__).with_name("run_cells.py")
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(root / "lib")}
    subprocess.run([sys.executable, driver, settings, folder], env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = pd.read_csv(folder / "runs.csv")
    return {
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "training": rows["seconds_train"].sum(),
        "scoring": rows["seconds_eval"].sum(),
        "accuracy": rows["n_correct"].sum() / rows["n_test"].sum(),
    }
