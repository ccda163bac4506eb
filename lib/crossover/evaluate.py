"""Greedy answers to test questions, in batches, and which of them are right.

Sampling of any kind would add noise to every point of a curve, so students answer greedily (temperature 0), as in arXiv
2409.19759, section 4. The outcome of each item is kept: two students that answered the same items are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from crossover.students.causal import Student
from crossover.tasks.base import Problem, Task


@dataclass(frozen=True)
class Outcome:
    """One test item: its id, the final answer that was read (or ``None``), and whether it is right."""

    item: str
    extracted: str | None
    correct: bool


def evaluate(
    student: Student, task: Task, problems: Sequence[Problem], max_new_tokens: int = 72, batch_size: int = 256
) -> list[Outcome]:
    """Answer every problem greedily and score it; the order of ``problems`` is kept."""
    # Prompts of like length share a batch, so that little is computed for padding.
    prompts = student.tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    by_length = sorted(range(len(problems)), key=lambda i: (len(prompts[i]), i))
    completions: dict[int, str] = {}
    for start in range(0, len(by_length), batch_size):
        rows = by_length[start : start + batch_size]
        texts = greedy(student, [prompts[i] for i in rows], task, max_new_tokens)
        completions.update(zip(rows, texts, strict=True))
    return [
        Outcome(p.id, task.extract(completions[i]), task.correct(completions[i], p)) for i, p in enumerate(problems)
    ]


@torch.inference_mode()
def greedy(student: Student, prompts: Sequence[list[int]], task: Task, max_new_tokens: int) -> list[str]:
    """Continue tokenised prompts greedily until the end-of-text token, the end of the answer, or the limit.

    An answer has ended when a line ends and :meth:`~crossover.tasks.base.Task.extract` finds a final answer. Rows that
    have ended are dropped from the batch once they make up a quarter of it.
    """
    model, tokenizer = student.model, student.tokenizer
    width = max(map(len, prompts))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    written: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))
    ended: set[int] = set()
    for _ in range(max_new_tokens):
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        tokens = output.logits[:, -1].argmax(-1)
        for row, token in zip(active, tokens.tolist(), strict=True):
            if row not in ended:
                written[row].append(token)
                if token == tokenizer.eos_token_id or _answered(tokenizer, task, written[row]):
                    ended.add(row)
        if len(ended) == len(prompts):
            break
        ids, positions = tokens[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        if 4 * sum(row in ended for row in active) >= len(active):
            keep = [i for i, row in enumerate(active) if row not in ended]
            index = torch.tensor(keep, device=model.device)
            cache.batch_select_indices(index)
            ids, positions, mask = ids[index], positions[index], mask[index]
            active = [active[i] for i in keep]
    return tokenizer.batch_decode(written, skip_special_tokens=True)


def _answered(tokenizer, task: Task, tokens: list[int]) -> bool:
    if "\n" not in tokenizer.decode(tokens[-1:]):
        return False
    return task.extract(tokenizer.decode(tokens[:-1])) is not None
