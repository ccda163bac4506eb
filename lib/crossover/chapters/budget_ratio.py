"""The chapter on the budget ratio (arXiv 2409.19759): its runs, fits, figures and the numbers that its prose quotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from IPython.display import Markdown

from crossover.chapters.common import (
    ANSWERS,
    LEVEL,
    NO_CURVES,
    QUESTIONS,
    ChapterBase,
    counted_range,
    crossover_table,
    difference,
    funnel_table,
    has_curves,
    published,
    regret,
    table,
)
from crossover.figures.crossover_map import map_of_fits
from crossover.figures.style import Picture
from crossover.labels import display_name
from crossover.params.budget_ratio import BudgetRatio
from crossover.paths import results_folder
from crossover.stats import crossovers
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.stats.formatting import interval
from crossover.stats.next_cells import Plan, next_cells
from crossover.stats.seed_size_law import held_out
from crossover.study.experiments.query_budget import draw_seeds
from crossover.study.grids import cells_of
from crossover.study.paired import paired
from crossover.study.run import run_cells
from crossover.study.select import MissingRows, settings_table
from crossover.study.store import Store, read_runs
from crossover.tasks import load_task

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

DIRECTION = (
    "Paper: new answers lead at small budget ratios, new questions at large ones (arXiv 2409.19759, section 5.2)."
)
#: The ratio of an interval's ends that is narrow enough, and the largest budgets' worth of queries that a plan may spend.
NARROW, PLANNED = 3.0, 60


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows.

    Attributes
    ----------
    published : DataFrame
        The published study's rows made with the same settings; empty in the study itself.
    fits : Fits
        A curve per strategy and seed-set size.
    crossovers : list of Crossover
        One per pair of strategies and seed-set size.
    """

    notebook: ClassVar[str] = "03_budget_ratio"
    parameters: BudgetRatio
    published: pd.DataFrame
    fits: Fits
    crossovers: list[Crossover]

    @property
    def main(self) -> list[Crossover]:
        """The crossovers of new answers and new questions, which the chapter is about."""
        return [c for c in self.crossovers if {c.first, c.second} == {ANSWERS, QUESTIONS}]

    @property
    def headline(self) -> str:
        """What to buy at small and at large budget ratios, and what always buying one strategy costs."""
        if not has_curves(self.fits):
            return f"{rule(self.main)}."
        loss = regret(self.fits, self.runs).set_index("strategy")["mean loss, points"]
        said = [
            f"always buying {display_name(s).lower()} loses {loss[display_name(s)]:.1f} points"
            for s in (QUESTIONS, ANSWERS)
            if display_name(s) in loss
        ]
        return f"{rule(self.main)}; {' and '.join(said)} on average over the tested sizes and budgets."

    def learning_curves(self) -> Picture:
        """Draw accuracy against budget ratio with the fitted curves."""
        return self.curves("learning_curves", self.runs, rule(self.main), DIRECTION, self.published)

    def crossover_map(self) -> Picture | Markdown:
        """Draw which strategy is best over seed-set size and budget; say so if there is no curve."""
        if not has_curves(self.fits):
            return NO_CURVES
        caption = (
            f"From {len(self.runs)} students on {counted_range(self.runs['n_test'], 'test problem')}, "
            f"{counted_range(self.runs.groupby('seed_size')['replicate'].nunique(), 'replicate')}. Coloured where one strategy is best in four draws of "
            f"five, white where none is. The line is the crossover of the two strategies that lead most of the map, bars its {LEVEL:.0%} interval. {DIRECTION}"
        )
        return self.figure(
            "crossover_map",
            partial(map_of_fits, self.fits),
            crossovers.table(self.crossovers),
            rule(self.main),
            caption,
        )

    def crossover_table(self) -> Styler | Markdown:
        """Return every pair of strategies' crossover, under the exponential form and under each other one."""
        return crossover_table(self.crossovers, "crossovers")

    def curve_table(self) -> Styler:
        """Return the fitted curves."""
        rows = pd.DataFrame([curve.row() for curve in self.fits]).drop(columns=["task", "message"])
        rows["strategy"], rows["status"] = rows["strategy"].map(display_name), rows["status"].str.replace("_", " ")
        return table(rows.rename(columns={"S": "seeds"}), "curves")

    def regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, over the tested sizes and budgets."""
        return table(regret(self.fits, self.runs), "regret", digits=1) if has_curves(self.fits) else NO_CURVES

    def held_out(self) -> Styler | Markdown:
        """Return the crossovers at the largest seed-set size as the smaller ones predict them, next to those measured there."""
        sizes = sorted(self.runs["seed_size"].unique())
        if len(sizes) < 3 or not has_curves(self.fits):
            return Markdown(f"Nothing to show: a prediction needs three seed-set sizes, and this run has {len(sizes)}.")
        found = held_out(self.runs, sizes[-1], LEVEL)
        found.to_csv(self.folder / "held_out.csv", index=False, float_format="%.6g")
        measured = {frozenset((c.first, c.second)): c for c in self.crossovers if c.seed_size == sizes[-1]}
        rows = []
        for r in found.itertuples():
            c = measured[frozenset((r.first, r.second))]
            rows.append({
                "lead": f"{display_name(r.first).lower()} → {display_name(r.second).lower()}",
                "predicted": _ratio(r.predicted, r.predicted_low, r.predicted_high),
                "measured": _ratio(c.ratio, *c.interval), "agreement": agreement(r.predicted, r.predicted_low, r.predicted_high, c),
            })  # fmt: skip
        return table(pd.DataFrame(rows), "held-out")

    def plan(self) -> Styler | Markdown:
        """Return how wide the main crossovers' intervals are and which cells would make them narrow enough."""
        if not {ANSWERS, QUESTIONS} <= set(self.runs["strategy"]) or not has_curves(self.fits):
            return Markdown("Nothing to plan: new answers and new questions were not both run at enough budgets.")
        planned = next_cells(self.fits, PLANNED * self.runs["budget"].max(), first=ANSWERS, second=QUESTIONS)
        return table(pd.DataFrame([_planned(p) for p in planned]), "plan")

    def funnel(self) -> Styler:
        """Return what became of the teacher's calls at the largest budget."""
        return funnel_table(self.runs)

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        runs, ratios = self.runs, self.runs["budget"] / self.runs["seed_size"]
        seconds = runs["seconds_train"].sum() + runs["seconds_eval"].sum()
        self.quote(
            rule=self.headline,
            compared=self._compared(),
            tested_seeds=counted_range(runs["seed_size"], "seed question"),
            tested_ratios=f"{ratios.min():g} to {ratios.max():g}",
            most_queries=f"{runs['budget'].max():,}",
            n_students=f"{len(runs):,}",
            n_queries=f"{runs['queries'].sum():,}",
            worker_hours=f"{seconds / 3600:.1f}",
            n_test=f"{self.parameters.n_test:,}",
            n_replicates=counted_range(runs.groupby("seed_size")["replicate"].nunique(), "replicate"),
        )

    def _compared(self) -> str:
        """Return the paired lead of new questions at the nearest ratios below and above the crossovers' intervals."""
        ends = [end for c in self.main if c.status == "found" for end in c.interval]
        if not ends or None in ends:
            return "not compared, as no interval of a crossover is closed"
        rows, ratios, said = settings_table(self.runs), self.runs["budget"] / self.runs["seed_size"], []
        for ratio in (ratios[ratios < min(ends)].max(), ratios[ratios > max(ends)].min()):
            sizes = sorted(rows.loc[ratios == ratio, "seed_size"].unique())
            points = [{"seed_size": int(size), "budget": int(size * ratio)} for size in sizes]
            terms = [{"weight": 1, "strategy": QUESTIONS}, {"weight": -1, "strategy": ANSWERS}]
            try:
                found, _ = paired(rows, self.folder, {}, points, terms) if points else (None, None)
            except MissingRows:
                continue
            if found:
                said.append(f"{difference(found.estimate, found.low, found.high)} at {ratio:g} calls per seed question")
        return ", ".join(said) or "not compared, as nothing was run outside the intervals"


