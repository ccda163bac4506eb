"""The chapter on fine-tuned teachers (arXiv 2310.01119): its runs, what each condition gains, how good the data are.

The notebook ``02_finetuned_teacher`` calls what is here and adds prose; what is compared is in
:mod:`crossover.teacher_contrasts`.
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

from crossover import plots, plots_teachers
from crossover import teacher_contrasts as compared
from crossover.cells import Cell, run_cells
from crossover.claims import settings_table
from crossover.contrasts import contrast
from crossover.curves import fit_exponential
from crossover.errors import CrossoverError
from crossover.grading import Item, write_sheet
from crossover.plots import NOT_RUN, wilson
from crossover.schemas.finetuned_teacher import FinetunedTeacher
from crossover.store import Store, read_runs, results_folder
from crossover.tasks import load_task
from crossover.tasks.instructed import Labelled, Written
from crossover.teacher_contrasts import KINDS, TASKS, Difference
from crossover.teaching import queries, synthetic

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

LEVEL = 0.9
#: What a grader is asked of a synthetic example, by the kind of task: 1 for yes, 0 for no.
CRITERIA = {Labelled: ("input_makes_sense", "label_is_right"), Written: ("output_is_fluent", "output_is_supported")}
#: Measures of a cell's synthetic data, in the order in which a table shows them, and what readers are told.
MEASURES = {
    "annotations_right": "labels right", "coverage": "input covered", "unsupported": "unsupported", "distinct_2": "distinct-2",
    "self_similarity": "self-similarity",
}  # fmt: skip
#: What the paper found, by figure; it gives directions and few numbers.
PAPER = {
    "gains": "annotation and generation raise the student on all six tasks, most where the original set is small",
    "tuning": "fine-tuning the teacher on 125 examples raises the student by several points",
    "annotation": "annotation beats generation where unlabelled inputs exist; generation helps too",
    "sizes": "the smaller the original set, the larger the gain",
    "amounts": "more synthetic data helps; where it stops to is left open",
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

    # --- differences --------------------------------------------------------------------------------------------------

    def gains(self) -> plots.Picture | Markdown:
        """Draw what each condition adds to the original examples alone, and save figure and data."""
        return self._forest("gains", compared.against_alone(self.parameters))

    def tuning(self) -> plots.Picture | Markdown:
        """Draw what fine-tuning the teacher gains on prompting it, and save figure and data."""
        return self._forest("tuning", compared.tuning(self.parameters))

    def annotation(self) -> plots.Picture | Markdown:
        """Draw what annotation gains on generation, and save figure and data."""
        return self._forest("annotation", compared.annotation(self.parameters))

    def smaller(self) -> plots.Picture | Markdown:
        """Draw what a smaller fine-tuned teacher gains on a larger prompted one, and save figure and data."""
        return self._forest("teacher_layers", compared.smaller(self.parameters))

    def families(self) -> plots.Picture | Markdown:
        """Draw what annotation gains with either family of teachers and of students, and save figure and data."""
        return self._forest("families", compared.families(self.parameters))

    def findings(self, what: str) -> Markdown | None:
        """Say what the comparisons of one figure show on average over tasks, and what that means for a budget."""
        p = self.parameters
        subject, wanted = {
            "gains": ("Data of a fine-tuned teacher", [d for d in compared.against_alone(p) if "tuned" in d.line]),
            "tuning": ("Fine-tuned against prompted", compared.tuning(p)),
            "annotation": ("Annotated against generated", [d for d in compared.annotation(p) if "tuned" in d.line]),
            "teacher_layers": ("Smaller tuned against larger prompted", compared.smaller(p)),
            "families": ("Annotation by the encoder", [d for d in compared.families(p) if "encoder as" in d.line]),
        }[what]
        # A side task has one draw: with it, the others' further draws would count for nothing.
        rows = self._pooled([d for d in wanted if d.size == p.sizes(d.task)[0] and d.task not in p.side_tasks])
        if rows.empty:
            return None
        return Markdown(f"{compared.in_words(rows, subject)}\n\n**For a budget.** {_advice(what, rows)}")

    def sizes(self) -> plots.Picture | Markdown:
        """Draw the gain of annotation and generation by a fine-tuned teacher against the original set's size."""
        p = self.parameters
        wanted = [
            d
            for d in compared.against_alone(p)
            if d.line.endswith("tuned teacher") and "half" not in d.line and d.task in p.tasks
        ]
        if len({d.size for d in wanted}) < 2:
            return NOT_RUN
        rows = compared.differences(p, self.runs, self.folder, wanted)
        points = rows.assign(
            series=rows["line"].str.partition(",")[0], value=rows["size"], task=rows["panel"], gain=100 * rows["estimate"],
            gain_low=100 * rows["low"], gain_high=100 * rows["high"],
        )  # fmt: skip
        figure = plots_teachers.dial(points, {"gain": "gain, points"}, "original examples", PAPER["sizes"], log=True)
        return self._save("sizes", figure, points[["task", "series", "value", "gain", "gain_low", "gain_high"]])

    # --- dials --------------------------------------------------------------------------------------------------------

    def amounts(self) -> plots.Picture | Markdown:
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
        figure = plots_teachers.dial(
            points, {"score": "accuracy or chrF, %"}, "teacher queries for each original example", PAPER["amounts"], curves, log=True
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
                end, enough = "-", f"beyond the {most:g} queries an example that were run"
            else:
                end, enough = f"{100 * e:.1f}", f"{ratio_90:.1f} queries an example"
            rows.append({"task": task, "data": name, "levels off at": end, "90% of the gain at": enough})
        if not rows:
            return Markdown("A curve needs three amounts or more.")
        return pd.DataFrame(rows).style.hide(axis="index").set_uuid("saturation")

    def temperatures(self, kind: str) -> plots.Picture | Markdown:
        """Draw score, accuracy and variety against the temperature of annotation or generation, and save figure and data."""
        name = f"{kind}_temperatures"
        dial = f"{kind}_temperature"
        points = self._points(name, ["strategy", dial])
        if points.empty:
            return NOT_RUN
        points = points[points["series"] == KINDS[kind]].assign(value=lambda t: t[dial])
        points = points.assign(right=100 * points["coverage"].fillna(points["annotations_right"]))
        shown = {"score": "student: accuracy\nor chrF, %", "right": "data: labels right\nor input covered, %", "distinct_2": "data: distinct-2"}
        figure = plots_teachers.dial(points, shown, "temperature", PAPER[name])
        return self._save(name, figure, points)

    # --- tables -------------------------------------------------------------------------------------------------------

    def scores(self) -> Styler:
        """Return the scores of every condition at the base grid: means over draws and students, in %."""
        rows = self.runs[self.runs["key"].isin({c.key for c in self._cells("base") + self._cells("full")})]
        rows = rows.assign(accuracy=100 * rows["n_correct"] / rows["n_test"], macro_F1=100 * rows.get("macro_f1", np.nan))
        wanted = {"accuracy": "right or complete", "macro_F1": "macro-F1", "chrf": "chrF", "rouge_l": "ROUGE-L", "bleu": "BLEU", "test_coverage": "covered"}
        if "test_coverage" in rows:
            rows["test_coverage"] = 100 * rows["test_coverage"]
        columns = [name for name in wanted if name in rows and rows[name].notna().any()]
        rows = rows.assign(condition=[_condition(*row) for row in rows[["strategy", "teacher"]].itertuples(index=False)])
        shown = rows.groupby(["task", "seed_size", "condition"], sort=False)[columns].mean().reset_index()
        shown["task"] = shown["task"].map(TASKS)
        shown = shown.rename(columns=wanted | {"seed_size": "originals"})
        return shown.style.hide(axis="index").format("{:.1f}", subset=[wanted[c] for c in columns], na_rep="").set_uuid("scores")

    def quality(self) -> Styler:
        """Return the measures of the synthetic data, averaged over draws, by task, size and condition."""
        table = self.quality_table()
        names = [name for name in MEASURES if name in table]
        table["condition"] = [_condition(*row) for row in table[["strategy", "teacher"]].itertuples(index=False)]
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

    def quality_table(self) -> pd.DataFrame:
        """Return what :meth:`quality` shows: a row a task, size and condition of the base grid; shares as fractions of 1."""
        rows = self.runs[self.runs["key"].isin({c.key for c in self._cells("base")}) & (self.runs["strategy"] != "original")]
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
        rows = self.runs[(self.runs["strategy"] == "annotate") & self.runs["key"].isin({c.key for c in self._cells("base")})]
        rows = rows[rows["student_seed"] == 0]
        for (task, teacher), some in rows.groupby(["task", "teacher"], sort=False):
            if not compared.labelled(self.parameters, task):
                continue
            right, parsed = int(some["verified"].sum()), int(some["parsed"].sum())
            common = self._commonest(task)
            who = f"{TASKS[task]}, {teacher} teacher"
            if not parsed:
                said.append(f"- {who}: none of its {int(some['asked'].sum())} replies is a label.")
                continue
            low, high = wilson(right, parsed, LEVEL)
            share = f"{right / parsed:.0%} of its labels are right ({low:.0%} to {high:.0%})"
            if low <= common:
                said.append(
                    f"- {who}: {share}; always giving the commonest label would be right for {common:.0%} of the test items. "
                    "**At chance**: a teacher of this size does not know the task from so few examples, so that its labels teach a "
                    "student nothing."
                )
            else:
                said.append(f"- {who}: {share}, above the {common:.0%} of always giving the commonest label.")
        return Markdown("\n".join(said)) if said else NOT_RUN

    def caption(self) -> Markdown:
        """Say what the points of the figures are."""
        p = self.parameters
        draws = "one draw" if p.replicates == 1 else f"{p.replicates} draws"
        seeds = f", {p.classifier_seeds} students for each" if p.classifier_seeds > 1 else ""
        return Markdown(
            f"Differences with {LEVEL:.0%} intervals, paired over the same test items ({p.n_test} of tasks with labels, "
            f"{p.n_test_texts} of generation tasks), {draws} of the original examples{seeds}, {p.queries} teacher queries a "
            f"condition, profile {p.profile}. Tasks with labels by accuracy, generation tasks by chrF. With one draw an interval "
            "holds for that draw alone."
        )

    # --- sheets -------------------------------------------------------------------------------------------------------

    def sheets(self) -> Styler:
        """Write a blinded sheet of 100 synthetic examples a task where there is none yet; return where they are."""
        rows = []
        for task in (*self.parameters.tasks, *self.parameters.side_tasks):
            path = self.folder / "sheets" / f"{task}.csv"
            if not path.exists():
                self.sheet(task, path)
            if not path.exists():
                continue  # there was nothing to grade
            kind = Labelled if compared.labelled(self.parameters, task) else Written
            items = len(pd.read_csv(path))
            rows.append({"task": TASKS[task], "sheet": f"sheets/{task}.csv", "items": items, "asks": ", ".join(CRITERIA[kind]).replace("_", " ")})
        return pd.DataFrame(rows).style.hide(axis="index").set_uuid("sheets")

    def sheet(self, task: str, path: Path, seed: int = 0, size: int = 100) -> None:
        """Write a blinded sheet of a task's synthetic examples, as many of each teacher and mode; see :mod:`crossover.grading`.

        Nothing is asked of a teacher whose replies are stored.
        """
        cells = [cell for cell in self._cells("base") if cell.task == task and cell.budget and cell.student_seed == 0]
        if not cells:
            raise CrossoverError(
                f"This run has no synthetic examples of {task!r}; its tasks: {', '.join((*self.parameters.tasks, *self.parameters.side_tasks))}."
            )
        items = [item for cell in cells for item in _items_to_grade(cell, self.folder, self.parameters.device)]
        if not items:
            print(f"No teacher gave a usable example of {task}: there is no sheet.")
            return
        once = {(*item.shown.values(), item.source): item for item in items}  # half of each holds what either holds
        kind = Labelled if "label" in items[0].shown else Written
        write_sheet(list(once.values()), path, CRITERIA[kind], seed, size)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _cells(self, grid: str) -> list[Cell]:
        return self.parameters.grids()[grid]

    def _forest(self, name: str, wanted: Sequence[Difference]) -> plots.Picture | Markdown:
        if not wanted:
            return NOT_RUN
        rows = compared.differences(self.parameters, self.runs, self.folder, wanted)
        return self._save(name, plots_teachers.differences(rows, LEVEL, PAPER[name]), rows)

    def _pooled(self, wanted: Sequence[Difference]) -> pd.DataFrame:
        return compared.pooled(self.parameters, self.runs, self.folder, wanted)

    def _points(self, grid: str, by: list[str]) -> pd.DataFrame:
        """Mean scores in % with intervals, and measures, of the cells of a dial's grid that were bought from a tuned teacher."""
        keys = {cell.key for cell in self._cells(grid)}
        rows = self.runs[self.runs["key"].isin(keys) & (self.runs["teacher"] == "tuned") & (self.runs["strategy"] != "both")]
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

    def _commonest(self, task: str) -> float:
        """Share of the commonest gold label among a task's test items, of which there are two labels."""
        key = self.runs.loc[(self.runs["task"] == task) & (self.runs["scoring"] == "classify"), "key"].iloc[0]
        items = pd.read_parquet(self.folder / "items" / f"{key}.parquet")
        first = items["extracted"].iloc[0]
        share = float(((items["extracted"] == first) == items["correct"]).mean())
        return max(share, 1 - share)

    def _save(self, name: str, figure: plots.Picture, data: pd.DataFrame) -> plots.Picture:
        plots.save(figure, f"teachers_{name}", self.folder / "figures", data)
        return figure


def run(parameters: FinetunedTeacher) -> Chapter:
    """Fill the results table with the grid's missing cells and return what there is to show.

    Where every cell is in the table, no data are read.

    Raises
    ------
    CrossoverError
        Before anything is trained: data that are not there, or a task with fewer items than the grid asks for.
    """
    store, cells = Store(results_folder(parameters.results)), parameters.cells()
    done = store.rows()
    check([cell for cell in cells if cell.key not in done])
    run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    runs = read_runs(store.folder, "finetuned_teacher").set_index("key", drop=False)
    return Chapter(parameters, with_measures(runs.loc[[cell.key for cell in cells]].reset_index(drop=True)))


def check(cells: Sequence[Cell]) -> None:
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
        for size, budget in {(cell.seed_size, queries(cell)[0]) for cell in of_task}:
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


def _condition(strategy: str, teacher: str) -> str:
    return "original examples alone" if strategy == "original" else f"+ {KINDS[strategy]}, {teacher} teacher"


def _class_shares(measures: pd.Series) -> str:
    """The share of each class among the usable examples of some cells, in words; empty for a generation task."""
    counts = pd.DataFrame([json.loads(text).get("classes", {}) for text in measures if text]).sum()
    total = counts.sum()
    return ", ".join(f"{name} {count / total:.0%}" for name, count in counts.items()) if total else ""


def _advice(what: str, rows: pd.DataFrame) -> str:
    """Return one sentence on what pooled differences mean for someone with a budget."""
    unclear, yes, no = _ADVICE[what]
    if (rows["low"] > 0).all():
        return yes
    return no if (rows["high"] < 0).all() else unclear


def _items_to_grade(cell: Cell, folder: Path, device: str) -> list[Item]:
    """A cell's synthetic examples as a grader sees them."""
    output = "label" if isinstance(load_task(cell.task, **cell.task_settings), Labelled) else "output"
    return [
        Item({"input": sample.question, output: sample.answer.strip()}, f"{cell.teacher}, {kind}")
        for kind, samples in synthetic(cell, Store(folder), device).items()
        for sample in samples
    ]


#: By figure: what to say when the pooled intervals cross zero or disagree, all lie above it, all lie below it.
_ADVICE = {
    "gains": (
        "Whether a teacher of this size adds anything to your examples depends on the task: try one on a part of them first.",
        "Even a small teacher's data are worth adding to a hundred examples.",
        "A teacher of this size made students worse here: spend on gold examples instead.",
    ),
    "tuning": (
        "Whether fine-tuning the teacher first pays is not settled for every kind of task here: see the lines above.",
        "Fine-tune your teacher on the examples that you have before you ask it for any.",
        "Fine-tuning so small a teacher on so few examples did harm here: prompt it instead.",
    ),
    "annotation": (
        "Annotation and generation are not told apart for every kind of task here: take whichever your inputs allow.",
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
