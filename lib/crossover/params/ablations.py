"""Parameters of the ablations chapter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossover.params.budget_ratio import BudgetRatio
from crossover.params.fields import Count, Share


class Ablations(BudgetRatio):
    """Parameters of ``04_ablations`` (arXiv 2409.19759, section 5.3): a base grid, and one thing changed at a time."""

    coverages: list[Share] = Field([0.0], description="coverages of new questions beside the base grid's")
    weak_augmenter: float = Field(0.5, gt=0, le=1, description="share of questions that a weak augmenter spoils")
    weak_budgets: list[Count] = Field(
        [], description="teacher queries of a weak augmenter beside high_budgets, for its curve"
    )
    answer_errors: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [], description="shares of wrong answers at which verification is tried"
    )
    student_sizes: list[Count] = Field([], description="lowest layers kept of smaller students, all of them trained")
    compared_seeds: Count = Field(16, description="seed problems where single budgets are compared")
    low_budget: Count = Field(8, description="teacher queries, a small budget")
    high_budgets: list[Count] = Field(
        [32, 64], min_length=2, max_length=2, description="teacher queries, two large budgets"
    )
    local_gold: list[Count] = Field([], description="gold problems that local teachers are fine-tuned on")
    other_tasks: list[Literal["text_to_sql", "gsm_symbolic", "arc"]] = Field(
        [], description="other tasks on which the base strategies are run"
    )
    other_task_seeds: dict[str, list[Count]] = Field(
        {}, description="seed problems of other tasks, where not compared_seeds"
    )
    recipes: list[dict[str, int | float | str]] = Field(
        [], description="changes of the recipe under which the base strategies are run again"
    )
    recipe_seeds: list[Count] = Field([], description="seed problems of other recipes")
    side_replicates: int = Field(
        2, ge=1, le=100, description="draws of the seeds for local teachers, other tasks and other recipes"
    )
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
