"""Blinded sheets: nothing gives a source away, what is read is what was graded, agreement is Krippendorff's."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crossover.errors import CrossoverError
from crossover.sheets import LEVEL, Item, alpha, main, read_sheets, write_sheet

ITEMS = [Item(f"text {i}, with a comma\nand a line", f"source-{i % 3}") for i in range(150)]


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.csv"
    write_sheet(ITEMS, path, seed=1)
    return path


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def fill(sheet, grade, name):
    """A copy with ``grade(number, text)`` in every row."""
    path = sheet.with_name(name)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["item", "text", "grade", "remark"])
        writer.writeheader()
        writer.writerows({**row, "grade": grade(int(row["item"]), row["text"])} for row in rows(sheet))
    return path


def test_a_sheet_is_blind_and_its_key_is_not(sheet):
    graded, key = rows(sheet), rows(sheet.with_suffix(".key.csv"))
    assert "source" not in sheet.read_text()
    assert len(graded) == len(key) == 100 and [r["item"] for r in graded] == [str(n) for n in range(1, 101)]
    assert all(row["grade"] == "" for row in graded)
    truth = {item.text: item.source for item in ITEMS}
    assert [truth[row["text"]] for row in graded] == [row["source"] for row in key]
    counts = [sum(row["source"] == f"source-{i}" for row in key) for i in range(3)]
    assert max(counts) - min(counts) <= 1, "every source has its share"
    assert [row["source"] for row in key] != sorted(row["source"] for row in key), "and none is in one block"


def test_the_draw_is_the_seeds(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sheet(ITEMS, tmp_path / f"{name}.csv", seed)
    a, b, c = ((tmp_path / f"{name}.csv").read_text() for name in "abc")
    assert a == b != c


def test_fewer_items_than_the_size_are_all_there(tmp_path):
    write_sheet(ITEMS[:7], tmp_path / "s.csv", 0)
    assert {row["text"] for row in rows(tmp_path / "s.csv")} == {item.text for item in ITEMS[:7]}


def test_rate_interval_and_sources(sheet):
    truth = {item.text: item.source for item in ITEMS}
    copy = fill(sheet, lambda n, text: "error" if truth[text] == "source-1" else "OK ", "one.csv")
    found = read_sheets([copy], sheet.with_suffix(".key.csv"))
    expected = stats.binomtest(round(found.rate * 100), 100).proportion_ci(LEVEL, method="wilson")
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert (found.items, found.graders, found.agreement) == (100, 1, None)
    assert {source: part.rate for source, part in found.by_source.items()} == {
        "source-0": 0,
        "source-1": 1,
        "source-2": 0,
    }
    assert sum(part.items for part in found.by_source.values()) == 100


def test_two_graders_and_an_item_left_empty(sheet):
    one = fill(sheet, lambda n, _: "error" if n <= 20 else "ok", "one.csv")
    two = fill(sheet, lambda n, _: "" if n == 100 else "error" if n <= 10 else "ok", "two.csv")
    found = read_sheets([one, two])
    assert found.rate == pytest.approx(0.15) and found.items == 100 and found.graders == 2
    assert found.agreement == pytest.approx(alpha([["error"] * 2] * 10 + [["error", "ok"]] * 10 + [["ok"] * 2] * 79))


def test_alpha_of_krippendorffs_own_example():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: nominal alpha is 0.743."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[str(grade) for grade in unit if grade] for unit in zip(*observers, strict=True)]
    assert alpha(units) == pytest.approx(0.743, abs=5e-4)


@given(st.lists(st.lists(st.sampled_from(["ok", "error"]), max_size=4), max_size=12))
def test_alpha_is_at_most_one_and_one_when_all_agree(grades):
    found = alpha(grades)
    assert found is None or found <= 1
    agreed = alpha([[given[0]] * len(given) for given in grades if given])
    assert agreed is None or agreed == pytest.approx(1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda n, _: "" , "No item of .* is graded: write ok or error"),
        (lambda n, _: "maybe" if n == 3 else "ok", "item 3: the grade is 'maybe'; write ok or error"),
    ],
)  # fmt: skip
def test_grades_that_cannot_be_read(sheet, spoil, message):
    with pytest.raises(CrossoverError, match=message):
        read_sheets([fill(sheet, spoil, "copy.csv")])


def test_sheets_and_keys_that_do_not_belong_together(sheet, tmp_path):
    write_sheet(ITEMS, tmp_path / "other.csv", seed=2)
    good = fill(sheet, lambda *_: "ok", "good.csv")
    with pytest.raises(CrossoverError, match="not copies of one sheet"):
        read_sheets([good, fill(tmp_path / "other.csv", lambda *_: "ok", "bad.csv")])
    write_sheet(ITEMS[:5], tmp_path / "small.csv", seed=2)
    with pytest.raises(CrossoverError, match="has no item 6"):
        read_sheets([good], tmp_path / "small.key.csv")
    with pytest.raises(CrossoverError, match="is not a sheet"):
        read_sheets([tmp_path / "small.key.csv"])
    with pytest.raises(CrossoverError, match="cannot be read"):
        read_sheets([tmp_path / "nowhere.csv"])


def test_grades_are_never_overwritten(sheet):
    with pytest.raises(CrossoverError, match="may hold grades"):
        write_sheet(ITEMS, sheet, 1)
    with pytest.raises(CrossoverError, match="no items"):
        write_sheet([], sheet.with_name("empty.csv"), 1)


def test_the_script_prints_what_the_sheets_say(sheet, capsys):
    copies = [fill(sheet, lambda n, _, k=k: "error" if n <= k else "ok", f"{k}.csv") for k in (10, 12)]
    main([*map(str, copies), str(sheet.with_suffix(".key.csv"))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("all: 11.0% errors (") and "in 100 items, Krippendorff's alpha 0." in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == ["source-0", "source-1", "source-2"]
    with pytest.raises(CrossoverError, match="one filled sheet or more"):
        main([])
