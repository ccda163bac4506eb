"""Text sources: passages, folders, the hub, and the Wikipedia articles of a wheel."""

from __future__ import annotations

from collections import Counter

import pytest

from crossover.data.corpora import Text, folder, hub, read_texts, wiki_text
from crossover.errors import CrossoverError

CURIE = "Marie Curie discovered polonium in 1898."
WIKI = """{{Infobox|name={{lang|de|Ulm}}
|x=y}}
[[File:Ulm.jpg|thumb|The [[minster]] of Ulm]]
'''Ulm''' is a [[city]] in [[Baden-Württemberg|the south]] of Germany.<ref name="a">{{cite|x}}</ref> It has ''one'' [http://x.org minster].
{| class="wikitable"
| a || b
|}
== History ==
* a list
Ulm was founded in 850.<ref name="b" />
== References ==
Nothing of this is kept.
[[Category:Cities]]"""


def test_passages_and_articles_of_the_wheels():
    passages, articles = list(read_texts("boolq")), list(read_texts("wikipedia"))
    assert len(passages) > 2_000
    assert len({t.text for t in passages}) == len({t.source for t in passages}) == len(passages)
    # Without redirects, lists of things and pages about pages.
    assert len(articles) == 104 and articles[0].source == "wikipedia/Anarchism"
    assert sum(len(t.text) for t in articles) > 2_000_000
    left = Counter(mark for t in articles for mark in ("{{", "[[", "'''", "<ref", "|thumb") if mark in t.text)
    assert sum(left.values()) <= 5, left
    assert wiki_text(WIKI) == "Ulm is a city in the south of Germany. It has one minster.\nUlm was founded in 850."


def test_a_folder_goes_on_after_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a.txt").write_text(CURIE)
    (tmp_path / "b.txt").write_bytes(b"caf\xe9 au lait")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("Jupiter has 79 moons.")
    (tmp_path / "d.json").write_text("{}")
    texts = list(folder(tmp_path))
    assert [(t.source, t.refused) for t in texts] == [
        ("folder/a.txt", None), ("folder/b.txt", "not UTF-8"), ("folder/sub/c.txt", None)
    ]  # fmt: skip
    with pytest.raises(CrossoverError, match="holds no file"):
        next(folder(tmp_path / "none"))


def test_the_hub_needs_a_commit_and_a_column_of_texts(monkeypatch):
    import datasets

    with pytest.raises(CrossoverError, match="40-digit commit"):
        read_texts("hub:org/set@main")
    commit = "a" * 40
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: iter([{"text": CURIE}, {"text": None}]))
    assert list(read_texts(f"hub:org/set@{commit}")) == [Text("org/set/0", CURIE), Text("org/set/1", "")]
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: iter([{"body": CURIE}]))
    with pytest.raises(CrossoverError, match="no column 'text'; it has body"):
        next(hub("org/set", commit))

    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(CrossoverError, match="no route"):
        next(hub("org/set", commit))
