"""A pilot in rounds: a small grid first, then more of what is undecided, until it is decided or spent.

The rules do not look at which cells would help the answer that is ahead, only at which strategies are undecided and whether the
tested budgets hold the question: a strategy's data are a whole block of replicates and budgets at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from crossover.errors import CrossoverError
from crossover.stats.advice import Advice, advise
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, fit_table

DECIDED = 0.9  # probability of being best at which a pilot stops
STILL_IN = 0.05  # probability of being best below which a strategy is given up
FIRST = 4  # the first round spends the queries over this
SMALLEST = 2  # least queries of a cell: a question and its answer
DRAWS, LEVEL, SEED = 500, 0.9, 0


@dataclass(frozen=True)
class Block:
    """What has been run of each strategy: all budgets of the ladder up to the top one, in all replicates."""

    base: int
    tops: Mapping[str, int]
    replicates: Mapping[str, int]

    @classmethod
    def whole(cls, strategies: Sequence[str], replicates: int, queries: int, budgets: int) -> Block:
        """Return the grid that spends all queries."""
        largest = max(SMALLEST << (MIN_BUDGETS - 1), queries // (len(strategies) * replicates))
        base = max(SMALLEST, largest >> (budgets - 1))
        budgets = min(budgets, (largest // base).bit_length())
        return cls(base, dict.fromkeys(strategies, budgets), dict.fromkeys(strategies, replicates))

    @property
    def queries(self) -> int:
        """Teacher calls: a larger budget repeats those of a smaller one."""
        return sum(self.budgets(name)[-1] * n for name, n in self.replicates.items())

    def budgets(self, strategy: str) -> list[int]:
        """Budgets of a strategy, each twice the one before."""
        return [self.base << i for i in range(self.tops[strategy])]

    def cells(self) -> list[tuple[str, int, int]]:
        """Strategy, budget and replicate of every cell."""
        return [(name, b, r) for name, n in self.replicates.items() for r in range(n) for b in self.budgets(name)]

    def doubled(self, names: Sequence[str]) -> Block:
        """Return the block with one larger budget of some strategies."""
        return replace(self, tops={**self.tops, **{name: self.tops[name] + 1 for name in names}})

    def repeated(self, names: Sequence[str]) -> Block:
        """Return the block with one more replicate of some strategies."""
        return replace(self, replicates={**self.replicates, **{name: self.replicates[name] + 1 for name in names}})


@dataclass(frozen=True)
class Stop:
    """Why a pilot ended: ``decided``, ``spent`` or ``hopeless``, in words, with what it had run and how often it looked."""

    status: str
    message: str
    block: Block
    looks: int = field(default=1)


def first_block(strategies: Sequence[str], replicates: int, queries: int, target: float = 0.0) -> Block:
    """Return the first round: the fewest budgets that make a curve, on a quarter of the queries, from below the target on."""
    most = queries // (FIRST * len(strategies) * replicates)
    base = max(SMALLEST, most >> (MIN_BUDGETS - 1))
    base = min(base, max(SMALLEST, int(target / 2))) if target else base
    return Block(base, dict.fromkeys(strategies, MIN_BUDGETS), dict.fromkeys(strategies, replicates))


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
    run: Callable[[Block], pd.DataFrame],
    block: Block,
    queries: int,
    seed_size: int,
    factor: float | None,
    target: float,
    hopeless: Callable[[], str] = lambda: "",
) -> Stop:
    """Run blocks of cells until the question is decided.

    Parameters
    ----------
    run : callable
        Runs the cells of a block that are missing, and returns the counts of all.
    block : Block
        The first round.
    queries : int
        Teacher calls that may be spent.
    seed_size : int
    factor : float, optional
        The interval of the crossover between the two leading strategies is to be within this factor; without it, one strategy
        is to be best at ``target`` queries with probability 0.9.
    target : float
    hopeless : callable
        Says why no strategy can help; empty where one may.
    """
    looks, names = 0, list(block.tops)
    while True:
        table = run(block)
        # A strategy that was given up is not asked about any more: its budgets end below the others'.
        fits = fit_table(table if factor else table[table["strategy"].isin(names)], LEVEL, DRAWS, SEED)
        looks += 1
        done, names, open_end = _crossover(fits, factor) if factor else _best(fits, seed_size, target, block)
        if done:
            return Stop("decided", done, block, looks)
        if why := hopeless():
            return Stop("hopeless", why, block, looks)
        moves = [block.doubled(names), block.repeated(names)]
        afforded = [move for move in (moves if open_end else moves[::-1]) if move.queries <= queries]
        if not afforded:
            left = queries - block.queries
            return Stop(
                "spent", f"{block.queries:,} calls are spent, and the {left:,} left buy no further round.", block, looks
            )
        block = afforded[0]


def watched(fits: Fits) -> Crossover:
    """Return the crossover to narrow down: one that is found, the surest first."""
    return max(find_crossovers(fits, checks=False), key=lambda c: (c.status == "found", c.p_exists or 0.0))


def _crossover(fits: Fits, factor: float) -> tuple[str, list[str], bool]:
    """Whether the crossover is narrow enough; otherwise its strategies, and whether larger budgets are wanted."""
    c = watched(fits)
    low, high = c.interval
    closed = c.status == "found" and low and high
    if closed and high / low <= factor:
        return f"The crossover lies between {low:.3g} and {high:.3g} queries per seed question.", [], False
    return "", [c.first, c.second], not closed and high is None


def _best(fits: Fits, seed_size: int, target: float, block: Block) -> tuple[str, list[str], bool]:
    """Whether one strategy is best at the target; otherwise those that may be, and whether larger budgets are wanted."""
    found: Advice = advise(fits, seed_size, target)
    if found.best.p_best >= DECIDED and found.nearest is None:
        return found.message, [], False
    names = [choice.strategy for choice in found.choices if choice.p_best >= STILL_IN]
    names = names if len(names) > 1 else [choice.strategy for choice in found.choices[:2]]
    return "", names, any(block.budgets(name)[-1] < target for name in names)
