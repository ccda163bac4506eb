"""Blinded sheets for people to grade, and what filled sheets say: an error rate with its interval, and agreement.

A sheet is a CSV of items in random order with an empty ``grade`` column: nothing in it says where an item comes from. A
key with the same name and ``.key.csv`` does, and stays with whoever made the sheet. Each grader fills a copy::

    python -m crossover.sheets grader1.csv grader2.csv     # rate, interval, agreement; a key beside them splits by source
"""

from __future__ import annotations

import csv
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from crossover.errors import CrossoverError

GRADES = ("ok", "error")
LEVEL = 0.9
_COLUMNS = ("item", "text", "grade", "remark")


@dataclass(frozen=True)
class Item:
    """One thing to grade: what a grader sees, and where it comes from, which a grader does not see."""

    text: str
    source: str


@dataclass(frozen=True)
class Graded:
    """What filled sheets say.

    Attributes
    ----------
    rate : float
        Share of grades that are ``error``, averaged over items.
    interval : (float, float)
        Wilson score interval at :data:`LEVEL`, with items as the sample: grades of one item are not independent.
    agreement : float or None
        Krippendorff's alpha; ``None`` with one grader, or where every grade is the same and chance cannot be told.
    items, graders : int
    by_source : dict of str to Graded
        The same for each source, where the key is known.
    """

    rate: float
    interval: tuple[float, float]
    agreement: float | None
    items: int
    graders: int
    by_source: Mapping[str, Graded]


def write_sheet(items: Sequence[Item], path: Path, seed: int, size: int = 100) -> None:
    """Write a sheet of ``size`` items drawn at random, and its key beside it.

    Parameters
    ----------
    items : sequence of Item
        As many are taken of each source as their numbers allow; all of them where there are no more than ``size``.
    path : Path
        Of the sheet, ``.csv``.
    seed : int
        Of the draw and of the order.

    Raises
    ------
    CrossoverError
        There are no items, or the sheet is there already (it may hold someone's grades).
    """
    if not items:
        raise CrossoverError(f"There are no items to grade for {path.name}.")
    if path.exists():
        raise CrossoverError(f"{path} is there already and may hold grades. Move it away, or give another name.")
    drawn = _draw(items, size, random.Random(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"item": n, "text": item.text} for n, item in enumerate(drawn, 1))
    with open(_key(path), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["item", "source"])
        writer.writerows([n, item.source] for n, item in enumerate(drawn, 1))


def read_sheets(paths: Sequence[Path], key: Path | None = None) -> Graded:
    """Return what filled copies of one sheet say; an item that somebody left empty is graded by the others.

    Parameters
    ----------
    paths : sequence of Path
        One copy a grader.
    key : Path, optional
        The sheet's key, to split by source.

    Raises
    ------
    CrossoverError
        A copy is not of this sheet, a grade is not ``ok`` or ``error``, or nothing is graded.
    """
    sheets = [_read(path) for path in paths]
    for path, sheet in zip(paths[1:], sheets[1:], strict=True):
        if {n: text for n, (text, _) in sheet.items()} != {n: text for n, (text, _) in sheets[0].items()}:
            raise CrossoverError(f"{path} does not hold the items of {paths[0]}: they are not copies of one sheet.")
    grades = {n: [sheet[n][1] for sheet in sheets if sheet[n][1]] for n in sheets[0]}
    grades = {n: given for n, given in grades.items() if given}
    if not grades:
        raise CrossoverError(f"No item of {paths[0]} is graded: write {' or '.join(GRADES)} in the column grade.")
    sources = _read_key(key) if key else {}
    if missing := [n for n in grades if sources and n not in sources]:
        raise CrossoverError(f"{key} has no item {missing[0]}: it is not the key of {paths[0]}.")
    parts = {s: [given for n, given in grades.items() if sources[n] == s] for s in sorted(set(sources.values()))}
    by_source = {source: _graded(given, len(paths), {}) for source, given in parts.items() if given}
    return _graded(list(grades.values()), len(paths), by_source)


