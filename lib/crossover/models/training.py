"""The one way in which students and teachers are trained: the recipe, and the loop that follows it.

AdamW without decay (so, Adam) on float32 copies of the weights: a bfloat16 weight cannot hold an update smaller than 1/256
of itself, which at these learning rates is most of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

from crossover.errors import CrossoverError

#: What one more pass through a model costs on a CPU, in tokens: reading the weights again, and adding to their gradients.
FORWARD_OVERHEAD_TOKENS = 32


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes
    ----------
    model : str
        What :func:`crossover.models.weights.model_folder` takes.
    trained_layers : int
        How many of the upper layers are trained, with the final norm; 0 trains every weight, embeddings included.
    epochs : int
        Passes over the training set, unless that makes fewer than ``min_steps``.
    min_steps : int
        Optimiser steps at the least: small training sets are repeated until they are learnt.
    batch_size : int
        Examples a step.
    learning_rate : float
        Peak rate of AdamW; linear warm-up over a tenth of the steps, then cosine decay to a tenth of the peak.
    student_layers : int
        How many layers the student keeps of the pretrained model, from the lowest up; 0 keeps all.
    lora_rank : int
        Rank of the low-rank adapters (LoRA, arXiv 2106.09685) that are trained in place of the layers' own weights, on
        every linear map of the layers that are trained; 0 trains the weights. A causal model's alone.
    """

    model: str
    trained_layers: int
    epochs: int
    min_steps: int
    batch_size: int
    learning_rate: float
    student_layers: int = 0
    lora_rank: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return what a digest of the recipe covers: the adapters only where there are any, so that one without stays as it was."""
        return {name: value for name, value in asdict(self).items() if name != "lora_rank" or value}

    def steps(self, n: int) -> int:
        """Return the optimiser steps for ``n`` training examples."""
        return max(self.epochs * math.ceil(n / self.batch_size), self.min_steps)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate at a step: linear warm-up, cosine decay to a tenth of the peak."""
        warm_up = max(1, steps // 10)
        if step < warm_up:
            return self.learning_rate * (step + 1) / warm_up
        progress = (step - warm_up) / max(1, steps - warm_up)
        return self.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass(frozen=True)
class Trained:
    """What training reported.

    Attributes
    ----------
    tokens : int
        Examples' tokens processed over all steps.
    steps : int
    loss : float
        Mean over the last tenth of the steps.
    curve : tuple of float
        The loss of every step's batch.
    """

    tokens: int
    steps: int
    loss: float
    curve: tuple[float, ...] = ()


def train_loop(
    parameters: Sequence[nn.Parameter],
    lengths: Sequence[int],
    scored: Sequence[int],
    recipe: Recipe,
    seed: int,
    loss_of: Callable[[list[int]], torch.Tensor],
    tick: Callable[[], object] = lambda: None,
) -> Trained:
    """Train parameters in place on batches of examples.

    On a CPU a batch goes through the model in :func:`length_buckets` of like length, whose gradients add up to the batch's own: little is
    computed for padding, and which examples share a step stays a matter of chance.

    Parameters
    ----------
    parameters : sequence of Parameter
        What is trained.
    lengths : sequence of int
        Tokens of each example.
    scored : sequence of int
        Terms that each example has in the loss: its tokens with loss, or one label.
    recipe : Recipe
    seed : int
        Seeds the order of the examples.
    loss_of : callable
        From the numbers of examples to the mean of their terms in the loss.
    tick : callable
        Called after every optimiser step.

    Raises
    ------
    CrossoverError
        There are no examples.
    """
    if not lengths:
        raise CrossoverError(
            "There is nothing to train on: the strategy kept no samples (its funnel says where they went)."
        )
    # Without the clone, a model in float32 would share memory with its master copy.
    master = [parameter.detach().clone().float() for parameter in parameters]
    optimiser = torch.optim.AdamW(master, lr=recipe.learning_rate, weight_decay=0.0, betas=(0.9, 0.95), fused=True)
    order = torch.Generator().manual_seed(seed)
    steps = recipe.steps(len(lengths))
    overhead = overhead_tokens(parameters[0].device)
    queue: list[int] = []
    losses, tokens = [], 0
    for step in range(steps):
        while len(queue) < min(recipe.batch_size, len(lengths)):
            queue += torch.randperm(len(lengths), generator=order).tolist()
        batch, queue = queue[: recipe.batch_size], queue[recipe.batch_size :]
        terms, loss = sum(scored[i] for i in batch), 0.0
        for part in length_buckets(batch, lengths, overhead):
            share = loss_of(part) * (sum(scored[i] for i in part) / terms)
            share.backward()
            loss += share.detach()
        _update(parameters, master, optimiser, recipe.rate(step, steps))
        losses.append(loss)
        tokens += sum(lengths[i] for i in batch)
        tick()
    curve = torch.stack(losses)
    return Trained(tokens, steps, float(curve[-max(1, steps // 10) :].mean()), tuple(curve.tolist()))


def overhead_tokens(device: torch.device) -> float:
    """Return what one more pass through a model costs, in tokens, for :func:`length_buckets`: a GPU is not busy with a part of a batch."""
    return FORWARD_OVERHEAD_TOKENS if device.type == "cpu" else math.inf


def length_buckets(batch: Sequence[int], lengths: Sequence[int], overhead: float) -> list[list[int]]:
    """Part a batch where that costs least: each part its longest example times its examples, and ``overhead`` for the pass.

    >>> length_buckets([0, 1, 2, 3], [10, 90, 12, 80], 32)
    [[0, 2], [3, 1]]
    >>> length_buckets([0, 1, 2, 3], [10, 90, 12, 80], math.inf)
    [[0, 1, 2, 3]]
    """
    if math.isinf(overhead):
        return [list(batch)]
    order = sorted(batch, key=lambda i: lengths[i])
    best: list[tuple[float, list[list[int]]]] = [(0.0, [])]
    for end in range(1, len(order) + 1):
        cost, start = min(
            (best[start][0] + lengths[order[end - 1]] * (end - start) + overhead, start) for start in range(end)
        )
        best.append((cost, [*best[start][1], order[start:end]]))
    return best[-1][1]


def _update(
    trained: Sequence[nn.Parameter], master: list[torch.Tensor], optimiser: torch.optim.Optimizer, rate: float
) -> None:
    """Take one AdamW step on the float32 copies with clipped gradients and round the result into the model."""
    for parameter, copied in zip(trained, master, strict=True):
        if parameter.grad is None or copied.grad is None:
            copied.grad = None if parameter.grad is None else parameter.grad.float()
        else:  # in the memory of the step before: the system would have to clear new pages
            copied.grad.copy_(parameter.grad)
        parameter.grad = None
    torch.nn.utils.clip_grad_norm_(master, 1.0)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    with torch.no_grad():
        for parameter, copied in zip(trained, master, strict=True):
            parameter.copy_(copied)
