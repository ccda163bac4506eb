"""The SQL of a question's plan, in one of several styles that mean the same."""

from __future__ import annotations

import random
from typing import Any

from crossover.tasks.sql.sandbox import schema
from crossover.tasks.text_to_sql.plan import Condition, Query, database, has_gaps, kind

_SYMBOLS = {"above": ">", "below": "<", "equals": "="}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_LIKE = {"starts": "'{}%'", "ends": "'%{}'", "contains": "'%{}%'"}


def write(query: Query, rng: random.Random | None = None) -> str:
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

    def __init__(self, query: Query, rng: random.Random | None) -> None:
        self.query, self.rng = query, rng
        self.tables = [query.table]
        for column in (*query.columns, *(c.column for c in query.conditions if "." in c.column)):
            if (table := column.partition(".")[0]) not in self.tables:
                self.tables.append(table)
        self.using = self.pick(True, False)
        #: How tables are named: in full before a column only where that is needed, everywhere, or by their first
        #: letter, which no two tables of one query share.
        self.style = self.pick("bare", "full", "AS", "short")
        self.qualified = self.style != "bare" or (len(self.tables) > 1 and not self.using)

    def pick(self, plain: Any, *others: Any) -> Any:
        """The plain way of writing something, or as often one of the others."""
        return plain if self.rng is None or self.rng.random() < 0.5 else self.rng.choice(others)

    def name(self, column: str) -> str:
        """A column's name, with its table's where it is needed or wanted."""
        table, bare = column.split(".")
        known = schema(database())
        clash = any(bare in known[other] for other in self.tables if other != table)
        return f"{self.label(table)}.{bare}" if self.qualified or clash else bare

    def label(self, table: str) -> str:
        """What a table is called in this statement."""
        return table[0] if self.style in ("AS", "short") else table

    def source(self) -> str:
        """What stands after FROM."""
        between = {"AS": " AS ", "short": " "}.get(self.style)
        named = {table: f"{table}{between}{table[0]}" if between else table for table in self.tables}
        base, join = self.label(self.query.table), self.pick("JOIN", "INNER JOIN")
        text = named[self.query.table]
        for table in self.tables[1:]:
            key = "group_id" if table == "groups" else "atomic_number"
            if table == "series":
                by = f"ON {self.name('elements.series_id')} = {self.label(table)}.id"
            else:
                by = f"USING ({key})" if self.using else f"ON {base}.{key} = {self.label(table)}.{key}"
            text += f" {join} {named[table]} {by}"
        return text

    def compare(self, column: str, op: str, value: float | str) -> str:
        """A comparison with a value, either way round; of whole numbers, the next one included or this one not."""
        symbol = _SYMBOLS[op]
        if op != "equals" and kind(column) in ("integer", "year") and self.pick(False, True):
            symbol, value = f"{symbol}=", value + (1 if op == "above" else -1)
        if self.pick(False, False, True):
            return f"{literal(value)} {_MIRRORED.get(symbol, symbol)} {self.here(column)}"
        return f"{self.here(column)} {symbol} {literal(value)}"

    def here(self, column: str) -> str:
        """A column's name, also in the subquery of "some", where the other table stands alone."""
        table, bare = column.split(".")
        return self.name(column) if table in self.tables else bare

    def condition(self, condition: Condition, joined: bool = False) -> str:
        """One condition; ``joined`` says that another stands beside it."""
        op, values = condition.op, condition.values
        if op in ("some", "none"):
            where = f" WHERE {self.condition(values[0])}" if values else ""
            negated = "NOT IN" if op == "none" else "IN"
            owner = self.name("elements.atomic_number")
            return f"{owner} {negated} (SELECT atomic_number FROM {condition.column}{where})"
        bare, column = condition.column.partition(".")[2], self.here(condition.column)
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
        if op == "between":
            low, high = map(literal, values)
            return self.pick(f"{column} BETWEEN {low} AND {high}", f"{column} >= {low} AND {column} <= {high}")
        if op == "either":
            first, second = map(literal, values)
            text = f"{column} = {first} OR {column} = {second}"
            return self.pick(f"{column} IN ({first}, {second})", f"({text})" if joined else text)
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
        if self.pick(False, True):
            parts.reverse()
        if filled:  # SQLite puts empty cells first
            parts.append(f"{self.name(query.columns[1])} IS NOT NULL")
        return f" WHERE {f' {query.joined.upper()} '.join(parts)}" if parts else ""

    def count(self) -> str:
        """The number of rows; no row lacks the number of its element."""
        return self.pick("COUNT(*)", "COUNT(1)", f"COUNT({self.name(f'{self.query.table}.atomic_number')})")

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
                return f"SELECT {self.count()}{self.pick('', ' AS n')}{rows}"
            case "aggregate":
                return f"SELECT {aggregate}{self.pick('', f' AS {query.how}')}{rows}"
            case "distinct":
                return self.pick(f"SELECT DISTINCT {first}{rows}", f"SELECT {first}{rows} GROUP BY {first}")
            case "count_distinct":
                return f"SELECT COUNT(DISTINCT {first}){rows}"
            case "group_count":
                return f"SELECT {first}, {self.count()}{rows} GROUP BY {first}"
            case "group_aggregate":
                return f"SELECT {first}, {aggregate}{rows} GROUP BY {first}"
            case "having":
                enough = self.pick(f"> {query.number}", f">= {query.number + 1}")
                return f"SELECT {first}{rows} GROUP BY {first} HAVING {self.count()} {enough}"
            case "most":
                return f"SELECT {first}{rows} GROUP BY {first} ORDER BY {self.count()} DESC LIMIT 1"
        if query.shape == "superlative" and not query.conditions and self.pick(False, True):
            end = "MAX" if query.how == "desc" else "MIN"
            bare = query.columns[1].partition(".")[2]
            return f"SELECT {first} FROM {self.source()} WHERE {columns[1]} = (SELECT {end}({bare}) FROM {query.table})"
        direction = " DESC" if query.how == "desc" else self.pick("", " ASC")
        limit = {"superlative": " LIMIT 1", "top": f" LIMIT {query.number}"}.get(query.shape, "")
        return f"SELECT {first}{rows} ORDER BY {columns[1]}{direction}{limit}"
