"""Recomputing randomly chosen cells of a results table, to see that they come out as stored.

On the machine that made them cells come out identical. Another processor rounds bfloat16 sums in another order, which acts
like one more draw of training noise; a cell then passes within three binomial standard errors of its stored count.
"""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import results_folder
from crossover.study.cell import read_cell
from crossover.study.requirements import get, needs
from crossover.study.run import run_cells
from crossover.study.store import Store, read_runs


def tolerance(n_correct: int, n_test: int) -> int:
    """Return by how many items a recomputed count may differ: ``3 sqrt(n p (1 - p))``, and at least 3.

    >>> tolerance(30, 100)
    13
    """
    p = n_correct / n_test
    return max(3, math.floor(3 * math.sqrt(n_test * p * (1 - p))))


def audit(profile: str, cells: int, seed: int) -> None:
    """Recompute ``cells`` random cells of a profile and print stored and recomputed counts.

    Cells whose data or models are not on this machine are named and passed over.

    Raises
    ------
    CrossoverError
        There is no table, or a cell differs by more than the tolerance.
    """
    runs = read_runs(results_folder(profile))
    if runs.empty:
        raise CrossoverError(f"There are no results of the profile {profile} to audit.")
    chosen, grid = [], []
    for i in random.Random(seed).sample(range(len(runs)), len(runs)):
        cell = read_cell(runs["settings"][i])
        lacking = [f"{what}: {why}" for what, why in get(needs([cell])) if why]
        if lacking:
            print(f"Left out, {cell}, for what is not here: {lacking[0]}")
            continue
        chosen.append(i)
        grid.append(cell)
        if len(grid) == cells:
            break
    if not grid:
        raise CrossoverError(
            f"Of no cell of the profile {profile} are data and models here; `crossover fetch --profile {profile}` lists what is missing."
        )
    with tempfile.TemporaryDirectory() as folder:
        if any(cell.teacher == "endpoint" for cell in grid):
            # What a server replied cannot be had again, and asking would cost: its stored replies are used.
            shutil.copytree(results_folder(profile) / "generations", Path(folder) / "generations")
        run_cells(grid, Store(Path(folder)), workers=0)
        again = read_runs(Path(folder)).set_index("key")
    failed = 0
    for i, cell in zip(chosen, grid, strict=True):
        stored, found, allowed = (
            runs["n_correct"][i],
            again["n_correct"][cell.key],
            tolerance(runs["n_correct"][i], cell.n_test),
        )
        verdict = "identical" if stored == found else "within" if abs(stored - found) <= allowed else "DIFFERS"
        failed += verdict == "DIFFERS"
        print(
            f"{cell}: stored {stored}/{cell.n_test}, recomputed {found}/{cell.n_test}, tolerance {allowed}: {verdict}"
        )
    if failed:
        raise CrossoverError(f"{failed} of {len(chosen)} cells differ by more than the tolerance.")
