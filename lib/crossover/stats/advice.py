"""Which strategy to buy for S seed questions and Q teacher calls: leads, probabilities and regrets.

Between tested seed-set sizes outcomes at the same ratio ``Q / S`` are interpolated in ``log S``. Outside the tested
range nothing is recommended: the answer is the nearest tested point, the trend, and the command that would measure it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.crossovers import scales
from crossover.stats.curves import Fits, FittedCurve
from crossover.stats.formatting import points, probability, short
from crossover.stats.seed_size_law import fit_seed_sizes

#: The least probability of being best at which a strategy is recommended rather than merely named.
CLEAR = 0.8
DRAWS = 1000  # of the curves behind an answer, by default in `crossover advise`, on its page and on the landing page
LEAST_PILOT = 144  # teacher calls of the smallest pilot that is fitted: three replicates at four budgets
PILOT_SHARE = 8  # a pilot takes this part of the calls asked about, and extrapolates
Interval = tuple[float, float]


@dataclass(frozen=True)
class Choice:
    """One strategy at (S, Q); ``inside`` says whether its curve was tested on both sides, ``why`` what lies outside.

    ``gain`` is its lead over buying nothing, ``None`` where that was not tested and for what buys nothing itself.
    """

    strategy: str
    accuracy: float
    interval: Interval
    p_best: float
    regret: float
    lead: float
    lead_interval: Interval
    gain: float | None
    gain_interval: Interval | None
    inside: bool
    why: str


@dataclass(frozen=True)
class Trend:
    """Expected lead of the best strategy over the second at a question outside the tested range, by the laws."""

    first: str
    second: str
    lead: float
    interval: Interval


@dataclass(frozen=True)
class Advice:
    """Strategies of one task, best expected outcome first.

    ``idle`` is the strategy that buys nothing, if one was tested. ``nearest`` is the tested (S, Q) that the choices
    describe where the question lies outside the tested range, else ``None``; ``trend`` is then extrapolated to the
    question asked, where another strategy may lead.
    """

    task: str
    seeds: float
    queries: float
    unit: str
    level: float
    choices: tuple[Choice, ...]
    nearest: tuple[float, float] | None
    trend: Trend | None
    idle: str | None
    doubts: tuple[str, ...]

    @property
    def best(self) -> Choice:
        return self.choices[0]

    @property
    def purchase(self) -> Choice:
        """The best of the strategies that buy something."""
        return next(c for c in self.choices if c.strategy != self.idle)

    @property
    def choose(self) -> str | None:
        """The strategy to buy; ``None`` outside the tested range and where no strategy is clearly best."""
        clear = self.nearest is None and (self.best.p_best >= CLEAR or len(self.choices) == 1)
        return self.best.strategy if clear else None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        outside = self.nearest is not None
        return asdict(self) | {"choose": self.choose, "extrapolation": outside, "message": self.message}

    def table(self) -> pd.DataFrame:
        """One row per strategy, with the columns of :func:`advise_map`."""
        return pd.DataFrame(_rows(self.task, self.seeds, self.queries, self.choices))

    @property
    def message(self) -> str:
        """One sentence, and one per doubt."""
        best = self.best
        seeds, queries = self.nearest or (self.seeds, self.queries)
        point = f"{short(seeds)} seed questions and {short(queries)} {self.unit}"
        sure = f"best with probability {probability(best.p_best)}, expected regret {100 * best.regret:.1f} points"
        if len(self.choices) == 1:
            said = f"{best.strategy} is the only strategy with a curve"
        else:
            lead, ends = points(best.lead, best.lead_interval)
            said = f"{best.strategy} leads {self.choices[1].strategy} by {lead} points ({ends}; {sure})"
        if self.nearest:
            lines = [
                f"{short(self.seeds)} seed questions and {short(self.queries)} {self.unit}: outside the tested range",
                f"no recommendation ({best.why})",
                f"at the nearest tested point, {point}, {said}",
            ]
            if self.trend:
                there, (lead, ends) = self.trend, points(self.trend.lead, self.trend.interval)
                lines.append(f"by extrapolation {there.first} leads {there.second} by {lead} points there ({ends})")
            if self.unit == "teacher calls" and self.task != "own":  # which has had its pilot
                at = f"--queries {max(math.ceil(self.queries / PILOT_SHARE), LEAST_PILOT)} --budget {self.queries:.0f}"
                lines.append(f"to measure it on your task: crossover pilot PAIRS {at}")
        elif self.choose:
            what = "nothing" if self.choose == self.idle else best.strategy
            lines = [f"with {point} buy {what}: {said}"]
        else:
            lines = [f"with {point} there is no clear winner: {said}"]
        return "; ".join([f"{self.task}: {lines[0]}", *lines[1:], *self.doubts])

    def __str__(self) -> str:
        return self.message

    def _repr_html_(self) -> str:
        return f"<p>{self.message}</p>" + self.table().to_html(index=False, border=0, float_format="%.3f")


def advise(
    fits: Fits,
    seeds: float,
    queries: float,
    task: str | None = None,
    costs: Mapping[str, float] | None = None,
    unit: str = "teacher calls",
) -> Advice:
    """Advice for ``seeds`` seed questions and ``queries`` teacher calls.

    Parameters
    ----------
    fits : Fits
    seeds, queries : float
    task : str, optional
        Default: the task with the most cells.
    costs : mapping, optional
        Cost of one kept sample by strategy; ``queries`` is then a budget in their ``unit`` (see
        :func:`crossover.stats.crossovers.find_crossovers`).
    unit : str

    Examples
    --------
    >>> from crossover import example_counts, fit_table
    >>> advice = advise(fit_table(example_counts(), draws=200), seeds=50, queries=400)
    >>> advice.choose, round(advice.best.accuracy, 2)
    ('new_question', 0.57)
    """
    for name, value in (("seeds", seeds), ("queries", queries)):
        if not (np.isfinite(value) and value >= 1):
            raise CrossoverError(f"--{name} must be at least 1, got {value:g}")
    cells = Counter(c.task for c in fits for _ in range(int((c.counts.tested > 0).sum())))
    if task is not None and task not in cells:
        raise CrossoverError(f"no task {task!r} in these numbers; known: {', '.join(sorted(cells))}")
    task = task or cells.most_common(1)[0][0]
    price = scales(fits, costs)
    fitted = _curves(fits, task)
    choices = _choices(fits, fitted, seeds, queries, price)
    nearest = trend = None
    if not all(c.inside for c in choices):
        nearest, why = _nearest(fitted, seeds, queries, price), next(c.why for c in choices if c.why)
        choices = tuple(replace(c, inside=False, why=why) for c in _choices(fits, fitted, *nearest, price))
        trend = _trend(fits, task, fitted, nearest[0], (seeds, queries), price)
    missing = sorted({c.strategy for c in fits if c.task == task} - {c.strategy for c in choices})
    doubts = (f"no curve for {', '.join(missing)}: too few budgets",) if missing else ()
    idle = next((c.strategy for c in choices if _buys_nothing(fitted[c.strategy])), None)
    return Advice(task, seeds, queries, unit, fits.level, choices, nearest, trend, idle, doubts)


def advise_map(
    fits: Fits, seeds_grid: Iterable[float], queries_grid: Iterable[float], task: str | None = None
) -> pd.DataFrame:
    """Choices over a grid: one row per (task, seeds, queries, strategy), ``best`` true for the first choice."""
    rows, price, queries_grid = [], scales(fits, None), list(queries_grid)
    for name in [task] if task else sorted({c.task for c in fits}):
        fitted = _curves(fits, name)
        for s in seeds_grid:
            for q in queries_grid:
                here = _rows(name, s, q, _choices(fits, fitted, s, q, price))
                rows += [row | {"best": k == 0} for k, row in enumerate(here)]
    return pd.DataFrame(rows)


def _rows(task: str, seeds: float, queries: float, choices: Iterable[Choice]) -> list[dict[str, object]]:
    return [
        {"task": task, "seeds": seeds, "queries": queries, "strategy": c.strategy, "accuracy": c.accuracy,
         "low": c.interval[0], "high": c.interval[1], "p_best": c.p_best, "regret": c.regret, "lead": c.lead,
         "gain": c.gain, "inside": c.inside, "why": c.why}
        for c in choices
    ]  # fmt: skip


def regret_table(grid: pd.DataFrame, inside_only: bool = True) -> pd.DataFrame:
    """Mean and largest expected regret of always choosing one strategy, over the cells of an :func:`advise_map`."""
    if inside_only:
        grid = grid[grid.groupby(["task", "seeds", "queries"])["inside"].transform("all")]
    out = grid.groupby(["task", "strategy"])["regret"].agg(["mean", "max", "size"]).reset_index()
    return out.rename(columns={"mean": "mean_regret", "max": "largest_regret", "size": "cells"})


def _curves(fits: Fits, task: str) -> dict[str, dict[float, FittedCurve]]:
    """Fitted curves of a task, by strategy and seed-set size."""
    out: dict[str, dict[float, FittedCurve]] = {}
    for c in fits:
        if c.task == task and c.is_fitted:
            out.setdefault(c.strategy, {})[c.seed_size] = c
    if all(map(_buys_nothing, out.values())):
        raise CrossoverError(f"task {task!r}: no strategy has enough budgets for a curve (4 distinct are needed)")
    return dict(sorted(out.items()))


def _choices(
    fits: Fits, fitted: dict[str, dict[float, FittedCurve]], seeds: float, queries: float, price: Mapping[str, float]
) -> tuple[Choice, ...]:
    """All strategies at (S, Q), best first."""
    read = [_read(curves, seeds, queries / seeds / price[name]) for name, curves in fitted.items()]
    a = np.stack([values for values, _ in read], 1)
    tails = [(1 - fits.level) / 2, (1 + fits.level) / 2]
    top = a == a.max(1, keepdims=True)
    p_best = (top / top.sum(1, keepdims=True)).mean(0)  # a tie is shared
    regret = (a.max(1, keepdims=True) - a).mean(0)
    mean = a.mean(0)
    nothing = [k for k, curves in enumerate(fitted.values()) if _buys_nothing(curves)]
    idle = max(nothing, key=lambda k: mean[k], default=None)
    out = []
    for k, (name, (_, outside)) in enumerate(zip(fitted, read, strict=True)):
        rival = max((j for j in range(len(mean)) if j != k), key=lambda j: mean[j], default=k)
        lead = a[:, k] - a[:, rival]
        ends, lead_ends = (tuple(map(float, np.quantile(z, tails))) for z in (a[:, k], lead))
        numbers = float(mean[k]), ends, float(p_best[k]), float(regret[k]), float(lead.mean()), lead_ends
        gain, gain_ends = None, None
        if idle not in (None, k):
            gains = a[:, k] - a[:, idle]
            gain, gain_ends = float(gains.mean()), tuple(map(float, np.quantile(gains, tails)))
        out.append(Choice(name, *numbers, gain, gain_ends, not outside, outside))
    return tuple(sorted(out, key=lambda c: (-c.accuracy, c.strategy)))


def _buys_nothing(curves: Mapping[float, FittedCurve]) -> bool:
    return any(c.counts.buys_nothing for c in curves.values())


def _read(fitted: dict[float, FittedCurve], seeds: float, ratio: float) -> tuple[np.ndarray, str]:
    """Draws of one strategy at (S, ratio), and what lies outside of the tested range ('' if nothing)."""
    sizes = sorted(fitted)
    ends = f"{short(sizes[0])} to {short(sizes[-1])}"
    why = [] if sizes[0] <= seeds <= sizes[-1] else [f"S = {short(seeds)} is outside {ends}"]
    below = max((s for s in sizes if s <= seeds), default=sizes[0])
    above = min((s for s in sizes if s >= seeds), default=sizes[-1])
    weight = np.log(seeds / below) / np.log(above / below) if above > below else 0.0
    first = max(fitted[s].ratio_range[0] for s in (below, above))
    last = min(fitted[s].ratio_range[1] for s in (below, above))
    if not first * (1 - 1e-9) <= ratio <= last * (1 + 1e-9):
        why.append(f"ratio {short(ratio)} is outside {short(first)} to {short(last)}")
    low, high = (fitted[s].at(np.array([ratio]))[1][:, 0] for s in (below, above))
    return low + weight * (high - low), "; ".join(why)


def _nearest(
    fitted: dict[str, dict[float, FittedCurve]], seeds: float, queries: float, price: Mapping[str, float]
) -> tuple[float, float]:
    """The tested (S, Q) nearest to a question, by log seed-set size first and then by log ratio."""
    bought = {name: c for name, c in fitted.items() if not _buys_nothing(c)}
    sizes = set.intersection(*map(set, bought.values())) or set.union(*map(set, bought.values()))
    size = min(sizes, key=lambda s: abs(np.log(s / seeds)))
    there = {name: c[size] for name, c in bought.items() if size in c}
    low, high = (
        pick(c.ratio_range[end] * price[name] for name, c in there.items()) for end, pick in ((0, max), (1, min))
    )
    return size, size * float(np.clip(queries / seeds, low, max(low, high)))


def _trend(
    fits: Fits, task: str, fitted: dict[str, dict[float, FittedCurve]], near: float, asked: tuple[float, float],
    price: Mapping[str, float],
) -> Trend | None:  # fmt: skip
    """What the laws of all strategies expect at the question asked; at size ``near`` where no other was run."""
    bought = [c for c in fits if c.task == task and c.strategy in fitted and not c.counts.buys_nothing]
    laws = {name: law for (_, name), law in fit_seed_sizes(replace(fits, curves=tuple(bought))).items()}
    if len(laws) < 2:
        return None
    size = asked[0] if all(len(fitted[name]) > 1 for name in laws) else near
    there = {name: law.cell(size, asked[1] / asked[0] / price[name]) for name, law in sorted(laws.items())}
    first, second = sorted(there, key=lambda name: -float(np.median(there[name])))[:2]
    lead = there[first] - there[second]
    low, high = np.quantile(lead, [(1 - fits.level) / 2, (1 + fits.level) / 2])
    return Trend(first, second, float(np.median(lead)), (float(low), float(high)))
