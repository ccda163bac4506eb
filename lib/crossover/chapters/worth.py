"""What a budget of teacher calls is worth: the gain of each strategy over training on the seed questions alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from crossover.labels import display_name, in_order
from crossover.params.profiles import resolve
from crossover.paths import CONFIRMATION, PUBLISHED, results_folder
from crossover.study.grids import cells_of
from crossover.study.paired import paired_row
from crossover.study.select import settings_table
from crossover.study.store import read_runs

ALONE = "seeds_only"


def rows_of(runs: pd.DataFrame, folder: Path, profile: str) -> tuple[pd.DataFrame, Path]:
    """Return the rows that hold students of the seeds alone, and their folder.

    The published study has none: the whole replicates of the confirmation study, as far as it goes, stand in.
    """
    if profile == PUBLISHED and ALONE not in set(runs["strategy"]):
        folder = results_folder(CONFIRMATION)
        done = set((rows := read_runs(folder))["key"])
        whole: dict[tuple[int, int], set[str]] = {}
        for cell in cells_of(resolve("03_budget_ratio", CONFIRMATION, {})):
            whole.setdefault((cell.seed_size, cell.replicate), set()).add(cell.key)
        return rows[rows["key"].isin(set().union(*(keys for keys in whole.values() if keys <= done)))], folder
    return runs, folder


def gains(runs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return gains over the seeds alone by seed-set size, strategy and ratio, paired by replicate and test item.

    Columns ``seed_size, strategy, ratio, estimate, low, high, replicates``, fractions of 1 with 90% intervals; a
    ratio with fewer than three replicates is left out.
    """
    rows = settings_table(runs)
    found = [
        {"seed_size": size, "strategy": strategy, "ratio": budget / size}
        | paired_row(
            rows,
            folder,
            {"seed_size": int(size)},
            [{}],
            [
                {"weight": 1, "strategy": strategy, "budget": int(budget)},
                {"weight": -1, "strategy": ALONE, "budget": 0},
            ],
        )
        for (size, strategy, budget), _ in rows[rows["budget"] > 0].groupby(["seed_size", "strategy", "budget"])
    ]
    table = pd.DataFrame(found, columns=["seed_size", "strategy", "ratio", "estimate", "low", "high", "replicates"])
    return table[table["replicates"] >= 3].reset_index(drop=True)


def in_words(table: pd.DataFrame) -> str:
    """Say at which ratios each strategy does better or worse than the seeds alone, at every seed-set size run there.

    >>> rows = [("new_question", 1, -0.1, -0.2, -0.05), ("new_question", 8, 0.2, 0.1, 0.3)]
    >>> rows = pd.DataFrame(rows, columns=["strategy", "ratio", "estimate", "low", "high"]).assign(seed_size=16)
    >>> in_words(rows).partition("question, ")[2]
    'new questions gain at 8 (+20.0 points at 8) and lose at 1'
    """
    said: dict[str, list[str]] = {}
    for strategy in in_order(table["strategy"].unique()):
        ratios = table[table["strategy"] == strategy].groupby("ratio")
        gain, lose = ratios["low"].min() > 0, ratios["high"].max() < 0
        top = ratios["estimate"].mean()[gain]
        parts = [f"gain at {_ratios(gain)} ({100 * top.iloc[-1]:+.1f} points at {top.index[-1]:g})"] if len(top) else []
        parts += [f"lose at {_ratios(lose)}"] if lose.any() else []
        found = " and ".join([*parts, *([] if len(top) else ["gain at none"])])
        said.setdefault(found, []).append(display_name(strategy).lower())
    listed = "; ".join(f"{' and '.join(names)} {found}" for found, names in said.items())
    every = ", at every size" if table["seed_size"].nunique() > 1 else ""
    sizes = " and ".join(f"{size:g}" for size in sorted(table["seed_size"].unique()))
    by = f"against training on the seeds alone and by calls per seed question{every}"
    return f"With {sizes} seed questions, {by}, {listed}"


def _ratios(where: pd.Series) -> str:
    """The ratios, the index, at which ``where`` is true: neighbours as a range."""
    stretches = [s.index for _, s in where.groupby((where != where.shift()).cumsum()) if s.all()]
    return ", ".join(f"{s[0]:g}" if len(s) == 1 else f"{s[0]:g} to {s[-1]:g}" for s in stretches)
