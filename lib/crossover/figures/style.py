"""Figures and tables of the chapters: what a results table looks like on a page.

Every figure is a :class:`Picture`, a matplotlib figure that shows itself, so that nothing global changes.
:func:`save` writes the same bytes for the same figure, and puts the numbers that a figure shows beside it.
"""

from __future__ import annotations

import hashlib
import io
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from crossover.errors import CrossoverError
from crossover.labels import display_name, in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas.io.formats.style import Styler

#: What stands in place of a figure or table whose cells a profile leaves out.
NOT_RUN = Markdown("Not run in this profile.")
#: The steps of the yield funnel, in order.
FUNNEL = ("asked", "returned", "parsed", "verified", "unique", "kept")
#: A point of a learning curve: what must not occur twice in one figure.
_CELL = ["strategy", "seed_size", "budget", "replicate"]
_POINT = [
    "strategy", "seed_size", "budget", "ratio", "replicates", "n_correct", "n_test", "accuracy", "low", "high", "interval",
]  # fmt: skip
_PANEL_WIDTH, _PANEL_HEIGHT = 4.6, 4.2  # inches


class Picture(Figure):
    """A figure that a notebook shows as the value of a cell, whatever matplotlib's backend, and shows once.

    Once :func:`save` has stored it, the notebook keeps its ``name`` beside it, from which a page links to its files.
    """

    name: str | None = None

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        file = io.BytesIO()
        self.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue(), {"figure": self.name} if self.name else {}


@dataclass(frozen=True)
class Style:
    """How one strategy is drawn: a colour and a marker of its own, so that neither is needed alone."""

    label: str
    colour: str
    marker: str
    shift: float  # a factor on the ratio, so that intervals at one budget stand side by side


# Colours differ in lightness (L* 20, 61, 45, 32), so that they can be told apart in grey and by colour-blind readers, and
# each has at least 3:1 contrast with white.
_STYLES = {
    "answer_augmentation": ("#14305E", "o"),
    "question_rephrase": ("#3B9FB0", "s"),
    "new_question": ("#B5451B", "^"),
    "mixed": ("#5B3A90", "D"),
}
_SPARE = [("#333333", "v"), ("#7F7F7F", "P"), ("#8A6D00", "X"), ("#4C7A34", "*")]


def styles(strategies: Iterable[str]) -> dict[str, Style]:
    """Return a style for each strategy, the three of the study first and always drawn the same way.

    Raises
    ------
    CrossoverError
        More strategies than can be told apart.
    """
    ordered = in_order(strategies)
    unknown = [s for s in ordered if s not in _STYLES]
    if len(unknown) > len(_SPARE):
        raise CrossoverError(
            f"{len(ordered)} strategies in one figure cannot be told apart; draw at most {len(_SPARE)} beside {', '.join(_STYLES)}."
        )
    looks = _STYLES | dict(zip(unknown, _SPARE, strict=False))
    shifts = np.linspace(-0.07, 0.07, len(ordered)) if len(ordered) > 1 else np.zeros(1)
    return {
        s: Style(display_name(s), *looks[s], shift=float(2.0**shift)) for s, shift in zip(ordered, shifts, strict=True)
    }


def wilson(k: float, n: int, level: float = 0.9) -> tuple[float, float]:
    r"""Return the Wilson score interval of a proportion.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    >>> low, high = wilson(0, 10, 0.95)
    >>> low, round(high, 4)
    (0.0, 0.2775)
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    p = k / n
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    # Exact at the ends, where rounding would leave a stray 1e-17.
    return (0.0 if k == 0 else float(low), 1.0 if k == n else float(high))


def learning_points(runs: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Return accuracy with its interval for each strategy, seed-set size and budget.

    With one replicate the interval is Wilson's and shows the test set's size alone. With several it is the wider of
    Wilson's on the pooled counts and the t interval over replicates, which share neither seeds nor training noise.

    Parameters
    ----------
    runs : DataFrame
        Rows of one task, with ``strategy, seed_size, budget, replicate, n_correct, n_test``.
    level : float
        Nominal coverage.

    Returns
    -------
    DataFrame
        ``strategy, seed_size, budget, ratio, replicates, n_correct, n_test, accuracy, low, high, interval``, sorted.

    Raises
    ------
    CrossoverError
        No rows, a budget that is not positive, or two rows for one cell.
    """
    from scipy.stats import t

    _check(runs)
    rows = []
    for (strategy, seed_size, budget), cell in runs.groupby(["strategy", "seed_size", "budget"]):
        accuracies = (cell["n_correct"] / cell["n_test"]).to_numpy()
        k, n = int(cell["n_correct"].sum()), int(cell["n_test"].sum())
        mean, (low, high), how = float(accuracies.mean()), wilson(k, n, level), "Wilson"
        if len(accuracies) > 1:
            half = t.ppf(0.5 + level / 2, len(accuracies) - 1) * accuracies.std(ddof=1) / np.sqrt(len(accuracies))
            if 2 * half > high - low:
                low, high, how = max(0.0, mean - half), min(1.0, mean + half), "t over replicates"
        rows.append((strategy, seed_size, budget, budget / seed_size, len(cell), k, n, mean, low, high, how))
    return pd.DataFrame(rows, columns=_POINT).sort_values(["seed_size", "strategy", "budget"], ignore_index=True)


