"""Which sentences and questions are refused, each by name: above all what cannot be understood without the text around."""

from __future__ import annotations

import re

from spacy.tokens import Span, Token

from crossover.questions.constituents import NAMES, Part
from crossover.questions.frames import Frame
from crossover.questions.templates import Draft
from crossover.questions.words import MENTIONED, UNIQUE

MOST_WORDS = {"cloze": 30}  # of a question; a real one of NQ-open has nine on average
MOST_WORDS_OTHERWISE = 20
SENTENCE_WORDS = (3, 60)


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


def rejection_reason(draft: Draft) -> str | None:
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
        about_one = past or any(t.ent_type_ in NAMES or t.ent_type_ == "DATE" for t in (*repeated, *asked))
        subjects = [part.head for part in frame.all("subject")]
        told = (
            [*repeated, *asked] if past else subjects if about_one else [h for h in subjects if h.lower_ in MENTIONED]
        )
    if frame.kind != "apposition" and frame.verb.lower_ not in _OF_KINDS and any(map(_unexplained, told)):
        return "question: names nothing"
    if any(t.ent_type_ in NAMES or t.ent_type_ == "DATE" or t.tag_ in ("NNP", "NNPS") for t in repeated):
        return None
    content = sum(t.tag_ in ("NN", "NNS", "JJ", "JJS", "CD") for t in repeated)
    one_case = _past(frame) or draft.entity in NAMES
    vague = any(t.lower_ in ("the", "a", "an") for t in repeated) and one_case
    return "question: names nothing" if vague and content < 3 else None


def _unexplained(noun: Token) -> bool:
    """Whether a token heads a phrase such as "the film" or "the fifth season": definite, with nothing that says which."""
    if noun.tag_ not in ("NN", "NNS") or noun.ent_type_ in NAMES or noun.ent_type_ == "DATE" or noun.lower_ in UNIQUE:
        return False
    children = list(noun.children)
    if not any(c.lower_ == "the" for c in children):
        return False
    return not any(
        c.dep_ in ("prep", "acl", "relcl", "appos", "poss", "nummod")
        or c.tag_ in ("NNP", "NNPS")
        or c.ent_type_ in NAMES
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
