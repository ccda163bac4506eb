"""The layouts of question and answer pairs: which columns make a question, and which its right answers."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

from crossover.errors import CrossoverError, nearest
from crossover.tasks.pair_texts import (
    Row,
    as_json,
    conversation,
    ends_open,
    joined,
    plain,
    structure,
    text_of,
    texts_of,
    transcript,
    turns_of,
    written,
)

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
    *("system", "systemprompt", "systeminstruction", "history", "context", "passage", "support", "body", "input"),
    *("story", "article", "document", "sentence", "sentence1", "premise"),
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
_NAMES = {
    ("instruction", "output"): "Alpaca",
    ("instruction", "response"): "instruction and response",
    ("prompt", "completion"): "prompt and completion",
    ("prompt", "chosen"): "preferences",
    ("query", "response"): "query and response",
}

#: What reading a row raises where its values are not as the layout has them.
UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Layout:
    """How a row makes a question and right answers, the column of these, and the one that says if they are right."""

    name: str
    read: Callable[[Row], tuple[str, Sequence[str]]]
    columns: tuple[str, ...]
    answer: str = ""
    verdict: str = ""

    def rejects(self, row: Row) -> bool:
        """Whether a row's answer is one that its people rejected."""
        return bool(self.verdict) and str(row.get(self.verdict)).lower() == "false"


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
        others = row | {found.answer: None} if found and tell and found.answer else row
        known = found.read(others) if found and not (ask and tell) else ("", [])
        return "\n\n".join(ask(row)) if ask else known[0], tell(row) if tell else known[1]

    rest = found.columns if found and not (ask and tell) else ()
    return Layout(
        f"{question or 'recognised'} -> {answer or ('recognised' if found else 'nothing')}",
        read,
        (*asked, *told, *rest),
        verdict=found.verdict if found and found.verdict not in (*asked, *told) else "",
    )


def _template(
    columns: Sequence[str], file: str, side: str, given: str
) -> tuple[Callable[[Row], Sequence[str]], Sequence[str]]:
    """A reader of a column or template that the user names, and the columns in it."""
    if given in columns:
        return (lambda row: written(row.get(given))), [given]
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
        objects = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, dict) for part in value))
        texts = [as_json(value)] if objects else written(value)
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
    turns, label = first(TURNS) or ("" if asked else first(("chosen",))), first(("label",))
    is_open = any(ends_open(row.get(turns)) for row in rows)

    def answers(*but: str) -> str:
        return (first(("answers",)) if asked else "") or first(ANSWERED, asked, turns, *but)

    judged = label and all(str(row.get(label)).lower() in ("true", "false") for row in rows)
    verdict = label if judged and (answers(label) or (turns and not is_open)) else ""
    answered = answers(verdict)
    system = first(("system", "systemprompt", "systeminstruction"))

    def said_in(row: Row, column: str) -> list[tuple[str, str]]:
        return turns_of(row[column], row.get(system) if system else None)

    if turns:
        beside = [answered] if answered and is_open else []

        def talked(row: Row) -> tuple[str, Sequence[str]]:
            said = said_in(row, turns)
            if beside and said[-1:] and said[-1][0] == "user":
                return transcript(said), texts_of(row.get(answered))
            return conversation(said)

        told = "".join(f" -> {name}" for name in beside)
        return Layout(f"chat turns: {turns}{told}", talked, (system, turns, *beside), "".join(beside), verdict)
    key = first(_KEYS, asked, choices)
    lettered = {match[1].upper(): name for name in columns if (match := _OPTION.fullmatch(plain(name)))}
    runs = [[*takewhile(lettered.__contains__, marks)] for marks in (string.ascii_uppercase, string.digits[1:])]
    single = {mark: lettered[mark] for mark in max(runs, key=len)}
    options = [choices] if choices else list(single.values()) if len(single) > 1 else []
    if asked and options and key:
        texts = [*named(CONTEXT, asked, key), asked]

        def offered(row: Row) -> tuple[list[str], list[str]]:
            return _options(row[choices] if choices else {label: row.get(c) for label, c in single.items()})

        def keys() -> Iterator[tuple[list[str], list[str], str]]:
            for row in rows:
                with suppress(*UNREADABLE):  # refused when it is read
                    yield (*offered(row), text_of(row.get(key)))

        ways = _ways_of(keys())

        def chosen(row: Row) -> tuple[str, list[str]]:
            asks, right = [joined(row.get(c)) for c in texts], text_of(row.get(key))
            return _multiple_choice(asks, *offered(row), right, ways)

        return Layout(f"choices: {' + '.join([*texts, *options])} -> {key}", chosen, (*texts, *options, key), key)
    sample = next((row for row in rows if row.get(asked)), {})
    if asked and isinstance(sample.get(asked), list) and isinstance(sample[asked][0], dict):  # chat turns on both sides
        return Layout(
            f"chat turns: {asked} -> {answered}",
            lambda row: (transcript(said_in(row, asked)), texts_of(row.get(answered))),
            (system, asked, answered),
            answered,
            verdict,
        )
    misspelt = not answered and any(get_close_matches(plain(c), ANSWERED, n=1) for c in columns if c != asked)
    if not asked or misspelt:
        return None
    contexts = named(CONTEXT, asked, answered)
    after = [c for c in contexts if plain(c) == "input" and plain(asked) == "instruction"]
    parts = [*(c for c in contexts if c not in after), asked, *after]
    name = _NAMES.get((plain(asked), plain(answered)), "question and answer")

    def read(row: Row) -> tuple[str, Sequence[str]]:
        text = "\n\n".join(filter(None, (joined(row.get(c)) for c in parts)))
        return text if text_of(row[asked]) else "", texts_of(row.get(answered))

    return Layout(
        f"{name}: {' + '.join(parts)} -> {answered or 'nothing'}", read, (*parts, answered), answered, verdict
    )


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


