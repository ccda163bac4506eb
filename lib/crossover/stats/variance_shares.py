"""An uncertainty budget: how much of a crossover's variance each source of error brings.

By the delta method ``log r*`` moves by ``-(H_2 dm_2 - H_1 dm_1) / (dd / dlog r)``, with ``H`` how a fitted value at the
crossover follows the budget means ``m``. Each source has its own covariance of ``m``; the functional form has the
spread of the crossover over the rival forms.
"""

from __future__ import annotations

import numpy as np

from crossover.stats.forms import Form
from crossover.stats.noise import VarianceComponents
from crossover.stats.variable_projection import Solution


def sensitivity(noise: VarianceComponents, form: Form, fit: Solution, ratios: np.ndarray) -> np.ndarray:
    """Derivative of the fitted accuracy at ``ratios`` (n,) in the budget means: (n, B), bounds that bind held fixed."""

    def columns(x: np.ndarray) -> np.ndarray:
        e, de = (z[0] for z in form.basis(x, fit.theta))
        if form.tied:
            return np.concatenate([(1 - e)[:, None], -fit.E[0] * de], 1)
        free = [np.ones_like(e)[:, None]] if 0 < fit.E[0] < 1 else []
        return np.concatenate([*free, -e[:, None], -fit.B[0] * de], 1) if fit.B[0] > 0 else np.ones_like(e)[:, None]

    design = noise.whitener @ columns(noise.counts.ratios)
    return columns(np.asarray(ratios, float)) @ np.linalg.pinv(design, rcond=1e-10) @ noise.whitener


def slope(form: Form, fits: tuple[Solution, Solution], scale: tuple[float, float], ratio: float) -> float:
    """Derivative of ``A_2 - A_1`` in the log of the ratio."""
    step = 1e-4
    x = ratio * np.exp([-step, step])
    d = fits[1].predict(form, x / scale[1])[0] - fits[0].predict(form, x / scale[0])[0]
    return float(d[1] - d[0]) / (2 * step)


def variance_parts(
    pair: tuple[VarianceComponents, VarianceComponents],
    form: Form,
    fits: tuple[Solution, Solution],
    scale: tuple[float, float],
    ratio: float,
) -> dict[str, float]:
    """Variance of ``log r*`` that comes from the test set, from replicates and from training noise."""
    gain = slope(form, fits, scale, ratio)
    if gain == 0:
        return {}
    x = np.array([ratio])
    H = [sensitivity(n, form, f, x / s)[0] / gain for n, f, s in zip(pair, fits, scale, strict=True)]
    sampling = sum(float(h @ n.from_sampling @ h) for h, n in zip(H, pair, strict=True))
    training = sum(float(h @ n.from_training @ h) for h, n in zip(H, pair, strict=True))
    moved = [n.offset_loading @ h for n, h in zip(pair, H, strict=True)]
    if pair[0].counts.replicates == pair[1].counts.replicates and pair[0].replicates > 1:
        covariance = float(pair[0].offsets @ pair[1].offsets) / (pair[0].replicates - 1)
        limit = np.sqrt(pair[0].replicate * pair[1].replicate)  # a covariance no larger than the variances allow
        cross = 2 * float(moved[0] @ moved[1]) * float(np.clip(covariance, -limit, limit))
    else:
        cross = 0.0
    replicates = sum(n.replicate * float(g @ g) for n, g in zip(pair, moved, strict=True)) - cross
    return {"test_set": sampling, "replicates": max(replicates, 0.0), "training": training}


def shares(
    pair: tuple[VarianceComponents, VarianceComponents],
    form: Form,
    fits: tuple[Solution, Solution],
    scale: tuple[float, float],
    ratio: float,
    by_form: dict[str, list[float]],
    weight: dict[str, float],
) -> dict[str, float]:
    """Shares of the variance of ``log r*``, adding to 1: ``test_set, replicates, training, functional_form``.

    The functional form's part is the variance of ``log r*`` over the forms that have a crossing (the one nearest to
    ``ratio``), each with its Akaike weight; a form without a crossing adds nothing here, its absence shows in
    ``by_form``.
    """
    parts = variance_parts(pair, form, fits, scale, ratio)
    if not parts:
        return {}
    names = [name for name, found in by_form.items() if found]
    logs = np.array([min(np.log(by_form[n]), key=lambda v: abs(v - np.log(ratio))) for n in names])
    w = np.array([weight[n] for n in names])
    if w.sum() > 0:
        mean = (w * logs).sum() / w.sum()
        parts["functional_form"] = float((w * (logs - mean) ** 2).sum() / w.sum())
    else:
        parts["functional_form"] = 0.0
    total = sum(parts.values())
    return {k: v / total for k, v in parts.items()} if total > 0 else {}
