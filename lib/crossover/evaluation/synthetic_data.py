"""How good synthetic data are before anyone trains on them: classes, variety, and what has no support in the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from transformers import AutoModel, AutoTokenizer

from crossover.models.encoder import MAX_LENGTH, mean_state
from crossover.models.weights import model_folder
from crossover.strategies.base import Sample
from crossover.tasks.instructed.base import GenerationTask, Instructed

EMBEDDER = "all-MiniLM-L6-v2"
MOST = 500  # texts that self-similarity is computed from, the first ones


def measure(task: Instructed, samples: Sequence[Sample]) -> dict[str, object]:
    """Return the measures of a synthetic data set that need no gold labels; ``samples`` holds at least one.

    ``classes``: samples of each label (classification). ``distinct_1``, ``distinct_2``, ``self_similarity``: of the inputs, and
    for a generation task of the outputs. ``coverage``: the share of what inputs list that outputs mention; ``unsupported``: the
    share of outputs that say something else, where a task can tell (generation).
    """
    texts = [sample.answer.strip() if isinstance(task, GenerationTask) else sample.question for sample in samples]
    found: dict[str, object] = {
        "distinct_1": round(distinct(texts, 1), 4),
        "distinct_2": round(distinct(texts, 2), 4),
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


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n: different n-grams of words over all n-grams (Li et al. 2016, arXiv 1510.03055); 0 where there are none.

    It falls with the size of a set, so that only sets of one size compare.

    >>> distinct(["a good film", "a good day"], 2)
    0.75
    """
    grams = Counter(gram for text in texts for gram in _grams(text.casefold().split(), n))
    return len(grams) / grams.total() if grams else 0.0


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


def _grams(tokens: list[str], n: int):
    return zip(*(tokens[i:] for i in range(n)), strict=False)
