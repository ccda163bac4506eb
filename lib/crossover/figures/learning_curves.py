"""Figures against the budget ratio: accuracy with fitted curves, the lead of a strategy, gains over the seeds alone."""

from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crossover.errors import CrossoverError
from crossover.figures import style
from crossover.figures.style import INK, MUTED, SHADE, Picture, bars, legend, mark, panels, ratio_axis, series, styled
from crossover.labels import display_name
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.lead import Lead

#: A point of a learning curve: what must not occur twice in one figure.
_CELL = ["strategy", "seed_size", "budget", "replicate"]
_POINT = [
    "strategy", "seed_size", "budget", "ratio", "replicates", "n_correct", "n_test", "accuracy", "low", "high",
    "interval",
]  # fmt: skip


def check_rows(runs: pd.DataFrame) -> None:
    """Refuse no rows, and two rows for one cell: they make no learning curve."""
    if not len(runs):
        raise CrossoverError("There are no runs to show yet; run the notebook that makes them first.")
    twice = runs.duplicated(_CELL)
    if twice.any():
        first = runs.loc[twice, _CELL].iloc[0].to_dict()
        raise CrossoverError(f"Two rows for one cell, {first}: choose one task, teacher, student and setting first.")


def learning_points(runs: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Return accuracy with its interval per strategy, seed-set size and budget, from rows of one task.

    With one replicate the interval is Wilson's and shows the test set's size only. With several it is the wider of
    Wilson's on the pooled counts and the t interval over replicates, which share neither seeds nor training noise.
    Their variance is pooled over all points. Points of one draw move together, so that its degrees of freedom are the
    draws' in all sizes.
    """
    from scipy.stats import binomtest, t

    check_rows(runs)
    runs = runs[runs["budget"] > 0]
    runs = runs.assign(accuracy=runs["n_correct"] / runs["n_test"])
    points = runs.groupby(["strategy", "seed_size", "budget"])
    spread, more = points["accuracy"].var().fillna(0.0), points.size() - 1
    variance = float(np.average(spread, weights=more)) if more.any() else 0.0
    df = int((runs.groupby("seed_size")["replicate"].nunique() - 1).sum())
    rows = []
    for (strategy, seed_size, budget), cell in points:
        k, n = int(cell["n_correct"].sum()), int(cell["n_test"].sum())
        mean, how = float(cell["accuracy"].mean()), "Wilson"
        low, high = binomtest(k, n).proportion_ci(level, "wilson")
        if len(cell) > 1:
            half = t.ppf(0.5 + level / 2, df) * np.sqrt(variance / len(cell))
            if 2 * half > high - low:
                low, high, how = max(0.0, mean - half), min(1.0, mean + half), "t over replicates"
        rows.append((strategy, seed_size, budget, budget / seed_size, len(cell), k, n, mean, low, high, how))
    return pd.DataFrame(rows, columns=_POINT).sort_values(["seed_size", "strategy", "budget"], ignore_index=True)


def fitted_points(fits: Fits) -> pd.DataFrame:
    """Return the budget means that curves were fitted to, one standard error either way, as points of a figure."""
    points = fits.points_table()
    return points.assign(low=points["accuracy"] - points["error"], high=points["accuracy"] + points["error"])


def curve_points(fits: Fits, beyond: float = 1.0) -> pd.DataFrame:
    """Return every fitted curve as ``task, strategy, seed_size, ratio, accuracy, low, high, inside``.

    ``beyond`` widens the tested range by a factor at its lower end and twice that at its upper.
    """
    parts = []
    for curve in fits:
        if not curve.is_fitted:
            continue
        first, last = curve.ratio_range
        ratios = np.geomspace(first / beyond, last * (2 * beyond if beyond > 1 else 1), 80)
        part = curve.predict(ratios)
        parts.append(part.assign(task=curve.task, strategy=curve.strategy, seed_size=curve.seed_size))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@styled
def learning_curves(
    points: pd.DataFrame,
    curves: pd.DataFrame | None = None,
    *,
    band: bool = False,
    replicates: pd.DataFrame | None = None,
    levels: pd.Series | None = None,
    found: Sequence[Crossover] = (),
    narrow: bool = False,
) -> Picture:
    """Draw accuracy against budget ratio, one panel per task and seed-set size, each line named at its end.

    ``curves`` (:func:`curve_points`) are thin outside the tested range, with their interval where ``band``; without
    them lines join the points. Faint points are ``replicates``, the dashed line students that had only the seeds
    (``levels``, by size), and bars along the bottom the crossovers ``found``, with an arrow at an open end.
    """
    points = points if "task" in points else points.assign(task="")
    groups = list(points.groupby(["task", "seed_size"], sort=True).groups)
    looks = style.styles(points["strategy"])
    figure, axes_of = panels(len(groups), 3.1, narrow, sharey=True)
    tasks = points["task"].nunique()
    for axes, (task, size) in zip(axes_of, groups, strict=True):
        here = points[(points["task"] == task) & (points["seed_size"] == size)]
        for strategy, look in looks.items():
            rows = here[here["strategy"] == strategy].sort_values("ratio")
            with series(axes, look.label.lower()):
                if replicates is not None:
                    each = replicates[(replicates["seed_size"] == size) & (replicates["strategy"] == strategy)]
                    axes.scatter(each["ratio"] * look.shift, each["accuracy"], s=10, color=look.colour,
                                 marker=look.marker, alpha=0.4, linewidths=0)  # fmt: skip
                line = _curve(axes, curves, task, size, strategy, look, band)
                axes.errorbar(rows["ratio"] * look.shift, rows["accuracy"], bars(rows, "accuracy"),
                              color=look.colour, marker=look.marker, linestyle="none" if line else look.dash,
                              markersize=5.5, linewidth=1.6, elinewidth=1, capsize=2, zorder=4)  # fmt: skip
        if levels is not None and size in levels:
            axes.axhline(levels[size], color=MUTED, linewidth=1.2, linestyle=(0, (3, 3)), zorder=2)
        ratio_axis(axes, here["ratio"].unique())
        axes.set(
            title=f"{task}, {size:,g} seeds" if tasks > 1 else f"{size:,g} seed questions",
            xlabel="teacher calls per seed question",
        )
        axes.grid(axis="y")
        for height, c in enumerate(c for c in found if (c.task, c.seed_size) == (task, size) and c.ratio is not None):
            _bar(axes, c, 0.03 + 0.05 * height)
    first = axes_of[0]
    first.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    first.set_ylim(0, min(1.0, 1.1 * max(points["high"].max(), 0.05)))
    for axes in axes_of[:: 1 if narrow else 2]:
        axes.set_ylabel("test accuracy")
    # Names at the ends of the lines, but where a phone has no room for them beside its panel.
    listed = narrow and max(len(look.label) for look in looks.values()) > 16
    last_in_row = slice(0, None) if narrow else slice(min(1, len(groups) - 1), None, 2)
    labelled = [] if listed else list(zip(axes_of, groups, strict=True))[last_in_row]
    for axes, (task, size) in labelled:
        here = points[(points["task"] == task) & (points["seed_size"] == size)]
        last = here.sort_values("ratio").groupby("strategy").last()["accuracy"]
        style.label_ends(axes, [(looks[s].label.lower(), y, looks[s].colour) for s, y in last.items()])
    entries = [mark(s.label.lower(), s.colour, s.marker, linestyle=s.dash) for s in looks.values()] if listed else []
    if levels is not None and len(levels):
        entries.append(mark(display_name("seeds_only").lower(), MUTED, "", linestyle="--"))
    if found:
        entries.append(mark("crossover and its interval", INK, "d", linestyle="-", linewidth=1))
    legend(figure, entries)
    return figure


def _curve(
    axes: Axes, curves: pd.DataFrame | None, task: str, size: float, strategy: str, look: style.Style, band: bool
) -> bool:
    """Draw one fitted curve, and say whether there was one."""
    if curves is None or curves.empty:
        return False
    here = curves[(curves["strategy"] == strategy) & (curves["seed_size"] == size)]
    here = here[here["task"] == task] if task else here
    inside = here[here["inside"]]
    axes.plot(here["ratio"], here["accuracy"], color=look.colour, linewidth=0.8, linestyle=look.dash)
    axes.plot(inside["ratio"], inside["accuracy"], color=look.colour, linewidth=1.8, linestyle=look.dash)
    if band:
        axes.fill_between(here["ratio"], here["low"], here["high"], color=look.colour, alpha=0.15, linewidth=0)
    return len(here) > 0


def _bar(axes: Axes, c: Crossover, height: float) -> None:
    """Draw a crossover's interval at a height of the axes (fraction)."""
    left, right = axes.get_xlim()
    ends = [max(c.interval[0] or left, left), min(c.interval[1] or right, right)]
    where = axes.get_xaxis_transform()
    axes.plot(ends, [height] * 2, transform=where, color=INK, linewidth=1.2)
    for end, value, head in ((0, c.interval[0], "<"), (1, c.interval[1], ">")):
        open_end = value is None or not left <= value <= right
        axes.plot(ends[end], height, marker=head if open_end else "|", transform=where, color=INK, markersize=6)
    if c.ratio is not None and left <= c.ratio <= right:
        axes.plot(c.ratio, height, marker="d", transform=where, color=INK, markersize=6)


def decided_runs(leads: pd.DataFrame) -> list[tuple[int, list[float]]]:
    """Return the neighbouring ratios at which the pooled lead is decided for one side (1 or -1), run by run.

    >>> rows = pd.DataFrame({"ratio": [1, 2, 4], "low": [-0.2, -0.1, 0.1], "high": [-0.1, 0.1, 0.3], "seed_size": 0})
    >>> decided_runs(rows)
    [(-1, [1]), (1, [4])]
    """
    pooled = leads[leads["seed_size"] == 0].sort_values("ratio")
    sides = (pooled["low"] > 0).astype(int) - (pooled["high"] < 0).astype(int)
    runs = groupby(zip(sides.tolist(), pooled["ratio"].tolist(), strict=True), lambda pair: pair[0])
    return [(side, [ratio for _, ratio in run]) for side, run in runs if side]


@styled
def lead_and_regret(leads: pd.DataFrame, losses: pd.DataFrame, narrow: bool = False) -> Picture:
    """Draw the paired lead of new questions over new answers, and the loss from always buying one strategy.

    ``leads`` have ``seed_size, ratio, lead, low, high`` as fractions of 1, size 0 pooled and drawn with intervals;
    ``losses`` have ``strategy, mean, largest`` in points.
    """
    figure, (axes, side) = panels(2, 3.0, narrow, above=0.3, width_ratios=None if narrow else (3, 2))
    pooled = leads[leads["seed_size"] == 0].sort_values("ratio")
    axes.axhline(0, color=MUTED, linewidth=1)
    runs = [run for _, run in decided_runs(leads)]
    for gap in pairwise(pooled["ratio"]):
        if not any({*gap} <= {*run} for run in runs):
            axes.axvspan(*gap, color=SHADE, zorder=0)
    single = leads[leads["seed_size"] > 0].sort_values("ratio")
    sizes = sorted(single["seed_size"].unique())
    ends = []
    for size in sizes if len(sizes) > 1 else ():
        some = single[single["seed_size"] == size]
        with series(axes, f"{size:,g} seeds"):
            axes.plot(some["ratio"], 100 * some["lead"], color=MUTED, linewidth=0.8)
        ratio, end = some[["ratio", "lead"]].iloc[-1]
        if ratio == single["ratio"].max():
            ends.append((f"{size:,g} seeds", 100 * end, MUTED))
            continue
        # Of a line that ends before, on the side where the other lines are not.
        up = end >= leads.loc[leads["ratio"] == ratio, "lead"].mean() - 1e-9
        where, va, ha = ((0, 5), "bottom", "right") if up else ((0, -5), "top", "left")
        axes.annotate(f"{size:,g} seeds", (ratio, 100 * end), where, textcoords="offset points", color=MUTED,
                      va=va, ha=ha)  # fmt: skip
    axes.errorbar(pooled["ratio"], 100 * pooled["lead"], 100 * bars(pooled, "lead"), color=INK, marker="o",
                  linewidth=1.6, elinewidth=1.1, capsize=2, zorder=4)  # fmt: skip
    ratio_axis(axes, leads["ratio"])
    axes.set(xlabel="teacher calls per seed question", ylabel="lead of new questions, points")
    style.label_ends(axes, ends)
    axes.grid(axis="y")
    looks = style.styles(losses["strategy"])
    for y, row in enumerate(losses[::-1].itertuples()):
        look = looks[row.strategy]
        side.plot([row.mean, row.largest], [y, y], color=look.colour, linewidth=1.4)
        side.plot(row.mean, y, look.marker, color=look.colour, markersize=8)
        side.plot(row.largest, y, "|", color=look.colour, markersize=10)
        said = f"{display_name(row.strategy).lower()}: {row.mean:.1f}"
        side.annotate(said, (row.mean, y), (0, 8), textcoords="offset points", ha="left")
    side.set(xlabel="loss from always buying it, points", yticks=[], xlim=(0, None), ylim=(-0.6, len(losses) - 0.3))
    side.spines["left"].set_visible(False)
    pooled_lead = "pooled lead" if len(sizes) > 1 else "lead"
    entries = [mark(f"{pooled_lead}, 90% interval", INK, linestyle="-"), mark("undecided", SHADE, "s", markersize=10)]
    loss = f"{'below' if narrow else 'right'}: mean to largest loss"
    legend(figure, [*entries, mark(loss, MUTED, "", linestyle="-")])
    return figure


@styled
def lead_panels(leads: Sequence[Lead], narrow: bool = False) -> Picture:
    """Draw each lead: its curve with its band, paired differences as points, undecided ratios shaded."""
    figure, axes = panels(len(leads), 3.0, narrow, above=0.3)
    for panel, lead in zip(axes, leads, strict=True):
        c, p = lead.curve, lead.points
        panel.axhline(0, color=MUTED, linewidth=1)
        for first, last in lead.undecided:
            panel.axvspan(first, last, color=SHADE, zorder=0)
        panel.fill_between(c["ratio"], 100 * c["low"], 100 * c["high"], color=MUTED, alpha=0.3, linewidth=0)
        panel.plot(c["ratio"], 100 * c["lead"], color=INK)
        panel.errorbar(p["ratio"], 100 * p["lead"], 100 * bars(p, "lead"), color=INK, marker="o", linestyle="none",
                       capsize=2, zorder=4)  # fmt: skip
        ratio_axis(panel, p["ratio"])
        size = "all sizes" if lead.seed_size is None else f"{lead.seed_size:,g} seed questions"
        panel.set_title(f"{display_name(lead.second)} over {display_name(lead.first).lower()}, {size}", loc="left")
        panel.set(xlabel="teacher calls per seed question", ylabel="lead, points")
    entries = [mark("curves", INK, "", linestyle="-"), mark("paired differences", INK)]
    legend(figure, [*entries, mark("undecided", SHADE, "s", markersize=10)])
    return figure


@styled
def gains_over_seeds(gains: pd.DataFrame, narrow: bool = False) -> Picture:
    """Draw each strategy's gain over the seeds alone against the ratio, a panel per seed-set size.

    ``gains`` has ``seed_size, strategy, ratio, estimate, low, high``, fractions of 1.
    """
    sizes, looks = sorted(gains["seed_size"].unique()), style.styles(gains["strategy"].unique())
    figure, axes = panels(len(sizes), 3.0, narrow, above=0.3)
    for panel, size in zip(axes, sizes, strict=True):
        panel.axhline(0, color=MUTED, linewidth=1)
        for strategy, look in looks.items():
            some = gains[(gains["seed_size"] == size) & (gains["strategy"] == strategy)].sort_values("ratio")
            with series(panel, look.label.lower()):
                panel.errorbar(look.shift * some["ratio"], 100 * some["estimate"], 100 * bars(some, "estimate"),
                               color=look.colour, marker=look.marker, linestyle=look.dash, elinewidth=1,
                               capsize=2)  # fmt: skip
        ratio_axis(panel, gains.loc[gains["seed_size"] == size, "ratio"].unique())
        panel.set_title(f"{size:,g} seed questions", loc="left")
        panel.set(xlabel="teacher calls per seed question", ylabel="gain over the seeds alone, points")
        panel.grid(axis="y")
    legend(figure, [mark(s.label.lower(), s.colour, s.marker, linestyle=s.dash) for s in looks.values()])
    return figure
