"""The plan behind a ``text_to_sql`` question, how one is drawn, and its English and its SQL in several styles."""

import hashlib
import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crossover.data.pinned import ELEMENTS_DB
from crossover.paths import read_yaml
from crossover.tasks.base import held_out
from crossover.tasks.sql import run, schema

LEXICON = read_yaml(Path(__file__).with_name("wording.yaml"))
SHAPES = ("lookup", "list", "count", "aggregate", "superlative")
#: Numbers of conditions that a question of each shape can have; a look-up names its element.
_CONDITIONS = {"list": (1,), "count": (1,), "aggregate": (1,), "superlative": (0, 1)}
_VALUELESS = ("yes", "no", "missing", "known")


@dataclass(frozen=True)
class Condition:
    """A comparison of a column, ``elements.<name>``, with values."""

    column: str
    op: str
    values: tuple = ()


@dataclass(frozen=True)
class QueryPlan:
    """The structure of a question; hashable, and equal for two wordings of one question.

    Its columns are the one shown or measured; of a superlative the one shown and the one ranked by. ``how`` is an
    aggregate or a direction.
    """

    shape: str
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    how: str = ""

    @property
    def key(self) -> str:
        """The text that decides the side of the split; its constant parts keep the published split."""
        return (
            f"Query(shape={self.shape!r}, table='elements', columns={self.columns!r}, conditions={self.conditions!r}, "
            f"joined='and', how={self.how!r}, number=0)"
        )


def is_test(query: QueryPlan) -> bool:
    """Whether a query belongs to the test side, by its form and values; wordings do not count."""
    return held_out(query.key)


# --- the database -----------------------------------------------------------------------------------------------------


@cache
def database() -> Path:
    """Return the path of ``elements.db``, checked by SHA-256 once per process."""
    return ELEMENTS_DB.path()


def kind(column: str) -> str:
    """The kind of a column, a key of ``ops``."""
    return LEXICON["columns"][column]["kind"]


def columns_of(*kinds: str) -> tuple[str, ...]:
    """The columns of some kinds."""
    return tuple(column for column in LEXICON["columns"] if kind(column) in kinds)


