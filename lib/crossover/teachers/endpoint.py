"""A teacher behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, transformers, or a hosted one.

Calls go through the official client to ``chat.completions``, so that the server applies the model's chat template. They
run side by side; a call that the server refuses for now (429, 5xx), drops, cuts short or answers too late is sent again
after an exponentially growing pause, or after the one that the server asks for. The key is read from the environment
variable ``CROSSOVER_API_KEY`` when calls are made and is kept nowhere; a variable of the project's own, so that no key
meant for one host is sent to another.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import queue
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import openai

from crossover.errors import CrossoverError
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Reply, Request
from crossover.teachers.few_shot_prompts import chat_prompt, ending
from crossover.teachers.spending import Account, BudgetExceeded

KEY_VARIABLE = "CROSSOVER_API_KEY"
LONGEST_PAUSE = 60.0  # seconds between two attempts, unless the server asks for more
LONGEST_ASKED = 600.0  # seconds that a server may ask for; beyond that the run ends and can be resumed
TEMPLATE_TOKENS = 256  # a chat template's own tokens, at most
TOKEN_CHARACTERS = 64  # characters of a token, at most: what a server sends beyond its limit is cut there
#: A call that the server will never answer, whatever else works: it counts as failed and the run goes on.
REFUSED = ("content_filter", "content_policy_violation", "context_length_exceeded")


@dataclass(frozen=True)
class Endpoint:
    """A served model as teacher and augmenter.

    Parameters
    ----------
    task : Task
        Its prompt format and its end of an answer.
    examples : sequence of Problem
        Solved problems that the prompts show.
    model : str
        As the server names it.
    account : Account
        What attempts are charged to, failed ones included.
    temperature : float
        Of sampling, above 0.
    max_new_tokens : int
        Longest reply, sent as ``max_tokens``.
    base_url : str
        Of the server, as a rule ending in ``/v1``.
    concurrency : int
        Calls under way at once.
    timeout : float
        Seconds that one attempt may take.
    attempts : int
        How often a call is sent before the run ends with an error.
    backoff : float
        Seconds before the second attempt; doubled each time, up to a minute.

    Notes
    -----
    A request is one query of the strategy's budget, however often it is sent (:mod:`crossover.strategies.ledger`). In tokens, an
    attempt that the server answered with an error costs nothing, and one whose reply was lost on the way the most it can
    have cost; that is added to the tokens of the reply that came in the end. A reply without text is a failed call.

    The server samples. One that decodes greedily whatever the temperature (``transformers serve`` does, unless the model's
    own generation settings say ``do_sample``) gives every draw of a request the same reply.
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
    backoff: float = 1.0
    repeatable = False

    def __post_init__(self) -> None:
        for name in ("temperature", "timeout", "concurrency", "attempts"):
            if getattr(self, name) <= 0:
                raise CrossoverError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if not self.server.startswith(("http://", "https://")):
            raise CrossoverError(f"base_url is {self.server!r}; it starts with http:// or https://.")

    @property
    def id(self) -> str:
        """Model and sampling settings, as stored with each reply; where the server is does not belong to it."""
        return f"endpoint({self.model}, temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens})"

    @property
    def server(self) -> str:
        """The server's address as messages show it: without user, password and query."""
        url = urlsplit(self.base_url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request, in order."""
        replies = {i: reply for batch in self.arrivals(requests) for i, reply in batch.items()}
        return [replies[i] for i in range(len(requests))]

    def arrivals(self, requests: Sequence[Request]) -> Iterator[dict[int, Reply]]:
        """Yield the replies that have come since the last yield, by the request's place in ``requests``.

        After an error, an interruption or a cap that is reached no further call is made; the replies of those under way
        are waited for and yielded first, since they have been paid for.

        Raises
        ------
        BudgetExceeded
            A call could pass a cap of the account.
        CrossoverError
            The server does not know the model, refuses the key or the request, or went on failing.
        """
        calls = _Calls(self, requests)
        # A thread of its own for the event loop: a notebook's main thread has one running already.
        with _interruptible(calls), ThreadPoolExecutor(1) as thread:
            running = thread.submit(lambda: asyncio.run(calls.run()))
            running.add_done_callback(lambda _: calls.arrived.put(None))
            try:
                while batch := calls.take():
                    yield batch
            finally:
                calls.stopped.set()
                calls.abandon()
        if calls.interrupted:
            raise KeyboardInterrupt
        running.result()


@contextmanager
def _interruptible(calls: _Calls) -> Iterator[None]:
    """Make an interrupt, wherever it strikes, stop further calls only; a second one is raised as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        calls.interrupted = True
        calls.stopped.set()
        print("Waiting for replies under way, which are paid for. Interrupt again to give them up.", file=sys.stderr)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@dataclass
class _Call:
    """One request on its way: its place among the requests, its text, and the attempts whose replies were lost."""

    place: int
    request: Request
    text: str
    lost: list[int] = field(default_factory=list)


class _Lost(Exception):
    """An attempt without a reply that can be read: why, whether the server may have billed it, the pause it asks for."""

    def __init__(self, why: str, billed: bool, pause: float = 0.0):
        super().__init__(why)
        self.billed, self.pause = billed, pause


class _Calls:
    """The calls of one batch of requests, made by a few workers in one event loop."""

    def __init__(self, teacher: Endpoint, requests: Sequence[Request]):
        self.teacher = teacher
        self.waiting = deque(
            _Call(i, request, chat_prompt(request, teacher.task, teacher.examples))
            for i, request in enumerate(requests)
        )
        self.arrived: queue.SimpleQueue[tuple[int, Reply] | None] = queue.SimpleQueue()
        self.stopped = threading.Event()
        self.interrupted = False
        self.workers = min(teacher.concurrency, len(requests))
        self.failure: Exception | None = None
        self.warned = False
        self.loop: asyncio.AbstractEventLoop | None = None

    def take(self) -> dict[int, Reply]:
        """Wait for a reply and return all that have come; none after the last."""
        batch: dict[int, Reply] = {}
        while (item := self.arrived.get()) is not None:
            batch[item[0]] = item[1]
            if self.arrived.empty():
                break
        else:
            self.arrived.put(None)  # the end, to be met again by the next call
        return batch

    def abandon(self) -> None:
        """Drop the calls under way; from another thread."""
        if self.loop:
            with suppress(RuntimeError):  # the loop has just ended by itself
                self.loop.call_soon_threadsafe(self.task.cancel)

    async def run(self) -> None:
        if not self.waiting:
            return
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        client = openai.AsyncOpenAI(
            base_url=self.teacher.base_url, api_key=_key() or "none", timeout=self.teacher.timeout, max_retries=0
        )
        async with client:
            await asyncio.gather(*(self._work(client) for _ in range(self.workers)))
        if self.failure:
            raise self.failure

    async def _work(self, client: openai.AsyncOpenAI) -> None:
        try:
            while self.waiting and not self.stopped.is_set():
                call = self.waiting.popleft()
                try:
                    reply = await self._answered(client, call)
                except BudgetExceeded:
                    if self.workers == 1:
                        raise
                    # What others have set aside may come back: they take this call up when they know their bills.
                    self.waiting.appendleft(call)
                    return
                if reply is not None:
                    self.arrived.put((call.place, reply))
        except Exception as problem:  # noqa: BLE001 - any: the others finish what they have paid for, then it is raised
            self.failure = self.failure or problem
            self.stopped.set()
        finally:
            self.workers -= 1

    async def _answered(self, client: openai.AsyncOpenAI, call: _Call) -> Reply | None:
        """Send a call until it is answered; ``None`` where the run was stopped meanwhile."""
        teacher, account = self.teacher, self.teacher.account
        # A token is a byte at the least, whatever the server's tokenizer.
        most = (len(call.text.encode()) + TEMPLATE_TOKENS, teacher.max_new_tokens)
        for attempt in range(teacher.attempts):
            entry = account.reserve(*most)
            try:
                content, used_in, used_out = await self._attempt(client, call.text, most)
            except _Lost as problem:
                lost = problem
            except CrossoverError:
                account.settle(entry, 0, 0)
                raise
            else:
                account.settle(entry, used_in, used_out)
                for earlier in call.lost:  # the same prompt, whose length is known now
                    account.settle(earlier, used_in or most[0], most[1])
                text = None if content is None else ending(self._cut(content), call.request.kind, teacher.task)
                repeated_in, repeated_out = len(call.lost) * (used_in or most[0]), len(call.lost) * most[1]
                return Reply(text, used_in + repeated_in, used_out + repeated_out)
            if lost.billed:
                call.lost.append(entry)
            else:
                account.settle(entry, 0, 0)
            if not self.warned:
                print(f"{teacher.server}: {lost}. Such calls are sent again.", file=sys.stderr)
                self.warned = True
            if attempt + 1 < teacher.attempts:
                grown = min(teacher.backoff * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1)
                await self._pause(max(grown, lost.pause))
            if self.stopped.is_set():
                return None
        raise CrossoverError(
            f"{teacher.server} failed {teacher.attempts} times in a row at one call, the last time with: {lost}. Replies "
            "that came are stored; run again to go on from there."
        )

    async def _attempt(
        self, client: openai.AsyncOpenAI, text: str, most: tuple[int, int]
    ) -> tuple[str | None, int, int]:
        """Send a call once; return its content and the tokens billed, or raise what became of it."""
        teacher = self.teacher
        try:
            async with asyncio.timeout(teacher.timeout):
                # As client.chat.completions.create does, without its typed objects: those take a third of the time of a
                # call, and would hold whatever a broken server sends.
                completion = await client.post(
                    "/chat/completions",
                    cast_to=object,
                    body={
                        "model": teacher.model,
                        "messages": [{"role": "user", "content": text}],
                        "temperature": teacher.temperature,
                        "max_tokens": teacher.max_new_tokens,
                    },
                )
            return _read(completion, most)
        # None of the client's own errors goes further: they hold the request, and that the key.
        except (TimeoutError, openai.APITimeoutError):
            raise _Lost(f"no reply within {teacher.timeout:g} s", billed=True) from None
        except openai.APIConnectionError as problem:
            cause = problem.__cause__
            unreached = type(cause).__name__ in ("ConnectError", "ConnectTimeout")
            raise _Lost(f"{type(cause).__name__}: {_safe(str(cause))}", billed=not unreached) from None
        except openai.APIStatusError as problem:
            if problem.code in REFUSED:
                return None, 0, 0
            said, headers = _safe(problem.response.text)[:500], problem.response.headers
            raise await self._refusal(client, problem.status_code, said, headers) from None
        except ValueError:
            raise _Lost("a reply that is not whole JSON", billed=True) from None

    async def _refusal(
        self, client: openai.AsyncOpenAI, status: int, said: str, headers: Mapping[str, str]
    ) -> Exception:
        """Return what an error status means: a lost attempt, or the end of the run."""
        server, model = self.teacher.server, self.teacher.model
        if status in (408, 409, 429) or status >= 500:
            asked = _retry_after(headers.get("retry-after", ""))
            if asked > LONGEST_ASKED:
                return CrossoverError(f"{server} asks to wait {asked:,.0f} s before the next call; run again then.")
            return _Lost(f"status {status}: {said}", billed=False, pause=asked)
        if status in (401, 403):
            fix = f"Set {KEY_VARIABLE} to one that it accepts."
            return CrossoverError(f"{server} refuses the key (status {status}). {fix}")
        known = await self._known(client)
        if known and model not in known:
            return CrossoverError(f"{server} has no model {model!r}. It lists: {_safe(', '.join(known))}.")
        hint = "" if known or status != 404 else " Is base_url right? As a rule it ends in /v1."
        return CrossoverError(f"{server} refuses the request to {model!r} (status {status}): {said}{hint}")

    async def _known(self, client: openai.AsyncOpenAI) -> list[str]:
        """Return the models that the server lists; none where it has no list."""
        try:
            return sorted([model.id async for model in client.models.list()])
        except (openai.OpenAIError, ValueError, AttributeError, TypeError):
            return []

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.stopped.is_set() and (rest := until - time.monotonic()) > 0:
            await asyncio.sleep(min(rest, 0.1))

    def _cut(self, content: str) -> str:
        return _safe(content)[: TOKEN_CHARACTERS * self.teacher.max_new_tokens]


def _read(completion: object, most: tuple[int, int]) -> tuple[str | None, int, int]:
    """Return content and billed tokens of a chat completion; a bill that is missing is taken to be ``most``."""
    try:
        content, usage = completion["choices"][0]["message"].get("content"), completion.get("usage") or {}
        told = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (AttributeError, LookupError, TypeError):
        raise _Lost("a reply that is not a chat completion", billed=True) from None
    if not isinstance(content, str | None):
        raise _Lost("a reply that is not text", billed=True)
    used_in, used_out = (n if isinstance(n, int) and n >= 0 else limit for n, limit in zip(told, most, strict=True))
    return content, used_in, used_out


def _retry_after(value: str) -> float:
    """Read a ``Retry-After`` header, a number of seconds or a date; 0 where it is neither.

    >>> _retry_after("1.5"), _retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), _retry_after("soon")
    (1.5, 0.0, 0.0)
    """
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _key() -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    # Refused here, because the error of the HTTP library would show it.
    if not key.isascii() or not key.isprintable():
        raise CrossoverError(f"{KEY_VARIABLE} holds a character that a header cannot carry. Set it again.")
    return key


def _safe(text: str) -> str:
    """Return a server's text without the key, should it send that back, and without characters that cannot be stored."""
    key = _key()
    if len(key) >= 8:  # a shorter one is a placeholder such as EMPTY
        text = text.replace(key, f"[{KEY_VARIABLE}]")
    return text.encode("utf-8", "replace").decode()
