"""The plan behind a ``text_to_sql`` question: which rows, which columns, which conditions; its forms, values and truth.

A :class:`Query` is the structure of a problem. Its SQL is made in :mod:`crossover.tasks.query_sql` and its English in
:mod:`crossover.tasks.query_wording`; here live the grammar of forms, the values that conditions can take in the real
database, and the split into a training and a test side.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from crossover.assets import Asset
from crossover.tasks.sql import run_once

ELEMENTS_DB = Asset(
    "mendeleev",
    "1.3.0",
    "mendeleev",
    "elements.db",
    "8a6312b57603e22c58ab28005bb8cacfbff721bc859eea8ddc2b784c17ffd717",
)
TEST_BUCKETS, BUCKETS = 1, 10
SIMPLE = ("lookup", "list", "count", "aggregate", "superlative")

_NESTED = ("above_average", "below_average", "above_element", "below_element")
# Conditions by kind of column. "missing" and "known" are for columns that have empty cells.
_OPS = {
    "number": ("above", "below", "between", "missing", "known", *_NESTED),
    "integer": ("equals", "above", "below"),
    "year": ("equals", "above", "below", "between", "missing", "known"),
    "class": ("equals", "either"),
    "flag": ("yes", "no"),
    "text": ("starts", "ends", "contains"),
    "label": (),
}
_VALUELESS = ("yes", "no", "missing", "known", "above_average", "below_average")
# Conditions that say which part of the table is meant: one of them stands in every pair.
_SCOPES = ("equals", "either", "yes", "no", "starts", "ends", "contains")
CHILDREN = ("isotopes", "oxidationstates", "ionizationenergies", "ionicradii", "phasetransitions")
_PARENTS = ("series", "groups")
# How many conditions a question of each shape can have.
_CONDITIONS = {
    "lookup": (), "list": (1, 2), "list_two": (1,), "count": (1, 2), "aggregate": (1,), "distinct": (1,),
    "count_distinct": (1,), "group_count": (1,), "group_aggregate": (0, 1), "having": (0, 1), "most": (1,),
    "superlative": (0, 1), "top": (0, 1), "ordered": (1,),
}  # fmt: skip
SHAPES = tuple(_CONDITIONS)
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


@dataclass(frozen=True)
class Query:
    """The structure of a question; hashable, and equal for two wordings of one question.

    Attributes
    ----------
    shape : str
        One of :data:`SHAPES`.
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


