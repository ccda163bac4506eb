"""The ``text_to_sql`` task: questions in English about the chemical elements, answered by one SQL statement.

The database is ``elements.db`` of the package mendeleev (MIT licence). Questions ask its table of elements for a
look-up, a list, a count, an aggregate, or the row with the highest or lowest value, with at most one condition.
"""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Problem
from crossover.tasks.problem_sets import Planned, text_id
from crossover.tasks.sql.execution_match import SqlAnswers, asked, matches, run_once, same_result
from crossover.tasks.sql.sandbox import Row
from crossover.tasks.text_to_sql import plan as grammar
from crossover.tasks.text_to_sql.plan import QueryPlan
from crossover.tasks.text_to_sql.writing import tables, write_english, write_sql

MOST_ROWS = 25
_PAIRS = (("above", "below"), ("yes", "no"), ("missing", "known"), ("desc", "asc"))
_OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_NEAR = 30


@dataclass(frozen=True)
class TextToSql(SqlAnswers, Planned):
    """Questions over a real database of chemical elements.

    ``shapes`` is ``simple``, the name of the grammar, which is part of every cell's key.
    """

    tries: ClassVar[int] = 20_000

    shapes: str = "simple"
    name: str = field(default="text_to_sql", init=False)

    def __post_init__(self) -> None:
        if self.shapes != "simple":
            raise CrossoverError(f"text_to_sql: shapes must be 'simple', got {self.shapes!r}.")

    def path(self, problem: Problem) -> Path:
        return grammar.database()

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem of the same shape: other values, often one other column, now and then another operation."""
        old: QueryPlan = problem.structure

        def near(r: random.Random) -> QueryPlan | None:
            new = other_column(old, r) if r.random() < 0.5 else old
            if r.random() < 0.1:  # a question without values has little else to change
                new = turned(new, r)
            return revalued(new, r) if grammar.fits(new) else None

        return self._other(near, rng, old, f"another problem like {problem.id}")

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one value or operation has changed, and with it the right answer."""
        old: QueryPlan = problem.structure
        return self._other(lambda r: slipped(old, r), rng, old, f"a drifted {problem.id}")

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question about a property that is not in the database; the answer takes another for it."""
        query: QueryPlan = problem.structure
        places = [c for c in (*query.columns, *(c.column for c in query.conditions)) if _renameable(c)]
        if not places and query.shape == "lookup":
            places = list(query.columns)
        elif not places:  # the question names no quantity, so its condition becomes one on a quantity
            places = [rng.choice([c for c in grammar.conditioned() if _renameable(c) and "above" in grammar.ops(c)])]
            query = replace(query, conditions=(grammar.valued(places[0], "above", rng),))
        column = rng.choice(places)
        missing = rng.choice(list(grammar.lexicon()["unknown"].items()))
        text = asked(tables(query), write_english(query, rng, {column: missing}))
        return Problem(text_id("drawn", text), text, f" {write_sql(query)}")

    def solve(self, problem: Problem, rng: random.Random) -> str:
        return f" {write_sql(problem.structure, rng)}"

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write SQL with one slip: a wrong value, operation or column, or the condition left out."""
        old: QueryPlan = problem.structure
        slips = [other_value, turned, other_column, *([unconditioned] if old.conditions else [])]

        wrong = self._first(
            lambda r: r.choice(slips)(old, r), lambda q: q != old and not same(q, old), rng, f"{problem.id} a slip"
        )
        return f" {write_sql(wrong, rng)}"

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{DRAW}/shapes={self.shapes}/{side}/{replicate}"

    def _text(self, plan: QueryPlan, rng: random.Random) -> str:
        return asked(tables(plan), write_english(plan, rng))

    def _answer(self, plan: QueryPlan, rng: random.Random) -> str:
        return f" {write_sql(plan)}"

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        shape = rng.choice(grammar.SHAPES)

        def wanted(query: QueryPlan) -> bool:
            return grammar.is_test(query) == test and fair(query) and can_slip(query)

        return self._problem(self._first(lambda r: grammar.draw(r, shape), wanted, rng, f"a {shape} problem"), rng)

    def _other(
        self, make: Callable[[random.Random], QueryPlan | None], rng: random.Random, old: QueryPlan, what: str
    ) -> Problem:
        """A problem of the first fair training query of ``make`` whose answer is not ``old``'s."""
        return self._problem(
            self._first(make, lambda q: not grammar.is_test(q) and fair(q) and not same(old, q), rng, what), rng
        )

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        return problem.structure


