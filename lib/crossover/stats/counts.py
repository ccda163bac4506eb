"""A table of counts: reading anyone's CSV, checking every row, and cutting it into the counts of each curve.

The outcome is ``n_correct``, ``accuracy``, or ``score`` with ``score_sd`` (mean and standard deviation over test items
of an outcome that is not right or wrong). A strategy that buys nothing has budget 0 in all its rows.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError, nearest

REQUIRED = ("strategy", "seed_size", "budget", "n_test")
NUMBERS = ("seed_size", "budget", "n_test", "n_correct", "accuracy", "score", "score_sd")
KNOWN = ("strategy", *NUMBERS, "replicate", "task")
LABELS = ("task", "strategy", "replicate")
KEY = ["task", "strategy", "seed_size", "budget", "replicate"]
COLUMNS = [*KEY, "n_correct", "n_test"]
WANTED = f"Expected columns: {', '.join(REQUIRED)} and n_correct, accuracy or score; optional: replicate, task."


@dataclass(frozen=True)
class CurveCounts:
    """Counts of one curve: ``correct`` of ``tested`` (J, B), by replicate and budget ratio; both 0 where one lacks it.

    For scores ``correct`` is their sum and ``item_variance`` (J, B) that between test items; it is ``None`` for correct
    answers, whose variance follows from their mean.
    """

    task: str
    strategy: str
    seed_size: float
    ratios: np.ndarray
    replicates: tuple[object, ...]
    correct: np.ndarray
    tested: np.ndarray
    item_variance: np.ndarray | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """Values that the mean outcome can take."""
        return (0.0, 1.0) if self.item_variance is None else (-np.inf, np.inf)

    @property
    def buys_nothing(self) -> bool:
        return len(self.ratios) == 1 and self.ratios[0] == 0


def read_counts(source: str | Path) -> pd.DataFrame:
    """Read and check a CSV of counts.

    The delimiter (comma, semicolon, tab or bar) is that of the header line; with another one than the comma, decimal
    commas and points between thousands are read. Returns ``task, strategy, seed_size, budget, replicate, n_correct,
    n_test`` (and ``score, score_sd`` where given). A :class:`CrossoverError` names file, row, column and the
    fix.

    Examples
    --------
    >>> example_counts().to_csv("pilot.csv", index=False)
    >>> read_counts("pilot.csv").groupby("strategy")["n_correct"].max()
    strategy
    answer_augmentation    520.0
    new_question           685.0
    Name: n_correct, dtype: float64
    """
    path = Path(source)
    text = _text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    if not header:
        raise CrossoverError(f"{path}: the file is empty. {WANTED}")
    delimiter = max(",;\t|", key=header.count)
    options = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False, "skipinitialspace": True}
    try:
        raw = pd.read_csv(io.StringIO(text), sep=delimiter, header=None, index_col=False, **options).fillna("")
    except (pd.errors.ParserError, ValueError) as error:
        raise CrossoverError(f"{path}: not a readable table: {str(error).strip()}. {WANTED}") from None
    raw = raw[(raw != "").any(axis=1)]
    columns = [str(c).strip().strip('"').lower() for c in raw.iloc[0]]
    while columns and not columns[-1]:  # a delimiter at the end of each line
        columns.pop()
    extra = raw.iloc[1:, len(columns) :]
    if (extra != "").any(axis=None):
        line = extra.index[(extra != "").any(axis=1)][0] + 1
        raise CrossoverError(f"{path}: line {line} has more fields than the header's {len(columns)}")
    table = raw.iloc[1:, : len(columns)].set_axis(columns, axis=1)
    commas = delimiter != "," and _has_commas(table)
    return validate_counts(table, where=str(path), lines=np.asarray(table.index) + 1, decimal_commas=commas)


def example_counts() -> pd.DataFrame:
    """Return the counts of a made-up study: new answers level off early at 50%, new questions late at 70%.

    >>> example_counts()["strategy"].unique().tolist()
    ['answer_augmentation', 'new_question']
    """
    rows = [
        (strategy, 50, 50 * ratio, j, round(1000 * (top - (top - 0.2) * np.exp(-ratio / tau))) + 20 * j - 20, 1000)
        for strategy, top, tau in (("answer_augmentation", 0.5, 1.0), ("new_question", 0.7, 6.0))
        for ratio in (1, 2, 4, 8, 16)
        for j in range(3)
    ]
    return pd.DataFrame(rows, columns=["strategy", "seed_size", "budget", "replicate", "n_correct", "n_test"])


def validate_counts(
    table: pd.DataFrame, where: str = "table", lines: np.ndarray | None = None, decimal_commas: bool = False
) -> pd.DataFrame:
    """Check a table of counts and return it with the standard columns, types and defaults.

    ``where`` and ``lines`` (of the file behind each row) name places in errors; ``decimal_commas`` reads 0,85 as 0.85.
    """
    check = _Check(where, lines, decimal_commas)
    _refuse_columns(list(map(str, table.columns)), where)
    if not len(table):
        raise CrossoverError(f"{where}: there are column names but no rows. {WANTED}")
    out = pd.DataFrame(index=np.arange(len(table)))
    for name in LABELS:
        out[name] = _label(table[name], check) if name in table else {"task": "task", "replicate": "0"}[name]
    for name, least, rule in (
        ("seed_size", 1, "a seed set has at least 1 question"),
        ("budget", 0, "a budget is positive, in teacher calls"),
        ("n_test", 1, "an accuracy needs at least 1 test item"),
    ):
        out[name] = check.number(table[name], name, whole=name == "n_test")
        check.refuse(out[name] < least, out[name], name, rule)
    zero = out["budget"] == 0
    mixed = zero & ~zero.groupby([out["strategy"], out["task"]]).transform("all")
    check.refuse(
        mixed, out["budget"], "budget", "a budget is positive; only a strategy that buys nothing has 0 throughout"
    )
    if "score" in table:
        out["score"] = check.number(table["score"], "score")
        out["score_sd"] = check.number(table["score_sd"], "score_sd") if "score_sd" in table else -1.0
        check.refuse(out["score_sd"] < 0, out["score_sd"], "score_sd", "a score needs its spread over test items")
        out["n_correct"] = out["score"] * out["n_test"]
    else:
        out["n_correct"] = _correct(table, out["n_test"], check)
    twice = out.duplicated(KEY)
    if twice.any():
        row = int(np.argmax(twice))
        first = int(np.argmax((out[KEY] == out.loc[row, KEY]).all(axis=1)))
        c = out.loc[row]
        what = f"strategy {c.strategy!r}, seed_size {c.seed_size:g}, budget {c.budget:g}, replicate {c.replicate!r}"
        known = "replicate" in table
        fix = "give each its own replicate" if known else "number the repeats in a column 'replicate'"
        check.fail(row, "replicate", f"the same cell as {check.name(first)} ({what}): {fix}, or keep one of the two")
    return out[COLUMNS + [name for name in ("score", "score_sd") if name in out]]


def curve_counts(table: pd.DataFrame) -> list[CurveCounts]:
    """Cut a checked table into curves, one per task, strategy and seed-set size, in that order."""
    out = []
    for (task, strategy, size), part in table.groupby(["task", "strategy", "seed_size"], sort=True):
        budgets, column = np.unique(part["budget"].to_numpy(float), return_inverse=True)
        labels, row = np.unique(part["replicate"].to_numpy(str), return_inverse=True)
        correct, tested = np.zeros((len(labels), len(budgets))), np.zeros((len(labels), len(budgets)))
        correct[row, column], tested[row, column] = part["n_correct"], part["n_test"]
        variance = np.zeros(correct.shape) if "score_sd" in part else None
        if variance is not None:
            variance[row, column] = part["score_sd"] ** 2
        names, ratios = tuple(map(str, labels)), budgets / float(size)
        out.append(CurveCounts(str(task), str(strategy), float(size), ratios, names, correct, tested, variance))
    return out


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CrossoverError(f"{path}: no such file") from None
    except OSError as error:
        what = "is a folder, not a CSV file" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise CrossoverError(f"{path}: {what}") from None
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CrossoverError(f"{path}: line {line} is not text in UTF-8: save the file as CSV in UTF-8") from None
    if "\0" in text:
        raise CrossoverError(f"{path}: holds binary data: save it as CSV in UTF-8")
    return text


def _has_commas(table: pd.DataFrame) -> bool:
    """Say whether some number has a decimal comma that cannot be a thousands separator, such as ``0,2``."""
    return any(
        re.fullmatch(r"[+-]?\d*,(\d{1,2}|\d{4,})|[+-]?0,\d{3}", value.strip())
        for name in NUMBERS
        if name in table
        for value in table[name].unique()
    )


def _refuse_columns(names: list[str], where: str) -> None:
    for name in KNOWN:
        if names.count(name) > 1:
            raise CrossoverError(f"{where}: column {name!r} appears {names.count(name)} times: keep one")
    missing = [name for name in REQUIRED if name not in names]
    if not missing and not {"n_correct", "accuracy", "score"} & set(names):
        missing = ["n_correct"]
    for name in missing:
        hint = nearest(name, [n for n in names if n not in KNOWN]).replace("Did you mean", "Is it")
        hint = hint if "Is it" in hint else ""
        raise CrossoverError(f"{where}: column {name!r} is missing (row 1, the header).{hint} {WANTED}")


class _Check:
    """Refuses values with their place in the table."""

    def __init__(self, where: str, lines: np.ndarray | None, decimal_commas: bool):
        self.where, self.lines = where, lines
        self.point, self.group = (",", ".") if decimal_commas else (".", ",")

    def name(self, row: int) -> str:
        return f"row {row + 1}" + (f" (line {self.lines[row]})" if self.lines is not None else "")

    def fail(self, row: int, column: str, message: str) -> NoReturn:
        raise CrossoverError(f"{self.where}: {self.name(row)}, column {column!r}: {message}")

    def refuse(self, bad: pd.Series | np.ndarray, values: pd.Series, column: str, message: str) -> None:
        bad = np.asarray(bad)
        if bad.any():
            row = int(np.argmax(bad))
            value = np.asarray(values, object)[row]
            self.fail(row, column, f"{f'{value:g}' if isinstance(value, float) else repr(value)}: {message}")

    def number(self, column: pd.Series, name: str, whole: bool = False) -> np.ndarray:
        """Finite numbers, or the first row that is none."""
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(float, na_value=np.nan)
        else:
            codes, texts = pd.factorize(column.astype(str).str.strip())
            values = self._read(texts, codes, name)[codes]
        self.refuse(~np.isfinite(values), column, name, "missing or not finite")
        if whole:
            self.refuse(values != np.round(values), values, name, "a count is a whole number")
        return values

    def _read(self, texts: pd.Index, codes: np.ndarray, name: str) -> np.ndarray:
        """Numbers from the distinct texts of a column, in the file's own decimal sign."""
        point, group = re.escape(self.point), re.escape(self.group)
        digits = [re.sub(r"(?<=\d)[\s\u00a0\u202f'’](?=\d{3})", "", text) for text in texts]
        thousand = re.compile(rf"[+-]?\d{{1,3}}{point}\d{{3}}")  # 1.000: a thousand to some, one to others
        uniform = all(re.fullmatch(rf"[+-]?\d+{point}000", text) for text in digits) and len(digits) > 1
        values = np.empty(len(texts))
        for k, text in enumerate(digits):
            row = int(np.argmax(codes == k))
            if text.lower() in ("", "na", "nan", "none", "null", "<na>"):
                self.fail(row, name, "missing")
            if name not in ("accuracy", "score", "score_sd") and thousand.fullmatch(text) and not uniform:
                self.fail(row, name, f"{texts[k]!r} can be read in two ways: write whole numbers without separators")
            if self.point == "," and re.fullmatch(rf"[+-]?\d{{1,3}}({group}\d{{3}})+({point}\d+)?", text):
                text = text.replace(self.group, "")
            try:
                values[k] = float(text.replace(self.point, ".")) if self.point == "." or "." not in text else np.nan
            except ValueError:
                values[k] = np.nan
            if np.isnan(values[k]):
                self.fail(row, name, f"{texts[k]!r}: not a number (write 1000 and 0.85, not 1,000 or 85%)")
        return values


