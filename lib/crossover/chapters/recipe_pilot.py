"""The recipe pilot: which recipe the confirmation study trains its students by.

Pilot students are trained on seeds and scored on items that no other student sees, and their rows are shown here alone.
The rule (:func:`choose`) was written before the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from crossover.chapters.common import ChapterBase
from crossover.params.budget_ratio import RecipePilot
from crossover.study.grids.budget_ratio import BASE, recipe_name, recipes
from crossover.study.run import run_grid

#: A change is taken where its gain is above so many standard errors, and its noise at most so many times the base's.
CLEAR, NOISY = 2.0, 1.25


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """What the pilot shows."""

    notebook: ClassVar[str] = "06_recipe_pilot"
    parameters: RecipePilot

    def table(self) -> pd.DataFrame:
        """Return one row per recipe, see :func:`compare`."""
        return compare(
            {recipe: {c.key for c in cells} for recipe, cells in recipes(self.parameters).items()}, self.runs
        )

    def choice(self) -> dict[str, object]:
        """Return the changes of the base recipe that the rule takes."""
        return choose(self.parameters.factors, self.table())


def compare(keys: dict[str, set[str]], runs: pd.DataFrame) -> pd.DataFrame:
    """Return gold log-likelihood, noise and accuracy of each recipe; ``keys`` are those of its cells.

    By recipe: ``students``; ``log_likelihood``, nats per token of the gold answers; ``accuracy``; ``noise``, the
    standard deviation of the log-likelihood between students of one draw; ``gain`` over the base with its standard
    ``error``, paired by strategy, budget and draw.
    """
    runs = runs.assign(
        log_likelihood=-runs["gold_nats"] / runs["gold_tokens"], accuracy=runs["n_correct"] / runs["n_test"]
    )
    cell = ["strategy", "seed_size", "budget", "replicate"]
    means, rows = {}, {}
    for recipe, own in keys.items():
        some = runs[runs["key"].isin(own)].groupby(cell)
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


def choose(factors: dict[str, list[dict[str, object]]], table: pd.DataFrame) -> dict[str, object]:
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
    return Chapter(parameters, run_grid(parameters))
