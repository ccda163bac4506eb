"""The scatter of a teacher's label accuracy against its student's gain."""

from __future__ import annotations

import pandas as pd

from crossover.figures.style import MUTED, SERIES, Picture, legend, mark, panels, styled
from crossover.labels import TASKS


@styled
def scatter(points: pd.DataFrame, narrow: bool = False) -> Picture:
    """Draw gain against label accuracy above the commonest label, one point per task, size and teacher.

    ``points`` have ``task, size, teacher, verdict, above, gain, gain_low, gain_high`` as fractions of 1; those that
    show something are named.
    """
    figure, (axes,) = panels(1, 4.4 if narrow else 3.8, narrow)
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.axvline(0, color=MUTED, linewidth=1)
    teachers = dict(zip(dict.fromkeys(points["teacher"]), SERIES, strict=False))
    for teacher, (colour, marker, face) in teachers.items():
        some = 100 * points.loc[points["teacher"] == teacher, ["above", "gain", "gain_low", "gain_high"]]
        spread = some[["gain_low", "gain_high"]].sub(some["gain"], axis=0).abs().T.to_numpy()
        axes.errorbar(
            some["above"],
            some["gain"],
            spread,
            linestyle="none",
            color=colour,
            marker=marker,
            markerfacecolor=face,
            elinewidth=0.7,
            zorder=3,
        )
    told = (points["verdict"] == "above") | (points["gain_low"] > 0) | (points["gain_high"] < 0)
    for row in points[told].itertuples():
        axes.annotate(
            f"{TASKS[row.task]} {row.size}",
            (100 * row.above, 100 * row.gain),
            (4, 3),
            textcoords="offset points",
            color=MUTED,
            fontsize=8.5,
        )
    low, high = 100 * points["gain"].min(), 100 * points["gain"].max()
    axes.set_ylim(low - 10, high + 10)
    axes.set(xlabel="labels right, points above the commonest label", ylabel="student's gain, points")
    axes.grid()
    legend(
        figure,
        [mark(f"{teacher} teacher", colour, marker, face) for teacher, (colour, marker, face) in teachers.items()],
    )
    return figure
