"""Which cells to run next, so that a crossover's interval shrinks most for what they cost.

A closed interval is as wide as its replicates disagree: its log width goes with ``t / sqrt(J)``, so whole replicates of
both strategies are bought, at the budgets on either side of the crossover. An open end asks for budgets beyond it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, FittedCurve
from crossover.stats.noise import t_quantile, welch_df

MAX_REPLICATES = 40
UNITS = ("queries", "seconds")


@dataclass(frozen=True)
class PlannedRun:
    """One cell to buy: its cost in the plan's unit, and the interval's high end over its low end once it is run.

    ``width`` is ``None`` where the interval is open and no width can be promised.
    """

    strategy: str
    budget: float
    replicate: str
    cost: float
    total: float
    width: float | None


@dataclass(frozen=True)
class Plan:
    """Cells to buy for one crossover, in order, with the interval's width now and as expected after each."""

    crossover: Crossover
    unit: str
    spend: float
    width_now: float | None
    steps: tuple[PlannedRun, ...]
    message: str

    @property
    def title(self) -> str:
        c = self.crossover
        return f"{c.first} -> {c.second}, S = {c.seed_size:g}, {c.task}: what to run next"

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
                f"{self.unit}, total": f"{part['total'].iloc[-1]:,.0f}",
                "expected high/low": "-" if pd.isna(part["width"].iloc[-1]) else f"{part['width'].iloc[-1]:.2f}",
            }
            for (strategy, replicate), part in self.table().groupby(["strategy", "replicate"], sort=False)
        ]

    def _repr_html_(self) -> str:
        return f"<p>{self.message}</p>" + self.table().to_html(index=False, border=0, float_format="%.3g")


def next_cells(
    fits: Fits,
    spend: float,
    unit: str = "queries",
    table: pd.DataFrame | None = None,
    first: str | None = None,
    second: str | None = None,
    seed_size: float | None = None,
) -> list[Plan]:
    """Plan the next cells for each crossover (or for those of the named strategies and seed-set size).

    Parameters
    ----------
    fits : Fits
    spend : float
        What can still be spent, for each crossover.
    unit : str
        ``queries``: smaller budgets of a replicate are part of its largest one and cost nothing more (nested data).
        ``seconds``: each cell costs its usual time.
    table : DataFrame, optional
        The counts with a column ``seconds``; needed for that unit.
    first, second, seed_size : optional

    Examples
    --------
    >>> from crossover import example_counts, fit_table
    >>> plan = next_cells(fit_table(example_counts(), draws=200), spend=2000)[0]
    >>> plan.unit, plan.spend
    ('queries', 2000)
    """
    if not (np.isfinite(spend) and spend > 0):
        raise CrossoverError(f"--spend must be a positive amount of {unit}, got {spend:g}")
    if unit not in UNITS:
        raise CrossoverError(f"--unit must be queries or seconds, got {unit!r}")
    if unit == "seconds" and (table is None or "seconds" not in table):
        raise CrossoverError("--unit seconds: the table needs a column 'seconds', the time of each cell")
    known = sorted({c.strategy for c in fits})
    for name in (first, second):
        if name is not None and name not in known:
            raise CrossoverError(f"no strategy {name!r}; known: {', '.join(known)}")
    wanted = [
        c
        for c in find_crossovers(fits, checks=False)
        if {first, second} - {None} <= {c.first, c.second} and seed_size in (None, c.seed_size)
    ]
    if not wanted:
        raise CrossoverError("no such pair of strategies at that seed-set size: there is no crossover to plan for")
    return [_plan(fits, c, spend, unit, table) for c in wanted]


def _plan(fits: Fits, c: Crossover, spend: float, unit: str, table: pd.DataFrame | None) -> Plan:
    pair = [fits[c.task, name, c.seed_size] for name in (c.first, c.second)]
    about = f"{c.first} / {c.second}, S = {c.seed_size:g}"
    low, high = c.interval
    now = None if c.ratio is None or low is None or high is None else high / low
    if c.status == "none" or not all(curve.is_fitted for curve in pair):
        hint = "there is nothing to narrow down" if c.status == "none" else "run more budgets of both first"
        return Plan(c, unit, spend, now, (), f"{about}: {c.message}; {hint}")
    cost = _Cost(unit, table, c.seed_size)
    if c.side or (now is None and c.status != "undetermined"):
        upwards = c.side == "above" if c.side else high is None
        steps, now = _beyond(pair, upwards, spend, cost), None
        where = "above" if upwards else "below"
        said = f"the crossover may lie {where} the tested budgets; run both strategies {where} them"
        said += "" if steps else f": {spend:g} {unit} do not pay it"
    else:
        steps = _replicates(pair, max(high or 0, c.ratio or 0), now, spend, cost)
        said = "no ratio is decided" if now is None else f"the interval's ends are a factor {now:.2f} apart"
        if steps:
            width = steps[-1].width
            said += f"; buy {len(steps)} cells ({steps[-1].total:,.0f} {unit})"
            said += "" if width is None else f", expected width {width:.2f}"
        else:
            said += f"; {spend:,.0f} {unit} do not buy a further replicate"
    return Plan(c, unit, spend, now, steps, f"{about}: {said}")


