"""A pilot on anyone's pairs: what it takes, the cells that it runs, what they say, and what was bought."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import quantiles

import pandas as pd

from crossover.digests import digest as digest_of
from crossover.errors import CrossoverError
from crossover.labels import display_name
from crossover.models.weights import model_folder
from crossover.params.budget_ratio import BudgetRatio
from crossover.params.profiles import check
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.advice import advise
from crossover.stats.crossovers import find_crossovers, show
from crossover.stats.curves import MIN_BUDGETS, Fits, fit_table
from crossover.strategies import Sample
from crossover.study import advice_counts
from crossover.study.cell import QueryCell
from crossover.study.cost_estimate import Estimate, Range, estimate
from crossover.study.experiments.query_budget import buy
from crossover.study.grids.budget_ratio import grid
from crossover.study.pilot_rounds import SMALLEST, Block, Stop, first_block, parse_until, rounds
from crossover.study.run import run_cells
from crossover.study.store import Store, read_runs
from crossover.tasks.user_pairs import UserPairs, digest
from crossover.tasks.written_answers import MARK
from crossover.teachers.spending import Account, BudgetExceeded

STRATEGIES = ("answer_augmentation", "question_rephrase", "new_question")
BUDGETS = 5  # of the whole grid, each twice the one before
MOST_TESTS = 300
CHARACTERS = 3.5  # of a token, about
INSTRUCTIONS = 80  # tokens of a prompt besides its questions and answers, about
NOISE = 0.02  # standard deviation of a replicate's accuracy beyond its items', as in the published grids
CONNECTION = ("base_url", "price_in", "price_out", "max_cost")


def least_queries(replicates: int) -> int:
    """Return the fewest queries of a pilot whose curves can be fitted: enough budgets of every strategy and replicate.

    >>> least_queries(3)
    144
    """
    return Block.whole(STRATEGIES, replicates, 0, MIN_BUDGETS).queries


def least_lead(n_test: int, replicates: int) -> float:
    r"""Return the lead between two strategies that one budget's cells can tell from none, in accuracy.

    .. math:: 1.64 \sqrt{2 (1 / (4 n) + \sigma^2) / J}

    with n test items, J replicates and sigma the noise of a replicate.
    """
    return 1.645 * math.sqrt(2 * (0.25 / n_test + NOISE**2) / replicates)


@dataclass(frozen=True)
class Pilot:
    """A pilot: its task, its parameters, what it may spend and when it stops (see ``crossover pilot --help``)."""

    task: UserPairs
    parameters: BudgetRatio
    queries: int
    budget: float
    until: str

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
    def block(self) -> Block:
        """The whole grid, or the first round of a pilot that stops when it knows."""
        if self.until:
            return first_block(STRATEGIES, self.parameters.replicates, self.queries, self.budget)
        return Block.whole(STRATEGIES, self.parameters.replicates, self.queries, BUDGETS)

    def cells(self, block: Block) -> list[QueryCell]:
        """Return a block's cells and, for each replicate, the seeds alone."""
        wanted, most = set(block.cells()), max(block.replicates.values())
        budgets = sorted({budget for _, budget, _ in wanted})
        bought = grid(
            self.parameters, strategies=list(STRATEGIES), budgets=budgets, max_budget=budgets[-1], replicates=most
        )
        alone = grid(self.parameters, strategies=["seeds_only"], replicates=most)
        return alone + [cell for cell in bought if (cell.strategy, cell.budget, cell.replicate) in wanted]

    def runs(self) -> pd.DataFrame:
        """Return the rows so far."""
        return read_runs(self.folder, "budget_ratio")

    # --- before ------------------------------------------------------------------------------------------------------

    def estimated(self) -> Estimate:
        """Estimate what is left of the first round, from the lengths of these pairs and the published study's speeds."""
        length = sum(self._lengths()) + 10
        study = read_runs(results_folder(PUBLISHED))
        return estimate(self.cells(self.block), self.store.rows(), study, self.parameters.device, Range(length, length))

    def _lengths(self) -> tuple[float, float]:
        """Mean tokens of a question and of an answer."""
        pairs = self.task.test(min(20, self.parameters.n_test))
        asked, answered = (sum(map(len, texts)) for texts in zip(*((p.question, p.answer) for p in pairs), strict=True))
        return asked / len(pairs) / CHARACTERS, answered / len(pairs) / CHARACTERS

    def money(self, calls: int) -> float:
        """Return what calls cost at the given prices: three pairs and a question are shown; two of three replies are answers."""
        p, (asked, answered) = self.parameters, self._lengths()
        read = 4 * asked + 3 * answered + INSTRUCTIONS
        written = min((2 * answered + asked) / 3 + 6, p.max_new_tokens)
        return calls * (read * p.price_in + written * p.price_out) / 1e6

    def expected(self) -> str:
        """Say what the pilot will take and can tell, and what speaks against it."""
        e, p = self.estimated(), self.parameters
        if not e.left and not self.until:
            return f"All {e.students} cells are there already."
        what = "The first round: " if self.until else ""
        said = [f"{what}{e.left} of {e.students} students to train, at most {e.calls:,} teacher calls."]
        if self.until:
            said.append(f"Then further rounds, up to {self.queries:,} calls in all, until {self.until}.")
        if p.price_in or p.price_out:
            cap = f", capped at {p.max_cost:g}" if p.max_cost else ""
            said.append(f"About {self.money(self.queries if self.until else e.calls):.2f} at the prices given{cap}.")
        hours = f"{e.hours.text(',.1f')} hours of one worker besides the teacher's"
        said.append(f"{'No speed is known' if e.unknown else hours} ({'; '.join(e.basis)}).")
        lead = 100 * least_lead(p.n_test, p.replicates)
        said.append(
            f"With {p.n_test} tests and {p.replicates} replicates, one budget tells leads of {lead:.0f} points or more."
        )
        return "\n".join([*said, *self.too_long()])

    def too_long(self) -> list[str]:
        """Warn of answers that do not fit into the longest reply."""
        lengths = [len(p.answer) / CHARACTERS for p in self.task.test(self.parameters.n_test)]
        most = self.parameters.max_new_tokens
        over = sum(length > most for length in lengths)
        if over <= len(lengths) / 20:
            return []
        wanted = quantiles(lengths, n=20)[-1] if len(lengths) > 1 else lengths[0]
        would_do = math.ceil(1.2 * wanted / 16) * 16
        said = f"{over} of {len(lengths)} test answers are longer than --max-new-tokens {most}: they would be cut and count as wrong"
        return [f"Warning: {said}. About {would_do} tokens would do."]

    @property
    def finished(self) -> bool:
        """Whether every cell of the first round has been run."""
        return not {cell.key for cell in self.cells(self.block)} - set(self.store.rows())

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self) -> Stop:
        """Run the cells that have no row yet, in rounds where the pilot stops when it knows."""
        target = self.budget or self.queries / len(STRATEGIES)
        try:
            if self.until:
                factor = parse_until(self.until)
                return rounds(self._counts, self.block, self.queries, self.n_seeds, factor, target, self.hopeless)
            self._counts(self.block)
        except BudgetExceeded as problem:
            return Stop("spent", str(problem), self.block)
        why = self.hopeless()
        return Stop("hopeless" if why else "spent", why or "The grid is complete.", self.block)

    def _counts(self, block: Block) -> pd.DataFrame:
        p = self.parameters
        run_cells(self.cells(block), self.store, p.workers, p.device, p.cluster)
        return self.counts()

    def counts(self) -> pd.DataFrame:
        """Return the counts of all cells that were bought."""
        table = advice_counts.counts(self.folder)
        return table[table["budget"] > 0].reset_index(drop=True)

    def hopeless(self) -> str:
        """Say why no strategy helps: unreadable or wrong replies, or no student above the seeds alone; empty where one may."""
        runs = self.runs()
        alone, bought = runs[runs["strategy"] == "seeds_only"], runs[runs["budget"] > 0]
        answers = bought[bought["strategy"] == "answer_augmentation"][["asked", "parsed", "verified"]].sum()
        if answers["parsed"] < 0.2 * answers["asked"]:
            return f"Only {answers['parsed']} of {answers['asked']} answers of the teacher hold one to compare. {self.failures()}"
        if answers["verified"] < 0.2 * answers["parsed"]:
            return f"The teacher is right on {answers['verified']} of {answers['parsed']} answers to your own seeds: use a stronger one."
        level = alone["n_correct"].sum() / alone["n_test"].sum()
        best = bought.groupby(["strategy", "budget"])[["n_correct", "n_test"]].sum()
        top = (best["n_correct"] / best["n_test"]).max()
        if top <= 1.5 / self.parameters.n_test:
            return f"The student is at the floor: at most {top:.0%} of the tests are right, whatever was bought."
        if top < level - least_lead(self.parameters.n_test, self.parameters.replicates):
            return (
                f"No strategy beats the seeds alone: {level:.0%} right without any call, at most {top:.0%} with them."
            )
        return ""

    def failures(self) -> str:
        """Say what went wrong with replies, most frequent first."""
        counted = Counter(entry["failed"] for entry in self.replies() if entry.get("failed"))
        return "; ".join(f"{n} replies: {why[:120]}" for why, n in counted.most_common(4))

    def replies(self) -> list[dict]:
        """Return every stored reply."""
        import gzip

        files = sorted((self.folder / "generations").glob("*.jsonl.gz"))
        return [
            json.loads(line) for path in files for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]
        ]

    # --- after -------------------------------------------------------------------------------------------------------

    @cached_property
    def fits(self) -> Fits:
        """The learning curves; their counts are written to ``pilot.csv``."""
        table = self.counts()
        table.to_csv(self.folder / "pilot.csv", index=False)
        return fit_table(table, advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)

    def advice(self) -> list[str]:
        """Return the advice at the largest budget that every strategy has, and at the one that is meant."""
        tested = self.counts().groupby("strategy")["budget"].max().min()
        amounts = dict.fromkeys((float(tested), self.budget))
        return [advise(self.fits, self.n_seeds, amount).message for amount in amounts if amount]

    def best(self) -> str:
        """Return the strategy that is ahead at the largest budget that every strategy has."""
        tested = float(self.counts().groupby("strategy")["budget"].max().min())
        return advise(self.fits, self.n_seeds, tested).best.strategy

    def crossovers(self) -> str:
        """Return the table of crossovers."""
        return show(find_crossovers(self.fits)).drop(columns="message").to_string(index=False)

    def alone(self) -> str:
        """Say how good the seeds alone are, and what the best budget adds."""
        runs = self.runs()
        shares = runs.groupby(["strategy", "budget"])[["n_correct", "n_test"]].sum()
        shares = shares["n_correct"] / shares["n_test"]
        level = float(shares.get(("seeds_only", 0), float("nan")))
        (name, budget), top = (
            (bought := shares[shares.index.get_level_values("budget") > 0]).idxmax(),
            float(bought.max()),
        )
        return (
            f"The seeds alone: {level:.1%} right. The best of what was bought ({display_name(name).lower()}, {budget:,} queries): "
            f"{top:.1%}, {100 * (top - level):+.1f} points."
        )

    def spent(self) -> dict[str, float]:
        """Return calls, tokens, money and hours of students."""
        runs, p = self.runs(), self.parameters
        calls = runs.groupby(["strategy", "replicate"])[["queries", "tokens_in", "tokens_out"]].max().sum()
        spending = p.pick(*p.spending)
        cost = Account(self.folder / "spending.jsonl", **spending).cost if p.teacher == "endpoint" else 0.0
        seconds = (runs["seconds_train"].astype(float) + runs["seconds_eval"].astype(float)).sum()
        return {"calls": int(calls["queries"]), "tokens_in": int(calls["tokens_in"]), "tokens_out": int(calls["tokens_out"]),
                "money": cost, "hours": seconds / 3600}  # fmt: skip

    def compared(self) -> str:
        """Compare what was estimated for these calls with what they took."""
        spent, p = self.spent(), self.parameters
        said = (
            f"Spent: {spent['calls']:,} of {self.queries:,} calls, {spent['tokens_in'] + spent['tokens_out']:,} tokens"
        )
        if p.price_in or p.price_out:
            said += f", {spent['money']:.4g} in money (estimated {self.money(spent['calls']):.4g})"
        return f"{said}, {spent['hours']:.2f} hours of students."

    def purchases(self) -> dict[str, list[Sample]]:
        """Return what the largest budget of each strategy bought in the first replicate, from the stored replies."""
        runs = self.runs()
        found = {}
        for name in STRATEGIES:
            most = runs.loc[(runs["strategy"] == name) & (runs["replicate"] == 0), "budget"]
            if len(most):
                (cell,) = grid(
                    self.parameters,
                    strategies=[name],
                    budgets=[int(most.max())],
                    max_budget=int(most.max()),
                    replicates=1,
                )
                found[name] = buy(cell, self.store, self.parameters.device)[0].samples
        return found

    def accepted(self, strategy: str, n: int) -> tuple[list[Sample], int]:
        """Buy ``n`` usable samples of one strategy, and return them with the calls that they took, at most ``queries``."""
        samples: list[Sample] = []
        calls = 0
        while len(samples) < n and calls < self.queries:
            missing = (n - len(samples)) * (1 if strategy == "answer_augmentation" else 2)
            calls = min(self.queries, calls + missing)
            (cell,) = grid(self.parameters, strategies=[strategy], budgets=[calls], max_budget=calls, replicates=1)
            bought, ledger = buy(cell, self.store, self.parameters.device)
            samples, calls = bought.samples, max(calls, ledger.spent)
        return samples[:n], calls


