"""The chapter on fine-tuned teachers (arXiv 2310.01119): its runs, what each condition gains, how good the data are.

The notebook ``02_finetuned_teacher`` calls what is here and adds prose; what is compared is in
:mod:`crossover.chapters.finetuned_teacher.comparisons`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from IPython.display import Markdown

from crossover.chapters.finetuned_teacher import comparisons as compared
from crossover.chapters.finetuned_teacher.comparisons import KINDS, TASKS, Difference
from crossover.chapters.finetuned_teacher.quality import MEASURES, Quality, condition
from crossover.figures import style, sweep
from crossover.figures.style import NOT_RUN
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.paths import results_folder
from crossover.stats.contrasts import benjamini_hochberg, contrast
from crossover.stats.curves import fit_exponential
from crossover.study.cell import TeacherCell
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as finetuned_teacher_grids
from crossover.study.run import run_cells
from crossover.study.select import settings_table
from crossover.study.store import Store, read_runs
from crossover.tasks import load_task

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

LEVEL = 0.9
#: What the paper found, by figure; it gives directions and few numbers.
PAPER = {
    "gains": "annotation and generation raise the student on all six tasks, most where the original set is small",
    "tuning": "fine-tuning the teacher on 125 examples raises the student by several points",
    "annotation": "annotation beats generation where unlabelled inputs exist; generation helps too",
    "sizes": "the smaller the original set, the larger the gain",
    "amounts": "more synthetic data helps; where that ends is left open",
    "annotate_temperatures": "0.1 for annotation; other values are not reported",
    "generate_temperatures": "0.8 for generation: variety is traded for accuracy",
    "teacher_layers": "a fine-tuned 20B teacher beats a larger one, of 175B",
    "families": "one pair of families: GPT-NeoX as teacher, RoBERTa and BART as students",
}


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows.

    Attributes
    ----------
    parameters : FinetunedTeacher
    runs : DataFrame
        This run's cells in the grid's order, with a column for each setting and each measure (:func:`with_measures`).
    """

    parameters: FinetunedTeacher
    runs: pd.DataFrame

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    @property
    def quality(self) -> Quality:
        """How good the data are that the teachers gave."""
        return Quality(self.parameters, self.runs)

    # --- differences --------------------------------------------------------------------------------------------------

    def gains(self) -> style.Picture | Markdown:
        """Draw what each condition adds to the original examples alone, and save figure and data."""
        return self._forest("gains", compared.against_alone(self.parameters))

    def tuning(self) -> style.Picture | Markdown:
        """Draw what fine-tuning the teacher gains on prompting it, and save figure and data."""
        return self._forest("tuning", compared.tuning(self.parameters))

    def annotation(self) -> style.Picture | Markdown:
        """Draw what annotation gains on generation, and save figure and data."""
        return self._forest("annotation", compared.annotation(self.parameters))

    def smaller(self) -> style.Picture | Markdown:
        """Draw what a smaller fine-tuned teacher gains on a larger prompted one, and save figure and data."""
        return self._forest("teacher_layers", compared.smaller(self.parameters))

    def families(self) -> style.Picture | Markdown:
        """Draw what annotation gains with either family of teachers and of students, and save figure and data."""
        return self._forest("families", compared.families(self.parameters))

    def findings(self, what: str) -> Markdown | None:
        """Say which comparisons of one figure are told from zero, and what that means for a budget."""
        p = self.parameters
        wanted = {
            "gains": [d for d in compared.against_alone(p) if "tuned" in d.line],
            "tuning": compared.tuning(p),
            "annotation": [d for d in compared.annotation(p) if "tuned" in d.line],
            "teacher_layers": compared.smaller(p),
            "families": [d for d in compared.families(p) if "encoder as" in d.line],
        }[what]
        if not wanted:
            return None
        rows = compared.differences(p, self.runs, self.folder, wanted)
        rows = rows[rows["estimate"].notna()]
        if rows.empty:
            return None
        return Markdown(f"{compared.in_words(rows)}\n\n**For a budget.** {_advice(what, rows)}")

    def sizes(self) -> style.Picture | Markdown:
        """Draw the gain of annotation and generation by a fine-tuned teacher against the original set's size."""
        p = self.parameters
        wanted = [
            d
            for d in compared.against_alone(p)
            if d.line.endswith("tuned teacher")
            and "half" not in d.line
            and len(finetuned_teacher_grids.conditions(p, d.task)) > 1
        ]
        if len({d.size for d in wanted}) < 2:
            return NOT_RUN
        rows = compared.differences(p, self.runs, self.folder, wanted)
        points = rows.assign(
            series=rows["line"].str.partition(",")[0], value=rows["size"], task=rows["panel"], gain=100 * rows["estimate"],
            gain_low=100 * rows["low"], gain_high=100 * rows["high"],
        )  # fmt: skip
        figure = sweep.dial(points, {"gain": "gain, points"}, "original examples", PAPER["sizes"], log=True)
        return self._save("sizes", figure, points[["task", "series", "value", "gain", "gain_low", "gain_high"]])

    # --- dials --------------------------------------------------------------------------------------------------------

    def amounts(self) -> style.Picture | Markdown:
        """Draw scores against the amount of synthetic data with fitted saturation, and save figure and data."""
        p = self.parameters
        points = self._points("amounts", ["strategy", "budget"])
        if points.empty:
            return NOT_RUN
        points = points.assign(value=points["budget"] / p.dial_size)
        curves = {}
        for (task, name), some in points.groupby(["task", "series"]):
            if len(some) >= 3:
                curves[task, name] = _saturation(some)
        figure = sweep.dial(
            points,
            {"score": "accuracy or chrF, %"},
            "teacher queries for each original example",
            PAPER["amounts"],
            curves,
            log=True,
        )
        return self._save("amounts", figure, points)

    def saturation(self) -> Styler | Markdown:
        """Return the fitted curves: score without and with unlimited synthetic data, and the amount that gives 90% of it."""
        points, rows = self._points("amounts", ["strategy", "budget"]), []
        if points.empty:
            return NOT_RUN
        for (task, name), some in points.groupby(["task", "series"], sort=False):
            if len(some) < 3:
                continue
            ratio = some["budget"] / self.parameters.dial_size
            e, b, tau = fit_exponential(ratio.to_numpy(float), some["score"].to_numpy(float) / 100)
            ratio_90, most = tau * np.log(10), ratio.max()
            if b < 1e-3:
                end, enough = f"{100 * e:.1f}", "no gain seen"
            elif ratio_90 > most:
                end, enough = "not reached", f"beyond the {most:g} queries an example that were run"
            else:
                end, enough = f"{100 * e:.1f}", f"{ratio_90:.1f} queries an example"
            rows.append({"task": task, "data": name, "levels off at": end, "90% of the gain at": enough})
        if not rows:
            return Markdown("A curve needs three amounts or more.")
        return pd.DataFrame(rows).style.hide(axis="index").set_uuid("saturation")

    def temperatures(self, kind: str) -> style.Picture | Markdown:
        """Draw score, accuracy and variety against the temperature of annotation or generation, and save figure and data."""
        name = f"{kind}_temperatures"
        dial = f"{kind}_temperature"
        points = self._points(name, ["strategy", dial])
        if points.empty:
            return NOT_RUN
        points = points[points["series"] == KINDS[kind]].assign(value=lambda t: t[dial])
        points = points.assign(right=100 * points["coverage"].fillna(points["annotations_right"]))
        shown = {
            "score": "student: accuracy\nor chrF, %",
            "right": "data: labels right\nor input covered, %",
            "distinct_2": "data: distinct-2",
        }
        figure = sweep.dial(points, shown, "temperature", PAPER[name])
        return self._save(name, figure, points)

    # --- tables -------------------------------------------------------------------------------------------------------

    def scores(self) -> Styler:
        """Return the scores of every condition at the base grid: means over draws and students, in %."""
        rows = self.runs[
            self.runs["key"].isin({c.key for grid in ("base", "full", "whole") for c in self._cells(grid)})
        ]
        rows = rows.assign(
            accuracy=100 * rows["n_correct"] / rows["n_test"], macro_F1=100 * rows.get("macro_f1", np.nan)
        )
        wanted = {
            "accuracy": "right or complete",
            "macro_F1": "macro-F1",
            "chrf": "chrF",
            "rouge_l": "ROUGE-L",
            "bleu": "BLEU",
            "test_coverage": "covered",
        }
        if "test_coverage" in rows:
            rows["test_coverage"] = 100 * rows["test_coverage"]
        columns = [name for name in wanted if name in rows and rows[name].notna().any()]
        rows = rows.assign(condition=[condition(*row) for row in rows[["strategy", "teacher"]].itertuples(index=False)])
        shown = rows.groupby(["task", "seed_size", "condition"], sort=False)[columns].mean().reset_index()
        shown["task"] = shown["task"].map(TASKS)
        shown = shown.rename(columns=wanted | {"seed_size": "originals"})
        return (
            shown.style.hide(axis="index")
            .format("{:.1f}", subset=[wanted[c] for c in columns], na_rep="")
            .set_uuid("scores")
        )

    def caption(self, figure: str = "base") -> Markdown | None:
        """Say what the points of a figure are, if there is one: of a grid of :meth:`FinetunedTeacher.grids`, or ``"sizes"``."""
        p, whole = self.parameters, figure in ("base", "sizes")
        if figure == "sizes":
            tasks = [task for task in (*p.tasks, *p.side_tasks) if len(finetuned_teacher_grids.conditions(p, task)) > 1]
        else:
            tasks = list(dict.fromkeys(cell.task for cell in self._cells(figure)))
        if not tasks:
            return None
        side = [task for task in tasks if whole and task in p.side_tasks]
        sizes = {"base": [], "sizes": [], "teacher_layers": p.originals[:1], "families": p.originals[:1]}.get(
            figure, [p.dial_size]
        )
        drawn = p.replicates if whole else p.dial_replicates
        students = _students(*((p.classifier_seeds, p.writer_seeds) if whole else (1, 1)))
        main = len(side) < len(tasks)
        draws = {drawn} if main else set()
        told = [
            f"{LEVEL:.0%} intervals over the same test items ({p.n_test} of tasks with labels, {p.n_test_texts} of generation tasks)",
            *(f"{size} original examples" for size in sizes),
            *([_counted(drawn, "draw") + " of the original examples", students] if main else []),
            *([] if figure == "amounts" else [f"{p.queries} teacher queries a condition"]),
            f"profile {p.profile}",
        ]
        if side:
            counts = [p.side_draws.get(task, 1) for task in side]
            draws.update(counts)
            further = any(len(finetuned_teacher_grids.conditions(p, task)) > 1 for task in side)
            once = [f"with {p.full} gold examples"] * bool(p.full and figure == "base") + ["at further sizes"] * further
            upper = f", the first alone {' and '.join(once)}" if once and max(counts) > 1 else ""
            draws |= {1} if once else set()
            named = ", ".join(f"{TASKS[task]} {_counted(n, 'draw')}" for task, n in zip(side, counts, strict=True))
            told.append(f"of {named}{upper}, one student for each")
        if figure == "base" and (
            sets := [f"{TASKS[task]} {p.whole[task]:,} examples" for task in tasks if task in p.whole]
        ):
            told.append(
                f"all training examples at hand that are not near a test item: {', '.join(sets)}, one student for each"
            )
            draws.add(1)
        alone = "".join(_DRAWS[n] for n in sorted(draws) if n in _DRAWS)
        return Markdown(
            f"{', '.join(TASKS[t] for t in tasks)}: {'; '.join(told)}. Tasks with labels by accuracy, generation tasks by chrF.{alone}"
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _cells(self, grid: str) -> list[TeacherCell]:
        return finetuned_teacher_grids.grids(self.parameters)[grid]

    def _forest(self, name: str, wanted: Sequence[Difference]) -> style.Picture | Markdown:
        if not wanted:
            return NOT_RUN
        rows = compared.differences(self.parameters, self.runs, self.folder, wanted)
        return self._save(name, sweep.differences(rows, LEVEL, PAPER[name]), rows)

    def _points(self, grid: str, by: list[str]) -> pd.DataFrame:
        """Mean scores in % with intervals, and measures, of the cells of a dial's grid that were bought from a tuned teacher."""
        keys = {cell.key for cell in self._cells(grid)}
        rows = self.runs[
            self.runs["key"].isin(keys) & (self.runs["teacher"] == "tuned") & (self.runs["strategy"] != "both")
        ].rename(columns=lambda column: column.removeprefix("teacher."))
        out = []
        for values, some in rows.groupby(["task", *by], sort=False):
            column = compared.outcome(self.parameters, values[0])
            found = contrast(_means(self.folder, some, column), LEVEL, column == "correct")
            measures = {name: some[name].mean() if name in some else np.nan for name in MEASURES}
            out.append(
                dict(zip(["task", *by], values, strict=True)) | measures
                | {"series": KINDS[some["strategy"].iloc[0]], "score": 100 * found.estimate, "replicates": found.replicates}
                | {"score_low": 100 * max(0.0, found.low), "score_high": 100 * min(1.0, found.high)}
            )  # fmt: skip
        table = pd.DataFrame(out)
        return table.assign(task=table["task"].map(TASKS)) if len(table) else table

    def _save(self, name: str, figure: style.Picture, data: pd.DataFrame) -> style.Picture:
        style.save(figure, f"teachers_{name}", self.folder / "figures", data)
        return figure


def run(parameters: FinetunedTeacher) -> Chapter:
    """Fill the results table with the grid's missing cells and return what there is to show.

    Where every cell is in the table, no data are read.

    Raises
    ------
    CrossoverError
        Before anything is trained: data that are not there, or a task with fewer items than the grid asks for.
    """
    store, cells = Store(results_folder(parameters.results)), cells_of(parameters)
    done = store.rows()
    check([cell for cell in cells if cell.key not in done])
    run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    runs = read_runs(store.folder, "finetuned_teacher").set_index("key", drop=False)
    return Chapter(parameters, with_measures(runs.loc[[cell.key for cell in cells]].reset_index(drop=True)))


def check(cells: Sequence[TeacherCell]) -> None:
    """Refuse a grid that asks for more items than its tasks have.

    Raises
    ------
    CrossoverError
        It names the task, what was asked for and what there is.
    """
    for name in dict.fromkeys(cell.task for cell in cells):
        of_task = [cell for cell in cells if cell.task == name]
        task = load_task(name, **of_task[0].task_settings)
        task.test(max(cell.n_test for cell in of_task))
        for size, budget in {(cell.seed_size, cell.annotations) for cell in of_task}:
            task.split(size, budget, 0)


def with_measures(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with a column for each setting and for each measure that is a number."""
    found = [json.loads(text) if text else {} for text in runs["measures"]]
    numbers = [{name: value for name, value in of.items() if isinstance(value, int | float)} for of in found]
    return pd.concat([settings_table(runs), pd.DataFrame(numbers, index=runs.index)], axis=1)


def _means(folder: Path, rows: pd.DataFrame, column: str) -> np.ndarray:
    """Outcomes ``(replicates, items)`` as fractions of 1, averaged over the students of a replicate."""
    scale = 100 if column == "score" else 1
    return np.stack([
        np.mean([_outcomes(folder, key, column) for key in some["key"]], axis=0) / scale for _, some in rows.groupby("replicate")
    ])  # fmt: skip


def _outcomes(folder: Path, key: str, column: str) -> np.ndarray:
    return pd.read_parquet(folder / "items" / f"{key}.parquet").sort_values("item")[column].to_numpy(float)


def _saturation(points: pd.DataFrame):
    """Return the fitted exponential curve of scores in % against queries for each original example."""
    e, b, tau = fit_exponential(points["value"].to_numpy(float), points["score"].to_numpy(float) / 100)
    return lambda x: 100 * (e - b * np.exp(-np.asarray(x) / tau))


#: What few draws leave out of an interval.
_DRAWS = {
    1: " With one draw and one student an interval holds for that draw and that student alone.",
    2: " With two draws it is too narrow where these happen to agree.",
}


def _counted(n: int, what: str) -> str:
    return f"one {what}" if n == 1 else f"{n} {what}s"


def _students(labels: int, texts: int) -> str:
    """Say how many students are trained on the same data, which tasks with labels and generation tasks may differ in."""
    if labels == texts:
        return _counted(labels, "student") + " for each"
    return f"{_counted(labels, 'student')} for each ({texts} of generation tasks)"


def _advice(what: str, rows: pd.DataFrame) -> str:
    """Return one sentence on what differences mean for someone with a budget.

    They decide where half of them or more are called differences to one side (:func:`crossover.stats.contrasts.benjamini_hochberg`) and none to the other.
    """
    unclear, yes, no = _ADVICE[what]
    called = benjamini_hochberg(rows["p"])
    gains, losses = int((called & (rows["low"] > 0)).sum()), int((called & (rows["high"] < 0)).sum())
    if gains and losses:
        return "It depends: above are gains and losses, by task, size and student. Try a part of your budget first."
    if 2 * gains >= len(rows):
        return yes
    return no if 2 * losses >= len(rows) else unclear


#: By figure: what to say when most intervals cross zero, when the differences decide above it, and when below it.
_ADVICE = {
    "gains": (
        "Most gains of so small a teacher's data are not told from none here: try one on a part of your budget first.",
        "Even a small teacher's data are worth adding to your examples.",
        "A teacher of this size made students worse here: spend on gold examples instead.",
    ),
    "tuning": (
        "Whether fine-tuning the teacher first pays is not settled here.",
        "Fine-tune your teacher on the examples that you have before you ask it for any.",
        "Fine-tuning so small a teacher on so few examples did harm here: prompt it instead.",
    ),
    "annotation": (
        "Annotation and generation are mostly not told apart here: take whichever your inputs allow.",
        "Where you have unlabelled inputs, have them annotated rather than new ones invented.",
        "Generated examples taught more than annotated ones here, so that unlabelled inputs are no reason to annotate.",
    ),
    "teacher_layers": (
        "A smaller fine-tuned teacher is not told from a larger prompted one here: take the cheaper.",
        "A fine-tuned smaller teacher is the better buy than a larger one that is merely prompted.",
        "A larger teacher that is merely prompted beat half of it fine-tuned here.",
    ),
    "families": (
        "Self-training, an encoder that annotates for others, is not told from no annotation here.",
        "An encoder fine-tuned on your examples is a teacher too, at a hundredth of the cost.",
        "Labels from an encoder made students worse here.",
    ),
}
