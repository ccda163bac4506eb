"""A question's plan in words: its English, its SQL, each in one of several styles, and its line of tables."""

import hashlib
import random
from collections.abc import Mapping
from typing import Any

from crossover.tasks.sql.sandbox import schema
from crossover.tasks.text_to_sql.plan import Condition, QueryPlan, columns_of, database, has_gaps, kind, lexicon

_CLAUSES = {"with ": "have ", "in ": "are in ", "discovered ": "were discovered "}
_SYMBOLS = {"above": ">", "below": "<", "equals": "="}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
#: The other comparisons in SQL, the plain style first: {c} the column, {v} {w} the values, {t} a text of {n} letters.
_STYLES = {
    "starts": ("{c} LIKE '{t}%'", "SUBSTR({c}, 1, {n}) = '{t}'"),
    "ends": ("{c} LIKE '%{t}'", "SUBSTR({c}, -{n}) = '{t}'"),
    "contains": ("{c} LIKE '%{t}%'",),
    "yes": ("{c} = 1", "{c}"),
    "no": ("{c} = 0", "NOT {c}"),
    "missing": ("{c} IS NULL",),
    "known": ("{c} IS NOT NULL",),
    "between": ("{c} BETWEEN {v} AND {w}", "{c} >= {v} AND {c} <= {w}"),
    "either": ("{c} IN ({v}, {w})", "{c} = {v} OR {c} = {w}"),
}
Renamed = Mapping[str, tuple[str, str]]  # nouns, singular and plural, in columns' places


def article(noun: str) -> str:
    """The indefinite article of a noun: ``an`` for "atomic weight", ``a`` for "density"."""
    return "an" if noun[0].lower() in "aeio" else "a"


def _nouns(column: str, renamed: Renamed) -> tuple[str, str]:
    entry = lexicon()["columns"][column]
    return renamed.get(column) or (entry["noun"], entry["many"])


def _elements(query: QueryPlan, rng: random.Random, renamed: Renamed) -> str:
    """A plural noun phrase for the elements that meet the condition: "elements with ..."."""
    if not query.conditions:
        return "elements"
    (condition,) = query.conditions
    column, op, entry = condition.column, condition.op, lexicon()["columns"][condition.column]
    if op in ("yes", "no"):
        if rng.random() < 0.6:
            return f"{'' if op == 'yes' else 'non-'}{entry['adjective']} elements"
        rng.random()  # a choice between "that are" and "that are"; it keeps the published wordings
        return f"elements that are {'' if op == 'yes' else 'not '}{entry['adjective']}"
    clause = rng.random() < 0.3
    options = entry.get("says", {}).get(op) or lexicon()["says"][entry["kind"]][op]
    options = [option for option in options if not (clause and option.startswith("whose"))]
    unit = "" if column in renamed else entry.get("unit", "")
    v, w = ([*(f"{value} {unit}".strip() for value in condition.values), "", ""])[:2]
    noun = _nouns(column, renamed)[0]
    text = rng.choice(options).format(v=v, w=w, noun=noun, a=article(noun))
    start = text[: text.find(" ") + 1]
    if clause and start in _CLAUSES:
        text = _CLAUSES[start] + text.removeprefix(start)
    return f"elements {'that ' if clause else ''}{text}"


def write_english(query: QueryPlan, rng: random.Random, renamed: Renamed | None = None) -> str:
    """Write a query as a question or a request in English."""
    lex, renamed = lexicon(), renamed or {}
    if query.shape == "lookup":
        fields = {"element": query.conditions[0].values[0]}
    else:
        fields = {"np": _elements(query, rng, renamed)}
    if query.columns:
        fields["col"], fields["cols"] = _nouns(query.columns[0], renamed)
    if query.how:
        measured = query.columns[-1]
        fields["m"] = _nouns(measured, renamed)[0]
        if query.how in ("desc", "asc"):
            fields["best"] = lex["best"][kind(measured)][query.how]
        else:
            fields["agg"] = rng.choice(lex["aggregates"][kind(measured)][query.how])
            fields["of"] = "among" if query.how in ("max", "min") else "of"
    template = rng.choice(lex["questions"][query.shape])
    if not query.conditions:
        template = template.replace("mong the {np}", "mong all {np}")
    return template.format(**fields)


