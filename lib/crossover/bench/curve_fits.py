"""Curve fits: bootstrap refits a second, and fits against scipy's ``curve_fit`` from many starts."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from crossover.bench.tables import table
from crossover.stats import counts, curves, forms, noise

STARTS = 20  # starts of scipy's curve_fit in the comparison
CASES = 500


def run(cases: int = CASES, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Time bootstrap refits with crossovers, and compare fits with scipy's ``curve_fit`` from many starts.

    Parameters
    ----------
    cases : int
        Data sets of the comparison, each fitted alone by both.
    draws : int
        Bootstrap refits of each of three curves.
    seed : int

    Returns
    -------
    DataFrame
        ``what, value, unit, wanted``, one row a measurement.
    """
    refit = refit_seconds(draws, seed)
    comparison = against_curve_fit(cases, seed)
    together = batch_seconds(cases, seed)
    ratio = comparison["scipy_seconds"].sum() / comparison["seconds"].sum()
    rows = [
        (f"{draws:,} bootstrap refits of three curves and their crossovers", refit, "s", "< 1"),
        (f"{cases} fits one by one", comparison["seconds"].sum(), "s", ""),
        (f"{cases} fits in one call", together, "s", ""),
        (f"{cases} fits by curve_fit, {STARTS} starts each", comparison["scipy_seconds"].sum(), "s", ""),
        ("curve_fit time over ours, one by one", ratio, "x", ""),
        ("curve_fit time over ours, in one call", comparison["scipy_seconds"].sum() / together, "x", ">= 100"),
        ("cases where curve_fit's loss is lower", int((comparison["excess"] > 1e-9).sum()), "", "= 0"),
        ("largest excess of our loss, relative", max(float(comparison["excess"].max()), 0.0), "", "< 1e-9"),
    ]
    return table(rows)


def refit_seconds(draws: int, seed: int = 0, repeats: int = 3) -> float:
    """Best wall time of ``draws`` refits of three curves, with the crossings of all pairs of every draw."""
    rng = np.random.default_rng(seed)
    x = np.array([1, 2, 4, 8, 16, 32, 64.0])
    tables = []
    for name, (E, B, tau) in {"a": (0.55, 0.40, 5.0), "b": (0.72, 0.62, 14.0), "c": (0.62, 0.48, 9.0)}.items():
        for j in range(3):
            k = rng.binomial(1000, np.clip(E - B * np.exp(-x / tau) + rng.normal(0, 0.02), 0, 1))
            columns = {"strategy": name, "seed_size": 100, "budget": 100 * x, "replicate": j, "n_correct": k}
            tables.append(pd.DataFrame(columns).assign(n_test=1000))
    noises = [noise.estimate(c) for c in counts.cells(counts.validate(pd.concat(tables)))]
    form = forms.FORMS["exponential"]
    points = [curves.point_fit(n, "exponential") for n in noises]
    grid = np.geomspace(1, 64, 97)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        errors = noise.redraw(noises, draws, np.random.default_rng(seed))
        values = []
        for n, p, e in zip(noises, points, errors, strict=True):
            fits = forms.solve(form, x, p.predict(form, x) + e, n.whiten, tolerance=1e-6, steps=15)
            values.append(fits.predict(form, grid))
        for a, b in ((0, 1), (0, 2), (1, 2)):
            crossings(grid, values[b] - values[a])
        best = min(best, time.perf_counter() - start)
    return best


def crossings(grid: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """First sign change of each row, by linear interpolation in the log of ``grid``; NaN where there is none: (D,)."""
    positive = difference > 0
    change = positive[:, 1:] != positive[:, :-1]
    k = change.argmax(1)
    rows = np.arange(len(difference))
    a, b = difference[rows, k], difference[rows, k + 1]
    logs = np.log(grid)
    crosses = change.any(1)
    fraction = np.divide(a, a - b, out=np.zeros_like(a), where=crosses)
    return np.where(crosses, np.exp(logs[k] + (logs[k + 1] - logs[k]) * fraction), np.nan)


def make_cases(cases: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Budget ratios (7,) and noisy accuracies (cases, 7) of curves of many shapes."""
    rng = np.random.default_rng(seed)
    x = np.array([1, 2, 4, 8, 16, 32, 64.0])
    E, share = rng.uniform(0.2, 0.98, (cases, 1)), rng.uniform(0.1, 1.0, (cases, 1))
    tau = np.exp(rng.uniform(np.log(1), np.log(100), (cases, 1)))
    return x, np.clip(E - E * share * np.exp(-x / tau) + rng.normal(0, 0.02, (cases, 7)), 0, 1)


def batch_seconds(cases: int, seed: int = 0, repeats: int = 3) -> float:
    """Best wall time of all cases to full precision in one call."""
    x, data = make_cases(cases, seed)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        forms.solve(forms.FORMS["exponential"], x, data)
        best = min(best, time.perf_counter() - start)
    return best


def against_curve_fit(cases: int, seed: int = 0) -> pd.DataFrame:
    """Fit each case alone by both: ``seconds, scipy_seconds, loss, scipy_loss, excess`` (relative to scipy's)."""

    def exponential(r, E, B, tau):
        return E - B * np.exp(-r / tau)

    x, data = make_cases(cases, seed)
    form = forms.FORMS["exponential"]
    grid = np.exp(form.grid(x)[:, 0])
    rng = np.random.default_rng(seed + 1)
    bounds = ([0, 0, grid.min()], [1, np.inf, grid.max()])
    rows = []
    for y in data:
        start = time.perf_counter()
        loss = float(forms.solve(form, x, y).loss[0])
        middle = time.perf_counter()
        best = np.inf
        for _ in range(STARTS):
            begin = [rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95), np.exp(rng.uniform(*np.log(grid[[0, -1]])))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found, _ = curve_fit(exponential, x, y, p0=begin, bounds=bounds, maxfev=2000)
                except RuntimeError:
                    continue
            best = min(best, float(((y - exponential(x, *found)) ** 2).sum()))
        end = time.perf_counter()
        rows.append((middle - start, end - middle, loss, best, loss / max(best, 1e-300) - 1))
    return pd.DataFrame(rows, columns=["seconds", "scipy_seconds", "loss", "scipy_loss", "excess"])
