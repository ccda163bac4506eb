"""Figures of the chapter on ablations: crossovers against a setting, and paired differences as a forest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from crossover.figures.style import Picture, print_below
from crossover.labels import display_name
from crossover.stats.crossovers import Crossover

_OURS, _OTHER, _GREY = "#14305E", "#B5451B", "#555555"


def crossover_points(found: Sequence[tuple[float, Crossover]]) -> pd.DataFrame:
    """Return one row a setting and seed-set size: the crossover with its interval, and the range that was tested."""
    return pd.DataFrame(
        {
            "setting": setting, "seed_size": c.seed_size, "status": c.status, "side": c.side, "leader": c.leader,
            "crossover": c.ratio, "low": c.interval[0], "high": c.interval[1], "unit": c.unit,
            "tested_low": c.tested[0], "tested_high": c.tested[1],
        }
        for setting, c in found
    )  # fmt: skip


def crossovers_against(
    found: Sequence[tuple[float, Crossover]], xlabel: str, ylabel: str, paper: str, log: bool = False
) -> Picture:
    """Draw crossovers with their intervals against a setting, one panel a seed-set size.

    The grey band is the range that was run. An interval without an end goes to the edge of the panel. Where there is no
    crossover, the name of the strategy that leads throughout stands in its place.

    Parameters
    ----------
    found : sequence of (float, Crossover)
        A setting's value and the crossover there.
    xlabel, ylabel : str
    paper : str
        What the paper found, printed below.
    log : bool
        Whether the setting has a log axis.
    """
    points = crossover_points(found)
    sizes = sorted(points["seed_size"].unique())
    figure = Picture(figsize=(max(6.0, 4.6 * len(sizes)), 3.8), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    bottom, top = points["tested_low"].min() / 2, points["tested_high"].max() * 2
    for axes, size in zip(panels, sizes, strict=True):
        rows = points[points["seed_size"] == size].sort_values("setting")
        axes.set_yscale("log", base=2)
        axes.set(xlabel=xlabel, ylim=(bottom, top))
        axes.set_title(f"{size:,.0f} seed questions", loc="left", fontsize=11)
        if log:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(rows["setting"], [f"{value:g}" for value in rows["setting"]])
        axes.margins(x=0.15)
        edges = rows.drop_duplicates("setting")
        axes.fill_between(edges["setting"], edges["tested_low"], edges["tested_high"], color="#EEEEEE", zorder=0)
        for row in rows.itertuples():
            if row.status == "none" or (row.status == "beyond_range" and np.isnan(row.crossover)):
                axes.annotate(
                    f"{display_name(row.leader).lower()}\nleads throughout", (row.setting, np.sqrt(bottom * top)), ha="center",
                    va="center", fontsize=8, rotation=90, color=_OTHER,
                )  # fmt: skip
                continue
            low, high = (end if pd.notna(end) else edge for end, edge in ((row.low, bottom), (row.high, top)))
            axes.plot([row.setting] * 2, [low, high], color=_OURS, linewidth=1.6, solid_capstyle="butt", zorder=3)
            for end, given, marker in ((low, row.low, "_"), (high, row.high, "_")):
                if pd.notna(given):
                    axes.plot(row.setting, end, color=_OURS, marker=marker, markersize=9, zorder=3)
            if pd.notna(row.crossover):
                inside = row.tested_low <= row.crossover <= row.tested_high
                axes.plot(
                    row.setting,
                    row.crossover,
                    color=_OURS,
                    marker="o",
                    markersize=8,
                    markerfacecolor=_OURS if inside else "white",
                    zorder=4,
                )
            else:
                axes.annotate(
                    "undetermined",
                    (row.setting, np.sqrt(low * high)),
                    (5, 0),
                    textcoords="offset points",
                    fontsize=8,
                    rotation=90,
                    va="center",
                )
        axes.grid(axis="y", color="#E0E0E0")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(ylabel)
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    marks = [
        Line2D([], [], color=_OURS, marker="o", markersize=8, label="crossover, 90% interval"),
        Line2D(
            [],
            [],
            color=_OURS,
            marker="o",
            markersize=8,
            markerfacecolor="white",
            linestyle="none",
            label="extrapolated",
        ),
        Line2D([], [], color="#DDDDDD", linewidth=8, label="range that was run"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    print_below(figure, paper)
    return figure


def forest(rows: pd.DataFrame, study: pd.DataFrame | None = None, level: float = 0.9) -> Picture:
    """Draw paired differences with intervals, one line a comparison, in percentage points.

    Parameters
    ----------
    rows : DataFrame
        From :func:`crossover.chapters.ablations.comparisons.effects`.
    study : DataFrame, optional
        The published study's, drawn hollow below each line where the comparison has the same name.
    level : float
        Of the intervals, for the legend.
    """
    figure = Picture(figsize=(8.4, 0.62 * len(rows) + 1.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=_GREY, linewidth=1, zorder=1)
    y = np.arange(len(rows))[::-1].astype(float)
    _bars(axes, rows, y, _OURS, _OURS)
    marks = [Line2D([], [], color=_OURS, marker="o", label=f"measured, {level:.0%} interval")]
    if study is not None:
        same = study.set_index("comparison").reindex(rows["comparison"]).reset_index()
        _bars(axes, same, y - 0.22, _GREY, "white")
        marks.append(Line2D([], [], color=_GREY, marker="o", markerfacecolor="white", label="published study"))
    if rows["value"].notna().any():
        axes.plot(
            100 * rows["value"].astype(float),
            y,
            color=_OTHER,
            marker="D",
            markersize=8,
            markerfacecolor="white",
            linestyle="none",
            zorder=5,
        )
        marks.append(
            Line2D([], [], color=_OTHER, marker="D", markerfacecolor="white", linestyle="none", label="paper's value")
        )
    for height, row in zip(y, rows.itertuples(), strict=True):
        if row.why:
            axes.annotate("not run", (0, height), (4, 3), textcoords="offset points", fontsize=8, color=_GREY)
    axes.set_yticks(y, [f"{r.comparison}\npaper: {r.published}" for r in rows.itertuples()], fontsize=8)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("difference in test accuracy, percentage points")
    axes.grid(axis="x", color="#E6E6E6")
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(handles=marks, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return figure


def _bars(axes, rows: pd.DataFrame, y: np.ndarray, colour: str, face: str) -> None:
    values = 100 * rows[["estimate", "low", "high"]].astype(float).to_numpy()
    axes.errorbar(
        values[:, 0], y, xerr=np.abs(values[:, 1:] - values[:, :1]).T, color=colour, marker="o", markerfacecolor=face,
        linestyle="none", capsize=3, markersize=6, zorder=4,
    )  # fmt: skip
