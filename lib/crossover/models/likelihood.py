"""Log-likelihoods of given completions after their prompts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence

import torch
from torch import nn
from transformers import DynamicCache

from crossover.models.language_model import IGNORED, LanguageModel
from crossover.models.training import length_buckets, overhead_tokens


def log_likelihoods(
    student: LanguageModel, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[float]]:
    """Return the log-likelihood of every completion after its prompt, as :func:`likelihoods` computes it."""
    return [[total for total, _ in several] for several in likelihoods(student, prompts, completions)]


@torch.inference_mode()
def likelihoods(
    student: LanguageModel, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[tuple[float, bool]]]:
    """Return the log-likelihood of every completion after its prompt, and whether greedy decoding would write it.

    A prompt is computed once for all its completions; on a CPU prompts and then completions go in parts of like length, so that
    little is computed for padding. Logits are computed for completion tokens alone, and their log-softmax in float32 whatever
    the model's arithmetic.

    Parameters
    ----------
    student : LanguageModel
    prompts : sequence of list of int
        Token ids, one batch, each of two tokens or more.
    completions : sequence of sequence of list of int
        For each prompt the token ids of its completions, each of one or more.
    """
    device = student.model.device
    overhead = overhead_tokens(device)
    flat = [tokens for several in completions for tokens in several]
    of = [row for row, several in enumerate(completions) for _ in several]
    found: dict[int, tuple[float, bool]] = {}
    for rows in length_buckets(range(len(prompts)), [len(prompt) for prompt in prompts], overhead):
        context = _padded([prompts[row][:-1] for row in rows], student.tokenizer.pad_token_id, device, "left")
        mask = _padded([[1] * (len(prompts[row]) - 1) for row in rows], 0, device, "left")
        cache = DynamicCache(config=student.model.config)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        student.model.base_model(
            input_ids=context, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        theirs = [number for number, row in enumerate(of) if row in rows]
        left = length_buckets(theirs, [len(tokens) for tokens in flat], overhead)
        while left:
            numbers = left.pop()
            at = torch.tensor(
                [rows.index(of[number]) for number in numbers]
            )  # on the CPU, from where it can pick rows on any device
            picked = copy.deepcopy(cache) if left else cache
            picked.batch_select_indices(at)  # a prompt's keys and values for each of its completions
            last = [prompts[of[number]][-1] for number in numbers]
            values = _after(student, picked, mask[at], last, [flat[number] for number in numbers])
            found.update(zip(numbers, values, strict=True))
            del picked
    number = itertools.count()
    return [[found[next(number)] for _ in several] for several in completions]


def _after(
    student: LanguageModel,
    cache: DynamicCache,
    mask: torch.Tensor,
    last: Sequence[int],
    completions: Sequence[list[int]],
) -> list[tuple[float, bool]]:
    """Return what :func:`likelihoods` does for completions of prompts that are in the cache but for their last tokens."""
    model, device = student.model, student.model.device
    # The state at a token predicts the next, so the prompt's last token is fed here and the completion's last is not.
    fed = [[token, *tokens[:-1]] for token, tokens in zip(last, completions, strict=True)]
    ids = _padded(fed, student.tokenizer.pad_token_id, device, "right")
    targets = _padded(completions, IGNORED, device, "right")
    states = model.base_model(
        input_ids=ids,
        attention_mask=torch.cat([mask, torch.ones_like(ids)], dim=1),
        position_ids=mask.sum(-1, keepdim=True) + torch.arange(ids.shape[1], device=device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    where = targets != IGNORED
    logits = model.lm_head(states[where.to(states.device)]).float().to(device)
    lengths = [len(tokens) for tokens in completions]
    losses = nn.functional.cross_entropy(logits, targets[where], reduction="none").split(lengths)
    chosen = (logits.argmax(-1) == targets[where]).split(lengths)
    return [(-float(loss.sum()), bool(same.all())) for loss, same in zip(losses, chosen, strict=True)]


def _padded(rows: Sequence[list[int]], value: int, device: torch.device, side: str) -> torch.Tensor:
    """Pad lists to ``(rows, longest)``."""
    tensors = [torch.tensor(row, device=device) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value, padding_side=side)
