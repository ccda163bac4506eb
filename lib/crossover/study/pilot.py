"""A pilot on anyone's pairs: what it takes, the cells that it runs, what they say, and what was bought."""

from __future__ import annotations

import gzip
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import pandas as pd
from scipy.stats import beta

from crossover.digests import digest as digest_of
from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE, counted, display_name
from crossover.models.weights import model_folder
from crossover.params.budget_ratio import BudgetRatio
from crossover.params.profiles import check
from crossover.paths import results_folder
from crossover.stats.advice import Advice, advise
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits
from crossover.stats.verdicts import MOST_REPLICATES, detectable_lead, replicates_needed
from crossover.strategies import Sample
from crossover.study import advice_counts
from crossover.study.cell import QueryCell, read_cell
from crossover.study.cost_estimate import span
from crossover.study.experiments.query_budget import buy
from crossover.study.grids.budget_ratio import grid
from crossover.study.pilot_forecast import EARLY, Forecast
from crossover.study.pilot_rounds import (
    REPLICATES,
    SMALLEST,
    Design,
    Stop,
    look_at_crossover,
    look_at_target,
    parse_until,
    rounds,
)
from crossover.study.run import run_cells
from crossover.study.store import Store, read_runs, worker_hours
from crossover.tasks.user_pairs import UserPairs, digest
from crossover.teachers.spending import Account, BudgetExceeded

STRATEGIES = ("answer_augmentation", "question_rephrase", "new_question")
MOST_TESTS = 300
FEW, SURE = 0.2, 0.8  # share of readable, or of right, answers below which a teacher is no use; with what confidence
STAGES = ("queries", "asked", "returned", "parsed", "verified", "kept")
CONNECTION = ("base_url", "price_in", "price_out", "max_cost")


def least_queries(replicates: int) -> int:
    """Return the fewest queries of a pilot whose curves can be fitted: enough budgets of every strategy and replicate.

    >>> least_queries(3)
    144
    """
    return Design.grid(STRATEGIES, replicates, 0).queries


def replicates_for(task: UserPairs, given: Mapping[str, Any]) -> int:
    """Return the replicates that detect a lead of ``--lead`` points on these tests: those given, else three or more.

    A pilot that stops when it knows begins with three, and buys those that it needs. Too few, or too few queries to pay
    them, are an error that says what it would take.
    """
    n_test, lead, queries = n_tests(task), given["lead"], given["queries"]
    calls, tests = unanswered(task), counted(n_test, "test")
    capped = n_test >= MOST_TESTS
    if not (needed := replicates_needed(lead / 100, n_test)):
        further = ", the most that a pilot takes" if capped else ""
        raise CrossoverError(
            f"--lead must be at least {_points(MOST_REPLICATES, n_test)} points with {tests}{further}, got"
            f" {lead:g}.{'' if capped else ' Give a larger lead, or more tests.'}"
        )
    replicates = given["replicates"] or max(REPLICATES, needed)
    enough = max(replicates, needed)
    if replicates < needed and not given["until"]:
        raise CrossoverError(
            f"--replicates must be at least {needed} to detect leads of {lead:g} points on {tests}, got"
            f" {replicates}. Give more (--queries {least_queries(needed)} or more), or"
            f" --lead {_points(replicates, n_test)}."
        )
    if queries < (least := calls + least_queries(enough)):
        paid = (queries - calls) // least_queries(1)
        instead = f", or --replicates {paid}" if paid > 0 else ""
        if 0 < paid < needed:
            instead += f" --lead {_points(paid, n_test)}"
        first = f"{calls} to answer seeds without an answer, and " if calls else ""
        raise CrossoverError(
            f"--queries must be at least {least}, got {queries}: {first}a pilot that detects leads of {lead:g} points"
            f" on {tests} runs {counted(enough, 'replicate')} of {len(STRATEGIES)} strategies at {MIN_BUDGETS} budgets"
            f" up to {SMALLEST << (MIN_BUDGETS - 1)} calls. Give more{'' if capped else ', or more tests'}{instead}."
        )
    return REPLICATES if given["until"] and not given["replicates"] else replicates


def _few(hits: int, of: int) -> bool:
    """Whether a share is below :data:`FEW` by its upper confidence limit (Clopper and Pearson)."""
    return bool(hits < of and beta.ppf(SURE, hits + 1, of - hits) < FEW)