def run_grid(parameters: BudgetRatio) -> pd.DataFrame:
    """Fill the results table with the cells that it lacks, and return the rows of all of the grid's cells."""
    store = Store(results_folder(parameters.results))
    cells = cells_of(parameters)
    task = load_task(cells[0].task, **cells[0].task_settings)
    # More than the task has is refused here.
    draw_seeds(max(cells, key=lambda cell: cell.seed_size), task), task.test(parameters.n_test)
    run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    runs = read_runs(store.folder, "budget_ratio")
    return runs[runs["key"].isin({cell.key for cell in cells})].reset_index(drop=True)


def run(parameters: BudgetRatio) -> Chapter:
    """Run the grid, fit it, store the fits, and return what there is to show."""
    runs = run_grid(parameters)
    folder = results_folder(parameters.results)
    fits = fit_table(runs, LEVEL)
    found = find_crossovers(fits)
    fits.table().to_csv(folder / "fits.csv", index=False, float_format="%.6g")
    crossovers.table(found).to_csv(folder / "crossovers.csv", index=False, float_format="%.6g")
    return Chapter(parameters, runs, published(runs, parameters.profile), fits, found)


def rule(found: Sequence[Crossover]) -> str:
    """Say what to buy at small and at large budget ratios, as far as the intervals of all seed-set sizes agree.

    Parameters
    ----------
    found : sequence of Crossover
        Of one pair of strategies, one per seed-set size.
    """
    there = [c for c in found if c.status == "found"]
    if not there or any(end is None for c in there for end in c.interval):
        return "These runs give no simple rule for new answers against new questions"
    low, high = min(c.interval[0] for c in there), max(c.interval[1] for c in there)
    first, second = (display_name(name).lower() for name in (there[0].first, there[0].second))
    which = "" if len(there) == len(found) else f" (from {len(there)} of {len(found)} seed-set sizes)"
    return f"Below {low:.2g} teacher calls per seed question buy {first}, above {high:.2g} buy {second}{which}"


