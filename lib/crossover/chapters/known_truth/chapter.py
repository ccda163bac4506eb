"""The chapter on known truth: worlds with set curves through the same code, and what the method can and cannot see.

The notebook ``00_known_truth`` calls :func:`run` and shows what the :class:`Chapter` holds. The coverage table that the
book quotes is the committed one, ``results/study/coverage.csv``; ``python -m crossover.chapters.known_truth.chapter`` makes it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from crossover.chapters.budget_ratio import sentence
from crossover.chapters.known_truth import figures
from crossover.errors import CrossoverError, nearest
from crossover.figures import style
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits
from crossover.stats.simulation import scenarios, stress
from crossover.stats.simulation.scenarios import Scenario

STUDIES, DRAWS = 2000, 500  # behind the committed table


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows; tables are also written as CSV to ``folder``.

    Attributes
    ----------
    world : Scenario
        The world of the worked example.
    fits : Fits
    crossover : Crossover
    recovered : DataFrame
        Estimates beside the truth.
    coverage : DataFrame
        This run's coverage table.
    published : DataFrame
        The committed one; this run's where there is none yet.
    replicates, wrong_form : DataFrame
        See :mod:`crossover.stats.simulation.stress`.
    folder : Path
    """

    world: Scenario
    fits: Fits
    crossover: Crossover
    recovered: pd.DataFrame
    coverage: pd.DataFrame
    published: pd.DataFrame
    replicates: pd.DataFrame
    wrong_form: pd.DataFrame
    folder: Path

    def recovery_figure(self) -> style.Picture:
        """Draw the worked example: fitted curves over the true ones."""
        return self._saved("recovery", figures.recovery(self.world, self.fits, self.crossover), self.recovered)

    def recovery_sentence(self) -> str:
        """How many of the example's intervals hold the truth."""
        judged = self.recovered.dropna(subset=["holds"])
        held = int(judged["holds"].astype(bool).sum())
        return (
            f"In this one study, {held} of {len(judged)} intervals at {self.fits.level:.0%} hold the true value. "
            f"The true crossover is at a ratio of {self.world.crossover():.3g}. {sentence(self.crossover)}"
        )

    def coverage_figure(self) -> style.Picture:
        """Draw the committed coverage with this run's hollow beside it."""
        mine = None if self.published is self.coverage else self.coverage
        return self._saved("coverage", figures.coverage(self.published, mine, self.fits.level), self.published)

    def coverage_table(self) -> pd.DataFrame:
        """The committed table for reading: coverage ± Monte Carlo error by design and quantity."""
        table = self.published
        cell = [
            f"{r.rate:.1%} ± {r.mc_error:.1%}" if pd.notna(r.rate) else "-"
            for r in table[["rate", "mc_error"]].itertuples()
        ]
        wide = table.assign(cell=cell).pivot(index="title", columns="quantity", values="cell").fillna("")
        first = ["crossover", "t interval over replicates", "replicates pooled", "status"]
        return wide.loc[list(dict.fromkeys(table["title"])), first + [c for c in wide if c not in first]]

    def coverage_sentence(self) -> str:
        """Smallest and largest coverage of the crossover, of pooling, and of the statuses."""
        t = self.published
        ours, pooled = (t.loc[t["quantity"] == q, "rate"] for q in ("crossover", "replicates pooled"))
        status = t.loc[t["quantity"] == "status", "rate"]
        curve = t.loc[t["quantity"].str.startswith(("E of", "tau of")), "rate"]
        inside = int(ours.between(0.87, 0.93).sum())
        return (
            f"Over {len(ours)} designs of {int(t['studies'].iloc[0]):,} simulated studies each, intervals at a nominal "
            f"{t['level'].iloc[0]:.0%} hold the true crossover in {ours.min():.1%} to {ours.max():.1%} of studies "
            f"({inside} of {len(ours)} designs within 87% to 93%; Monte Carlo error at most "
            f"{t['mc_error'].max():.1%}). Asymptotes and scales are held in {curve.min():.1%} or more where the status "
            f"is ok. Adding up counts over replicates as if they were one would hold it in as few as "
            f"{pooled.min():.1%}. Where the data can tell, the status is the right one in {status.min():.1%} or more."
        )

    def replicates_figure(self) -> style.Picture:
        """Draw coverage and width against the number of replicates."""
        return self._saved("replicates", figures.replicates(self.replicates, self.fits.level), self.replicates)

    def replicates_sentence(self) -> str:
        """What one replicate hides."""
        one, most = self.replicates.iloc[0], self.replicates.iloc[-1]
        return (
            f"With {one.replicates:.0f} replicate the interval holds the true crossover in {one.rate:.0%} of studies, "
            f"with {most.replicates:.0f} in {most.rate:.0%} (± {max(one.mc_error, most.mc_error):.0%}): the luck of a "
            f"seed set moves all its budgets together, and nothing inside one replicate can show it."
        )

    def wrong_form_table(self) -> pd.DataFrame:
        """The wrong-form stress for reading."""
        t = self.wrong_form
        return pd.DataFrame(
            {
                "true form": t["truth"].str.replace("_", " "),
                "fitted form": t["fitted"].str.replace("_", " "),
                "crossover held": [f"{r:.0%} ± {e:.0%}" for r, e in zip(t["rate"], t["mc_error"], strict=True)],
                "median estimate / truth": t["median_over_true"].map("{:.2f}".format),
                "lack of fit noticed": t["lack_of_fit"].map("{:.0%}".format),
                "accuracy missed at 4x the range": t["beyond_miss"].map("{:+.3f}".format),
            }
        )

    def caption(self, figure: str) -> Markdown:
        """Say what the points and bars of a figure are: ``"recovery"``, ``"coverage"`` or ``"replicates"``."""
        w, level, errors = self.world, f"{self.fits.level:.0%} intervals", "bars are two Monte Carlo errors either way"
        mine = (
            ""
            if self.published is self.coverage
            else f", {int(self.coverage['studies'].iloc[0]):,} in this run (hollow)"
        )
        said = {
            "recovery": f"One simulated study: {len(w.ratios)} budgets of {w.seed_size} seeds, {w.replicates} replicates, "
            f"{w.n_test:,} test items a cell, {level}",
            "coverage": f"{int(self.published['studies'].iloc[0]):,} simulated studies a design{mine}, {level}; {errors}",
            "replicates": f"{int(self.replicates['studies'].iloc[0]):,} simulated studies a point, {level}; {errors}",
        }[figure]
        return Markdown(f"{said}; results of {self.folder.parent.name}.")

    def _saved(self, name: str, figure: style.Picture, data: pd.DataFrame) -> style.Picture:
        style.save(figure, f"known_truth_{name}", self.folder.parent / "figures", data)
        return figure


