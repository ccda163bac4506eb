"""Coverage of the intervals by simulation, on which every interval of the project rests. Takes minutes."""

from __future__ import annotations

import numpy as np
import pytest

from crossover.stats.simulation import coverage as simulated
from crossover.stats.simulation import scenarios

STUDIES, DRAWS = 1000, 400


@pytest.mark.slow
@pytest.mark.parametrize("design", [w.name for w in scenarios.ALL.values() if w is not scenarios.NEVER])
def test_coverage_of_each_design(design):
    """At a nominal 90%: at least 87%, and at most 93% for exponential truths that cross inside, give or take two errors."""
    world = scenarios.ALL[design]
    table = simulated.coverage([world], STUDIES, DRAWS, seed=1_000_000)
    at = table[table["level"] == 0.9].set_index("quantity")
    rate, error = at.loc["crossover", ["rate", "mc_error"]]
    assert rate >= 0.87 - 2 * error, at["rate"]
    assert rate <= 0.93 + 2 * error or world not in scenarios.DESIGNS or design == "beyond", at["rate"]
    assert at.loc["accuracy", "rate"] >= 0.87
    assert "status" not in at.index or at.loc["status", "rate"] >= 0.95


@pytest.mark.slow
def test_no_crossover_is_said():
    table = simulated.coverage([scenarios.NEVER], STUDIES, DRAWS, seed=1_000_000).set_index("quantity")
    assert table.loc["status", "rate"] >= 0.95 and table.loc["status", "counted"] >= 0.5 * STUDIES


def test_a_glance_at_coverage():
    """Enough studies to catch a broken interval in the fast lane, few enough to take seconds."""
    rates = []
    for name in ("independent", "shared_3", "late", "rise_fall"):
        table = simulated.coverage([scenarios.ALL[name]], 25, 200, seed=3_000_000)
        rates.append(table[table["level"] == 0.9].set_index("quantity")["rate"])
    assert 0.80 <= np.mean([r["crossover"] for r in rates]) and 0.85 <= np.mean([r["accuracy"] for r in rates])
    shared = rates[1]
    assert shared["replicates pooled"] < shared["crossover"], "the test can fail: the naive interval misses"
