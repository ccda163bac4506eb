"""How often intervals hold the truth: repeated studies of a scenario, through the same code as real results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_noises, fit_table
from crossover.stats.noise import variance_components
from crossover.stats.simulation.scenarios import DESIGNS, EARLY, LATE, Scenario, Truth

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
PLACES = 8  # ratios per study at which the curves are compared with the truth


def study(
    world: Scenario, seed: int, level: float = 0.9, draws: int = 300, checks: bool = False
) -> tuple[Fits, Crossover]:
    """One simulated study: the fits, and the crossover that the library reports."""
    fits = fit_table(world.simulate(np.random.default_rng([seed, 1])), level, draws, seed)
    (found,) = find_crossovers(fits, checks=checks)
    return fits, found


def recovered(world: Scenario, seed: int = 0, level: float = 0.9, draws: int = 2000) -> pd.DataFrame:
    """One study's estimates beside the truth: ``quantity, true, estimate, low, high, holds, status``."""
    fits, found = study(world, seed, level, draws)
    rows = []
    for c in fits:
        truth = world.early if c.strategy == EARLY else world.late
        if isinstance(truth, Truth):
            for name, true in (("E", truth.E), ("B", truth.B), ("tau", truth.parameters[0])):
                low, high = getattr(c, f"{name}_interval")
                estimate = getattr(c, name)
                rows.append((f"{name} of {c.strategy}", true, estimate, low, high, holds(low, high, true), c.status))
    true = world.crossover()
    held = None if true is None else holds(*found.interval, true)
    rows.append(("crossover ratio", true, found.ratio, *found.interval, held, found.status))
    return pd.DataFrame(rows, columns=["quantity", "true", "estimate", "low", "high", "holds", "status"])


