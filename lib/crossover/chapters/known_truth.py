"""The chapter on known truth: set curves through the same code as real results, and what the method can see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from textwrap import fill
from typing import ClassVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler
from scipy.special import ndtri

from crossover.chapters.common import ChapterBase, counted_range, listed, table
from crossover.figures.learning_curves import curve_points, fitted_points, learning_curves
from crossover.figures.style import INK, MUTED, SHADE, Picture, legend, mark, panels, styled
from crossover.labels import TASKS, counted, display_name
from crossover.params.profiles import KnownTruth
from crossover.paths import PUBLISHED, results_folder
from crossover.stats import simulation
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.simulation import MISSPECIFIED, UNSEEN, Scenario
from crossover.stats.verdicts import LEAST_SIGNAL

#: How the quantities of coverage are drawn.
_MARKS = {
    "crossover": ("this library's interval", INK, "o", INK),
    "replicates pooled": ("replicates pooled into one", MUTED, "X", MUTED),
}
_WANTED = (0.87, 0.93)
WITHIN = 0.05  # how far the prediction of a largest budget may miss, in accuracy


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """A worked example (``world``), this run's ``runs`` (coverage) and ``replicates``, and three committed tables."""

    notebook: ClassVar[str] = "00_known_truth"
    experiment: ClassVar[str] = ""  # its students are simulated
    parameters: KnownTruth
    world: Scenario
    fits: Fits
    crossover: Crossover
    recovered: pd.DataFrame
    published: pd.DataFrame
    replicates: pd.DataFrame
    left_out: pd.DataFrame
    signal: pd.DataFrame

    @property
    def headline(self) -> str:
        """How often the interval covers the truth."""
        ours = self.published[self.published["quantity"] == "crossover"]
        least, most = ours["rate"].min(), ours["rate"].max()
        few = min(simulation.ALL[design].replicates for design in ours["design"])
        sizes = {"studies": f"{ours['studies'].min():,.0f}", "replicates": few}
        return self.words("known_truth_headline", least=least, most=most, **sizes)

    def recovery(self) -> Picture:
        """Draw the worked example: fitted curves over the true ones."""
        judged, w = self.recovered.dropna(subset=["holds"]), self.world
        title = f"{judged['holds'].astype(bool).sum()} of {len(judged)} intervals hold the true value in this study"
        size = {"n_budgets": len(w.ratios), "seed_size": w.seed_size, "replicates": w.replicates}
        caption = self.words("recovery", n_test=f"{w.n_test:,}", **size)
        draw = partial(draw_recovery, w, self.fits, self.crossover)
        return self.figure("known_truth_recovery", draw, self.recovered, title, caption)

    def coverage_figure(self) -> Picture:
        """Draw the committed coverage with this run's fainter beside it."""
        mine = None if self.published is self.runs else self.runs
        t = self.published
        ours, pooled = (t.loc[t["quantity"] == q, "rate"] for q in ("crossover", "replicates pooled"))
        here = "" if mine is None else f" (faint: {int(mine['studies'].iloc[0]):,} in this run)"
        title = self.words("coverage_title", least=ours.min(), most=ours.max(), pooled=pooled.min())
        caption = self.words("coverage", studies=f"{int(t['studies'].iloc[0]):,}", here=here)
        draw = partial(draw_coverage, t, mine, self.fits.level)
        return self.figure("known_truth_coverage", draw, t, title, caption)

    def coverage_table(self) -> Styler:
        """Return the committed coverage ± two Monte Carlo errors by design and quantity."""
        found = self.published[self.published["level"] == self.fits.level]
        cell = [f"{r.rate:.1%} ± {2 * r.mc_error:.1%}" if pd.notna(r.rate) else "-" for r in found.itertuples()]
        wide = found.assign(cell=cell).pivot(index="quantity", columns="title", values="cell").fillna("")
        names = ["crossover", "replicates pooled", "lead", "accuracy", "status"]
        names += [q for q in wide.index if q not in names]
        wide = wide.loc[names, list(dict.fromkeys(found["title"]))].rename(index=_readable)
        return table(wide.rename_axis(columns=None).reset_index(), "coverage")

    def replicates_figure(self) -> Picture:
        """Draw coverage and width against the number of replicates."""
        t = self.replicates
        first, more = t.iloc[0], t.iloc[1:]
        said = [f"in {first['rate']:.0%} with {counted(first['replicates'], 'replicate')}"]
        if len(more):
            least, most = more["rate"].min(), more["rate"].max()
            said.append(f"in {least:.0%} to {most:.0%} with {counted_range(more['replicates'], 'replicate')}")
        draw = partial(draw_replicates, t, self.fits.level)
        studies = f"{int(t['studies'].iloc[0]):,}"
        title = f"The interval holds the true crossover {listed(said)} ({studies} simulated studies each)"
        return self.figure("known_truth_replicates", draw, t, title, self.words("replicates", studies=studies))

    def calibration(self) -> Picture:
        """Draw how often intervals of every level hold the truth, for exponential curves and for others."""
        t = self.published[self.published["quantity"].isin(["lead", "accuracy"])]
        at = t[t["level"] == self.fits.level]
        worst = t.loc[(t["level"] - t["rate"]).idxmax()]
        falls = worst["level"] < self.fits.level and worst["level"] - worst["rate"] > 2 * worst["mc_error"]
        short = self.words("calibration_short", worst=worst) if falls else ""
        title = self.words("calibration_title", at=at.loc[at["rate"].idxmin()], short=short)
        draw = partial(draw_calibration, t, {w.name for w in (*MISSPECIFIED, *UNSEEN)})
        return self.figure("known_truth_calibration", draw, t, title, self.words("calibration"))

    def left_out_table(self) -> Styler:
        """Return, by strategy, how many left-out cells their intervals hold, and the replicates for :data:`WITHIN`."""
        rows = []
        for (task, strategy), part in self.left_out.groupby(["task", "strategy"]):
            last = part[part["largest"]]
            miss = 100 * (last["predicted"] - last["measured"])
            wanted = last["replicates"] * (last["error"] / WITHIN * ndtri(0.95)) ** 2
            held = f"{part['held'].sum()} of {len(part)} ({part['held'].mean():.0%})"
            row = [TASKS[task], display_name(strategy), held, f"{last['held'].sum()} of {len(last)}"]
            rows.append([*row, ", ".join(f"{round(v):+d}" for v in miss), f"{np.ceil(wanted.median()):.0f}"])
        columns = ["task", "strategy", "cells held", "largest budgets held", "largest budgets, points missed by"]
        return table(pd.DataFrame(rows, columns=[*columns, f"replicates for {100 * WITHIN:.0f} points"]), "left-out")

    def signal_table(self) -> Styler:
        """Return how far a task's conditions and its replicates lie apart, and whether verdicts may rest on it."""
        found = self.signal.assign(rests=np.where(self.signal["ratio"] >= LEAST_SIGNAL, "yes", "no"))
        found[["signal", "noise"]] *= 100
        names = {f: f"between {of}, points" for f, of in (("signal", "conditions"), ("noise", "replicates"))}
        found["task"] = found["task"].map(TASKS)
        return table(found.rename(columns=names | {"rests": "verdicts rest on it"}), "signal", digits=1)


