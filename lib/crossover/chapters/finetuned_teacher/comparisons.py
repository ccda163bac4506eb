"""What the chapter on fine-tuned teachers compares: pairs of conditions, their differences, and what these say.

Every difference is of students that answered the same test items, with the draws of the original examples and the items
both counted as samples (:mod:`crossover.stats.contrasts`). Tasks with labels are judged by accuracy, generation tasks by chrF.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.stats.contrasts import benjamini_hochberg
from crossover.study.grids import finetuned_teacher as finetuned_teacher_grids
from crossover.study.paired import Outcome, paired_row
from crossover.study.select import Selector
from crossover.tasks import load_task
from crossover.tasks.instructed.base import ClassificationTask

#: How tasks and conditions are written for readers.
TASKS = {
    "rte": "RTE", "boolq": "BoolQ", "sst2": "SST-2", "mc_taco": "MC-TACO", "e2e_nlg": "E2E NLG", "common_gen": "CommonGen",
    "film_sentiment": "Film sentiment", "product_sentiment": "Product sentiment", "captions": "Captions",
}  # fmt: skip
KINDS = {"annotate": "annotated", "generate": "generated", "both": "half of each"}
ALONE: Selector = {"strategy": "original", "teacher": "none", "budget": 0}


class Difference(NamedTuple):
    """Two conditions of one task and size: where they are drawn, and the first minus the second."""

    panel: str
    line: str
    series: str
    task: str
    size: int
    one: Selector
    other: Selector


def labelled(p: FinetunedTeacher, task: str) -> bool:
    """Whether a task has labels; the others are generation tasks."""
    return isinstance(load_task(task, **p.task_settings(task)), ClassificationTask)


def bought(p: FinetunedTeacher, strategy: str, teacher: str = "tuned", **changed: float) -> Selector:
    """Return the selector of a condition; ``changed`` names the dials that are not at the chapter's own values."""
    dials = {"budget": p.queries, "teacher_layers": 0}
    kinds = {"annotate": ["annotate"], "generate": ["generate"], "both": ["annotate", "generate"]}[strategy]
    if teacher != "encoder":
        dials |= {f"{kind}_temperature": getattr(p, f"{kind}_temperature") for kind in kinds}
    return {"strategy": strategy, "teacher": teacher} | dials | changed


def base(p: FinetunedTeacher, task: str, size: int) -> Selector:
    """Return what the cells of one task and size have in common; of a task with labels, the encoder's."""
    scoring = "classify" if labelled(p, task) else "generate"
    return {"experiment": "finetuned_teacher", "task": task, "seed_size": size, "scoring": scoring}


def outcome(p: FinetunedTeacher, task: str) -> Outcome:
    """Return what a task's students are judged by."""
    return "correct" if labelled(p, task) else "score"


def differences(p: FinetunedTeacher, rows: pd.DataFrame, folder: Path, wanted: Sequence[Difference]) -> pd.DataFrame:
    """Return differences as the rows decide them, with 90% intervals paired by test item.

    Parameters
    ----------
    p : FinetunedTeacher
    rows : DataFrame
        From :func:`crossover.study.select.settings_table`.
    folder : Path
        Whose ``items/`` hold the outcomes.
    wanted : sequence of Difference

    Returns
    -------
    DataFrame
        ``panel, line, series, task, size, estimate, low, high, replicates, items, p, why``; ``why`` says which rows are
        missing where there is no estimate.
    """
    out = []
    for d in wanted:
        terms = [{"weight": 1, **d.one}, {"weight": -1, **d.other}]
        row = {"panel": d.panel, "line": d.line, "series": d.series, "task": d.task, "size": d.size}
        out.append(row | paired_row(rows, folder, base(p, d.task, d.size), [{}], terms, outcome(p, d.task)))
    return pd.DataFrame(out)


def against_alone(p: FinetunedTeacher) -> list[Difference]:
    """What each condition adds to the original examples alone, and what more gold examples would."""
    found = [
        Difference(
            TASKS[task], f"{KINDS[s]}, {t} teacher", f"{size} original examples", task, size, bought(p, s, t), ALONE
        )
        for task, size, conditions in _planned(p)
        for s, t in conditions
    ]
    upper = [
        Difference(TASKS[task], line, f"{size} original examples", task, size, ALONE | {"seed_size": gold}, ALONE)
        for task, size, _ in _planned(p)
        for line, gold in ((f"{p.full} gold examples", p.full), ("all examples at hand", p.whole.get(task, 0)))
        if gold
    ]
    return found + upper


