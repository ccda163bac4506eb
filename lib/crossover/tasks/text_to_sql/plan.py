"""The plan behind a ``text_to_sql`` question, the database that it asks, and the values that its conditions can take.

A :class:`Query` is the structure of a problem. Which plans there are is told in :mod:`crossover.tasks.text_to_sql.grammar`; the
SQL is written in :mod:`crossover.tasks.text_to_sql.write_sql` and the English in :mod:`crossover.tasks.text_to_sql.write_english`.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from crossover.data.pinned import ELEMENTS_DB
from crossover.tasks.sql.sandbox import run

TEST_BUCKETS, BUCKETS = 1, 10

#: Tables whose rows belong to an element, and tables that say more of an element's series and group.
CHILDREN = ("isotopes", "oxidationstates", "ionizationenergies", "ionicradii", "phasetransitions")
PARENTS = ("series", "groups")
#: Conditions that compare with a subquery, and those that need no value.
NESTED = ("above_average", "below_average", "above_element", "below_element")
VALUELESS = ("yes", "no", "missing", "known", "above_average", "below_average")
Form = tuple[str, ...]  # a condition without its values: column, op, and for rows elsewhere their own column and op


@dataclass(frozen=True)
class Condition:
    """One condition on rows.

    Attributes
    ----------
    column : str
        ``table.column``; for ``some`` and ``none`` the other table's name.
    op : str
        What is asked of it, a key of ``says`` in ``text_to_sql.yaml``, or ``yes``, ``no`` (a flag), ``some`` or
        ``none`` (rows of another table that belong to the element).
    values : tuple
        What it is compared with; for ``some`` and ``none`` at most one :class:`Condition` on the other table.
    """

    column: str
    op: str
    values: tuple = ()

    @property
    def table(self) -> str:
        """The table that it is about."""
        return self.column.partition(".")[0]

    @property
    def form(self) -> Form:
        """What is left without its values."""
        inner = self.values[0].form if self.op in ("some", "none") and self.values else ()
        return (self.column, self.op, *inner)


@dataclass(frozen=True)
class Query:
    """The structure of a question; hashable, and equal for two wordings of one question.

    Attributes
    ----------
    shape : str
        One of :data:`crossover.tasks.text_to_sql.grammar.SHAPES`.
    table : str
        The table whose rows are asked about.
    columns : tuple of str
        Shown, grouped or measured columns, ``table.column``; what each is depends on the shape.
    conditions : tuple of Condition
        In a fixed order.
    joined : str
        ``"and"`` or ``"or"``.
    how : str
        The aggregate (``max``, ``min``, ``avg``, ``sum``) or the direction (``desc``, ``asc``).
    number : int
        How many rows a ``top`` shows, or the count that a ``having`` must pass.
    """

    shape: str
    table: str
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    joined: str = "and"
    how: str = ""
    number: int = 0


def is_test(query: Query) -> bool:
    """Whether a query belongs to the test side: one in ten by a stable hash of its form and values.

    Wordings do not count, so no training problem asks what a test problem asks, in whatever words.
    """
    digest = hashlib.blake2b(repr(query).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % BUCKETS < TEST_BUCKETS


# --- the database -----------------------------------------------------------------------------------------------------


@cache
def lexicon() -> dict[str, Any]:
    """Read ``text_to_sql.yaml`` once."""
    import yaml

    text = importlib.resources.files("crossover.tasks.text_to_sql").joinpath("wording.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def database() -> Path:
    """Return the path of ``elements.db`` in the package mendeleev, checked by SHA-256 once a process."""
    return ELEMENTS_DB.path()


def kind(column: str) -> str:
    """The kind of a column: number, integer, year, class, flag, text or label."""
    return lexicon()["columns"][column]["kind"]


@cache
def cells(column: str) -> tuple:
    """The values of a column, in order of size, without the empty ones."""
    table, name = column.split(".")
    rows = run(database(), f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL AND {name} <> ''").rows
    return tuple(sorted(value for (value,) in rows))


@cache
def sizes() -> dict[str, int]:
    """How many rows each table has."""
    tables = (*lexicon()["tables"], *PARENTS)
    return {table: run(database(), f"SELECT COUNT(*) FROM {table}").rows[0][0] for table in tables}


def has_gaps(column: str) -> bool:
    """Whether a column has empty cells."""
    return len(cells(column)) < sizes()[column.partition(".")[0]]


def aggregates(column: str) -> tuple[str, ...]:
    """The aggregates that make sense for a measured column."""
    if kind(column) == "year":
        return ("max", "min")
    return ("max", "min", "avg", "sum") if lexicon()["columns"][column].get("sum") else ("max", "min", "avg")


# --- values -----------------------------------------------------------------------------------------------------------


def valued(form: Form, rng: random.Random) -> Condition:
    """Draw the values of a condition of this form."""
    column, op, *inner = form
    if op in ("some", "none"):
        return Condition(column, op, (valued(tuple(inner), rng),) if inner else ())
    if op in VALUELESS:
        return Condition(column, op)
    if op.endswith("_element"):
        return Condition(column, op, (rng.choice(cells("elements.name")),))
    if op in ("between", "either"):
        return Condition(column, op, tuple(sorted(rng.sample(choices(column, op), 2))))
    return Condition(column, op, (rng.choice(choices(column, op)),))


def revalued(query: Query, rng: random.Random) -> Query:
    """The query with all its values drawn anew, and its number too."""
    conditions = tuple(valued(c.form, rng) for c in query.conditions)
    return replace(query, conditions=conditions, number=number(query.shape, rng))


def number(shape: str, rng: random.Random) -> int:
    """Draw the number that a shape of query needs; 0 where it needs none."""
    if shape == "top":
        return rng.randint(2, 6)
    return rng.choice([2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 35]) if shape == "having" else 0


@cache
def choices(column: str, op: str) -> tuple:
    """The values that a condition on a column can be given.

    A number is rounded to two digits and never one of the data's, so that "between" and "above" leave no doubt about the
    ends; the outer tenths of the data are left out, because a condition there keeps nearly all rows or none.
    """
    data = cells(column)
    middle = data[len(data) // 10 : -(len(data) // 10) or None]
    if op in ("starts", "ends", "contains"):
        return _fragments(data, op)
    if kind(column) == "number":
        rounded = {float(f"{v:.2g}") for v in middle} - set(data)
        return tuple(sorted(int(v) if v == math.floor(v) else v for v in rounded if 0.01 <= v < 100_000))
    if kind(column) == "year" and op != "equals":
        return tuple(range(5 * math.ceil(middle[0] / 5), middle[-1], 5))
    counts = Counter(data)
    if kind(column) == "text":
        return tuple(counts)
    if op in ("equals", "either"):
        return tuple(value for value, n in counts.items() if n > 1)
    return tuple(sorted(set(middle)))


def _fragments(names: Sequence[str], op: str) -> tuple[str, ...]:
    """Beginnings, endings or inner parts that two or more names share, and that do not depend on capitals."""
    if op == "starts":
        parts = Counter(name[:n] for name in names for n in (1, 2))
    elif op == "ends":
        parts = Counter(name[-n:] for name in names for n in (1, 2, 3))
    else:
        parts = Counter(part for name in names for part in {name[i : i + 2] for i in range(1, len(name) - 1)})
        parts = Counter({p: n for p, n in parts.items() if n == sum(p in name.lower() for name in names)})
    return tuple(sorted(part for part, n in parts.items() if n > 1))
