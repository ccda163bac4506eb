"""The English parser: the faster matrix product changes no parse."""

from __future__ import annotations

from itertools import islice

from thinc.api import NumpyOps, get_current_ops

from crossover.data.corpora import read_texts
from crossover.models.spacy_english import load_parser


def test_parses_are_those_of_the_stock_model(monkeypatch):
    before = get_current_ops()
    with monkeypatch.context() as patch:
        patch.setattr("crossover.models.spacy_english.Blas", NumpyOps)
        stock = load_parser.__wrapped__()
    texts = [text.text for text in islice(read_texts("boolq"), 5)]
    for ours, theirs in zip(load_parser().pipe(texts), stock.pipe(texts), strict=True):
        assert [(t.tag_, t.head.i, t.dep_, t.ent_type_, t.lemma_) for t in ours] == [
            (t.tag_, t.head.i, t.dep_, t.ent_type_, t.lemma_) for t in theirs
        ]
    assert get_current_ops() is before, "the choice is the parser's own, not the process's"
