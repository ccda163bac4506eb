"""Scores against references, and what is measured of synthetic data: agreement with the field's own tools and formulas."""

from __future__ import annotations

import itertools

import pytest
import torch

from crossover.evaluation.text_scores import chrf, embed, measure, self_similarity
from crossover.strategies import Sample
from crossover.tasks import load_task


def test_chrf_takes_the_best_of_any_number_of_references():
    assert chrf("", ["A cat."]) == 0 and 0 < chrf("A dog.", ["A cat."]) < 100
    assert chrf("A cat.", ["A dog.", "A cat."]) == pytest.approx(100)


def test_self_similarity_is_the_mean_over_all_pairs():
    sentences = ["A dog runs home.", "The dog is running home.", "Taxes rose again in March.", "A cat sleeps."]
    vectors = embed(sentences)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)
    pairs = [float(vectors[i] @ vectors[j]) for i, j in itertools.combinations(range(4), 2)]
    assert self_similarity(sentences) == pytest.approx(sum(pairs) / 6, abs=1e-5)
    assert self_similarity(sentences[:2]) > 0.8
    assert self_similarity(sentences[2:]) < 0.3
    assert self_similarity(sentences[:1]) == 1.0
    assert torch.allclose(embed(sentences, batch_size=1), vectors, atol=1e-5), "padding changes nothing"


def test_a_class_that_is_never_produced_is_counted_as_none():
    found = measure(load_task("sst2"), [Sample("good film", " positive"), Sample("fine film", " positive")])
    assert found["classes"] == {"negative": 0, "positive": 2}
    assert found["distinct_2"] == 1 and 0 < found["self_similarity"] < 1
    assert "coverage" not in found


def test_support_is_measured_where_a_task_can_tell():
    pairs = [
        Sample("name[A], eatType[pub]", " A is a pub."),
        Sample("name[B], area[riverside]", " B is a cheap place."),
    ]
    found = measure(load_task("e2e_nlg"), pairs)
    assert found["coverage"] == 0.75 and found["unsupported"] == 0.5
    captions = measure(load_task("captions"), [Sample("boy, run", " The boys ran to their mother.")])
    assert captions["coverage"] == 1.0 and "unsupported" not in captions
