"""Question and answer pairs in the files and layouts that people have.

JSON lines, a JSON array, CSV, TSV and Parquet; a folder that ``datasets`` can load, or ``hub:org/name[:split]``. The layout is
recognised by its columns and said back. Nothing is dropped without being counted, and what is not understood is refused with its
row, its columns and the nearest layout.
"""

from __future__ import annotations

import io
import json
import math
import os
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from crossover.errors import CrossoverError, nearest

#: What the columns of a pair may be called, the likelier name first.
ASKED = ("instruction", "question", "prompt", "query", "problem", "input", "user", "source", "text")
ANSWERED = ("response", "answer", "completion", "output", "solution", "target", "reply", "assistant", "chosen", "label")
#: What belongs to a question where it stands beside one: before it, but an instruction's input after it.
CONTEXT = ("system", "context", "passage", "input", "story", "article", "document", "sentence", "premise")
_CHOICES = ("choices", "options")
_KEYS = ("answerKey", "answer_key", "correct", "answer", "label", "answer_idx")
_TURNS = ("messages", "conversations", "conversation")
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "model": "assistant"}
NAMED = {
    ("instruction", "output"): "Alpaca",
    ("instruction", "response"): "instruction and response",
    ("prompt", "completion"): "prompt and completion",
    ("prompt", "chosen"): "preferences",
    ("question", "answer"): "question and answer",
    ("query", "response"): "query and response",
}

Row = dict[str, object]


@dataclass(frozen=True)
class Pair:
    """A question and its answer, empty where there is none, and where they stand."""

    where: str
    question: str
    answer: str


@dataclass(frozen=True)
class Pairs:
    """The pairs of a file.

    ``layout`` says how it was read; ``empty`` rows without a question, ``repeated`` rows and columns that are ``left_out`` are
    counted.
    """

    file: str
    layout: str
    pairs: tuple[Pair, ...]
    empty: int = 0
    repeated: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def unanswered(self) -> int:
        """Questions without an answer."""
        return sum(not pair.answer for pair in self.pairs)

    def __str__(self) -> str:
        counts = [f"{len(self.pairs):,} pairs"]
        for n, what in ((self.unanswered, "without an answer"), (self.empty, "rows without a question left out"),
                        (self.repeated, "repeated rows left out")):  # fmt: skip
            counts += [f"{n:,} {what}"] if n else []
        unused = f"; columns not used: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.file} read as {self.layout}, {', '.join(counts)}{unused}"


@dataclass(frozen=True)
class Layout:
    """How a row's columns make a pair."""

    name: str
    read: Callable[[Row], tuple[str, str]]
    columns: tuple[str, ...]


def read_pairs(file: str, question: str = "", answer: str = "") -> Pairs:
    """Return the pairs of a file.

    Parameters
    ----------
    file : str
        A path, a folder for ``datasets``, or ``hub:org/name[:split]``.
    question, answer : str
        Names of columns, or templates of them such as ``"{context}\\n\\n{question}"``; empty to recognise the layout.

    Raises
    ------
    CrossoverError
        The file cannot be read, is not understood, or holds no pairs; the message names the row and its columns.
    """
    path = Path(file).expanduser()
    written = os.stat(path).st_mtime_ns if path.is_file() else 0  # a changed file is read again
    return _read(file, question, answer, written)


@lru_cache(maxsize=8)
def _read(file: str, question: str, answer: str, written: int) -> Pairs:
    rows = read_rows(file)
    columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
    layout = _layout(columns, rows, file, question, answer)
    pairs: dict[tuple[str, str], Pair] = {}
    empty = repeated = 0
    for where, row in rows:
        try:
            asked, answered = layout.read(row)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as problem:
            raise CrossoverError(
                f"{file}, {where}: not a row of {layout.name} ({type(problem).__name__}: {problem}). It has: "
                f"{', '.join(f'{name}={_shown(value)}' for name, value in row.items())}."
            ) from None
        if not asked:
            empty += 1
        elif (asked, answered) in pairs:
            repeated += 1
        else:
            pairs[asked, answered] = Pair(where, asked, answered)
    if not pairs:
        raise CrossoverError(f"{file} holds no pairs: {len(rows)} rows, {empty} of them without a question.")
    left_out = tuple(name for name in columns if name not in layout.columns)
    return Pairs(file, layout.name, tuple(pairs.values()), empty, repeated, left_out)


