"""The lead of one strategy over another: paired differences, bands and the model-free crossover."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crossover.errors import CrossoverError
from crossover.stats.curves import fit_table
from crossover.stats.lead import compare, find_leads
from planted import EARLY, LATE, RATIOS, noisy

PAIR = {"first": "answer_augmentation", "second": "new_question"}


def test_the_lead_holds_the_truth_and_names_the_undecided_band():
    (lead,) = compare(noisy(EARLY, LATE, n=20_000, offset=0.005), draws=500, **PAIR)
    truth = np.array([LATE(r) - EARLY(r) for r in lead.curve["ratio"]])
    held = (lead.curve["low"] <= truth) & (truth <= lead.curve["high"])
    assert held.mean() > 0.8
    ((low, high),) = lead.undecided
    assert 14 < low < high < 21 and lead.brackets == ((16, 32),)
    assert lead.curve["lead"].iloc[-1] == pytest.approx(LATE(64) - EARLY(64), abs=0.02)


def test_points_are_paired_by_replicate():
    """Offsets that both strategies of a replicate share fall out of the difference; the rest is a paired t interval."""
    table = noisy(EARLY, LATE, n=10**6, replicates=5)
    shift = table["replicate"].map({0: 0, 1: 9000, 2: -4000, 3: 20_000, 4: -9000})
    own = np.random.default_rng(0).normal(0, 5000, len(table)).astype(int)
    table["n_correct"] += shift + own
    (lead,) = compare(table, draws=60, **PAIR)
    wide = table.assign(p=table["n_correct"] / table["n_test"]).pivot(
        index=["budget", "replicate"], columns="strategy", values="p"
    )
    d = (wide["new_question"] - wide["answer_augmentation"]).xs(800.0)
    ends = stats.t.interval(0.9, 4, d.mean(), stats.sem(d))
    at_8 = lead.points.set_index("ratio").loc[8.0]
    assert (at_8["low"], at_8["high"]) == pytest.approx(ends, rel=1e-9)


def test_one_replicate_leaves_the_items_noise():
    (lead,) = compare(noisy(EARLY, LATE, replicates=1, n=400), draws=60, **PAIR)
    p = [EARLY(8), LATE(8)]
    se = np.sqrt(sum(q * (1 - q) / 400 for q in p))
    row = lead.points.set_index("ratio").loc[8.0]
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.645 * se, rel=0.1) and row["replicates"] == 1


def test_pooling_weighs_sizes_alike():
    parts = [noisy(EARLY, LATE, seed=s, size=s, n=2000) for s in (50, 200)]
    fits = fit_table(pd.concat(parts, ignore_index=True), draws=200)
    alone = [lead.points for lead in find_leads(fits, **PAIR)]
    (pooled,) = find_leads(fits, pooled=True, **PAIR)
    np.testing.assert_allclose(pooled.points["lead"], (alone[0]["lead"] + alone[1]["lead"]) / 2)
    assert pooled.seed_size is None and (pooled.points["sizes"] == 2).all()
    width = [(p["high"] - p["low"]).mean() for p in (pooled.points, *alone)]
    assert width[0] < min(width[1:])


def test_a_size_of_few_replicates_does_not_set_those_of_all():
    parts = [noisy(EARLY, LATE, seed=s, size=s, n=500, replicates=n) for s, n in ((20, 6), (40, 6), (80, 2))]
    fits = fit_table(pd.concat(parts), draws=200)
    (pooled,) = find_leads(fits, pooled=True, **PAIR)
    assert pooled.sizes == (20, 40) and (pooled.points["replicates"] == 6).all()
    assert [lead.sizes for lead in find_leads(fits, **PAIR)] == [(20,), (40,), (80,)]


def test_the_lead_over_seeds_alone():
    seeds = pd.DataFrame({"strategy": "seeds_only", "seed_size": 100, "budget": 0, "replicate": [0, 1, 2]})
    table = pd.concat([noisy(EARLY, LATE, n=2000), seeds.assign(n_correct=300, n_test=2000)], ignore_index=True)
    (lead,) = compare(table, draws=100, first="seeds_only", second="new_question")
    truth = [LATE(r) - 0.15 for r in RATIOS]
    np.testing.assert_allclose(lead.points["lead"], truth, atol=0.03)
    np.testing.assert_allclose(lead.curve["lead"].iloc[[0, -1]], [truth[0], truth[-1]], atol=0.03)


def test_items_pair_the_answers():
    """Both students miss the same hard items: pairing them narrows the interval."""
    rng = np.random.default_rng(1)
    hard = rng.random(300)
    rows = [
        (name, 100, 100.0 * r, "0", i, int(h < f(r) + rng.normal(0, 0.02)))
        for name, f in (("answer_augmentation", EARLY), ("new_question", LATE))
        for r in RATIOS
        for i, h in enumerate(hard)
    ]
    items = pd.DataFrame(rows, columns=["strategy", "seed_size", "budget", "replicate", "item", "outcome"])
    cells = ["strategy", "seed_size", "budget", "replicate"]
    table = items.groupby(cells, as_index=False).agg(n_correct=("outcome", "sum"), n_test=("outcome", "size"))
    fits = fit_table(table, draws=60)
    (paired,), (loose,) = find_leads(fits, items=items, **PAIR), find_leads(fits, **PAIR)
    np.testing.assert_allclose(paired.points["lead"], loose.points["lead"])
    narrow, wide = ((lead.points["high"] - lead.points["low"]).mean() for lead in (paired, loose))
    assert narrow < wide / 1.5
    with pytest.raises(CrossoverError, match="outcome"):
        find_leads(fits, items=items.drop(columns="outcome"))


def test_command(command, tmp_path):
    args, figure = ["compare", noisy(EARLY, LATE), "--draws", "60"], tmp_path / "lead.svg"
    assert command(*args, "--plot", figure).exit_code == 0 and "New questions over new answers" in figure.read_text()
    (lead,) = json.loads(command(*args, "--json").stdout)["leads"]
    assert lead["brackets"] == [[16, 32]] and len(lead["points"]) == 7
    assert command(*args, "--first", "nothing").exit_code == 2


def test_labels_of_ones_own_are_paired_in_one_order_and_a_ratio_that_shares_no_replicate_is_left_out():
    table = noisy(EARLY, LATE, replicates=2)
    own = table.replace({"strategy": {"answer_augmentation": "zeta", "new_question": "alpha"}})
    (lead,) = find_leads(fit_table(own, draws=50))
    assert (lead.first, lead.second) == ("alpha", "zeta")
    first, last = table["budget"].min(), table["budget"].max()
    apart = table["strategy"].eq("new_question") & table["budget"].eq(last) & table["replicate"].eq(0)
    other = table["strategy"].eq("answer_augmentation") & table["budget"].eq(last) & table["replicate"].eq(1)
    (lead,) = compare(table[~(apart | other)], draws=50, **PAIR)
    seeds = table["seed_size"].iloc[0]
    assert last / seeds not in set(lead.points["ratio"]) and first / seeds in set(lead.points["ratio"])
