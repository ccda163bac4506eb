"""The SQL of a question's plan, in one of several styles that mean the same."""

from __future__ import annotations

import random
from typing import Any

from crossover.tasks.text_to_sql.plan import Condition, QueryPlan, has_gaps, kind

_SYMBOLS = {"above": ">", "below": "<", "equals": "="}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_LIKE = {"starts": "'{}%'", "ends": "'%{}'", "contains": "'%{}%'"}


def write(query: QueryPlan, rng: random.Random | None = None) -> str:
    """Write a query as SQL on one line: in the plain style, or with ``rng`` in one of several that mean the same."""
    return _Writer(query, rng).write()


def literal(value: float | str) -> str:
    """A value as SQL writes it; no text in the database holds a quotation mark that would need doubling.

    >>> literal(0.05), literal(3), literal("Iron")
    ('0.05', '3', "'Iron'")
    """
    return f"'{value}'" if isinstance(value, str) else str(value)


class _Writer:
    """Writes one query; with a random generator it chooses among styles that mean the same."""

    def __init__(self, query: QueryPlan, rng: random.Random | None) -> None:
        self.query, self.rng = query, rng
        self.pick(0, 0)  # a choice between two forms of join once: it keeps the published answers
        #: How the table is named: in full before no column or before each, or by its first letter.
        self.style = self.pick("bare", "full", "AS", "short")

    def pick(self, plain: Any, *others: Any) -> Any:
        """The plain way of writing something, or as often one of the others."""
        return plain if self.rng is None or self.rng.random() < 0.5 else self.rng.choice(others)

    def name(self, column: str) -> str:
        """A column's name, with its table's where the style wants it."""
        bare = column.split(".")[1]
        return {"bare": bare, "full": column}.get(self.style, f"e.{bare}")

    def source(self) -> str:
        """What stands after FROM."""
        self.pick(0, 0)  # another of joins
        return {"AS": "elements AS e", "short": "elements e"}.get(self.style, "elements")

    def compare(self, column: str, op: str, value: float | str) -> str:
        """A comparison with a value, either way round; of whole numbers, the next one included or this one not."""
        symbol = _SYMBOLS[op]
        if op != "equals" and kind(column) in ("integer", "year") and self.pick(False, True):
            symbol, value = f"{symbol}=", value + (1 if op == "above" else -1)
        if self.pick(False, False, True):
            return f"{literal(value)} {_MIRRORED.get(symbol, symbol)} {self.name(column)}"
        return f"{self.name(column)} {symbol} {literal(value)}"

    def condition(self, condition: Condition, joined: bool) -> str:
        """One condition; ``joined`` says that another stands beside it."""
        op, values, column = condition.op, condition.values, self.name(condition.column)
        if op in _SYMBOLS:
            return self.compare(condition.column, op, values[0])
        if op in _LIKE:
            n = len(values[0])
            other = {"starts": f"SUBSTR({column}, 1, {n}) =", "ends": f"SUBSTR({column}, -{n}) ="}
            plain = f"{column} LIKE {_LIKE[op].format(values[0])}"
            return self.pick(plain, f"{other[op]} '{values[0]}'") if op in other else plain
        if op in ("yes", "no"):
            return self.pick(f"{column} = {int(op == 'yes')}", column if op == "yes" else f"NOT {column}")
        if op in ("missing", "known"):
            return f"{column} IS {'NOT ' if op == 'known' else ''}NULL"
        first, second = map(literal, values)
        if op == "between":
            return self.pick(f"{column} BETWEEN {first} AND {second}", f"{column} >= {first} AND {column} <= {second}")
        either = f"{column} = {first} OR {column} = {second}"
        return self.pick(f"{column} IN ({first}, {second})", f"({either})" if joined else either)

    def where(self) -> str:
        """The WHERE clause, with a space before it, or nothing."""
        query = self.query
        filled = query.how == "asc" and query.shape == "superlative" and has_gaps(query.columns[1])
        parts = [self.condition(c, filled) for c in query.conditions]
        self.pick(0, 0)  # the order of two conditions once
        if filled:  # SQLite puts empty cells first
            parts.append(f"{self.name(query.columns[1])} IS NOT NULL")
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def write(self) -> str:
        """The whole statement."""
        query, rows = self.query, f" FROM {self.source()}{self.where()}"
        columns = [self.name(c) for c in query.columns]
        if query.shape in ("lookup", "list"):
            return f"SELECT {columns[0]}{rows}"
        if query.shape == "count":  # no row lacks its number
            count = self.pick("COUNT(*)", "COUNT(1)", f"COUNT({self.name('elements.atomic_number')})")
            return f"SELECT {count}{self.pick('', ' AS n')}{rows}"
        if query.shape == "aggregate":
            return f"SELECT {query.how.upper()}({columns[0]}){self.pick('', f' AS {query.how}')}{rows}"
        shown, ranked = columns
        if not query.conditions and self.pick(False, True):
            end, bare = "MAX" if query.how == "desc" else "MIN", query.columns[1].partition(".")[2]
            return f"SELECT {shown} FROM {self.source()} WHERE {ranked} = (SELECT {end}({bare}) FROM elements)"
        direction = " DESC" if query.how == "desc" else self.pick("", " ASC")
        return f"SELECT {shown}{rows} ORDER BY {ranked}{direction} LIMIT 1"
