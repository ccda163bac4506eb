"""The book: what goes into it, what stops it, and that a built one reads offline at any width."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from crossover.book import build as book_module
from crossover.book import slim
from crossover.book.build import banner, build, build_book, duration, keep_blocks, stage
from crossover.book.publishing import build_pdf
from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.labels import display_name
from crossover.stats.advice import CLEAR
from pages import Links, broken_rules, faults, visit
from planted import EARLY, LATE, noisy
from stored import write_runs

ROOT = Path(__file__).resolve().parents[2]
# One grey pixel, so that a page has an image without drawing one.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
RECORD = {
    "notebook": "03_budget_ratio", "profile": "laptop", "commit": "0123456789abcdef", "dirty": True,
    "date": "2025-11-21T10:00:00Z", "hardware": {"cpu": "A|B_C @ 2 GHz", "cores": 2, "memory_gb": 8, "device": "cpu"},
    "versions": {"torch": "2.13.0"}, "seconds": 680.4, "queries": 6048, "cells": 1,
    "parameters": {"budgets": [32, 64], "note": "a|b`c"}, "lock": "abc123",
}  # fmt: skip
LONG_TABLE = "<table><tr>" + "".join(f"<th>a_long_heading_{i}</th>" for i in range(20)) + "</tr></table>"


def notebook(title: str = "# The budget ratio\n\nBest: {{ best }}. It holds that $a^2 + b^2 = c^2$, and") -> dict:
    """An executed notebook with maths, a number, an image, a wide table and a long line of code."""
    return {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": title},
            {"cell_type": "markdown", "metadata": {}, "source": r"$$A(r) = " + " + ".join(["E - B e^{-r/\\tau}"] * 12) + "$$"},
            {
                "cell_type": "code", "metadata": {}, "execution_count": 1, "source": "show(" + "one_name, " * 40 + ")",
                "outputs": [
                    {
                        "output_type": "display_data", "metadata": {"image/png": {"figure": "learning_curves"}},
                        "data": {"image/png": PIXEL, "text/plain": "pixel"},
                    },
                    {"output_type": "display_data", "metadata": {}, "data": {"text/html": LONG_TABLE, "text/plain": "t"}},
                ],
            },
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4, "nbformat_minor": 4,
    }  # fmt: skip


def make_results(folder: Path) -> Path:
    """Write the results folder of a profile that ran one chapter."""
    for name in ("notebooks", "provenance", "figures", "numbers"):
        (folder / name).mkdir(parents=True)
    (folder / "notebooks" / "03_budget_ratio.ipynb").write_text(json.dumps(notebook()))
    (folder / "provenance" / "03_budget_ratio.json").write_text(json.dumps(RECORD))
    quoted = dict.fromkeys(("findings", "rule", "task_said", "n_test", "n_students", "n_queries", "worker_hours"), "7")
    (folder / "numbers" / "03_budget_ratio.json").write_text(json.dumps({"best": "61% (55 to 66)", **quoted}))
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="400"><rect width="720" height="400"/></svg>'
    for name in ("learning_curves", "crossover_map"):
        (folder / "figures" / f"{name}.svg").write_text(svg)
        (folder / "figures" / f"{name}.csv").write_text("ratio,accuracy\n1,0.5\n")
    parts = [noisy(EARLY, LATE, seed=size, size=size, n=300) for size in (50, 200)]
    write_runs(folder, pd.concat(parts).assign(task="math_words", experiment="budget_ratio"))
    return folder


@pytest.fixture
def results(tmp_path) -> Path:
    return make_results(tmp_path / "results" / "laptop")


@pytest.fixture
def pages(tmp_path) -> Path:
    """A copy of the book's pages that a test may spoil."""
    folder = tmp_path / "book"
    shutil.copytree(ROOT / "book", folder, ignore=shutil.ignore_patterns("_build"))
    return folder


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_a_chapter_that_was_not_run_is_left_out_with_a_note(pages, results):
    staged = stage(pages, results, "laptop")
    assert b"03_budget_ratio" in staged["_toc.yml"] and b"00_known_truth" not in staged["_toc.yml"]
    assert b"`00_known_truth`" in staged["index.md"] and b"make notebook NB=00 PROFILE=laptop" in staged["index.md"]
    assert b"fine-tuned students" in staged["index.md"]


def test_without_any_results_the_pages_stand_alone(pages, tmp_path):
    staged = stage(pages, tmp_path / "nothing", "laptop")
    assert b"fine-tuned students" not in staged["index.md"] and b"your_own_run" in staged["_toc.yml"]


