"""Scores of labels (macro-F1) and of texts against references (chrF, BLEU, ROUGE-L), each by the library that the field uses.

sacreBLEU's signatures: chrF2 ``nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no``, BLEU ``nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import f1_score


def macro_f1(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> float:
    """Return the mean F1 over labels; ``None`` is a wrong prediction of no label, and a label that never occurs scores 0.

    >>> round(macro_f1(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]), 3)
    0.667
    """
    labelled = [label if label is not None else "" for label in predicted]
    return float(f1_score(gold, labelled, labels=labels, average="macro", zero_division=0))


@dataclass(frozen=True)
class TextScores:
    """Scores of a set of texts, 0 to 100: chrF and BLEU of the whole set, ROUGE-L as the mean over its texts."""

    chrf: float
    bleu: float
    rouge_l: float


def text_scores(texts: Sequence[str], references: Sequence[Sequence[str]]) -> TextScores:
    """Score texts against one or more references each; of ROUGE-L the best reference counts."""
    streams = [list(stream) for stream in zip_longest(*references)]  # sacreBLEU takes None for "no further reference"
    rouge = RougeScorer(["rougeL"])
    found = [rouge.score_multi(known, text)["rougeL"].fmeasure for text, known in zip(texts, references, strict=True)]
    return TextScores(
        CHRF().corpus_score(list(texts), streams).score,
        BLEU().corpus_score(list(texts), streams).score,
        100 * sum(found) / len(found),
    )


def chrf(text: str, references: Sequence[str]) -> float:
    """Return chrF of one text, 0 to 100: what is compared in pairs between students."""
    return CHRF().sentence_score(text, list(references)).score
