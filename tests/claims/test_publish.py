"""Verdicts on record: the log, the file of each claim, its check, the plan, and the command."""

import json

import pandas as pd
import pytest

from claims_rows import STUDY, fill, register
from crossover.claims import decide, load_register
from crossover.claims.publish import check, publish
from crossover.claims.register import Rule
from crossover.claims.settle import plan
from crossover.errors import CrossoverError
from crossover.study.store import read_runs

PAIR = ("new_question", "answer_augmentation")
RULE = {"name": "stricter", "date": "2026-01-01", "claims": ["C"], "change": "Stricter.", "reason": "Too lax."}


def filled(folder, shares, **more):
    (folder / "runs.csv").unlink(missing_ok=True)
    return fill(folder, dict(zip(PAIR, shares, strict=True)), **more)


def test_a_verdict_that_changes_is_on_record_with_the_reason(tmp_path):
    for shares in ((0.5, 0.5), (0.9, 0.2), (0.9, 0.2)):  # the third time nothing changes
        publish(filled(tmp_path, shares), register())
    stricter = register(threshold=0.9).model_copy(update={"rules": [Rule.model_validate(RULE)]})
    publish(tmp_path, stricter)
    log = pd.read_csv(tmp_path / "verdicts.csv")
    assert log[["claim", "part", "was", "is", "reason"]].to_numpy().tolist() == [
        ["C", 1, "inconclusive", "supported", "new rows"],
        ["C", 1, "supported", "contradicted", "changed rule: stricter"],
    ]


def test_a_claims_file_is_enough_to_check_it(tmp_path, monkeypatch):
    monkeypatch.setattr("crossover.claims.findings.load_register", register)
    publish(filled(tmp_path, (0.9, 0.2)), register())
    record = json.loads((tmp_path / "claims" / "C.json").read_text())
    assert record["command"].startswith("crossover claims C --check") and record["verdict"] == "supported"
    assert record["tolerance"] > 0 and record["minutes"] >= 1
    (row,) = check(["C"], tmp_path).itertuples()
    assert row.agrees and row.published == pytest.approx(row.recomputed)
    record["parts"][0]["expected"] += 0.01
    (tmp_path / "claims" / "C.json").write_text(json.dumps(record))
    assert not check(["C"], tmp_path)["agrees"].any(), "another estimate"
    record["parts"][0] |= {"expected": row.recomputed, "part_verdict": "contradicted"}
    (tmp_path / "claims" / "C.json").write_text(json.dumps(record))
    assert not check(["C"], tmp_path)["agrees"].any(), "another verdict"
    with pytest.raises(CrossoverError, match="Published: C"):
        check(["D"], tmp_path)


def test_what_would_settle_an_open_part_is_priced_from_the_rows(tmp_path):
    asked = register()
    filled(tmp_path, (0.55, 0.5))
    runs = read_runs(tmp_path)
    (row,) = plan(decide(tmp_path, asked), runs, asked).itertuples()
    assert row.verdict == "inconclusive" and row.probability >= 0.8
    again = row.new_items > row.items
    trained = 2 * (row.new_replicates - (0 if again else row.replicates))
    assert row.cells == trained
    assert row.hours == pytest.approx(trained * (60 + 30 * row.new_items / row.items) / 3600)
    (beyond,) = plan(decide(tmp_path, asked), runs, asked, reach=0.001).itertuples()
    assert "beyond reach" in beyond.what
    filled(tmp_path, (0.9, 0.2))
    assert plan(decide(tmp_path, asked), runs, asked).empty, "a decided part needs nothing"


def test_a_part_that_was_not_run_is_priced_at_the_planned_size(tmp_path):
    filled(tmp_path, (0.9, 0.2))
    asked = register(points=[{"seed_size": 99, "budget": 64}])
    base = asked.base | {"experiment": "budget_ratio"}
    asked = asked.model_copy(update={"base": base, "planned": {"math_words": load_register().planned["math_words"]}})
    (row,) = plan(decide(tmp_path, asked), read_runs(tmp_path), asked).itertuples()
    assert (row.cells, row.hours) == (16, pytest.approx(16 * 90 / 3600))


def test_every_undecided_part_of_the_study_has_its_row():
    claims, planned = pd.read_csv(STUDY / "claims.csv"), pd.read_csv(STUDY / "claims_plan.csv")
    own = claims[claims["under"].isna() & ~claims["stands_in"]]
    undecided = own[own["part_verdict"].isin(["inconclusive", "at the floor", "not run in this profile"])]
    measured = set(claims.loc[claims["stands_in"] & claims["estimate"].notna(), "claim"])
    rows = planned.set_index(["claim", "number"])
    for part in undecided.itertuples():
        if part.part_verdict == "at the floor" and part.claim in measured:
            assert (part.claim, part.number) not in rows.index, "its second outcome is there"
        else:
            assert rows.loc[(part.claim, part.number), "what"], (part.claim, part.number)
