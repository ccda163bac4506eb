"""Coverage of the intervals by simulation, on which every interval of the project rests. Takes minutes."""

from __future__ import annotations

import numpy as np
import pytest

from crossover.stats.simulation import scenarios

STUDIES, DRAWS = 1000, 500


@pytest.mark.slow
@pytest.mark.parametrize("design", [w.name for w in scenarios.DESIGNS])
def test_coverage_of_each_design(design):
    """Between 87% and 93% at a nominal 90%, give or take the Monte Carlo error of a new set of studies."""
    table = scenarios.coverage([scenarios.ALL[design]], STUDIES, DRAWS, seed=1_000_000).set_index("quantity")
    rate, error = table.loc["crossover", ["rate", "mc_error"]]
    assert 0.87 - 2 * error <= rate <= 0.93 + 2 * error, table["rate"]
    curves = table[table.index.str.startswith(("E of", "tau of"))]
    assert (curves["rate"] >= 0.85).all(), curves["rate"]
    if "status" in table.index:
        assert table.loc["status", "rate"] >= 0.90


@pytest.mark.slow
def test_no_crossover_is_said():
    table = scenarios.coverage([scenarios.NEVER], STUDIES, DRAWS, seed=1_000_000).set_index("quantity")
    assert table.loc["status", "rate"] >= 0.90 and table.loc["status", "counted"] >= 0.5 * STUDIES


@pytest.mark.slow
def test_pooling_replicates_would_not_cover():
    """The test can fail: the naive interval does, in a world with a shared offset."""
    table = scenarios.coverage([scenarios.ALL["shared_3"]], 300, 200, seed=2_000_000).set_index("quantity")
    assert table.loc["replicates pooled", "rate"] < 0.8


def test_a_glance_at_coverage():
    """Enough studies to catch a broken interval in the fast lane, few enough to take seconds."""
    rates = [
        scenarios.coverage([w], 40, 120, seed=3_000_000).set_index("quantity").loc["crossover", "rate"]
        for w in scenarios.DESIGNS[:3]
    ]
    assert 0.78 <= np.mean(rates) <= 0.98
