"""The book as one PDF."""

from crossover.book import release


def test_the_whole_book_is_one_pdf(monkeypatch, browser, published_book):
    monkeypatch.setattr(release, "build", lambda profile: published_book / "index.html")
    content = release.build_pdf("study").read_bytes()
    assert content.startswith(b"%PDF-") and len(content) > 100_000
