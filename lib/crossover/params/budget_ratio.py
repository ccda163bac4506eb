"""Parameters of the chapters on the budget ratio: the grid, its ablations, and the recipe pilot."""

from __future__ import annotations

import re
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from crossover.params.fields import NAME, Count, OpenShare, Positive, Share, TrainingParameters, value
from crossover.paths import CONFIRMATION


class BudgetRatio(TrainingParameters):
    """Parameters of ``03_budget_ratio`` (arXiv 2409.19759)."""

    reads: ClassVar[tuple[str, ...]] = ("runs.csv", f"../{CONFIRMATION}/runs.csv")
    confirmed = True
    connection = ("base_url", "concurrency")
    spending = ("price_in", "price_out", "max_cost", "max_total_tokens")

    task: Literal["math_words", "text_to_sql", "gsm_symbolic", "gsm8k", "arc", "spider", "own"] = value(
        "math_words", "what is learnt"
    )
    task_options: dict[str, str | bool | int | float] = value(
        {}, "further settings of the task, as {'subset': 'easy'} for arc"
    )
    strategies: list[Literal["answer_augmentation", "question_rephrase", "new_question", "mixed", "seeds_only"]] = (
        value(
            ["answer_augmentation", "question_rephrase", "new_question", "seeds_only"],
            "what calls are spent on; seeds_only buys nothing",
            min_length=1,
        )
    )
    seed_sizes: list[Count] = value([16], "seed problems", min_length=1)
    budget_ratios: list[Positive] = value([0.5, 1, 2, 4], "teacher calls for each seed problem", min_length=1)
    budgets: list[Count] = value([], "teacher calls; where given, used in place of budget_ratios")
    max_budget: int = value(512, "teacher calls; larger budgets are left out", ge=1)
    further_budgets: dict[int, list[Count]] = value({}, "further budgets, by seed-set size")
    replicates: int = value(1, "draws of the seeds, each with its own students", ge=1, le=100)
    size_replicates: dict[int, Count] = value({}, "the same by seed-set size, in place of replicates")
    students: int = value(1, "students trained on the same data", ge=1, le=100)
    n_test: int = value(50, "test problems, the same for every student", ge=1)
    teacher: Literal["oracle", "local", "endpoint"] = value("oracle", "who answers, rephrases and invents")
    teacher_model: str = value(
        "SmolLM2-135M-Instruct", "name, folder or hub:org/name@revision; of an endpoint its server's name"
    )
    temperature: float = value(0.7, "of a local or endpoint teacher's sampling", gt=0, le=2)
    teacher_gold: int = value(0, "gold problems that a local teacher is fine-tuned on; 0 only prompts it", ge=0)
    augmenter_gold: int = value(0, "the same for the one that rephrases and invents", ge=0)
    base_url: str = value("http://127.0.0.1:8000/v1", "endpoint's address; its key is in CROSSOVER_API_KEY")
    concurrency: int = value(8, "calls to the endpoint at once", ge=1, le=1024)
    price_in: float = value(0.0, "money for a million tokens of the endpoint's prompts", ge=0)
    price_out: float = value(0.0, "money for a million tokens of the endpoint's replies", ge=0)
    max_cost: float = value(0.0, "money that the run may spend at the endpoint; 0 for no cap", ge=0)
    max_total_tokens: int = value(0, "tokens that the run may use at the endpoint; 0 for no cap", ge=0)
    answer_error: Share = value(0.0, "share of the oracle's answers that are wrong")
    rephrase_drift: Share = value(0.0, "share of rephrasings that lose the meaning")
    invalid_rate: Share = value(0.0, "share of new questions that have no answer")
    coverage: Share = value(1.0, "share of new questions from the whole task, not edited seeds")
    verify: bool = value(False, "drop samples whose answer is wrong")
    student: str = value("SmolLM2-135M-Instruct", "model name, folder, or hub:org/name@revision")
    student_layers: int = value(0, "lowest layers of the student that are kept; 0 keeps all", ge=0)
    trained_layers: int = value(8, "upper layers that are trained; 0 trains all weights", ge=0)
    epochs: int = value(3, "passes over the training set", ge=1, le=100)
    min_steps: int = value(16, "optimiser steps at the least", ge=1)
    batch_size: int = value(8, "examples a step", ge=1)
    learning_rate: float = value(2e-4, "peak rate of AdamW", gt=0, le=0.1)
    updates: Literal["epochs", "steps", "memorised"] = value(
        "epochs", "fixed epochs, max_steps updates, or until all is memorised"
    )
    max_steps: int = value(0, "updates under steps, most updates under memorised, 0 under epochs", ge=0)
    weight_decay: float = value(0.0, "decoupled weight decay", ge=0, le=1)
    averaged: Share = value(0.0, "share of the last steps whose weights are averaged")
    max_new_tokens: int = value(72, "longest answer, in tokens", ge=1, le=4096)
    scoring: Literal["generate", "choice"] = value(
        "generate", "whether the student writes or picks the likeliest choice (arc)"
    )

    @model_validator(mode="after")
    def _spends_something(self) -> BudgetRatio:
        if not any(map(self.budget_list, self.seed_sizes)):
            raise ValueError(f"max_budget {self.max_budget} leaves no budget to run; raise it")
        if self.teacher == "oracle" and self.task not in ("math_words", "text_to_sql"):
            raise ValueError(
                f"the oracle knows the truth of math_words and text_to_sql only; for {self.task} set teacher='local' or"
                " 'endpoint'"
            )
        dials = (self.answer_error, self.rephrase_drift, self.invalid_rate, self.coverage)
        if self.teacher == "oracle" and self.task == "text_to_sql" and dials != (0, 0, 0, 1):
            raise ValueError("the oracle of text_to_sql makes no mistakes and edits no seeds; leave its four dials")
        if self.teacher != "local" and (self.teacher_gold or self.augmenter_gold):
            raise ValueError(
                f"teacher_gold is {self.teacher_gold} and augmenter_gold {self.augmenter_gold}: the {self.teacher} is"
                " not fine-tuned; set teacher='local', or both to 0"
            )
        check_address(self.base_url)
        if self.max_cost and not (self.price_in or self.price_out):
            raise ValueError(f"max_cost is {self.max_cost:g} but nothing has a price; set price_in and price_out")
        return self

    def budget_list(self, seed_size: int) -> list[int]:
        """Return the budgets, in queries, for one seed-set size."""
        budgets = self.budgets or [max(1, round(ratio * seed_size)) for ratio in self.budget_ratios]
        budgets = sorted({*budgets, *self.further_budgets.get(seed_size, [])})
        return [budget for budget in budgets if budget <= self.max_budget]


