r"""What a chat model's reply holds: the question or the answer, without thoughts, introductions, labels and remarks.

A reply is asked for in a structure, as JSON of one field or between tags. Models that ignore the structure are read as
text.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from crossover.tasks.base import Task
from crossover.teachers.base import Kind
from crossover.teachers.dialects import field_of

if TYPE_CHECKING:
    import httpx2

CUT, THOUGHT = "cut at the token limit", "a thought without an answer"
#: How servers and templates write thoughts into a reply; everything up to the last end is a thought.
_THOUGHT_ENDS = re.compile(
    r"</(?:think|thinking|thought|reasoning|seed:think)>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|"
    r"<\|channel\|>final<\|message\|>|<channel\|>|\[BEGIN FINAL RESPONSE\]|^Here is my response:",
    re.IGNORECASE | re.MULTILINE,
)
_THOUGHT_STARTS = re.compile(
    r"^\s*(?:<(?:think|thinking|thought|reasoning|seed:think)>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|channel\|>analysis|"
    r"<\|channel>|<\|START_THINKING\|>|Here (?:is my thought process|are my reasoning steps):)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"<\|\w+\|>|\[END FINAL RESPONSE\]")
_TURN_ENDS = re.compile(r"</s>|<\|(?:im_end|eot_id|endoftext|end_of_text)\|>")  # what follows is another turn
_FENCE = re.compile(r"\A```[\w-]*\n(.*?)\n?```\s*\Z", re.DOTALL)
#: A LaTeX command that JSON has taken for an escape: ``\frac`` becomes a form feed and ``rac``.
_UNESCAPED = re.compile(
    r"[\x08\x0c]|\t(?=imes\b|ext\b|ext\{|heta\b|frac\b|an\b|au\b)|\r(?=ight\b|ho\b|angle\b)|\n(?=eq\b|abla\b)"
)
_ESCAPES = {"\x08": r"\b", "\x0c": r"\f", "\t": r"\t", "\r": r"\r", "\n": r"\n"}

_ABOUT = (
    r"question|version|rephras\w+|paraphras\w+|reword\w+|rewritten|another|way|one|answer|solution|problem|response|"
    r"ask it"
)
_OPENINGS = (
    r"sure|certainly|of course|absolutely|okay|ok|great|here(?:'s|’s| is| are)|below|based on|following|this is|let me|"
    r"i(?:'ve| have| would|'ll|"
    rf" will)|rephras\w+|(?:the|a|an|my|one|your|another|possible|new)\b[^.?!\n]{{0,40}}\b(?:{_ABOUT})"
)
#: A first sentence that is about the question or answer, up to its colon, or alone in its paragraph.
_INTRODUCTION = re.compile(
    rf"\A\W*(?=[^\n:]{{0,200}}\b(?:{_ABOUT})\b|rephras)(?:{_OPENINGS})\b[^\n:?]{{0,200}}"
    r"(?::\W*?(?:\n+|(?=\s\S))|[.*_]*\n\s*\n)",
    re.IGNORECASE,
)
#: The same in other languages, on a line of its own, and labels in them.
_ABOUT_FOREIGN = (
    r"\b(?:frage|antwort|version|variante|question|réponse|pregunta|respuesta|versión|domanda|risposta|versione|pergunta|"
    r"resposta|versão|вопрос|ответ|(?:(?:re|ri|um)formul|перефраз)\w*)\b|问题|問題|質問|질문|答案|回答|改写|重写"
)
_FOREIGN = re.compile(
    rf"\A\W*(?:(?=[^\n:：]{{0,80}}?(?:{_ABOUT_FOREIGN}))"
    r"(?:hier (?:ist|sind)|voici|aquí (?:está|tienes)|aqui está|ecco|вот|以下[是は]|다음은|这是|"
    r"(?:改写|重写)[后版]|umformulierte)"
    r"[^\n:：?？]{0,60}[:：]\W*\n\s*|"
    r"(?:frage|antwort|pregunta|respuesta|réponse|вопрос|ответ|问题|問題|質問|答案|答え|질문|답)\s*[*_]*[:：][*_]*\s*)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\A(?:#{1,3} [^\n?:]{0,40}|\W*(?:\w+ )?question\s*\d*\W*)\n+", re.IGNORECASE)
_COURTESY = re.compile(
    r"\A(?:(?:(?:sure|certainly|of course|absolutely|okay|great|got it|alright|understood|no problem|yes(?=!))\b"
    r"[^\n.!?:]{0,60}[.!]|(?:okay, )?(?:here (?:goes|you go)|how about this(?: one)?|try this(?: one)?)[:.!?])\s+)+",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"\A\W*(?:original|given|seed)\b[^\n:]*:.*?\n\W*(?:rephras|reword|paraphras|rewrit|revis|new)\w*\b[^\n:]{0,30}:\W*",
    re.IGNORECASE | re.DOTALL,
)
_LABEL = re.compile(
    r"\A[\s*_#>\"“`-]*(?:\d+[.)]\s+)?(?:(?:new|alternative|re(?:phrased|worded|vised|written)|paraphrased|similar|sample|the)"
    r"[ -]+)*(?:(?:question|problem|version|varia(?:tion|nt)|(?:re)?phrasing|paraphrase|instruction|answer|response|"
    r"output|solution|assistant)\s*(?:#?\d+\.?)?[*_`]*\s*(?:(?<=\d\.)|:|[-–—](?=\s))|[qa]\s*(?:#?\d+)?[*_`]*\s*:|q\))"
    r"[*_`]*\s*|\A#{1,3} (?:final )?(?:answer|solution|response)[*_]*\n+",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\n\s*(?:[*_(\[-]*\s*(?:note|explanation|this (?:question|version|rephras\w+|keeps)|i hope|let me know|feel free|"
    r"hope this|would you like|do you want|is there anything|let['’]s |to solve |"
    r"the (?:rephrased|new|above) question|the (?:correct )?answer\b|i (?:have |'ve )?(?:kept|rephrased|changed))\b)",
    re.IGNORECASE,
)
_SOLUTION = re.compile(
    r"\n\s*[*_#>(\[]*\s*(?:(?:correct |possible )?answer|solution|explanation|response|a(?![\s\S]*\n\W*b\s*[:.)]))"
    r"\s*\d*\s*[*_]*\s*:|\n(?=[^?]*^####[^\n?]*\Z)",  # or is worked out up to a final answer
    re.IGNORECASE | re.MULTILINE,
)
#: Several questions, the first of which was asked for.
_LIST = re.compile(
    r"\A(?:option |version )?1[.:)]\s*([^\n]*\?)\s*\n+\s*(?:option |version )?2[.:)][^\n]*\?", re.IGNORECASE
)
_REFUSAL = re.compile(
    r"\A\W*(?:(?:i['’]?m |i am )?(?:very |so )?sorry\b[^\n!?:]{0,40}?)?"
    r"\b(?:i (?:can(?:not|['’]t)|won['’]t|must decline)|(?:i['’]m|i am) (?:unable|not able)|as an ai)\b"
    r"[^\n]{0,120}\b(?:help|assist|answer|provide|comply|fulfil|continue|do that|create|discuss)",
    re.IGNORECASE,
)
_BLOCKED = re.compile("content_?filter|safety|recitation|prohibited|blocklist|spii|refus")
#: Control characters and marks of direction: what nobody sees, and a terminal may obey.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
#: Begins the name of a field that repeats what the model was given.
_GIVEN = re.compile("(?:original|seed|old|source|given|input|previous)[_ ]")
_OTHER_FIELDS = ("response", "text", "content", "output", "result", "reply", "completion")
_SMART = str.maketrans(dict.fromkeys("“”", '"'))
_NEXT = re.compile(r"\n\s*\n?\W{0,4}(?:question|instruction)\s*\d*\W{0,3}:", re.IGNORECASE)
_EMOJI = "[\u2600-\u27bf\ufe0f\U0001f300-\U0001faff]"
#: A tag without its other half, and the name of a turn.
_HALF = re.compile(r"\A</?(?:question|answer)>|</?(?:question|answer)>\Z|\Aassistant\n+", re.IGNORECASE)
#: What may stand at the start or the end of a question.
_DECORATION = re.compile(
    rf"\A(?:(?:[-*•#]+|{_EMOJI}+)\s+(?=[A-Z])(?!.*\n))|"
    rf"\s*\((?:a new|rephrased|reworded|paraphrased)[^()]*\)\Z|(?<=[.?!])\s*{_EMOJI}+\Z",
    re.IGNORECASE,
)
_QUOTES = {"---": "---", '"': '"', "“": "”", "«": "»", "„": "“", "'": "'", "**": "**", "__": "__", "*": "*", "`": "`"}


def json_of(response: httpx2.Response) -> dict[str, Any]:
    """A response's JSON object, whatever it is declared as, or what a stream adds up to; empty where it is neither."""
    remarks = re.compile(r"(?:\s*:.*\n)*")  # that keep a connection open
    for content in (response.content, remarks.sub("", response.text, 1)):  # as Unicode, or as the server says
        with suppress(ValueError, RecursionError):
            body = json.loads(content, strict=False)
            body = body[0] if isinstance(body, list) and len(body) == 1 else body
            return body if isinstance(body, dict) else {"detail": body}
    with suppress(ValueError, RecursionError):
        return streamed(json.loads(event) for event in re.findall(r"^data: *(\{.*)", response.text, re.MULTILINE))
    return {}


