"""Anyone's CSV, wrong or odd in fifty ways: a right answer with the right status, or a refusal naming its place."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crossover.errors import CrossoverError
from crossover.stats import counts

HEADER = "strategy,seed_size,budget,replicate,n_correct,n_test"
GOOD = [
    f"{name},100,{100 * r},{j},{round(1000 * (E - B * np.exp(-r / tau))) + 3 * j},1000"
    for name, E, B, tau in (("answer_augmentation", 0.55, 0.4, 5), ("new_question", 0.72, 0.62, 14))
    for r in (1, 2, 4, 8, 16, 32, 64)
    for j in range(3)
]


def text(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def run(command):
    return lambda path: command("fit", path, "--draws", "100", "--json")


# What is wrong: the header, its one row, and what the message must hold.
ONE_ROW = {
    "missing column n_test": ("strategy,seed_size,budget,replicate,n_correct", "a,1,1,1,1", ["row 1", "'n_test'"]),
    "missing column strategy": ("seed_size,budget,n_correct,n_test", "1,1,1,1", ["row 1", "'strategy'"]),
    "no outcome": ("strategy,seed_size,budget,n_test", "a,1,1,1", ["row 1", "'n_correct'"]),
    "column twice": ("strategy,seed_size,budget,n_test,n_correct,n_test", "a,1,1,1,1,1", ["'n_test'", "2 times"]),
    "percent sign": ("strategy,seed_size,budget,accuracy,n_test", "a,1,1,85%,100", ["row 1", "'accuracy'", "85%"]),
    "accuracy 1.2": ("strategy,seed_size,budget,accuracy,n_test", "a,1,1,1.2,100", ["row 1", "'accuracy'", "1.2"]),
    "percentage": ("strategy,seed_size,budget,accuracy,n_test", "a,1,1,85,100", ["'accuracy'", "percent"]),
    "negative accuracy": ("strategy,seed_size,budget,accuracy,n_test", "a,1,1,-.1,100", ["row 1", "'accuracy'"]),
    "accuracy against counts": (HEADER + ",accuracy", "a,1,1,0,10,100,0.9", ["row 1", "'accuracy'", "agree"]),
}
# What is wrong: the fourth row of a good table, and what the message must hold beside its place.
FOURTH_ROW = {
    "text in a number": ("a,100,many,0,5,10", ["line 5", "'budget'", "many"]),
    "text in a count": ("a,100,100,0,five,10", ["'n_correct'", "five"]),
    "thousands separator": ('a,100,100,0,"1,000",2000', ["'n_correct'", "1,000"]),
    "k over n": ("a,100,100,0,11,10", ["line 5", "'n_correct'", "11"]),
    "negative count": ("a,100,100,0,-1,10", ["'n_correct'", "-1"]),
    "half a count": ("a,100,100,0,4.5,10", ["'n_correct'", "4.5"]),
    "no test items": ("a,100,100,0,0,0", ["'n_test'"]),
    "infinite test set": ("a,100,100,0,5,inf", ["'n_test'"]),
    "NaN": ("a,100,100,0,nan,10", ["'n_correct'", "missing"]),
    "empty number": ("a,100,,0,5,10", ["'budget'", "missing"]),
    "empty strategy": (",100,100,0,5,10", ["'strategy'", "missing"]),
    "empty replicate": ("a,100,100,,5,10", ["'replicate'", "missing"]),
    "budget zero": ("answer_augmentation,100,0,0,5,10", ["'budget'", "0"]),
    "budget negative": ("a,100,-100,0,5,10", ["'budget'", "-100"]),
    "seed size zero": ("a,0,100,0,5,10", ["'seed_size'"]),
    "row too short": ("a,100,100,0,5", ["'n_test'", "missing"]),
}
REFUSED = {
    **{name: (text(row, header=header), wanted) for name, (header, row, wanted) in ONE_ROW.items()},
    **{name: (text(*GOOD[:3], row, *GOOD[4:]), ["row 4", *wanted]) for name, (row, wanted) in FOURTH_ROW.items()},
    "misspelt column": (text(*GOOD, header=HEADER.replace("budget", "buget")), ["'budget'", "Is it 'buget'"]),
    "no header": (text(*GOOD[1:], header=GOOD[0]), ["row 1", "'strategy'"]),
    "empty file": ("", ["empty"]),
    "only blank lines": ("\n\n\n", ["empty"]),
    "header only": (text(), ["no rows"]),
    "duplicate cell": (text(*GOOD, GOOD[2]), ["row 43", "row 3", "'replicate'", "same cell"]),
    "repeats without replicate": (
        text("a,1,1,1,5", "a,1,1,2,5", header="strategy,seed_size,budget,n_correct,n_test"),
        ["row 2", "row 1", "number the repeats"],
    ),
    "row too long": (text(*GOOD[:3], "a,100,100,0,5,10,9,9", *GOOD[4:]), ["line 5"]),
    "open quote": (text(*GOOD[:3], '"a,100,100,0,5,10', *GOOD[4:]), []),
    "no delimiter": (text("hello"), []),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_place(run, case, tmp_path):
    content, wanted = REFUSED[case]
    path = tmp_path / "pilot.csv"
    path.write_text(content)
    result = run(path)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output and isinstance(result.exception, SystemExit)
    message = result.stderr
    assert message.startswith("crossover: ") and str(path) in message
    for part in wanted:
        assert part in message, message


def _flat(value: int, n: int = 200):
    return text(*[f"{s},100,{100 * r},{j},{value * n},{n}" for s in "ab" for r in (1, 2, 4, 8, 16) for j in range(3)])


FALLING = [f"{s},100,{100 * 2**b},{j},{900 - 90 * b + 2 * j},1000" for s in "ab" for b in range(7) for j in range(3)]
# The good table as people write it.
ODD = {
    "as it should be": text(*GOOD),
    "byte-order mark": text(*GOOD).encode("utf-8-sig"),
    "UTF-16": text(*GOOD).encode("utf-16"),
    "semicolons": text(*GOOD).replace(",", ";"),
    "tabs": text(*GOOD).replace(",", "\t"),
    "bars": text(*GOOD).replace(",", "|"),
    "Windows line ends": text(*GOOD).replace("\n", "\r\n"),
    "blank lines and spaces": text(*GOOD).replace("\n", "\n\n").replace(",", " , "),
    "delimiter at line ends": text(*GOOD).replace("\n", ",\n"),
    "capitals in the header": text(*GOOD, header=HEADER.upper()),
    "extra columns": text(*[g + ",x" for g in GOOD], header=HEADER + ",note"),
    "rows in any order": text(*GOOD[::-1]),
    "numbers as 100.0 and 1e3": text(*[g.replace(",100,", ",1e2,").replace(",1000", ",1000.0") for g in GOOD]),
}
# Other tables: statuses of the curves and of the crossovers.
READ = {name: (content, ["ok", "ok"], ["found"]) for name, content in ODD.items()} | {
    "one budget": (text(*[g for g in GOOD if ",100,100," in g]), ["too_few_budgets"] * 2, ["undetermined"]),
    "three budgets": (text(*[g for g in GOOD if int(g.split(",")[2]) > 800]), ["too_few_budgets"] * 2, None),
    "one strategy": (text(*GOOD[:21]), ["ok"], []),
    "one row": (text(GOOD[0]), ["too_few_budgets"], []),
    "all zeros": (_flat(0), ["flat"] * 2, ["undetermined"]),
    "all ones": (_flat(1), ["flat"] * 2, ["undetermined"]),
    "decreasing curves": (text(*FALLING), ["lack_of_fit"] * 2, ["undetermined"]),
}


@pytest.mark.parametrize("case", READ)
def test_read_with_the_right_status(run, case, tmp_path):
    content, curve_statuses, crossover_statuses = READ[case]
    path = tmp_path / "pilot.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run(path)
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert [c["status"] for c in answer["curves"]] == curve_statuses
    if crossover_statuses is not None:
        assert [x["status"] for x in answer["crossovers"]] == crossover_statuses
    if case in ODD:
        assert answer["crossovers"][0]["ratio"] == pytest.approx(17.07, rel=0.05)
        assert answer["crossovers"][0]["first"] == "answer_augmentation"


SPREADSHEETS = {
    "decimal commas": ("accuracy;n_test", "0,85;200", 170),
    "decimal commas everywhere": ("n_correct;n_test", "170,0;200,0", 170),
    "German thousands": ("accuracy;n_test", "0,5;1.000", 500),
    "German thousands and decimals": ("accuracy;n_test", "0,5;12.800,0", 6400),
    "spaces between thousands": ("n_correct;n_test", "1 000;2\u202f000", 1000),
    "apostrophes between thousands": ("n_correct;n_test", "1'000;2'000", 1000),
}


@pytest.mark.parametrize("case", SPREADSHEETS)
def test_numbers_as_spreadsheets_write_them(case, tmp_path):
    header, values, correct = SPREADSHEETS[case]
    path = tmp_path / "pilot.csv"
    path.write_text(f"strategy;seed_size;budget;{header}\na;10;10;{values}\na;10;20;{values}\n")
    assert counts.read_counts(path)["n_correct"].tolist() == [correct] * 2


@pytest.mark.parametrize("values", ["1,000;2000", "1.000;2000", "0,85;1,000", "1.000,000;2.000"])
def test_numbers_that_can_be_read_in_two_ways_are_refused(values, tmp_path):
    path = tmp_path / "pilot.csv"
    path.write_text(f"strategy;seed_size;budget;n_correct;n_test\na;10;10;{values}\n")
    with pytest.raises(CrossoverError, match="row 1 .line 2., column 'n_"):
        counts.read_counts(path)


def test_what_is_no_text_file_is_refused(run, tmp_path):
    for path, word in ((tmp_path / "none.csv", "no such file"), (tmp_path, "folder")):
        result = run(path)
        assert result.exit_code == 2 and word in result.stderr
    path = tmp_path / "pilot.csv"
    for content in (b"\x89PNG\r\n\x1a\n\x00\x01", b"a,b\n\x00\x00", text(*GOOD).encode().replace(b"new", b"n\xe9w")):
        path.write_bytes(content)
        assert run(path).exit_code == 2


def test_numbers_may_come_as_numbers_or_text():
    typed = pd.DataFrame(
        {"strategy": ["a", "b"], "seed_size": 10, "budget": [10, 20], "n_correct": [1, 2], "n_test": 4}
    )
    pd.testing.assert_frame_equal(counts.validate_counts(typed), counts.validate_counts(typed.astype(str)))


def test_a_checked_table_may_be_checked_again(run, tmp_path):
    scores = counts.example_counts().assign(score=lambda t: t["n_correct"] / t["n_test"] - 2, score_sd=0.5)
    once = counts.validate_counts(scores.drop(columns="n_correct"))
    pd.testing.assert_frame_equal(counts.validate_counts(once), once)
    once.to_csv(tmp_path / "scores.csv", index=False)
    assert json.loads(run(tmp_path / "scores.csv").stdout)["curves"][0]["E"] == pytest.approx(-1.5, abs=0.02)


def test_a_replicate_is_the_same_as_number_and_text():
    base = pd.DataFrame({"strategy": "a", "seed_size": 10, "budget": [10, 20], "n_correct": 1, "n_test": 4})
    as_float, as_text = base.assign(replicate=[1.0, 2.0]), base.assign(replicate=["1", "2"])
    assert (
        counts.validate_counts(as_float)["replicate"].tolist() == counts.validate_counts(as_text)["replicate"].tolist()
    )


def test_thousands_of_replicates(run, tmp_path):
    """A hundred thousand cells: read, checked and fitted."""
    rng, ratios = np.random.default_rng(0), np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    cells = np.meshgrid(["a", "b"], [10, 1000], ratios, np.arange(2500), indexing="ij")
    strategy, size, ratio, replicate = (axis.ravel() for axis in cells)
    p = np.where(strategy == "a", 0.55 - 0.4 * np.exp(-ratio / 5), 0.72 - 0.62 * np.exp(-ratio / 14))
    where = {"strategy": strategy, "seed_size": size, "budget": ratio * size, "replicate": replicate}
    path = tmp_path / "pilot.csv"
    pd.DataFrame(where | {"n_correct": rng.binomial(50, p), "n_test": 50}).to_csv(path, index=False)
    answer = json.loads(run(path).stdout)
    assert len(answer["curves"]) == 4
    assert all(x["ratio"] == pytest.approx(17.07, rel=0.02) for x in answer["crossovers"])
