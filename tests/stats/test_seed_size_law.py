"""The curve over seed-set sizes: exact recovery, and a held-out size predicted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from crossover.errors import CrossoverError
from crossover.paths import results_folder
from crossover.stats import curves, seed_size_law
from crossover.stats.crossovers import find_crossovers
from crossover.study import advice_counts
from planted import RATIOS, counts

REUSED, FRESH = (120.0, 1.5, 8.0), (600.0, 2.0, seed_size_law.FRESH)  # rho, alpha and R


def accuracy(kind, size, cost):
    def curve(r):
        rho, alpha, repeats = REUSED if kind == "reused" else FRESH
        return 0.8 - 0.7 * (1 + float(seed_size_law.effective(r * size / cost, size, repeats)) / rho) ** -alpha

    return curve


def table(n, sizes=(25, 50, 100, 200), replicates=1, seed=0, exact=False):
    parts = []
    for s in sizes:
        for name, kind, cost in (("answer_augmentation", "reused", 1), ("new_question", "fresh", 2)):
            curve = accuracy(kind, s, cost)
            t = counts(curve, n=n if not exact else 1, size=s, strategy=name, seed=seed + s, replicates=replicates)
            if exact:
                t["n_correct"] = [round(curve(r) * n) for r in t["budget"] / t["seed_size"]]
                t["n_test"] = n
            parts.append(t)
    return pd.concat(parts, ignore_index=True)


def test_exact_curves_are_recovered():
    fitted = seed_size_law.fit_seed_sizes(curves.fit_table(table(10**9, exact=True), draws=60))
    for name, truth in (("answer_augmentation", REUSED), ("new_question", FRESH)):
        law = fitted["task", name].point
        assert (law.power.E[0], law.power.B[0], *np.exp(law.power.theta[0])) == pytest.approx(
            (0.8, 0.7, *truth[:2]), rel=1e-3
        )
        assert law.repeats[0] == truth[2]


def test_points_that_scatter_by_more_than_their_noise_widen_what_is_expected_of_a_cell():
    """One size lies off the law, so that a cell may lie off it as far; a law that fits leaves the noise alone."""
    smooth = table(10**6, replicates=3)
    rough = smooth.copy()
    rough.loc[rough["seed_size"] == 100, "n_correct"] -= 40_000
    laws = [seed_size_law.fit_seed_sizes(curves.fit_table(t, draws=400)) for t in (smooth, rough)]
    fitting, off = (law["task", "new_question"].cell(200, 100.0).std() for law in laws)
    assert 3 * fitting < 0.02 < off


def test_one_size_looks_ahead_by_a_power_law():
    (law,) = seed_size_law.fit_seed_sizes(
        curves.fit_table(counts(lambda r: 0.9 - 0.8 * (1 + r / 2) ** -0.5, n=10**7), draws=60)
    ).values()
    far = np.array([256.0, 1024.0])
    np.testing.assert_allclose(law.at(100, far)[0], 0.9 - 0.8 * (1 + far / 2) ** -0.5, atol=0.005)


def test_unknown_labels_take_the_value_of_repeats_that_fits():
    renamed = table(10**6, exact=True).replace({"answer_augmentation": "mine", "new_question": "yours"})
    fits = curves.fit_table(renamed, draws=60)
    fitted = seed_size_law.fit_seed_sizes(fits)
    assert [fitted["task", name].point.repeats[0] for name in ("mine", "yours")] == [REUSED[2], FRESH[2]]


def true_crossover(size):
    a, b = accuracy("reused", size, 1), accuracy("fresh", size, 2)
    grid = np.geomspace(RATIOS[0], RATIOS[-1], 4000)
    return grid[np.argmax([b(r) > a(r) for r in grid])]


def test_what_repeats_are_worth_stays_open_where_nothing_was_repeated():
    """Below one sample per seed question every value of repeats fits the same; the draws must not settle on one."""
    ratios = np.array([0.125, 0.25, 0.5, 1.0])
    few = pd.concat(
        counts(accuracy("reused", s, 1), n=10**6, size=s, strategy="answer_augmentation", ratios=ratios, seed=s)
        for s in (50, 200)
    )
    law = seed_size_law.fit_seed_sizes(curves.fit_table(few, draws=60))["task", "answer_augmentation"]
    assert {*law.draws.repeats} == {*seed_size_law.REPEATS}
    truth = accuracy("reused", 200, 1)(16)
    assert law.cell(200, 16.0).min() < truth < law.cell(200, 16.0).max()


def test_too_few_cells_cannot_tell_what_repeats_are_worth():
    few = table(10**4, sizes=(50, 100))
    few = few[few["budget"] / few["seed_size"] <= 2]
    assert seed_size_law.fit_seed_sizes(curves.fit_table(few, draws=50))[
        "task", "answer_augmentation"
    ].point.repeats == [seed_size_law.FRESH]


def test_a_held_out_size_is_predicted():
    fits = curves.fit_table(table(4000, replicates=3), draws=200)
    (row,) = seed_size_law.held_out(fits, 100).itertuples()
    (shown,) = (c for c in find_crossovers(fits) if c.seed_size == 100)
    measured = row.measured, row.measured_low, row.measured_high
    assert measured == (shown.ratio, *shown.interval), "one quantity has one interval"
    truth = true_crossover(100)
    assert row.predicted == pytest.approx(truth, rel=0.1)
    assert row.predicted_low <= truth <= row.predicted_high
    assert row.status == "found"


def test_a_size_that_was_not_run_is_predicted():
    fits = curves.fit_table(table(40_000, sizes=(25, 50, 100), replicates=3), draws=200)
    pairs = [c for c in find_crossovers(fits) if c.seed_size == 100]
    (row,) = seed_size_law.predict_crossovers(fits, 200, pairs).itertuples()
    truth = true_crossover(200)
    assert row.seed_size == 200 and row.predicted == pytest.approx(truth, rel=0.15)
    assert row.predicted_low <= truth <= row.predicted_high
    turned = [dataclasses.replace(c, first=c.second, second=c.first) for c in pairs]
    assert seed_size_law.predict_crossovers(fits, 200, turned)["predicted"].isna().all(), "it leads only below"


def test_a_predicted_crossover_is_the_one_near_the_tested_range_after_which_the_second_leads():
    """By the published counts the law of rephrasings also crosses far below the tested range, the other way round."""
    published = advice_counts.counts(results_folder("study")).query("task == 'math_words'")
    fits = curves.fit_table(published, draws=100)
    for size in (16, 64):
        pairs = [c for c in find_crossovers(fits, checks=False) if c.seed_size == size and c.second == "new_question"]
        for row, c in zip(seed_size_law.predict_crossovers(fits, size, pairs).itertuples(), pairs, strict=True):
            assert c.ratio / 2 < row.predicted < 2 * c.ratio


def test_too_few_sizes_are_refused():
    with pytest.raises(CrossoverError, match="3 sizes"):
        seed_size_law.held_out(curves.fit_table(table(100, sizes=(25, 50)), draws=50), 50)
    with pytest.raises(CrossoverError, match="cannot be held out"):
        seed_size_law.held_out(curves.fit_table(table(100), draws=50), 60)
