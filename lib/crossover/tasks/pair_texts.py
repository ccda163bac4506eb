"""The texts in a value: a right answer or several, chat turns, and lists and objects that are written as texts."""

from __future__ import annotations

import ast
import json
import math
import re
import textwrap
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

_ROLES = dict.fromkeys(("human", "prompter"), "user") | dict.fromkeys(("gpt", "bot", "chatgpt", "model"), "assistant")
_ROLES |= {"developer": "system"}
#: Who else speaks where tools are called.
_TOOLS = ("tool", "toolcall", "toolresponse", "function", "functioncall", "functionresponse", "observation")
#: Where an object keeps its text, and what else counts as that text.
_TEXT = ("text", "value", "content", "answer", "spans", "summary", "paragraphtext", "contexts")
_ALIASES = ("aliases", "normalizedaliases")
_NOTHING = ("<noinput>", "nooutput")  # what Alpaca's files write for an empty text
#: A list as numpy prints it, which Python would read as something else.
_NUMPY = re.compile(r"\barray\(|['\"]\s+['\"]")
#: How templates of models mark who speaks in a conversation that is one text: at the start, in pairs, and at the end.
_TURN = re.compile(
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|(?=(?:system|user|assistant)\|>))\s*(\w+)"
    r"(?:<\|end_header_id\|>|\|>)?"
)
_MARKED = (("[INST]", "[/INST]"), ("### Instruction:", "### Response:"), ("USER:", "ASSISTANT:"))
_ENDED = re.compile(r"<\|(?:im_end|eot_id|end|begin_of_text|end_of_text|endoftext)\|>|<end_of_turn>|</?s>|<bos>")
#: Who speaks elsewhere, at the start of a line.
_SPEAKER = re.compile(r"^(### ?)?(Human|User|Assistant):", re.MULTILINE)
Row = dict[str, Any]


class ToolTurn(ValueError):
    """A conversation in which tools are called."""


def plain(name: str) -> str:
    """A column's name in lower case, without spaces and marks."""
    return re.sub(r"[\W_]", "", name.lower())


def is_id(name: str) -> bool:
    """Whether a column only numbers rows or says when and by whom they were made, by its name."""
    made = r"(?:created|updated|lead)_?(?:at|on|time)|annotator|timestamp"
    return bool(re.fullmatch(rf"(?!.*(answer|label|class|correct))(.*[_ ]|[qu])?(id|idx|index)|{made}", name.lower()))


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
        texts = texts_of([by_name[name] for name in named if name in (named[0], *_ALIASES)])
        if not texts and {"number", "date"} <= by_name.keys():  # as DROP has answers that are no spans
            date = by_name["date"]
            parts = [*date.values()] if isinstance(date, dict) else date
            return texts_of(by_name["number"]) or texts_of(" ".join(texts_of(parts)))
        if named[0] == "spans" and len({*texts}) > 1:  # as DROP has them
            raise ValueError(
                "several spans, which are one answer together; a template takes one, as {column[spans][0]}"
            )
        if not texts and (others := [name for name, part in value.items() if isinstance(part, str) and part]):
            raise ValueError(
                f"no text in {named[0]}, but in {others[0]}; a template takes it, as {{column[{others[0]}]}}"
            )
        return texts
    if isinstance(value, list) and any(isinstance(part, dict) and {"role", "from"} & set(part) for part in value):
        return conversation(turns_of(value))[1]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return [str(int(value))]
    if isinstance(value, datetime) and value.time() == time():  # a day, as Parquet has it
        value = value.date()
    text = textwrap.dedent(str(value).replace("\r\n", "\n")).strip()  # code that is indented keeps its shape
    text.encode()  # half a character is refused
    return [text] if text and text.lower() not in _NOTHING else []


def is_unanswerable(value: object) -> bool:
    """Whether a value is a list of no answers, as SQuAD 2.0 has them, rather than of one left blank."""
    if isinstance(value, dict):
        by_name = {plain(name): part for name, part in value.items()}
        value = next((by_name[name] for name in (*_TEXT, *_ALIASES) if name in by_name), None)
    return isinstance(value, list) and all(map(is_unanswerable, value))


def text_of(value: object) -> str:
    """Return the first of :func:`texts_of`, empty where there is none."""
    return next(iter(texts_of(value)), "")


def label_of(value: object) -> str:
    """Return a label in lower case, ``1.0`` as 1; empty where there is none, as a mark alone is none."""
    try:
        text = text_of(value).lower()
    except ValueError:
        return "an object"
    return re.sub(r"(?<=\d)\.0+$", "", text) if re.search(r"\w", text) else ""


def written(value: object) -> list[str]:
    """A value that the user names, as texts: objects without a text, and lists of them, in JSON."""
    try:
        return texts_of(value)
    except ValueError:
        if not isinstance(value, dict | list):
            raise
        return [as_json(value)]


def as_json(value: object) -> str:
    """Return a value in JSON, its letters as they are."""
    return json.dumps(value, ensure_ascii=False, default=str)


def texts_in(row: Row, column: str) -> list[str]:
    """The texts of a row's column; the error of one that holds none names the column."""
    try:
        return texts_of(row.get(column))
    except ValueError as problem:
        raise ValueError(f"{column}: {problem}".replace("{column", f"{{{column}")) from None


