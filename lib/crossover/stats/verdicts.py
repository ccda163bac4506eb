"""The verdict that an interval gives on a prediction, and how large a study must be to give one.

A *part* of a claim predicts on which side of a threshold a quantity lies. The rule treats both sides alike: the mirror
image of a part (other side, other sign) has the mirror image of its verdict.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from crossover.stats.noise import t_quantile

if TYPE_CHECKING:
    from crossover.stats.contrasts import Components

LEVEL = 0.9
#: Replicates that a firm verdict needs.
FIRM = 3
#: The least signal-to-noise ratio of a task on which a verdict rests (:func:`crossover.stats.noise.signal_to_noise`):
#: conditions lie at least as far apart as replicates of one.
LEAST_SIGNAL = 1.0
#: Verdicts, from the one that weighs most in a claim of several parts to the one that weighs least.
VERDICTS = (
    "contradicted", "weakly contradicted", "no difference that matters", "not run in this profile", "at the floor",
    "inconclusive", "weakly supported", "supported",
)  # fmt: skip
DECIDED = {"contradicted", "weakly contradicted", "no difference that matters", "weakly supported", "supported"}

WANTED = 0.8  # probability of a decision that a study is planned for
#: Standard deviation between replicates of a difference between two strategies, beyond that of the items' answers: from
#: the published word problems.
REPLICATE_SPREAD = 0.05
MOST_REPLICATES, MOST_STUDENTS, ITEM_FACTORS = 64, 4, (1, 1.5, 2, 3, 4)

Interval = Callable[[float], tuple[float, float]]


def verdict(
    interval: Interval, side: str, threshold: float, resolution: float, *, parts: int = 1, replicates: int = FIRM
) -> str:
    """Return the verdict that an interval gives on one of a claim's ``parts``, k in number.

    ``interval`` gives its ends by level, ``side`` ("above" or "below" the ``threshold``) is where the part puts the
    quantity. *Supported* and *contradicted*: the interval at 1 - 0.1/k lies on one side (Bonferroni), with
    :data:`FIRM` replicates. *No difference that matters*: the 90% interval lies within the resolution of the
    threshold. *Weakly*: the interval at 1 - 0.5/k lies on one side, and the half-width of the 90% interval is within
    the resolution. *Inconclusive*: anything else.

    >>> from crossover.stats.contrasts import Contrast
    >>> lead = Contrast(0.05, 0.02, 20, 5, 100, 0.9, 0.01)
    >>> [verdict(lead.interval, "above", threshold, 0.04) for threshold in (0.0, 0.03, 0.05, 0.1)]
    ['supported', 'weakly supported', 'no difference that matters', 'contradicted']
    """
    sign = 1 if side == "above" else -1

    def ends(level: float) -> tuple[float, float]:
        low, high = sorted(sign * (end - threshold) for end in interval(level))
        return low, high

    low, high = ends(1 - (1 - LEVEL) / parts)
    if replicates >= FIRM and (low > 0 or high < 0):
        return "supported" if low > 0 else "contradicted"
    low, high = ends(LEVEL)
    if -resolution < low and high < resolution:
        return "no difference that matters"
    precise = (high - low) / 2 <= resolution
    low, high = ends(1 - 0.5 / parts)
    if precise and (low > 0 or high < 0):
        return "weakly supported" if low > 0 else "weakly contradicted"
    return "inconclusive"


def at_the_floor(accuracies: Sequence[float], chance: float, detectable: float) -> bool:
    """Return whether both sides of a comparison are within one detectable effect of 0 or of chance."""
    return all(min(accuracy, abs(accuracy - chance)) <= detectable for accuracy in accuracies)


def weakest(verdicts: Sequence[str]) -> str:
    """Return the verdict of a claim, all of whose parts must hold."""
    return min(verdicts, key=VERDICTS.index)


@dataclass(frozen=True)
class Spread:
    """Variance components of a contrast: of a draw of the seeds, a student on it, a test item, and the residual."""

    draw: float
    student: float
    item: float
    residual: float
    prior_df: float = 0.0  #: Degrees of freedom that the family adds to the replicates' own.
    floor: float = 0.0  #: The least standard error is its root over the items: 1 for correct answers, 0 for scores.

    def error(self, replicates: int, items: int, students: int = 1) -> tuple[float, float]:
        """Return the standard error of a study of this size, and its Satterthwaite degrees of freedom."""
        items = max(items, 1)
        shared = (self.draw + self.student / students + self.residual / students / items) / replicates
        tested = self.item / items
        df = replicates - 1 + self.prior_df
        square = shared**2 / max(df, 1) + tested**2 / max(items - 1, 1)
        total = max(shared + tested, self.floor / items**2)
        return float(np.sqrt(total)), float(total**2 / square) if square > 0 else float(max(items - 1, 1))


def spread(found: Components, between: float, df: float, student: float = 0.0, students: int = 1) -> Spread:
    """Return the variance components behind a contrast.

    ``between`` and ``df`` are of the replicates' means, drawn to the family's; ``student`` is the variance between the
    ``students`` on one draw, at most what the replicates vary by.
    """
    R, n = found.replicates, max(found.items, 1)
    residual = found.residual * R * n
    replicate = max(between - residual / n, 0.0)
    student = min(student, replicate * students)
    item = max(found.item * n - residual / R, 0.0)
    draw = replicate - student / students
    return Spread(draw, student, item, residual * students, max(df - (R - 1), 0.0), float(found.binary))


def detectable_lead(replicates: int, items: int) -> float:
    """Return the lead of one curve over another whose 90% interval excludes 0 with probability :data:`WANTED`.

    >>> [round(detectable_lead(replicates, 300), 3) for replicates in (1, 3, 6)]
    [0.161, 0.107, 0.069]
    """
    seeds, answers = REPLICATE_SPREAD**2, 0.5 / items
    df = (replicates - 1) * (1 + answers / seeds) ** 2 or np.inf  # one replicate: the spread is taken as known
    units = t_quantile((1 + LEVEL) / 2, df) + t_quantile(WANTED, df)
    return units * ((seeds + answers) / replicates) ** 0.5


def replicates_needed(lead: float, items: int) -> int | None:
    """Return the fewest replicates that tell a lead, or ``None`` where :data:`MOST_REPLICATES` do not.

    >>> replicates_needed(0.1, 300), replicates_needed(0.1, 60), replicates_needed(0.001, 60)
    (4, 7, None)
    """
    return next((n for n in range(1, MOST_REPLICATES + 1) if detectable_lead(n, items) <= lead), None)


def decision_probability(
    distance: float, error: float, df: float, resolution: float, *, parts: int = 1, replicates: int = FIRM
) -> float:
    """Return the probability that :func:`verdict` decides a part, either way.

    ``distance`` is the true value less the threshold; ``error`` and ``df`` are of the study's estimate.
    """

    def half(level: float) -> float:
        return t_quantile((1 + level) / 2, df) * error

    def below(value: float) -> float:
        return float(ndtr((value - distance) / error))

    ninety = half(LEVEL)
    beyond = half(1 - (1 - LEVEL) / parts) if replicates >= FIRM else np.inf
    if ninety <= resolution:
        beyond = min(beyond, half(1 - 0.5 / parts))
    within = min(max(resolution - ninety, 0.0), beyond)
    return 1 - below(beyond) + below(-beyond) + below(within) - below(-within)


@dataclass(frozen=True)
class Addition:
    """The size of study that decides a part: students per draw, its probability and its cost."""

    replicates: int
    students: int
    items: int
    probability: float
    seconds: float


def cheapest(
    known: Spread, distance: float, resolution: float, *, parts: int, replicates: int, items: int, train: float,
    test: float, students: int = 1,
) -> Addition | None:  # fmt: skip
    """Return the cheapest study that decides a part with probability :data:`WANTED`, or ``None`` where none does.

    Replicates are added to those at hand; further students train anew on a draw's data; more test items repeat every
    cell. ``train`` and ``test`` are the seconds of one replicate's students, one per draw.
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
