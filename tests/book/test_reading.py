"""The published book as its readers get it: offline, on a phone, with a screen reader, and light."""

import gzip
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from crossover.book.sphinx_extension import ICONS
from crossover.paths import repository
from pages import broken_rules, faults, links, visit

ROOT = repository()
PAGES = sorted(p.stem for pattern in ("book/*.md", "results/study/notebooks/*.ipynb") for p in ROOT.glob(pattern))
#: The landing page and the chapters, which open with their finding.
FIRST_SCREENS = ["index", *sorted(p.stem for p in (ROOT / "results" / "study" / "notebooks").glob("*.ipynb"))]
#: The most that a page may weigh, in bytes: as a web server sends it, text compressed, and from disk.
HEAVIEST, HEAVIEST_ON_DISK = 1_000_000, 1_500_000


@pytest.mark.parametrize("page", [*PAGES, "search"])
def test_a_page_loads_nothing_from_elsewhere_and_lacks_nothing(published_book, page):
    loads, leads = links(published_book / f"{page}.html")
    for address in loads + [a for a in leads if not urlsplit(a).scheme]:
        parts = urlsplit(address)
        if parts.path and parts.scheme != "data":
            assert not parts.scheme and not parts.netloc, f"loads {address}"
            assert (published_book / unquote(parts.path)).exists(), f"{address} is missing"


def test_programs_are_led_to_pages_that_are_there(published_book):
    text = (published_book / "llms.txt").read_text(encoding="utf-8")
    pages = re.findall(r"\]\(([\w.]+)\)", text)
    assert pages and all((published_book / page).exists() for page in pages)
    assert (published_book / "_static" / "claims" / "C3.json").exists()


def test_no_style_sheet_loads_from_elsewhere(published_book):
    for sheet in published_book.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?\s*(https?:)?//", sheet.read_text(errors="replace")), sheet


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_without_complaint_fits_a_phone_and_breaks_no_accessibility_rule(browser, published_book, page):
    path = published_book / f"{page}.html"
    for width in (360, 1280):
        assert faults(browser, path, width) == []
    for theme in ("light", "dark"):
        assert broken_rules(browser, theme) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(published_book, page):
    loads, _ = links(published_book / f"{page}.html")
    paths = {published_book / unquote(urlsplit(address).path) for address in loads if not urlsplit(address).scheme}
    files = {published_book / f"{page}.html", *paths}
    sent = {p.name: _sent(p) for p in files}
    assert sum(sent.values()) < HEAVIEST, sent
    assert sum(p.stat().st_size for p in files if not p.stem.endswith("_dark")) < HEAVIEST_ON_DISK


def test_only_the_icons_that_pages_show_are_kept(published_book):
    assert (published_book / ICONS).stat().st_size < 100_000


@pytest.mark.parametrize(("width", "least", "most"), [(1400, 13, 15.5), (390, 11, 15.5)])
@pytest.mark.parametrize("page", FIRST_SCREENS)
def test_the_text_of_figures_can_be_read_and_one_is_on_the_first_screen(
    browser, published_book, page, width, least, most
):
    visit(browser, published_book / f"{page}.html", width)
    top = "return document.querySelector('figure.drawn, .claim-strip, svg[role=group]').getBoundingClientRect().top"
    assert width < 1400 or browser.execute_script(top) < 700
    drawn = "[...document.querySelectorAll('figure.drawn img')].filter(e => e.offsetHeight > 0)"
    shown = browser.execute_script(f"return {drawn}.map(e => [e.currentSrc, e.clientWidth])")
    assert shown or page == "05_claims"
    for address, across in shown:
        svg = (published_book / unquote(urlsplit(address).path).partition("/html/")[2]).read_text()
        scale = across / float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
        sizes = {scale * float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)}
        assert sizes and least <= min(sizes) and max(sizes) <= most, address
        assert ("_narrow" in address) is (width < 600), address


@pytest.mark.parametrize("page", FIRST_SCREENS)
def test_every_figure_states_its_finding_and_where_it_comes_from(published_book, page):
    html = (published_book / f"{page}.html").read_text(encoding="utf-8")
    for figure in re.findall(r'<figure id=".*?</figure>', html, re.DOTALL):
        name = re.search(r'id="(\w+)"', figure)[1]
        title, caption = (re.search(rf"<{tag}[^>]*>(.+?)</", figure)[1] for tag in ("p", "figcaption"))
        for alt in re.findall(r'alt="([^"]+)"', figure):
            assert unescape(alt) == unescape(title) and not alt.startswith("Figure"), name
        assert caption and f'href="#{name}"' in figure and f'href="_static/figures/{name}.csv"' in figure
        assert re.search(r"<code>crossover run \d\d_\w+ --profile study</code>", figure)


@pytest.mark.parametrize("page", FIRST_SCREENS)
def test_a_link_to_a_page_shows_its_finding_and_its_first_figure(published_book, page):
    html = (published_book / f"{page}.html").read_text(encoding="utf-8")
    shown = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)"', html))
    finding = re.search(r"<p><strong>([^<]+)</strong></p>", html)[1]
    assert shown["description"] == " ".join(finding.split()) and shown["title"] and "<" not in shown["title"]
    assert page == "05_claims" or (published_book / shown["image"]).exists()


@pytest.mark.parametrize("page", ["03_budget_ratio", "05_claims"])
def test_a_figure_shows_its_caption_and_one_picture_and_nothing_is_painted_light_in_the_dark(
    browser, published_book, page
):
    visit(browser, published_book / f"{page}.html", 1280)
    count = "e => [...e.querySelectorAll(arguments[0])].filter(part => part.offsetHeight > 0).length"
    figures = f"return [...document.querySelectorAll('figure.drawn')].map({count})"
    for theme in ("light", "dark"):
        browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        captions, pictures = ({*browser.execute_script(figures, part)} for part in ("figcaption", "img"))
        assert captions == pictures == ({1} if page == "03_budget_ratio" else set())
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
