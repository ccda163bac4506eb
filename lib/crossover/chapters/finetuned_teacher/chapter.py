"""The chapter on fine-tuned teachers (arXiv 2310.01119): its runs, what each condition gains, how good the data are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from textwrap import shorten
from typing import ClassVar

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters.common import LEVEL, NOT_RUN, ChapterBase, counted_range, reading, starred, table
from crossover.chapters.finetuned_teacher import comparisons as compared
from crossover.chapters.finetuned_teacher.comparisons import KINDS, Difference
from crossover.chapters.finetuned_teacher.quality import MEASURES, condition, label_accuracy, synthetic_quality
from crossover.chapters.samples import stored_replies
from crossover.figures.charts import scatter, sweep
from crossover.figures.style import Picture
from crossover.labels import TASKS
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.stats.contrasts import contrast
from crossover.stats.curves import fit_exponential
from crossover.study.cell import TeacherCell
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as grids
from crossover.study.paired import Outcome, item_outcomes
from crossover.study.run import run_grid
from crossover.study.select import settings_table

#: What the paper found (arXiv 2310.01119); it gives directions and few numbers.
PAPER = {
    "labels": "fine-tuning the teacher on 125 examples raises the student by several points",
    "gains": "annotation and generation raise the student on all six tasks, most where the original set is small",
    "choices": (
        "tuning on 125 examples raises the student by several points; annotation beats generation where inputs exist"
    ),
    "sizes": "the smaller the original set, the larger the gain",
    "amounts": "more synthetic data helps; where that ends is left open",
    "annotate_temperatures": "0.1 for annotation; other values are not reported",
    "generate_temperatures": "0.8 for generation: variety is traded for accuracy",
    "other_labels": "the teacher is tuned on all tasks together; no labels of a set quality are tried",
    "teachers": "a fine-tuned 20B teacher beats a larger one, of 175B; one pair of families was tried",
}
JUDGED = "Tasks with labels by accuracy, generation tasks by chrF."


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows; ``runs`` has a column per setting and per measure (:func:`with_measures`)."""

    notebook: ClassVar[str] = "02_finetuned_teacher"
    parameters: FinetunedTeacher

    @cached_property
    def grids(self) -> dict[str, list[TeacherCell]]:
        """The base grid, and one per setting that is varied."""
        return grids.grids(self.parameters)

    # --- differences --------------------------------------------------------------------------------------------------

    def labels(self) -> Picture | Markdown:
        """Draw the student's gain against the teacher's label accuracy above the commonest label."""
        points = self._labels_and_gains
        if points.empty:
            return NOT_RUN
        well, badly = (points.loc[(points["verdict"] == "above") == above, "gain"] for above in (True, False))
        groups = {"the teacher's labels beat guessing": well, "they do not": badly}
        said = [f"{100 * g.mean():+.1f} points where {n} (mean of {len(g)})" for n, g in groups.items() if len(g)]
        caption = (
            "Mean gain of a student from annotated examples by the accuracy of its teacher's labels; one point per"
            f" task, size and teacher, bars {LEVEL:.0%} intervals, {counted_range(points['replicates'], 'draw')} of the"
            f" original examples. Paper: {PAPER['labels']}."
        )
        title = f"Mean change of the student: {', '.join(said)}"
        return self.figure("teachers_labels", partial(scatter, points), points, title, caption)

    @cached_property
    def _labels_and_gains(self) -> pd.DataFrame:
        labels = label_accuracy(self.parameters, self.of("base"), self.folder)
        gains = self._differences([d for d in compared.against_alone(self.parameters) if d.strategy == "annotate"])
        columns = ["task", "size", "teacher", "estimate", "low", "high", "replicates"]
        found = labels.merge(
            gains[columns].rename(columns={"estimate": "gain", "low": "gain_low", "high": "gain_high"}), on=columns[:3]
        )
        found["above"] = found["right"] - found["commonest"]
        return found.dropna(subset=["above", "gain"]).reset_index(drop=True)

    def compare(self, name: str) -> Picture | Markdown:
        """Draw the differences of one figure of :data:`.comparisons.COMPARISONS`."""
        caption = f"{self.parameters.queries} teacher calls per condition. {JUDGED} Paper: {PAPER[name]}."
        rows = self._differences(compared.COMPARISONS[name](self.parameters))
        return self.forest(f"teachers_{name}", rows, caption, xlabel="difference in score, points")

    def sizes(self) -> Picture | Markdown:
        """Draw the gain of annotation and generation by a fine-tuned teacher against the original set's size."""
        p = self.parameters
        several = {task for task in (*p.tasks, *p.side_tasks) if len(grids.conditions(p, task)) > 1}
        tuned = [d for d in compared.against_alone(p) if d.teacher == "tuned" and d.strategy != "both"]
        wanted = [d for d in tuned if d.task in several]
        if len({d.size for d in wanted}) < 2:
            return NOT_RUN
        rows = self._differences(wanted)
        points = rows.assign(
            series=rows["strategy"].map(KINDS), value=rows["size"], task=rows["task"].map(TASKS),
            gain=100 * rows["estimate"],
            gain_low=100 * rows["low"], gain_high=100 * rows["high"],
        )[["task", "series", "value", "gain", "gain_low", "gain_high", "replicates"]]  # fmt: skip
        title = f"Gain by size of the original set: {reading(rows)}"
        return self._sweep("sizes", points, {"gain": "gain, points"}, "original examples", title, log=True)

    def _differences(self, wanted: Sequence[Difference]) -> pd.DataFrame:
        return compared.differences(self.parameters, self.runs, self.folder, wanted)

    # --- settings -----------------------------------------------------------------------------------------------------

    def amounts(self) -> Picture | Markdown:
        """Draw scores against the amount of synthetic data with the fitted saturation."""
        points = self._points("amounts", ["strategy", "budget"])
        if points.empty:
            return NOT_RUN
        points = points.assign(value=points["budget"] / self.parameters.dial_size)
        fits = {
            key: fit_exponential(some["value"].to_numpy(float), some["score"].to_numpy(float) / 100)
            for key, some in points.groupby(["task", "series"], sort=False)
            if len(some) >= 3
        }
        x, most = np.geomspace(points["value"].min(), points["value"].max(), 60), points["value"].max()
        curves = [
            pd.DataFrame({"task": task, "series": series, "value": x, "fitted": 100 * (e - b * np.exp(-x / tau))})
            for (task, series), (e, b, tau) in fits.items()
        ]
        said = [f"{task}, {series}: {enough(b, tau, most)}" for (task, series), (_, b, tau) in fits.items()]
        title = f"Calls per original for 90% of the gain: {'; '.join(said) or 'too few amounts'}"
        measures, curve = {"score": "accuracy or chrF, %"}, pd.concat(curves, ignore_index=True) if curves else None
        return self._sweep("amounts", points, measures, "teacher calls per original", title, curves=curve, log=True)

    def temperatures(self, kind: str) -> Picture | Markdown:
        """Draw score, accuracy and variety against the temperature of annotation or generation."""
        name, dial = f"{kind}_temperatures", f"teacher.{kind}_temperature"
        points = self._points(name, ["strategy", dial])
        if points.empty:
            return NOT_RUN
        points = points[points["series"] == KINDS[kind]].assign(value=lambda t: t[dial])
        points = points.assign(right=100 * points["coverage"].fillna(points["annotations_right"]))
        shown = {
            "score": "student's score, %",
            "right": "labels right or\ninput covered, %",
            "distinct_2": "distinct-2",
        }
        ends = points.sort_values("value").groupby("task", sort=False)["score"].agg(["first", "last"])
        changes = [f"{task} {last - first:+.1f} points" for task, first, last in ends.itertuples()]
        title = f"Student's score from the lowest to the highest temperature: {', '.join(changes)}"
        return self._sweep(name, points, shown, "temperature", title)

    def _sweep(
        self, name: str, points: pd.DataFrame, measures: dict[str, str], xlabel: str, title: str, **options: object
    ) -> Picture:
        caption = (
            f"Points with {LEVEL:.0%} intervals, {counted_range(points['replicates'], 'draw')} of the original"
            f" examples. {JUDGED} Paper: {PAPER[name]}."
        )
        return self.figure(
            f"teachers_{name}", partial(sweep, points, measures, xlabel, **options), points, title, caption
        )

    def _points(self, grid: str, by: list[str]) -> pd.DataFrame:
        """Return mean scores in % with intervals, and measures, of a grid's cells of a tuned teacher."""
        rows = self.of(grid)
        rows = rows[(rows["teacher"] == "tuned") & (rows["strategy"] != "both")]
        out = []
        for values, some in rows.groupby(["task", *by], sort=False):
            column = compared.outcome(self.parameters, values[0])
            found = contrast(_means(self.folder, some, column), LEVEL, column == "correct")
            measures = {name: some[name].mean() if name in some else np.nan for name in MEASURES}
            out.append(
                dict(zip(["task", *by], values, strict=True)) | measures
                | {"series": KINDS[some["strategy"].iloc[0]], "score": 100 * found.estimate,
                   "replicates": found.replicates}
                | {"score_low": 100 * max(0.0, found.low), "score_high": 100 * min(1.0, found.high)}
            )  # fmt: skip
        points = pd.DataFrame(out)
        return points.assign(task=points["task"].map(TASKS)) if out else points

    # --- tables -------------------------------------------------------------------------------------------------------

    def samples(self) -> Styler:
        """Return one annotated and one generated example of a fine-tuned teacher per task, as stored."""
        rows = []
        for task in (*self.parameters.tasks, *self.parameters.side_tasks):
            for kind in ("annotate", "generate"):
                files = f"{task}-{kind}-S{self.parameters.originals[0]}-r0-*"
                for e in [*stored_replies(self.folder, files, kind, "instructed").values()][:1]:
                    rows.append((TASKS[task], KINDS[kind], shorten(e["question"], 300), shorten(e["reply"], 300)))
        return table(pd.DataFrame(rows, columns=["task", "example", "input", "teacher's reply"]), "samples")

    def quality(self) -> Styler:
        """Return the measures of the synthetic data, means over draws, by task, size and condition."""
        found = synthetic_quality(self.of("base"))
        found["condition"] = [condition(*row) for row in found[["strategy", "teacher"]].itertuples(index=False)]
        found["task"] = found["task"].map(TASKS)
        names = [name for name in MEASURES if name in found]
        shares = ["usable", *(MEASURES[n] for n in ("annotations_right", "coverage", "unsupported") if n in names)]
        shown = found[["task", "seed_size", "condition", "usable", *names]]
        shown = shown.rename(columns=MEASURES | {"seed_size": "originals"})
        return table(shown, "quality").format("{:.0%}", subset=shares, na_rep="")

    def chance(self) -> Styler | Markdown:
        """Return for each teacher how many labels are right, next to always giving the commonest one."""
        found = label_accuracy(self.parameters, self.of("base"), self.folder)
        if found.empty:
            return NOT_RUN
        right = [
            f"{r.right:.0%} of {r.labels} ({r.low:.0%} to {r.high:.0%})" if r.labels else "none readable"
            for r in found.itertuples()
        ]
        shown = pd.DataFrame(
            {
                "task": found["task"].map(TASKS), "originals": found["size"], "teacher": found["teacher"],
                "labels right": right,
                "commonest label": found["commonest"].map("{:.0%}".format), "verdict": found["verdict"],
            }
        )  # fmt: skip
        return table(shown, "chance")

    @cached_property
    def headline(self) -> str:
        """How many ways to add a teacher's data help, and how many teachers are above guessing."""
        found = self._labels_and_gains
        gains = self._differences([d for d in compared.against_alone(self.parameters) if d.strategy != "original"])
        gains = starred(gains[gains["estimate"].notna()])
        up, down = (int((gains["significant"] & side).sum()) for side in (gains["low"] > 0, gains["high"] < 0))
        above = int((found["verdict"] == "above").sum())
        return (
            f"Check the teacher's labels first: they beat always guessing the commonest label in {above} of"
            f" {len(found)} cases. Of {len(gains)} ways to add a small teacher's data, the student is"
            f" significantly better with {up} and worse with {down} (false discovery rate 10%)."
        )

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        self.quote(teacher_finding=self.headline)


