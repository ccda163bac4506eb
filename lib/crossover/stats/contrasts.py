r"""Differences between conditions, paired by test item and averaged over replicates, with intervals that cover both.

Replicates r and items i are both random, and crossed: :math:`d_{ri} = \delta + a_r + b_i + e_{ri}` has a mean with
variance :math:`V_R + V_I - V_E`, from the spread of the replicates' means, of the items' means, and the residual that
both contain. Source: Searle, Casella & McCulloch (1992), chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from crossover.errors import CrossoverError

POWER = 0.8  # at which the detectable effect is quoted
FALSE_DISCOVERY_RATE = 0.1  # among differences that are called one


@dataclass(frozen=True)
class Contrast:
    """A difference, as a fraction of 1, with its t interval; with one replicate it holds for that draw of the seeds."""

    estimate: float
    error: float  #: Standard error.
    df: float
    replicates: int
    items: int
    level: float  #: Of ``low`` and ``high``.
    least: float  #: The smallest true difference detectable at the best (:func:`minimum_detectable_effect`).

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval at a level between 0 and 1."""
        half = float(special.stdtrit(self.df, (1 + level) / 2)) * self.error if self.error else 0.0
        return self.estimate - half, self.estimate + half

    @property
    def low(self) -> float:
        return self.interval(self.level)[0]

    @property
    def high(self) -> float:
        return self.interval(self.level)[1]

    @property
    def detectable(self) -> float:
        """The smallest true difference that an interval of this level excludes 0 for, with probability 0.8."""
        if not self.error:
            return self.least
        units = special.stdtrit(self.df, (1 + self.level) / 2) + special.stdtrit(self.df, POWER)
        return max(float(units) * self.error, self.least)

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference."""
        if not self.error:
            return float(self.estimate == 0)
        return 2 * float(special.stdtr(self.df, -abs(self.estimate) / self.error))


@dataclass(frozen=True)
class Components:
    """A mean of crossed differences, and the parts of its variance: ``item`` and ``residual`` are V_I and V_E."""

    estimate: float
    replicates: int
    items: int
    between: float  #: Variance of the replicates' means, with ``R - 1`` degrees of freedom; 0 with one replicate.
    item: float
    item_df: float
    residual: float
    residual_df: float
    floor: float  #: The least variance of the mean.
    binary: bool  #: Whether outcomes are correct answers.

    def contrast(self, level: float = 0.9, between: float | None = None, df: float | None = None) -> Contrast:
        """Return the difference with its interval; ``between`` and ``df`` replace what its own replicates say."""
        R, own = self.replicates, between is None
        variance, df = (self.between, R - 1.0) if own else (between, df)
        parts = [(self.item, self.item_df)] + ([(variance / R, df)] if df else [])
        squares = [v**2 / d for v, d in parts]
        total, square = sum(v for v, _ in parts), sum(squares)
        if R > 1:
            total, square = total - self.residual, square + self.residual**2 / self.residual_df
        # a component that comes out negative is taken as 0: the variance is never less than either part alone
        total, square = max([(total, square), *((v, s) for (v, _), s in zip(parts, squares, strict=True))])
        freedom = total**2 / square if total > 0 else max(R - 1.0, 1.0)
        if total < self.floor:
            total, freedom = self.floor, max(freedom, self.items - 1.0)
        least = minimum_detectable_effect(R, self.items, level) if self.binary else 0.0
        return Contrast(self.estimate, float(np.sqrt(total)), freedom, R, self.items, level, least)


def components(
    differences: np.ndarray, strata: Sequence[str] | np.ndarray | None = None, binary: bool = True
) -> Components:
    """Return the mean of crossed differences (R, I), by replicate and test item, and the parts of its variance.

    ``strata`` (I,) name the evaluation set of each item, and each set weighs the same; ``binary`` says that outcomes
    are correct answers, not scores. The variance of correct answers is at least 1/I² (one item flipping).

    >>> c = components(np.array([[1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 1, 1], [1, 0, 1, 0, 1, 1]])).contrast()
    >>> round(c.estimate, 3), round(c.low, 3), round(c.high, 3)
    (0.556, 0.181, 0.93)
    """
    d = np.asarray(differences, float)
    sets = [d] if strata is None else [d[:, np.asarray(strata) == name] for name in dict.fromkeys(strata)]
    if d.ndim != 2 or d.shape[0] < 1 or min(one.shape[1] for one in sets) < 2 or not np.isfinite(d).all():
        raise CrossoverError(
            f"A contrast needs a table of finite numbers, replicates by at least two test items per set; got the shape "
            f"{d.shape}{'' if np.isfinite(d).all() else ' and values that are not finite'}."
        )
    R, K = len(d), len(sets)
    by_replicate = np.mean([one.mean(1) for one in sets], axis=0)
    items, rests = [], []
    for one in sets:
        n = one.shape[1]
        items.append((one.mean(0).var(ddof=1) / n / K**2, n - 1.0))
        rest = one - one.mean(1, keepdims=True) - one.mean(0) + one.mean()
        rests.append(((rest**2).sum() / max(R - 1, 1) / (n - 1) / R / n / K**2, max(R - 1, 1) * (n - 1.0)))
    (item, item_df), (residual, residual_df) = _sum(items), _sum(rests)
    floor = float(np.mean([(K * one.shape[1]) ** -2.0 for one in sets])) if binary else 0.0
    between = float(by_replicate.var(ddof=1)) if R > 1 else 0.0
    return Components(
        float(by_replicate.mean()), R, d.shape[1], between, item, item_df, residual, residual_df, floor, binary
    )


@dataclass(frozen=True)
class Prior:
    """What a family of like contrasts says about the variance between replicates."""

    variance: float
    df: float  #: What the family is worth in degrees of freedom; infinite where its members do not differ detectably.
    most: float  #: Degrees of freedom of all members together; no moderated variance has more.

    def moderate(self, variance: float, df: float) -> tuple[float, float]:
        """Return a member's variance drawn to the family's, and its degrees of freedom.

        >>> Prior(2.0, 4.0, 20.0).moderate(8.0, 2.0)
        (4.0, 6.0)
        """
        if np.isinf(self.df):
            return self.variance, self.most
        return (self.df * self.variance + df * variance) / (self.df + df), min(self.df + df, self.most)

    def between(self, found: Components, load: float) -> tuple[float, float]:
        """Return a contrast's variance between replicates, drawn to the family's, and its degrees of freedom.

        ``load`` is the sum of its squared weights: members are alike in units of one student's variance.
        """
        variance, df = self.moderate(found.between / load, found.replicates - 1.0)
        return variance * load, df


def squeeze(variances: Sequence[float], df: Sequence[float]) -> Prior:
    """Estimate the prior of a family's variances, with their degrees of freedom, by the moments of their logarithms.

    Two or three replicates alone say little about the spread between replicates, so like contrasts are pooled. Source:
    Smyth (2004), section 6.2, as ``squeezeVar`` of limma.

    >>> prior = squeeze([1.0, 1.1, 0.9, 1.0], [4, 4, 4, 4])
    >>> round(prior.variance, 2), prior.df, prior.most
    (1.31, inf, 16.0)
    """
    s, d = (np.asarray(values, float) for values in (variances, df))
    s, d = s[d > 0], d[d > 0]
    if not len(s) or not np.median(s) > 0:
        raise CrossoverError("A family needs a member whose replicates differ; run two replicates or more.")
    s = np.maximum(s, 1e-5 * np.median(s))
    e = np.log(s) - special.digamma(d / 2) + np.log(d / 2)
    spread = (e.var(ddof=1) if len(e) > 1 else 0.0) - special.polygamma(1, d / 2).mean()
    if spread <= 0:
        return Prior(float(np.exp(e.mean())), np.inf, float(d.sum()))
    d0 = 2 * _inverse_trigamma(float(spread))
    return Prior(float(np.exp(e.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))), d0, float(d.sum()))


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """Return which of several differences may be called one at :data:`FALSE_DISCOVERY_RATE`; missing values are none.

    >>> benjamini_hochberg([0.001, 0.04, 0.03, 0.6]).tolist(), benjamini_hochberg([0.04, 0.3, 0.6]).tolist()
    ([True, True, True, False], [False, False, False])
    """
    from scipy import stats  # slow to load, and no part of advice

    values = np.asarray(p, float)
    there = ~np.isnan(values)
    called = np.zeros(len(values), bool)
    called[there] = stats.false_discovery_control(values[there]) <= FALSE_DISCOVERY_RATE if there.any() else False
    return called


def items_needed(differences: np.ndarray, effect: float, level: float = 0.9) -> int:
    """Return how many test items would show a true effect with probability 0.8, the replicates being as they are.

    >>> items_needed(np.array([[1, 0, 0, -1, 0, 0, 0, 1]]), 0.01)
    25393
    """
    d = np.asarray(differences, float)
    variance = max(float(d.mean(0).var(ddof=1)), abs(effect) / len(d))
    return int(np.ceil(_units(level) ** 2 * variance / effect**2))


def minimum_detectable_effect(replicates: int, items: int, level: float = 0.9) -> float:
    """Return the smallest true difference of correct answers that could be detected with probability 0.8, at the best.

    A difference brings a variance of at least its own size per item and replicate.

    >>> round(minimum_detectable_effect(3, 100), 4)
    0.0206
    """
    return _units(level) ** 2 / (replicates * items)


def _units(level: float) -> float:
    """Standard errors between no difference and one that is detected."""
    return float(special.ndtri((1 + level) / 2) + special.ndtri(POWER))


def _sum(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Add independent variances; Satterthwaite's degrees of freedom."""
    total, square = sum(v for v, _ in parts), sum(v**2 / d for v, d in parts)
    return float(total), float(total**2 / square) if square else float(sum(d for _, d in parts))


def _inverse_trigamma(value: float) -> float:
    """Solve ``trigamma(x) = value`` for ``x``; ``log(trigamma)`` falls nearly linearly in ``log(x)``."""
    from scipy import optimize  # slow to load, and no part of advice

    return float(np.exp(optimize.brentq(lambda t: np.log(special.polygamma(1, np.exp(t)) / value), -20, 20)))
