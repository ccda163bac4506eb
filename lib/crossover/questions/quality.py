"""Quality of generated questions: fluency, repetition, variety, and their difference from real questions.

Each measure is ours (arXiv 2310.07830 reports none), and is computed in the same way on real questions for comparison.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon

from crossover.errors import CrossoverError
from crossover.models.decoding import by_length, likelihoods
from crossover.models.language_model import LanguageModel
from crossover.normal_text import distinct
from crossover.questions.generate import Question, QuestionFunnel
from crossover.questions.hand_checked import normalise

PROMPT = "Question:"
_OPENINGS = {
    "who": r"(who|whom|whose)\b", "when": r"when\b", "where": r"where\b", "why": r"why\b",
    "how many": r"how (many|much|long|old|tall|high|far|often|big|large|deep|wide|fast|heavy)\b", "how": r"how\b",
    "which": r"which\b", "what": r"what\b",
    "yes-no": r"(is|are|was|were|do|does|did|has|have|had|can|could|will|would|must|should|may|might)\b",
}  # fmt: skip


def funnel_table(funnel: QuestionFunnel) -> pd.DataFrame:
    """Return the yield funnel as rows ``stage, reason, count``: what reached each stage, then each refusal."""
    rows = [(stage, "", count) for stage, count in vars(funnel).items() if stage != "refused"]
    rows += [(*reason.split(": ", 1), count) for reason, count in funnel.refused.most_common()]
    return pd.DataFrame(rows, columns=["stage", "reason", "count"])


def perplexity(student: LanguageModel, questions: Sequence[str], batch_size: int = 32) -> np.ndarray:
    r"""Return each question's perplexity after "Question:", by a language model's own tokens: (n,).

    .. math:: \exp\Big(-\frac{1}{T} \sum_{t=1}^{T} \log p(q_t \mid \text{prompt}, q_{<t})\Big)

    Perplexity falls with fluency, and also with fame of the names and with length.
    """
    prompt = student.tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
    tokens = student.tokenizer([f" {q}" for q in questions], add_special_tokens=False)["input_ids"]
    values = np.empty(len(questions))
    for rows in by_length(tokens, batch_size):
        found = likelihoods(student, [prompt] * len(rows), [[tokens[i]] for i in rows])
        for i, (one,) in zip(rows, found, strict=True):
            values[i] = np.exp(-one.total / len(tokens[i]))
    return values


class Comparison(NamedTuple):
    """Medians of a measure on generated and real questions, and the probability that a generated value is ``higher``.

    Ties count half: the area under the ROC curve, Mann-Whitney U over n m, with its 95% interval from resampling both.
    """

    generated: float
    real: float
    higher: float
    low: float
    high: float


def compare(generated: np.ndarray, real: np.ndarray, draws: int = 1000, seed: int = 0) -> Comparison:
    """Compare a measure on generated and on real questions.

    >>> compare(np.array([1.0, 2, 3]), np.array([4.0, 5, 6])).higher
    0.0
    """

    def higher(a: np.ndarray, b: np.ndarray) -> float:
        return float(stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)))

    rng = np.random.default_rng(seed)
    shares = [higher(rng.choice(generated, len(generated)), rng.choice(real, len(real))) for _ in range(draws)]
    low, high = map(float, np.quantile(shares, [0.025, 0.975]))
    return Comparison(float(np.median(generated)), float(np.median(real)), higher(generated, real), low, high)


class Repetition(NamedTuple):
    """Counts of pairs, of repeated pairs, and of questions with two answers or more, which need their context."""

    questions: int
    repeated: int
    ambiguous: int


def repetition(pairs: Iterable[tuple[str, str]]) -> Repetition:
    """Count repetitions among (question, answer) pairs.

    >>> repetition([("Who?", "A"), ("who", "a"), ("Who?", "B"), ("When?", "C")])
    Repetition(questions=4, repeated=1, ambiguous=1)
    """
    plain = [(normalise(question), normalise(answer)) for question, answer in pairs]
    answers = Counter(question for question, _ in set(plain))
    return Repetition(len(plain), len(plain) - answers.total(), sum(n > 1 for n in answers.values()))


def distinct_of_sample(questions: Sequence[str], n: int, sample: int, seed: int = 0) -> float:
    """Return distinct-n of a random ``sample``: sets are compared at equal size."""
    if len(questions) < sample:
        raise CrossoverError(f"distinct-{n} of {sample} questions: there are {len(questions)}. Take a smaller sample.")
    chosen = np.random.default_rng(seed).permutation(len(questions))[:sample]
    return distinct([normalise(questions[i]).split() for i in chosen], n)


def question_type(question: str) -> str:
    """Return a question's type by its words, the same for generated and real ones; ``other`` where none fits.

    >>> [question_type(q) for q in ("Who wrote it?", "In which year was it?", "Is it so?", "Name a river.")]
    ['who', 'which', 'yes-no', 'other']
    """
    if "____" in question:
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


def entity_types(nlp, answers: Sequence[str]) -> list[str]:
    """Return the entity type of each answer as the recogniser sees it alone, ``none`` where it sees none.

    Answers of real questions come without a passage, so that generated ones are labelled in the same way here.
    """
    return [max(doc.ents, key=len).label_ if doc.ents else "none" for doc in nlp.pipe(answers, batch_size=256)]


def gallery(questions: Sequence[Question], each: int, seed: int = 0) -> pd.DataFrame:
    """Draw ``each`` questions of every type by seed: usual ones that nobody has picked."""
    rng = np.random.default_rng(seed)
    rows = []
    for kind in sorted({q.type for q in questions}):
        of_kind = [q for q in questions if q.type == kind]
        rows += [of_kind[i] for i in sorted(rng.permutation(len(of_kind))[:each])]
    columns = ["type", "question", "answer", "template", "entity", "source"]
    return pd.DataFrame([[getattr(q, c) for c in columns] for q in rows], columns=columns)
