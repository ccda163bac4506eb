"""Which cells to run next, so that a crossover's interval shrinks most for what they cost.

The draws of the current fits say how the log crossover moves together with every accuracy that could be measured next.
A new cell's outcome would be that accuracy plus its replicate's effect plus its own noise; by normal updating (a Kalman
step) it takes a known part off the variance of the log crossover whatever its outcome is. Cells are bought greedily by
variance taken off per cost, and the width promised is the t interval's with the replicates one would then have.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crossover.errors import CrossoverError
from crossover.stats import forms, noise
from crossover.stats.crossovers import Crossover, find
from crossover.stats.curves import Fits
from crossover.stats.variance_shares import slope

MAX_BLOCKS = 60
LEAST_GAIN = 0.02  # a block that takes off less of the variance is not worth its trainings


@dataclass(frozen=True)
class Step:
    """One cell to buy: its cost in the plan's unit, and the width (high over low) expected once it is run."""

    strategy: str
    budget: float
    replicate: str
    cost: float
    total: float
    width: float


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

    def rows(self) -> list[dict[str, str]]:
        """Cells of a printed table: one row for the budgets of a strategy that are bought together in a replicate."""
        out: list[dict[str, str]] = []
        last = None
        for s in self.steps:
            if (s.strategy, s.replicate, s.width) == last:
                out[-1]["budgets"] = f"{s.budget:,.0f}  " + out[-1]["budgets"]
            else:
                out.append({"strategy": s.strategy, "replicate": s.replicate, "budgets": f"{s.budget:,.0f}"})
            last = (s.strategy, s.replicate, s.width)
            out[-1] |= {f"{self.unit}, total": f"{s.total:,.0f}", "expected high/low": f"{s.width:.2f}"}
        return out

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
    for _ in range(MAX_BLOCKS):
        best, best_rate, best_after = None, 0.0, None
        for block in state.blocks():
            cost = _block_cost(block, state.bought, costs)
            if total + cost > spend * (1 + 1e-9):
                continue
            after = state.after(block)
            # a block that costs nothing more (nested data) still takes training: no infinite rates
            rate = (state.variance - after.variance) / max(cost, 1e-2 * spend)
            if rate > best_rate * (1 + 1e-9) and after.variance <= state.variance * (1 - LEAST_GAIN):
                best, best_rate, best_after = block, rate, after
        if best is None or best_after is None:
            break
        for cell in best:
            cost = costs(cell, state.bought)
            total += cost
            state.bought.add(cell)
            steps.append(Step(state.names[cell[0]], cell[2] * state.size, cell[1], cost, total, best_after.width()))
        state = best_after
    if not steps:
        message = f"{spend:,.0f} {unit} buy no cell that helps; the interval's ends are now a factor {now:.2f} apart"
    else:
        message = (
            f"{c.first} -> {c.second}, S = {c.seed_size:g}: the interval's ends are now a factor {now:.2f} apart; "
            f"after these {len(steps)} cells ({total:,.0f} {unit}) expect {steps[-1].width:.2f}"
        )
    return Plan(c, unit, spend, now, tuple(steps), message)


Cell = tuple[int, str, float]  # which strategy (0 or 1), which replicate, which ratio


def _block_cost(block: list[Cell], bought: set[Cell], costs: Callable[[Cell, set[Cell]], float]) -> float:
    bought, total = set(bought), 0.0
    for cell in block:
        total += costs(cell, bought)
        bought.add(cell)
    return total


