"""Figures of the chapter on known truth: recovered against true, coverage, calibration, replicates."""

from __future__ import annotations

from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd

from crossover.figures.learning_curves import curve_points, fitted_points, learning_curves
from crossover.figures.style import INK, MUTED, SHADE, Picture, legend, mark, panels, styled
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.simulation.scenarios import Scenario

#: Quantity -> how it is drawn.
_MARKS = {
    "crossover": ("this library's interval", INK, "o", INK),
    "replicates pooled": ("replicates pooled into one", MUTED, "X", MUTED),
}
_WANTED = (0.87, 0.93)


@styled
def recovery(world: Scenario, fits: Fits, found: Crossover, narrow: bool = False) -> Picture:
    """Draw the fitted curves of one simulated study, with the curves that made it as dotted lines."""
    figure = learning_curves(fitted_points(fits), curve_points(fits, 1.5), band=True, found=[found], narrow=narrow)
    axes = figure.axes[0]
    x = np.geomspace(*axes.get_xlim(), 200)
    for truth in (world.early, world.late):
        axes.plot(x, truth(x), color=INK, linewidth=1.2, linestyle=":", zorder=6)
    true = world.crossover()
    if true is not None and x[0] <= true <= x[-1]:
        axes.axvline(true, color=INK, linewidth=1, linestyle=":", zorder=1)
        axes.annotate(
            f"true crossover {true:.2g}",
            (true, 0.98),
            (4, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            va="top",
        )
    figure.legends[0].remove()
    legend(
        figure,
        [mark("true curves", INK, "", linestyle=":"), mark("crossover and its interval", INK, "d", linestyle="-")],
    )
    return figure


@styled
def coverage(
    table: pd.DataFrame, mine: pd.DataFrame | None = None, level: float = 0.9, narrow: bool = False
) -> Picture:
    """Draw the coverage of the crossover's interval by design, two Monte Carlo errors either way; ``mine`` is faint."""
    titles = dict(zip(table["design"], table["title"], strict=True))
    designs = [d for d in titles if ((table["design"] == d) & (table["quantity"] == "crossover")).any()]
    figure, (axes,) = panels(1, (0.75 if narrow else 0.42) * len(designs) + 1.0, narrow)
    axes.axvspan(*_WANTED, color=SHADE, zorder=0)
    axes.axvline(level, color=MUTED, linewidth=1, zorder=1)
    for k, (quantity, (_, colour, marker, face)) in enumerate(_MARKS.items()):
        for source, alpha in ((table, 1.0), (mine, 0.35)):
            rows = table.iloc[:0] if source is None else source[source["quantity"] == quantity]
            rows = rows.set_index("design")
            at = [d for d in designs if d in rows.index]
            y = [len(designs) - 1 - designs.index(d) + 0.22 * (1 - k) for d in at]
            axes.errorbar(
                rows.loc[at, "rate"], y, xerr=2 * rows.loc[at, "mc_error"], color=colour, marker=marker,
                linestyle="none", markerfacecolor=face, markersize=7, capsize=2, zorder=4, alpha=alpha,
            )  # fmt: skip
    places = range(len(designs))
    if narrow:
        for place, design in zip(places, designs[::-1], strict=True):
            axes.annotate(fill(titles[design], 40), (0, place + 0.38), xycoords=("axes fraction", "data"))
    axes.set_yticks([] if narrow else places, None if narrow else [titles[d] for d in designs[::-1]])
    said = "studies whose interval holds the true crossover"
    axes.set(xlabel=fill(said, 38) if narrow else said, xlim=(None, 1.02), ylim=(-0.6, len(designs)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    entries = [mark(label, colour, marker, face) for label, colour, marker, face in _MARKS.values()]
    legend(figure, [*entries, mpl.patches.Patch(color=SHADE, label=f"wanted: {_WANTED[0]:.0%} to {_WANTED[1]:.0%}")])
    return figure


@styled
def calibration(table: pd.DataFrame, misspecified: set[str], narrow: bool = False) -> Picture:
    """Draw coverage against the nominal level, one line per design, for the lead and for expected accuracy."""
    figure, axes = panels(2, 3.4, narrow)
    for panel, quantity in zip(axes, ("lead", "accuracy"), strict=True):
        panel.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1, zorder=1)
        for design, rows in table[table["quantity"] == quantity].groupby("design"):
            colour, line = (MUTED, "--") if design in misspecified else (INK, "-")
            panel.plot(
                rows["level"], rows["rate"], color=colour, linestyle=line, linewidth=1.2, marker="o", markersize=3
            )
        panel.set(xlabel="nominal level", ylabel=f"coverage, {quantity}")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.grid()
    legend(
        figure, [mark("exponential truths", INK, "", linestyle="-"), mark("other truths", MUTED, "", linestyle="--")]
    )
    return figure


@styled
def replicates(table: pd.DataFrame, level: float = 0.9, narrow: bool = False) -> Picture:
    """Draw coverage and width of the crossover's interval against the number of replicates."""
    figure, (left, right) = panels(2, 3.0, narrow)
    left.axhspan(*_WANTED, color=SHADE, zorder=0)
    left.axhline(level, color=MUTED, linewidth=1)
    left.errorbar(
        table["replicates"], table["rate"], yerr=2 * table["mc_error"], color=INK, marker="o", capsize=2, linewidth=1.5
    )
    left.set(xlabel="replicates", ylabel="coverage", ylim=(min(0.5, table["rate"].min() - 0.05), 1))
    left.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    finite = table[np.isfinite(table["median_width"])]
    right.plot(finite["replicates"], finite["median_width"], color=INK, marker="s", linewidth=1.5)
    for row in table[~np.isfinite(table["median_width"])].itertuples():
        right.annotate("open", (row.replicates, right.get_ylim()[1]), ha="center", va="top")
    right.set(xlabel="replicates", ylabel="median high end / low end")
    for axes in (left, right):
        axes.set_xticks(table["replicates"])
        axes.grid()
    return figure
