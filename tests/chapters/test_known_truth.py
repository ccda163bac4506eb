"""Worlds make what they say, the chapter's parts run at a small size, and speed is as promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import curve_fits
from crossover.chapters import known_truth
from crossover.params.profiles import KnownTruth
from crossover.stats import simulation

ROOT = Path(__file__).resolve().parents[2]


def test_worlds_have_the_crossovers_they_claim():
    by_name = {name: w.crossover() for name, w in simulation.ALL.items()}
    assert (by_name["edge"], by_name["beyond"]) == pytest.approx((16, 100), rel=1e-5)
    assert by_name["never"] is None and 1 < by_name["independent"] < 64


def test_simulated_counts_have_the_set_mean_and_spread():
    truth = simulation.Truth(0.6, 0.3, (5.0,))
    world = simulation.Scenario("w", "", truth, truth, (1.0, 8.0), 1000, 100_000,
                         offset=0.03, shared=0.02, training=0.01)  # fmt: skip
    table = world.simulate(np.random.default_rng(0))
    wide = (table["n_correct"] / table["n_test"]).to_numpy().reshape(2, 1000, 2)
    np.testing.assert_allclose(wide.mean(1), world.early(np.array([[1.0, 8.0]] * 2)[0]) * np.ones((2, 1)), atol=0.005)
    total = 0.03**2 + 0.02**2 + 0.01**2
    assert wide[0, :, 0].var() == pytest.approx(total, rel=0.15)
    assert np.cov(wide[0, :, 0], wide[0, :, 1])[0, 1] == pytest.approx(0.03**2 + 0.02**2, rel=0.15)
    assert np.cov(wide[0, :, 0], wide[1, :, 0])[0, 1] == pytest.approx(0.02**2, rel=0.3)


def test_coverage_counts_what_it_says(monkeypatch):
    """Intervals that always hold, and intervals that never do, are counted as such."""
    for always in (True, False):
        monkeypatch.setattr(simulation, "holds", lambda *_, held=always: held)
        table = simulation.coverage([simulation.DESIGNS[0]], studies=3, draws=60).set_index("quantity")
        assert table.loc["crossover", "rate"] == always and table["rate"].dropna().between(0, 1).all()


@pytest.mark.parametrize(
    ("ends", "held"), [((1, 3), 1), ((None, 3), 1), ((1, None), 1), ((2.5, None), 0), ((1, 1.5), 0)]
)
def test_an_open_end_holds_what_lies_beyond(ends, held):
    assert simulation.holds(*ends, 2) == bool(held)


def test_a_study_is_the_same_again():
    a, b = (simulation.coverage([simulation.DESIGNS[1]], studies=3, draws=60) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)


def test_one_replicate_holds_less_often():
    table = simulation.replicates_seen(40, draws=80, counts=(1, 8)).set_index("replicates")
    assert table.loc[1, "rate"] < table.loc[8, "rate"] - 0.1


def test_the_headline_is_the_least_coverage_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    chapter = known_truth.run(KnownTruth(studies=4, draws=60, designs=["independent", "never"]))
    covered = chapter.runs.loc[chapter.runs["quantity"] == "crossover", "rate"]
    assert f"{covered.min():.0%}" in chapter.headline and "In 4 simulated studies" in chapter.headline
    rows = chapter.runs[(chapter.runs["quantity"] == "lead") & (chapter.runs["design"] == "independent")]
    for level, named in ((0.5, True), (0.99, False)):
        fallen = chapter.runs.assign(mc_error=0.01)
        fallen["rate"] = fallen["level"].where(fallen.index != rows.index[rows["level"] == level][0], 0.29)
        title = replace(chapter, published=fallen).calibration().note["title"]
        assert ("29% at 50%" in title) is named and title.startswith("90% intervals hold the truth in 90% of studies")
    written = {p.name for p in (tmp_path / "laptop" / "known_truth").glob("*.csv")}
    assert written == {"recovered.csv", "coverage.csv", "replicates.csv"}


def test_committed_coverage_is_within_the_band():
    """The table in the book: what is promised of intervals and statuses, give or take two Monte Carlo errors."""
    table = pd.read_csv(ROOT / "results" / "study" / "coverage.csv")
    assert (table["studies"] >= 1000).all() and set(table["design"]) == set(simulation.ALL)
    at_90 = table[table["level"] == 0.9].set_index(["quantity", "design"])
    low, high = (at_90["rate"] + sign * 2 * at_90["mc_error"] for sign in (-1, 1))
    exponential = [w.name for w in simulation.DESIGNS]
    assert (high["crossover"] >= 0.87).all() and (high["accuracy"] >= 0.87).all()
    assert (low["crossover"][exponential] <= 0.93).all()
    assert (low["status"] >= 0.95).all(), "where the data can tell, no crossover included"
    curve = table[table["quantity"].str.startswith(("E of", "tau of"))]
    assert (curve["rate"] >= 0.85).all()


def test_never_worse_and_much_faster_than_curve_fit():
    found = curve_fits.run(cases=25, draws=200).set_index("what")["value"]
    assert found["cases where curve_fit's loss is lower"] == 0
    assert found["largest excess of our loss, relative"] < 1e-9 and found["curve_fit's time over ours"] > 100
