"""The verdict that an interval gives on a prediction, by a rule that treats both sides alike.

A *part* of a claim predicts on which side of a threshold a quantity lies. With ``k`` parts in the claim:

supported, contradicted
    The interval at ``1 - 0.1/k`` lies wholly on the predicted side, or wholly on the other (Bonferroni), with
    :data:`FIRM` replicates or more.
no difference that matters
    The 90% interval lies within plus and minus the resolution of the threshold.
weakly supported, weakly contradicted
    The interval at ``1 - 0.5/k`` lies wholly on one side, and the half-width of the 90% interval is within the
    resolution.
inconclusive
    Anything else that could be computed.
at the floor
    Both sides of the comparison are within one detectable effect of 0 or of chance, so that no difference could be
    seen.
not run in this profile
    Rows that the statistic needs are missing.

The mirror image of a part (other side, other sign) has the mirror image of its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
MIRRORED = {"supported": "contradicted", "weakly supported": "weakly contradicted"}
MIRRORED |= {mirror: verdict for verdict, mirror in MIRRORED.items()}

Interval = Callable[[float], tuple[float, float]]


def verdict(
    interval: Interval, side: str, threshold: float, resolution: float, *, parts: int = 1, replicates: int = FIRM
) -> str:
    """Return the verdict that an interval gives on one part of a claim.

    ``interval`` gives its ends by level, ``side`` ("above" or "below" the ``threshold``) is where the part puts the
    quantity, and ``resolution`` is the largest half-width at which a leaning is called one.

    Examples
    --------
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
    """Return whether both sides of a comparison are within one detectable effect of 0 or of chance.

    >>> at_the_floor([0.01, 0.02], 0.0, 0.03), at_the_floor([0.01, 0.2], 0.0, 0.03)
    (True, False)
    """
    return all(min(accuracy, abs(accuracy - chance)) <= detectable for accuracy in accuracies)


def weakest(verdicts: Sequence[str]) -> str:
    """Return the verdict of a claim, all of whose parts must hold.

    >>> weakest(["supported", "weakly supported"])
    'weakly supported'
    """
    return min(verdicts, key=VERDICTS.index)
