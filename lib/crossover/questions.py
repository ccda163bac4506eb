"""Questions from text: sentences, parse, templates, checks; streamed in batches over one or several processes.

Method: arXiv 2310.07830, section 3. Every text goes through the same stages, and a funnel counts what each one lets
pass and why it refuses the rest. An answer is a span of the text, except yes and no, whose span is the sentence that
settles them.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from crossover.assets import EN_CORE_WEB_SM
from crossover.frames import Frame, Part, frames
from crossover.inflect import Lemmas
from crossover.lexicon import MENTIONED, UNIQUE
from crossover.screening import Piece, pieces
from crossover.templates import FILE, Draft, Template, drafts, load_templates
from crossover.text_sources import Text

MOST_WORDS = {"cloze": 30}  # of a question; a real one of NQ-open has nine on average
MOST_WORDS_OTHERWISE = 20
SENTENCE_WORDS = (3, 60)


@dataclass(frozen=True)
class Question:
    """A question with its answer and where the answer stands.

    Attributes
    ----------
    question, answer : str
    start, end : int
        Characters of the text: ``text[start:end] == answer``; for yes and no the sentence that settles the question.
    template, type : str
        Template id and question type.
    entity : str
        OntoNotes type of the answer, ``none`` where it has none.
    sentence : (int, int)
        First and last character of the sentence in the text.
    source : str
        Name of the text, where it has one.
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
        return replace(
            self,
            start=self.start + offset,
            end=self.end + offset,
            sentence=(first + offset, last + offset),
            source=source,
        )


STAGES = ("texts", "pieces", "sentences", "framed", "drafts", "questions")


@dataclass
class Funnel:
    """How many reach each stage, and why the others do not.

    Attributes
    ----------
    texts, pieces, sentences, framed, drafts, questions : int
        Texts read; paragraphs in them; sentences parsed; sentences with a clause, apposition or bracket; questions that
        templates made; questions that passed every check.
    refused : Counter
        By stage and reason, as in ``sentence: too long``.
    """

    texts: int = 0
    pieces: int = 0
    sentences: int = 0
    framed: int = 0
    drafts: int = 0
    questions: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Funnel) -> None:
        """Add another funnel's counts."""
        for name in STAGES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.refused.update(other.refused)


def load_parser() -> Language:
    """Return spaCy's small English model with what the templates use: tagger, parser and entities."""
    import spacy

    return spacy.load(EN_CORE_WEB_SM.path().parents[1], disable=["lemmatizer", "attribute_ruler"])


class Generator:
    """Makes questions of parsed sentences.

    Parameters
    ----------
    nlp : Language
        As :func:`load_parser` gives it.
    templates : sequence of Template
    """

    def __init__(self, nlp: Language, templates: Sequence[Template] | None = None):
        self.nlp, self.lemmas = nlp, Lemmas.of(nlp)
        self.templates: dict[str, list[Template]] = {}
        for template in load_templates() if templates is None else templates:
            self.templates.setdefault(template.frame, []).append(template)

    def sentence(self, sentence: Span, funnel: Funnel) -> Iterator[Question]:
        """Yield the questions of one sentence, without repetitions."""
        funnel.sentences += 1
        if reason := unusable(sentence):
            funnel.refused[f"sentence: {reason}"] += 1
            return
        seen: set[tuple[str, str]] = set()
        framed = False
        for frame in frames(sentence):
            framed |= frame.kind != "sentence"
            for template in self.templates.get(frame.kind, ()):
                for draft in drafts(template, frame, self.lemmas):
                    funnel.drafts += 1
                    key = (draft.question.lower(), draft.answer.lower())
                    reason = "question: repeated" if key in seen else fault(draft)
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
        funnel = Funnel()
        return [q for sentence in self.nlp(text).sents for q in self.sentence(sentence, funnel)]

    def __call__(self, doc: Doc) -> Doc:
        """Serve as a component of the pipeline: return an empty document that carries the questions and the funnel."""
        funnel = Funnel()
        made = [vars(q) for sentence in doc.sents for q in self.sentence(sentence, funnel)]
        # The parse stays in the process that made it: sending it to another costs more than the templates do.
        return Doc(doc.vocab, user_data={"questions": made, "funnel": vars(funnel) | {"refused": dict(funnel.refused)}})


@Language.factory("template_questions", default_config={"path": str(FILE)})
def _component(nlp: Language, name: str, path: str) -> Generator:
    return Generator(nlp, load_templates(path))