def _points(replicates: int, n_test: int) -> int:
    """The lead that replicates tell, in whole points."""
    return math.ceil(100 * detectable_lead(replicates, n_test))


def unanswered(task: UserPairs) -> int:
    """Return how many seeds have no answer."""
    return sum(not pair.answer for pair in task.split()[0])


def n_tests(task: UserPairs) -> int:
    """Return how many pairs a pilot tests on."""
    return min(task.available("test"), MOST_TESTS)


@dataclass(frozen=True)
class Pilot:
    """A pilot: its task, its parameters, what it may spend and when it stops (see ``crossover pilot --help``)."""

    task: UserPairs
    parameters: BudgetRatio
    queries: int
    budget: float = 0.0
    until: str = ""
    max_hours: float = math.inf
    lead: float = 10.0  #: Smallest lead that it is to tell, in points.

    @property
    def folder(self) -> Path:
        """Where its results are."""
        return results_folder(self.parameters.results)

    @property
    def store(self) -> Store:
        """Its results table."""
        return Store(self.folder)

    @property
    def n_seeds(self) -> int:
        """Seed questions."""
        return self.parameters.seed_sizes[0]

    @cached_property
    def design(self) -> Design:
        """The whole grid, or the first round of a pilot that stops when it knows."""
        if self.until:
            return Design.first_round(STRATEGIES, self.queries, self.budget)
        return Design.grid(STRATEGIES, self.parameters.replicates, self.queries)

    def cells(self, design: Design) -> list[QueryCell]:
        """Return a design's cells and, for each replicate, the seeds alone."""
        budgets, most = sorted({b for _, b, _ in design.cells}), 1 + max(r for _, _, r in design.cells)
        bought = self._grid(list(STRATEGIES), budgets, most)
        alone = grid(self.parameters, strategies=["seeds_only"], replicates=most)
        return alone + [cell for cell in bought if (cell.strategy, cell.budget, cell.replicate) in design.cells]

    def _grid(self, strategies: list[str], budgets: list[int], replicates: int = 1) -> list[QueryCell]:
        most = {"budgets": budgets, "max_budget": max(budgets)}
        return grid(self.parameters, strategies=strategies, replicates=replicates, **most)

    def runs(self) -> pd.DataFrame:
        """Return the rows so far."""
        return read_runs(self.folder, "budget_ratio")

    @cached_property
    def forecast(self) -> Forecast:
        """What it will take."""
        return Forecast(self.task, self.parameters)

    def expected(self) -> str:
        """Say what the pilot will take and can tell, and what speaks against it."""
        e, p = self.forecast.students(self.cells(self.design), self.store.rows(), self.runs()), self.parameters
        if not e.left and not self.until:
            return f"All {e.students} cells are there already."
        what = "The first round: " if self.until else ""
        said = [f"{what}{e.left} of {e.students} students to train, at most {counted(e.calls, 'teacher call')}."]
        if self.until:
            said.append(f"Then further rounds, up to {self.queries:,} calls in all, until {self.until}.")
        calls = (self.queries if self.until else e.calls) // len(STRATEGIES)
        said += self.forecast.price(dict.fromkeys(STRATEGIES, calls), self.runs())
        hours = f"{span(e.hours, ',.2g')} hours of one worker besides the teacher's"
        said.append(f"{'Hours are known after the first student' if e.unknown else hours} ({'; '.join(e.basis)}).")
        smallest = replicates_needed(self.lead / 100, p.n_test) or p.replicates
        detected = 100 * detectable_lead(p.replicates, p.n_test)
        said.append(
            f"If replicates vary as in the published word problems, a lead of {detected:.0f} points is detected in four"
            f" of five pilots of this size (tests: {p.n_test}, replicates: {p.replicates}). A lead of {self.lead:g}"
            f" points takes at least {least_queries(smallest):,} calls (replicates: {smallest})."
        )
        return "\n".join([*said, *self.forecast.too_long()])

    def expected_purchase(self, strategy: str, n: int) -> str:
        """Say what ``n`` usable samples of a strategy take, and what speaks against it."""
        least = n * int(QUERIES_PER_SAMPLE[strategy])
        if least > self.queries:
            raise CrossoverError(
                f"--queries must be at least {least:,} for {counted(n, 'sample')}, got {self.queries:,}."
            )
        said = f"{counted(n, 'sample')} of {strategy}: at least {counted(least, 'call')}, at most {self.queries:,}."
        return "\n".join([said, *self.forecast.price({strategy: least}, self.runs()), *self.forecast.too_long()])

    @property
    def finished(self) -> bool:
        """Whether every cell of the first round has been run."""
        return not {cell.key for cell in self.cells(self.design)} - set(self.store.rows())

    def check_begun(self) -> None:
        """Refuse a resumed pilot that would buy other budgets than before, and more calls in all than it may."""
        cells = self.runs()[["strategy", "budget", "replicate"]].itertuples(index=False, name=None)
        had = Design(frozenset(cell for cell in cells if cell[1]))
        if not self.until and (total := Design(self.design.cells | had.cells).queries) > self.queries:
            raise CrossoverError(
                f"--queries must be at least {total:,}, got {self.queries:,}: a pilot begun before has bought other"
                " budgets. Give more, or --replicates and --lead as then."
            )

    def estimated(self, design: Design, cells: Sequence[QueryCell]) -> str:
        """Say what a design takes, by the students and calls that there are."""
        runs, calls = self.runs(), Counter[str]()
        for (strategy, _), budget in design.largest.items():
            calls[strategy] += budget
        hours = span(self.forecast.students(cells, self.store.rows(), runs).hours, ".2g")
        tokens, money = sum(self.forecast.tokens(calls, runs)), self.forecast.priced(calls, runs)
        priced = f", for {money}" if self.forecast.money(calls) else ""
        return f"By what has been run, {hours} hours of one worker are left, and {tokens:,.0f} tokens in all{priced}."

    def run(self) -> Stop:
        """Run the cells that have no row yet, from the grid's beginning or in rounds; none once it is hopeless.

        A grid's beginning shows whether the teacher is any use. Whether students gain is read off the whole grid.
        """
        deadline = time.monotonic() + 3600 * self.max_hours

        def run(design: Design) -> pd.DataFrame:
            cells, p = self.cells(design), self.parameters

            def train(cells: list[QueryCell]) -> int:
                left = (deadline - time.monotonic()) / 3600
                return len(run_cells(cells, self.store, p.workers, p.device, p.cluster, left))

            early = max(EARLY, min(budget for _, budget, _ in design.cells))
            for first in cells[:1], [cell for cell in cells if cell.replicate == 0 and cell.budget <= early]:
                if {cell.key for cell in first} - set(self.store.rows()) and train(first) == len(first):
                    whole = design if self.until else self.design
                    print(self.estimated(whole, self.cells(whole)), file=sys.stderr)
            done = self.store.rows()
            left = [cell for cell in cells if cell.key not in done]
            if left and train(left) < len(left):
                raise BudgetExceeded(f"--max-hours {self.max_hours:g} are over. The same command resumes.")
            return self.counts()

        if not self.until:
            for design, hopeless in ((self.design.beginning, self.useless), (self.design, self.hopeless)):
                try:
                    run(design)
                except BudgetExceeded as problem:
                    return Stop("spent", str(problem), Design(frozenset()), 0)
                if why := hopeless():
                    return Stop("hopeless", why, design)
            return Stop("spent", "The grid is complete.", self.design)
        look = partial(look_at_target, seed_size=self.n_seeds, queries=self.budget or self.queries / len(STRATEGIES))
        if factor := parse_until(self.until):
            look = partial(look_at_crossover, factor=factor)
        return rounds(run, self.design, self.queries, self.parameters.replicates, look, self.hopeless)

    def counts(self) -> pd.DataFrame:
        """Return the counts of all cells that were bought."""
        return advice_counts.counts(self.folder)

    def _shares(self) -> pd.Series:
        """Share of right answers by strategy and budget, over replicates."""
        sums = self.runs().groupby(["strategy", "budget"])[["n_correct", "n_test"]].sum()
        return sums["n_correct"] / sums["n_test"]

    def useless(self) -> str:
        """Say why the teacher's replies are no use; nothing where they may be."""
        asked, parsed, right = self.funnel().loc["answer_augmentation", ["asked", "parsed", "verified"]]
        if _few(parsed, asked):
            return f"Only {parsed} of the teacher's {asked} answers hold one to compare."
        if _few(right, parsed):
            return f"The teacher is right on {right} of {parsed} answers to your own seeds: use a stronger one."
        return ""

    def hopeless(self) -> str:
        """Say why no strategy helps (useless replies, no student above the seeds alone); nothing where one may."""
        if why := self.useless():
            return why
        runs, p = self.runs(), self.parameters
        shares = self._shares()
        level, top = shares["seeds_only", 0], shares.drop("seeds_only").max()
        if top <= 1.5 / p.n_test:
            return f"The student is at the floor: at most {top:.0%} of the tests are right, whatever was bought."
        if top < level - detectable_lead(runs["replicate"].nunique(), p.n_test) / 2:
            return (
                f"No strategy beats the seeds alone: {level:.0%} right without any call, at most {top:.0%} with them."
            )
        return ""

    def funnel(self) -> pd.DataFrame:
        """Return the counts of calls, and of what became of them, by strategy: of its largest budget per replicate."""
        runs = self.runs()
        largest = runs[runs["budget"] > 0].sort_values("budget").groupby(["strategy", "replicate"]).tail(1)
        return largest.groupby("strategy")[list(STAGES)].sum()

    def failures(self) -> str:
        """Say what went wrong with calls and how often, most frequent first; nothing where no call failed."""
        failed = Counter(entry["failed"][:120] for entry in self.replies() if entry.get("failed"))
        why = "; ".join(f"{why} ({n:,})" for why, n in failed.most_common(4))
        return f"Failed calls by reason: {why}." if why else ""

    def replies(self) -> list[dict]:
        """Return every stored reply."""
        files = sorted((self.folder / "generations").glob("*.jsonl.gz"))
        return [
            json.loads(line) for path in files for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]
        ]

    @cached_property
    def fits(self) -> Fits:
        """The learning curves and the level of the seeds alone; their counts are written to ``pilot.csv``."""
        table = advice_counts.counts(self.folder, alone=True)
        table.to_csv(self.folder / "pilot.csv", index=False)
        return advice_counts.fitted(table)

    def advice(self, names: Sequence[str] = ()) -> list[Advice]:
        """Return the advice at the largest budget that every strategy has, and at the one that is meant.

        ``names`` are the strategies that are asked about, all by default: what was given up ends at smaller budgets. To
        buy nothing is always one of the choices.
        """
        counts = self.counts()
        counts = counts[counts["strategy"].isin(names or counts["strategy"])]
        asked = {*counts["strategy"], "seeds_only"}
        fits = replace(self.fits, curves=tuple(c for c in self.fits if c.strategy in asked))
        amounts = dict.fromkeys((float(counts.groupby("strategy")["budget"].max().min()), self.budget))
        return [advise(fits, self.n_seeds, amount) for amount in amounts if amount]

    def crossovers(self) -> pd.DataFrame:
        """Return the table of crossovers, its cells as text."""
        return pd.DataFrame([c.row() for c in find_crossovers(self.fits)]).drop(columns="message")

    def alone(self) -> str:
        """Say how good the seeds alone are, and what the best budget adds."""
        shares = self._shares()
        level, bought = shares["seeds_only", 0], shares.drop("seeds_only")
        (name, budget), top = bought.idxmax(), bought.max()
        best = f"{display_name(name).lower()}, {budget:,} calls"
        return (
            f"The seeds alone: {level:.1%} right. The best purchase in their place ({best}): {top:.1%},"
            f" {100 * (top - level):+.1f} points."
        )

    def told(self) -> str:
        """Say how well the calls tell the two best strategies apart, beside what was planned."""
        p, bought = self.parameters, tuple(c for c in self.fits if not c.counts.buys_nothing)
        advice = self.advice()[0]
        best = advise(replace(self.fits, curves=bought), *(advice.nearest or (advice.seeds, advice.queries))).best
        half = 50 * (best.lead_interval[1] - best.lead_interval[0])
        replicates = int(self.runs().query("budget > 0").groupby("strategy")["replicate"].nunique().min())
        known = (
            f"What the calls bought: the 90% interval of the lead at the largest budget reaches {half:.1f} points to"
        )
        if replicates == 1:
            return (
                f"{known} each side. One replicate cannot show how much seeds and training vary: the interval leaves"
                " that out."
            )
        planned = 100 * detectable_lead(replicates, p.n_test)
        return (
            f"{known} each side. {replicates} replicates on {counted(p.n_test, 'test')} were expected to detect leads"
            f" of {planned:.0f}."
        )

    def spent(self) -> dict[str, str]:
        """Return calls, tokens, money and hours of students, each with what was expected of these."""
        runs, p = self.runs(), self.parameters
        sums = runs.groupby(["strategy", "replicate"])[["queries", "tokens_in", "tokens_out"]].max()
        calls = sums["queries"].groupby("strategy").sum().to_dict()
        cells = [read_cell(settings) for settings in runs["settings"]]
        f, first = self.forecast, "by the first calls"
        hours = span(f.students(cells, (), runs).hours, ".2g")
        tokens = f"expected {sum(f.tokens(calls)):,.0f}, {sum(f.tokens(calls, runs)):,.0f} {first}"
        said = {
            "calls": f"{sums['queries'].sum():,} of {self.queries:,}",
            "tokens": f"{sums[['tokens_in', 'tokens_out']].sum().sum():,} ({tokens})",
            "student hours": f"{worker_hours(runs).sum():.2g} (expected {hours}, by the first)",
        }
        if p.teacher == "endpoint":
            account = Account(self.folder / "spending.jsonl", **p.pick(*p.spending))
            lost = len(account.unsettled)
            most = f", with lost calls ({lost}) at the most they can have cost" if lost else ""
            said["money"] = (
                f"{account.cost:.4g} (expected {f.money(calls):.4g}, {f.money(calls, runs):.4g} {first}{most})"
            )
        return said

    def purchases(self) -> dict[str, list[Sample]]:
        """Return what the largest budget of each strategy bought in the first replicate, from the stored replies."""
        runs = self.runs()
        first = runs[(runs["budget"] > 0) & (runs["replicate"] == 0)].groupby("strategy")["budget"].max()
        cells = [self._grid([name], [int(budget)])[0] for name, budget in first.items()]
        return {cell.strategy: buy(cell, self.store, self.parameters.device)[0].samples for cell in cells}

    def accepted(self, strategy: str, n: int) -> tuple[list[Sample], int]:
        """Buy ``n`` usable samples of one strategy; return them with the calls that they took, at most ``queries``."""
        samples: list[Sample] = []
        calls, made, store = 0, 0, self.store
        with store.lock():
            while len(samples) < n and calls < self.queries:
                calls = min(self.queries, calls + (n - len(samples)) * int(QUERIES_PER_SAMPLE[strategy]))
                (cell,) = self._grid([strategy], [calls])
                bought, ledger = buy(cell, store, self.parameters.device)
                samples, made = bought.samples, ledger.spent
        return samples[:n], made


