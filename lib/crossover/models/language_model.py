"""A causal language model fine-tuned on completions: one recipe for every cell of a grid.

Loss on the completion alone, logits computed only where there is loss, bfloat16 arithmetic. Where only the upper layers
are trained, the lower ones are a fixed function of the text: their output is computed once for each example and every
later epoch starts from it.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from accelerate import dispatch_model, infer_auto_device_map
from accelerate.utils import get_balanced_memory, get_max_memory
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from crossover.errors import CrossoverError
from crossover.models.cpu_attention import attending
from crossover.models.training import Recipe, Trained, train_loop
from crossover.models.weights import model_folder

IGNORED = -100  # cross_entropy's label for positions without loss


@dataclass
class LanguageModel:
    """A model and its tokenizer, ready to train or to answer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @classmethod
    def load(cls, model: str, device: str = "cpu", layers: int = 0) -> LanguageModel:
        """Load pretrained weights in bfloat16 (see :func:`crossover.models.weights.model_folder` for what ``model`` may be).

        With ``layers``, only that many of the model's lowest layers are kept: a smaller student. ``device`` is what
        :func:`place` takes.
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
        return cls(place(loaded, device).eval(), tokenizer)


def place(model: PreTrainedModel, device: str) -> PreTrainedModel:
    """Put a model on ``"cpu"``, on one GPU (``"cuda"``) or, layer by layer, on all of them (``"auto"``, by accelerate).

    A model that is spread trains and answers as one on a single device does: what a layer reads is sent to where it lies. One
    small enough for a single GPU's share of it is left whole; without any GPU ``"auto"`` is the CPU.

    Raises
    ------
    CrossoverError
        The GPUs do not hold the model: layers left on the CPU would not be trained.
    """
    if device != "auto":
        return model.to(device)
    gc.collect()  # a model that was spread before is a cycle of references, and its memory would seem taken
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    free = get_max_memory()
    gpus = {place: room for place, room in free.items() if place != "cpu"}
    whole = {"no_split_module_classes": list(model._no_split_modules or ())}
    places = infer_auto_device_map(
        model, max_memory=get_balanced_memory(model, max_memory=gpus or free, **whole), **whole
    )
    if gpus and {"cpu", "disk"} & set(map(str, places.values())):
        room = ", ".join(f"{size / 2**30:.1f}" for size in gpus.values())
        raise CrossoverError(
            f"device is 'auto', and the model ({model.get_memory_footprint() / 2**30:.1f} GB) does not fit on the GPUs, of which {room} GB are free. "
            "Free some, take a smaller model, or let the cells run where there are more."
        )
    return dispatch_model(model, device_map=places)


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
        adapted = _adapt(model, getattr(upper, "layers", ()), recipe.lora_rank, seed) if recipe.lora_rank else None
        # Frozen weights keep requires_grad: without it, torch.matmul of a batch by a 2-D weight copies the weight for each
        # row of the batch, at twice the time and many times the memory. No gradient reaches them all the same: the lower
        # layers run under no_grad, and the tied output embedding is detached. Beside adapters the weights are frozen all the same.
        if adapted:
            trained = [parameter for name, parameter in model.named_parameters() if "lora_" in name]
        else:
            trained = (
                list(model.parameters()) if lower is None else [*upper.layers.parameters(), *upper.norm.parameters()]
            )
        head = model.lm_head.weight if lower is None else model.lm_head.weight.detach()
        fixed: list[torch.Tensor | None] = [None] * len(examples)

        def loss_of(batch: list[int]) -> torch.Tensor:
            ids, labels = _padded([examples[i] for i in batch], student.tokenizer.pad_token_id, model.device)
            if lower is None:
                hidden = upper(input_ids=ids, use_cache=False).last_hidden_state
            else:
                hidden = upper(
                    inputs_embeds=_lower_states(lower, ids, batch, examples, fixed), use_cache=False
                ).last_hidden_state
            # The state at position t predicts the token at t + 1.
            where = labels[:, 1:] != IGNORED
            states = hidden[:, :-1][where.to(hidden.device)].to(head.device)
            logits = nn.functional.linear(states, head).float()
            return nn.functional.cross_entropy(logits, labels[:, 1:][where].to(head.device))

        scored = [sum(label != IGNORED for label in labels[1:]) for _, labels in examples]
        done = train_loop(trained, lengths, scored, recipe, seed, loss_of, tick)
        if adapted:
            adapted.merge_and_unload()
    model.eval()
    return done


def _adapt(model: PreTrainedModel, layers: Sequence[nn.Module], rank: int, seed: int) -> nn.Module:
    """Put low-rank adapters beside every linear map of some of a model's layers, in place, and freeze the rest."""
    from peft import LoraConfig, get_peft_model  # seconds to load, and rarely needed

    maps = {id(module) for layer in layers for module in layer.modules() if isinstance(module, nn.Linear)}
    names = [name for name, module in model.named_modules() if id(module) in maps]
    if not names:
        raise CrossoverError(
            f"lora_rank is {rank}, and {type(model).__name__} has no linear maps in a list of layers to adapt; set it to 0."
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names))


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
