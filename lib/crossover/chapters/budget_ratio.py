"""The chapter on the budget ratio (arXiv 2409.19759): what a teacher call buys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters import common
from crossover.chapters.common import ANSWERS, NO_CURVES, NOT_RUN, QUESTIONS, ChapterBase
from crossover.chapters.sentences import (
    agreement,
    crossover_in_words,
    gains_in_words,
    lead_in_short,
    lead_in_words,
    listed_sizes,
    predictions_in_words,
    rule,
)
from crossover.figures.charts import heat_map, sweep
from crossover.figures.crossover_map import map_of_fits
from crossover.figures.learning_curves import gains_over_seeds, lead_and_regret
from crossover.figures.style import Picture
from crossover.labels import display_name, in_order
from crossover.params.budget_ratio import BudgetRatio
from crossover.paths import repository
from crossover.stats import crossovers
from crossover.stats.advice import CLEAR, DRAWS, advise, advise_map
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.stats.formatting import points, probability
from crossover.stats.lead import find_leads
from crossover.stats.seed_size_law import held_out
from crossover.stats.verdicts import LEVEL
from crossover.study.advice_counts import counts, crossovers_by_likelihood
from crossover.study.cell import read_cell
from crossover.study.confirmation import shown
from crossover.study.experiments.base import test_items
from crossover.study.paired import item_outcomes, outcome_table
from crossover.study.run import run_grid
from crossover.study.select import Comparison, MissingRows, Outcome, minus, settings_table
from crossover.study.store import read_runs
from crossover.tasks import load_task


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows."""

    notebook: ClassVar[str] = "03_budget_ratio"
    parameters: BudgetRatio

    @cached_property
    def fits(self) -> Fits:
        """The curves of what was bought."""
        return fit_table(self.runs[self.runs["budget"] > 0], LEVEL)

    @cached_property
    def crossovers(self) -> list[Crossover]:
        """One crossover per pair of strategies and seed-set size."""
        return find_crossovers(self.fits)

    @cached_property
    def choices(self) -> Fits:
        """What a budget can buy, nothing included: the fits, and the students of the seed questions alone."""
        return fit_table(self.runs, LEVEL)

    @cached_property
    def leads(self) -> pd.DataFrame:
        """The lead of new questions over new answers per ratio and seed-set size; size 0 is pooled over sizes."""
        rows = self.runs[self.runs["strategy"].isin([ANSWERS, QUESTIONS])]
        return self._leads(self.fits, outcome_table(rows, self.source, "correct")[1], "correct")

    def _leads(self, fits: Fits, items: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
        both = {ANSWERS, QUESTIONS} <= {c.strategy for c in fits}
        found = [
            lead.points.assign(seed_size=lead.seed_size or 0, over=" ".join(f"{size:g}" for size in lead.sizes))
            for pooled in (True, False)
            for lead in (find_leads(fits, ANSWERS, QUESTIONS, pooled, items, self.priors.get(outcome)) if both else ())
        ]
        if not found:
            return pd.DataFrame(columns=["seed_size", "ratio"])
        leads = pd.concat(found, ignore_index=True)
        return leads[leads["sizes"] == leads["over"].str.split().str.len()]  # a pooled lead, where all sizes have it

    def _pooled(self, leads: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the sizes that a lead is pooled over."""
        sizes = leads.loc[leads["seed_size"] == 0, "over"].iloc[0].split()
        return self.runs[self.runs["seed_size"].isin([float(size) for size in sizes])]

    def lead(self) -> Picture | Markdown:
        """Draw the lead of new questions over new answers, next to the loss from always buying one strategy."""
        if self.leads.empty or not common.has_curves(self.fits):
            return NOT_RUN
        losses, several = common.regret(self.choices, self.runs), self.runs["seed_size"].nunique() > 1
        how = {"pooled": "pooled over" if several else "from", "thin": "; thin lines are single sizes" * several}
        caption = self.words("lead", cells=losses["cells"].iloc[0], **how, **self.counts(self._pooled(self.leads)))
        draw = partial(lead_and_regret, self.leads, losses)
        return self.figure("lead", draw, self.leads, self._sized(lead_in_short(self.leads)), caption)

    def likelihood(self) -> Picture | Markdown:
        """Draw the same lead by the likelihood of the gold answers, where the items hold it."""
        rows = self.runs[self.runs["strategy"].isin([ANSWERS, QUESTIONS])]
        try:
            scores, items = outcome_table(rows, self.source, "gold_loglik")
        except MissingRows:
            return NOT_RUN
        leads = self._leads(fit_table(scores, LEVEL, draws=200), items, "gold_loglik")
        if leads.empty:
            return NOT_RUN
        over = self._pooled(leads)
        counts = self.counts(over[over["key"].isin(rows["key"])])
        names = {"ratio": "value", "low": "lead_low", "high": "lead_high"}
        points = leads[leads["seed_size"] == 0].rename(columns=names).assign(task=counts["sizes"], series="")
        draw = partial(sweep, points, {"lead": "lead, nats per token"}, "teacher calls per seed question", log=True)
        caption = self.words("likelihood", said=lead_in_words(leads, 1.0, "nats per token"), **counts)
        said = lead_in_short(leads)
        return self.figure("likelihood", draw, leads, f"By likelihood, {said[0].lower()}{said[1:]}", caption)

    @cached_property
    def headline(self) -> str:
        """Where new questions lead, and what always buying one strategy costs."""
        if self.leads.empty or not common.has_curves(self.fits):
            return "These runs do not compare new answers with new questions."
        loss = common.regret(self.choices, self.runs).set_index("strategy")["mean"]
        first, *others = [s for s in (QUESTIONS, ANSWERS, "seeds_only") if s in loss]
        names = {s: f"always buying {display_name(s).lower()}" for s in (QUESTIONS, ANSWERS)}
        names["seeds_only"] = "buying nothing"
        said = common.listed(
            [f"{names[first]} loses {loss[first]:.1f} points", *(f"{names[s]} {loss[s]:.1f}" for s in others)]
        )
        lead = self._sized(lead_in_words(self.leads))
        return f"{lead} Against the best choice, averaged over the tested sizes and budgets, {said}."

    def _sized(self, said: str) -> str:
        """Name the sizes that a lead is pooled over, where others were run."""
        sizes = sorted(self._pooled(self.leads)["seed_size"].unique())
        if len(sizes) == self.runs["seed_size"].nunique():
            return said
        return f"With {listed_sizes(sizes)} seed questions, {said[0].lower()}{said[1:]}"

    def learning_curves(self) -> Picture:
        """Draw accuracy against budget ratio with the fitted curves."""
        found = [c for c in self.crossovers if {c.first, c.second} == {ANSWERS, QUESTIONS}]
        return self.curves("learning_curves", self.runs, rule(found), self.words("direction"))

    def crossover_map(self) -> Picture | Markdown:
        """Draw which strategy is best over seed-set size and budget; say so if there is no curve."""
        if not common.has_curves(self.fits):
            return NO_CURVES
        caption = self.words("crossover_map", **self.counts(self.runs))
        draw, data = partial(map_of_fits, self.choices), crossovers.table(self.crossovers)
        return self.figure("crossover_map", draw, data, self._decided, caption)

    @property
    def _decided(self) -> str:
        """In how many tested cells one strategy is best in four draws of five, and which."""
        cells = sorted({*self.fits.points_table()[["seed_size", "budget"]].itertuples(index=False, name=None)})
        best = pd.concat([advise_map(self.choices, [seeds], [calls]) for seeds, calls in cells])
        counts = best[best["p_best"] >= CLEAR]["strategy"].value_counts()
        said = common.listed([f"{display_name(s).lower()} in {n}" for s, n in counts.items()]) or "none"
        return self.words("decided_title", clear=CLEAR, decided=counts.sum(), cells=len(cells), said=said)

    def crossover_table(self) -> Styler | Markdown:
        """Return every pair of strategies' crossover."""
        return common.crossover_table({"": self.crossovers}, "crossovers", rules=self.rules)

    def likelihood_table(self) -> Styler | Markdown:
        """Return every pair's crossover by the gold answers' likelihood, where the items hold it."""
        try:
            found = crossovers_by_likelihood(self.runs, self.source)
        except MissingRows:
            return NOT_RUN
        return common.crossover_table({"": found}, "likelihood-crossovers", rules=self.rules)

    @cached_property
    def rules(self) -> str:
        """Under which update rules these students, and others of the task, were trained."""
        others = pd.concat([read_runs(folder, "budget_ratio") for folder in {self.folder, self.source}])
        there = settings_table(others[others["task"] == self.parameters.task])
        return common.update_rules(self.runs["recipe.updates"], there["recipe.updates"])

    def form_table(self) -> Styler | Markdown:
        """Return the same crossovers under the exponential form and under each other one."""
        return common.form_table(self.crossovers, "forms")

    @cached_property
    def gains(self) -> pd.DataFrame:
        """Gains over training on the seeds alone, paired by replicate and test item, of which there are three or more.

        Columns ``seed_size, strategy, ratio, estimate, low, high`` (90%, fractions of 1) and ``replicates``.
        """
        runs, alone = self.runs, {"strategy": "seeds_only", "budget": 0}
        found = [
            {"seed_size": size, "strategy": strategy, "ratio": budget / size}
            | self.effect({"seed_size": size}, Comparison(minus({"strategy": strategy, "budget": budget}, alone)))
            for (size, strategy, budget), _ in runs[runs["budget"] > 0].groupby(["seed_size", "strategy", "budget"])
        ]
        columns = ["seed_size", "strategy", "ratio", "estimate", "low", "high", "replicates"]
        return pd.DataFrame(found, columns=columns).query("replicates >= 3").reset_index(drop=True)

    @property
    def _gains_scope(self) -> str:
        rows = self.runs[self.runs["seed_size"].isin(self.gains["seed_size"])]
        return "{students} students, {sizes}, {replicates}, {items}".format(**self.counts(rows))

    def worth(self) -> Picture | Markdown:
        """Draw what each strategy gains over training on the seed questions alone."""
        found = self.gains
        if found.empty:
            return NOT_RUN
        title, _, rest = gains_in_words(found).partition(". ")
        caption = f"{rest} {self.words('worth', scope=self._gains_scope)}".strip()
        return self.figure("worth", partial(gains_over_seeds, found), found, title, caption)

    def new_sizes(self) -> Styler | Markdown:
        """Return crossovers predicted before their sizes were run; in other runs, of the largest of three sizes."""
        rows = self._predictions
        if rows.empty:
            sizes = self.runs["seed_size"].nunique()
            return Markdown(f"Nothing to show: a prediction needs three seed-set sizes, and this run has {sizes}.")
        return common.table(rows.loc[:, (rows != "").any()], "new-sizes")

    @cached_property
    def _predictions(self) -> pd.DataFrame:
        """Each predicted crossover next to the one measured, in words; none where there are too few sizes."""
        sizes = sorted(self.runs["seed_size"].unique())
        if self.source != self.folder:
            found = pd.read_csv(repository() / "notebooks" / "predictions.csv")
        elif common.has_curves(self.fits) and len(sizes) > 2:
            found = held_out(self.fits, sizes[-1]).assign(by="")
        else:
            return pd.DataFrame()
        found.to_csv(self.folder / "new_sizes.csv", index=False, float_format="%.6g")
        found_here = {(c.seed_size, frozenset((c.first, c.second))): c for c in self.crossovers}
        rows = []
        for r in found.itertuples():
            predicted = (r.predicted, r.predicted_low, r.predicted_high)
            c = found_here.get((r.seed_size, frozenset((r.first, r.second))))
            rows.append({
                "predicted by": r.by,
                "seeds": f"{r.seed_size:,.0f}",
                "lead": f"{display_name(r.first).lower()} → {display_name(r.second).lower()}",
                "predicted": common.ratio(predicted[0], predicted[1:]) or "none",
                "measured": crossover_in_words(c) if c else "not run yet",
                "agreement": agreement(*predicted, c, r.first) if c else "",
            })  # fmt: skip
        return pd.DataFrame(rows)

    def foretold(self) -> Markdown:
        """Say how the predictions of these crossovers fared."""
        return Markdown(predictions_in_words(self._predictions)) if len(self._predictions) else NOT_RUN

    def samples(self) -> Styler | Markdown:
        """Return one seed question and what a call of each strategy made of it."""
        rows = self._samples()
        return common.table(rows, "samples") if len(rows) else NOT_RUN

    def _samples(self) -> pd.DataFrame:
        size = int(self.runs["seed_size"].min())
        return common.samples(self.folder, common.strategy_samples(self.parameters.task, size))

    def problems(self) -> Picture | Markdown:
        """Draw which kinds of test problems are solved, by budget and strategy, over the sizes of the pooled lead."""
        cell = read_cell(self.runs["settings"].iloc[0])
        tests = test_items(cell, load_task(cell.task, **cell.task_settings))
        kinds = {problem.id: getattr(problem.structure, "kind", None) for problem in tests}
        if None in kinds.values():
            return NOT_RUN
        rows = self.runs if self.leads.empty else self._pooled(self.leads)  # all ratios with the same sizes
        rows = rows[rows["budget"] > 0]
        right = {
            cell: pd.concat([item_outcomes(self.source, key) for key in some["key"]]).groupby(kinds).mean()
            for cell, some in rows.assign(ratio=rows["budget"] / rows["seed_size"]).groupby(["strategy", "ratio"])
        }
        found = pd.DataFrame(right).T
        order = found.mean().sort_values(ascending=False).index
        shares = {display_name(s): found.loc[s][order].T for s in in_order(found.index.levels[0])}
        first, last = (found.xs(ratio, level=1) for ratio in found.index.levels[1][[0, -1]])
        said = "Problems that are solved, by the operation that they ask for"
        if all(QUESTIONS in there.index for there in (first, last)):
            most = common.listed([f'"{kind}"' for kind in (last - first).loc[QUESTIONS].nlargest(3).index])
            said = f"From the smallest to the largest ratio new questions gain most on problems of the kinds {most}"
        data = found.rename_axis(["strategy", "ratio"]).reset_index()
        draw = partial(heat_map, shares, "teacher calls per seed question")
        return self.figure("problems", draw, data, said, self.words("problems", **self.counts(rows)))

    def funnel(self) -> Styler:
        """Return what became of the teacher's calls at the largest budget."""
        return common.funnel_table(self.runs)

    def example(self, seeds: int, queries: int) -> str:
        """Answer one reader's question as ``crossover advise`` does, outside the tested range by the nearest point."""
        table = counts(self.folder, alone=True)
        fits = fit_table(table[table["task"] == self.parameters.task], LEVEL, DRAWS)
        if len({c.strategy for c in fits if c.is_fitted}) < 2:
            return "These runs give no advice."
        advice = advise(fits, seeds, queries)
        first, second = (display_name(c.strategy).lower() for c in advice.choices[:2])
        lead, ends = points(advice.best.lead, advice.best.lead_interval)
        sure = f"best with probability {probability(advice.best.p_best)}"
        said = f"{first} lead {second} by {lead} points ({ends}, 90% interval) and are {sure}"
        if advice.nearest is None:
            return f"There {said}."
        near = f"{advice.nearest[0]:,.0f} seed questions and {advice.nearest[1]:,.0f} calls"
        trend = ""
        if (there := advice.trend) is not None:
            first, second = (display_name(name).lower() for name in (there.first, there.second))
            lead, ends = points(there.lead, there.interval)
            trend = f" Extrapolated to your numbers, {first} lead {second} by {lead} points ({ends})."
        return f"That is outside the tested range. At the nearest tested point, {near}, {said}.{trend}"

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        counts = self.counts(self.runs)
        self.quote(
            rule=self.headline,
            example=f"**You have 200 seed questions and 5,000 teacher calls?** {self.example(200, 5000)}",
            samples=common.as_html(self._samples()),
            worth="" if self.gains.empty else f"{gains_in_words(self.gains)} ({self._gains_scope}, {self.rules}.)",
            tested_seeds=counts["sizes"],
            most_queries=f"{self.runs['budget'].max():,}",
            n_students=counts["students"],
            n_test=f"{self.runs['n_test'].max():,}",
            n_replicates=counts["replicates"],
        )


def run(parameters: BudgetRatio) -> Chapter:
    """Run the grid, fit it, store the fits, and return what there is to show."""
    parameters, runs, source = shown(Chapter.notebook, parameters, run_grid(parameters))
    chapter = Chapter(parameters, settings_table(runs), source)
    stored = {"fits": chapter.fits.table(), "crossovers": crossovers.table(chapter.crossovers)}
    for name, table in stored.items():
        table.to_csv(chapter.folder / f"{name}.csv", index=False, float_format="%.6g")
    return chapter