class _Cost:
    """Cost of one strategy's cells in one replicate, in queries or in seconds."""

    def __init__(self, unit: str, table: pd.DataFrame | None, seed_size: float):
        self.unit, self.size = unit, seed_size
        self.table = None if table is None else table[table["seed_size"] == seed_size]

    def of(self, curve: FittedCurve, ratios: Iterable[float], spent: float = 0.0) -> list[float]:
        """Cost of each cell; in queries the first ratio pays, being the largest, less the ratio already ``spent``."""
        ratios = list(ratios)
        if self.unit == "queries":
            return [max(ratios[0] - spent, 0.0) * self.size] + [0.0] * (len(ratios) - 1)
        t = self.table[(self.table["strategy"] == curve.strategy) & (self.table["task"] == curve.task)]
        usual = t.groupby("budget")["seconds"].median()
        x, y = usual.index.to_numpy(float) / self.size, usual.to_numpy(float)
        # time grows with the data: beyond the tested range, in proportion to the budget
        return [float(np.interp(r, x, y)) if r <= x[-1] else float(y[-1] * r / x[-1]) for r in ratios]


def _replicates(
    pair: list[FittedCurve], past: float, width: float | None, spend: float, cost: _Cost
) -> tuple[PlannedRun, ...]:
    """Whole replicates of both strategies, at the budgets up to the first that lies past the interval."""
    J = min(c.noise.replicates for c in pair)
    runs = [_up_to(c.counts.ratios, past) for c in pair]
    costs = [cost.of(c, ratios) for c, ratios in zip(pair, runs, strict=True)]
    each = sum(map(sum, costs))
    steps, total = [], 0.0
    for more in range(1, MAX_REPLICATES + 1):
        if total + each > spend * (1 + 1e-9):
            break
        after = None if width is None or J < 2 else _shrunk(pair, J, more, width)
        for c, ratios, prices in zip(pair, runs, costs, strict=True):
            for r, price in zip(ratios, prices, strict=True):
                total += price
                steps.append(PlannedRun(c.strategy, r * c.seed_size, f"new {J + more}", price, total, after))
    return tuple(steps)


def _shrunk(pair: list[FittedCurve], J: int, more: int, width: float) -> float:
    """High end over low end of the t interval with ``more`` replicates than the ``J`` at hand."""
    df = welch_df([c.noise for c in pair])
    now, then = (t_quantile((1 + pair[0].level) / 2, f) for f in (df, df * (J + more - 1) / (J - 1)))
    return float(width ** (np.sqrt(J / (J + more)) * then / now))


def _up_to(ratios: np.ndarray, past: float) -> list[float]:
    """Tested ratios up to the first past a value, at least enough for a curve, largest first."""
    last = max(int(np.searchsorted(ratios, past * (1 + 1e-9))) + 1, MIN_BUDGETS)
    return [float(r) for r in ratios[:last][::-1]]


def _beyond(pair: list[FittedCurve], upwards: bool, spend: float, cost: _Cost) -> tuple[PlannedRun, ...]:
    """One budget beyond the tested range in every replicate of both strategies."""
    steps, total = [], 0.0
    for c in pair:
        ratios = c.counts.ratios
        factor = (ratios[-1] / ratios[0]) ** (1 / (len(ratios) - 1))
        new = ratios[-1] * factor if upwards else ratios[0] / factor
        for row, replicate in enumerate(c.counts.replicates):
            spent = float(ratios[c.counts.tested[row] > 0].max())
            (price,) = cost.of(c, [float(new)], spent)
            total += price
            steps.append(PlannedRun(c.strategy, float(new) * c.seed_size, replicate, price, total, None))
    return tuple(steps) if total <= spend * (1 + 1e-9) else ()
