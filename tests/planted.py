"""Studies whose curves are planted: tables of counts drawn from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

RATIOS = np.array([1.0, 2, 4, 8, 16, 32, 64])


def counts(curve, ratios=RATIOS, replicates=3, n=1000, seed=0, offset=0.0, training=0.0, strategy="a", size=100):
    """A table of counts drawn from a curve with a replicate effect and training noise of given standard deviations."""
    rng = np.random.default_rng(seed)
    rows = []
    for j in range(replicates):
        u = rng.normal(0, offset) if offset else 0.0
        for r in ratios:
            p = float(np.clip(curve(r) + u + (rng.normal(0, training) if training else 0), 0, 1))
            rows.append((strategy, size, r * size, j, int(rng.binomial(n, p)), n))
    return pd.DataFrame(rows, columns=["strategy", "seed_size", "budget", "replicate", "n_correct", "n_test"])


def rising(E=0.7, B=0.5, tau=8.0):
    return lambda r: E - B * np.exp(-r / tau)


EARLY, LATE = rising(0.55, 0.40, 5.0), rising(0.72, 0.62, 14.0)


def noisy(a, b, seed=0, **kw):
    return pd.concat(
        [
            counts(a, seed=seed, strategy="answer_augmentation", **kw),
            counts(b, seed=seed + 1, strategy="new_question", **kw),
        ],
        ignore_index=True,
    )
