"""Questions from text: offsets, order, odd text, sources, and precision on sentences with hand-made expectations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data.corpora import Text
from crossover.models.spacy_english import load_parser
from crossover.questions.checks import MOST_CHARACTERS, pieces, refusal
from crossover.questions.generate import Generator, QuestionFunnel, generate
from crossover.questions.quality import expand, funnel_table, judge, normalise, precision, read_expectations

CURIE = "Marie Curie discovered polonium in 1898."
GENERATOR = Generator(load_parser())


def test_nine_in_ten_questions_on_the_hand_made_sentences_are_right():
    expected = read_expectations()
    assert Counter(e.part for e in expected) == {"tune": 120, "held_out": 80} and len({e.text for e in expected}) == 200
    assert sum(not e.accepted for e in expected) >= 30, "sentences that give nothing are a test too"
    judged = judge(GENERATOR, expected)
    for _, rows in judged.groupby("part"):
        other = rows[rows["type"] != "cloze"]
        assert precision(rows).share >= 0.9 and precision(other).share >= 0.9
        assert len(other) >= 100, "precision of few questions would say little"
    wanted = {e.text for e in expected if e.accepted}
    assert len(wanted & set(judged["text"])) >= 0.85 * len(wanted)


def test_a_wrong_question_is_judged_wrong():
    entry = next(e for e in read_expectations() if e.text.startswith("Roald Amundsen"))
    made = {q.template: q for q in GENERATOR.text(entry.text)}
    assert entry.allows(made["who_subject"]) and entry.allows(made["cloze_date"])
    assert not entry.allows(replace(made["who_subject"], answer="1911"))
    assert not entry.allows(replace(made["who_subject"], question="Who did reach the South Pole in 1911?"))
    assert not entry.allows(replace(made["cloze_date"], question="Roald Amundsen left the South Pole in ____."))


def test_patterns_and_normalising():
    assert set(expand("[In] (a|b c) d")) == {"In a d", "In b c d", " a d", " b c d"}
    assert normalise("Who wrote “Hamlet”?  ") == "who wrote hamlet" and normalise("in #?") == "in #"


# --- odd text ---------------------------------------------------------------------------------------------------------

ODD = {
    "text: empty": " \n\t",
    "piece: no letters": "12 345 — 67",
    "piece: no end of a sentence in 5,000 characters": "x" * 1_000_000,
    "piece: control characters": "Marie\x00\x01\x02 Curie\x07 discovered polonium.",
    "piece: wrong encoding": "Marie Curie naquit Ã  Varsovie; il Ã©tait une fois.",
    "piece: markup": "<p>Marie Curie discovered <b>polonium</b> in 1898.</p>",
    "piece: not in Latin script": "ولدت ماري كوري في وارسو سنة 1867.",
    "piece: code": "def f(x): return {y: x[y] for y in range(10)}; // done",
    "piece: not English": "Der Mann ging in den Wald und sah einen Hund, der auf einem Baum lag und laut bellte, als ob nichts wäre.",
    "sentence: too short": "Polonium",
    "sentence: question": "Who discovered polonium in 1898?",
    "sentence: no capital at its start": "and then the metal polonium was found in Paris",
}


def test_odd_text_is_refused_by_name_and_the_rest_goes_on():
    corpus = [text for odd in ODD.values() for text in (odd, CURIE)]
    funnel = QuestionFunnel()
    made = list(generate(corpus, funnel))
    for reason in ODD:
        assert funnel.refused[reason] == 1, reason
    assert funnel.texts == len(corpus)
    assert Counter(q.source for q in made) == {str(i): len(made) // len(ODD) for i in range(1, len(corpus), 2)}
    assert funnel.questions == len(made) > 0
    table = funnel_table(funnel)
    assert table[table["stage"] == "texts"]["count"].tolist() == [len(corpus)]
    assert table[table["reason"] == "empty"][["stage", "count"]].values.tolist() == [["text", 1]]


def test_one_bad_paragraph_costs_no_other_and_moves_no_offset():
    last = "In Paris,\x07 the chemist Marie Curie discovered the metal polonium together with her husband, in 1898, after work."
    text = f"{CURIE}\n<table>\n\n{last}"
    funnel = QuestionFunnel()
    made = list(generate([text], funnel))
    assert funnel.refused["piece: markup"] == 1 and funnel.pieces == 3
    assert "Who discovered polonium in 1898?" in {q.question for q in made}
    for q in made:
        assert text[q.start : q.end] == q.answer or q.answer in ("yes", "no")
    assert {text[slice(*q.sentence)] for q in made} == {CURIE, last}


def test_a_long_line_is_cut_at_ends_of_sentences():
    line = (CURIE + " ") * 30_000
    assert len(line) > 1_000_000
    cut = list(pieces(line))
    assert all(p.refused is None and len(p.text) <= MOST_CHARACTERS for p in cut)
    assert "".join(p.text for p in cut) == line
    assert all(line[p.offset : p.offset + len(p.text)] == p.text and p.text.startswith("Marie") for p in cut)


@given(st.text(st.characters(codec=None), max_size=400) | st.text("aA.!? \n<{é\x00\ud800", max_size=400))
@settings(max_examples=150, deadline=None)
def test_pieces_of_any_text_keep_their_places(text):
    last = 0
    for piece in pieces(text):
        assert piece.offset >= last and len(piece.text) <= MOST_CHARACTERS and (piece.refused is None or not piece.text)
        piece.text.encode("utf-8")
        original = text[piece.offset : piece.offset + len(piece.text)]
        assert all(a == b or b == " " for a, b in zip(original, piece.text, strict=True))
        last = piece.offset + len(piece.text)


WORDS = ["Marie", "Curie", "discovered", "polonium", "(", ")", ",", ".", "1898", "in", '"', "“", "”", "the", "which", "was", "by", "—", "'s"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=25))
@settings(max_examples=60, deadline=None)
def test_any_order_of_words_gives_spans(words):
    text = " ".join(words)
    for q in GENERATOR.text(text):
        assert q.answer in ("yes", "no") or text[q.start : q.end] == q.answer
        assert 0 <= q.sentence[0] <= q.start < q.end <= q.sentence[1] <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        CURIE,
        "Hong Kong (Chinese: 香港) is a special administrative region of China.",
        "The price fell by 5% in 2009; it rose to $3,000 (€2,700) in 2010.",
        "He wrote “Gödel, Escher, Bach”, and E = mc² is in it.",
        "Café Müller was shown in São Paulo – and in Łódź – in 1980.",
    ],
)
def test_prose_is_not_refused(text):
    assert refusal(text) is None


# --- streaming --------------------------------------------------------------------------------------------------------


def test_texts_are_read_as_questions_are_taken():
    taken = []

    def corpus():
        for i in range(10_000):
            taken.append(i)
            yield CURIE

    stream = generate(corpus(), batch_size=8)
    next(stream)
    assert len(taken) < 100


def test_batches_of_any_size_give_the_same_questions_and_counts():
    corpus = [
        Text(f"t{i}", text)
        for i, text in enumerate([CURIE, "", "Jupiter has 79 moons.\n<b>x</b>", "Basalt is a volcanic rock."])
    ]
    one, two = QuestionFunnel(), QuestionFunnel()
    made = list(generate(corpus, one, batch_size=1))
    assert list(generate(corpus, two, batch_size=3)) == made
    assert one == two and {q.source for q in made} == {"t0", "t2", "t3"}