@cache
def column_values(column: str) -> tuple:
    """The values of a column, in order of size, without the empty ones."""
    table, name = column.split(".")
    rows = run(database(), f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL AND {name} <> ''").rows
    return tuple(sorted(value for (value,) in rows))


@cache
def table_sizes() -> dict[str, int]:
    """The number of rows of each table."""
    tables = ("elements", "series", "groups", *LEXICON["spare"])
    return {table: run(database(), f"SELECT COUNT(*) FROM {table}").rows[0][0] for table in tables}


def has_gaps(column: str) -> bool:
    """Whether a column has empty cells."""
    return len(column_values(column)) < table_sizes()["elements"]


def aggregates(column: str) -> tuple[str, ...]:
    """The aggregates that make sense for a measured column."""
    if kind(column) == "year":
        return ("max", "min")
    return ("max", "min", "avg", "sum") if LEXICON["columns"][column].get("sum") else ("max", "min", "avg")


@cache
def ops(column: str) -> tuple[str, ...]:
    """The comparisons that a condition on a column can make."""
    gaps = [op for op in LEXICON["ops"][kind(column)] if op not in ("missing", "known") or has_gaps(column)]
    # No two elements share an atomic number, so "equals" would be a look-up.
    return tuple(op for op in gaps if op in _VALUELESS or len(choices(column, op)) > 1)


@cache
def conditioned() -> tuple[str, ...]:
    """The columns that conditions can be on."""
    return tuple(column for column in LEXICON["columns"] if ops(column))


@cache
def outlines(shape: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    """What a question of a shape can ask, conditions aside: columns, and aggregate or direction."""
    measured, shown = columns_of("number", "year"), LEXICON["shown"]
    if shape == "lookup":
        return tuple(((c,), "") for c in columns_of("number", "year", "integer", "class", "label"))
    if shape == "list":
        return tuple(((c,), "") for c in shown)
    if shape == "count":
        return (((), ""),)
    if shape == "aggregate":
        return tuple(((c,), how) for c in measured for how in aggregates(c))
    return tuple(((s, c), how) for s in shown for c in measured for how in ("desc", "asc"))


def draw(rng: random.Random, shape: str) -> QueryPlan | None:
    """Draw a question of a shape, or ``None``; two draws without a use keep the published problems."""
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

    A number is rounded to two digits and never one of the data's, so that the ends are in no doubt; the outer tenths of
    the data are left out. Two names or more share each part of a name.
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


# --- wording ----------------------------------------------------------------------------------------------------------


_CLAUSES = {"with ": "have ", "in ": "are in ", "discovered ": "were discovered "}
_SYMBOLS = {"above": ">", "below": "<", "equals": "="}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


def _elements(query: QueryPlan, rng: random.Random) -> str:
    """A plural noun phrase for the elements that meet the condition: "elements with ..."."""
    if not query.conditions:
        return "elements"
    (condition,) = query.conditions
    op, entry = condition.op, LEXICON["columns"][condition.column]
    if op in ("yes", "no"):
        if rng.random() < 0.6:
            return f"{'' if op == 'yes' else 'non-'}{entry['adjective']} elements"
        rng.random()  # a choice between "that are" and "that are"; it keeps the published wordings
        return f"elements that are {'' if op == 'yes' else 'not '}{entry['adjective']}"
    clause = rng.random() < 0.3
    options = entry.get("says", {}).get(op) or LEXICON["says"][entry["kind"]][op]
    options = [option for option in options if not (clause and option.startswith("whose"))]
    unit = entry.get("unit", "")
    v, w = ([*(f"{value} {unit}".strip() for value in condition.values), "", ""])[:2]
    noun = entry["noun"]
    text = rng.choice(options).format(v=v, w=w, noun=noun, a="an" if noun[0].lower() in "aeio" else "a")
    start = text[: text.find(" ") + 1]
    if clause and start in _CLAUSES:
        text = _CLAUSES[start] + text.removeprefix(start)
    return f"elements {'that ' if clause else ''}{text}"


def write_english(query: QueryPlan, rng: random.Random) -> str:
    """Write a query as a question or a request in English."""
    if query.shape == "lookup":
        fields = {"element": query.conditions[0].values[0]}
    else:
        fields = {"np": _elements(query, rng)}
    if query.columns:
        shown = LEXICON["columns"][query.columns[0]]
        fields["col"], fields["cols"] = shown["noun"], shown["many"]
    if query.how:
        measured = query.columns[-1]
        fields["m"] = LEXICON["columns"][measured]["noun"]
        if query.how in ("desc", "asc"):
            fields["best"] = LEXICON["best"][kind(measured)][query.how]
        else:
            fields["agg"] = rng.choice(LEXICON["aggregates"][kind(measured)][query.how])
            fields["of"] = "among" if query.how in ("max", "min") else "of"
    template = rng.choice(LEXICON["questions"][query.shape])
    if not query.conditions:
        template = template.replace("mong the {np}", "mong all {np}")
    return template.format(**fields)


def tables(query: QueryPlan) -> list[tuple[str, list[str]]]:
    """The tables and columns shown: those needed, a few others, a table not needed; the same for every wording."""
    used = {*query.columns, "elements.name", *(c.column for c in query.conditions)}
    rng = random.Random(hashlib.sha256(f"{query.shape} elements {sorted(used)}".encode()).hexdigest())
    spare = rng.choice(list(LEXICON["spare"]))
    others = [c.partition(".")[2] for c in columns_of("number", "year", "integer", "class")]
    names = {c.partition(".")[2] for c in used} | {"atomic_number", *rng.sample(others, 2)}
    spared = {"atomic_number", *rng.sample(LEXICON["spare"][spare], 1)}
    known = schema(database())
    return [(table, [c for c in known[table] if c in shown]) for table, shown in (("elements", names), (spare, spared))]


def _literal(value: float | str) -> str:
    """A value as SQL writes it; no text in the database holds a quotation mark."""
    return f"'{value}'" if isinstance(value, str) else str(value)


def write_sql(query: QueryPlan, rng: random.Random | None = None) -> str:
    """Write a query as SQL, in the plain style or with ``rng`` in one of several; ``pick(0, 0)`` has no use."""

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
            styles = [s.format(c=column, v=v, w=w, t=text, n=len(text)) for s in LEXICON["sql"][op]]
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
