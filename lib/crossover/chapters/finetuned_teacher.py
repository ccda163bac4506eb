"""The chapter on fine-tuned teachers (arXiv 2310.01119): what each condition gains, and how good the labels are.

Students of a comparison answered the same test items, and draws of the original examples and items both count as
samples. Tasks with labels are judged by accuracy, generation tasks by chrF.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler
from scipy.stats import binomtest

from crossover.chapters import common
from crossover.chapters.common import COLUMNS, NOT_RUN, ChapterBase
from crossover.figures.charts import scatter, sweep
from crossover.figures.style import Picture
from crossover.labels import TASKS, counted
from crossover.params.finetuned_teacher import FinetunedTeacher, Name
from crossover.paths import results_folder
from crossover.stats.curves import fit_exponential
from crossover.stats.verdicts import LEVEL
from crossover.study.cell import TeacherCell
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as grids
from crossover.study.paired import pair
from crossover.study.run import run_grid
from crossover.study.select import Comparison, Outcome, Selector, minus, settings_table
from crossover.tasks import load_task
from crossover.tasks.instructed.base import ClassificationTask

#: Measures of a cell's synthetic data that figures show.
MEASURES = ["annotations_right", "coverage", "distinct_2"]


KINDS = {"annotate": "annotated", "generate": "generated", "both": "half of each"}
#: Columns that name a difference.
NAMES = ["panel", "comparison", "task", "size", "strategy", "teacher"]
ALONE: Selector = {"strategy": "original", "teacher": "none", "budget": 0}


class Difference(NamedTuple):
    """Two conditions of one task and size: where they are drawn, and the first minus the second."""

    panel: str
    comparison: str
    task: str
    size: int
    one: Selector
    other: Selector
    strategy: str = ""
    teacher: str = ""


def labelled(p: FinetunedTeacher, task: str) -> bool:
    """Whether a task has labels; the others are generation tasks."""
    return isinstance(load_task(task, **p.task_settings(task)), ClassificationTask)


def bought(p: FinetunedTeacher, strategy: str, teacher: str = "tuned", **changed: float) -> Selector:
    """Return the selector of a condition; ``changed`` names the settings that are not at the chapter's own values."""
    dials = {"budget": p.queries, "teacher_layers": 0, "tuned_on": "own", "label_error": 0.0}
    kinds = {"annotate": ["annotate"], "generate": ["generate"], "both": ["annotate", "generate"]}[strategy]
    if teacher != "encoder":
        dials |= {f"{kind}_temperature": getattr(p, f"{kind}_temperature") for kind in kinds}
    return {"strategy": strategy, "teacher": teacher} | dials | changed


def outcome(p: FinetunedTeacher, task: str) -> Outcome:
    """Return what a task's students are judged by."""
    return "correct" if labelled(p, task) else "score"


def against_alone(p: FinetunedTeacher) -> list[Difference]:
    """Return what each condition adds to the original examples alone, and what more gold examples would."""
    found = [
        Difference(_panel(task, size), f"{KINDS[s]}, {t} teacher", task, size, bought(p, s, t), ALONE, s, t)
        for task, size, conditions in _planned(p)
        for s, t in conditions
    ]
    upper = [
        Difference(_panel(task, size), line, task, size, ALONE | {"seed_size": gold}, ALONE, "original", "none")
        for task, size, _ in _planned(p)
        for line, gold in ((f"{p.full} gold examples", p.full), ("all examples at hand", p.whole.get(task, 0)))
        if gold
    ]
    return found + upper


def gains(p: FinetunedTeacher) -> list[Difference]:
    """Return :func:`against_alone` at each task's first size."""
    return [d for d in against_alone(p) if d.size == p.originals[0]]


def choices(p: FinetunedTeacher) -> list[Difference]:
    """Return what tuning the teacher gains on prompting it, and annotation on generation, for the same queries."""
    out = []
    for task, size, conditions in _planned(p):
        pairs: list[tuple[str, str, tuple[str, str], tuple[str, str]]] = [
            ("tuned or prompted", s, (s, "tuned"), (s, "prompted")) for s in p.conditions
        ]
        pairs += [("annotated or generated", "", ("annotate", t), ("generate", t)) for t in p.teachers]
        for panel, s, one, other in pairs:
            if {one, other} <= set(conditions):
                name = f"{TASKS[task]} {size}, {KINDS.get(s) or one[1]}"
                out.append(Difference(panel, name, task, size, bought(p, *one), bought(p, *other), s, one[1]))
    return sorted(out, key=lambda d: d.panel, reverse=True)


