"""Whether a plan makes a fair question, and the plans near a plan: slips, simplifications, other columns.

A fair question has a short answer without empty cells or ties, and every one of its conditions changes that answer, so
that no simpler statement passes for the right one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from crossover.tasks.sql.execution_match import matches, run_once, same_result
from crossover.tasks.sql.sandbox import Result
from crossover.tasks.text_to_sql.grammar import own_columns
from crossover.tasks.text_to_sql.plan import (
    CHILDREN,
    Condition,
    Query,
    aggregates,
    database,
    is_test,
    kind,
    revalued,
    sizes,
    valued,
)
from crossover.tasks.text_to_sql.write_sql import write

MOST_ROWS, MOST_GROUPS = 25, 12
_OPPOSITE = {
    "above": "below", "above_average": "below_average", "above_element": "below_element", "yes": "no", "some": "none",
    "missing": "known",
}  # fmt: skip
_OPPOSITE |= {b: a for a, b in _OPPOSITE.items()}
_WITHOUT_DISTINCT = {"distinct": "list", "count_distinct": "count"}
_SEVERAL = ("list", "list_two", "distinct", "ordered", "group_count", "group_aggregate")
_NEAR = 30


def answer(query: Query) -> Result:
    """The rows that answer a query."""
    return run_once(database(), write(query))


def same(first: Query, second: Query) -> bool:
    """Whether the right SQL of the first answers the second."""
    return matches(database(), write(first), write(second))


def fair(query: Query) -> bool:
    """Whether a question has one clear answer that nothing simpler gives.

    Notes
    -----
    At most :data:`MOST_ROWS` rows and no empty cell; a count of 2 or more that is not some whole table's, and no other
    lone 0 or 1, which a guess would hit; no ties where rows are ranked; a different answer where something is left out
    (:func:`simpler`) or the ranking is.
    """
    rows = answer(query).rows
    if not 1 <= len(rows) <= MOST_ROWS or any(cell is None or cell == "" for row in rows for cell in row):
        return False
    if rows in (((0,),), ((1,),)):
        return False
    if query.shape in ("count", "count_distinct") and (rows[0][0] < 2 or rows[0][0] in sizes().values()):
        return False
    if query.shape in _SEVERAL and len(rows) < 2:
        return False
    if query.shape in ("group_count", "group_aggregate") and len(rows) > MOST_GROUPS:
        return False
    if query.shape in ("superlative", "top", "ordered", "most") and not _ranked(query):
        return False
    if query.shape in ("superlative", "top", "ordered"):
        # The rows as they happen to lie in the file must not pass for the ranking.
        unranked = answer(replace(query, shape="list", columns=query.columns[:1])).rows[: len(rows)]
        if same_result(unranked, rows, ordered=True):
            return False
    return query.shape == "lookup" or not any(same(other, query) for other in simpler(query))


def _ranked(query: Query) -> bool:
    """Whether the rows that a ranking shows, and the first that it does not, all differ in what they are ranked by."""
    if query.shape == "most":
        counts = [n for _, n in answer(replace(query, shape="group_count")).rows]
        return len(counts) > 1 and counts.count(max(counts)) == 1
    shown = {"superlative": 1, "top": query.number, "ordered": MOST_ROWS}[query.shape]
    ranks = answer(replace(query, shape="ordered", columns=(query.columns[1],) * 2)).rows
    kept = [rank for (rank,) in ranks if rank is not None]
    if len(kept) < shown + 1 and query.shape != "ordered":
        return False
    first = kept[: shown + 1]
    return len(set(first)) == len(first) and (query.shape != "ordered" or len(kept) == len(ranks))


@lru_cache(4096)
def can_slip(query: Query) -> bool:
    """Whether a slip gives a fair question with another answer; of a few queries all answers agree."""
    rng = random.Random(repr(query))
    near = (slipped(query, rng) for _ in range(_NEAR))
    return any(other != query and not is_test(other) and fair(other) and not same(query, other) for other in near)


# --- plans near a plan ------------------------------------------------------------------------------------------------


def simpler(query: Query) -> Iterator[Query]:
    """The queries that leave something out: a condition, a DISTINCT, a HAVING."""
    for i in range(len(query.conditions)):
        yield replace(query, conditions=query.conditions[:i] + query.conditions[i + 1 :], joined="and")
    if query.shape in _WITHOUT_DISTINCT:
        yield replace(query, shape=_WITHOUT_DISTINCT[query.shape])
    if query.shape == "having":
        yield replace(query, number=0)


def slipped(query: Query, rng: random.Random) -> Query:
    """The query with one operation or value changed."""
    return turned(query, rng) if rng.random() < 0.5 else other_value(query, rng)


def turned(query: Query, rng: random.Random) -> Query:
    """One operation changed to another on the same columns: direction, aggregate, a comparison, "and" to "or"."""
    moves: list[Query] = []
    if query.how in ("desc", "asc"):
        moves.append(replace(query, how="asc" if query.how == "desc" else "desc"))
    elif query.how:
        moves += [replace(query, how=how) for how in aggregates(query.columns[-1]) if how != query.how]
    if len(query.conditions) == 2 and not (query.table in CHILDREN and query.conditions[0].table == "elements"):
        moves.append(replace(query, joined="or" if query.joined == "and" else "and"))
    for i, condition in enumerate(query.conditions):
        if condition.op in _OPPOSITE:
            moves.append(_with_condition(query, i, replace(condition, op=_OPPOSITE[condition.op])))
    return rng.choice(moves) if moves else query


def other_value(query: Query, rng: random.Random) -> Query:
    """The query with the values of one condition, or its number, drawn anew."""
    places = len(query.conditions) + bool(query.number)
    if not places:
        return query
    i = rng.randrange(places)
    if i == len(query.conditions):
        return replace(query, number=revalued(query, rng).number)
    return _with_condition(query, i, valued(query.conditions[i].form, rng))


def other_column(query: Query, rng: random.Random) -> Query:
    """One measured or shown column, or the column of one numeric condition, changed for another of its table and kind."""
    places = [("column", i) for i in range(len(query.columns))]
    places += [
        ("condition", i) for i, c in enumerate(query.conditions) if "." in c.column and kind(c.column) == "number"
    ]
    if not places:
        return query
    what, i = rng.choice(places)
    old = query.columns[i] if what == "column" else query.conditions[i].column
    used = {*query.columns, *(c.column for c in query.conditions)}
    kinds = ("text", "label") if kind(old) in ("text", "label") else (kind(old),)
    table = old.partition(".")[0]
    choices = [c for c in own_columns(table, *kinds) if c.startswith(f"{table}.") and c not in used]
    if not choices:
        return query
    new = rng.choice(choices)
    if what == "column":
        return replace(query, columns=(*query.columns[:i], new, *query.columns[i + 1 :]))
    return _with_condition(query, i, replace(query.conditions[i], column=new))


def _with_condition(query: Query, index: int, condition: Condition) -> Query:
    """The query with one condition in another's place."""
    return replace(query, conditions=(*query.conditions[:index], condition, *query.conditions[index + 1 :]))
