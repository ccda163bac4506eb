"""Attention for training on short texts on a CPU: plain matrix products, the query heads that share keys and values in one of them.

Weights are rounded to the model's precision before the softmax, as in transformers' ``eager`` attention; the fused kernel keeps them
in float32. Decoding and scoring keep that, so that answers are those of ``generate``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask

#: Tokens up to which a text is short: for longer ones the fused kernel of torch wins.
SHORT = 256
#: Rows times the square of their tokens up to which plain attention is used, since it keeps every weight in memory: for 9 heads 0.6 GB.
MOST = 2**23
NAME = "crossover_grouped"
#: The kinds of model (``model_type``) that attend as :func:`grouped` does; others have masks or terms of their own.
KINDS = frozenset({"granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "smollm3"})


@contextmanager
def attending(model: PreTrainedModel, rows: int, longest: int) -> Iterator[None]:
    """Let a model attend by :func:`grouped` inside the context where that is faster than the fused kernel (``sdpa``): short texts on a CPU.
    The fused kernel takes several times as long for the backward pass.

    A model is in one such context at a time: threads that share one must take turns.

    Parameters
    ----------
    model : PreTrainedModel
        One of another kind than :data:`KINDS` is left as it is.
    rows, longest : int
        Texts side by side, and tokens of the longest.
    """
    usual, kind = model.config._attn_implementation, model.config.model_type
    if (
        model.device.type != "cpu"
        or usual != "sdpa"
        or kind not in KINDS
        or longest > SHORT
        or rows * longest**2 > MOST
    ):
        yield
        return
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


def grouped(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: object,
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Return what transformers' ``eager`` attention does, without a copy of keys and values for each query head (arXiv 2305.13245):

    .. math:: \mathrm{softmax}(s\, Q K^\top + M)\, V.

    Parameters
    ----------
    module : Module
    query : Tensor
        ``(rows, heads, length, size)``; heads that share a key head follow each other.
    key, value : Tensor
        ``(rows, key heads, tokens, size)``.
    attention_mask : Tensor, optional
        Added to the weights before the softmax, ``(rows, 1, length, tokens)``.
    scaling, dropout : float

    Returns
    -------
    tuple of Tensor
        States ``(rows, length, heads, size)`` and weights ``(rows, heads, length, tokens)``.
    """
    rows, heads, length, _size = query.shape
    shared = key.shape[1]
    weights = (query.reshape(rows, shared, -1, query.shape[-1]) @ key.transpose(2, 3)).view(rows, heads, length, -1)
    weights = weights * scaling if attention_mask is None else torch.add(attention_mask, weights, alpha=scaling)
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, dropout, module.training)
    states = (weights.view(rows, shared, -1, weights.shape[-1]) @ value).view(rows, heads, length, -1)
    return states.transpose(1, 2).contiguous(), weights


AttentionInterface.register(NAME, grouped)
AttentionMaskInterface.register(NAME, eager_mask)
