"""A reader's own table in the page that advises: equal to the command line in every printed digit, in a real browser."""

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from advisor import ask, printed
from crossover.cli import app
from crossover.paths import results_folder
from crossover.study import advice_counts
from pages import broken_rules, visit
from planted import EARLY, LATE, counts, noisy, rising

NEW, OLD, REPHRASED = "new_question", "answer_augmentation", "question_rephrase"
WORDS = "[...document.querySelectorAll('#advice-numbers :is(caption, th, td, p, dt, dd)')].map(e => e.textContent).join(' ')"


def late(ratio):
    return 0.2 + 0.5 / (1 + (ratio / 12) ** -4)


def hump(ratio):
    return 0.25 + 0.35 * np.exp(-((np.log(ratio) - 1.5) ** 2) / 1.2)


def joined(size=100, **curves):
    """Counts of several strategies, each from a curve of its own."""
    parts = [
        counts(curve, seed=k, strategy=name, size=size, n=300, offset=0.02)
        for k, (name, curve) in enumerate(curves.items())
    ]
    return pd.concat(parts, ignore_index=True)


def unequal():
    table = noisy(EARLY, LATE, seed=6, n=300, replicates=4)
    few = ((table["replicate"] == 3) & (table["strategy"] == NEW)) | (
        (table["replicate"] == 2) & (table["budget"] > 1600)
    )
    return table[~few]


def two_tasks():
    other = noisy(LATE, EARLY, seed=4, n=200, size=20, ratios=np.array([0.5, 1, 2, 4, 8])).assign(task="mots d'été, 2")
    return pd.concat([noisy(EARLY, LATE, seed=1, n=200).assign(task="sums"), other], ignore_index=True)


def with_seeds_only():
    bought = joined(64, **{OLD: EARLY, NEW: LATE, REPHRASED: rising(0.6, 0.4, 8)})
    alone = counts(lambda r: 0.2, strategy="seeds_only", size=64, n=300, ratios=np.array([0.0]))
    return pd.concat([bought, alone], ignore_index=True)


def near_the_ends():
    ceiling = counts(
        lambda r: 0.97 + 0.02 * (1 - np.exp(-r / 3)), seed=1, strategy="mine", size=50, n=100, replicates=2
    )
    floor = counts(lambda r: 0.004 * r / (1 + r), seed=2, strategy="<b>theirs</b>", size=50, n=100, replicates=2)
    return pd.concat([ceiling, floor], ignore_index=True)


def scores():
    table = noisy(EARLY, LATE, seed=8, n=250)
    return table.assign(score=3 * table["n_correct"] / 250 - 4, score_sd=1.3).drop(columns="n_correct")


def published():
    table = advice_counts.counts(results_folder("study"))
    return table[table["task"] == "math_words"]


TABLES = {
    "exponential": lambda: noisy(EARLY, LATE, seed=3, n=500, offset=0.01),
    "late take-off": lambda: joined(48, **{OLD: rising(0.5, 0.3, 3), NEW: late}),
    "rise and fall": lambda: joined(**{OLD: hump, NEW: rising(0.6, 0.45, 10), REPHRASED: rising(0.5, 0.2, 10)}),
    "one replicate": lambda: noisy(EARLY, LATE, seed=5, n=400, replicates=1),
    "unequal replicates": unequal,
    "several sizes": lambda: pd.concat(noisy(EARLY, LATE, seed=s, size=s, n=250) for s in (30, 70, 150)),
    "nothing repeated": lambda: pd.concat(
        noisy(EARLY, LATE, seed=s, size=s, n=250, ratios=np.array([0.125, 0.25, 0.5, 1.0])) for s in (48, 160)
    ),
    "two tasks": two_tasks,
    "four strategies": with_seeds_only,
    "near the ends": near_the_ends,
    "four budgets": lambda: noisy(EARLY, LATE, seed=11, n=150, replicates=2, ratios=np.array([1.0, 3, 10, 30])),
    "published": published,
    "scores": scores,
}


@pytest.fixture(scope="module")
def page(browser, published_book):
    visit(browser, published_book / "advisor.html", 1280)
    return browser


def waited(browser, script):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60, 0.05).until(lambda b: b.execute_script(f"return {script}"))


def paste(browser, text):
    """Paste a table and return every word that the page prints about it, or its refusal."""
    browser.execute_script(
        "document.getElementById('advice-numbers').replaceChildren(); document.getElementById('own-numbers').open = true;"
        "document.getElementById('advisor').csv.value = arguments[0]; document.getElementById('own-use').click()",
        text,
    )
    waited(
        browser, "document.getElementById('csv-error').textContent || document.querySelector('#advice-numbers table')"
    )
    refused = browser.execute_script("return document.getElementById('csv-error').textContent")
    return refused or " ".join(browser.execute_script(f"return {WORDS}").split())


