"""The chapter on ablations (arXiv 2409.19759, section 5.3): one thing changed at a time, and what that does to the choice.

The notebook ``04_ablations`` calls what is here. A setting is changed in the teacher, the augmenter, the filter, the student
or the prices, everything else stays as in the base grid, and the change is measured against the base on the same test items.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import Markdown

from crossover.chapters.ablations.comparisons import (
    ANSWERS,
    COMPARISONS,
    QUESTIONS,
    advice,
    coverage_advice,
    effects,
    sentences,
    task_advice,
)
from crossover.chapters.budget_ratio import (
    DIRECTION,
    LEVEL,
    NO_CURVES,
    alike,
    curves_of,
    has_curves,
    published,
    run_grid,
    sentence,
    show_regret,
)
from crossover.figures import forest as plots_ablations
from crossover.figures import style
from crossover.figures.style import NOT_RUN
from crossover.labels import QUERIES_PER_SAMPLE, display_name
from crossover.params.ablations import Ablations
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.crossovers import Crossover, find_crossovers, show
from crossover.stats.curves import Fits, fit_table
from crossover.study.grids import ablations as ablations_grids
from crossover.study.select import settings_table

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


#: What arXiv 2607.01727 says of new questions that re-use seeds.
RESAMPLING = "re-using a pool of seeds does not beat new answers; new sources do, at large budgets (arXiv 2607.01727)"


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows.

    Attributes
    ----------
    parameters : Ablations
    runs : DataFrame
        This run's cells, with a column for each setting (:func:`crossover.study.select.settings_table`).
    published : DataFrame
        The published study's rows with the same settings, likewise; empty in the study itself.
    """

    parameters: Ablations
    runs: pd.DataFrame
    published: pd.DataFrame

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    # --- whole curves -------------------------------------------------------------------------------------------------

    def mixed(self) -> style.Picture | Markdown:
        """Draw the split budget beside the pure strategies, and save figure and data."""
        rows = self._of("mixed")
        return NOT_RUN if rows.empty else self._curves("mixed", rows, self._of("mixed", self.published))

    def mixed_regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, a split budget among them."""
        rows = self._of("mixed")
        if rows.empty:
            return NOT_RUN
        fits = fit_table(rows, LEVEL)
        return show_regret(fits, rows) if has_curves(fits) else NO_CURVES

    def coverage(self) -> style.Picture:
        """Draw new answers and new questions of every coverage, and save figure and data."""
        return self._curves(
            "coverage", _named_by_coverage(self._two()), _named_by_coverage(self._two(self.published)), RESAMPLING
        )

    def coverage_crossovers(self) -> style.Picture | Markdown:
        """Draw where new questions overtake new answers against their coverage, and save figure and data."""
        return self._against(
            "coverage_crossovers", self._by_coverage, "coverage: share of new questions drawn from the whole task",
            "crossover: queries per seed question", RESAMPLING,
        )  # fmt: skip

    def coverage_findings(self) -> Markdown:
        """Say where the crossover lies at each coverage, and whether the interval at the least tells it from the largest's."""
        lines = [f"- Coverage {share:g}. {sentence(c)}" for share, c in self._by_coverage]
        return Markdown("\n".join(lines) + f"\n\n**For a budget.** {coverage_advice(self._by_coverage)}")

    @cached_property
    def _by_coverage(self) -> list[tuple[float, Crossover]]:
        rows = self._two()
        shares = sorted({*self.parameters.coverages, self.parameters.coverage})
        pairs = [rows[(rows["strategy"] == ANSWERS) | (rows["teacher.coverage"] == share)] for share in shares]
        return [
            (share, c)
            for share, two in zip(shares, pairs, strict=True)
            for c in find_crossovers(fit_table(two, LEVEL), checks=False)
        ]

    def costs(self) -> style.Picture | Markdown:
        """Draw the crossover against the cost of writing a question, in answers, and save figure and data."""
        return self._against(
            "costs", self._by_cost, "cost of writing one question, in answers",
            "crossover: spending per seed question,\nin answers", "a question costs as much as an answer (1)", log=True,
        )  # fmt: skip

    @cached_property
    def _by_cost(self) -> list[tuple[float, Crossover]]:
        prices = [(cost, {ANSWERS: 1.0, QUESTIONS: 1.0 + cost}) for cost in sorted(self.parameters.question_costs)]
        return [
            (cost, c) for cost, price in prices for c in find_crossovers(self._two_fits, price, "answers", checks=False)
        ]

    @cached_property
    def _two_fits(self) -> Fits:
        rows = self._of("base")
        return fit_table(rows[rows["strategy"].isin([ANSWERS, QUESTIONS])], LEVEL)

    def costs_in_tokens(self) -> Styler | Markdown:
        """Return the crossovers in queries and in the tokens that the teacher read and wrote."""
        if not has_curves(self._two_fits):
            return NO_CURVES
        spent = self._of("base").groupby("strategy")[["tokens_in", "tokens_out", "queries"]].sum()
        tokens = {
            s: float(spent.loc[s, ["tokens_in", "tokens_out"]].sum() / spent.loc[s, "queries"])
            for s in (ANSWERS, QUESTIONS)
        }
        price = {s: tokens[s] * QUERIES_PER_SAMPLE[s] for s in tokens}
        shown = [
            show(find_crossovers(self._two_fits, costs, unit, checks=False))
            .rename(columns={unit: "budget there"})
            .assign(unit=unit)
            for costs, unit in ((None, "queries"), (price, "tokens"))
        ]
        columns = ["unit", "change of lead", "S", "status", "ratio", "interval", "budget there", "P(exists)"]
        return pd.concat(shown)[columns].style.hide(axis="index").set_uuid("cost-units")

    def other_task(self, task: str) -> style.Picture | Markdown:
        """Draw the strategies on another task, and save figure and data."""
        if task not in self.parameters.other_tasks:
            return NOT_RUN
        return self._curves(task, self._of(task), self._of(task, self.published))

    def other_task_findings(self, task: str) -> Markdown | None:
        """Say where strategies overtake one another on another task."""
        if task not in self.parameters.other_tasks:
            return None
        found = find_crossovers(fit_table(self._of(task), LEVEL), checks=False)
        said = "\n".join(f"- {sentence(c)}" for c in found)
        return Markdown(f"{said}\n\n**For a budget.** {task_advice(found)}")

    # --- single budgets -----------------------------------------------------------------------------------------------

    def effects(self, ablation: str) -> pd.DataFrame:
        """Return the paired comparisons of one ablation (:func:`crossover.chapters.ablations.comparisons.effects`)."""
        p = self.parameters
        dials = (
            "answer_error",
            "rephrase_drift",
            "invalid_rate",
            "coverage",
        )  # of the oracle, which a local teacher lacks
        teacher = {"teacher": "local"} if ablation == "local" else {name: getattr(p, name) for name in dials}
        base = {
            "task": p.task,
            "seed_size": p.compared_seeds,
            "verify": p.verify,
            "student_layers": p.student_layers,
        } | teacher
        return effects(self.runs, self.folder, base, COMPARISONS[ablation](p))

    def forest(self, ablation: str) -> style.Picture | Markdown:
        """Draw the comparisons of one ablation beside the published values and, elsewhere than in the study, the study's."""
        rows = self.effects(ablation)
        if rows.empty:
            return NOT_RUN
        file = results_folder(PUBLISHED) / "figures" / f"{ablation}.csv"
        study = pd.read_csv(file) if self.parameters.profile != PUBLISHED and file.exists() else None
        return self._save(ablation, plots_ablations.forest(rows, study, LEVEL), rows)

    def findings(self, ablation: str) -> Markdown | None:
        """Say what each comparison of one ablation shows."""
        rows = self.effects(ablation)
        if rows.empty:
            return None
        return Markdown(
            "\n".join(f"- {text}" for text in sentences(rows)) + f"\n\n**For a budget.** {advice(ablation, rows)}"
        )

    def student_accuracies(self) -> Styler:
        """Return how accurate each student is at the smallest and the largest budget: one that learns nothing shows no turn."""
        rows = self._of("student")
        names = rows["recipe.student_layers"].map(lambda size: f"lowest {size} layers" if size else "whole")
        points = style.learning_points(rows.assign(strategy=rows["strategy"] + "|" + names), LEVEL)
        points[["strategy", "student"]] = points["strategy"].str.split("|", expand=True).to_numpy()
        points["strategy"] = points["strategy"].map(display_name)
        shown = points.pivot(index="student", columns=["strategy", "budget"], values="accuracy").sort_index(
            ascending=False
        )
        return shown.style.format("{:.1%}").set_uuid("students")

    def caption(self, name: str, crossovers: bool = False) -> Markdown:
        """Say what one figure's points and intervals are: the name of its comparisons, or of the grid of its curves or their crossovers."""
        p = self.parameters
        if name not in ablations_grids.grids(p):
            return Markdown("")
        rows = self._two() if name == "coverage" else self._of(name)
        if rows.empty:
            return Markdown("")
        draws = rows["replicate"].nunique()
        seeds, budgets = (sorted(rows[column].unique()) for column in ("seed_size", "budget"))
        if name in COMPARISONS:
            what = f"Differences of accuracy with {LEVEL:.0%} intervals, paired over the same {p.n_test} test problems"
            bought = f"budgets of {', '.join(map(str, budgets))} queries"
            if name == "augmenter":
                bought = f"mean over budgets of {' and '.join(map(str, p.high_budgets))} queries"
        else:
            what = f"Accuracy on {p.n_test} test problems with {LEVEL:.0%} intervals, and fitted curves"
            if crossovers:
                what = (
                    f"Crossovers of fitted curves with {LEVEL:.0%} intervals, from accuracy on {p.n_test} test problems"
                )
            bought = f"{budgets[0]} to {budgets[-1]} queries"
        replicates = "one replicate" if draws == 1 else f"{draws} replicates"
        alone = {
            1: " With one replicate an interval holds for its draw of the seeds alone.",
            2: " Two replicates leave intervals wide.",
        }
        paper = " A diamond is the paper's value, where it gives one." if name in COMPARISONS else ""
        return Markdown(
            f"{what}; {replicates}, {', '.join(map(str, seeds))} seeds, {bought}; profile {p.profile}.{paper}{alone.get(draws, '')}"
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _of(self, ablation: str, published: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the rows of one ablation's cells, or those of the published rows that have their settings."""
        own = self.runs[
            self.runs["key"].isin({cell.key for cell in ablations_grids.grids(self.parameters)[ablation]})
        ].reset_index(drop=True)
        return own if published is None else alike(published, own)

    def _two(self, published: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return new answers, and new questions of every coverage."""
        rows = pd.concat([self._of("base", published), self._of("coverage", published)]).drop_duplicates("key")
        return rows[rows["strategy"].isin([ANSWERS, QUESTIONS])].reset_index(drop=True)

    def _curves(self, name: str, rows: pd.DataFrame, published: pd.DataFrame, paper: str = DIRECTION) -> style.Picture:
        figure = style.learning_curves(rows, published, curves_of(fit_table(rows, LEVEL)), LEVEL, paper)
        return self._save(name, figure, style.learning_points(rows, LEVEL))

    def _against(
        self, name: str, found: list[tuple[float, Crossover]], xlabel: str, ylabel: str, paper: str, log: bool = False
    ):
        if all(c.p_exists is None for _, c in found):
            return NO_CURVES
        figure = plots_ablations.crossovers_against(found, xlabel, ylabel, paper, log)
        return self._save(name, figure, plots_ablations.crossover_points(found))

    def _save(self, name: str, figure: style.Picture, data: pd.DataFrame) -> style.Picture:
        style.save(figure, name, self.folder / "figures", data)
        return figure

    def local_funnel(self, grid: str = "local") -> Styler | Markdown:
        """Return what became of the local teachers' calls in one grid: how many answers are right, and how many questions new."""
        if grid not in ablations_grids.grids(self.parameters):
            return NOT_RUN
        rows = self._of(grid)
        if rows.empty:
            return NOT_RUN
        gold = ["augmented with " + ("gold" if a else "prompts") + (", answered with gold" if t else ", answered with prompts")
                for t, a in zip(rows["teacher.gold"], rows["augmenter.gold"], strict=True)]  # fmt: skip
        return style.funnel_table(
            rows.assign(strategy=rows["strategy"].map(display_name) + ", " + pd.Series(gold, rows.index))
        )


def run(parameters: Ablations) -> Chapter:
    """Run the grids and return what there is to show."""
    runs = run_grid(parameters)
    return Chapter(parameters, settings_table(runs), settings_table(published(runs, parameters.profile)))


def _named_by_coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose new questions are named by their coverage, as strategies of their own."""
    if rows.empty:
        return rows
    names = "new_question,_coverage_" + rows["teacher.coverage"].map("{:g}".format)
    return rows.assign(strategy=rows["strategy"].where(rows["strategy"] != QUESTIONS, names))