def values_of(task: UserPairs, given: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters of the budget-ratio chapter that a pilot's options set."""
    names = ("replicates", "teacher", "teacher_model", "student", "max_new_tokens", *CONNECTION)
    options = {"seeds_file": task.seeds_file, "test_file": task.test_file, "compare": task.compare}
    options |= {name: v for name, v in (("question", task.question), ("answer", task.answer)) if v}
    options |= {"point": task.point} if task.point != "." else {}
    return {"task": "own", "task_options": options | {"digest": digest(task)}} | {name: given[name] for name in names}


def plan(task: UserPairs, given: Mapping[str, Any]) -> Pilot:
    """Plan a pilot within its queries from the options of ``crossover pilot``, on all seeds."""
    queries, until = given["queries"], given["until"]
    if until:
        parse_until(until)
    n_seeds, n_test = task.available("seed"), n_tests(task)
    layers = json.loads((model_folder(given["student"]) / "config.json").read_text())["num_hidden_layers"]
    # The upper half of a student is trained, as in the published study.
    values = values_of(task, given) | {"seed_sizes": [n_seeds], "budgets": [1], "n_test": n_test}
    values |= {"trained_layers": max(1, layers // 2)}
    # The folder does not depend on what may be spent: more queries, or another way to stop, go on where a run was.
    name = digest_of({k: v for k, v in values.items() if k not in (*CONNECTION, "replicates")}, 8)
    parameters = cast(BudgetRatio, check("03_budget_ratio", values | {"results": f"pilot-{name}"}))
    hours = given["max_hours"] or math.inf
    return Pilot(task, parameters, queries, given["budget"] or 0.0, until, hours, given["lead"])
