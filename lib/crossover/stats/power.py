r"""How large a study must be to decide a prediction: from the variance components of a smaller one.

For ``R`` replicates with ``m`` students per draw and ``I`` test items

.. math:: \mathrm{var}\,\bar d = \frac{\sigma_d^2 + \sigma_s^2 / m}{R} + \frac{\sigma_I^2}{I} + \frac{\sigma_e^2}{R I},

where a draw of the seed questions, a student on it, a test item and the residual each have a component. The probability
of a decision is that of :func:`crossover.stats.verdicts.verdict`, if the present estimate is the truth and the standard
error is as predicted.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import stats

from crossover.stats.contrasts import Components
from crossover.stats.noise import t_quantile
from crossover.stats.verdicts import FIRM, LEVEL

WANTED = 0.8  # probability of a decision
#: Standard deviation between replicates of a difference between two strategies, beyond that of the items' answers: from
#: the published study's word problems.
REPLICATE_SPREAD = 0.04
MOST_REPLICATES, MOST_STUDENTS, ITEM_FACTORS = 64, 4, (1, 1.5, 2, 3, 4)


@dataclass(frozen=True)
class Spread:
    r"""Variance components of a contrast: :math:`\sigma_d^2, \sigma_s^2, \sigma_I^2, \sigma_e^2`."""

    draw: float
    student: float
    item: float
    residual: float
    prior_df: float = 0.0  #: Degrees of freedom that the family adds to the replicates' own.
    floor: float = 0.0  #: The least standard error is its root over ``I``: 1 for correct answers, 0 for scores.

    def error(self, replicates: int, items: int, students: int = 1) -> tuple[float, float]:
        """Return the standard error of a study of this size, and its degrees of freedom."""
        items = max(items, 1)
        shared = (self.draw + self.student / students + self.residual / students / items) / replicates
        tested = self.item / items
        df = replicates - 1 + self.prior_df
        square = shared**2 / max(df, 1) + tested**2 / max(items - 1, 1)
        total = max(shared + tested, self.floor / items**2)
        return float(np.sqrt(total)), float(total**2 / square) if square > 0 else float(max(items - 1, 1))


def spread(found: Components, between: float, df: float, student: float = 0.0, students: int = 1) -> Spread:
    """Return the variance components behind a contrast.

    ``between`` and ``df`` are the variance of the replicates' means and its degrees of freedom, drawn to the family's;
    ``student`` is the variance between the ``students`` on one draw, at most what the replicates vary by.
    """
    R, n = found.replicates, max(found.items, 1)
    residual = found.residual * R * n
    replicate = max(between - residual / n, 0.0)
    student = min(student, replicate * students)
    item = max(found.item * n - residual / R, 0.0)
    draw = replicate - student / students
    return Spread(draw, student, item, residual * students, max(df - (R - 1), 0.0), float(found.binary))


def detectable_lead(replicates: int, items: int) -> float:
    r"""Return the smallest lead of a strategy over another that curves over this many students tell, in accuracy.

    That is: with probability :data:`WANTED` the 90% interval excludes 0, for the standard error

    .. math:: \sqrt{(\sigma^2 + 2 \cdot 1/4 / n) / J}

    with n test items, J replicates, and :math:`\sigma` = :data:`REPLICATE_SPREAD`, known with J - 1 degrees of freedom.
    With one replicate it is taken as known.

    >>> [round(detectable_lead(replicates, 300), 3) for replicates in (1, 3, 6)]
    [0.142, 0.09, 0.06]
    """
    seeds, answers = REPLICATE_SPREAD**2, 0.5 / items
    df = (replicates - 1) * (1 + answers / seeds) ** 2 or np.inf
    units = t_quantile((1 + LEVEL) / 2, df) + t_quantile(WANTED, df)
    return units * ((seeds + answers) / replicates) ** 0.5


def replicates_needed(lead: float, items: int) -> int | None:
    """Return the fewest replicates that tell a lead, or ``None`` where :data:`MOST_REPLICATES` do not.

    >>> replicates_needed(0.1, 300), replicates_needed(0.1, 60), replicates_needed(0.001, 60)
    (3, 7, None)
    """
    return next((n for n in range(1, MOST_REPLICATES + 1) if detectable_lead(n, items) <= lead), None)


def decision_probability(
    distance: float, error: float, df: float, resolution: float, *, parts: int = 1, replicates: int = FIRM
) -> float:
    """Return the probability that a study decides a part, either way.

    ``distance`` is the true value less the threshold; ``error`` and ``df`` are of the study's estimate; the others are
    as for :func:`crossover.stats.verdicts.verdict`.

    >>> round(decision_probability(0.05, 0.01, 30, 0.05), 3), round(decision_probability(0.05, 0.05, 30, 0.05), 3)
    (1.0, 0.246)
    """

    def half(level: float) -> float:
        return float(stats.t.ppf((1 + level) / 2, df)) * error

    ninety = half(LEVEL)
    beyond = half(1 - (1 - LEVEL) / parts) if replicates >= FIRM else np.inf
    if ninety <= resolution:
        beyond = min(beyond, half(1 - 0.5 / parts))
    within = min(max(resolution - ninety, 0.0), beyond)
    mass = stats.norm(distance, error)
    return float(mass.sf(beyond) + mass.cdf(-beyond) + mass.cdf(within) - mass.cdf(-within))


@dataclass(frozen=True)
class Addition:
    """The size of study that decides a part.

    Replicates, students per draw and test items, its probability and its cost.
    """

    replicates: int
    students: int
    items: int
    probability: float
    seconds: float


def cheapest(
    known: Spread,
    distance: float,
    resolution: float,
    *,
    parts: int,
    replicates: int,
    items: int,
    train: float,
    test: float,
    students: int = 1,
) -> Addition | None:
    """Return the cheapest study that decides a part with probability :data:`WANTED`, or ``None`` where none does.

    Replicates are added to those at hand (``replicates``, ``students``, ``items``). Further students on a draw train
    anew on its data; more test items repeat every cell, because their number is part of it. ``train`` and ``test`` are
    the seconds of one replicate's students, one per draw.

    >>> cheapest(Spread(0.002, 0, 0, 0.1), 0.04, 0.05, parts=1, replicates=3, items=150, train=60, test=20)
    Addition(replicates=5, students=1, items=150, probability=0.8518633081405644, seconds=160)
    """
    best = None
    factors = ITEM_FACTORS if known.item or known.residual else (1,)
    per_draw = range(students, MOST_STUDENTS + 1) if known.student > 0 else (students,)
    for factor, m in itertools.product(factors, per_draw):
        tested = int(items * factor)
        for R in range(replicates, MOST_REPLICATES + 1):
            bought = R * m - (replicates * students if factor == 1 else 0)
            seconds = bought * (train + test * factor)
            if best is not None and seconds >= best.seconds:
                break
            error, df = known.error(R, tested, m)
            p = decision_probability(distance, error, df, resolution, parts=parts, replicates=R)
            if p >= WANTED and bought:
                best = Addition(R, m, tested, p, seconds)
                break
    return best
