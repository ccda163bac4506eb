"""Parameters of the budget-ratio chapter."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossover.params.fields import Count, Share, TrainingParameters


class BudgetRatio(TrainingParameters):
    """Parameters of ``03_budget_ratio`` (arXiv 2409.19759)."""

    reads = ("runs.csv",)
    connection = ("base_url", "concurrency", "timeout")
    spending = ("price_in", "price_out", "max_cost", "max_total_tokens")

    task: Literal["math_words", "text_to_sql", "gsm_symbolic", "gsm8k", "arc", "spider", "own"] = Field(
        "math_words", description="what is learnt"
    )
    task_options: dict[str, str | bool | int | float] = Field(
        {}, description="further settings of the task, such as {'subset': 'easy'} for arc"
    )
    strategies: list[Literal["answer_augmentation", "question_rephrase", "new_question", "mixed", "seeds_only"]] = (
        Field(
            ["answer_augmentation", "question_rephrase", "new_question", "seeds_only"],
            min_length=1,
            description="what queries are spent on; seeds_only buys nothing",
        )
    )
    seed_sizes: list[Count] = Field([16], min_length=1, description="seed problems")
    budget_ratios: list[Annotated[float, Field(gt=0)]] = Field(
        [0.5, 1, 2, 4], min_length=1, description="teacher queries for each seed problem"
    )
    budgets: list[Count] = Field([], description="teacher queries; where given, used in place of budget_ratios")
    max_budget: int = Field(512, ge=1, description="teacher queries; larger budgets are left out")
    further_budgets: dict[int, list[Count]] = Field({}, description="further budgets, by seed-set size")
    replicates: int = Field(1, ge=1, le=100, description="draws of the seeds, each with its own students")
    size_replicates: dict[int, Count] = Field({}, description="the same by seed-set size, in place of replicates")
    students: int = Field(1, ge=1, le=100, description="students trained on the same data")
    n_test: int = Field(50, ge=1, description="test problems, the same for every student")
    teacher: Literal["oracle", "local", "endpoint"] = Field("oracle", description="who answers, rephrases and invents")
    teacher_model: str = Field(
        "SmolLM2-135M-Instruct",
        description="local: name, folder, or hub:org/name@revision; endpoint: its server's name for it",
    )
    temperature: float = Field(0.7, gt=0, le=2, description="of a local or endpoint teacher's sampling")
    teacher_gold: int = Field(
        0, ge=0, description="gold problems that the local teacher is fine-tuned on for its answers; 0 only prompts it"
    )
    augmenter_gold: int = Field(
        0, ge=0, description="the same for the one that rephrases and invents; 0 only prompts it"
    )
    gold_layers: int = Field(15, ge=0, description="upper layers that this fine-tuning trains; 0 trains all weights")
    gold_epochs: int = Field(3, ge=1, le=100, description="its passes over the gold problems")
    gold_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="its peak rate of AdamW")
    base_url: str = Field("http://127.0.0.1:8000/v1", description="endpoint's address; its key is in CROSSOVER_API_KEY")
    concurrency: int = Field(8, ge=1, le=1024, description="calls to the endpoint at once")
    timeout: float = Field(120.0, gt=0, description="seconds that a call to the endpoint may take")
    price_in: float = Field(0.0, ge=0, description="money for a million tokens of the endpoint's prompts")
    price_out: float = Field(0.0, ge=0, description="money for a million tokens of the endpoint's replies")
    max_cost: float = Field(0.0, ge=0, description="money that the run may spend at the endpoint; 0 for no cap")
    max_total_tokens: int = Field(0, ge=0, description="tokens that the run may use at the endpoint; 0 for no cap")
    answer_error: Share = Field(0.0, description="share of the oracle's answers that are wrong")
    rephrase_drift: Share = Field(0.0, description="share of rephrasings that lose the meaning")
    invalid_rate: Share = Field(0.0, description="share of new questions that have no answer")
    coverage: Share = Field(1.0, description="share of new questions from the whole task, not edited seeds")
    verify: bool = Field(False, description="drop samples whose answer is wrong")
    student: str = Field("SmolLM2-135M-Instruct", description="model name, folder, or hub:org/name@revision")
    student_layers: int = Field(0, ge=0, description="lowest layers of the student that are kept; 0 keeps all")
    trained_layers: int = Field(8, ge=0, description="upper layers that are trained; 0 trains all weights")
    epochs: int = Field(3, ge=1, le=100, description="passes over the training set")
    min_steps: int = Field(16, ge=1, description="optimiser steps at the least")
    batch_size: int = Field(8, ge=1, description="examples a step")
    learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of AdamW")
    updates: Literal["epochs", "steps", "memorised"] = Field(
        "epochs", description="update rule: fixed epochs, max_steps updates, or until the training set is memorised"
    )
    max_steps: int = Field(0, ge=0, description="updates under steps, most updates under memorised, 0 under epochs")
    weight_decay: float = Field(0.0, ge=0, le=1, description="decoupled weight decay")
    averaged: Share = Field(0.0, description="share of the last steps whose weights are averaged")
    max_new_tokens: int = Field(72, ge=1, le=4096, description="longest answer, in tokens")
    scoring: Literal["generate", "choice"] = Field(
        "generate", description="whether the student writes an answer or picks the likeliest choice (arc)"
    )

    @model_validator(mode="after")
    def _spends_something(self) -> BudgetRatio:
        if not self.budget_list(max(self.seed_sizes)):
            raise ValueError(f"max_budget {self.max_budget} leaves no budget to run; raise it")
        if self.teacher == "oracle" and self.task not in ("math_words", "text_to_sql"):
            raise ValueError(
                f"the oracle knows the truth of math_words and text_to_sql only; for {self.task} set teacher='local' or 'endpoint'"
            )
        if self.teacher != "local" and (self.teacher_gold or self.augmenter_gold):
            raise ValueError(
                f"teacher_gold is {self.teacher_gold} and augmenter_gold {self.augmenter_gold}: the {self.teacher} is not "
                "fine-tuned; set teacher='local', or both to 0"
            )
        if not re.fullmatch(r"https?://[^\s@?#]+", self.base_url):
            # Not shown: it may hold a password or a key, and so would every record of the run.
            raise ValueError(
                "base_url is http(s)://host:port/path without user, query or key; a key is in CROSSOVER_API_KEY"
            )
        if (self.max_steps > 0) != (self.updates != "epochs"):
            raise ValueError(
                f"max_steps must be 0 under updates='epochs' and at least 1 under the other rules, got {self.max_steps} "
                f"under {self.updates!r}"
            )
        if self.max_cost and not (self.price_in or self.price_out):
            raise ValueError(f"max_cost is {self.max_cost:g} but nothing has a price; set price_in and price_out")
        return self

    def budget_list(self, seed_size: int) -> list[int]:
        """Return the budgets, in queries, for one seed-set size."""
        budgets = self.budgets or [max(1, round(ratio * seed_size)) for ratio in self.budget_ratios]
        budgets = sorted({*budgets, *self.further_budgets.get(seed_size, [])})
        return [budget for budget in budgets if budget <= self.max_budget]
