"""The unit of work: one cell is one trained student, named by the digest of everything that decides its numbers."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from crossover.digests import digest
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.models.recipe import Recipe

if TYPE_CHECKING:
    from crossover.evaluation.answers import Outcome  # which loads torch, not needed to say which cells there are
    from crossover.strategies import Funnel


#: Values of settings that cells leave out, by the part of the cell.
DEFAULTS: dict[str, Any] = {
    "recipe.updates": Recipe.updates, "recipe.weight_decay": Recipe.weight_decay, "recipe.averaged": Recipe.averaged,
    "recipe.student_layers": Recipe.student_layers, "teacher.teacher_layers": 0, "teacher.gold": 0, "augmenter.gold": 0,
    "teacher.tuned_on": "own", "teacher.label_error": 0.0, "task.spoilt": 0.0, "task.spoilt_by": "nothing",
    "task.selection": "natural",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What the cells of every experiment have; each field is part of the key.

    ``version`` is raised when the library changes what the rows mean. ``seed_size`` counts the examples at hand,
    ``budget`` the teacher queries; ``replicate`` numbers the draw of both, ``student_seed`` students of the same data.
    The first ``skip_test`` items were used by an earlier study.
    """

    experiment: ClassVar[str]
    #: What a row's budget counts, in words.
    unit: ClassVar[str] = "calls"
    #: Settings that are equal in all cells of an experiment and belong to their keys.
    fixed: ClassVar[dict[str, str]] = {}

    version: int
    task: str
    strategy: str
    teacher: str
    seed_size: int
    budget: int
    replicate: int
    n_test: int
    max_new_tokens: int
    scoring: str = "generate"
    task_settings: dict = field(default_factory=dict)
    teacher_settings: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    skip_test: int = 0
    student_seed: int = 0

    @property
    def settings(self) -> str:
        """The fields as JSON, sorted; those at their default are left out, so that a later field changes no key."""
        decisive = {f.name: v for f in fields(self) if f.compare and (v := getattr(self, f.name)) != _default(f)}
        return json.dumps({"experiment": self.experiment} | self.fixed | decisive, sort_keys=True)

    @property
    def key(self) -> str:
        """The row's name, a digest of :attr:`settings`."""
        return digest(self.settings)

    def setting(self, name: str) -> Any:
        """Return a setting of the task, teacher or augmenter, as ``task.spoilt``, that the cell may leave out."""
        part, _, key = name.partition(".")
        return getattr(self, f"{part}_settings").get(key, DEFAULTS[name])

    @property
    def examples(self) -> int:
        """The most examples that the student can be trained on."""
        return self.seed_size + self.budget

    @property
    def models(self) -> list[str]:
        """The models that are loaded on this machine for the cell."""
        return [self.recipe["model"]]

    @property
    def stream(self) -> str | None:
        """A name for the teacher's calls that budgets share; ``None`` without a teacher."""
        return None

    def __str__(self) -> str:
        student = f", student {self.student_seed}" if self.student_seed else ""
        return (
            f"{self.strategy}, {self.seed_size} seeds, {self.budget} {self.unit}, replicate {self.replicate}{student}"
        )


@dataclass(frozen=True, kw_only=True)
class QueryCell(Cell):
    """A student of what a query budget bought (arXiv 2409.19759).

    ``strategy`` is one of :mod:`crossover.strategies`, or ``"seeds_only"``, which buys nothing; ``teacher`` is oracle,
    local, endpoint or none; ``augmenter_settings`` belong to another teacher of its kind, which rephrases and invents.
    ``connection`` and ``spending`` of a served teacher decide no number and are in no key.
    """

    experiment = "budget_ratio"

    augmenter_settings: dict = field(default_factory=dict)
    verify: bool = False
    connection: dict = field(default_factory=dict, compare=False)
    spending: dict = field(default_factory=dict, compare=False)

    @property
    def gold(self) -> int:
        """Gold problems that the teacher or the augmenter is fine-tuned on; the smaller set is part of the larger."""
        return max(self.setting("teacher.gold"), self.setting("augmenter.gold"))

    @property
    def examples(self) -> int:
        if self.strategy == "seeds_only":
            return self.seed_size
        return max(1, int(self.budget / QUERIES_PER_SAMPLE[self.strategy]))

    @property
    def models(self) -> list[str]:
        local = (self.teacher_settings, self.augmenter_settings) if self.teacher == "local" else ()
        return [self.recipe["model"], *(settings["model"] for settings in local if settings)]

    @property
    def stream(self) -> str | None:
        return _stream(self, self.augmenter_settings) if self.teacher != "none" else None


@dataclass(frozen=True, kw_only=True)
class TeacherCell(Cell):
    """A student of a few original examples and of what a fine-tuned teacher adds (arXiv 2310.01119).

    ``strategy`` is original, annotate, generate or both; ``teacher`` is none, tuned, prompted, encoder or oracle.
    ``teacher_settings`` hold the model, its layers, a temperature per kind of request and a tuned teacher's recipe with
    ``teacher_`` before each field; ``tuned_on`` where it is tuned on other tasks; of an oracle its ``label_error``.
    """

    experiment = "finetuned_teacher"

    @property
    def annotations(self) -> int:
        """Queries that are spent on annotation; the others are spent on generation."""
        return int(self.budget * {"annotate": 1.0, "both": 0.5}.get(self.strategy, 0.0) + 0.5)

    @property
    def models(self) -> list[str]:
        return [self.recipe["model"], *(m for name, m in self.teacher_settings.items() if name == "teacher_model")]

    @property
    def stream(self) -> str | None:
        return _stream(self) if self.teacher != "none" else None


@dataclass(frozen=True, kw_only=True)
class MixtureCell(Cell):
    """A student of real and synthetic questions (arXiv 2310.07830).

    ``strategy`` is untouched, real, tokens_equal or real_equal. ``task_settings`` hold the synthetic ``share`` of the
    training tokens, the ``sizes`` and ``sources`` of evaluation sets, the ``text``, the number of ``texts``, the
    ``question_types``, and what is not natural: ``selection``, ``spoilt``, ``spoilt_by``.
    """

    experiment = "template_questions"
    unit = "synthetic"
    fixed: ClassVar[dict[str, str]] = {"teacher": "templates", "scoring": "harness"}

    teacher: str = "templates"
    scoring: str = "harness"

    @property
    def examples(self) -> int:
        return self.seed_size + (0 if self.strategy == "tokens_equal" else self.budget)


_TYPES: dict[str, type[Cell]] = {kind.experiment: kind for kind in (QueryCell, TeacherCell, MixtureCell)}


def read_cell(settings: str) -> Cell:
    """Return the cell of a row's settings, see :attr:`Cell.settings`."""
    values = json.loads(settings)
    kind = _TYPES[values.pop("experiment")]
    return kind(**{name: value for name, value in values.items() if kind.fixed.get(name) != value})


def _stream(cell: QueryCell | TeacherCell, *settings: dict) -> str:
    named = (cell.task, cell.task_settings, cell.strategy, cell.seed_size, cell.replicate, cell.teacher)
    return digest([*named, cell.teacher_settings, *settings])


def _default(of: Field) -> object:
    return of.default if of.default_factory is MISSING else of.default_factory()


@dataclass(frozen=True)
class TrainingData:
    """A cell's (prompt, completion) pairs and what they cost; ``measures`` are what else is known of them."""

    pairs: list[tuple[str, str]]
    funnel: Funnel
    queries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    measures: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """A trained student's outcomes, and what its training took."""

    outcomes: list[Outcome]
    train_tokens: int
    train_loss: float
    seconds_train: float
    seconds_eval: float
