"""Notebook parameters: their types, units and ranges; the profiles that set them; the grid of cells they stand for.

A notebook's ``parameters`` cell holds plain Python literals. The class of the same notebook here says what each may be.
A value is checked before anything starts, and an error names the parameter, the value, what is allowed and, for an
unknown name, the nearest known one.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crossover.errors import CrossoverError, nearest
from crossover.store import repository

if TYPE_CHECKING:
    from crossover.cells import Cell

PROFILES = ("smoke", "laptop", "study", "paper")
PUBLISHED = "study"  # the profile whose results are committed and shown in the published book
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Parameters(BaseModel):
    """What every notebook has: where its results go."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: Result tables that the notebook reads, of its own run and of the published study. Of the run's ``runs.csv`` a notebook
    #: that has cells reads their rows alone.
    reads: ClassVar[tuple[str, ...]] = ()
    #: Parameters that decide no number: how a served teacher is called, and what it may cost.
    connection: ClassVar[tuple[str, ...]] = ()
    spending: ClassVar[tuple[str, ...]] = ()

    profile: Literal["smoke", "laptop", "study", "paper"] = Field("laptop", description="size of the run")
    results: str = Field("laptop", pattern=r"^[\w.-]+$", description="folder under results/ that the run fills")

    def cells(self) -> list[Cell]:
        """Return the cells that the notebook runs; none for a notebook that trains no student."""
        return []


World = Literal["independent", "shared_3", "shared_8", "edge", "beyond"]


class KnownTruth(Parameters):
    """Parameters of ``00_known_truth``."""

    reads = ("coverage.csv",)

    studies: int = Field(100, ge=4, le=10_000, description="simulated studies a design; the stress tests take half")
    draws: int = Field(300, ge=50, le=10_000, description="bootstrap draws a study")
    level: float = Field(0.9, gt=0, lt=1, description="level of the intervals")
    seed: int = Field(0, ge=0, description="of the simulations")
    designs: list[Literal["independent", "shared_3", "shared_8", "edge", "beyond", "never"]] = Field(
        ["independent", "shared_3", "shared_8", "edge", "beyond", "never"], min_length=1, description="worlds"
    )
    example: World = Field("shared_3", description="world of the worked example")
    spend: float = Field(20_000.0, gt=0, description="queries that the planner may spend")


