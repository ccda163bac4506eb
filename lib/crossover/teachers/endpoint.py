"""A teacher behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, transformers, or a hosted one.

Calls go through the official client to ``chat.completions``, so that the server applies the model's chat template. They
run side by side; the client repeats what the server refuses for now (429, 5xx), drops or answers too late. The first
call goes alone: a server that can do nothing with it ends the run after one call. The key is read from the environment
variable ``CROSSOVER_API_KEY`` when calls are made and is kept nowhere; a variable of the project's own, so that no key
meant for one host is sent to another.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
import openai
from tqdm import tqdm

from crossover.errors import CrossoverError
from crossover.labels import counted
from crossover.params.budget_ratio import check_address
from crossover.tasks.base import Problem, Task
from crossover.tasks.pair_texts import listed
from crossover.teachers.base import Reply, Request
from crossover.teachers.dialects import (
    GATED,
    KEY_VARIABLE,
    KEYS,
    NO_ACCESS,
    NO_MODEL,
    api_key,
    asks_to_wait,
    chat_prompt,
    dialect_of,
    field_of,
    filtered,
    on_this_machine,
    proxies,
    seconds_to_wait,
    spent,
    too_long,
)
from crossover.teachers.interrupts import interruptible
from crossover.teachers.replies import billed, json_of, message_of, read_reply, structured_reply
from crossover.teachers.spending import Account, BudgetExceeded

TEMPLATE_TOKENS = 256  # a chat template's own tokens, at most
TOKEN_CHARACTERS = 64  # characters of a token, at most: what a server sends beyond its limit is cut there
LONGEST = 10  # times ``timeout`` that a reply may come in pieces
ALL_REFUSED = 20  # prompts that end a run: refused one after the other by 401 or 403, or before any is answered
_KIND = re.compile(r"html|event-stream|ndjson")  # contents that are no chat completion, unless they are whole


@dataclass(frozen=True)
class Endpoint:
    """A served model as teacher and augmenter.

    A request is one query of the strategy's budget, however often it is sent. Every attempt is charged to the
    ``account`` before it is made: one that the server refuses costs nothing, one whose reply is lost on the way stays
    at the most it can have cost. A reply that is cut at ``max_new_tokens``, or without text, is a failed call and says
    why. So is a prompt that is longer than the context or that a filter refuses. A refusal of the account (401, 403)
    ends the run; where its words are about the prompt, the 20th in a row does. So does a server that refuses the first
    20 prompts, or finds most of the last 20, or of a smaller batch, too long; these refusals are not kept.
    ``concurrency`` calls are under way at once; one is sent up to ``attempts`` times, with ``timeout`` seconds of
    silence each, before the run ends with an error.
    """

    task: Task
    examples: Sequence[Problem]
    model: str
    account: Account
    temperature: float = 0.7
    max_new_tokens: int = 96
    base_url: str = field(default="http://127.0.0.1:8000/v1", repr=False)
    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 10
    repeatable = False

    def __post_init__(self) -> None:
        for name in ("temperature", "timeout", "concurrency", "attempts"):
            if getattr(self, name) <= 0:
                raise CrossoverError(f"{name} is {getattr(self, name)}; it must be above 0.")
        try:
            check_address(self.base_url)
        except ValueError as problem:
            raise CrossoverError(f"{problem}.") from None

    @property
    def id(self) -> str:
        """Model and sampling settings, as stored with each reply; where the server is does not belong to it."""
        return f"endpoint({self.model}, temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens})"

    @property
    def server(self) -> str:
        """The server's address without a query."""
        return self.base_url.partition("?")[0]

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply per request, in order."""
        replies: dict[int, Reply] = {}
        self.ask(requests, replies.__setitem__)
        return [replies[i] for i in range(len(requests))]

    def ask(self, requests: Sequence[Request], arrived: Callable[[int, Reply], object]) -> None:
        """Call ``arrived`` with each reply as soon as it is there, by the request's place in ``requests``.

        After an error, an interruption or a cap that is reached (:class:`BudgetExceeded`) no further call is made; the
        replies of those under way are waited for first, since they have been paid for.
        """
        bar = tqdm(total=len(requests), desc="Asking the teacher", unit="reply", file=sys.stderr, leave=False, delay=1)

        def count(place: int, reply: Reply) -> None:
            arrived(place, reply)
            bar.update()

        calls = _Calls(self, requests, count)
        # A thread of its own for the event loop: a notebook's main thread has one running already.
        with bar, interruptible(calls.interrupt), ThreadPoolExecutor(1) as thread:
            running = thread.submit(lambda: asyncio.run(calls.run()))
            try:
                wait([running])
            finally:
                calls.abandon()
        if calls.interrupted:
            raise KeyboardInterrupt
        running.result()


class _Stopped(Exception):
    """The run ends: the attempt is not made."""


class _Connection(openai.DefaultAsyncHttpxClient):
    """The client's connection.

    Every attempt is charged before it is made, and every reply has the status that it deserves.
    """

    def __init__(self, calls: _Calls, **settings: Any):
        super().__init__(**settings)
        self.calls = calls

    async def send(self, request: httpx2.Request, **settings: Any) -> httpx2.Response:
        if request.method != "POST":
            return await super().send(request, **settings)
        teacher, calls = self.calls.teacher, self.calls
        if calls.stopped.is_set():
            raise _Stopped
        # A token is a byte at the least, whatever the server's tokenizer.
        most = (len(request.content) + TEMPLATE_TOKENS, teacher.max_new_tokens)
        entry = teacher.account.reserve(*most)
        try:
            async with asyncio.timeout(LONGEST * teacher.timeout):
                response = await super().send(request, **settings)
                await response.aread()
        except TimeoutError:
            raise httpx2.ReadTimeout("the reply does not end", request=request) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.TooManyRedirects) as problem:
            teacher.account.settle(entry, 0, 0)
            if not calls.dialect.answered:  # a wrong address more likely than a server in trouble
                hint = " Set SSL_CERT_FILE to its certificate." if "CERTIFICATE" in str(problem) else proxies()
                raise CrossoverError(
                    f"{teacher.server} cannot be reached: {calls.safe(problem).rstrip('.')}.{hint}"
                ) from None
            raise
        if response.request.method != "POST":  # what a client makes of most redirections
            teacher.account.settle(entry, 0, 0)
            at = calls.safe(response.url)
            raise CrossoverError(f"{teacher.server} sends calls on to {at}: give the address there as base_url.")
        body = json_of(response)
        error = body.get("error")
        if response.is_success and "choices" in body and (body["choices"] or body.get("usage")) and not error:
            response.extensions["paid"] = entry, billed(body.get("usage"), most)
            return response
        response.extensions["status"] = response.status_code  # as it was sent
        known = calls.dialect.answered or not _KIND.search(response.headers.get("content-type", ""))
        if response.is_success and not body and known:
            response.status_code = 502  # a reply cut short: billed, and worth another attempt
        else:
            teacher.account.settle(entry, 0, 0)
            if response.is_success:
                code = error.get("code") if isinstance(error, dict) else None
                response.status_code = int(str(code)) if re.fullmatch("[45][0-9][0-9]", str(code)) else 404
        said = calls.said(response)
        passing, status = asks_to_wait(response), response.status_code
        refused = too_long(said, status) or filtered(said, status) or calls.dialect.refused(said, status)
        if refused or (spent(said, status, passing) and not passing):
            response.headers["x-should-retry"] = "false"  # as a server tells the client that waiting does not help
        elif not calls.warned and status >= 429:
            calls.warned = True
            print(f"{teacher.server}: {calls.words(response)}. Such calls are sent again.", file=sys.stderr)
        return response


class _Calls:
    """The calls of one batch of requests, made by a few workers in one event loop."""

    def __init__(self, teacher: Endpoint, requests: Sequence[Request], arrived: Callable[[int, Reply], object]):
        self.teacher, self.arrived = teacher, arrived
        self.dialect = dialect_of(teacher.base_url, teacher.model)
        self.waiting = deque(enumerate(requests))
        self.stopped = threading.Event()
        self.interrupted = self.warned = False
        self.workers = self.denied = 0
        self.refusals: list[tuple[int, Reply]] = []  # kept once most prompts are answered
        self.failure: Exception | None = None
        self.task: asyncio.Task[Any] | None = None
        self.key = api_key()

    def interrupt(self) -> None:
        """Make no further call; those under way are waited for."""
        self.interrupted = True
        self.stopped.set()

    def abandon(self) -> None:
        """Drop the calls under way; from another thread."""
        self.stopped.set()
        if self.task:
            with suppress(RuntimeError):  # the loop has just ended by itself
                self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    async def run(self) -> None:
        if not self.waiting:
            return
        self.task, teacher = asyncio.current_task(), self.teacher
        try:
            local = on_this_machine(teacher.base_url)
            own = local and teacher.base_url.startswith("https")
            trusted = ssl.create_default_context() if own else True  # which knows SSL_CERT_FILE
            connection = _Connection(self, timeout=teacher.timeout, trust_env=not local, verify=trusted)
        except (ImportError, ValueError) as problem:
            raise CrossoverError(f"The proxy cannot be used: {self.safe(problem)}{proxies()}") from None
        except OSError as problem:
            raise CrossoverError(f"The certificates of SSL_CERT_FILE cannot be read: {self.safe(problem)}.") from None
        version = teacher.base_url.partition("?api-version=")[2]
        make = partial(openai.AsyncAzureOpenAI, api_version=version) if version else openai.AsyncOpenAI
        client = make(
            base_url=teacher.server,
            api_key=self.key or "none",
            max_retries=teacher.attempts - 1,
            http_client=connection,
        )
        async with client:
            while self.waiting and not self.dialect.answered and not self.stopped.is_set():
                await self._work(client, alone=True)
            await asyncio.gather(*(self._work(client) for _ in range(min(teacher.concurrency, len(self.waiting)))))
        if self.failure:
            raise self.failure
        if self.refusals and not self.stopped.is_set():
            self._end_if_nothing_is_answered()
            if sum(self.dialect.too_long) > self.teacher.account.answered:
                self._end_if_most_are_too_long()
            self._keep_refusals()

    async def _work(self, client: openai.AsyncOpenAI, alone: bool = False) -> None:
        self.workers += 1
        try:
            while self.waiting and not self.stopped.is_set():
                place, request = self.waiting.popleft()
                try:
                    reply, paid = await self._answered(client, request)
                except BudgetExceeded:
                    if self.workers == 1:
                        raise
                    # What others have set aside may come back: they take this call up when they know their bills.
                    self.waiting.appendleft((place, request))
                    return
                if paid is None:
                    self.refusals.append((place, reply))
                    if len(self.refusals) >= ALL_REFUSED:
                        self._end_if_nothing_is_answered()
                else:  # settled once it is kept, so that a kill leaves no settled call without its reply
                    self.arrived(place, reply)
                    self.teacher.account.settle(paid, reply.tokens_in, reply.tokens_out)
                    if not self.dialect.mostly_too_long():
                        self._keep_refusals()
                if alone:
                    return
        except _Stopped:
            pass
        except Exception as problem:  # noqa: BLE001 - any: the others finish what they have paid for, then it is raised
            self.failure = self.failure or problem
            self.stopped.set()
        finally:
            self.workers -= 1

    def _end_if_nothing_is_answered(self) -> None:
        if not (self.dialect.answered or self.teacher.account.answered):
            n, why = len(self.refusals), self.refusals[-1][1].failed
            raise CrossoverError(f"{self.teacher.server} refused every prompt ({n}), the last one as {why}.")

    def _keep_refusals(self) -> None:
        while self.refusals:
            self.arrived(*self.refusals.pop())

    async def _answered(self, client: openai.AsyncOpenAI, request: Request) -> tuple[Reply, int | None]:
        """Return the reply, asked for again without what the server does not take, and the entry to settle."""
        teacher, dialect = self.teacher, self.dialect
        while True:
            spoken = dialect.spoken
            text = chat_prompt(request, teacher.task, teacher.examples, dialect.structure)
            try:
                response = await client.chat.completions.with_raw_response.create(
                    model=teacher.model,
                    messages=[{"role": "user", "content": text}],
                    **dialect.settings(request, teacher.temperature, teacher.max_new_tokens),
                )
            # None of the client's own errors goes further: they hold the request, and that the key.
            except openai.APITimeoutError:
                raise self._given_up(f"no reply within {teacher.timeout:g} s") from None
            except openai.APIConnectionError as problem:
                cause = problem.__cause__
                hint = "" if dialect.answered else ", before any reply (is base_url right, http or https?)"
                raise self._given_up(f"{type(cause).__name__} {self.safe(cause)}".strip(" .") + hint) from None
            except openai.APIStatusError as problem:
                said = self.said(problem.response)
                if (harmful := filtered(said, problem.status_code)) or too_long(said, problem.status_code):
                    why = "refused by a filter" if harmful else "longer than the context"
                    why = f"{why}: {self.words(problem.response)}"
                    self.denied += problem.status_code in NO_ACCESS
                    if self.denied >= ALL_REFUSED:
                        raise CrossoverError(
                            f"{teacher.server} refused {self.denied} prompts in a row, the last one as {why}."
                        ) from None
                    if not harmful:
                        dialect.too_long.append(True)
                        dialect.too_long_as = why
                        if len(dialect.too_long) == dialect.too_long.maxlen:
                            self._end_if_most_are_too_long()
                    return Reply(None, failed=why), None
                if dialect.learn(said, problem.status_code) or spoken != dialect.spoken:
                    continue
                raise await self._refusal(client, problem.response) from None
            dialect.answered, self.denied = True, 0
            dialect.too_long.append(False)
            entry, used = response.http_response.extensions["paid"]
            return self._read(json_of(response.http_response), request, used), entry

    def _end_if_most_are_too_long(self) -> None:
        recent, why, server = self.dialect.too_long, self.dialect.too_long_as, self.teacher.server
        if self.dialect.mostly_too_long():
            said = f"{server} refused {sum(recent)} of the last {len(recent)} prompts, the last one as {why}."
            recent.clear()
            raise CrossoverError(
                f"{said} Serve the model with a longer context, or give shorter pairs; replies that came are stored;"
                " run again to resume."
            )

    def _read(self, completion: dict[str, Any], request: Request, used: tuple[int, int]) -> Reply:
        """Return what a chat completion holds."""
        teacher, (tokens_in, tokens_out) = self.teacher, used
        content, cut, failed = message_of(completion)
        if failed:
            return Reply(None, tokens_in, tokens_out, failed=failed)
        most = TOKEN_CHARACTERS * teacher.max_new_tokens
        cut, content = cut or len(content) > most, self.safe(content)[:most]
        whole = self.dialect.structure == "schema" and content and not cut
        if whole and structured_reply(content, field_of(request.kind)) is None:
            self.dialect.structure = "tags"  # the server passes the schema over in silence
        text, failed = read_reply(content, request.kind, teacher.task, cut)
        return Reply(text, tokens_in, tokens_out, failed=failed, raw=content)

    def _given_up(self, why: str) -> CrossoverError:
        return CrossoverError(
            f"{self.teacher.server} failed in {counted(self.teacher.attempts, 'attempt')} at one call, the last time"
            f" with {why}. Replies that came are stored; run again to resume."
        )

    async def _refusal(self, client: openai.AsyncOpenAI, response: httpx2.Response) -> CrossoverError:
        """Return what an error status means for the run: its end."""
        server, model, status = self.teacher.server, self.teacher.model, response.status_code
        words, said = self.words(response), self.said(response)
        if spent(said, status, asks_to_wait(response)):
            return CrossoverError(f"{server} says that the account's quota or credit is spent: {words}.")
        if GATED.search(said) and status < 500:
            return CrossoverError(
                f"{server} keeps {model!r} behind a licence: {words}. Accept it there, with the account of the key."
            )
        if status == 403 and not json_of(response) and response.text.strip() and not KEYS.search(said):
            return CrossoverError(
                f"{server}: a firewall or proxy refuses the call before any model server ({words}).{proxies()} Give an"
                " address that is open to programs, or call from a network that it admits."
            )
        if status in NO_ACCESS:
            return CrossoverError(f"{server} refuses the key ({words}). Set {KEY_VARIABLE} to one that it accepts.")
        if (after := seconds_to_wait(response)) > 60:
            return CrossoverError(f"{server} asks to wait {after:.0f} s ({words}). Run again then, to resume.")
        if status in (408, 409, 429) or status >= 500:
            return self._given_up(words)
        known = await self._known(client)
        lacking = NO_MODEL.search(said)
        if known and model not in known and (lacking or status == 404):
            return CrossoverError(f"{server} has no model {model!r}. It lists: {self.safe(listed(known))}.")
        if lacking:
            return CrossoverError(
                f"{server} cannot serve {model!r} ({words}). Load it there first, as by ollama pull or lms load."
            )
        ends = server.rstrip("/").endswith("/v1")
        wrong = status in (404, 405) and not (known and ends)
        hint = " Is base_url right?" + ("" if ends else " As a rule it ends in /v1.") if wrong else ""
        return CrossoverError(f"{server} refuses the request to {model!r} ({words}).{hint}")

    async def _known(self, client: openai.AsyncOpenAI) -> list[str]:
        """Return the models that the server lists; none where it has no list."""
        try:
            return sorted([model.id async for model in client.with_options(max_retries=0).models.list()])
        except (openai.OpenAIError, ValueError, AttributeError, TypeError):
            return []

    def words(self, response: httpx2.Response) -> str:
        """Return a server's own words of an error, with its status."""
        body = json_of(response)
        error = body.get("error") or body
        said = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
        said = said or response.text or "nothing"
        if kind := _KIND.search(response.headers.get("content-type", "")):
            title = re.search(r"<title>(.*?)</title>", response.text, re.DOTALL | re.IGNORECASE)
            said = f"a web page{title and f' titled {title[1]!r}' or ''}" if kind[0] == "html" else "a stream of events"
        status = response.extensions.get("status", response.status_code)
        return f"status {status}: {self.safe(' '.join(str(said).split()))[:300].rstrip(' .')}"

    def said(self, response: httpx2.Response) -> str:
        """Return all that a response says, in lower case, its letters as they are read; of a web page its title."""
        body, is_page = json_of(response), "html" in response.headers.get("content-type", "")
        said = json.dumps(body, ensure_ascii=False) if body else self.words(response) if is_page else response.text
        return self.safe(said).lower()

    def safe(self, text: object) -> str:
        """Return a text without the key, should the server send it back, and without unpaired surrogates."""
        text = str(text)
        if len(self.key) >= 8:  # a shorter one is a placeholder such as EMPTY
            text = text.replace(self.key, f"[{KEY_VARIABLE}]")
        return text.encode("utf-8", "replace").decode()
