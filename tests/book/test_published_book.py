"""The published book, built from the committed results: every page reads offline, on a phone, with a screen reader, and is light."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from crossover.book.build import build_book
from crossover.book.slim import ICONS
from crossover.paths import repository
from pages import Links, broken_rules, faults

ROOT = repository()
PAGES = sorted(path.stem for pattern in ("book/*.md", "notebooks/*.ipynb") for path in ROOT.glob(pattern))
#: What a page may weigh as a web server sends it, text compressed, in bytes.
HEAVIEST = 1_500_000


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    return build_book(ROOT / "book", ROOT / "results" / "study", tmp_path_factory.mktemp("book"), "study").parent


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_offline_without_complaint_and_fits_a_phone(browser, book, page):
    for width in (1280, 360):
        assert faults(browser, book / f"{page}.html", width) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_accessibility_rule_is_seriously_broken(browser, book, page):
    assert broken_rules(browser, book / f"{page}.html", "dark" if page == "advisor" else "light") == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(book, page):
    links = Links(book / f"{page}.html")
    paths = {book / unquote(urlsplit(address).path) for address in links.loads if not urlsplit(address).scheme}
    sent = {p.name: _sent(p) for p in {book / f"{page}.html", *paths}}
    assert sum(sent.values()) < HEAVIEST, sent


def test_no_icon_is_kept_that_no_page_shows(book):
    assert (book / ICONS).stat().st_size < 100_000


def _sent(path: Path) -> int:
    content = path.read_bytes()
    return len(content) if path.suffix in {".png", ".woff2"} else len(gzip.compress(content))
