"""Crossovers: values against known curves, every status reached, costs, units and the uncertainty budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from crossover.errors import CrossoverError
from crossover.stats import crossovers, curves
from planted import EARLY, LATE, RATIOS, counts, noisy, rising

TRUE_RATIO = brentq(lambda r: EARLY(r) - LATE(r), 5, 60)


def exact(a, b, n=10**9, replicates=1, **kw):
    """Counts without noise: the curves' own accuracies, rounded at 1e-9."""
    tables = []
    for name, curve in (("answer_augmentation", a), ("new_question", b)):
        t = counts(curve, n=1, replicates=replicates, strategy=name, **kw)
        t["n_correct"] = [round(float(curve(r)) * n) for r in t["budget"] / t["seed_size"]]
        tables.append(t.assign(n_test=n))
    return pd.concat(tables, ignore_index=True)


def one(table, draws=400, **kw):
    (found,) = crossovers.find_crossovers(curves.fit_table(table, draws=draws), **kw)
    return found


def test_exact_curves_give_the_exact_crossover():
    x = one(exact(EARLY, LATE))
    assert x.status == "found"
    assert x.ratio == pytest.approx(TRUE_RATIO, rel=1e-3)
    assert x.queries == pytest.approx(100 * x.ratio)
    assert x.by_form["exponential"] == pytest.approx([TRUE_RATIO], rel=1e-6)
    assert x.model_free == ((16, 32),)
    assert (x.first, x.second) == ("answer_augmentation", "new_question")
    assert x.interval[0] < x.ratio < x.interval[1]
    assert x.p_exists == x.p_in_range == 1


@settings(max_examples=20, deadline=None)
@given(E1=st.floats(0.4, 0.6), gain=st.floats(0.05, 0.3), tau1=st.floats(2, 8), slower=st.floats(1.5, 5))
def test_any_exact_pair(E1, gain, tau1, slower):
    a, b = rising(E1, E1 - 0.1, tau1), rising(E1 + gain, E1 + gain - 0.1, tau1 * slower)
    d = [b(r) - a(r) for r in RATIOS]
    x = one(exact(a, b), draws=60, checks=False)
    if d[0] < -0.002 and d[-1] > 0.002:
        assert x.status == "found"
        assert x.ratio == pytest.approx(brentq(lambda r: b(r) - a(r), 1, 64), rel=0.01)
    elif x.status == "found":
        assert b(x.ratio) - a(x.ratio) == pytest.approx(0, abs=1e-3)


def test_swapping_names_changes_names_alone():
    y = one(exact(EARLY, LATE).replace({"answer_augmentation": "z", "new_question": "a"}))
    assert (y.first, y.second) == ("z", "a") and y.ratio == pytest.approx(TRUE_RATIO, rel=1e-3)


STATUS_CASES = {
    "found": exact(EARLY, LATE),
    "none": noisy(rising(0.5, 0.4, 5.0), rising(0.8, 0.5, 5.0)),
    "beyond_range": noisy(rising(0.6, 0.5, 8.0), rising(0.75, 0.62, 80.0), n=20_000),
    "undetermined": noisy(rising(0.6, 0.3, 8.0), rising(0.6, 0.3, 8.0), n=300, offset=0.03),
}


def test_several_crossings_are_all_listed():
    """A tilted pair: the second leads at both ends."""
    a, b = rising(0.60, 0.50, 6.0), rising(0.66, 0.46, 18.0)
    x = one(exact(a, b))
    d = np.array([b(r) - a(r) for r in np.geomspace(1, 64, 2000)])
    truth = np.geomspace(1, 64, 2000)[:-1][np.sign(d[:-1]) != np.sign(d[1:])]
    assert len(truth) == 2
    assert x.status == "multiple"
    np.testing.assert_allclose([c.ratio for c in x.crossings if c.inside], truth, rtol=0.01)
    assert [c.leader for c in x.crossings if c.inside] == ["answer_augmentation", "new_question"]
    np.testing.assert_allclose(x.by_form["exponential"], [c.ratio for c in x.crossings], rtol=1e-3)


@pytest.mark.parametrize(
    ("crossing", "positive", "p_exists", "said"),
    [
        (None, [0.01, 0.02], 0.45, ("none", None)),  # rather not than so: no crossing
        (None, [0.01, 0.02], 0.55, ("beyond_range", "above")),
        (None, [0.02, 0.01], 0.55, ("beyond_range", "below")),
        (9.0, [0.01, 0.02], 0.05, ("none", None)),
        (9.0, [0.02, 0.01], 0.45, ("beyond_range", "above")),
        (0.1, [0.01, 0.02], 0.45, ("beyond_range", "below")),
    ],
)
def test_a_crossover_outside_lies_where_the_lead_is_less_sure(crossing, positive, p_exists, said):
    chosen = crossing and crossovers.Crossing(crossing, (None, None), "b", False)
    found = crossovers._status(chosen, [chosen] if chosen else [], np.array(positive), (1.0, 4.0), p_exists, 0.1, 0.05)
    assert found == said


