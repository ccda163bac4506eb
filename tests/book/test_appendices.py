"""The appendices: sums of the rows, every data set with its licence, the checklist from the fits."""

import re

import pandas as pd

from crossover.book import appendices
from crossover.data import pinned
from crossover.data.load import DATA_SETS
from stored import write_runs


def cells(table, first):
    """The cells of the row that begins with a word."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {first} ")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_costs_are_the_sums_of_the_rows(tmp_path):
    rows = pd.DataFrame(
        {"experiment": ["budget_ratio", "budget_ratio", "finetuned_teacher"], "task": ["arc", "math_words", "rte"],
         "queries": [1000, 250, 50], "tokens_in": [10, 20, 30], "tokens_out": [1, 2, 3], "train_tokens": [5, 6, 7],
         "seconds_train": [3600.0, 1800.0, 0.0], "seconds_eval": [0.0, 1800.0, 7200.0], "provenance": ["none"] * 3}
    )  # fmt: skip
    write_runs(tmp_path, rows)
    table = appendices.tables(tmp_path)["costs"]
    assert cells(table, "all") == ["all", "", "3", "1,300", "66", "18", "4.0"]
    assert cells(table, "finetuned teacher") == ["finetuned teacher", "RTE", "1", "50", "33", "7", "2.0"]


def test_without_runs_it_says_so(tmp_path):
    found = appendices.tables(tmp_path)
    assert "No student was trained" in found["costs"] and found["n_curves"] == "0"


def test_speed_is_what_the_bench_wrote(tmp_path):
    assert "make bench" in appendices.tables(tmp_path / "laptop")["speed"]
    bench = tmp_path / "bench"
    (bench / "provenance").mkdir(parents=True)
    rows = pd.DataFrame(
        {
            "what": ["sampling, ours | generate"],
            "value": [3.104],
            "unit": ["x"],
            "wanted": [">= 3"],
            "met": ["yes"],
            "provenance": ["abc"],
        }
    )
    rows.to_csv(bench / "decoding.csv", index=False)
    (bench / "provenance" / "abc.json").write_text('{"hardware": {"cpu": "Xeon", "cores": 2}, "commit": "0123456789"}')
    text = appendices.tables(tmp_path / "laptop")["speed"]
    assert (
        "| sampling, ours \\| generate | 3.104 x | >= 3 | yes |" in text and "Xeon, 2 cores, commit `01234567`" in text
    )


def test_every_data_set_and_asset_is_listed(tmp_path):
    found = appendices.tables(tmp_path)
    assert set(re.findall(r"^\| `(\w+)` \|", found["data_cards"], re.MULTILINE)) == set(DATA_SETS)
    assert all(data.licence in found["data_cards"] for data in DATA_SETS.values())
    assert pinned.SMOLLM2.sha256[:16] in found["model_cards"] and pinned.WIKIPEDIA.package in found["model_cards"]


def test_the_checklist_counts_the_published_curves():
    from crossover.paths import results_folder

    fits = pd.read_csv(results_folder("study") / "fits.csv")
    found = appendices.tables(results_folder("study"))
    assert (found["n_curves"], found["n_points"]) == (str(len(fits)), str(fits["n_budgets"].sum()))
