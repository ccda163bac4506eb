"""The crossover map: which strategy to buy over seed-set size and queries, how sure that is, and what was run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crossover.figures.style import Picture, styles
from crossover.labels import display_name
from crossover.stats.advice import advise_map
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "oo", "**")


def map_of_fits(
    fits: Fits, task: str | None = None, points: int = 28, at: tuple[float, float] | None = None
) -> Picture:
    """The crossover map of fitted curves over the range that was run, one panel a task.

    Parameters
    ----------
    fits : Fits
    task : str, optional
        One task alone.
    points : int
        Of the grid along each axis.
    at : (S, Q), optional
        A point to mark: what advice is asked for.
    """
    tasks = [task] if task else sorted({c.task for c in fits})
    found = find_crossovers(fits)
    grids = []
    for name in tasks:
        seeds, queries = _grid(fits, name, points, at)
        grids.append(advise_map(fits, seeds, queries, name))
    return crossover_map(pd.concat(grids, ignore_index=True), found, fits.points_table(), at)


def crossover_map(
    grid: pd.DataFrame, found: list[Crossover], cells: pd.DataFrame, at: tuple[float, float] | None = None
) -> Picture:
    """Draw the map.

    Colour and hatching name the best strategy (both, so that grey is enough); the stronger the colour, the more
    probable that it is the best. The line is the crossover of the two strategies that lead most of the map, with its
    interval as a band; dots are the cells that were run.

    Parameters
    ----------
    grid : DataFrame
        From :func:`crossover.stats.advice.advise_map`.
    found : list of Crossover
    cells : DataFrame
        Columns ``task, seed_size, budget`` of the cells that were run.
    at : (S, Q), optional
        A point to mark.

    Returns
    -------
    Picture
    """
    from matplotlib.ticker import LogLocator, NullLocator

    tasks = list(dict.fromkeys(grid["task"]))
    looks = styles(set(grid["strategy"]))
    hatches = dict(zip(looks, _HATCHES, strict=False))
    figure = Picture(figsize=(5.6 * len(tasks) + 0.4, 4.8), dpi=160, layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        here = grid[grid["task"] == task]
        _shade(axes, here, looks, hatches)
        run = cells[cells["task"] == task][["seed_size", "budget"]].drop_duplicates()
        axes.scatter(run["seed_size"], run["budget"], s=14, color="white", edgecolors="black", linewidths=0.8, zorder=6)
        _line(axes, [c for c in found if c.task == task], here)
        if at is not None:
            axes.plot(*at, marker="*", markersize=15, color="#FFD60A", markeredgecolor="black", zorder=8)
        axes.set(xscale="log", yscale="log", xlabel="seed questions S", title=task if task != "task" else "")
        axes.set_xlim(here["seeds"].min(), here["seeds"].max())
        axes.set_ylim(here["queries"].min(), here["queries"].max())
        axes.xaxis.set_minor_locator(NullLocator())
        sizes = sorted(run["seed_size"].unique())
        axes.set_xticks(sizes, [f"{s:g}" for s in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    panels[0].set_ylabel("queries Q")
    _legend(figure, looks, hatches, set(grid[grid["best"]]["strategy"]), at is not None)
    return figure


def _grid(fits: Fits, task: str, points: int, at: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    curves = [c for c in fits if c.task == task]
    sizes = [c.seed_size for c in curves]
    budgets = [c.seed_size * r for c in curves for r in c.ratio_range]
    seeds, queries = [min(sizes), max(sizes)], [min(budgets), max(budgets)]
    if at is not None:
        seeds, queries = [min(seeds[0], at[0]), max(seeds[1], at[0])], [min(queries[0], at[1]), max(queries[1], at[1])]
    if seeds[0] == seeds[1]:  # one size was run: show a band around it
        seeds = [seeds[0] / 2, seeds[1] * 2]
    return (
        np.geomspace(max(1, seeds[0] / 1.1), seeds[1] * 1.1, points),
        np.geomspace(max(1, queries[0] / 1.1), queries[1] * 1.1, points),
    )


def _shade(axes: Axes, here: pd.DataFrame, looks, hatches) -> None:
    from matplotlib.colors import to_rgb

    best = here[here["best"]].pivot(index="queries", columns="seeds", values="strategy")
    sure = here[here["best"]].pivot(index="queries", columns="seeds", values="p_best")
    inside = here.groupby(["queries", "seeds"])["inside"].all().unstack()
    x, y = sure.columns.to_numpy(), sure.index.to_numpy()
    n = max(here["strategy"].nunique(), 2)
    rgb = np.ones((*sure.shape, 3))
    for i, j in np.ndindex(*sure.shape):
        # from an even chance (nearly white) to certainty (full colour)
        strength = 0.08 + 0.72 * np.clip((sure.iat[i, j] - 1 / n) / (1 - 1 / n), 0, 1)
        rgb[i, j] = 1 - strength * (1 - np.array(to_rgb(looks[best.iat[i, j]].colour)))
    axes.pcolormesh(x, y, rgb, shading="nearest", rasterized=True, zorder=1)
    for name in looks:
        mask = np.ma.masked_where(best.to_numpy() != name, np.ones(best.shape))
        if hatches[name] and mask.count():
            axes.contourf(
                x, y, np.ma.filled(mask, 0), levels=[0.5, 1.5], colors="none", hatches=[hatches[name]], zorder=2
            )
    if not inside.to_numpy().all():
        axes.contour(
            x,
            y,
            inside.to_numpy().astype(float),
            levels=[0.5],
            colors="#444444",
            linestyles="dotted",
            linewidths=1.4,
            zorder=4,
        )


def _line(axes: Axes, found: list[Crossover], here: pd.DataFrame) -> None:
    """The crossover of the two strategies that lead most of the map, over seed-set sizes."""
    leading = here[here["best"]]["strategy"].value_counts().index[:2]
    if len(leading) < 2:
        return
    pair = sorted(
        (c for c in found if {c.first, c.second} == set(leading) and c.ratio is not None), key=lambda c: c.seed_size
    )
    if not pair:
        return
    bottom, top = here["queries"].min(), here["queries"].max()
    sizes = np.array([c.seed_size for c in pair])
    middle = np.array([c.queries for c in pair])
    low = np.array([c.queries_interval[0] or bottom for c in pair])
    high = np.array([c.queries_interval[1] or top for c in pair])
    if len(pair) == 1:
        axes.errorbar(sizes, middle, [middle - low, high - middle], color="black", marker="D", capsize=4, zorder=7)
        return
    axes.fill_between(sizes, low, high, color="black", alpha=0.18, linewidth=0, zorder=3)
    axes.plot(sizes, middle, color="black", marker="D", markersize=5, linewidth=1.8, zorder=7)


def _legend(figure: Picture, looks, hatches, shown: set[str], marked: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor=looks[s].colour,
            alpha=0.6,
            hatch=hatches[s],
            edgecolor="black",
            label=f"{display_name(s)} is best",
        )
        for s in looks
        if s in shown
    ]
    handles.append(Line2D([], [], color="black", marker="D", label="crossover, band: its interval"))
    handles.append(
        Line2D(
            [], [], color="white", marker="o", markeredgecolor="black", linestyle="none", label="cells that were run"
        )
    )
    handles.append(Line2D([], [], color="#444444", linestyle="dotted", label="edge of what was run"))
    if marked:
        handles.append(
            Line2D(
                [],
                [],
                color="#FFD60A",
                marker="*",
                markersize=12,
                markeredgecolor="black",
                linestyle="none",
                label="asked for",
            )
        )
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2 if len(figure.axes) < 2 else 4, frameon=False, fontsize=9
    )
