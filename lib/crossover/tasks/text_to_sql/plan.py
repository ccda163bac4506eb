"""The plan behind a ``text_to_sql`` question: which forms there are, the values that a condition can take, drawing one.

All questions ask one table of chemical elements and have at most one condition.
"""

import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crossover.data.pinned import ELEMENTS_DB
from crossover.tasks.base import packaged
from crossover.tasks.problem_sets import held_out
from crossover.tasks.sql.sandbox import run

SHAPES = ("lookup", "list", "count", "aggregate", "superlative")
#: Numbers of conditions that a question of each shape can have; a look-up names its element.
_CONDITIONS = {"list": (1,), "count": (1,), "aggregate": (1,), "superlative": (0, 1)}
_VALUELESS = ("yes", "no", "missing", "known")
# "missing" and "known" are for columns that have empty cells.
_OPS = {
    "number": ("above", "below", "between", "missing", "known"),
    "integer": ("equals", "above", "below"),
    "year": ("equals", "above", "below", "between", "missing", "known"),
    "class": ("equals", "either"),
    "flag": ("yes", "no"),
    "text": ("starts", "ends", "contains"),
    "label": (),
}


@dataclass(frozen=True)
class Condition:
    """A comparison of a column, ``elements.<name>``, with values."""

    column: str
    op: str
    values: tuple = ()


@dataclass(frozen=True)
class QueryPlan:
    """The structure of a question; hashable, and equal for two wordings of one question.

    Its columns are the one shown, or measured by an aggregate; of a superlative the one shown and the one ranked by.
    There is at most one condition. ``how`` is an aggregate or a direction.
    """

    shape: str
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    how: str = ""

    @property
    def key(self) -> str:
        """The text that decides the side of the split. Its constant parts keep the published split."""
        return (
            f"Query(shape={self.shape!r}, table='elements', columns={self.columns!r}, conditions={self.conditions!r}, "
            f"joined='and', how={self.how!r}, number=0)"
        )


def is_test(query: QueryPlan) -> bool:
    """Whether a query belongs to the test side, by its form and values; wordings do not count."""
    return held_out(query.key)


# --- the database -----------------------------------------------------------------------------------------------------


@cache
def lexicon() -> dict[str, Any]:
    """Read ``wording.yaml`` once."""
    return packaged(__package__, "wording.yaml")


@cache
def database() -> Path:
    """Return the path of ``elements.db`` in the package mendeleev, checked by SHA-256 once per process."""
    return ELEMENTS_DB.path()


def kind(column: str) -> str:
    """The kind of a column, a key of ``_OPS``."""
    return lexicon()["columns"][column]["kind"]


def columns_of(*kinds: str) -> tuple[str, ...]:
    """The columns of some kinds."""
    return tuple(column for column in lexicon()["columns"] if kind(column) in kinds)


