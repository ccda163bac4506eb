r"""A difference between conditions, paired by test item and averaged over replicates, with an interval for both.

Every student answers the same test items, and every condition of one replicate starts from the same seeds. A contrast is
therefore one table: for replicate ``r`` and item ``i`` the weighted sum :math:`d_{ri}` of what the conditions' students
answered (1 right, 0 wrong). Replicates and items are both samples of something larger, so both are random, and crossed:

.. math:: d_{ri} = \delta + a_r + b_i + e_{ri}, \qquad
   \widehat{\mathrm{var}}\,\bar d = \frac{MS_R + MS_I - MS_E}{RI},

with Satterthwaite's degrees of freedom. Source: Searle, Casella & McCulloch (1992), chapter 4. Of right answers the variance is
at least what a single item answered differently would bring, :math:`1 / I^2`: where nothing varied, little is known, not all.

With two replicates the interval is too narrow where these happen to agree, since two draws say little of how far draws differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from crossover.errors import CrossoverError

POWER = 0.8  # at which the detectable effect is quoted
FALSE_DISCOVERIES = 0.1  # share of false ones that is let among differences called out of many


@dataclass(frozen=True)
class Contrast:
    """A difference in accuracy with its interval.

    Attributes
    ----------
    estimate, low, high : float
        As fractions of 1.
    error : float
        Standard error.
    df : float
        Degrees of freedom of the interval.
    level : float
    detectable : float
        The smallest true difference that this many replicates and items would have told from 0 with probability 0.8, at
        this standard error or, of right answers, at the least that such a difference brings with it (:func:`minimum_detectable_effect`).
    replicates, items : int
        With one replicate the interval holds for that draw of the seeds, and for the students trained on it, alone.
    p : float
        Two-sided, of no difference.
    """

    estimate: float
    low: float
    high: float
    error: float
    df: float
    level: float
    detectable: float
    replicates: int
    items: int
    p: float


def contrast(differences: np.ndarray, level: float = 0.9, binary: bool = True) -> Contrast:
    """Return the mean of crossed differences with an interval.

    Parameters
    ----------
    differences : (R, I) array
        Weighted sums of outcomes, by replicate and test item.
    level : float
        Of the interval, between 0 and 1.
    binary : bool
        Whether they are of right answers; otherwise of scores.

    Raises
    ------
    CrossoverError
        Not a table of numbers with at least two items.

    Examples
    --------
    >>> c = contrast(np.array([[1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 1, 1], [1, 0, 1, 0, 1, 1]]))
    >>> round(c.estimate, 3), round(c.low, 3), round(c.high, 3)
    (0.556, 0.181, 0.93)
    """
    d = np.asarray(differences, float)
    if d.ndim != 2 or d.shape[0] < 1 or d.shape[1] < 2 or not np.isfinite(d).all():
        raise CrossoverError(
            f"A contrast needs a table of numbers, replicates by at least two test items; this one has the shape {d.shape}"
            f"{' with values that are no numbers' if not np.isfinite(d).all() else ''}."
        )
    R, n = d.shape
    by_replicate, by_item, mean = d.mean(1), d.mean(0), float(d.mean())
    items = R * float(by_item.var(ddof=1))
    if R == 1:
        variance, df = items / n, n - 1.0
    else:
        replicates = n * float(by_replicate.var(ddof=1))
        rest = d - by_replicate[:, None] - by_item[None, :] + mean
        residual = float((rest**2).sum()) / ((R - 1) * (n - 1))
        parts = (replicates**2 / (R - 1), items**2 / (n - 1), residual**2 / ((R - 1) * (n - 1)))
        # An effect that comes out negative is taken as none: the variance is never less than either part alone says.
        total, squares = max((replicates + items - residual, sum(parts)), (replicates, parts[0]), (items, parts[1]))
        df = total**2 / squares if total > 0 else R - 1.0
        variance = total / (R * n)
    if binary and variance < 1 / n**2:
        variance, df = 1 / n**2, max(df, n - 1.0)
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    detectable = max(
        half + float(stats.t.ppf(POWER, df)) * error, minimum_detectable_effect(R, n, level) if binary else 0.0
    )
    p = 2 * float(stats.t.sf(abs(mean) / error, df)) if error else float(mean == 0)
    return Contrast(mean, mean - half, mean + half, error, df, level, detectable, R, n, p)


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """Return which of several differences may be called one, with :data:`FALSE_DISCOVERIES` of those called false on average.

    The procedure of Benjamini and Hochberg (1995), which holds for differences that share test items and controls, too, where
    these make them positively dependent; a missing value is none.

    >>> benjamini_hochberg([0.001, 0.04, 0.03, 0.6]).tolist(), benjamini_hochberg([0.04, 0.3, 0.6]).tolist()
    ([True, True, True, False], [False, False, False])
    """
    values = np.asarray(p, float)
    there = ~np.isnan(values)
    called = np.zeros(len(values), bool)
    called[there] = stats.false_discovery_control(values[there]) <= FALSE_DISCOVERIES if there.any() else False
    return called


def items_needed(differences: np.ndarray, effect: float, level: float = 0.9) -> int:
    """Return how many test items would show a true effect with probability 0.8, the replicates being as they are.

    .. math:: n = (z_{(1 + level)/2} + z_{0.8})^2 \\max(s^2, effect / R) / effect^2,

    s being the standard deviation of the items' mean differences, which where hardly any answer is right says too little: a
    difference brings a variance of its own (:func:`minimum_detectable_effect`). What differs from replicate to replicate is not reduced by
    further items, and comes on top.

    >>> items_needed(np.array([[1, 0, 0, -1, 0, 0, 0, 1]]), 0.01)
    25322
    """
    d = np.asarray(differences, float)
    variance = max(float(d.mean(0).var(ddof=1)), abs(effect) / len(d))
    return int(np.ceil(_units(level) ** 2 * variance / effect**2))


def minimum_detectable_effect(replicates: int, items: int, level: float = 0.9) -> float:
    r"""Return the smallest true difference of right answers that could be told from 0 with probability 0.8, at the best.

    An item that is won or lost differs by one, so the variance of a difference :math:`\delta` is at least :math:`\delta` an item
    and replicate, and

    .. math:: \delta \ge (z_{(1 + level)/2} + z_{0.8})^2 / (R I).

    >>> round(minimum_detectable_effect(3, 100), 4)
    0.0206
    """
    return _units(level) ** 2 / (replicates * items)


def _units(level: float) -> float:
    """Standard errors between no difference and one that is told from it."""
    return float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(POWER))
