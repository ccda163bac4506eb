"""The chapter on the budget ratio (arXiv 2409.19759): its runs, the published ones, fits, figures and sentences.

The notebook ``03_budget_ratio`` calls what is here and adds prose. Every number that the prose quotes is computed by
:meth:`Chapter.numbers` or :meth:`Chapter.findings`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from IPython.display import Markdown

from crossover.figures import style
from crossover.figures.crossover_map import map_of_fits
from crossover.labels import display_name
from crossover.params.budget_ratio import BudgetRatio
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.advice import advise_map, regret_table
from crossover.stats.crossovers import Crossover, find_crossovers, table
from crossover.stats.curves import Fits, FittedCurve, fit_table
from crossover.stats.formatting import interval
from crossover.stats.next_cells import Plan, next_cells
from crossover.stats.seed_size_law import held_out
from crossover.study.advice_counts import common
from crossover.study.experiments.query_budget import draw_seeds
from crossover.study.grids import cells_of
from crossover.study.paired import paired
from crossover.study.run import run_cells
from crossover.study.select import MissingRows, settings_table
from crossover.study.store import Store, read_runs, save_numbers
from crossover.tasks import load_task
from crossover.teachers.serving import serving

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

LEVEL = 0.9
#: What the paper found (section 5.2), printed below the figures.
DIRECTION = "new answers lead at small budget ratios, new questions at large ones (arXiv 2409.19759, section 5.2)"
#: What a task and a teacher are, for readers who have not seen a chapter yet.
TASKS_SAID = {
    (
        "math_words",
        "oracle",
    ): "word problems from a generator, with a program as teacher that answers rightly and asks what the task can ask",
}
#: The two strategies whose crossover is the chapter's question.
PAIR = ("answer_augmentation", "new_question")
#: The ratio of an interval's ends that is narrow enough, and the largest budgets' worth of queries that a plan may spend.
NARROW, PLANNED = 3.0, 60
NO_CURVES = Markdown("Nothing to show: a curve needs at least four budgets, and no strategy was run at as many.")


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows.

    Attributes
    ----------
    parameters : BudgetRatio
    runs : DataFrame
        This run's cells, one row a cell.
    published : DataFrame
        The published study's rows made with the same settings; empty in the study itself.
    fits : Fits
        A curve for each strategy and seed-set size.
    crossovers : list of Crossover
        One for each pair of strategies and seed-set size.
    """

    parameters: BudgetRatio
    runs: pd.DataFrame
    published: pd.DataFrame
    fits: Fits
    crossovers: list[Crossover]

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    def learning_curves(self) -> style.Picture:
        """Draw accuracy against budget ratio with the fitted curves, and save figure and data."""
        figure = style.learning_curves(self.runs, self.published, curves_of(self.fits), LEVEL, DIRECTION)
        style.save(figure, "learning_curves", self.folder / "figures", style.learning_points(self.runs, LEVEL))
        return figure

    def crossover_map(self) -> style.Picture | Markdown:
        """Draw which strategy is best over seed-set size and budget, and save figure and data; say so if there is no curve."""
        if not self._has_curves:
            return NO_CURVES
        figure = map_of_fits(self.fits)
        style.print_below(figure, DIRECTION)
        style.save(figure, "crossover_map", self.folder / "figures", table(self.crossovers))
        return figure

    def regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, over the seed-set sizes and budgets that were run."""
        if not self._has_curves:
            return NO_CURVES
        return show_regret(self.fits, self.runs)

    @property
    def _has_curves(self) -> bool:
        return has_curves(self.fits)

    def funnel(self) -> Styler:
        """Return what became of the teacher's calls at the largest budget."""
        return style.funnel_table(self.runs)

    def caption(self) -> Markdown:
        """Say what the points of the learning curves are: items, replicates, interval, profile."""
        p = self.parameters
        published = (
            ""
            if self.published.empty
            else f" Hollow points and dashed lines: the published study ({self.published['replicate'].nunique()} replicates, "
            f"{self.published['n_test'].iloc[0]} test problems)."
        )
        return Markdown(
            f"Accuracy on {p.n_test} test problems against the budget ratio, {_replicates(p)}, {LEVEL:.0%} intervals; lines are "
            f"fitted exponential curves. Student {p.student}, teacher {p.teacher}, profile {p.profile}.{published}"
        )

    def map_caption(self) -> Markdown:
        """Say what the map rests on: students, items, replicates, interval, profile."""
        p, sizes = self.parameters, sorted(self.runs["seed_size"].unique())
        return Markdown(
            f"From {len(self.runs)} students: {', '.join(map(str, sizes))} seeds, {_replicates(p)}, {p.n_test} test problems; the line is the crossover of "
            f"the two strategies that lead most of the map, its band the {LEVEL:.0%} interval; profile {p.profile}."
        )

    def findings(self) -> Markdown:
        """Say what the crossovers are, one line for each pair and seed-set size."""
        return Markdown("\n".join(f"- {sentence(crossover)}" for crossover in self.crossovers))

    def held_out(self) -> Styler | Markdown:
        """Return the crossovers at the largest seed-set size as the smaller ones predict them, beside those measured there."""
        sizes = sorted(self.runs["seed_size"].unique())
        if len(sizes) < 3 or not self._has_curves:
            return Markdown(f"Nothing to show: a prediction needs three seed-set sizes, and this run has {len(sizes)}.")
        found = held_out(self.runs, sizes[-1], LEVEL)
        found.to_csv(self.folder / "held_out.csv", index=False, float_format="%.6g")
        shown = pd.DataFrame(
            {
                "change of lead": [
                    f"{display_name(a)} to {display_name(b).lower()}"
                    for a, b in zip(found["first"], found["second"], strict=True)
                ],
                "seeds": found["seed_size"],
                "predicted ratio": [
                    _ratio(*row) for row in found[["predicted", "predicted_low", "predicted_high"]].to_numpy()
                ],
                "measured ratio": [
                    _ratio(*row) for row in found[["measured", "measured_low", "measured_high"]].to_numpy()
                ],
                "measured status": found["status"].str.replace("_", " "),
                "intervals overlap": found["agree"].map({True: "yes", False: "no"}).fillna("-"),
            }
        )
        return shown.style.hide(axis="index").set_uuid("held-out")

    def plan(self) -> Styler | Markdown:
        """Return, for new answers against new questions, how wide the interval is and what would make it narrow enough."""
        if not {*PAIR} <= set(self.runs["strategy"]) or not self._has_curves:
            return Markdown("Nothing to plan: new answers and new questions were not both run at enough budgets.")
        spend = PLANNED * self.runs["budget"].max()
        rows = [_planned(p) for p in next_cells(self.fits, spend, first=PAIR[0], second=PAIR[1])]
        return pd.DataFrame(rows).style.hide(axis="index").set_uuid("plan")

    def numbers(self) -> dict[str, str]:
        """Store and return what pages of the book quote, as text by name."""
        runs, p = self.runs, self.parameters
        seconds = runs["seconds_train"].sum() + runs["seconds_eval"].sum()
        main = [c for c in self.crossovers if {c.first, c.second} == {"answer_augmentation", "new_question"}]
        numbers = {
            "findings": " ".join(map(sentence, main)) or "This run does not compare new answers with new questions.",
            "rule": rule(main, runs, self.folder),
            "task_said": TASKS_SAID.get((p.task, p.teacher), f"{p.task}, with the teacher {p.teacher_model}"),
            "n_students": f"{len(runs):,}",
            "n_queries": f"{runs['queries'].sum():,}",
            "worker_hours": f"{seconds / 3600:.1f}",
            "n_test": f"{p.n_test:,}",
        }
        save_numbers(self.folder, "03_budget_ratio", numbers)
        return numbers


