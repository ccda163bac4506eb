"""A causal language model fine-tuned on completions: one recipe for every cell of a grid.

Loss on the completion alone, logits computed only where there is loss, bfloat16 arithmetic. Where only the upper layers
are trained, the lower ones are a fixed function of the text: their output is computed once for each example and every
later epoch starts from it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from crossover.errors import CrossoverError
from crossover.models.cpu_attention import attending
from crossover.models.recipe import Recipe
from crossover.models.training import Trained, train_loop
from crossover.models.weights import model_folder

IGNORED = -100  # cross_entropy's label for positions without loss


@dataclass
class LanguageModel:
    """A model and its tokenizer, ready to train or to answer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @classmethod
    def load(cls, model: str, device: str = "cpu", layers: int = 0) -> LanguageModel:
        """Load pretrained weights in bfloat16 onto ``"cpu"`` or ``"cuda"``.

        ``model`` is what :func:`crossover.models.weights.model_folder` takes. With ``layers``, only that many of the
        model's lowest layers are kept: a smaller student.
        """
        folder = model_folder(model)
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        if layers:
            body = loaded.base_model
            if layers > len(getattr(body, "layers", [])):
                raise CrossoverError(
                    f"student_layers is {layers}; {model} has {len(getattr(body, 'layers', []))} layers that can be cut. "
                    "Give fewer, or 0 for all."
                )
            body.layers = body.layers[:layers]
            loaded.config.num_hidden_layers = layers
        return cls(loaded.to(device).eval(), tokenizer)


def encode(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Return token ids and labels of (prompt, completion) pairs.

    The completion is closed with the end-of-text token, so that a student learns to stop. Labels are ``-100`` over the
    prompt.
    """
    if not pairs:  # which a tokenizer does not take
        return []
    prompts = tokenizer([prompt for prompt, _ in pairs], add_special_tokens=False)["input_ids"]
    answers = tokenizer([completion for _, completion in pairs], add_special_tokens=False)["input_ids"]
    end = [tokenizer.eos_token_id]
    return [(p + a + end, [IGNORED] * len(p) + a + end) for p, a in zip(prompts, answers, strict=True)]


def train(
    student: LanguageModel,
    pairs: Sequence[tuple[str, str]],
    recipe: Recipe,
    seed: int,
    tick: Callable[[], object] = lambda: None,
) -> Trained:
    """Fine-tune a student in place on (prompt, completion) pairs.

    Parameters
    ----------
    student : LanguageModel
        Changed in place.
    pairs : sequence of (str, str)
        Training examples; the order does not matter, batches are drawn by ``seed``.
    recipe : Recipe
        The same for every cell that is to be compared.
    seed : int
        Seeds the order of the examples.
    tick : callable
        Called after every optimiser step.

    Raises
    ------
    CrossoverError
        No pairs, or a model without the layers that the recipe asks for.
    """
    model, examples = student.model.train(), encode(student.tokenizer, pairs)
    lengths = [len(ids) for ids, _ in examples]
    with attending(model, recipe.batch_size, max(lengths, default=0)):
        lower, upper = _split(model, recipe.trained_layers)
        # Frozen weights keep requires_grad: without it, torch.matmul of a batch by a 2-D weight copies the weight for each
        # row of the batch, at twice the time and many times the memory. No gradient reaches them all the same: the lower
        # layers run under no_grad, and the tied output embedding is detached.
        trained = list(model.parameters()) if lower is None else [*upper.layers.parameters(), *upper.norm.parameters()]
        head = model.lm_head.weight if lower is None else model.lm_head.weight.detach()
        fixed: list[torch.Tensor | None] = [None] * len(examples)

        def loss_of(batch: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
            ids, labels = _padded([examples[i] for i in batch], student.tokenizer.pad_token_id, model.device)
            if lower is None:
                hidden = upper(input_ids=ids, use_cache=False).last_hidden_state
            else:
                hidden = upper(
                    inputs_embeds=_lower_states(lower, ids, batch, examples, fixed), use_cache=False
                ).last_hidden_state
            # The state at position t predicts the token at t + 1.
            where = labels[:, 1:] != IGNORED
            logits, gold = nn.functional.linear(hidden[:, :-1][where], head).float(), labels[:, 1:][where]
            right = (logits.detach().argmax(-1) == gold).float().mean()
            return nn.functional.cross_entropy(logits, gold), right

        scored = [sum(label != IGNORED for label in labels[1:]) for _, labels in examples]
        done = train_loop(trained, lengths, scored, recipe, seed, loss_of, tick)
    model.eval()
    return done


def _split(model: PreTrainedModel, trained_layers: int) -> tuple[nn.Module | None, nn.Module]:
    """Return the frozen lower part (or ``None``) and the upper part; both share the model's own weights."""
    body = model.base_model
    if trained_layers == 0:
        return None, body
    layers = getattr(body, "layers", None)
    if layers is None or not hasattr(body, "norm"):
        raise CrossoverError(
            f"{type(model).__name__} has no list of layers to freeze; train it whole with trained_layers=0."
        )
    if trained_layers >= len(layers):
        raise CrossoverError(
            f"trained_layers is {trained_layers}, the model has {len(layers)} layers: give 1 to {len(layers) - 1}, "
            "or 0 to train every weight."
        )
    cut = len(layers) - trained_layers
    lower, upper = copy.copy(body), copy.copy(body)
    for part in (lower, upper):  # a shallow copy shares weights; its table of submodules must be its own
        part._modules = dict(body._modules)
    lower.layers, upper.layers = layers[:cut], layers[cut:]
    lower.norm = nn.Identity()
    for part in (lower, upper):
        part.config = copy.copy(body.config)
        part.config.num_hidden_layers = len(part.layers)
    return lower, upper


def _padded(
    examples: Sequence[tuple[list[int], list[int]]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token ids and labels on the right to ``(batch, longest)``; causal attention never looks at the padding."""
    width = max(len(ids) for ids, _ in examples)
    ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in examples], device=device)
    labels = torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in examples], device=device)
    return ids, labels


def _lower_states(
    lower: nn.Module,
    ids: torch.Tensor,
    batch: Sequence[int],
    examples: Sequence[tuple[list[int], list[int]]],
    fixed: list[torch.Tensor | None],
) -> torch.Tensor:
    """Return the frozen layers' output ``(batch, longest, width)``, computing it for examples seen for the first time."""
    new = [row for row, i in enumerate(batch) if fixed[i] is None]
    if new:
        with torch.no_grad():
            states = lower(input_ids=ids[new], use_cache=False).last_hidden_state
        for row, state in zip(new, states, strict=True):
            fixed[batch[row]] = state[: len(examples[batch[row]][0])].clone()
    return nn.utils.rnn.pad_sequence([fixed[i] for i in batch], batch_first=True)
