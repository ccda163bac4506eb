"""Cells left out and predicted from the others: how far the curves can be trusted on a study's own rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from crossover.stats import noise
from crossover.stats.counts import CurveCounts, curve_counts, validate_counts
from crossover.stats.curves import fit_noises

MIN_LEFT = 4  # budgets that a curve keeps


def left_out_cells(table: pd.DataFrame, level: float = 0.9, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Leave out each cell of a study (all replicates of one strategy, size and budget) and predict its mean.

    The curves of the same task are fitted together, as always; the prediction interval adds the left-out cells' own
    sampling and training noise.

    Returns
    -------
    DataFrame
        ``task, strategy, seed_size, ratio, measured, predicted, low, high, held, largest`` (no larger budget is left).
    """
    curves = curve_counts(validate_counts(table))
    parts = [noise.variance_components(c) for c in curves]
    rng = np.random.default_rng([seed, 3])
    rows = []
    for i, c in enumerate(curves):
        if len(c.ratios) <= MIN_LEFT:
            continue
        others = [n for n in parts if n.counts.task == c.task and n.counts.key != c.key]
        for k, ratio in enumerate(c.ratios):
            fitted = fit_noises([noise.variance_components(_without(c, k)), *others], level, draws, seed).curves[0]
            there = c.tested[:, k] > 0
            measured = float((c.correct[there, k] / c.tested[there, k]).mean())
            spread = np.sqrt((parts[i].sampling[there, k].mean() + fitted.noise.training) / there.sum())
            mean, values = fitted.at(np.array([ratio]))
            values = values[:, 0] + rng.standard_normal(draws) * spread
            low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
            held = bool(low <= measured <= high)
            rows.append((*c.key, ratio, measured, float(mean[0]), low, high, held, k == len(c.ratios) - 1))
    names = "task strategy seed_size ratio measured predicted low high held largest"
    return pd.DataFrame(rows, columns=names.split())


def _without(c: CurveCounts, k: int) -> CurveCounts:
    keep = np.arange(len(c.ratios)) != k
    variance = None if c.item_variance is None else c.item_variance[:, keep]
    there = c.tested[:, keep].any(1)  # a replicate that was run at this budget alone goes too
    names = tuple(name for name, yes in zip(c.replicates, there, strict=True) if yes)
    cells = {"correct": c.correct[there][:, keep], "tested": c.tested[there][:, keep]}
    variance = None if variance is None else variance[there]
    return replace(c, ratios=c.ratios[keep], replicates=names, item_variance=variance, **cells)
