"""Question templates: every example in the data file, what a reader may write there, verb forms."""

from __future__ import annotations

import pytest

from crossover.models.spacy_english import load_parser
from crossover.questions.constituents import past, third_person
from crossover.questions.frames import clauses, spells
from crossover.questions.generate import Generator, QuestionFunnel
from crossover.questions.templates import load_templates

TEMPLATES = load_templates()
EXAMPLES = [(t, e) for t in TEMPLATES for e in t.examples]


@pytest.fixture(scope="module")
def generator():
    return Generator(load_parser())


# --- the data file ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_examples(generator):
    """The questions of every example text, parsed in one batch."""
    docs = generator.nlp.pipe([example.text for _, example in EXAMPLES])
    return [[q for s in doc.sents for q in generator.sentence(s, QuestionFunnel())] for doc in docs]


def test_examples_in_the_file(of_examples):
    for (template, example), questions in zip(EXAMPLES, of_examples, strict=True):
        made = [q for q in questions if q.template == template.id]
        wanted = [(example.question, example.answer)] if example.question else []
        assert [(q.question, q.answer) for q in made] == wanted, template.id
        assert len({(q.question, q.answer) for q in questions}) == len(questions)
        for q in questions:
            assert q.sentence[0] <= q.start < q.end <= q.sentence[1]
            assert q.answer in ("yes", "no") or example.text[q.start : q.end] == q.answer
            assert q.question.count("____") == (q.type == "cloze")
    assert all(any(e.question for e in t.examples) for t in TEMPLATES)


def test_the_funnel_adds_up(generator):
    funnel = QuestionFunnel()
    for sentence in generator.nlp("Marie Curie discovered polonium in 1898. He died. The film was made in 1994.").sents:
        list(generator.sentence(sentence, funnel))
    assert funnel.sentences == 3 and funnel.framed == 2 and funnel.refused["sentence: too short"] == 1
    refused = sum(n for reason, n in funnel.refused.items() if reason.startswith("question"))
    assert funnel.drafts == funnel.questions + refused and refused > 0


def test_conditions_and_speculation_are_no_clauses(generator):
    doc = generator.nlp("If it rains, the match is cancelled. Rome fell in 476 and Constantinople fell in 1453.")
    assert [[f.verb.text for f in clauses(s)] for s in doc.sents] == [[], ["fell", "fell"]]


# --- verb forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "base"),
    [("wrote", "write"), ("founded", "found"), ("found", "find"), ("discovered", "discover"), ("studies", "study"),
     ("lies", "lie"), ("stopped", "stop"), ("Used", "use"), ("was", "be"), ("zorbed", "zorbed")],
)  # fmt: skip
def test_base_forms(generator, form, base):
    assert generator.lemmas.base(form) == base


def test_past_and_third_person_go_back_to_their_base(generator):
    for participle in ("written", "taken", "known", "given", "driven", "seen", "built", "led", "withdrawn"):
        assert generator.lemmas.base(past(participle)) == generator.lemmas.base(participle)
    for base in ("write", "carry", "play", "reach", "go", "have", "fix", "pass", "cause", "lie", "undergo"):
        assert generator.lemmas.base(third_person(base)) == base


@pytest.mark.parametrize(
    ("acronym", "name", "spelt"),
    [("NASA", "National Aeronautics and Space Administration", True), ("UK", "the United Nations", False), ("U", "Union", False)],
)  # fmt: skip
def test_acronyms(acronym, name, spelt):
    assert spells(acronym, name) is spelt
