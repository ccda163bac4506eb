"""The chapter on fine-tuned teachers (arXiv 2310.01119): its runs, what each condition gains, how good the data are.

The notebook ``02_finetuned_teacher`` calls what is here and adds prose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.cells import Cell, run_cells
from crossover.contrasts import contrast
from crossover.errors import CrossoverError
from crossover.grading import Item, write_sheet
from crossover.schemas.finetuned_teacher import FinetunedTeacher
from crossover.store import Store, read_runs, results_folder
from crossover.tasks import load_task
from crossover.tasks.instructed import Labelled, Written
from crossover.teaching import queries, synthetic

LEVEL = 0.9
#: What a grader is asked of a synthetic example, by the kind of task: 1 for yes, 0 for no.
CRITERIA = {Labelled: ("input_makes_sense", "label_is_right"), Written: ("output_is_fluent", "output_is_supported")}
#: The settings that tell the conditions of one task and size apart.
DIALS = ("strategy", "teacher", "budget", "annotate_temperature", "generate_temperature", "teacher_layers")


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows.

    Attributes
    ----------
    parameters : FinetunedTeacher
    runs : DataFrame
        This run's cells, one row a cell, with a column for each dial and each measure.
    """

    parameters: FinetunedTeacher
    runs: pd.DataFrame

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    def gains(self) -> pd.DataFrame:
        """Return what each condition adds to the original examples alone; see :func:`gains`."""
        return gains(self.runs, self.folder)

    def quality(self) -> pd.DataFrame:
        """Return the measures of the synthetic data, averaged over replicates, by task, size and condition."""
        bought = self.runs[self.runs["strategy"] != "original"]
        numbers = [name for name in bought.columns if name in MEASURES and bought[name].notna().any()]
        return bought.groupby(["task", "seed_size", *DIALS], dropna=False)[numbers].mean().reset_index()

    def sheet(self, task: str, path: Path, seed: int = 0, size: int = 100) -> None:
        """Write a blinded sheet of a task's synthetic examples, as many of each condition; see :mod:`crossover.grading`.

        Nothing is asked of a teacher whose replies are stored.
        """
        cells = [cell for cell in self.parameters.cells() if cell.task == task and cell.budget]
        if not cells:
            raise CrossoverError(
                f"This run has no synthetic examples of {task!r}; its tasks: {', '.join(self.parameters.tasks)}."
            )
        items = [item for cell in cells for item in _items_to_grade(cell, self.folder, self.parameters.device)]
        once = {(*item.shown.values(), item.source): item for item in items}  # larger amounts hold smaller ones
        kind = Labelled if "label" in items[0].shown else Written
        write_sheet(list(once.values()), path, CRITERIA[kind], seed, size)


#: Numbers among the measures of a cell's data, in the order in which a table shows them.
MEASURES = ("annotations_right", "coverage", "unsupported", "distinct_1", "distinct_2", "self_similarity", "kept")


def run(parameters: FinetunedTeacher) -> Chapter:
    """Fill the results table with the grid's missing cells and return what there is to show.

    Raises
    ------
    CrossoverError
        Before anything is trained: a task has fewer items than the grid asks for.
    """
    store, cells = Store(results_folder(parameters.results)), parameters.cells()
    check(cells)
    run_cells(cells, store, parameters.workers, parameters.device)
    runs = read_runs(store.folder, "finetuned_teacher")
    runs = runs[runs["key"].isin({cell.key for cell in cells})].reset_index(drop=True)
    return Chapter(parameters, with_measures(runs))


def check(cells: list[Cell]) -> None:
    """Refuse a grid that asks for more items than its tasks have.

    Raises
    ------
    CrossoverError
        It names the task, what was asked for and what there is.
    """
    for name in dict.fromkeys(cell.task for cell in cells):
        of_task = [cell for cell in cells if cell.task == name]
        task = load_task(name, **of_task[0].task_settings)
        task.test(of_task[0].n_test)
        for cell in of_task:
            task.split(cell.seed_size, queries(cell)[0], 0)


def with_measures(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with a column for each dial (``NaN`` where it has no meaning) and for each measure."""
    settings = [json.loads(text)["teacher_settings"] if "teacher_settings" in text else {} for text in runs["settings"]]
    dials = pd.DataFrame([{"teacher_layers": 0} | s if s else {} for s in settings], index=runs.index)
    dials = dials.reindex(columns=[name for name in DIALS if name not in runs])
    measures = pd.DataFrame([json.loads(text) if text else {} for text in runs["measures"]], index=runs.index)
    return pd.concat([runs, dials, measures], axis=1)


def gains(runs: pd.DataFrame, folder: Path, level: float = LEVEL) -> pd.DataFrame:
    """Return the difference of each condition to the original examples alone, paired by test item.

    Parameters
    ----------
    runs : DataFrame
        As from :func:`with_measures`.
    folder : Path
        With ``items/``.
    level : float
        Of the intervals; see :func:`crossover.contrasts.contrast`.

    Returns
    -------
    DataFrame
        One row a task, size and condition: the dials, ``measure`` (``accuracy``; for a generation task also ``chrf``),
        ``score`` (its mean over replicates), ``gain``, ``low``, ``high``, ``replicates``.
    """
    rows = []
    for (task, size), group in runs.groupby(["task", "seed_size"], sort=False):
        plain = group[group["strategy"] == "original"].set_index("replicate")["key"]
        for dials, cells in group[group["strategy"] != "original"].groupby(list(DIALS), dropna=False, sort=False):
            keys = cells.set_index("replicate")["key"]
            shared = sorted(set(keys.index) & set(plain.index))
            if not shared:
                continue
            for column, measure in (("correct", "accuracy"), ("score", "chrf")):
                with_it, without = (_table(folder, some[shared], column) for some in (keys, plain))
                if with_it is None or without is None:
                    continue
                found = contrast(with_it - without, level)
                rows.append(
                    {"task": task, "seed_size": size, **dict(zip(DIALS, dials, strict=True)), "measure": measure}
                    | {"score": with_it.mean(), "gain": found.estimate, "low": found.low, "high": found.high}
                    | {"replicates": found.replicates}
                )
    return pd.DataFrame(rows)


def _table(folder: Path, keys: pd.Series, column: str) -> np.ndarray | None:
    """Outcomes ``(replicates, items)`` in the items' order; ``None`` where there is no such column."""
    tables = [pd.read_parquet(folder / "items" / f"{key}.parquet").sort_values("item") for key in keys]
    return None if any(column not in t for t in tables) else np.stack([t[column].to_numpy(float) for t in tables])


def _items_to_grade(cell: Cell, folder: Path, device: str) -> list[Item]:
    """A cell's synthetic examples as a grader sees them."""
    output = "label" if isinstance(load_task(cell.task, **cell.task_settings), Labelled) else "output"
    return [
        Item({"input": sample.question, output: sample.answer.strip()}, f"{cell.teacher}, {kind}")
        for kind, samples in synthetic(cell, Store(folder), device).items()
        for sample in samples
    ]
