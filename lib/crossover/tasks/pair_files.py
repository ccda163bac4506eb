"""Question and answer pairs in the files and layouts that people have.

JSON lines, a JSON array, CSV, TSV and Parquet, packed or not; a folder or hub data set that ``datasets`` can load. The
layout is recognised by its columns and said back. Nothing is dropped without being counted, and what is not understood
is refused with its row and columns.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from crossover.errors import CrossoverError, nearest

#: What the columns of a pair may be called, the likelier name first.
ASKED = (
    *("instruction", "question", "prompt", "query", "problem", "hypothesis", "sentence2", "ctx"),
    *("input", "user", "source", "text"),
)
ANSWERED = ("response", "answer", "completion", "output", "solution", "target", "reply", "assistant", "chosen", "label")
#: What belongs to a question where it stands beside one: before it, but an instruction's input after it.
CONTEXT = ("system", "context", "passage", "input", "story", "article", "document", "sentence", "sentence1", "premise")
_CHOICES = ("choices", "options", "endings")
_OPTION = re.compile(r"(?:option|choice|answer|opt?)?[ _]?([a-j]|[1-9])", re.IGNORECASE)  # a column of one choice
_KEYS = ("answerKey", "answer_key", "correct", "answer", "label", "answer_idx")
_TURNS = ("messages", "conversations", "conversation")
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "developer": "system",
}
#: Where an object keeps its text, and what else counts as that text.
_TEXT, _ALIASES = ("text", "value", "content", "answer"), ("aliases", "normalized_aliases")
_PACKED = (".gz", ".bz2", ".zst", ".lz4", ".br")
_NOTHING = ("<noinput>", "nooutput")  # what Alpaca's files write for an empty text
NAMED = {
    ("instruction", "output"): "Alpaca",
    ("instruction", "response"): "instruction and response",
    ("prompt", "completion"): "prompt and completion",
    ("prompt", "chosen"): "preferences",
    ("question", "answer"): "question and answer",
    ("query", "response"): "query and response",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A question and its answer, empty where there is none.

    Where they stand, and other answers that are right as well.
    """

    where: str
    question: str
    answer: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """The pairs of a file, how it was read, and what was left out: ``empty`` and ``repeated`` rows, columns."""

    file: str
    layout: str
    pairs: tuple[Pair, ...]
    empty: int = 0
    repeated: int = 0
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = {
            "without an answer": sum(not pair.answer for pair in self.pairs),
            "with several right answers": sum(bool(pair.also) for pair in self.pairs),
            "rows without a question left out": self.empty,
            "repeated rows left out": self.repeated,
        }
        said = [f"{len(self.pairs):,} pairs", *(f"{n:,} {what}" for what, n in counts.items() if n)]
        unused = f"; columns not used: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.file} read as {self.layout}, {', '.join(said)}{unused}"


@dataclass(frozen=True)
class Layout:
    """How a row's columns make a question and its right answers."""

    name: str
    read: Callable[[Row], tuple[str, Sequence[str]]]
    columns: tuple[str, ...]


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
    rows = [(where, {name.strip(): value for name, value in row.items()}) for where, row in read_rows(file)]
    columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
    layout = _layout(columns, rows, file, question, answer)
    pairs: dict[tuple[str, tuple[str, ...]], Pair] = {}
    empty = repeated = 0
    for where, row in rows:
        try:
            asked, answers = layout.read(row)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as problem:
            shown = ", ".join(f"{name}={_shown(value)}" for name, value in row.items())
            raise CrossoverError(
                f"{file}, {where}: not a row of {layout.name} ({type(problem).__name__}: {problem}). It has: {shown}."
            ) from None
        first, *also = dict.fromkeys(answers) or [""]
        if not asked:
            empty += 1
        elif (asked, (first, *also)) in pairs:
            repeated += 1
        else:
            pairs[asked, (first, *also)] = Pair(where, asked, first, tuple(also))
    if not pairs:
        raise CrossoverError(f"{file} holds no pairs: {len(rows)} rows, {empty} of them without a question.")
    left_out = tuple(name for name in columns if name not in layout.columns)
    return Pairs(file, layout.name, tuple(pairs.values()), empty, repeated, left_out)