def _readable(quantity: str) -> str:
    """Return a quantity's name with its strategy in readers' words."""
    what, of, strategy = quantity.partition(" of ")
    return f"{what} of {display_name(strategy).lower()}" if of and "_" in strategy else quantity


def run(p: KnownTruth) -> Chapter:
    """Simulate everything that the chapter shows and write the tables under ``known_truth`` in the results folder."""
    folder = results_folder(p.results) / "known_truth"
    folder.mkdir(parents=True, exist_ok=True)
    world = simulation.ALL[p.example]
    fits, found = simulation.study(world, p.seed, p.level, max(p.draws, 1000), checks=True)
    designs = [simulation.ALL[name] for name in p.designs]
    tables = {
        "recovered": simulation.recovered(world, fits, found),
        "coverage": simulation.coverage(designs, p.studies, p.draws, p.level, p.seed),
        "replicates": simulation.replicates_seen(max(2, p.studies // 2), p.level, p.draws, p.seed),
    }
    for name, made in tables.items():
        made.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    published, left_out, signal = (_committed(name) for name in ("coverage", "left_out", "signal"))
    runs = tables.pop("coverage")
    published = runs if published.empty else published
    return Chapter(p, runs, folder, world, fits, found, published=published, left_out=left_out, signal=signal, **tables)


def _committed(name: str) -> pd.DataFrame:
    """Return a committed table, an empty one where there is none yet."""
    path = results_folder(PUBLISHED) / f"{name}.csv"
    columns = ["task", "strategy", "signal", "noise", "ratio"]
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


@styled
def draw_recovery(world: Scenario, fits: Fits, found: Crossover, narrow: bool = False) -> Picture:
    """Draw the fitted curves of one simulated study, with the curves that made it as dotted lines."""
    figure = learning_curves(fitted_points(fits), curve_points(fits, 1.5), band=True, found=[found], narrow=narrow)
    axes = figure.axes[0]
    x = np.geomspace(*axes.get_xlim(), 200)
    for truth in (world.early, world.late):
        axes.plot(x, truth(x), color=INK, linewidth=1.2, linestyle=":", zorder=6)
    true = world.crossover()
    if true is not None and x[0] <= true <= x[-1]:
        axes.axvline(true, color=INK, linewidth=1, linestyle=":", zorder=1)
        axes.annotate(f"true crossover {true:.2g}", (true, 0.98), (-4, 0), xycoords=axes.get_xaxis_transform(),
                      textcoords="offset points", ha="right", va="top")  # fmt: skip
    figure.legends[0].remove()
    crossing = mark("crossover and its interval", INK, "d", linestyle="-")
    legend(figure, [mark("true curves", INK, "", linestyle=":"), crossing])
    return figure


def _errors(rows: pd.DataFrame) -> np.ndarray:
    """Two Monte Carlo errors either way (2, n), within 0 and 1."""
    error = 2 * rows["mc_error"]
    return np.array([np.minimum(error, rows["rate"]), np.minimum(error, 1 - rows["rate"])])


@styled
def draw_coverage(
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
            axes.errorbar(rows.loc[at, "rate"], y, xerr=_errors(rows.loc[at]), color=colour, marker=marker,
                          markerfacecolor=face, markersize=7, alpha=alpha, linestyle="none", capsize=2,
                          zorder=4)  # fmt: skip
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
def draw_calibration(table: pd.DataFrame, misspecified: set[str], narrow: bool = False) -> Picture:
    """Draw coverage against the nominal level, one line per design, for the lead and for expected accuracy."""
    figure, axes = panels(2, 3.4, narrow)
    for panel, quantity in zip(axes, ("lead", "accuracy"), strict=True):
        panel.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1, zorder=1)
        for design, rows in table[table["quantity"] == quantity].groupby("design"):
            colour, line = (MUTED, "--") if design in misspecified else (INK, "-")
            panel.plot(rows["level"], rows["rate"], color=colour, linestyle=line, linewidth=1.2, marker="o",
                       markersize=3)  # fmt: skip
        panel.set(xlabel="nominal level", ylabel=f"coverage, {quantity}")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.grid()
    entries = [mark("exponential truths", INK, "", linestyle="-"), mark("other truths", MUTED, "", linestyle="--")]
    legend(figure, entries)
    return figure


@styled
def draw_replicates(table: pd.DataFrame, level: float = 0.9, narrow: bool = False) -> Picture:
    """Draw coverage and width of the crossover's interval against the number of replicates."""
    figure, (left, right) = panels(2, 3.0, narrow)
    left.axhspan(*_WANTED, color=SHADE, zorder=0)
    left.axhline(level, color=MUTED, linewidth=1)
    left.errorbar(table["replicates"], table["rate"], yerr=_errors(table), color=INK, marker="o", capsize=2,
                  linewidth=1.5)  # fmt: skip
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
