"""Tasks by name: :func:`load_task` makes any of them from its settings."""

import dataclasses
from typing import Any

from crossover.errors import CrossoverError, nearest
from crossover.tasks.base import ChoiceTask, Problem, ProceduralTask, Task
from crossover.tasks.benchmarks.arc import Arc
from crossover.tasks.benchmarks.gsm import Gsm8k, GsmSymbolic
from crossover.tasks.benchmarks.spider import Spider
from crossover.tasks.instructed.classification import BoolQ, FilmSentiment, McTaco, ProductSentiment, Rte, Sst2
from crossover.tasks.instructed.common_gen import Captions, CommonGen
from crossover.tasks.instructed.e2e_nlg import E2e
from crossover.tasks.text_to_sql.task import TextToSql
from crossover.tasks.user_pairs import UserPairs
from crossover.tasks.word_problems.task import MathWords

__all__ = ["TASKS", "ChoiceTask", "Problem", "ProceduralTask", "Task", "load_task"]

#: Every task by its name. Heavy libraries and data are read when problems are asked for, not here.
TASKS: dict[str, type[Task]] = {
    str(kind.name): kind
    for kind in (
        *(MathWords, TextToSql, GsmSymbolic, Gsm8k, Arc, Spider, UserPairs),
        *(Rte, BoolQ, McTaco, Sst2, FilmSentiment, ProductSentiment, E2e, CommonGen, Captions),
    )
}


def load_task(name: str, **settings: Any) -> Task:
    """Make a task from its name and settings.

    Parameters
    ----------
    name : str
        A key of :data:`TASKS`.
    **settings
        The fields of that task's class, such as ``subset="easy"`` for ``arc``. What is unknown, missing or not allowed
        is a :class:`CrossoverError`.

    Examples
    --------
    >>> load_task("arc", subset="easy").metric
    'exact match of the final answer'
    """
    if name not in TASKS:
        raise CrossoverError(f"Unknown task {name!r}.{nearest(name, TASKS)}")
    kind: Any = TASKS[name]  # a dataclass
    allowed = [f for f in dataclasses.fields(kind) if f.init]
    names = [f.name for f in allowed]
    for key in settings:
        if key not in names:
            raise CrossoverError(f"Task {name!r} has no setting {key!r}. It takes: {', '.join(names)}.")
    needed = [f.name for f in allowed if f.default is dataclasses.MISSING]
    if missing := [key for key in needed if key not in settings]:
        raise CrossoverError(
            f"Task {name!r} needs the setting{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}."
        )
    return kind(**settings)