class BudgetRatio(Parameters):
    """Parameters of ``03_budget_ratio`` (arXiv 2409.19759)."""

    reads = ("runs.csv",)
    connection = ("base_url", "concurrency", "timeout")
    spending = ("price_in", "price_out", "max_cost", "max_total_tokens")

    task: Literal["math_words", "text_to_sql", "gsm_symbolic", "gsm8k", "arc", "spider"] = Field(
        "math_words", description="what is learnt"
    )
    task_options: dict[str, str | bool | int | float] = Field(
        {}, description="further settings of the task, such as {'shapes': 'simple'} for text_to_sql"
    )
    steps: int = Field(1, ge=1, le=3, description="calculations a problem, math_words only")
    distractors: int = Field(0, ge=0, le=3, description="sentences that do not matter, math_words only")
    strategies: list[Literal["answer_augmentation", "question_rephrase", "new_question", "mixed"]] = Field(
        ["answer_augmentation", "question_rephrase", "new_question"],
        min_length=1,
        description="what queries are spent on",
    )
    seed_sizes: list[Count] = Field([16], min_length=1, description="seed problems")
    budget_ratios: list[Annotated[float, Field(gt=0)]] = Field(
        [1, 2, 4, 8, 16], min_length=1, description="teacher queries for each seed problem"
    )
    budgets: list[Count] = Field([], description="teacher queries; where given, used in place of budget_ratios")
    max_budget: int = Field(512, ge=1, description="teacher queries; larger budgets are left out")
    replicates: int = Field(1, ge=1, le=100, description="draws of the seeds, each with its own students")
    n_test: int = Field(100, ge=1, description="test problems, the same for every student")
    teacher: Literal["oracle", "local", "endpoint"] = Field("oracle", description="who answers, rephrases and invents")
    teacher_model: str = Field(
        "SmolLM2-135M-Instruct", description="local: name, folder, or hub:org/name@revision; endpoint: its server's name for it"
    )
    temperature: float = Field(0.7, gt=0, le=2, description="of a local or endpoint teacher's sampling")
    teacher_gold: int = Field(0, ge=0, description="gold problems that the local teacher is fine-tuned on for its answers; 0 only prompts it")
    augmenter_gold: int = Field(0, ge=0, description="the same for the one that rephrases and invents; 0 only prompts it")
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
    trained_layers: int = Field(15, ge=0, description="upper layers that are trained; 0 trains all weights")
    epochs: int = Field(3, ge=1, le=100, description="passes over the training set")
    min_steps: int = Field(16, ge=1, description="optimiser steps at the least")
    batch_size: int = Field(8, ge=1, description="examples a step")
    learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of AdamW")
    max_new_tokens: int = Field(72, ge=1, le=4096, description="longest answer, in tokens")
    scoring: Literal["generate", "choice"] = Field(
        "generate", description="whether the student writes an answer or picks the likeliest choice (arc)"
    )
    workers: int = Field(0, ge=0, description="parallel students; 0 for one a core as memory allows")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where students run")

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
            raise ValueError("base_url is http(s)://host:port/path without user, query or key; a key is in CROSSOVER_API_KEY")
        if self.max_cost and not (self.price_in or self.price_out):
            raise ValueError(f"max_cost is {self.max_cost:g} but nothing has a price; set price_in and price_out")
        return self

    def budget_list(self, seed_size: int) -> list[int]:
        """Return the budgets, in queries, for one seed-set size."""
        budgets = self.budgets or [max(1, round(ratio * seed_size)) for ratio in self.budget_ratios]
        return [budget for budget in budgets if budget <= self.max_budget]

    def _task_settings(self) -> dict[str, object]:
        own = {"steps": self.steps, "distractors": self.distractors} if self.task == "math_words" else {}
        return own | self.task_options

    def _teacher_settings(self, gold: int) -> dict[str, object]:
        if self.teacher == "local":
            tuning = {
                "gold": gold,
                "recipe": {
                    "trained_layers": self.gold_layers,
                    "epochs": self.gold_epochs,
                    "min_steps": 16,
                    "batch_size": 8,
                    "learning_rate": self.gold_learning_rate,
                },
            }
            return {"model": self.teacher_model, "temperature": self.temperature, **(tuning if gold else {})}
        if self.teacher == "endpoint":
            return {"model": self.teacher_model, "temperature": self.temperature}
        return {name: getattr(self, name) for name in ("answer_error", "rephrase_drift", "invalid_rate", "coverage")}

    def cells(self) -> list[Cell]:
        """Return the grid, replicate by replicate, longest cells first within one so that workers end together."""
        return _longest_first(self.grid())

    def grid(self, **changes: object) -> list[Cell]:
        """Return the cells of these parameters with some of them changed; ``changes`` are not checked again."""
        return self.model_copy(update=changes)._product() if changes else self._product()

    def _product(self) -> list[Cell]:
        from crossover.cells import Cell

        fixed = {
            "experiment": "budget_ratio",
            "version": 2,
            "task": self.task,
            "task_settings": self._task_settings(),
            "teacher": self.teacher,
            "teacher_settings": self._teacher_settings(self.teacher_gold),
            "augmenter_settings": {} if self.augmenter_gold == self.teacher_gold else self._teacher_settings(self.augmenter_gold),
            "connection": {name: getattr(self, name) for name in self.connection},
            "spending": {name: getattr(self, name) for name in self.spending},
            "verify": self.verify,
            "n_test": self.n_test,
            "scoring": self.scoring,
            "max_new_tokens": self.max_new_tokens,
            "recipe": {
                "model": self.student,
                "trained_layers": self.trained_layers,
                "epochs": self.epochs,
                "min_steps": self.min_steps,
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                **({"student_layers": self.student_layers} if self.student_layers else {}),
            },
        }
        return [
            Cell(**fixed, strategy=strategy, seed_size=seed_size, budget=budget, replicate=replicate)
            for replicate, seed_size in itertools.product(range(self.replicates), self.seed_sizes)
            for budget, strategy in itertools.product(self.budget_list(seed_size), self.strategies)
        ]


