"""The English parser: spaCy's small model, pinned, with what the templates use and a faster matrix product."""

from __future__ import annotations

import numpy as np
from spacy.language import Language
from thinc.api import NumpyOps, get_current_ops, set_current_ops

from crossover.data.pinned import EN_CORE_WEB_SM


class Blas(NumpyOps):
    """thinc's operations on numpy arrays, with numpy's own matrix product in place of BLIS.

    On a processor with AVX-512, numpy's OpenBLAS multiplied the model's matrices nearly three times as fast as the BLIS
    that thinc brings, and the parses came out the same.
    """

    def gemm(self, x, y, out=None, trans1=False, trans2=False):
        """Return ``x @ y``, each transposed where asked, into ``out`` where given."""
        return np.matmul(x.T if trans1 else x, y.T if trans2 else y, out=out)


def load_parser(ops: NumpyOps | None = None) -> Language:
    """Return the pipeline with tagger, parser and entity recogniser, by thinc's ``ops`` or :class:`Blas`; the lemmatiser is there for its tables only."""
    return _load(ops or Blas(), disable=["lemmatizer", "attribute_ruler"])


def load_tagger(ops: NumpyOps | None = None) -> Language:
    """Return the pipeline with tagger and lemmatiser, without the parts that find names and sentence structure; ``ops`` as above."""
    return _load(ops or Blas(), exclude=["parser", "ner"])


def _load(ops: NumpyOps, **parts: list[str]) -> Language:
    import spacy

    before = get_current_ops()
    set_current_ops(ops)
    try:
        return spacy.load(EN_CORE_WEB_SM.path().parents[1], **parts)
    finally:
        set_current_ops(before)
