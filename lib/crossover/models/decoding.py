"""Continuing prompts in batches: greedy for scoring, sampled for teachers, one loop for both.

Prompts are padded on the left, the cache is kept, and rows that have ended are dropped from the batch. On a CPU the weights are
laid out once for all steps.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from transformers import DynamicCache

from crossover.models.language_model import LanguageModel

#: From logits ``(rows, vocabulary)`` and the rows' numbers to one token id a row.
Pick = Callable[[torch.Tensor, Sequence[int]], torch.Tensor]
#: More than the largest ``-log(-log u)`` of a float32 draw, whose largest is 1 - 2**-24.
MOST_LIFT = 16.7


def greedy(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Pick the most likely token of each row."""
    return logits.argmax(-1)


def sampled(temperature: float, seeds: Sequence[int]) -> Pick:
    r"""Return a :data:`Pick` that samples with a random stream of its own for each row.

    A row's draws depend on its seed alone, not on which rows share its batch. Drawn as a Gumbel maximum,

    .. math:: \arg\max_v \left(\ell_v / T - \log(-\log u_v)\right), \qquad u_v \sim U(0, 1),

    which has exactly the softmax distribution. A draw of 24 bits cannot lift a token by more than :data:`MOST_LIFT`, so
    logarithms are taken only for tokens that could still pass the likeliest token's own value.

    Parameters
    ----------
    temperature : float
        Above 0.
    seeds : sequence of int
        One for each row of the batch that decoding begins with.
    """
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        uniform = torch.empty(logits.shape)
        for row, drawn in zip(rows, uniform, strict=True):
            drawn.uniform_(generator=streams[row])
        uniform = uniform.to(logits.device)
        scaled = logits.to(torch.float32, copy=True).div_(temperature)
        likeliest, at = scaled.max(-1, keepdim=True)
        row, token = (scaled >= likeliest - (-uniform.gather(-1, at).log()).log() - MOST_LIFT).nonzero(as_tuple=True)
        lifted = scaled[row, token] - (-uniform[row, token].log()).log()
        highest = torch.full_like(likeliest[:, 0], -torch.inf).scatter_reduce(0, row, lifted, "amax")
        first = lifted == highest[row]
        return torch.full_like(at[:, 0], logits.shape[-1]).scatter_reduce(0, row[first], token[first], "amin")

    return pick


@contextmanager
def packed(model: nn.Module, rows: int) -> Iterator[None]:
    """Copy a model's bfloat16 weights into the layout that oneDNN's products read, as each product would do: a step has few rows.

    The same products, bit for bit, in less time. On a GPU, and on a CPU without products in bfloat16, nothing changes.

    Parameters
    ----------
    model : Module
        Its weights must not change inside the context, where those of its linear maps are in memory twice.
    rows : int
        Of the products for which the layout is chosen.
    """
    able = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    linear = [
        module
        for module in model.modules()
        # Neither a kind of linear map with products of its own nor, of a model that is spread, accelerate's.
        if able and getattr(type(module), "forward", None) is nn.Linear.forward and "forward" not in vars(module)
        and module.weight.device.type == "cpu" and module.weight.dtype == torch.bfloat16
    ]  # fmt: skip
    try:
        for module in linear:
            module.forward = partial(
                _product, weight=torch.ops.mkldnn._reorder_linear_weight(module.weight.detach(), rows), bias=module.bias
            )
        yield
    finally:
        for module in linear:
            vars(module).pop("forward", None)


def _product(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")


@torch.inference_mode()
def decode(
    student: LanguageModel,
    prompts: Sequence[list[int]],
    pick: Pick,
    ended: Callable[[list[int]], bool],
    max_new_tokens: int,
    shared: int = 0,
) -> list[str]:
    """Continue tokenised prompts until the end-of-text token, until ``ended``, or to the limit.

    Parameters
    ----------
    student : LanguageModel
    prompts : sequence of list of int
        Token ids, one batch.
    pick : Pick
        :func:`greedy`, or what :func:`sampled` returns.
    ended : callable
        Told the tokens that a row has written so far; true ends the row.
    max_new_tokens : int
    shared : int
        Tokens that all prompts begin with, fewer than the shortest prompt has; they are computed once for the batch.

    Returns
    -------
    list of str
        The completions, in order, without special tokens.
    """
    model, tokenizer = student.model, student.tokenizer
    cache = DynamicCache(config=model.config)
    if shared:
        begin = torch.tensor([prompts[0][:shared]], device=model.device)
        model.base_model(input_ids=begin, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(prompts))
        prompts = [prompt[shared:] for prompt in prompts]
    width = max(map(len, prompts))
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[1] * shared + [0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
    written: list[list[int]] = [[] for _ in prompts]
    active, done = list(range(len(prompts))), set()
    with packed(model, len(prompts)):
        for _ in range(max_new_tokens):
            output = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            tokens = pick(output.logits[:, -1], active)
            for row, token in zip(active, tokens.tolist(), strict=True):
                if row not in done:
                    written[row].append(token)
                    if token == tokenizer.eos_token_id or ended(written[row]):
                        done.add(row)
            if len(done) == len(prompts):
                break
            ids, positions = tokens[:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            # Dropping rows copies the cache, so it waits until a quarter of the batch has ended.
            if 4 * sum(row in done for row in active) >= len(active):
                keep = [i for i, row in enumerate(active) if row not in done]
                index = torch.tensor(keep)  # on the CPU, from where it can pick rows on any device
                cache.batch_select_indices(index)
                ids, positions, mask = ids[index], positions[index], mask[index]
                active = [active[i] for i in keep]
    return tokenizer.batch_decode(written, skip_special_tokens=True)


def common(prompts: Sequence[list[int]]) -> int:
    """Return how many tokens all prompts begin with, one token of the shortest left over for :func:`decode`.

    >>> common([[1, 2, 3], [1, 2, 4, 5]]), common([[1, 2], [1, 2]])
    (2, 1)
    """
    return min(len(os.path.commonprefix(list(prompts))), min(map(len, prompts)) - 1)


def by_length(prompts: Sequence[list[int]], batch_size: int) -> list[list[int]]:
    """Return the prompts' numbers in batches of like length, so that little is computed for padding.

    >>> by_length([[1, 1, 1], [1], [1, 1]], 2)
    [[1, 2], [0]]
    """
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
