"""The lead of one strategy over another against the budget ratio, next to what always buying one strategy costs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crossover.figures.style import (
    INK,
    MUTED,
    SHADE,
    Picture,
    bars,
    legend,
    mark,
    panels,
    ratio_axis,
    series,
    styled,
    styles,
)
from crossover.labels import display_name
from crossover.stats.lead import Lead


def undecided(leads: pd.DataFrame) -> tuple[float, float]:
    """Return the ratios below and above which every pooled lead is decided for one side, infinite where none is.

    >>> rows = pd.DataFrame({"ratio": [1, 2, 4], "low": [-0.2, -0.1, 0.1], "high": [-0.1, 0.1, 0.3], "seed_size": 0})
    >>> undecided(rows)
    (1.0, 4.0)
    """
    pooled = leads[leads["seed_size"] == 0].sort_values("ratio")
    below = pooled.loc[(pooled["high"] < 0).cummin(), "ratio"]
    above = pooled.loc[(pooled["low"] > 0)[::-1].cummin()[::-1], "ratio"]
    return float(below.max()) if len(below) else float("-inf"), float(above.min()) if len(above) else float("inf")


@styled
def lead_and_regret(leads: pd.DataFrame, losses: pd.DataFrame, narrow: bool = False) -> Picture:
    """Draw the paired lead of new questions over new answers, and the loss from always buying one strategy.

    ``leads`` have ``seed_size, ratio, lead, low, high`` as fractions of 1, size 0 pooled and drawn with intervals;
    ``losses`` have ``strategy, mean, largest`` in points.
    """
    figure, (axes, side) = panels(2, 3.0, narrow, above=0.3, **({} if narrow else {"width_ratios": (3, 2)}))
    first, last = undecided(leads)
    pooled = leads[leads["seed_size"] == 0].sort_values("ratio")
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.axvspan(max(first, pooled["ratio"].min()), min(last, pooled["ratio"].max()), color=SHADE, zorder=0)
    for i, (size, some) in enumerate(leads[leads["seed_size"] > 0].groupby("seed_size")):
        some = some.sort_values("ratio")
        axes.plot(some["ratio"], 100 * some["lead"], color=MUTED, linewidth=0.8)
        end = some["ratio"].iloc[-1], 100 * some["lead"].iloc[-1]
        # Above and below in turn: lines of neighbouring sizes end near each other.
        place = {"xytext": (0, -14), "ha": "center", "va": "top"} if i % 2 else {"xytext": (-3, 3), "ha": "right"}
        axes.annotate(f"{size:g} seeds", end, textcoords="offset points", color=MUTED, **place)
    look = {"color": INK, "marker": "o", "linewidth": 1.6, "elinewidth": 1.1, "capsize": 2, "zorder": 4}
    axes.errorbar(pooled["ratio"], 100 * pooled["lead"], 100 * bars(pooled, "lead"), **look)
    ratio_axis(axes, pooled["ratio"])
    axes.set(xlabel="teacher calls per seed question", ylabel="lead of new questions, points")
    axes.grid(axis="y")
    looks = styles(losses["strategy"])
    for y, row in enumerate(losses[::-1].itertuples()):
        look = looks[row.strategy]
        side.plot([row.mean, row.largest], [y, y], color=look.colour, linewidth=1.4)
        side.plot(row.mean, y, look.marker, color=look.colour, markersize=8)
        side.plot(row.largest, y, "|", color=look.colour, markersize=10)
        said = f"{display_name(row.strategy).lower()}: {row.mean:.1f}"
        side.annotate(said, (row.mean, y), (0, 8), textcoords="offset points", ha="left")
    side.set(xlabel="loss from always buying it, points", yticks=[], xlim=(0, None), ylim=(-0.6, len(losses) - 0.3))
    side.spines["left"].set_visible(False)
    entries = [mark("all sizes, 90% interval", INK, linestyle="-"), mark("undecided", SHADE, "s", markersize=10)]
    legend(figure, [*entries, mark("mean to largest loss", MUTED, "|", linestyle="-")])
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
        look = {"color": INK, "marker": "o", "linestyle": "none", "capsize": 2, "zorder": 4}
        panel.errorbar(p["ratio"], 100 * p["lead"], 100 * bars(p, "lead"), **look)
        ratio_axis(panel, p["ratio"])
        size = "all sizes" if lead.seed_size is None else f"{lead.seed_size:g} seed questions"
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
    sizes, looks = sorted(gains["seed_size"].unique()), styles(gains["strategy"].unique())
    figure, axes = panels(len(sizes), 3.0, narrow, above=0.3)
    for panel, size in zip(axes, sizes, strict=True):
        panel.axhline(0, color=MUTED, linewidth=1)
        for strategy, look in looks.items():
            some = gains[(gains["seed_size"] == size) & (gains["strategy"] == strategy)].sort_values("ratio")
            own = {"color": look.colour, "marker": look.marker, "linestyle": look.dash, "elinewidth": 1, "capsize": 2}
            with series(panel, look.label.lower()):
                panel.errorbar(look.shift * some["ratio"], 100 * some["estimate"], 100 * bars(some, "estimate"), **own)
        ratio_axis(panel, gains.loc[gains["seed_size"] == size, "ratio"].unique())
        panel.set_title(f"{size:g} seed questions", loc="left")
        panel.set(xlabel="teacher calls per seed question", ylabel="gain over the seeds alone, points")
        panel.grid(axis="y")
    legend(figure, [mark(look.label, look.colour, look.marker, linestyle=look.dash) for look in looks.values()])
    return figure
