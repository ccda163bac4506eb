"""Parameters and grids of the ablations chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from crossover.params.budget_ratio import BudgetRatio, longest_first
from crossover.params.fields import Count, Share

if TYPE_CHECKING:
    from crossover.study.cell import QueryCell


class Ablations(BudgetRatio):
    """Parameters of ``04_ablations`` (arXiv 2409.19759, section 5.3): a base grid, and one thing changed at a time."""

    strategies: list[Literal["answer_augmentation", "question_rephrase", "new_question", "mixed"]] = Field(
        ["answer_augmentation", "question_rephrase", "new_question", "mixed"],
        min_length=1,
        description="lines of the base grid; mixed at compared_seeds alone",
    )
    coverages: list[Share] = Field([0.0], description="coverages of new questions beside the base grid's")
    weak_augmenter: float = Field(0.5, gt=0, le=1, description="share of questions that a weak augmenter spoils")
    weak_budgets: list[Count] = Field(
        [], description="teacher queries of a weak augmenter beside high_budgets, for its curve"
    )
    answer_errors: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.5], description="shares of wrong answers at which verification is tried"
    )
    student_sizes: list[Count] = Field([15], description="lowest layers kept of smaller students, all of them trained")
    compared_seeds: Count = Field(16, description="seed problems where single budgets are compared")
    low_budget: Count = Field(16, description="teacher queries, a small budget")
    high_budgets: list[Count] = Field(
        [64, 128], min_length=2, max_length=2, description="teacher queries, two large budgets"
    )
    local_gold: list[Count] = Field([], description="gold problems that local teachers are fine-tuned on")
    other_tasks: list[Literal["text_to_sql", "gsm_symbolic", "arc"]] = Field(
        [], description="other tasks on which the base strategies are run"
    )
    side_replicates: int = Field(2, ge=1, le=100, description="draws of the seeds for local teachers and other tasks")
    question_costs: list[Annotated[float, Field(gt=0)]] = Field(
        [0.25, 0.5, 1, 2, 4], description="cost of writing a question, in answers"
    )

    @model_validator(mode="after")
    def _departs_from_a_clean_oracle(self) -> Ablations:
        if self.teacher != "oracle":
            raise ValueError("the ablations turn the oracle's dials; set teacher='oracle'")
        if self.low_budget >= min(self.high_budgets) or self.high_budgets[0] >= self.high_budgets[1]:
            raise ValueError(f"low_budget {self.low_budget} and high_budgets {self.high_budgets} must rise")
        return self

    def cells(self) -> list[QueryCell]:
        """Return the cells of every ablation and of the base grid, each once."""
        cells = {cell.key: cell for grid in self.grids().values() for cell in grid}
        return longest_first(cells.values())

    def grids(self) -> dict[str, list[QueryCell]]:
        """Return the cells of each ablation, those of the base that it is compared with included."""
        two, at = ["answer_augmentation", "new_question"], {"seed_sizes": [self.compared_seeds]}
        low, (middle, high) = self.low_budget, self.high_budgets
        changed = ["question_rephrase", "new_question"]
        weak = {"invalid_rate": self.weak_augmenter, "rephrase_drift": self.weak_augmenter}
        augmenter = [
            c
            for budgets, change in (([middle, high], {}), (sorted({*self.weak_budgets, middle, high}), weak))
            for c in self.grid(**at, budgets=budgets, strategies=changed, **change)
        ]
        verification = [
            c
            for error in self.answer_errors
            for verify, budgets in ((False, {kept_size(high, error), high}), (True, {middle, high}))
            for c in self.grid(**at, budgets=sorted(budgets), strategies=two, answer_error=error, verify=verify)
        ]
        student = self.grid(**at, budgets=[low, high], strategies=two) + [
            c
            for size in self.student_sizes
            for c in self.grid(**at, budgets=[low, high], strategies=two, student_layers=size, trained_layers=0)
        ]
        side = {**at, "replicates": self.side_replicates}
        local = [
            c
            for gold in self.local_gold
            for strategies, dials in (
                ([*two, "question_rephrase"], {"teacher_gold": gold, "augmenter_gold": gold}),
                (changed, {"teacher_gold": gold, "augmenter_gold": 0}),
                (["answer_augmentation"], {"teacher_gold": 0, "augmenter_gold": 0}),
            )
            for c in self.grid(**side, budgets=[high], strategies=strategies, teacher="local", **dials)
        ]
        pure = [s for s in self.strategies if s != "mixed"]
        tasks = {t: self.grid(**side | {"task": t, "strategies": pure} | OTHER_TASKS[t]) for t in self.other_tasks}
        return {
            "base": self.grid(strategies=pure),
            "mixed": self.grid(**at) if "mixed" in self.strategies else [],
            "coverage": [c for share in self.coverages for c in self.grid(strategies=["new_question"], coverage=share)],
            "augmenter": augmenter,
            "verification": verification,
            "student": student,
            "local": local,
            **tasks,
        }


#: How other tasks are run. No oracle answers GSM-Symbolic in several ways, and none knows the truth of ARC. A student of this size
#: is scored there by likelihood, without the list of choices, whose letters it cannot tell apart.
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


def kept_size(budget: int, answer_error: float) -> int:
    """Return the budget that buys unfiltered as many samples as ``budget`` leaves when wrong answers are dropped.

    >>> kept_size(256, 0.25)
    192
    """
    return max(1, round(budget * (1 - answer_error)))
