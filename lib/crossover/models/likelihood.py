"""Log-likelihoods of given completions after their prompts, under teacher forcing."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from crossover.models.decoding import Prefix, read_prompts, read_remembered
from crossover.models.language_model import IGNORED, LanguageModel
from crossover.models.training import length_buckets, overhead_tokens


class Likelihood(NamedTuple):
    """Log-likelihood of a completion in nats, and whether greedy decoding would write it."""

    total: float
    greedy: bool


@torch.inference_mode()
def likelihoods(
    lm: LanguageModel, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[Likelihood]]:
    """Return the log-likelihood of each completion of every prompt of a batch, given as token ids.

    A prompt is computed once for all its completions; on a CPU prompts and completions go in parts of like length, so
    that little is computed for padding.
    """
    found: dict[int, list[Likelihood]] = {}
    for rows in length_buckets(
        range(len(prompts)), [len(prompt) for prompt in prompts], overhead_tokens(lm.model.device)
    ):
        after = likelihoods_after(
            lm, read_prompts(lm, [prompts[row] for row in rows]), [completions[row] for row in rows]
        )
        found.update(zip(rows, after, strict=True))
    return [found[row] for row in range(len(prompts))]


@torch.inference_mode()
def likelihoods_after(
    lm: LanguageModel, prefix: Prefix, completions: Sequence[Sequence[list[int]]]
) -> list[list[Likelihood]]:
    """Return what :func:`likelihoods` does, for prompts that were read; they can be continued afterwards.

    Logits are computed for completion tokens alone, and their log-softmax in float32 whatever the model's arithmetic.
    """
    flat = [tokens for several in completions for tokens in several]
    of = [row for row, several in enumerate(completions) for _ in several]
    # The state at a token predicts the next: the prompt predicts a completion's first token, and its last is not fed.
    first = prefix.logits.float().log_softmax(-1)
    totals = [float(first[row, tokens[0]]) for row, tokens in zip(of, flat, strict=True)]
    greedy = [int(first[row].argmax()) == tokens[0] for row, tokens in zip(of, flat, strict=True)]
    longer = [number for number, tokens in enumerate(flat) if len(tokens) > 1]
    for numbers in length_buckets(longer, [len(tokens) - 1 for tokens in flat], overhead_tokens(lm.model.device)):
        losses, same = _rest(lm, prefix.take([of[number] for number in numbers]), [flat[number] for number in numbers])
        for number, loss, likeliest in zip(numbers, losses, same, strict=True):
            totals[number] -= loss
            greedy[number] &= likeliest
    found = iter(map(Likelihood, totals, greedy))
    return [[next(found) for _ in several] for several in completions]


def _rest(lm: LanguageModel, prefix: Prefix, completions: Sequence[list[int]]) -> tuple[list[float], list[bool]]:
    """Return the loss of all but the first token of each completion, and whether each of those is the likeliest."""
    device = lm.model.device
    ids = _padded([tokens[:-1] for tokens in completions], lm.tokenizer.pad_token_id, device)
    targets = _padded([tokens[1:] for tokens in completions], IGNORED, device)
    mask = torch.cat([prefix.mask, torch.ones_like(ids)], dim=1)
    positions = prefix.mask.sum(-1, keepdim=True) + torch.arange(ids.shape[1], device=device)
    if prefix.ids is None:
        states = lm.model.base_model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=prefix.cache, use_cache=True
        ).last_hidden_state
    else:
        states = read_remembered(lm, ids, mask, positions, prefix.cache, before=prefix.ids)
    where, lengths = targets != IGNORED, [len(tokens) - 1 for tokens in completions]
    logits = lm.model.lm_head(states[where]).float()
    losses = nn.functional.cross_entropy(logits, targets[where], reduction="none").split(lengths)
    same = (logits.argmax(-1) == targets[where]).split(lengths)
    return [float(loss.sum()) for loss in losses], [bool(part.all()) for part in same]


def _padded(rows: Sequence[list[int]], value: int, device: torch.device) -> torch.Tensor:
    """Pad lists on the right to ``(rows, longest)``."""
    tensors = [torch.tensor(row, device=device) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)
