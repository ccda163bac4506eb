"""Likelihoods of given choices, against a plain forward pass over every choice with all its logits."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from crossover.bench.tables import ratio, seconds, table, turns
from crossover.bench.training import MODEL
from crossover.models.language_model import LanguageModel
from crossover.models.likelihood import log_likelihoods
from crossover.tasks import load_task


def run(n: int = 32, repeats: int = 5) -> pd.DataFrame:
    """Time ARC-Challenge questions with all their choices, ``n`` of them in batches of 16."""
    task, student = load_task("arc", listed=False), LanguageModel.load(MODEL)
    problems = task.test(n)
    encode = lambda texts: student.tokenizer(texts, add_special_tokens=False)["input_ids"]
    prompts = encode([task.prompt(p.question) for p in problems])
    choices = [encode([text for _, text in task.completions(p.question)]) for p in problems]

    def ours() -> list[list[float]]:
        return [
            found
            for i in range(0, n, 16)
            for found in log_likelihoods(student, prompts[i : i + 16], choices[i : i + 16])
        ]

    @torch.inference_mode()
    def plain() -> list[list[float]]:
        return [
            [_whole(student, prompt, tokens) for tokens in several]
            for prompt, several in zip(prompts, choices, strict=True)
        ]

    found = turns({"ours": lambda: n / seconds(ours), "plain": lambda: n / seconds(plain)}, repeats)
    apart = max(
        abs(a - b) / max(1.0, abs(b))
        for one, other in zip(ours(), plain(), strict=True)
        for a, b in zip(one, other, strict=True)
    )
    return table([
        ("scoring choices, ours", found["ours"].median(), "questions/s", ""),
        ("scoring choices, one forward pass each", found["plain"].median(), "questions/s", ""),
        ("scoring choices, ours over one forward pass each", ratio(found, "ours", "plain"), "x", ""),
        ("largest difference of a log-likelihood, relative (bf16)", apart, "", ""),
    ])  # fmt: skip


def _whole(student: LanguageModel, prompt: list[int], tokens: list[int]) -> float:
    logits = student.model(input_ids=torch.tensor([prompt + tokens])).logits[0].float()
    return -float(nn.functional.cross_entropy(logits[len(prompt) - 1 : -1], torch.tensor(tokens), reduction="sum"))
