"""Figure of fitted curves with bands and crossovers: what ``crossover fit --plot`` saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crossover.figures.style import Picture, styles
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits, FittedCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fits_figure(fits: Fits, found: list[Crossover]) -> Picture:
    """Draw every curve with its band and points, one panel a (task, seed-set size), crossovers as bars below.

    A curve is solid inside the budgets that were run and dashed outside; a crossover's bar ends in an arrow where the
    interval is open.
    """
    groups = fits.groups()
    looks = styles({c.strategy for c in fits})
    columns = min(len(groups), 3)
    rows = -(-len(groups) // columns)
    figure = Picture(figsize=(4.8 * columns + 0.4, 4.0 * rows + 0.5), dpi=150, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    points = fits.points_table()
    for axes, ((task, size), members) in zip(panels, groups.items(), strict=False):
        _panel(axes, members, looks, points)
        here = [c for c in found if c.task == task and c.seed_size == size and c.ratio is not None]
        for k, c in enumerate(here):
            _crossover(axes, c, 0.03 + 0.045 * k)
        axes.set_title(f"{task}, {size:g} seed questions" if task != "task" else f"{size:g} seed questions", loc="left")
        axes.set_xlabel("budget ratio: queries per seed question")
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    panels[0].set_ylabel("test accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return figure


def _panel(axes: Axes, members: list[FittedCurve], looks, points) -> None:
    low = min(c.ratio_range[0] for c in members)
    high = max(c.ratio_range[1] for c in members)
    ratios = np.geomspace(low / 1.5, high * 2, 200)
    for c in members:
        style = looks[c.strategy]
        p = points[
            (points["task"] == c.task) & (points["strategy"] == c.strategy) & (points["seed_size"] == c.seed_size)
        ]
        axes.errorbar(
            p["ratio"] * style.shift, p["accuracy"], yerr=p["error"], color=style.colour, marker=style.marker,
            linestyle="none", capsize=2, zorder=4, label=style.label,
        )  # fmt: skip
        if not c.is_fitted:
            continue
        band = c.predict(ratios)
        run = band[band["inside"]]
        axes.plot(band["ratio"], band["accuracy"], color=style.colour, linewidth=1, linestyle=(0, (4, 2)))
        axes.plot(run["ratio"], run["accuracy"], color=style.colour, linewidth=2)
        axes.fill_between(band["ratio"], band["low"], band["high"], color=style.colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(ratios[0], ratios[-1])
    axes.grid(color="#E6E6E6")
    axes.spines[["top", "right"]].set_visible(False)


def _crossover(axes: Axes, c: Crossover, height: float) -> None:
    """A bar at a height of the axes (fraction), with an arrow head at an open end."""
    left, right = axes.get_xlim()
    ends = [max(c.interval[0] or left, left), min(c.interval[1] or right, right)]
    where = axes.get_xaxis_transform()
    axes.plot(ends, [height] * 2, transform=where, color="#222222", linewidth=1.2)
    for end, value, head in ((0, c.interval[0], "<"), (1, c.interval[1], ">")):
        open_end = value is None or not left <= value <= right
        axes.plot(ends[end], height, marker=head if open_end else "|", transform=where, color="#222222", markersize=6)
    if left <= c.ratio <= right:
        axes.plot(c.ratio, height, marker="d", transform=where, color="#222222", markersize=6)
