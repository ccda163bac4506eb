"""An uncertainty budget: how much of a crossover's variance each source of error brings.

By the delta method ``log r*`` moves by ``-(H_2 dm_2 - H_1 dm_1) / (dd / dlog r)``, with ``H`` how the described form's
value at the crossover follows the budget means ``m``, each source having its own covariance of ``m``. The functional
form has the spread of the crossover over the rival forms, each with its Akaike weight.
"""

from __future__ import annotations

import numpy as np

from crossover.stats.forms import Form
from crossover.stats.noise import VarianceComponents
from crossover.stats.variable_projection import Solution


def sensitivity(noise: VarianceComponents, form: Form, fit: Solution, ratio: float) -> np.ndarray:
    """Derivative of the fitted value at ``ratio`` in the budget means (B,), binding bounds held fixed."""

    def columns(x: np.ndarray) -> np.ndarray:
        e, de = (z[0] for z in form.basis(x, fit.theta))
        if form.tied:
            return np.concatenate([(1 - e)[:, None], -fit.E[0] * de], 1)
        free = [np.ones_like(e)[:, None]] if 0 < fit.E[0] < 1 else []
        return np.concatenate([*free, -e[:, None], -fit.B[0] * de], 1) if fit.B[0] > 0 else np.ones_like(e)[:, None]

    design = noise.whitener @ columns(noise.counts.ratios)
    return (columns(np.array([ratio])) @ np.linalg.pinv(design, rcond=1e-10) @ noise.whitener)[0]


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

    A form without a crossing adds nothing; its absence shows in ``by_form``.
    """
    x = ratio * np.exp([-1e-4, 1e-4])
    ends = [fit.predict(form, x / s)[0] for fit, s in zip(fits, scale, strict=True)]
    slope = float(np.diff(ends[1] - ends[0])[0]) / 2e-4
    if slope == 0:
        return {}
    H = [sensitivity(n, form, f, ratio / s) / slope for n, f, s in zip(pair, fits, scale, strict=True)]
    moved = [n.offset_loading @ h for n, h in zip(pair, H, strict=True)]
    replicates = sum(n.replicate * float(g @ g) for n, g in zip(pair, moved, strict=True))
    if pair[0].counts.replicates == pair[1].counts.replicates and pair[0].replicates > 1:
        limit = np.sqrt(pair[0].replicate * pair[1].replicate)  # a covariance no larger than the variances allow
        covariance = float(pair[0].offsets @ pair[1].offsets) / (pair[0].replicates - 1)
        replicates -= 2 * float(moved[0] @ moved[1]) * float(np.clip(covariance, -limit, limit))
    names = [name for name, found in by_form.items() if found]
    logs = np.array([min(np.log(by_form[n]), key=lambda v: abs(v - np.log(ratio))) for n in names])
    w = np.array([weight[n] for n in names])
    mean = (w * logs).sum() / w.sum() if w.sum() > 0 else 0.0
    parts = {
        "test_set": sum(float(h @ n.from_sampling @ h) for h, n in zip(H, pair, strict=True)),
        "replicates": max(replicates, 0.0),
        "training": sum(float(h @ n.from_training @ h) for h, n in zip(H, pair, strict=True)),
        "functional_form": float((w * (logs - mean) ** 2).sum() / w.sum()) if w.sum() > 0 else 0.0,
    }
    total = sum(parts.values())
    return {k: v / total for k, v in parts.items()} if total > 0 else {}
