"""Running SQL that nobody has checked: read-only, with nothing but selecting allowed, and within limits.

The file is opened read-only and immutable, an authoriser refuses everything but selecting from the file's own tables
with harmless functions, and steps, time, memory and rows are limited.
"""

import contextlib
import sqlite3
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]  #: int, float, str, bytes or None

# Of SQLite's virtual machine, a few seconds: the same statement is cut at the same place on a fast machine and a slow.
STEPS = 100_000_000
SECONDS = 30.0  # for a machine that is slow or busy; STEPS is meant to come first
MEMORY = 2**27  # bytes, for all SQLite connections of the process together
ROWS, ROW_BYTES, RESULT_BYTES = 100_000, 20_000, 20_000_000

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
# what differs from run to run (random), and what reaches outside the database (load_extension, writefile).
_HARMLESS = (
    "count sum total avg min max group_concat string_agg abs round sign floor ceil ceiling trunc mod sqrt pow power exp"
    " ln log log10 log2 length lower upper trim ltrim rtrim substr substring instr replace concat concat_ws unicode"
    " coalesce ifnull nullif iif if like glob typeof row_number rank dense_rank percent_rank cume_dist ntile lag lead"
    " first_value last_value nth_value"
)
#: Functions of dates. SQLite works them out, but of stored dates alone: the present time differs from run to run.
_DATES = ("date", "time", "datetime", "julianday", "unixepoch", "strftime")
_FUNCTIONS = {*_HARMLESS.split(), *_DATES}
_PRESENT = ("now", "localtime", "utc")
_EVERY = 10_000  # steps between two looks at the limits


@dataclass(frozen=True)
class Result:
    """Rows in SQLite's order, or SQLite's message or the limit that was passed."""

    rows: tuple[Row, ...] = ()
    error: str | None = None


class _Watch:
    """A limit of steps and seconds for one statement."""

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
    """Return a database's tables and views, in the order of their making, each with its columns."""
    kinds = "type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    with contextlib.closing(_connect(path)) as connection:
        names = [name for (name,) in connection.execute(f"SELECT name FROM sqlite_master WHERE {kinds} ORDER BY rowid")]
        columns = "SELECT name FROM pragma_table_info(?)"
        return {name: tuple(c for (c,) in connection.execute(columns, (name,))) for name in names}


def _of_stored_dates(connection: sqlite3.Connection, watch: _Watch) -> None:
    """Put functions that refuse the present time, and a time zone of this machine, in the place of SQLite's."""
    clock = sqlite3.connect(":memory:")

    def function(name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            times = given[1:] if name == "strftime" else given
            if not times or any(str(value).strip().lower() in _PRESENT for value in times):
                watch.passed = f"{name}() of the present time or the machine's time zone"
                raise ValueError(watch.passed)
            return clock.execute(f"SELECT {name}({', '.join('?' * len(given))})", given).fetchone()[0]

        return call

    for name in _DATES:
        connection.create_function(name, -1, function(name), deterministic=True)


def run(path: Path | str, sql: str) -> Result:
    """Run one statement that can only read; nothing that it says is an exception, only a file that cannot be read."""
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
        _of_stored_dates(connection, watch)
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
