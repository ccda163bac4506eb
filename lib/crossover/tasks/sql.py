"""SQL that nobody has checked, run in a sandbox and compared by its rows.

The file is opened read-only, nothing but selecting is allowed, and all within limits. Execution match is that of
``test-suite-sql-eval`` (arXiv 2010.02840), on the one database that is given.
"""

import contextlib
import itertools
import re
import sqlite3
import time
import urllib.parse
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem

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
    columns = "SELECT name FROM pragma_table_info(?)"
    try:
        with contextlib.closing(_connect(path)) as connection:
            found = connection.execute(f"SELECT name FROM sqlite_master WHERE {kinds} ORDER BY rowid").fetchall()
            return {name: tuple(c for (c,) in connection.execute(columns, (name,))) for (name,) in found}
    except sqlite3.Error as problem:
        raise CrossoverError(f"{path} cannot be read as an SQLite database ({problem}).") from None


def _of_stored_dates(connection: sqlite3.Connection, watch: _Watch) -> None:
    """Functions of dates that refuse the present time, and a time zone of this machine, in place of SQLite's."""
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


# --- execution match --------------------------------------------------------------------------------------------------

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]"
_TOKEN = re.compile(rf"{_QUOTED}|--[^\n]*|/\*.*?(?:\*/|\Z)|\s+|\w+|.", re.DOTALL)

_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_QUERY = r"(?:SELECT\b|WITH\s+(?:RECURSIVE\s+)?\w+\s*(?:\([^()]*\)\s*)?AS\b)"
_START = re.compile(
    rf"^\s*(?:(?:SQL(?:ite)?(?: query)?|query|answer)\s*:\s*)?(?={_QUERY})", re.IGNORECASE | re.MULTILINE
)
_INLINE = re.compile(rf"`({_QUERY}[^`]+)`", re.IGNORECASE)
#: Words that begin a further line of a statement, and those that cannot end one.
_BEGIN = (
    "FROM WHERE AND OR GROUP ORDER HAVING LIMIT OFFSET UNION INTERSECT EXCEPT JOIN INNER LEFT RIGHT FULL CROSS NATURAL"
    " ON USING AS WHEN THEN ELSE END IN NOT LIKE BETWEEN IS ASC DESC WINDOW"
)
_LEAD_ON = (
    "SELECT DISTINCT FROM WHERE AND OR BY ON JOIN HAVING LIMIT UNION ALL INTERSECT EXCEPT AS IN NOT LIKE BETWEEN CASE"
    " WHEN THEN ELSE"
)
_OPERATORS = set(",()=<>+-*/|")
_CLAUSES, _OPEN = set(_BEGIN.split()), {*_LEAD_ON.split(), *_OPERATORS} - {")"}

#: :func:`run` for statements that are asked for again and again, such as reference queries.
run_once = lru_cache(4096)(run)


def statement(completion: str) -> str | None:
    """Return the first query of a completion on one line, or ``None`` where there is none.

    It stands in a code fence or in backticks, or begins a line, and ends with a semicolon, its fence, or the first line
    break after which it does not go on. Comments go, white space becomes one space, and quoted text stays.
    """
    fenced = next((m[1] for m in _FENCE.finditer(completion) if _START.search(m[1])), None)
    text = completion if fenced is None else fenced
    start = _START.search(text)
    if start is None:
        inline = _INLINE.search(completion)
        return statement(inline[1]) if inline else None
    tokens = _TOKEN.findall(text[start.end() :])
    kept: list[str] = []
    for i, token in enumerate(tokens):
        ends_line = fenced is None and "\n" in token and token.isspace()
        if token == ";" or (ends_line and not _goes_on(kept, tokens[i:])):
            break
        kept.append(" " if token.isspace() or token.startswith(("--", "/*")) else token)
    return re.sub(rf"({_QUOTED})| +", lambda m: m[1] or " ", "".join(kept)).strip()


