"""The grids of the chapter on ablations: a base, and one factor varied at a time."""

from crossover.params.budget_ratio import Ablations
from crossover.study.cell import QueryCell
from crossover.study.grids.budget_ratio import grid, in_order

#: How other tasks are run. No oracle answers GSM-Symbolic in several ways, and none knows the truth of ARC. A student
#: of this size is scored there by likelihood, without the list of choices, whose letters it cannot tell apart.
OTHER_TASKS: dict[str, dict[str, object]] = {
    "text_to_sql": {"task_options": {"shapes": "simple"}, "max_new_tokens": 64},
    "gsm_symbolic": {
        "teacher": "local",
        "teacher_gold": 128,
        "augmenter_gold": 128,
        "max_new_tokens": 128,
        "max_budget": 128,
        "replicates": 1,
    },
    "arc": {
        "task_options": {"listed": False},
        "scoring": "choice",
        "teacher": "local",
        "max_new_tokens": 48,
        "replicates": 1,
    },
}


def cells(p: Ablations) -> list[QueryCell]:
    """Return the cells of every ablation and of the base grid, each once."""
    return in_order({cell.key: cell for part in grids(p).values() for cell in part}.values())


def grids(p: Ablations) -> dict[str, list[QueryCell]]:
    """Return the cells of each ablation, those of the base that it is compared with included."""
    pure = [s for s in p.strategies if s != "mixed"]
    side = {"seed_sizes": [p.compared_seeds], "replicates": p.side_replicates}
    return {
        "base": grid(p, strategies=pure),
        "mixed": grid(p, seed_sizes=[p.compared_seeds]) if "mixed" in p.strategies else [],
        "coverage": _coverage(p),
        "augmenter": _augmenter(p),
        "verification": _verification(p),
        "student": _students(p),
        "local": _local(p, side),
        "recipes": [
            cell
            for change in p.recipes
            for cell in grid(p, **side | {"seed_sizes": p.recipe_seeds, "strategies": pure} | change)
        ],
        "claims_under_recipes": [
            cell
            for change in p.recipes
            for part in (_coverage, _augmenter, _verification, _students)
            for cell in part(p.model_copy(update=change | side))
        ],
        **{task: _other_task(p, task, side | {"strategies": pure}) for task in p.other_tasks},
    }


def _coverage(p: Ablations) -> list[QueryCell]:
    """New questions that are in part edits of the seeds."""
    return [cell for share in p.coverages for cell in grid(p, strategies=["new_question"], coverage=share)]


def _augmenter(p: Ablations) -> list[QueryCell]:
    """A weak augmenter beside the strong one."""
    at = {"seed_sizes": [p.compared_seeds], "strategies": ["question_rephrase", "new_question"]}
    weak = {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter}
    budgets = sorted({*p.weak_budgets, *p.high_budgets})
    return grid(p, **at, budgets=p.high_budgets) + grid(p, **at, budgets=budgets, **weak)


def _verification(p: Ablations) -> list[QueryCell]:
    """Wrong answers kept or dropped, at as many queries and at the size that verification keeps."""
    at = {"seed_sizes": [p.compared_seeds], "strategies": ["answer_augmentation", "new_question"]}
    middle, high = p.high_budgets
    return [
        cell
        for error in p.answer_errors
        for verify, budgets in ((False, {kept_size(high, error), high}), (True, {middle, high}))
        for cell in grid(p, **at, budgets=sorted(budgets), answer_error=error, verify=verify)
    ]


def _students(p: Ablations) -> list[QueryCell]:
    """Smaller students, all of whose layers are trained."""
    at = {"seed_sizes": [p.compared_seeds], "strategies": ["answer_augmentation", "new_question"]}
    at["budgets"] = [p.low_budget, p.high_budgets[1]]
    cut = [c for size in p.student_sizes for c in grid(p, **at, student_layers=size, trained_layers=0)]
    return grid(p, **at) + cut


def _local(p: Ablations, side: dict[str, object]) -> list[QueryCell]:
    """Local teachers and augmenters, each fine-tuned on gold problems or only prompted."""
    asking = ["question_rephrase", "new_question"]
    return [
        cell
        for gold in p.local_gold
        for strategies, answers, asks in (
            (["answer_augmentation", "new_question", "question_rephrase"], gold, gold),
            (asking, gold, 0),
            (["answer_augmentation"], 0, 0),
        )
        for cell in grid(
            p, **side, budgets=[p.high_budgets[1]], strategies=strategies, teacher="local",
            teacher_gold=answers, augmenter_gold=asks,
        )
    ]  # fmt: skip


def _other_task(p: Ablations, task: str, side: dict[str, object]) -> list[QueryCell]:
    """The base strategies on another task."""
    sizes = {"seed_sizes": p.other_task_seeds[task]} if task in p.other_task_seeds else {}
    return grid(p, **side | sizes | {"task": task} | OTHER_TASKS[task])


def kept_size(budget: int, answer_error: float) -> int:
    """Return the budget that buys unfiltered as many samples as ``budget`` leaves when wrong answers are dropped.

    >>> kept_size(256, 0.25)
    192
    """
    return max(1, round(budget * (1 - answer_error)))