def test_none_names_the_leader_and_leaves_the_value_out():
    x = one(STATUS_CASES["none"])
    assert x.status == "none" and x.leader == "new_question" and x.leader in x.message and x.p_exists <= 0.1
    assert x.ratio is None and x.queries is None and x.interval == (None, None)


def test_beyond_range_says_where_and_marks_the_value():
    x = one(STATUS_CASES["beyond_range"])
    assert x.status == "beyond_range" and x.side == "above" and "> 64" in x.message and "extrapolation" in x.message
    assert x.leader == "answer_augmentation" and x.first == x.leader
    assert x.p_in_range < 0.5
    assert x.ratio is None or x.ratio > 64
    assert x.row()["ratio"] == "-" or x.row()["ratio"].endswith("*")


def test_an_open_end_is_none_in_data_and_beyond_in_print():
    x = one(noisy(rising(0.6, 0.5, 8.0), rising(0.68, 0.56, 40.0), n=300, offset=0.03))
    assert x.interval[1] is None and "> 64" in x.row()["interval"]
    x = one(STATUS_CASES["undetermined"])
    low, high = x.interval
    assert x.status == "undetermined" and (low is None or low <= 1) and (high is None or high >= 64)


def test_every_pair_once_at_every_seed_size():
    tables = [
        counts(curve, strategy=name, size=size)
        for name, curve in (("a", EARLY), ("b", LATE), ("c", rising(0.6, 0.4, 9.0)))
        for size in (50, 200)
    ]
    found = crossovers.find_crossovers(curves.fit_table(pd.concat(tables, ignore_index=True), draws=100))
    pairs = [(x.seed_size, frozenset((x.first, x.second))) for x in found]
    assert len(pairs) == len(set(pairs)) == 6


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(0.01, 1000))
def test_a_common_cost_is_a_change_of_unit(factor):
    table = exact(EARLY, LATE)
    costs = {"answer_augmentation": factor, "new_question": 2 * factor}
    x, y = one(table), one(table, costs=costs, unit="tokens")
    assert y.unit == "tokens"
    assert y.ratio == pytest.approx(x.ratio * factor, rel=1e-4)


def test_a_dearer_strategy_crosses_later():
    ratios = [one(exact(EARLY, LATE), costs={"answer_augmentation": 1, "new_question": c}).ratio for c in (1, 2, 3)]
    assert ratios[0] < ratios[1] < ratios[2]
    true = brentq(lambda x: EARLY(x) - LATE(x / 1.5), 5, 64)
    assert ratios[2] == pytest.approx(true, rel=1e-3)


@pytest.mark.parametrize("costs", [{"answer_augmentation": 0, "new_question": 1}, {"new_question": 2}, {"nq": 1}])
def test_bad_costs_are_refused(costs):
    with pytest.raises(CrossoverError):
        one(exact(EARLY, LATE), costs=costs)


def test_uncertainty_budget_follows_its_cause():
    causes = {
        "test_set": {"n": 60},
        "replicates": {"n": 10**5, "offset": 0.03},
        "training": {"n": 10**5, "training": 0.03},
    }
    for cause, noise in causes.items():
        u = one(noisy(EARLY, LATE, replicates=12, **noise)).uncertainty
        assert sum(u.values()) == pytest.approx(1) and u[cause] > 0.6


def test_one_replicate_is_said():
    assert "one replicate" in one(noisy(EARLY, LATE, n=5000, replicates=1, seed=11)).message


@pytest.mark.parametrize(("unit", "origin"), [(1.0, -3.0), (1.0, 5.0), (10.0, 0.0), (-1.0, 0.0)])
def test_unit_origin_and_sign_of_a_score_move_no_share_of_the_uncertainty(unit, origin):
    table = noisy(EARLY, LATE)
    score = table.pop("n_correct") / table["n_test"]

    def fitted(unit, origin):
        fits = curves.fit_table(table.assign(score=origin + unit * score, score_sd=0.5 * abs(unit)), draws=100)
        (found,) = crossovers.find_crossovers(fits)
        return [*(c.left_out_error / unit for c in fits), found.ratio, *found.uncertainty.values()]

    assert fitted(unit, origin) == pytest.approx(fitted(1.0, 0.0), rel=2e-3, abs=2e-3)