def learning_curves(
    runs: pd.DataFrame,
    published: pd.DataFrame | None = None,
    fits: Mapping[tuple[str, int], Callable[[np.ndarray], np.ndarray]] | None = None,
    level: float = 0.9,
    paper: str = "",
) -> Picture:
    """Draw accuracy against budget ratio, one panel a seed-set size.

    Parameters
    ----------
    runs : DataFrame
        Rows of one task and one setting, as in ``runs.csv``.
    published : DataFrame, optional
        Rows of the published study, drawn hollow and lighter behind, where the seed-set size is the same.
    fits : mapping, optional
        For ``(strategy, seed_size)`` a function from budget ratios to accuracies. Where there is one, its curve takes
        the place of the line through the means.
    level : float
        Nominal coverage of the intervals.
    paper : str
        What the paper found, printed below.

    Returns
    -------
    Picture
    """
    import seaborn as sns

    points = learning_points(runs, level)
    sizes = sorted(points["seed_size"].unique())
    before = None
    if published is not None and len(published):
        before = (
            learning_points(published[published["seed_size"].isin(sizes)], level) if _shares(published, sizes) else None
        )
    drawn = points if before is None else pd.concat([points, before])
    looks = styles(drawn["strategy"])
    fits = fits or {}
    with sns.axes_style("ticks", {"axes.grid": True, "grid.color": "#E6E6E6", "axes.edgecolor": "#555555"}):
        figure = Picture(figsize=(max(7.2, _PANEL_WIDTH * len(sizes)), _PANEL_HEIGHT), dpi=200, layout="constrained")
        panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, size in zip(panels, sizes, strict=True):
        here, old = points[points["seed_size"] == size], None if before is None else before[before["seed_size"] == size]
        for strategy, style in looks.items():
            if old is not None:
                _draw_published(axes, old[old["strategy"] == strategy], style)
            faint = runs[(runs["seed_size"] == size) & (runs["strategy"] == strategy)]
            _draw_points(axes, here[here["strategy"] == strategy], faint, style, fits.get((strategy, int(size))))
        _dress(axes, drawn[drawn["seed_size"] == size], int(size))
    panels[0].set_ylabel("test accuracy")
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    panels[0].set_ylim(0, min(1.0, 1.12 * max(drawn["high"].max(), 0.05)))
    _legend(figure, looks, level, before is not None)
    print_below(figure, paper)
    sns.despine(figure)
    return figure


def print_below(figure: Figure, paper: str) -> None:
    """Print below a figure what the paper found, so that it stands beside what was measured."""
    if paper:
        lines = textwrap.fill(f"Paper: {paper}", int(14 * figure.get_figwidth()))
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=9, style="italic", color="#333333")


