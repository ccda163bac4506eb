"""Figures against a setting: measures at each of its values, and crossovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crossover.figures.style import INK, MUTED, PAPER, SERIES, SHADE, Picture, legend, mark, panels, styled
from crossover.labels import display_name
from crossover.stats.crossovers import Crossover


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

    Parameters
    ----------
    points : DataFrame
        ``task, series, value`` and a column per measure, with ``<measure>_low`` and ``<measure>_high`` where there are
        intervals.
    measures : mapping
        Column to what its axis says.
    xlabel : str
    curves : DataFrame, optional
        ``task, series, value, fitted``: drawn through the first measure in place of a line.
    log : bool
        Whether the setting has a log axis.
    narrow : bool
        For a phone.
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


def crossover_points(found: Sequence[tuple[float, Crossover]]) -> pd.DataFrame:
    """Return one row per setting and seed-set size: the crossover with its interval, and the tested range."""
    return pd.DataFrame(
        {
            "setting": setting, "seed_size": c.seed_size, "status": c.status, "side": c.side, "leader": c.leader,
            "crossover": c.ratio, "low": c.interval[0], "high": c.interval[1], "unit": c.unit,
            "tested_low": c.tested[0], "tested_high": c.tested[1],
        }
        for setting, c in found
    )  # fmt: skip


@styled
def crossovers_against(
    points: pd.DataFrame, xlabel: str, ylabel: str, log: bool = False, narrow: bool = False
) -> Picture:
    """Draw crossovers with their intervals against a setting, one panel per seed-set size, the tested range shaded.

    An interval without an end runs to the edge of the panel. Where there is no crossover, the panel names the strategy that
    leads throughout; where the curves cross more than once or nobody can tell, it says so.

    Parameters
    ----------
    points : DataFrame
        From :func:`crossover_points`.
    xlabel, ylabel : str
    log : bool
        Whether the setting has a log axis.
    narrow : bool
        For a phone.
    """
    sizes = sorted(points["seed_size"].unique())
    figure, axes_of = panels(len(sizes), 2.9, narrow, above=0.3, sharey=True)
    bottom, top = points["tested_low"].min() / 2, points["tested_high"].max() * 2
    for axes, size in zip(axes_of, sizes, strict=True):
        rows = points[points["seed_size"] == size].sort_values("setting")
        axes.set_yscale("log", base=2)
        axes.set(title=f"{size:g} seed questions", xlabel=xlabel, ylim=(bottom, top))
        if log:
            axes.set_xscale("log")
        axes.set_xticks(rows["setting"].unique(), [f"{value:g}" for value in rows["setting"].unique()])
        axes.minorticks_off()
        axes.margins(x=0.15)
        edges = rows.drop_duplicates("setting")
        axes.fill_between(edges["setting"], edges["tested_low"], edges["tested_high"], color=SHADE, zorder=0)
        for row in rows.itertuples():
            _crossover(axes, row, bottom, top)
        axes.grid(axis="y")
    for axes in axes_of[:: 1 if narrow else 2]:
        axes.set_ylabel(ylabel)
    axes_of[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    legend(
        figure,
        [
            mark("crossover, 90% interval"),
            mark("extrapolated", face=PAPER),
            mark("tested range", SHADE, "s", markersize=10),
        ],
    )
    return figure


def _crossover(axes, row, bottom: float, top: float) -> None:
    known = pd.notna(row.crossover) and row.status != "multiple"
    low, high = (end if pd.notna(end) else edge for end, edge in ((row.low, bottom), (row.high, top)))
    if row.status != "none" and row.status != "multiple":
        axes.plot([row.setting] * 2, [low, high], color=INK, linewidth=1.4, zorder=3)
        for end, given in ((low, row.low), (high, row.high)):
            if pd.notna(given):
                axes.plot(row.setting, end, "_", color=INK, markersize=8, zorder=3)
    if known:
        inside = row.tested_low <= row.crossover <= row.tested_high
        axes.plot(
            row.setting, row.crossover, "o", color=INK, markersize=7, markerfacecolor=INK if inside else PAPER, zorder=4
        )
        return
    leads = (
        f"{display_name(row.leader).lower()} lead"
        if isinstance(row.leader, str)
        else row.status.replace("multiple", "several crossings")
    )
    axes.annotate(
        leads,
        (row.setting, np.sqrt(bottom * top)),
        (6, 0),
        textcoords="offset points",
        rotation=90,
        va="center",
        ha="center",
    )
