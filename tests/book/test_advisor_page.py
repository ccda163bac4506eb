"""What advice from the project's own results rests on: one grid a task, and its coverages apart."""

import copy

import pandas as pd
import pytest

from advisor import ask, printed
from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.study import advice_counts
from pages import visit
from planted import EARLY, LATE, noisy
from stored import SETTINGS, write_runs


def with_dials(**dials):
    settings = copy.deepcopy(SETTINGS)
    for name, value in dials.items():
        (settings if name in settings else settings["teacher_settings"])[name] = value
    return settings


def grid(sizes=(50, 200), task="math_words", **dials):
    parts = [noisy(EARLY, LATE, seed=size, size=size) for size in sizes]
    rows = pd.concat(parts, ignore_index=True).assign(task=task, experiment="budget_ratio")
    return rows.assign(settings=[with_dials(**dials)] * len(rows))


def test_cells_with_a_dial_turned_are_left_out_and_coverages_stand_apart(tmp_path):
    """The study's table holds ablations beside the grid: read as one, they would be the same cells twice."""
    base = grid()
    edited = grid((50,), coverage=0.0)
    edited = edited[edited["strategy"] == "new_question"].assign(n_correct=lambda t: t["n_correct"] // 2)
    wrong, filtered = grid((50,), answer_error=0.5), grid((50,), verify=True)
    write_runs(tmp_path, pd.concat([wrong, edited, base, filtered], ignore_index=True))
    found = advice_counts.counts(tmp_path)
    assert set(found["task"]) == {"math_words", "math_words, coverage 0"}
    parts = dict(tuple(found.groupby("task")))
    assert len(parts["math_words"]) == len(base)
    new = parts["math_words, coverage 0"]
    assert set(new["seed_size"]) == {50} and set(new["strategy"]) == {"answer_augmentation", "new_question"}
    joined = new.merge(parts["math_words"], on=["strategy", "seed_size", "budget", "replicate"])
    halved = joined["strategy"] == "new_question"
    assert (joined["n_correct_x"][~halved] == joined["n_correct_y"][~halved]).all()
    assert (joined["n_correct_x"][halved] == joined["n_correct_y"][halved] // 2).all() and halved.any()


def test_an_augmenter_that_spoils_questions_stands_apart_once_it_has_a_curve(tmp_path):
    base, weak = grid(), grid((50,), invalid_rate=0.5, rephrase_drift=0.5)
    weak = weak[weak["strategy"] == "new_question"]
    write_runs(tmp_path, pd.concat([base, weak], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["task"]) == {"math_words", "math_words, augmenter that spoils 50%"}
    few = weak[weak["budget"].isin(sorted(set(weak["budget"]))[:3])]
    half = grid((50,), invalid_rate=0.5)
    write_runs(tmp_path, pd.concat([base, few, half], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["task"]) == {"math_words"}


def test_a_strategy_that_some_seed_sizes_lack_is_left_out(tmp_path):
    rows = grid()
    mixed = rows[(rows["strategy"] == "new_question") & (rows["seed_size"] == 50)].assign(strategy="mixed")
    write_runs(tmp_path, pd.concat([rows, mixed], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["strategy"]) == {"answer_augmentation", "new_question"}


def test_without_rows_it_says_what_to_run(tmp_path):
    with pytest.raises(CrossoverError, match="no budget-ratio results yet"):
        advice_counts.counts(tmp_path)


@pytest.mark.parametrize(("seeds", "queries", "price"), [(32, 128, 1), (48, 60, 1), (40, 100, 2), (64, 64, 1)])
def test_the_page_prints_what_advise_prints(browser, published_book, seeds, queries, price):
    costs = [
        f"--cost={name}={1 + (calls - 1) * price}" for name, calls in QUERIES_PER_SAMPLE.items() if name != "mixed"
    ]
    said = printed("advise", "--seeds", seeds, "--queries", queries, "--task", "math_words", *costs)
    visit(browser, published_book / "advisor.html", 1280)
    rows, sentence, errors = ask(browser, seeds=seeds, queries=queries, price=price)
    assert len(rows) == 3 and not errors
    assert all(" ".join([name, *cells]) in said for name, cells in rows.items())
    assert ("Buy" in sentence) == ("no clear winner" not in said)


def test_outside_the_tested_range_nothing_is_recommended(browser, published_book):
    visit(browser, published_book / "advisor.html", 1280)
    _, sentence, _ = ask(browser, seeds=5000, queries=20000, dollars="0.01")
    assert (
        sentence.startswith("Not tested:")
        and "Buy" not in sentence
        and "crossover pilot" in sentence
        and "$200" in sentence
    )
    drawn = browser.execute_script("return document.querySelectorAll('#advice .untested').length")
    assert drawn


def test_impossible_values_are_refused_at_their_fields_and_the_address_carries_the_question(browser, published_book):
    visit(browser, published_book / "advisor.html", 360)
    rows, _, errors = ask(browser, refused=True, seeds="2.5", queries="0")
    assert not rows and errors == ["must be a whole number, got 2.5", "must be 1 to 10,000,000, got 0"]
    assert browser.execute_script("return document.querySelectorAll('[aria-invalid]').length") == 2
    rows, sentence, errors = ask(browser, seeds="32", queries="128")
    assert rows and not errors and browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.get(browser.current_url)
    assert ask(browser, price="1")[1] == sentence
