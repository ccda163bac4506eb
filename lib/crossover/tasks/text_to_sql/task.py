"""The ``text_to_sql`` task: questions in English about the chemical elements, answered by one SQL statement.

The database is ``elements.db`` of the package mendeleev (MIT licence): elements, their isotopes, oxidation states,
ionization energies, ionic radii and phase transitions. Plans of questions are in :mod:`crossover.tasks.text_to_sql.plan`, their SQL
in :mod:`crossover.tasks.text_to_sql.write_sql`, their English in :mod:`crossover.tasks.text_to_sql.write_english`; an answer is right when it
returns the reference's rows (:mod:`crossover.tasks.sql.execution_match`). Training and test problems are kept apart by a stable
hash of form and values (:func:`crossover.tasks.text_to_sql.plan.is_test`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Problem
from crossover.tasks.drawing import Drawing, text_id
from crossover.tasks.sql.execution_match import SqlAnswers, asked
from crossover.tasks.text_to_sql import grammar
from crossover.tasks.text_to_sql.fairness import (
    can_slip,
    fair,
    other_column,
    other_value,
    same,
    simpler,
    slipped,
    turned,
)
from crossover.tasks.text_to_sql.plan import Condition, Query, database, is_test, kind, lexicon, revalued, valued
from crossover.tasks.text_to_sql.write_english import question, tables
from crossover.tasks.text_to_sql.write_sql import write


@dataclass(frozen=True)
class TextToSql(SqlAnswers, Drawing):
    """Questions over a real database of chemical elements.

    Parameters
    ----------
    shapes : {"all", "simple"}
        ``"simple"`` keeps to one table, at most one condition and five shapes of query (a look-up, a list, a count, an
        aggregate, the row with the highest or lowest value), which a small model can learn.

    Raises
    ------
    CrossoverError
        When ``shapes`` is neither.

    Examples
    --------
    >>> task = TextToSql()
    >>> p = task.seeds(1, replicate=0)[0]
    >>> task.correct(p.answer, p), task.correct(" SELECT name FROM elements", p)
    (True, False)
    """

    tries: ClassVar[int] = 20_000

    shapes: str = "all"
    name: str = field(default="text_to_sql", init=False)

    def __post_init__(self) -> None:
        if self.shapes not in ("all", "simple"):
            raise CrossoverError(f"text_to_sql: shapes is {self.shapes!r}; it must be 'all' or 'simple'.")

    def path(self, problem: Problem) -> Path:
        """The one database of all problems."""
        return database()

    def forms(self) -> int:
        """How many forms of question there are: shapes, columns and conditions, without values and wordings."""
        return sum(1 for _ in grammar.forms(self._simple))

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem of the same shape: other values, often one other column, now and then another operation."""
        old: Query = problem.structure

        def near(r: random.Random) -> Query | None:
            new = other_column(old, r) if r.random() < 0.5 else old
            if r.random() < 0.1:  # a question without values has little else to change
                new = turned(new, r)
            return revalued(new, r) if grammar.fits(new, self._simple) else None

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
        old: Query = problem.structure
        return self._problem(self._other(lambda r: slipped(old, r), rng, old, f"a drifted {problem.id}"), rng)

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question about a property that the database does not hold; the answer takes another column for it.

        There is no truth to keep, so its ``structure`` is ``None``.
        """
        query: Query = problem.structure
        places = [c for c in _named(query) if _renameable(c)]
        if not places and query.shape == "lookup":
            places = list(query.columns)
        elif not places:
            # The question names no quantity, so it gets a condition on one.
            known = grammar.condition_forms(query.table, self._simple)
            places = [rng.choice([c for c in known if _renameable(c) and (c, "above") in known[c]])]
            query = replace(query, conditions=(valued((places[0], "above"), rng), *query.conditions[:1]))
        column = rng.choice(places)
        table = query.table if query.shape == "lookup" else column.partition(".")[0]
        missing = rng.choice(list(lexicon()["unknown"][table].items()))
        text = asked(tables(query), question(query, rng, {column: missing}))
        return Problem(text_id("drawn", text), text, f" {write(query)}")

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write right SQL for the problem, in one of several styles."""
        return f" {write(problem.structure, rng)}"

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write SQL with one slip: a wrong value, operation or column, or a part left out."""
        old: Query = problem.structure
        short = list(simpler(old))
        for _ in range(self.tries):
            slip = rng.choice((other_value, turned, other_column, *([None] if short else [])))
            wrong = slip(old, rng) if slip else rng.choice(short)
            if wrong != old and not same(wrong, old):
                return f" {write(wrong, rng)}"
        raise CrossoverError(f"text_to_sql: no slip gives {problem.id} a wrong answer; draw another problem instead.")

    # --- drawing ---------------------------------------------------------------------------------------------------

    @property
    def _simple(self) -> bool:
        return self.shapes == "simple"

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{DRAW}/shapes={self.shapes}/{side}/{replicate}"

    def _text(self, query: Query, rng: random.Random) -> str:
        return asked(tables(query), question(query, rng))

    def _problem(self, query: Query, rng: random.Random) -> Problem:
        text = self._text(query, rng)
        return Problem(text_id("drawn", text), text, f" {write(query)}", query)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        shape = rng.choice(grammar.SIMPLE if self._simple else grammar.SHAPES)

        def drawn(r: random.Random) -> Query | None:
            query = grammar.draw(r, shape, self._simple)
            wanted = query is not None and is_test(query) == test and fair(query) and can_slip(query)
            return query if wanted else None

        return self._problem(self._first(drawn, rng, f"a {shape} problem"), rng)

    def _other(self, make: Callable[[random.Random], Query | None], rng: random.Random, old: Query, what: str) -> Query:
        """The first fair query on the training side that ``make`` gives and whose answer is not ``old``'s."""

        def kept(r: random.Random) -> Query | None:
            query = make(r)
            usable = query is not None and not is_test(query) and fair(query) and not same(old, query)
            return query if usable else None

        return self._first(kept, rng, what)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        return problem.structure


def _named(query: Query) -> Iterator[str]:
    """The columns that a question names, those of conditions on other tables too."""
    yield from query.columns
    for condition in query.conditions:
        inner: tuple[Condition, ...] = condition.values if condition.op in ("some", "none") else ()
        yield from (c.column for c in (condition, *inner) if "." in c.column)


def _renameable(column: str) -> bool:
    """Whether a column is a quantity whose wordings all name it."""
    return "." in column and kind(column) in ("number", "integer") and "says" not in lexicon()["columns"][column]