def test_a_notebook_that_no_chapter_lists_is_named(pages, results):
    shutil.copy(results / "notebooks" / "03_budget_ratio.ipynb", results / "notebooks" / "07_extra.ipynb")
    with pytest.raises(CrossoverError, match="- file: 07_extra"):
        stage(pages, results, "laptop")


def test_the_banner_says_where_the_numbers_come_from():
    text = banner("laptop", RECORD)
    for fact in ("`0123456789` with local changes", "2025-11-21", "2 cores, 8 GB, on cpu", "11 min 20 s", "6,048 teacher",
                 "1 cell", "2.13.0", "`[32, 64]`", r"A\|B\_C"):  # fmt: skip
        assert fact in text
    assert "no git checkout" in banner("laptop", RECORD | {"commit": None})


def test_the_banner_stands_between_title_and_text(pages, results):
    cell = json.loads(stage(pages, results, "laptop")["03_budget_ratio.ipynb"])["cells"][0]["source"]
    assert cell.startswith("# The budget ratio\n\n:::::{div} provenance") and cell.rstrip().endswith("and")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda nb: nb["cells"].pop(0), "does not begin with"),
        (lambda nb: nb["cells"][0].update(source="No title"), "does not begin with"),
        (
            lambda nb: nb["cells"][2].update(
                outputs=[{"output_type": "error", "ename": "ValueError", "evalue": "boom", "traceback": []}]
            ),
            "cell 2 failed: ValueError: boom",
        ),
    ],
)
def test_a_notebook_that_cannot_be_a_chapter_is_refused(pages, results, spoil, message):
    broken = notebook()
    spoil(broken)
    (results / "notebooks" / "03_budget_ratio.ipynb").write_text(json.dumps(broken))
    with pytest.raises(CrossoverError, match=f"03_budget_ratio.ipynb.*{message}"):
        stage(pages, results, "laptop")


def test_a_chapter_without_a_record_is_refused(pages, results):
    (results / "provenance" / "03_budget_ratio.json").unlink()
    with pytest.raises(CrossoverError, match="no record of how it was run"):
        stage(pages, results, "laptop")


@pytest.mark.parametrize("numbers", [{"best": 0.61}, {"a name": "1"}])
def test_numbers_are_text_under_plain_names(pages, results, numbers):
    (results / "numbers" / "03_budget_ratio.json").write_text(json.dumps(numbers))
    with pytest.raises(CrossoverError, match=r"03_budget_ratio.json.*quoted as text"):
        stage(pages, results, "laptop")


def test_a_block_marker_that_cannot_be_read_is_refused():
    with pytest.raises(CrossoverError, match="index.md.*needs"):
        keep_blocks("+++ needs 03\n", set(), "index.md")


def test_durations_round_before_they_split():
    assert [duration(s) for s in (0, 59.7, 3599.6)] == ["0 s", "1 min 0 s", "1 h 0 min"]


# --- what stops it ----------------------------------------------------------------------------------------------------


def test_a_missing_number_is_named_with_its_page(pages, results, tmp_path):
    (results / "numbers" / "03_budget_ratio.json").write_text(json.dumps({"beste": "61%"}))
    with pytest.raises(CrossoverError, match=r"03_budget_ratio.*\{\{ best \}\}.*Did you mean 'beste'"):
        build_book(pages, results, tmp_path / "out", "laptop")


def test_a_warning_stops_the_build_and_still_does_the_second_time(pages, results, tmp_path):
    (pages / "methods.md").write_text("# Methods\n\n[nowhere](missing_page.md)\n")
    for _ in range(2):
        with pytest.raises(CrossoverError, match=r"methods.md.*missing_page"):
            build_book(pages, results, tmp_path / "out", "laptop")
    assert not (tmp_path / "out" / "html").exists()


def test_a_failed_build_leaves_the_old_book(pages, results, tmp_path):
    index = build_book(pages, results, tmp_path / "out", "laptop")
    before = index.read_bytes()
    (pages / "index.md").write_text("# New\n\n[nowhere](missing_page.md)\n")
    with pytest.raises(CrossoverError):
        build_book(pages, results, tmp_path / "out", "laptop")
    assert index.read_bytes() == before


def test_nothing_is_built_twice(pages, results, tmp_path, monkeypatch):
    index = build_book(pages, results, tmp_path / "out", "laptop")
    rendered = []
    monkeypatch.setattr(
        book_module, "_render", lambda source, out, known: rendered.append(1) or (out / "html").mkdir(parents=True)
    )
    assert build_book(pages, results, tmp_path / "out", "laptop") == index and not rendered
    (results / "numbers" / "03_budget_ratio.json").write_text(json.dumps({"best": "62%"}))
    build_book(pages, results, tmp_path / "out", "laptop")
    build_book(pages, results, tmp_path / "out", "laptop", clean=True)
    assert len(rendered) == 2


