"""Audit: recomputed cells against stored ones, and the spread between students."""

import numpy as np
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study.audit import seed_spread
from crossover.study.grids import cells_of
from crossover.study.run import run_cells
from crossover.study.store import Store, read_runs
from stored import first_right, plant


def test_an_audit_passes_over_cells_whose_data_are_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    monkeypatch.delenv("CROSSOVER_DATA", raising=False)
    shared = {
        "student": "tiny-random",
        "trained_layers": 1,
        "n_test": 4,
        "max_new_tokens": 4,
        "epochs": 1,
        "seed_sizes": [4],
        "budgets": [4],
    }
    here = cells_of(check("03_budget_ratio", shared | {"strategies": ["answer_augmentation"]}))
    run_cells(here, Store(tmp_path / "study"), workers=1)
    elsewhere = cells_of(
        check("03_budget_ratio", shared | {"task": "gsm8k", "teacher": "local", "task_options": {"source": "dir"}})
    )
    plant(tmp_path / "study", elsewhere, lambda cell: first_right(1, 4))
    said = CliRunner().invoke(app, ["audit", "--profile", "study", "--cells", "3"])
    assert said.exit_code == 0, said.output
    assert said.stdout.count("CROSSOVER_DATA") == len(elsewhere) == 4 and "identical" in said.stdout
    runs_there = read_runs(tmp_path / "study")
    runs_there[runs_there["task"] == "gsm8k"].to_csv(tmp_path / "study" / "runs.csv", index=False)
    refused = CliRunner().invoke(app, ["audit", "--profile", "study"])
    assert isinstance(refused.exception, CrossoverError) and "No cell of the profile study" in str(refused.exception)


def test_the_spread_between_students_is_that_of_their_sets(tmp_path):
    cells = cells_of(check("03_budget_ratio", {"seed_sizes": [4], "budgets": [4, 8], "students": 3, "replicates": 2}))
    rng = np.random.default_rng(0)
    right = {cell.key: int(rng.integers(30, 70)) for cell in cells}
    plant(tmp_path, cells, lambda cell: first_right(right[cell.key], 100))
    sets = np.array([[right[c.key] / 100 for c in cells if c.key in right and _same(c, d)] for d in cells])
    spread, count = seed_spread(read_runs(tmp_path))
    assert count == len(cells) / 3
    assert spread == pytest.approx(np.sqrt(sets.var(axis=1, ddof=1).mean()))


def _same(one, other):
    return (one.strategy, one.budget, one.replicate) == (other.strategy, other.budget, other.replicate)