def as_training_data(samples: list[Sample]) -> str:
    """Return samples as JSON lines of ``prompt`` and ``completion``, as trl reads them, without the mark of an answer's end."""
    rows = []
    for sample in samples:
        *lines, last = sample.answer.split("\n")
        kept = lines if last.startswith(MARK) and any(line.strip() for line in lines) else [*lines, last]
        rows.append({"prompt": sample.question, "completion": "\n".join(kept).strip()})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def values_of(task: UserPairs, given: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of the budget-ratio chapter that a pilot's options set."""
    names = ("replicates", "teacher", "teacher_model", "student", "max_new_tokens", *CONNECTION)
    options = {"seeds_file": task.seeds_file, "test_file": task.test_file, "compare": task.compare}
    options |= {name: v for name, v in (("question", task.question), ("answer", task.answer)) if v}
    options |= {"point": task.point} if task.point != "." else {}
    return {"task": "own", "task_options": options | {"digest": digest(task)}} | {name: given[name] for name in names}


def plan(task: UserPairs, given: Mapping[str, object]) -> Pilot:
    """Plan a pilot within its queries: every strategy, budgets each twice the one before, on all seeds.

    Parameters
    ----------
    task : UserPairs
    given : mapping
        The options of ``crossover pilot``.

    Raises
    ------
    CrossoverError
        The queries do not buy enough budgets to fit a curve.
    """
    replicates, queries, until = given["replicates"], given["queries"], given["until"]
    if until:
        parse_until(until)
    if not given["accepted"] and queries < (least := least_queries(replicates)):
        fewer = max((n for n in range(1, replicates) if least_queries(n) <= queries), default=0)
        instead = f", or --replicates {fewer}, which shows less of what luck does" if fewer else ""
        raise CrossoverError(
            f"--queries must be at least {least}, got {queries}: {len(STRATEGIES)} strategies, {replicates} replicates and "
            f"{MIN_BUDGETS} budgets up to {SMALLEST << (MIN_BUDGETS - 1)} queries. Give more{instead}."
        )
    n_seeds, n_test = task.available("seed"), min(task.available("test"), MOST_TESTS)
    layers = json.loads((model_folder(given["student"]) / "config.json").read_text())["num_hidden_layers"]
    # The upper half of a student is trained, as in the published study.
    values = values_of(task, given) | {"seed_sizes": [n_seeds], "budgets": [1], "n_test": n_test}
    values |= {"trained_layers": max(1, layers // 2)}
    # The folder does not depend on what may be spent: more queries, or another way to stop, go on where a run was.
    name = digest_of({k: v for k, v in values.items() if k not in (*CONNECTION, "replicates")}, 8)
    parameters = check("03_budget_ratio", values | {"results": f"pilot-{name}"})
    return Pilot(task, parameters, queries, given["budget"] or 0.0, until)
