"""Cross-check of the bootstrap interval of a crossover: the t interval over replicates, each fitted alone."""

from __future__ import annotations

import numpy as np
from scipy import stats

from crossover.stats.forms import Form
from crossover.stats.noise import VarianceComponents
from crossover.stats.sign_changes import Pair
from crossover.stats.variable_projection import Solution, solve


def replicate_fits(noise: VarianceComponents, form: Form) -> Solution | None:
    """Fit each replicate alone, weighted by its own counts; ``None`` where budgets differ between replicates."""
    c = noise.counts
    if (c.tested == 0).any() or len(c.ratios) < form.n_parameters:
        return None
    whiten = 1 / np.sqrt((noise.sampling + noise.training).mean(0))
    return solve(form, c.ratios, c.correct / c.tested, whiten)


def log_t_interval(
    pair: tuple[VarianceComponents, VarianceComponents],
    form: Form,
    scale: tuple[float, float],
    searched: tuple[float, float],
    near: float,
    level: float,
) -> Pair | None:
    """t interval of the mean log crossover over replicates, ``exp(mean ± t s / sqrt(J))``.

    ``None`` with fewer than two replicates, unequal replicates, or where some replicate alone has no crossing.
    """
    if pair[0].counts.replicates != pair[1].counts.replicates or pair[0].replicates < 2:
        return None
    fits = [replicate_fits(n, form) for n in pair]
    if fits[0] is None or fits[1] is None:
        return None
    logs = np.linspace(np.log(searched[0]), np.log(searched[1]), 400)
    x = np.exp(logs)
    d = fits[1].predict(form, x / scale[1]) - fits[0].predict(form, x / scale[0])
    values = []
    for row in d:
        change = np.nonzero(np.sign(row[:-1]) * np.sign(row[1:]) < 0)[0]
        if not change.size:
            return None
        roots = logs[change] + (logs[1] - logs[0]) * row[change] / (row[change] - row[change + 1])
        values.append(roots[np.abs(roots - np.log(near)).argmin()])
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.exp(np.mean(values) - half)), float(np.exp(np.mean(values) + half))