def alpha(grades: Sequence[Sequence[str]]) -> float | None:
    r"""Return Krippendorff's alpha for nominal grades, any number of them an item.

    .. math:: \alpha = 1 - \frac{D_o}{D_e}

    with the observed and the expected disagreement of two grades of one item. ``None`` where no item has two grades, or
    all grades are the same. Krippendorff (2004), Content Analysis, chapter 11.

    >>> alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"]])
    0.5333333333333333
    """
    units = [Counter(given) for given in grades if len(given) > 1]
    totals = sum(units, Counter())
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    if not expected:
        return None
    observed = sum((u.total() ** 2 - sum(c * c for c in u.values())) / (u.total() - 1) for u in units)
    return 1 - (n - 1) * observed / expected


def _graded(grades: Sequence[Sequence[str]], graders: int, by_source: Mapping[str, Graded]) -> Graded:
    n = len(grades)
    rate = sum(given.count("error") / len(given) for given in grades) / n
    z = stats.norm.ppf((1 + LEVEL) / 2)
    centre, half = rate + z * z / (2 * n), z * (rate * (1 - rate) / n + z * z / (4 * n * n)) ** 0.5
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return Graded(rate, (max(0.0, low), min(1.0, high)), alpha(grades), n, graders, by_source)


def _draw(items: Sequence[Item], size: int, rng: random.Random) -> list[Item]:
    """Take from each source in turn, at random within it, until there are enough; then shuffle."""
    waiting = {
        source: [item for item in items if item.source == source] for source in sorted({i.source for i in items})
    }
    for group in waiting.values():
        rng.shuffle(group)
    drawn: list[Item] = []
    while len(drawn) < min(size, len(items)):
        drawn += [group.pop() for group in waiting.values() if group]
    drawn = drawn[:size]
    rng.shuffle(drawn)
    return drawn


def _read(path: Path) -> dict[str, tuple[str, str]]:
    """Text and grade of each item, by its number."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as problem:
        raise CrossoverError(f"{path} cannot be read: {problem}.") from None
    if not rows or not {"item", "text", "grade"} <= rows[0].keys():
        raise CrossoverError(f"{path} is not a sheet: it needs the columns item, text and grade, and a row an item.")
    sheet: dict[str, tuple[str, str]] = {}
    for row in rows:
        grade = (row["grade"] or "").strip().casefold()
        if grade and grade not in GRADES:
            raise CrossoverError(
                f"{path}, item {row['item']}: the grade is {row['grade']!r}; write {' or '.join(GRADES)}."
            )
        sheet[row["item"]] = row["text"], grade
    return sheet


def _read_key(path: Path) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return {row["item"]: row["source"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as problem:
        raise CrossoverError(f"{path} is not a key: {problem}.") from None


def _key(path: Path) -> Path:
    return path.with_suffix(".key.csv")


def main(arguments: Sequence[str]) -> None:
    """Print what the filled sheets named on the command line say; a key (``*.key.csv``) among them splits by source."""
    keys = [Path(name) for name in arguments if name.endswith(".key.csv")]
    sheets = [Path(name) for name in arguments if not name.endswith(".key.csv")]
    if not sheets or len(keys) > 1:
        raise CrossoverError(
            "Name one filled sheet or more, and at most one key: python -m crossover.sheets SHEET.csv ..."
        )
    found = read_sheets(sheets, keys[0] if keys else None)
    for name, part in {"all": found, **found.by_source}.items():
        low, high = part.interval
        agreement = "" if part.agreement is None else f", Krippendorff's alpha {part.agreement:.2f}"
        print(f"{name}: {part.rate:.1%} errors ({low:.1%} to {high:.1%}, {LEVEL:.0%}) in {part.items} items{agreement}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CrossoverError as problem:
        sys.exit(f"crossover.sheets: {problem}")
