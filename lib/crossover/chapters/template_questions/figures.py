"""Figures of the chapter on template questions: distributions against real ones, and accuracy against the synthetic share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from crossover.figures.style import INK, MUTED, PAPER, SERIES, Picture, legend, mark, panels, styled
from crossover.labels import display_name

SET_NAMES = {
    "nq_open": "NQ-open", "web_questions": "WebQuestions", "trivia_qa": "TriviaQA", "all": "all question sets",
    "lambada_openai": "LAMBADA", "hellaswag": "HellaSwag", "copa": "COPA",
}  # fmt: skip


@styled
def distributions(tables: Mapping[str, pd.DataFrame], narrow: bool = False) -> Picture:
    """Draw distributions of generated and of real questions side by side, one panel per property.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By title; index the labels, columns ``generated`` and ``real``, shares of 1.
    narrow : bool
        For a phone.
    """
    figure, axes_of = panels(len(tables), 4.0, narrow, above=0.3)
    for axes, (title, shares) in zip(axes_of, tables.items(), strict=True):
        y = range(len(shares))[::-1]
        for shift, name, face in ((0.2, "generated", INK), (-0.2, "real", PAPER)):
            axes.barh([v + shift for v in y], 100 * shares[name], height=0.38, color=face, edgecolor=INK)
        axes.set_yticks(list(y), shares.index)
        axes.set(title=title, xlabel="share, %")
    legend(figure, [mark("generated", INK, "s"), mark("real", INK, "s", PAPER)])
    return figure


@styled
def ratio_curves(points: pd.DataFrame, level: float, narrow: bool = False) -> Picture:
    """Draw exact match against the synthetic share of the training tokens, one panel per set.

    Parameters
    ----------
    points : DataFrame
        ``set, strategy, share, estimate, low, high``; the strategy ``real`` starts both lines, ``untouched`` is a level.
    level : float
        Of the intervals.
    narrow : bool
        For a phone.
    """
    names = list(dict.fromkeys(points["set"]))
    figure, axes_of = panels(len(names), 2.7, narrow, above=0.4, sharey=True)
    marks = dict(zip(("tokens_equal", "real_equal"), SERIES, strict=False))
    for axes, name in zip(axes_of, names, strict=True):
        here = points[points["set"] == name]
        for number, (strategy, (colour, marker, face)) in enumerate(marks.items()):
            rows = here[here["strategy"].isin(["real", strategy])].sort_values("share")
            values = 100 * rows[["estimate", "low", "high"]].to_numpy()
            axes.errorbar(
                rows["share"] + (number - 0.5) * 0.012, values[:, 0], abs(values[:, 1:] - values[:, :1]).T, color=colour, marker=marker,
                markerfacecolor=face, capsize=3, linewidth=1.2,
            )  # fmt: skip
        for row in here[here["strategy"] == "untouched"].itertuples():
            axes.axhline(100 * row.estimate, color=MUTED, linestyle=":", linewidth=1.2)
        axes.set(title=SET_NAMES[name], xlabel="synthetic share of tokens", xlim=(-0.05, 1.05), ylim=(0, None))
        axes.grid(axis="y")
    for axes in axes_of[:: 1 if narrow else 2]:
        axes.set_ylabel(f"exact match, % ({level:.0%} interval)")
    entries = [mark(display_name(s).lower(), colour, marker, face) for s, (colour, marker, face) in marks.items()]
    legend(figure, [*entries, mark("not trained", MUTED, "", linestyle=":")])
    return figure
