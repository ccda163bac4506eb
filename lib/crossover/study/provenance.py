"""What a result came from: code, lock, library versions, machine. Stored once for each distinct origin.

Modelled on lm-evaluation-harness's result records. The record holds nothing that changes between two runs of the same
code on the same machine, so that its digest can stand in each row of a results table.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

from crossover.paths import repository

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "spacy", "datasets", "numpy", "scipy", "pandas")
LOCKS = ("requirements.lock", "requirements-assets.lock", "requirements-sdists.lock")


def git_state(root: Path) -> dict[str, object]:
    """Return the commit and whether tracked files differ from it; ``None`` for both outside a git checkout."""

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
    except FileNotFoundError:  # no git on this machine
        commit = None
    # Results are what a run writes: they do not make the code that writes them different.
    dirty = (
        None if commit is None else bool(git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"))
    )
    return {"commit": commit, "dirty": dirty}


def hardware(device: str) -> dict[str, object]:
    """Return the processor, its cores, the memory in GB, and the device that students run on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": name, "cores": os.cpu_count(), "memory_gb": round(memory), "device": device}


def record(device: str, models: dict[str, str]) -> dict[str, object]:
    """Return the provenance of a run.

    Parameters
    ----------
    device : str
        ``"cpu"`` or ``"cuda"``.
    models : dict of str to str
        Fingerprints of the models used, by name.
    """
    root = repository()
    return {
        **git_state(root),
        "lock": locks_digest(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "hardware": hardware(device),
        "models": models,
    }


def locks_digest() -> str:
    """Return a digest of the lock files."""
    root = repository()
    return hashlib.sha256(b"".join((root / name).read_bytes() for name in LOCKS)).hexdigest()[:16]


def save(provenance: dict[str, object], folder: Path) -> str:
    """Write a record under ``folder/provenance`` and return its id, a digest of its content."""
    text = json.dumps(provenance, indent=1, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = folder / "provenance" / f"{name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return name
