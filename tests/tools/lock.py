"""Writes requirements.lock and environment.yml from the packages of a fresh environment; run by ``make lock``.

With ``lab`` it writes requirements-lab.lock: what JupyterLab needs in addition.

Run it with an old 3.11 (Debian's 3.11.2): some packages ask for a later patch release, and the lock should not.
The packages with models and data (``requirements-assets.lock``) are pinned by hand, with
their hashes.
"""

import re
import subprocess
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

#: torch pins these exactly itself, and they exist for one platform only.
PLATFORM_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")
LOCK = """\
# Every package of the environment, at the version of the published study. Written by `make lock`.
# Packages with models and data are in requirements-assets.lock.
"""
LAB = """\
# What `make lab` installs in addition to requirements.lock. Written by `make lock`.
"""
CONDA = """\
# The versions of requirements.lock for conda users. Written by `make lock`. After creating it, activate it and:
#   pip install --no-deps --require-hashes -r requirements-assets.lock
#   pip install --no-deps --no-build-isolation -e .
name: crossover
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def parse_pins(text: str) -> dict[str, str]:
    """Return ``{name: version}`` of the ``name==version`` lines of a lock; a local label such as "+cpu" is dropped.

    >>> parse_pins("# a comment\\nnumpy==2.4.6\\nPyYAML==6.0.3+cpu  # yaml\\n")
    {'numpy': '2.4.6', 'pyyaml': '6.0.3'}
    """
    pins = re.findall(r"^[\s-]*([A-Za-z0-9._-]+)==([^\s;\\+]+)", text, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def render(pins: dict[str, str]) -> dict[str, str]:
    """Return the text of both files by name."""
    lines = [f"{name}=={pins[name]}\n" for name in sorted(pins) if not PLATFORM_ONLY.match(name)]
    return {
        "requirements.lock": LOCK + "".join(lines),
        "environment.yml": CONDA + "".join(f"      - {line}" for line in lines),
    }


if __name__ == "__main__":
    frozen = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--all", "--exclude", "crossover", "--exclude", "pip"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pins = parse_pins(frozen.stdout)
    if sys.argv[1:] == ["lab"]:
        known = parse_pins(Path("requirements.lock").read_text())
        more = [f"{name}=={pins[name]}\n" for name in sorted(set(pins) - set(known)) if not PLATFORM_ONLY.match(name)]
        Path("requirements-lab.lock").write_text(LAB + "".join(more))
    else:
        for name, text in render(pins).items():
            Path(name).write_text(text)
