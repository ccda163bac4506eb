"""The planner: what it buys, what it pays, and whether more money never promises less."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from crossover.cli import counts
from crossover.errors import CrossoverError
from crossover.stats import curves, next_cells
from planted import EARLY, LATE, noisy, rising

app = typer.Typer()
counts.register(app)
runner = CliRunner()


@pytest.fixture(scope="module")
def fits():
    return curves.fit_table(noisy(EARLY, LATE, seed=5, offset=0.02), draws=400)


def one(fits, spend, **kw):
    (p,) = next_cells.plan(fits, spend, draws=400, **kw)
    return p


def test_a_plan_narrows_the_interval_within_its_means(fits):
    p = one(fits, 20_000)
    widths = [s.width for s in p.steps]
    assert p.width_now > widths[0] and np.all(np.diff(widths) <= 1e-12) and widths[-1] > 1
    assert sum(s.cost for s in p.steps) == pytest.approx(p.steps[-1].total) and p.steps[-1].total <= 20_000
    assert p.width_after == widths[-1]


@settings(max_examples=8, deadline=None)
@given(spend=st.floats(4000, 40_000), factor=st.floats(1.2, 4))
def test_more_money_never_promises_less(fits, spend, factor):
    little, much = one(fits, spend), one(fits, spend * factor)
    assert much.width_after <= little.width_after * 1.02


def test_cells_are_new_and_nested_budgets_cost_nothing_more(fits):
    p = one(fits, 20_000)
    cells = [(s.strategy, s.replicate, s.budget) for s in p.steps]
    run = {(n.cells.strategy, r, x * 100) for n in fits.noises for r in n.cells.replicates for x in n.cells.ratios}
    assert len(set(cells)) == len(cells) and not set(cells) & run
    bought = p.table()
    for (_, replicate), part in bought.groupby(["strategy", "replicate"]):
        if replicate.startswith("new"):
            assert part["cost"].sum() == pytest.approx(part["budget"].max())


def test_a_new_replicate_has_both_strategies_past_the_crossover(fits):
    p = one(fits, 20_000)
    new = p.table()[lambda t: t["replicate"].str.startswith("new")]
    assert len(new)
    for _, part in new.groupby("replicate"):
        assert part.groupby("strategy")["budget"].nunique().min() >= 4
        assert (part.groupby("strategy")["budget"].max() > p.crossover.queries).all()


def test_replicates_are_bought_where_replicates_are_the_trouble():
    offset = one(curves.fit_table(noisy(EARLY, LATE, seed=5, n=10**6, offset=0.03), draws=400), 30_000)
    assert any(s.replicate.startswith("new") for s in offset.steps)
    # cells of a replicate at hand show the shape alone: they cannot take off what the replicates disagree about
    at_hand = [s.width for s in offset.steps if not s.replicate.startswith("new")]
    assert all(w > 0.9 * offset.width_now for w in at_hand[:1])


def test_too_little_money_buys_nothing(fits):
    p = one(fits, 1)
    assert all(s.cost == 0 for s in p.steps)


def test_no_crossover_nothing_to_plan():
    p = one(curves.fit_table(noisy(rising(0.5, 0.4), rising(0.8, 0.5)), draws=200), 1000)
    assert not p.steps and "nothing to narrow down" in p.message


def test_time_instead_of_queries():
    table = noisy(EARLY, LATE, seed=5, offset=0.02)
    table["seconds"] = 10 + table["budget"] / 100
    fits = curves.fit_table(table, draws=200)
    checked = table.assign(task="task")
    p = one(fits, 2000, unit="seconds", table=checked)
    assert p.steps and p.steps[-1].total <= 2000
    assert all(s.cost >= 9 for s in p.steps)
    with pytest.raises(CrossoverError, match="seconds"):
        one(fits, 2000, unit="seconds", table=checked.drop(columns="seconds"))


@pytest.mark.parametrize(
    "bad",
    [
        {"spend": 0},
        {"spend": np.inf},
        {"spend": 9, "unit": "days"},
        {"spend": 9, "first": "x"},
        {"spend": 9, "seed_size": 7},
    ],
)
def test_bad_questions_are_refused(fits, bad):
    with pytest.raises(CrossoverError):
        next_cells.plan(fits, **bad)


def test_one_strategy_has_no_crossover_to_plan_for():
    table = noisy(EARLY, LATE)
    with pytest.raises(CrossoverError, match="no such pair"):
        next_cells.plan(curves.fit_table(table[table["strategy"] == "new_question"], draws=100), 100)


def test_command(tmp_path):
    path = tmp_path / "pilot.csv"
    noisy(EARLY, LATE, seed=5, offset=0.02).to_csv(path, index=False)
    shown = runner.invoke(app, ["plan", str(path), "--spend", "20000", "--draws", "300"])
    assert shown.exit_code == 0 and "expect" in shown.stdout and "new 4" in shown.stdout
    answer = json.loads(runner.invoke(app, ["plan", str(path), "--spend", "20000", "--draws", "300", "--json"]).stdout)
    (p,) = answer["plans"]
    assert p["width_after"] < p["width_now"] and pd.DataFrame(p["steps"])["cost"].sum() <= 20_000
    refused = runner.invoke(app, ["plan", str(path), "--spend", "-3"])
    assert refused.exit_code == 2 and "--spend" in refused.stderr
