"""Charts of several chapters: forests of differences, measures against a setting, heat maps, gains against labels."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb

from crossover.figures.style import INK, MUTED, PAPER, SERIES, Picture, bars, legend, mark, panels, series, styled
from crossover.labels import TASKS

_ROW, _HEAD = 0.27, 0.27  # inches
LIMIT = 30.0  # points either way that a forest shows at the most, unless an estimate lies further


@styled
def forest(rows: pd.DataFrame, xlabel: str = "difference in test accuracy, points", narrow: bool = False) -> Picture:
    """Draw differences in percentage points, one row per comparison.

    ``rows`` have ``comparison, estimate, low, high, significant, why`` as fractions of 1, and optionally ``panel`` (a
    heading) and ``value`` (the paper's). An interval past :data:`LIMIT` points ends in an arrow head. On a phone
    (``narrow``) names stand above their rows, with the estimate only.
    """
    rows = rows if "panel" in rows else rows.assign(panel="")
    rows = pd.concat([some for _, some in rows.groupby("panel", sort=False)])  # a panel's rows together
    height, places = 0.0, []
    heads: dict[str, float] = {}
    for panel, some in rows.groupby("panel", sort=False):
        if panel:
            height -= _HEAD + (0.08 if heads else 0)
            heads[panel] = height
        for _ in range(len(some)):
            height -= 2 * _ROW if narrow else _ROW
            places.append(height)
    figure, (axes,) = panels(1, -height + 1.1, narrow)
    shown = ["low", "high", *(["value"] if "value" in rows else [])]
    ends = 100 * rows[shown].astype(float).to_numpy()
    widest = float(np.nanmax(np.abs(ends))) if np.isfinite(ends).any() else 1.0
    furthest = float(100 * rows["estimate"].astype(float).abs().max())
    limit = min(max(LIMIT, 1.1 * np.nan_to_num(furthest)), 1.1 * max(widest, 1.0))
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    marks = []
    _bars(axes, rows, np.array(places), limit)
    if "value" in rows and rows["value"].notna().any():
        axes.plot(100 * rows["value"].astype(float), places, "D", color=MUTED, markersize=7, markerfacecolor=PAPER,
                  zorder=5)  # fmt: skip
        marks.append(mark("the paper's value", MUTED, "D", PAPER))
    # On a phone texts stand on the lines of the axes, which they hide.
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5} if narrow else None
    for y, row in zip(places, rows.itertuples(), strict=True):
        ends = "" if narrow else f" ({100 * row.low:z.1f} to {100 * row.high:z.1f})"
        said = "not run" if row.why else f"{100 * row.estimate:+z.1f}{ends}{' *' * row.significant}"
        up = _ROW if narrow else 0
        axes.annotate(said, (1, y + up), xycoords=("axes fraction", "data"), xytext=(0 if narrow else 10, 0),
                      textcoords="offset points",
                      ha="right" if narrow else "left", va="center", annotation_clip=False, bbox=box)  # fmt: skip
        if narrow:
            axes.annotate(row.comparison, (0, y + up), xycoords=("axes fraction", "data"), va="center", bbox=box)
    for panel, y in heads.items():
        axes.annotate(fill(panel, 40) if narrow else panel, (0, y), xycoords=("axes fraction", "data"),
                      xytext=(0 if narrow else -10, 0), textcoords="offset points",
                      ha="left" if narrow else "right", va="center", weight="bold", annotation_clip=False,
                      bbox=box)  # fmt: skip
    axes.set_yticks([] if narrow else places, None if narrow else rows["comparison"])
    axes.tick_params(axis="y", length=0, pad=10)  # arrow heads stand between
    axes.set(xlim=(-limit, limit), ylim=(height - _ROW, 0.1), xlabel=fill(xlabel, 38) if narrow else xlabel)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    legend(figure, marks)
    return figure


def _bars(axes: Axes, rows: pd.DataFrame, y: np.ndarray, limit: float) -> None:
    """Draw estimates with intervals, with an arrow head where one goes past the limit."""
    values = 100 * rows[["estimate", "low", "high"]].astype(float).to_numpy()
    shown = np.clip(values, -limit, limit)
    ends = np.abs(shown[:, 1:] - shown[:, :1]).T
    axes.errorbar(shown[:, 0], y, xerr=ends, color=INK, marker="o", linestyle="none", markersize=6, zorder=4)
    for side, head, beyond in ((-limit, "<", values[:, 1] < -limit), (limit, ">", values[:, 2] > limit)):
        if beyond.any():  # an empty line counts as a point at the figure's corner, and the layout makes room for it
            axes.plot(np.full(beyond.sum(), side), y[beyond], head, color=INK, markersize=6, zorder=4, clip_on=False)


@styled
def sweep(
    points: pd.DataFrame,
    measures: Mapping[str, str],
    xlabel: str,
    curves: pd.DataFrame | None = None,
    log: bool = False,
    narrow: bool = False,
) -> Picture:
    """Draw measures against a setting's value: a panel per task and measure, a mark per series.

    ``points`` have ``task, series, value`` and a column per measure, with ``<measure>_low`` and ``<measure>_high``
    where there are intervals; ``measures`` say what their axes show; ``curves`` (``fitted``) replace the lines of the
    first measure.
    """
    tasks, names = (list(dict.fromkeys(points[name])) for name in ("task", "series"))
    figure, axes_of = panels(len(tasks) * len(measures), 2.3, narrow, above=0.3)
    # A panel per measure and task; two tasks fill a row, and a task's measures follow one another where there is one
    # task.
    for axes, (measure, task) in zip(axes_of, ((m, t) for m in measures for t in tasks), strict=True):
        here = points[points["task"] == task].sort_values("value")
        first = measure == next(iter(measures))
        for name, (colour, marker, face) in zip(names, SERIES, strict=False):
            some = here[here["series"] == name].dropna(subset=[measure])
            fitted = False
            if curves is not None and first:
                line = curves[(curves["task"] == task) & (curves["series"] == name)]
                fitted = len(line) > 0
                with series(axes, name):
                    axes.plot(line["value"], line["fitted"], color=colour, linewidth=1.4)
            ends = (f"{measure}_low", f"{measure}_high")
            with series(axes, name):
                axes.errorbar(some["value"], some[measure], bars(some, measure, *ends) if {*ends} <= {*some} else None,
                              color=colour, marker=marker, markerfacecolor=face, linestyle="none" if fitted else "-",
                              markersize=5.5, capsize=2, linewidth=1.3, elinewidth=1, zorder=4)  # fmt: skip
        if here[measure].isna().all():
            axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color=MUTED)
            axes.set_yticks([])
        if log:
            axes.set_xscale("log", base=2)
            ticks = sorted(here["value"].unique())
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.margins(x=0.12, y=0.2)
        axes.set(title=task, xlabel=xlabel, ylabel=measures[measure])
        axes.grid(axis="y")
    legend(figure, [mark(name, *look) for name, look in zip(names, SERIES, strict=False) if name])
    return figure


@styled
def heat_map(tables: Mapping[str, pd.DataFrame], xlabel: str, narrow: bool = False) -> Picture:
    """Draw shares of correct answers by kind of problem (rows) and budget (columns), one panel per title."""
    rows = len(next(iter(tables.values())))
    figure, axes_of = panels(len(tables), 0.26 * rows + 1.0, narrow, columns=3, sharey=True)
    # One colour, so that it has a dark one; so faint that digits stand out by a contrast of 4.5 at least in both.
    shades = ListedColormap([(*to_rgb(INK), alpha) for alpha in np.linspace(0, 0.38, 64)])
    for axes, (title, shares) in zip(axes_of, tables.items(), strict=True):
        axes.pcolormesh(shares.to_numpy()[::-1], cmap=shades, vmin=0, vmax=1, edgecolors="none")
        for (y, x), share in np.ndenumerate(shares.to_numpy()[::-1]):
            if np.isfinite(share):
                axes.text(x + 0.5, y + 0.5, f"{100 * share:.0f}", ha="center", va="center", fontsize=9)
        axes.set_xticks(np.arange(shares.shape[1]) + 0.5, [f"{c:g}" for c in shares])
        axes.set_yticks(np.arange(rows) + 0.5, shares.index[::-1])
        axes.tick_params(length=0)
        axes.set(title=title, xlabel=fill(xlabel, 22) if len(tables) > 2 and not narrow else xlabel)
        axes.spines[["left", "bottom"]].set_visible(False)
    return figure


@styled
def scatter(points: pd.DataFrame, narrow: bool = False) -> Picture:
    """Draw gain against label accuracy above the commonest label, one point per task, size and teacher.

    ``points`` have ``task, size, teacher, verdict, above, gain, gain_low, gain_high`` as fractions of 1; those that
    show something are named.
    """
    figure, (axes,) = panels(1, 4.4 if narrow else 3.8, narrow)
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.axvline(0, color=MUTED, linewidth=1)
    low, high = 100 * points["gain"].min() - 10, 100 * points["gain"].max() + 10
    axes.set_ylim(low, high)
    teachers = dict(zip(dict.fromkeys(points["teacher"]), SERIES, strict=False))
    for teacher, (colour, marker, face) in teachers.items():
        some = 100 * points.loc[points["teacher"] == teacher, ["above", "gain", "gain_low", "gain_high"]]
        ends = bars(some, "gain", "gain_low", "gain_high")
        look = {"color": colour, "marker": marker, "markerfacecolor": face, "linestyle": "none"}
        axes.errorbar(some["above"], some["gain"], ends, fmt="none", ecolor=colour, elinewidth=0.7, zorder=3)
        axes.plot(some["above"], some["gain"], zorder=5, **look)
        for end, edge, head in (("gain_low", low, "v"), ("gain_high", high, "^")):
            beyond = some[(some[end] < low) | (some[end] > high)]
            axes.plot(beyond["above"], [edge] * len(beyond), head, color=colour, clip_on=False)
    told = (points["verdict"] == "above") | (points["gain_low"] > 0) | (points["gain_high"] < 0)
    # Names stand right of their points, a line apart, with room for them right of the last point.
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + (right - left) * (0.35 if narrow else 0.12))
    under = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.5}  # over other points' intervals
    line = (high - low) * 11 / (72 * figure.get_figheight() * axes.get_position().height)
    height = low
    for row in points[told].sort_values("gain").itertuples():
        height = max(100 * row.gain, height + line)
        look = {"va": "center", "color": MUTED, "fontsize": 9, "zorder": 4, "bbox": under}
        name = f"{TASKS[row.task]} {row.size}"
        axes.annotate(name, (100 * row.above, height), (7, 0), textcoords="offset points", **look)
    said = "labels right, points above the commonest label"
    axes.set(xlabel=fill(said, 38) if narrow else said, ylabel="student's gain, points")
    axes.grid()
    legend(figure, [mark(f"{teacher} teacher", *look) for teacher, look in teachers.items()])
    return figure
