"""Coverage of the intervals by simulation, on which every interval of the project rests. Takes minutes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from crossover.stats import simulation

STUDIES, DRAWS = 100, 300
#: Shares of the studies that a coverage of 87% falls below, and one of 93% rises above, once in a thousand times.
LEAST, MOST = binom.ppf([0.001, 0.999], STUDIES, [0.87, 0.93]) / STUDIES


@pytest.mark.slow
@pytest.mark.parametrize("design", [w.name for w in simulation.ALL.values() if w is not simulation.NEVER])
def test_coverage_of_each_design(design):
    """At a nominal 90%: not below 87%, nor above 93% for exponential truths; ``coverage.csv`` has 1,000 studies each."""
    world = simulation.ALL[design]
    table = simulation.coverage([world], STUDIES, DRAWS, seed=1_000_000)
    rate = table[table["level"] == 0.9].set_index("quantity")["rate"]
    assert rate["crossover"] >= LEAST, rate
    assert rate["crossover"] <= MOST or world not in simulation.DESIGNS or design == "beyond", rate
    assert rate["accuracy"] >= LEAST and rate.get("status", 1) >= 0.9


@pytest.mark.slow
def test_no_crossover_is_said():
    table = simulation.coverage([simulation.NEVER], STUDIES, DRAWS, seed=1_000_000).set_index("quantity")
    assert table.loc["status", "rate"] >= 0.9 and table.loc["status", "counted"] >= 0.5 * STUDIES


def test_a_glance_at_coverage():
    """Enough studies to catch a broken interval in the fast lane, few enough to take seconds."""
    rates = []
    for name in ("shared_3", "late", "rise_fall"):
        table = simulation.coverage([simulation.ALL[name]], 25, 120, seed=3_000_000)
        rates.append(table[table["level"] == 0.9].set_index("quantity")["rate"])
    assert 0.80 <= np.mean([r["crossover"] for r in rates]) and 0.85 <= np.mean([r["accuracy"] for r in rates])
    shared = rates[0]
    assert shared["replicates pooled"] < shared["crossover"], "the test can fail: the naive interval misses"