def _longest_first(cells: Iterable[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (cell.replicate, -cell.budget))


class Ablations(BudgetRatio):
    """Parameters of ``04_ablations`` (arXiv 2409.19759, section 5.3): a base grid, and one thing changed at a time."""

    strategies: list[Literal["answer_augmentation", "question_rephrase", "new_question", "mixed"]] = Field(
        ["answer_augmentation", "question_rephrase", "new_question", "mixed"],
        min_length=1,
        description="lines of the base grid; mixed at compared_seeds alone",
    )
    coverages: list[Share] = Field([0.0], description="coverages of new questions beside the base grid's")
    weak_augmenter: float = Field(0.5, gt=0, le=1, description="share of questions that a weak augmenter spoils")
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
    other_tasks: list[Literal["text_to_sql", "arc"]] = Field([], description="other tasks on which the base strategies are run")
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

    def cells(self) -> list[Cell]:
        """Return the cells of every ablation and of the base grid, each once."""
        cells = {cell.key: cell for grid in self.grids().values() for cell in grid}
        return _longest_first(cells.values())

    def grids(self) -> dict[str, list[Cell]]:
        """Return the cells of each ablation, those of the base that it is compared with included."""
        two, at = ["answer_augmentation", "new_question"], {"seed_sizes": [self.compared_seeds]}
        low, (middle, high) = self.low_budget, self.high_budgets
        changed = ["question_rephrase", "new_question"]
        weak = {"invalid_rate": self.weak_augmenter, "rephrase_drift": self.weak_augmenter}
        augmenter = [
            c for change in ({}, weak) for c in self.grid(**at, budgets=[middle, high], strategies=changed, **change)
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


#: How other tasks are run. No oracle knows the truth of ARC, and a student of this size is scored there by likelihood, without
#: the list of choices, whose letters it cannot tell apart.
OTHER_TASKS: dict[str, dict[str, object]] = {
    "text_to_sql": {"task_options": {"shapes": "simple"}, "max_new_tokens": 64},
    "arc": {"task_options": {"listed": False}, "scoring": "choice", "teacher": "local", "max_new_tokens": 48, "replicates": 1},
}


def kept_size(budget: int, answer_error: float) -> int:
    """Return the budget that buys unfiltered as many samples as ``budget`` leaves when wrong answers are dropped.

    >>> kept_size(256, 0.25)
    192
    """
    return max(1, round(budget * (1 - answer_error)))


class FinetunedTeacher(Parameters):
    """Parameters of ``02_finetuned_teacher`` (arXiv 2310.01119).

    The grid is a star: every task, size and replicate at the first value of each list of dials, then each further value
    of one dial with the others at their first.
    """

    reads = ("runs.csv",)

    tasks: list[
        Literal[
            "rte", "boolq", "sst2", "mc_taco", "e2e_nlg", "common_gen", "film_sentiment", "product_sentiment", "captions"
        ]
    ] = Field(["film_sentiment", "captions"], min_length=1, description="what is learnt")
    source: Literal["pypi", "dir", "hub"] = Field("pypi", description="where the data come from")
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$", description="commit of the data set, source hub only")
    fractions: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.05], description="original examples as a share of the training split"
    )
    originals: list[Count] = Field([], description="original examples; where given, used in place of fractions")
    conditions: list[Literal["annotate", "generate", "both"]] = Field(
        ["annotate", "generate", "both"], min_length=1, description="what the teacher adds to the original examples"
    )
    teachers: list[Literal["tuned", "prompted"]] = Field(
        ["tuned", "prompted"], min_length=1, description="fine-tuned on the original examples, or not"
    )
    amounts: list[Annotated[float, Field(gt=0)]] = Field(
        [4], min_length=1, description="teacher queries for each original example"
    )
    annotate_temperatures: list[Annotated[float, Field(gt=0, le=2)]] = Field(
        [0.1], min_length=1, description="of sampling annotations"
    )
    generate_temperatures: list[Annotated[float, Field(gt=0, le=2)]] = Field(
        [0.8], min_length=1, description="of sampling new examples"
    )
    teacher_layers: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="lowest layers of the teacher that are kept; 0 keeps all"
    )
    teacher_model: str = Field("SmolLM2-135M-Instruct", description="name, folder, or hub:org/name@revision")
    teacher_trained_layers: int = Field(15, ge=0, description="upper layers that tuning trains; 0 trains all weights")
    teacher_epochs: int = Field(3, ge=1, le=100, description="passes over the original examples")
    teacher_min_steps: int = Field(16, ge=1, description="optimiser steps at the least")
    teacher_batch_size: int = Field(8, ge=1, description="examples a step")
    teacher_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    classifier: str = Field("all-MiniLM-L6-v2", description="student of classification tasks")
    classifier_family: Literal["encoder", "causal"] = Field("encoder", description="how the classifier labels")
    classifier_epochs: int = Field(4, ge=1, le=100, description="passes over the training set")
    classifier_min_steps: int = Field(80, ge=1, description="optimiser steps at the least")
    classifier_batch_size: int = Field(16, ge=1, description="examples a step")
    classifier_learning_rate: float = Field(1e-4, gt=0, le=0.1, description="peak rate of Adam")
    writer: str = Field("SmolLM2-135M-Instruct", description="student of generation tasks, a causal model")
    writer_layers: int = Field(10, ge=0, description="lowest layers of the writer that are kept; 0 keeps all")
    writer_trained_layers: int = Field(0, ge=0, description="upper layers that are trained; 0 trains all weights")
    writer_epochs: int = Field(3, ge=1, le=100, description="passes over the training set")
    writer_min_steps: int = Field(48, ge=1, description="optimiser steps at the least")
    writer_batch_size: int = Field(8, ge=1, description="examples a step")
    writer_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    replicates: int = Field(1, ge=1, le=100, description="draws of the original examples, each with its own students")
    n_test: int = Field(200, ge=1, description="test items, the same for every student")
    workers: int = Field(0, ge=0, description="parallel students; 0 for one a core as memory allows")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where teachers and students run")

    @model_validator(mode="after")
    def _one_revision(self) -> FinetunedTeacher:
        if (self.source == "hub") != bool(self.revision):
            raise ValueError("revision is the commit to read from the hub: give it with source='hub', and only then")
        if self.source == "hub" and len(self.tasks) > 1:
            raise ValueError("a revision is one data set's: with source='hub' give one task a run")
        if not self.fractions and not self.originals:
            raise ValueError("fractions and originals are both empty; give one of them")
        return self

    def cells(self) -> list[Cell]:
        """Return the star of cells, those that share a fine-tuned teacher next to each other."""
        from crossover.cells import Cell
        from crossover.tasks import load_task
        from crossover.tasks.instructed import Labelled

        grid: dict[str, Cell] = {}
        for replicate, name in itertools.product(range(self.replicates), self.tasks):
            settings = {"source": self.source} | ({"revision": self.revision} if self.revision else {})
            task = load_task(name, **settings)
            labelled = isinstance(task, Labelled)
            fixed = {
                "experiment": "finetuned_teacher",
                "version": 1,
                "task": name,
                "task_settings": settings,
                "replicate": replicate,
                "n_test": self.n_test,
                "max_new_tokens": task.output_tokens,
                "recipe": self._recipe("classifier" if labelled else "writer"),
                "scoring": "classify" if labelled and self.classifier_family == "encoder" else "generate",
            }
            for size in self.originals or [task.share(fraction) for fraction in self.fractions]:
                cells = [Cell(**fixed, seed_size=size, strategy="original", teacher="none", budget=0)]
                for dials in self._star():
                    for teacher, strategy in itertools.product(self.teachers, self.conditions):
                        budget = max(1, round(dials["amount"] * size))
                        settings_ = self._teacher_settings(teacher, strategy, dials)
                        cells.append(
                            Cell(**fixed, seed_size=size, strategy=strategy, teacher=teacher, budget=budget, teacher_settings=settings_)
                        )
                cells.sort(key=lambda cell: (cell.teacher, cell.teacher_settings.get("teacher_layers", 0)))
                grid |= {cell.key: cell for cell in cells}
        return list(grid.values())

    def _star(self) -> list[dict[str, float]]:
        """The settings of the dials: all at their first value, then one at a time at its others."""
        dials = {
            "amount": self.amounts,
            "annotate_temperature": self.annotate_temperatures,
            "generate_temperature": self.generate_temperatures,
            "teacher_layers": self.teacher_layers,
        }
        base = {name: values[0] for name, values in dials.items()}
        return [base] + [base | {name: value} for name, values in dials.items() for value in values[1:]]

    def _teacher_settings(self, teacher: str, strategy: str, dials: Mapping[str, float]) -> dict[str, object]:
        """The settings that matter to a cell, so that a dial that it does not use gives no second cell."""
        kinds = {"annotate": ["annotate"], "generate": ["generate"], "both": ["annotate", "generate"]}[strategy]
        names = ("trained_layers", "epochs", "min_steps", "batch_size", "learning_rate") if teacher == "tuned" else ()
        return (
            {"teacher_model": self.teacher_model}
            | ({"teacher_layers": dials["teacher_layers"]} if dials["teacher_layers"] else {})
            | {f"{kind}_temperature": dials[f"{kind}_temperature"] for kind in kinds}
            | {f"teacher_{name}": getattr(self, f"teacher_{name}") for name in names}
        )

    def _recipe(self, role: str) -> dict[str, object]:
        names = ("epochs", "min_steps", "batch_size", "learning_rate")
        recipe = {"model": getattr(self, role)} | {name: getattr(self, f"{role}_{name}") for name in names}
        if role == "classifier":
            return recipe | {"trained_layers": 0}
        layers = {"student_layers": self.writer_layers} if self.writer_layers else {}
        return recipe | {"trained_layers": self.writer_trained_layers} | layers


