"""The chapter on fine-tuned teachers (arXiv 2310.01119): what each condition gains, and how good the data are."""

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
from scipy.stats import binomtest

from crossover.chapters import finetuned_comparisons as compared
from crossover.chapters.common import LEVEL, NOT_RUN, ChapterBase, counted_range, reading, starred, table
from crossover.chapters.finetuned_comparisons import KINDS, Difference, labelled
from crossover.chapters.samples import stored_replies
from crossover.figures.charts import scatter, sweep
from crossover.figures.style import Picture
from crossover.labels import TASKS
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.stats.curves import fit_exponential
from crossover.study.cell import TeacherCell
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as grids
from crossover.study.paired import pair
from crossover.study.run import run_grid
from crossover.study.select import settings_table

#: Measures of a cell's synthetic data, in the order of the table, and what readers are told.
MEASURES = {
    "annotations_right": "labels right", "coverage": "input covered", "unsupported": "unsupported",
    "distinct_2": "distinct-2",
    "self_similarity": "self-similarity",
}  # fmt: skip


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
        caption = self.words("teachers_labels", replicates=counted_range(points["replicates"], "draw"))
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
        caption = self.words("teachers_differences", paper=self.words(f"paper_{name}"))
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
        points = rows.assign(series=rows["strategy"].map(KINDS), value=rows["size"], task=rows["task"].map(TASKS))
        points[["gain", "gain_low", "gain_high"]] = 100 * rows[["estimate", "low", "high"]]
        points = points[["task", "series", "value", "gain", "gain_low", "gain_high", "replicates"]]
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
        replicates = counted_range(points["replicates"], "draw")
        caption = self.words("teachers_sweep", replicates=replicates, paper=self.words(f"paper_{name}"))
        draw = partial(sweep, points, measures, xlabel, **options)
        return self.figure(f"teachers_{name}", draw, points, title, caption)

    def _points(self, grid: str, by: list[str]) -> pd.DataFrame:
        """Return mean scores in % with intervals, and measures, of a grid's cells of a tuned teacher."""
        rows = self.of(grid)
        rows = rows[(rows["teacher"] == "tuned") & (rows["strategy"] != "both")]
        out = []
        for values, some in rows.groupby(["task", *by], sort=False):
            task, outcome = values[0], compared.outcome(self.parameters, values[0])
            found = pair(some, self.folder, {"task": task}, [{}], [{"weight": 1}], outcome).contrast()
            row = {"task": TASKS[task]} | dict(zip(by, values[1:], strict=True))
            row |= {name: some[name].mean() if name in some else np.nan for name in MEASURES}
            row |= {"series": KINDS[some["strategy"].iloc[0]], "score": 100 * found.estimate}
            row["replicates"] = found.replicates
            out.append(row | {"score_low": 100 * max(0.0, found.low), "score_high": 100 * min(1.0, found.high)})
        return pd.DataFrame(out)

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
        shown = found.assign(
            task=found["task"].map(TASKS), right=right, commonest=found["commonest"].map("{:.0%}".format)
        )
        names = {"size": "originals", "right": "labels right", "commonest": "commonest label"}
        columns = ["task", "size", "teacher", "right", "commonest", "verdict"]
        return table(shown[columns].rename(columns=names), "chance")

    @property
    def headline(self) -> str:
        """How many ways to add a teacher's data help, and how many teachers are above guessing."""
        found = self._labels_and_gains
        gains = self._differences([d for d in compared.against_alone(self.parameters) if d.strategy != "original"])
        gains = starred(gains[gains["estimate"].notna()])
        up, down = (int((gains["significant"] & side).sum()) for side in (gains["low"] > 0, gains["high"] < 0))
        above = int((found["verdict"] == "above").sum())
        counts = {"above": above, "cases": len(found), "ways": len(gains), "up": up, "down": down}
        return self.words("teachers_headline", **counts)


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
