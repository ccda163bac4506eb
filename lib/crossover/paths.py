"""Folders: the checkout, the results of a profile, the user's cache."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from crossover.errors import CrossoverError

PUBLISHED = "study"  #: The profile whose results are committed and shown in the published book.
CONFIRMATION = "confirm"  #: The profile that repeats it on fresh seeds and test items.


def repository() -> Path:
    """Return the checkout this library runs from: the folder with ``notebooks`` and ``lib``."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "notebooks").is_dir():
        raise CrossoverError(
            f"{root} has no notebooks folder; install the library from a checkout with pip install -e ."
        )
    return root


def results_folder(name: str) -> Path:
    """Return the folder of a profile's results (or of one run's own), under ``results/`` or ``$CROSSOVER_RESULTS``."""
    root = os.environ.get("CROSSOVER_RESULTS")
    return (Path(root) if root else repository() / "results") / name


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds; with libyaml, where it is there, in a tenth of the time."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def cache_folder() -> Path:
    """Return the folder for unpacked weights: ``$CROSSOVER_CACHE``, or ``crossover`` in the user's cache folder."""
    if os.environ.get("CROSSOVER_CACHE"):
        return Path(os.environ["CROSSOVER_CACHE"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("crossover"))


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Turn a failure to write into an error that says what is kept and what to do."""
    try:
        yield
    except OSError as problem:
        raise CrossoverError(
            f"Cannot write results to {folder}: {problem.strerror or problem}. Everything finished so far is kept; "
            "free some space or give a writable folder (CROSSOVER_RESULTS), then run again."
        ) from problem