class ClaimsPage(Parameters):
    """Parameters of ``05_claims``: none of its own; it reads what the other chapters' runs left."""

    reads = ("runs.csv",)


SCHEMAS: dict[str, type[Parameters]] = {
    "00_known_truth": KnownTruth,
    "03_budget_ratio": BudgetRatio,
    "04_ablations": Ablations,
    "05_claims": ClaimsPage,
}


def find_notebook(name: str) -> str:
    """Return the full name of a notebook given by name, number or file name (``"03"``, ``"03_budget_ratio.ipynb"``)."""
    wanted = Path(name).stem
    found = [known for known in SCHEMAS if known == wanted or known.split("_")[0] == wanted]
    if not found:
        raise CrossoverError(f"Unknown notebook {name!r}.{nearest(wanted, SCHEMAS)}")
    return found[0]


def load_profile(profile: str) -> dict[str, dict[str, object]]:
    """Return a profile's settings, by notebook, as written in ``notebooks/profiles/<profile>.yaml``."""
    if profile not in PROFILES:
        raise CrossoverError(f"Unknown profile {profile!r}.{nearest(profile, PROFILES)}")
    path = repository() / "notebooks" / "profiles" / f"{profile}.yaml"
    return yaml.safe_load(path.read_text()) or {}


def resolve(notebook: str, profile: str, overrides: Mapping[str, object]) -> Parameters:
    """Return the parameters of one run: defaults, then the profile's, then the user's.

    Parameters
    ----------
    notebook : str
        A full name, see :func:`find_notebook`.
    profile : str
    overrides : mapping
        The user's own values. With any of them, results go to a folder of their own, named by the digest of those that
        decide numbers: a run goes on where it was when its server has moved.

    Raises
    ------
    CrossoverError
        An unknown name, a wrong type, a value out of range, or a combination that cannot be run.
    """
    settings = load_profile(profile).get(notebook)
    if settings is None:
        raise CrossoverError(f"The profile {profile} does not run {notebook}; see notebooks/profiles/{profile}.yaml.")
    values = {"profile": profile, "results": profile, **settings}
    schema = SCHEMAS[notebook]
    if overrides:
        import hashlib

        decisive = {name: v for name, v in overrides.items() if name not in (*schema.connection, *schema.spending)}
        text = json.dumps([notebook, decisive], sort_keys=True)
        values["results"] = f"{profile}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return check(notebook, values | overrides)


