"""The grids of the chapter on fine-tuned teachers: a base, and one factor varied at a time."""

import itertools
from collections.abc import Sequence
from typing import Any

from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.study.cell import TeacherCell

#: Strategy, teacher, and what a grid changes.
Condition = tuple[str, str, dict[str, Any]]
BATCH_SIZE = 8  # of every student and teacher
_ONE_STUDENT = {"classifier_seeds": 1, "writer_seeds": 1}


def cells(p: FinetunedTeacher) -> list[TeacherCell]:
    """Return the cells of every grid, each once, those that share a fine-tuned teacher next to each other."""
    found = {cell.key: cell for part in grids(p).values() for cell in part}
    names: list[str] = list(dict.fromkeys([*p.tasks, *p.side_tasks, *p.dial_tasks]))

    def order(c: TeacherCell) -> tuple:
        return c.replicate, names.index(c.task), c.seed_size, c.teacher, c.setting("teacher.teacher_layers")

    return sorted(found.values(), key=order)


def grids(p: FinetunedTeacher) -> dict[str, list[TeacherCell]]:
    """Return the cells of each comparison, those with the original examples alone included."""
    one = _ONE_STUDENT | {"replicates": 1}
    dialled, first = p.model_copy(update=_ONE_STUDENT | {"replicates": p.dial_replicates}), p.model_copy(update=one)
    every, pure, start = [*p.tasks, *p.side_tasks], _pure(p), p.originals[0]
    labelled = [name for name in p.dial_tasks if _task(p, name)[1]]
    amounts = [max(1, round(amount * p.dial_size)) for amount in p.amounts]
    annotators = (("original", "none"), ("annotate", "tuned"), ("annotate", "encoder"))
    # Smaller teachers that are fine-tuned, and the whole one that is prompted.
    smaller: list[Condition] = [(s, "tuned", {"layers": n}) for n in p.teacher_layers for s in pure]
    smaller += [(s, "prompted", {}) for s in pure]
    # Each factor: tasks, original examples, and conditions, pairs of strategy and teacher with what they change.
    varied: dict[str, tuple[Sequence[str], int, list[Condition]]] = {
        "amounts": (p.dial_tasks, p.dial_size, [(s, "tuned", {"queries": n}) for n in amounts for s in pure]),
        "annotate_temperatures": (p.dial_tasks, p.dial_size, _temperatures(p, "annotate")),
        "generate_temperatures": (p.dial_tasks, p.dial_size, _temperatures(p, "generate")),
        "teacher_layers": (p.tasks if p.teacher_layers else [], start, smaller),
        "label_errors": (
            labelled, start, [("annotate", "oracle", {"further": {"label_error": share}}) for share in p.label_errors]
        ),
        "tuned_on": (
            p.dial_tasks, start, [(s, "tuned", {"further": {"tuned_on": how}}) for how in p.tuned_on for s in pure]
        ),
        # Annotation with both families of teachers, for both families of students.
        "families": (
            labelled if p.swapped else [], start,
            [(s, teacher, {"family": family}) for family in ("encoder", "causal") for s, teacher in annotators],
        ),
    }  # fmt: skip
    found = {"base": [cell for name in every for cell in _base(p, name)]}
    for factor, (names, size, added) in varied.items():
        found[factor] = [
            cell
            for name, (strategy, teacher, changed) in itertools.product(names, added)
            for cell in grid(dialled, name, size, strategy, teacher, **changed)
        ]
    full = every if p.full else []
    found["full"] = [c for name in full for c in grid(p if name in p.tasks else first, name, p.full, "original")]
    whole = [name for name in every if name in p.whole]
    found["whole"] = [c for name in whole for c in grid(first, name, p.whole[name], "original")]
    return found


def conditions(p: FinetunedTeacher, name: Any) -> list[tuple[int, list[tuple[str, str]]]]:
    """Return a task's sizes, and at each what is added to the original examples: pairs of condition and teacher."""
    few = [(s, "tuned") for s in _pure(p)]
    if name not in p.tasks:
        start = p.originals[0]
        further = [size for size in dict.fromkeys(p.side_sizes.get(name, [])) if size != start]
        return [(start, [*itertools.product(_pure(p), p.teachers)]), *((size, few) for size in further)]
    every: list[tuple[str, str]] = [*itertools.product(p.conditions, p.teachers)]
    return [(size, every) for size in p.originals] + [(size, few) for size in p.other_originals]


