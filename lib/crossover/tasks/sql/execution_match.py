"""Execution match: whether a predicted SQL statement gives the rows that the reference gives.

Source: execution accuracy of Spider as ``test-suite-sql-eval`` computes it (Zhong, Yu and Klein, arXiv 2010.02840), on
the one database that is given; :func:`same_result` and :func:`matches` say where this differs.
"""

import itertools
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem
from crossover.tasks.sql.sandbox import Row, run

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

#: :func:`crossover.tasks.sql.sandbox.run` for statements that are asked for again and again, such as reference queries.
run_once = lru_cache(4096)(run)


def statement(completion: str) -> str | None:
    """Return the first query of a completion on one line, or ``None`` where there is none.

    A query stands in a code fence or in backticks, or begins a line. It ends with a semicolon, its fence, or the first
    line break after which it does not go on. Comments go, white space becomes one space, and quoted text stays.

    >>> statement(" SELECT  a FROM t WHERE b = 'x;  y' ;  -- all of them")
    "SELECT a FROM t WHERE b = 'x;  y'"
    >>> statement("Here it is:\\n```sql\\nSELECT a\\nFROM t\\n```"), statement(" I do not know.")
    ('SELECT a FROM t', None)
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
    """Whether a statement has an ORDER BY of its own, outside brackets and quotes.

    >>> is_ordered("SELECT a FROM t ORDER BY b"), is_ordered("SELECT a FROM (SELECT a FROM t ORDER BY b LIMIT 3)")
    (True, False)
    """
    tokens = [t.upper() for t in _TOKEN.findall(sql) if not t.isspace() and not t.startswith(("--", "/*"))]
    depths = itertools.accumulate({"(": 1, ")": -1}.get(token, 0) for token in tokens)
    return any(
        pair == ("ORDER", "BY") and depth == 0 for pair, depth in zip(itertools.pairwise(tokens), depths, strict=False)
    )


def same_result(predicted: Sequence[Row], gold: Sequence[Row], ordered: bool) -> bool:
    """Whether two results hold the same rows, whatever the order of their columns, as ``result_eq`` compares them.

    Numbers are compared as numbers (``1`` equals ``1.0``, ``'1'`` does not). One difference: floats are compared to ten
    significant digits, because the sum of a column depends in its last digit on the order of reading.

    >>> same_result([("a", 1), ("b", 2)], [(2, "b"), (1.0, "a")], ordered=False)
    True
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
    where only a subquery has one (40 of Spider's 8,034 reference statements), and strips DISTINCT from both.
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
        """Return the question, which opens with the tables (:func:`asked`), and ``"\\nSQL:"``."""
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
    """Return a question with the tables and columns that it is about before it, on one line.

    >>> asked([("elements", ["name", "period"])], "How many elements are in period 4?")
    'Tables: elements(name, period). How many elements are in period 4?'
    """
    listed = ", ".join(f"{table}({', '.join(columns)})" for table, columns in tables)
    return f"Tables: {listed}. {' '.join(question.split())}"
