"""Figures against a setting: measures at each of its values, and crossovers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from crossover.figures.style import MUTED, SERIES, Picture, legend, mark, panels, styled


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
    tasks, series = (list(dict.fromkeys(points[name])) for name in ("task", "series"))
    figure, axes_of = panels(len(tasks) * len(measures), 2.3, narrow, above=0.3)
    # A panel per measure and task; two tasks fill a row, and a task's measures follow one another where there is one task.
    for axes, (measure, task) in zip(axes_of, ((m, t) for m in measures for t in tasks), strict=True):
        here = points[points["task"] == task].sort_values("value")
        first = measure == next(iter(measures))
        for name, (colour, marker, face) in zip(series, SERIES, strict=False):
            some = here[here["series"] == name].dropna(subset=[measure])
            fitted = (
                pd.DataFrame()
                if curves is None or not first
                else curves[(curves["task"] == task) & (curves["series"] == name)]
            )
            if len(fitted):
                axes.plot(fitted["value"], fitted["fitted"], color=colour, linewidth=1.4)
            ends = [f"{measure}_low", f"{measure}_high"]
            bars = some[ends].sub(some[measure], axis=0).abs().T.to_numpy(float) if set(ends) <= set(some) else None
            axes.errorbar(some["value"], some[measure], bars, color=colour, marker=marker, markerfacecolor=face, markersize=5.5, capsize=2,
                          linewidth=1.3, elinewidth=1, linestyle="none" if len(fitted) else "-", zorder=4)  # fmt: skip
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
    legend(
        figure, [mark(name, colour, marker, face) for name, (colour, marker, face) in zip(series, SERIES, strict=False)]
    )
    return figure
