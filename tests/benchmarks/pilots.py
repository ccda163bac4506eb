"""What pilots in rounds cover and save: simulated in worlds whose truth is known, and replayed on the published grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.tables import table
from crossover.paths import PUBLISHED, results_folder
from crossover.stats import simulation
from crossover.stats.advice import advise, advise_map
from crossover.stats.crossovers import Crossover
from crossover.stats.verdicts import REPLICATE_SPREAD, detectable_lead
from crossover.study import advice_counts
from crossover.study.advice_counts import fitted
from crossover.study.pilot_rounds import (
    Cell,
    Design,
    Look,
    Stop,
    look_at_crossover,
    look_at_target,
    next_round,
    rounds,
    watched,
)

NAMES, QUERIES, FACTOR, PILOTS = (simulation.EARLY, simulation.LATE), 40_000, 1.5, 200
NOISE = {"n_test": 300, "offset": 0.01, "shared": 0.0, "training": 0.01}
#: Two exponential worlds, whose crossover lies in the middle and at the lower end of the whole grid, and three others.
WORLDS = {
    "exponential": replace(simulation.ALL["independent"], **NOISE),
    "exponential, early": replace(simulation.ALL["edge"], **NOISE, seed_size=30),
    "late take-off": replace(simulation.ALL["late"], **NOISE),
    "two take-offs": replace(simulation.ALL["both_late"], **NOISE),
    "logistic": replace(simulation.ALL["logistic"], **NOISE),
}
GRIDS = (3, 4, 6, 9, 13)  # replicates of the whole grid
PROMISES = ((60, 7), (100, 5), (300, 4))  # test items, and the replicates that tell ten points with them
SHARE = 0.25  # of the published grid's queries


def run() -> pd.DataFrame:
    """Simulate 200 pilots per world, and replay pilots on the published rows."""
    rows = []
    for name, world in WORLDS.items():
        pilots = pd.DataFrame([vars(simulated(world, seed)) for seed in range(PILOTS)])
        queries, trainings = needed(world, float(pilots["width"].mean()))
        rows += [
            (f"{name}: crossovers covered at 90%", pilots["covered"].mean(), "", ">= 0.87"),
            (f"{name}: interval, high over low", float(np.exp(pilots["width"].mean())), "x", ""),
            (f"{name}: pilots that end as decided", (pilots["status"] == "decided").mean(), "", ""),
            (f"{name}: queries, of the whole grid's for this width", pilots["queries"].mean() / queries, "", "<= 0.5"),
            (
                f"{name}: trainings, of the whole grid's for this width",
                pilots["trainings"].mean() / trainings,
                "",
                "<= 0.5",
            ),
        ]
    rows += [
        (f"{n} tests, {replicates} replicates: pilots that tell the promised lead", told(n, replicates), "", ">= 0.75")
        for n, replicates in PROMISES
    ]
    for rule, found in replayed().groupby("rule", sort=False):
        wanted = ">= 0.9" if rule == "rounds" else ""
        rows.append(
            (
                f"published grid, a quarter of its queries: its advice reached, {rule}",
                found["agrees"].mean(),
                "",
                wanted,
            )
        )
        rows.append(
            (
                f"published grid, a quarter of its queries: points lost by the advice, {rule}",
                100 * found["regret"].mean(),
                "points",
                "",
            )
        )
        rows.append((f"published grid: queries used, {rule}", found["queries"].mean(), "of the grid's", ""))
    return table(rows)


class Pilot:
    """One simulated pilot: how it stopped, what it took, and whether its interval of the crossover holds the truth."""

    def __init__(self, stop: Stop, found: Crossover, true: float):
        low, high = found.interval
        self.status, self.queries, self.trainings = stop.status, stop.design.queries, len(stop.design.cells)
        self.covered = (low is None or low <= true) and (high is None or true <= high)
        self.width = np.log(high / low) if low and high else np.nan


def told(n_test: int, replicates: int, share: float = 1.0, pilots: int = PILOTS) -> float:
    """Return how many grids tell a lead of a share of the one that is promised for their tests and replicates."""
    lead, spread = share * detectable_lead(replicates, n_test), REPLICATE_SPREAD / 2
    early, late = (simulation.Truth(0.45 + gain, 0.25 + gain, (4.0,)) for gain in (0.0, lead / -np.expm1(-4.0)))
    world = simulation.Scenario("power", "", early, late, (1.0, 16.0), replicates, n_test, spread, training=spread)
    grid, size = Design.grid(NAMES, replicates, 32 * replicates * world.seed_size), world.seed_size
    found = [advise(fitted(counted(world, seed)(grid)), size, 16 * size).choices for seed in range(pilots)]
    return float(np.mean([c.lead_interval[0] > 0 for choices in found for c in choices if c.strategy == NAMES[1]]))


def counted(world: simulation.Scenario, seed: int) -> Callable[[Design], pd.DataFrame]:
    """Return a function that draws the counts of a design's cells in a world, each cell once."""
    effects, drawn = np.random.default_rng(seed).normal(0, world.offset, (100, 2)), {}

    def run(design: Design) -> pd.DataFrame:
        for name, budget, replicate in design.cells - set(drawn):
            side = NAMES.index(name)
            rng = np.random.default_rng([seed, side, budget, replicate])
            p = (world.early, world.late)[side](np.array([budget / world.seed_size]))[0]
            p = np.clip(p + effects[replicate, side] + rng.normal(0, world.training), 0, 1)
            drawn[name, budget, replicate] = {
                "strategy": name, "seed_size": world.seed_size, "budget": budget, "replicate": str(replicate),
                "n_correct": rng.binomial(world.n_test, p), "n_test": world.n_test,
            }  # fmt: skip
        return pd.DataFrame([drawn[cell] for cell in sorted(design.cells)])

    return run


