"""Simulated families of contrasts: how often pooled intervals cover the truth, and how often verdicts are wrong.

``python -m crossover.stats.simulation.verdicts FILE`` makes the committed table (a minute).
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pandas as pd

from crossover.stats.contrasts import components, squeeze
from crossover.stats.verdicts import LEVEL, VERDICTS, verdict

MEMBERS, ITEMS = 12, 150
#: Standard deviations of the word problems' contrasts: replicate, item, residual.
SPREAD = (0.04, 0.07, 0.45)
RESOLUTION = 0.05


def verdict_rates(families: int = 150, seed: int = 0) -> pd.DataFrame:
    """Return coverage and the share of each verdict, by replicates, truth and how far variances differ within a family.

    Each row simulates ``families`` of twelve contrasts. ``prior_df`` is that of the true variances between replicates,
    infinite where all are alike; ``truth`` is the effect less the threshold; ``own`` and ``pooled`` are coverages at
    90%, ``own_width`` and ``pooled_width`` the mean widths.
    """
    rng, rows = np.random.default_rng(seed), []
    for replicates in (2, 3, 5, 8):
        for prior_df in (np.inf, 4.0):
            for truth in (0.0, RESOLUTION, 2 * RESOLUTION):
                found = [_family(rng, replicates, prior_df, truth) for _ in range(families)]
                covered, said = np.concatenate([c for c, _ in found]), Counter(v for _, vs in found for v in vs)
                means = dict(zip(("own", "pooled", "own_width", "pooled_width"), covered.mean(0), strict=True))
                shares = {
                    v: said[v] / len(covered) for v in VERDICTS if v not in ("at the floor", "not run in this profile")
                }
                rows.append(
                    {"replicates": replicates, "prior_df": prior_df, "truth": truth, "studies": len(covered)}
                    | means
                    | shares
                )
    return pd.DataFrame(rows)


def _family(rng: np.random.Generator, replicates: int, prior_df: float, truth: float) -> tuple[np.ndarray, list[str]]:
    """Coverages and widths of one family's members, and their verdicts."""
    draw, item, residual = SPREAD
    members = []
    for _ in range(MEMBERS):
        own = draw if np.isinf(prior_df) else draw * np.sqrt(prior_df / rng.chisquare(prior_df))
        noise = rng.normal(0, residual, (replicates, ITEMS)) + rng.normal(0, item, ITEMS)
        members.append(components(truth + rng.normal(0, own, replicates)[:, None] + noise, binary=False))
    prior = squeeze([m.between for m in members], [replicates - 1] * MEMBERS)
    out, said = [], []
    for m in members:
        alone, pooled = m.contrast(LEVEL), m.contrast(LEVEL, *prior.moderate(m.between, replicates - 1))
        ends = [c.interval(LEVEL) for c in (alone, pooled)]
        out.append([*(low <= truth <= high for low, high in ends), *(high - low for low, high in ends)])
        said.append(verdict(pooled.interval, "above", 0.0, RESOLUTION, replicates=replicates))
    return np.array(out, float), said


if __name__ == "__main__":
    verdict_rates().to_csv(sys.argv[1], index=False, float_format="%.4g")