@pytest.mark.parametrize("name", TABLES)
def test_the_page_prints_what_the_commands_print(page, tmp_path, name):
    table, path = TABLES[name](), tmp_path / "own.csv"
    table.to_csv(path, index=False)
    assert paste(page, path.read_text()) == f"{printed('fit', path)} {printed('compare', path)}"
    size, budget = table["seed_size"].iloc[0], sorted(table["budget"].unique())[-2]
    for seeds, queries in ((size, budget), (3 * size, 10 * budget)):
        rows, sentence, errors = ask(page, seeds=int(seeds), queries=int(queries))
        said = printed("advise", "--from", path, "--seeds", int(seeds), "--queries", int(queries))
        assert rows and not errors and said.count("(") >= len(rows)
        assert all(" ".join([strategy, *cells]) in said for strategy, cells in rows.items())
        numbers, known = (set(re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", text)) for text in (sentence, said))
        assert numbers <= known
        assert ("y extrapolation" in sentence) == ("y extrapolation" in said)
        assert ("Buy" in sentence) == (" buy " in said)
    assert not page.execute_script("return document.querySelectorAll('#advice-numbers :is(b, i, img)').length")


def test_the_answer_about_a_table_is_readable_by_all(page):
    paste(page, TABLES["four strategies"]().to_csv(index=False))
    waited(page, "!document.querySelector('[aria-busy]')")
    assert [broken_rules(page, theme) for theme in ("dark", "light")] == [[], []]
    device = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device | {"width": 1280, "mobile": False})


def test_a_series_of_the_chart_is_switched_off_by_keyboard_and_stays_off(page):
    from selenium.webdriver.common.keys import Keys

    shown = "[...document.querySelectorAll('#advice figure g')].map(g => g.getAttribute('visibility'))"
    paste(page, TABLES["one replicate"]().to_csv(index=False))
    page.find_element("css selector", "#advice button.entry").send_keys(Keys.SPACE)
    assert page.execute_script(f"return {shown}") == ["hidden", "visible"]
    ask(page, seeds=100, queries=300)
    assert page.execute_script(f"return {shown}") == ["hidden", "visible"]
    page.find_element("css selector", "#advice button.entry").click()
    assert page.execute_script(f"return {shown}") == ["visible", "visible"]


def test_a_dropped_file_and_a_chosen_one_are_read(page, tmp_path):
    (tmp_path / "mine.csv").write_text(TABLES["four budgets"]().to_csv(index=False))
    page.find_element("css selector", "#own-numbers input[type=file]").send_keys(str(tmp_path / "mine.csv"))
    waited(page, "document.getElementById('advisor').task.selectedOptions[0].textContent === 'mine.csv'")
    page.execute_script(
        "const given = new DataTransfer(); given.items.add(new File([arguments[0]], 'yours.csv'));"
        "document.getElementById('own-numbers').dispatchEvent(new DragEvent('drop', {dataTransfer: given, cancelable: true}))",
        TABLES["one replicate"]().to_csv(index=False),
    )
    waited(page, "document.getElementById('advisor').task.selectedOptions[0].textContent === 'yours.csv'")


HEADER = "strategy,seed_size,budget,replicate,n_correct,n_test"


@pytest.mark.parametrize(
    "text",
    [
        "\n\n", HEADER, "strategy,seed_size,budget,n_correct\na,1,2,3", f"{HEADER}\na,10,20,0,5,4", f"{HEADER}\na,10,20,0,,4",
        f"{HEADER}\na,10,20,0,3,4\na,10,20,0,2,4", f"{HEADER}\na,10,20,0,3.5,4", f"{HEADER}\na,10,-2,0,3,4", f"{HEADER}\na,0,20,0,3,4",
        f"{HEADER}\na,10,0,0,3,4\na,10,20,0,3,4", f"{HEADER}\na,ten,20,0,3,4", f"{HEADER}\na,10,20,0,inf,4", f"{HEADER}\n,10,20,0,3,4",
        f"{HEADER},n_test\na,10,20,0,3,4,4", "strategy;seed_size;budget;accuracy;n_test\na;10;20;0,85;100\na;10;40;1,85;100",
        "strategy,seed_size,budget,accuracy,n_test\na,10,20,85,100", "strategy,seed_size,budget,n_correct,n_test\na,10,1.000,3,4\nb,10,20,3,4",
        "strategy,seed_size,budget,n_correct,n_test,accuracy\na,10,20,30,100,0.9", "strategy,seed_size,budget,score,n_test\na,10,20,0.4,9",
        'strategy,seed_size,budget,n_correct,n_test\n"a ""b"", c",10,20,x,4',
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_in_the_words_of_the_command_line(page, tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    found = CliRunner().invoke(app, ["fit", str(path)])
    assert found.exit_code == 2
    assert paste(page, text) == found.output.strip().removeprefix("crossover: ").replace(str(path), "your table")
    assert page.execute_script("return document.getElementById('advisor').csv.getAttribute('aria-invalid')") == "true"


def test_a_table_too_long_for_the_page_is_refused(page):
    rows = [f"a,10,{10 * k},0,1,4" for k in range(1, 1002)]
    assert "1001 rows" in paste(page, "\n".join([HEADER, *rows]))


def test_the_page_draws_the_random_numbers_of_numpy(page):
    rng = np.random.default_rng([7, 1])
    state = {name: f"{value:x}" for name, value in rng.bit_generator.state["state"].items()}
    weights = np.random.default_rng(0).random(300)
    found = page.execute_script(
        "const rng = new (numerics().Generator)(arguments[0]), degrees = [1, 2, 3, 5, 7.3], many = f => Array.from({length: 5000}, f);"
        "return [many(() => rng.random()), many(() => rng.normal()), many(() => rng.exponential()),"
        "...degrees.map(df => many(() => rng.chisquare(df))), many(() => rng.standardT(5)), rng.choice(arguments[1], 5000)]",
        state, weights.tolist(),
    )  # fmt: skip
    wanted = [rng.random(5000), rng.standard_normal(5000), rng.standard_exponential(5000)]
    wanted += [rng.chisquare(df, 5000) for df in (1, 2, 3, 5, 7.3)]
    wanted += [rng.standard_t(5, 5000), rng.choice(300, size=5000, p=weights / weights.sum())]
    for own, numpys in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, numpys, rtol=1e-12)
