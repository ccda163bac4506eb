"""A pilot on anyone's pairs: what it takes, the cells that it runs, and what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import quantiles

from crossover.digests import digest as digest_of
from crossover.errors import CrossoverError
from crossover.params.budget_ratio import BudgetRatio
from crossover.params.profiles import check
from crossover.paths import PUBLISHED, results_folder
from crossover.stats.advice import advise
from crossover.stats.crossovers import find_crossovers, show
from crossover.stats.curves import MIN_BUDGETS, Fits, fit_table
from crossover.study import advice_counts
from crossover.study.cell import QueryCell
from crossover.study.cost_estimate import Estimate, Range, estimate
from crossover.study.grids import cells_of
from crossover.study.run import run_cells
from crossover.study.store import Store, read_runs
from crossover.tasks.user_pairs import UserPairs, digest

STRATEGIES = ("answer_augmentation", "question_rephrase", "new_question")
BUDGETS = 5  # of the whole grid, each twice the one before
SMALLEST = 2  # least queries of a cell: a question and its answer
MOST_TESTS = 300
CHARACTERS = 3.5  # of a token, about
NOISE = 0.02  # standard deviation of a replicate's accuracy beyond its items', as in the published grids
CONNECTION = ("base_url", "price_in", "price_out", "max_cost")


def least_queries(replicates: int) -> int:
    """Return the fewest queries of a pilot whose curves can be fitted: enough budgets of every strategy and replicate.

    >>> least_queries(3)
    144
    """
    return len(STRATEGIES) * replicates * SMALLEST * 2 ** (MIN_BUDGETS - 1)


def least_lead(n_test: int, replicates: int) -> float:
    r"""Return the lead between two strategies that one budget's cells can tell from none, in accuracy.

    .. math:: 1.64 \sqrt{2 (1 / (4 n) + \sigma^2) / J}

    with n test items, J replicates and sigma the noise of a replicate: what is told at one budget; a curve tells more.
    """
    return 1.645 * math.sqrt(2 * (0.25 / n_test + NOISE**2) / replicates)


@dataclass(frozen=True)
class Pilot:
    """A pilot: its task, its parameters, and the queries that they were made for."""

    task: UserPairs
    parameters: BudgetRatio
    queries: int
    budget: float

    @property
    def folder(self) -> Path:
        """Where its results are."""
        return results_folder(self.parameters.results)

    @property
    def n_seeds(self) -> int:
        """Seed questions."""
        return self.parameters.seed_sizes[0]

    @cached_property
    def cells(self) -> list[QueryCell]:
        """Its grid."""
        return cells_of(self.parameters)

    @property
    def store(self) -> Store:
        """Its results table."""
        return Store(self.folder)

    @property
    def finished(self) -> bool:
        """Whether every cell has been run."""
        return not {cell.key for cell in self.cells} - set(self.store.rows())

    def estimated(self) -> Estimate:
        """What is left to do, from the lengths of these pairs and the published study's speeds."""
        pairs = self.task.test(min(20, self.parameters.n_test))
        length = sum(len(p.question) + len(p.answer) for p in pairs) / len(pairs) / CHARACTERS
        done, study = self.store.rows(), read_runs(results_folder(PUBLISHED))
        return estimate(self.cells, done, study, self.parameters.device, Range(length, length))

    def money(self, calls: int) -> float:
        """What calls cost at the given prices, from the lengths of these pairs: a prompt shows three of them and asks one."""
        p = self.parameters
        pairs = self.task.test(min(20, p.n_test))
        asked, answered = (sum(map(len, texts)) / len(pairs) / CHARACTERS for texts in zip(*((q.question, q.answer) for q in pairs), strict=True))  # fmt: skip
        return (
            calls * ((4 * asked + 3 * answered + 40) * p.price_in + min(answered, p.max_new_tokens) * p.price_out) / 1e6
        )

    def expected(self) -> str:
        """Say what the pilot will take and can tell, and what speaks against it."""
        e, p = self.estimated(), self.parameters
        if not e.left:
            return f"All {e.students} cells are there already."
        said = [f"{e.left} of {e.students} students to train, at most {e.calls:,} teacher calls."]
        if p.price_in or p.price_out:
            cap = f", capped at {p.max_cost:g}" if p.max_cost else ""
            said.append(f"About {self.money(e.calls):.2f} at the prices given{cap}.")
        hours = f"{e.hours.text(',.1f')} hours of one worker beside the teacher's"
        said.append(f"{'No speed is known' if e.unknown else hours} ({'; '.join(e.basis)}).")
        lead = 100 * least_lead(p.n_test, p.replicates)
        said.append(
            f"With {p.n_test} tests and {p.replicates} replicates, one budget tells leads of {lead:.0f} points or more."
        )
        if too_long := self.too_long():
            said.append(too_long)
        return "\n".join(said)

    def too_long(self) -> str:
        """Warn of answers that do not fit into the longest reply; empty where they do."""
        lengths = [len(p.answer) / CHARACTERS for p in self.task.test(self.parameters.n_test)]
        most = self.parameters.max_new_tokens
        over = sum(length > most for length in lengths)
        if over <= len(lengths) / 20:
            return ""
        wanted = quantiles(lengths, n=20)[-1] if len(lengths) > 1 else lengths[0]
        return (
            f"Warning: {over} of {len(lengths)} test answers are longer than --max-new-tokens {most}: they would be cut and count as "
            f"wrong. About {math.ceil(1.2 * wanted / 16) * 16} tokens would do."
        )

    def run(self) -> None:
        """Run the cells that have no row yet."""
        p = self.parameters
        run_cells(self.cells, self.store, p.workers, p.device, p.cluster)

    def fits(self) -> Fits:
        """Fit the learning curves, and write the counts that they rest on."""
        table = advice_counts.counts(self.folder)
        table.to_csv(self.folder / "pilot.csv", index=False)
        return fit_table(table, advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)

    def results(self) -> str:
        """Say what the cells tell: crossovers, and advice at the largest tested budget and at the one that is meant."""
        fits = self.fits()
        said = [show(find_crossovers(fits)).drop(columns="message").to_string(index=False)]
        for amount in dict.fromkeys((float(max(cell.budget for cell in self.cells)), self.budget)):
            if amount:
                said.append(advise(fits, self.n_seeds, amount).message)
        said.append(f"The counts: {self.folder / 'pilot.csv'}, for `crossover fit`, `advise --from` and `plan`.")
        return "\n".join(said)


