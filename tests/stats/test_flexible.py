"""Curves that bend: exact where the data are, and honest between and beyond them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crossover.stats.curves import fit_table
from crossover.stats.flexible import pooled_prior
from planted import RATIOS, counts, rising

SHAPES = {
    "exponential": rising(),
    "take-off": lambda r: 0.2 + 0.4 / (1 + (r / 12) ** -4),
    "rise then fall": lambda r: 0.3 + 0.3 * np.exp(-((np.log(r) - 1.8) ** 2) / 2),
    "falling": lambda r: 0.7 - 0.08 * np.log(r),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_many_items_leave_no_doubt_at_the_tested_ratios(shape):
    curve = fit_table(counts(SHAPES[shape], n=10**6, seed=3), draws=300).curves[0]
    mean, draws = curve.at(RATIOS)
    truth = [SHAPES[shape](r) for r in RATIOS]
    np.testing.assert_allclose(mean, truth, atol=0.003)
    assert draws.std(0).max() < 0.004


def test_doubt_grows_between_and_beyond_the_tested_ratios():
    curve = fit_table(counts(SHAPES["take-off"], n=10**5), draws=600).curves[0]
    at, between, beyond = (curve.at(np.array(x))[1].std(0).mean() for x in (RATIOS[3:5], [11.3], [640.0]))
    assert at < between < beyond


def test_scores_are_curves_like_accuracies():
    """Minus nats per token, of any size: the same curve in another unit."""
    table = counts(SHAPES["rise then fall"], n=400, seed=2)
    p = table["n_correct"] / 400
    spread = np.sqrt(p * (1 - p))
    scores = table.drop(columns="n_correct").assign(score=50 * p - 90, score_sd=50 * spread)
    one, other = (fit_table(t, draws=400).curves[0] for t in (table, scores))
    x = np.geomspace(1, 64, 9)
    np.testing.assert_allclose((other.at(x)[0] + 90) / 50, one.at(x)[0], atol=0.01)
    np.testing.assert_allclose(other.at(x)[1].std(0) / 50, one.at(x)[1].std(0), rtol=0.3)


def test_curves_of_one_task_share_how_much_they_bend():
    evidence = np.log([[0.9, 0.1], [0.01, 0.99], [0.02, 0.98], [0.01, 0.99]])
    prior = np.array([0.7, 0.3])
    assert pooled_prior(evidence, prior)[1] > 0.6 > prior[1]
    np.testing.assert_allclose(pooled_prior(np.zeros((3, 2)), prior), prior)


def test_a_take_off_is_never_taken_for_its_exact_shape():
    table = counts(SHAPES["take-off"], n=300, seed=4)
    curve = fit_table(table, draws=300).curves[0].flexible
    steep = curve.draw_trends.steepness > 0
    assert steep.any() and (np.abs(curve.draw_departures[steep]).max(1) > 0).all()


def test_a_curve_bends_the_more_the_others_of_its_strategy_do():
    own = counts(rising(), n=500, seed=5, size=10)
    alike = pd.concat([own, *(counts(rising(), n=10**5, seed=k, size=k) for k in (20, 30, 40))], ignore_index=True)
    bent = [counts(SHAPES["rise then fall"], n=10**5, seed=k, size=k) for k in (20, 30, 40)]
    straight, curved = (fit_table(t, draws=400)["a", 10].flexible for t in (alike, pd.concat([own, *bent])))
    assert np.abs(curved.draw_departures).mean() > 1.5 * np.abs(straight.draw_departures).mean()
