"""The chapter on known truth: worlds with set curves through the same code, and what the method can and cannot see.

The notebook ``00_known_truth`` calls :func:`run` and shows what the :class:`Chapter` holds. The book quotes the
committed ``coverage.csv``, ``left_out.csv`` and ``signal.csv`` of results/study; ``python -m
crossover.chapters.known_truth.chapter`` makes them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.special import ndtri

from crossover.chapters.common import ChapterBase, counted, table
from crossover.chapters.known_truth import figures
from crossover.figures.style import Picture
from crossover.labels import TASKS, display_name
from crossover.params.known_truth import KnownTruth
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.noise import signal_to_noise
from crossover.stats.seed_size_law import left_out_cells
from crossover.stats.simulation import coverage as simulated
from crossover.stats.simulation.scenarios import ALL, MISSPECIFIED, UNSEEN, Scenario, scenarios_named
from crossover.stats.verdicts import LEAST_SIGNAL
from crossover.study.advice_counts import counts

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

STUDIES, DRAWS = 1000, 400  # behind the committed table
WITHIN = 0.05  # how far the prediction of a largest budget may miss, in accuracy


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows.

    ``world`` is that of the worked example, with its ``fits``, ``crossover`` and estimates beside the truth
    (``recovered``); ``runs`` (coverage) and ``replicates`` are this run's simulations. ``published`` is the committed
    coverage (this run's where there is none), ``left_out`` and ``signal`` are of the committed study's own cells, empty
    where there are none.
    """

    notebook: ClassVar[str] = "00_known_truth"
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
        """How often the interval covers the truth, and how often with one replicate."""
        ours = self.published.loc[self.published["quantity"] == "crossover", "rate"]
        one = self.replicates.set_index("replicates")["rate"].loc[1]
        return (
            f"On simulated studies the {self.fits.level:.0%} interval covers the true crossover {ours.min():.0%} to"
            f" {ours.max():.0%} of the time; with one replicate, {one:.0%}."
        )

    def recovery(self) -> Picture:
        """Draw the worked example: fitted curves over the true ones."""
        judged, w = self.recovered.dropna(subset=["holds"]), self.world
        held = int(judged["holds"].astype(bool).sum())
        caption = (
            f"One simulated study: {len(w.ratios)} budgets of {w.seed_size} seeds, {w.replicates} replicates,"
            f" {w.n_test:,} test items per cell; bars are standard errors, bands intervals."
        )
        title = f"{held} of {len(judged)} intervals hold the true value in this study"
        return self._figure(
            "recovery", partial(figures.recovery, w, self.fits, self.crossover), self.recovered, title, caption
        )

    def recovered_table(self) -> Styler:
        """Return the worked example's estimates beside the truth."""
        found = self.recovered.assign(quantity=self.recovered["quantity"].map(_readable))
        found["holds"] = found["holds"].map({True: "yes", False: "no"}).fillna("")
        return table(found, "recovered", digits=3)

    def coverage_figure(self) -> Picture:
        """Draw the committed coverage with this run's fainter beside it."""
        mine = None if self.published is self.runs else self.runs
        t = self.published
        ours, pooled = (t.loc[t["quantity"] == q, "rate"] for q in ("crossover", "replicates pooled"))
        here = "" if mine is None else f" (faint: {int(mine['studies'].iloc[0]):,} in this run)"
        title = (
            f"The interval holds the true crossover in {ours.min():.0%} to {ours.max():.0%} of studies; with replicates"
            f" pooled, in as few as {pooled.min():.0%}"
        )
        caption = (
            f"{int(t['studies'].iloc[0]):,} simulated studies per design{here}; bars are two Monte Carlo errors either"
            " way."
        )
        return self._figure("coverage", partial(figures.coverage, t, mine, self.fits.level), t, title, caption)

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
        said = ", ".join(
            f"{r.rate:.0%} with {counted(r.replicates, 'replicate')}" for r in self.replicates.head(3).itertuples()
        )
        caption = (
            f"{int(self.replicates['studies'].iloc[0]):,} simulated studies per point; bars are two Monte Carlo errors"
            " either way."
        )
        draw = partial(figures.replicates, self.replicates, self.fits.level)
        return self._figure(
            "replicates", draw, self.replicates, f"The interval holds the true crossover in {said}", caption
        )

    def calibration(self) -> Picture:
        """Draw how often intervals of every level hold the truth, for exponential curves and for others."""
        t = self.published[self.published["quantity"].isin(["lead", "accuracy"])]
        at = t[t["level"] == self.fits.level]
        worst = at.loc[at["rate"].idxmin()]
        title = f"At {self.fits.level:.0%} the least coverage is {worst.rate:.0%} ({worst.quantity}, {worst.title})"
        caption = "Each line is a design; the diagonal is exact calibration."
        draw = partial(figures.calibration, t, {w.name for w in (*MISSPECIFIED, *UNSEEN)})
        return self._figure("calibration", draw, t, title, caption)

    def left_out_table(self) -> Styler:
        """Return, by strategy, how many left-out cells their intervals hold, and the replicates for :data:`WITHIN`."""
        rows = []
        for (task, strategy), part in self.left_out.groupby(["task", "strategy"]):
            last = part[part["largest"]]
            miss = 100 * (last["predicted"] - last["measured"])
            wanted = last["replicates"] * (last["error"] / WITHIN * ndtri(0.95)) ** 2
            rows.append(
                {
                    "task": TASKS[task], "strategy": display_name(strategy),
                    "cells held": f"{part['held'].sum()} of {len(part)} ({part['held'].mean():.0%})",
                    "largest budgets held": f"{last['held'].sum()} of {len(last)}",
                    "largest budgets, points missed by": ", ".join(f"{v:+.0f}" for v in miss),
                    f"replicates for {100 * WITHIN:.0f} points": f"{np.ceil(wanted.median()):.0f}",
                }
            )  # fmt: skip
        return table(pd.DataFrame(rows), "left-out")

    def signal_table(self) -> Styler:
        """Return how far a task's conditions and its replicates lie apart, and whether verdicts may rest on it."""
        found = self.signal.assign(verdicts=np.where(self.signal["ratio"] >= LEAST_SIGNAL, "yes", "no"))
        found[["signal", "noise"]] *= 100
        names = {
            "signal": "between conditions, points",
            "noise": "between replicates, points",
            "verdicts": "verdicts rest on it",
        }
        found["task"] = found["task"].map(TASKS)
        return table(found.rename(columns=names), "signal", digits=1)

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        self.quote(known_truth_finding=self.headline)

    def _figure(self, name: str, draw: Callable[..., Picture], data: pd.DataFrame, title: str, caption: str) -> Picture:
        return self.figure(f"known_truth_{name}", draw, data, title, f"{caption} {self.fits.level:.0%} intervals.")


