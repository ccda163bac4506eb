"""Which strategy to buy for S seed questions and Q queries: probabilities and regrets from the joint draws.

Curves of the same seed-set size are read at the ratio ``Q / S``. Between seed-set sizes that were run, accuracies at
the same ratio are interpolated in ``log S``; outside them the nearest size is used and the advice is marked as an
extrapolation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.crossovers import scales
from crossover.stats.curves import Fits, FittedCurve

#: The least probability of being best at which a strategy is advised rather than merely named.
CLEAR = 0.8


@dataclass(frozen=True)
class Choice:
    """One strategy at (S, Q): expected accuracy, probability of being best, and expected regret of choosing it.

    ``inside`` says whether its curve was run on both sides of this ratio and seed-set size; ``why`` says what is
    outside.
    """

    strategy: str
    accuracy: float
    interval: tuple[float, float]
    p_best: float
    regret: float
    inside: bool
    why: str


@dataclass(frozen=True)
class Advice:
    """Strategies of one task at (S, Q), best expected accuracy first."""

    task: str
    seeds: float
    queries: float
    level: float
    choices: tuple[Choice, ...]
    message: str

    @property
    def best(self) -> Choice:
        return self.choices[0]

    def table(self) -> pd.DataFrame:
        """One row a strategy: ``task, seeds, queries, strategy, accuracy, low, high, p_best, regret, inside, why``."""
        return pd.DataFrame(
            {
                "task": self.task, "seeds": self.seeds, "queries": self.queries, "strategy": c.strategy,
                "accuracy": c.accuracy, "low": c.interval[0], "high": c.interval[1], "p_best": c.p_best,
                "regret": c.regret, "inside": c.inside, "why": c.why,
            }
            for c in self.choices
        )  # fmt: skip

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, with what to choose and whether it is an extrapolation."""
        return asdict(self) | {
            "choose": self.best.strategy,
            "extrapolation": not all(c.inside for c in self.choices),
        }

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
    unit: str = "queries",
) -> list[Advice]:
    """Advice for ``seeds`` seed questions and ``queries`` queries, one for each task (or for ``task`` alone).

    With ``costs`` of one kept sample by strategy, ``queries`` is a budget in their ``unit``: see
    :func:`crossover.stats.crossovers.find_crossovers`.

    Examples
    --------
    >>> from crossover import example_counts, fit_table
    >>> advice = advise(fit_table(example_counts(), draws=200), seeds=50, queries=400)[0]
    >>> advice.best.strategy, round(advice.best.accuracy, 2)
    ('new_question', 0.57)
    """
    _positive("seeds", seeds)
    _positive("queries", queries)
    tasks = sorted({c.task for c in fits})
    if task is not None and task not in tasks:
        raise CrossoverError(f"no task {task!r} in these numbers; known: {', '.join(tasks)}")
    price = scales(fits, costs)
    return [_advise(fits, t, seeds, queries, price, unit) for t in ([task] if task else tasks)]


def advise_map(
    fits: Fits, seeds_grid: Iterable[float], queries_grid: Iterable[float], task: str | None = None
) -> pd.DataFrame:
    """Advice over a grid: one row a (task, seeds, queries, strategy), with ``best`` true for the one to choose.

    Columns ``task, seeds, queries, strategy, accuracy, low, high, p_best, regret, inside, why, best``.
    """
    parts = []
    queries_grid = list(queries_grid)
    for s in seeds_grid:
        for q in queries_grid:
            for a in advise(fits, s, q, task):
                part = a.table()
                part["best"] = part["strategy"] == a.best.strategy
                parts.append(part)
    return pd.concat(parts, ignore_index=True)


def regret_table(grid: pd.DataFrame, inside_only: bool = True) -> pd.DataFrame:
    """Mean and largest expected regret of always choosing one strategy, over the cells of an :func:`advise_map`."""
    if inside_only:
        grid = grid[grid.groupby(["task", "seeds", "queries"])["inside"].transform("all")]
    out = grid.groupby(["task", "strategy"])["regret"].agg(["mean", "max", "size"]).reset_index()
    return out.rename(columns={"mean": "mean_regret", "max": "largest_regret", "size": "cells"})


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 1):
        raise CrossoverError(f"--{name} must be at least 1, got {value:g}")