def grid(
    p: FinetunedTeacher,
    name: str,
    size: int,
    strategy: str,
    teacher: str = "tuned",
    family: str = "encoder",
    layers: int = 0,
    further: dict[str, object] | None = None,
    **changed: object,
) -> list[TeacherCell]:
    """Return the cells of one condition: every replicate and student.

    ``family`` is of the student of a task with labels, ``layers`` are the teacher's lowest that are kept (0: all),
    ``further`` its settings; ``changed`` are queries and temperatures.
    """
    task, labelled = _task(p, name)
    encoder = labelled and family == "encoder"
    alone = strategy == "original"
    varied = p.model_copy(update=changed)
    return [
        TeacherCell(
            version=1,
            task=name,
            task_settings=p.task_settings(name),
            strategy=strategy,
            seed_size=size,
            budget=0 if alone else varied.queries,
            replicate=replicate,
            teacher="none" if alone else teacher,
            teacher_settings={} if alone else _teacher_settings(varied, teacher, strategy, layers) | (further or {}),
            n_test=p.n_test if labelled else p.n_test_texts,
            max_new_tokens=task.output_tokens,
            recipe=_recipe(p, "classifier" if encoder else "writer"),
            scoring="classify" if encoder else "generate",
            student_seed=seed,
            skip_test=p.skip_test,
        )
        for replicate in range(p.first_replicate, p.first_replicate + p.replicates)
        for seed in range(p.classifier_seeds if encoder else p.writer_seeds)
    ]


def _base(p: FinetunedTeacher, name: Any) -> list[TeacherCell]:
    """Every size and condition of a task; of a side task with one student, and beyond the first size one draw."""
    main = name in p.tasks
    few = p.model_copy(update=_ONE_STUDENT | {"replicates": p.side_draws.get(name, 1)})
    one = p.model_copy(update=_ONE_STUDENT | {"replicates": 1})
    return [
        cell
        for place, (size, added) in enumerate(conditions(p, name))
        for strategy, teacher in [("original", "none"), *added]
        for cell in grid(p if main else one if place else few, name, size, strategy, teacher)
    ]


def _task(p: FinetunedTeacher, name: str) -> tuple[Any, bool]:
    """Return a task, and whether its outputs are labels."""
    # All tasks are slow to load, and the other chapters' grids do without them.
    from crossover.tasks import load_task
    from crossover.tasks.instructed.base import ClassificationTask

    task = load_task(name, **p.task_settings(name))
    return task, isinstance(task, ClassificationTask)


def _pure(p: FinetunedTeacher) -> list[str]:
    return [s for s in p.conditions if s != "both"]


def _temperatures(p: FinetunedTeacher, kind: str) -> list[Condition]:
    """A kind's temperatures with the chapter's own; none where the temperature is not varied."""
    name = f"{kind}_temperature"
    varied = getattr(p, f"{name}s")
    return [(kind, "tuned", {name: t}) for t in [*varied, getattr(p, name)]] if varied else []


def _teacher_settings(p: FinetunedTeacher, teacher: str, strategy: str, layers: int) -> dict[str, object]:
    """The settings that matter to a cell, so that one that it does not use gives no second cell."""
    if teacher == "oracle":
        return {}
    if teacher == "encoder":
        recipe = {f"teacher_{name}": value for name, value in _recipe(p, "classifier").items()}
        return recipe | {"teacher_trained_layers": 0}
    kinds = {"annotate": ["annotate"], "generate": ["generate"], "both": ["annotate", "generate"]}[strategy]
    settings = {"teacher_model": p.teacher_model} | p.pick(*(f"{kind}_temperature" for kind in kinds))
    if layers:
        settings["teacher_layers"] = layers
    if teacher == "tuned":
        settings |= p.pick("teacher_epochs", "teacher_min_steps", "teacher_learning_rate")
        settings["teacher_batch_size"] = BATCH_SIZE
        # Of a teacher with fewer layers than are to be trained, all are.
        settings["teacher_trained_layers"] = 0 if 0 < layers <= p.teacher_trained_layers else p.teacher_trained_layers
    return settings


def _recipe(p: FinetunedTeacher, role: str) -> dict[str, object]:
    own = {name: getattr(p, f"{role}_{name}") for name in ("epochs", "min_steps")}
    own |= {"model": getattr(p, role), "batch_size": BATCH_SIZE}
    if role == "classifier":
        return own | {"trained_layers": 0, "learning_rate": p.classifier_learning_rate}
    return own | {"trained_layers": p.writer_trained_layers, "learning_rate": 2e-4}
