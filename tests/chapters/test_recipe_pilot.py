"""The recipe pilot: what it measures of planted rows, and what its rule takes."""

import itertools

import numpy as np
import pandas as pd
import pytest

from crossover.chapters.recipe_pilot import choose, compare
from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study.grids.budget_ratio import recipes as grids

FACTORS = {"rate": [{"learning_rate": 1e-4}, {"learning_rate": 4e-4}], "decay": [{"weight_decay": 0.1}]}


def planted(gains, noise):
    """Rows of recipes with a log-likelihood of -1 plus a gain, and students that differ by twice the noise."""
    rng, rows, keys = np.random.default_rng(0), [], {}
    for recipe, gain in gains.items():
        keys[recipe] = set()
        for budget, replicate, student in itertools.product((32, 128), (900, 901), (0, 1)):
            key = f"{recipe}-{budget}-{replicate}-{student}"
            keys[recipe].add(key)
            value = -1 + gain + 0.01 * rng.standard_normal() + noise.get(recipe, 0.05) * (2 * student - 1)
            rows.append({"key": key, "strategy": "new_question", "seed_size": 32, "budget": budget, "replicate": replicate,
                         "gold_nats": -1000 * value, "gold_tokens": 1000, "n_correct": 30, "n_test": 100})  # fmt: skip
    return compare(keys, pd.DataFrame(rows))


def test_gain_and_noise_are_those_that_were_planted():
    table = planted({"base": 0.0, "learning_rate=0.0001": 0.2}, {})
    row = table.loc["learning_rate=0.0001"]
    assert row["gain"] == pytest.approx(0.2, abs=0.02) and row["students"] == 8 and row["pairs"] == 4
    assert row["noise"] == pytest.approx(0.05 * np.sqrt(2), rel=0.3) and row["accuracy"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("gains", "noise", "taken"),
    [
        ((0.1, 0.3, 0.2), {}, {"learning_rate": 4e-4, "weight_decay": 0.1}),
        ((0.1, 0.3, 0.2), {"learning_rate=0.0004": 0.2}, {"learning_rate": 1e-4, "weight_decay": 0.1}),
        ((-0.3, 0.0, -0.1), {}, {}),
    ],
)
def test_the_rule_takes_clear_gains_without_more_noise(gains, noise, taken):
    names = ("learning_rate=0.0001", "learning_rate=0.0004", "weight_decay=0.1")
    assert choose(FACTORS, planted({"base": 0.0} | dict(zip(names, gains, strict=True)), noise)) == taken


def test_one_factor_changes_at_a_time():
    p = check("06_recipe_pilot", {"factors": FACTORS, "strategies": ["seeds_only"]})
    recipes = {name: cells[0].recipe for name, cells in grids(p).items()}
    assert recipes["weight_decay=0.1"] == recipes["base"] | {"weight_decay": 0.1} and len(recipes) == 4
    for factors, message in (({"x": [{"batch": 4}]}, "changes 'batch'"), ({"x": [{"updates": "steps"}]}, "max_steps")):
        with pytest.raises(CrossoverError, match=message):
            grids(check("06_recipe_pilot", {"factors": factors}))