def tables(query: QueryPlan) -> list[tuple[str, list[str]]]:
    """The tables and columns shown with a question: those needed, a few others, and a table not needed.

    They follow from shape and columns alone, so that a rewording or a drifted question shows the same.
    """
    used = {*query.columns, "elements.name", *(c.column for c in query.conditions)}
    rng = random.Random(hashlib.sha256(f"{query.shape} elements {sorted(used)}".encode()).hexdigest())
    spare = rng.choice(list(lexicon()["spare"]))
    others = [c.partition(".")[2] for c in columns_of("number", "year", "integer", "class")]
    names = {c.partition(".")[2] for c in used} | {"atomic_number", *rng.sample(others, 2)}
    spared = {"atomic_number", *rng.sample(lexicon()["spare"][spare], 1)}
    known = schema(database())
    return [(table, [c for c in known[table] if c in shown]) for table, shown in (("elements", names), (spare, spared))]


def _literal(value: float | str) -> str:
    """A value as SQL writes it; no text in the database holds a quotation mark."""
    return f"'{value}'" if isinstance(value, str) else str(value)


def write_sql(query: QueryPlan, rng: random.Random | None = None) -> str:
    """Write a query as SQL on one line: in the plain style, or with ``rng`` in one of several that mean the same.

    A pick between 0 and 0 stands for a choice that is no more; it keeps the published answers.
    """

    def pick(plain: Any, *others: Any) -> Any:
        """The plain way of writing something, or as often one of the others."""
        return plain if rng is None or rng.random() < 0.5 else rng.choice(others)

    def name(column: str) -> str:
        bare = column.partition(".")[2]
        return {"bare": bare, "full": column}.get(style, f"e.{bare}")

    def source() -> str:
        pick(0, 0)
        return {"AS": "elements AS e", "short": "elements e"}.get(style, "elements")

    def condition(asked: Condition) -> str:
        column, op, values = name(asked.column), asked.op, asked.values
        if op not in _SYMBOLS:
            v, w = [*map(_literal, values), "", ""][:2]
            text = str(values[0]) if values else ""
            styles = [s.format(c=column, v=v, w=w, t=text, n=len(text)) for s in _STYLES[op]]
            return pick(*styles) if len(styles) > 1 else styles[0]
        symbol, value = _SYMBOLS[op], values[0]
        # Of whole numbers, the next one included or this one not.
        if op != "equals" and kind(asked.column) in ("integer", "year") and pick(False, True):
            symbol, value = f"{symbol}=", value + (1 if op == "above" else -1)
        if pick(False, False, True):
            return f"{_literal(value)} {_MIRRORED.get(symbol, symbol)} {column}"
        return f"{column} {symbol} {_literal(value)}"

    pick(0, 0)
    style = pick("bare", "full", "AS", "short")  # how the table is named
    columns, table = [name(c) for c in query.columns], source()
    parts = [condition(c) for c in query.conditions]
    pick(0, 0)
    if query.shape == "superlative" and query.how == "asc" and has_gaps(query.columns[1]):
        parts = [f"({part})" if " OR " in part else part for part in parts]
        parts.append(f"{columns[1]} IS NOT NULL")  # SQLite puts empty cells first
    rows = f" FROM {table}" + (f" WHERE {' AND '.join(parts)}" if parts else "")
    if query.shape in ("lookup", "list"):
        return f"SELECT {columns[0]}{rows}"
    if query.shape == "count":  # no row lacks its number
        count = pick("COUNT(*)", "COUNT(1)", f"COUNT({name('elements.atomic_number')})")
        return f"SELECT {count}{pick('', ' AS n')}{rows}"
    if query.shape == "aggregate":
        return f"SELECT {query.how.upper()}({columns[0]}){pick('', f' AS {query.how}')}{rows}"
    shown, ranked = columns
    if not query.conditions and pick(False, True):
        end, bare = "MAX" if query.how == "desc" else "MIN", query.columns[1].partition(".")[2]
        return f"SELECT {shown} FROM {source()} WHERE {ranked} = (SELECT {end}({bare}) FROM elements)"
    direction = " DESC" if query.how == "desc" else pick("", " ASC")
    return f"SELECT {shown}{rows} ORDER BY {ranked}{direction} LIMIT 1"
