"""Fair questions, and the plans near a plan: slips, simplifications, other columns.

A fair question has a short answer without empty cells or ties, and its condition changes that answer, so that no simpler
statement passes for the right one.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import lru_cache

from crossover.tasks.sql.execution_match import matches, run_once, same_result
from crossover.tasks.sql.sandbox import Row
from crossover.tasks.text_to_sql.plan import (
    Condition,
    QueryPlan,
    aggregates,
    columns_of,
    database,
    is_test,
    kind,
    table_sizes,
    valued,
)
from crossover.tasks.text_to_sql.write_sql import write

MOST_ROWS = 25
_OPPOSITE = {"above": "below", "below": "above", "yes": "no", "no": "yes", "missing": "known", "known": "missing"}
_NEAR = 30


def answer(query: QueryPlan) -> tuple[Row, ...]:
    """The rows that answer a query."""
    return run_once(database(), write(query)).rows


def same(first: QueryPlan, second: QueryPlan) -> bool:
    """Whether the right SQL of the first answers the second."""
    return matches(database(), write(first), write(second))


def fair(query: QueryPlan) -> bool:
    """Whether a question has one clear answer that nothing simpler gives.

    At most :data:`MOST_ROWS` rows and no empty cell; a count of 2 or more that is not some whole table's, and no other
    lone 0 or 1, which a guess would hit; no tie where rows are ranked; a different answer without the condition
    (:func:`simpler`) or the ranking.
    """
    rows = answer(query)
    if not 1 <= len(rows) <= MOST_ROWS or any(cell is None or cell == "" for row in rows for cell in row):
        return False
    if rows in (((0,),), ((1,),)):
        return False
    if query.shape == "count" and (rows[0][0] < 2 or rows[0][0] in table_sizes().values()):
        return False
    if query.shape == "list" and len(rows) < 2:
        return False
    if query.shape == "superlative":
        shown, ranked = (replace(query, shape="list", columns=(column,)) for column in query.columns)
        ranks = sorted((rank for (rank,) in answer(ranked) if rank is not None), reverse=query.how == "desc")
        # The row that happens to lie first in the file must not pass for the highest.
        if len(set(ranks[:2])) < 2 or same_result(answer(shown)[:1], rows, ordered=True):
            return False
    return query.shape == "lookup" or not any(same(other, query) for other in simpler(query))


@lru_cache(4096)
def can_slip(query: QueryPlan) -> bool:
    """Whether a slip gives a fair question with another answer; of a few queries all answers agree."""
    rng = random.Random(query.key)
    near = (slipped(query, rng) for _ in range(_NEAR))
    return any(other != query and not is_test(other) and fair(other) and not same(query, other) for other in near)


# --- plans near a plan ------------------------------------------------------------------------------------------------


def simpler(query: QueryPlan) -> list[QueryPlan]:
    """The query without its condition, where it has one."""
    return [replace(query, conditions=())] if query.conditions else []


def slipped(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with one operation or value changed."""
    return turned(query, rng) if rng.random() < 0.5 else other_value(query, rng)


def turned(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """One operation changed to another on the same columns: direction, aggregate or comparison."""
    moves: list[QueryPlan] = []
    if query.how in ("desc", "asc"):
        moves.append(replace(query, how="asc" if query.how == "desc" else "desc"))
    elif query.how:
        moves += [replace(query, how=how) for how in aggregates(query.columns[-1]) if how != query.how]
    for condition in query.conditions:
        if condition.op in _OPPOSITE:
            moves.append(replace(query, conditions=(replace(condition, op=_OPPOSITE[condition.op]),)))
    return rng.choice(moves) if moves else query


def revalued(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with the values of its condition drawn anew."""
    return replace(query, conditions=tuple(valued(c.column, c.op, rng) for c in query.conditions))


def other_value(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The same, as one slip among several."""
    if query.conditions:
        rng.randrange(1)  # the condition that changes; it keeps the published slips
    return revalued(query, rng)


def other_column(query: QueryPlan, rng: random.Random) -> QueryPlan:
    """The query with a measured or shown column, or the column of a numeric condition, changed for one of its kind."""
    places: list[int | Condition] = [*range(len(query.columns))]
    places += [c for c in query.conditions if kind(c.column) == "number"]
    if not places:
        return query
    place = rng.choice(places)
    old = place.column if isinstance(place, Condition) else query.columns[place]
    used = {*query.columns, *(c.column for c in query.conditions)}
    kinds = ("text", "label") if kind(old) in ("text", "label") else (kind(old),)
    choices = [c for c in columns_of(*kinds) if c not in used]
    if not choices:
        return query
    new = rng.choice(choices)
    if isinstance(place, Condition):
        return replace(query, conditions=(replace(place, column=new),))
    return replace(query, columns=(*query.columns[:place], new, *query.columns[place + 1 :]))
