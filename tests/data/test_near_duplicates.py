"""Near-duplicates: what comparing all pairs finds, in blocks of any size."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data.near_duplicates import NEAR, Neighbourhood

many = settings(max_examples=200, deadline=None)


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


units = st.frozensets(st.sampled_from("abcdefgh"), max_size=8)


@given(st.lists(units, max_size=8), st.lists(units, max_size=8))
@many
def test_near_is_what_comparing_all_pairs_finds(items, texts):
    found = Neighbourhood(items).holds(texts)
    assert found == [any(jaccard(text, item) >= NEAR for item in items) for text in texts]


def test_texts_are_compared_in_blocks_of_any_size(monkeypatch):
    rng = random.Random(0)
    items, texts = ([frozenset(rng.sample(range(30), rng.randint(1, 6))) for _ in range(n)] for n in (40, 50))
    items, texts = ([frozenset(map(str, unit)) for unit in some] for some in (items, texts))
    whole = Neighbourhood(items).holds(texts)
    monkeypatch.setattr("crossover.data.near_duplicates._ROWS", 7)
    assert Neighbourhood(items).holds(texts) == whole