def billed(usage: object, most: tuple[int, int]) -> tuple[int, int]:
    """The tokens of prompt and reply that a bill says, the most where it cannot be believed: no prompt has none."""
    told: list[int | None] = []
    for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        said = [usage[name] for name in names if name in usage] if isinstance(usage, dict) else []
        with suppress(TypeError, ValueError, OverflowError):
            told.append(int(said[0]) if said and not isinstance(said[0], bool) else None)
    if len(told) < 2 or not told[0]:
        return most
    prompt, reply = (limit if n is None or n < 0 else n for n, limit in zip(told, most, strict=True))
    return prompt, reply


def message_of(completion: dict[str, Any]) -> tuple[str, bool, str]:
    """Return the text of a chat completion, whether it was cut at the token limit, and why it is of no use.

    Text comes as a string or in parts; thoughts beside it are passed over.

    >>> message_of({"choices": [{"message": {"content": [{"type": "text", "text": "Four."}]}}]})
    ('Four.', False, '')
    >>> message_of({"choices": [{"message": {"content": "Fo"}, "finish_reason": "error"}]})
    ('Fo', False, 'broken off by the server (error)')
    """
    choices = completion.get("choices")
    choice = next((c for c in choices if isinstance(c, dict)), {}) if isinstance(choices, list) else {}
    message = choice.get("message") or choice.get("text")
    message = message if isinstance(message, dict) else {"content": message}
    content = _text(message.get("content"))
    ended, failed = str(choice.get("finish_reason") or "").lower(), ""
    if _BLOCKED.search(ended) or message.get("refusal"):
        failed = "refused by the model or a filter"
    elif re.search("error|abort|cancel", ended):
        failed = f"broken off by the server ({ended[:40]})"
    elif not content and message.get("tool_calls"):
        failed = "a call of a tool in place of an answer"
    elif not content and (message.get("reasoning_content") or message.get("reasoning")):
        failed = f"a thought {CUT}" if re.search("length|max", ended) else THOUGHT
    return clean(content), bool(re.search("length|max", ended)), failed


