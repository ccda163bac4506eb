"""Curves against certified values, noise-free truth, and properties that any fit of counts must have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.stats import curves, forms, noise
from crossover.stats.counts import curve_counts, validate_counts
from crossover.stats.variable_projection import solve
from planted import RATIOS, counts, rising

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("name", ["BoxBOD", "Misra1a"])
def test_nist_certified_values(name):
    table = pd.read_csv(DATA / f"nist_{name}.csv", comment="#")
    certified = pd.read_csv(DATA / "nist_certified.csv", comment="#").set_index("data").loc[name]
    from_zero = replace(forms.EXPONENTIAL, tied=True)
    fit = solve(from_zero, table["x"].to_numpy(), table["y"].to_numpy(), bounded=False)
    (E,), (B,), tau = fit.E, fit.B, float(np.exp(fit.theta[0, 0]))
    assert E == pytest.approx(certified["b1"], rel=1e-8)
    assert 1 / tau == pytest.approx(certified["b2"], rel=1e-8)
    assert B == E
    residual = table["y"] - E * (1 - np.exp(-table["x"] / tau))
    assert (residual**2).sum() == pytest.approx(certified["rss"], rel=1e-8)


@settings(max_examples=200, deadline=None)
@given(
    E=st.floats(0.2, 1.0), share=st.floats(0.1, 1.0), tau=st.floats(1.5, 60.0), unit=st.sampled_from([1e-3, 1.0, 1e4])
)
def test_noise_free_exponential_is_recovered(E, share, tau, unit):
    B = E * share
    x = RATIOS * unit
    got = curves.fit_exponential(x, E - B * np.exp(-x / (tau * unit)))
    # an asymptote that is far outside the data amplifies rounding by the condition of the problem
    slack = 1e-10 * max(1.0, (tau / 10) ** 3)
    np.testing.assert_allclose(got, [E, B, tau * unit], rtol=slack)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["power_law", "rectified", "logistic"]),
    E=st.floats(0.3, 0.95),
    scale=st.floats(2.0, 20.0),
    power=st.floats(0.6, 1.8),
)
def test_noise_free_rivals_are_recovered(name, E, scale, power):
    form = forms.FORMS[name]
    e = form.basis(RATIOS, np.log([[scale, power]]))[0][0]
    truth = E * (1 - e) if form.tied else E - 0.6 * E * e
    fit = solve(form, RATIOS, truth)
    np.testing.assert_allclose(fit.predict(form, RATIOS)[0], truth, atol=2e-5)


@settings(max_examples=100, deadline=None)
@given(
    data=st.lists(st.floats(0, 1), min_size=7, max_size=7), weights=st.lists(st.floats(0.1, 10), min_size=7, max_size=7)
)
def test_no_feasible_curve_is_better(data, weights):
    """The constrained fit is at least as good as thousands of random feasible curves, and feasible itself."""
    y, w = np.array(data), np.array(weights)
    form = forms.FORMS["exponential"]
    fit = solve(form, RATIOS, y, np.sqrt(w))
    assert 0 <= fit.E[0] <= 1 and fit.B[0] >= 0
    rng = np.random.default_rng(0)
    E, B = rng.uniform(0, 1, 4000), rng.exponential(0.5, 4000)
    tau = np.exp(rng.uniform(np.log(0.3), np.log(1000), 4000))
    others = (w * (y - (E[:, None] - B[:, None] * np.exp(-RATIOS / tau[:, None]))) ** 2).sum(1)
    assert fit.loss[0] <= others.min() + 1e-9


def test_derivatives_of_every_form():
    theta = np.log([[5.0, 0.8]])
    for form in forms.FORMS.values():
        t = theta[:, : len(form.parameters)]
        _, de = form.basis(RATIOS, t)
        for k in range(t.shape[1]):
            step = np.zeros_like(t)
            step[:, k] = 1e-6
            numeric = (form.basis(RATIOS, t + step)[0] - form.basis(RATIOS, t - step)[0]) / 2e-6
            np.testing.assert_allclose(de[..., k], numeric, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(seed, order):
    table = counts(rising(), seed=seed, offset=0.02)
    shuffled = list(range(len(table)))
    order.shuffle(shuffled)
    a, b = (curves.fit_table(t, draws=60) for t in (table, table.iloc[shuffled].reset_index(drop=True)))
    pd.testing.assert_frame_equal(a.table(), b.table())
    np.testing.assert_array_equal(*(fits.curves[0].at(RATIOS)[1] for fits in (a, b)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.sampled_from([0.01, 0.5, 3.0, 1000.0]))
def test_unit_of_the_budget_scales_tau_alone(seed, factor):
    table = counts(rising(), seed=seed, offset=0.02)
    other = table.assign(budget=table["budget"] * factor)
    a, b = (curves.fit_table(t, draws=100).curves[0] for t in (table, other))
    np.testing.assert_allclose(b.at(RATIOS * factor)[0], a.at(RATIOS)[0], atol=1e-4)
    assert b.tau == pytest.approx(a.tau * factor, rel=1e-7)
    assert (b.E, b.B) == pytest.approx((a.E, a.B), rel=1e-7)
    if None not in a.tau_interval:
        assert b.tau_interval == pytest.approx(tuple(factor * t for t in a.tau_interval), rel=1e-4)


def test_variance_components_are_recovered():
    table = counts(rising(), replicates=400, n=2000, offset=0.03, training=0.02, seed=5)
    n = noise.variance_components(curve_counts(validate_counts(table))[0])
    assert np.sqrt(n.replicate) == pytest.approx(0.03, rel=0.1)
    assert np.sqrt(n.training) == pytest.approx(0.02, rel=0.1)


def test_redrawn_errors_have_the_estimated_covariance():
    table = pd.concat([counts(rising(), seed=3, offset=0.03), counts(rising(0.6), seed=4, offset=0.02, strategy="b")])
    noises = [noise.variance_components(c) for c in curve_counts(validate_counts(table))]
    a, b = noise.redraw(noises, 200_000, np.random.default_rng(0), tails=False)
    for errors, n in ((a, noises[0]), (b, noises[1])):
        expected = n.within_replicate_cov + n.offset_loading.T @ n.offset_loading * (n.offsets @ n.offsets) / 2
        np.testing.assert_allclose(np.cov(errors.T), expected, atol=3e-6)
    shared = noises[0].offset_loading.T @ noises[1].offset_loading * (noises[0].offsets @ noises[1].offsets) / 2
    np.testing.assert_allclose(np.cov(a.T, b.T)[:7, 7:], shared, atol=3e-6)


def test_unbalanced_replicates_and_missing_cells():
    table = counts(rising(), replicates=4, offset=0.03, seed=2).drop(index=[0, 5, 9, 20, 27]).reset_index(drop=True)
    fit = curves.fit_table(table).curves[0]
    assert fit.status == "ok"
    assert fit.E == pytest.approx(0.7, abs=0.06)


STATUS_CASES = {
    "level": counts(lambda r: 0.5, ratios=[0.0]),
    "ok": counts(rising(), seed=1),
    "flat": counts(lambda r: 0.5, seed=1),
    "asymptote_not_identified": counts(rising(0.9, 0.7, 200.0), seed=1),
    "too_few_budgets": counts(rising(), ratios=RATIOS[:3], seed=1),
    "lack_of_fit": counts(lambda r: 0.3 + 0.3 * (r in (2, 16)) + 0.003 * r, seed=1, n=4000),
}


@pytest.mark.parametrize("status", curves.STATUSES)
def test_every_status_is_reached(status):
    fit = curves.fit_table(STATUS_CASES[status]).curves[0]
    assert fit.status == status
    assert curves.STATUSES[status] in fit.message


def test_flat_is_rarely_missed_and_rarely_claimed():
    flat = [curves.fit_table(counts(lambda r: 0.5, seed=s), draws=50).curves[0].status for s in range(60)]
    assert np.mean([s == "flat" for s in flat]) >= 0.85
    real = [curves.fit_table(counts(rising(0.6, 0.1), seed=s), draws=50).curves[0].status for s in range(40)]
    assert np.mean([s == "flat" for s in real]) <= 0.05


def test_falling_accuracy_is_not_called_a_rise():
    fit = curves.fit_table(counts(lambda r: 0.8 - 0.1 * np.log2(r) / 2, seed=1)).curves[0]
    assert fit.status == "lack_of_fit" and fit.B == 0 and fit.tau is None
    assert "falls" in fit.message


def test_a_rise_before_the_first_budget_has_no_size():
    fit = curves.fit_table(counts(lambda r: 0.6 - 0.4 * np.exp(-r / 0.02), seed=3)).curves[0]
    assert fit.status == "flat" and fit.tau is None and fit.ratio_90 is None
    assert fit.E == pytest.approx(0.6, abs=0.03) and (fit.B is None or fit.B < 0.1)


def test_one_replicate_says_so():
    messages = [curves.fit_table(counts(rising(), replicates=J), draws=60).curves[0].message for J in (1, 3)]
    assert ["one replicate" in message for message in messages] == [True, False]


def test_curves_are_reached_by_name():
    parts = [counts(rising(0.6 + s / 1000), size=s, strategy="a").assign(task=t) for s in (50, 100) for t in "uv"]
    fits = curves.fit_table(pd.concat(parts, ignore_index=True), draws=60)
    assert fits["u", "a", 50].tau == fits.curves[0].tau and len(list(fits)) == 4
    one_task = curves.fit_table(parts[0], draws=60)
    assert one_task["a", 50].counts.seed_size == 50 and "<table" in one_task._repr_html_()
    with pytest.raises(CrossoverError, match="name the task"):
        fits["a", 50]


def test_a_bad_level_and_an_unknown_curve_are_refused():
    with pytest.raises(CrossoverError, match="level"):
        curves.fit_table(counts(rising()), level=90)
    with pytest.raises(CrossoverError, match="Did you mean"):
        curves.fit_table(counts(rising()))["A", 100]