def run_grid(parameters: BudgetRatio) -> pd.DataFrame:
    """Fill the results table with the cells that it lacks, and return the rows of all of the grid's cells."""
    store = Store(results_folder(parameters.results))
    cells = cells_of(parameters)
    task = load_task(cells[0].task, **cells[0].task_settings)
    # More than the task has is refused here.
    draw_seeds(max(cells, key=lambda cell: cell.seed_size), task), task.test(parameters.n_test)
    missing = parameters.serve and not {cell.key for cell in cells} <= set(read_runs(store.folder)["key"])
    with serving(parameters.serve) if missing else nullcontext("") as address:
        if address:
            cells = cells_of(parameters.model_copy(update={"base_url": f"{address}/v1"}))
        run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    runs = read_runs(store.folder, "budget_ratio")
    return runs[runs["key"].isin({cell.key for cell in cells})].reset_index(drop=True)


def run(parameters: BudgetRatio) -> Chapter:
    """Run the grid, fit it, store the fits, and return what there is to show."""
    runs = run_grid(parameters)
    folder = results_folder(parameters.results)
    fits = fit_table(runs, LEVEL)
    crossovers = find_crossovers(fits)
    fits.table().to_csv(folder / "fits.csv", index=False, float_format="%.6g")
    table(crossovers).to_csv(folder / "crossovers.csv", index=False, float_format="%.6g")
    return Chapter(parameters, runs, published(runs, parameters.profile), fits, crossovers)


