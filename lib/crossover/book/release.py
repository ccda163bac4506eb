"""Publishing: the book as a PDF, and an archive of results with a manifest and checksums."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from crossover import __version__
from crossover.book.build import build
from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.paths import repository, results_folder
from crossover.study.provenance import git_state
from crossover.study.store import read_runs


def build_pdf(profile: str) -> Path:
    """Write the book of a profile as one PDF, printed by a headless browser; return its path.

    Raises
    ------
    CrossoverError
        There is no Chromium, or printing failed.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if not browser:
        raise CrossoverError(
            "A PDF is printed by Chromium, and there is none. On Debian and Ubuntu: apt-get install chromium"
        )
    out = build(profile).parents[1]
    whole, pdf = out / "whole", out / "crossover.pdf"
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    sphinx = [sys.executable, "-m", "sphinx", "-b", "singlehtml", "-q", "-E", "-d", whole / "doctrees"]
    _run([*sphinx, out / "source", whole], environment)
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--virtual-time-budget=60000"]
    _run([browser, *flags, f"--print-to-pdf={pdf}", (whole / "index.html").as_uri()], environment)
    shutil.rmtree(whole)
    return pdf


def archive(profile: str, folder: Path) -> Path:
    """Pack a profile's results, the notebooks and the lock files, with a manifest and checksums; return the archive's path.

    The same files give the same archive, byte for byte.

    Parameters
    ----------
    folder : Path
        Where ``crossover-<version>-<profile>.tar.gz``, ``manifest.json`` and ``SHA256SUMS`` are written.

    Raises
    ------
    CrossoverError
        The profile has no results.
    """
    root, results = repository(), results_folder(profile)
    runs = read_runs(results)
    if not len(runs):
        raise CrossoverError(f"{results} holds no rows to archive; run `make reproduce PROFILE={profile}` first.")
    files = {f"results/{profile}/{p.relative_to(results).as_posix()}": p for p in results.rglob("*") if p.is_file()}
    files |= {
        p.relative_to(root).as_posix(): p
        for p in (root / "notebooks").rglob("*")
        if p.is_file() and p.suffix in (".ipynb", ".yaml")
    }
    files |= {
        p.name: p for p in [*root.glob("requirements*.lock"), root / "LICENSE", root / "CITATION.cff"] if p.is_file()
    }
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / f"crossover-{__version__}-{profile}.tar.gz"
    with (
        open(packed, "wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(f"crossover-{__version__}/{name}")
            entry.size, entry.mode = files[name].stat().st_size, 0o644
            with open(files[name], "rb") as content:
                tar.addfile(entry, content)
    state = git_state(root)
    manifest = {
        "version": __version__,
        "profile": profile,
        **state,
        "rows": len(runs),
        "files": {n: digest(files[n].read_bytes(), 64) for n in sorted(files)},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    sums = [
        f"{digest(p.read_bytes(), 64)}  {p.name}"
        for p in sorted(folder.iterdir())
        if p.is_file() and p.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return packed


def _run(command: list, environment: Mapping[str, str]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=dict(environment))
    if done.returncode:
        raise CrossoverError(f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout)[-800:]}")
