"""Tasks by name: :func:`load_task` makes any of them from its settings."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from crossover.errors import CrossoverError, nearest
from crossover.tasks.base import ChoiceTask, Problem, ProceduralTask, Task

__all__ = ["TASKS", "ChoiceTask", "Problem", "ProceduralTask", "Task", "load_task"]

# Module and class of each task, imported only when it is asked for.
TASKS = {
    "math_words": ("crossover.tasks.word_problems.task", "MathWords"),
    "gsm_symbolic": ("crossover.tasks.benchmarks.gsm_symbolic", "GsmSymbolic"),
    "gsm8k": ("crossover.tasks.benchmarks.gsm8k", "Gsm8k"),
    "arc": ("crossover.tasks.benchmarks.arc", "Arc"),
    "text_to_sql": ("crossover.tasks.text_to_sql.task", "TextToSql"),
    "spider": ("crossover.tasks.benchmarks.spider", "Spider"),
    "own": ("crossover.tasks.user_pairs", "UserPairs"),
    "rte": ("crossover.tasks.instructed.yes_no", "Rte"),
    "boolq": ("crossover.tasks.instructed.yes_no", "BoolQ"),
    "mc_taco": ("crossover.tasks.instructed.yes_no", "McTaco"),
    "sst2": ("crossover.tasks.instructed.sentiment", "Sst2"),
    "film_sentiment": ("crossover.tasks.instructed.sentiment", "FilmSentiment"),
    "product_sentiment": ("crossover.tasks.instructed.sentiment", "ProductSentiment"),
    "e2e_nlg": ("crossover.tasks.instructed.e2e_nlg", "E2e"),
    "common_gen": ("crossover.tasks.instructed.common_gen", "CommonGen"),
    "captions": ("crossover.tasks.instructed.common_gen", "Captions"),
}


def load_task(name: str, **settings: Any) -> Task:
    """Make a task from its name and settings.

    Parameters
    ----------
    name : str
        A key of :data:`TASKS`.
    **settings
        The fields of that task's class, such as ``steps=2``.

    Raises
    ------
    CrossoverError
        When the task or a setting is unknown, a setting is missing, or a value is not allowed.

    Examples
    --------
    >>> load_task("math_words", steps=1).name
    'math_words'
    """
    if name not in TASKS:
        raise CrossoverError(f"Unknown task {name!r}.{nearest(name, TASKS)}")
    module, cls = TASKS[name]
    kind = getattr(importlib.import_module(module), cls)
    allowed = [f.name for f in dataclasses.fields(kind) if f.init]
    for key in settings:
        if key not in allowed:
            raise CrossoverError(f"Task {name!r} has no setting {key!r}. It takes: {', '.join(allowed)}.")
    needed = [
        f.name
        for f in dataclasses.fields(kind)
        if f.init and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing := [key for key in needed if key not in settings]:
        raise CrossoverError(
            f"Task {name!r} needs the setting{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}."
        )
    return kind(**settings)
