"""Blinded sheets: nothing gives a source away, what is read is what was graded, agreement is Krippendorff's."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crossover.chapters import human_grading
from crossover.chapters.human_grading import LEVEL, Item, agreement, rates, read_sheets, write_sheet
from crossover.errors import CrossoverError

CRITERIA = ("grammatical", "answer_right")
ITEMS = [
    Item({"text": f"text {i}, with a comma\nand a line", "question": f"Question {i}?"}, f"source-{i % 3}")
    for i in range(150)
]
TRUTH = {item.shown["question"]: item.source for item in ITEMS}


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.csv"
    assert write_sheet(ITEMS, path, CRITERIA, seed=1) == tmp_path / "sheet.key.csv"
    return path


def read(path):
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def fill(sheet, name, grade):
    """A copy that a grader filled by a rule on the item's number, question and the criterion."""
    table = read(sheet)
    for criterion in CRITERIA:
        table[criterion] = [
            str(grade(int(item[1:]), question, criterion))
            for item, question in zip(table["item"], table["question"], strict=True)
        ]
    table.to_csv(sheet.with_name(name), index=False)
    return sheet.with_name(name)


def key_of(sheet):
    return sheet.with_suffix(".key.csv")


def test_a_sheet_is_blind_and_its_key_is_not(sheet):
    table, key = read(sheet), read(key_of(sheet))
    assert "source" not in sheet.read_text()
    assert list(table) == ["item", "text", "question", *CRITERIA] and (table[list(CRITERIA)] == "").all(axis=None)
    assert len(table) == len(key) == 100 and table["question"].is_unique
    assert [TRUTH[q] for q in table["question"]] == list(key["source"])
    counts = key["source"].value_counts()
    assert counts.max() - counts.min() <= 1, "every source has its share"
    assert not key["source"].is_monotonic_increasing, "and none is in one block"


