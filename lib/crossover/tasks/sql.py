"""Running SQL that nobody has checked, safely, and saying whether two results are the same.

A student writes whatever it likes, so a statement runs on a connection that can only read: the file is opened read-only
and immutable, an authoriser refuses everything but selecting from the file's own tables with harmless functions, and
steps, time, memory and rows are limited. Source of the comparison: execution accuracy of Zhong, Yu and Klein (arXiv
2010.02840), as in their ``test-suite-sql-eval``; :func:`same_result` says where it is stricter.
"""

from __future__ import annotations

import re
import sqlite3
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Row = tuple[int | float | str | bytes | None, ...]

# Of SQLite's virtual machine, about a second: the same statement is cut at the same place on a fast machine and a slow.
STEPS = 20_000_000
SECONDS = 10.0  # for a machine that is slow or busy; STEPS is meant to come first
MEMORY = 2**27  # bytes, for all SQLite connections of the process together
ROWS, ROW_BYTES, RESULT_BYTES = 20_000, 20_000, 4_000_000

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: ROW_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 5_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 60,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 60,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# What a question about data can need. Left out on purpose: what makes long strings (printf, zeroblob, randomblob, hex),
# what differs from run to run (random, date), and what reaches outside the database (load_extension, writefile).
_FUNCTIONS = frozenset(
    ("count", "sum", "total", "avg", "min", "max", "group_concat", "abs", "round", "length", "lower", "upper", "substr",
     "substring", "instr", "replace", "coalesce", "ifnull", "nullif", "iif", "like", "glob", "typeof", "row_number",
     "rank", "dense_rank")
)  # fmt: skip
_EVERY = 10_000  # steps between two looks at the limits
_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]"
_TOKEN = re.compile(rf"{_QUOTED}|--[^\n]*|/\*.*?(?:\*/|\Z)|\s+|\w+|.", re.DOTALL)


@dataclass(frozen=True)
class Result:
    """What a statement gave: rows, or the reason why there are none.

    Attributes
    ----------
    rows : tuple of tuple
        In the order that SQLite returned them; empty where there is an error.
    error : str or None
        SQLite's message, or the limit that was passed.
    """

    rows: tuple[Row, ...] = ()
    error: str | None = None


class _Watch:
    """Stops a statement that takes too many steps or too long."""

    def __init__(self) -> None:
        self.left, self.deadline = STEPS // _EVERY, time.monotonic() + SECONDS
        self.passed: str | None = None

    def __call__(self) -> bool:
        self.left -= 1
        if self.left < 0:
            self.passed = f"more than {STEPS} steps"
        elif time.monotonic() > self.deadline:
            self.passed = f"more than {SECONDS:g} seconds"
        return self.passed is not None


def _connect(path: Path | str) -> sqlite3.Connection:
    address = urllib.parse.quote(str(Path(path).resolve()))
    # Without autocommit the module could begin transactions of its own.
    connection = sqlite3.connect(f"file:{address}?mode=ro&immutable=1", uri=True, isolation_level=None)
    # Old databases hold a few bytes that are not UTF-8.
    connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
    return connection


@cache
def schema(path: Path | str) -> dict[str, tuple[str, ...]]:
    """Return a database's tables and views, in the order of their making, each with its columns.

    Raises
    ------
    sqlite3.Error
        The file cannot be opened, or is not an SQLite database.
    """
    connection = _connect(path)
    try:
        kinds = "type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        names = [name for (name,) in connection.execute(f"SELECT name FROM sqlite_master WHERE {kinds} ORDER BY rowid")]
        columns = "SELECT name FROM pragma_table_info(?)"
        return {name: tuple(c for (c,) in connection.execute(columns, (name,))) for name in names}
    finally:
        connection.close()


def run(path: Path | str, sql: str) -> Result:
    """Run one statement that can only read; nothing that it says is an exception.

    Parameters
    ----------
    path : path
        An SQLite database. It is never written to, and no journal is made beside it.
    sql : str
        Anything at all.

    Returns
    -------
    Result
        Rows, or why there are none: a mistake in the SQL, something that is refused, or a limit (:data:`STEPS`,
        :data:`SECONDS`, :data:`MEMORY`, :data:`ROWS`, :data:`ROW_BYTES` for one row, :data:`RESULT_BYTES` for all).

    Raises
    ------
    sqlite3.Error
        The file itself cannot be read.
    """
    tables = {name.lower() for name in schema(path)}

    def authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        # A table of which no column is read, as in count(*), is named with an empty column; it may be a subquery.
        allowed = (
            action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
            or (action == sqlite3.SQLITE_READ and (str(first).lower() in tables or second == ""))
            or (action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS)
        )
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    watch, connection = _Watch(), _connect(path)
    try:
        # Sorting spills to memory, not to a file, and memory ends at a limit that SQLite itself keeps.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA hard_heap_limit = {MEMORY}").close()
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.set_authorizer(authorise)
        connection.set_progress_handler(watch, _EVERY)
        return _fetch(connection, sql)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as problem:  # ValueError: a NUL, or half of a surrogate pair
        return Result(error=watch.passed or str(problem))
    except MemoryError:
        return Result(error=f"more than {MEMORY} bytes of memory")
    finally:
        connection.close()


def _fetch(connection: sqlite3.Connection, sql: str) -> Result:
    cursor = connection.execute(sql)
    if cursor.description is None:
        return Result(error="no statement")
    rows, size = [], 0
    for row in cursor:
        rows.append(row)
        size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
        if len(rows) > ROWS or size > RESULT_BYTES:
            return Result(error=f"more than {ROWS} rows or {RESULT_BYTES} bytes")
    return Result(tuple(rows))