def generate(
    texts: Iterable[Text | str],
    funnel: Funnel | None = None,
    processes: int = 1,
    batch_size: int = 64,
    templates: Path | str = FILE,
) -> Iterator[Question]:
    """Make questions of texts, one after the other, in the order of the texts.

    Parameters
    ----------
    texts : iterable of Text or str
        Read as the questions are taken; a corpus need not fit in memory.
    funnel : Funnel, optional
        Filled on the way.
    processes : int
        Processes that parse; the questions are the same for any number.
    batch_size : int
        Paragraphs parsed side by side.
    templates : path
        A file of templates.

    Yields
    ------
    Question
        Offsets are those of its text; ``source`` is the text's name, or its number where it has none.
    """
    funnel = Funnel() if funnel is None else funnel
    nlp = load_parser()
    nlp.add_pipe("template_questions", config={"path": str(templates)})
    origins: deque[tuple[Piece, Text]] = deque()
    for doc in nlp.pipe(_paragraphs(texts, funnel, origins), batch_size=batch_size, n_process=processes):
        piece, text = origins.popleft()  # documents come back in the order in which they went
        counts = doc.user_data["funnel"]
        funnel.add(Funnel(**{**counts, "refused": Counter(counts["refused"])}))
        for values in doc.user_data["questions"]:
            found = Question(**values).moved(piece.offset, text.source)
            # A control character inside an answer was read as a space.
            if found.answer in ("yes", "no") or text.text[found.start : found.end] == found.answer:
                yield found
            else:
                funnel.questions -= 1
                funnel.refused["question: control character"] += 1


def _paragraphs(texts: Iterable[Text | str], funnel: Funnel, origins: deque[tuple[Piece, Text]]) -> Iterator[str]:
    """Yield the paragraphs that can be parsed and note where each is from; the others are counted."""
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
                origins.append((piece, text))
                yield piece.text


def unusable(sentence: Span) -> str | None:
    """Return why a sentence is not used, or ``None``."""
    words = sum(token.is_alpha for token in sentence)
    if words < SENTENCE_WORDS[0]:
        return "too short"
    if len(sentence) > SENTENCE_WORDS[1]:
        return "too long"
    text = sentence.text
    if text.rstrip().endswith("?"):
        return "question"
    if not (text[0].isupper() or text[0].isdigit() or text[0] in "\"'“‘($"):
        return "no capital at its start"
    return None


_PRONOUNS = {"PRP", "WP"}
_POINTING = {
    "this", "that", "these", "those", "such", "another", "latter", "former", "same", "other", "others", "here",
    "there", "above", "following", "aforementioned", "respectively", "said", "one", "ones", "similar", "separate",
    "additional", "latest", "previous",
}  # fmt: skip
_SPEAKERS = {"my", "our", "your"}
# Verbs whose object is a kind: "the telephone was invented" is about no single telephone.
_OF_KINDS = {"invented", "discovered", "domesticated", "patented", "pioneered"}
_POSSESSIVE = {"his", "her", "its", "their"}
_NAMED = {"PERSON", "GPE", "LOC", "FAC", "ORG", "PRODUCT", "WORK_OF_ART", "EVENT", "NORP", "LAW", "LANGUAGE"}


def fault(draft: Draft) -> str | None:
    """Return why a question is refused, or ``None``: what it repeats must be understood without the text around it."""
    if len(draft.question.split()) > MOST_WORDS.get(draft.template.type, MOST_WORDS_OTHERWISE):
        return "question: too long"
    doc, asked = draft.frame.sentence.doc, draft.asked
    repeated = [doc[i] for i in draft.used]
    if draft.template.type == "yes-no":
        answer = []
    else:
        answer = [doc[i] for i in asked.indices]
        if f" {_plain(draft.answer)} " in f" {_plain(draft.question)} ":
            return "question: holds its answer"
    if any(t.tag_ in _PRONOUNS or t.lower_ in _SPEAKERS for t in (*repeated, *answer)):
        return "question: pronoun"
    if any(
        t.lower_ in _POINTING and t.tag_ in ("DT", "JJ", "PDT", "RB", "NN", "NNS", "CD") for t in (*repeated, *answer)
    ):
        return "question: points at other text"
    subject = draft.frame.one("subject")
    told = set(draft.used)
    owners = {t.lower_ for t in (*repeated, *answer)} & _POSSESSIVE
    if owners and not (subject is not None and told.issuperset(subject.indices) and _owned_by(subject, owners)):
        return "question: pronoun"
    if _breaks_off(draft):
        return "question: breaks off"
    if "\n" in draft.question or "\n" in draft.answer:
        return "question: over a line break"
    if _unbalanced(draft.question) or _unbalanced(draft.answer):
        return "question: half a quotation"
    return _without_context(draft, repeated)


