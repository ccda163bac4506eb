"""What advice from the project's own results rests on: one grid a task, and its coverages apart."""

import copy
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE, display_name
from crossover.stats.advice import CLEAR
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


def ask(browser, **values):
    """Fill the form as a reader would, with the keyboard, and return the answer's rows by strategy and its text."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    for name, value in values.items():
        field = browser.find_element(By.NAME, name)
        field.send_keys(Keys.CONTROL + "a" + Keys.NULL, Keys.DELETE, str(value))
    answer = browser.find_element(By.ID, "advice")
    rows = answer.find_elements(By.CSS_SELECTOR, "tbody tr")
    cells = {row.get_attribute("data-strategy"): [c.text for c in row.find_elements(By.TAG_NAME, "td")] for row in rows}
    return cells, answer.text


@pytest.mark.parametrize(
    ("seeds", "queries", "price"), [(32, 128, 1), (48, 60, 1), (40, 200, 0.25), (20, 90_000, 1), (3000, 4000.5, 3)]
)
def test_the_page_says_what_the_command_says_to_the_printed_digit(browser, published_book, seeds, queries, price):
    prices = {name: 1 + (calls - 1) * price for name, calls in QUERIES_PER_SAMPLE.items()}
    costs = [part for name, cost in prices.items() for part in ("--cost", f"{name}={cost}")]
    command = ["advise", "--seeds", seeds, "--queries", queries, "--unit", "answers", "--json", *costs]
    advice = json.loads(CliRunner().invoke(app, list(map(str, command))).stdout)["advice"]
    said = next(a for a in advice if a["task"] == "math_words")
    visit(browser, published_book / "advisor.html", 1280)
    shown, text = ask(browser, seeds=seeds, queries=queries, price=price)
    assert list(shown) == [c["strategy"] for c in said["choices"]]
    for c in said["choices"]:
        accuracy, p_best, regret, inside = shown[c["strategy"]]
        low, high = c["interval"]
        assert accuracy == f"{c['accuracy']:.3f} ({low:.3f} to {high:.3f})"
        assert (p_best, regret) == (f"{c['p_best']:.2f}", f"{c['regret']:.3f}")
        assert (inside == "yes") == c["inside"]
    told = "Buy" if said["choices"][0]["p_best"] >= CLEAR else "The data do not say what to buy. Ahead is"
    assert f"{told} {display_name(said['choose']).lower()}" in text


def test_an_impossible_question_is_refused_in_words_and_every_field_has_a_label(browser, published_book):
    visit(browser, published_book / "advisor.html", 360)
    shown, text = ask(browser, seeds=0)
    assert not shown and text.startswith("Seed questions you have: ")
    assert ask(browser, seeds=80)[0]
    unlabelled = (
        "return [...document.querySelectorAll('#advisor input, #advisor select')].filter(e => !e.labels.length).length"
    )
    assert browser.execute_script(unlabelled) == 0
    assert browser.execute_script("return document.querySelector('#advice').getAttribute('aria-live')") == "polite"
    described = browser.execute_script(
        "return document.querySelector('#advice figure > svg').getAttribute('aria-label')"
    )
    assert described.startswith("Expected accuracy against budget for 80 seed questions.")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_a_question_can_come_with_the_address(browser, published_book):
    page = published_book / "advisor.html"
    browser.get(page.as_uri() + "?seeds=120&queries=2500&price=0.5")
    values = "return ['seeds', 'queries', 'price'].map(n => document.getElementById('advisor')[n].value)"
    assert browser.execute_script(values) == ["120", "2500", "0.5"]