class Ablations(BudgetRatio):
    """Parameters of ``04_ablations`` (arXiv 2409.19759, section 5.3): a base grid, and one thing changed at a time."""

    confirmed = False  # some of its sections

    coverages: list[Share] = value([0.0], "coverages of new questions beside the base grid's")
    weak_augmenter: float = value(0.5, "share of questions that a weak augmenter spoils", gt=0, le=1)
    weak_budgets: list[Count] = value([], "further budgets of a weak augmenter, for its curve")
    answer_errors: list[OpenShare] = value([], "shares of wrong answers with which verification is tried")
    student_sizes: list[Count] = value([], "lowest layers kept of smaller students, all of them trained")
    compared_seeds: Count = value(16, "seed problems where single budgets are compared")
    low_budget: Count = value(8, "teacher calls, a small budget")
    high_budgets: list[Count] = value([32, 64], "teacher calls, two large budgets", min_length=2, max_length=2)
    local_gold: list[Count] = value([], "gold problems that local teachers are fine-tuned on")
    other_tasks: list[Literal["text_to_sql", "gsm_symbolic", "arc"]] = value(
        [], "other tasks, with the base strategies"
    )
    other_task_seeds: dict[str, list[Count]] = value({}, "seed problems of other tasks, where not compared_seeds")
    recipes: list[dict[str, int | float | str]] = value([], "changes of the recipe, with the base strategies")
    recipe_seeds: list[Count] = value([], "seed problems of other recipes")
    side_replicates: int = value(2, "draws for local teachers, other tasks and recipes", ge=1, le=100)

    @model_validator(mode="after")
    def _departs_from_a_clean_oracle(self) -> Ablations:
        if (self.teacher, self.task) != ("oracle", "math_words"):
            raise ValueError("the ablations turn the oracle's dials; set teacher='oracle' and task='math_words'")
        if self.low_budget >= min(self.high_budgets) or self.high_budgets[0] >= self.high_budgets[1]:
            raise ValueError(f"low_budget {self.low_budget} and high_budgets {self.high_budgets} must rise")
        return self


#: What a change of the recipe may name.
RECIPE = ("trained_layers", "epochs", "min_steps", "learning_rate", "updates", "max_steps", "weight_decay", "averaged")


class RecipePilot(BudgetRatio):
    """Parameters of ``06_recipe_pilot``: the recipe that the other parameters give, and changes of it."""

    reads = ("runs.csv",)
    confirmed = False

    profile: str = value("recipe", "size of the run", pattern=NAME)
    results: str = value("recipe", "folder under results/ that the run fills", pattern=NAME)
    factors: dict[str, list[dict[str, int | float | str]]] = value(
        {"learning_rate": [{"learning_rate": 1e-4}, {"learning_rate": 4e-4}]},
        "changes of the recipe by factor, tried one at a time",
    )

    @model_validator(mode="after")
    def _changes_recipes(self) -> RecipePilot:
        for factor, changes in self.factors.items():
            for change in changes:
                if unknown := sorted(set(change) - set(RECIPE)):
                    raise ValueError(f"factors[{factor!r}] changes {unknown[0]!r}; a recipe has {', '.join(RECIPE)}")
                BudgetRatio.model_validate(self.model_dump(exclude={"factors"}) | change)
        return self


def check_address(base_url: str) -> None:
    """Refuse what is no server's address, without showing it: it may hold a password or a key."""
    try:
        url, written = urlsplit(base_url), re.fullmatch(r"https?://[^\s@?#]+(\?api-version=[\w.-]+)?", base_url)
        usable = written and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "base_url is http(s)://host:port/path, at most with Azure's ?api-version=, without user or key; a key is in"
            " CROSSOVER_API_KEY"
        )