def _label(column: pd.Series, check: _Check) -> np.ndarray:
    codes, unique = pd.factorize(column, use_na_sentinel=True)
    # 3.0 and 3 are one replicate, whether it was read as text or as a float
    names = [f"{u:g}" if isinstance(u, float) else str(u).strip() for u in unique]
    missing = (codes < 0) | np.isin(codes, [i for i, n in enumerate(names) if not n])
    if missing.any():
        check.fail(int(np.argmax(missing)), str(column.name), "missing")
    return np.asarray(names, object)[codes]


def _correct(table: pd.DataFrame, n_test: pd.Series, check: _Check) -> np.ndarray:
    n = n_test.to_numpy(float)
    from_accuracy = None
    if "accuracy" in table:
        accuracy = check.number(table["accuracy"], "accuracy")
        percent = "is it a percentage? " if ((accuracy > 1) & (accuracy <= 100)).any() else ""
        outside = (accuracy < 0) | (accuracy > 1)
        check.refuse(outside, accuracy, "accuracy", f"{percent}an accuracy lies between 0 and 1")
        from_accuracy = accuracy * n
    if "n_correct" not in table:
        return from_accuracy
    correct = check.number(table["n_correct"], "n_correct", whole=True)
    check.refuse(correct < 0, correct, "n_correct", "a count is not negative")
    over = correct > n
    if over.any():
        row = int(np.argmax(over))
        check.fail(row, "n_correct", f"{correct[row]:g} correct of {n[row]:g} tested: more correct than tested")
    if from_accuracy is not None:
        apart = np.abs(from_accuracy - correct) > np.maximum(0.006 * n, 0.51)
        check.refuse(apart, from_accuracy / n, "accuracy", "does not agree with n_correct / n_test")
    return correct