def teachers(p: FinetunedTeacher) -> list[Difference]:
    """Return what a smaller tuned teacher gains on a larger prompted one, and what an encoder's labels add to none."""
    smaller = [
        Difference("a smaller tuned teacher against the whole, prompted",
                   f"{TASKS[task]}, {KINDS[s]}, {layers} layers", task,
                   p.originals[0], bought(p, s, "tuned", teacher_layers=layers), bought(p, s, "prompted"), s)
        for task in p.tasks for layers in p.teacher_layers for s in p.conditions
        if s != "both" and "prompted" in p.teachers
    ]  # fmt: skip
    students = {"encoder": {"scoring": "classify"}, "causal": {"scoring": "generate"}}
    by = {"causal": bought(p, "annotate"), "encoder": bought(p, "annotate", "encoder")}
    families = [
        Difference("annotation by and for another family, against none",
                   f"{TASKS[task]}, {teacher} teacher, {family} student", task,
                   p.originals[0], which | scoring, ALONE | scoring, "annotate", teacher)
        for task in p.dial_tasks if p.swapped and labelled(p, task)
        for teacher, which in by.items() for family, scoring in students.items()
    ]  # fmt: skip
    return smaller + families


def labels(p: FinetunedTeacher) -> list[Difference]:
    """Return what labels of set error rates and of teachers tuned on other tasks gain on the tuned teacher's own."""
    out = []
    for task in p.dial_tasks:
        size, own = p.originals[0], bought(p, "annotate")
        for error in p.label_errors if labelled(p, task) else []:
            gold = {"strategy": "annotate", "teacher": "oracle", "budget": p.queries, "label_error": error}
            out.append(Difference("set label errors", f"{TASKS[task]}, {error:.0%} wrong", task, size, gold, own))
        for how in p.tuned_on:
            other = own | {"tuned_on": how}
            out.append(Difference("teacher tuned on other tasks", f"{TASKS[task]}, on {how}", task, size, other, own))
    return out


#: What the chapter compares, by figure.
COMPARISONS = {"gains": gains, "choices": choices, "teachers": teachers, "other_labels": labels}


def _planned(p: FinetunedTeacher) -> list[tuple[Name, int, list[tuple[str, str]]]]:
    return [(task, *planned) for task in (*p.tasks, *p.side_tasks) for planned in grids.conditions(p, task)]