def _meanings(options: list[str], labels: list[str], right: str) -> dict[str, str]:
    """The letter that a key means in each way of naming a choice that has such a key."""
    letters = [*string.ascii_uppercase[: len(options)]]
    numbers = [str(i) for i in range(len(options) + 1)]
    ways = {"label": labels, "text": options, "letter": letters, "number from 0": numbers[:-1]}
    ways |= {"lower letter": [letter.lower() for letter in letters], "number from 1": numbers[1:]}
    found = {
        way: [letter for name, letter in zip(names, letters, strict=False) if name == right]
        for way, names in ways.items()
    }
    return {way: meant[0] for way, meant in found.items() if right and meant}


def _ways_of(keys: Iterable[tuple[list[str], list[str], str]]) -> set[str]:
    """The ways in which all keys of a file name choices, the labels alone where they do; none where the ways differ."""
    found = [{*meanings} for options, labels, right in keys if (meanings := _meanings(options, labels, right))]
    common = set.intersection(*found) if found else set()
    return {"label"} & common or common


def _multiple_choice(
    asked: Sequence[str], options: list[str], labels: list[str], right: str, ways: set[str]
) -> tuple[str, list[str]]:
    """A question with its options on lines of their own, and the letter of the right one."""
    letters = string.ascii_uppercase[: len(options)]
    text = "\n".join([*filter(None, asked), *(f"{letter}) {t}" for letter, t in zip(letters, options, strict=True))])
    if not asked[-1] or not right:
        return text if asked[-1] else "", []
    found = {way: letter for way, letter in _meanings(options, labels, right).items() if not ways or way in ways}
    if not found:
        raise ValueError(f"{right!r} is none of the choices {', '.join(labels or letters)}")
    if len({*found.values()}) > 1:
        means = " or ".join(f"{letter} (by {way})" for way, letter in found.items())
        raise ValueError(f"{right!r} may mean {means}; write letters")
    return text, [*found.values()][:1]


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
