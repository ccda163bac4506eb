"""Question and answer pairs in the files and layouts that people have.

JSON lines, a JSON array, CSV, TSV and Parquet, packed or not; a folder or hub data set that ``datasets`` can load. The
layout is recognised by its columns and said back. Nothing is dropped without being counted, and what is not understood
is refused with its row and columns.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet

from crossover.errors import CrossoverError, nearest
from crossover.labels import counted
from crossover.tasks import pair_layouts
from crossover.tasks.pair_texts import (
    Row,
    ToolTurn,
    is_id,
    is_unanswerable,
    label_of,
    listed,
    plain,
    role_of,
    shown,
    structure,
)

#: How packed files begin, and files that hold no pairs, with what to do about them.
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_OTHER = {
    b"PK\x03\x04": "a spreadsheet or an archive: save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save the sheet as CSV",
    b"\xfd7zXZ": "packed by xz: unpack it",
    b"SQLite format 3": "a database: export the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS: get the file by git lfs pull",
    b"<!doctype html": "a web page: get the file itself",
    b"<html": "a web page: get the file itself",
}
#: The head of notes that Anki exports, and how it calls what is between fields.
_ANKI = re.compile(
    r"(?:#(?:separator|html|columns|if matches|(?:tags|notetype|deck|guid)(?: column)?):[^\n]*\n)+", re.IGNORECASE
)
_BETWEEN = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " "}
#: How chat turns begin as a text.
_CHAT = re.compile(
    r"""\[\s*\{\s*['"](?:role|from|content|value)['"]:.*['"](?:content|from|role|value)['"]:""", re.DOTALL
)


@dataclass(frozen=True)
class Pair:
    """A question and its answer, empty where there is none; where they stand, and other right answers."""

    where: str
    question: str
    answer: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """The pairs of a file, how it was read, and what was left out: columns, and how many rows, by why."""

    file: str
    layout: str
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...]
    dropped: Mapping[str, int]

    def __str__(self) -> str:
        counts = {
            "without an answer": sum(not pair.answer for pair in self.pairs),
            "with several right answers": sum(bool(pair.also) for pair in self.pairs),
            "asked again with another answer": len(self.pairs) - len({pair.question for pair in self.pairs}),
        }
        said = [counted(len(self.pairs), "pair"), *(f"{n:,} {what}" for what, n in counts.items() if n)]
        said += [f"{counted(n, 'row')} {why} left out" for why, n in self.dropped.items()]
        unused = f"; columns not used: {listed(self.left_out)}" if self.left_out else ""
        return f"{self.file} read as {self.layout}, {', '.join(said)}{unused}"


def read_pairs(file: str, question: str = "", answer: str = "") -> Pairs:
    """Return the pairs of a path, a folder for ``datasets``, or ``hub:org/name[/configuration][:split]``.

    ``question`` and ``answer`` name columns, or templates of them such as ``"{context}\\n\\n{question}"``; empty, the
    layout is recognised. A :class:`CrossoverError` names the row and columns of what cannot be read, is not understood,
    or holds no pairs.
    """
    path = Path(file).expanduser()
    written = os.stat(path).st_mtime_ns if path.is_file() else 0  # a changed file is read again
    return _read(file, question, answer, written)


@lru_cache(maxsize=8)
def _read(file: str, question: str, answer: str, written: int) -> Pairs:
    name, found = read_rows(file)
    named = {part for given in (question, answer) if given for part in pair_layouts.columns_in(given)}
    whole = bool(named) and named <= {name.strip() for _, row in found for name in row}
    rows: list[tuple[str, Row]] = []
    for where, row in found if whole else _threads(found):
        stripped = {name.strip(): value for name, value in row.items()}
        try:
            rows += [(where, part) for part in ([stripped] if whole else pair_layouts.lifted(stripped))]
        except ValueError as problem:
            raise CrossoverError(f"{file}, {where}: {problem}.") from None
        if len(stripped) < len(row):
            names = ", ".join(map(repr, row))
            raise CrossoverError(f"{file}, {where}: two columns have one name but for spaces: {names}.")
    columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
    layout = pair_layouts.layout_of(columns, rows, file, question, answer)
    pairs: dict[tuple[str, tuple[str, ...]], Pair] = {}
    dropped = Counter[str]()
    for where, row in rows:
        if layout.verdict and not pair_layouts.VERDICTS.get(label_of(row.get(layout.verdict))):
            dropped["with a rejected or unjudged answer"] += 1
            continue
        try:
            asked, answers = layout.read(row)
        except ToolTurn:
            dropped["with calls of tools"] += 1
            continue
        except pair_layouts.UNREADABLE as problem:
            has = ", ".join(f"{name}={shown(value)}" for name, value in row.items())
            why = f"no {problem}" if isinstance(problem, KeyError) else f"{type(problem).__name__}: {problem}"
            raise CrossoverError(f"{file}, {where}: not a row of {layout.name} ({why}). It has: {has}.") from None
        first, *also = dict.fromkeys(answers) or [""]
        if not asked:
            dropped["without a question"] += 1
        elif not first and layout.answer and is_unanswerable(structure(row.get(layout.answer))):
            dropped["with an empty list of answers"] += 1
        elif (asked, (first, *also)) in pairs:
            dropped["repeating others"] += 1
        else:
            pairs[asked, (first, *also)] = Pair(where, asked, first, tuple(also))
    if not pairs:
        why = ", ".join(f"{n} of them {why}" for why, n in dropped.items())
        raise CrossoverError(f"{file} holds no pairs: {counted(len(rows), 'row')}, {why}.")
    left_out = tuple(name for name in columns if name and name not in (*layout.columns, layout.verdict))
    others = [name for name in left_out if not is_id(name)]
    if others and not (question or answer or any(pair.answer for pair in pairs.values())):
        options = pair_layouts.suggested(rows[0][1])
        asked, told = (f", as {options[s]}," if s in options else f" by --{s}" for s in ("question", "answer"))
        raise CrossoverError(
            f"{file} read as {layout.name}: no answers, and none of the columns {listed(others)} is known to hold"
            f" them. Name one{told} or the questions alone{asked} to have the teacher answer them."
        )
    return Pairs(name, layout.name, tuple(pairs.values()), left_out, dropped)


def _threads(rows: list[tuple[str, Row]]) -> list[tuple[str, Row]]:
    """The conversations up to each reply, or unanswered message, where rows name the message before, as in OASST."""
    if not all({"message_id", "parent_id", "role", "text"} <= row.keys() for _, row in rows):
        return rows
    known = {row["message_id"]: row for _, row in rows}

    def turns(row: Row | None) -> list[Row]:
        said: dict[Any, Row] = {}
        while row and row["message_id"] not in said:
            said[row["message_id"]] = {"role": row["role"], "content": row["text"]}
            row = known.get(row["parent_id"])
        return [*said.values()][::-1]

    answered = {row["parent_id"] for _, row in rows}
    ends = [(where, row) for where, row in rows if role_of(row) == "assistant" or row["message_id"] not in answered]
    return [(where, {"messages": turns(row)}) for where, row in ends]


def read_rows(file: str) -> tuple[str, list[tuple[str, Row]]]:
    """Return a file's name, with the split that was read, and its rows, each with its place in it (``"line 3"``)."""
    path = Path(file).expanduser()
    if not file.removeprefix("hub:"):
        raise CrossoverError(f"{file!r} names no pairs. Give a file, a folder, or hub:org/name.")
    try:
        is_file = not (file.startswith("hub:") or path.is_dir())
        name, rows = (file, _file(file, path)) if is_file else _dataset(file)
    except FileNotFoundError:
        raise CrossoverError(f"{file} cannot be read: there is no such file.") from None
    except UnicodeDecodeError as problem:
        if b"\0" in problem.object:
            raise CrossoverError(f"{file} is not text: save the pairs as CSV, JSON lines or Parquet.") from None
        before, after = problem.object[: problem.start], problem.object[problem.start :]
        near = (before.rpartition(b"\n")[2][-20:] + after.partition(b"\n")[0][:20]).decode("cp1252", "replace").strip()
        raise CrossoverError(
            f"{file} is not text in UTF-8: save it so (Excel: CSV UTF-8), or convert it, as by iconv -f WINDOWS-1252 -t"
            f" UTF-8, if {near!r} is right."
        ) from None
    except (OSError, ValueError) as problem:  # pyarrow's own errors are ValueErrors
        raise CrossoverError(f"{file} cannot be read: {str(problem).strip().splitlines()[0].rstrip('.')}.") from None
    if not rows:
        raise CrossoverError(f"{file} holds no pairs.")
    return name, rows


def _file(file: str, path: Path) -> list[tuple[str, Row]]:
    """The rows of one file, by what it begins with and how it is called."""
    data = path.read_bytes()
    if codec := next((codec for magic, codec in _PACKED.items() if data.startswith(magic)), ""):
        with pyarrow.CompressedInputStream(pyarrow.BufferReader(data), codec) as stream:
            data = stream.read()
    if other := next((what for magic, what in _OTHER.items() if data[:40].lower().startswith(magic.lower())), ""):
        raise CrossoverError(f"{file} is {other}.")
    if data.startswith(b"PAR1") or ".parquet" in path.suffixes:
        return _table(pyarrow.parquet.read_table(pyarrow.BufferReader(data)))
    if data.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        opened = pyarrow.ipc.open_file if data.startswith(b"ARROW1") else pyarrow.ipc.open_stream
        return _table(opened(data).read_all())
    text = data.decode(json.detect_encoding(data))
    named = {suffix.lower() for suffix in path.suffixes}
    is_json = not named & {".csv", ".tsv"} and (named & {".json", ".jsonl"} or text.lstrip()[:1] in ("{", "["))
    return (_json if is_json else _csv)(file, text)


def _json(file: str, text: str) -> list[tuple[str, Row]]:
    """The rows of JSON objects one after the other, of an array, or of an object that holds rows or columns."""
    decoder, between = json.JSONDecoder(strict=False), re.compile(r"[\s,]*")
    found: list[tuple[str, Any]] = []
    line, at, end = 1, 0, 0
    while (at := between.match(text, end).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
        line += text.count("\n", end, at)
        try:
            value, after = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as problem:
            raise CrossoverError(
                f"{file}, line {getattr(problem, 'lineno', line)}: not JSON ({getattr(problem, 'msg', problem)})."
                " Wanted: one JSON object per line, one JSON array, CSV, TSV or Parquet."
            ) from None
        found.append((f"line {line}", value))
        line, end = line + text.count("\n", at, after), after
    if len(found) == 1:
        whole = found[0][1]
        rows = _rows_in(whole) if isinstance(whole, dict) else whole
        if isinstance(rows, list) and rows != [whole]:
            found = [(f"item {i}", row) for i, row in enumerate(rows, 1)]
    for where, row in found:
        if not isinstance(row, dict):
            wanted = '{"question": ..., "answer": ...}'
            raise CrossoverError(f"{file}, {where}: found {shown(row)}; a row is an object, as {wanted}.")
    return found


def _rows_in(whole: Row) -> list[Row]:
    """The rows of an object that is all of a file: a column per name, rows by name, or one row."""
    values, known = list(whole.values()), {*pair_layouts.ASKED, *pair_layouts.TURNS}
    alike = {(type(v), len(v)) for v in values if isinstance(v, dict | list)}
    asked = {*map(plain, whole)} & known
    if len(values) > 1 and len(alike) == 1 and all(isinstance(v, dict | list) for v in values):
        ((kind, length),) = alike
        turns = kind is list and length and all(isinstance(v[0], dict) for v in values)
        if asked and (kind is dict or length > 1) and not turns:
            return pd.DataFrame(whole).to_dict("records")
        if kind is dict:
            return values
    rows = [v for v in values if isinstance(v, dict)]
    if not asked and len(rows) > 1 and 2 * sum(bool({*map(plain, row)} & known) for row in rows) > len(values):
        beside = {name: value for name, value in whole.items() if not isinstance(value, dict)}
        return [beside | row for row in rows]
    return pair_layouts.lifted(whole)


def _csv(file: str, text: str) -> list[tuple[str, Row]]:
    """The rows of CSV, by the delimiter that gives most known columns, and as many fields in most rows."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # of the whole process: never lowered
    if head := _ANKI.match(text := text.replace("\r\n", "\n")):
        text = _notes(head[0], text[head.end() :])
    said = re.match(r"sep=(.)\n", text)  # Excel's own first line
    text = text[said.end() :] if said else text

    def cut(delimiter: str, strict: bool = False) -> list[tuple[int, list[str]]]:
        found = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=strict)
        try:
            return [(i, row) for i, row in enumerate(found, 1) if any(field.strip(" :-") for field in row)]
        except csv.Error as problem:
            raise CrossoverError(
                f"{file}, line {found.line_num}: {problem}. Close each quote, and write one in a quoted text twice."
            ) from None

    def fit(rows: list[tuple[int, list[str]]]) -> tuple[int, ...]:
        columns = rows[0][1] if rows else []
        named = sum(plain(name) in (*pair_layouts.ASKED, *pair_layouts.ANSWERED) for name in columns)
        return len(columns) > 1, named, sum(len(row) == len(columns) for _, row in rows), len(columns)

    rows = cut(said[1] if said else max(",;\t|", key=lambda mark: fit(cut(mark))), strict=True)
    columns = [name.strip() for name in rows[0][1]] if rows else []
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise CrossoverError(f"{file}: two columns are called {twice[0]!r}; rename one.")
    for i, row in rows:
        if len(row) > len(columns):
            raise CrossoverError(
                f"{file}, row {i}: found {len(row)} fields under the {len(columns)} columns {listed(columns)}. Put"
                " texts that hold the delimiter in quotes, and remove a title above the names of the columns."
            )
    if len(rows) == 1:
        raise CrossoverError(f"{file} holds the names of columns ({', '.join(columns)[:80]}) and no row.")
    named: list[tuple[str, Row]] = [(f"row {i}", dict(zip_longest(columns, row, fillvalue=""))) for i, row in rows[1:]]
    _unpack_texts(file, named, columns)
    return named


def _notes(head: str, text: str) -> str:
    """The notes that Anki exports, as CSV with the names of fields above them and without HTML."""
    from bs4 import BeautifulSoup

    about = dict(line[1:].lower().split(":", 1) for line in head.splitlines())
    said = about.get("separator", "tab").strip(" ")
    if len(between := _BETWEEN.get(said, said)) != 1:
        raise ValueError(f"#separator:{said} is no single character; write one, or {', '.join(_BETWEEN)}")
    rows = [*csv.reader(io.StringIO(text, newline=""), delimiter=between)]
    others = {int(at) - 1: what.removesuffix(" column") for what, at in about.items() if what.endswith(" column")}
    fields = iter(["front", "back", *(f"field {i}" for i in range(3, 99))])
    named = next(csv.reader([about.get("columns", "")], delimiter=between), [])
    names = named or [others.get(i) or next(fields) for i in range(max(map(len, rows), default=0))]
    if about.get("html") == "true":
        breaks = re.compile(r"<(?:br|/?div|/?p)\b[^>]*>", re.IGNORECASE)
        rows = [[BeautifulSoup(breaks.sub("\n", cell), "html.parser").get_text() for cell in row] for row in rows]
    written = io.StringIO("")
    csv.writer(written).writerows([names, *rows])
    return f"sep=,\n{written.getvalue()}"


def _dataset(file: str) -> tuple[str, list[tuple[str, Row]]]:
    """The name and rows of a folder or a hub data set, by ``datasets``: of one split, which is in the name."""
    import datasets

    name, _, split = file.removeprefix("hub:").partition(":")
    name, _, configuration = name.rpartition("/") if name.count("/") == 2 else (name, "", "")
    if not file.startswith("hub:"):
        name, split, configuration = str(Path(file).expanduser()), "", ""
    try:
        if any((Path(name) / saved).exists() for saved in ("dataset_info.json", "dataset_dict.json")):
            data = datasets.load_from_disk(name)
        else:
            data = datasets.load_dataset(name, *filter(None, [configuration]))
    except Exception as problem:  # noqa: BLE001 - anything that the library raises: the user needs its words
        said = " ".join(str(problem).split())[:300]
        hint = f" Name one, as {file.partition(':')[0]}:{name}/configuration." if "onfig name" in said else ""
        raise CrossoverError(f"{file} cannot be read by datasets: {said}.{hint}") from None
    if isinstance(data, dict):
        if split and split not in data:
            raise CrossoverError(f"{file} has no split {split!r}. It has: {', '.join(data)}.{nearest(split, data)}")
        first = "train" if "train" in data else next(iter(data))
        if not split and len(data) > 1 and first != "train":
            raise CrossoverError(f"{file} has the splits {', '.join(data)}; name one, as {file}:{first}.")
        file += "" if split or len(data) == 1 else f":{first}"
        data = data[split or first]
    return file, _table(data.with_format("arrow")[:])


def _table(table: pyarrow.Table) -> list[tuple[str, Row]]:
    """The rows of a table, with the names of classes where ``datasets`` stores numbers."""
    rows = table.to_pylist()
    about = json.loads((table.schema.metadata or {}).get(b"huggingface", "{}"))
    for column, kind in about.get("info", {}).get("features", {}).items():
        if isinstance(kind, dict) and kind.get("_type") == "ClassLabel":
            names = dict(enumerate(kind["names"]))
            for row in rows:
                if isinstance(row.get(column), int):
                    row[column] = names.get(row[column])
    return [(f"row {i}", row) for i, row in enumerate(rows, 1)]


def _unpack_texts(file: str, rows: Sequence[tuple[str, Row]], columns: Sequence[str]) -> None:
    """Read the lists and objects that a table holds as texts, in columns whose names say so and in chat turns."""
    for name in columns:
        texts = [(where, row[name]) for where, row in rows if row[name]]
        if not all(text[:1] in ("[", "{") for _, text in texts):
            continue
        named = plain(name) in pair_layouts.STRUCTURES or all(_CHAT.match(text) for _, text in texts)
        try:
            values = [structure(text) for _, text in texts] if named else []
        except ValueError as problem:
            raise CrossoverError(f"{file}, {texts[0][0]}, column {name}: {problem}.") from None
        if values and all(_is_structure(value) for value in values):
            for _, row in rows:
                row[name] = structure(row[name]) if row[name] else None


def _is_structure(value: Any) -> bool:
    """Whether a value is an object, or a list that is not of numbers: those are texts such as intervals."""
    return isinstance(value, dict) or bool(value and not any(isinstance(part, int | float) for part in value))
