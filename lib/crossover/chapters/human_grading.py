"""A blinded sheet of items for people to grade, and the rates and the agreement of what they wrote.

Run it on the graded sheets::

    python -m crossover.chapters.human_grading sheet.key.csv sheet_of_ann.csv sheet_of_ben.csv

A sheet holds items of several sources in random order, as many of each, and says nothing of where one is from; its key,
a file of its own, does. Each column to fill is a criterion and takes 1 (met) or 0 (not met); an empty cell is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.figures.style import wilson

LEVEL = 0.9
ALL = "all"  # what the rows of every source together are called


@dataclass(frozen=True)
class Item:
    """One thing to grade: what a grader is shown, by column, and where it comes from, which a grader is not."""

    shown: Mapping[str, str]
    source: str


def write_sheet(items: Sequence[Item], sheet: Path, criteria: Sequence[str], seed: int = 0, size: int = 100) -> Path:
    """Write a sheet of ``size`` items drawn at random, and its key beside it.

    Parameters
    ----------
    items : sequence of Item
        Each with the same columns. As many are drawn of each source as their numbers allow; all of them where there are
        no more than ``size``.
    sheet : Path
        ``.csv``; the key gets its name with ``.key.csv``.
    criteria : sequence of str
        The columns to fill.
    seed : int
        Of the draw and of the order.
    size : int

    Returns
    -------
    Path
        The key.

    Raises
    ------
    CrossoverError
        There are no items or no criteria, or the sheet is there already (it may hold someone's grades).
    """
    if not items or not criteria:
        raise CrossoverError(f"A sheet needs items and criteria; {sheet.name} has {len(items)} and {len(criteria)}.")
    if sheet.exists():
        raise CrossoverError(f"{sheet} is there already and may hold grades. Move it away, or give another name.")
    drawn = _draw(items, size, random.Random(seed))
    table = pd.DataFrame([dict(item.shown) for item in drawn])
    table.insert(0, "item", [f"i{place:03d}" for place in range(1, len(drawn) + 1)])
    empty = dict.fromkeys(criteria, "")
    key = sheet.with_suffix(".key.csv")
    sheet.parent.mkdir(parents=True, exist_ok=True)
    table.assign(**empty).to_csv(sheet, index=False)
    table.assign(source=[item.source for item in drawn], **empty).to_csv(key, index=False)
    return key


def read_sheets(key: Path, sheets: Sequence[Path]) -> pd.DataFrame:
    """Return the grades as rows ``grader, item, source, criterion, grade``; cells left empty are left out.

    Raises
    ------
    CrossoverError
        A file cannot be read, a sheet does not show the items of the key, a cell holds something else than 0 and 1, or
        nothing is graded; the message names it.
    """
    known = _read(key)
    if "source" not in known:
        raise CrossoverError(f"{key} is not a key: it has no column source.")
    where = list(known.columns).index("source")
    shown, criteria = list(known.columns[:where]), list(known.columns[where + 1 :])
    tables = []
    for sheet in sheets:
        table = _read(sheet)
        if missing := [name for name in (*shown, *criteria) if name not in table]:
            raise CrossoverError(f"{sheet} has no column {missing[0]!r}; use the sheet that was written with {key}.")
        if (
            not table[shown]
            .sort_values("item", ignore_index=True)
            .equals(known[shown].sort_values("item", ignore_index=True))
        ):
            raise CrossoverError(f"{sheet} does not show the items of {key}; use the sheet that was written with it.")
        long = table.melt("item", criteria, "criterion", "grade")
        long = long[long["grade"].str.strip() != ""]
        wrong = long[~pd.to_numeric(long["grade"], errors="coerce").isin([0, 1])]
        if len(wrong):
            cell = wrong.iloc[0]
            raise CrossoverError(f"{sheet}, {cell['item']}, {cell['criterion']}: {cell['grade']!r} is neither 0 nor 1.")
        tables.append(long.assign(grader=sheet.stem, grade=pd.to_numeric(long["grade"]).astype(int)))
    grades = pd.concat(tables, ignore_index=True)
    if grades.empty:
        raise CrossoverError(f"No cell of {sheets[0]} is filled: write 1 or 0 under {', '.join(criteria)}.")
    grades["source"] = grades["item"].map(known.set_index("item")["source"])
    return grades[["grader", "item", "source", "criterion", "grade"]]


def rates(grades: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Return ``criterion, source, items, met, low, high, error_rate``: the share of items that meet a criterion.

    The interval is Wilson's score interval, with items as the sample: the grades that several people gave one item are
    not independent, and their mean counts as the item's. ``error_rate`` is what is left, ``1 - met``, and its interval
    ``1 - high`` to ``1 - low``. Source ``all`` is every source together.
    """
    rows = []
    for criterion, source, group in _groups(grades):
        each = group.groupby("item")["grade"].mean()
        n, share = len(each), float(each.mean())
        rows.append((criterion, source, n, share, *wilson(float(each.sum()), n, level), 1 - share))
    return pd.DataFrame(rows, columns=["criterion", "source", "items", "met", "low", "high", "error_rate"])


def agreement(grades: pd.DataFrame, level: float = LEVEL, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return ``criterion, source, alpha, low, high, graders, items``: Krippendorff's alpha (nominal), bootstrap over items.

    Alpha is 1 where graders agree on all, 0 where they agree as chance would have it; grades may be missing. It is NaN
    where all grades are equal, since there is then nothing that chance could get wrong.

    Raises
    ------
    CrossoverError
        There is one grader only.
    """
    graders = grades["grader"].nunique()
    if graders < 2:
        raise CrossoverError("Agreement needs the sheets of two graders or more; one was given.")
    rng = np.random.default_rng(seed)
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows = []
    for criterion, source, group in _groups(grades):
        table = group.pivot(index="grader", columns="item", values="grade").to_numpy(float)
        n = table.shape[1]
        drawn = [_alpha(table[:, rng.integers(n, size=n)]) for _ in range(draws)]
        low, high = np.nanquantile(drawn, ends) if np.isfinite(drawn).any() else (np.nan, np.nan)
        rows.append((criterion, source, _alpha(table), float(low), float(high), graders, n))
    return pd.DataFrame(rows, columns=["criterion", "source", "alpha", "low", "high", "graders", "items"])


def _groups(grades: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The grades by criterion and source, all sources together first."""
    for criterion, of_criterion in grades.groupby("criterion", sort=False):
        yield criterion, ALL, of_criterion
        for source, group in of_criterion.groupby("source"):
            yield criterion, source, group


def _alpha(table: np.ndarray) -> float:
    twice = table[:, np.isfinite(table).sum(0) > 1]  # an item that one person graded can show no agreement
    if len(np.unique(twice[np.isfinite(twice)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(twice, level_of_measurement="nominal"))


def _draw(items: Sequence[Item], size: int, rng: random.Random) -> list[Item]:
    """Take from each source in turn, at random within it, until there are enough; then shuffle."""
    waiting = {source: [i for i in items if i.source == source] for source in sorted({i.source for i in items})}
    for group in waiting.values():
        rng.shuffle(group)
    drawn: list[Item] = []
    while len(drawn) < min(size, len(items)):
        drawn += [group.pop() for group in waiting.values() if group]
    drawn = drawn[:size]
    rng.shuffle(drawn)
    return drawn


def _read(path: Path) -> pd.DataFrame:
    """Read a sheet or a key as text, whatever byte order mark a spreadsheet put before it."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as problem:
        raise CrossoverError(f"{path} cannot be read: {problem}.") from None
    if "item" not in table or table["item"].duplicated().any():
        raise CrossoverError(f"{path} is not a sheet: it needs a column item with one row an item.")
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Print rates, and agreement where there are two sheets or more."""
    parser = argparse.ArgumentParser(
        prog="python -m crossover.chapters.human_grading", description="Rates and agreement of graded sheets."
    )
    parser.add_argument("key", type=Path)
    parser.add_argument("sheets", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    grades = read_sheets(given.key, given.sheets)
    print(rates(grades).round(3).to_string(index=False))
    if len(given.sheets) > 1:
        print(agreement(grades).round(3).to_string(index=False))


if __name__ == "__main__":
    try:
        main()
    except CrossoverError as problem:
        sys.exit(f"crossover.chapters.human_grading: {problem}")
