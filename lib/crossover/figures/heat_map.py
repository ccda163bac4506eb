"""A heat map of accuracy by kind of test problem and budget."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap, to_rgb

from crossover.figures.style import INK, PAPER, Picture, panels, styled


@styled
def heat_map(tables: Mapping[str, pd.DataFrame], xlabel: str, narrow: bool = False) -> Picture:
    """Draw shares of correct answers by kind of problem (rows) and budget (columns), one panel per title."""
    rows = len(next(iter(tables.values())))
    figure, axes_of = panels(len(tables), 0.26 * rows + 0.8, narrow)
    shades = ListedColormap(
        [(*to_rgb(INK), alpha) for alpha in np.linspace(0, 1, 64)]
    )  # one colour, so that it has a dark one
    for axes, (title, shares) in zip(axes_of, tables.items(), strict=True):
        axes.pcolormesh(shares.to_numpy()[::-1], cmap=shades, vmin=0, vmax=1, edgecolors="none")
        for (y, x), share in np.ndenumerate(shares.to_numpy()[::-1]):
            if np.isfinite(share):
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=PAPER if share > 0.45 else INK,
                )
        axes.set_xticks(np.arange(shares.shape[1]) + 0.5, [f"{c:g}" for c in shares])
        axes.set_yticks(np.arange(rows) + 0.5, shares.index[::-1])
        axes.tick_params(length=0)
        axes.set(title=title, xlabel=xlabel)
        axes.spines[["left", "bottom"]].set_visible(False)
    return figure
