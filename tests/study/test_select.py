"""Selection of cells by their settings, and what the selected ones hold."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.paths import results_folder
from crossover.stats.crossovers import find_crossovers
from crossover.study.advice_counts import common, crossovers_by_likelihood, fitted
from crossover.study.cell import QueryCell
from crossover.study.select import select, settings_table
from crossover.study.store import read_runs

CELL = {"version": 2, "task": "arc", "strategy": "new_question", "seed_size": 16, "budget": 64, "replicate": 0,
        "teacher": "local", "n_test": 10, "max_new_tokens": 8}  # fmt: skip


def rows(*changes):
    cells = [QueryCell(**CELL | change) for change in changes]
    known = {
        name: [getattr(cell, name) for cell in cells]
        for name in ("experiment", "task", "strategy", "seed_size", "budget", "teacher", "replicate")
    }
    return settings_table(
        pd.DataFrame({"key": range(len(cells)), "settings": [cell.settings for cell in cells]} | known)
    )


@pytest.fixture
def models():
    return rows(
        {"teacher_settings": {"model": "large", "gold": 5}, "recipe": {"model": "small"}},
        {
            "teacher_settings": {"model": "small"},
            "augmenter_settings": {"model": "large"},
            "recipe": {"model": "small"},
        },
    )


@pytest.mark.parametrize(
    ("selector", "keys"),
    [
        ({"teacher.model": "large"}, [0]),
        ({"recipe.model": "small"}, [0, 1]),
        ({"recipe.model": "large"}, []),
        ({"augmenter.model": "large"}, [0, 1]),
        ({"gold": 0}, [1]),
        ({"teacher.model": "small", "augmenter.gold": 0}, [1]),
    ],
)
def test_a_teachers_model_is_not_a_students(models, selector, keys):
    assert select(models, selector, {})["key"].tolist() == keys


def test_a_name_that_two_parts_of_a_cell_have_is_refused(models):
    with pytest.raises(CrossoverError, match=r"'model' is a setting of several parts.*teacher.model, recipe.model"):
        select(models, {"model": "small"}, {})


def test_nested_settings_have_dotted_names_and_later_ones_their_defaults():
    table = rows({"teacher_settings": {"recipe": {"epochs": 2}}}, {"recipe": {"student_layers": 10}})
    assert table["teacher.recipe.epochs"].tolist()[0] == 2 and table["recipe.student_layers"].tolist() == [0, 10]
    assert settings_table(table.iloc[:0][["key", "settings", "seed_size", "budget"]]).empty


def test_other_experiments_settings_are_not_known_where_an_experiment_is_named():
    table = rows({"teacher_settings": {"coverage": 1.0}}, {"task_settings": {"share": 0.5}})
    table = table.assign(experiment=["e", "other"])
    assert select(table, {"experiment": "e", "share": 0.5}, {"share": 0.5}).empty, "a base may name what others have"
    with pytest.raises(CrossoverError, match="'share' is a setting of no cell"):
        select(table, {"experiment": "e", "share": 0.5}, {})


def test_crossovers_by_accuracy_and_by_likelihood_agree_with_the_command():
    folder = results_folder("confirm")
    runs = read_runs(folder, "budget_ratio")
    runs = runs[runs["task"] == "math_words"]
    grids = runs["settings"].map(common)
    grid = runs[(grids == grids[runs["budget"] > 0].mode()[0]) & (runs["budget"] > 0)]
    found = {
        "correct": find_crossovers(fitted(grid), checks=False),
        "gold_loglik": crossovers_by_likelihood(grid, folder),
    }
    assert len(found["correct"]) == len(found["gold_loglik"]) >= 6
    for outcome, own in found.items():
        told = CliRunner().invoke(app, ["fit", str(folder), "--outcome", outcome, "--draws", "500", "--json"])
        told = [x["ratio"] for x in json.loads(told.stdout)["crossovers"] if x["task"] == "math_words"]
        assert told == pytest.approx([c.ratio for c in own])
    refused = CliRunner().invoke(app, ["fit", str(results_folder("study")), "--outcome", "gold_loglik"])
    assert refused.exit_code == 2 and "no log-likelihood" in refused.stderr
