"""The layouts of question and answer pairs: which columns make a question, and which its right answers."""

from __future__ import annotations

import ast
import json
import math
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

from crossover.errors import CrossoverError, nearest

#: What the columns of a pair may be called, the likelier name first, in lower case without spaces and marks.
ASKED = (
    *("instruction", "question", "prompt", "query", "problem", "hypothesis", "sentence2", "ctx", "stem"),
    *("questionstem", "goal", "input", "inputs", "text", "sentence", "q", "user", "source"),
)
_ORIGINS = {"user", "source"}  # which more often say where a row is from
ANSWERED = (
    *("response", "answer", "completion", "output", "solution", "target", "targets", "reply", "assistant", "chosen"),
    *("preferredoutput", "correctanswer", "bestanswer", "finalanswer", "canonicalsolution", "code", "label", "a"),
)
#: What belongs to a question where it stands beside one: before it, but an instruction's input after it.
CONTEXT = (
    *("system", "systemprompt", "history", "context", "passage", "support", "body", "input", "story"),
    *("article", "document", "sentence", "sentence1", "premise"),
)
_CHOICES = ("choices", "options", "endings")
_OPTION = re.compile(r"(?:option|choice|answer|sol|opt?)?([a-j]|[1-9])")  # a column of one choice
_KEYS = (
    *("answerkey", "correct", "correctoption", "correctanswer", "cop"),
    *("answer", "label", "answeridx", "answerindex"),
)
TURNS = ("messages", "conversations", "conversation", "contents")
#: Columns whose texts in a table are lists or objects.
STRUCTURES = (*TURNS, *_CHOICES, "answers", "history")
_ROLES = dict.fromkeys(("human",), "user") | dict.fromkeys(("gpt", "bot", "chatgpt", "model"), "assistant")
_ROLES |= {"developer": "system"}
#: Where an object keeps its text, and what else counts as that text.
_TEXT, _ALIASES = ("text", "value", "content", "answer"), ("aliases", "normalizedaliases")
_NOTHING = ("<noinput>", "nooutput")  # what Alpaca's files write for an empty text
_NAMES = {
    ("instruction", "output"): "Alpaca",
    ("instruction", "response"): "instruction and response",
    ("prompt", "completion"): "prompt and completion",
    ("prompt", "chosen"): "preferences",
    ("query", "response"): "query and response",
}
#: A list as numpy prints it, which Python would read as something else.
_NUMPY = re.compile(r"\barray\(|['\"]\s+['\"]")

Row = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How a row's columns make a question and its right answers."""

    name: str
    read: Callable[[Row], tuple[str, Sequence[str]]]
    columns: tuple[str, ...]


def plain(name: str) -> str:
    """A column's name in lower case, without spaces and marks."""
    return re.sub(r"[\W_]", "", name.lower())


def layout_of(columns: Sequence[str], rows: Sequence[tuple[str, Row]], file: str, question: str, answer: str) -> Layout:
    """The layout of a file, by its columns, or as the user says."""
    found = _recognised(columns, [row for _, row in rows])
    if not (question or answer):
        if found:
            return found
        known = (*ASKED, *ANSWERED, *TURNS, *_CHOICES)
        alike = [
            f"{name!r} may be {match[0]!r}"
            for name in columns
            if plain(name) not in known and (match := get_close_matches(plain(name), known, n=1))
        ]
        hint = f" ({'; '.join(alike)})" if alike else ""
        where, first = rows[0]
        if len({*re.findall(r"\w+", " ".join(map(str, first.values())).lower())} & {*known} - {"a", "q"}) > 1:
            hint = f", but {where} has names of columns: remove what stands above it"
        raise CrossoverError(
            f"{file}, {where}: the columns {', '.join(columns)} are no known layout{hint}. The nearest is question"
            " and answer: name the columns with --question and --answer, or give templates such as"
            " '{context}\\n\\n{question}'. The first row of a table names its columns."
        )
    if not question and not found:
        raise CrossoverError(
            f"{file}: cannot tell which of {', '.join(columns)} is the question; give --question, too."
        )
    ask, asked = _template(columns, file, "question", question) if question else (None, ())
    tell, told = _template(columns, file, "answer", answer) if answer else (None, ())

    def read(row: Row) -> tuple[str, Sequence[str]]:
        known = found.read(row) if found and not (ask and tell) else ("", [])
        return "\n\n".join(ask(row)) if ask else known[0], tell(row) if tell else known[1]

    rest = found.columns if found and not (ask and tell) else ()
    return Layout(
        f"{question or 'recognised'} -> {answer or ('recognised' if found else 'nothing')}",
        read,
        (*asked, *told, *rest),
    )


