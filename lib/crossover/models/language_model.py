"""A causal language model fine-tuned on completions: one recipe for every cell of a grid.

Loss on the completion alone, bfloat16 arithmetic. Where only upper layers are trained, the output of the lower ones is
computed once for each example.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from crossover.errors import CrossoverError
from crossover.models.recipe import Recipe
from crossover.models.training import Trained, train_loop
from crossover.models.weights import model_folder

IGNORED = -100  # cross_entropy's label for positions without loss


@dataclass
class LanguageModel:
    """A model and its tokenizer, ready to train or to answer.

    Its lowest ``frozen`` layers are those of ``pretrained``, if above 0.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pretrained: str = ""
    frozen: int = 0

    @classmethod
    def load(cls, model: str, device: str = "cpu", layers: int = 0) -> LanguageModel:
        """Load pretrained weights in bfloat16; with ``layers``, only that many of the model's lowest layers."""
        folder = model_folder(model)
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        if layers:
            body = loaded.base_model
            if layers > len(getattr(body, "layers", [])):
                raise CrossoverError(
                    f"student_layers is {layers}; {model} has {len(getattr(body, 'layers', []))} layers that can be "
                    "cut. Give fewer, or 0 for all."
                )
            body.layers = body.layers[:layers]
            loaded.config.num_hidden_layers = layers
        return cls(loaded.to(device).eval(), tokenizer, model)


def encode(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Return token ids and labels (-100 over prompts) of (prompt, completion) pairs, closed with the end of text."""
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
    """Fine-tune a student in place on (prompt, completion) pairs, in an order drawn by ``seed``."""
    model, examples = student.model.train(), encode(student.tokenizer, pairs)
    lower, upper = split(model, recipe.trained_layers)
    # Frozen weights keep requires_grad: without it, torch.matmul of a batch by a 2-D weight copies the weight for each
    # row of the batch, at twice the time and many times the memory. No gradient reaches them all the same: the lower
    # layers run under no_grad, and the tied output embedding is detached.
    trained = list(model.parameters()) if lower is None else [*upper.layers.parameters(), *upper.norm.parameters()]
    head = model.lm_head.weight if lower is None else model.lm_head.weight.detach()
    fixed: dict[int, torch.Tensor] = {}

    def states(part: nn.Module, name: str, batch: Sequence[int], inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return a part's output ``(tokens, width)`` for ids or states of the batch's examples, one after another."""
        packing = Packing([len(examples[i][0]) for i in batch], model.device)
        if packed:
            row = {name: torch.cat(list(inputs))[None]}
            return part(**row, position_ids=packing.positions, use_cache=False, packing=packing).last_hidden_state[0]
        # Causal attention never looks at padding on the right.
        return packing.flat(part(**{name: packing.pad(torch.cat(list(inputs)))}, use_cache=False).last_hidden_state)

    def loss_of(batch: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        ids = {i: torch.tensor(examples[i][0], device=model.device) for i in batch}
        if lower is None:
            hidden = states(upper, "input_ids", batch, [ids[i] for i in batch])
        else:
            if new := [i for i in batch if i not in fixed]:
                with torch.no_grad():
                    found = states(lower, "input_ids", new, [ids[i] for i in new])
                fixed.update(zip(new, found.split([len(ids[i]) for i in new]), strict=True))
            hidden = states(upper, "inputs_embeds", batch, [fixed[i] for i in batch])
        # The state at a token predicts the next one, so labels move back by one; a text's last state predicts nothing.
        labels = torch.tensor([label for i in batch for label in [*examples[i][1][1:], IGNORED]], device=model.device)
        where = labels != IGNORED
        logits, gold = nn.functional.linear(hidden[where], head), labels[where]
        # In the model's precision, with sums in float32 inside: a float32 copy of the logits costs a tenth of a step.
        losses = nn.functional.cross_entropy(logits, gold, reduction="none")
        right = (logits.detach().argmax(-1) == gold).float() if recipe.updates == "memorised" else losses.new_zeros(1)
        return losses.float().mean(), right.mean()

    with attending(model) as packed:
        done = train_loop(trained, [len(ids) for ids, _ in examples], recipe, seed, loss_of, tick)
    model.eval()
    student.frozen = 0 if lower is None else len(lower.layers)
    return done


def split(model: PreTrainedModel, trained_layers: int) -> tuple[nn.Module | None, nn.Module]:
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


# --- attention without padding ----------------------------------------------------------------------------------------

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
    """Return causal attention within each text, query heads that share keys in one product (arXiv 2305.13245).

    ``query`` is ``(1, heads, tokens, size)``, ``key`` and ``value`` ``(1, key heads, tokens, size)``; returns states
    ``(1, tokens, heads, size)``. Plain products round weights to the model's precision, as the ``eager`` kernel does.
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
