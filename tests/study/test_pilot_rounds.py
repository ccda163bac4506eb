"""Pilots in rounds: what a design costs, which cells come next, when a pilot stops, and what it covers and saves."""

from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from benchmarks.pilots import FACTOR, NAMES, PROMISES, QUERIES, WORLDS, counted, simulated, told
from crossover.errors import CrossoverError
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.verdicts import REPLICATE_SPREAD
from crossover.study import advice_counts
from crossover.study.advice_counts import fitted
from crossover.study.pilot_rounds import Design, Look, _Curve, look_at_target, next_round, parse_until, rounds
from crossover.teachers.spending import BudgetExceeded

WORLD = WORLDS["exponential"]
AT_TARGET = partial(look_at_target, seed_size=WORLD.seed_size, queries=4000)


def budgets(design, name="a"):
    return sorted({b for s, b, _ in design.cells if s == name})


def test_a_design_costs_its_largest_budgets():
    grid = Design.grid(("a", "b"), 3, 960)
    assert budgets(grid) == [10, 20, 40, 80, 160] and grid.queries == 960
    assert (grid | {("b", 320, 0)}).queries == 960 + 160 and (grid | {("a", 5, 3)}).queries == 965
    small = Design.grid(("a", "b", "c"), 3, 144)
    assert budgets(small) == [2, 4, 8, 16] and small.queries == 144
    first = Design.first_round(("a", "b"), 9600)
    assert first.replicates("a") == 1 and first.queries <= 1200
    assert budgets(Design.first_round(("a", "b"), 9600, target=20)) == [10, 20, 40, 80]


@pytest.mark.parametrize("text", ["1", "0.5", "soon", "nan"])
def test_until_is_a_factor_or_decided(text):
    with pytest.raises(CrossoverError, match="--until must be"):
        parse_until(text)


@pytest.mark.parametrize("ratio", [4.0, 16.0, 64.0])
def test_the_next_cells_lie_where_the_question_is(ratio):
    design = Design.grid(NAMES, 1, 12_800, 7)  # ratios 1 to 64
    fits = fitted(counted(WORLD, 0)(design))
    chosen = next_round(fits, design, Look("", NAMES, np.array([ratio])), QUERIES)
    new = {(name, b / WORLD.seed_size) for name, b, _ in chosen.cells - design.cells}
    assert {name for name, _ in new} == set(NAMES)
    assert all(ratio / 2.1 <= r <= 2.1 * ratio for _, r in new)
    assert design.cells < chosen.cells and chosen.queries <= QUERIES
    assert next_round(fits, design, Look("", NAMES, np.array([ratio])), design.queries).queries == design.queries


@pytest.mark.parametrize("name", WORLDS)
def test_pilots_that_stop_early_cover_the_crossover(name):
    """The committed table has 200 pilots per world; a rate of 0.9 has 7 or fewer of 12 once in 200 times."""
    found = [simulated(WORLDS[name], seed) for seed in range(12)]
    assert sum(pilot.covered for pilot in found) >= 8
    decided = [pilot for pilot in found if pilot.status == "decided"]
    assert all(pilot.width <= np.log(FACTOR) + 1e-9 for pilot in decided)
    assert max(pilot.queries for pilot in found) <= QUERIES
    assert len(decided) >= 6


@pytest.mark.parametrize(("n_test", "replicates"), PROMISES)
def test_a_promised_lead_is_told_and_a_third_of_it_is_not(n_test, replicates):
    assert told(n_test, replicates, pilots=25) >= 0.6, "four of five in the long run"
    assert told(n_test, replicates, 1 / 3, pilots=25) <= 0.45


