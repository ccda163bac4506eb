"""Recomputing randomly chosen cells of a results table, to see that they come out as stored.

On the machine that made them cells come out identical. Another processor rounds bfloat16 sums in another order, which
acts like one more draw of training noise.
"""

import math
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from crossover.errors import CrossoverError
from crossover.models.weights import model_folder
from crossover.paths import results_folder
from crossover.study.cell import Cell, read_cell
from crossover.study.run import EXPERIMENTS, run_cells
from crossover.study.store import Store, read_runs


def tolerance(n_correct: int, n_test: int) -> int:
    """Return by how many items a recomputed count may differ: ``3 sqrt(n p (1 - p))``, and at least 3.

    >>> tolerance(30, 100)
    13
    """
    p = n_correct / n_test
    return max(3, math.floor(3 * math.sqrt(n_test * p * (1 - p))))


def audit(profile: str, cells: int, seed: int) -> None:
    """Recompute random cells of a profile and print stored and recomputed counts, and both spreads.

    Cells whose data or models are missing are passed over; one that differs by more than the tolerance is an error.
    """
    runs = read_runs(results_folder(profile))
    if runs.empty:
        raise CrossoverError(f"There are no results of the profile {profile} to audit.")
    grid: list[Cell] = []
    for settings in runs["settings"].sample(frac=1, random_state=seed):
        cell = read_cell(settings)
        try:
            EXPERIMENTS[cell.experiment].check([cell])
            for model in cell.models:
                model_folder(model)
            grid.append(cell)
        except CrossoverError as lacking:
            print(f"Left out, {cell}, for what is not here: {lacking}")
        if len(grid) == cells:
            break
    if not grid:
        raise CrossoverError(
            f"No cell of the profile {profile} has its data and models on this machine; the lines above say what to do."
        )
    with tempfile.TemporaryDirectory() as folder:
        if any(cell.teacher == "endpoint" for cell in grid):
            # What a server replied cannot be had again, and asking would cost: its stored replies are used.
            shutil.copytree(results_folder(profile) / "generations", Path(folder) / "generations")
        run_cells(grid, Store(Path(folder)), workers=0)
        again = read_runs(Path(folder)).set_index("key")
    table = runs.set_index("key").loc[[cell.key for cell in grid]].assign(again=again["n_correct"])
    table["allowed"] = [tolerance(row.n_correct, row.n_test) for row in table.itertuples()]
    off = (table["n_correct"] - table["again"]).abs()
    verdicts = off.map({0: "identical"}).fillna("within").mask(off > table["allowed"], "DIFFERS")
    for cell, row, verdict in zip(grid, table.itertuples(), verdicts, strict=True):
        print(
            f"{cell}: stored {row.n_correct}/{row.n_test}, recomputed {row.again}/{row.n_test}, tolerance"
            f" {row.allowed}: {verdict}"
        )
    between, pairs = seed_spread(runs)
    spread = math.sqrt((((table["n_correct"] - table["again"]) / table["n_test"]) ** 2).mean() / 2)
    print(
        f"Standard deviation of accuracy between stored and recomputed students: {100 * spread:.1f} points"
        + (f"; between students of one draw: {100 * between:.1f} points ({pairs} sets of students)." if pairs else ".")
    )
    if failed := int((verdicts == "DIFFERS").sum()):
        raise CrossoverError(f"{failed} of {len(grid)} cells differ by more than the tolerance.")


def seed_spread(runs: pd.DataFrame) -> tuple[float, int]:
    """Return the standard deviation of accuracy between students that differ in seed alone, and how many sets."""
    same = [read_cell(settings) for settings in runs["settings"]]
    alike = pd.Series([type(c)(**{**vars(c), "student_seed": 0}).key for c in same], index=runs.index)
    variances = (runs["n_correct"] / runs["n_test"]).groupby(alike).var().dropna()
    return math.sqrt(variances.mean()) if len(variances) else math.nan, len(variances)
