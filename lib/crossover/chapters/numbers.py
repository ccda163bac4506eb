"""Numbers and texts that chapters compute and pages quote, in ``numbers/<chapter>.json`` of a results folder."""

import json
from collections.abc import Mapping
from pathlib import Path

from crossover.paths import written


def save_numbers(folder: Path, chapter: str, numbers: Mapping[str, str]) -> None:
    """Write ``numbers/<chapter>.json``: exactly what the chapter now computes for pages to quote."""
    path = folder / "numbers" / f"{chapter}.json"
    with written(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(numbers, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_numbers(folder: Path) -> dict[str, str]:
    """Return the numbers of all chapters of a results folder, by name."""
    files = sorted((folder / "numbers").glob("*.json"))
    return {name: text for path in files for name, text in json.loads(path.read_text(encoding="utf-8")).items()}