def _owned_by(subject: Part, owners: set[str]) -> bool:
    """Whether possessives can mean the subject: their number fits, *his* and *her* go with a person."""
    if any(subject.head.doc[i].lower_ in _POSSESSIVE for i in subject.indices):
        return False
    fitting = {"their"} if subject.plural else {"its"} if subject.entity != "PERSON" else {"his", "her"}
    return owners <= fitting


def _without_context(draft: Draft, repeated: list[Token]) -> str | None:
    """Refuse what an earlier sentence would have to explain: "the film was released", a cloze that starts with "he"."""
    frame = draft.frame
    past = _past(frame)
    if frame.kind == "sentence":
        subject = next((c for c in frame.sentence.root.children if c.dep_ in ("nsubj", "nsubjpass")), None)
        if subject is None or subject.tag_ in ("PRP", "DT", "WP"):
            return "question: pronoun"
        if not any(t.tag_ in ("NNP", "NNPS") or t.ent_type_ == "DATE" for t in repeated):
            return "question: names nothing"
        told = [subject]
    else:
        asked = [draft.asked.head] if draft.template.type != "yes-no" else []
        # In the present "the heart" is any heart, unless the statement has a name or a date in it.
        about_one = past or any(t.ent_type_ in _NAMED or t.ent_type_ == "DATE" for t in (*repeated, *asked))
        subjects = [part.head for part in frame.all("subject")]
        told = (
            [*repeated, *asked] if past else subjects if about_one else [h for h in subjects if h.lower_ in MENTIONED]
        )
    if frame.kind != "apposition" and frame.verb.lower_ not in _OF_KINDS and any(map(_unexplained, told)):
        return "question: names nothing"
    if any(t.ent_type_ in _NAMED or t.ent_type_ == "DATE" or t.tag_ in ("NNP", "NNPS") for t in repeated):
        return None
    content = sum(t.tag_ in ("NN", "NNS", "JJ", "JJS", "CD") for t in repeated)
    one_case = _past(frame) or draft.entity in _NAMED
    vague = any(t.lower_ in ("the", "a", "an") for t in repeated) and one_case
    return "question: names nothing" if vague and content < 3 else None


def _unexplained(noun: Token) -> bool:
    """Whether a token heads a phrase such as "the film" or "the fifth season": definite, with nothing that says which."""
    if noun.tag_ not in ("NN", "NNS") or noun.ent_type_ in _NAMED or noun.ent_type_ == "DATE" or noun.lower_ in UNIQUE:
        return False
    children = list(noun.children)
    if not any(c.lower_ == "the" for c in children):
        return False
    return not any(
        c.dep_ in ("prep", "acl", "relcl", "appos", "poss", "nummod")
        or c.tag_ in ("NNP", "NNPS")
        or c.ent_type_ in _NAMED
        for c in children
    )


def _past(frame: Frame) -> bool:
    """Whether the frame's sentence tells of the past."""
    if frame.auxiliaries:
        return frame.auxiliaries[0].lower_ in ("was", "were", "had", "did")
    return frame.verb.tag_ in ("VBD", "VBN") or any(
        c.lower_ in ("was", "were", "had", "did") for c in frame.verb.children if c.dep_ in ("aux", "auxpass")
    )


_WORD = re.compile(r"\w+")


_DANGLING = re.compile(r"(^| )(and|or|but|of|in|to|a|an|the|for|with|by|from|as|that|which)\W*$")


def _breaks_off(draft: Draft) -> bool:
    """Whether a question whose wording ends in words of the text, or an answer, ends in a word that leads on."""
    ends_in_text = draft.template.question.endswith("}?") and "{stranded}" not in draft.template.question
    return bool((ends_in_text and _DANGLING.search(draft.question)) or _DANGLING.search(draft.answer))


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _unbalanced(text: str) -> bool:
    return text.count('"') % 2 == 1 or text.count("“") != text.count("”") or text.count("(") != text.count(")")