def check(notebook: str, values: Mapping[str, object]) -> Parameters:
    """Return the checked parameters of a notebook, or raise a :class:`CrossoverError` that names what is wrong."""
    schema = SCHEMAS[notebook]
    try:
        return schema.model_validate(dict(values))
    except ValidationError as problem:
        raise CrossoverError("\n".join(_message(schema, error) for error in problem.errors())) from None


def collect(notebook: str, namespace: Mapping[str, object]) -> Parameters:
    """Return a notebook's checked parameters from its own variables: ``collect("03_budget_ratio", globals())``."""
    return check(notebook, {name: namespace[name] for name in SCHEMAS[notebook].model_fields if name in namespace})


def parse_override(text: str) -> tuple[str, object]:
    """Read ``name=value`` as typed on the command line; the value is a Python literal or, failing that, a string.

    >>> parse_override("seed_sizes=[16, 32]"), parse_override("task=gsm8k")
    (('seed_sizes', [16, 32]), ('task', 'gsm8k'))
    """
    import ast

    name, equals, value = text.partition("=")
    if not equals:
        raise CrossoverError(f"{text!r} is not of the form name=value, as in -p seed_sizes='[16]'.")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()


def describe(schema: type[Parameters]) -> list[tuple[str, str, str, str]]:
    """Return name, default, what is allowed, and what it means, for each parameter of a notebook."""
    fields = schema.model_json_schema()["properties"]
    return [
        (name, json.dumps(spec.get("default")), _allowed(spec), spec.get("description", ""))
        for name, spec in fields.items()
    ]


def _message(schema: type[Parameters], error: Mapping) -> str:
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][0])
        return f"Unknown parameter {name!r}.{nearest(name, schema.model_fields)}"
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    spec = schema.model_json_schema()["properties"][name]
    where = "".join(f"[{part}]" for part in error["loc"][1:])
    return f"Parameter {name}{where} is {error['input']!r}: {error['msg'].lower()}. Allowed: {_allowed(spec)} ({spec['description']})."


def _allowed(spec: Mapping) -> str:
    """Say in words what a JSON-schema fragment allows."""
    if "enum" in spec or "const" in spec:
        return " or ".join(map(repr, spec.get("enum", [spec.get("const")])))
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "True or False"}
    kind = (words | {"object": "values by name"}).get(spec["type"], "list")
    if kind == "list":
        return f"list of: {_allowed(spec['items'])}"
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = [f"{word} {spec[name]:g}" for name, word in bounds.items() if name in spec]
    return " ".join([kind, " and ".join(limits)]).strip()
