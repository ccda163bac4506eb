"""The SQL of a question's plan, in one of several styles; whether the question is fair; and plans near it.

A fair question has a short answer without empty cells or ties, and every one of its conditions changes that answer, so
that no simpler statement passes for the right one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from crossover.tasks.query import CHILDREN, Condition, Query, aggregates, database, has_gaps, kind, own_columns, sizes
from crossover.tasks.sql import Result, matches, run_once, same_result, schema

_SYMBOLS = {"above": ">", "below": "<", "equals": "="}
_MIRRORED = {">": "<", "<": ">"}
_LIKE = {"starts": "'{}%'", "ends": "'%{}'", "contains": "'%{}%'"}
_OPPOSITE = {
    "above": "below", "above_average": "below_average", "above_element": "below_element", "yes": "no", "some": "none",
    "missing": "known",
}  # fmt: skip
_OPPOSITE |= {b: a for a, b in _OPPOSITE.items()}
_WITHOUT_DISTINCT = {"distinct": "list", "count_distinct": "count"}
MOST_ROWS = 25


class _Writer:
    """Writes one query; with a random generator it chooses among styles that mean the same."""

    def __init__(self, query: Query, rng: random.Random | None) -> None:
        self.query, self.rng = query, rng
        self.tables = [query.table]
        for column in (*query.columns, *(c.column for c in query.conditions if "." in c.column)):
            if (table := column.partition(".")[0]) not in self.tables:
                self.tables.append(table)
        self.using = not self.other()
        self.short = self.other() and self.other()
        self.qualified = self.short or (len(self.tables) > 1 and (not self.using or self.other()))

    def other(self) -> bool:
        """Whether to leave the plain style here."""
        return self.rng is not None and self.rng.random() < 0.5

    def name(self, column: str) -> str:
        """A column's name, with its table's where it is needed or wanted."""
        table, bare = column.split(".")
        known = schema(database())
        clash = any(bare in known[other] for other in self.tables if other != table)
        return f"{self.label(table)}.{bare}" if self.qualified or clash else bare

    def label(self, table: str) -> str:
        """What a table is called: its name, or its first letter, which no two tables of one query share."""
        return table[0] if self.short else table

    def source(self) -> str:
        """What stands after FROM."""
        base = self.label(self.query.table)
        named = {table: f"{table} AS {self.label(table)}" if self.short else table for table in self.tables}
        text = named[self.query.table]
        for table in self.tables[1:]:
            key = "group_id" if table == "groups" else "atomic_number"
            if table == "series":
                owner = f"{base}." if self.qualified else ""
                by = f"ON {owner}series_id = {self.label(table)}.id"
            else:
                by = f"USING ({key})" if self.using else f"ON {base}.{key} = {self.label(table)}.{key}"
            text += f" JOIN {named[table]} {by}"
        return text

    def compare(self, column: str, symbol: str, value: str) -> str:
        """A comparison, either way round."""
        if symbol in _MIRRORED and self.other():
            return f"{value} {_MIRRORED[symbol]} {column}"
        return f"{column} {symbol} {value}"

    def condition(self, condition: Condition, joined: bool = False) -> str:
        """One condition; ``joined`` says that another stands beside it."""
        op, values = condition.op, condition.values
        if op in ("some", "none"):
            where = f" WHERE {self.condition(values[0])}" if values else ""
            negated = "NOT IN" if op == "none" else "IN"
            return (
                f"{self.name('elements.atomic_number')} {negated} (SELECT atomic_number FROM {condition.column}{where})"
            )
        bare = condition.column.partition(".")[2]
        # Inside the subquery of "some" the other table stands alone.
        column = self.name(condition.column) if condition.table in self.tables else bare
        if op in _SYMBOLS:
            return self.compare(column, _SYMBOLS[op], literal(values[0]))
        if op in _LIKE:
            return f"{column} LIKE {_LIKE[op].format(values[0])}"
        if op in ("yes", "no"):
            return f"{column} = {int(op == 'yes')}"
        if op in ("missing", "known"):
            return f"{column} IS {'NOT ' if op == 'known' else ''}NULL"
        if op == "between":
            low, high = map(literal, values)
            return f"{column} >= {low} AND {column} <= {high}" if self.other() else f"{column} BETWEEN {low} AND {high}"
        if op == "either":
            first, second = map(literal, values)
            if self.other():
                text = f"{column} = {first} OR {column} = {second}"
                return f"({text})" if joined else text
            return f"{column} IN ({first}, {second})"
        symbol = ">" if op.startswith("above") else "<"
        if op.endswith("_average"):
            return f"{column} {symbol} (SELECT AVG({bare}) FROM {condition.table})"
        return f"{column} {symbol} (SELECT {bare} FROM elements WHERE name = {literal(values[0])})"

    def where(self) -> str:
        """The WHERE clause, with a space before it, or nothing."""
        query = self.query
        filled = query.how == "asc" and query.shape in ("superlative", "top") and has_gaps(query.columns[1])
        several = len(query.conditions) + filled > 1
        parts = [self.condition(c, several) for c in query.conditions]
        if self.other():
            parts.reverse()
        if filled:  # SQLite puts empty cells first
            parts.append(f"{self.name(query.columns[1])} IS NOT NULL")
        return f" WHERE {f' {query.joined.upper()} '.join(parts)}" if parts else ""

    def write(self) -> str:
        """The whole statement."""
        query, rows = self.query, f" FROM {self.source()}{self.where()}"
        columns = [self.name(c) for c in query.columns]
        first = columns[0] if columns else ""
        aggregate = f"{query.how.upper()}({columns[-1]})" if columns else ""
        match query.shape:
            case "lookup" | "list" | "list_two":
                return f"SELECT {', '.join(columns)}{rows}"
            case "count":
                return f"SELECT COUNT(*){rows}"
            case "aggregate":
                return f"SELECT {aggregate}{rows}"
            case "distinct":
                return f"SELECT {first}{rows} GROUP BY {first}" if self.other() else f"SELECT DISTINCT {first}{rows}"
            case "count_distinct":
                return f"SELECT COUNT(DISTINCT {first}){rows}"
            case "group_count":
                return f"SELECT {first}, COUNT(*){rows} GROUP BY {first}"
            case "group_aggregate":
                return f"SELECT {first}, {aggregate}{rows} GROUP BY {first}"
            case "having":
                return f"SELECT {first}{rows} GROUP BY {first} HAVING COUNT(*) > {query.number}"
            case "most":
                return f"SELECT {first}{rows} GROUP BY {first} ORDER BY COUNT(*) DESC LIMIT 1"
        direction = " DESC" if query.how == "desc" else " ASC" if self.other() else ""
        limit = {"superlative": " LIMIT 1", "top": f" LIMIT {query.number}"}.get(query.shape, "")
        return f"SELECT {first}{rows} ORDER BY {columns[1]}{direction}{limit}"


def literal(value: float | str) -> str:
    """A value as SQL writes it; no text in the database holds a quotation mark that would need doubling.

    >>> literal(0.05), literal(3), literal("Iron")
    ('0.05', '3', "'Iron'")
    """
    return f"'{value}'" if isinstance(value, str) else str(value)


def write(query: Query, rng: random.Random | None = None) -> str:
    """Write a query as SQL on one line: in the plain style, or with ``rng`` in one of several that mean the same."""
    return _Writer(query, rng).write()


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
    if query.shape in ("list", "list_two", "distinct", "ordered", "group_count", "group_aggregate") and len(rows) < 2:
        return False
    if query.shape in ("group_count", "group_aggregate") and len(rows) > 12:
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


def simpler(query: Query) -> Iterator[Query]:
    """The queries that leave something out: a condition, a DISTINCT, a HAVING."""
    for i in range(len(query.conditions)):
        yield replace(query, conditions=query.conditions[:i] + query.conditions[i + 1 :], joined="and")
    if query.shape in _WITHOUT_DISTINCT:
        yield replace(query, shape=_WITHOUT_DISTINCT[query.shape])
    if query.shape == "having":
        yield replace(query, number=0)


# --- plans near a plan ------------------------------------------------------------------------------------------------


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
            moves.append(with_condition(query, i, replace(condition, op=_OPPOSITE[condition.op])))
    return rng.choice(moves) if moves else query


def with_condition(query: Query, index: int, condition: Condition) -> Query:
    """The query with one condition in another's place."""
    return replace(query, conditions=(*query.conditions[:index], condition, *query.conditions[index + 1 :]))


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
    return with_condition(query, i, replace(query.conditions[i], column=new))
