"""Curve fits: bootstrap refits with crossovers, and fits against scipy's ``curve_fit`` from many starts."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from benchmarks.tables import seconds, table
from crossover.stats import counts, curves, forms, noise
from crossover.stats.variable_projection import solve

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
        (f"{draws:,} bootstrap refits of three curves and their crossovers", refit(draws, seed), "s", "< 1"),
        (f"{cases} fits in one call", one_call, "s", ""),
        (f"{cases} fits by curve_fit, {STARTS} starts each", scipy_taken, "s", ""),
        ("curve_fit's time over ours", scipy_taken / one_call, "x", ">= 100"),
        ("cases where curve_fit's loss is lower", int((excess > 1e-9).sum()), "", "= 0"),
        ("largest excess of our loss, relative", max(float(excess.max()), 0.0), "", "< 1e-9"),
    ])  # fmt: skip


def refit(draws: int, seed: int) -> float:
    """Return the best wall time of refits of three curves and the crossings of all pairs of every draw."""
    rng, tables = np.random.default_rng(seed), []
    for name, (top, gain, tau) in {"a": (0.55, 0.40, 5.0), "b": (0.72, 0.62, 14.0), "c": (0.62, 0.48, 9.0)}.items():
        for replicate in range(3):
            accuracy = np.clip(top - gain * np.exp(-RATIOS / tau) + rng.normal(0, 0.02), 0, 1)
            columns = {"strategy": name, "seed_size": 100, "budget": 100 * RATIOS, "replicate": replicate}
            tables.append(pd.DataFrame(columns).assign(n_correct=rng.binomial(1000, accuracy), n_test=1000))
    noises = [noise.variance_components(c) for c in counts.curve_counts(counts.validate_counts(pd.concat(tables)))]
    points = [curves.point_fit(n, "exponential") for n in noises]
    form, grid = forms.FORMS["exponential"], np.geomspace(1, 64, 97)

    def work() -> None:
        errors = noise.redraw(noises, draws, np.random.default_rng(seed))
        values = [
            solve(form, RATIOS, p.predict(form, RATIOS) + e, n.whitener, tolerance=1e-6, steps=15).predict(form, grid)
            for n, p, e in zip(noises, points, errors, strict=True)
        ]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            positive = values[b] > values[a]
            (positive[:, 1:] != positive[:, :-1]).argmax(1)

    return min(seconds(work) for _ in range(3))


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