def simulated(world: simulation.Scenario, seed: int, factor: float = FACTOR, queries: int = QUERIES) -> Pilot:
    """Run one pilot in a world until its crossover's interval is within a factor."""
    run = counted(world, seed)
    stop = rounds(run, Design.first_round(NAMES, queries), queries, 3, partial(look_at_crossover, factor=factor))
    return Pilot(stop, watched(fitted(run(stop.design))), world.crossover())


def needed(world: simulation.Scenario, width: float, studies: int = 60) -> tuple[float, float]:
    """Return the queries and trainings with which whole grids reach a mean log width, by their replicates."""
    grids = [Design.grid(NAMES, n, QUERIES * n // GRIDS[0]) for n in GRIDS]
    widths = []
    for grid in grids:
        found = [
            Pilot(Stop("", "", grid), watched(fitted(counted(world, 10_000 + seed)(grid))), 0)
            for seed in range(studies)
        ]
        widths.append(float(np.nanmean([pilot.width for pilot in found])))
    replicates = np.exp(np.interp(-width, -np.array(widths), np.log(GRIDS)))
    return QUERIES * replicates / GRIDS[0], len(grids[0].cells) * replicates / GRIDS[0]


class Published(Design):
    """A design within published cells, whose replicates are taken in a given order."""

    pool: frozenset[Cell]

    def __init__(self, cells: frozenset[Cell], pool: frozenset[Cell]):
        super().__init__(cells)
        object.__setattr__(self, "pool", pool)

    def ladder(self, names) -> list[int]:
        """Return the published budgets that all of some strategies have."""
        return sorted(set.intersection(*({b for s, b, _ in self.pool if s == name} for name in names)))

    def moves(self, names, budgets):
        """Yield the moves of which all cells are published."""
        yield from (move for move in super().moves(names, budgets) if move <= self.pool)

    def __or__(self, cells):
        return Published(self.cells | set(cells), self.pool)


def replayed() -> pd.DataFrame:
    """Replay pilots for each question on which the published grid's advice is decided, by three rules.

    ``rounds`` is the pilot's own; ``V-optimal`` asks about all strategies at all tested budgets; ``random`` makes any move.
    One row per question, order of replicates and rule: ``rule, agrees, regret, queries``.
    """
    counts = advice_counts.counts(results_folder(PUBLISHED))
    rows = []
    for (task, size), part in counts.groupby(["task", "seed_size"]):
        if part["replicate"].nunique() < 3:
            continue
        whole = fitted(part)
        replicates = sorted(part["replicate"].unique())
        for queries in sorted(set(part["budget"])):
            truth = advise(whole, size, queries)
            if not truth.choose or truth.nearest:
                continue
            losses = advise_map(whole, [size], [queries]).set_index("strategy")["accuracy"]
            for shift in range(3):
                order = replicates[shift:] + replicates[:shift]
                for rule in RULES:
                    got, used = replay(part, order, size, queries, rule)
                    rows.append({"rule": rule, "agrees": got == truth.choose, "regret": losses.max() - losses[got],
                                 "queries": used, "task": task, "size": size, "budget": queries})  # fmt: skip
    return pd.DataFrame(rows)


RULES = ("rounds", "V-optimal", "random")


def replay(part: pd.DataFrame, order: list[str], size: float, target: float, rule: str) -> tuple[str, float]:
    """Return the strategy that a pilot of a quarter of the published queries advises, and its share of them."""
    part = part.assign(number=part["replicate"].map(order.index))
    cells = list(zip(part["strategy"], part["budget"].astype(int), part["number"], strict=True))
    rows = part.set_index(pd.MultiIndex.from_tuples(cells))
    pool = frozenset(cells)
    most = Design(pool).queries
    names = sorted(set(part["strategy"]))
    design = Published(frozenset(), pool)
    ladder = design.ladder(names)
    at = int(np.clip(ladder.index(target) if target in ladder else len(ladder), 3, len(ladder) - 1))
    while at > 3 and len(names) * ladder[at] > SHARE / 2 * most:
        at -= 1
    design |= {(name, b, 0) for name in names for b in ladder[: at + 1]}
    rng = np.random.default_rng([order.index(min(order)), int(size), int(target)])
    while True:
        fits = fitted(rows.loc[sorted(design.cells)].drop(columns="number"))
        seen = look_at_target(fits, size, target)
        if rule == "rounds" and seen.answer:
            break
        if rule == "random":
            moves = [m for m in design.moves(names, ladder) if m and (design | m).queries <= SHARE * most]
            chosen = design | moves[rng.integers(len(moves))] if moves else design
        else:
            if rule == "V-optimal":
                seen = Look("", tuple(names), np.array(ladder) / size)
            chosen = next_round(fits, design, seen, int(SHARE * most))
        if chosen.cells == design.cells:
            break
        design = chosen
    return advise(fits, size, target).best.strategy, design.queries / most