def run(parameters: FinetunedTeacher) -> Chapter:
    """Fill the results table with the grid's missing cells and return what there is to show."""
    runs = run_grid(parameters).set_index("key", drop=False)
    keys = [cell.key for cell in cells_of(parameters)]
    return Chapter(parameters, with_measures(runs.loc[keys].reset_index(drop=True)))


def with_measures(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with a column per setting and per measure that is a number."""
    found = [json.loads(text) if text else {} for text in runs["measures"]]
    numbers = [{name: value for name, value in of.items() if isinstance(value, int | float)} for of in found]
    return pd.concat([settings_table(runs), pd.DataFrame(numbers, index=runs.index)], axis=1)


def enough(b: float, tau: float, most: float) -> str:
    """Say after how many calls per original a saturating gain of height ``b`` and scale ``tau`` reaches 90% of itself.

    >>> enough(0.2, 1.0, 8), enough(0.2, 9.0, 8), enough(0.0, 1.0, 8)
    ('2.3', 'more than the 8 tested', 'no gain seen')
    """
    if b < 1e-3:
        return "no gain seen"
    return f"more than the {most:g} tested" if tau * np.log(10) > most else f"{tau * np.log(10):.1f}"


def _means(folder: Path, rows: pd.DataFrame, column: Outcome) -> np.ndarray:
    """Return outcomes ``(replicates, items)`` as fractions of 1, averaged over the students of a replicate."""
    outcomes = rows["key"].map(lambda key: item_outcomes(folder, key, column).sort_index().to_numpy())
    return np.stack([np.mean(list(some), axis=0) for _, some in outcomes.groupby(rows["replicate"])])
