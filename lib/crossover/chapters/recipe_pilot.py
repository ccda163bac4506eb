"""The recipe pilot: which recipe the confirmation study trains its students by.

Pilot students are trained on seeds and scored on items that no other student sees, and their rows are shown here alone.
The rule (:func:`choose`) was written before the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from crossover.chapters.common import ChapterBase
from crossover.params.budget_ratio import RecipePilot
from crossover.paths import results_folder
from crossover.study.grids.budget_ratio import BASE, recipe_name, recipes
from crossover.study.run import run_grid

#: A change is taken where its gain is above so many standard errors, and its noise at most so many times the base's.
CLEAR, NOISY = 2.0, 1.25


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """The recipes that were compared, and the choice."""

    notebook: ClassVar[str] = "06_recipe_pilot"
    parameters: RecipePilot

    def table(self) -> pd.DataFrame:
        """Return one row per recipe, see :func:`compare`."""
        keys = {recipe: {c.key for c in cells} for recipe, cells in recipes(self.parameters).items()}
        return compare(keys, self.runs)

    def choice(self) -> dict[str, object]:
        """Return the changes of the base recipe that the rule takes."""
        return choose(self.parameters.factors, self.table())


def compare(keys: dict[str, set[str]], runs: pd.DataFrame) -> pd.DataFrame:
    """Return by recipe, of which ``keys`` names the cells: ``students, log_likelihood, accuracy, noise, gain, error``.

    ``log_likelihood`` of the gold answers is in nats per token; ``noise`` is its standard deviation between students of
    one draw; ``gain`` over the base, with its standard ``error``, is paired by strategy, budget and draw.
    """
    likelihood, accuracy = -runs["gold_nats"] / runs["gold_tokens"], runs["n_correct"] / runs["n_test"]
    runs, means, rows = runs.assign(log_likelihood=likelihood, accuracy=accuracy), {}, {}
    for recipe, own in keys.items():
        some = runs[runs["key"].isin(own)].groupby(["strategy", "seed_size", "budget", "replicate"])
        means[recipe] = some["log_likelihood"].mean()
        rows[recipe] = {
            "students": int(some.size().sum()),
            "log_likelihood": means[recipe].mean(),
            "accuracy": some["accuracy"].mean().mean(),
            "noise": np.sqrt(some["log_likelihood"].var().mean()),
        }
    for recipe, row in rows.items():
        gains = (means[recipe] - means[BASE]).dropna()
        row |= {"gain": gains.mean(), "error": gains.sem(), "pairs": len(gains)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


def choose(factors: Mapping[str, Sequence[Mapping[str, object]]], table: pd.DataFrame) -> dict[str, object]:
    """Return the changes of the base recipe that are taken.

    The rule, factor by factor: of the changes whose noise is at most 1.25 times the base's and whose gain in gold
    log-likelihood is above two standard errors, the one with the largest gain; the base where there is none. What is
    taken of all factors is combined. Accuracies and the crossover decide nothing.
    """
    taken: dict[str, object] = {}
    for changes in factors.values():
        rows = {recipe_name(change): change for change in changes}
        tried = table.loc[list(rows)]
        clear = tried[(tried["gain"] > CLEAR * tried["error"]) & (tried["noise"] <= NOISY * table.loc[BASE, "noise"])]
        if len(clear):
            taken |= rows[clear["gain"].idxmax()]
    return taken


def run(parameters: RecipePilot) -> Chapter:
    """Train the pilot's missing students and return what it shows."""
    return Chapter(parameters, run_grid(parameters), results_folder(parameters.results))