def _replicates(p: BudgetRatio) -> str:
    return "one replicate" if p.replicates == 1 else f"means of {p.replicates} replicates"


def _planned(p: Plan) -> dict[str, str]:
    """Say what would bring an interval's ends within a factor of :data:`NARROW`, by the planner's expectation."""
    low, high = p.crossover.interval
    now = None if low is None or high is None else high / low
    width = next((step.width for step in p.steps if step.width is not None and step.width <= NARROW), None)
    bought = [step for step in p.steps if width is not None and step.width is not None and step.width >= width]
    if now is not None and now <= NARROW:
        said = "narrow enough"
    elif bought:
        replicates = {step.replicate for step in bought}
        said = f"{len(bought)} cells in {len(replicates)} replicate{'s' * (len(replicates) > 1)}, {bought[-1].total:,.0f} queries"
    else:
        said = p.message
    return {
        "seeds": f"{p.crossover.seed_size:g}",
        "crossover": _ratio(p.crossover.ratio, low, high),
        "high end / low end": "open" if now is None else f"{now:.2f}",
        f"to bring it within a factor of {NARROW:g}": said,
    }


def has_curves(fits: Fits) -> bool:
    """Say whether any strategy was run at enough budgets for a curve."""
    return any(curve.status != "too_few_budgets" for curve in fits.curves)


def curves_of(fits: Fits) -> dict[tuple[str, int], Callable[[np.ndarray], np.ndarray]]:
    """Return the fitted curves as functions from budget ratios to accuracies, by strategy and seed-set size."""

    def accuracy(curve: FittedCurve, ratios: np.ndarray) -> np.ndarray:
        return curve.at(ratios)[0]

    return {
        (curve.strategy, int(curve.seed_size)): functools.partial(accuracy, curve) for curve in fits if curve.is_fitted
    }


def show_regret(fits: Fits, runs: pd.DataFrame) -> Styler:
    """Return what always buying one strategy is expected to lose, over the seed-set sizes and budgets of ``runs``."""
    losses = regret_table(advise_map(fits, sorted(runs["seed_size"].unique()), sorted(runs["budget"].unique())))
    losses["strategy"] = losses["strategy"].map(display_name)
    losses[["mean_regret", "largest_regret"]] *= 100
    named = {
        "mean_regret": "mean regret, points",
        "largest_regret": "largest regret, points",
        "cells": "sizes and budgets",
    }
    return losses.rename(columns=named).style.hide(axis="index").format(precision=1).set_uuid("regret")


