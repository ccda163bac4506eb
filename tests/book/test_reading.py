"""The published book as its readers get it: offline, on a phone, with a screen reader, and light."""

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from crossover.book.sphinx_extension import ICONS
from crossover.paths import repository
from pages import Links, broken_rules, faults, visit

ROOT = repository()
PAGES = sorted(p.stem for pattern in ("book/*.md", "results/study/notebooks/*.ipynb") for p in ROOT.glob(pattern))
#: The most that a page may weigh as a web server sends it, text compressed, in bytes.
HEAVIEST = 1_000_000


@pytest.mark.parametrize("page", [*PAGES, "search"])
def test_a_page_loads_nothing_from_elsewhere_and_lacks_nothing(published_book, page):
    links = Links(published_book / f"{page}.html")
    for address in links.loads + [a for a in links.leads if not urlsplit(a).scheme]:
        parts = urlsplit(address)
        if parts.path and parts.scheme != "data":
            assert not parts.scheme and not parts.netloc, f"loads {address}"
            assert (published_book / unquote(parts.path)).exists(), f"{address} is missing"


def test_no_style_sheet_loads_from_elsewhere(published_book):
    for sheet in published_book.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?\s*(https?:)?//", sheet.read_text(errors="replace")), sheet


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_without_complaint_fits_a_phone_and_breaks_no_accessibility_rule(browser, published_book, page):
    path = published_book / f"{page}.html"
    for width in (1280, 360):
        assert faults(browser, path, width) == []
    for theme in ("light", "dark"):
        assert broken_rules(browser, path, theme) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(published_book, page):
    links = Links(published_book / f"{page}.html")
    paths = {
        published_book / unquote(urlsplit(address).path) for address in links.loads if not urlsplit(address).scheme
    }
    sent = {p.name: _sent(p) for p in {published_book / f"{page}.html", *paths}}
    assert sum(sent.values()) < HEAVIEST, sent


def test_only_the_icons_that_pages_show_are_kept(published_book):
    assert (published_book / ICONS).stat().st_size < 100_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_shows_its_caption_and_one_picture(browser, published_book, theme):
    visit(browser, published_book / "03_budget_ratio.html", 1280)
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    count = "e => [...e.querySelectorAll(arguments[0])].filter(part => part.offsetHeight > 0).length"
    figures = f"return [...document.querySelectorAll('figure.drawn')].map({count})"
    captions, pictures = (browser.execute_script(figures, part) for part in ("figcaption", "img"))
    assert captions and set(captions) == {1} and set(pictures) == {1}


@pytest.mark.parametrize("page", ["03_budget_ratio", "05_claims"])
def test_no_output_is_painted_light_in_the_dark(browser, published_book, page):
    visit(browser, published_book / f"{page}.html", 1280)
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    colour = "e => getComputedStyle(e).backgroundColor"
    painted = browser.execute_script(
        f"return [...document.querySelectorAll('div.cell_output .text_html, figure.drawn img')].map({colour})"
    )
    assert painted and set(painted) == {"rgba(0, 0, 0, 0)"}


def test_wide_tables_scroll_in_their_own_box(browser, published_book):
    visit(browser, published_book / "04_ablations.html", 360)
    wide = "return [...document.querySelectorAll('div.cell_output .text_html:has(table)')].map(e => [e.scrollWidth, e.clientWidth])"
    boxes = browser.execute_script(wide)
    assert any(inner > outer for inner, outer in boxes) and all(outer <= 360 for _, outer in boxes)


def test_search_works_from_disk(browser, published_book):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get((published_book / "search.html").as_uri() + "?q=crossover")
    hits = WebDriverWait(browser, 15).until(
        lambda b: b.execute_script("return document.querySelectorAll('#search-results li a').length")
    )
    assert hits >= 2


def _sent(path: Path) -> int:
    content = path.read_bytes()
    return len(content) if path.suffix in {".png", ".woff2"} else len(gzip.compress(content))
