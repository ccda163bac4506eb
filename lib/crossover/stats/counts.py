"""A table of counts: reading anyone's CSV, checking every row, and cutting it into the cells of each curve.

Columns: ``strategy, seed_size, budget`` and either ``n_correct, n_test`` or ``accuracy, n_test``; ``replicate`` and
``task`` may be left out where there is one of each. A ``seconds`` column is kept for planning by time. Anything that
cannot be right is refused with its row and column; nothing is guessed and nothing is dropped.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError, nearest
from crossover.stats.noise import Cells

REQUIRED = ("strategy", "seed_size", "budget", "n_test")
KNOWN = (*REQUIRED, "n_correct", "accuracy", "replicate", "task", "seconds")
LABELS = ("task", "strategy", "replicate")
KEY = ["task", "strategy", "seed_size", "budget", "replicate"]
COLUMNS = [*KEY, "n_correct", "n_test"]


def read(source: str | Path) -> pd.DataFrame:
    """Read and check a CSV of counts.

    Comma, semicolon, tab and bar are told apart by the header line; a byte-order mark is skipped; blank lines are
    allowed.

    Parameters
    ----------
    source : path

    Returns
    -------
    DataFrame
        Columns ``task, strategy, seed_size, budget, replicate, n_correct, n_test`` (and ``seconds`` where given).

    Raises
    ------
    CrossoverError
        Naming file, row, line and column, and what would be right.
    """
    path = Path(source)
    text = _text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    if not header:
        raise CrossoverError(f"{path}: the file is empty. {_wanted()}")
    delimiter = max(",;\t|", key=header.count)
    try:
        raw = pd.read_csv(
            io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, skip_blank_lines=False,
            header=None, index_col=False, skipinitialspace=True, on_bad_lines="error",
        )  # fmt: skip
    except (pd.errors.ParserError, ValueError) as error:
        raise CrossoverError(f"{path}: cannot be read as a table: {str(error).strip()}. {_wanted()}") from None
    raw = raw.fillna("")
    raw = raw[(raw != "").any(axis=1)]
    columns = [str(c).strip().strip('"').lower() for c in raw.iloc[0]]
    while columns and not columns[-1]:  # a delimiter at the end of each line
        columns.pop()
    extra = raw.iloc[1:, len(columns) :]
    if (extra != "").any(axis=None):
        line = extra.index[(extra != "").any(axis=1)][0] + 1
        raise CrossoverError(f"{path}: line {line} has more fields than the header's {len(columns)}")
    table = raw.iloc[1:, : len(columns)]
    table.columns = columns
    return validate(table, where=str(path), lines=np.asarray(table.index) + 1, comma_decimals=delimiter != ",")


def validate(
    table: pd.DataFrame,
    where: str = "table",
    lines: np.ndarray | None = None,
    comma_decimals: bool = False,
) -> pd.DataFrame:
    """Check a table of counts and return it with the standard columns, types and defaults.

    Parameters
    ----------
    table : DataFrame
        Text or numbers; other columns are ignored.
    where : str
        What errors call the table.
    lines : array, optional
        Line of the file behind each row, for errors.
    comma_decimals : bool
        Read ``0,85`` as 0.85 in ``accuracy``, for files that are not comma separated.
    """
    check = _Check(where, lines)
    _columns(table, where)
    if not len(table):
        raise CrossoverError(f"{where}: there are column names but no rows. {_wanted()}")
    out = pd.DataFrame(index=np.arange(len(table)))
    for name in LABELS:
        if name in table:
            out[name] = _label(table[name], check)
        else:
            out[name] = {"task": "task", "replicate": "0"}[name]
    out["seed_size"] = check.number(table["seed_size"], "seed_size")
    check.refuse(out["seed_size"] < 1, out["seed_size"], "seed_size", "a seed set has at least 1 question")
    out["budget"] = check.number(table["budget"], "budget")
    check.refuse(out["budget"] <= 0, out["budget"], "budget", "a budget is positive, in queries")
    out["n_test"] = check.number(table["n_test"], "n_test", whole=True)
    check.refuse(out["n_test"] < 1, out["n_test"], "n_test", "an accuracy needs at least 1 test item")
    out["n_correct"] = _correct(table, out["n_test"], check, comma_decimals)
    if "seconds" in table:
        out["seconds"] = check.number(table["seconds"], "seconds")
        check.refuse(out["seconds"] < 0, out["seconds"], "seconds", "a time is not negative")
    twice = out.duplicated(KEY)
    if twice.any():
        row = int(np.argmax(twice))
        first = int(np.argmax((out[KEY] == out.loc[row, KEY]).all(axis=1)))
        c = out.loc[row]
        what = f"strategy {c.strategy!r}, seed_size {c.seed_size:g}, budget {c.budget:g}, replicate {c.replicate!r}"
        fix = (
            "number the repeats in a column 'replicate'" if "replicate" not in table else "give each its own replicate"
        )
        check.fail(row, "replicate", f"the same cell as {check.name(first)} ({what}): {fix}, or keep one of the two")
    return out[COLUMNS + (["seconds"] if "seconds" in out else [])]


def cells(table: pd.DataFrame) -> list[Cells]:
    """Cut a checked table into curves, one for each task, strategy and seed-set size, in that order.

    >>> t = pd.DataFrame({"strategy": "a", "seed_size": 10, "budget": [10, 20], "n_correct": [1, 2], "n_test": 4})
    >>> cells(validate(t))[0].ratios
    array([1., 2.])
    """
    out = []
    for (task, strategy, size), part in table.groupby(["task", "strategy", "seed_size"], sort=True):
        budgets, column = np.unique(part["budget"].to_numpy(float), return_inverse=True)
        labels, row = np.unique(part["replicate"].to_numpy(str), return_inverse=True)
        correct, tested = np.zeros((len(labels), len(budgets))), np.zeros((len(labels), len(budgets)))
        correct[row, column], tested[row, column] = part["n_correct"], part["n_test"]
        ratios = budgets / float(size)
        out.append(Cells(str(task), str(strategy), float(size), ratios, tuple(map(str, labels)), correct, tested))
    return out


def _text(path: Path) -> str:
    if not path.exists():
        raise CrossoverError(f"{path}: no such file")
    if path.is_dir():
        raise CrossoverError(f"{path}: is a folder, not a CSV file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CrossoverError(f"{path}: cannot be read: {error.strerror}") from None
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CrossoverError(f"{path}: line {line} is not text in UTF-8: save the file as CSV in UTF-8") from None
    if "\0" in text:
        raise CrossoverError(f"{path}: holds binary data: save it as CSV in UTF-8")
    return text


def _wanted() -> str:
    return f"Wanted columns: {', '.join(REQUIRED)} and n_correct or accuracy; optional: replicate, task, seconds."


def _columns(table: pd.DataFrame, where: str) -> None:
    names = list(map(str, table.columns))
    for name in KNOWN:
        if names.count(name) > 1:
            raise CrossoverError(f"{where}: column {name!r} appears {names.count(name)} times: keep one")
    for name in REQUIRED:
        if name not in names:
            hint = nearest(name, [n for n in names if n not in KNOWN]) if set(names) - set(KNOWN) else ""
            hint = hint.replace("Did you mean", "Is it") if "Did you mean" in hint else ""
            raise CrossoverError(f"{where}: column {name!r} is missing (row 1, the header).{hint} {_wanted()}")
    if not {"n_correct", "accuracy"} & set(names):
        raise CrossoverError(
            f"{where}: column 'n_correct' is missing, and 'accuracy' too (row 1, the header). {_wanted()}"
        )


class _Check:
    """Refuses values with their place in the table."""

    def __init__(self, where: str, lines: np.ndarray | None):
        self.where, self.lines = where, lines

    def name(self, row: int) -> str:
        return f"row {row + 1}" + (f" (line {self.lines[row]})" if self.lines is not None else "")

    def fail(self, row: int, column: str, message: str) -> NoReturn:
        raise CrossoverError(f"{self.where}: {self.name(row)}, column {column!r}: {message}")

    def refuse(self, bad: pd.Series | np.ndarray, values, column: str, message: str) -> None:
        bad = np.asarray(bad)
        if bad.any():
            row = int(np.argmax(bad))
            value = np.asarray(values, object)[row]
            self.fail(row, column, f"{f'{value:g}' if isinstance(value, float) else repr(value)}: {message}")

    def number(self, column: pd.Series, name: str, whole: bool = False) -> np.ndarray:
        """Finite numbers, or the first row that is none."""
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(float, na_value=np.nan)
            text = values
        else:
            text = column
            values = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
            bad = np.isnan(values)
            if bad.any():
                row = int(np.argmax(bad))
                given = str(column.iloc[row]).strip()
                if given.lower() in ("", "na", "nan", "none", "null", "<na>"):
                    self.fail(row, name, "missing")
                self.fail(row, name, f"{given!r}: not a number (write 1000 and 0.85, not 1,000 or 85%)")
        self.refuse(~np.isfinite(values), text, name, "missing or not finite")
        if whole:
            self.refuse(values != np.round(values), values, name, "a count is a whole number")
        return values


def _label(column: pd.Series, check: _Check) -> np.ndarray:
    codes, unique = pd.factorize(column, use_na_sentinel=True)
    if (codes < 0).any():
        check.fail(int(np.argmax(codes < 0)), str(column.name), "missing")
    # 3.0 and 3 are one replicate, whether it was read as text or as a float
    names = [f"{u:g}" if isinstance(u, float) else str(u).strip() for u in unique]
    if "" in names:
        check.fail(
            int(np.argmax(np.isin(codes, [i for i, n in enumerate(names) if not n]))), str(column.name), "missing"
        )
    return np.asarray(names, object)[codes]


def _correct(table: pd.DataFrame, n_test: pd.Series, check: _Check, comma_decimals: bool) -> np.ndarray:
    n = n_test.to_numpy(float)
    from_accuracy = None
    if "accuracy" in table:
        column = table["accuracy"]
        if comma_decimals and not pd.api.types.is_numeric_dtype(column):
            column = column.str.replace(",", ".", regex=False)
        accuracy = check.number(column, "accuracy")
        percent = "is it a percentage? " if ((accuracy > 1) & (accuracy <= 100)).any() else ""
        check.refuse(
            (accuracy < 0) | (accuracy > 1), accuracy, "accuracy", f"{percent}an accuracy lies between 0 and 1"
        )
        from_accuracy = accuracy * n
    if "n_correct" not in table:
        return from_accuracy
    correct = check.number(table["n_correct"], "n_correct", whole=True)
    check.refuse(correct < 0, correct, "n_correct", "a count is not negative")
    over = correct > n
    if over.any():
        row = int(np.argmax(over))
        check.fail(row, "n_correct", f"{correct[row]:g} correct of {n[row]:g} tested: more right than asked")
    if from_accuracy is not None:
        check.refuse(
            np.abs(from_accuracy - correct) > np.maximum(0.006 * n, 0.51), from_accuracy / n, "accuracy",
            "does not agree with n_correct / n_test",
        )  # fmt: skip
    return correct
