"""The grammar of ``text_to_sql``: every form that a question can have, and drawing one.

A form is a plan without its values: shape, table, columns, aggregate or direction, and the columns and comparisons of its
conditions. :func:`forms` lists them; :func:`draw` draws from them, rare shapes as often as common ones.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from crossover.tasks.text_to_sql.plan import (
    CHILDREN,
    NESTED,
    PARENTS,
    VALUELESS,
    Form,
    Query,
    aggregates,
    choices,
    has_gaps,
    kind,
    lexicon,
    number,
    valued,
)

# Conditions by kind of column. "missing" and "known" are for columns that have empty cells.
_OPS = {
    "number": ("above", "below", "between", "missing", "known", *NESTED),
    "integer": ("equals", "above", "below"),
    "year": ("equals", "above", "below", "between", "missing", "known"),
    "class": ("equals", "either"),
    "flag": ("yes", "no"),
    "text": ("starts", "ends", "contains"),
    "label": (),
}
# Conditions that say which part of the table is meant: one of them stands in every pair.
_SCOPES = ("equals", "either", "yes", "no", "starts", "ends", "contains")
# How many conditions a question of each shape can have.
_CONDITIONS = {
    "lookup": (), "list": (1, 2), "list_two": (1,), "count": (1, 2), "aggregate": (1,), "distinct": (1,),
    "count_distinct": (1,), "group_count": (1,), "group_aggregate": (0, 1), "having": (0, 1), "most": (1,),
    "superlative": (0, 1), "top": (0, 1), "ordered": (1,),
}  # fmt: skip
SHAPES = tuple(_CONDITIONS)
SIMPLE = ("lookup", "list", "count", "aggregate", "superlative")
# A list of bare mass numbers says nothing unless they are one element's.
_OF_ONE_ELEMENT = ("list", "list_two", "superlative", "top", "ordered")


@cache
def own_columns(table: str, *kinds: str) -> tuple[str, ...]:
    """The columns of a table that are of one of some kinds; those of ``elements`` include its series and group."""
    tables = (table, *PARENTS) if table == "elements" else (table,)
    return tuple(c for c in lexicon()["columns"] if c.partition(".")[0] in tables and kind(c) in kinds)


@cache
def condition_forms(table: str, simple: bool) -> dict[str, tuple[Form, ...]]:
    """The forms of conditions on a table's rows, by the column (or other table) that they are about."""
    found: dict[str, tuple[Form, ...]] = {}
    for column in own_columns(table, *_OPS):
        ops = [op for op in _OPS[kind(column)] if op not in ("missing", "known") or has_gaps(column)]
        if simple or table != "elements":  # which of an element's rows would stand for the element is unclear
            ops = [op for op in ops if op not in NESTED[2:]]
        if simple:
            ops = [op for op in ops if op not in NESTED and not column.startswith(PARENTS)]
        # A few columns have too few values: no two elements share an atomic number, so "equals" would be a look-up.
        enough = [op for op in ops if op in (*VALUELESS, *NESTED) or len(choices(column, op)) > 1]
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
            found += [(table, (c,), "") for c in columns if not (simple and c.startswith(PARENTS))]
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


def fits(query: Query, simple: bool) -> bool:
    """Whether a query is of one of the forms."""
    if (query.table, query.columns, query.how) not in outlines(query.shape, simple):
        return False
    known, chosen = condition_forms(query.table, simple), [c.form for c in query.conditions]
    return query.shape == "lookup" or (
        all(f in known.get(f[0], ()) for f in chosen) and _allowed(query.shape, query.table, query.columns, chosen)
    )


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


def draw(rng: random.Random, shape: str, simple: bool) -> Query | None:
    """Draw a question of a shape: outline, number of conditions, their columns, ops and values, each in turn evenly.

    ``None`` where the draw is not one of :func:`forms`.
    """
    # Half of the questions are about elements, the rest about what belongs to them.
    of_elements = rng.random() < 0.5
    every = outlines(shape, simple)
    table, columns, how = rng.choice([o for o in every if (o[0] == "elements") == of_elements] or every)
    if shape == "lookup":
        chosen: list[Form] = [("elements.name", "equals")]
    else:
        by_column = condition_forms(table, simple)
        names = [rng.choice(list(by_column)) for _ in range(rng.choice(_counts(shape, simple)))]
        if table in CHILDREN and names and shape in _OF_ONE_ELEMENT:
            names[0] = "elements.name"
        chosen = [rng.choice(by_column[name]) for name in names]
    if not _allowed(shape, table, columns, chosen):
        return None
    query = Query(shape, table, columns, (), rng.choice(_joiners(table, chosen)), how, number(shape, rng))
    return replace(query, conditions=tuple(valued(f, rng) for f in chosen))


def _counts(shape: str, simple: bool) -> tuple[int, ...]:
    return tuple(n for n in _CONDITIONS[shape] if n < 2 or not simple)


def _allowed(shape: str, table: str, columns: tuple[str, ...], forms: Sequence[Form]) -> bool:
    """Whether conditions of these forms fit an outline."""
    names = [f[0] for f in forms]
    owners = sum(name.startswith("elements.") for name in names)
    if len(set(names)) < len(names) or set(names) & set(columns):
        return False
    if table in CHILDREN:
        if shape in _OF_ONE_ELEMENT and "elements.name" not in names:
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
