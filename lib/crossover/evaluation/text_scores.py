"""chrF of a text (sacreBLEU: ``nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no``), and measures of data."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from sacrebleu.metrics.chrf import CHRF
from transformers import AutoModel, AutoTokenizer

from crossover.models.encoder import MAX_LENGTH, mean_state
from crossover.models.weights import model_folder
from crossover.normal_text import distinct
from crossover.strategies import Sample
from crossover.tasks.instructed.base import GenerationTask, Instructed

MOST = 500  # texts that self-similarity is computed from, the first ones


def chrf(text: str, references: Sequence[str]) -> float:
    """Return chrF of one text, 0 to 100: what is compared in pairs between students."""
    return CHRF().sentence_score(text, list(references)).score


def measure(task: Instructed, samples: Sequence[Sample]) -> dict[str, object]:
    """Return the measures of a synthetic data set that need no gold labels; ``samples`` holds at least one.

    Variety is that of the inputs, of a generation task that of the outputs, of which ``coverage`` is the share of
    listed things that are mentioned and ``unsupported`` the share that say something else, where a task can tell.
    """
    texts = [sample.answer.strip() if isinstance(task, GenerationTask) else sample.question for sample in samples]
    variety = distinct([text.casefold().split() for text in texts], 2)
    found: dict[str, object] = {"distinct_2": round(variety, 4), "self_similarity": round(self_similarity(texts), 4)}
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
    """Return the mean cosine similarity of all pairs of the first 500 texts, in the embedding of all-MiniLM-L6-v2."""
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
def _embedder() -> tuple[Any, Any]:
    folder = model_folder("all-MiniLM-L6-v2")
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return model.eval(), AutoTokenizer.from_pretrained(folder)