def published(runs: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Return the study's rows whose settings, axes of the grid apart, occur in ``runs``; none in the study itself."""
    study = read_runs(results_folder(PUBLISHED), "budget_ratio")
    return study.iloc[:0] if profile == PUBLISHED else alike(study, runs)


def alike(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return those of ``rows`` whose settings, axes of the grid apart, occur in ``runs``."""
    return rows[rows["settings"].map(common).isin(set(runs["settings"].map(common)))].reset_index(drop=True)


def _ratio(value: float | None, low: float | None, high: float | None) -> str:
    """Write a predicted or measured ratio with its interval; a missing end is open."""
    ends = [None if pd.isna(end) else float(end) for end in (low, high)]
    return "none" if pd.isna(value) else f"{value:.3g} ({interval(*ends)})"


def sentence(c: Crossover) -> str:
    """Say in Markdown what a crossover's status means, with its numbers."""
    first, second = (display_name(name).lower() for name in (c.first, c.second))
    where = f"With {c.seed_size:g} seed questions"
    if c.status == "found":
        return (
            f"{where}, **{second}** overtakes **{first}** at a budget ratio of {c.ratio:.3g} "
            f"({c.level:.0%} interval {interval(*c.interval, c.tested)}), that is at {c.queries:,.0f} queries."
        )
    if c.status == "none":
        other = first if c.leader == c.second else second
        return f"{where}, **{display_name(c.leader).lower()}** leads **{other}** at every budget that was run."
    return f"{where}, {first} against {second}: {c.status.replace('_', ' ')}. {_readable(c)}."


def rule(found: Sequence[Crossover], runs: pd.DataFrame, folder: Path) -> str:
    """Say in one line what to buy at small and at large budget ratios, as far as the intervals of all seed-set sizes agree.

    The fitted curves say so; whether students that were compared with one another at such ratios bear it out is said too.

    Parameters
    ----------
    found : sequence of Crossover
        Of new answers and new questions, one for each seed-set size.
    runs : DataFrame
        The rows behind them: what was run.
    folder : Path
        Whose ``items/`` hold the outcomes of these.
    """
    sizes, most = sorted(runs["seed_size"].unique()), runs["budget"].max()
    ran = f"{sizes[0]} to {sizes[-1]} seeds" if len(sizes) > 1 else f"{sizes[0]} seeds"
    there = [c for c in found if c.status == "found"]
    if not there or any(end is None for c in there for end in c.interval):
        return f"Measured for {ran} and up to {most} queries, the data do not give a simple rule."
    low, high = min(c.interval[0] for c in there), max(c.interval[1] for c in there)
    first, second = (display_name(name).lower() for name in (there[0].first, there[0].second))
    which = "" if len(there) == len(found) else f" (from {len(there)} of {len(found)} sizes of the seed set)"
    return (
        f"**In short: below {low:.2g} queries a seed buy {first}, above {high:.2g} buy {second}**{which}; between them it depends on the "
        f"size of the seed set. So say the fitted curves. {_compared(there[0], runs, folder, low, high)}"
        f"Measured for {ran} and up to {most} queries; beyond that it is a guess, so run a pilot first."
    )


def _compared(c: Crossover, runs: pd.DataFrame, folder: Path, low: float, high: float) -> str:
    """Say what a paired comparison at the nearest ratios below and above an interval shows, for all seed-set sizes run there."""
    rows, said = settings_table(runs), []
    ratios = rows["budget"] / rows["seed_size"]
    for ratio, better, worse in (
        (ratios[ratios < low].max(), c.first, c.second),
        (ratios[ratios > high].min(), c.second, c.first),
    ):
        if pd.isna(ratio):  # nothing was run so far out
            continue
        points = [
            {"seed_size": int(s), "budget": int(s * ratio)} for s in rows.loc[ratios == ratio, "seed_size"].unique()
        ]
        try:
            terms = [{"weight": 1, "strategy": better}, {"weight": -1, "strategy": worse}]
            found, _ = paired(rows, folder, {}, points, terms)
        except MissingRows:
            continue
        points_said = f"{100 * found.estimate:+.1f} points, {100 * found.low:.1f} to {100 * found.high:.1f}"
        verdict = "bears that out" if found.low > 0 else "speaks against it" if found.high < 0 else "does not settle it"
        said.append(
            f"comparing students directly at {ratio:g} {verdict} ({points_said} for {display_name(better).lower()})"
        )
    return f"{'; '.join(said).capitalize()}. " if said else ""


def _readable(c: Crossover) -> str:
    text = c.message
    for name in (c.first, c.second):
        text = text.replace(name, display_name(name).lower())
    return text[:1].upper() + text[1:]
