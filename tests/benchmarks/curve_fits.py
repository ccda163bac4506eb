"""Curve fits: studies through the command line, redraws with crossovers, and fits against scipy's ``curve_fit`` from many starts."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from typer.testing import CliRunner

from benchmarks.tables import seconds, table
from crossover.cli import app
from crossover.stats import forms
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import fit_table
from crossover.stats.simulation import ALL
from crossover.stats.variable_projection import solve
from planted import EARLY, LATE, counts, rising

STARTS = 20  # starts of scipy's curve_fit
RATIOS = np.array([1, 2, 4, 8, 16, 32, 64.0])


def run(cases: int = 500, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Time ``draws`` refits of three curves with their crossings, and ``cases`` fits by both."""
    form, rng = forms.FORMS["exponential"], np.random.default_rng(seed)
    top, share = rng.uniform(0.2, 0.98, (cases, 1)), rng.uniform(0.1, 1.0, (cases, 1))
    tau = np.exp(rng.uniform(0, np.log(100), (cases, 1)))
    data = np.clip(top - top * share * np.exp(-RATIOS / tau) + rng.normal(0, 0.02, (cases, 7)), 0, 1)
    one_call = min(seconds(lambda: solve(form, RATIOS, data)) for _ in range(3))
    losses = solve(form, RATIOS, data).loss
    theirs: list[float] = []
    scipy_taken = seconds(lambda: theirs.extend(_curve_fit(form, y, rng) for y in data))
    excess = losses / np.maximum(theirs, 1e-300) - 1
    return table([
        (f"{draws:,} redraws of three curves and their crossovers, CPU time", refit(draws, seed), "s", "<= 3"),
        ("300 studies of 42 cells through crossover fit", through_the_command_line(), "s", "<= 45"),
        (f"{cases} fits in one call", one_call, "s", ""),
        (f"{cases} fits by curve_fit, {STARTS} starts each", scipy_taken, "s", ""),
        ("curve_fit's time over ours", scipy_taken / one_call, "x", ">= 100"),
        ("cases where curve_fit's loss is lower", int((excess > 1e-9).sum()), "", "= 0"),
        ("largest excess of our loss, relative", max(float(excess.max()), 0.0), "", "< 1e-9"),
    ])  # fmt: skip


def refit(draws: int, seed: int) -> float:
    """Return the best CPU time of fitting three curves with this many redraws, and finding the crossovers of all pairs."""
    truths = (("a", EARLY), ("b", LATE), ("c", rising(0.62, 0.48, 9.0)))
    tables = [counts(curve, strategy=name, offset=0.01, seed=seed + k) for k, (name, curve) in enumerate(truths)]
    table = pd.concat(tables, ignore_index=True)
    return min(_cpu(lambda: find_crossovers(fit_table(table, draws=draws), checks=False)) for _ in range(3))


def through_the_command_line(studies: int = 300, timed: int = 30) -> float:
    """Return the seconds of ``crossover fit`` on as many studies of 42 cells, from fewer that are timed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pilot.csv"
        taken = []
        for seed in range(timed + 1):
            ALL["shared_3"].simulate(np.random.default_rng(seed)).to_csv(path, index=False)
            taken.append(seconds(lambda: CliRunner().invoke(app, ["fit", str(path), "--json"])))
    return float(np.mean(taken[1:])) * studies


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _curve_fit(form: forms.Form, y: np.ndarray, rng: np.random.Generator) -> float:
    """Return the least loss of scipy's fits from random starts."""

    def exponential(r, top, gain, tau):
        return top - gain * np.exp(-r / tau)

    edges, best = np.exp(form.grid(RATIOS)[[0, -1], 0]), np.inf
    for _ in range(STARTS):
        begin = [*rng.uniform(0.05, 0.95, 2), np.exp(rng.uniform(*np.log(edges)))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found, _ = curve_fit(
                    exponential, RATIOS, y, p0=begin, bounds=([0, 0, edges[0]], [1, np.inf, edges[1]]), maxfev=2000
                )
            except RuntimeError:
                continue
        best = min(best, float(((y - exponential(RATIOS, *found)) ** 2).sum()))
    return best