def read_rows(file: str) -> list[tuple[str, Row]]:
    """Return the rows of a file, each with its place in it (``"line 3"``)."""
    path = Path(file).expanduser()
    suffix = (path.with_suffix("") if path.suffix.lower() in _PACKED else path).suffix.lower()
    try:
        if file.startswith("hub:") or path.is_dir():
            rows = _dataset(file)
        elif suffix in (".xlsx", ".xls", ".ods"):
            raise CrossoverError(f"{file} is a spreadsheet; save the sheet as CSV.")
        else:
            import pyarrow.parquet

            with pyarrow.input_stream(str(path), compression="detect") as stream:
                data = stream.read()
            if suffix == ".parquet":
                frame = pyarrow.parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
                rows = [(f"row {i}", row) for i, row in enumerate(frame, 1)]
            else:
                rows = (_csv if suffix in (".csv", ".tsv") else _json)(file, _decoded(data))
    except FileNotFoundError:
        raise CrossoverError(f"{file} cannot be read: there is no such file.") from None
    except UnicodeDecodeError as problem:
        shown = problem.object[max(0, problem.start - 20) : problem.end].decode("ascii", "replace").split("\n")[-1]
        raise CrossoverError(f"{file} is not text in UTF-8, at {shown!r}; save it so (Excel: CSV UTF-8).") from None
    except (OSError, ValueError, csv.Error) as problem:  # pyarrow's own errors are ValueErrors
        raise CrossoverError(f"{file} cannot be read: {str(problem).strip().splitlines()[0].rstrip('.')}.") from None
    if not rows:
        raise CrossoverError(f"{file} holds no pairs.")
    return rows


