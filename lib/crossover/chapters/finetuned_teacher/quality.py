"""How good the data are that a teacher gives: yield, labels right, variety, and the level of guessing."""

from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from crossover.chapters.common import LEVEL
from crossover.chapters.finetuned_teacher.comparisons import KINDS, labelled
from crossover.params.finetuned_teacher import FinetunedTeacher

#: Measures of a cell's synthetic data, in the order of the table, and what readers are told.
MEASURES = {
    "annotations_right": "labels right", "coverage": "input covered", "unsupported": "unsupported",
    "distinct_2": "distinct-2",
    "self_similarity": "self-similarity",
}  # fmt: skip


def condition(strategy: str, teacher: str) -> str:
    """Return a condition in words."""
    return "original examples alone" if strategy == "original" else f"+ {KINDS[strategy]}, {teacher} teacher"


def synthetic_quality(rows: pd.DataFrame) -> pd.DataFrame:
    """Return measures of the base grid's synthetic data by task, size and condition, means over draws; shares of 1."""
    rows = rows[(rows["strategy"] != "original") & (rows["student_seed"] == 0)].assign(
        usable=lambda t: t["kept"] / t["asked"]
    )
    if "coverage" in rows:  # of texts, which have no labels
        rows["annotations_right"] = rows["annotations_right"].where(rows["coverage"].isna())
    names = [name for name in MEASURES if name in rows and rows[name].notna().any()]
    groups = rows.groupby(["task", "seed_size", "strategy", "teacher"], sort=False)
    return groups[["usable", *names]].mean().reset_index()


def label_accuracy(p: FinetunedTeacher, rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return how many of a teacher's labels are right, against always giving the commonest label.

    Columns ``task, size, teacher, right, low, high`` (90%), ``commonest`` (its share among the test items), ``labels``
    (how many were read) and ``verdict``: ``above``, ``not above`` or ``below`` the commonest label, or ``no label``.
    """
    bought = rows[(rows["strategy"] == "annotate") & (rows["student_seed"] == 0)]
    out = []
    for (task, size, teacher), some in bought.groupby(["task", "seed_size", "teacher"], sort=False):
        if not labelled(p, task):
            continue
        right, labels = int(some["verified"].sum()), int(some["parsed"].sum())
        common = _commonest(rows[rows["task"] == task], folder)
        low, high = binomtest(right, labels).proportion_ci(LEVEL, "wilson") if labels else (float("nan"),) * 2
        verdict = "no label" if not labels else "above" if low > common else "below" if high < common else "not above"
        out.append(
            (task, size, teacher, right / labels if labels else float("nan"), low, high, common, labels, verdict)
        )
    return pd.DataFrame(
        out, columns=["task", "size", "teacher", "right", "low", "high", "commonest", "labels", "verdict"]
    )


def _commonest(rows: pd.DataFrame, folder: Path) -> float:
    """Return the share of the commonest gold label among a task's test items, of which there are two labels."""
    key = rows.loc[rows["scoring"] == "classify", "key"].iloc[0]
    items = pd.read_parquet(folder / "items" / f"{key}.parquet")
    share = float(((items["extracted"] == items["extracted"].iloc[0]) == items["correct"]).mean())
    return max(share, 1 - share)
