"""Audit: cells that cannot be recomputed here, and the spread between students. The smoke run has the rest."""

import numpy as np
import pytest

from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study.audit import audit, seed_spread
from crossover.study.grids import cells_of
from crossover.study.store import read_runs
from stored import first_right, plant


def test_an_audit_passes_over_cells_whose_data_are_not_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    monkeypatch.delenv("CROSSOVER_DATA", raising=False)
    elsewhere = {
        "task": "gsm8k",
        "teacher": "local",
        "task_options": {"source": "dir"},
        "seed_sizes": [4],
        "budgets": [4],
    }
    cells = cells_of(check("03_budget_ratio", elsewhere))
    plant(tmp_path / "study", cells, lambda cell: first_right(1, 4))
    with pytest.raises(CrossoverError, match="No cell of the profile study"):
        audit("study", cells=3, seed=0)
    assert capsys.readouterr().out.count("CROSSOVER_DATA") == len(cells)


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
