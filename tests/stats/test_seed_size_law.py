"""The curve over seed-set sizes: exact recovery, and a held-out size predicted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crossover.errors import CrossoverError
from crossover.stats import curves, seed_size_law
from planted import RATIOS, counts


def accuracy(kind, size, E, B, tau, repeats, cost):
    def curve(r):
        D, _ = seed_size_law.effective(kind, np.array([r * size / cost]), np.array([float(size)]), np.array(repeats))
        return float((E - B * np.exp(-D / tau))[0])

    return curve


def table(n, sizes=(25, 50, 100, 200), replicates=1, seed=0, exact=False):
    parts = []
    for s in sizes:
        for name, kind, cost, tau in (("answer_augmentation", "reused", 1, 300.0), ("new_question", "fresh", 2, 900.0)):
            curve = accuracy(kind, s, 0.8, 0.7, tau, 5.0, cost)
            t = counts(curve, n=n if not exact else 1, size=s, strategy=name, seed=seed + s, replicates=replicates)
            if exact:
                t["n_correct"] = [round(curve(r) * n) for r in t["budget"] / t["seed_size"]]
                t["n_test"] = n
            parts.append(t)
    return pd.concat(parts, ignore_index=True)


def test_exact_curves_are_recovered():
    fitted = seed_size_law.fit_seed_sizes(curves.fit_table(table(10**9, exact=True), draws=60))
    reused, fresh = fitted["task", "answer_augmentation"], fitted["task", "new_question"]
    assert (reused.E, reused.B, reused.tau, reused.repeats) == pytest.approx((0.8, 0.7, 300, 5), rel=1e-4)
    assert (fresh.E, fresh.B, fresh.tau) == pytest.approx((0.8, 0.7, 900), rel=1e-5)
    assert fresh.repeats is None


def test_unknown_labels_take_the_kind_that_fits():
    renamed = table(10**6, exact=True).replace({"answer_augmentation": "mine", "new_question": "yours"})
    fits = curves.fit_table(renamed, draws=60)
    fitted = seed_size_law.fit_seed_sizes(fits, queries_per_sample={"mine": 1, "yours": 2})
    assert fitted["task", "mine"].kind == "reused" and fitted["task", "yours"].kind == "fresh"


def test_a_held_out_size_is_predicted():
    (row,) = seed_size_law.held_out(table(4000, replicates=3), 100, draws=200).itertuples()
    a = accuracy("reused", 100, 0.8, 0.7, 300.0, 5.0, 1)
    b = accuracy("fresh", 100, 0.8, 0.7, 900.0, 5.0, 2)
    grid = np.geomspace(RATIOS[0], RATIOS[-1], 4000)
    truth = grid[np.argmax([b(r) > a(r) for r in grid])]
    assert row.predicted == pytest.approx(truth, rel=0.1)
    assert row.predicted_low <= truth <= row.predicted_high
    assert row.agree and row.status == "found"


def test_too_few_sizes_are_refused():
    with pytest.raises(CrossoverError, match="3 sizes"):
        seed_size_law.held_out(table(100, sizes=(25, 50)), 50)
    with pytest.raises(CrossoverError, match="cannot be held out"):
        seed_size_law.held_out(table(100), 60)
