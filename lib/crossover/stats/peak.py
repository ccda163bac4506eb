r"""Where a curve over the synthetic share has its peak, with an interval over replicates and test items.

The curve is a parabola in the share, the simplest that can rise and fall; its highest point within the range that was
run is the peak. Replicates and items are drawn anew together, as both are samples of something larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossover.errors import CrossoverError

LEVEL = 0.9


@dataclass(frozen=True)
class Peak:
    """The peak's ``share`` (NaN where all have the same accuracy) with its 90% interval.

    ``ends`` are of the range that was run, ``inside`` is the share of draws whose peak lies between them.
    """

    share: float
    low: float
    high: float
    inside: float
    ends: tuple[float, float]


def find_peak(shares: np.ndarray, outcomes: np.ndarray, draws: int = 2000, seed: int = 0) -> Peak:
    """Return the peak over three rising shares (S,) or more, from outcomes (S, R, I) by replicate and item."""
    shares, outcomes = np.asarray(shares, float), np.asarray(outcomes, float)
    if len(shares) < 3 or outcomes.ndim != 3 or len(outcomes) != len(shares):
        raise CrossoverError(
            f"A peak needs three shares or more with outcomes (shares, replicates, items), not {outcomes.shape}."
        )
    rng = np.random.default_rng(seed)
    _, replicates, items = outcomes.shape
    means = np.empty((draws, len(shares)))
    for row in means:
        weight = np.bincount(rng.integers(items, size=items), minlength=items) / items
        row[:] = (outcomes[:, rng.integers(replicates, size=replicates)].mean(1) * weight).sum(1)
    at = np.linspace(shares[0], shares[-1], 201)
    found = _peaks(shares, means, at)
    flat = np.isnan(found)  # the peak may then be anywhere
    found[flat] = np.linspace(shares[0], shares[-1], int(flat.sum()))
    ends = (float(shares[0]), float(shares[-1]))
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    inside = float(((found > ends[0]) & (found < ends[1])).mean())
    return Peak(float(_peaks(shares, outcomes.mean((1, 2))[None], at)[0]), float(low), float(high), inside, ends)


def _peaks(shares: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return where each row's fitted parabola is highest on a grid; NaN for a row without differences."""
    fitted = np.vander(at, 3) @ np.linalg.lstsq(np.vander(shares, 3), means.T, rcond=None)[0]
    return np.where(np.ptp(means, axis=1) > 1e-12, at[fitted.argmax(0)], np.nan)
