"""Writing text, sampled and greedy, against ``transformers.generate``.

Sampling: every row writes as many tokens as every other. Greedy evaluation: a trained student answers test problems, and rows end when they end.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from benchmarks.tables import ratio, seconds, table, turns
from benchmarks.training import RECIPE, pairs
from crossover.evaluation.answers import evaluate
from crossover.models.decoding import Pick, read_prompts, sampled, write
from crossover.models.language_model import LanguageModel, train
from crossover.tasks import load_task

PROMPTS, NEW, TEMPERATURE = 64, 48, 0.7
ANSWER = 72  # most tokens of an answer


def run(repeats: int = 3, n_test: int = 128) -> pd.DataFrame:
    """Return rates of sampling and of greedy evaluation, and their ratios to ``generate``."""
    task, student = load_task("math_words"), LanguageModel.load(RECIPE.model)
    texts = [task.prompt(p.question) for p in task.test(PROMPTS)]
    prompts = student.tokenizer(texts, add_special_tokens=False)["input_ids"]
    pick = _endless(student.tokenizer.eos_token_id, sampled(TEMPERATURE, range(PROMPTS)))
    how = {"do_sample": True, "temperature": TEMPERATURE, "top_k": 0, "min_new_tokens": NEW}
    written = PROMPTS * NEW
    sampling = turns({
        "ours": lambda: written / seconds(lambda: write(student, read_prompts(student, prompts), pick, lambda tokens: False, NEW)),
        "generate": lambda: written / seconds(lambda: _generate(student, texts, NEW, **how)),
    }, repeats)  # fmt: skip
    train(student, pairs(96), RECIPE, seed=0)
    problems = task.test(n_test)
    texts = [task.prompt(p.question) for p in problems]
    greedy = turns({
        "ours": lambda: n_test / seconds(lambda: evaluate(student, task, problems, ANSWER)),
        "generate": lambda: n_test / seconds(lambda: _generate(student, texts, ANSWER, do_sample=False)),
    }, repeats)  # fmt: skip
    return table([
        *((f"sampling {PROMPTS} x {NEW} tokens, {name}", sampling[name].median(), "tokens/s", "") for name in sampling),
        ratio("sampling, ours over generate", sampling, "ours", "generate"),
        *((f"greedy evaluation of {n_test} problems, {name}", greedy[name].median(), "problems/s", "") for name in greedy),
        ratio("greedy evaluation, ours over generate", greedy, "ours", "generate"),
    ])  # fmt: skip


def _generate(student: LanguageModel, texts: Sequence[str], new: int, **how: object) -> list[str]:
    """Continue texts by ``generate`` in one batch padded on the left."""
    student.tokenizer.padding_side = "left"
    inputs = student.tokenizer(list(texts), add_special_tokens=False, padding=True, return_tensors="pt")
    with torch.inference_mode():
        out = student.model.generate(**inputs, max_new_tokens=new, pad_token_id=student.tokenizer.pad_token_id, **how)
    return student.tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def _endless(end: int, pick: Pick) -> Pick:
    """Return a pick that never picks the end of the text."""

    def without(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        logits[:, end] = -torch.inf
        return pick(logits, rows)

    return without
