"""The chapter on the budget ratio (arXiv 2409.19759): its runs, fits, figures and the numbers that its prose quotes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from IPython.display import Markdown

from crossover.chapters import worth
from crossover.chapters.common import (
    ANSWERS,
    LEVEL,
    NO_CURVES,
    NOT_RUN,
    QUESTIONS,
    ChapterBase,
    counted_range,
    crossover_table,
    form_table,
    funnel_table,
    has_curves,
    published,
    regret,
    regret_table,
    table,
)
from crossover.chapters.samples import as_html, samples, strategy_samples
from crossover.figures.charts import heat_map, sweep
from crossover.figures.crossover_map import map_of_fits
from crossover.figures.lead import gains_over_seeds, lead_and_regret, undecided
from crossover.figures.style import Picture
from crossover.labels import display_name, in_order
from crossover.params.budget_ratio import BudgetRatio
from crossover.paths import results_folder
from crossover.stats import crossovers
from crossover.stats.advice import CLEAR, advise, advise_map
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.stats.formatting import interval, probability
from crossover.stats.lead import find_leads
from crossover.stats.seed_size_law import held_out
from crossover.study.paired import item_outcomes, outcome_table
from crossover.study.run import run_grid
from crossover.study.select import MissingRows
from crossover.study.store import worker_hours
from crossover.tasks import load_task

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

DIRECTION = (
    "Paper: new answers lead at small budget ratios, new questions at large ones (arXiv 2409.19759, section 5.2)."
)


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows.

    ``published`` are the study's rows with the same settings, none in the study itself; ``crossovers`` has one per pair
    of strategies and seed-set size.
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

    @cached_property
    def leads(self) -> pd.DataFrame:
        """The lead of new questions over new answers per ratio and seed-set size; size 0 is pooled over sizes."""
        rows = self.runs[self.runs["strategy"].isin([ANSWERS, QUESTIONS])]
        return self._leads(self.fits, outcome_table(rows, self.folder, "correct")[1])

    def _leads(self, fits: Fits, items: pd.DataFrame) -> pd.DataFrame:
        both = {ANSWERS, QUESTIONS} <= {c.strategy for c in fits}
        found = [
            lead.points.assign(seed_size=lead.seed_size or 0)
            for pooled in (True, False)
            for lead in (find_leads(fits, ANSWERS, QUESTIONS, pooled, items) if both else ())
        ]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["seed_size", "ratio"])

    def lead(self) -> Picture | Markdown:
        """Draw the lead of new questions over new answers, next to the loss from always buying one strategy."""
        if self.leads.empty or not has_curves(self.fits):
            return NOT_RUN
        losses = regret(self.fits, self.runs)
        caption = (
            f"Left: difference in accuracy on the same {self.parameters.n_test} test problems, pooled over"
            f" {counted_range(self.runs['seed_size'], 'seed question')} with {LEVEL:.0%} intervals over items and"
            f" {counted_range(self.leads['replicates'], 'replicate')}; thin lines are single sizes. Right: expected"
            f" loss against the best strategy over {losses['cells'].iloc[0]} tested sizes and budgets. {DIRECTION}"
        )
        return self.figure(
            "lead", partial(lead_and_regret, self.leads, losses), self.leads, lead_in_short(self.leads), caption
        )

    def likelihood(self) -> Picture | Markdown:
        """Draw the same lead by the likelihood of the gold answers, where the items hold it."""
        rows, folder = worth.rows_of(self.runs, self.folder, self.parameters.profile)
        rows = rows[rows["strategy"].isin([ANSWERS, QUESTIONS])]
        try:
            scores, items = outcome_table(rows, folder, "gold_loglik")
        except MissingRows:
            return NOT_RUN
        leads = self._leads(fit_table(scores, LEVEL, draws=200), items)
        if leads.empty:
            return NOT_RUN
        points = leads[leads["seed_size"] == 0].rename(
            columns={"ratio": "value", "low": "lead_low", "high": "lead_high"}
        )
        points = points.assign(task=counted_range(rows["seed_size"], "seed question"), series="")
        draw = partial(sweep, points, {"lead": "lead, nats per token"}, "teacher calls per seed question", log=True)
        caption = (
            f"Lead of new questions over new answers in the log-likelihood of the gold answers, with {LEVEL:.0%}"
            f" intervals over items and {counted_range(leads['replicates'], 'replicate')}. {len(rows)} students"
            f"{self._whose(rows)}, {counted_range(rows['n_test'], 'test problem')}."
        )
        caption += f" {lead_in_words(leads, 1.0, 'nats per token')}."
        return self.figure("likelihood", draw, leads, f"{lead_in_short(leads)}, by likelihood", caption)

    @cached_property
    def headline(self) -> str:
        """Where new questions lead, and what always buying one strategy costs."""
        if self.leads.empty or not has_curves(self.fits):
            return "These runs do not compare new answers with new questions."
        loss = regret(self.fits, self.runs).set_index("strategy")["mean"]
        said = [f"always buying {display_name(s).lower()} loses {loss[s]:.1f} points" for s in (QUESTIONS, ANSWERS)]
        return f"{lead_in_words(self.leads)}. Against the best choice, {' and '.join(said)} on average."

    def learning_curves(self) -> Picture:
        """Draw accuracy against budget ratio with the fitted curves."""
        return self.curves("learning_curves", self.runs, rule(self.main), DIRECTION, self.published)

    def crossover_map(self) -> Picture | Markdown:
        """Draw which strategy is best over seed-set size and budget; say so if there is no curve."""
        if not has_curves(self.fits):
            return NO_CURVES
        caption = (
            f"From {len(self.runs)} students on {counted_range(self.runs['n_test'], 'test problem')},"
            f" {counted_range(self.runs.groupby('seed_size')['replicate'].nunique(), 'replicate')}. Coloured where one"
            " strategy is best in four draws of five, white where none is. The line is the crossover of the two"
            f" strategies that lead most of the map, bars its {LEVEL:.0%} interval. {DIRECTION}"
        )
        return self.figure(
            "crossover_map",
            partial(map_of_fits, self.fits),
            crossovers.table(self.crossovers),
            self._decided,
            caption,
        )

    @property
    def _decided(self) -> str:
        """In how many tested cells one strategy is best in four draws of five, and which."""
        cells = sorted({*self.fits.points_table()[["seed_size", "budget"]].itertuples(index=False, name=None)})
        best = pd.concat([advise_map(self.fits, [seeds], [calls]) for seeds, calls in cells])
        counts = best[best["p_best"] >= CLEAR]["strategy"].value_counts()
        said = [f"{display_name(s).lower()} in {n}" for s, n in counts.items()]
        return (
            f"One strategy is best with a probability of at least {CLEAR:g} in {counts.sum()} of {len(cells)} tested"
            f" cells: {', '.join(said) or 'none'}"
        )

    def crossover_table(self) -> Styler | Markdown:
        """Return every pair of strategies' crossover."""
        return crossover_table(self.crossovers, "crossovers")

    def form_table(self) -> Styler | Markdown:
        """Return the same crossovers under the exponential form and under each other one."""
        return form_table(self.crossovers, "forms")

    def curve_table(self) -> Styler:
        """Return the fitted curves."""
        rows = pd.DataFrame([curve.row() for curve in self.fits]).drop(columns=["task", "message"])
        rows["strategy"], rows["status"] = rows["strategy"].map(display_name), rows["status"].str.replace("_", " ")
        return table(rows.rename(columns={"S": "seeds"}), "curves")

    def regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, over the tested sizes and budgets."""
        return regret_table(self.fits, self.runs, "regret") if has_curves(self.fits) else NO_CURVES

    @cached_property
    def _gains(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows with students of the seeds alone, and what each strategy gains over them."""
        rows, folder = worth.rows_of(self.runs, self.folder, self.parameters.profile)
        return rows, worth.gains(rows, folder)

    @property
    def _gains_scope(self) -> str:
        rows, gains = self._gains
        shown = rows[rows["seed_size"].isin(gains["seed_size"])]
        each = counted_range(gains["replicates"], "replicate")
        return f"{len(shown)} students{self._whose(rows)}, {each}, {counted_range(shown['n_test'], 'test problem')}"

    def _whose(self, rows: pd.DataFrame) -> str:
        """Name the study of some rows where it is another one."""
        own = rows["key"].isin(self.runs["key"]).all()
        return "" if own else " of the confirmation study, with fresh seed questions and test problems"

    def worth(self) -> Picture | Markdown:
        """Draw what each strategy gains over training on the seed questions alone."""
        gains = self._gains[1]
        if gains.empty:
            return NOT_RUN
        caption = (
            f"Difference in accuracy from students of the seed questions alone, on the same test problems; {LEVEL:.0%} "
            f"intervals over items and replicates. {self._gains_scope}."
        )
        return self.figure("worth", partial(gains_over_seeds, gains), gains, worth.in_words(gains), caption)

    def held_out(self) -> Styler | Markdown:
        """Return the crossovers at the largest seed-set size: predicted by the smaller ones, and measured."""
        sizes = sorted(self.runs["seed_size"].unique())
        if len(sizes) < 3 or not has_curves(self.fits):
            return Markdown(f"Nothing to show: a prediction needs three seed-set sizes, and this run has {len(sizes)}.")
        found = held_out(self.fits, sizes[-1])
        found.to_csv(self.folder / "held_out.csv", index=False, float_format="%.6g")
        measured = {frozenset((c.first, c.second)): c for c in self.crossovers if c.seed_size == sizes[-1]}
        rows = []
        for r in found.itertuples():
            c = measured[frozenset((r.first, r.second))]
            predicted = r.predicted, r.predicted_low, r.predicted_high
            rows.append(
                {
                    "lead": f"{display_name(r.first).lower()} → {display_name(r.second).lower()}",
                    "predicted": _ratio(*predicted),
                    "measured": _ratio(c.ratio, *c.interval),
                    "agreement": agreement(*predicted, c),
                }
            )
        return table(pd.DataFrame(rows), "held-out")

    def samples(self) -> Styler | Markdown:
        """Return one seed question and what a call of each strategy made of it."""
        rows = self._samples()
        return table(rows, "samples") if len(rows) else NOT_RUN

    def _samples(self) -> pd.DataFrame:
        return samples(self.folder, strategy_samples(self.parameters.task, int(self.runs["seed_size"].min())))

    def problems(self) -> Picture | Markdown:
        """Draw which kinds of test problems are solved, by budget and strategy, over all sizes and replicates."""
        task = load_task(self.parameters.task, **json.loads(self.runs["settings"].iloc[0])["task_settings"])
        kinds = {problem.id: getattr(problem.structure, "kind", None) for problem in task.test(self.parameters.n_test)}
        if None in kinds.values():
            return NOT_RUN
        rows = self.runs[self.runs["budget"] > 0]
        right = {
            (strategy, budget / size): pd.concat([item_outcomes(self.folder, key) for key in some["key"]])
            .groupby(kinds)
            .mean()
            for (strategy, size, budget), some in rows.groupby(["strategy", "seed_size", "budget"])
        }
        found = pd.DataFrame(right).T.groupby(level=[0, 1]).mean()  # seed-set sizes weigh the same at one ratio
        order = found.mean().sort_values(ascending=False).index
        shares = {display_name(s): found.loc[s][order].T for s in in_order(found.index.levels[0])}
        first, last = (found.xs(ratio, level=1) for ratio in found.index.levels[1][[0, -1]])
        said = "Problems that are solved, by the operation that they ask for"
        if all(QUESTIONS in there.index for there in (first, last)):
            most = (last - first).loc[QUESTIONS].idxmax()
            said = f"From the smallest to the largest ratio new questions gain most on problems of the kind '{most}'"
        caption = (
            f"Correct answers in %, by the operation that a test problem asks for; {self.parameters.n_test} problems,"
            " means of all seed-set sizes and replicates run at a ratio, without intervals: a kind has few problems."
        )
        data = found.rename_axis(["strategy", "ratio"]).reset_index()
        return self.figure(
            "problems", partial(heat_map, shares, "teacher calls per seed question"), data, said, caption
        )

    def funnel(self) -> Styler:
        """Return what became of the teacher's calls at the largest budget."""
        return funnel_table(self.runs)

    def example(self, seeds: int, queries: int) -> str:
        """Answer one reader's question in two sentences, outside the tested range by its nearest tested point."""
        if len({c.strategy for c in self.fits if c.is_fitted}) < 2:
            return "These runs give no advice."
        advice = advise(self.fits, seeds, queries)
        first, second = (display_name(c.strategy).lower() for c in advice.choices[:2])
        lead, ends = 100 * advice.best.lead, [100 * end for end in advice.best.lead_interval]
        said = (
            f"{first} lead {second} by {lead:.0f} points ({ends[0]:.0f} to {ends[1]:.0f}, 90% interval) and are best"
            f" with probability {probability(advice.best.p_best)}"
        )
        if advice.nearest is None:
            return f"There {said}."
        near = f"{advice.nearest[0]:,.0f} seed questions and {advice.nearest[1]:,.0f} calls"
        trend = "."
        if advice.trend:
            lead, ends = 100 * advice.trend[0], [100 * end for end in advice.trend[1]]
            trend = f"; extrapolated to your numbers, the lead is {lead:.0f} points ({ends[0]:.0f} to {ends[1]:.0f})."
        return f"That is outside the tested range. At the nearest tested point, {near}, {said}{trend}"

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        runs, ratios = self.runs, (self.runs["budget"] / self.runs["seed_size"])[self.runs["budget"] > 0]
        self.quote(
            rule=self.headline,
            example=f"**You have 200 seed questions and 5,000 teacher calls?** {self.example(200, 5000)}",
            samples=as_html(self._samples()),
            worth="" if self._gains[1].empty else f"{worth.in_words(self._gains[1])}. ({self._gains_scope}.)",
            lead_finding=f"{lead_in_words(self.leads)}.",
            tested_seeds=counted_range(runs["seed_size"], "seed question"),
            tested_ratios=f"{ratios.min():g} to {ratios.max():g}",
            most_queries=f"{runs['budget'].max():,}",
            n_students=f"{len(runs):,}",
            n_queries=f"{runs['queries'].sum():,}",
            worker_hours=f"{worker_hours(runs).sum():.1f}",
            n_test=f"{self.parameters.n_test:,}",
            n_replicates=counted_range(runs.groupby("seed_size")["replicate"].nunique(), "replicate"),
        )


