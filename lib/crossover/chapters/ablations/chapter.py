"""The chapter on ablations (arXiv 2409.19759, section 5.3): one setting changed at a time, and what that does to the choice.

A setting is changed in the teacher, the augmenter, the filter, the student or the prices; everything else stays as in the base
grid, and the change is measured against the base on the same test items.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from IPython.display import Markdown

from crossover.chapters.ablations.comparisons import COMPARISONS, effects
from crossover.chapters.budget_ratio import DIRECTION
from crossover.chapters.common import (
    ANSWERS,
    LEVEL,
    NO_CURVES,
    NOT_RUN,
    QUESTIONS,
    ChapterBase,
    alike,
    crossover_table,
    difference,
    funnel_table,
    has_curves,
    published,
    regret_table,
    table,
)
from crossover.chapters.samples import ORACLE, Wanted, samples, strategy_samples
from crossover.figures.learning_curves import learning_points
from crossover.figures.style import Picture
from crossover.labels import QUERIES_PER_SAMPLE, display_name
from crossover.params.ablations import Ablations
from crossover.stats.advice import CLEAR, advise_map
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.study.cell import Cell
from crossover.study.grids import ablations as grids
from crossover.study.run import run_grid
from crossover.study.select import settings_table

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

#: What arXiv 2607.01727 says of new questions that re-use seeds.
RESAMPLING = (
    "Paper: re-using a pool of seeds does not beat new answers; new sources do, at large budgets (arXiv 2607.01727)."
)


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows; ``published`` are the study's rows with the same settings."""

    notebook: ClassVar[str] = "04_ablations"
    parameters: Ablations
    published: pd.DataFrame

    @cached_property
    def grids(self) -> dict[str, list[Cell]]:
        """The cells of each ablation, those of the base that it is compared with included."""
        return grids.grids(self.parameters)

    # --- single budgets -----------------------------------------------------------------------------------------------

    def effects(self, name: str) -> pd.DataFrame:
        """Return the paired comparisons of one figure (:data:`crossover.chapters.ablations.comparisons.COMPARISONS`)."""
        p = self.parameters
        # An oracle's settings, which a local teacher lacks.
        dials = ("answer_error", "rephrase_drift", "invalid_rate", "coverage")
        teacher = {"teacher": "local"} if name == "local" else {dial: getattr(p, dial) for dial in dials}
        base = {
            "recipe.updates": "epochs",
            "task": p.task,
            "seed_size": p.compared_seeds,
            "verify": p.verify,
            "student_layers": p.student_layers,
        } | teacher
        return effects(self.runs, self.folder, base, COMPARISONS[name](p))

    def compare(
        self, name: str, paper: str = "", xlabel: str = "difference in test accuracy, points"
    ) -> Picture | Markdown:
        """Draw the comparisons of one figure."""
        return self.forest(
            name, self.effects(name), f"{self.parameters.compared_seeds} seed questions. {paper}".strip(), xlabel=xlabel
        )

    def overview(self) -> Picture | Markdown:
        """Draw the lead of new questions over new answers at the largest budget under each setting."""
        return self.compare(
            "overview", f"{self.parameters.high_budgets[1]} calls.", "lead of new questions over new answers, points"
        )

    def augmenter(self) -> Picture | Markdown:
        """Draw what a weak augmenter changes."""
        p = self.parameters
        mean = f"Change with a weak augmenter, mean over {p.high_budgets[0]} and {p.high_budgets[1]} calls."
        return self.compare(
            "augmenter", f"{mean} Paper: rephrasings lose little, new questions about 15 points (section 5.3.1)."
        )

    def verification(self) -> Picture | Markdown:
        """Draw what verifying answers gains."""
        return self.compare(
            "verification", "Paper: no significant gain from verification; more calls win (section 5.3.2)."
        )

    def student(self) -> Picture | Markdown:
        """Draw how the lead of new questions grows with the budget, per student."""
        low, high = self.parameters.low_budget, self.parameters.high_budgets[1]
        paper = f"Growth from {low} to {high} calls. Paper: the lead grows for every student (section 5.3.3)."
        return self.compare("student", paper, "growth of the lead of new questions, points")

    def local(self) -> Picture | Markdown:
        """Draw what fine-tuning a local teacher and augmenter gains."""
        return self.compare(
            "local",
            f"Tuned against prompted, {self.parameters.high_budgets[1]} calls. Paper: gains, little for rephrasings.",
        )

    def samples(self) -> Styler | Markdown:
        """Return a seed question, what a clean augmenter makes of it, and how a weak one spoils that."""
        p = self.parameters
        rows = strategy_samples(p.task, p.compared_seeds)[1:]
        weak = ORACLE.format(drift=f"{p.weak_augmenter:g}", coverage=1)
        rows += [
            Wanted("drifted rephrasing", rows[0].files, "rephrase", weak, unlike="rephrasing"),
            Wanted("spoilt question", rows[1].files, "new_question", weak, unlike="new question"),
        ]
        found = samples(self.folder, rows)
        return table(found, "samples") if len(found) else NOT_RUN

    def student_accuracies(self) -> Styler:
        """Return how accurate each student is at the smallest and the largest budget: one that learns nothing shows no turn."""
        rows = self.of("student")
        names = rows["recipe.student_layers"].map(lambda size: f"lowest {size:g} layers" if size else "whole")
        points = learning_points(rows.assign(strategy=rows["strategy"] + "|" + names), LEVEL)
        points[["strategy", "student"]] = points["strategy"].str.split("|", expand=True).to_numpy()
        points["column"] = points["strategy"].map(display_name) + ", " + points["budget"].astype(str) + " calls"
        shown = points.pivot(index="student", columns="column", values="accuracy").sort_index(ascending=False)
        return table(shown.reset_index(), "students").format("{:.1%}", subset=list(shown))

    def local_funnel(self, grid: str = "local") -> Styler | Markdown:
        """Return what became of the local teachers' calls in one grid: how many answers are right, how many questions new."""
        rows = self.of(grid)
        if rows.empty:
            return NOT_RUN
        said = [
            f"augmenter {'tuned' if a else 'prompted'}, teacher {'tuned' if t else 'prompted'}"
            for t, a in zip(rows["teacher.gold"], rows["augmenter.gold"], strict=True)
        ]
        return funnel_table(
            rows.assign(strategy=rows["strategy"].map(display_name) + ": " + pd.Series(said, rows.index)),
            f"funnel-{grid}",
        )

    # --- whole curves -------------------------------------------------------------------------------------------------

    def coverage(self) -> Picture:
        """Draw new answers, and new questions of every coverage."""
        return self.curves(
            "coverage",
            _by_coverage(self._two),
            self._editing,
            RESAMPLING,
            _by_coverage(alike(self.published, self._two)),
        )

    @property
    def _two(self) -> pd.DataFrame:
        rows = self.of("base", "coverage")
        return rows[rows["strategy"].isin([ANSWERS, QUESTIONS])].reset_index(drop=True)

    @cached_property
    def _coverages(self) -> list[tuple[float, Crossover]]:
        rows, share = self._two, self._two["teacher.coverage"]
        shares = sorted({*self.parameters.coverages, self.parameters.coverage})
        return [
            (s, c)
            for s in shares
            for c in find_crossovers(fit_table(rows[(rows["strategy"] == ANSWERS) | (share == s)], LEVEL), checks=False)
        ]

    def coverage_table(self) -> Styler | Markdown:
        """Return where new questions overtake new answers at each coverage."""
        return crossover_table(
            [c for _, c in self._coverages], "coverage", coverage=[f"{share:g}" for share, _ in self._coverages]
        )

    def costs(self) -> Styler | Markdown:
        """Return where new questions overtake new answers at each cost of writing a question, in answers."""
        prices = {cost: {ANSWERS: 1.0, QUESTIONS: 1.0 + cost} for cost in sorted(self.parameters.question_costs)}
        found = [
            (cost, c)
            for cost, price in prices.items()
            for c in find_crossovers(self._base_fits, price, "answers", checks=False)
        ]
        return crossover_table([c for _, c in found], "costs", cost=[f"{cost:g}" for cost, _ in found])

    @cached_property
    def _base_fits(self) -> Fits:
        rows = self.of("base")
        return fit_table(rows[rows["strategy"].isin([ANSWERS, QUESTIONS])], LEVEL)

    def costs_in_tokens(self) -> Styler | Markdown:
        """Return the crossovers in teacher calls and in the tokens that the teacher read and wrote."""
        if not has_curves(self._base_fits):
            return NO_CURVES
        spent = self.of("base").groupby("strategy")[["tokens_in", "tokens_out", "queries"]].sum()
        tokens = spent[["tokens_in", "tokens_out"]].sum(axis=1) / spent["queries"]
        price = {s: float(tokens[s]) * QUERIES_PER_SAMPLE[s] for s in (ANSWERS, QUESTIONS)}
        found = [
            c
            for costs, unit in ((None, "queries"), (price, "tokens"))
            for c in find_crossovers(self._base_fits, costs, unit, checks=False)
        ]
        return crossover_table(found, "cost-units", unit=["calls" if c.unit == "queries" else c.unit for c in found])

    def recipes(self) -> Styler | Markdown:
        """Return where new questions overtake new answers under each rule for the number of updates."""
        rows = self.of("recipes")
        if rows.empty:
            return NOT_RUN
        found = [(rule, c) for rule, some in rows.groupby("recipe.updates") for c in self._crossings(some)]
        return crossover_table([c for _, c in found], "recipes", updates=[rule for rule, _ in found])

    def _crossings(self, rows: pd.DataFrame) -> list[Crossover]:
        """Return the crossovers of new answers and new questions in some rows."""
        two = rows[rows["strategy"].isin([ANSWERS, QUESTIONS]) & (rows["budget"] > 0)]
        return find_crossovers(fit_table(two, LEVEL), checks=False)

    def advice(self, task: str) -> Styler | Markdown:
        """Return what ``crossover advise`` says at each tested budget of another task."""
        rows = self.of(task)
        rows = rows[rows["budget"] > 0]
        if rows.empty:
            return NOT_RUN
        fits = fit_table(rows, LEVEL)
        cells = sorted({*rows[["seed_size", "budget"]].itertuples(index=False, name=None)})
        return table(pd.DataFrame([_advised(fits, *cell) for cell in cells]), f"advice-{task}")

    def task_curves(self, task: str) -> Picture | Markdown:
        """Draw the strategies on another task."""
        rows = self.of(task)
        return (
            NOT_RUN
            if rows.empty
            else self.curves(task, rows, self._leads(rows), DIRECTION, alike(self.published, rows))
        )

    def task_table(self, task: str) -> Styler | Markdown:
        """Return where strategies overtake one another on another task."""
        rows = self.of(task)
        return (
            NOT_RUN
            if rows.empty
            else crossover_table(
                find_crossovers(fit_table(rows[rows["budget"] > 0], LEVEL), checks=False), f"crossovers-{task}"
            )
        )

    def mixed(self) -> Picture | Markdown:
        """Draw the split budget next to the pure strategies."""
        rows = self.of("mixed")
        return (
            NOT_RUN
            if rows.empty
            else self.curves("mixed", rows, self._leads(rows), DIRECTION, alike(self.published, rows))
        )

    def mixed_regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, a split budget among them."""
        rows = self.of("mixed")
        if rows.empty:
            return NOT_RUN
        fits = fit_table(rows[rows["budget"] > 0], LEVEL)
        return regret_table(fits, rows, "mixed-regret") if has_curves(fits) else NO_CURVES

    # --- words --------------------------------------------------------------------------------------------------------

    @cached_property
    def _lead(self) -> pd.Series:
        """The lead of new questions over new answers at the largest budget, in words, by setting."""
        rows = self.effects("overview")
        return pd.Series(
            ["not run in this profile" if r.why else difference(r.estimate, r.low, r.high) for r in rows.itertuples()],
            rows["comparison"],
        )

    @property
    def headline(self) -> str:
        """Whether new questions lead under every setting, and what their source adds."""
        p = self.parameters
        return f"{self._editing} ({p.high_budgets[1]} teacher calls, {p.compared_seeds} seed questions)."

    @property
    def _editing(self) -> str:
        edited = self._lead.get("coverage 0", "not run in this profile")
        return f"Lead of new questions over new answers: {self._lead.iloc[0]} from the whole task; {edited} as edits of the seeds"

    def _leads(self, rows: pd.DataFrame) -> str:
        """Name the strategy that leads every other one throughout, if there is one, and how many pairs cross."""
        found = find_crossovers(fit_table(rows[rows["budget"] > 0], LEVEL), checks=False)
        crossing = sum(c.status == "found" for c in found)
        decided = {s: sum(c.status == "none" and c.leader == s for c in found) for s in rows["strategy"].unique()}
        ahead = [display_name(s) for s, n in decided.items() if n == rows["strategy"].nunique() - 1 and n]
        return (
            f"{ahead[0]} lead throughout"
            if ahead
            else f"{crossing} of {len(found)} pairs of strategies have a located crossover; none leads throughout"
        )

    def numbers(self) -> None:
        """Store what the chapter's prose quotes."""
        weak, local = self.effects("augmenter"), self.effects("local")
        self.quote(
            ablation_finding=self.headline,
            weak_augmenter="; ".join(_said(weak)) or "not run in this profile",
            local_teacher="; ".join(_said(local)) or "not run in this profile",
        )


