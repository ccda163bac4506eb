"""The ``text_to_sql`` task: questions about the chemical elements (mendeleev, MIT licence), answered in SQL."""

import random
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Planned, Problem
from crossover.tasks.sql import Row, SqlAnswers, asked, matches, run_once, same_result
from crossover.tasks.text_to_sql import plan as grammar
from crossover.tasks.text_to_sql.plan import QueryPlan, tables, write_english, write_sql

MOST_ROWS = 25
_PAIRS = (("above", "below"), ("yes", "no"), ("missing", "known"), ("desc", "asc"))
_OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_NEAR = 30


@dataclass(frozen=True)
class TextToSql(SqlAnswers, Planned):
    """Questions over a real database; ``shapes``, ``simple``, names the grammar and is part of every cell's key."""

    tries = 20_000
    stream = f"text_to_sql/{DRAW}/shapes=simple"

    shapes: str = "simple"
    name: str = field(default="text_to_sql", init=False)

    def __post_init__(self) -> None:
        if self.shapes != "simple":
            raise CrossoverError(f"text_to_sql: shapes must be 'simple', got {self.shapes!r}.")

    def path(self, problem: Problem) -> Path:
        return grammar.database()

    def solve(self, problem: Problem, rng: random.Random) -> str:
        return f" {write_sql(problem.structure, rng)}"

    def _text(self, plan: QueryPlan, rng: random.Random) -> str:
        return asked(tables(plan), write_english(plan, rng))

    def _answer(self, plan: QueryPlan, rng: random.Random) -> str:
        return f" {write_sql(plan)}"

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        shape = rng.choice(grammar.SHAPES)

        def wanted(query: QueryPlan) -> bool:
            return grammar.is_test(query) == test and fair(query) and can_slip(query)

        return self._problem(self._first(lambda r: grammar.draw(r, shape), wanted, rng), rng)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        return problem.structure


def answer(query: QueryPlan) -> tuple[Row, ...]:
    """The rows that answer a query."""
    return run_once(grammar.database(), write_sql(query)).rows


def same(first: QueryPlan, second: QueryPlan) -> bool:
    """Whether the right SQL of the first answers the second."""
    return matches(grammar.database(), write_sql(first), write_sql(second))


def fair(query: QueryPlan) -> bool:
    """Whether a question has one clear answer that nothing simpler gives.

    At most :data:`MOST_ROWS` rows, no empty cell; a count of 2 or more that is no whole table's, and no other lone 0 or
    1; no tie where rows are ranked; another answer without the condition or the ranking.
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


def other_value(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with the values of its condition drawn anew."""
    if query.conditions:
        rng.randrange(1)  # the condition that changes; it keeps the published slips
    return replace(query, conditions=tuple(grammar.valued(c.column, c.op, rng) for c in query.conditions))
