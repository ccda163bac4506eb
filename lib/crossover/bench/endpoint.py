"""Calls to a served teacher against a plain load generator on the same server: what counting, storing and capping cost."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import openai
import pandas as pd

from crossover.bench.tables import ratio, seconds, table, turns
from crossover.tasks import load_task
from crossover.teachers import Request
from crossover.teachers.endpoint import Endpoint
from crossover.teachers.few_shot_prompts import chat_prompt
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account

MODEL, CONCURRENCY = "any", 16
#: The time that the server takes for a call; it takes as many at once as come.
LATENCY = 0.05


def run(calls: int = 300, repeats: int = 3) -> pd.DataFrame:
    """Time ``calls`` calls either way, to a server in a process of its own whose every reply takes :data:`LATENCY`."""
    task = load_task("math_words")
    problems = task.seeds(calls, 0)
    requests = [Request("answer", problem, 0) for problem in problems]
    with served() as address, tempfile.TemporaryDirectory() as folder:
        runs = iter(range(10**6))

        def ours() -> None:
            # A folder of its own: a stored reply would not be asked for again.
            here = Path(folder) / str(next(runs))
            teacher = Endpoint(
                task=task, examples=problems[:3], model=MODEL, account=Account(here / "spending.jsonl", price_in=1.0, price_out=1.0, max_cost=1e9),
                base_url=address, concurrency=CONCURRENCY, max_new_tokens=8,
            )  # fmt: skip
            replies = Recorded(teacher, here / "calls.jsonl.gz").reply(requests)
            if sum(reply.text is not None for reply in replies) < calls:
                raise RuntimeError("a call was lost")

        texts = [chat_prompt(request, task, problems[:3]) for request in requests]
        ways = {
            "ours": lambda: calls / seconds(ours),
            "plain": lambda: calls / seconds(lambda: asyncio.run(_load(address, texts))),
        }
        found = turns(ways, repeats)
    return table([
        (f"calls to a served teacher, {CONCURRENCY} at once, ours: counted, capped and stored", found["ours"].median(), "calls/s", ""),
        (f"the same calls from a plain load generator, {CONCURRENCY} at once", found["plain"].median(), "calls/s", ""),
        ("ours over the plain load generator", ratio(found, "ours", "plain"), "x", ">= 0.9"),
    ])  # fmt: skip


@contextmanager
def served() -> Iterator[str]:
    """Serve one reply to whatever is asked; give the address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def _serve(port: Connection) -> None:
    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "3 + 4 = 7\n#### 7"}}
    usage = {"prompt_tokens": 90, "completion_tokens": 8, "total_tokens": 98}
    body = json.dumps(
        {"id": "one", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [message], "usage": usage}
    ).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the client has gone
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                await reader.readexactly(length)
                await asyncio.sleep(LATENCY)
                writer.write(reply)

    async def main() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def _load(address: str, texts: Sequence[str]) -> None:
    client, gate = openai.AsyncOpenAI(base_url=address, api_key="none"), asyncio.Semaphore(CONCURRENCY)

    async def ask(text: str) -> None:
        async with gate:
            await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": text}], temperature=0.7, max_tokens=8
            )

    await asyncio.gather(*map(ask, texts))
