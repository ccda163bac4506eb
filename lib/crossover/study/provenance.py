"""What a result came from: code, lock, library versions, machine. Stored once per distinct origin.

Nothing in it changes between two runs of the same code on the same machine: its digest stands in each row.
"""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

import psutil

from crossover.digests import digest
from crossover.paths import repository

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "spacy", "datasets", "numpy", "scipy", "pandas")
LOCKS = ("requirements.lock", "requirements-assets.lock")
#: Instruction sets for matrix products, the best first: two machines with different ones round sums differently.
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "asimd")


def git_state(root: Path) -> dict[str, object]:
    """Return the commit and whether tracked files differ from it; ``None`` for both outside a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # Results are what a run writes: they do not make the code that writes them different.
        changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}
    except (FileNotFoundError, subprocess.CalledProcessError):  # no git on this machine, or no checkout
        return {"commit": None, "dirty": None}


def hardware(device: str) -> dict[str, object]:
    """Return processor, instruction set for matrix products, cores, memory in GB, and the students' device."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    known = dict(re.findall(r"^(.+?)\s*: (.*)$", cpuinfo, re.MULTILINE))
    flags = (known.get("flags") or known.get("Features") or "").split()
    return {
        "cpu": known.get("model name") or platform.processor() or platform.machine(),
        "instructions": next((i for i in INSTRUCTIONS if i in flags), platform.machine()),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "device": device,
    }


def record(device: str, models: dict[str, str]) -> dict[str, object]:
    """Return the provenance of a run on a device, with the fingerprints of the models used, by name."""
    return {
        **git_state(repository()),
        "lock": locks_digest(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "hardware": hardware(device),
        "models": models,
    }


def locks_digest() -> str:
    """Return a digest of the lock files."""
    return digest(b"".join((repository() / name).read_bytes() for name in LOCKS))


def save(provenance: dict[str, object], folder: Path) -> str:
    """Write a record under ``folder/provenance`` and return its id, a digest of its content."""
    text = json.dumps(provenance, indent=1, sort_keys=True)
    path = folder / "provenance" / f"{digest(text, 12)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path.stem