def _panel(task: str, size: int) -> str:
    return f"{TASKS[task]}, {size} originals"


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows; ``runs`` has a column per setting and per measure."""

    notebook: ClassVar[str] = "02_finetuned_teacher"
    seeds: ClassVar[str] = "original example"
    experiment: ClassVar[str] = "finetuned_teacher"
    parameters: FinetunedTeacher

    @cached_property
    def grids(self) -> dict[str, list[TeacherCell]]:
        """The base grid, and one per setting that is varied."""
        return grids.grids(self.parameters)

    def labels(self) -> Picture | Markdown:
        """Draw the student's gain against the teacher's label accuracy above the commonest label."""
        points = self._labels_and_gains
        if points.empty:
            return NOT_RUN
        well, badly = (points[(points["verdict"] == "above") == above] for above in (True, False))
        groups = {"the teacher's labels beat guessing": well, "they do not": badly}
        said = [f"by {100 * g['gain'].mean():+.1f} points where {n} ({_cases(g)})" for n, g in groups.items() if len(g)]
        caption = self.words("teachers_labels", replicates=common.counted_range(points["replicates"], "draw"))
        title = f"Students change {common.listed(said)}"
        return self.figure("teachers_labels", partial(scatter, points), points, title, caption)

    @cached_property
    def _labels_and_gains(self) -> pd.DataFrame:
        labels = label_accuracy(self.parameters, self.of("base"), self.folder)
        gains = self._differences([d for d in against_alone(self.parameters) if d.strategy == "annotate"])
        gains = gains.rename(columns={"estimate": "gain", "low": "gain_low", "high": "gain_high"})
        same, shown = ["task", "size", "teacher"], ["gain", "gain_low", "gain_high", "replicates"]
        found = labels.merge(gains[[*same, *shown]], on=same)
        found["above"] = found["right"] - found["commonest"]
        return found.dropna(subset=["above", "gain"]).reset_index(drop=True)

    def compare(self, name: str) -> Picture | Markdown:
        """Draw the differences of one figure of :data:`COMPARISONS`."""
        caption = self.words("teachers_differences", paper=self.words(f"paper_{name}"))
        rows = self._differences(COMPARISONS[name](self.parameters))
        bought = common.starred(rows)[rows["strategy"] != "original"]  # not what more gold examples gain
        title = f"Gain by a teacher's data: {common.reading(bought)}" if name == "gains" and len(bought) else ""
        return self.forest(f"teachers_{name}", rows, caption, title, xlabel="difference in score, points")

    def sizes(self) -> Picture | Markdown:
        """Draw the gain of annotation and generation by a fine-tuned teacher against the original set's size."""
        p = self.parameters
        several = {task for task in (*p.tasks, *p.side_tasks) if len(grids.conditions(p, task)) > 1}
        tuned = [d for d in against_alone(p) if d.teacher == "tuned" and d.strategy != "both"]
        wanted = [d for d in tuned if d.task in several]
        if len({d.size for d in wanted}) < 2:
            return NOT_RUN
        rows = self._differences(wanted)
        points = rows.assign(series=rows["strategy"].map(KINDS), value=rows["size"], task=rows["task"].map(TASKS))
        points[["gain", "gain_low", "gain_high"]] = 100 * rows[["estimate", "low", "high"]]
        points = points[["task", "series", "value", "gain", "gain_low", "gain_high", "replicates"]]
        title = f"Gain by size of the original set: {common.reading(rows)}"
        return self._sweep("sizes", points, {"gain": "gain, points"}, "original examples", title, log=True)

    def _differences(self, wanted: Sequence[Difference]) -> pd.DataFrame:
        """Return the names of differences, and what the rows decide, with 90% intervals paired by test item."""
        p, out = self.parameters, []
        for d in wanted:
            scoring = "classify" if labelled(p, d.task) else "generate"
            base = {"experiment": "finetuned_teacher", "task": d.task, "seed_size": d.size, "scoring": scoring}
            row = {name: getattr(d, name) for name in NAMES}
            compared = Comparison(minus(d.one, d.other), outcome=outcome(p, d.task))
            out.append(row | self.effect(base, compared))
        columns = [column for column in COLUMNS if column not in ("panel", "comparison", "value")]
        return pd.DataFrame(out, columns=[*NAMES, *columns])

    def amounts(self) -> Picture | Markdown:
        """Draw scores against the amount of synthetic data with the fitted saturation."""
        points = self._points("amounts", "budget")
        if points.empty:
            return NOT_RUN
        points["value"] /= self.parameters.dial_size
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
        by_answer: dict[str, list[str]] = {}
        for (task, series), (_, b, tau) in fits.items():
            by_answer.setdefault(enough(b, tau, most), []).append(f"{task}, {series}")
        said = [f"{answer} ({'; '.join(cases)})" for answer, cases in by_answer.items()]
        title = f"Calls per original for 90% of the gain: {'; '.join(said) or 'too few amounts'}"
        measures, curve = {"score": "accuracy or chrF, %"}, pd.concat(curves, ignore_index=True) if curves else None
        return self._sweep("amounts", points, measures, "teacher calls per original", title, curves=curve, log=True)

    def temperatures(self) -> Picture | Markdown:
        """Draw score, accuracy and variety against the temperatures of annotation and of generation."""
        parts = [
            found[found["series"] == series]
            for kind, series in KINDS.items()
            if kind != "both" and len(found := self._points(f"{kind}_temperatures", f"teacher.{kind}_temperature"))
        ]
        if not parts:
            return NOT_RUN
        points = pd.concat(parts).sort_values(["task", "series", "value"])
        points["right"] = 100 * points["coverage"].fillna(points["annotations_right"])
        shown = {
            "score": "student's score, %",
            "right": "labels right or\ninput covered, %",
            "distinct_2": "distinct-2",
        }
        ends = points.groupby(["task", "series"])["score"].agg(["first", "last"])
        said = [f"{task}, {how} {last - first:+.1f}" for (task, how), first, last in ends.itertuples()]
        title = f"Change of score from the lowest to the highest temperature, points: {'; '.join(said)}"
        return self._sweep("temperatures", points, shown, "temperature", title)

    def _sweep(
        self, name: str, points: pd.DataFrame, measures: dict[str, str], xlabel: str, title: str, **options: Any
    ) -> Picture:
        replicates = common.counted_range(points["replicates"], "draw")
        caption = self.words("teachers_sweep", replicates=replicates, paper=self.words(f"paper_{name}"))
        draw = partial(sweep, points, measures, xlabel, **options)
        return self.figure(f"teachers_{name}", draw, points, title, caption)

    def _points(self, grid: str, dial: str) -> pd.DataFrame:
        """Return mean scores in % with intervals, and measures, by the value of a dial; of a tuned teacher's cells."""
        rows = self.of(grid)
        rows = rows[(rows["teacher"] == "tuned") & (rows["strategy"] != "both")]
        out = []
        for (task, strategy, value), some in rows.groupby(["task", "strategy", dial], sort=False):
            mean = Comparison([{"weight": 1}], outcome=outcome(self.parameters, task))
            c = pair(some, self.folder, {"task": task}, mean).contrast()
            row = {"task": TASKS[task], "series": KINDS[strategy], "value": value, "replicates": c.replicates}
            row |= {"score": 100 * c.estimate, "score_low": 100 * max(0.0, c.low), "score_high": 100 * min(1.0, c.high)}
            out.append(row | some.reindex(columns=MEASURES).mean().to_dict())
        return pd.DataFrame(out)

    def samples(self) -> Styler:
        """Return one annotated and one generated example of a fine-tuned teacher per task, as stored."""
        rows = []
        for task in (*self.parameters.tasks, *self.parameters.side_tasks):
            for kind in ("annotate", "generate"):
                files = f"{task}-{kind}-S{self.parameters.originals[0]}-r0-*"
                for e in [*common.stored_replies(self.folder, files, kind, "instructed").values()][:1]:
                    rows.append((TASKS[task], KINDS[kind], shorten(e["question"], 200), shorten(e["reply"], 200)))
        return common.table(pd.DataFrame(rows, columns=["task", "example", "input", "teacher's reply"]), "samples")

    def chance(self) -> Styler | Markdown:
        """Return for each teacher how many labels are right, next to always giving the commonest one."""
        found = label_accuracy(self.parameters, self.of("base"), self.folder)
        if found.empty:
            return NOT_RUN
        rows = [
            (TASKS[r.task], r.size, r.teacher)
            + (f"{r.right:.0%} of {r.labels} ({r.low:.0%} to {r.high:.0%})" if r.labels else "none readable",)
            + (f"{r.commonest:.0%}", r.verdict)
            for r in found.itertuples()
        ]
        columns = ["task", "originals", "teacher", "labels right", "commonest label", "verdict"]
        return common.table(pd.DataFrame(rows, columns=columns), "chance")

    @property
    def headline(self) -> str:
        """How many ways to add a teacher's data help, and how many teachers are above guessing."""
        found = self._labels_and_gains
        gains = self._differences([d for d in against_alone(self.parameters) if d.strategy != "original"])
        gains = common.starred(gains[gains["estimate"].notna()])
        up, down = (int((gains["significant"] & side).sum()) for side in (gains["low"] > 0, gains["high"] < 0))
        above = int((found["verdict"] == "above").sum())
        counts = {"above": above, "cases": len(found), "ways": len(gains), "up": up, "down": down}
        return self.words("teachers_headline", **counts)