def read_rows(file: str) -> list[tuple[str, Row]]:
    """Return the rows of a file, each with its place in it (``"line 3"``).

    Raises
    ------
    CrossoverError
        The file is missing, in another encoding or format, or broken.
    """
    if file.startswith("hub:"):
        rows = _dataset(file)
    else:
        path = Path(file).expanduser()
        if not path.exists():
            raise CrossoverError(f"{file} cannot be read: there is no such file.")
        suffix = "".join(path.suffixes[-1:]).lower()
        try:
            if path.is_dir():
                rows = _dataset(file)
            elif suffix in (".csv", ".tsv", ".parquet"):
                rows = _table(file, suffix)
            else:
                rows = _json(file, path.read_bytes().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise CrossoverError(f"{file} is not text in UTF-8; save it so.") from None
        except OSError as problem:
            raise CrossoverError(f"{file} cannot be read: {problem.strerror or problem}.") from None
    if not rows:
        raise CrossoverError(f"{file} holds no pairs.")
    return rows


def _json(file: str, text: str) -> list[tuple[str, Row]]:
    """The rows of JSON lines, of a JSON array, or of an object with one list of rows in it."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and not {*ASKED, *_TURNS} & set(whole):
        whole = next((v for v in whole.values() if isinstance(v, list)), whole)
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
                    f"{file}, line {number}: not JSON ({getattr(problem, 'msg', problem)}). Wanted: one JSON object per line, one "
                    "JSON array, CSV, TSV or Parquet."
                ) from None
    for where, row in numbered:
        if not isinstance(row, dict):
            raise CrossoverError(
                f'{file}, {where}: found {_shown(row)}; a row is an object, as {{"question": ..., "answer": ...}}.'
            )
    return numbered


def _table(file: str, suffix: str) -> list[tuple[str, Row]]:
    """The rows of CSV, TSV or Parquet."""
    import pandas as pd

    try:
        if suffix == ".parquet":
            frame = pd.read_parquet(Path(file).expanduser())
        else:
            text = Path(file).expanduser().read_text(encoding="utf-8-sig")
            separator = "\t" if suffix == ".tsv" else "," if "," in text.split("\n", 1)[0] else None
            given = {"dtype": str, "keep_default_na": False, "engine": "python"}
            frame = pd.read_csv(io.StringIO(text), sep=separator, **given)
    except UnicodeDecodeError:
        raise
    except (ValueError, OSError) as problem:  # pandas' and pyarrow's own errors are ValueErrors
        raise CrossoverError(f"{file} cannot be read: {str(problem).strip().splitlines()[0]}") from None
    first = 1 if suffix == ".parquet" else 2
    return [(f"row {i}", row) for i, row in enumerate(_plain(frame.to_dict("records")), first)]


def _dataset(file: str) -> list[tuple[str, Row]]:
    """The rows of a folder or a hub data set, by ``datasets``."""
    import datasets

    name, _, split = file.removeprefix("hub:").partition(":")
    name = name if file.startswith("hub:") else str(Path(file).expanduser())
    try:
        if (Path(name) / "dataset_info.json").exists() or (Path(name) / "dataset_dict.json").exists():
            data = datasets.load_from_disk(name)
        else:
            data = datasets.load_dataset(name)
    except Exception as problem:  # noqa: BLE001 - anything that the library raises: the user needs its words
        raise CrossoverError(f"{file} cannot be read by datasets: {str(problem).strip().splitlines()[0]}") from None
    if isinstance(data, dict):
        if split and split not in data:
            raise CrossoverError(f"{file} has no split {split!r}. It has: {', '.join(data)}.{nearest(split, data)}")
        if not split and len(data) > 1 and "train" not in data:
            raise CrossoverError(f"{file} has the splits {', '.join(data)}; name one, as {file}:{next(iter(data))}.")
        data = data[split or ("train" if "train" in data else next(iter(data)))]
    return [(f"row {i}", row) for i, row in enumerate(_plain(data.to_list()), 1)]


def _plain(value: object) -> object:
    """Arrays as lists, at any depth."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _layout(columns: Sequence[str], rows: Sequence[tuple[str, Row]], file: str, question: str, answer: str) -> Layout:
    """The layout of a file, by its columns, or as the user says."""
    found = _recognised(columns, rows)
    if not (question or answer):
        if found:
            return found
        where = rows[0][0]
        known = (*ASKED, *ANSWERED, *_TURNS, *_CHOICES)
        alike = [f"{name!r} may be {match[0]!r}" for name in columns if name not in known and (match := get_close_matches(name.lower(), known, n=1))]  # fmt: skip
        raise CrossoverError(
            f"{file}, {where}: the columns {', '.join(columns)} are no known layout{' (' + '; '.join(alike) + ')' if alike else ''}. "
            "The nearest is question and answer: name the columns with --question and --answer, or give templates such as "
            "'{context}\\n\\n{question}'."
        )
    read, used = [], []
    for side, name, given in ((0, "question", question), (1, "answer", answer)):
        if given:
            fill, named = _template(columns, file, name, given)
            read.append(fill)
            used += named
        elif found:
            read.append(lambda row, side=side: found.read(row)[side])
            used += found.columns
        else:
            raise CrossoverError(
                f"{file}: which of {', '.join(columns)} is the {name} is not plain; give --{name}, too."
            )
    name = f"{question or 'recognised'} -> {answer or 'recognised'}"
    return Layout(name, lambda row: (read[0](row), read[1](row)), tuple(used))


def _template(columns: Sequence[str], file: str, side: str, given: str) -> tuple[Callable[[Row], str], list[str]]:
    """A reader of a column or template that the user names, and the columns in it."""
    if given in columns:
        return (lambda row: text_of(row.get(given))), [given]
    try:
        names = [
            name.split("[")[0].split(".")[0] for _, name, _, _ in string.Formatter().parse(given) if name is not None
        ]
    except ValueError as problem:
        raise CrossoverError(f"--{side} {given!r} is no template: {problem}.") from None
    for name in names or [given]:
        if name not in columns:
            known = f"{nearest(name, columns)} It has: {', '.join(columns)}."
            raise CrossoverError(f"--{side} {given!r}: {file} has no column {name!r}.{known}")
    template = given.replace("\\n", "\n")

    def fill(row: Row) -> str:
        values = {name: value if isinstance(value, dict | list) else text_of(value) for name, value in row.items()}
        return template.format(**dict.fromkeys(columns, "") | values).strip()

    return fill, names


def _recognised(columns: Sequence[str], rows: Sequence[tuple[str, Row]]) -> Layout | None:
    """The layout that columns have, or none."""
    by_name = {name.lower(): name for name in reversed(columns)}

    def first(names: Sequence[str], but: Sequence[str] = ()) -> str:
        return next((by_name[n.lower()] for n in names if n.lower() in by_name and by_name[n.lower()] not in but), "")

    if turns := first(_TURNS):
        return Layout(f"chat turns: {turns}", lambda row: _conversation(row[turns]), (turns,))
    asked = first(ASKED)
    choices = first(_CHOICES)
    key = first(_KEYS)
    if asked and choices and key:
        contexts = [c for name in CONTEXT if (c := by_name.get(name)) and c not in (asked, key)]
        return Layout(
            f"choices: {' + '.join([*contexts, asked, choices])} -> {key}",
            lambda row: _multiple_choice([text_of(row.get(c)) for c in (*contexts, asked)], row[choices], row.get(key)),
            (*contexts, asked, choices, key),
        )
    if asked and (answers := first(("answers",))):
        answered = answers
    else:
        answered = first(ANSWERED, but=(asked,))
    sample = next((row for _, row in rows if row.get(asked)), {})
    if asked and isinstance(sample.get(asked), list):  # prompt and completion as chat turns
        return Layout(
            f"chat turns: {asked} -> {answered}",
            lambda row: (
                _conversation([*row[asked], {"role": "assistant", "content": ""}])[0],
                _last_turn(row.get(answered)),
            ),
            (asked, answered),
        )
    misspelt = not answered and any(get_close_matches(c.lower(), ANSWERED, n=1) for c in columns if c != asked)
    if not asked or misspelt:
        return None
    contexts = [c for name in CONTEXT if (c := by_name.get(name)) and c not in (asked, answered)]
    before = [c for c in contexts if not (c.lower() == "input" and asked.lower() == "instruction")]
    after = [c for c in contexts if c not in before]
    parts = [*before, asked, *after]
    name = NAMED.get((asked.lower(), answered.lower()), "question and answer")
    return Layout(
        f"{name}: {' + '.join(parts)} -> {answered or 'nothing'}",
        lambda row: (
            "\n\n".join(filter(None, (text_of(row.get(c)) for c in parts))) if text_of(row.get(asked)) else "",
            text_of(row.get(answered)),
        ),
        (*parts, answered),
    )


def text_of(value: object) -> str:
    """Return a value as text: a number as it is written, yes-or-no as true or false, the first of several answers.

    >>> text_of(4), text_of(4.5), text_of(True), text_of(float("nan")), text_of({"text": ["Nile", "the Nile"]}), text_of(None)
    ('4', '4.5', 'true', '', 'Nile', '')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        for name in ("text", "value", "content", "answer"):
            if name in value:
                return text_of(value[name])
        raise ValueError(f"an object with {', '.join(value)}")
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _conversation(turns: object) -> tuple[str, str]:
    """The question and answer of a conversation: all before the last assistant's turn, and that turn."""
    if isinstance(turns, str):
        turns = json.loads(turns)
    said = []
    for turn in turns:
        role = str(turn.get("role") or turn.get("from") or "").lower()
        content = turn.get("content") if "content" in turn else turn.get("value")
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        said.append((_ROLES.get(role, role), text_of(content)))
    if unknown := [role for role, _ in said if role not in ("system", "user", "assistant")]:
        raise ValueError(f"a turn of {unknown[0]!r}; turns are of system, user and assistant")
    last = max((i for i, (role, _) in enumerate(said) if role == "assistant"), default=len(said))
    before = [(role, text) for role, text in said[:last] if text]
    answer = said[last][1] if last < len(said) else ""
    if sum(role == "user" for role, _ in before) == 1 and not any(role == "assistant" for role, _ in before):
        return "\n\n".join(text for _, text in before), answer
    return "\n\n".join(text if role == "system" else f"{role.capitalize()}: {text}" for role, text in before), answer


def _last_turn(value: object) -> str:
    return _conversation([{"role": "user", "content": "?"}, *value])[1] if isinstance(value, list) else text_of(value)


def _multiple_choice(asked: Sequence[str], choices: object, key: object) -> tuple[str, str]:
    """A question with its options on lines of their own, and the letter of the right one."""
    if isinstance(choices, str):
        choices = json.loads(choices)
    if isinstance(choices, dict) and "text" in choices:
        texts, labels = choices["text"], [str(label) for label in choices.get("label", ())]
    elif isinstance(choices, dict):
        texts, labels = list(choices.values()), [str(label) for label in choices]
    else:
        texts = [c.get("text") if isinstance(c, dict) else c for c in choices]
        labels = [str(c["label"]) for c in choices if isinstance(c, dict) and "label" in c]
    letters = string.ascii_uppercase[: len(texts)]
    text = "\n".join(
        [*filter(None, asked), *(f"{letter}) {text_of(t)}" for letter, t in zip(letters, texts, strict=True))]
    )
    right = text_of(key)
    if not asked[-1] or not right:
        return (text if asked[-1] else ""), ""
    options = [text_of(t) for t in texts]
    if right in labels:
        place = labels.index(right)
    elif right in options:
        place = options.index(right)
    elif len(right) == 1 and right.upper() in letters:
        place = letters.index(right.upper())
    elif right.isdigit() and int(right) < len(texts):
        place = int(right)
    else:
        raise ValueError(f"{right!r} is none of the choices {', '.join(labels or letters)}")
    return text, letters[place]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
