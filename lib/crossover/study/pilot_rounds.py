"""A pilot in rounds: one replicate of a small grid, then the cells that are worth most, until the question is decided.

Cells are worth the variance that they take from the undecided curves, at the budget ratios where they are undecided,
per share of the queries and trainings that they cost: V-optimal design of a Gaussian process (arXiv 2604.22753). They
come as neighbouring budgets of all undecided strategies, so that every replicate shows a lead and its slope.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.advice import advise
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, FittedCurve
from crossover.study.advice_counts import fitted
from crossover.teachers.spending import BudgetExceeded

DECIDED = 0.9  # probability of being best at which a pilot stops
STILL_IN = 0.05  # probability of being best below which a strategy is given up
FIRST = 8  # the first round spends the queries over this
ROUND = 4  # a further round costs what was spent before over this
BUDGETS = 5  # of the whole grid, each twice the one before
REPLICATES = 3  # the fewest that show luck; of the whole grid that rounds are priced by
SMALLEST = 2  # least queries of a cell: a question and its answer
NEIGHBOURS = 3  # budgets of a further replicate
OFFSET = 0.01  # standard deviation between replicates that counts as one observed replicate

Cell = tuple[str, int, int]  # strategy, budget, replicate


@dataclass(frozen=True)
class Design:
    """The cells of a pilot. A larger budget of a replicate repeats the calls of a smaller one."""

    cells: frozenset[Cell]

    @classmethod
    def grid(cls, strategies: Sequence[str], replicates: int, queries: int, budgets: int = BUDGETS) -> Design:
        """Return the grid that spends all queries: budgets each twice the one before, four of them or more."""
        largest = max(SMALLEST << (MIN_BUDGETS - 1), queries // (len(strategies) * replicates))
        base = max(SMALLEST, largest >> (budgets - 1))
        ladder = [base << i for i in range(min(budgets, (largest // base).bit_length()))]
        return cls(frozenset((s, b, r) for s in strategies for b in ladder for r in range(replicates)))

    @classmethod
    def first_round(cls, strategies: Sequence[str], queries: int, target: float = 0.0) -> Design:
        """Return one replicate of the grid on an eighth of the queries, from below the target on."""
        whole = cls.grid(strategies, 1, queries // FIRST)
        around = cls.grid(strategies, 1, int(len(strategies) * target / 2) << (MIN_BUDGETS - 1), MIN_BUDGETS)
        return around if 0 < target and around.queries < whole.queries else whole

    @property
    def beginning(self) -> Design:
        """One replicate without its largest budget, where the others are enough for a curve."""
        first = {cell for cell in self.cells if cell[2] == 0}
        budgets = sorted({b for _, b, _ in first})
        budgets = budgets[:-1] if len(budgets) > MIN_BUDGETS else budgets
        return replace(self, cells=frozenset(cell for cell in first if cell[1] in budgets))

    @cached_property
    def largest(self) -> dict[tuple[str, int], int]:
        """The largest budget by strategy and replicate."""
        return {(name, r): b for name, b, r in sorted(self.cells)}

    @property
    def queries(self) -> int:
        """Teacher calls."""
        return sum(self.largest.values())

    def replicates(self, strategy: str) -> int:
        """Replicates of a strategy."""
        return sum(name == strategy for name, _ in self.largest)

    def ladder(self, names: Collection[str]) -> list[int]:
        """Return budgets that may come next, up to twice the largest, each about 1.41 times the one before."""
        base, top = min(b for _, b, _ in self.cells), max(b for name, b, _ in self.cells if name in names)
        steps = int(2 * np.log2(2 * top / base) + 1e-9)
        return [round(base * 2 ** (i / 2)) for i in range(steps + 1)]

    def moves(self, names: Sequence[str], budgets: Sequence[int]) -> Iterator[frozenset[Cell]]:
        """Yield what may come next: neighbouring budgets in one more replicate, or one where replicates lack it."""
        for i in range(len(budgets) - NEIGHBOURS + 1):
            some = budgets[i : i + NEIGHBOURS]
            yield frozenset((name, b, self.replicates(name)) for name in names for b in some)
        for b in budgets:
            yield frozenset((name, b, r) for name in names for r in range(self.replicates(name))) - self.cells

    def __or__(self, cells: Collection[Cell]) -> Design:
        return replace(self, cells=self.cells | set(cells))


@dataclass(frozen=True)
class Stop:
    """Why a pilot ended, in words, and how often it had looked."""

    status: str  #: ``decided``, ``spent`` or ``hopeless``.
    message: str
    design: Design
    looks: int = 1
    names: tuple[str, ...] = ()  #: The strategies that were not given up; all where empty.


@dataclass(frozen=True)
class Look:
    """What the curves say of the question: the answer, or the strategies and budget ratios where it is not decided."""

    answer: str
    names: tuple[str, ...]
    ratios: np.ndarray


def parse_until(text: str) -> float | None:
    """Return the factor of ``--until``, or ``None`` for ``decided``.

    >>> parse_until("1.5"), parse_until("decided")
    (1.5, None)
    """
    if text == "decided":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not factor > 1:
        raise CrossoverError(f"--until must be decided or a factor above 1, such as 1.5, got {text!r}")
    return factor


def rounds(
    run: Callable[[Design], pd.DataFrame],
    design: Design,
    queries: int,
    replicates: int,
    look: Callable[[Fits], Look],
    hopeless: Callable[[], str] = str,
) -> Stop:
    """Run cells until the question is decided, none that may help is left, or ``queries`` teacher calls are spent.

    ``run`` runs the cells of a design that are missing and returns the counts of all; at a cap it raises
    :class:`BudgetExceeded`, and the pilot ends with the round before. ``look`` reads the question off the fits, such as
    :func:`look_at_crossover`; it is decided with ``replicates`` of the strategies asked about, or more. ``hopeless``
    says why no strategy helps, and nothing where one may.
    """
    looks, had, names = 0, Design(frozenset()), tuple(sorted({name for name, _, _ in design.cells}))
    while True:
        try:
            table = run(design)
        except BudgetExceeded as problem:
            return Stop("spent", str(problem), had, looks)
        # A strategy that was given up is not asked about any more: its budgets end below the others'.
        fits = fitted(table[table["strategy"].isin(names)])
        looks += 1
        seen = look(fits)
        if seen.answer and min(map(design.replicates, seen.names)) >= replicates:
            return Stop("decided", seen.answer, design, looks, names)
        if reason := hopeless():
            return Stop("hopeless", reason, design, looks, names)
        names = seen.names
        chosen = next_round(fits, design, seen, queries)
        if chosen == design:
            left = queries - design.queries
            said = f"{design.queries:,} calls are spent, and what is left ({left:,}) buys no further round."
            return Stop("spent", said, design, looks, names)
        had, design = design, chosen


def next_round(fits: Fits, design: Design, seen: Look, queries: int) -> Design:
    """Return a design with the moves that take most variance per cost, at least a quarter of what was spent."""
    trainings = len(Design.grid(sorted({c.strategy for c in fits}), REPLICATES, queries).cells)

    def cost(d: Design) -> float:  # its share of the queries and of the trainings of the whole grid
        return d.queries / queries + len(d.cells) / trainings

    ladder, size = design.ladder(seen.names), next(iter(fits)).seed_size
    curves = [_Curve(fits, c, ladder, seen.ratios) for c in fits if c.strategy in seen.names and c.is_fitted]
    low, high = seen.ratios.min() * size / 2**0.5, seen.ratios.max() * size * 2**0.5
    middle = np.clip(np.searchsorted(ladder, (low * high) ** 0.5) - 1, 1, len(ladder) - 2)
    budgets = [b for i, b in enumerate(ladder) if low <= b <= high or abs(i - middle) <= 1]
    most = cost(design) * (1 + 1 / ROUND)
    while cost(design) < most:
        before = sum(curve.variance(design) for curve in curves)
        worth = {}
        for more in (design | move for move in design.moves(seen.names, budgets) if move):
            if more.queries <= queries:
                worth[more] = (before - sum(c.variance(more) for c in curves)) / (cost(more) - cost(design))
        if not worth:
            break
        design = max(worth, key=worth.__getitem__)
    return design


class _Curve:
    """A strategy's curve as a Gaussian process about its fit: level, gain, scale, and a departure in log budget."""

    def __init__(self, fits: Fits, curve: FittedCurve, ladder: Sequence[int], ratios: np.ndarray):
        self.strategy, self.ladder = curve.strategy, ladder
        x = np.concatenate([np.array(ladder) / curve.seed_size, ratios])
        assert curve.point is not None  # only fitted curves come here
        tau = float(np.clip(np.exp(curve.point.theta[0, 0]), x[0] / 4, 4 * x[-1]))
        gain = max(0.05, float(np.ptp(curve.at(x)[0])))
        rise, bend = -np.expm1(-x / tau), x / tau * np.exp(-x / tau)
        far = np.abs(np.log(x)[:, None] - np.log(x)[None, :]) * np.sqrt(3) / np.log(4)
        departure = (1 + far) * np.exp(-far) / 64 + 1e-6 * np.eye(len(x))
        self.prior = gain**2 * (16 + 4 * np.outer(rise, rise) + np.outer(bend, bend) + departure)
        noises = [c.noise for c in fits if c.is_fitted]
        p = np.clip(curve.at(x[: len(ladder)])[0], 0.05, 0.95)
        self.cell = p * (1 - p) / curve.counts.tested.max() + np.mean([n.training for n in noises])
        seen = sum(float((n.offsets**2).sum()) for n in noises)
        self.offset = (seen + OFFSET**2) / (sum(n.replicates - 1 for n in noises) + 1)

    def variance(self, design: Design) -> float:
        """Return the mean variance at the ratios asked about, once a design is run; few replicates have a t's tails."""
        replicates, n = design.replicates(self.strategy), len(self.ladder)
        offset = self.offset * (1 + 2 / max(1, replicates - 1))
        precision = np.zeros(self.prior.shape)
        for r in range(replicates):
            weight = np.array([(self.strategy, b, r) in design.cells for b in self.ladder]) / self.cell
            precision[:n, :n] += np.diag(weight) - np.outer(weight, weight) * offset / (1 + offset * weight.sum())
        posterior = np.linalg.solve(np.eye(len(precision)) + self.prior @ precision, self.prior)
        return float(np.diag(posterior)[n:].mean())