def run(parameters: FinetunedTeacher) -> Chapter:
    """Fill the results table with the grid's missing cells and return what there is to show."""
    runs = run_grid(parameters).set_index("key", drop=False)
    keys = [cell.key for cell in cells_of(parameters)]
    shown = with_measures(runs.loc[keys].reset_index(drop=True))
    return Chapter(parameters, shown, results_folder(parameters.results))


def with_measures(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with a column per setting and per measure."""
    measures = [json.loads(text) if text else {} for text in runs["measures"]]
    return pd.concat([settings_table(runs), pd.DataFrame(measures, runs.index)], axis=1)


def _cases(points: pd.DataFrame) -> str:
    """Return how many points there are, and their task if they share one."""
    tasks = [TASKS[task] for task in points["task"].unique()]
    return counted(len(points), "case") + (f", all {tasks[0]}" if len(tasks) == 1 < len(points) else "")


def enough(b: float, tau: float, most: float) -> str:
    """Say after how many calls per original a saturating gain of height ``b`` and scale ``tau`` reaches 90% of itself.

    >>> enough(0.2, 1.0, 8), enough(0.2, 9.0, 8), enough(0.0, 1.0, 8)
    ('2.3', 'more than the 8 tested', 'no gain seen')
    """
    if b < 1e-3:
        return "no gain seen"
    return f"more than the {most:g} tested" if tau * np.log(10) > most else f"{tau * np.log(10):.1f}"


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
        share = right / labels if labels else float("nan")
        out.append((task, size, teacher, share, low, high, common, labels, verdict))
    columns = ["task", "size", "teacher", "right", "low", "high", "commonest", "labels", "verdict"]
    return pd.DataFrame(out, columns=columns)


def _commonest(rows: pd.DataFrame, folder: Path) -> float:
    """Return the share of the commonest gold label among a task's test items, of which there are two labels."""
    key = rows.loc[rows["scoring"] == "classify", "key"].iloc[0]
    items = pd.read_parquet(folder / "items" / f"{key}.parquet")
    share = float(((items["extracted"] == items["extracted"].iloc[0]) == items["correct"]).mean())
    return max(share, 1 - share)
