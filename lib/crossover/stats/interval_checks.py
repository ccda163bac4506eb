"""Cross-checks of the bootstrap interval: t intervals over replicates and profile likelihood.

Both look at the crossover of two curves. They rest on other assumptions than the bootstrap (each replicate fitted
alone; no replicate effect), so that agreement means something.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from crossover.stats import forms
from crossover.stats.noise import Noise

Pair = tuple[float | None, float | None]


def replicate_fits(noise: Noise, form: forms.Form) -> forms.Solution | None:
    """Fit each replicate alone, weighted by its own counts; ``None`` where budgets differ between replicates."""
    c = noise.cells
    if (c.tested == 0).any() or len(c.ratios) < form.n_parameters:
        return None
    whiten = 1 / np.sqrt((noise.sampling + noise.training).mean(0))
    return forms.solve(form, c.ratios, c.correct / c.tested, whiten)


def log_t_interval(
    pair: tuple[Noise, Noise],
    form: forms.Form,
    scale: tuple[float, float],
    searched: tuple[float, float],
    near: float,
    level: float,
) -> Pair | None:
    """t interval of the mean log crossover over replicates, ``exp(mean ± t s / sqrt(J))``.

    ``None`` with fewer than two replicates, unequal replicates, or where some replicate alone has no crossing.
    """
    if pair[0].cells.replicates != pair[1].cells.replicates or pair[0].replicates < 2:
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


def profile_interval(
    pair: tuple[Noise, Noise],
    form: forms.Form,
    scale: tuple[float, float],
    ratios: np.ndarray,
    near: float,
    level: float,
) -> Pair | None:
    """Profile likelihood interval of the crossover: ratios where ``A_1 = A_2`` costs less chi-square than the level
    allows (F test).

    For fixed nonlinear parameters both curves are linear, and holding them equal at ``r`` raises the loss by
    ``d(r)^2 / var d(r)``; the profile takes the least over a grid of both curves' parameters. ``None`` where a
    replicate effect is seen, which the profile would ignore, and for forms that are not linear in (E, B).
    """
    if form.tied or len(form.parameters) > 1 or any(n.replicate > 0 for n in pair):
        return None
    losses, values, variances = zip(
        *[_on_grid(n, form, ratios / s) for n, s in zip(pair, scale, strict=True)], strict=True
    )
    floor = losses[0].min() + losses[1].min()
    df = sum(n.cell_df for n in pair)
    limit = stats.f.ppf(level, 1, df) if df else stats.chi2.ppf(level, 1)
    near_best = [np.nonzero(loss < loss.min() + 4 * limit + 4)[0] for loss in losses]
    a, b = near_best
    d = values[0][a][:, None, :] - values[1][b][None, :, :]
    v = variances[0][a][:, None, :] + variances[1][b][None, :, :]
    profile = ((losses[0][a][:, None] + losses[1][b][None, :])[..., None] + d * d / v).min((0, 1)) - floor
    inside = profile <= limit
    k = int(np.abs(np.log(ratios / near)).argmin())
    if not inside[k]:
        return None
    low, high = k, k
    while low > 0 and inside[low - 1]:
        low -= 1
    while high < len(ratios) - 1 and inside[high + 1]:
        high += 1
    return None if low == 0 else float(ratios[low]), None if high == len(ratios) - 1 else float(ratios[high])


def _on_grid(noise: Noise, form: forms.Form, x: np.ndarray):
    """Loss (G,), fitted value (G, n) and its variance (G, n) at ``x`` for each nonlinear grid point."""
    grid = np.linspace(form.grid(noise.cells.ratios).min(), form.grid(noise.cells.ratios).max(), 240)[:, None]
    e, at = form.basis(noise.cells.ratios, grid)[0] @ noise.whiten.T, form.basis(x, grid)[0]
    one, m = noise.whiten.sum(1), noise.whiten @ noise.means
    losses, values, variances = [], [], []
    for column, target in zip(e, at, strict=True):
        design = np.stack([one, -column], 1)
        inverse = np.linalg.pinv(design.T @ design)
        beta = inverse @ (design.T @ m)
        wanted = np.stack([np.ones_like(x), -target], 1)
        losses.append(float(((m - design @ beta) ** 2).sum()))
        values.append(wanted @ beta)
        variances.append(np.einsum("ni,ij,nj->n", wanted, inverse, wanted))
    return np.array(losses), np.array(values), np.maximum(np.array(variances), 1e-300)