def _said(rows: pd.DataFrame) -> list[str]:
    return [
        f"{r.comparison}: {difference(r.estimate, r.low, r.high)}" for r in rows[rows["estimate"].notna()].itertuples()
    ]


def run(parameters: Ablations) -> Chapter:
    """Run the grids and return what there is to show."""
    runs = run_grid(parameters)
    return Chapter(parameters, settings_table(runs), settings_table(published(runs, parameters.profile)))


def _by_coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose new questions are named by their coverage, as strategies of their own, unless it is 1."""
    if rows.empty:
        return rows
    edited = (rows["strategy"] == QUESTIONS) & (rows["teacher.coverage"] < 1)
    names = "new_questions,_coverage_" + rows["teacher.coverage"].map("{:g}".format)
    return rows.assign(strategy=rows["strategy"].where(~edited, names))


def _advised(fits: Fits, seeds: float, budget: float) -> dict[str, str]:
    """Return the row of one tested cell: the advised strategy, or that none is best in four draws of five."""
    grid = advise_map(fits, [seeds], [budget])
    best = grid.loc[grid["p_best"].idxmax()]
    name = display_name(best["strategy"]).lower()
    choice = name if best["p_best"] >= CLEAR else f"undecided, {name} ahead"
    return {
        "seeds": f"{seeds:g}",
        "calls": f"{budget:g}",
        "advice": choice,
        "best in": f"{best['p_best']:.0%} of draws",
    }
