"""Contrasts against known truth: coverage, strata, variances pooled within families, false discoveries."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.weightstats import DescrStatsW

from crossover.errors import CrossoverError
from crossover.stats.contrasts import (
    Prior,
    benjamini_hochberg,
    components,
    items_needed,
    minimum_detectable_effect,
    squeeze,
)


def contrast(differences, binary=True, strata=None):
    return components(differences, strata, binary).contrast()


def simulate(rng, replicate_sd, item_sd, replicates, items=150, effect=0.0):
    noise = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(replicates, items))
    return effect + rng.normal(0, replicate_sd, replicates)[:, None] + rng.normal(0, item_sd, items) + noise


TWO_SETS = ["a"] * 30 + ["b"] * 120


@pytest.mark.parametrize(
    ("replicate_sd", "item_sd", "replicates", "sets"),
    [(0, 0, 3, None), (0.03, 0.2, 3, None), (0.1, 0.2, 3, None), (0.05, 0.2, 8, None), (0, 0.2, 2, None), (0.2, 0.2, 2, None),
     (0.05, 0.2, 4, TWO_SETS)],
)  # fmt: skip
def test_a_contrast_covers_the_truth_as_often_as_it_says(replicate_sd, item_sd, replicates, sets):
    rng = np.random.default_rng(1)
    found = [contrast(simulate(rng, replicate_sd, item_sd, replicates, effect=0.05), strata=sets) for _ in range(800)]
    assert 0.86 <= np.mean([c.low <= 0.05 <= c.high for c in found]) <= 0.97


@pytest.mark.parametrize(("replicates", "items"), [(1, 200), (8, 150), (40, 100)])
def test_a_pair_of_answer_tables_gives_the_interval_of_statsmodels(replicates, items):
    """One replicate: its paired t interval; several: errors clustered by replicate and by item, at our degrees of freedom."""
    rng = np.random.default_rng(replicates)
    chance = rng.beta(2, 2, items) + rng.normal(0, 0.05, (replicates, 1))
    a, b = (rng.random((replicates, items)) < chance + gain for gain in (0.0, 0.1))
    found = contrast(b.astype(float) - a)
    d = (b.astype(float) - a).ravel()
    if replicates == 1:
        low, high = DescrStatsW(d).tconfint_mean(0.1)
    else:
        groups = np.stack([np.repeat(np.arange(replicates), items), np.tile(np.arange(items), replicates)], 1)
        fit = OLS(d, np.ones_like(d)).fit(cov_type="cluster", cov_kwds={"groups": groups})
        low, high = stats.t.interval(0.9, found.df, d.mean(), fit.bse[0])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.005)


def test_answers_that_never_differ_are_no_proof_that_none_could():
    found = contrast(np.zeros((3, 20)))
    assert found.estimate == 0 and found.error == 1 / 20 and found.low < -0.05 and found.high > 0.05 and found.p == 1
    scores = contrast(np.zeros((3, 20)), binary=False)
    assert (scores.low, scores.high, scores.p) == (0, 0, 1)


def test_the_probability_of_no_difference_is_that_of_the_interval():
    found = contrast(np.random.default_rng(1).choice([-1.0, 0, 1], size=(3, 60), p=[0.2, 0.4, 0.4]))
    assert min(map(abs, found.interval(1 - found.p))) == pytest.approx(0, abs=1e-9)


def test_false_discoveries_stay_below_their_share():
    rng, false, called = np.random.default_rng(0), [], []
    for _ in range(400):
        p = np.where(np.arange(20) < 15, rng.uniform(size=20), rng.uniform(0, 1e-4, size=20))
        found = benjamini_hochberg(p)
        called.append(found.sum()), false.append(found[:15].sum())
    assert np.mean(np.array(false) / np.maximum(1, called)) < 0.1 and np.mean(called) >= 5
    assert benjamini_hochberg([np.nan, 0.001]).tolist() == [False, True] and not len(benjamini_hochberg([]))


@pytest.mark.parametrize(
    ("bad", "sets"), [((5,), None), ((3, 1), None), ((3, 4), ["a", "a", "a", "b"]), ((3, 4, np.nan), None)]
)
def test_what_is_no_table_of_differences_is_refused(bad, sets):
    with pytest.raises(CrossoverError, match="replicates by at least two test items"):
        contrast(np.full(bad[:2], bad[2] if len(bad) > 2 else 0.0), strata=sets)


@pytest.mark.parametrize("effect", [0.01, 0.03])
def test_no_fewer_items_show_an_effect_than_its_own_variance_asks_for(effect):
    """Simulated: where nothing is right without, a gain of whole items is found at the number given, and not at half of it."""
    rng, nothing = np.random.default_rng(0), np.zeros((1, 50))
    n = items_needed(nothing, effect)
    told = {
        m: np.mean([contrast((rng.random((1, m)) < effect).astype(float)).low > 0 for _ in range(400)])
        for m in (n, n // 2)
    }
    assert told[n] > 0.8 > told[n // 2]
    assert contrast(np.zeros((1, n))).detectable == minimum_detectable_effect(1, n) <= effect
    assert contrast(np.zeros((1, n)), binary=False).detectable == 0


# --- several sets ------------------------------------------------------------------------------------------------------


def test_each_set_weighs_the_same_however_many_items_it_has():
    d = np.hstack([np.full((3, 10), 0.2), np.full((3, 90), 0.6)])
    assert contrast(d, strata=["a"] * 10 + ["b"] * 90).estimate == pytest.approx(0.4)
    assert [contrast(d, strata=sets).estimate for sets in (None, ["a"] * 100)] == pytest.approx([0.56, 0.56])


# --- families ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "df", "prior_df"), [(2.0, 4, 6.0), (0.01, 2, 10.0)])
def test_the_prior_of_a_family_is_found(scale, df, prior_df):
    s = scale * np.random.default_rng(0).f(df, prior_df, size=20_000)
    prior = squeeze(s, [df] * len(s))
    assert (prior.variance, prior.df) == (pytest.approx(scale, rel=0.05), pytest.approx(prior_df, rel=0.1))


def test_like_variances_are_pooled_wholly():
    prior = squeeze([1.0, 1.1, 0.9], [2, 2, 2])
    assert (prior.df, prior.most) == (np.inf, 6)
    assert Prior(1.0, np.inf, 24.0).moderate(5.0, 2) == (1.0, 24.0)
    with pytest.raises(CrossoverError, match="two replicates"):
        squeeze([1.0, 2.0], [0, 0])


def test_a_lone_replicate_borrows_the_spread_between_draws():
    d = np.random.default_rng(0).choice([-1, 0, 1], size=(1, 200))
    alone, lent = components(d).contrast(), components(d).contrast(between=0.05**2, df=10)
    assert lent.error**2 == pytest.approx(alone.error**2 + 0.05**2)


@pytest.mark.parametrize("replicates", [2, 3])
def test_pooled_variances_cover_the_truth_where_their_own_do_not_help(replicates):
    """Families of twelve contrasts: the moderated interval covers as often as promised, and is narrower."""
    rng, hits, widths = np.random.default_rng(5), [], []
    for _ in range(60):
        family = [components(simulate(rng, 0.06, 0.1, replicates, effect=0.1)) for _ in range(12)]
        prior = squeeze([c.between for c in family], [replicates - 1] * 12)
        for c in family:
            pooled = c.contrast(0.9, *prior.moderate(c.between, replicates - 1))
            hits.append(pooled.low <= 0.1 <= pooled.high)
            own = c.contrast(0.9)
            widths.append((own.high - own.low, pooled.high - pooled.low))
    assert 0.87 <= np.mean(hits) <= 0.95
    own, pooled = np.mean(widths, axis=0)
    assert pooled < 0.8 * own
