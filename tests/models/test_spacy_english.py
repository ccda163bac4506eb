"""The English parser: the faster matrix product changes no parse."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from thinc.api import NumpyOps, get_current_ops

from crossover.data.corpora import read_texts
from crossover.models.spacy_english import Blas, load_parser, load_tagger


@pytest.mark.parametrize("trans", [(False, False), (True, False), (False, True), (True, True)])
def test_the_faster_matrix_product_is_one(trans):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 4)).astype("f"), rng.normal(size=(4, 4)).astype("f")
    wanted, out = NumpyOps().gemm(x, y, trans1=trans[0], trans2=trans[1]), np.empty((4, 4), "f")
    np.testing.assert_allclose(Blas().gemm(x, y, trans1=trans[0], trans2=trans[1]), wanted, rtol=1e-5)
    assert Blas().gemm(x, y, out=out, trans1=trans[0], trans2=trans[1]) is out
    np.testing.assert_allclose(out, wanted, rtol=1e-5)


@pytest.mark.parametrize("load", [load_parser, load_tagger])
def test_parses_are_those_of_the_stock_model(load, monkeypatch):
    before = get_current_ops()
    with monkeypatch.context() as patch:
        patch.setattr("crossover.models.spacy_english.Blas", NumpyOps)
        stock = load()
    texts = [text.text for text in islice(read_texts("boolq"), 5)]
    for ours, theirs in zip(load().pipe(texts), stock.pipe(texts), strict=True):
        assert [(t.tag_, t.head.i, t.dep_, t.ent_type_, t.lemma_) for t in ours] == [
            (t.tag_, t.head.i, t.dep_, t.ent_type_, t.lemma_) for t in theirs
        ]
    assert get_current_ops() is before, "the choice is the parser's own, not the process's"