def clean(text: str) -> str:
    """Return a text without what nobody sees, and without halves of characters."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # halves side by side
    return _INVISIBLE.sub("", joined).encode("utf-8", "replace").decode()


def streamed(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the chat completion that the events of a stream add up to; empty where the stream breaks off."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"content": ""}
    ended = None
    for event in events:
        whole |= {name: value for name, value in event.items() if value and name != "choices"}
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                delta = choice.get("delta")
                delta = delta if isinstance(delta, dict) else {"content": delta}
                text = message["content"] + _text(delta.get("content"))
                message |= {name: part for name, part in delta.items() if part} | {"content": text}
                ended = choice.get("finish_reason") or ended
    choices = [{"message": message, "finish_reason": ended}]
    return whole | {"choices": choices} if ended else {"error": whole["error"]} if "error" in whole else {}


def _text(content: object) -> str:
    if isinstance(content, dict) and not {"text", "type"} & content.keys():  # a structure that the server has read
        return json.dumps(content, ensure_ascii=False)
    parts = [
        part if isinstance(part, dict) else {"text": part}
        for part in (content if isinstance(content, list) else [content])
    ]
    texts = [part.get("text") for part in parts if part.get("type", "text") in ("text", "output_text")]
    return "".join(str(text) for text in texts if isinstance(text, str | int | float))


def without_thoughts(text: str) -> str:
    r"""Return what follows a reply's thoughts; nothing where they never end.

    >>> without_thoughts("<think>\n16? No.\n</think>\n\n17"), without_thoughts("<think>Hm"), without_thoughts("17")
    ('17', '', '17')
    """
    *thoughts, last = _THOUGHT_ENDS.split(text)
    if not thoughts and _THOUGHT_STARTS.match(text):
        return ""
    turns = (_CONTROL.sub("", turn).strip() for turn in _TURN_ENDS.split(last))
    return next(filter(None, turns), "")


def structured_reply(text: str, field: str) -> str | None:
    r"""Return what stands in a field of a JSON object or between its tags; ``None`` where neither is whole.

    >>> structured_reply("Sure!\n<question>\nHow many?\n</question> Done.", "question")
    'How many?'
    """
    bare = _FENCE.sub(r"\1", text.strip())
    with suppress(ValueError, RecursionError):
        if isinstance(whole := json.loads(bare, strict=False), str):
            return _inside(whole, field)
    found = _object(bare[start:] if (start := bare.find("{")) >= 0 else f"{{{bare}}}")
    others = (*_OTHER_FIELDS, "solution" if field == "answer" else "problem")
    names = [name for name in found if len(found) == 1 and name in others]
    names += [name for name in found if re.fullmatch(rf"\w+[_ ]{field}", name) and not _GIVEN.match(name)]
    if field in found or names:
        value = found[field if field in found else names[-1]]
        while isinstance(value, dict | list) and len(value) == 1:
            (value,) = value.values() if isinstance(value, dict) else value
        if field == "answer" and isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = "\n".join(value)
        if not isinstance(value, dict | list):
            bare = _UNESCAPED.sub(lambda match: _ESCAPES[match[0]], "" if value is None else str(value))
            return _inside(bare, field)
    bare = html.unescape(bare) if f"&lt;{field}&gt;" in bare else bare
    tag = rf"[<\[]{field}(?:\s[^<>]*)?[>\]]"
    tagged = re.findall(rf"{tag}(.*?)[<\[]/?{field}\b", bare, re.DOTALL | re.IGNORECASE)
    return tagged[-1].strip() if tagged else None


def _inside(text: str, field: str) -> str:
    """What a structured reply's string holds: that of a structure within it, if any."""
    text = clean(text).strip()
    found = structured_reply(text, field)
    return text if found is None else found