def _template(
    columns: Sequence[str], file: str, side: str, given: str
) -> tuple[Callable[[Row], Sequence[str]], Sequence[str]]:
    """A reader of a column or template that the user names, and the columns in it."""
    if given in columns:
        return (lambda row: _written(row.get(given))), [given]
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
    indexed = {name for name, field in zip(names, fields, strict=False) if name != field}

    def value_of(name: str, value: object) -> object:
        if name in indexed and (parts := structure(value)):
            return parts
        texts = [_json(value)] if isinstance(value, dict) else _written(value)
        return "\n\n".join(texts if side == "question" else texts[:1])

    def fill(row: Row) -> Sequence[str]:
        values = {name: value_of(name, row[name]) for name in names if name in row}
        text = template.format(**dict.fromkeys(columns, "") | values).strip()
        return [text] if text else []

    return fill, names


def _recognised(columns: Sequence[str], rows: Sequence[Row]) -> Layout | None:
    """The layout that columns have, or none."""
    by_name = {plain(name): name for name in reversed(columns)}

    def named(names: Iterable[str], *but: str) -> list[str]:
        return [by_name[n] for n in names if n in by_name and by_name[n] not in but]

    def first(names: Iterable[str], *but: str) -> str:
        return next(iter(named(names, *but)), "")

    asked, choices = first(ASKED), first(_CHOICES)
    if plain(asked) == "source" and not named(("target", "targets")):
        asked = ""
    if turns := first(TURNS) or ("" if asked else first(("chosen",))):
        return Layout(f"chat turns: {turns}", lambda row: _conversation(row[turns]), (turns,))
    key = first(_KEYS, asked, choices)
    lettered = {match[1].upper(): name for name in columns if (match := _OPTION.fullmatch(plain(name)))}
    runs = [[*takewhile(lettered.__contains__, marks)] for marks in (string.ascii_uppercase, string.digits[1:])]
    single = {mark: lettered[mark] for mark in max(runs, key=len)}
    options = [choices] if choices else list(single.values()) if len(single) > 1 else []
    if asked and options and key:
        texts = [*named(CONTEXT, asked, key), asked]

        def offered(row: Row) -> tuple[list[str], list[str]]:
            return _options(row[choices] if choices else {label: row.get(c) for label, c in single.items()})

        keys = {text_of(row.get(key)) for row in rows}
        # Numbers of choices count from 0 where one is 0, from 1 where one is the number of choices.
        start = 0 if "0" in keys or keys.isdisjoint(str(len(offered(row)[0])) for row in rows) else 1

        def chosen(row: Row) -> tuple[str, list[str]]:
            asks, right = [_joined(row.get(c)) for c in texts], text_of(row.get(key))
            return _multiple_choice(asks, *offered(row), right, start, "0" in keys)

        return Layout(f"choices: {' + '.join([*texts, *options])} -> {key}", chosen, (*texts, *options, key))
    answered = (first(("answers",)) if asked else "") or first(ANSWERED, asked)
    sample = next((row for row in rows if row.get(asked)), {})
    if asked and isinstance(sample.get(asked), list) and isinstance(sample[asked][0], dict):  # chat turns on both sides
        return Layout(
            f"chat turns: {asked} -> {answered}",
            lambda row: (_conversation(row[asked])[0], texts_of(row.get(answered))),
            (asked, answered),
        )
    misspelt = not answered and any(get_close_matches(plain(c), ANSWERED, n=1) for c in columns if c != asked)
    if not asked or misspelt:
        return None
    contexts = named(CONTEXT, asked, answered)
    after = [c for c in contexts if plain(c) == "input" and plain(asked) == "instruction"]
    parts = [*(c for c in contexts if c not in after), asked, *after]
    name = _NAMES.get((plain(asked), plain(answered)), "question and answer")

    def read(row: Row) -> tuple[str, Sequence[str]]:
        text = "\n\n".join(filter(None, (_joined(row.get(c)) for c in parts)))
        return text if text_of(row[asked]) else "", texts_of(row.get(answered))

    return Layout(f"{name}: {' + '.join(parts)} -> {answered or 'nothing'}", read, (*parts, answered))