def _decoded(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 where its first bytes say so."""
    return data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")


def _json(file: str, text: str) -> list[tuple[str, Row]]:
    """The rows of JSON lines, of a JSON array, or of an object that holds a list of rows, rows by name, or columns."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict):
        values = list(whole.values())
        lists = [v for v in values if isinstance(v, list) and v and all(isinstance(row, dict) for row in v)]
        if lists and not {*ASKED, *_TURNS} & set(whole):
            whole = lists[0]
        elif len(whole) > 1 and all(isinstance(v, dict) for v in values):
            known = {*ASKED, *ANSWERED, *_TURNS} & set(whole)  # columns of rows by number, or rows by name
            whole = (
                [dict(zip(whole, row, strict=True)) for row in zip(*(v.values() for v in values), strict=True)]
                if known
                else values
            )
        elif len(whole) > 1 and all(isinstance(v, list) and len(v) == len(values[0]) > 1 for v in values):
            whole = [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
    if isinstance(whole, list):
        numbered = [(f"item {i}", row) for i, row in enumerate(whole, 1)]
    else:
        numbered = []
        for number, line in enumerate(text.split("\n"), 1):  # splitlines would cut at U+2028 inside a text
            if not line.strip():
                continue
            try:
                numbered.append((f"line {number}", json.loads(line)))
            except ValueError as problem:
                raise CrossoverError(
                    f"{file}, line {number}: not JSON ({getattr(problem, 'msg', problem)}). Wanted: one JSON object per"
                    " line, one JSON array, CSV, TSV or Parquet."
                ) from None
    for where, row in numbered:
        if not isinstance(row, dict):
            wanted = '{"question": ..., "answer": ...}'
            raise CrossoverError(f"{file}, {where}: found {_shown(row)}; a row is an object, as {wanted}.")
    return numbered


def _csv(file: str, text: str) -> list[tuple[str, Row]]:
    """The rows of CSV, by the delimiter that gives most known columns, and as many fields in most rows."""
    csv.field_size_limit(len(text) + 1)

    def cut(delimiter: str, strict: bool = False) -> list[tuple[int, list[str]]]:
        found = csv.reader(io.StringIO(text), delimiter=delimiter, strict=strict)
        return [(i, row) for i, row in enumerate(found, 1) if any(row)]

    def fit(rows: list[tuple[int, list[str]]]) -> tuple[int, ...]:
        columns = rows[0][1] if rows else []
        named = sum(name.strip().lower() in (*ASKED, *ANSWERED) for name in columns)
        return len(columns) > 1, named, sum(len(row) == len(columns) for _, row in rows), len(columns)

    delimiter = max(",;\t|", key=lambda mark: fit(cut(mark)))
    rows = cut(delimiter, strict=True)  # which refuses a quote that is never closed
    columns = rows[0][1] if rows else []
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise CrossoverError(f"{file}: two columns are called {twice[0]!r}; rename one.")
    for i, row in rows:
        if len(row) > len(columns):
            raise CrossoverError(
                f"{file}, row {i}: found {len(row)} fields under the {len(columns)} columns {', '.join(columns)}. Put"
                " texts that hold the delimiter in quotes, and remove a title above the names of the columns."
            )
    return [(f"row {i}", dict(zip_longest(columns, row, fillvalue=""))) for i, row in rows[1:]]


def _dataset(file: str) -> list[tuple[str, Row]]:
    """The rows of a folder or a hub data set, by ``datasets``."""
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
        data = data[split or first]
    return [(f"row {i}", row) for i, row in enumerate(data.to_list(), 1)]


def _layout(columns: Sequence[str], rows: Sequence[tuple[str, Row]], file: str, question: str, answer: str) -> Layout:
    """The layout of a file, by its columns, or as the user says."""
    found = _recognised(columns, rows)
    if not (question or answer):
        if found:
            return found
        known = (*ASKED, *ANSWERED, *_TURNS, *_CHOICES)
        alike = [
            f"{name!r} may be {match[0]!r}"
            for name in columns
            if name not in known and (match := get_close_matches(name.lower(), known, n=1))
        ]
        hint = f" ({'; '.join(alike)})" if alike else ""
        if {*re.findall(r"\w+", " ".join(map(str, rows[0][1].values())).lower())} & {*known}:
            hint = f", but {rows[0][0]} has names of columns: remove what stands above it"
        raise CrossoverError(
            f"{file}, {rows[0][0]}: the columns {', '.join(columns)} are no known layout{hint}. The nearest is question"
            " and answer: name the columns with --question and --answer, or give templates such as"
            " '{context}\\n\\n{question}'."
        )
    sides: dict[str, Callable[[Row], Any]] = {}
    used: list[str] = []
    for side, (name, given) in enumerate((("question", question), ("answer", answer))):
        if given:
            sides[name], columns_of = _template(columns, file, name, given)
        elif found:
            sides[name], columns_of = partial(_side, found.read, side), [*found.columns]
        else:
            raise CrossoverError(
                f"{file}: cannot tell which of {', '.join(columns)} is the {name}; give --{name}, too."
            )
        used += columns_of
    if question:
        ask = sides["question"]
        sides["question"] = lambda row: "".join(ask(row)[:1])
    name = f"{question or 'recognised'} -> {answer or 'recognised'}"
    return Layout(name, lambda row: (sides["question"](row), sides["answer"](row)), tuple(used))


def _side(read: Callable[[Row], Sequence[Any]], side: int, row: Row) -> Any:
    return read(row)[side]


def _template(
    columns: Sequence[str], file: str, side: str, given: str
) -> tuple[Callable[[Row], Sequence[str]], list[str]]:
    """A reader of a column or template that the user names, and the columns in it."""
    if given in columns:
        return (lambda row: texts_of(row.get(given))), [given]
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(given) if name is not None]
    except ValueError as problem:
        raise CrossoverError(f"--{side} {given!r} is no template: {problem}.") from None
    names = [name.split("[")[0].split(".")[0] for name in fields]
    for name in names or [given]:
        if name not in columns:
            known = f"{nearest(name, columns)} It has: {', '.join(columns)}."
            raise CrossoverError(f"--{side} {given!r}: {file} has no column {name!r}.{known}")
    template = given.replace("\\n", "\n")

    def fill(row: Row) -> Sequence[str]:
        values = {name: value if isinstance(value, dict | list) else text_of(value) for name, value in row.items()}
        return [template.format(**dict.fromkeys(columns, "") | values).strip()]

    return fill, names


def _recognised(columns: Sequence[str], rows: Sequence[tuple[str, Row]]) -> Layout | None:
    """The layout that columns have, or none."""
    by_name = {name.lower(): name for name in reversed(columns)}

    def first(names: Iterable[str], *but: str) -> str:
        return next((by_name[n.lower()] for n in names if n.lower() in by_name and by_name[n.lower()] not in but), "")

    def named(names: Iterable[str], *but: str) -> list[str]:
        return [by_name[n] for n in names if n in by_name and by_name[n] not in but]

    if turns := first(_TURNS):
        return Layout(f"chat turns: {turns}", lambda row: _conversation(row[turns]), (turns,))
    asked, choices, key = first(ASKED), first(_CHOICES), first(_KEYS)
    single = {match[1].upper(): c for c in columns if (match := _OPTION.fullmatch(c))}
    options = [choices] if choices else list(single.values()) if len(single) > 1 else []
    if asked and options and key:
        texts = [*named(CONTEXT, asked, key), asked]

        def chosen(row: Row) -> tuple[str, list[str]]:
            offered = row[choices] if choices else {label: row[c] for label, c in single.items() if text_of(row.get(c))}
            return _multiple_choice([text_of(row.get(c)) for c in texts], offered, row.get(key))

        return Layout(f"choices: {' + '.join([*texts, *options])} -> {key}", chosen, (*texts, *options, key))
    answered = first(("answers",)) if asked else ""
    answered = answered or first(ANSWERED, asked)
    sample = next((row for _, row in rows if row.get(asked)), {})
    if asked and isinstance(sample.get(asked), list):  # prompt and completion as chat turns
        return Layout(
            f"chat turns: {asked} -> {answered}",
            lambda row: (_conversation(row[asked])[0], texts_of(row.get(answered))),
            (asked, answered),
        )
    misspelt = not answered and any(get_close_matches(c.lower(), ANSWERED, n=1) for c in columns if c != asked)
    if not asked or misspelt:
        return None
    contexts = named(CONTEXT, asked, answered)
    after = [c for c in contexts if c.lower() == "input" and asked.lower() == "instruction"]
    parts = [*(c for c in contexts if c not in after), asked, *after]
    name = NAMED.get((asked.lower(), answered.lower()), "question and answer")

    def read(row: Row) -> tuple[str, Sequence[str]]:
        text = "\n\n".join(filter(None, (text_of(row.get(c)) for c in parts)))
        return text if text_of(row.get(asked)) else "", texts_of(row.get(answered))

    return Layout(f"{name}: {' + '.join(parts)} -> {answered or 'nothing'}", read, (*parts, answered))


def texts_of(value: object) -> list[str]:
    """Return a value as texts, one per right answer: numbers as they are written, yes-or-no as true or false.

    >>> texts_of(4.0), texts_of(True), texts_of(float("nan")), texts_of({"text": ["Nile", "the Nile"]})
    (['4'], ['true'], [], ['Nile', 'the Nile'])
    >>> texts_of({"value": "Sinclair Lewis", "aliases": ["Harry Lewis"]})
    ['Sinclair Lewis', 'Harry Lewis']
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, dict):
        if not (named := [name for name in (*_TEXT, *_ALIASES) if name in value]):
            hint = f"; a template names one, as {{column[{min(value)}]}}" if value else ""
            raise ValueError(f"an object with {', '.join(value) or 'nothing'}{hint}")
        return texts_of([value[name] for name in named if name in (named[0], *_ALIASES)])
    if isinstance(value, list) and any(isinstance(part, dict) and {"role", "from"} & set(part) for part in value):
        return _conversation(value)[1]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return [str(int(value))]
    text = str(value).strip()
    return [text] if text and text.lower() not in _NOTHING else []


def text_of(value: object) -> str:
    """Return the first of :func:`texts_of`, empty where there is none."""
    return next(iter(texts_of(value)), "")


def _conversation(turns: Any) -> tuple[str, list[str]]:
    """The question and answer of a conversation: all before the last assistant's turn, and that turn."""
    said = []
    for turn in json.loads(turns) if isinstance(turns, str) else turns:
        role = str(turn.get("role") or turn.get("from") or "").lower()
        content = turn.get("content") if "content" in turn else turn.get("value")
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        said.append((_ROLES.get(role, role), text_of(content)))
    if unknown := [role for role, _ in said if role not in ("system", "user", "assistant")]:
        raise ValueError(f"a turn of {unknown[0]!r}; turns are of system, user and assistant")
    roles = [role for role, _ in said]
    last = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else len(said)
    before, answer = [(role, text) for role, text in said[:last] if text], [text for _, text in said[last : last + 1]]
    if [role for role, _ in before if role != "system"] == ["user"]:
        return "\n\n".join(text for _, text in before), answer
    return "\n\n".join(text if role == "system" else f"{role.capitalize()}: {text}" for role, text in before), answer


def _multiple_choice(asked: Sequence[str], choices: Any, key: object) -> tuple[str, list[str]]:
    """A question with its options on lines of their own, and the letter of the right one."""
    if isinstance(choices, str):
        choices = json.loads(choices)
    if isinstance(choices, dict) and "text" in choices:
        texts, labels = choices["text"], choices.get("label", ())
    elif isinstance(choices, dict):
        texts, labels = choices.values(), choices
    else:
        texts = [c.get("text") if isinstance(c, dict) else c for c in choices]
        labels = [c["label"] for c in choices if isinstance(c, dict) and "label" in c]
    options, labels, right = [text_of(t) for t in texts], [str(label) for label in labels], text_of(key)
    letters = string.ascii_uppercase[: len(options)]
    text = "\n".join([*filter(None, asked), *(f"{letter}) {t}" for letter, t in zip(letters, options, strict=True))])
    if not asked[-1] or not right:
        return text if asked[-1] else "", []
    for known in (labels, options, list(letters), list(letters.lower()), [str(i) for i in range(len(options))]):
        if right in known:
            return text, [letters[known.index(right)]]
    raise ValueError(f"{right!r} is none of the choices {', '.join(labels or letters)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
