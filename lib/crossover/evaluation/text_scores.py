"""Scores of labels (macro-F1) and of texts against references (chrF, BLEU, ROUGE-L).

chrF and BLEU are sacreBLEU's, with its default settings, so that they compare with published ones; its signatures are
chrF2 ``nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no`` and BLEU ``nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics import BLEU, CHRF


def macro_f1(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> float:
    r"""Return the mean over labels of their F1, ``2 TP / (2 TP + FP + FN)``.

    A label that is neither gold nor predicted scores 0; a prediction of ``None`` is wrong and counts for no label.

    >>> round(macro_f1(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]), 3)
    0.667
    """

    def f1(label: str) -> float:
        hits = sum(g == p == label for g, p in zip(gold, predicted, strict=True))
        misses = gold.count(label) + predicted.count(label) - 2 * hits
        return 2 * hits / (2 * hits + misses) if hits else 0.0

    gold, predicted = list(gold), list(predicted)
    return sum(map(f1, labels)) / len(labels)


@dataclass(frozen=True)
class TextScores:
    """Scores of a set of texts, 0 to 100: chrF and BLEU of the whole set, ROUGE-L as the mean over its texts."""

    chrf: float
    bleu: float
    rouge_l: float


def text_scores(texts: Sequence[str], references: Sequence[Sequence[str]]) -> TextScores:
    """Score texts against one or more references each.

    Parameters
    ----------
    texts : sequence of str
        An empty text is a text, and scores nothing.
    references : sequence of sequence of str
        For each text its references, at least one.
    """
    streams = [list(stream) for stream in zip_longest(*references)]  # sacreBLEU takes None for "no further reference"
    rouge = [rouge_l(text, known) for text, known in zip(texts, references, strict=True)]
    return TextScores(
        CHRF().corpus_score(list(texts), streams).score,
        BLEU().corpus_score(list(texts), streams).score,
        100 * sum(rouge) / len(rouge),
    )


def chrf(text: str, references: Sequence[str]) -> float:
    """Return chrF of one text, 0 to 100: what is compared in pairs between students."""
    return CHRF().sentence_score(text, list(references)).score


def rouge_l(text: str, references: Sequence[str]) -> float:
    r"""Return ROUGE-L, the F1 of the longest common subsequence of words, of the reference for which it is best (Lin 2004).

    .. math:: P = \frac{\mathrm{LCS}}{\text{words in the text}}, \quad R = \frac{\mathrm{LCS}}{\text{words in the reference}},
              \quad F = \frac{2PR}{P + R}

    Words are runs of ASCII letters and digits in lower case and are not stemmed, as in Google's ``rouge_score``, whose
    numbers these are.

    >>> rouge_l("On the mat the cat sat", ["The cat sat on the mat."])
    0.5
    """
    return max(_lcs_f1(_words(text), _words(reference)) for reference in references)


def _lcs_f1(one: Sequence[str], two: Sequence[str]) -> float:
    row = [0] * (len(two) + 1)
    for word in one:
        above = row
        row = [0]
        for i, other in enumerate(two):
            row.append(above[i] + 1 if word == other else max(above[i + 1], row[i]))
    return 2 * row[-1] / (len(one) + len(two)) if row[-1] else 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