def texts_of(value: object) -> list[str]:
    """Return a value as texts, one per right answer: numbers as they are written, yes-or-no as true or false.

    >>> texts_of(4.0), texts_of(True), texts_of(float("nan")), texts_of({"text": ["Nile", "the Nile"]})
    (['4'], ['true'], [], ['Nile', 'the Nile'])
    >>> texts_of({"Value": "Sinclair Lewis", "Aliases": ["Harry Lewis"]})
    ['Sinclair Lewis', 'Harry Lewis']
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, dict):
        by_name = {plain(name): part for name, part in value.items()}
        if not (named := [name for name in (*_TEXT, *_ALIASES) if name in by_name]):
            hint = f"; a template takes one part, as {{column[{next(iter(value))}]}}" if value else ""
            raise ValueError(f"an object with {', '.join(value) or 'nothing'}{hint}")
        return texts_of([by_name[name] for name in named if name in (named[0], *_ALIASES)])
    if isinstance(value, list) and any(isinstance(part, dict) and {"role", "from"} & set(part) for part in value):
        return _conversation(value)[1]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return [str(int(value))]
    text = str(value).replace("\r\n", "\n").strip()
    text.encode()  # half a character is refused
    return [text] if text and text.lower() not in _NOTHING else []


def _written(value: object) -> list[str]:
    """A value that the user names, as texts: objects without a text, and lists of them, in JSON."""
    try:
        return texts_of(value)
    except ValueError:
        if not isinstance(value, dict | list):
            raise
        return [_json(value)]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def text_of(value: object) -> str:
    """Return the first of :func:`texts_of`, empty where there is none."""
    return next(iter(texts_of(value)), "")


def _joined(value: object) -> str:
    """All texts of a part of the question, one paragraph each."""
    return "\n\n".join(texts_of(value))


def _conversation(turns: Any) -> tuple[str, list[str]]:
    """The question and answer of a conversation: all before the last assistant's turn, and that turn."""
    if isinstance(turns, str) and (parts := re.split(r"(?:\A|\n\n)(Human|Assistant): ?", turns)[1:]):
        turns = [{"role": role, "content": text} for role, text in zip(parts[::2], parts[1::2], strict=True)]
    said = []
    for i, turn in enumerate(structure(turns) or ()):
        if isinstance(turn, str):  # in turn, the user first
            turn = {"role": ("user", "assistant")[i % 2], "content": turn}
        role = str(turn.get("role") or turn.get("from") or "").lower()
        content = turn.get("content", turn.get("value", turn.get("parts")))
        if isinstance(content, list):
            content = "".join(part if isinstance(part, str) else part.get("text", "") for part in content)
        called = "tool" if turn.get("tool_calls") or turn.get("function_call") else ""
        said.append((called or _ROLES.get(role, role), text_of(content)))
    if unknown := [role for role, _ in said if role not in ("system", "user", "assistant")]:
        raise ValueError(f"a turn of {unknown[0]!r}; turns are of system, user and assistant")
    roles = [role for role, _ in said]
    last = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else len(said)
    before, answer = [(role, text) for role, text in said[:last] if text], [text for _, text in said[last : last + 1]]
    if [role for role, _ in before if role != "system"] == ["user"]:
        return "\n\n".join(text for _, text in before), answer
    return "\n\n".join(text if role == "system" else f"{role.capitalize()}: {text}" for role, text in before), answer


