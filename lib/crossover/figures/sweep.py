"""Figures of the chapter on fine-tuned teachers: differences in panels, and a measure against a dial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from crossover.figures.style import Picture, print_below

# Colours and markers that differ in lightness and in shape, so that neither is needed alone.
_LOOKS = [
    ("#14305E", "o"), ("#B5451B", "s"), ("#3B9FB0", "^"), ("#5B3A90", "D"), ("#8A6D00", "v"), ("#333333", "P"), ("#4C7A34", "X"),
    ("#7F7F7F", "*"), ("#9C3D6B", "<"),
]  # fmt: skip
_GREY = "#555555"


def differences(rows: pd.DataFrame, level: float, paper: str, columns: int = 2) -> Picture:
    """Draw differences with intervals in percentage points, a panel for each task, a line for each comparison.

    Parameters
    ----------
    rows : DataFrame
        ``panel, line, series, estimate, low, high``, differences as fractions of 1; ``NaN`` where nothing was run.
    level : float
        Of the intervals, for the legend.
    paper : str
        What the paper found, printed below.
    columns : int
        Panels side by side.
    """
    panels, lines, series = (list(dict.fromkeys(rows[name])) for name in ("panel", "line", "series"))
    columns = min(columns, len(panels))
    down = -(-len(panels) // columns)
    figure = Picture(
        figsize=(max(6.4, 4.4 * columns), (0.34 * len(lines) + 0.62) * down + 1.2), dpi=150, layout="constrained"
    )
    grid = figure.subplots(down, columns, squeeze=False, sharey=True)
    heights = {line: len(lines) - 1 - i for i, line in enumerate(lines)}
    shifts = np.linspace(0.22, -0.22, len(series)) if len(series) > 1 else [0.0]
    for axes, panel in zip(grid.flat, panels, strict=False):
        axes.axvline(0, color=_GREY, linewidth=1, zorder=1)
        for name, shift, (colour, marker) in zip(series, shifts, _LOOKS, strict=False):
            some = rows[(rows["panel"] == panel) & (rows["series"] == name)].dropna(subset=["estimate"])
            points = 100 * some[["estimate", "low", "high"]].to_numpy(float)
            axes.errorbar(
                points[:, 0], [heights[line] + shift for line in some["line"]], xerr=np.abs(points[:, 1:] - points[:, :1]).T,
                color=colour, marker=marker, linestyle="none", capsize=2.5, markersize=5, zorder=4,
            )  # fmt: skip
        axes.set_yticks(list(heights.values()), list(heights), fontsize=8)
        axes.set_ylim(-0.6, len(lines) - 0.4)
        axes.set_title(panel, loc="left", fontsize=10)
        axes.grid(axis="x", color="#E6E6E6")
        axes.spines[["top", "right", "left"]].set_visible(False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("difference, percentage points", fontsize=9)
    _legend(
        figure,
        series if len(series) > 1 else [f"{series[0]}, {level:.0%} interval" if series[0] else f"{level:.0%} interval"],
    )
    print_below(figure, paper)
    return figure


def dial(
    points: pd.DataFrame,
    measures: Mapping[str, str],
    xlabel: str,
    paper: str,
    curves: Mapping[tuple[str, str], Callable[[np.ndarray], np.ndarray]] | None = None,
    log: bool = False,
    columns: int = 3,
) -> Picture:
    """Draw measures against a dial's value: a row of panels for each measure, a column for each task, a line for each series.

    Where there are more tasks than ``columns``, the others go below.

    Parameters
    ----------
    points : DataFrame
        ``task, series, value`` and a column for each measure, with ``<measure>_low`` and ``<measure>_high`` where there are
        intervals.
    measures : mapping
        Column to what its axis says.
    xlabel, paper : str
    curves : mapping, optional
        For ``(task, series)`` a fitted function of the value, drawn through the first measure in place of a line.
    log : bool
        Whether the dial has a log axis.
    columns : int
        Tasks side by side.
    """
    tasks, series = (list(dict.fromkeys(points[name])) for name in ("task", "series"))
    columns = min(columns, len(tasks))
    down = len(measures) * -(-len(tasks) // columns)
    figure = Picture(figsize=(max(6.4, 3.4 * columns), 2.3 * down + 1.1), dpi=150, layout="constrained")
    grid = figure.subplots(down, columns, squeeze=False, sharex="col" if down == len(measures) else "none")
    for axes in grid[-len(measures) :, (len(tasks) - 1) % columns + 1 :].flat:
        axes.set_visible(False)
    for (row, (measure, label)), (place, task) in (
        (r, c) for r in enumerate(measures.items()) for c in enumerate(tasks)
    ):
        above, column = divmod(place, columns)
        axes = grid[above * len(measures) + row, column]
        for name, (colour, marker) in zip(series, _LOOKS, strict=False):
            some = (
                points[(points["task"] == task) & (points["series"] == name)]
                .dropna(subset=[measure])
                .sort_values("value")
            )
            if some.empty:
                continue
            curve = (curves or {}).get((task, name)) if row == 0 else None
            if curve is not None:
                x = np.geomspace(some["value"].min(), some["value"].max(), 100)
                axes.plot(x, curve(x), color=colour, linewidth=1.5, zorder=3)
            ends = [f"{measure}_low", f"{measure}_high"]
            bars = (
                np.abs(some[ends].to_numpy(float) - some[[measure]].to_numpy(float)).T
                if set(ends) <= set(some)
                else None
            )
            axes.errorbar(
                some["value"], some[measure], yerr=bars, color=colour, marker=marker, markersize=5, capsize=2.5,
                linewidth=1.4, elinewidth=1, linestyle="none" if curve is not None else "-", zorder=4,
            )  # fmt: skip
        if points.loc[points["task"] == task, measure].isna().all():
            axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color=_GREY, fontsize=9)
            axes.set_yticks([])
        if log:
            axes.set_xscale("log", base=2)
            axes.minorticks_off()
        ticks = sorted(points.loc[points["task"] == task, "value"].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
        axes.margins(x=0.12, y=0.2)
        axes.grid(axis="y", color="#E6E6E6")
        axes.spines[["top", "right"]].set_visible(False)
        if row == 0:
            axes.set_title(task, loc="left", fontsize=10)
        if column == 0:
            axes.set_ylabel(label, fontsize=9)
        if row == len(measures) - 1:
            axes.set_xlabel(xlabel, fontsize=9)
    _legend(figure, series)
    print_below(figure, paper)
    return figure


def _legend(figure: Picture, series: Sequence[str]) -> None:
    marks = [
        Line2D([], [], color=colour, marker=marker, markersize=6, label=str(name))
        for name, (colour, marker) in zip(series, _LOOKS, strict=False)
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=min(4, len(marks)), frameon=False, fontsize=9)