def test_replicates_of_the_published_study_spread_as_pilots_are_planned_with():
    """Variance of the differences between strategies over replicates, less that of their answers; cells by their df."""
    counts = advice_counts.counts(results_folder(PUBLISHED)).query("task == 'math_words'")
    cells = ["seed_size", "budget", "strategy"]
    share = (counts["n_correct"] / counts["n_test"]).groupby([counts[c] for c in (*cells, "replicate")]).mean()
    table = share.unstack("strategy")
    df = table.groupby(cells[:2]).size() - 1
    spread = [
        np.average((table[a] - table[b]).groupby(cells[:2]).var(), weights=df)
        - 2 * (share * (1 - share)).mean() / counts["n_test"].max()
        for a, b in combinations(table, 2)
    ]
    assert np.mean(spread) ** 0.5 == pytest.approx(REPLICATE_SPREAD, abs=0.005)


def test_the_committed_table_has_the_coverage_and_the_savings():
    table = pd.read_csv(results_folder(PUBLISHED).parent / "bench" / "pilots.csv")
    for what in ("covered", "queries, of", "promised lead", "advice reached, rounds"):
        rows = table[table["what"].str.contains(what)]
        assert len(rows) and set(rows["met"]) == {"yes"}, what


def test_a_pilot_ends_when_one_strategy_is_best_or_the_queries_are_spent():
    run, first = counted(WORLD, 1), Design.first_round(NAMES, QUERIES)
    stop = rounds(run, first, QUERIES, 3, AT_TARGET)
    assert stop.status == "decided" and stop.design.queries < 0.8 * QUERIES
    assert min(map(stop.design.replicates, NAMES)) >= 3
    assert simulated(WORLD, 1, factor=1.01).status == "spent"


def test_a_strategy_that_is_given_up_is_bought_no_further():
    two = counted(WORLD, 1)

    def run(design):
        bad = [("bad", WORLD.seed_size, b, str(r), 15, WORLD.n_test) for s, b, r in sorted(design.cells) if s == "bad"]
        table = two(Design(frozenset(cell for cell in design.cells if cell[0] != "bad")))
        return pd.concat([table, pd.DataFrame(bad, columns=table.columns)], ignore_index=True)

    stop = rounds(run, Design.first_round((*NAMES, "bad"), QUERIES), QUERIES, 3, AT_TARGET)
    assert stop.status == "decided" and stop.design.replicates("bad") < min(map(stop.design.replicates, NAMES))


def test_a_leader_is_compared_with_the_next_best():
    fits = fitted(counted(replace(WORLD, n_test=10**5), 1)(Design.grid(NAMES, 4, 51_200, 7)))
    look = look_at_target(fits, WORLD.seed_size, 64 * WORLD.seed_size)
    assert look.answer and set(look.names) == set(NAMES), "one strategy alone would have no lead to make sure of"


def test_few_replicates_count_for_less_than_their_number():
    fits = fitted(counted(replace(WORLD, n_test=10**6, training=0.0, offset=0.05), 1)(Design.grid(NAMES, 4, 51_200, 7)))
    design = Design.grid(NAMES, 2, 25_600, 7)
    curve = _Curve(fits, fits.curves[0], design.ladder(NAMES), np.array([8.0]))
    assert curve.variance(design) > 1.2 * 8 * curve.variance(Design.grid(NAMES, 16, 204_800, 7))


def test_a_cap_ends_a_pilot_with_the_rounds_that_it_had_run():
    counts, had = counted(WORLD, 1), []

    def run(design):
        if len(had) == 2:
            raise BudgetExceeded("The money is spent.")
        had.append(design)
        return counts(design)

    stop = rounds(run, Design.first_round(NAMES, QUERIES), QUERIES, 3, AT_TARGET)
    assert (stop.status, stop.message, stop.looks, stop.design) == ("spent", "The money is spent.", 2, had[1])


def test_a_pilot_ends_at_once_where_nothing_can_help():
    stop = rounds(counted(WORLD, 1), Design.first_round(NAMES, QUERIES), QUERIES, 3, AT_TARGET, lambda: "Floor.")
    assert (stop.status, stop.message, stop.looks) == ("hopeless", "Floor.", 1)