def _options(choices: Any) -> tuple[list[str], list[str]]:
    """The texts of choices, without letters of their own, and their labels where they have such."""
    choices = structure(choices)
    if isinstance(choices, dict) and "text" in choices:
        texts, labels = choices["text"], choices.get("label", ())
    elif isinstance(choices, dict):
        texts, labels = zip(*((text, label) for label, text in choices.items() if text_of(text)), strict=True)
    else:
        texts = [c.get("text") if isinstance(c, dict) else c for c in choices]
        labels = [c["label"] for c in choices if isinstance(c, dict) and "label" in c]
    options, letters = [text_of(text) for text in texts], string.ascii_uppercase
    bare = [re.sub(rf"\A\(?{letter}[).:]\s*(?=\S)", "", text) for letter, text in zip(letters, options, strict=False)]
    return options if any(map(str.__eq__, bare, options)) else bare, [str(label) for label in labels]


def _multiple_choice(
    asked: Sequence[str], options: list[str], labels: list[str], right: str, start: int, from_zero: bool
) -> tuple[str, list[str]]:
    """A question with its options on lines of their own, and the letter of the right one."""
    letters = string.ascii_uppercase[: len(options)]
    text = "\n".join([*filter(None, asked), *(f"{letter}) {t}" for letter, t in zip(letters, options, strict=True))])
    if not asked[-1] or not right:
        return text if asked[-1] else "", []
    numbers = [str(i) for i in range(start, start + len(options))]
    known = [labels, options, [*letters], [*letters.lower()], numbers]
    for names in [numbers, *known] if from_zero else known:
        if right in names:
            return text, [letters[names.index(right)]]
    raise ValueError(f"{right!r} is none of the choices {', '.join(labels or letters)}")


def shown(value: object) -> str:
    """Return a value as messages show it, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def structure(value: Any) -> Any:
    """A list or an object that a text holds in JSON or as Python prints it; ``None`` where it holds none."""
    if not isinstance(value, str):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if parse is json.loads or not _NUMPY.search(value):
            return found if isinstance(found, list | dict) else None
    if _NUMPY.search(value):
        raise ValueError("a list as numpy prints it; write the table as JSON lines or Parquet")
    return None


def lifted(row: Row) -> list[Row]:
    """A row, or the rows in its objects and lists with all that stands beside them: SQuAD's and ARC's own files."""
    inside = {
        name: rows
        for name, value in row.items()
        if (rows := value if isinstance(value, list) else [value]) and all(isinstance(part, dict) for part in rows)
    }
    asking = {*ASKED, *TURNS} - _ORIGINS
    known = {plain(name) for name in row} & (asking | {"chosen"})
    found: dict[str, list[Row]] = {}
    for name, rows in inside.items():
        parts = [more for part in rows for more in lifted(part)]
        if parts and {*map(plain, parts[0])} & asking and known <= {plain(name)} - {*TURNS}:
            found[name] = parts
    if not found:
        return [row]
    name, parts = next(iter(found.items()))
    columns = {*map(plain, parts[0])} & asking
    if others := [other for other in found if other != name and {*map(plain, found[other][0])} & columns]:
        raise ValueError(f"rows in each of {', '.join([name, *others])}; put those of one into a file of their own")
    return [{other: value for other, value in row.items() if other != name} | part for part in parts]
