"""Outside the assumptions: another form of curve, and a single replicate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from crossover.stats.crossovers import Crossover
from crossover.stats.simulation.scenarios import DESIGNS, LATE, Scenario, Truth, holds, study


def with_form(world: Scenario, form: str, early: tuple[float, ...], late: tuple[float, ...]) -> Scenario:
    """The same asymptotes and gains under another form of curve, with the given nonlinear parameters."""
    return replace(
        world,
        name=f"{world.name}_{form}",
        title=f"{world.title}; truth: {form.replace('_', ' ')}",
        early=Truth(world.early.E, world.early.B, early, form),
        late=Truth(world.late.E, world.late.B, late, form),
    )


#: The same ends and gains as the exponential worlds, reached along other forms of curve.
OTHER_FORMS: tuple[Scenario, ...] = (
    DESIGNS[0],
    with_form(DESIGNS[0], "power_law", (4.0, 1.2), (12.0, 1.2)),
    with_form(DESIGNS[0], "rectified", (3.0, 1.1), (9.0, 1.1)),
)


def wrong_form(
    studies: int,
    level: float = 0.9,
    draws: int = 300,
    seed: int = 0,
    worlds: Iterable[Scenario] = OTHER_FORMS,
    fitted: Iterable[str] = ("exponential", "power_law"),
) -> pd.DataFrame:
    """Fit the right and the wrong form to worlds whose curves are not exponential.

    Returns
    -------
    DataFrame
        One row a (truth, fitted form): ``truth, fitted, true, rate`` (coverage of the crossover), ``mc_error, counted,
        median_over_true`` (of the estimates), ``lack_of_fit`` (share of curves whose status says so), ``beyond_miss``
        (median error of the predicted accuracy of ``LATE`` at four times the largest ratio that was run) and
        ``studies``.
    """
    rows = []
    for world in worlds:
        true = world.crossover()
        far = np.array([4 * world.ratios[-1]])
        for form in fitted:
            hits, estimates, lacking, misses = [], [], [], []
            for i in range(seed, seed + studies):
                fits, found = study(world, i, level, draws, form=form)
                hits.append(found.status != "none" and holds(*found.interval, true))
                estimates += [found.ratio] if found.ratio is not None else []
                lacking += [c.status == "lack_of_fit" for c in fits]
                misses.append(float(fits[LATE, world.seed_size].at(far)[0][0] - world.late(far)[0]))
            rate = float(np.mean(hits))
            rows.append(
                (
                    world.late.form, form, true, rate, np.sqrt(rate * (1 - rate) / studies), len(hits),
                    float(np.median(estimates)) / true, float(np.mean(lacking)), float(np.median(misses)), studies,
                )
            )  # fmt: skip
    names = "truth fitted true rate mc_error counted median_over_true lack_of_fit beyond_miss studies"
    return pd.DataFrame(rows, columns=names.split())


def replicates_seen(
    studies: int,
    level: float = 0.9,
    draws: int = 300,
    seed: int = 0,
    world: Scenario = DESIGNS[1],
    counts: Iterable[int] = (1, 2, 3, 5, 8),
) -> pd.DataFrame:
    """Coverage and width of the crossover's interval with more and fewer replicates, in a world with a shared offset.

    Returns
    -------
    DataFrame
        ``replicates, rate, mc_error, counted, median_width`` (high end over low end; infinite where half of them are
        open), ``open_share`` and ``studies``.
    """
    true = world.crossover()
    rows = []
    for J in counts:
        hits, widths = [], []
        for i in range(seed, seed + studies):
            _, found = study(replace(world, replicates=J), i, level, draws)
            hits.append(found.status != "none" and holds(*found.interval, true))
            width = _width(found)
            widths.append(np.inf if width is None else width)
        rate = float(np.mean(hits))
        error = float(np.sqrt(rate * (1 - rate) / studies))
        rows.append((J, rate, error, len(hits), float(np.median(widths)), float(np.isinf(widths).mean()), studies))
    return pd.DataFrame(
        rows, columns=["replicates", "rate", "mc_error", "counted", "median_width", "open_share", "studies"]
    )


def _width(found: Crossover) -> float | None:
    low, high = found.interval
    return None if low is None or high is None else high / low
