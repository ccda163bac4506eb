"""A blinded sheet of questions for people to grade, and the rates and the agreement of what they wrote.

Run it on the graded sheets::

    python -m crossover.grading key.csv sheet_of_ann.csv sheet_of_ben.csv

A sheet mixes generated and real questions in random order and says nothing of where they are from; the key, a file of
its own, does. Each cell to fill takes 1 (yes) or 0 (no); an empty one is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
from scipy.stats import binomtest

from crossover.errors import CrossoverError

CRITERIA = ("grammatical", "understandable_alone", "answer_right")


@dataclass(frozen=True)
class Item:
    """A question to be graded: the text that it is about, and its origin (``real``, or a template), which stays hidden."""

    text: str
    question: str
    answer: str
    origin: str


def write_sheet(items: Sequence[Item], sheet: Path | str, key: Path | str, n: int = 100, seed: int = 0) -> None:
    """Draw ``n`` items, shuffle them, and write the sheet to be graded and its key.

    Raises
    ------
    CrossoverError
        There are fewer than ``n`` items.
    """
    if len(items) < n:
        raise CrossoverError(f"A sheet of {n} items needs as many; there are {len(items)}. Pass n={len(items)}.")
    chosen = [items[i] for i in np.random.default_rng(seed).permutation(len(items))[:n]]
    names = [f"q{place:03d}" for place in range(1, n + 1)]
    shown = [
        [name, i.text, i.question, i.answer, *("" for _ in CRITERIA)] for name, i in zip(names, chosen, strict=True)
    ]
    pd.DataFrame(shown, columns=["item", "text", "question", "answer", *CRITERIA]).to_csv(sheet, index=False)
    hidden = [[name, i.origin] for name, i in zip(names, chosen, strict=True)]
    pd.DataFrame(hidden, columns=["item", "origin"]).to_csv(key, index=False)


def read_sheets(key: Path | str, sheets: Sequence[Path | str]) -> pd.DataFrame:
    """Return the grades as rows ``grader, item, criterion, grade, generated``; cells left empty are left out.

    Raises
    ------
    CrossoverError
        A sheet lacks a column or an item, or a cell holds something else than 0 and 1; the message names it.
    """
    origins = pd.read_csv(key, index_col="item")["origin"]
    tables = []
    for sheet in sheets:
        table = pd.read_csv(sheet)
        missing = [c for c in ("item", *CRITERIA) if c not in table] or sorted(set(origins.index) ^ set(table["item"]))
        if missing:
            raise CrossoverError(
                f"{sheet} and its key differ in {missing[0]!r}; use the sheet that was written with {key}."
            )
        long = table.melt("item", CRITERIA, "criterion", "grade").dropna()
        wrong = long[~pd.to_numeric(long["grade"], errors="coerce").isin([0, 1])]
        if len(wrong):
            cell = wrong.iloc[0]
            raise CrossoverError(f"{sheet}, {cell['item']}, {cell['criterion']}: {cell['grade']!r} is neither 0 nor 1.")
        tables.append(long.assign(grader=Path(sheet).stem, grade=pd.to_numeric(long["grade"]).astype(int)))
    grades = pd.concat(tables, ignore_index=True)
    return grades.assign(generated=grades["item"].map(origins) != "real")[
        ["grader", "item", "criterion", "grade", "generated"]
    ]


def rates(grades: pd.DataFrame) -> pd.DataFrame:
    """Return ``criterion, origin, yes, items, share, low, high``: the share of items graded yes, 95% Wilson interval.

    With several graders an item counts as yes where more than half of them say so.
    """
    votes = grades.groupby(["criterion", "generated", "item"], sort=False)["grade"].mean().gt(0.5)
    rows = []
    for (criterion, generated), yes in votes.groupby(["criterion", "generated"], sort=False):
        count, n = int(yes.sum()), len(yes)
        interval = binomtest(count, n).proportion_ci(method="wilson")
        origin = "generated" if generated else "real"
        rows.append((criterion, origin, count, n, count / n, float(interval.low), float(interval.high)))
    return pd.DataFrame(rows, columns=["criterion", "origin", "yes", "items", "share", "low", "high"])


def agreement(grades: pd.DataFrame, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return ``criterion, alpha, low, high, graders, items``: Krippendorff's alpha (nominal), 95% bootstrap over items.

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
    rows = []
    for criterion in grades["criterion"].unique():
        table = (
            grades[grades["criterion"] == criterion]
            .pivot(index="grader", columns="item", values="grade")
            .to_numpy(float)
        )
        n = table.shape[1]
        drawn = [_alpha(table[:, rng.integers(n, size=n)]) for _ in range(draws)]
        low, high = np.nanquantile(drawn, [0.025, 0.975]) if np.isfinite(drawn).any() else (np.nan, np.nan)
        rows.append((criterion, _alpha(table), float(low), float(high), graders, n))
    return pd.DataFrame(rows, columns=["criterion", "alpha", "low", "high", "graders", "items"])


def _alpha(table: np.ndarray) -> float:
    if len(np.unique(table[np.isfinite(table)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(table, level_of_measurement="nominal"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print rates, and agreement where there are two sheets or more."""
    parser = argparse.ArgumentParser(
        prog="python -m crossover.grading", description="Rates and agreement of graded sheets."
    )
    parser.add_argument("key", type=Path)
    parser.add_argument("sheets", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    grades = read_sheets(given.key, given.sheets)
    print(rates(grades).round(3).to_string(index=False))
    if len(given.sheets) > 1:
        print(agreement(grades).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
