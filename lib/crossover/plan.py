"""Which cells to run next, so that a crossover's interval shrinks most for what they cost.

The draws of the current fits say how the log crossover moves together with every accuracy that could be measured next. A new
cell's outcome would be that accuracy plus its replicate's effect plus its own noise; by normal updating (a Kalman step) it
takes a known part off the variance of the log crossover whatever its outcome is. Cells are bought greedily by variance taken
off per cost, and the width promised is the t interval's with the replicates one would then have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crossover import forms, noise
from crossover.crossovers import Crossover, find
from crossover.curves import Fits
from crossover.errors import CrossoverError
from crossover.uncertainty import slope

MAX_STEPS = 200


@dataclass(frozen=True)
class Step:
    """One cell to buy: its cost in the plan's unit, and the width (high over low) expected once it is run."""

    strategy: str
    budget: float
    replicate: str
    cost: float
    total: float
    width: float

    def row(self, unit: str) -> dict[str, str]:
        """Cells of a printed table."""
        return {
            "strategy": self.strategy,
            "budget": f"{self.budget:,.0f}",
            "replicate": self.replicate,
            unit: f"{self.cost:,.0f}",
            "total": f"{self.total:,.0f}",
            "expected interval, high/low": f"{self.width:.2f}",
        }


@dataclass(frozen=True)
class Plan:
    """Cells to buy for one crossover, in order, with the interval's width now and as expected after each."""

    crossover: Crossover
    unit: str
    spend: float
    width_now: float | None
    steps: tuple[Step, ...]
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
        """One row a cell: ``strategy, budget, replicate, cost, total, width``."""
        return pd.DataFrame([vars(s) for s in self.steps], columns=list(Step.__dataclass_fields__))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        c = self.crossover
        return {
            "task": c.task, "first": c.first, "second": c.second, "seed_size": c.seed_size, "unit": self.unit,
            "spend": self.spend, "width_now": self.width_now, "width_after": self.width_after,
            "steps": [vars(s) for s in self.steps], "message": self.message,
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return f"<p>{self.message}</p>" + self.table().to_html(index=False, border=0, float_format="%.3g")


def plan(
    fits: Fits,
    spend: float,
    unit: str = "queries",
    table: pd.DataFrame | None = None,
    first: str | None = None,
    second: str | None = None,
    seed_size: float | None = None,
    draws: int = 2000,
) -> list[Plan]:
    """Plan the next cells for each crossover (or for the named one).

    Parameters
    ----------
    fits : Fits
    spend : float
        What can still be spent, for each crossover.
    unit : str
        ``queries``: within a replicate smaller budgets are part of larger ones and cost nothing more (nested data), and
        extending a replicate costs the difference. ``seconds``: each cell costs its usual time.
    table : DataFrame, optional
        The counts with a column ``seconds``; needed for that unit.
    first, second : str, optional
        Strategies to tell apart.
    seed_size : float, optional
    draws : int
        Draws behind the covariances.

    Returns
    -------
    list of Plan
    """
    if not (np.isfinite(spend) and spend > 0):
        raise CrossoverError(f"--spend {spend:g}: a positive amount of {unit} is needed")
    if unit not in ("queries", "seconds"):
        raise CrossoverError(f"--unit {unit!r}: queries or seconds")
    if unit == "seconds" and (table is None or "seconds" not in table):
        raise CrossoverError("--unit seconds: the table needs a column 'seconds', the time of each cell")
    for name in (first, second):
        if name is not None and name not in {c.strategy for c in fits.curves}:
            raise CrossoverError(f"no strategy {name!r}; known: {', '.join(sorted({c.strategy for c in fits.curves}))}")
    wanted = [
        c
        for c in find(fits, checks=False)
        if (first is None or first in (c.first, c.second))
        and (second is None or second in (c.first, c.second))
        and (seed_size is None or seed_size == c.seed_size)
    ]
    if not wanted:
        raise CrossoverError("no such pair of strategies at that seed-set size: there is no crossover to plan for")
    return [_plan(fits, c, spend, unit, table, draws) for c in wanted]


def _plan(fits: Fits, c: Crossover, spend: float, unit: str, table: pd.DataFrame | None, draws: int) -> Plan:
    if c.ratio is None:
        hint = {
            "none": "there is nothing to narrow down",
            "beyond_range": "run larger budgets first" if c.side == "above" else "run smaller budgets first",
        }.get(c.status, "run more budgets and replicates of both first")
        return Plan(c, unit, spend, None, (), f"{c.first} / {c.second}, S = {c.seed_size:g}: {c.message}; {hint}")
    state = _State(fits, c, draws)
    now = state.width()
    costs = _costs(fits, c, unit, table)
    steps: list[Step] = []
    total = 0.0
    while len(steps) < MAX_STEPS:
        best, best_rate = None, 0.0
        for option in state.options():
            cost = costs(option, state.bought)
            if total + cost > spend * (1 + 1e-9):
                continue
            # free cells are worth having too: their training time is small beside the queries
            rate = state.gain(option) / max(cost, 1e-3 * spend)
            if rate > best_rate * (1 + 1e-9):
                best, best_rate = option, rate
        if best is None or state.gain(best) < 1e-4 * state.variance:
            break
        total += costs(best, state.bought)
        cost = costs(best, state.bought)
        state.buy(best)
        steps.append(Step(state.names[best[0]], state.budget(best), best[2], cost, total, state.width()))
    if not steps:
        message = f"{spend:,.0f} {unit} buy no cell that helps; the interval's ends are now a factor {now:.2f} apart"
    else:
        message = (
            f"{c.first} -> {c.second}, S = {c.seed_size:g}: the interval's ends are now a factor {now:.2f} apart; "
            f"after these {len(steps)} cells ({total:,.0f} {unit}) expect {steps[-1].width:.2f}"
        )
    return Plan(c, unit, spend, now, tuple(steps), message)


Option = tuple[int, int, str]  # which strategy, which candidate ratio, which replicate


class _State:
    """Joint normal state of the log crossover, the accuracies that could be measured, and the replicates' effects."""

    def __init__(self, fits: Fits, c: Crossover, draws: int):
        self.level = fits.level
        self.index = [fits.index(c.task, name, c.seed_size) for name in (c.first, c.second)]
        self.names = [c.first, c.second]
        self.noises = [fits.noises[i] for i in self.index]
        self.size = c.seed_size
        form = forms.form_named(fits.form)
        points = [fits.points[i] for i in self.index]
        self.ratios = [_candidates(n.cells.ratios, c.ratio) for n in self.noises]
        self.bought = {(s, r, float(x)) for s, n in enumerate(self.noises) for r, x in _cells(n)}
        self.replicates = list(dict.fromkeys(r for n in self.noises for r in n.cells.replicates))
        self.old = len(self.replicates)
        errors = noise.redraw(self.noises, draws, np.random.default_rng(fits.seed), tails=False)
        fitted = []
        for n, p, e in zip(self.noises, points, errors, strict=True):
            x = n.cells.ratios
            fitted.append(forms.solve(form, x, p.predict(form, x) + e, n.whiten, tolerance=1e-6, steps=15))
        here = np.array([c.ratio])
        gain = slope(form, tuple(points), (1.0, 1.0), c.ratio)
        target = -(fitted[1].predict(form, here) - fitted[0].predict(form, here)) / gain
        values = [target] + [f.predict(form, r) for f, r in zip(fitted, self.ratios, strict=True)]
        self.starts = [1, 1 + len(self.ratios[0])]
        stacked = _trimmed(np.concatenate(values, 1))
        self.covariance = np.cov(stacked.T)
        self.effects: dict[tuple[int, str], int] = {}

    @property
    def variance(self) -> float:
        """Of the log crossover."""
        return float(self.covariance[0, 0])

    def width(self) -> float:
        """High end over low end of the t interval that this variance gives."""
        df = noise.welch_df(self.noises)
        if self.noises[0].replicates > 1:
            df *= (len(self.replicates) - 1) / (self.old - 1)
        t = stats.t.ppf((1 + self.level) / 2, df) if np.isfinite(df) else stats.norm.ppf((1 + self.level) / 2)
        return float(np.exp(2 * t * np.sqrt(self.variance)))

    def budget(self, option: Option) -> float:
        return float(self.ratios[option[0]][option[1]] * self.size)

    def options(self) -> Iterable[Option]:
        """Cells that could be bought: any candidate budget in a replicate at hand or in one new replicate."""
        for s in range(2):
            for k, x in enumerate(self.ratios[s]):
                for r in (*self.replicates, self._next()):
                    if (s, r, float(x)) not in self.bought:
                        yield s, k, r

    def _next(self) -> str:
        n = len(self.replicates) + 1
        while f"new {n}" in self.replicates:
            n += 1
        return f"new {n}"

    def _noise(self, s: int) -> float:
        n = self.noises[s]
        return float(n.sampling[n.sampling > 0].mean() + n.training)

    def _effect_variance(self, s: int, replicate: str) -> float:
        """What is not yet known of a replicate's effect on one strategy."""
        n = self.noises[s]
        if replicate not in n.cells.replicates or n.replicate == 0:
            return n.replicate
        seen = (n.cells.tested[n.cells.replicates.index(replicate)] > 0).sum() / self._noise(s)
        return 1 / (1 / n.replicate + seen)

    def _outcome(self, option: Option) -> tuple[np.ndarray, float]:
        """Covariance of everything with a cell's outcome, and the outcome's variance."""
        s, k, r = option
        i = self.starts[s] + k
        column = self.covariance[:, i].copy()
        effect = self.effects.get((s, r))
        if effect is None:
            return column, float(self.covariance[i, i]) + self._effect_variance(s, r) + self._noise(s)
        column += self.covariance[:, effect]
        total = self.covariance[i, i] + self.covariance[effect, effect] + 2 * self.covariance[i, effect]
        return column, float(total) + self._noise(s)

    def gain(self, option: Option) -> float:
        column, total = self._outcome(option)
        return float(column[0] ** 2 / total)

    def buy(self, option: Option) -> None:
        """Take the cell as run: one Kalman step."""
        s, k, r = option
        if (s, r) not in self.effects:
            n = len(self.covariance)
            grown = np.zeros((n + 1, n + 1))
            grown[:n, :n] = self.covariance
            grown[n, n] = self._effect_variance(s, r)
            self.covariance, self.effects[s, r] = grown, n
        column, total = self._outcome(option)
        self.covariance = self.covariance - np.outer(column, column) / total
        self.bought.add((s, r, float(self.ratios[s][k])))
        if r not in self.replicates:
            self.replicates.append(r)


def _cells(n: noise.Noise) -> Iterable[tuple[str, float]]:
    for row, replicate in enumerate(n.cells.replicates):
        for x, tested in zip(n.cells.ratios, n.cells.tested[row], strict=True):
            if tested > 0:
                yield replicate, x


def _candidates(ratios: np.ndarray, crossover: float) -> np.ndarray:
    """The ratios at hand, one step beyond on either side, and the crossover itself."""
    step = (ratios[-1] / ratios[0]) ** (1 / max(len(ratios) - 1, 1))
    extra = [ratios[0] / step, ratios[-1] * step]
    if ratios[0] / step < crossover < ratios[-1] * step and np.abs(np.log(ratios / crossover)).min() > np.log(step) / 4:
        extra.append(crossover)
    return np.unique(np.concatenate([ratios, extra]))


def _trimmed(values: np.ndarray) -> np.ndarray:
    """Draws held within four robust standard deviations: a few wild fits must not set the covariance."""
    middle = np.median(values, 0)
    spread = np.maximum(np.diff(np.quantile(values, [0.1587, 0.8413], axis=0), axis=0)[0] / 2, 1e-12)
    return np.clip(values, middle - 4 * spread, middle + 4 * spread)


def _costs(fits: Fits, c: Crossover, unit: str, table: pd.DataFrame | None):
    """A function of (option, cells bought) to the cost of an option."""
    names = [c.first, c.second]
    noises = [fits.noises[fits.index(c.task, name, c.seed_size)] for name in names]
    ratios = [_candidates(n.cells.ratios, c.ratio) for n in noises]
    if unit == "queries":

        def queries(option: Option, bought: set) -> float:
            s, k, r = option
            spent = max((x for (a, b, x) in bought if a == s and b == r), default=0.0)
            return max(0.0, float(ratios[s][k]) - spent) * c.seed_size

        return queries

    per = []
    for name in names:
        part = table[(table["strategy"] == name) & (table["seed_size"] == c.seed_size) & (table["task"] == c.task)]
        by = part.groupby("budget")["seconds"].median()
        per.append((by.index.to_numpy(float) / c.seed_size, by.to_numpy(float)))

    def seconds(option: Option, bought: set) -> float:
        s, k, _ = option
        x, y = per[s]
        # time grows with the data; beyond what was run, in proportion to the budget
        r = float(ratios[s][k])
        return float(np.interp(r, x, y)) if r <= x[-1] else float(y[-1] * r / x[-1])

    return seconds
