"""The crossover map: which strategy to buy over seed-set size and budget, how sure that is, and what was tested."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from crossover.figures.style import INK, PAPER, SHADE, Picture, Style, legend, mark, panels, styled, styles
from crossover.labels import display_name
from crossover.stats.advice import CLEAR, advise_map
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits

#: With the colour, so that grey is enough.
_HATCHES = ("", "//", "\\\\", "xx", "++", "--", "||", "+")


@styled
def map_of_fits(
    fits: Fits, task: str | None = None, at: tuple[float, float] | None = None, narrow: bool = False
) -> Picture:
    """Draw the map of fitted curves over the tested range, one panel per task.

    Colour and hatching name the strategy that is best in four draws of five; where there is none, there is no colour.
    Grey is outside the tested range. The line is the crossover of the two strategies that lead most of the map, of
    those that buy something, and bars are its interval; dots are tested cells, a star the point ``at`` (S, Q).
    """
    from matplotlib.ticker import LogLocator

    tasks = [task] if task else sorted({c.task for c in fits})
    grid = pd.concat([advise_map(fits, *_grid(fits, name, at), name) for name in tasks], ignore_index=True)
    bought = {c.strategy for c in fits if not c.counts.buys_nothing}
    found, cells = find_crossovers(fits, checks=False), fits.points_table()
    looks = styles(set(grid["strategy"]))
    hatches = dict(zip(looks, _HATCHES, strict=False))
    figure, axes_of = panels(len(tasks), 4.2, narrow, above=0.4)
    for axes, name in zip(axes_of, tasks, strict=True):
        here, run = grid[grid["task"] == name], cells[(cells["task"] == name) & (cells["budget"] > 0)]
        _shade(axes, here, looks, hatches)
        axes.scatter(run["seed_size"], run["budget"], s=12, color=INK, zorder=6)
        _line(axes, [c for c in found if c.task == name], here[here["strategy"].isin(bought)])
        if at is not None:
            axes.plot(*at, "*", markersize=14, color=PAPER, markeredgecolor=INK, zorder=8)
        axes.set(xscale="log", yscale="log", xlabel="seed questions", ylabel="teacher calls")
        axes.set(xlim=here["seeds"].agg(["min", "max"]), ylim=here["queries"].agg(["min", "max"]))
        axes.set_title(name if len(tasks) > 1 else "")
        sizes = sorted(run["seed_size"].unique())
        axes.set_xticks(sizes, [f"{s:,g}" for s in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.minorticks_off()
    shown = set(grid.loc[grid["p_best"] >= CLEAR, "strategy"])
    entries: list[Artist] = [
        Patch(facecolor=look.colour, alpha=0.6, hatch=hatches[s], label=f"{display_name(s).lower()} best")
        for s, look in looks.items()
        if s in shown
    ]
    entries += [
        mark("crossover, 90% interval", INK, "D", linestyle="-"),
        mark("tested cell", INK, markersize=4),
        Patch(facecolor=SHADE, label="not tested"),
    ]
    legend(figure, entries + ([mark("asked for", INK, "*", PAPER)] if at is not None else []))
    return figure


def _grid(fits: Fits, task: str, at: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    curves = [c for c in fits if c.task == task and not c.counts.buys_nothing]
    seeds = [c.seed_size for c in curves] + ([at[0]] if at else [])
    queries = [c.seed_size * r for c in curves for r in c.ratio_range] + ([at[1]] if at else [])
    if min(seeds) == max(seeds):  # one size was run: show a band around it
        seeds = [seeds[0] / 2, seeds[0] * 2]
    across, up = (np.geomspace(max(1, min(ends) / 1.1), max(ends) * 1.1, 28) for ends in (seeds, queries))
    return across, up


def _shade(axes: Axes, here: pd.DataFrame, looks: Mapping[str, Style], hatches: Mapping[str, str]) -> None:
    """Colour where a strategy is clearly best, and grey what lies outside the tested range."""
    for name, look in looks.items():
        p = here[here["strategy"] == name].pivot(index="queries", columns="seeds", values="p_best")
        if (p.to_numpy() >= CLEAR).any():
            axes.contourf(p.columns, p.index, p, levels=[CLEAR, 1.01], colors=[look.colour], alpha=0.55, zorder=1)
            axes.contourf(p.columns, p.index, p, levels=[CLEAR, 1.01], colors="none", hatches=[hatches[name]], zorder=2)
    inside = here.groupby(["queries", "seeds"])["inside"].all().unstack()
    if not inside.to_numpy().all():
        axes.contourf(
            inside.columns, inside.index, 1.0 - inside, levels=[0.5, 1.5], colors=[SHADE], alpha=0.75, zorder=3
        )


def _line(axes: Axes, found: list[Crossover], here: pd.DataFrame) -> None:
    """Draw the crossover of the two strategies that lead most of the map, over seed-set sizes."""
    best = here.loc[here.groupby(["seeds", "queries"])["accuracy"].idxmax(), "strategy"]
    leading = set(best.value_counts().index[:2])
    pair = [c for c in found if {c.first, c.second} == leading and c.ratio is not None]
    pair.sort(key=lambda c: c.seed_size)
    if not pair:
        return
    bottom, top = here["queries"].min(), here["queries"].max()
    middle = np.array([c.queries for c in pair])
    low, high = (np.array([c.queries_interval[i] or edge for c in pair]) for i, edge in ((0, bottom), (1, top)))
    axes.errorbar([c.seed_size for c in pair], middle, np.abs([middle - low, high - middle]), color=INK, marker="D",
                  markersize=5, capsize=4, linewidth=1.6, elinewidth=1.2, zorder=7)  # fmt: skip
