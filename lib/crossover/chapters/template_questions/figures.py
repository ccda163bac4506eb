"""Figures of the chapter on template questions: distributions against real ones, and accuracy against the synthetic share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from crossover.figures.style import Picture, print_below
from crossover.stats.peak import Peak

_GENERATED, _REAL, _GREY = "#14305E", "#B5451B", "#555555"
SET_NAMES = {
    "nq_open": "NQ-open", "web_questions": "WebQuestions", "trivia_qa": "TriviaQA", "all": "all question sets",
    "lambada_openai": "LAMBADA", "hellaswag": "HellaSwag", "copa": "COPA", "story_cloze": "StoryCloze",
}  # fmt: skip
_MODES = {
    "tokens_equal": ("as many tokens in all", _GENERATED, "o"),
    "real_equal": ("as many real questions", _REAL, "s"),
}


def distributions(tables: Mapping[str, pd.DataFrame], paper: str) -> Picture:
    """Draw distributions of generated and of real questions side by side, one panel a property.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By title; index the labels, columns ``generated`` and ``real``, shares of 1.
    paper : str
        What the paper says, printed below.
    """
    figure = Picture(figsize=(9.0, 4.4), dpi=150, layout="constrained")
    for axes, (title, table) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
        y = range(len(table))[::-1]
        for shift, name, colour in ((0.2, "generated", _GENERATED), (-0.2, "real", _REAL)):
            axes.barh([v + shift for v in y], 100 * table[name], height=0.38, color=colour, label=name)
        axes.set_yticks(list(y), table.index, fontsize=8)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("share, %")
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    print_below(figure, paper)
    return figure


def ratio_curves(points: pd.DataFrame, peaks: Mapping[tuple[str, str], Peak], level: float, paper: str) -> Picture:
    """Draw exact match against the synthetic share of the training tokens, one panel a set.

    Parameters
    ----------
    points : DataFrame
        ``set, strategy, share, estimate, low, high``; the strategy ``real`` is the start of both lines, ``untouched`` a
        dotted level.
    peaks : mapping of (str, str) to Peak
        By set and strategy, drawn as a bar along the bottom.
    level : float
        Of the intervals.
    paper : str
    """
    names = list(points["set"].unique())
    figure = Picture(figsize=(max(6.4, 3.4 * len(names)), 4.0), dpi=150, layout="constrained")
    top = 100 * points["high"].max() * 1.1 + 0.5
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        here = points[points["set"] == name]
        for number, (strategy, (label, colour, marker)) in enumerate(_MODES.items()):
            rows = here[here["strategy"].isin(["real", strategy])].sort_values("share")
            if len(rows) < 2:
                continue
            values = 100 * rows[["estimate", "low", "high"]].to_numpy()
            x = rows["share"] + (number - 0.5) * 0.012
            spread = abs(values[:, 1:] - values[:, :1]).T
            axes.errorbar(
                x, values[:, 0], yerr=spread, color=colour, marker=marker, capsize=3, linewidth=1.2, label=label
            )
            if peak := peaks.get((name, strategy)):
                height = top * (0.03 + 0.035 * number)
                axes.plot(
                    [peak.low, peak.high], [height] * 2, color=colour, linewidth=4, alpha=0.35, solid_capstyle="butt"
                )
                axes.plot(peak.share, height, color=colour, marker="v", markersize=7)
        for row in here[here["strategy"] == "untouched"].itertuples():
            axes.axhline(100 * row.estimate, color=_GREY, linestyle=":", linewidth=1.2, label="not trained")
        axes.set_title(SET_NAMES[name], loc="left", fontsize=11)
        axes.set(xlabel="synthetic share of tokens", ylim=(0, top), xlim=(-0.05, 1.05))
        axes.grid(axis="y", color="#E6E6E6")
        axes.spines[["top", "right"]].set_visible(False)
    first = figure.axes[0]
    first.set_ylabel(f"exact match, % ({level:.0%} intervals)")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    print_below(figure, paper)
    return figure
