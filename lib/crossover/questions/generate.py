"""Questions from text: sentences, parse, templates, checks; streamed in batches over one or several processes.

Method: arXiv 2310.07830, section 3. Every text goes through the same stages, and a funnel counts what each one lets
pass and why it refuses the rest. An answer is a span of the text, except yes and no, whose span is the sentence that
settles them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from spacy.language import Language
from spacy.tokens import Span

from crossover.data.corpora import Text
from crossover.models.spacy_english import load_parser
from crossover.questions.checks import rejection_reason, unusable
from crossover.questions.clauses import clauses
from crossover.questions.frames import Frame, appositions, brackets, entities
from crossover.questions.prose_filter import Piece, pieces
from crossover.questions.templates import Template, drafts, fits, load_templates
from crossover.questions.words import Lemmas


@dataclass(frozen=True)
class Question:
    """A question with its answer, ``text[start:end]``; of yes and no that is the sentence that settles it.

    ``entity`` is the answer's OntoNotes type or ``none``, ``sentence`` the first and last character of the sentence.
    """

    question: str
    answer: str
    start: int
    end: int
    template: str
    type: str
    entity: str
    sentence: tuple[int, int]
    source: str = ""

    def moved(self, offset: int, source: str) -> Question:
        """Return the question for a text in which everything stands ``offset`` characters later."""
        moved = tuple(place + offset for place in self.sentence)
        return replace(self, start=self.start + offset, end=self.end + offset, sentence=moved, source=source)


STAGES = ("texts", "pieces", "sentences", "framed", "drafts", "questions")


@dataclass
class QuestionFunnel:
    """Counts by stage: texts, paragraphs, sentences, those with a clause, apposition or bracket, drafts, questions that passed.

    ``refused`` counts by stage and reason, as in ``sentence: too long``.
    """

    texts: int = 0
    pieces: int = 0
    sentences: int = 0
    framed: int = 0
    drafts: int = 0
    questions: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Generator:
    """Makes questions of sentences that :func:`crossover.models.spacy_english.load_parser` has parsed."""

    def __init__(self, nlp: Language, templates: Sequence[Template] | None = None):
        self.nlp, self.lemmas = nlp, Lemmas(nlp)
        self.templates = load_templates() if templates is None else list(templates)
        self._fitting: dict[tuple[object, ...], list[Template]] = {}

    def fitting(self, frame: Frame) -> list[Template]:
        """Return the templates that fit a frame; looked up once for all frames that are built alike."""
        build = (frame.kind, frame.roles, frame.negated, frame.passive)
        if build not in self._fitting:
            self._fitting[build] = [template for template in self.templates if fits(template, frame)]
        return self._fitting[build]

    def sentence(self, sentence: Span, funnel: QuestionFunnel) -> Iterator[Question]:
        """Yield the questions of one sentence, without repetitions."""
        funnel.sentences += 1
        if reason := unusable(sentence):
            funnel.refused[f"sentence: {reason}"] += 1
            return
        seen: set[tuple[str, str]] = set()
        framed = False
        for frame in (*clauses(sentence), *appositions(sentence), *brackets(sentence), entities(sentence)):
            framed |= frame.kind != "sentence"
            for template in self.fitting(frame):
                for draft in drafts(template, frame, self.lemmas):
                    funnel.drafts += 1
                    key = (draft.question.lower(), draft.answer.lower())
                    reason = "question: repeated" if key in seen else rejection_reason(draft)
                    if reason:
                        funnel.refused[reason] += 1
                        continue
                    seen.add(key)
                    funnel.questions += 1
                    yield Question(
                        draft.question, draft.answer, draft.start, draft.end, template.id, template.type,
                        draft.entity, (sentence.start_char, sentence.end_char),
                    )  # fmt: skip
        funnel.framed += framed

    def text(self, text: str) -> list[Question]:
        """Return the questions of one short text."""
        funnel = QuestionFunnel()
        return [q for sentence in self.nlp(text).sents for q in self.sentence(sentence, funnel)]


def generate(
    texts: Iterable[Text | str], funnel: QuestionFunnel | None = None, batch_size: int = 64
) -> Iterator[Question]:
    """Yield the questions of texts in order; the corpus is read as they are taken, and ``funnel`` filled on the way.

    Offsets are those of a question's text; ``source`` is the text's name, or its number where it has none. The questions are
    the same for any number of paragraphs per batch.
    """
    funnel = QuestionFunnel() if funnel is None else funnel
    generator = Generator(load_parser())
    paragraphs = _paragraphs(texts, funnel)
    for doc, (piece, text) in generator.nlp.pipe(paragraphs, batch_size=batch_size, as_tuples=True):
        for sentence in doc.sents:
            for made in generator.sentence(sentence, funnel):
                found = made.moved(piece.offset, text.source)
                # A control character inside an answer was read as a space.
                if found.answer in ("yes", "no") or text.text[found.start : found.end] == found.answer:
                    yield found
                else:
                    funnel.questions -= 1
                    funnel.refused["question: control character"] += 1


def _paragraphs(texts: Iterable[Text | str], funnel: QuestionFunnel) -> Iterator[tuple[str, tuple[Piece, Text]]]:
    """Yield the paragraphs that can be parsed, with where each is from; the others are counted."""
    for number, entry in enumerate(texts):
        text = Text(str(number), entry) if isinstance(entry, str) else entry
        funnel.texts += 1
        if text.refused or not text.text.strip():
            funnel.refused[f"text: {text.refused or 'empty'}"] += 1
            continue
        for piece in pieces(text.text):
            funnel.pieces += 1
            if piece.refused:
                funnel.refused[f"piece: {piece.refused}"] += 1
            else:
                yield piece.text, (piece, text)
