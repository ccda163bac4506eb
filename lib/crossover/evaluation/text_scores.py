"""Scores of labels and texts by the libraries that the field uses, and measures of synthetic data.

sacreBLEU's signatures: chrF2 ``nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no``, BLEU
``nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp``.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import torch
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import f1_score
from transformers import AutoModel, AutoTokenizer

from crossover.models.encoder import MAX_LENGTH, mean_state
from crossover.models.weights import model_folder
from crossover.normal_text import distinct
from crossover.strategies.base import Sample
from crossover.tasks.instructed.base import GenerationTask, Instructed

EMBEDDER = "all-MiniLM-L6-v2"
MOST = 500  # texts that self-similarity is computed from, the first ones


def macro_f1(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> float:
    """Return the mean F1 over labels; ``None`` is a wrong prediction, a label that never occurs scores 0.

    >>> round(macro_f1(["a", "a", "b", "b"], ["a", "b", "b", None], ["a", "b", "c"]), 3)
    0.389
    """
    labelled = [label if label is not None else "" for label in predicted]
    return float(f1_score(gold, labelled, labels=labels, average="macro", zero_division=0))


class TextScores(NamedTuple):
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


def measure(task: Instructed, samples: Sequence[Sample]) -> dict[str, object]:
    """Return the measures of a synthetic data set that need no gold labels; ``samples`` holds at least one.

    Variety is that of the inputs, of a generation task that of the outputs. ``coverage`` is the share of what inputs
    list that outputs mention, ``unsupported`` the share of outputs that say something else, where a task can tell.
    """
    texts = [sample.answer.strip() if isinstance(task, GenerationTask) else sample.question for sample in samples]
    words = [text.casefold().split() for text in texts]
    found: dict[str, object] = {
        "distinct_1": round(distinct(words, 1), 4),
        "distinct_2": round(distinct(words, 2), 4),
        "self_similarity": round(self_similarity(texts), 4),
    }
    if not isinstance(task, GenerationTask):
        counts = Counter(task.extract(sample.answer) for sample in samples)
        return {"classes": {label: counts[label] for label in task.classes}, **found}
    mentions = [ok for s, text in zip(samples, texts, strict=True) for ok in task.mentioned(s.question, text)]
    invented = [task.unsupported(s.question, text) for s, text in zip(samples, texts, strict=True)]
    found["coverage"] = round(sum(mentions) / len(mentions), 4)
    if None not in invented:
        found["unsupported"] = round(sum(map(bool, invented)) / len(invented), 4)
    return found


def self_similarity(texts: Sequence[str]) -> float:
    r"""Return the mean cosine similarity of all pairs of texts, in the embedding of all-MiniLM-L6-v2; 1 for one text.

    .. math:: \frac{\lVert\sum_i e_i\rVert^2 - n}{n(n - 1)}

    for embeddings :math:`e_i` of length 1. The first 500 texts are taken.
    """
    vectors = embed(list(texts)[:MOST])
    n = len(vectors)
    return float((vectors.sum(0).square().sum() - n) / (n * (n - 1))) if n > 1 else 1.0


@torch.inference_mode()
def embed(texts: Sequence[str], batch_size: int = 64) -> torch.Tensor:
    """Return embeddings of length 1, ``(texts, 384)``."""
    model, tokenizer = _embedder()
    parts = []
    for start in range(0, len(texts), batch_size):
        rows = list(texts[start : start + batch_size])
        batch = tokenizer(rows, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        parts.append(mean_state(model, batch["input_ids"], batch["attention_mask"]))
    return torch.nn.functional.normalize(torch.cat(parts), dim=-1)


@cache
def _embedder():
    folder = model_folder(EMBEDDER)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return model.eval(), AutoTokenizer.from_pretrained(folder)