def test_the_draw_is_the_seeds(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sheet(ITEMS, tmp_path / f"{name}.csv", CRITERIA, seed)
    a, b, c = ((tmp_path / f"{name}.csv").read_text() for name in "abc")
    assert a == b != c


def test_fewer_items_than_the_size_are_all_there(tmp_path):
    write_sheet(ITEMS[:7], tmp_path / "s.csv", CRITERIA)
    assert set(read(tmp_path / "s.csv")["question"]) == {item.shown["question"] for item in ITEMS[:7]}


def test_rates_of_one_grader_by_source(sheet):
    ann = fill(sheet, "ann.csv", lambda n, q, c: int(TRUTH[q] != "source-1"))
    found = rates(read_sheets(key_of(sheet), [ann])).set_index(["criterion", "source"])
    assert list(found.loc["grammatical"].index) == ["all", "source-0", "source-1", "source-2"]
    whole = found.loc[("grammatical", "all")]
    expected = stats.binomtest(round(whole["met"] * 100), 100).proportion_ci(LEVEL, method="wilson")
    assert (whole["low"], whole["high"]) == pytest.approx((expected.low, expected.high))
    assert found.loc["grammatical"]["error_rate"].tolist()[1:] == [0, 1, 0]
    assert found.loc["grammatical"]["items"].tolist()[1:] == list(
        read(key_of(sheet))["source"].value_counts().sort_index()
    )


def test_two_graders_and_a_cell_left_empty(sheet):
    ann = fill(sheet, "ann.csv", lambda n, q, c: int(n > 20))
    ben = fill(sheet, "ben.csv", lambda n, q, c: "" if n == 100 else int(n > 10) if c == "grammatical" else int(n > 20))
    grades = read_sheets(key_of(sheet), [ann, ben])
    assert len(grades) == 398
    found = rates(grades).set_index(["criterion", "source"])
    assert found.loc[("grammatical", "all"), "error_rate"] == pytest.approx(0.15)
    assert found.loc[("grammatical", "all"), "items"] == 100
    alphas = agreement(grades, draws=100).set_index(["criterion", "source"])
    assert alphas.loc[("answer_right", "all"), "alpha"] == 1
    grammatical = alphas.loc[("grammatical", "all")]
    assert 0 < grammatical["low"] <= grammatical["alpha"] <= grammatical["high"] < 1


def long(observers):
    """Grades of one criterion from a list of values for each observer, ``None`` for none."""
    rows = [
        (f"g{g}", f"i{i}", "s", "c", value)
        for g, values in enumerate(observers)
        for i, value in enumerate(values)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["grader", "item", "source", "criterion", "grade"])


def test_alpha_of_published_tables():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: B (binary) 0.095, C (nominal, missing) 0.743."""
    binary = long([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]])
    assert agreement(binary, draws=5)["alpha"][0] == pytest.approx(0.095, abs=1e-3)
    missing = long(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
            [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
        ]
    )
    assert agreement(missing, draws=5)["alpha"][0] == pytest.approx(0.743, abs=5e-4)
    assert math.isnan(agreement(binary.assign(grade=1), draws=5)["alpha"][0]), "nothing that chance could get wrong"


@given(st.lists(st.lists(st.sampled_from([0, 1, None]), min_size=5, max_size=5), min_size=2, max_size=4))
def test_alpha_is_at_most_one_and_rates_are_within_their_interval(observers):
    grades = long(observers)
    if grades["grader"].nunique() < 2:
        return
    alpha = agreement(grades, draws=3)["alpha"][0]
    assert np.isnan(alpha) or alpha <= 1 + 1e-12
    found = rates(grades).iloc[0]
    assert 0 <= found["low"] <= found["met"] <= found["high"] <= 1


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda t: t.assign(grammatical="maybe"), "i001, grammatical: 'maybe' is neither 0 nor 1"),
    (lambda t: t.drop(columns="answer_right"), "no column 'answer_right'"),
    (lambda t: t.iloc[1:], "does not show the items"),
    (lambda t: t.assign(question="Another?"), "does not show the items"),
    (lambda t: t.assign(item="i001"), "one row an item"),
    (lambda t: t.assign(**dict.fromkeys(CRITERIA, " ")), "No cell of .* write 1 or 0 under grammatical, answer_right"),
])  # fmt: skip
def test_a_spoilt_sheet_is_named(sheet, spoil, message):
    path = fill(sheet, "cy.csv", lambda *_: 1)
    spoil(read(path)).to_csv(path, index=False)
    with pytest.raises(CrossoverError, match=message):
        read_sheets(key_of(sheet), [path])


def test_files_that_are_no_sheet_or_no_key(sheet, tmp_path):
    path = fill(sheet, "ann.csv", lambda *_: 1)
    with pytest.raises(CrossoverError, match="is not a key"):
        read_sheets(path, [path])
    with pytest.raises(CrossoverError, match="cannot be read"):
        read_sheets(key_of(sheet), [tmp_path / "nowhere.csv"])
    with pytest.raises(CrossoverError, match="two graders or more"):
        agreement(read_sheets(key_of(sheet), [path]))


def test_grades_are_never_overwritten(sheet):
    with pytest.raises(CrossoverError, match="may hold grades"):
        write_sheet(ITEMS, sheet, CRITERIA)
    with pytest.raises(CrossoverError, match="needs items and criteria"):
        write_sheet([], sheet.with_name("empty.csv"), CRITERIA)


def test_a_row_order_and_a_byte_order_mark_do_not_matter(sheet):
    path = fill(sheet, "ann.csv", lambda n, q, c: n % 2)
    read(path).iloc[::-1].to_csv(path.with_name("ben.csv"), index=False, encoding="utf-8-sig")
    grades = read_sheets(key_of(sheet), [path, path.with_name("ben.csv")])
    assert (agreement(grades, draws=5)["alpha"] == 1).all()


def test_the_command_prints_both(sheet, capsys):
    paths = [str(fill(sheet, f"{k}.csv", lambda n, q, c, k=k: int(n > k))) for k in (10, 12)]
    human_grading.main([str(key_of(sheet)), *paths])
    printed = capsys.readouterr().out
    assert "error_rate" in printed and "0.11" in printed and "alpha" in printed and printed.count("source-1") == 4
