"""What a profile needs from elsewhere: every model, data set and text is asked for once, and what cannot be had is listed.

Each is asked for in the very way in which a run would, so with a network this fetches what is missing, and without one the
message of each says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from crossover.data.closed_book import SETS, pool, test_rows
from crossover.data.corpora import read_texts
from crossover.errors import CrossoverError
from crossover.models.weights import model_folder
from crossover.study.cell import Cell, MixtureCell
from crossover.tasks import load_task


def requirements(cells: Iterable[Cell]) -> dict[str, Callable[[], object]]:
    """Return what cells need, by what it is, each with a call that gets it."""
    found: dict[str, Callable[[], object]] = {}
    for cell in cells:
        found |= {f"model {model}": partial(model_folder, model) for model in cell.models}
        settings = cell.task_settings
        if isinstance(cell, MixtureCell):
            streamed = ", which is read as it comes and not kept" if settings["text"].startswith("hub:") else ""
            found[f"text {settings['text']}{streamed}"] = partial(_first_text, settings["text"])
            found |= {
                f"data {name}, from {source}": partial(_sides, name, source)
                for name, source in settings["sources"].items()
            }
        else:
            origin = f", from {settings['source']}" if "source" in settings else ""
            found[f"data {cell.task}{origin}"] = partial(_first_problems, cell)
    return found


def fetch(wanted: dict[str, Callable[[], object]]) -> Iterator[tuple[str, str]]:
    """Get each, and yield what it is with an empty text, or with what keeps it from being had."""
    for what, call in wanted.items():
        try:
            call()
        except CrossoverError as problem:
            yield what, str(problem)
        else:
            yield what, ""


def _first_text(text: str) -> None:
    next(iter(read_texts(text)))


def _first_problems(cell: Cell) -> None:
    task = load_task(cell.task, **cell.task_settings)
    task.test(1), task.seeds(1, 0)


def _sides(name: str, source: str) -> None:
    """Read the test side of an evaluation set and, of one with questions, the side that is trained on."""
    test_rows(name, source)
    if SETS[name].question:
        pool({name: source})
