"""What of the confirmation study counts: whole replicates, from two on."""

import pandas as pd
import pytest

from crossover.paths import results_folder
from crossover.study.confirmation import confirmed


@pytest.fixture
def without(tmp_path, monkeypatch):
    """Return a function that takes rows out of the confirmation study."""
    rows = pd.read_csv(results_folder("confirm") / "runs.csv", dtype=str, keep_default_na=False)
    (tmp_path / "confirm").mkdir()
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))

    def take(keys):
        rows[~rows["key"].isin(keys)].to_csv(tmp_path / "confirm" / "runs.csv", index=False)

    take([])
    return take


def test_a_seed_set_size_counts_by_whole_replicates_of_all_strategies(without):
    rows = confirmed("03_budget_ratio")
    assert rows.groupby(["seed_size", "replicate"]).size().groupby("seed_size").nunique().eq(1).all()
    small = rows[rows["seed_size"] == 16]
    lost = small["key"].groupby(small["replicate"]).first()  # one student of each replicate
    for n in (1, len(lost) - 1):
        without(lost[:n])
        left = confirmed("03_budget_ratio")
        left = left["replicate"].groupby(left["seed_size"]).unique().map(set)
        kept = set(lost.index[n:])
        assert left.get(16) == (kept if len(kept) > 1 else None)
        assert left[64] == set(rows.loc[rows["seed_size"] == 64, "replicate"])


def test_a_mixture_of_questions_counts_by_itself(without):
    rows = confirmed("01_template_questions")
    assert (rows["strategy"] == "untouched").sum() == 1, "one is planned, and there are never two"
    alone = rows[rows["strategy"] == "tokens_equal"]
    mixture = alone[alone["budget"] == alone["budget"].max()]
    assert mixture["replicate"].is_unique and len(mixture) > 2
    for kept in (2, 1):
        without(mixture["key"].iloc[kept:])
        left = confirmed("01_template_questions")["key"]
        assert len(left) == len(rows) - len(mixture) + (kept if kept > 1 else 0)
        assert set(rows["key"]) - set(left) <= set(mixture["key"])