def _goes_on(kept: list[str], rest: list[str]) -> bool:
    """Whether a statement goes on after a line break: something is open, or a clause follows in its own case."""
    last = next((token for token in reversed(kept) if not token.isspace()), "")
    if kept.count("(") > kept.count(")") or last.upper() in _OPEN:
        return True
    following = next((t for t in rest if not t.isspace() and not t.startswith(("--", "/*"))), "")
    if "\n\n" in rest[0]:
        return False
    clause = following.upper() in _CLAUSES and following.isupper() == kept[0].isupper()
    return clause or (following in _OPERATORS) or (last == ")" and following.upper() == "SELECT")


def is_ordered(sql: str) -> bool:
    """Whether a statement has an ORDER BY of its own, outside brackets and quotes."""
    tokens = [t.upper() for t in _TOKEN.findall(sql) if not t.isspace() and not t.startswith(("--", "/*"))]
    depths = itertools.accumulate({"(": 1, ")": -1}.get(token, 0) for token in tokens)
    return any(
        pair == ("ORDER", "BY") and depth == 0 for pair, depth in zip(itertools.pairwise(tokens), depths, strict=False)
    )


def same_result(predicted: Sequence[Row], gold: Sequence[Row], ordered: bool) -> bool:
    """Whether two results hold the same rows, whatever the order of their columns.

    Numbers are compared as numbers (``1`` equals ``1.0``, ``'1'`` does not), floats to ten significant digits, because
    the sum of a column depends in its last digit on the order of reading.
    """
    if len(predicted) != len(gold) or (gold and len(predicted[0]) != len(gold[0])):
        return False
    ours, theirs = (
        [tuple(float(f"{v:.10g}") if isinstance(v, float) else v for v in column) for column in zip(*rows, strict=True)]
        for rows in (predicted, gold)
    )
    if Counter(ours) == Counter(theirs):
        return True
    if ordered:
        return False  # row order ties the columns together
    # Which of our columns can be each of theirs; equal ones are interchangeable, so one of them will do.
    alike = [{column for column in ours if Counter(column) == Counter(wanted)} for wanted in theirs]
    wanted, have = Counter(zip(*theirs, strict=True)), Counter(ours)
    return any(
        Counter(zip(*chosen, strict=True)) == wanted and Counter(chosen) == have for chosen in itertools.product(*alike)
    )


def matches(path: Path | str, predicted: str | None, gold: str) -> bool:
    """Whether a predicted statement's result on a database is the gold one's; ``None`` or an error never is.

    Rows must be in the gold's order where it has an ORDER BY of its own. The official evaluation asks for order also
    where a subquery has one (40 of Spider's 8,034 references), and strips DISTINCT from both.
    """
    if predicted is None:
        return False
    wanted = run_once(path, gold)
    if wanted.error is not None:
        raise CrossoverError(
            f"The reference statement {gold!r} does not run on {path} ({wanted.error}); fix it or the database."
        )
    found = wanted if predicted == gold else run(path, predicted)
    return found.error is None and same_result(found.rows, wanted.rows, is_ordered(gold))


class SqlAnswers(ABC):
    """What tasks share whose answer is one SQL statement and whose question opens with the tables."""

    metric = "execution match"

    @abstractmethod
    def path(self, problem: Problem) -> Path:
        """The database that a problem asks."""

    def prompt(self, question: str) -> str:
        r"""Return the question, which opens with the tables (:func:`asked`), and ``"\\nSQL:"``."""
        return f"{question}\nSQL:"

    def extract(self, completion: str) -> str | None:
        return statement(completion)

    def completion(self, response: str) -> str:
        """Return a chat model's response as a student is to write it: its query alone on one line, if any."""
        return f" {statement(response) or response.strip()}"

    def correct(self, completion: str, problem: Problem) -> bool:
        gold = self.extract(problem.answer) or problem.answer
        return matches(self.path(problem), self.extract(completion), gold)


def asked(tables: Iterable[tuple[str, Sequence[str]]], question: str) -> str:
    """Return a question with the tables and columns that it is about before it, on one line."""
    listed = ", ".join(f"{table}({', '.join(columns)})" for table, columns in tables)
    return f"Tables: {listed}. {' '.join(question.split())}"