def run(
    results: str = "laptop",
    studies: int = 100,
    draws: int = 300,
    level: float = 0.9,
    seed: int = 0,
    designs: Iterable[str] = tuple(scenarios.ALL),
    example: str = "shared_3",
) -> Chapter:
    """Simulate everything that the chapter shows and write the tables under ``results/<results>/known_truth``.

    Parameters
    ----------
    results : str
        Folder under ``results/``.
    studies : int
        Simulated studies a design (coverage); the stress tests take half of them.
    draws : int
        Bootstrap draws a study.
    level : float
        Level of the intervals.
    seed : int
    designs : iterable of str
        Names in ``worlds.ALL``.
    example : str
        The design of the worked example.
    """
    chosen = [_world(name) for name in designs]
    world = _world(example)
    folder = results_folder(results) / "known_truth"
    folder.mkdir(parents=True, exist_ok=True)
    fits, found = scenarios.study(world, seed, level, max(draws, 1000), checks=True)
    half = max(2, studies // 2)
    tables = {
        "recovered": scenarios.recovered(world, seed, level, max(draws, 1000)),
        "coverage": scenarios.coverage(chosen, studies, draws, level, seed),
        "replicates": stress.replicates_seen(half, level, draws, seed),
        "wrong_form": stress.wrong_form(half, level, draws, seed),
    }
    for name, table in tables.items():
        _write(table, folder / f"{name}.csv")
    committed = results_folder(PUBLISHED) / "coverage.csv"
    published = pd.read_csv(committed) if committed.exists() else tables["coverage"]
    return Chapter(world, fits, found, published=published, folder=folder, **tables)


def _world(name: str) -> Scenario:
    if name not in scenarios.ALL:
        raise CrossoverError(f"no design {name!r}.{nearest(name, scenarios.ALL)}")
    return scenarios.ALL[name]


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def main() -> None:
    """Make the committed coverage table again."""
    path = results_folder(PUBLISHED) / "coverage.csv"
    table = scenarios.coverage(scenarios.ALL.values(), STUDIES, DRAWS, progress=_show)
    _write(table, path)
    print(f"\n{path}")


def _show(world: Scenario, done: int) -> None:
    if done % 50 == 0:
        print(f"\r{world.title}: {done} of {STUDIES} studies ", end="", flush=True)


if __name__ == "__main__":
    main()
