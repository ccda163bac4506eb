"""What a profile needs from elsewhere: every model, data set and text is asked for once, and what cannot be had is listed.

Each is asked for in the very way in which a run would, so with a network this fetches what is missing, and without one the
message of each says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crossover.data.closed_book import SETS, pool, test_rows
from crossover.errors import CrossoverError
from crossover.models.weights import model_folder
from crossover.questions.bank import read_texts
from crossover.study.cell import Cell, MixtureCell
from crossover.tasks import load_task


def needs(cells: Iterable[Cell]) -> dict[str, Callable[[], object]]:
    """Return what cells need, by what it is, each with a call that gets it."""
    found: dict[str, Callable[[], object]] = {}
    for cell in cells:
        for model in cell.models:
            found.setdefault(f"model {model}", lambda model=model: model_folder(model))
        if isinstance(cell, MixtureCell):
            text, sources = cell.task_settings["text"], cell.task_settings["sources"]
            streamed = ", which is read as it comes and not kept" if text.startswith("hub:") else ""
            found.setdefault(f"text {text}{streamed}", lambda text=text: next(iter(read_texts(text))))
            for name, source in sources.items():
                found.setdefault(f"data {name}, from {source}", lambda name=name, source=source: _sides(name, source))
        else:
            options = cell.task_settings
            origin = f", from {options['source']}" if "source" in options else ""
            found.setdefault(f"data {cell.task}{origin}", lambda cell=cell: _first(cell))
    return found


def _first(cell: Cell) -> None:
    """Read the first test item and the first seed of a cell's task."""
    task = load_task(cell.task, **cell.task_settings)
    task.test(1), task.seeds(1, 0)


def _sides(name: str, source: str) -> None:
    """Read the test side of an evaluation set and, of one with questions, the side that is trained on."""
    test_rows(name, source)
    if SETS[name].question:
        pool({name: source})


def get(wanted: dict[str, Callable[[], object]]) -> Iterator[tuple[str, str]]:
    """Get each, and yield what it is with an empty text, or with what keeps it from being had."""
    for what, call in wanted.items():
        try:
            call()
        except CrossoverError as problem:
            yield what, str(problem)
        else:
            yield what, ""