def agreement(predicted: float, low: float, high: float, c: Crossover) -> str:
    """Say how a predicted crossover compares with the one measured: an open interval overlaps with nearly anything."""
    if pd.isna(predicted) or c.ratio is None:
        return "nothing to compare"
    factor = max(predicted / c.ratio, c.ratio / predicted)
    said = f"off by a factor of {factor:.2g}"
    if pd.isna(low) or pd.isna(high) or None in c.interval:
        return f"{said}; an interval is open"
    return f"{said}; intervals {'overlap' if low <= c.interval[1] and c.interval[0] <= high else 'do not overlap'}"


def _ratio(value: float | None, low: float | None, high: float | None) -> str:
    ends = [None if pd.isna(end) else float(end) for end in (low, high)]
    return "none" if pd.isna(value) else f"{value:.2g} ({interval(*ends)})"


def _planned(p: Plan) -> dict[str, str]:
    """Say what would bring an interval's ends within a factor of :data:`NARROW`, by the planner's expectation."""
    low, high = p.crossover.interval
    now = None if low is None or high is None else high / low
    width = next((step.width for step in p.steps if step.width is not None and step.width <= NARROW), None)
    bought = [step for step in p.steps if width is not None and step.width is not None and step.width >= width]
    if now is not None and now <= NARROW:
        said = "narrow enough"
    elif bought:
        said = f"{len(bought)} cells in {counted_range(pd.Series([len({s.replicate for s in bought})]), 'replicate')}, {bought[-1].total:,.0f} calls"
    else:
        said = p.message
    return {
        "seeds": f"{p.crossover.seed_size:g}", "crossover": _ratio(p.crossover.ratio, low, high),
        "high end / low end": "open" if now is None else f"{now:.2f}", f"to bring it within a factor of {NARROW:g}": said,
    }  # fmt: skip
