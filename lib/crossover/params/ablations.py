"""Parameters of the ablations chapter."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from crossover.params.budget_ratio import BudgetRatio
from crossover.params.fields import Count, OpenShare, Positive, Share, value


class Ablations(BudgetRatio):
    """Parameters of ``04_ablations`` (arXiv 2409.19759, section 5.3): a base grid, and one thing changed at a time."""

    coverages: list[Share] = value([0.0], "coverages of new questions beside the base grid's")
    weak_augmenter: float = value(0.5, "share of questions that a weak augmenter spoils", gt=0, le=1)
    weak_budgets: list[Count] = value([], "further budgets of a weak augmenter, for its curve")
    answer_errors: list[OpenShare] = value([], "shares of wrong answers with which verification is tried")
    student_sizes: list[Count] = value([], "lowest layers kept of smaller students, all of them trained")
    compared_seeds: Count = value(16, "seed problems where single budgets are compared")
    low_budget: Count = value(8, "teacher queries, a small budget")
    high_budgets: list[Count] = value([32, 64], "teacher queries, two large budgets", min_length=2, max_length=2)
    local_gold: list[Count] = value([], "gold problems that local teachers are fine-tuned on")
    other_tasks: list[Literal["text_to_sql", "gsm_symbolic", "arc"]] = value(
        [], "other tasks, with the base strategies"
    )
    other_task_seeds: dict[str, list[Count]] = value({}, "seed problems of other tasks, where not compared_seeds")
    recipes: list[dict[str, int | float | str]] = value([], "changes of the recipe, with the base strategies")
    recipe_seeds: list[Count] = value([], "seed problems of other recipes")
    side_replicates: int = value(2, "draws for local teachers, other tasks and recipes", ge=1, le=100)
    question_costs: list[Positive] = value([0.25, 0.5, 1, 2, 4], "cost of writing a question, in answers")

    @model_validator(mode="after")
    def _departs_from_a_clean_oracle(self) -> Ablations:
        if self.teacher != "oracle":
            raise ValueError("the ablations turn the oracle's dials; set teacher='oracle'")
        if self.low_budget >= min(self.high_budgets) or self.high_budgets[0] >= self.high_budgets[1]:
            raise ValueError(f"low_budget {self.low_budget} and high_budgets {self.high_budgets} must rise")
        return self