#: :func:`run` for statements that are asked for again and again, such as reference queries.
run_once = cache(run)


def statement(completion: str) -> str | None:
    """Return the first statement of a completion's first line, normalised, or ``None`` where it is not a query.

    Comments go, white space becomes one space, and what follows a semicolon is dropped; quoted text stays as it is.

    >>> statement(" SELECT  a FROM t WHERE b = 'x;  y' ;  -- all of them")
    "SELECT a FROM t WHERE b = 'x;  y'"
    >>> statement(" I do not know.") is None
    True
    """
    line = completion.strip().split("\n", 1)[0]
    kept: list[str] = []
    for token in _TOKEN.findall(line):
        if token == ";":
            break
        kept.append(" " if token[0].isspace() or token.startswith(("--", "/*")) else token)
    text = re.sub(rf"({_QUOTED})| +", lambda m: m[1] or " ", "".join(kept)).strip()
    return text if re.match(r"(SELECT|WITH)\b", text, re.IGNORECASE) else None


def is_ordered(sql: str) -> bool:
    """Whether a statement has an ORDER BY of its own, outside brackets and quotes.

    >>> is_ordered("SELECT a FROM t ORDER BY b"), is_ordered("SELECT a FROM (SELECT a FROM t ORDER BY b LIMIT 3)")
    (True, False)
    """
    depth, previous = 0, ""
    for token in _TOKEN.findall(sql):
        if token.isspace() or token.startswith(("--", "/*")):
            continue
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and previous == "ORDER" and token.upper() == "BY":
            return True
        previous = token.upper()
    return False


def same_result(predicted: Sequence[Row], gold: Sequence[Row], ordered: bool) -> bool:
    """Whether two results hold the same rows, whatever the order of their columns.

    Parameters
    ----------
    predicted, gold : sequence of tuple
    ordered : bool
        Whether rows must come in the same order; otherwise they are compared as multisets.

    Notes
    -----
    As ``result_eq`` of ``test-suite-sql-eval``: some permutation of the predicted columns must give the gold rows, and
    numbers are compared as numbers (``1`` equals ``1.0``, ``'1'`` does not). Three differences. Floats are compared to
    ten significant digits, because the sum of a column depends in its last digit on the order of reading. Whether order
    matters is asked of the outermost query (:func:`is_ordered`), not of any ORDER BY. DISTINCT stays where it stands;
    the original evaluation strips it from both queries.

    >>> same_result([("a", 1), ("b", 2)], [(2, "b"), (1.0, "a")], ordered=False)
    True
    >>> same_result([("a",), ("a",)], [("a",)], ordered=False)
    False
    """
    if len(predicted) != len(gold) or (gold and len(predicted[0]) != len(gold[0])):
        return False
    ours, theirs = _columns(predicted), _columns(gold)
    if ordered:
        return Counter(ours) == Counter(theirs)  # row order ties the columns together
    shapes = [Counter(column) for column in ours]

    def match(chosen: tuple[int, ...]) -> bool:
        """Whether gold columns can be matched, the first of them to those predicted columns."""
        place = len(chosen)
        if place and Counter(zip(*(ours[i] for i in chosen), strict=True)) != Counter(
            zip(*theirs[:place], strict=True)
        ):
            return False
        if place == len(theirs):
            return True
        wanted, tried = Counter(theirs[place]), set()
        for i, column in enumerate(ours):
            if i not in chosen and column not in tried and shapes[i] == wanted:
                tried.add(column)  # an equal column would lead to the same end
                if match((*chosen, i)):
                    return True
        return False

    return match(())


def _columns(rows: Sequence[Row]) -> list[tuple]:
    """The columns of some rows, floats rounded so that equal numbers are equal."""
    return [tuple(float(f"{v:.10g}") if isinstance(v, float) else v for v in c) for c in zip(*rows, strict=True)]


def matches(path: Path | str, predicted: str | None, gold: str) -> bool:
    """Whether a predicted statement's result on a database is the gold one's; ``None`` or an error never is.

    Parameters
    ----------
    path : path
    predicted : str or None
        What :func:`statement` returned.
    gold : str
        A statement that is known to run.
    """
    if predicted is None:
        return False
    wanted = run_once(path, gold)
    found = wanted if predicted == gold else run(path, predicted)
    return wanted.error is None and found.error is None and same_result(found.rows, wanted.rows, is_ordered(gold))


class SqlAnswers:
    """What tasks share whose answer is one SQL statement and whose question opens with the tables."""

    metric = "execution match"

    def prompt(self, question: str) -> str:
        """Return the question, which opens with the tables (:func:`asked`), and ``"\\nSQL:"``."""
        return f"{question}\nSQL:"

    def extract(self, completion: str) -> str | None:
        """Return the first statement of the completion's first line, normalised, or ``None``."""
        return statement(completion)


def asked(tables: Iterable[tuple[str, Sequence[str]]], question: str) -> str:
    """Return a question with the tables and columns that it is about before it, on one line.

    >>> asked([("elements", ["name", "period"])], "How many elements are in period 4?")
    'Tables: elements(name, period). How many elements are in period 4?'
    """
    listed = ", ".join(f"{table}({', '.join(columns)})" for table, columns in tables)
    return f"Tables: {listed}. {' '.join(question.split())}"
