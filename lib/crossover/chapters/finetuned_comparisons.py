"""What the chapter on fine-tuned teachers compares: pairs of conditions and their differences.

Every difference is of students that answered the same test items, with the draws of the original examples and the items
both counted as samples (:mod:`crossover.stats.contrasts`). Tasks with labels are judged by accuracy, generation tasks
by chrF.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crossover.chapters.common import COLUMNS
from crossover.labels import TASKS
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.study.grids import finetuned_teacher as grids
from crossover.study.paired import Outcome, paired_row
from crossover.study.select import Selector
from crossover.tasks import load_task
from crossover.tasks.instructed.base import ClassificationTask

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


def differences(p: FinetunedTeacher, rows: pd.DataFrame, folder: Path, wanted: Sequence[Difference]) -> pd.DataFrame:
    """Return differences as the rows decide them, with 90% intervals paired by test item.

    One row per difference: its names, ``estimate, low, high, replicates, items, p``, and ``why`` where rows are
    missing.
    """
    out = []
    for d in wanted:
        terms = [{"weight": 1, **d.one}, {"weight": -1, **d.other}]
        base = {"experiment": "finetuned_teacher", "task": d.task, "seed_size": d.size}
        base |= {"scoring": "classify" if labelled(p, d.task) else "generate"}
        row = {name: getattr(d, name) for name in NAMES}
        out.append(row | paired_row(rows, folder, base, [{}], terms, outcome(p, d.task)))
    columns = [column for column in COLUMNS if column not in ("comparison", "value")]
    return pd.DataFrame(out, columns=[*NAMES, *columns])


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
        pairs = [("tuned or prompted", s, (s, "tuned"), (s, "prompted")) for s in p.conditions]
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


def _planned(p: FinetunedTeacher) -> list[tuple[str, int, list[tuple[str, str]]]]:
    return [(task, *planned) for task in (*p.tasks, *p.side_tasks) for planned in grids.conditions(p, task)]


def _panel(task: str, size: int) -> str:
    return f"{TASKS[task]}, {size} originals"