def run(parameters: BudgetRatio) -> Chapter:
    """Run the grid, fit it, store the fits, and return what there is to show."""
    folder = results_folder(parameters.results)
    runs = run_grid(parameters)
    fits = fit_table(runs[runs["budget"] > 0], LEVEL)
    found = find_crossovers(fits)
    fits.table().to_csv(folder / "fits.csv", index=False, float_format="%.6g")
    crossovers.table(found).to_csv(folder / "crossovers.csv", index=False, float_format="%.6g")
    return Chapter(parameters, runs, published(runs, parameters.profile), fits, found)


def rule(found: Sequence[Crossover]) -> str:
    """Say what to buy at small and at large ratios, as far as one pair's intervals at all seed-set sizes agree."""
    there = [c for c in found if c.status == "found"]
    if not there or any(end is None for c in there for end in c.interval):
        return "These runs give no simple rule for new answers against new questions"
    if len({(c.first, c.second) for c in there}) > 1:
        return "These runs give no simple rule: the order of new answers and new questions turns with the seed-set size"
    low, high = min(c.interval[0] for c in there), max(c.interval[1] for c in there)
    first, second = (display_name(name).lower() for name in (there[0].first, there[0].second))
    which = "" if len(there) == len(found) else f" (from {len(there)} of {len(found)} seed-set sizes)"
    return (
        f"By the fitted curves, below {low:.2g} teacher calls per seed question buy {first}, above {high:.2g} buy"
        f" {second}{which}"
    )