def joined(row: Row, column: str) -> str:
    """All texts of a part of the question, one paragraph each; titled lists of sentences as HotpotQA has them."""
    value = row.get(column)
    if isinstance(value, dict) and {"title", "sentences"} <= value.keys():
        value = [*map(list, zip(value["title"], value["sentences"], strict=True))]
    if isinstance(value, list) and all(isinstance(part, list) and list in map(type, part[1:2]) for part in value):
        return "\n\n".join(": ".join([text_of(title), " ".join(texts_of(rest))]) for title, *rest in value)
    return "\n\n".join(texts_in(row, column))


def turns_of(turns: Any, system: Any = None) -> list[tuple[str, str]]:
    """The role and text of each turn of a conversation, after a system's text that stands beside it."""
    if isinstance(turns, str):
        turns = _spoken(turns) or turns
    said = [("system", text)] if turns and (text := _content(system)) else []
    for i, turn in enumerate(structure(turns) or ()):
        if isinstance(turn, str):  # in turn, the user first
            turn = {"role": ("user", "assistant")[i % 2], "content": turn}
        called = "tool" if turn.get("tool_calls") or turn.get("function_call") else ""
        content = turn.get("content", turn.get("value", turn.get("parts")))
        said.append((called or role_of(turn), _content(content)))
    if any(plain(role) in _TOOLS for role, _ in said):
        raise ToolTurn("a turn of a tool")
    if unknown := [role for role, _ in said if role not in ("system", "user", "assistant")]:
        raise ValueError(f"a turn of {unknown[0]!r}; turns are of system, user and assistant")
    return said


def _spoken(text: str) -> list[Row]:
    """The turns of a conversation that is one text, each marked as the first two are; what precedes them is context."""
    text = _with_turns(text.replace("\r\n", "\n"))
    if len(parts := _TURN.split(_ENDED.sub("", text))) > 1:
        before, *marked = parts
        turns = [{"role": "system", "content": before}] if before.strip() else []
        return turns + [{"role": r, "content": s} for r, s in zip(marked[::2], marked[1::2], strict=True) if s.strip()]
    if not (first := _SPEAKER.search(text)):
        return []
    user = "Human|User" if first[2] == "Assistant" else first[2]
    speaker = rf"{first[1] or ''}({user}|Assistant): ?"
    second = re.search(rf"(\n{'*' if first[1] else '+'}){speaker}", text[first.end() :])
    apart = second[1][:2] if second else "\n\n"
    parts = re.split(rf"{apart}\n*{speaker}", apart + text[first.start() :])[1:]
    turns = [{"role": role, "content": said} for role, said in zip(parts[::2], parts[1::2], strict=True)]
    before = text[: first.start()].strip()
    return [{"role": "system", "content": before}, *turns] if before else turns


def _with_turns(text: str) -> str:
    """A text in which pairs of marks, where both are there, are those of turns."""
    for user, assistant in _MARKED:
        if user in text and assistant in text:
            text = text.replace(user, "<|user|>").replace(assistant, "<|assistant|>")
    return text.replace("<<SYS>>", "<|system|>").replace("<</SYS>>", "<|user|>")


def role_of(turn: Row) -> str:
    """Return the usual name of the speaker of a turn."""
    role = str(turn.get("role") or turn.get("from") or "").lower()
    return _ROLES.get(role, role)


def _content(content: Any) -> str:
    """The text of a turn, whole or in parts; parts that are no text are refused."""
    if isinstance(content, dict) and "parts" in content:
        content = content["parts"]
    parts = content if isinstance(content, list) else [content]
    for part in parts:
        if isinstance(part, dict) and (
            part.get("text") is None or not str(part.get("type") or "text").endswith("text")
        ):
            raise ValueError(f"a part of {part.get('type') or ', '.join(part)!r} in a turn; parts are texts")
    texts = [part["text"] if isinstance(part, dict) else part for part in parts]
    return text_of("".join(text if isinstance(text, str) else text_of(text) for text in texts))


def transcript(said: Sequence[tuple[str, str]]) -> str:
    """Turns as a question: with who says them, where there are several but a system's."""
    said = [(role, text) for role, text in said if text]
    if [role for role, _ in said if role != "system"] == ["user"]:
        return "\n\n".join(text for _, text in said)
    return "\n\n".join(text if role == "system" else f"{role.capitalize()}: {text}" for role, text in said)


def conversation(said: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    """The question and answer of turns: all before the last assistant's turn, and that turn."""
    roles = [role for role, _ in said]
    last = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else len(said)
    return transcript(said[:last]), [text for _, text in said[last : last + 1]]


def is_transcript(text: Any) -> bool:
    """Whether a text begins with what a human says, under that name, or has the marks of a model's template."""
    return isinstance(text, str) and bool(_SPEAKER.match(text.lstrip()) or _TURN.search(_with_turns(text)))


def ends_open(turns: Any) -> bool:
    """Whether turns end with the user's, so that their answer stands elsewhere."""
    return isinstance(turns, list) and bool(turns) and isinstance(turns[-1], dict) and role_of(turns[-1]) == "user"


def listed(names: Sequence[str]) -> str:
    """Return names as messages list them, twenty at most."""
    return ", ".join([*names[:20], *([f"{len(names) - 20:,} others"] if len(names) > 20 else [])])


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
