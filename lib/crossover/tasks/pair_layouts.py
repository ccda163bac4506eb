"""The layouts of question and answer pairs: which columns make a question, and which its right answers."""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from crossover.errors import CrossoverError, nearest
from crossover.paths import read_yaml
from crossover.tasks.pair_texts import (
    Row,
    as_json,
    conversation,
    ends_open,
    is_id,
    is_transcript,
    joined,
    label_of,
    listed,
    plain,
    structure,
    text_of,
    texts_in,
    transcript,
    turns_of,
    written,
)

_NAMES = read_yaml(Path(__file__).with_suffix(".yaml"))
ASKED: list[str] = _NAMES["asked"]
ANSWERED: list[str] = _NAMES["answered"]
CONTEXT: list[str] = _NAMES["context"]
TURNS: list[str] = _NAMES["turns"]
_CHOICES: list[str] = _NAMES["choices"]
#: Columns whose texts in a table are lists or objects.
STRUCTURES = (*TURNS, *_CHOICES, "answers", "history")
#: What a column of verdicts says of the answer beside it.
VERDICTS = {word: True for word in ("true", "correct", "right", "yes", "1")}
VERDICTS |= {word: False for word in ("false", "incorrect", "wrong", "no", "0")}
_PAIRS = {tuple(pair.split()): name for name, pairs in _NAMES["pairs"].items() for pair in pairs}
_ORIGINS = {"user", "source"}  # which more often say where a row is from
_OPTION = re.compile(r"(?:option|choice|answer|sol|opt?)?([a-j]|[0-9])")  # a column of one choice
#: Whose labels are classes, of which a number says nothing, and where labels stand.
_CLASSIFIED = {"hypothesis", "sentence", "sentence1", "sentence2", "text"}
_LABELS = ("label", "goldlabel")
_SQL = r"\W*(select|with|insert|update|delete)\b[\s\S]*"

#: What reading a row raises where its values are not as the layout has them.
UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Layout:
    """How a row makes a question and right answers, the column of these, and the one that says if they are right.

    ``unclear`` is what labels leave open, with what to do about it.
    """

    name: str
    read: Callable[[Row], tuple[str, Sequence[str]]]
    columns: tuple[str, ...]
    answer: str = ""
    verdict: str = ""
    unclear: str = ""