def funnel(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what became of the teacher's calls at each strategy's largest budget, for each seed-set size.

    Returns
    -------
    DataFrame
        ``strategy, seed_size, budget, queries``, the steps of the funnel (means over replicates),
        ``yield`` = kept / asked, and ``queries_per_kept``.
    """
    _check(runs)
    largest = runs[runs["budget"] == runs.groupby(["strategy", "seed_size"])["budget"].transform("max")]
    table = largest.groupby(["seed_size", "strategy", "budget"])[["queries", *FUNNEL]].mean().reset_index()
    table["yield"] = table["kept"] / table["asked"]
    table["queries_per_kept"] = (table["queries"] / table["kept"]).replace(np.inf, np.nan)
    rank = {s: i for i, s in enumerate(in_order(table["strategy"]))}
    order = table.sort_values(["seed_size", "strategy"], key=lambda c: c.map(rank) if c.name == "strategy" else c)
    return order[["strategy", "seed_size", "budget", "queries", *FUNNEL, "yield", "queries_per_kept"]].reset_index(
        drop=True
    )


def funnel_table(runs: pd.DataFrame) -> Styler:
    """Return :func:`funnel` as a table for a page; its ``data`` attribute is the frame that is shown."""
    table = funnel(runs)
    table["strategy"] = table["strategy"].map(display_name)
    table = table.drop(columns="budget").rename(columns={"seed_size": "seeds", "queries_per_kept": "queries each"})
    if table["seeds"].nunique() == 1:
        table = table.drop(columns="seeds")
    counts = [c for c in table.columns if c not in ("strategy", "yield", "queries each")]
    return (
        table.style.hide(axis="index")
        .format("{:,.0f}", subset=counts)
        .format("{:.0%}", subset=["yield"])
        .format("{:.2f}", subset=["queries each"], na_rep="none kept")
        .set_uuid(_digest(table))
    )


def save(figure: Picture, name: str, folder: Path, data: pd.DataFrame) -> Path:
    """Write ``name.svg``, ``name.png`` and ``name.csv`` (the numbers shown), and name the figure; return the SVG's path.

    The same figure gives the same bytes: no dates, no library version, fixed identifiers.
    """
    import matplotlib

    figure.name = name
    folder.mkdir(parents=True, exist_ok=True)
    svg = folder / f"{name}.svg"
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    figure.savefig(folder / f"{name}.png", metadata={"Software": None})
    data.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    return svg


def _check(runs: pd.DataFrame) -> None:
    if not len(runs):
        raise CrossoverError("There are no runs to show yet; run the notebook that makes them first.")
    if (runs["budget"] <= 0).any():
        raise CrossoverError(f"A budget of {runs['budget'].min()} queries has no place on a log axis; leave it out.")
    twice = runs.duplicated(_CELL)
    if twice.any():
        first = runs.loc[twice, _CELL].iloc[0].to_dict()
        raise CrossoverError(f"Two rows for one cell, {first}: choose one task, teacher, student and setting first.")


def _shares(published: pd.DataFrame, sizes: list[int]) -> bool:
    return bool(published["seed_size"].isin(sizes).any())


def _draw_published(axes: Axes, points: pd.DataFrame, style: Style) -> None:
    if points.empty:
        return
    axes.plot(
        points["ratio"], points["accuracy"], color=style.colour, alpha=0.45, linewidth=1, linestyle=(0, (4, 2)),
        marker=style.marker, markersize=8, markerfacecolor="white", zorder=2,
    )  # fmt: skip


def _draw_points(
    axes: Axes, points: pd.DataFrame, cells: pd.DataFrame, style: Style, fit: Callable[[np.ndarray], np.ndarray] | None
) -> None:
    if points.empty:
        return
    x = points["ratio"] * style.shift
    if len(cells) > len(points):  # several replicates: each as a faint point
        axes.scatter(
            cells["budget"] / cells["seed_size"] * style.shift, cells["n_correct"] / cells["n_test"],
            s=12, color=style.colour, marker=style.marker, alpha=0.45, linewidths=0, zorder=3,
        )  # fmt: skip
    if fit is not None:
        ratios = np.geomspace(points["ratio"].min(), points["ratio"].max(), 200)
        axes.plot(ratios, fit(ratios), color=style.colour, linewidth=1.8, zorder=4)
    axes.errorbar(
        x, points["accuracy"], yerr=[points["accuracy"] - points["low"], points["high"] - points["accuracy"]],
        color=style.colour, marker=style.marker, markersize=6, linewidth=1.8, linestyle="none" if fit is not None else "-",
        elinewidth=1.1, capsize=2.5, zorder=5,
    )  # fmt: skip


def _dress(axes: Axes, points: pd.DataFrame, size: int) -> None:
    """Log axis whose ticks are the ratios that were run, as plain numbers, and the same in queries."""
    from matplotlib.ticker import NullLocator

    ratios = sorted(points["ratio"].unique())
    axes.set_xscale("log", base=2)
    axes.set_xticks(_thin(ratios), [f"{r:g}" for r in _thin([round(r, 3) for r in ratios])])
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = points["budget"].min(), points["budget"].max()
    span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    axes.set_xlabel(f"budget ratio: queries per seed question\n({span} queries)")
    axes.set_title(f"{size:,} seed questions", fontsize=11, loc="left")


def _thin(ratios: list[float], most: int = 9) -> list[float]:
    """Leave out every other tick, largest kept, until they fit side by side."""
    while len(ratios) > most:
        ratios = ratios[::-1][::2][::-1]
    return ratios


def _legend(figure: Figure, looks: Mapping[str, Style], level: float, with_published: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=s.colour, marker=s.marker, markersize=6, linewidth=1.8, label=s.label)
        for s in looks.values()
    ]
    entries.append(
        Line2D([], [], color="#555555", marker="|", markersize=13, linestyle="none", label=f"{level:.0%} interval")
    )
    if with_published:
        entries.append(
            Line2D([], [], color="#777777", marker="o", markersize=8, markerfacecolor="white", linewidth=1,
                   linestyle=(0, (4, 2)), label="published study, hollow")
        )  # fmt: skip
    # A letter takes about a twelfth of an inch, and the handle.
    widest = max(len(entry.get_label()) for entry in entries) / 12.5 + 0.6
    columns = max(1, min(len(entries), int(figure.get_figwidth() / widest)))
    # A legend fills column by column; reorder so that it reads row by row.
    by_column = [entry for first in range(columns) for entry in entries[first::columns]]
    figure.legend(
        handles=by_column, loc="outside upper left", ncols=columns, frameon=False, fontsize=10, columnspacing=1.6,
        handlelength=2.2,
    )  # fmt: skip


def _digest(table: pd.DataFrame) -> str:
    """Return a short identifier of a table's content, so that a page can hold several."""
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:8]