@cache
def lexicon() -> dict[str, Any]:
    """Read ``text_to_sql.yaml`` once."""
    import yaml

    text = importlib.resources.files("crossover.tasks").joinpath("text_to_sql.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def database() -> Path:
    """Return the path of ``elements.db`` in the package mendeleev, checked by SHA-256 once a process."""
    return ELEMENTS_DB.path()


def kind(column: str) -> str:
    """The kind of a column: number, integer, year, class, flag, text or label."""
    return lexicon()["columns"][column]["kind"]


# --- the grammar of forms ---------------------------------------------------------------------------------------------


@cache
def own_columns(table: str, *kinds: str) -> tuple[str, ...]:
    """The columns of a table that are of one of some kinds; those of ``elements`` include its series and group."""
    tables = (table, *_PARENTS) if table == "elements" else (table,)
    return tuple(c for c in lexicon()["columns"] if c.partition(".")[0] in tables and kind(c) in kinds)


@cache
def cells(column: str) -> tuple:
    """The values of a column, in order of size, without the empty ones."""
    table, name = column.split(".")
    rows = run_once(database(), f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL AND {name} <> ''").rows
    return tuple(sorted(value for (value,) in rows))


@cache
def sizes() -> dict[str, int]:
    """How many rows each table has."""
    tables = (*lexicon()["tables"], *_PARENTS)
    return {table: run_once(database(), f"SELECT COUNT(*) FROM {table}").rows[0][0] for table in tables}


@cache
def condition_forms(table: str, simple: bool) -> dict[str, tuple[Form, ...]]:
    """The forms of conditions on a table's rows, by the column (or other table) that they are about."""
    found: dict[str, tuple[Form, ...]] = {}
    for column in own_columns(table, *_OPS):
        ops = [op for op in _OPS[kind(column)] if op not in ("missing", "known") or has_gaps(column)]
        if simple or table != "elements":  # which of an element's rows would stand for the element is unclear
            ops = [op for op in ops if op not in _NESTED[2:]]
        if simple:
            ops = [op for op in ops if op not in _NESTED and not column.startswith(_PARENTS)]
        # A few columns have too few values: no two elements share an atomic number, so "equals" would be a look-up.
        enough = [op for op in ops if op in (*_VALUELESS, *_NESTED) or len(_choices(column, op)) > 1]
        found[column] = tuple((column, op) for op in enough)
    if table == "elements" and not simple:
        for child in CHILDREN:
            inner = [f for c in own_columns(child, *_OPS) for f in condition_forms(child, True).get(c, ())]
            inner = [(), *(f for f in inner if f[1] not in ("missing", "known"))]
            found[child] = tuple((child, op, *f) for f in inner for op in ("some", "none"))
    elif table in CHILDREN:
        found["elements.name"] = (("elements.name", "equals"),)
        for column in ("elements.period", "elements.group_id", "elements.block", "elements.is_radioactive"):
            found[column] = tuple((column, op) for op in _OPS[kind(column)] if op in ("equals", "yes", "no"))
    return {column: forms for column, forms in found.items() if forms}


@cache
def outlines(shape: str, simple: bool) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """What a question of a shape can ask, conditions aside: table, columns, and aggregate or direction."""
    found: list[tuple[str, tuple[str, ...], str]] = []
    for table, entry in lexicon()["tables"].items():
        if table != "elements" and (simple or shape == "lookup"):
            continue
        shown = [f"{table}.{name}" for name in entry["shown"]]
        measured = own_columns(table, "number", "year")
        classes = own_columns(table, "class")
        if table == "elements":
            classes += ("elements.period", "elements.group_id")
        groups = classes if table == "elements" else (*classes, "elements.name")
        if shape == "lookup":
            columns = own_columns(table, "number", "year", "integer", "class", "label")
            found += [(table, (c,), "") for c in columns if not (simple and c.startswith(_PARENTS))]
        elif shape == "list":
            found += [(table, (c,), "") for c in shown]
        elif shape == "list_two":
            found += [(table, (shown[0], c), "") for c in (*shown[1:], *measured, *classes) if c != shown[0]]
        elif shape == "count":
            found.append((table, (), ""))
        elif shape == "aggregate":
            found += [(table, (c,), how) for c in measured for how in aggregates(c)]
        elif shape in ("distinct", "count_distinct"):
            found += [(table, (c,), "") for c in classes]
        elif shape in ("group_count", "having", "most"):
            found += [(table, (c,), "") for c in groups]
        elif shape == "group_aggregate":
            found += [(table, (g, c), how) for g in groups for c in measured for how in aggregates(c)]
        else:
            found += [(table, (s, c), how) for s in shown for c in measured if c != s for how in ("desc", "asc")]
    return tuple(found)


def has_gaps(column: str) -> bool:
    """Whether a column has empty cells."""
    return len(cells(column)) < sizes()[column.partition(".")[0]]


def aggregates(column: str) -> tuple[str, ...]:
    """The aggregates that make sense for a measured column."""
    if kind(column) == "year":
        return ("max", "min")
    return ("max", "min", "avg", "sum") if lexicon()["columns"][column].get("sum") else ("max", "min", "avg")


def fits(query: Query, simple: bool) -> bool:
    """Whether a query is of one of the forms."""
    if (query.table, query.columns, query.how) not in outlines(query.shape, simple):
        return False
    known, chosen = condition_forms(query.table, simple), [form(c) for c in query.conditions]
    return query.shape == "lookup" or (
        all(f in known.get(f[0], ()) for f in chosen) and _allowed(query.shape, query.table, query.columns, chosen)
    )


def _allowed(shape: str, table: str, columns: tuple[str, ...], forms: Sequence[Form]) -> bool:
    """Whether conditions of these forms fit an outline."""
    names = [f[0] for f in forms]
    owners = sum(name.startswith("elements.") for name in names)
    if len(set(names)) < len(names) or set(names) & set(columns):
        return False
    if table in CHILDREN:
        # A list of bare mass numbers says nothing unless they are one element's.
        if shape in ("list", "list_two", "superlative", "top", "ordered") and "elements.name" not in names:
            return False
        if owners > 1 or (owners and not names[0].startswith("elements.")):
            return False
    if len(forms) == 2:
        first, second = forms
        # Two conditions of the first sort come in one order only: a question has one structure.
        return first[1] in _SCOPES and (second[1] not in _SCOPES or owners == 1 or first < second)
    return True


def _joiners(table: str, forms: Sequence[Form]) -> tuple[str, ...]:
    """Whether conditions can be joined by "or" too: not where one of them names the owner of the rows."""
    return ("and", "or") if len(forms) == 2 and not (table in CHILDREN and "elements" in forms[0][0]) else ("and",)


def forms(simple: bool) -> Iterator[tuple]:
    """Every form of question: shape, table, columns, aggregate or direction, conditions without values, "and" or "or".

    Not every form has a fair question: a few have no values that give a short answer.
    """
    for shape in SIMPLE if simple else SHAPES:
        for table, columns, how in outlines(shape, simple):
            if shape == "lookup":
                yield shape, table, columns, how, (("elements.name", "equals"),), "and"
                continue
            single = list(itertools.chain(*condition_forms(table, simple).values()))
            for count in _counts(shape, simple):
                for chosen in itertools.permutations(single, count):
                    if _allowed(shape, table, columns, chosen):
                        for joined in _joiners(table, chosen):
                            yield shape, table, columns, how, chosen, joined


def _counts(shape: str, simple: bool) -> tuple[int, ...]:
    return tuple(n for n in _CONDITIONS[shape] if n < 2 or not simple)


def draw(rng: random.Random, shape: str, simple: bool) -> Query | None:
    """Draw a question of a shape: outline, number of conditions, their columns, ops and values, each in turn evenly.

    ``None`` where the draw is not one of :func:`forms`.
    """
    # Half of the questions are about elements, the rest about what belongs to them.
    own, other = _by_owner(shape, simple)
    table, columns, how = rng.choice(own if not other or rng.random() < 0.5 else other)
    if shape == "lookup":
        chosen: list[Form] = [("elements.name", "equals")]
    else:
        by_column = condition_forms(table, simple)
        names = [rng.choice(list(by_column)) for _ in range(rng.choice(_counts(shape, simple)))]
        if table in CHILDREN and names and shape in ("list", "list_two", "superlative", "top", "ordered"):
            names[0] = "elements.name"
        chosen = [rng.choice(by_column[name]) for name in names]
    if not _allowed(shape, table, columns, chosen):
        return None
    query = Query(shape, table, columns, (), rng.choice(_joiners(table, chosen)), how, _number(shape, rng))
    return replace(query, conditions=tuple(valued(f, rng) for f in chosen))


@cache
def _by_owner(shape: str, simple: bool) -> tuple[tuple, tuple]:
    every = outlines(shape, simple)
    return tuple(o for o in every if o[0] == "elements"), tuple(o for o in every if o[0] != "elements")


def _number(shape: str, rng: random.Random) -> int:
    if shape == "top":
        return rng.randint(2, 6)
    return rng.choice([2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 35]) if shape == "having" else 0


# --- values -----------------------------------------------------------------------------------------------------------


def valued(of: Form, rng: random.Random) -> Condition:
    """Draw the values of a condition of this form."""
    column, op, *inner = of
    if op in ("some", "none"):
        return Condition(column, op, (valued(tuple(inner), rng),) if inner else ())
    if op in _VALUELESS:
        return Condition(column, op)
    if op.endswith("_element"):
        return Condition(column, op, (rng.choice(cells("elements.name")),))
    if op in ("between", "either"):
        return Condition(column, op, tuple(sorted(rng.sample(_choices(column, op), 2))))
    return Condition(column, op, (rng.choice(_choices(column, op)),))


def form(condition: Condition) -> Form:
    """The form of a condition: what is left without its values."""
    inner = form(condition.values[0]) if condition.op in ("some", "none") and condition.values else ()
    return (condition.column, condition.op, *inner)


def revalued(query: Query, rng: random.Random) -> Query:
    """The query with all its values drawn anew, and its number too."""
    conditions = tuple(valued(form(c), rng) for c in query.conditions)
    return replace(query, conditions=conditions, number=_number(query.shape, rng))


@cache
def _choices(column: str, op: str) -> tuple:
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


# --- the two sides ----------------------------------------------------------------------------------------------------


def is_test(query: Query) -> bool:
    """Whether a query belongs to the test side: one in ten by a stable hash of its form and values.

    Wordings do not count, so no training problem asks what a test problem asks, in whatever words.
    """
    digest = hashlib.blake2b(repr(query).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % BUCKETS < TEST_BUCKETS
