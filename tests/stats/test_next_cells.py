"""The planner: what it buys, what it pays, and when it promises nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.stats import curves
from crossover.stats.next_cells import next_cells
from planted import EARLY, LATE, noisy, rising


@pytest.fixture(scope="module")
def fits():
    return curves.fit_table(noisy(EARLY, LATE, seed=5, offset=0.02), draws=400)


def one(fits, spend):
    (p,) = next_cells(fits, spend)
    return p


def test_whole_replicates_narrow_the_interval_within_the_means(fits):
    p = one(fits, 20_000)
    widths = [s.width for s in p.steps]
    assert p.width_now > widths[0] > widths[-1] > 1 and np.all(np.diff(widths) <= 1e-12)
    assert sum(s.cost for s in p.steps) == pytest.approx(p.steps[-1].total) and p.steps[-1].total <= 20_000
    for (strategy, _), part in p.table().groupby(["strategy", "replicate"]):
        assert part["cost"].sum() == pytest.approx(part["budget"].max()), "smaller budgets are part of the largest"
        assert len(part) >= 4 and part["budget"].max() > p.crossover.queries, strategy
    run = {(c.strategy, r) for c in fits for r in c.counts.replicates}
    assert not run & {(s.strategy, s.replicate) for s in p.steps}


def test_four_times_the_replicates_halve_the_log_width_at_least(fits):
    p = one(fits, 10**6)
    at_12 = next(s.width for s in p.steps if s.replicate == "new 12")
    assert np.log(at_12) <= np.log(p.width_now) / 2 * 1.001


@settings(max_examples=8, deadline=None)
@given(spend=st.floats(4000, 40_000), factor=st.floats(1.2, 4))
def test_more_money_never_promises_less(fits, spend, factor):
    assert one(fits, spend * factor).width_after <= one(fits, spend).width_after


def test_an_open_end_asks_for_budgets_beyond_it():
    p = one(curves.fit_table(noisy(rising(0.6, 0.5, 8.0), rising(0.75, 0.62, 80.0), n=20_000), draws=300), 10**6)
    assert p.crossover.side == "above" and p.width_after is None
    assert len(p.steps) == 6 and {s.budget for s in p.steps} == {12_800}
    assert {s.cost for s in p.steps} == {6400}, "the difference to what each replicate has bought"


def test_strategies_with_different_replicates_have_a_plan():
    table = noisy(EARLY, LATE, seed=5, offset=0.02, replicates=4)
    less = table["strategy"].eq("new_question") & table["replicate"].eq(3)
    p = one(curves.fit_table(table[~less], draws=200), 20_000)
    assert p.width_now > p.width_after and {s.replicate for s in p.steps} == {f"new {k}" for k in (4, 5, 6)}


def test_too_little_money_buys_nothing(fits):
    assert not one(fits, 1).steps


def test_no_crossover_nothing_to_plan():
    p = one(curves.fit_table(noisy(rising(0.5, 0.4), rising(0.8, 0.5)), draws=200), 1000)
    assert p.crossover.status == "none" and not p.steps


@pytest.mark.parametrize("spend", [0, -3, np.inf])
def test_no_money_and_no_end_of_it_are_refused(fits, spend):
    with pytest.raises(CrossoverError, match="--spend"):
        next_cells(fits, spend)


def test_one_strategy_has_no_crossover_to_plan_for():
    alone = noisy(EARLY, LATE).query("strategy == 'new_question'").reset_index(drop=True)
    with pytest.raises(CrossoverError, match="no pair of strategies"):
        next_cells(curves.fit_table(alone, draws=60), 1000)


def test_command(command):
    args = ["plan", noisy(EARLY, LATE, seed=5, offset=0.02), "--draws", "300", "--spend"]
    shown = command(*args, "20000")
    assert shown.exit_code == 0 and "new 4" in shown.stdout
    (p,) = json.loads(command(*args, "20000", "--json").stdout)["plans"]
    assert p["width_after"] < p["width_now"] and pd.DataFrame(p["steps"])["cost"].sum() <= 20_000
    refused = command(*args, "-3")
    assert refused.exit_code == 2 and "--spend" in refused.stderr
