"""What a grid will take before anything is spent: students, teacher calls, tokens, money and hours.

Amounts are arrays of a low and a high end. Rates come from the published study's rows: tokens per call, tokens per
training example, seconds per token and per test item, each from its 10th to its 90th percentile over cells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from crossover.models.recipe import Recipe
from crossover.params.fields import TrainingParameters
from crossover.params.profiles import load_profile, resolve
from crossover.paths import PUBLISHED, repository, results_folder
from crossover.study.cell import Cell
from crossover.study.grids import cells_of
from crossover.study.store import read_runs

#: What an hour of students is an hour of, by device.
HOURS = {"cpu": "core", "cuda": "GPU"}


@dataclass(frozen=True)
class Estimate:
    """What is left of a grid of ``students``: teacher calls at most, tokens, hours of one worker.

    ``hours`` leave out the ``unknown`` students, whose model is on no record; ``basis`` says what they rest on.
    """

    students: int
    left: int
    calls: int
    tokens_in: np.ndarray
    tokens_out: np.ndarray
    train_tokens: np.ndarray
    hours: np.ndarray
    unknown: int
    basis: tuple[str, ...]


def span(ends: np.ndarray, form: str = ",.0f") -> str:
    """Write a low and a high end, once where they print alike.

    >>> span(np.array([1.24, 5000])), span(np.array([2.0, 2.1]))
    ('1 to 5,000', '2')
    """
    return " to ".join(dict.fromkeys(format(end, form) for end in ends))


def estimate(
    cells: Sequence[Cell], done: Collection[str], study: pd.DataFrame, device: str, example_tokens: float | None = None
) -> Estimate:
    """Estimate from the published rows (``study``) what the cells whose keys are not ``done`` will take."""
    left, near = [cell for cell in cells if cell.key not in done], _rates(study, device)
    # Of cells that share calls, the one with the most.
    streams = {cell.stream: cell for cell in sorted(left, key=lambda cell: cell.budget) if cell.stream and cell.budget}
    read, written, trained, seconds = np.zeros((4, 2))
    for cell in streams.values():
        kind = _kind(cell)
        read += near("read", *kind) * cell.budget
        written += np.array([min(near("written", *kind)[0], cell.max_new_tokens), cell.max_new_tokens]) * cell.budget
    recorded = set(study.loc[study["device"] == device, "student"])
    unknown, basis = 0, set()
    for cell in left:
        kind, recipe = _kind(cell), Recipe(**cell.recipe)
        example = near("example", *kind, otherwise=(16, 512)) if example_tokens is None else np.full(2, example_tokens)
        tokens = example * _read(recipe, cell.examples)
        trained += tokens
        name = recipe.model.removeprefix("hub:").partition("@")[0]
        if recipe.model in recorded:
            known = ("student", recipe.model), *kind
            seconds += tokens * near("token", *known) + near("item", *known) * cell.n_test
            basis.add(f"{name}: recorded on {device}")
        else:
            unknown += 1
            basis.add(f"{name}: no speed on record")
    run = set(study.loc[study["experiment"].isin({cell.experiment for cell in left}), "task"])
    if absent := sorted({cell.task for cell in left} - run - {"own"}):
        basis.add(f"{', '.join(absent)}: not run here, tokens as in the tasks that were, which may be shorter")
    calls = sum(cell.budget for cell in streams.values())
    told = tuple(sorted(basis))
    return Estimate(len(cells), len(left), calls, read, written, trained, seconds / 3600, unknown, told)


def _kind(cell: Cell) -> tuple[tuple[str, str], ...]:
    return ("experiment", cell.experiment), ("task", cell.task)


def _read(recipe: Recipe, n: int) -> int:
    """The examples that training reads of ``n``: a batch holds no example twice."""
    return recipe.steps(n) * min(n, recipe.batch_size)


def _rates(study: pd.DataFrame, device: str) -> Callable[..., np.ndarray]:
    """Return the published rows' rates as a function of what is asked for and of the values of some columns."""
    bought = study[(study["queries"] > 0) & (study["teacher"] != "oracle")]
    trained = study[study["n_train"] > 0]
    recipes = [json.loads(settings)["recipe"] for settings in trained["settings"]]
    seen = [_read(Recipe(**r), n) for r, n in zip(recipes, trained["n_train"], strict=True)]
    timed = trained[(trained["device"] == device) & (trained["train_tokens"] > 0)]
    known = {
        "read": (bought, bought["tokens_in"] / bought["queries"]),
        "written": (bought, bought["tokens_out"] / bought["queries"]),
        "example": (trained, trained["train_tokens"] / seen),
        "token": (timed, timed["seconds_train"] / timed["train_tokens"]),
        "item": (timed, timed["seconds_eval"] / timed["n_test"]),
    }

    @cache
    def near(what: str, *named: tuple[str, str], otherwise: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """The 10th to 90th percentile of the rows that agree in all named columns or, failing that, fewer."""
        rows, values = known[what]
        for n in range(len(named), -1, -1):
            alike = rows[[column for column, _ in named[:n]]].eq([value for _, value in named[:n]]).all(axis=1)
            if alike.any():
                return values[alike].quantile([0.1, 0.9]).to_numpy()
        return np.array(otherwise)

    return near


def profile_rows(profile: str, price_in: float = 0.0, price_out: float = 0.0) -> tuple[list[dict[str, str]], list[str]]:
    """Return what each notebook of a profile will still take, at prices per million tokens, and notes."""
    study = read_runs(repository() / "results" / PUBLISHED)
    done = set(read_runs(results_folder(profile))["key"])
    basis: list[str] = []
    rows, unknown = [], 0
    for name in load_profile(profile):
        parameters = resolve(name, profile, {})
        if not isinstance(parameters, TrainingParameters) or not (cells := cells_of(parameters)):
            continue
        e = estimate(cells, done, study, parameters.device)
        priced = getattr(parameters, "teacher", "") == "endpoint" and (price_in or price_out)
        read, written, trained = (tokens * 1e-6 for tokens in (e.tokens_in, e.tokens_out, e.train_tokens))
        rows.append({
            "notebook": name[:2], "students": f"{e.left:,} of {e.students:,}", "calls": f"{e.calls:,}",
            "M read": span(read, ",.2f"), "M written": span(written, ",.2f"),
            "money": span(read * price_in + written * price_out, ",.2f") if priced else "",
            "M trained": span(trained, ",.2f"),
            f"{HOURS[parameters.device]} hours": "unknown" if 0 < e.left == e.unknown else span(e.hours, ",.1f"),
        })  # fmt: skip
        basis += e.basis
        unknown += e.unknown
    left_out = f" {unknown:,} students of no known speed are not in the hours." if unknown else ""
    units = (
        "M: millions of tokens, which the teacher reads and writes and students are trained on. Hours are the"
        f" students' alone; a teacher on the same machine comes on top.{left_out}"
    )
    return rows, [units, f"What this rests on: {'; '.join(dict.fromkeys(basis))}."]
