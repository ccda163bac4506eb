"""Pinned files of other packages, by version and SHA-256 (``pinned.yaml``), and a cache of what is built of them."""

import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import cache_folder, read_yaml

ASSET_INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-assets.lock --force-reinstall"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal, ``"missing"`` where there is no file."""
    if not path.is_file():
        return "missing"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        """Return the file's path after checking its SHA-256; the module, which may need others, is not imported."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise CrossoverError(f"The package {self.package}=={self.version} is not installed. Fix: {ASSET_INSTALL}")
        path = Path(spec.submodule_search_locations[0]) / self.file
        if (found := sha256(path)) != self.sha256:
            raise CrossoverError(
                f"{self.file} of {self.package}=={self.version} must have SHA-256 {self.sha256}, got {found}. "
                f"Fix: {ASSET_INSTALL}"
            )
        return path


SMOLLM2, MINILM, EN_CORE_WEB_SM, ELEMENTS_DB, WIKIPEDIA = (
    Asset(**entry) for entry in read_yaml(Path(__file__).with_suffix(".yaml"))
)


def cached(name: str, build: Callable[[Path], None], doing: str = "unpacking") -> Path:
    """Return a folder of the cache, which ``build`` fills where it is absent or damaged, by ``name`` alone."""
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
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as temporary:
            fresh = Path(temporary) / name
            fresh.mkdir()
            build(fresh)
            digests = {path.name: sha256(path) for path in sorted(fresh.iterdir())}
            (fresh / "manifest.json").write_text(json.dumps(digests, indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    except OSError as problem:
        raise CrossoverError(
            f"Cannot write {name} into {folder.parent}: {problem}. Free some space, or set CROSSOVER_CACHE to another"
            " folder."
        ) from problem
    return folder
