"""Figures and tables: the numbers behind them, what a reader can tell apart, and that saving is repeatable."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as student

from crossover.errors import CrossoverError
from crossover.figures.style import funnel, funnel_table, learning_curves, learning_points, save, styles, wilson
from crossover.labels import STRATEGIES

#: The strategies with a colour of their own.
OURS = {name: STRATEGIES[name] for name in ("answer_augmentation", "question_rephrase", "new_question", "mixed")}


def make_runs(strategies=tuple(OURS), sizes=(32,), budgets=(32, 128, 512), replicates=1) -> pd.DataFrame:
    """Rows whose accuracy grows with the budget by a rule that a test can repeat."""
    rows = [
        {
            "strategy": s, "seed_size": size, "budget": b, "replicate": j, "n_test": 200,
            "n_correct": 20 + 20 * i + 10 * k + 3 * j, "queries": b, "asked": b, "returned": b, "parsed": b - 1,
            "verified": b - 2, "unique": b - 3, "kept": b // 2,
        }
        for i, s in enumerate(strategies) for size in sizes for k, b in enumerate(budgets) for j in range(replicates)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@given(n=st.integers(1, 500), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.9, 0.95]))
def test_wilson_agrees_with_scipy(n, share, level):
    k = round(share * n)
    expected = binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_replicate_has_a_wilson_interval():
    point = learning_points(make_runs(("new_question",), budgets=(128,))).iloc[0]
    assert (point.ratio, point.accuracy, point.interval) == (4.0, 0.1, "Wilson")
    assert (point.low, point.high) == wilson(20, 200)


def test_several_replicates_take_the_wider_interval():
    runs = make_runs(("new_question",), budgets=(128,), replicates=3)
    steady = learning_points(runs.assign(n_correct=60)).iloc[0]
    assert (steady.interval, steady.low, steady.high) == ("Wilson", *wilson(180, 600))
    restless = learning_points(runs.assign(n_correct=[20, 60, 100])).iloc[0]
    half = student.ppf(0.95, 2) * 0.2 / np.sqrt(3)
    assert restless.interval == "t over replicates"
    assert (restless.low, restless.high) == pytest.approx((max(0, 0.3 - half), 0.3 + half))


def test_unequal_test_sets_weigh_replicates_equally():
    runs = make_runs(("new_question",), budgets=(128,), replicates=2).assign(n_correct=[10, 90], n_test=[10, 100])
    assert learning_points(runs).accuracy[0] == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (make_runs().iloc[:0], "no runs"),
        (make_runs(budgets=(0, 32)), "budget of 0"),
        (pd.concat([make_runs(), make_runs()]), "Two rows for one cell.*answer_augmentation"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(runs, message):
    with pytest.raises(CrossoverError, match=message):
        learning_curves(runs)


def test_every_strategy_has_its_own_colour_marker_and_lightness():
    looks = styles([*OURS, "template"])
    assert len({s.colour for s in looks.values()}) == len({s.marker for s in looks.values()}) == 5
    lightness = sorted(_lightness(looks[name].colour) for name in OURS)
    assert np.diff(lightness).min() > 12, "two strategies look alike in grey"
    assert max(lightness) < 62, "a line with less than 3:1 contrast on white"


def test_a_strategy_looks_the_same_whatever_else_is_drawn():
    alone, among = styles(["new_question"])["new_question"], styles(OURS)["new_question"]
    assert (alone.colour, alone.marker) == (among.colour, among.marker)


def test_too_many_strategies_are_refused():
    with pytest.raises(CrossoverError, match="told apart"):
        styles([f"s{i}" for i in range(9)])


def test_panels_ticks_and_legend():
    figure = learning_curves(make_runs(sizes=(32, 128)), published=make_runs(sizes=(32, 999)))
    panels = figure.axes
    assert [a.get_title(loc="left") for a in panels] == ["32 seed questions", "128 seed questions"]
    assert [t.get_text() for t in panels[0].get_xticklabels()] == ["1", "4", "16"]
    assert [t.get_text() for t in panels[1].get_xticklabels()] == ["0.25", "1", "4"]
    assert "(32 to 512 queries)" in panels[0].get_xlabel()
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert set(labels) == {*OURS.values(), "90% interval", "published study, hollow"}
    hollow = [line for line in panels[0].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == len(OURS) and not any(line.get_markerfacecolor() == "white" for line in panels[1].lines)


def test_no_published_entry_where_no_seed_set_size_is_shared():
    figure = learning_curves(make_runs(sizes=(32,)), published=make_runs(sizes=(999,)))
    assert "published study, hollow" not in [t.get_text() for t in figure.legends[0].get_texts()]


def test_a_fit_takes_the_place_of_the_line_through_the_means():
    fits = {("new_question", 32): lambda r: 0.5 - 0.4 * np.exp(-r / 4)}
    axes = learning_curves(make_runs(("new_question",)), fits=fits).axes[0]
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert np.allclose(curve.get_ydata(), 0.5 - 0.4 * np.exp(-curve.get_xdata() / 4))


def test_the_funnel_counts_the_largest_budget_once():
    table = funnel(make_runs(replicates=3)).set_index("strategy")
    assert list(table.index) == list(OURS)
    row = table.loc["new_question"]
    assert (row.budget, row.asked, row.parsed, row.kept) == (512, 512, 511, 256)
    assert (row["yield"], row.queries_per_kept) == (0.5, 2.0)


def test_the_funnel_table_says_when_nothing_was_kept():
    html = funnel_table(make_runs(("new_question",)).assign(kept=0)).to_html()
    assert "New question" in html and "none kept" in html and "nan" not in html and "inf" not in html


def test_saving_twice_gives_the_same_bytes(tmp_path):
    for folder in ("one", "two"):
        runs = make_runs(replicates=2)
        path = save(learning_curves(runs), "curves", tmp_path / folder, learning_points(runs))
    for suffix in (".svg", ".png", ".csv"):
        assert path.with_suffix(suffix).read_bytes() == (tmp_path / "one" / f"curves{suffix}").read_bytes()
    assert len(pd.read_csv(path.with_suffix(".csv"))) == 3 * len(OURS)


def _lightness(colour: str) -> float:
    """CIE L* of a ``#rrggbb`` colour."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 116 * float(linear @ [0.2126, 0.7152, 0.0722]) ** (1 / 3) - 16