def _renameable(column: str) -> bool:
    """Whether a column is a quantity whose wordings all name it."""
    return grammar.kind(column) in ("number", "integer") and "says" not in grammar.lexicon()["columns"][column]


# --- fair questions, and the plans near a plan ------------------------------------------------------------------------


def answer(query: QueryPlan) -> tuple[Row, ...]:
    """The rows that answer a query."""
    return run_once(grammar.database(), write_sql(query)).rows


def same(first: QueryPlan, second: QueryPlan) -> bool:
    """Whether the right SQL of the first answers the second."""
    return matches(grammar.database(), write_sql(first), write_sql(second))


def fair(query: QueryPlan) -> bool:
    """Whether a question has one clear answer that nothing simpler gives.

    At most :data:`MOST_ROWS` rows and no empty cell; a count of 2 or more that is not some whole table's, and no other
    lone 0 or 1, which a guess would hit; no tie where rows are ranked; a different answer without the condition
    or the ranking.
    """
    rows = answer(query)
    if not 1 <= len(rows) <= MOST_ROWS or any(cell is None or cell == "" for row in rows for cell in row):
        return False
    if rows in (((0,),), ((1,),)):
        return False
    if query.shape == "count" and (rows[0][0] < 2 or rows[0][0] in grammar.table_sizes().values()):
        return False
    if query.shape == "list" and len(rows) < 2:
        return False
    if query.shape == "superlative":
        shown, ranked = (replace(query, shape="list", columns=(column,)) for column in query.columns)
        ranks = sorted((rank for (rank,) in answer(ranked) if rank is not None), reverse=query.how == "desc")
        # The row that happens to lie first in the file must not pass for the highest.
        if len(set(ranks[:2])) < 2 or same_result(answer(shown)[:1], rows, ordered=True):
            return False
    return query.shape == "lookup" or not query.conditions or not same(replace(query, conditions=()), query)


@lru_cache(4096)
def can_slip(query: QueryPlan) -> bool:
    """Whether a slip gives a fair question with another answer; of a few queries all answers agree."""
    rng = random.Random(query.key)
    near = (slipped(query, rng) for _ in range(_NEAR))
    return any(
        other != query and not grammar.is_test(other) and fair(other) and not same(query, other) for other in near
    )


def unconditioned(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query without its condition."""
    rng.randrange(1)  # the condition to leave out; it keeps the published slips
    return replace(query, conditions=())


def slipped(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with one operation or value changed."""
    return turned(query, rng) if rng.random() < 0.5 else other_value(query, rng)


def turned(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """One operation changed to another on the same columns: direction, aggregate or comparison."""
    hows = (
        [_OPPOSITE[query.how]] if query.how in _OPPOSITE else grammar.aggregates(query.columns[-1]) if query.how else []
    )
    moves = [replace(query, how=how) for how in hows if how != query.how]
    for condition in query.conditions:
        if condition.op in _OPPOSITE:
            moves.append(replace(query, conditions=(replace(condition, op=_OPPOSITE[condition.op]),)))
    return rng.choice(moves) if moves else query


def revalued(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with the values of its condition drawn anew."""
    return replace(query, conditions=tuple(grammar.valued(c.column, c.op, rng) for c in query.conditions))


def other_value(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The same, as one slip among several."""
    if query.conditions:
        rng.randrange(1)  # the condition that changes; it keeps the published slips
    return revalued(query, rng)


def other_column(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with a measured or shown column, or the column of a numeric condition, changed for one of its kind."""
    conditioned = [c.column for c in query.conditions]
    places = [*query.columns, *(c for c in conditioned if grammar.kind(c) == "number")]
    if not places:
        return query
    old = rng.choice(places)
    kinds = ("text", "label") if grammar.kind(old) in ("text", "label") else (grammar.kind(old),)
    choices = [c for c in grammar.columns_of(*kinds) if c not in (*query.columns, *conditioned)]
    if not choices:
        return query
    new = rng.choice(choices)
    columns = tuple(new if c == old else c for c in query.columns)
    return replace(
        query,
        columns=columns,
        conditions=tuple(replace(c, column=new) if c.column == old else c for c in query.conditions),
    )
