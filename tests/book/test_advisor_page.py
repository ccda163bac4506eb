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


def test_cells_with_a_dial_turned_are_left_out(tmp_path):
    """The study's table holds ablations beside the grid: read as one, they would be the same cells twice."""
    base = grid()
    turned = [grid((50,), **dial) for dial in ({"coverage": 0.0}, {"answer_error": 0.5}, {"verify": True})]
    write_runs(tmp_path, pd.concat([*turned, base], ignore_index=True).sample(frac=1, random_state=0))
    found = advice_counts.counts(tmp_path)
    assert set(found["task"]) == {"math_words"} and len(found) == len(base)
    own = base.assign(replicate=base["replicate"].astype(str))
    joined = found.merge(own, on=["strategy", "seed_size", "budget", "replicate", "n_correct"])
    assert len(joined) == len(base)


def test_a_strategy_that_some_seed_sizes_lack_is_left_out(tmp_path):
    rows = grid()
    mixed = rows[(rows["strategy"] == "new_question") & (rows["seed_size"] == 50)].assign(strategy="mixed")
    write_runs(tmp_path, pd.concat([rows, mixed], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["strategy"]) == {"answer_augmentation", "new_question"}


def test_students_of_the_seeds_alone_are_added_where_they_are_asked_for(tmp_path):
    rows = grid()
    idle = rows[(rows["strategy"] == "new_question") & (rows["budget"] == rows["seed_size"])]
    idle = idle.assign(strategy="seeds_only", budget=0)
    settings = [{k: v for k, v in with_dials(teacher="none").items() if k != "teacher_settings"}]
    other = [{**settings[0], "skip_test": 9}]
    twice = pd.concat([rows, idle.assign(settings=settings * len(idle)), idle.assign(settings=other * len(idle))])
    write_runs(tmp_path, twice.reset_index(drop=True))
    found = advice_counts.counts(tmp_path, alone=True)
    assert len(found) == len(rows) + len(idle) and set(found.query("budget == 0")["strategy"]) == {"seeds_only"}
    assert len(advice_counts.counts(tmp_path)) == len(rows)


def test_without_rows_it_says_what_to_run(tmp_path):
    with pytest.raises(CrossoverError, match="no budget-ratio results yet"):
        advice_counts.counts(tmp_path)


@pytest.mark.parametrize(("seeds", "queries", "price"), [(32, 8, 1), (40, 100, 2)])
def test_the_page_prints_what_advise_prints(browser, published_book, seeds, queries, price):
    costs = [
        f"--cost={name}={1 + (calls - 1) * price}" for name, calls in QUERIES_PER_SAMPLE.items() if name != "mixed"
    ]
    said = printed("advise", "--seeds", seeds, "--queries", queries, "--task", "math_words", *costs)
    visit(browser, published_book / "advisor.html", 1280)
    rows, sentence, errors = ask(browser, seeds=seeds, queries=queries, price=price)
    assert len(rows) == 4 and rows["seeds_only"][2] == "-" and not errors
    assert len(browser.find_elements("css selector", "#advice figure g.strategy")) == 4
    assert all(" ".join([name, *cells]) in said for name, cells in rows.items())
    assert ("Buy" in sentence) == ("no clear winner" not in said)
    cut = "return [...document.querySelectorAll('#advice .scrolls')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert not browser.execute_script(cut), "the last column can be seen"


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


def test_a_question_that_is_typed_over_is_not_asked(browser, published_book):
    """A question outside the tested range takes seconds: of three, the last is answered and the second never computed."""
    visit(browser, published_book / "advisor.html", 1280)
    ask(browser, seeds=64, queries=256)
    browser.execute_script(
        "window.asked = 0; const post = Worker.prototype.postMessage; "
        "Worker.prototype.postMessage = function (m) { window.asked += m[1] === 'advise'; return post.call(this, m) }; "
        "return (async () => { const f = document.getElementById('advisor'); "
        "for (const [s, q] of [[200, 5000], [300, 6000]]) { f.seeds.value = s; f.queries.value = q; "
        "f.dispatchEvent(new Event('change')); await new Promise((later) => setTimeout(later, 100)) } })()"
    )
    rows, said, _ = ask(browser, seeds=64, queries=128)
    assert rows and "Not tested" not in said and browser.execute_script("return window.asked") == 2
