"""Figures of the chapter on known truth: recovered against true, coverage, replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crossover.figures.fits import fits_figure
from crossover.figures.style import Picture
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.simulation.scenarios import EARLY, LATE, Scenario

#: Quantity -> how it is drawn. Shapes as well as colours, so that grey is enough.
_MARKS = {
    "crossover": ("this library's interval", "#14305E", "o"),
    "t interval over replicates": ("t interval over replicates", "#3B9FB0", "s"),
    "replicates pooled": ("replicates pooled into one", "#B5451B", "X"),
}
_WANTED = (0.87, 0.93)


def recovery(world: Scenario, fits: Fits, found: Crossover) -> Picture:
    """The fitted curves of one simulated study, with the curves that made it drawn as thin black lines."""
    figure = fits_figure(fits, [found])
    axes = figure.axes[0]
    x = np.geomspace(*axes.get_xlim(), 300)
    for style, (name, truth) in zip(("-", (0, (6, 2))), ((EARLY, world.early), (LATE, world.late)), strict=True):
        axes.plot(
            x, truth(x), color="black", linewidth=1, linestyle=style, zorder=6, label=f"true, {name.split('_')[0]}"
        )
    true = world.crossover()
    if true is not None and x[0] <= true <= x[-1]:
        axes.axvline(true, color="black", linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            f"true crossover {true:.3g}",
            (true, axes.get_ylim()[1]),
            (4, -4),
            textcoords="offset points",
            va="top",
            fontsize=9,
        )
    axes.set_title(world.title, loc="left", fontsize=10)
    return figure


def coverage(table: pd.DataFrame, mine: pd.DataFrame | None = None, level: float = 0.9) -> Picture:
    """Coverage of the crossover's interval by design, two Monte Carlo errors either way; ``mine`` is hollow."""
    titles = dict(zip(table["design"], table["title"], strict=True))
    designs = [d for d in titles if ((table["design"] == d) & (table["quantity"] == "crossover")).any()]
    figure = Picture(figsize=(8.0, 0.75 * len(designs) + 1.6), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.axvspan(*_WANTED, color="#DDDDDD", zorder=0, label=f"wanted, {_WANTED[0]:.0%} to {_WANTED[1]:.0%}")
    axes.axvline(level, color="#555555", linewidth=1, zorder=1)
    for k, (quantity, (label, colour, marker)) in enumerate(_MARKS.items()):
        shift = 0.22 * (1 - k)
        for source, face in ((table, colour), (mine, "white")):
            if source is None:
                continue
            rows = source[source["quantity"] == quantity].set_index("design")
            at = [d for d in designs if d in rows.index]
            y = [len(designs) - 1 - designs.index(d) + shift for d in at]
            axes.errorbar(
                rows.loc[at, "rate"], y, xerr=2 * rows.loc[at, "mc_error"], color=colour, marker=marker,
                linestyle="none", markerfacecolor=face, markersize=7, capsize=2, zorder=4,
                label=label if source is table else None,
            )  # fmt: skip
    axes.set_yticks(range(len(designs)), [titles[d] for d in designs[::-1]])
    axes.set_xlabel("share of simulated studies whose interval holds the true crossover")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return figure


def replicates(table: pd.DataFrame, level: float = 0.9) -> Picture:
    """Coverage and width of the crossover's interval against the number of replicates."""
    figure = Picture(figsize=(8.0, 3.4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.axhspan(*_WANTED, color="#DDDDDD", zorder=0)
    left.axhline(level, color="#555555", linewidth=1)
    left.errorbar(
        table["replicates"],
        table["rate"],
        yerr=2 * table["mc_error"],
        color="#14305E",
        marker="o",
        capsize=2,
        linewidth=1.5,
    )
    left.set(xlabel="replicates", ylabel="coverage", ylim=(min(0.5, table["rate"].min() - 0.05), 1))
    left.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    finite = table[np.isfinite(table["median_width"])]
    right.plot(finite["replicates"], finite["median_width"], color="#B5451B", marker="s", linewidth=1.5)
    for row in table[~np.isfinite(table["median_width"])].itertuples():
        right.annotate("open", (row.replicates, right.get_ylim()[1]), ha="center", va="top")
    right.set(xlabel="replicates", ylabel="median interval: high end / low end")
    for axes in (left, right):
        axes.set_xticks(table["replicates"])
        axes.grid(color="#E6E6E6")
        axes.spines[["top", "right"]].set_visible(False)
    return figure
