"""Advice: the right strategy on either side of a known crossover, probabilities that add up, extrapolation said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from crossover.errors import CrossoverError
from crossover.figures.crossover_map import map_of_fits
from crossover.stats import advice, curves
from crossover.stats.crossovers import find_crossovers
from planted import EARLY, LATE, noisy
from stored import write_runs


def two_sizes(**kw):
    parts = [noisy(EARLY, LATE, seed=s, size=s, **kw) for s in (50, 200)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def fits():
    return curves.fit_table(two_sizes(n=4000), draws=500)


@pytest.mark.parametrize(("queries", "best"), [(400, "answer_augmentation"), (10_000, "new_question")])
def test_the_better_strategy_is_chosen(fits, queries, best):
    a = advice.advise(fits, 200, queries)
    assert a.choose == a.best.strategy == best and a.best.p_best > 0.95 and a.best.regret < 0.01
    truth = abs(EARLY(queries / 200) - LATE(queries / 200))
    assert a.choices[1].regret == pytest.approx(truth, abs=0.03)
    low, high = a.best.lead_interval
    assert low <= truth <= high and a.best.lead == pytest.approx(-a.choices[1].lead)


@settings(max_examples=15, deadline=None)
@given(seeds=st.floats(1, 5000), queries=st.floats(1, 1e6))
def test_probabilities_add_up(fits, seeds, queries):
    a = advice.advise(fits, seeds, queries)
    assert sum(c.p_best for c in a.choices) == pytest.approx(1)
    assert min(c.regret for c in a.choices) >= 0
    assert all(0 <= c.interval[0] <= c.accuracy <= c.interval[1] <= 1 for c in a.choices)
    inside = 50 <= seeds <= 200 and 1 <= queries / seeds <= 64
    assert all(c.inside for c in a.choices) == inside == (a.nearest is None)
    if not inside:
        assert a.choose is None
        assert a.nearest[0] in (50, 200) and 1 <= round(a.nearest[1] / a.nearest[0], 9) <= 64


@pytest.mark.parametrize(
    ("seeds", "queries", "nearest"),
    [(200, 100, (200, 200)), (200, 10**5, (200, 12_800)), (10, 100, (50, 500)), (300, 3000, (200, 2000))],
)
def test_outside_the_tested_range_the_nearest_tested_point_is_described(fits, seeds, queries, nearest):
    a = advice.advise(fits, seeds, queries)
    assert a.nearest == pytest.approx(nearest) and a.choose is None and a.as_dict()["extrapolation"]
    there = advice.advise(fits, *nearest)
    assert [c.accuracy for c in a.choices] == [c.accuracy for c in there.choices]
    assert "crossover pilot" in a.message and "no recommendation" in a.message


def test_a_rival_that_was_tested_less_far_is_why_nothing_is_recommended():
    table = noisy(EARLY, LATE, seed=1, size=50)
    less = table["strategy"].eq("new_question") & (table["budget"] > 200)
    a = advice.advise(curves.fit_table(table[~less], draws=200), 50, 400)
    assert (
        a.best.strategy == "answer_augmentation" and a.nearest and all("ratio 8 is outside" in c.why for c in a.choices)
    )


def test_the_trend_holds_the_lead_at_the_question(fits):
    """Beyond the tested ratios of one size, and at a size that was not run."""
    one = curves.fit_table(noisy(EARLY, LATE, n=4000, size=200), draws=500)
    for found, seeds, ratio in ((one, 200, 256), (fits, 400, 4)):
        a = advice.advise(found, seeds, seeds * ratio)
        low, high = a.trend.interval
        truth = (LATE(ratio) - EARLY(ratio)) * (1 if a.trend.first == "new_question" else -1)
        assert low < truth < high and abs(a.trend.lead - truth) < 0.1


def test_the_trend_names_who_leads_there_and_not_at_the_nearest_tested_point():
    early = curves.fit_table(noisy(EARLY, LATE, n=4000, size=200, ratios=np.array([0.5, 1, 2, 4])), draws=300)
    a = advice.advise(early, 200, 200 * 64)
    assert (a.best.strategy, a.trend.first, a.trend.second) == (
        "answer_augmentation",
        "new_question",
        "answer_augmentation",
    )


def test_a_strategy_that_buys_nothing_is_a_level_line():
    seeds = planted.counts(lambda r: 0.154, ratios=[0], strategy="seeds_only", size=200, n=10**5)
    fits = curves.fit_table(pd.concat([two_sizes(n=4000), seeds], ignore_index=True), draws=300)
    a = advice.advise(fits, 200, 2000)
    level = {c.strategy: c for c in a.choices}["seeds_only"]
    assert level.accuracy == pytest.approx(0.154, abs=0.005) and level.inside and level.p_best == 0
    gains = {c.strategy: c.gain for c in a.choices if c.strategy != "seeds_only"}
    assert gains == pytest.approx({c.strategy: c.accuracy - level.accuracy for c in a.choices if c is not level})
    assert level.gain is None and a.idle == "seeds_only"
    low, high = a.best.gain_interval
    assert low < a.best.gain < high
    assert advice.advise(fits, 200, 2000, costs=dict.fromkeys(gains, 1.0)).idle == "seeds_only", "it costs nothing"
    assert {"seeds_only"}.isdisjoint({c.first for c in find_crossovers(fits, checks=False)})
    low, high = map_of_fits(fits).axes[0].get_ylim()
    assert 0 < low < 50 and 12_800 < high < 20_000, "its budget of 0 has no place on the map"


def test_where_every_purchase_does_harm_the_advice_is_to_buy_nothing():
    seeds = planted.counts(lambda r: 0.9, ratios=[0], strategy="seeds_only", size=100, n=10**4)
    fits = curves.fit_table(pd.concat([noisy(EARLY, LATE), seeds], ignore_index=True), draws=60)
    a = advice.advise(fits, 100, 800)
    assert a.choose == a.idle == "seeds_only" and " buy nothing: " in a.message
    assert all(c.gain < 0 and c.gain_interval[1] < 0 for c in a.choices[1:])


def test_one_strategy_has_no_lead_whose_trend_could_be_told():
    alone = noisy(EARLY, LATE).query("strategy == 'new_question'")
    seeds = planted.counts(lambda r: 0.15, ratios=[0], strategy="seeds_only")
    for table in (alone, pd.concat([alone, seeds])):
        a = advice.advise(curves.fit_table(table.reset_index(drop=True), draws=60), 100, 10**6)
        assert a.nearest and a.trend is None and "trend" not in a.message


def test_between_seed_sizes_lies_between(fits):
    at = {s: advice.advise(fits, s, s * 10).table().set_index("strategy")["accuracy"] for s in (50, 100, 200)}
    for name in at[50].index:
        low, high = sorted((at[50][name], at[200][name]))
        assert low - 1e-9 <= at[100][name] <= high + 1e-9


def test_a_tie_is_shared():
    tables = [planted.counts(lambda r: 0.0, strategy=s, size=10, n=50) for s in "ab"]
    a = advice.advise(curves.fit_table(pd.concat(tables, ignore_index=True), draws=100), 10, 40)
    assert [c.p_best for c in a.choices] == pytest.approx([0.5, 0.5], abs=0.15)


def test_strategies_without_a_curve_are_named():
    table = two_sizes(n=1000)
    keep = (table["strategy"] == "answer_augmentation") | (table["budget"] <= 2 * table["seed_size"])
    a = advice.advise(curves.fit_table(table[keep].reset_index(drop=True), draws=100), 50, 500)
    assert "no curve for new_question" in a.message and a.choose == "answer_augmentation"


def test_map_and_regret(fits):
    grid = advice.advise_map(fits, [50, 100, 400], [200, 1000, 6000])
    assert len(grid) == 18
    assert (grid.groupby(["seeds", "queries"])["best"].sum() == 1).all()
    assert not grid[grid["seeds"] == 400]["inside"].any()
    regret = advice.regret_table(grid).set_index("strategy")
    assert (regret["mean_regret"] <= regret["largest_regret"]).all()
    assert (regret["cells"] == grid[grid["inside"]].groupby("strategy").size()).all()


def test_impossible_questions_are_refused(fits):
    for seeds, queries in ((0, 10), (10, 0), (-5, 10), (np.nan, 10)):
        with pytest.raises(CrossoverError, match="must be at least 1"):
            advice.advise(fits, seeds, queries)


def test_command(command, tmp_path):
    tasks = pd.concat([two_sizes(n=4000).assign(task="main"), noisy(EARLY, LATE).assign(task="other")])
    args = ["advise", "--seeds", "100", "--queries", "5000", "--from", tasks, "--draws", "200"]
    shown = command(*args)
    assert shown.exit_code == 0 and "buy new_question" in " ".join(shown.stdout.split()) and "other" in shown.stdout
    answer = json.loads(command(*args, "--json").stdout)
    assert (answer["task"], answer["choose"], answer["extrapolation"]) == ("main", "new_question", False)
    assert answer["other_tasks"] == ["other"]
    assert json.loads(command(*args, "--json", "--task", "other").stdout)["task"] == "other"
    figure = tmp_path / "map.PNG"
    assert command(*args, "--plot", figure).exit_code == 0 and figure.stat().st_size > 5000
    (folder := tmp_path / "taken.png").mkdir()
    refused = command(*args, "--plot", folder)
    assert refused.exit_code == 2 and f"--plot {folder}" in "".join(refused.stderr.split("\n"))
    assert command(*args, "--task", "nothing").exit_code == 2


def test_published_profile(command, tmp_path, monkeypatch):
    """Only the budget-ratio cells count."""
    from crossover.paths import results_folder

    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    table = two_sizes(n=4000).assign(task="math_words", experiment="budget_ratio")
    decoy = table.iloc[:1].assign(experiment="other", n_correct=0)
    write_runs(results_folder("study"), pd.concat([table, decoy], ignore_index=True))
    result = command("advise", "--seeds", "100", "--queries", "800", "--draws", "100")
    assert result.exit_code == 0, result.stderr
    assert "buy answer_augmentation" in " ".join(result.stdout.split())


def test_the_scale_of_costs_is_that_of_crossovers(fits):
    costs = {"answer_augmentation": 1.0, "new_question": 5.0}
    crossover = next(c for c in find_crossovers(fits, costs, "dollars", checks=False) if c.seed_size == 200)
    a = advice.advise(fits, 200, 200 * crossover.ratio, costs=costs)
    assert a.best.lead == pytest.approx(0, abs=0.005)