def values_of(task: UserPairs, given: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of the budget-ratio chapter that a pilot's options set."""
    names = ("replicates", "teacher", "teacher_model", "student", "max_new_tokens", *CONNECTION)
    options = {"seeds_file": task.seeds_file, "test_file": task.test_file, "compare": task.compare}
    options |= {name: v for name, v in (("question", task.question), ("answer", task.answer)) if v}
    options |= {"point": task.point} if task.point != "." else {}
    return {"task": "own", "task_options": options | {"digest": digest(task)}} | {name: given[name] for name in names}


def plan(task: UserPairs, given: Mapping[str, object]) -> Pilot:
    """Plan a pilot within its queries: every strategy, five budgets, each twice the one before, on all seeds.

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
    replicates, queries = given["replicates"], given["queries"]
    if queries < (least := least_queries(replicates)):
        fewer = max((n for n in range(1, replicates) if least_queries(n) <= queries), default=0)
        instead = f", or --replicates {fewer}, which shows less of what luck does" if fewer else ""
        raise CrossoverError(
            f"--queries must be at least {least}, got {queries}: {len(STRATEGIES)} strategies, {replicates} replicates and "
            f"{MIN_BUDGETS} budgets up to {SMALLEST * 2 ** (MIN_BUDGETS - 1)} queries. Give more{instead}."
        )
    largest = queries // (len(STRATEGIES) * replicates)
    budgets = sorted({max(SMALLEST, largest >> i) for i in range(BUDGETS)})
    values = values_of(task, given) | {
        "seed_sizes": [task.available("seed")], "budgets": budgets, "max_budget": largest,
        "n_test": min(task.available("test"), MOST_TESTS),
    }  # fmt: skip
    name = digest_of({k: v for k, v in values.items() if k not in CONNECTION}, 8)
    return Pilot(task, check("03_budget_ratio", values | {"results": f"pilot-{name}"}), queries, given["budget"] or 0.0)
