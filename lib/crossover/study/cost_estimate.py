"""What a grid will take before anything is spent: students, teacher calls, tokens, money and hours, as ranges.

Rates come from the published study's rows: tokens per call, tokens per training example, seconds per token and per test
item, each from its 10th to its 90th percentile over cells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

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
class Range:
    """From a low to a high value."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: Range | float) -> Range:
        by = factor if isinstance(factor, Range) else Range(factor, factor)
        return Range(self.low * by.low, self.high * by.high)

    def text(self, form: str = ",.0f") -> str:
        """Write both ends, once where they print alike.

        >>> Range(1.24, 5000).text(), Range(2.0, 2.1).text()
        ('1 to 5,000', '2')
        """
        low, high = format(self.low, form), format(self.high, form)
        return low if low == high else f"{low} to {high}"


@dataclass
class Estimate:
    """What is left of a grid of ``students``: teacher calls at most, tokens, hours of one worker.

    ``hours`` leave out the ``unknown`` students, whose model is on no record; ``basis`` says what they rest on.
    """

    students: int
    left: int
    calls: int = 0
    tokens_in: Range = Range()
    tokens_out: Range = Range()
    train_tokens: Range = Range()
    hours: Range = Range()
    unknown: int = 0
    basis: tuple[str, ...] = ()

    def money(self, price_in: float, price_out: float) -> Range:
        """Return what the calls cost at prices per million tokens."""
        return self.tokens_in * (price_in / 1e6) + self.tokens_out * (price_out / 1e6)


def estimate(
    cells: Sequence[Cell], done: Collection[str], study: pd.DataFrame, device: str, example_tokens: Range | None = None
) -> Estimate:
    """Estimate from the published rows (``study``) what the cells whose keys are not ``done`` will take."""
    left, near = [cell for cell in cells if cell.key not in done], _rates(study, device)
    recorded = set(study.loc[study["device"] == device, "student"])
    e = Estimate(len(cells), len(left))
    streams: dict[str, Cell] = {}  # of cells that share calls the one with the most
    for cell in left:
        if cell.stream and cell.budget > getattr(streams.get(cell.stream), "budget", 0):
            streams[cell.stream] = cell
    for cell in streams.values():
        kind = ("experiment", cell.experiment), ("task", cell.task)
        written = Range(min(near("written", *kind).low, cell.max_new_tokens), cell.max_new_tokens)
        e.calls += cell.budget
        e.tokens_in += near("read", *kind) * cell.budget
        e.tokens_out += written * cell.budget
    basis = set()
    for cell in left:
        kind = ("experiment", cell.experiment), ("task", cell.task)
        recipe = Recipe(**cell.recipe)
        example = example_tokens or near("example", *kind, otherwise=Range(16, 512))
        tokens = example * _read(recipe, cell.examples)
        e.train_tokens += tokens
        name, known = recipe.model.removeprefix("hub:").partition("@")[0], ("student", recipe.model)
        if recipe.model in recorded:
            seconds = tokens * near("token", known, *kind) + near("item", known, *kind) * cell.n_test
            e.hours += seconds * (1 / 3600)
            basis.add(f"{name}: recorded on {device}")
        else:
            e.unknown += 1
            basis.add(f"{name}: no speed on record")
    run = set(study.loc[study["experiment"].isin({cell.experiment for cell in left}), "task"])
    if absent := sorted({cell.task for cell in left} - run - {"own"}):
        basis.add(f"{', '.join(absent)}: not run here, tokens as in the tasks that were, which may be shorter")
    e.basis = tuple(sorted(basis))
    return e


def _read(recipe: Recipe, n: int) -> int:
    """The examples that training reads of ``n``: a batch holds no example twice."""
    return recipe.steps(n) * min(n, recipe.batch_size)


def _rates(study: pd.DataFrame, device: str) -> Callable[..., Range]:
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
    def near(what: str, *named: tuple[str, str], otherwise: Range = Range()) -> Range:
        """The 10th to 90th percentile of the rows that agree in all named columns or, failing that, fewer."""
        rows, values = known[what]
        for n in range(len(named), -1, -1):
            alike = rows[[column for column, _ in named[:n]]].eq([value for _, value in named[:n]]).all(axis=1)
            if alike.any():
                return Range(*values[alike].quantile([0.1, 0.9]))
        return otherwise

    return near


def profile_rows(
    profile: str, price_in: float = 0.0, price_out: float = 0.0, resume: bool = True
) -> tuple[list[dict[str, str]], list[str]]:
    """Return what each notebook of a profile will take, at prices per million tokens, and notes on the numbers.

    ``resume`` leaves out what has a row already.
    """
    study = read_runs(repository() / "results" / PUBLISHED)
    done = set(read_runs(results_folder(profile))["key"]) if resume else set()
    basis: list[str] = []
    rows, unknown = [], 0
    for name in load_profile(profile):
        parameters = resolve(name, profile, {})
        if not isinstance(parameters, TrainingParameters) or not (cells := cells_of(parameters)):
            continue
        e = estimate(cells, done, study, parameters.device)
        priced = getattr(parameters, "teacher", "") == "endpoint" and (price_in or price_out)
        hours = e.hours.text(",.1f") if e.unknown < e.left or not e.left else "unknown"
        rows.append({
            "notebook": name[:2], "students": f"{e.left:,} of {e.students:,}", "calls": f"{e.calls:,}",
            "M read": (e.tokens_in * 1e-6).text(",.2f"), "M written": (e.tokens_out * 1e-6).text(",.2f"),
            "money": e.money(price_in, price_out).text(",.2f") if priced else "",
            "M trained": (e.train_tokens * 1e-6).text(",.2f"), f"{HOURS[parameters.device]} hours": hours,
        })  # fmt: skip
        basis += e.basis
        unknown += e.unknown
    left_out = f" {unknown} students of no known speed are not in the hours." if unknown else ""
    units = (
        "M: millions of tokens, which the teacher reads and writes and students are trained on. Hours are the"
        f" students' alone; a teacher on the same machine comes on top.{left_out}"
    )
    return rows, [units, f"What this rests on: {'; '.join(dict.fromkeys(basis))}."]
