"""Rendering: what stops a build, and what a second build does again."""

import pytest

from crossover.book import build as module
from crossover.book.build import build_book
from crossover.errors import CrossoverError
from crossover.paths import repository


@pytest.fixture
def book(tmp_path):
    """A book of two pages without a chapter."""
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "_config.yml").write_text(
        (repository() / "book" / "_config.yml").read_text().replace("bibtex_bibfiles: [references.bib]\n", "")
    )
    (folder / "llms.txt").write_text("# A book\n")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nparts:\n  - caption: More\n    chapters:\n      - file: other\n      - file: third\n"
    )
    (folder / "index.md").write_text("# First\n\nThe ratio $r = Q / S$.\n\n$$A(r) = E - B e^{-r/\\tau}$$\n")
    (folder / "other.md").write_text("# Other\n\nText.\n")
    (folder / "third.md").write_text("# Third\n\nText.\n")
    return folder


def built(book):
    return build_book(book, book.parent / "results" / "none", book.parent / "out", "laptop")


def test_maths_is_drawn_without_a_script_and_a_warning_leaves_the_old_book(book):
    index = built(book)
    before, text = index.read_bytes(), index.read_text()
    assert text.count("<math") == 2 and "<msup><mi>e</mi>" in text and "MathJax" not in text
    (book / "other.md").write_text("# Other\n\n[nowhere](missing_page.md)\n")
    for _ in range(2):
        with pytest.raises(CrossoverError, match=r"other.md.*missing_page"):
            built(book)
    assert index.read_bytes() == before


def test_only_a_changed_page_is_written_again(book, monkeypatch):
    index, third = built(book), book.parent / "out" / "work" / "html" / "third.html"
    written = third.stat().st_mtime_ns
    (book / "other.md").write_text("# Other\n\nA new text.\n")
    built(book)
    assert "A new text." in index.with_name("other.html").read_text()
    assert third.stat().st_mtime_ns == written
    (book / "other.md").write_text("# A new title\n")
    built(book)
    assert "A new title" in index.with_name("third.html").read_text(), "titles are on every page"
    for style in ("p { color: red }", "p { color: blue }"):
        (book / "_static").mkdir(exist_ok=True)
        (book / "_static" / "own.css").write_text(style)
        assert (built(book).parent / "_static" / "own.css").read_text() == style
    monkeypatch.setattr(module, "_render", None)
    assert built(book) == index, "nothing is left to do"


def test_pages_link_to_the_repository_where_its_address_is_known(book, monkeypatch, tmp_path):
    assert "Source code" not in built(book).read_text() or module.repository_address(repository())
    (tmp_path / "CITATION.cff").write_text("repository-code: https://example.org/us/crossover.git\n")
    monkeypatch.setattr(module, "repository", lambda: tmp_path)
    for page in ("index", "third"):
        text = built(book).with_name(f"{page}.html").read_text()
        assert 'href="https://example.org/us/crossover"' in text
        assert 'href="https://example.org/us/crossover/issues"' in text
