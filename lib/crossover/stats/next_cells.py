"""Which cells to run next, so that a crossover's interval shrinks most for what they cost.

A closed interval's log width goes with ``t / sqrt(J)``, so whole replicates of both strategies are bought, at the
budgets on either side of the crossover. An open end asks for budgets beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, FittedCurve
from crossover.stats.formatting import short
from crossover.stats.noise import t_quantile, welch_df

MAX_REPLICATES = 40


@dataclass(frozen=True)
class PlannedRun:
    """One cell to buy: its cost in teacher calls, and the interval's high end over its low end once it is run.

    A smaller budget of a replicate is part of its largest one and costs nothing more (nested data).
    """

    strategy: str
    budget: float
    replicate: str
    cost: float
    total: float
    width: float | None  #: ``None`` for an open interval.


@dataclass(frozen=True)
class Plan:
    """Cells to buy for one crossover, in order, with the interval's width now and as expected after each."""

    crossover: Crossover
    width_now: float | None
    steps: tuple[PlannedRun, ...]
    message: str

    @property
    def title(self) -> str:
        c = self.crossover
        return f"{c.first} -> {c.second}, S = {short(c.seed_size)}, {c.task}: what to run next"

    @property
    def width_after(self) -> float | None:
        """Expected high end over low end once everything is bought."""
        return self.steps[-1].width if self.steps else self.width_now

    def table(self) -> pd.DataFrame:
        """One row per cell: ``strategy, budget, replicate, cost, total, width``."""
        return pd.DataFrame([vars(s) for s in self.steps], columns=list(PlannedRun.__dataclass_fields__))

    def rows(self) -> list[dict[str, str]]:
        """Cells of a printed table: one row for the budgets of a strategy that are bought together in a replicate."""
        return [
            {
                "strategy": strategy,
                "replicate": replicate,
                "budgets": "  ".join(f"{b:,.0f}" for b in sorted(part["budget"])),
                "calls, total": f"{part['total'].iloc[-1]:,.0f}",
                "expected high/low": "-" if pd.isna(part["width"].iloc[-1]) else f"{part['width'].iloc[-1]:.2f}",
            }
            for (strategy, replicate), part in self.table().groupby(["strategy", "replicate"], sort=False)
        ]

    def _repr_html_(self) -> str:
        return f"<p>{self.message}</p>" + self.table().to_html(index=False, border=0, float_format="%.3g")


def next_cells(fits: Fits, spend: float) -> list[Plan]:
    """Plan the next cells for each crossover, with ``spend`` teacher calls left for each.

    Examples
    --------
    >>> from crossover import example_counts, fit_table
    >>> plan = next_cells(fit_table(example_counts(), draws=200), spend=2000)[0]
    >>> len(plan.steps), plan.width_after < plan.width_now
    (16, True)
    """
    if not (np.isfinite(spend) and spend > 0):
        raise CrossoverError(f"--spend must be a positive number of teacher calls, got {spend:g}")
    found = find_crossovers(fits, checks=False)
    if not found:
        raise CrossoverError("there is no pair of strategies at one seed-set size, and no crossover to plan for")
    return [_plan(fits, c, spend) for c in found]


def _plan(fits: Fits, c: Crossover, spend: float) -> Plan:
    pair = [fits[c.task, name, c.seed_size] for name in (c.first, c.second)]
    about = f"{c.first} / {c.second}, S = {short(c.seed_size)}"
    low, high = c.interval
    now = None if c.ratio is None or low is None or high is None else high / low
    if c.status == "none" or not all(curve.is_fitted for curve in pair):
        hint = "there is nothing to narrow down" if c.status == "none" else "run more budgets of both first"
        return Plan(c, now, (), f"{about}: {c.message}; {hint}")
    if c.side or (now is None and c.status != "undetermined"):
        upwards = c.side == "above" if c.side else high is None
        steps, now = _beyond(pair, upwards, spend), None
        where = "above" if upwards else "below"
        said = f"the crossover may lie {where} the tested budgets; run both strategies {where} them"
        said += "" if steps else f": {short(spend)} calls do not pay it"
    else:
        steps = _replicates(pair, max(high or 0, c.ratio or 0), now, spend)
        said = "no ratio is decided" if now is None else f"the interval's ends are a factor {now:.2f} apart"
        if steps:
            width = steps[-1].width
            said += f"; buy {len(steps)} cells ({steps[-1].total:,.0f} calls)"
            said += "" if width is None else f", expected width {width:.2f}"
        else:
            said += f"; {spend:,.0f} calls do not buy a further replicate"
    return Plan(c, now, steps, f"{about}: {said}")


def _replicates(pair: list[FittedCurve], past: float, width: float | None, spend: float) -> tuple[PlannedRun, ...]:
    """Whole replicates of both strategies, the largest budget first, up to the first that lies past the interval."""
    J = min(c.noise.replicates for c in pair)
    bought = []
    for c in pair:
        last = max(int(np.searchsorted(c.counts.ratios, past * (1 + 1e-9))) + 1, MIN_BUDGETS)
        largest, *smaller = (float(r) * c.seed_size for r in c.counts.ratios[:last][::-1])
        bought += [(c, largest, largest), *((c, budget, 0.0) for budget in smaller)]
    each = sum(price for _, _, price in bought)
    steps, total = [], 0.0
    for more in range(1, MAX_REPLICATES + 1):
        if total + each > spend * (1 + 1e-9):
            break
        after = None if width is None or J < 2 else _shrunk(pair, J, more, width)
        for c, budget, price in bought:
            total += price
            steps.append(PlannedRun(c.strategy, budget, f"new {J + more}", price, total, after))
    return tuple(steps)


def _shrunk(pair: list[FittedCurve], J: int, more: int, width: float) -> float:
    """High end over low end of the t interval with ``more`` replicates than the ``J`` at hand."""
    noises = [c.noise for c in pair]
    alike = pair[0].counts.replicates == pair[1].counts.replicates
    df = welch_df(noises) if alike else min(welch_df([n]) for n in noises)
    now, then = (t_quantile((1 + pair[0].level) / 2, f) for f in (df, df * (J + more - 1) / (J - 1)))
    return float(width ** (np.sqrt(J / (J + more)) * then / now))


def _beyond(pair: list[FittedCurve], upwards: bool, spend: float) -> tuple[PlannedRun, ...]:
    """One budget beyond the tested range in every replicate of both strategies."""
    steps, total = [], 0.0
    for c in pair:
        ratios = c.counts.ratios
        factor = (ratios[-1] / ratios[0]) ** (1 / (len(ratios) - 1))
        new = float(ratios[-1] * factor if upwards else ratios[0] / factor)
        for row, replicate in enumerate(c.counts.replicates):
            price = max(new - float(ratios[c.counts.tested[row] > 0].max()), 0.0) * c.seed_size
            total += price
            steps.append(PlannedRun(c.strategy, new * c.seed_size, replicate, price, total, None))
    return tuple(steps) if total <= spend * (1 + 1e-9) else ()
