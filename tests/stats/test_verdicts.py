"""The rule of verdicts: mirror images, precedence, the floor, and the probability that a study decides."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.committed_tables import verdict_rates
from crossover.paths import repository
from crossover.stats.contrasts import Contrast, components
from crossover.stats.curves import Misfit
from crossover.stats.verdicts import (
    DECIDED,
    VERDICTS,
    Spread,
    at_the_floor,
    cheapest,
    decision_probability,
    spread,
    verdict,
    weakest,
)

MIRRORED = {"supported": "contradicted", "weakly supported": "weakly contradicted"}
MIRRORED |= {mirror: verdict for verdict, mirror in MIRRORED.items()}
POINTS = st.floats(-0.5, 0.5).map(lambda x: round(x, 4))


def lead(estimate, error, df=20.0):
    return Contrast(estimate, error, df, 5, 100, 0.9, 0.0)


@given(
    estimate=POINTS, error=st.floats(0.001, 0.2), df=st.floats(1, 50), threshold=POINTS, resolution=st.floats(0.005, 0.3),
    parts=st.integers(1, 12), replicates=st.integers(1, 8), side=st.sampled_from(["above", "below"]),
)  # fmt: skip
def test_the_mirror_image_of_a_part_has_the_mirror_image_of_its_verdict(
    estimate, error, df, threshold, resolution, parts, replicates, side
):
    rule = {"resolution": resolution, "parts": parts, "replicates": replicates}
    other = "below" if side == "above" else "above"
    found = verdict(lead(estimate, error, df).interval, side, threshold, **rule)
    assert verdict(lead(estimate, error, df).interval, other, threshold, **rule) == MIRRORED.get(found, found)
    assert verdict(lead(-estimate, error, df).interval, other, -threshold, **rule) == found


@pytest.mark.parametrize(
    ("estimate", "error", "replicates", "parts", "expected"),
    [
        (0.06, 0.02, 3, 1, "supported"),
        (-0.06, 0.02, 3, 1, "contradicted"),
        (0.06, 0.02, 2, 1, "weakly supported"),
        (-0.06, 0.02, 2, 1, "weakly contradicted"),
        (0.05, 0.02, 3, 12, "weakly supported"),
        (0.04, 0.025, 3, 1, "weakly supported"),
        (0.04, 0.025, 3, 12, "inconclusive"),
        (0.01, 0.02, 3, 1, "no difference that matters"),
        (0.01, 0.04, 3, 1, "inconclusive"),
        (0.06, 0.06, 3, 1, "inconclusive"),
    ],
)
def test_the_verdict_follows_the_rule(estimate, error, replicates, parts, expected):
    assert verdict(lead(estimate, error).interval, "above", 0.0, 0.05, parts=parts, replicates=replicates) == expected


def test_a_claim_has_the_weakest_verdict_of_its_parts():
    assert weakest(["supported", "inconclusive", "weakly supported"]) == "inconclusive"
    assert weakest(["at the floor", "contradicted", "not run in this profile"]) == "contradicted"
    assert {*DECIDED} < {*VERDICTS}


def test_both_sides_must_be_near_nothing_or_chance_for_the_floor():
    assert at_the_floor([0.52, 0.55], 0.5, 0.06) and not at_the_floor([0.52, 0.6], 0.5, 0.06)
    assert at_the_floor([0.44], 0.5, 0.06), "below chance by less than could be detected"
    assert not at_the_floor([0.3], 0.5, 0.06), "well below chance is no floor"


# --- how large a study must be ------------------------------------------------------------------------------------------


def test_variance_components_come_back_and_predict_the_error_of_a_larger_study():
    rng, draw, item = np.random.default_rng(0), 0.05, 0.3

    def study(R, n):
        return rng.normal(0, draw, R)[:, None] + rng.normal(0, item, n) + rng.normal(0, 0.5, (R, n))

    found = components(study(400, 400), binary=False)
    known = spread(found, found.between, found.replicates - 1)
    assert (known.draw**0.5, known.item**0.5, known.residual**0.5) == pytest.approx((draw, item, 0.5), rel=0.1)
    assert known.error(8, 200)[0] == pytest.approx(np.std([study(8, 200).mean() for _ in range(2000)]), rel=0.1)


def test_more_students_on_a_draw_take_only_their_own_part():
    known = Spread(draw=0.004, student=0.002, item=0.0, residual=0.0)
    assert known.error(4, 100, students=1)[0] ** 2 == pytest.approx(0.006 / 4)
    assert known.error(4, 100, students=2)[0] ** 2 == pytest.approx(0.005 / 4)


@pytest.mark.parametrize(("truth", "error"), [(0.0, 0.02), (0.04, 0.02), (0.04, 0.04), (-0.1, 0.03)])
@pytest.mark.parametrize("parts", [1, 5])
def test_the_probability_of_a_decision_is_that_of_simulated_studies(truth, error, parts):
    rng = np.random.default_rng(0)
    drawn = [
        verdict(lead(x, error, 14).interval, "above", 0.0, 0.05, parts=parts) for x in rng.normal(truth, error, 3000)
    ]
    simulated = np.mean([v in DECIDED for v in drawn])
    assert decision_probability(truth, error, 14, 0.05, parts=parts) == pytest.approx(simulated, abs=0.03)


def test_the_cheapest_addition_is_cheaper_than_any_other_that_decides():
    known, at_hand = Spread(0.001, 0.0005, 0.02, 0.15), {"replicates": 3, "items": 150}
    best = cheapest(known, 0.03, 0.03, parts=2, train=60, test=20, **at_hand)
    assert best.probability >= 0.8 and best.replicates > 3
    for R in range(3, 30):
        for m in (1, 2, 3):
            error, df = known.error(R, 150, m)
            if (R * m - 3) * 80 < best.seconds:
                assert decision_probability(0.03, error, df, 0.03, parts=2, replicates=R) < 0.8
    assert cheapest(known, 0.0301, 0.0001, parts=2, train=60, test=20, replicates=3, items=2) is None


# --- misfit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [0.0, 0.02, 0.05])
def test_the_misfit_of_curves_is_covered_and_does_not_grow_with_precision(truth):
    rng, covered, estimates = np.random.default_rng(0), [], {0.005: [], 0.02: []}
    for error, seen in estimates.items():
        for _ in range(300):
            residual = rng.normal(0, error, 40) + truth * rng.choice([-1, 1], 40)
            noise = error**2 * rng.chisquare(60) / 60  # its estimate
            found = Misfit(float((residual**2).sum() / noise), 40, 60, 40 / noise, 40)
            low, high = found.interval(0.9)
            covered.append(low <= truth <= high)
            seen.append(found.estimate)
    assert 0.86 <= np.mean(covered) <= (1.0 if truth == 0 else 0.95)
    if truth:
        assert np.median(estimates[0.005]) == pytest.approx(truth, rel=0.1)
        assert np.median(estimates[0.02]) == pytest.approx(truth, rel=0.25)


# --- error rates --------------------------------------------------------------------------------------------------------


def test_pooled_intervals_cover_and_verdicts_err_as_rarely_as_they_say():
    """The committed table of simulated families; the slow test makes it again."""
    table = pd.read_csv(repository() / "results" / "study" / "verdict_rates.csv")
    assert table["pooled"].between(0.87, 0.93).all()
    assert (table["pooled_width"] < table["own_width"]).all()
    at_threshold, beyond = table[table["truth"] == 0], table[table["truth"] > 0]
    assert (at_threshold[["supported", "contradicted"]] < 0.07).all(axis=None), "each side errs in one of twenty"
    assert (beyond[["contradicted", "weakly contradicted"]].sum(axis=1) < 0.02).all()


@pytest.mark.slow
def test_the_committed_error_rates_are_those_of_the_code():
    committed = pd.read_csv(repository() / "results" / "study" / "verdict_rates.csv")
    pd.testing.assert_frame_equal(verdict_rates(), committed, rtol=1e-3, check_dtype=False)
