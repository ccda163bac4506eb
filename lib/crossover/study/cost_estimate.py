"""What a grid will take before anything is spent: students, teacher calls, tokens, money and hours, as ranges.

Rates come from the published study's rows: tokens of a call, tokens of a training example, seconds a token and a test item,
each from its 10th to its 90th percentile over cells. A student that is on no record is reckoned by its size,

.. math:: \\mathrm{seconds} = \frac{6 N T_{\\mathrm{train}}}{u_t F} + \frac{2 N T_{\\mathrm{eval}}}{u_e F},

with N weights, T tokens, F the peak of one H100 in bfloat16, and shares u of that peak that are used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from crossover.models.training import Recipe
from crossover.params.profiles import load_profile, resolve
from crossover.paths import PUBLISHED, results_folder
from crossover.study.cell import Cell
from crossover.study.grids import cells_of
from crossover.study.store import read_runs

#: What an hour of students is an hour of, by device.
HOURS = {"cpu": "core", "cuda": "GPU", "auto": "machine"}
PEAK = 989e12  # floating-point operations a second of an H100 in bfloat16, dense
SIZES = {"roberta-large": 355e6, "roberta-base": 125e6}  # weights of models whose names do not say (arXiv 1907.11692)
TRAINING_SHARE, DECODING_SHARE = (
    (0.2, 0.5),
    (0.02, 0.2),
)  # of the peak: what fine-tuning and batched decoding usually reach


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
    """What is left of a grid.

    Attributes
    ----------
    students, left : int
        Cells of the grid, and those that no row is there for yet.
    calls : int
        Teacher calls at most: a larger budget repeats those of a smaller one.
    tokens_in, tokens_out : Range
        Of all these calls.
    train_tokens : Range
        That the students are trained on where no example is dropped as wrong or a duplicate.
    hours : Range
        Of one worker: a core, or a GPU.
    unknown : int
        Students of no known speed or size, which ``hours`` leaves out.
    basis : tuple of str
        What the hours rest on.
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
        """Return what the calls cost at prices for a million tokens."""
        return self.tokens_in * (price_in / 1e6) + self.tokens_out * (price_out / 1e6)


def estimate(
    cells: Sequence[Cell], done: Collection[str], study: pd.DataFrame, device: str, example_tokens: Range | None = None
) -> Estimate:
    """Reckon what the cells that have no row yet will take.

    Parameters
    ----------
    cells : sequence of Cell
        A grid.
    done : collection of str
        Keys of cells whose rows are there.
    study : DataFrame
        The published rows (:func:`crossover.study.store.read_runs`).
    device : str
        Where the grid will run.
    example_tokens : Range, optional
        Tokens of a training example, where the caller knows its data; by default those of the study.
    """
    left, rates = [cell for cell in cells if cell.key not in done], Rates(study, device)
    tokens_in = tokens_out = train = hours = Range()
    calls = unknown = 0
    for stream in _streams(left).values():
        most = max(cell.budget for cell in stream)
        calls += most
        read, written = rates.call(stream[0])
        tokens_in, tokens_out = tokens_in + read * most, tokens_out + written * most
    run = set(study.loc[study["experiment"].isin({cell.experiment for cell in left}), "task"])
    absent = sorted({c.task for c in left} - run - {"own"})
    basis = (
        {f"{', '.join(absent)}: not run here, tokens as in the tasks that were, which may be shorter"}
        if absent
        else set()
    )
    for cell in left:
        recipe = Recipe(**cell.recipe)
        tokens = (example_tokens or rates.example(cell)) * (recipe.steps(cell.examples) * recipe.batch_size)
        train += tokens
        taken, why = rates.seconds(cell, tokens)
        basis.add(why)
        if taken is None:
            unknown += 1
        else:
            hours += taken * (1 / 3600)
    return Estimate(len(cells), len(left), calls, tokens_in, tokens_out, train, hours, unknown, tuple(sorted(basis)))


def profile_rows(
    profile: str, price_in: float = 0.0, price_out: float = 0.0, resume: bool = True
) -> tuple[list[dict[str, str]], list[str]]:
    """Return what each notebook of a profile will take, for readers, and notes on what the numbers rest on.

    Parameters
    ----------
    profile : str
    price_in, price_out : float
        Money for a million tokens of a served teacher's prompts and replies.
    resume : bool
        Leave out what has a row already.
    """
    study = read_runs(results_folder(PUBLISHED))
    done = set(read_runs(results_folder(profile))["key"]) if resume else set()
    rows, basis, unknown = [], [], 0
    for name in load_profile(profile):
        parameters = resolve(name, profile, {})
        if not (cells := cells_of(parameters)):
            continue
        e = estimate(cells, done, study, parameters.device)
        priced = getattr(parameters, "teacher", "") == "endpoint" and (price_in or price_out)
        rows.append({
            "chapter": name[:2], "students": f"{e.left:,} of {e.students:,}", "calls": f"{e.calls:,}",
            "M read": (e.tokens_in * 1e-6).text(",.2f"), "M written": (e.tokens_out * 1e-6).text(",.2f"),
            "money": e.money(price_in, price_out).text(",.2f") if priced else "",
            "M trained": (e.train_tokens * 1e-6).text(",.2f"), f"{HOURS[parameters.device]} hours": e.hours.text(",.1f"),
        })  # fmt: skip
        basis += e.basis
        unknown += e.unknown
    left_out = f" {unknown} students of no known speed or size are not in the hours." if unknown else ""
    notes = [
        (
            "M: millions of tokens, which the teacher reads and writes and students are trained on. Hours are the students' alone; "
            f"a teacher on the same machine comes on top.{left_out}"
        ),
        f"What this rests on: {'; '.join(dict.fromkeys(basis))}.",
    ]
    return rows, notes