def test_build_finds_the_results_and_the_pages(pages, results, monkeypatch):
    monkeypatch.setattr(book_module, "repository", lambda: pages.parent)
    monkeypatch.setattr(
        book_module, "results_folder", lambda name: results if name == "laptop" else results.parent / name
    )
    assert build("laptop") == pages / "_build" / "laptop" / "html" / "index.html"


# --- what a reader gets -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> Path:
    """The real book with one executed chapter."""
    folder = tmp_path_factory.mktemp("html")
    return build_book(ROOT / "book", make_results(folder / "laptop"), folder / "out", "laptop").parent


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_missing(html):
    pages = sorted(html.glob("*.html"))
    assert {"index.html", "03_budget_ratio.html", "your_own_run.html", "search.html"} <= {p.name for p in pages}
    for page in pages:
        links = Links(page)
        for address in links.loads + [a for a in links.leads if not urlsplit(a).scheme]:
            parts = urlsplit(address)
            if parts.scheme == "data" or not parts.path:
                continue
            assert not parts.scheme and not parts.netloc, f"{page.name} loads {address}"
            assert (page.parent / unquote(parts.path)).exists(), f"{page.name}: {address} is missing"
    for sheet in html.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?\s*(https?:)?//", sheet.read_text(errors="replace")), sheet


def test_numbers_and_citations_are_in_the_text(html):
    text = (html / "03_budget_ratio.html").read_text()
    assert "Best: 61% (55 to 66)." in text and "11 min 20 s" in text and "{{" not in text
    assert "2409.19759" in (html / "references.html").read_text()


@pytest.mark.parametrize("page", ["index", "03_budget_ratio"])
def test_a_page_reads_offline_without_complaint_and_fits_a_phone(browser, html, page):
    for width in (1280, 360):
        assert faults(browser, html / f"{page}.html", width) == []


@pytest.mark.parametrize("page", ["index", "03_budget_ratio", "methods"])
def test_maths_is_drawn(browser, html, page):
    visit(browser, html / f"{page}.html", 1280)
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('mjx-container svg')].map(e => [e.getBoundingClientRect().width, "
        "e.getBoundingClientRect().height])"
    )
    formulas = browser.execute_script("return document.querySelectorAll('.math').length")
    assert len(boxes) == formulas > 0 and all(w > 3 and h > 3 for w, h in boxes)
    assert not browser.execute_script("return document.querySelectorAll('mjx-merror').length")


def test_wide_tables_and_formulas_scroll_in_their_own_box(browser, html):
    visit(browser, html / "03_budget_ratio.html", 360)
    scrolls = (
        "const e = document.querySelector(arguments[0]); return e.scrollWidth > e.clientWidth && e.clientWidth <= 360"
    )
    for selector in ("div.cell_output .output.text_html:has(table)", "div.math", "div.cell_input pre"):
        assert browser.execute_script(scrolls, selector), selector


def test_a_figure_has_its_svg_and_its_data_one_click_away_and_a_text(browser, html):
    visit(browser, html / "03_budget_ratio.html", 1280)
    links = browser.execute_script("return [...document.querySelectorAll('.figure-files a')].map(a => a.href)")
    assert [Path(urlsplit(link).path).name for link in links] == ["learning_curves.svg", "learning_curves.csv"]
    browser.get(links[0])
    assert browser.execute_script("return document.documentElement.tagName") == "svg"
    visit(browser, html / "03_budget_ratio.html", 1280)
    texts = browser.execute_script("return [...document.querySelectorAll('.cell_output img')].map(i => i.alt)")
    assert texts == ["Figure: learning curves; its numbers are in the table linked below."]


def test_search_works_from_disk(browser, html):
    from selenium.webdriver.support.ui import WebDriverWait

    visit(browser, html / "search.html", 1280)
    browser.get((html / "search.html").as_uri() + "?q=crossover")
    hits = WebDriverWait(browser, 15).until(
        lambda b: b.execute_script("return document.querySelectorAll('#search-results li a').length")
    )
    assert hits >= 2


def test_the_whole_book_is_one_pdf(monkeypatch, browser, html):
    monkeypatch.setattr(book_module, "build", lambda profile: html / "index.html")
    pdf = build_pdf("laptop")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-") and len(content) > 100_000
    assert not (pdf.parent / "whole").exists()


def test_a_published_book_opens_notebooks_and_shows_a_picture_where_it_is_linked_to(tmp_path, monkeypatch, html):
    monkeypatch.setenv("CROSSOVER_REPOSITORY", "me/crossover")
    monkeypatch.setenv("CROSSOVER_SITE", "https://me.github.io/crossover")
    index = build_book(book_module.repository() / "book", html.parents[1] / "laptop", tmp_path / "out", "laptop")
    page = (index.parent / "03_budget_ratio.html").read_text()
    assert "https://mybinder.org/v2/gh/me/crossover/main?urlpath=" in page and "notebooks/03_budget_ratio.ipynb" in page
    assert "https://colab.research.google.com/github/me/crossover/blob/main/notebooks/03_budget_ratio.ipynb" in page
    assert 'property="og:url"' in page and "https://me.github.io/crossover/" in page


# --- the page that advises --------------------------------------------------------------------------------------------


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
    ("seeds", "queries", "price", "clear"),
    [
        (50, 400, 1, True),
        (50, 800, 1, False),
        (200, 300, 1, True),
        (120, 2500, 0.25, True),
        (20, 90_000, 1, True),
        (3000, 4000.5, 3, True),
    ],
)
def test_the_page_says_what_the_command_says_to_the_printed_digit(
    monkeypatch, browser, html, seeds, queries, price, clear
):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(html.parents[1]))
    command = ["advise", "--profile", "laptop", "--seeds", seeds, "--queries", queries, "--unit", "answers", "--json",
               "--cost", "answer_augmentation=1", "--cost", f"new_question={1 + price}"]  # fmt: skip
    (said,) = json.loads(CliRunner().invoke(app, list(map(str, command))).stdout)["advice"]
    visit(browser, html / "advisor.html", 1280)
    shown, text = ask(browser, seeds=seeds, queries=queries, price=price)
    assert list(shown) == [c["strategy"] for c in said["choices"]]
    for c in said["choices"]:
        accuracy, p_best, regret, inside = shown[c["strategy"]]
        low, high = c["interval"]
        assert accuracy == f"{c['accuracy']:.3f} ({low:.3f} to {high:.3f})"
        assert (p_best, regret) == (f"{c['p_best']:.2f}", f"{c['regret']:.3f}")
        assert (inside == "yes") == c["inside"]
    assert (said["choices"][0]["p_best"] >= CLEAR) == clear
    told = "Buy" if clear else "The data do not say what to buy. Ahead is"
    assert f"{told} {display_name(said['choose']).lower()}" in text
    assert ("Curves with a doubt" in text) == ("curves with a doubt" in said["message"])
    assert ("All of this lies outside" in text) == (not any(c["inside"] for c in said["choices"]))
    assert ("extrapolation" in text) == said["extrapolation"]