def _object(text: str) -> dict[str, object]:
    """The JSON object or Python literal that a text begins with, its keys in lower case; empty where it is none."""
    decode = json.JSONDecoder(strict=False).raw_decode
    attempts: tuple[Callable[[], Any], ...] = (
        lambda: decode(text)[0],
        lambda: ast.literal_eval(text[: text.rfind("}") + 1]),
        lambda: decode(text.translate(_SMART))[0],
        lambda: decode(re.sub(r"([{,]\s*)(\w+)\s*:", r'\1"\2":', text))[0],
        lambda: decode(text.rstrip() + "}")[0],
    )
    for attempt in attempts:
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = attempt()
            return {str(key).strip().lower(): value for key, value in found.items()} if isinstance(found, dict) else {}
    return {}


def plain_question(text: str) -> str:
    r"""Return the question in a reply that has no structure, options on lines of their own included.

    >>> plain_question("Question: Which is a metal?\nA) iron\nB) wood\nAnswer: A")
    'Which is a metal?\nA) iron\nB) wood'
    """
    text = _without_start(text, _COURTESY, _INTRODUCTION, _FOREIGN, _HEADING, _ORIGINAL)
    text = several[1] if (several := _LIST.match(text)) else text
    labelled = _LABEL.match(text)
    text = plain_answer(text)
    for end in (_SOLUTION, _REMARK, _NEXT):
        start = found.start() if (found := end.search(text)) else len(text)
        before, after = text[:start].strip(), text[start:]
        # What looks like a remark or a next question may be what is asked, unless a question ends before it.
        sure = {_SOLUTION: True, _REMARK: "?" not in after, _NEXT: labelled}[end]
        if before and (sure or re.search(r"\?\W*\Z", before)):
            text = before
    text = "\n".join(line.removeprefix("> ") for line in text.strip().split("\n"))
    if not re.search(r"^\W*2[.)]", text, re.MULTILINE):
        text = re.sub(r"\A\(?1[.)]\s+", "", text)
    text = re.sub(r"\A<(\w+)>(.*)</\1>\Z", r"\2", text, flags=re.DOTALL)
    return _unwrapped(_DECORATION.sub("", text))