def lead_in_short(leads: pd.DataFrame) -> str:
    """Say from which ratio on new questions lead, and below which new answers do, for the title of a figure."""
    below, above = undecided(leads)
    said = [f"New questions lead from {above:g} calls per seed question on"] if above < float("inf") else []
    said += [f"new answers lead up to {below:g}"] if below > float("-inf") else []
    return "; ".join(said) or "No tested ratio decides between new answers and new questions"


def lead_in_words(leads: pd.DataFrame, scale: float = 100.0, unit: str = "points") -> str:
    """Say from which ratio on new questions lead, below which they trail, and where these runs cannot tell."""
    if leads.empty:
        return "These runs do not compare new answers with new questions"
    pooled = leads[leads["seed_size"] == 0].set_index("ratio")
    below, above = undecided(leads)

    def at(ratio: float) -> str:
        lead, low, high = scale * pooled.loc[ratio, ["lead", "low", "high"]]
        return f"at {ratio:g}: {lead:+.2g} {unit}, {low:.2g} to {high:.2g}"

    said = []
    if above < float("inf"):
        said.append(
            f"with {above:g} or more teacher calls per seed question, new questions beat new answers ({at(above)})"
        )
    if below > float("-inf"):
        said.append(f"with {below:g} or fewer, new answers beat new questions ({at(below)})")
    single = pooled[((pooled["low"] > 0) | (pooled["high"] < 0)) & (pooled.index > below) & (pooled.index < above)]
    if len(single):
        said.append(f"in between, some ratios alone are decided ({'; '.join(map(at, single.index))})")
    elif said and below == float("-inf"):
        said.append("with fewer, these runs decide nothing")
    text = "; ".join(said) or "These runs decide nothing between new answers and new questions"
    return text[:1].upper() + text[1:]


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