def _advise(fits: Fits, task: str, seeds: float, queries: float, price: Mapping[str, float], unit: str) -> Advice:
    strategies = sorted({c.strategy for c in fits if c.task == task})
    names, draws, notes, missing, shaky = [], [], [], [], []
    for name in strategies:
        fitted = {c.seed_size: c for c in fits if c.task == task and c.strategy == name and c.is_fitted}
        if not fitted:
            missing.append(name)
            continue
        values, why = _read(fitted, seeds, queries / seeds / price[name])
        names.append(name)
        draws.append(values)
        notes.append(why)
        doubts = sorted({c.status for c in fitted.values()} - {"ok"})
        shaky += [f"{name} ({', '.join(doubts)})"] if doubts else []
    if not names:
        raise CrossoverError(f"task {task!r}: no strategy has enough budgets for a curve (4 distinct are needed)")
    a = np.stack(draws, 1)
    top = a == a.max(1, keepdims=True)
    p_best = (top / top.sum(1, keepdims=True)).mean(0)  # a tie is shared
    regret = (a.max(1, keepdims=True) - a).mean(0)
    low, high = np.quantile(a, [(1 - fits.level) / 2, (1 + fits.level) / 2], axis=0)
    choices = [
        Choice(n, float(m), (float(lo), float(hi)), float(p), float(g), not why, why)
        for n, m, lo, hi, p, g, why in zip(names, a.mean(0), low, high, p_best, regret, notes, strict=True)
    ]
    choices.sort(key=lambda c: (-c.accuracy, c.strategy))
    return Advice(
        task, seeds, queries, fits.level, tuple(choices), _message(task, seeds, queries, unit, choices, missing, shaky)
    )


def _read(fitted: dict[float, FittedCurve], seeds: float, ratio: float) -> tuple[np.ndarray, str]:
    """Accuracy draws of one strategy at (S, ratio), and what lies outside of what was run ('' if nothing)."""
    sizes = sorted(fitted)
    why = []
    if not sizes[0] <= seeds <= sizes[-1]:
        why.append(f"S = {seeds:g} is outside {sizes[0]:g} to {sizes[-1]:g}")
    below = max((s for s in sizes if s <= seeds), default=sizes[0])
    above = min((s for s in sizes if s >= seeds), default=sizes[-1])
    weight = np.log(seeds / below) / np.log(above / below) if above > below else 0.0
    first = max(fitted[s].ratio_range[0] for s in (below, above))
    last = min(fitted[s].ratio_range[1] for s in (below, above))
    if not first <= ratio <= last:
        why.append(f"ratio {ratio:.3g} is outside {first:g} to {last:g}")
    low, high = (fitted[s].at(np.array([ratio]))[1][:, 0] for s in (below, above))
    return low + weight * (high - low), "; ".join(why)


def _message(
    task: str, seeds: float, queries: float, unit: str, choices: list[Choice], missing: list[str], shaky: list[str]
) -> str:
    best = choices[0]
    head = f"{task}: with {seeds:g} seed questions and {queries:g} {unit} "
    if best.p_best >= CLEAR or len(choices) == 1:
        head += f"choose {best.strategy} "
    else:
        head += f"the data do not say what to choose; ahead is {best.strategy} "
    head += f"(best with probability {best.p_best:.2f}, expected accuracy {best.accuracy:.3f}, "
    parts = [head + f"expected regret {best.regret:.3f})"]
    if len(choices) == 1:
        parts.append("there is no other strategy to compare with")
    outside: dict[str, list[str]] = {}
    for c in choices:
        if c.why:
            outside.setdefault(c.why, []).append(c.strategy)
    if outside:
        parts.append("this is an extrapolation: " + ", ".join(f"{why} ({', '.join(s)})" for why, s in outside.items()))
    if shaky:
        parts.append("curves with a doubt: " + ", ".join(shaky))
    if missing:
        parts.append(f"no curve for {', '.join(missing)}: too few budgets")
    return "; ".join(parts)
