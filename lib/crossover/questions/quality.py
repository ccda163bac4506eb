"""Quality of generated questions: precision on hand-checked sentences, fluency, repetition, variety.

Precision is measured on the sentences of ``hand_checked.yaml``, each with every question that may be made of it.
Templates were tuned on one part of them; the loss of precision on the other is what tuning fitted. The measures are
ours (arXiv 2310.07830 reports none), and are computed in the same way on real questions for comparison.
"""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon
from spacy.language import Language

from crossover.models.decoding import by_length, likelihoods
from crossover.models.language_model import LanguageModel
from crossover.normal_text import distinct
from crossover.paths import read_yaml
from crossover.questions.generate import Generator, Question, QuestionFunnel
from crossover.questions.realise import BLANK

_YEAR = re.compile(r"\b\d{4}\b")
_OPENINGS = {
    "who": r"(who|whom|whose)\b", "when": r"when\b", "where": r"where\b", "why": r"why\b",
    "how many": r"how (many|much|long|old|tall|high|far|often|big|large|deep|wide|fast|heavy)\b", "how": r"how\b",
    "which": r"which\b", "what": r"what\b",
    "yes-no": r"(is|are|was|were|do|does|did|has|have|had|can|could|will|would|must|should|may|might)\b",
}  # fmt: skip


def funnel_table(funnel: QuestionFunnel) -> pd.DataFrame:
    """Return the yield funnel as rows ``stage, reason, count``: what reached each stage, then each refusal."""
    rows = [(stage, "", count) for stage, count in vars(funnel).items() if stage != "refused"]
    for refused, count in funnel.refused.most_common():
        stage, _, reason = refused.partition(": ")
        rows.append((stage, reason, count))
    return pd.DataFrame(rows, columns=["stage", "reason", "count"])


# --- precision --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """A sentence of ``tune`` or ``held_out``, its right questions and phrases to blank out, all normalised."""

    part: str
    text: str
    accepted: frozenset[tuple[str, str]]
    cloze: frozenset[str]

    def allows(self, made: Question) -> bool:
        """Whether a generated question is one of those expected."""
        if made.type == "cloze":
            restored = made.question.replace(BLANK, made.answer)
            return normalise(restored) == normalise(self.text) and normalise(made.answer) in self.cloze
        named = set(_YEAR.findall(self.text))
        question = _YEAR.sub(lambda year: year[0] if year[0] in named else "#", made.question)
        return (normalise(question), normalise(made.answer)) in self.accepted


class Precision(NamedTuple):
    """The share of generated questions that are right, with its 95% Wilson interval."""

    right: int
    made: int
    share: float
    low: float
    high: float


def normalise(text: str) -> str:
    """Return text without case, punctuation (``#`` aside) and repeated spaces."""
    kept = "".join(c if c == "#" or not unicodedata.category(c).startswith(("P", "S")) else " " for c in text.lower())
    return " ".join(kept.split())


def expand(pattern: str) -> list[str]:
    """Return every reading of a pattern in which ``[x]`` may be left out and ``(x|y)`` is x or y."""
    pieces = re.split(r"\[([^\]]*)\]|\(([^)]*\|[^)]*)\)", pattern)  # text, optional or None, choices or None, text, ...
    options = [[text] for text in pieces]
    options[1::3] = [[text, ""] if text is not None else [""] for text in pieces[1::3]]
    options[2::3] = [text.split("|") if text is not None else [""] for text in pieces[2::3]]
    return ["".join(choice) for choice in itertools.product(*options)]


def read_expectations() -> list[Expected]:
    """Read the sentences by which the templates are judged."""
    read: list[Expected] = []
    file = Path(__file__).with_name("hand_checked.yaml")
    for part, entries in read_yaml(file).items():
        for entry in entries:
            accepted = set()
            for line in entry.get("accept") or ():
                question, answer = line.split(" -> ")
                accepted |= {(normalise(q), normalise(a)) for q in expand(question) for a in expand(answer)}
            cloze = frozenset(normalise(a) for phrase in entry.get("cloze") or () for a in expand(phrase))
            read.append(Expected(part, entry["text"], frozenset(accepted), cloze))
    return read


def judge(generator: Generator, expected: list[Expected]) -> pd.DataFrame:
    """Generate questions from every sentence and judge each."""
    rows = [
        (entry.part, entry.text, made.question, made.answer, made.type, made.template, entry.allows(made))
        for entry in expected
        for made in generator.text(entry.text)
    ]
    return pd.DataFrame(rows, columns=["part", "text", "question", "answer", "type", "template", "right"])


