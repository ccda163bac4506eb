"""Questions from text: sentences, parse, templates, checks; made once per text source and stored beside the results.

Method: arXiv 2310.07830, section 3. A funnel counts how much passes each stage and why the rest is refused.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Span

from crossover.data import corpora
from crossover.data.corpora import Text, read_texts
from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.models.spacy_english import load_parser
from crossover.params.template_questions import pinned
from crossover.questions.checks import Piece, pieces, rejection_reason, unusable
from crossover.questions.constituents import Lemmas
from crossover.questions.frames import Frame, appositions, brackets, clauses, entities
from crossover.questions.templates import FILE, Template, drafts, fits, load_templates


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
        first, last = self.sentence
        moved = (first + offset, last + offset)
        return replace(self, start=self.start + offset, end=self.end + offset, sentence=moved, source=source)


@dataclass
class QuestionFunnel:
    """Counts by stage: ``framed`` sentences have a clause, apposition or bracket, ``questions`` passed every check."""

    texts: int = 0
    pieces: int = 0
    sentences: int = 0
    framed: int = 0
    drafts: int = 0
    questions: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Generator:
    """Makes questions of sentences that :func:`crossover.models.spacy_english.load_parser` has parsed."""

    def __init__(self, nlp: Language):
        self.nlp, self.lemmas, self.templates = nlp, Lemmas(nlp), load_templates()
        self._fitting: dict[tuple[object, ...], list[Template]] = {}

    def fitting(self, frame: Frame) -> list[Template]:
        """The templates that fit a frame, looked up once for all frames that are built alike."""
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
        framed = [*clauses(sentence), *appositions(sentence), *brackets(sentence)]
        for frame in (*framed, entities(sentence)):
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
        funnel.framed += bool(framed)

    def text(self, text: str) -> list[Question]:
        return [q for sentence in self.nlp(text).sents for q in self.sentence(sentence, QuestionFunnel())]


def generate(
    texts: Iterable[Text | str], funnel: QuestionFunnel | None = None, batch_size: int = 64
) -> Iterator[Question]:
    """Yield the questions of texts (named, or numbered) in order, the same for any batch size; fill ``funnel``."""
    funnel = funnel or QuestionFunnel()
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
    """The paragraphs that can be parsed, each with where it is from; the others are counted."""
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


@dataclass(frozen=True)
class QuestionBank:
    """Questions in the order of their texts, and the funnel of all stages."""

    questions: tuple[Question, ...]
    funnel: QuestionFunnel


def load_bank(folder: Path, text: str, texts: int) -> QuestionBank:
    """Return the questions of a text source, from ``folder`` where they are stored already."""
    text = pinned(text)
    # How texts are cleaned matters for the two sources that are anyone's.
    cleaned = [corpora.VERSION] if text.startswith(("folder:", "hub:")) else []
    path = folder / f"questions-{digest([text, texts, digest(FILE.read_bytes(), 64), *cleaned], 12)}.jsonl.gz"
    if not path.exists():
        _write(path, text, texts)
    return _read(path)


def _write(path: Path, text: str, texts: int) -> None:
    funnel = QuestionFunnel()
    found = list(generate(itertools.islice(read_texts(text), texts or None), funnel))
    if not found:
        raise CrossoverError(f"The text {text!r} gave no question; read more of it, or another.")
    head = vars(funnel) | {"refused": dict(funnel.refused)}
    lines = [json.dumps(line, ensure_ascii=False) for line in (head, *map(vars, found))]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    # No name and no time inside: the same questions are the same file.
    with open(fresh, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
        file.write("\n".join(lines).encode())
    fresh.replace(path)


@cache
def _read(path: Path) -> QuestionBank:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head, *rest = map(json.loads, file.read().split("\n"))
    funnel = QuestionFunnel(**head | {"refused": Counter(head["refused"])})
    return QuestionBank(tuple(Question(**values | {"sentence": tuple(values["sentence"])}) for values in rest), funnel)
