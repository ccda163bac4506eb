"""Where a difference changes sign along a grid of log ratios, and where draws of it leave its sign open.

``positive`` (n,) is the share of draws in which the difference is above zero at each point of the grid ``logs``; its
sign is open where that share lies between ``tail`` and ``1 - tail``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from crossover.stats.formatting import Ends


def sign_changes(
    logs: np.ndarray, values: np.ndarray, difference: Callable[[float], np.ndarray]
) -> list[tuple[float, bool]]:
    """Sign changes as (log ratio, rising): bracketed by ``values`` (n,) on the grid, solved to full precision.

    >>> [(round(r, 6), up) for r, up in sign_changes(np.linspace(-3, 3, 10), np.linspace(-2, 4, 10), lambda t: t + 1)]
    [(-1.0, True)]
    """
    # a thousandth of a point is no lead: two curves that have both levelled off at one value do not cross
    sign = np.where(np.abs(values) < 1e-5, 0, np.sign(values))
    known = np.nonzero(sign)[0]
    out = []
    for a, b in pairwise(known):
        if sign[a] != sign[b]:
            out.append((_bisect(difference, logs[a], logs[b], sign[b]), bool(sign[b] > 0)))
    return out


def between_decided(
    logs: np.ndarray, positive: np.ndarray, found: list[tuple[float, bool]], tail: float
) -> list[tuple[float, bool]]:
    """Those sign changes that lie between ratios at which opposite leads are decided; all where there is none."""
    decided = np.where(positive >= 1 - tail, 1, np.where(positive <= tail, -1, 0))
    known = np.nonzero(decided)[0]
    kept = []
    for i, j in pairwise(known):
        gap = [(root, up) for root, up in found if logs[i] <= root <= logs[j] and up == (decided[j] > 0)]
        if decided[i] != decided[j] and gap:
            kept.append(gap[len(gap) // 2])
    return kept or found


def _bisect(difference: Callable[[float], np.ndarray], low: float, high: float, sign_high: float) -> float:
    """Root of a difference whose sign at ``high`` is known, to rounding."""
    for _ in range(6):  # each round narrows the bracket 64 times
        t = np.linspace(low, high, 65)
        there = np.append(np.sign(difference(t[1:-1])) == sign_high, True)
        k = int(np.argmax(there))
        low, high = t[k], t[k + 1]
    return float(low + high) / 2


def crossing_probability(draws: np.ndarray) -> float:
    """Share of draws (rows) that change sign along the row."""
    return float(((draws > 0).any(1) & (draws < 0).any(1)).mean())


def open_region(logs: np.ndarray, positive: np.ndarray, at: float, tail: float) -> Ends:
    """Ends of the stretch around ``at`` where the sign is open; ``None`` where it runs off the grid."""
    depth = np.minimum(positive, 1 - positive) - tail  # positive where the sign is open
    k = int(np.clip(np.searchsorted(logs, at), 1, len(logs) - 1))
    ends: list[float | None] = []
    for step, start in ((-1, k - 1), (1, k)):
        n = start
        while 0 <= n < len(logs) and depth[n] >= 0:
            n += step
        if not 0 <= n < len(logs):
            ends.append(None)
        else:
            inner = n - step
            if n == start:  # already closed at the nearest grid point: the end lies between it and the crossing
                ends.append(float(np.exp(at if abs(logs[n] - at) < 1e-12 else (logs[n] + at) / 2)))
            else:
                fraction = depth[inner] / (depth[inner] - depth[n])
                ends.append(float(np.exp(logs[inner] + fraction * (logs[n] - logs[inner]))))
    return ends[0], ends[1]


def nearest_region(logs: np.ndarray, positive: np.ndarray, tail: float, inside: np.ndarray) -> Ends:
    """The open stretch nearest to the tested range, for point fits that do not cross."""
    candidates = np.nonzero(np.minimum(positive, 1 - positive) >= tail)[0]
    if not candidates.size:
        return None, None
    first, last = np.nonzero(inside)[0][[0, -1]]
    distance = np.maximum(np.maximum(first - candidates, candidates - last), 0)
    return open_region(logs, positive, logs[candidates[distance.argmin()]], tail)
