"""The book as a PDF, for a release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crossover.book.build import build
from crossover.errors import CrossoverError


def build_pdf(profile: str) -> Path:
    """Write the book of a profile as one PDF, printed by a headless Chromium; return its path."""
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


def _run(command: list, environment: Mapping[str, str]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=dict(environment))
    if done.returncode:
        raise CrossoverError(f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout)[-800:]}")
