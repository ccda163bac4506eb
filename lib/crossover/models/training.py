"""The loop that trains students and teachers by a recipe.

AdamW on float32 copies of the weights: a bfloat16 weight cannot hold an update smaller than 1/256 of itself, which at
these learning rates is most of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from crossover.errors import CrossoverError
from crossover.models.recipe import Recipe, decay_steps

#: Cost of one more forward and backward pass on a CPU, in tokens.
FORWARD_OVERHEAD_TOKENS = 32
#: A training set is memorised when accuracy in neither of two windows of steps exceeds the one before by this.
PLATEAU = 0.01
WINDOW = 8  # steps of a window at least; it covers the whole training set


@dataclass(frozen=True)
class Trained:
    """The report of a training run."""

    tokens: int  #: of the examples of all steps
    steps: int
    loss: float  #: the mean over the last tenth of the steps
    curve: tuple[float, ...] = ()  #: loss of every step's batch
    #: Under the update rule "memorised", the share of tokens with loss (or labels) that were the likeliest, by step.
    accuracy: tuple[float, ...] = ()


def train_loop(
    parameters: Sequence[nn.Parameter],
    lengths: Sequence[int],
    recipe: Recipe,
    seed: int,
    loss_of: Callable[[list[int]], tuple[torch.Tensor, torch.Tensor]],
    tick: Callable[[], object] = lambda: None,
    overhead: float = math.inf,
) -> Trained:
    """Train parameters in place on examples of ``lengths`` tokens, in an order drawn by ``seed``.

    ``loss_of`` returns mean loss and share predicted of some examples; a batch goes through in :func:`length_buckets`.
    """
    if not lengths:
        raise CrossoverError(
            "There is nothing to train on: the strategy kept no samples (its funnel says where they went)."
        )
    optimiser = MasterAdamW(parameters, recipe)
    order = torch.Generator().manual_seed(seed)
    queue: list[int] = []
    losses, right, tokens, step, plateau = [], [], 0, 0, None
    total = math.inf if recipe.updates == "memorised" else recipe.steps(len(lengths))
    window = max(WINDOW, math.ceil(len(lengths) / recipe.batch_size))
    while step < total:
        while len(queue) < min(recipe.batch_size, len(lengths)):
            queue += torch.randperm(len(lengths), generator=order).tolist()
        batch, queue = queue[: recipe.batch_size], queue[recipe.batch_size :]
        loss, hits = 0.0, 0.0
        for part in length_buckets(batch, lengths, overhead):
            share = len(part) / len(batch)
            mean, predicted = loss_of(part)
            (mean * share).backward()
            loss, hits = loss + mean.detach() * share, hits + predicted * share
        losses.append(loss)
        right.append(hits)
        if recipe.updates == "memorised":
            if plateau is None and _stands_still(right, window, step, recipe):
                plateau = step
                total = plateau + decay_steps(plateau)
            rate = recipe.rate_until_memorised(step, plateau)
        else:
            rate = recipe.rate(step, int(total))
        optimiser.step(rate, average=step >= (1 - recipe.averaged) * total)
        tokens += sum(lengths[i] for i in batch)
        step += 1
        tick()
    optimiser.finish()
    curve = torch.stack(losses)
    last = float(curve[-max(1, step // 10) :].mean())
    accuracy = tuple(torch.stack(right).tolist()) if recipe.updates == "memorised" else ()
    return Trained(tokens, step, last, tuple(curve.tolist()), accuracy)


def _stands_still(right: Sequence[torch.Tensor], window: int, step: int, recipe: Recipe) -> bool:
    """Whether the training set is memorised as far as it will be, or the steps are used up."""
    if step >= max(recipe.max_steps, recipe.min_steps):
        return True
    if step < max(recipe.min_steps, 3 * window):
        return False
    ends = [len(right) - (2 - k) * window for k in range(3)]
    before, *last = (float(torch.stack(list(right[end - window : end])).mean()) for end in ends)
    return max(last) < before + PLATEAU


class MasterAdamW:
    """AdamW on float32 copies of parameters with clipped gradients; if asked, the last weights are averaged."""

    def __init__(self, parameters: Sequence[nn.Parameter], recipe: Recipe):
        self.parameters = list(parameters)
        # Without the clone, a model in float32 would share memory with its master copy.
        self.master = [parameter.detach().clone().float() for parameter in self.parameters]
        groups = [
            {"params": [m for m in self.master if m.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [m for m in self.master if m.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True
        )
        self.mean: list[torch.Tensor] = []
        self.averaged = 0

    @torch.no_grad()
    def step(self, rate: float, average: bool = False) -> None:
        """Take one step, round the result into the model, and count it in the average of weights."""
        for parameter, copied in zip(self.parameters, self.master, strict=True):
            if parameter.grad is None or copied.grad is None:
                copied.grad = None if parameter.grad is None else parameter.grad.float()
            else:  # in the memory of the step before: the system would have to clear new pages
                copied.grad.copy_(parameter.grad)
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.master, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        for parameter, copied in zip(self.parameters, self.master, strict=True):
            parameter.copy_(copied)
        if average:
            self.averaged += 1
            self.mean = self.mean or [torch.zeros_like(m) for m in self.master]
            for mean, copied in zip(self.mean, self.master, strict=True):
                mean.lerp_(copied, 1 / self.averaged)

    @torch.no_grad()
    def finish(self) -> None:
        """Put the average of the last weights, if one was kept, into the model."""
        for parameter, mean in zip(self.parameters, self.mean, strict=False):
            parameter.copy_(mean)


def overhead_tokens(device: torch.device) -> float:
    """Return the cost of one more pass through a model in tokens; a part of a batch leaves a GPU idle."""
    return FORWARD_OVERHEAD_TOKENS if device.type == "cpu" else math.inf


def length_buckets(batch: Sequence[int], lengths: Sequence[int], overhead: float) -> list[list[int]]:
    """Split a batch where that costs least: per part, longest example times examples, and ``overhead``."""
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