def plain_answer(text: str) -> str:
    r"""Return the answer in a reply that has no structure: without a fence around it, an introduction and a label.

    >>> plain_answer("Sure! Here is the answer:\n\nThey make 17.\n#### 17")
    'They make 17.\n#### 17'
    """
    return _unwrapped(_without_start(text, _COURTESY, _INTRODUCTION, _FOREIGN, _LABEL))


def _without_start(text: str, *starts: re.Pattern[str]) -> str:
    """Return a text without a fence around it and without what it starts with, unless that is all of it."""
    text = _HALF.sub("", _FENCE.sub(r"\1", text.strip())).strip()
    for start in starts:
        text = start.sub("", text, count=1).strip() or text
    return text


def _unwrapped(text: str) -> str:
    """Return a text without the marks or quotation marks that enclose all of it."""
    for opening, closing in _QUOTES.items():
        inner = text[len(opening) : -len(closing)]
        if (
            len(text) > len(opening) + len(closing)
            and text.startswith(opening)
            and text.endswith(closing)
            and opening not in inner
            and closing not in inner
        ):
            return _unwrapped(inner.strip())
    return text


def read_reply(content: str, kind: Kind, task: Task, cut: bool = False) -> tuple[str | None, str]:
    """Return what a reply's content gives to train on, or ``None``, and why it failed, or nothing.

    A completion starts with a space and ends with the line in which its final answer can first be read. Of a reply that
    is ``cut`` at the token limit, a part that is whole all the same is used.
    """
    text = without_thoughts(content)
    if not text:
        return None, (f"a thought {CUT}" if cut else THOUGHT) if content.strip() else "empty"
    found = structured_reply(text, field_of(kind))
    if found == "":
        return None, "empty"
    if _REFUSAL.match(found or text) and len(found or text) < 400 and "####" not in text:
        return None, "refused by the model"
    if found is None and not cut and _is_wrapping(text, kind):
        return None, f"JSON without a whole {field_of(kind)}"
    if kind != "answer":
        if found is not None:
            return plain_answer(found), ""
        return (None, CUT) if cut else (plain_question(text), "")
    lines = plain_answer(found or text).split("\n")
    for n in range(1, len(lines)):
        if lines[n - 1].lstrip().startswith("####") and task.extract("\n".join(lines[:n])) is not None:
            return " " + "\n".join(lines[:n]), ""
    if cut and found is None:
        return None, CUT
    text = "\n".join(lines)
    # A task may bring an answer into its own form, such as a statement out of a fence.
    return task.completion(text) if hasattr(task, "completion") else f" {text}", ""


def _is_wrapping(text: str, kind: Kind) -> bool:
    """Whether a reply is JSON around nothing that can be used: broken off, a schema, or no question at all."""
    bare = _FENCE.sub(r"\1", text.strip())
    found = _object(bare) if bare.startswith("{") else {}
    broken = re.match(rf"\{{\s*[\"'“]{field_of(kind)}[\"'”]\s*:", bare, re.IGNORECASE)
    return bool(broken or "properties" in found or (found and kind != "answer"))
