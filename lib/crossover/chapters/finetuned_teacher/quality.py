"""How good the data are that a teacher gives: yield, labels right, variety, and chance level.

The chapter on fine-tuned teachers (arXiv 2310.01119) shows what is here as ``chapter.quality``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import Markdown

from crossover.chapters.finetuned_teacher import comparisons as compared
from crossover.chapters.finetuned_teacher.comparisons import KINDS, TASKS
from crossover.figures.style import NOT_RUN, wilson
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.paths import results_folder
from crossover.study.cell import TeacherCell
from crossover.study.grids import finetuned_teacher as finetuned_teacher_grids

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

LEVEL = 0.9
#: Measures of a cell's synthetic data, in the order in which a table shows them, and what readers are told.
MEASURES = {
    "annotations_right": "labels right", "coverage": "input covered", "unsupported": "unsupported", "distinct_2": "distinct-2",
    "self_similarity": "self-similarity",
}  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """What the chapter shows of the synthetic data themselves.

    Attributes
    ----------
    parameters : FinetunedTeacher
    runs : DataFrame
        As :class:`crossover.chapters.finetuned_teacher.chapter.Chapter` has them.
    """

    parameters: FinetunedTeacher
    runs: pd.DataFrame

    def measures(self) -> Styler:
        """Return the measures of the synthetic data, averaged over draws, by task, size and condition."""
        table = self.table()
        names = [name for name in MEASURES if name in table]
        table["condition"] = [condition(*row) for row in table[["strategy", "teacher"]].itertuples(index=False)]
        table["task"] = table["task"].map(TASKS)
        shares = [MEASURES[name] for name in ("annotations_right", "coverage", "unsupported") if name in names]
        shown = table[["task", "seed_size", "condition", "usable", *names, "classes"]].rename(
            columns=MEASURES | {"seed_size": "originals", "classes": "share of each class"}
        )
        return (
            shown.style.hide(axis="index")
            .format("{:.0%}", subset=["usable", *shares], na_rep="")
            .format("{:.2f}", subset=[MEASURES[n] for n in names if MEASURES[n] not in shares], na_rep="")
            .set_uuid("quality")
        )

    def table(self) -> pd.DataFrame:
        """Return what :meth:`measures` shows: a row a task, size and condition of the base grid; shares as fractions of 1."""
        rows = self.runs[self.runs["key"].isin({c.key for c in self._base()}) & (self.runs["strategy"] != "original")]
        rows = rows[rows["student_seed"] == 0].assign(usable=rows["kept"] / rows["asked"])
        if "coverage" in rows:  # of texts, which have no labels
            rows["annotations_right"] = rows["annotations_right"].where(rows["coverage"].isna())
        names = [name for name in MEASURES if name in rows and rows[name].notna().any()]
        groups = rows.groupby(["task", "seed_size", "strategy", "teacher"], sort=False)
        table = groups[["usable", *names]].mean()
        table["classes"] = groups["measures"].agg(_class_shares)
        return table.reset_index()

    def chance(self) -> Markdown:
        """Say for each task with labels whether the teacher's labels are told from always giving the commonest one."""
        said = []
        rows = self.runs[(self.runs["strategy"] == "annotate") & self.runs["key"].isin({c.key for c in self._base()})]
        rows = rows[rows["student_seed"] == 0]
        for (task, size, teacher), some in rows.groupby(["task", "seed_size", "teacher"], sort=False):
            if not compared.labelled(self.parameters, task):
                continue
            right, parsed = int(some["verified"].sum()), int(some["parsed"].sum())
            common = self._commonest(task)
            who = f"{TASKS[task]}, {size} original examples, {teacher} teacher"
            if not parsed:
                said.append(f"- {who}: none of its {int(some['asked'].sum())} replies is a label.")
                continue
            low, high = wilson(right, parsed, LEVEL)
            share = f"{right / parsed:.0%} of its {parsed} labels are right ({low:.0%} to {high:.0%})"
            if low <= common:
                said.append(
                    f"- {who}: {share}; always giving the commonest label would be right for {common:.0%} of the test items. "
                    "**At chance**: a teacher of this size does not know the task from so few examples, so that its labels teach a "
                    "student nothing."
                )
            else:
                said.append(f"- {who}: {share}, above the {common:.0%} of always giving the commonest label.")
        return Markdown("\n".join(said)) if said else NOT_RUN

    # --- helpers ------------------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return results_folder(self.parameters.results)

    def _base(self) -> list[TeacherCell]:
        return finetuned_teacher_grids.grids(self.parameters)["base"]

    def _commonest(self, task: str) -> float:
        """Share of the commonest gold label among a task's test items, of which there are two labels."""
        key = self.runs.loc[(self.runs["task"] == task) & (self.runs["scoring"] == "classify"), "key"].iloc[0]
        items = pd.read_parquet(self._folder / "items" / f"{key}.parquet")
        first = items["extracted"].iloc[0]
        share = float(((items["extracted"] == first) == items["correct"]).mean())
        return max(share, 1 - share)


def condition(strategy: str, teacher: str) -> str:
    """Return a condition in words."""
    return "original examples alone" if strategy == "original" else f"+ {KINDS[strategy]}, {teacher} teacher"


def _class_shares(measures: pd.Series) -> str:
    """The share of each class among the usable examples of some cells, in words; empty for a generation task."""
    counts = pd.DataFrame([json.loads(text).get("classes", {}) for text in measures if text]).sum()
    total = counts.sum()
    return ", ".join(f"{name} {count / total:.0%}" for name, count in counts.items()) if total else ""
