"""What a budget of teacher calls is worth: the gain of each strategy over training on the seed questions alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from crossover.labels import display_name, in_order
from crossover.study.paired import paired_row
from crossover.study.select import settings_table

ALONE = "seeds_only"


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
    """Say from which ratio on each strategy beats the seeds alone, and up to which it does worse, at every size.

    >>> rows = [("new_question", 1, -0.1, -0.2, -0.05), ("new_question", 8, 0.2, 0.1, 0.3)]
    >>> rows = pd.DataFrame(rows, columns=["strategy", "ratio", "estimate", "low", "high"]).assign(seed_size=16)
    >>> in_words(rows).partition(": ")[2]
    'new questions from 8 calls per seed question on (+20 points at 8); less accurate: new questions up to 1'
    """
    better, worse = [], []
    for strategy in in_order(table["strategy"].unique()):
        ratios, name = table[table["strategy"] == strategy].groupby("ratio"), display_name(strategy).lower()
        gain, lose = (ratios["low"].min() > 0)[::-1].cummin()[::-1], (ratios["high"].max() < 0).cummin()
        if gain.any():
            top = f"{100 * ratios['estimate'].mean().iloc[-1]:+.0f} points at {gain.index[-1]:g}"
            better.append(f"{name} from {gain.idxmax():g} calls per seed question on ({top})")
        if lose.any():
            worse.append(f"{name} up to {lose[lose].index[-1]:g}")
    sizes = " and ".join(f"{size:g}" for size in sorted(table["seed_size"].unique()))
    gains = ", ".join(better) or "nothing that was bought"
    said = f"More accurate than training on the {sizes} seed questions alone: {gains}"
    return f"{said}; less accurate: {', '.join(worse)}" if worse else said