def precision(judged: pd.DataFrame) -> Precision:
    """Return the share that is right of some rows of :func:`judge`."""
    right, made = int(judged["right"].sum()), len(judged)
    interval = stats.binomtest(right, made).proportion_ci(method="wilson")
    return Precision(right, made, right / made, float(interval.low), float(interval.high))


def failures(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the questions that were not expected, by template."""
    columns = ["part", "template", "text", "question", "answer"]
    return judged.loc[~judged["right"], columns].sort_values(["template", "text"], ignore_index=True)


# --- measures of generated and of real questions ----------------------------------------------------------------------


def perplexity(student: LanguageModel, questions: Sequence[str], batch_size: int = 32) -> np.ndarray:
    """Return each question's perplexity after "Question:", by a language model's own tokens: (n,)."""
    prompt = student.tokenizer("Question:", add_special_tokens=False)["input_ids"]
    tokens = student.tokenizer([f" {q}" for q in questions], add_special_tokens=False)["input_ids"]
    values = np.empty(len(questions))
    for rows in by_length(tokens, batch_size):
        found = likelihoods(student, [prompt] * len(rows), [[tokens[i]] for i in rows])
        values[rows] = [np.exp(-one.total / len(tokens[i])) for i, (one,) in zip(rows, found, strict=True)]
    return values


class Repetition(NamedTuple):
    """Counts of pairs, of repeated pairs, and of questions with two answers or more, which need their context."""

    questions: int
    repeated: int
    ambiguous: int


def repetition(pairs: Iterable[tuple[str, str]]) -> Repetition:
    """Count repetitions among (question, answer) pairs."""
    plain = [(normalise(question), normalise(answer)) for question, answer in pairs]
    answers = Counter(question for question, _ in set(plain))
    return Repetition(len(plain), len(plain) - answers.total(), sum(n > 1 for n in answers.values()))


def distinct_of_sample(questions: Sequence[str], n: int, sample: int) -> float:
    """Return distinct-n of a random ``sample``: sets are compared at equal size."""
    chosen = np.random.default_rng(0).permutation(len(questions))[:sample]
    return distinct([normalise(questions[i]).split() for i in chosen], n)


def question_type(question: str) -> str:
    """Return a question's type by its words, the same for generated and real ones; ``other`` where none fits."""
    if BLANK in question:
        return "cloze"
    text = question.lower().strip()
    for kind, pattern in _OPENINGS.items():
        if re.match(pattern, text):
            return kind
    inside = re.match(r"(?:\w+ ){1,3}?(who|whom|whose|when|where|which|what|how)\b.*", text)
    return question_type(text[inside.start(1) :]) if inside else "other"


def shares(labels: Iterable[str]) -> dict[str, float]:
    """Return the share of each label, the most frequent first."""
    counts = Counter(labels)
    return {label: count / counts.total() for label, count in counts.most_common()}


def entropy(distribution: Mapping[str, float]) -> float:
    """Return a distribution's entropy, in bits."""
    return float(stats.entropy(list(distribution.values()), base=2))


def distance(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Return the Jensen-Shannon distance of two distributions, base 2: 0 for equal ones, 1 for disjoint ones."""
    labels = sorted(set(a) | set(b))
    return float(jensenshannon([a.get(k, 0) for k in labels], [b.get(k, 0) for k in labels], base=2))


def entity_types(nlp: Language, answers: Sequence[str]) -> list[str]:
    """Return the entity type of each answer as the recogniser sees it alone, ``none`` where it sees none."""
    return [max(doc.ents, key=len).label_ if doc.ents else "none" for doc in nlp.pipe(answers, batch_size=256)]


def gallery(questions: Sequence[Question], each: int, seed: int) -> pd.DataFrame:
    """Draw ``each`` questions of every type by seed: usual ones that nobody has picked."""
    rng = np.random.default_rng(seed)
    rows = []
    for kind in sorted({q.type for q in questions}):
        of_kind = [q for q in questions if q.type == kind]
        rows += [vars(of_kind[i]) for i in sorted(rng.permutation(len(of_kind))[:each])]
    return pd.DataFrame(rows, columns=["type", "question", "answer", "template", "entity", "source"])
