"""The ``text_to_sql`` task: questions in English about the chemical elements, answered by one SQL statement.

The database is ``elements.db`` of the package mendeleev (MIT licence). Questions ask its table of elements for a look-up,
a list, a count, an aggregate, or the row with the highest or lowest value, with at most one condition: a grammar that a
small model can learn. An answer is right when it returns the reference's rows
(:mod:`crossover.tasks.sql.execution_match`). A stable hash of form and values keeps training and test problems apart
(:func:`crossover.tasks.text_to_sql.plan.is_test`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Problem
from crossover.tasks.problem_sets import Planned, text_id
from crossover.tasks.sql.execution_match import SqlAnswers, asked
from crossover.tasks.text_to_sql import fairness
from crossover.tasks.text_to_sql.plan import (
    SHAPES,
    QueryPlan,
    conditioned,
    database,
    draw,
    fits,
    is_test,
    kind,
    lexicon,
    ops,
    valued,
)
from crossover.tasks.text_to_sql.write_english import question, tables
from crossover.tasks.text_to_sql.write_sql import write


@dataclass(frozen=True)
class TextToSql(SqlAnswers, Planned):
    """Questions over a real database of chemical elements.

    ``shapes`` is ``simple``, the name of the grammar, which is part of every cell's key.

    Examples
    --------
    >>> task = TextToSql()
    >>> p = task.seeds(1, replicate=0)[0]
    >>> task.correct(p.answer, p), task.correct(" SELECT name FROM elements", p)
    (True, False)
    """

    tries: ClassVar[int] = 20_000

    shapes: str = "simple"
    name: str = field(default="text_to_sql", init=False)

    def __post_init__(self) -> None:
        if self.shapes != "simple":
            raise CrossoverError(f"text_to_sql: shapes must be 'simple', got {self.shapes!r}.")

    def path(self, problem: Problem) -> Path:
        """The one database of all problems."""
        return database()

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem of the same shape: other values, often one other column, now and then another operation."""
        old: QueryPlan = problem.structure

        def near(r: random.Random) -> QueryPlan | None:
            new = fairness.other_column(old, r) if r.random() < 0.5 else old
            if r.random() < 0.1:  # a question without values has little else to change
                new = fairness.turned(new, r)
            return fairness.revalued(new, r) if fits(new) else None

        return self._other(near, rng, old, f"another problem like {problem.id}")

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one value or operation has changed, and with it the right answer."""
        old: QueryPlan = problem.structure
        return self._other(lambda r: fairness.slipped(old, r), rng, old, f"a drifted {problem.id}")

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question about a property that the database does not hold; the answer takes another column for it."""
        query: QueryPlan = problem.structure
        places = [c for c in (*query.columns, *(c.column for c in query.conditions)) if _renameable(c)]
        if not places and query.shape == "lookup":
            places = list(query.columns)
        elif not places:  # the question names no quantity, so its condition becomes one on a quantity
            places = [rng.choice([c for c in conditioned() if _renameable(c) and "above" in ops(c)])]
            query = replace(query, conditions=(valued(places[0], "above", rng),))
        column = rng.choice(places)
        missing = rng.choice(list(lexicon()["unknown"].items()))
        text = asked(tables(query), question(query, rng, {column: missing}))
        return Problem(text_id("drawn", text), text, f" {write(query)}")

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write right SQL for the problem, in one of several styles."""
        return f" {write(problem.structure, rng)}"

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write SQL with one slip: a wrong value, operation or column, or the condition left out."""
        old: QueryPlan = problem.structure
        short = fairness.simpler(old)
        slips = (fairness.other_value, fairness.turned, fairness.other_column, *([None] if short else []))
        for _ in range(self.tries):
            slip = rng.choice(slips)
            wrong = slip(old, rng) if slip else rng.choice(short)
            if wrong != old and not fairness.same(wrong, old):
                return f" {write(wrong, rng)}"
        raise CrossoverError(f"text_to_sql: no slip gives {problem.id} a wrong answer; draw another problem instead.")

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{DRAW}/shapes={self.shapes}/{side}/{replicate}"

    def _text(self, plan: QueryPlan, rng: random.Random) -> str:
        return asked(tables(plan), question(plan, rng))

    def _answer(self, plan: QueryPlan, rng: random.Random) -> str:
        return f" {write(plan)}"

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        shape = rng.choice(SHAPES)

        def wanted(query: QueryPlan) -> bool:
            return is_test(query) == test and fairness.fair(query) and fairness.can_slip(query)

        return self._problem(self._kept(lambda r: draw(r, shape), wanted, rng, f"a {shape} problem"), rng)

    def _other(
        self, make: Callable[[random.Random], QueryPlan | None], rng: random.Random, old: QueryPlan, what: str
    ) -> Problem:
        """A problem of the first fair query on the training side that ``make`` gives and whose answer is not ``old``'s."""

        def usable(query: QueryPlan) -> bool:
            return not is_test(query) and fairness.fair(query) and not fairness.same(old, query)

        return self._problem(self._kept(make, usable, rng, what), rng)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        return problem.structure


def _renameable(column: str) -> bool:
    """Whether a column is a quantity whose wordings all name it."""
    return kind(column) in ("number", "integer") and "says" not in lexicon()["columns"][column]
