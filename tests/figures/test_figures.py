"""Figures: what is drawn where, what a reader can tell apart, and that storing is repeatable."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy.stats import binomtest
from scipy.stats import t as student

from crossover.errors import CrossoverError
from crossover.figures.charts import forest, heat_map, sweep
from crossover.figures.learning_curves import (
    curve_points,
    fitted_points,
    lead_and_regret,
    learning_curves,
    learning_points,
)
from crossover.figures.style import DARK, INK, MUTED, PAPER, darkened, publish, styles
from crossover.labels import STRATEGIES
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import fit_table
from planted import EARLY, LATE, noisy

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


def wilson(k, n):
    ends = binomtest(k, n).proportion_ci(0.9, "wilson")
    return ends.low, ends.high


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


def test_points_share_the_variance_between_replicates():
    """Two replicates take the variance that many have, with as many degrees of freedom as there are further draws."""
    many = make_runs(("new_question",), sizes=(16,), budgets=(128,), replicates=8).assign(n_correct=[40, 80] * 4)
    few = make_runs(("new_question",), sizes=(64,), budgets=(128,), replicates=2).assign(n_correct=60)
    found = learning_points(pd.concat([many, few])).set_index("seed_size")
    variance = 8 * 0.1**2 / (7 + 1)
    half = student.ppf(0.95, 7 + 1) * np.sqrt(variance / 2)
    assert (found.loc[64, "low"], found.loc[64, "high"]) == pytest.approx((0.3 - half, 0.3 + half))


def test_unequal_test_sets_weigh_replicates_equally():
    runs = make_runs(("new_question",), budgets=(128,), replicates=2).assign(n_correct=[10, 90], n_test=[10, 100])
    assert learning_points(runs).accuracy[0] == pytest.approx(0.95)


def test_tables_that_cannot_be_drawn_are_refused():
    with pytest.raises(CrossoverError, match="no runs"):
        learning_points(make_runs().iloc[:0])
    with pytest.raises(CrossoverError, match="Two rows for one cell.*answer_augmentation"):
        learning_points(pd.concat([make_runs(), make_runs()]))


def test_every_strategy_has_its_own_colour_marker_dash_and_lightness():
    looks = styles([*OURS, "template"])
    for names in ("colour", "marker", "dash"):
        assert len({str(getattr(s, names)) for s in looks.values()}) == 5
    lightness = sorted(_lightness(looks[name].colour) for name in OURS)
    assert np.diff(lightness).min() > 12, "two strategies look alike in grey"
    assert max(lightness) < 62, "a line with less than 3:1 contrast on white"
    dark = [_lightness(DARK[look.colour]) for look in looks.values()]
    assert min(dark) > 62, "a line with less than 3:1 contrast on a dark page"


def test_a_strategy_looks_the_same_whatever_else_is_drawn():
    alone, among = styles(["new_question"])["new_question"], styles(OURS)["new_question"]
    assert (alone.colour, alone.marker, alone.dash) == (among.colour, among.marker, among.dash)


def test_too_many_strategies_are_refused():
    with pytest.raises(CrossoverError, match="told apart"):
        styles([f"s{i}" for i in range(9)])


def test_learning_curves_name_each_line_at_its_end():
    figure = learning_curves(learning_points(make_runs(sizes=(32, 128))))
    left, right = figure.axes
    assert [a.get_title(loc="left") for a in figure.axes] == ["32 seed questions", "128 seed questions"]
    assert [t.get_text() for t in left.get_xticklabels()] == ["1", "4", "16"]
    assert not left.texts and [t.get_text() for t in right.texts] == [name.lower() for name in OURS.values()]
    heights = [t.xy[1] for t in right.texts]
    assert min(np.diff(heights)) > 0.04, "names touch"
    assert len(learning_curves(learning_points(make_runs(sizes=(32, 128))), narrow=True).axes[0].texts) == 4


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("seeds", [16, 256, 1024])
def test_budgets_are_marked_apart_at_every_seed_set_size(seeds, narrow):
    budgets = [16, 32, 64, 256, 512, 1024, 2048, 4096]
    figure = learning_curves(learning_points(make_runs(sizes=(seeds, 2 * seeds), budgets=budgets)), narrow=narrow)
    figure.draw_without_rendering()
    for axes, size in zip(figure.axes, (seeds, 2 * seeds), strict=True):
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert 3 <= len(boxes) <= 8
        assert max(axes.get_xticks()) == max(budgets) / size
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_fitted_curves_take_the_place_of_lines_and_crossovers_stand_below():
    fits = fit_table(noisy(EARLY, LATE), draws=100)
    (found,) = find_crossovers(fits)
    axes = learning_curves(fitted_points(fits), curve_points(fits, 1.5), band=True, found=[found]).axes[0]
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    here = fits["answer_augmentation", 100].predict(curve.get_xdata())["accuracy"]
    assert np.allclose(curve.get_ydata(), here)
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "d"] == [found.ratio]


def test_students_of_the_seeds_only_are_a_level():
    runs = pd.concat([make_runs(("new_question",)), make_runs(("seeds_only",), budgets=(0,))])
    points = learning_points(runs)
    assert set(points["strategy"]) == {"new_question"}, "no place on a log axis"
    axes = learning_curves(points, levels=pd.Series({32: 0.1})).axes[0]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_color() == MUTED] == [0.1]


def test_a_heat_map_prints_what_it_shades():
    shares = pd.DataFrame([[0.1, 0.9], [np.nan, 0.5]], index=["easy", "hard"], columns=[0.5, 4])
    figure = heat_map({"New answers": shares}, "calls")
    assert [t.get_text() for t in figure.axes[0].texts] == ["50", "10", "90"], (
        "from the bottom, nothing where nothing was run"
    )
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["hard", "easy"]
    darkest = figure.axes[0].collections[0].cmap(1.0)[3]
    for ink, paper in ((INK, PAPER), (DARK[INK], DARK[PAPER])):
        shaded = (1 - darkest) * np.array(to_rgb(paper)) + darkest * np.array(to_rgb(ink))
        assert contrast(shaded, to_rgb(ink)) >= 4.5


def contrast(one, other):
    """The ratio of WCAG 2."""
    linear = (np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in map(np.array, (one, other)))
    low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in linear)
    return (high + 0.05) / (low + 0.05)


def test_the_lead_shades_what_is_undecided():
    rows = [(0, 1.0, -0.1, -0.2, 0.0), (0, 4.0, 0.2, 0.1, 0.3)]
    rows += [(16, ratio, lead, np.nan, np.nan) for _, ratio, lead, _, _ in rows]
    leads = pd.DataFrame(rows, columns=["seed_size", "ratio", "lead", "low", "high"])
    losses = {"strategy": ["answer_augmentation", "new_question"], "mean": [6.0, 3.0], "largest": [20.0, 10.0]}
    left, right = lead_and_regret(leads, pd.DataFrame(losses)).axes
    (band,) = left.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (1.0, 4.0)
    assert [t.get_text() for t in left.get_xticklabels()] == ["1", "4"], "a ratio has one tick, however many sizes"
    both = pd.concat([leads, leads[leads["seed_size"] > 0].assign(seed_size=64)])
    names = [t for t in lead_and_regret(both, pd.DataFrame(losses)).axes[0].texts if t.get_text().endswith("seeds")]
    assert len(names) == 2 and abs(names[0].xy[1] - names[1].xy[1]) > 0.02, "equal ends have their names apart"
    decided = leads.assign(low=leads["low"].abs(), high=leads["high"].abs() + 0.3)
    assert not lead_and_regret(decided, pd.DataFrame(losses)).axes[0].patches
    assert [t.get_text() for t in right.texts] == ["new questions: 3.0", "new answers: 6.0"]


def rows_of(estimates):
    rows = pd.DataFrame(
        {"panel": panel, "comparison": line, "estimate": e, "low": e - 0.02, "high": e + 0.02}
        for (panel, line), e in estimates.items()
    )
    return rows.assign(why=np.where(rows["estimate"].isna(), "no cells", ""), significant=rows["estimate"] > 0.03)


def test_a_forest_keeps_a_panels_rows_together_and_prints_what_it_draws():
    rows = rows_of({("A", "one"): 0.05, ("B", "one"): -0.01, ("A", "two"): np.nan})
    axes = forest(rows).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["one", "two", "one"]
    assert [t.get_text() for t in axes.texts] == ["+5.0 (3.0 to 7.0) *", "not run", "-1.0 (-3.0 to 1.0)", "A", "B"]
    y = dict(zip([t.get_text() for t in axes.texts], [t.xy[1] for t in axes.texts], strict=True))
    assert y["A"] > y["not run"] > y["B"] > y["-1.0 (-3.0 to 1.0)"]


@pytest.mark.parametrize(
    ("estimate", "low", "high", "heads"),
    [(0.1, -0.5, 0.5, {"<", ">"}), (0.1, 0.0, 0.5, {">"}), (0.37, 0.32, 0.43, {">"}), (-0.6, -0.9, -0.2, {"<"})],
)
def test_a_forest_shows_every_estimate_and_an_arrow_where_its_interval_leaves(estimate, low, high, heads):
    rows = pd.concat([rows_of({("", "wide"): estimate}).assign(low=low, high=high), rows_of({("", "other"): 0.02})])
    axes = forest(rows).axes[0]
    assert {line.get_marker() for line in axes.lines if len(line.get_xdata())} & {"<", ">"} == heads
    first, last = axes.get_xlim()
    assert first < 100 * estimate < last


def test_a_narrow_forest_names_its_rows_above_them():
    rows = rows_of({("A", "one"): 0.05, ("B", "two"): -0.01})
    assert {t.get_text() for t in forest(rows, narrow=True).axes[0].texts} == {"one", "two", "A", "B", "+5.0 *", "-1.0"}


def test_a_sweep_has_a_panel_per_task_and_measure():
    points = pd.DataFrame({"task": ["A", "A", "B", "B"], "series": "s", "value": [0.1, 0.8] * 2, "score": [50.0, 60, 30, 20],
                           "score_low": 10.0, "score_high": 70.0, "right": [0.9, 0.8, np.nan, np.nan]})  # fmt: skip
    figure = sweep(points, {"score": "score", "right": "right"}, "temperature")
    titles = [f"{a.get_title(loc='left')} {a.get_ylabel()}" for a in figure.axes]
    assert titles == ["A score", "B score", "A right", "B right"]
    assert [[t.get_text() for t in a.texts] for a in figure.axes] == [[], [], [], ["not known"]]
    assert figure.axes[1].containers[0].lines[0].get_ydata().tolist() == [30, 20]


def test_publishing_twice_gives_the_same_bytes_in_both_palettes(tmp_path):
    points = learning_points(make_runs(sizes=(32, 128), replicates=2))
    for folder in ("one", "two"):
        figure = publish(
            lambda narrow: learning_curves(points, narrow=narrow),
            points,
            tmp_path / folder,
            figure="curves",
            title="t",
            caption="c",
            alt="a",
        )
    names = {path.name for path in (tmp_path / "one").iterdir()}
    drawn = {f"curves{kind}.svg" for kind in ("", "_dark", "_narrow", "_narrow_dark")}
    assert names == drawn | {"curves.csv", "curves.png"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    light, dark = ((tmp_path / "one" / f"curves{kind}.svg").read_text() for kind in ("", "_dark"))
    assert "new questions</text>" in light, "text is text"
    assert dark == darkened(light) and "#14305e" not in dark
    note = figure._repr_png_()[1]
    assert note.pop("series") == ["new answers", "rephrasings", "new questions", "split budget"]
    assert note == {"figure": "curves", "title": "t", "caption": "c", "alt": "a"}
    assert len(pd.read_csv(tmp_path / "one" / "curves.csv")) == 2 * 3 * len(OURS)


def test_a_colour_without_a_dark_one_is_an_error():
    with pytest.raises(KeyError):
        darkened('<path style="stroke: #123456"/>')


def _lightness(colour: str) -> float:
    """CIE L* of a ``#rrggbb`` colour."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 116 * float(linear @ [0.2126, 0.7152, 0.0722]) ** (1 / 3) - 16
