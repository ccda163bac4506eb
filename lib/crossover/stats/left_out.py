"""Cells left out and predicted from the others: how far the curves can be trusted on a study's own rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from crossover.stats.counts import CurveCounts, curve_counts, validate_counts
from crossover.stats.curves import fit_noises
from crossover.stats.noise import own_replicates, variance_components
from crossover.stats.seed_size_law import fit_seed_sizes

MIN_LEFT = 4  # budgets that a curve keeps
COLUMNS = "task strategy seed_size ratio measured predicted low high held error replicates largest"


def left_out_cells(table: pd.DataFrame, level: float = 0.9, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Leave out each cell of a study (all replicates of one strategy, size and budget) and predict its mean.

    Cells between the tested budgets are read from the flexible curves, the smallest and largest of a curve from the law
    over seed-set sizes. The mean is that of the same replicates, so their offsets are no error; the left-out cells' own
    sampling and training noise is. Columns :data:`COLUMNS`: ``error`` is the standard error of the prediction, that
    noise included.
    """
    curves = curve_counts(validate_counts(table))
    parts = [variance_components(c) for c in curves]
    rng = np.random.default_rng([seed, 3])
    rows = []
    for own, c in zip(parts, curves, strict=True):
        if len(c.ratios) <= MIN_LEFT:
            continue
        others = [own_replicates(n) for n in parts if n.counts.task == c.task and n is not own]
        for k, ratio in enumerate(c.ratios):
            fits = fit_noises([own_replicates(variance_components(_without(c, k))), *others], level, draws, seed)
            if 0 < k < len(c.ratios) - 1:
                values = fits.curves[0].at(np.array([ratio]))[1][:, 0]
            else:
                same = replace(fits, curves=tuple(f for f in fits if f.strategy == c.strategy))
                values = fit_seed_sizes(same)[c.task, c.strategy].cell(c.seed_size, float(ratio))
            there = c.tested[:, k] > 0
            measured = float((c.correct[there, k] / c.tested[there, k]).mean())
            spread = np.sqrt((own.sampling[there, k].mean() + fits.curves[0].noise.training) / there.sum())
            predicted = float(np.median(values))
            df = sum(f.noise.cell_df for f in fits if f.seed_size == c.seed_size)
            values = values + rng.standard_t(df or np.inf, draws) * spread
            low, below, above, high = np.quantile(values, [(1 - level) / 2, 0.1587, 0.8413, (1 + level) / 2])
            rows.append(
                (*c.key, ratio, measured, predicted, low, high, bool(low <= measured <= high), (above - below) / 2,
                 int(there.sum()), k == len(c.ratios) - 1)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS.split())


def _without(c: CurveCounts, k: int) -> CurveCounts:
    """The counts without one budget; a replicate that was run at this budget alone goes, too."""
    keep = np.arange(len(c.ratios)) != k
    there = c.tested[:, keep].any(1)
    parts = {"correct": c.correct, "tested": c.tested, "item_variance": c.item_variance}
    parts = {name: None if values is None else values[there][:, keep] for name, values in parts.items()}
    names = tuple(name for name, yes in zip(c.replicates, there, strict=True) if yes)
    return replace(c, ratios=c.ratios[keep], replicates=names, **parts)
