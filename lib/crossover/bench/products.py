"""Matrix products alone: what training and writing cannot do without, at the speed at which torch's products run here."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from crossover.models.decoding import packed
from crossover.models.language_model import LanguageModel

#: How tables name it.
ALONE = "its matrix products alone in one process"


def write(student: LanguageModel, read: int, lengths: Sequence[int]) -> None:
    """Multiply by a student's weights as often as :func:`crossover.models.decoding.decode` must, laid out as there, and do nothing else.

    Parameters
    ----------
    student : LanguageModel
    read : int
        Tokens of all prompts.
    lengths : sequence of int
        Tokens that each prompt is continued by, one or more; a row that has ended takes part no longer.
    """
    head, maps, rows = student.model.lm_head, _maps(student.model), len(lengths)
    states = {size: _ones(max(read, rows), size) for size in {module.in_features for module in maps}}
    with torch.inference_mode(), packed(student.model, rows):
        for step in range(max(lengths)):
            left = sum(n > step for n in lengths)
            for module in maps:
                module(states[module.in_features][: left if step or module is head else read])


def train(student: LanguageModel, tokens: int, losses: int, trained_layers: int, steps: int, fresh: int) -> None:
    """Multiply as often as training a student's upper layers must, each batch in one and without padding, and do nothing else.

    Parameters
    ----------
    student : LanguageModel
    tokens, losses : int
        Tokens of a batch, and those of them that have loss.
    trained_layers, steps : int
    fresh : int
        Steps of the first epoch, in which the frozen layers are computed.
    """
    layers, head = student.model.model.layers, student.model.lm_head
    lower, upper = _maps(layers[:-trained_layers]), _maps(layers[-trained_layers:])
    states = {module.in_features: _ones(tokens, module.in_features).requires_grad_() for module in upper}
    gradients = {module.out_features: _ones(tokens, module.out_features) for module in upper}
    last, lost = _ones(losses, head.in_features).requires_grad_(), _ones(losses, head.out_features)
    for step in range(steps):
        with torch.no_grad():
            for module in lower if step < fresh else ():
                module(states[module.in_features])
        for module in upper:
            given = states[module.in_features]
            module(given).backward(gradients[module.out_features])
            given.grad = module.weight.grad = None
        nn.functional.linear(last, head.weight.detach()).backward(lost)
        last.grad = None


def _maps(part: nn.Module) -> list[nn.Linear]:
    return [module for module in part.modules() if isinstance(module, nn.Linear)]


def _ones(n: int, size: int) -> torch.Tensor:
    return torch.ones(n, size, dtype=torch.bfloat16)