def _streams(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Cells whose calls are shared: a larger budget repeats those of a smaller one and adds to them."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.stream:
            groups.setdefault(cell.stream, []).append(cell)
    return groups


@dataclass(frozen=True)
class Rates:
    """What the published rows say of a call, an example and a second, for one device."""

    study: pd.DataFrame
    device: str

    @cached_property
    def _rows(self) -> pd.DataFrame:
        rows = self.study[self.study["n_train"] > 0]
        recipes = [json.loads(text)["recipe"] for text in rows["settings"]]
        seen = [Recipe(**r).steps(n) * r["batch_size"] for r, n in zip(recipes, rows["n_train"], strict=True)]
        return rows.assign(seen=seen)

    def call(self, cell: Cell) -> tuple[Range, Range]:
        """Return the tokens that a call reads and writes: of its task where that was run, else of all real teachers."""
        rows = self.study[(self.study["queries"] > 0) & (self.study["teacher"] != "oracle")]
        rows = _nearest(rows, experiment=cell.experiment, task=cell.task)
        if not len(rows):
            return Range(), Range(0, cell.max_new_tokens)
        written = _spread(rows["tokens_out"] / rows["queries"])
        return _spread(rows["tokens_in"] / rows["queries"]), Range(
            min(written.low, cell.max_new_tokens), cell.max_new_tokens
        )

    def example(self, cell: Cell) -> Range:
        """Return the tokens of a training example."""
        rows = _nearest(self._rows, experiment=cell.experiment, task=cell.task)
        return _spread(rows["train_tokens"] / rows["seen"]) if len(rows) else Range(16, 512)

    def seconds(self, cell: Cell, tokens: Range) -> tuple[Range | None, str]:
        """Return a student's seconds and what they rest on; ``None`` where its size is not in its name."""
        model = cell.recipe["model"]
        name = model.removeprefix("hub:").partition("@")[0]
        rows = self._rows[
            (self._rows["student"] == model) & (self._rows["device"] == self.device) & (self._rows["train_tokens"] > 0)
        ]
        if len(rows):
            rows = _nearest(rows, experiment=cell.experiment, task=cell.task)
            a_token, an_item = (
                _spread(rows["seconds_train"] / rows["train_tokens"]),
                _spread(rows["seconds_eval"] / rows["n_test"]),
            )
            taken = Range(tokens.low * a_token.low, tokens.high * a_token.high)
            return taken + an_item * cell.n_test, f"{name}: recorded on {self.device}"
        weights = size_of(model)
        if weights is None:
            return None, f"{name}: no speed on record, no size in its name"
        training = Range(tokens.low / TRAINING_SHARE[1], tokens.high / TRAINING_SHARE[0]) * (6 * weights / PEAK)
        written = cell.n_test * cell.max_new_tokens
        scoring = Range(written / 8 / DECODING_SHARE[1], written / DECODING_SHARE[0]) * (2 * weights / PEAK)
        return training + scoring, f"{name}: reckoned from {weights / 1e9:.3g}B weights on one H100"


def size_of(model: str) -> float | None:
    """Return a model's weights as its name gives them or :data:`SIZES` does; ``None`` where neither does.

    >>> size_of("hub:meta-llama/Llama-2-7b-hf@01c7"), size_of("SmolLM2-135M-Instruct"), size_of("mine")
    (7000000000.0, 135000000.0, None)
    """
    name = model.partition("@")[0]
    if known := [size for known, size in SIZES.items() if name.endswith(known)]:
        return known[0]
    found = re.search(r"(?<![\w.])(\d+(?:\.\d+)?)([bBmM])(?![a-zA-Z])", name)
    return float(found[1]) * (1e9 if found[2] in "bB" else 1e6) if found else None


def _spread(values: pd.Series) -> Range:
    return Range(*map(float, values.quantile([0.1, 0.9])))


def _nearest(rows: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """Return the rows that agree in all columns or, failing that, in ever fewer of the first."""
    names = list(wanted)
    for n in range(len(names), -1, -1):
        found = rows[(rows[names[:n]] == [wanted[name] for name in names[:n]]).all(axis=1)]
        if len(found):
            return found
    return rows
