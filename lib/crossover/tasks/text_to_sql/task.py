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
from crossover.tasks.problem_sets import Drawing, text_id
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
    valued,
)
from crossover.tasks.text_to_sql.write_english import question, tables
from crossover.tasks.text_to_sql.write_sql import write


@dataclass(frozen=True)
class TextToSql(SqlAnswers, Drawing):
    """Questions over a real database of chemical elements.

    Parameters
    ----------
    shapes : {"simple"}
        The grammar of questions; the name is part of every cell's key.

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

        return self._problem(self._other(near, rng, old, f"another problem like {problem.id}"), rng)

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same query in other words; ten draws are made for a text that differs."""
        text = problem.question
        for _ in range(10):
            text = self._text(problem.structure, rng)
            if text != problem.question:
                break
        return replace(problem, id=text_id("reword", text), question=text)

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one value or operation has changed, and with it the right answer."""
        old: QueryPlan = problem.structure
        return self._problem(self._other(lambda r: fairness.slipped(old, r), rng, old, f"a drifted {problem.id}"), rng)

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question about a property that the database does not hold; the answer takes another column for it."""
        query: QueryPlan = problem.structure
        places = [c for c in (*query.columns, *(c.column for c in query.conditions)) if _renameable(c)]
        if not places and query.shape == "lookup":
            places = list(query.columns)
        elif not places:  # the question names no quantity, so its condition becomes one on a quantity
            places = [rng.choice([c for c in conditioned() if _renameable(c)])]
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
        short = list(fairness.simpler(old))
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

    def _text(self, query: QueryPlan, rng: random.Random) -> str:
        return asked(tables(query), question(query, rng))

    def _problem(self, query: QueryPlan, rng: random.Random) -> Problem:
        text = self._text(query, rng)
        return Problem(text_id("drawn", text), text, f" {write(query)}", query)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        shape = rng.choice(SHAPES)

        def drawn(r: random.Random) -> QueryPlan | None:
            query = draw(r, shape)
            wanted = query and is_test(query) == test and fairness.fair(query) and fairness.can_slip(query)
            return query if wanted else None

        return self._problem(self._first(drawn, rng, f"a {shape} problem"), rng)

    def _other(
        self, make: Callable[[random.Random], QueryPlan | None], rng: random.Random, old: QueryPlan, what: str
    ) -> QueryPlan:
        """The first fair query on the training side that ``make`` gives and whose answer is not ``old``'s."""

        def kept(r: random.Random) -> QueryPlan | None:
            query = make(r)
            usable = query and not is_test(query) and fairness.fair(query) and not fairness.same(old, query)
            return query if usable else None

        return self._first(kept, rng, what)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        return problem.structure


def _renameable(column: str) -> bool:
    """Whether a column is a quantity whose wordings all name it."""
    return kind(column) in ("number", "integer") and "says" not in lexicon()["columns"][column]
