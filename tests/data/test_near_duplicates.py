"""Near-duplicates: what comparing all pairs finds, in blocks of any size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data.near_duplicates import NEAR, Neighbourhood


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


units = st.frozensets(st.sampled_from("abcdefgh"), max_size=8)


@given(st.lists(units, max_size=8), st.lists(units, max_size=8), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_near_is_what_comparing_all_pairs_finds(items, texts, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crossover.data.near_duplicates._ROWS", block)
        found = Neighbourhood(items).holds(texts)
    assert found == [any(jaccard(text, item) >= NEAR for item in items) for text in texts]
