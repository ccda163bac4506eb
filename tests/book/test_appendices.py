"""The appendices: sums of the rows, every data set with its licence, the checklist from the fits."""

import re

import pandas as pd
import pytest

from crossover.book import appendices
from crossover.book.pages import fill
from crossover.data import pinned
from crossover.data.load import DATA_SETS
from crossover.paths import repository, results_folder
from stored import write_runs


@pytest.fixture(autouse=True)
def costs_of_the_paper(monkeypatch):
    monkeypatch.setattr(appendices, "paper_costs", dict)  # which takes seconds


def page(name, results):
    """A page of the book, filled in from a results folder."""
    return fill((repository() / "book" / f"{name}.md").read_text(), appendices.tables(results), name)


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
    table = page("appendices", tmp_path)
    assert cells(table, "all") == ["all", "", "", "3", "1,300", "66", "18", "4.0"]
    assert cells(table, f"{tmp_path.name} | finetuned teacher")[1:] == [
        "finetuned teacher",
        "RTE",
        "1",
        "50",
        "33",
        "7",
        "2.0",
    ]


def test_without_runs_it_says_so(tmp_path):
    text = page("appendices", tmp_path)
    assert "No student was trained" in text and "0 curves, 0 points" in text and "none fitted" in text


def test_speed_is_what_the_bench_wrote(tmp_path):
    assert "Not measured here yet" in page("performance", tmp_path / "laptop")
    bench = tmp_path / "bench"
    (bench / "provenance").mkdir(parents=True)
    rows = pd.DataFrame(
        {
            "what": ["sampling, ours | generate"],
            "value": [3104.2],
            "unit": ["x"],
            "wanted": [">= 3"],
            "met": ["yes"],
            "provenance": ["abc"],
        }
    )
    rows.to_csv(bench / "decoding.csv", index=False)
    (bench / "provenance" / "abc.json").write_text('{"hardware": {"cpu": "Xeon", "cores": 2}, "commit": "0123456789"}')
    text = page("performance", tmp_path / "laptop")
    assert (
        "| sampling, ours \\| generate | 3,104 x | >= 3 | yes |" in text and "Xeon, 2 cores, commit `01234567`" in text
    )


def test_every_data_set_and_asset_is_listed(tmp_path):
    text = page("appendices", tmp_path)
    assert set(re.findall(r"^\| `(\w+)`, `", text, re.MULTILINE)) >= set(DATA_SETS)
    assert all(data.licence in text for data in DATA_SETS.values())
    assert pinned.SMOLLM2.sha256[:16] in text and pinned.WIKIPEDIA.package in text


def test_the_checklist_counts_the_published_curves():
    fits = pd.read_csv(results_folder("study") / "fits.csv")
    text = page("appendices", results_folder("study"))
    assert f"{len(fits)} curves, {fits['n_budgets'].sum()} points" in text
