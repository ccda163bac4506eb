"""Attention for training without padding: a batch is one row of tokens, in which each text attends to itself alone.

On a CPU short texts attend by plain matrix products: the backward pass of the fused kernel is slow there. Decoding and
scoring pad their batches and keep the fused kernel.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

#: Longest text, in tokens, of plain matrix products: for longer ones the fused kernel wins.
SHORT = 256
#: Most texts times the square of their tokens, since plain products keep every weight in memory: for 9 heads 0.6 GB.
MOST = 2**23
NAME = "crossover_packed"
#: Kinds of model (``model_type``) that attend as :func:`packed_attention` does.
KINDS = frozenset({"granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "smollm3"})


class Packing:
    """Texts of given lengths in one row of tokens, and the way to rows of equal length and back."""

    def __init__(self, lengths: Sequence[int], device: torch.device):
        self.texts, self.longest = len(lengths), max(lengths)
        positions = [torch.arange(length, device=device) for length in lengths]
        self.positions = torch.cat(positions)[None]
        self.at = torch.cat([row * self.longest + each for row, each in enumerate(positions)])

    def pad(self, states: torch.Tensor) -> torch.Tensor:
        """Return states ``(tokens, ...)`` as ``(texts, longest, ...)``, padded with zeros on the right."""
        rows = states.new_zeros(self.texts * self.longest, *states.shape[1:])
        return rows.index_copy(0, self.at, states).unflatten(0, (self.texts, self.longest))

    def flat(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows ``(texts, longest, ...)`` as ``(tokens, ...)`` without their padding."""
        return rows.flatten(0, 1).index_select(0, self.at)


@contextmanager
def attending(model: PreTrainedModel) -> Iterator[bool]:
    """Let a model attend by :func:`packed_attention` inside the context, and tell whether it can: see :data:`KINDS`."""
    usual = model.config._attn_implementation
    able = usual == "sdpa" and model.config.model_type in KINDS
    if able:
        model.set_attn_implementation(NAME)
    try:
        yield able
    finally:
        if able:
            model.set_attn_implementation(usual)


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    packing: Packing,
    dropout: float = 0.0,
    **_: object,
) -> tuple[torch.Tensor, None]:
    r"""Return causal attention within each text, query heads that share keys in one product (arXiv 2305.13245).

    .. math:: \mathrm{softmax}(s\, Q K^\top + M)\, V

    ``query`` is ``(1, heads, tokens, size)``, heads that share a key head in sequence; ``key`` and ``value`` are ``(1,
    key heads, tokens, size)``. Returns states ``(1, tokens, heads, size)``; plain products round weights to the model's
    precision, as transformers' ``eager`` attention does.
    """
    q, k, v = (packing.pad(states[0].transpose(0, 1)).transpose(1, 2) for states in (query, key, value))
    texts, heads, length, size = q.shape
    if q.device.type != "cpu" or length > SHORT or texts * length**2 > MOST:
        states = nn.functional.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=True
        )
    else:
        shared = k.shape[1]
        weights = (q.reshape(texts, shared, -1, size) @ k.transpose(2, 3)).view(texts, heads, length, length)
        later = torch.full((length, length), -torch.inf, dtype=q.dtype).triu(1)
        weights = nn.functional.softmax(torch.add(later, weights, alpha=scaling), dim=-1)
        weights = nn.functional.dropout(weights, dropout, module.training)
        states = (weights.view(texts, shared, -1, length) @ v).view(texts, heads, length, size)
    return packing.flat(states.transpose(1, 2))[None], None


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, lambda *_, **__: None)