def coverage(
    worlds: Iterable[Scenario],
    studies: int = 1000,
    draws: int = 300,
    level: float = 0.9,
    seed: int = 0,
    progress: Callable[[Scenario, int], None] | None = None,
) -> pd.DataFrame:
    """Repeat studies and count how often the intervals hold the truth and the statuses name it.

    Study ``i`` is the same whatever ``studies`` is; ``progress`` is called with the scenario and the study's number.
    One row per quantity: ``design, title, replicates, studies, quantity, level, true, rate, mc_error, counted``
    (studies behind the rate), ``median_width`` (high end over low end, where both are closed) and ``open_share``.
    Quantities: ``crossover``; the same with ``replicates pooled`` into one, which is what not to do; ``lead`` of the
    curves at the true crossover and expected ``accuracy`` at ratios within the tested range, at all of :data:`LEVELS`;
    ``E`` and ``tau`` of exponential truths where the curve's status is ``ok``; and ``status``, how often it is the
    right one where the data can tell (probability of a crossover in the tested range above the level, or below its
    complement).
    """
    rows = []
    for world in worlds:
        about = {"design": world.name, "title": world.title, "replicates": world.replicates, "studies": studies}
        for (quantity, at), values in _outcomes(world, studies, draws, level, seed, progress).items():
            hits = np.array([h for h, _ in values], float)
            widths = np.array([w for _, w in values if w is not None])
            n = len(hits)
            rate = float(hits.mean()) if n else None
            closed = widths[np.isfinite(widths)]
            rows.append(
                about
                | {
                    "quantity": quantity, "level": at, "true": world.crossover(), "rate": rate,
                    "mc_error": float(np.sqrt(rate * (1 - rate) / n)) if n else None, "counted": n,
                    "median_width": float(np.median(closed)) if len(closed) else None,
                    "open_share": float(1 - len(closed) / len(widths)) if len(widths) else None,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _outcomes(
    world: Scenario, studies: int, draws: int, level: float, seed: int, progress: Callable[[Scenario, int], None] | None
) -> dict[tuple[str, float], list[Any]]:
    """(hit, width or None) of every study, by (quantity, level)."""
    true = world.crossover()
    low, high = world.ratios[0], world.ratios[-1]
    edge = true is not None and min(abs(np.log(true / low)), abs(np.log(true / high))) < 0.01
    wanted = "none" if true is None else "found" if low <= true <= high else "beyond_range"
    out: dict[tuple[str, float], list[Any]] = defaultdict(list)
    for i in range(studies):
        fits, found = study(world, seed + i, level, draws)
        curves = {c.strategy: c for c in fits}
        if true is not None:
            out["crossover", level].append((_held(found, true), _width(found)))
            if world in DESIGNS:
                pooled = _pooled(fits, draws)
                out["replicates pooled", level].append((_held(pooled, true), _width(pooled)))
            lead = curves[LATE].at([true])[1][:, 0] - curves[EARLY].at([true])[1][:, 0]
            for at in LEVELS:
                out["lead", at].append((_central(lead, 0.0, at), None))
        places = np.exp(np.random.default_rng([seed + i, 2]).uniform(np.log(low), np.log(high), PLACES))
        for name, truth in ((EARLY, world.early), (LATE, world.late)):
            c = curves[name]
            values, real = c.at(places)[1], truth(places)
            for at in LEVELS:
                share = np.mean([_central(values[:, k], real[k], at) for k in range(PLACES)])
                out["accuracy", at].append((share, None))
            if isinstance(truth, Truth) and truth.form == "exponential" and c.status == "ok":
                out[f"E of {name}", level].append((holds(*c.E_interval, truth.E), None))
                out[f"tau of {name}", level].append((holds(*c.tau_interval, truth.parameters[0]), None))
        if not edge and found.p_in_range is not None and not 1 - level < found.p_in_range < level:
            out["status", level].append((found.status == wanted, None))
        if progress:
            progress(world, i + 1)
    return out


def _central(values: np.ndarray, true: float, level: float) -> bool:
    below = (values < true).mean() + (values == true).mean() / 2
    return bool((1 - level) / 2 <= below <= (1 + level) / 2)


def _held(found: Crossover, true: float) -> bool:
    """A wrong ``none`` has no interval: it misses."""
    return found.status != "none" and holds(*found.interval, true)


def _width(found: Crossover) -> float:
    low, high = found.interval
    return np.inf if low is None or high is None else high / low


def _pooled(fits: Fits, draws: int) -> Crossover:
    """The crossover from counts added up over replicates, as if one replicate had had all the test items."""
    noises = []
    for c in (curve.counts for curve in fits):
        added = replace(c, replicates=("all",), correct=c.correct.sum(0)[None], tested=c.tested.sum(0)[None])
        noises.append(variance_components(added))
    (found,) = find_crossovers(fit_noises(noises, fits.level, draws, fits.seed), checks=False)
    return found


def replicates_seen(
    studies: int, level: float = 0.9, draws: int = 300, seed: int = 0, counts: Iterable[int] = (1, 2, 3, 5, 8)
) -> pd.DataFrame:
    """Coverage and width of the crossover's interval with more and fewer replicates, under a shared offset.

    Columns ``replicates, rate, mc_error, counted, median_width`` (high end over low end; infinite where half of them
    are open), ``open_share, studies``.
    """
    world, rows = DESIGNS[1], []
    true = world.crossover()
    for J in counts:
        found = [study(replace(world, replicates=J), i, level, draws)[1] for i in range(seed, seed + studies)]
        rate, widths = float(np.mean([_held(f, true) for f in found])), np.array([_width(f) for f in found])
        error = float(np.sqrt(rate * (1 - rate) / studies))
        rows.append((J, rate, error, studies, float(np.median(widths)), float(np.isinf(widths).mean()), studies))
    names = "replicates rate mc_error counted median_width open_share studies"
    return pd.DataFrame(rows, columns=names.split())


def holds(low: float | None, high: float | None, true: float) -> bool:
    """Whether an interval, open at an end that is ``None``, holds a value."""
    return (low is None or low <= true) and (high is None or true <= high)
