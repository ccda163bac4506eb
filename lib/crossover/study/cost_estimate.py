"""What a grid will take before anything is spent: students, teacher calls, tokens, money and hours, as ranges.

Rates come from the published study's rows: tokens per call, tokens per training example, seconds per token and per test
item, each from its 10th to its 90th percentile over cells. A student that is on no record is counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd

from crossover.models.recipe import Recipe
from crossover.params.fields import TrainingParameters
from crossover.params.profiles import load_profile, resolve
from crossover.paths import PUBLISHED, results_folder
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

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.high * factor)

    def text(self, form: str = ",.0f") -> str:
        """Write both ends, once where they print alike.

        >>> Range(1.24, 5000).text(), Range(2.0, 2.1).text()
        ('1 to 5,000', '2')
        """
        low, high = format(self.low, form), format(self.high, form)
        return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Estimate:
    """What is left of a grid of ``students``: teacher calls at most, tokens, hours of one worker.

    ``hours`` leave out the ``unknown`` students of no known speed; ``basis`` says what they rest on.
    """

    students: int
    left: int
    calls: int
    tokens_in: Range
    tokens_out: Range
    train_tokens: Range
    hours: Range
    unknown: int
    basis: tuple[str, ...]

    def money(self, price_in: float, price_out: float) -> Range:
        """Return what the calls cost at prices per million tokens."""
        return self.tokens_in * (price_in / 1e6) + self.tokens_out * (price_out / 1e6)


def estimate(
    cells: Sequence[Cell], done: Collection[str], study: pd.DataFrame, device: str, example_tokens: Range | None = None
) -> Estimate:
    """Estimate what the cells whose keys are not ``done`` will take, from the published rows (``study``).

    ``example_tokens`` are the tokens of a training example, where the caller knows its data; by default those of the
    study.
    """
    left, rates = [cell for cell in cells if cell.key not in done], Rates(study, device)
    tokens_in = tokens_out = train = hours = Range()
    calls = unknown = 0
    streams: dict[str, Cell] = {}  # of cells that share calls the one with the most
    for cell in left:
        if cell.stream and cell.budget > getattr(streams.get(cell.stream), "budget", 0):
            streams[cell.stream] = cell
    for cell in streams.values():
        calls += cell.budget
        read, written = rates.call(cell)
        tokens_in, tokens_out = tokens_in + read * cell.budget, tokens_out + written * cell.budget
    basis = set()
    for cell in left:
        recipe = Recipe(**cell.recipe)
        tokens = (example_tokens or rates.example(cell)) * (recipe.steps(cell.examples) * recipe.batch_size)
        train += tokens
        name = recipe.model.removeprefix("hub:").partition("@")[0]
        if (taken := rates.seconds(cell, tokens)) is None:
            unknown += 1
            basis.add(f"{name}: no speed on record")
        else:
            hours += taken * (1 / 3600)
            basis.add(f"{name}: recorded on {device}")
    run = set(study.loc[study["experiment"].isin({cell.experiment for cell in left}), "task"])
    if absent := sorted({cell.task for cell in left} - run - {"own"}):
        basis.add(f"{', '.join(absent)}: not run here, tokens as in the tasks that were, which may be shorter")
    return Estimate(len(cells), len(left), calls, tokens_in, tokens_out, train, hours, unknown, tuple(sorted(basis)))


class Rates:
    """What the published rows say of a call, an example and a second, for one device."""

    def __init__(self, study: pd.DataFrame, device: str):
        bought = study[(study["queries"] > 0) & (study["teacher"] != "oracle")]
        trained = study[study["n_train"] > 0]
        recipes = [json.loads(settings)["recipe"] for settings in trained["settings"]]
        seen = [Recipe(**r).steps(n) * r["batch_size"] for r, n in zip(recipes, trained["n_train"], strict=True)]
        timed = trained[(trained["device"] == device) & (trained["train_tokens"] > 0)]
        self._rows = {
            "read": (bought, bought["tokens_in"] / bought["queries"]),
            "written": (bought, bought["tokens_out"] / bought["queries"]),
            "example": (trained, trained["train_tokens"] / seen),
            "token": (timed, timed["seconds_train"] / timed["train_tokens"]),
            "item": (timed, timed["seconds_eval"] / timed["n_test"]),
        }
        self.students = set(timed["student"])
        self.near = cache(self._near)

    def _near(self, what: str, *named: tuple[str, str]) -> Range | None:
        """The 10th to 90th percentile of the rows that agree in all named columns or, failing that, fewer."""
        rows, values = self._rows[what]
        for n in range(len(named), -1, -1):
            alike = rows[[column for column, _ in named[:n]]].eq([value for _, value in named[:n]]).all(axis=1)
            if alike.any():
                return Range(*values[alike].quantile([0.1, 0.9]))
        return None

    def call(self, cell: Cell) -> tuple[Range, Range]:
        """Return the tokens that a call reads and writes: of its task where that was run, else of all real teachers."""
        read, written = (self.near(what, *_kind(cell)) or Range() for what in ("read", "written"))
        return read, Range(min(written.low, cell.max_new_tokens), cell.max_new_tokens)

    def example(self, cell: Cell) -> Range:
        """Return the tokens of a training example."""
        return self.near("example", *_kind(cell)) or Range(16, 512)

    def seconds(self, cell: Cell, tokens: Range) -> Range | None:
        """Return a student's seconds; ``None`` where its model is on no record."""
        if cell.recipe["model"] not in self.students:
            return None
        named = (("student", cell.recipe["model"]), *_kind(cell))
        per_token, per_item = self.near("token", *named), self.near("item", *named)
        if per_token is None or per_item is None:
            return None
        return Range(tokens.low * per_token.low, tokens.high * per_token.high) + per_item * cell.n_test


def _kind(cell: Cell) -> tuple[tuple[str, str], ...]:
    return ("experiment", cell.experiment), ("task", cell.task)


def profile_rows(
    profile: str, price_in: float = 0.0, price_out: float = 0.0, resume: bool = True
) -> tuple[list[dict[str, str]], list[str]]:
    """Return what each notebook of a profile will take, for readers, and notes on what the numbers rest on.

    Prices are per million tokens of a served teacher's prompts and replies; ``resume`` leaves out what has a row
    already.
    """
    study = read_runs(results_folder(PUBLISHED))
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
