"""How servers are reached, what a chat model is asked, what they say of it, and what they take of the protocol."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Kind, Request, prompt

KEY_VARIABLE = "CROSSOVER_API_KEY"
#: What servers call their context in the list of models: vLLM, OpenRouter, Groq, Mistral, llama.cpp.
_CONTEXT = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx", "n_ctx_train")
CHAT = {
    "answer": "Answer the last question in the manner and the form of the answers before it.",
    "new_question": "Write one more question like the following ones. Write the question only.",
}
#: How a chat model is to enclose what it writes: in JSON where the server enforces a schema, otherwise between tags.
#: No placeholder stands between them, which weak models copy.
STRUCTURES = {
    "schema": 'Reply in JSON, with all of it in the field "{field}".',
    "tags": "Write <{field}> before the whole {field} and </{field}> after it.",
}


def api_key() -> str:
    """Return the key in :data:`KEY_VARIABLE`, empty where there is none."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    # Refused here, because the error of the HTTP library would show it.
    if not key.isascii() or not key.isprintable():
        raise CrossoverError(f"{KEY_VARIABLE} holds a character that a header cannot carry. Set it again.")
    return key


def on_this_machine(url: str) -> bool:
    """Whether an address is of this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxies() -> str:
    """The proxy variables that are set, for a message."""
    known = ("all_proxy", "https_proxy", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    names = [name for name in known if os.environ.get(name)]
    return f" {', '.join(names)} names a proxy: unset it, or list the server's host in NO_PROXY." if names else ""


def context_of(base_url: str, model: str) -> int:
    """Return the tokens that a server says it takes of prompt and reply together; 0 where it does not say."""
    headers = {"Authorization": f"Bearer {api_key() or 'none'}"}
    # Any error is the first call's to report: of address, proxy and certificates, too.
    with suppress(
        httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError, ImportError, OSError
    ):
        trusted = not on_this_machine(base_url)
        url = re.sub(r"/?(\?|\Z)", r"/models\1", base_url, count=1)
        listed = httpx2.get(url, headers=headers, timeout=5, trust_env=trusted).json()
        (about,) = [entry for entry in listed["data"] if entry["id"] == model]
        about = (about.get("meta") or {}) | about
        return next((int(about[name]) for name in _CONTEXT if about.get(name)), 0)
    return 0


def field_of(kind: Kind) -> str:
    """Return what a structured reply calls its text."""
    return "answer" if kind == "answer" else "question"


def schema(kind: Kind) -> dict[str, object]:
    """Return the response format of a reply with one field of text."""
    field = field_of(kind)
    fields = {"type": "object", "properties": {field: {"type": "string"}}}
    closed = {"required": [field], "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": field, "strict": True, "schema": fields | closed}}


def chat_prompt(request: Request, task: Task, examples: Sequence[Problem], structure: str) -> str:
    """Return :func:`prompt` as a chat model is asked it, with the structure that its reply is to have."""
    asked = STRUCTURES[structure].format(field=field_of(request.kind))
    if request.kind == "rephrase":
        instruction, _, question = prompt(request, task, examples).partition("\n\n")
        return f"{instruction} {asked}\n\n{question}"
    return f"{CHAT[request.kind]} {asked}\n\n{prompt(request, task, examples)}"


# --- requests that are refused ----------------------------------------------------------------------------------------

# What servers say, whatever their status. Of a prompt or reply that they will not handle: the sample is lost, the run
# goes on.
_TOO_LONG = re.compile(
    r"context.(?:length|window|size)|(?:prompt|input|messages?|text|sequence|content|request|string|payload|entity)\S*"
    r" (?:tokens? )?(?:is |are )?too (?:long|large)|string_above_max|max(?:imum)?.(?:\w+ )?length|"
    r"reduce the length|过长|"
    r"too many tokens|max_model_len|\bn(?:um)?_ctx|token (?:count|limit)\b.{0,40}exceed|exceed\w* .{0,20}token limit|"
    r"input tokens?\b.{0,30}exceed|inputs\W+(?:tokens \+|must have less)|input length should be|"
    r"max_tokens must be at least 1, got -|longer than the (?:maximum|model)"
)
_RATE = re.compile(
    r"\b(?:daily|hourly|monthly|weekly)\W(?:\w+\W){0,2}limit|"
    r"\btoken limit\b.{0,60}?\b(?:(?:per|this|each|a)\W(?:min|hour|day|week|month)|(?:re)?try (?:in|after|again))"
)
FILTERED = re.compile(
    r"content.?(?:filter|polic|management)|inspection|inappropriate|moderation|flagged|safety|usage polic|prohibited|"
    r"sensitive.?(?:content|information|word)|high.risk|guardrail|jailbreak|敏感|违规"
)
#: Statuses and words by which an account is refused, whatever the prompt.
NO_ACCESS = (401, 403)
_ACCOUNT = re.compile(r"\b(?:organi[sz]ation|account|workspace|project|key|access)\b.{0,30}\b(?:been|is|was)\b")
_SPENT = re.compile(
    r"insufficient.(?:quota|balance|credit|funds)|exceeded your current quota|billing_hard_limit|billing hard limit|"
    r"out of credits|no credits|not enough credits?|credit balance|payment required|spending limit|arrear|free trial|"
    r"balance is (?:too low|insufficient|not enough)|余额不足|欠费"
)
_PER_DAY = re.compile(r"(?:requests|tokens|models)\Wper.day")
#: That a server has no such model, or has not loaded it: Ollama, LM Studio, vLLM, hosted ones.
NO_MODEL = re.compile(
    r"model_?not_?found|no models? (?:is |are )?(?:loaded|found|available)|(?:unknown|invalid|no such) model\b|"
    r"try pulling|\bload (?:a|the) model|failed to load (?:the )?model|"
    r"\bmodel\b.{0,80}?\b(?:(?:is |was )?not (?:found|exist|loaded|available|downloaded)|(?:does not|doesn't) exist)"
)
#: That a refusal is of the key, also where it is no JSON.
KEYS = re.compile(r"api.?key|\b(?:token|credential)s?\b|authori[sz]|authenticat")
GATED = re.compile(r"gated|licen[cs]e|request access|accept the (?:terms|condition)|must be granted access")
_UNSUPPORTED = re.compile(
    r"unsupported|not support|only support|not compatible|unknown|unrecogni[sz]ed|not permitted|extra_forbidden|"
    r"instead|only the default|invalid|not allowed|failed|validation error|should be|must be|not.implemented|"
    r"unavailable|not installed"
)
_NO_SCHEMA = re.compile(
    r"response_format|json.?(?:schema|mode)|structured.outputs?|guided|grammar|(?:generate|validate).json"
)
#: That a parameter itself, not its value, is not taken; what may stand between this and its name.
_UNKNOWN = (
    r"(?:unsupported|(?:not|n't) support\w*|unknown|unrecogni[sz]ed|unexpected|deprecated|extra_forbidden|not"
    r" permitted|not allowed|not a (?:valid|supported)|may only be|must be 1(?!\d)|"
    r"not available|only (?:the default|\S+ is (?:allowed|supported)))"
)
_BETWEEN = (
    r"(?:[^\w{;,]|(?<=[\"']),|\b(?:is|are|does|do|been|has|no|longer|currently|the|parameters?|params?|arguments?|supplied|fields?|name|keys?|"
    r"property|keyword|request|option|extra|inputs?|body|loc|msg|message|type)\b)*"
)
_NO_LIMIT, _NO_TEMPERATURE, _NO_BILL = (
    re.compile(rf"{_UNKNOWN}{_BETWEEN}\b(?:{name})\b|\b(?:{name})\b{_BETWEEN}{_UNKNOWN}")
    for name in ("max_tokens", "temperature", "stream_options|include_usage")
)
_INSTEAD = re.compile("use .?max_completion_tokens")
_STREAM = re.compile(
    r"only (?:\w+ ){0,2}stream|\bnon.?stream|(?:enable|requires?|use) (?:the )?\W?stream|"
    r"\bstream(?:ing)?\b.{0,12} (?:required|(?:must|should|needs? to) be|only)|\bstream\W+(?:to )?(?:true|false)\b"
)
#: Refusals that name nothing.
_TERSE_STATUS = (400, 422, 501)
_TERSE = re.compile(
    r"(?:\W|\d|error|message|code|bad.?request|internal.?server|not.?implemented|unprocessable.?(?:entity|content))*"
)


def filtered(said: str, status: int) -> bool:
    """Whether an error refuses a prompt for what it holds, not the account that sends it.

    >>> filtered("your input was flagged", 403), filtered("your account was flagged", 403)
    (True, False)
    """
    return bool(FILTERED.search(said)) and not (status in NO_ACCESS and _ACCOUNT.search(said))


def too_long(said: str, status: int) -> bool:
    """Whether an error refuses a prompt for its length, not an account for how many tokens it has had of late.

    >>> too_long("exceeded model token limit: 8192", 400), too_long("exceeded your daily token limit", 400)
    (True, False)
    """
    return status not in (402, 429) and bool(_TOO_LONG.search(_RATE.sub("", said)))


def spent(said: str, status: int, passing: bool) -> bool:
    """Whether an error says that the account's credit is spent, or all of today's where waiting is not asked for."""
    today = status in (403, 429) and not passing and _PER_DAY.search(said)
    return status == 402 or bool(today or _SPENT.search(said))


def asks_to_wait(response: httpx2.Response) -> bool:
    """Whether a refusal is for now only."""
    return bool(response.headers.get("retry-after")) or "retrydelay" in response.text.lower()


def seconds_to_wait(response: httpx2.Response) -> float:
    """The seconds that a refusal asks to wait, as a number or a date; 0 where it does not say."""
    after = response.headers.get("retry-after", "")
    with suppress(ValueError):
        return float(after)
    with suppress(ValueError):
        return parsedate_to_datetime(after).timestamp() - time.time()
    return 0


@dataclass
class Dialect:
    """What a server takes of the protocol, learnt from its refusals.

    Shared by all teachers of a process at that server.
    """

    structure: str = "schema"
    limit: str = "max_tokens"
    temperature: bool = True
    stream: bool = False
    stream_bill: bool = True
    answered: bool = False
    #: Whether each of the last prompts that were answered or too long was too long, and what was said of the last one.
    too_long: deque[bool] = field(default_factory=lambda: deque(maxlen=20))
    too_long_as: str = ""

    @property
    def spoken(self) -> tuple[object, ...]:
        """All that refusals change."""
        return self.structure, self.limit, self.temperature, self.stream, self.stream_bill

    def mostly_too_long(self) -> bool:
        return 2 * sum(self.too_long) > len(self.too_long)

    def learn(self, said: str, status: int = 400) -> bool:
        """Give up what an error refuses, and return whether there was anything.

        >>> dialect = Dialect()
        >>> dialect.learn("'max_tokens' is not supported. use 'max_completion_tokens' instead."), dialect.limit
        (True, 'max_completion_tokens')
        >>> dialect.learn("this model's maximum context length is 4096 tokens")
        False
        """
        # A 500 may pass, but not one that is still there after the client's attempts.
        refused = self.refused(said, 501 if status == 500 else status)
        for name, value in refused.items():
            setattr(self, name, value)
        return bool(refused)

    def refused(self, said: str, status: int) -> dict[str, object]:
        """Return what an error refuses of what is sent now, with what to send instead."""
        if status in (401, 402, 403, 429):  # of the account
            return {}
        if not self.answered and self.structure == "schema" and status in _TERSE_STATUS and _TERSE.fullmatch(said):
            return {"structure": "tags"}  # the least common of what is sent
        if self.limit == "max_tokens" and (_INSTEAD.search(said) or _NO_LIMIT.search(said)):
            return {"limit": "max_completion_tokens"}
        if self.temperature and _NO_TEMPERATURE.search(said):
            return {"temperature": False}
        if self.stream and self.stream_bill and _NO_BILL.search(said):
            return {"stream_bill": False}
        if not self.stream and status < 500 and _STREAM.search(said):
            return {"stream": True}
        refused = self.structure == "schema" and _UNSUPPORTED.search(said) and _NO_SCHEMA.search(said)
        return {"structure": "tags"} if refused else {}

    def settings(self, request: Request, temperature: float, max_new_tokens: int) -> dict[str, Any]:
        """Return what is sent beside model and messages."""
        sent: dict[str, Any] = {self.limit: max_new_tokens}
        if self.temperature:
            sent["temperature"] = temperature
        if self.structure == "schema":
            sent["response_format"] = schema(request.kind)
        if self.stream:
            sent |= {"stream": True} | ({"stream_options": {"include_usage": True}} if self.stream_bill else {})
        return sent


@functools.cache
def dialect_of(base_url: str, model: str) -> Dialect:
    """Return what is known of a model at a server."""
    return Dialect()