def layout_of(columns: Sequence[str], rows: Sequence[tuple[str, Row]], file: str, question: str, answer: str) -> Layout:
    """The layout of a file, by its columns, or as the user says."""
    found = _recognised(columns, [row for _, row in rows])
    if found and found.unclear and not answer:
        raise CrossoverError(f"{file} read as {found.name}: {found.unclear}.")
    if not (question or answer):
        if found:
            return found
        where, first = rows[0]
        words = {*re.findall(r"\w+", " ".join(map(str, first.values())).lower())}
        named = 2 * len(words & {*ASKED, *ANSWERED, *CONTEXT}) > max(len(words), 2)
        example = ", for example " + " ".join(options.values()) if (options := suggested(first)) else ""
        hint = f", but {where} has names of columns: remove what stands above it" if named else ""
        if any("?" in name or len(name.split()) > 5 for name in columns):  # a table that begins with its first pair
            example, hint = "", ", but texts: put a row of names such as question and answer above them"
        raise CrossoverError(
            f"{file}, {where}: the columns {listed(columns)} are no known layout{hint}. Name both by"
            f" --question and --answer{example}, or by templates such as '{{context}}\\n\\n{{question}}'."
            " The first row of a table names its columns."
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
    names = columns_in(given)
    for name in names:
        if name not in columns:
            known = f"{nearest(name, columns)} It has: {listed(columns)}."
            raise CrossoverError(f"--{side} {given!r}: {file} has no column {name!r}.{known}")
    template = given.replace("\\n", "\n")
    indexed = {name for name in names if re.search(rf"\{{{re.escape(name)}[\[.]", given)}

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


def columns_in(given: str) -> list[str]:
    """The columns of a template such as ``{answers[text]}: {why}``, or the one that is named."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(given) if name is not None]
    except ValueError as problem:
        raise CrossoverError(f"{given!r} is no template of columns: {problem}.") from None
    return [re.split(r"[\[.]", name)[0] for name in fields] or [given]


def suggested(row: Row) -> dict[str, str]:
    """Options that would read a row, by side: texts called like a question and an answer, else the only other ones.

    >>> suggested({"id": 1, "translation": {"en": "One", "fr": "Un"}})
    {'question': "--question '{translation[en]}'", 'answer': "--answer '{translation[fr]}'"}
    >>> suggested({"id": 1, "en": "One", "de": "Eins", "fr": "Un"})
    {}
    """

    def words(name: str) -> set[str]:
        return {plain(name), *(part.lower().removesuffix("s") for part in re.findall("[A-Z]?[a-z0-9]+|[A-Z]+", name))}

    def leaves(value: Any, path: str, key: str) -> list[tuple[str, str]]:
        with suppress(ValueError):
            value = structure(value) or value
        if isinstance(value, dict):
            return [leaf for name in value if not is_id(name) for leaf in leaves(value[name], f"{path}[{name}]", name)]
        if isinstance(value, list):
            several = isinstance(next(iter(value), None), dict) or words(path) & {*ASKED, *ANSWERED}
            return leaves(value[0], f"{path}[0]", key) if value and several else []
        return [(path, key)] if value and (isinstance(value, str) or words(key) & {*ANSWERED}) else []

    found = [leaf for name in row if name and not is_id(name) for leaf in leaves(row[name], name, name)]
    chosen: dict[str, str] = {}
    for side, known in (("question", ASKED), ("answer", ANSWERED)):
        likely = [
            path
            for word in known
            for path, _ in sorted(found, key=lambda leaf: plain(leaf[1]) != word)
            if len(word) > 2 and word in words(path) and (side == "answer" or "answer" not in words(path))
        ]
        if likely:
            chosen[side] = likely[0]
            # Of an answer's parts, the one that is called as the question's comes first.
            found = sorted((leaf for leaf in found if leaf[0] != likely[0]), key=lambda leaf: leaf[1] not in likely[0])
    lacking = [side for side in ("question", "answer") if side not in chosen]
    if len(lacking) == len(found) == len({re.sub(r"\d", "", path) for path, _ in found}):
        chosen |= {side: path for side, (path, _) in zip(lacking, found, strict=True)}
    return {side: f"--{side} {shlex.quote(path if path in row else f'{{{path}}}')}" for side, path in chosen.items()}


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
    turns = first(TURNS) or ("" if asked else first(("chosen",)))
    if not turns and (
        any(ends_open(row.get(asked)) for row in rows)
        or (not first(ANSWERED, asked) and all(is_transcript(row.get(asked)) for row in rows))
    ):
        turns = asked
    is_open = any(ends_open(row.get(turns)) for row in rows)

    def answers(*but: str) -> str:
        return (first(("answers",)) if asked else "") or first(ANSWERED, asked, turns, *but)

    def mostly(column: str, form: str) -> bool:
        labels = [label for row in rows if (label := label_of(row.get(column)))]
        return 2 * sum(bool(re.fullmatch(form, label)) for label in labels) > len(labels)

    key = first(_NAMES["keys"], asked, choices)
    lettered = {match[1].upper(): name for name in columns if (match := _OPTION.fullmatch(plain(name)))}
    marks = string.ascii_uppercase, string.digits[1:], string.digits
    runs = [[*takewhile(lettered.__contains__, some)] for some in marks]
    single = {mark: lettered[mark] for mark in max(runs, key=len)}
    options = [choices] if choices else list(single.values()) if len(single) > 1 else []

    def judges(column: str) -> bool:
        told = answers(column)
        words = {*VERDICTS} - ({"0", "1"} if plain(column) in _LABELS else set())
        if not (told or (turns and not is_open)) or (options and column == key) or not mostly(column, "|".join(words)):
            return False
        return not told or any(label_of(row.get(column)) != label_of(row.get(told)) for row in rows)

    verdict = next(filter(judges, named(_NAMES["verdicts"], asked)), "")
    answered = answers(verdict)
    label, told, unclear = first(_LABELS, verdict, answered), answered or turns, ""
    classes = r"-?\d+" if _CLASSIFIED & {plain(name) for name in (asked, *named(CONTEXT))} else "[01]"
    if plain(answered) in (*_LABELS, "target", "targets") and mostly(answered, classes):
        unclear = f"{answered} holds numbers of classes: write their names, or take the numbers by --answer {answered}"
    elif label and told and mostly(label, "[01]"):
        unclear = f"{label} is 0 or 1: write true or false for right answers, or take all by --answer {told}"
    system = first(("system", "systemprompt", "systeminstruction"))
    if turns:
        beside = answered if is_open else ""

        def talked(row: Row) -> tuple[str, Sequence[str]]:
            said = turns_of(row[turns], row.get(system) if system else None)
            if beside and said[-1:] and said[-1][0] == "user":
                return transcript(said), texts_in(row, beside)
            return conversation(said)

        told = f" -> {beside}" if beside else ""
        return Layout(f"chat turns: {turns}{told}", talked, (system, turns, beside), beside, verdict, unclear)
    if asked and options and key:
        texts = [*named(CONTEXT, asked, key), asked]

        def offered(row: Row) -> tuple[list[str], list[str]]:
            return _options(row[choices] if choices else {label: row.get(c) for label, c in single.items()})

        def right(row: Row) -> str:
            named = _OPTION.fullmatch(plain(text := text_of(row.get(key))))
            return named[1] if named and single and text in columns else text

        def keys() -> Iterator[tuple[list[str], list[str], str]]:
            for row in rows:
                with suppress(*UNREADABLE):  # refused when it is read
                    yield (*offered(row), right(row))

        ways = _ways_of(keys())

        def chosen(row: Row) -> tuple[str, list[str]]:
            return _multiple_choice([joined(row, c) for c in texts], *offered(row), right(row), ways)

        return Layout(
            f"choices: {' + '.join([*texts, *options])} -> {key}", chosen, (*texts, *options, key), key, verdict
        )
    parsed = answered and all(isinstance(row.get(answered), dict) for row in rows)  # as Spider's statements
    pairs = [[by_name[name] for name in pair] for pair in _PAIRS if {*pair} <= by_name.keys()]
    pairs = pairs if parsed or not answered else []
    if pair := next((pair for pair in pairs if plain(pair[1]) != "query" or mostly(pair[1], _SQL)), ()):
        asked, answered = pair
    if not asked:
        return None
    contexts = named(CONTEXT, asked, answered, "" if answered else by_name.get("definition", ""))
    after = [c for c in contexts if plain(c) == "input" and plain(asked) == "instruction"]
    parts = [*(c for c in contexts if c not in after), asked, *after]
    name = _PAIRS.get((plain(asked), plain(answered)), "question and answer")

    def read(row: Row) -> tuple[str, Sequence[str]]:
        text = "\n\n".join(filter(None, (joined(row, c) for c in parts)))
        unlabelled = plain(answered) in _LABELS and row.get(answered) == "-"  # where SNLI's annotators disagree
        return text if text_of(row[asked]) else "", [] if unlabelled else texts_in(row, answered)

    name = f"{name}: {' + '.join(parts)} -> {answered or 'nothing'}"
    return Layout(name, read, (*parts, answered), answered, verdict, unclear)


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
    row = _exported(row)
    inside = {
        name: rows
        for name, value in row.items()
        if (rows := value if isinstance(value, list) else [value]) and all(isinstance(part, dict) for part in rows)
        if plain(name) not in ("answers", *ANSWERED)
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


def _exported(row: Row) -> Row:
    """A row without what a tool writes around it: Label Studio's data and labels, the turns of an OpenAI batch."""
    match row:
        case {"custom_id": name, "body": {"messages": turns}}:
            return {"custom_id": name, "messages": turns}
        case {"custom_id": _, "response": {"body": {"choices": _}}}:
            raise ValueError(
                "an answer of a batch, without its question; write it as the last turn of the messages that the batch"
                " was sent with this custom_id"
            )
        case {"data": {**data}, "annotations": [*made]} if all(
            isinstance(part, dict) and "result" in part for part in made
        ):
            results: list[Row] = next((part["result"] for part in made if not part.get("was_cancelled")), [])
            labels = [part for part in results if {"from_name", "value"} <= part.keys()]
            told = {part["from_name"]: _labelled(part["value"]) for part in labels}
            if taken := [name for name in told if name in data]:
                raise ValueError(f"a label of the data's own name, {taken[0]!r}; rename it in the export")
            if len(told) < len(labels):
                raise ValueError("several results of one label; leave one of them in the export")
            if len(told) == 1 and "answer" not in data:
                told = {"answer": told.popitem()[1]}
            return {**data, **told}
    return row


def _labelled(value: Row) -> Any:
    """What an annotator chose, wrote or counted."""
    return (
        ", ".join(value["choices"])
        if "choices" in value
        else value.get("text", value.get("number", value.get("rating")))
    )