def _readable(quantity: str) -> str:
    """Return a quantity's name with its strategy in readers' words."""
    what, of, strategy = quantity.partition(" of ")
    return f"{what} of {display_name(strategy).lower()}" if of and "_" in strategy else quantity


def run(p: KnownTruth) -> Chapter:
    """Simulate everything that the chapter shows and write the tables under ``known_truth`` in the results folder."""
    chosen, (world,) = scenarios_named(p.designs), scenarios_named([p.example])
    folder = results_folder(p.results) / "known_truth"
    folder.mkdir(parents=True, exist_ok=True)
    fits, found = simulated.study(world, p.seed, p.level, max(p.draws, 1000), checks=True)
    tables = {
        "recovered": simulated.recovered(world, p.seed, p.level, max(p.draws, 1000)),
        "coverage": simulated.coverage(chosen, p.studies, p.draws, p.level, p.seed),
        "replicates": simulated.replicates_seen(max(2, p.studies // 2), p.level, p.draws, p.seed),
    }
    for name, made in tables.items():
        _write(made, folder / f"{name}.csv")
    published, left_out, signal = (_committed(name) for name in ("coverage", "left_out", "signal"))
    runs = tables.pop("coverage")
    published = runs if published.empty else published
    return Chapter(p, runs, world, fits, found, published=published, left_out=left_out, signal=signal, **tables)


def _committed(name: str) -> pd.DataFrame:
    """Return a committed table, an empty one where there is none yet."""
    path = results_folder(PUBLISHED) / f"{name}.csv"
    return (
        pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["task", "strategy", "signal", "noise", "ratio"])
    )


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def main() -> None:
    """Make the committed tables again."""
    folder = results_folder(PUBLISHED)
    rows = counts(folder)
    rows = rows[~rows["task"].str.contains(", ")]  # a dial's task holds the main task's rows once more
    _write(signal_to_noise(rows), folder / "signal.csv")
    _write(left_out_cells(rows), folder / "left_out.csv")
    _write(simulated.coverage(ALL.values(), STUDIES, DRAWS, progress=_show), folder / "coverage.csv")


def _show(world: Scenario, done: int) -> None:
    if done % 50 == 0:
        print(f"\r{world.title}: {done} of {STUDIES} studies ", end="", flush=True)


if __name__ == "__main__":
    main()
