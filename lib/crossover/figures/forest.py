"""Forest plots: differences with intervals, one row per comparison, next to the numbers and the papers' values."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crossover.figures.style import GRID, INK, MUTED, PAPER, Picture, legend, mark, panels, styled

_ROW, _HEAD = 0.27, 0.27  # inches
LIMIT = 30.0  # points either way that a forest shows at the most


@styled
def forest(rows: pd.DataFrame, xlabel: str = "difference in test accuracy, points", narrow: bool = False) -> Picture:
    """Draw differences in percentage points, one row per comparison.

    ``rows`` have ``comparison, estimate, low, high, significant, why`` as fractions of 1, and optionally ``panel`` (a
    heading) and ``value`` (the paper's). An interval past :data:`LIMIT` points ends in an arrow head. On a phone
    (``narrow``) names stand above their rows, with the estimate only.
    """
    rows = rows if "panel" in rows else rows.assign(panel="")
    rows = pd.concat([some for _, some in rows.groupby("panel", sort=False)])  # a panel's rows together
    height, heads, places = 0.0, {}, []
    for panel, some in rows.groupby("panel", sort=False):
        if panel:
            height -= _HEAD + (0.08 if heads else 0)
            heads[panel] = height
        for _ in range(len(some)):
            height -= 2 * _ROW if narrow else _ROW
            places.append(height)
    figure, (axes,) = panels(1, -height + 1.1, narrow)
    ends = 100 * rows[["low", "high"]].astype(float).to_numpy()
    widest = float(np.nanmax(np.abs(ends))) if np.isfinite(ends).any() else 1.0
    limit = min(LIMIT, 1.1 * max(widest, 1.0))
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    marks = []
    _bars(axes, rows, np.array(places), limit)
    if "value" in rows and rows["value"].notna().any():
        hollow = {"color": MUTED, "markersize": 7, "markerfacecolor": PAPER, "zorder": 5}
        axes.plot(100 * rows["value"].astype(float), places, "D", **hollow)
        marks.append(mark("the paper's value", MUTED, "D", PAPER))
    for y, row in zip(places, rows.itertuples(), strict=True):
        ends = "" if narrow else f" ({100 * row.low:.1f} to {100 * row.high:.1f})"
        said = "not run" if row.why else f"{100 * row.estimate:+.1f}{ends}{' *' * row.significant}"
        up = _ROW if narrow else 0
        axes.annotate(said, (1, y + up), xycoords=("axes fraction", "data"), xytext=(0 if narrow else 6, 0),
                      textcoords="offset points",
                      ha="right" if narrow else "left", va="center", annotation_clip=False)  # fmt: skip
        if narrow:
            axes.annotate(row.comparison, (0, y + up), xycoords=("axes fraction", "data"), va="center")
    for panel, y in heads.items():
        axes.annotate(panel, (0, y), xycoords=("axes fraction", "data"), xytext=(0 if narrow else -6, 0),
                      textcoords="offset points",
                      ha="left" if narrow else "right", va="center", weight="bold", annotation_clip=False)  # fmt: skip
    axes.set_yticks([] if narrow else places, None if narrow else rows["comparison"])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-limit, limit), ylim=(height - _ROW, 0.1), xlabel=fill(xlabel, 38) if narrow else xlabel)
    axes.grid(axis="x", color=GRID)
    axes.spines["left"].set_visible(False)
    legend(figure, marks)
    return figure


def _bars(axes: Axes, rows: pd.DataFrame, y: np.ndarray, limit: float) -> None:
    """Draw estimates with intervals, with an arrow head where one goes past the limit."""
    values = 100 * rows[["estimate", "low", "high"]].astype(float).to_numpy()
    shown = np.clip(values, -limit, limit)
    ends = np.abs(shown[:, 1:] - shown[:, :1]).T
    axes.errorbar(shown[:, 0], y, xerr=ends, color=INK, marker="o", linestyle="none", markersize=6, zorder=4)
    for column, side, head in ((1, -limit, "<"), (2, limit, ">")):
        beyond = np.abs(values[:, column] - shown[:, column]) > 0
        if beyond.any():  # an empty line counts as a point at the figure's corner, and the layout makes room for it
            axes.plot(np.full(beyond.sum(), side), y[beyond], head, color=INK, markersize=6, zorder=4, clip_on=False)