def test_an_impossible_question_is_refused_in_words_and_every_field_has_a_label(browser, html):
    visit(browser, html / "advisor.html", 360)
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


def test_a_question_can_come_with_the_address(browser, html):
    page = html / "advisor.html"
    browser.get(page.as_uri() + "?seeds=120&queries=2500&price=0.5")
    values = "return ['seeds', 'queries', 'price'].map(n => document.getElementById('advisor')[n].value)"
    assert browser.execute_script(values) == ["120", "2500", "0.5"]


# --- for readers with a screen reader, or little contrast ----------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["03_budget_ratio", "search"])
def test_no_accessibility_rule_is_seriously_broken(browser, html, page, theme):
    assert broken_rules(browser, html / f"{page}.html", theme) == []


def test_a_slimmed_site_keeps_the_icons_it_shows_and_its_pictures_look_the_same(tmp_path):
    script, images = tmp_path / slim.ICONS, tmp_path / "_images"
    script.parent.mkdir(parents=True)
    images.mkdir()
    (tmp_path / "page.html").write_text('<i class="fa-bars"></i>', encoding="utf-8")
    script.write_text('x={bars:[448,512,[],"f0c9","M0"],"list-ol":[512,512,[],"f0cb","M1"],}', encoding="utf-8")
    figure, axes = plt.subplots()
    axes.plot([0, 1, 2], [1, 3, 2], color="tab:orange")
    axes.set_title("a figure")
    figure.savefig(images / "figure.png")
    plt.close(figure)
    before, weight = (
        np.asarray(Image.open(images / "figure.png").convert("RGB"), int),
        (images / "figure.png").stat().st_size,
    )
    slim.slim(tmp_path)
    assert script.read_text(encoding="utf-8") == 'x={bars:[448,512,[],"f0c9","M0"],}'
    with Image.open(images / "figure.png") as after:
        assert after.mode == "P" and np.abs(np.asarray(after.convert("RGB"), int) - before).max() <= 32
    assert (images / "figure.png").stat().st_size < weight
