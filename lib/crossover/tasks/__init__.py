"""Tasks by name: :func:`load_task` makes any of them from its settings."""

import inspect
from typing import Any

from crossover.errors import CrossoverError, nearest
from crossover.tasks.base import Problem, ProceduralTask, Task
from crossover.tasks.benchmarks import Arc, Gsm8k, GsmSymbolic, Spider
from crossover.tasks.instructed.base import BoolQ, McTaco, Rte, Sst2
from crossover.tasks.instructed.generation import Captions, CommonGen, E2e
from crossover.tasks.text_to_sql.task import TextToSql
from crossover.tasks.user_pairs import UserPairs
from crossover.tasks.word_problems.task import MathWords

__all__ = ["TASKS", "Problem", "ProceduralTask", "Task", "load_task"]

#: Every task by its name. Heavy libraries and data are read when problems are asked for, not here.
TASKS: dict[str, type[Task]] = {
    str(kind.name): kind
    for kind in (
        *(MathWords, TextToSql, GsmSymbolic, Gsm8k, Arc, Spider, UserPairs),
        *(Rte, BoolQ, McTaco, Sst2, E2e, CommonGen, Captions),
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
    allowed = inspect.signature(kind)
    try:
        allowed.bind(**settings)
    except TypeError as problem:
        names = ", ".join(allowed.parameters)
        raise CrossoverError(f"Settings of the task {name!r}: {problem}. It takes: {names}.") from None
    return kind(**settings)
