"""Measures of question quality against known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data import load
from crossover.models.language_model import LanguageModel
from crossover.models.spacy_english import load_parser
from crossover.questions.generate import Question
from crossover.questions.quality import (  # fmt: skip
    distance,
    distinct_of_sample,
    entity_types,
    entropy,
    gallery,
    perplexity,
    question_type,
    repetition,
    shares,
)


def test_perplexity_is_that_of_the_models_own_loss():
    import torch

    tiny = LanguageModel.load("tiny-random")
    tiny.model.float()
    questions = ["Who discovered polonium?", "When?", "Where was the treaty signed in 1919?"]
    found = perplexity(tiny, questions, batch_size=2)
    for question, value in zip(questions, found, strict=True):
        prompt = tiny.tokenizer("Question:", add_special_tokens=False)["input_ids"]
        tokens = tiny.tokenizer(f" {question}", add_special_tokens=False)["input_ids"]
        ids = torch.tensor([prompt + tokens])
        labels = torch.tensor([[-100] * len(prompt) + tokens])
        assert value == pytest.approx(math.exp(float(tiny.model(ids, labels=labels).loss.detach())), rel=1e-4)


@pytest.mark.slow
def test_perplexity_tells_word_salad_from_questions():
    student = LanguageModel.load("SmolLM2-135M-Instruct")
    real = [row["question"] for row in load.load("nq_open", "validation", "pypi")[:60]]
    rng = np.random.default_rng(0)
    salad = [" ".join(rng.permutation(q.rstrip("?").split())) + "?" for q in real]
    assert np.median(perplexity(student, salad)) > 2 * np.median(perplexity(student, real))


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30))
@settings(deadline=None)
def test_entropy_and_distance_of_any_labels(labels):
    found = shares(labels)
    assert sum(found.values()) == pytest.approx(1) and 0 <= entropy(found) <= math.log2(len(found)) + 1e-9
    assert distance(found, found) == pytest.approx(0, abs=1e-6) and distance(found, {"z": 1.0}) == pytest.approx(1)
    assert entropy(shares("abcd")) == pytest.approx(2)
    assert distance({"a": 0.5, "b": 0.5}, {"a": 1.0}) == pytest.approx(0.5579, abs=1e-4)


def test_distinct_n_on_equal_samples():
    assert distinct_of_sample(["Who is who?"], 1, 1) == pytest.approx(2 / 3)
    same, other = ["Who was it?"] * 50, [f"Who met person{i} in city{i}?" for i in range(50)]
    assert distinct_of_sample(same, 2, 50) == pytest.approx(2 / 100) and distinct_of_sample(other, 2, 50) > 0.7


@pytest.mark.parametrize(
    ("question", "kind"),
    [("How many moons has it?", "how many"), ("How does it work?", "how"), ("What is it?", "what"), ("Did he go?", "yes-no"),
     ("At what age did he die?", "what"), ("For how much was it sold?", "how many"), ("Whose book is it?", "who"), ("", "other"),
     ("Rome fell in ____.", "cloze"), ("The river in Rome is called what?", "other")],
)  # fmt: skip
def test_question_types(question, kind):
    assert question_type(question) == kind


def test_repetitions():
    found = repetition([("Who?", "A"), ("Who?", "A"), ("Who", "a."), ("Who?", "B"), ("When?", "C")])
    assert (found.questions, found.repeated, found.ambiguous) == (5, 2, 1)


def test_entity_types_of_answers():
    assert entity_types(load_parser(), ["Barack Obama", "1898", "water"]) == ["PERSON", "DATE", "none"]


def test_the_gallery_is_drawn_by_seed():
    made = [Question(f"Who {i}?", "x", 0, 1, "t", kind, "none", (0, 1)) for i in range(50) for kind in ("who", "what")]
    first = gallery(made, 3, 1)
    assert first.equals(gallery(made, 3, 1)) and not first.equals(gallery(made, 3, 2))
    assert first["type"].value_counts().to_dict() == {"who": 3, "what": 3}
