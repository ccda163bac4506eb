"""Cache of files that are built once: each folder carries the hashes of its files and is rebuilt when one of them differs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from crossover.data.pinned import sha256
from crossover.errors import CrossoverError
from crossover.paths import cache_folder


def cached(name: str, build: Callable[[Path], None], doing: str = "unpacking") -> Path:
    """Return a folder of the cache, built when it is absent or a file in it has another hash than when it was built.

    ``name`` must tell everything that the content depends on; ``build`` writes it into the empty folder it is given.
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