class _State:
    """Joint normal state: the log crossover, each accuracy's error of shape, each strategy's error of level, effects.

    A cell in a replicate at hand shows its accuracy plus that replicate's effect, and the two are known only together:
    it tells about the shape. A new replicate has an effect of its own, and so tells about the level as well.
    """

    def __init__(self, fits: Fits, c: Crossover, draws: int):
        self.level = fits.level
        index = [fits.index(c.task, name, c.seed_size) for name in (c.first, c.second)]
        self.names = [c.first, c.second]
        self.noises = [fits.noises[i] for i in index]
        self.size, self.ratio = c.seed_size, c.ratio
        self.ratios = [_candidates(n.cells.ratios, c.ratio) for n in self.noises]
        self.bought = {(s, r, float(x)) for s, n in enumerate(self.noises) for r, x in _cells(n)}
        self.replicates = list(dict.fromkeys(r for n in self.noises for r in n.cells.replicates))
        self.old = tuple(self.replicates)
        self.starts = [1, 1 + len(self.ratios[0])]
        self.levels = 1 + len(self.ratios[0]) + len(self.ratios[1])
        self.effects: dict[str, int] = {}
        points = tuple(fits.points[i] for i in index)
        form = forms.form_named(fits.form)
        gain = slope(form, points, (1.0, 1.0), c.ratio)
        shape = self._shape(form, points, gain, draws, np.random.default_rng(fits.seed))
        self.covariance = np.zeros((self.levels + 2, self.levels + 2))
        self.covariance[: self.levels, : self.levels] = shape
        offsets = [n.offsets for n in self.noises]
        self.between = np.diag([n.replicate for n in self.noises])
        if len(self.old) > 1:
            paired = self.noises[0].cells.replicates == self.noises[1].cells.replicates
            level = np.diag([float(u @ u) / (len(u) - 1) / len(u) if len(u) > 1 else 0.0 for u in offsets])
            if paired:
                cross = float(offsets[0] @ offsets[1]) / (len(self.old) - 1)
                level[0, 1] = level[1, 0] = cross / len(self.old)
                limit = np.sqrt(self.between[0, 0] * self.between[1, 1])
                self.between[0, 1] = self.between[1, 0] = np.clip(cross, -limit, limit)
            # the crossover moves with the difference of levels
            mix = np.eye(self.levels + 2)
            mix[0, self.levels :] = np.array([1, -1]) / gain
            self.covariance[self.levels :, self.levels :] = level
            self.covariance = mix @ self.covariance @ mix.T

    def _shape(self, form: forms.Form, points, gain: float, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Covariance of the log crossover and the candidate accuracies from errors around the replicates' offsets."""
        here = np.array([self.ratio])
        columns, target = [], np.zeros((draws, 1))
        for sign, n, p, ratios in zip((1, -1), self.noises, points, self.ratios, strict=True):
            x = n.cells.ratios
            values, vectors = np.linalg.eigh(n.around_offset)
            errors = rng.standard_normal((draws, len(x))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
            fit = forms.solve(form, x, p.predict(form, x) + errors, n.whiten, tolerance=1e-6, steps=15)
            columns.append(fit.predict(form, ratios))
            target = target + sign * fit.predict(form, here) / gain
        return np.cov(_trimmed(np.concatenate([target, *columns], 1)).T)

    @property
    def variance(self) -> float:
        """Of the log crossover."""
        return float(self.covariance[0, 0])

    def width(self) -> float:
        """High end over low end of the t interval that this variance gives."""
        df = noise.welch_df(self.noises)
        if self.noises[0].replicates > 1:
            df *= (len(self.replicates) - 1) / (len(self.old) - 1)
        t = stats.t.ppf((1 + self.level) / 2, df) if np.isfinite(df) else stats.norm.ppf((1 + self.level) / 2)
        return float(np.exp(2 * t * np.sqrt(self.variance)))

    def blocks(self) -> Iterable[list[Cell]]:
        """What could be bought next, largest budget of a replicate first (smaller ones are then part of it)."""
        fresh = self._next()
        run = [n.cells.ratios for n in self.noises]
        for top in np.unique(np.concatenate(run)):
            cells = [(s, fresh, float(x)) for s in range(2) for x in run[s][run[s] <= top * (1 + 1e-9)][::-1]]
            if top > self.ratio and min(sum(c[0] == s for c in cells) for s in range(2)) >= 4:
                yield cells
        for s in range(2):
            for x in self.ratios[s]:
                cells = [(s, r, float(x)) for r in self.replicates if (s, r, float(x)) not in self.bought]
                if cells:
                    yield cells

    def _next(self) -> str:
        n = len(self.replicates) + 1
        while f"new {n}" in self.replicates:
            n += 1
        return f"new {n}"

    def _noise(self, s: int) -> float:
        n = self.noises[s]
        return float(n.sampling[n.sampling > 0].mean() + n.training)

    def _outcome(self, cell: Cell) -> tuple[np.ndarray, float]:
        """Covariance of everything with a cell's outcome, and the outcome's variance."""
        s, r, x = cell
        parts = [self.starts[s] + int(np.abs(self.ratios[s] - x).argmin())]
        if r not in self.old:
            parts += [self.levels + s, self.effects[r] + s]
        column = self.covariance[:, parts].sum(1)
        return column, float(column[parts].sum()) + self._noise(s)

    def after(self, block: list[Cell]) -> _State:
        """The state once a block was run: a Kalman step a cell."""
        new = copy.copy(self)
        new.effects, new.bought, new.replicates = dict(self.effects), set(self.bought), list(self.replicates)
        for cell in block:
            r = cell[1]
            if r not in new.replicates:
                n = len(new.covariance)
                grown = np.zeros((n + 2, n + 2))
                grown[:n, :n], grown[n:, n:] = new.covariance, self.between
                new.covariance, new.effects[r] = grown, n
                new.replicates.append(r)
            column, total = new._outcome(cell)
            new.covariance = new.covariance - np.outer(column, column) / total
            new.bought.add(cell)
        return new


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


def _costs(fits: Fits, c: Crossover, unit: str, table: pd.DataFrame | None) -> Callable[[Cell, set[Cell]], float]:
    """A function of (cell, cells bought) to what the cell costs."""
    if unit == "queries":

        def queries(cell: Cell, bought: set[Cell]) -> float:
            s, r, ratio = cell
            spent = max((x for (a, b, x) in bought if a == s and b == r), default=0.0)
            return max(0.0, ratio - spent) * c.seed_size

        return queries

    usual = []
    for name in (c.first, c.second):
        part = table[(table["strategy"] == name) & (table["seed_size"] == c.seed_size) & (table["task"] == c.task)]
        by = part.groupby("budget")["seconds"].median()
        usual.append((by.index.to_numpy(float) / c.seed_size, by.to_numpy(float)))

    def seconds(cell: Cell, bought: set[Cell]) -> float:
        s, _, ratio = cell
        x, y = usual[s]
        # time grows with the data: beyond what was run, in proportion to the budget
        return float(np.interp(ratio, x, y)) if ratio <= x[-1] else float(y[-1] * ratio / x[-1])

    return seconds