def tuning(p: FinetunedTeacher) -> list[Difference]:
    """What fine-tuning the teacher gains on prompting it."""
    return [
        Difference(
            TASKS[task],
            KINDS[s],
            f"{size} original examples",
            task,
            size,
            bought(p, s, "tuned"),
            bought(p, s, "prompted"),
        )
        for task, size, conditions in _planned(p)
        for s in p.conditions
        if {(s, "tuned"), (s, "prompted")} <= set(conditions)
    ]


def annotation(p: FinetunedTeacher) -> list[Difference]:
    """What annotation gains on generation for the same queries."""
    return [
        Difference(
            TASKS[task],
            f"{t} teacher",
            f"{size} original examples",
            task,
            size,
            bought(p, "annotate", t),
            bought(p, "generate", t),
        )
        for task, size, conditions in _planned(p)
        for t in p.teachers
        if {("annotate", t), ("generate", t)} <= set(conditions)
    ]


def _planned(p: FinetunedTeacher) -> list[tuple[str, int, list[tuple[str, str]]]]:
    return [
        (task, size, conditions)
        for task in (*p.tasks, *p.side_tasks)
        for size, conditions in finetuned_teacher_grids.conditions(p, task)
    ]


def smaller(p: FinetunedTeacher) -> list[Difference]:
    """What a smaller fine-tuned teacher gains on a whole prompted one."""
    return [
        Difference(TASKS[task], KINDS[s], f"lowest {layers} layers tuned against all prompted", task, finetuned_teacher_grids.sizes(p, task)[0],
                   bought(p, s, "tuned", teacher_layers=layers), bought(p, s, "prompted"))
        for task in p.tasks
        for layers in p.teacher_layers
        for s in p.conditions
        if s != "both" and "prompted" in p.teachers
    ]  # fmt: skip


def families(p: FinetunedTeacher) -> list[Difference]:
    """What annotation adds to the original examples alone, by family of teacher and of student."""
    students = {"encoder": {"scoring": "classify"}, "causal": {"scoring": "generate"}}
    teachers = {"causal teacher": bought(p, "annotate"), "encoder as teacher": bought(p, "annotate", "encoder")}
    return [
        Difference(
            TASKS[task],
            line,
            f"{family} student",
            task,
            finetuned_teacher_grids.sizes(p, task)[0],
            which | scoring,
            ALONE | scoring,
        )
        for task in p.dial_tasks
        if p.swapped and labelled(p, task)
        for line, which in teachers.items()
        for family, scoring in students.items()
    ]


def in_words(rows: pd.DataFrame) -> str:
    """Say which differences are told from zero, one by one, and how many are not; those called among all of them are bold.

    >>> rows = pd.DataFrame([("SST-2", "125 original examples", "annotated", 0.031, 0.01, 0.05, 0.004, 2),
    ...                      ("SST-2", "125 original examples", "generated", 0.021, 0.001, 0.04, 0.08, 1),
    ...                      ("RTE", "25 original examples", "both", 0.0, -0.1, 0.1, 0.9, 1)],
    ...                     columns=["panel", "series", "line", "estimate", "low", "high", "p", "replicates"])
    >>> print(in_words(rows))
    - SST-2, 125 original examples, annotated: **+3.1 points** (1.0 to 5.0).
    - SST-2, 125 original examples, generated: +2.1 points (0.1 to 4.0; one draw alone).
    - Not told from no difference: 1 of 3 comparisons. Bold: also told where of all differences so called one in ten may be false; the others may be chance.
    """
    called = rows.assign(called=benjamini_hochberg(rows["p"]))
    told = called[(rows["low"] > 0) | (rows["high"] < 0)]
    points = [f"{100 * estimate:+.1f} points" for estimate in told["estimate"]]
    said = [
        f"- {r.panel}, {r.series}, {r.line}: {f'**{change}**' if r.called else change} "
        f"({100 * r.low:.1f} to {100 * r.high:.1f}{'; one draw alone' if r.replicates == 1 else ''})."
        for r, change in zip(told.itertuples(), points, strict=True)
    ]
    bold = (
        " Bold: also told where of all differences so called one in ten may be false; the others may be chance."
        if len(told)
        else ""
    )
    said.append(f"- Not told from no difference: {len(rows) - len(told)} of {len(rows)} comparisons.{bold}")
    return "\n".join(said)
