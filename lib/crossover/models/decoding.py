"""Prompts read in batches, then continued (greedily or sampled) or followed by completions for their likelihood."""

from __future__ import annotations

import copy
import os.path
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin

from crossover.models.language_model import IGNORED, LanguageModel, split
from crossover.models.training import length_buckets, overhead_tokens

#: From logits ``(rows, vocabulary)`` and the rows' numbers to one token id per row.
Pick = Callable[[torch.Tensor, Sequence[int]], torch.Tensor]


def greedy(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Pick the most likely token of each row."""
    return logits.argmax(-1)


def sampled(temperature: float, seeds: Sequence[int]) -> Pick:
    """Return a :data:`Pick` that samples (as a Gumbel maximum) by a stream per row, whatever rows share its batch."""
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        uniform = torch.empty(logits.shape)
        for row, drawn in zip(rows, uniform, strict=True):
            drawn.uniform_(generator=streams[row])
        gumbel = uniform.to(logits.device).log_().neg_().log_().neg_()
        return (logits.float() / temperature + gumbel).argmax(-1)

    return pick


@dataclass
class Prefix:
    """Prompts that a model has read, padded on the left: mask ``(prompts, longest)``, next token's logits.

    ``ids``, of the mask's shape, are kept where the work of frozen layers on them is remembered.
    """

    cache: DynamicCache
    mask: torch.Tensor
    logits: torch.Tensor
    ids: torch.Tensor | None = None

    def take(self, rows: Sequence[int]) -> Prefix:
        """Return the prefix of some rows, each any number of times, in a cache of its own."""
        index, cache = torch.tensor(rows), copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in cache.layers]  # whose tensors are replaced, never written into
        cache.batch_select_indices(index)
        return Prefix(cache, self.mask[index], self.logits[index], None if self.ids is None else self.ids[index])


@torch.inference_mode()
def read_prompts(lm: LanguageModel, prompts: Sequence[list[int]], shared: int = 0, remember: bool = False) -> Prefix:
    """Read a batch of tokenised prompts, computing their first ``shared`` tokens once: fewer than the shortest has.

    With ``remember``, students that read the same prompts share the work of frozen layers: :func:`read_remembered`.
    """
    cache = DynamicCache(config=lm.model.config)
    if shared:
        begin = torch.tensor([prompts[0][:shared]], device=lm.model.device)
        lm.model.base_model(input_ids=begin, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(prompts))
    width = max(map(len, prompts))
    pad = [width - len(prompt) for prompt in prompts]
    rows = [[lm.tokenizer.pad_token_id] * n + prompt[shared:] for n, prompt in zip(pad, prompts, strict=True)]
    mask = [[1] * shared + [0] * n + [1] * (len(prompt) - shared) for n, prompt in zip(pad, prompts, strict=True)]
    ids, mask = torch.tensor(rows, device=lm.model.device), torch.tensor(mask, device=lm.model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
    if remember and lm.frozen and not shared:
        states = read_remembered(lm, ids, mask, positions, cache)
        return Prefix(cache, mask, lm.model.lm_head(states[:, -1]), ids)
    return Prefix(cache, mask, _next_logits(lm, ids, mask, positions, cache))


#: What frozen layers made of the batches read last: states, and their part of the cache.
_REMEMBERED: OrderedDict[tuple[object, ...], tuple[torch.Tensor, list[CacheLayerMixin]]] = OrderedDict()
REMEMBERED_BATCHES = 12


def read_remembered(
    lm: LanguageModel,
    ids: torch.Tensor,
    mask: torch.Tensor,
    positions: torch.Tensor,
    cache: DynamicCache,
    before: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the last layer's states ``(rows, tokens, width)``; all students of a process share frozen layers' work.

    That is a third of scoring a student. ``before`` holds the tokens in ``cache``; without them the cache is empty, and
    the frozen layers' part joins it.
    """
    lower, upper = split(lm.model, len(lm.model.base_model.layers) - lm.frozen)
    assert lower is not None  # some layers are frozen
    shared = {"attention_mask": mask, "position_ids": positions, "use_cache": True}
    texts = (t.numpy(force=True).tobytes() for t in (ids, mask, *(() if before is None else (before,))))
    key = (lm.pretrained, lm.frozen, lm.model.device, ids.shape, *texts)
    if key not in _REMEMBERED:
        own = copy.copy(cache)
        own.layers = [copy.copy(layer) for layer in cache.layers]
        states = lower(input_ids=ids, past_key_values=own, **shared).last_hidden_state
        _REMEMBERED[key] = states, own.layers[: lm.frozen] if before is None else []
        if len(_REMEMBERED) > REMEMBERED_BATCHES:
            _REMEMBERED.popitem(last=False)
    _REMEMBERED.move_to_end(key)
    states, layers = _REMEMBERED[key]
    found = upper(inputs_embeds=states, past_key_values=cache, **shared).last_hidden_state
    cache.layers[: len(layers)] = [copy.copy(layer) for layer in layers]  # tensors are replaced, never written into
    return found


@torch.inference_mode()
def write(
    lm: LanguageModel, prefix: Prefix, pick: Pick, ended: Callable[[list[int]], bool], max_new_tokens: int
) -> list[str]:
    """Continue prompts until the end-of-text token, until ``ended`` of a row's tokens, or to the limit."""
    cache, mask, logits = prefix.cache, prefix.mask, prefix.logits
    positions = mask.sum(-1, keepdim=True)
    written: list[list[int]] = [[] for _ in mask]
    active, done = list(range(len(mask))), set()
    for left in reversed(range(max_new_tokens)):
        tokens = pick(logits, active)
        for row, token in zip(active, tokens.tolist(), strict=True):
            if row not in done:
                written[row].append(token)
                if token == lm.tokenizer.eos_token_id or ended(written[row]):
                    done.add(row)
        if len(done) == len(written) or not left:
            break
        ids, mask = tokens[:, None], torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        # Dropping rows copies the cache, so it waits until a quarter of the batch has ended.
        if 4 * sum(row in done for row in active) >= len(active):
            keep = [i for i, row in enumerate(active) if row not in done]
            index = torch.tensor(keep)  # on the CPU, from where it picks rows on any device
            cache.batch_select_indices(index)
            ids, positions, mask = ids[index], positions[index], mask[index]
            active = [active[i] for i in keep]
        logits = _next_logits(lm, ids, mask, positions, cache)
        positions = positions + 1
    return list(lm.tokenizer.batch_decode(written, skip_special_tokens=True))


def _next_logits(
    lm: LanguageModel, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
) -> torch.Tensor:
    """The logits after the last of the given tokens, which join the cache."""
    return lm.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]


def common(prompts: Sequence[list[int]]) -> int:
    """Return how many tokens all prompts begin with, one of the shortest left over."""
    return min(len(os.path.commonprefix(list(prompts))), min(map(len, prompts)) - 1)


def by_length(prompts: Sequence[list[int]], batch_size: int) -> list[list[int]]:
    """Return the prompts' numbers in batches of like length, so that little is computed for padding."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


# --- log-likelihoods under teacher forcing ----------------------------------------------------------------------------


class Likelihood(NamedTuple):
    """Log-likelihood of a completion in nats, and whether greedy decoding would write it."""

    total: float
    greedy: bool


@torch.inference_mode()
def likelihoods(
    lm: LanguageModel, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[Likelihood]]:
    """Return the log-likelihood of each completion (token ids) of every prompt of a batch, a prompt computed once."""
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
    """Return what :func:`likelihoods` does, in float32, for prompts that were read and can be continued afterwards."""
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
    """The loss of all but the first token of each completion, and whether each of those is the likeliest."""
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
    """Lists padded on the right to ``(rows, longest)``."""
    tensors = [torch.tensor(row, device=device) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)