@cache
def column_values(column: str) -> tuple:
    """The values of a column, in order of size, without the empty ones."""
    table, name = column.split(".")
    rows = run(database(), f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL AND {name} <> ''").rows
    return tuple(sorted(value for (value,) in rows))


@cache
def table_sizes() -> dict[str, int]:
    """The number of rows of each table."""
    tables = ("elements", "series", "groups", *lexicon()["spare"])
    return {table: run(database(), f"SELECT COUNT(*) FROM {table}").rows[0][0] for table in tables}


def has_gaps(column: str) -> bool:
    """Whether a column has empty cells."""
    return len(column_values(column)) < table_sizes()["elements"]


# --- forms ------------------------------------------------------------------------------------------------------------


def aggregates(column: str) -> tuple[str, ...]:
    """The aggregates that make sense for a measured column."""
    if kind(column) == "year":
        return ("max", "min")
    return ("max", "min", "avg", "sum") if lexicon()["columns"][column].get("sum") else ("max", "min", "avg")


@cache
def ops(column: str) -> tuple[str, ...]:
    """The comparisons that a condition on a column can make."""
    gaps = [op for op in _OPS[kind(column)] if op not in ("missing", "known") or has_gaps(column)]
    # No two elements share an atomic number, so "equals" would be a look-up.
    return tuple(op for op in gaps if op in _VALUELESS or len(choices(column, op)) > 1)


@cache
def conditioned() -> tuple[str, ...]:
    """The columns that conditions can be on."""
    return tuple(column for column in lexicon()["columns"] if ops(column))


@cache
def outlines(shape: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    """What a question of a shape can ask, conditions aside: columns, and aggregate or direction."""
    measured, shown = columns_of("number", "year"), lexicon()["shown"]
    if shape == "lookup":
        return tuple(((c,), "") for c in columns_of("number", "year", "integer", "class", "label"))
    if shape == "list":
        return tuple(((c,), "") for c in shown)
    if shape == "count":
        return (((), ""),)
    if shape == "aggregate":
        return tuple(((c,), how) for c in measured for how in aggregates(c))
    return tuple(((s, c), how) for s in shown for c in measured for how in ("desc", "asc"))


def fits(query: QueryPlan) -> bool:
    """Whether a query is of one of the forms."""
    if (query.columns, query.how) not in outlines(query.shape):
        return False
    return query.shape == "lookup" or all(
        c.op in ops(c.column) and c.column not in query.columns for c in query.conditions
    )


def draw(rng: random.Random, shape: str) -> QueryPlan | None:
    """Draw a question of a shape: outline, condition, comparison and values, each in turn evenly.

    ``None`` where the condition is on a column that the question asks for. The two draws without a use keep the
    published problems.
    """
    rng.random()
    columns, how = rng.choice(outlines(shape))
    if shape == "lookup":
        forms = [("elements.name", "equals")]
    else:
        chosen = [rng.choice(conditioned()) for _ in range(rng.choice(_CONDITIONS[shape]))]
        forms = [(column, rng.choice(ops(column))) for column in chosen]
    if any(column in columns for column, _ in forms):
        return None
    rng.randrange(1)
    return QueryPlan(shape, columns, tuple(valued(*form, rng) for form in forms), how)


# --- values -----------------------------------------------------------------------------------------------------------


def valued(column: str, op: str, rng: random.Random) -> Condition:
    """Draw the values of a condition."""
    if op in _VALUELESS:
        return Condition(column, op)
    if op in ("between", "either"):
        return Condition(column, op, tuple(sorted(rng.sample(choices(column, op), 2))))
    return Condition(column, op, (rng.choice(choices(column, op)),))


@cache
def choices(column: str, op: str) -> tuple:
    """The values that a condition on a column can be given.

    A number is rounded to two digits and never one of the data's, so that the ends are in no doubt. The outer tenths of
    the data, where a condition keeps nearly all rows or none, are left out. Two names or more share each part of a
    name.
    """
    data = column_values(column)
    middle = data[len(data) // 10 : -(len(data) // 10) or None]
    counts = Counter(data)
    if op in ("starts", "ends"):
        parts = Counter(name[:n] if op == "starts" else name[-n:] for name in data for n in (1, 2, 3))
        return tuple(sorted(part for part, n in parts.items() if n > 1 and (op == "ends" or len(part) < 3)))
    if op == "contains":  # one that does not depend on capitals
        parts = Counter(part for name in data for part in {name[i : i + 2] for i in range(1, len(name) - 1)})
        return tuple(sorted(p for p, n in parts.items() if n > 1 and n == sum(p in name.lower() for name in data)))
    if kind(column) == "number":
        rounded = {float(f"{v:.2g}") for v in middle} - set(data)
        return tuple(sorted(int(v) if v == math.floor(v) else v for v in rounded if 0.01 <= v < 100_000))
    if kind(column) == "year" and op != "equals":
        return tuple(range(5 * math.ceil(middle[0] / 5), middle[-1], 5))
    if kind(column) == "text":
        return tuple(counts)
    if op in ("equals", "either"):
        return tuple(value for value, n in counts.items() if n > 1)
    return tuple(sorted(set(middle)))