def watched(fits: Fits) -> Crossover:
    """Return the crossover to narrow down: one that is found, the surest first."""
    return max(find_crossovers(fits, checks=False), key=lambda c: (c.status == "found", c.p_exists or 0.0))


def look_at_crossover(fits: Fits, factor: float) -> Look:
    """Ask whether the ends of the crossover's interval are within a factor."""
    c = watched(fits)
    low, high = c.interval
    narrow = c.status == "found" and low and high and high / low <= factor
    said = f"The crossover lies between {low:.3g} and {high:.3g} teacher calls per seed question." if narrow else ""
    low, high = max(low or 0.0, c.tested[0] / 2), min(high or np.inf, c.tested[1] * 2)
    return Look(said, (c.first, c.second), np.geomspace(low, max(low, high), 9))


def look_at_target(fits: Fits, seed_size: float, queries: float) -> Look:
    """Ask whether one strategy is best at a budget with probability 0.9; otherwise which may be."""
    found = advise(fits, seed_size, queries)
    said = found.message if found.best.p_best >= DECIDED and found.nearest is None else ""
    names = [choice.strategy for choice in found.choices if choice.p_best >= STILL_IN]
    names = names if len(names) > 1 else [choice.strategy for choice in found.choices[:2]]
    return Look(said, tuple(names), np.array([queries / seed_size]))
