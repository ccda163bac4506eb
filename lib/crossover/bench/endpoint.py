"""Calls to a served teacher against a plain load generator on the same server: what counting, storing and capping cost."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import openai
import pandas as pd

from crossover.bench.tables import ratio, seconds, table, turns
from crossover.dry_run import MODEL, served
from crossover.generations import Recorded
from crossover.ledger import Account
from crossover.tasks import load_task
from crossover.teachers import Endpoint, Request
from crossover.teachers.prompts import chat_prompt

CONCURRENCY = 16


def run(calls: int = 300, repeats: int = 3) -> pd.DataFrame:
    """Time ``calls`` calls either way, to a tiny model behind a server on this machine."""
    task = load_task("math_words")
    problems = task.seeds(calls, 0)
    requests = [Request("answer", problem, 0) for problem in problems]
    with served() as address, tempfile.TemporaryDirectory() as folder:
        runs = iter(range(10**6))

        def ours() -> None:
            # A folder of its own: a stored reply would not be asked for again.
            here = Path(folder) / str(next(runs))
            teacher = Endpoint(
                task=task, examples=problems[:3], model=MODEL, account=Account(here / "spending.jsonl", price_in=1.0, price_out=1.0, max_cost=1e6),
                base_url=address, concurrency=CONCURRENCY, max_new_tokens=8,
            )  # fmt: skip
            replies = Recorded(teacher, here / "calls.jsonl.gz").reply(requests)
            if sum(reply.text is not None for reply in replies) < calls:
                raise RuntimeError("a call was lost")

        texts = [chat_prompt(request, task, problems[:3]) for request in requests]
        ways = {"ours": lambda: calls / seconds(ours), "plain": lambda: calls / seconds(lambda: asyncio.run(_load(address, texts)))}
        found = turns(ways, repeats)
    return table([
        (f"calls to a served teacher, {CONCURRENCY} at once, ours: counted, capped and stored", found["ours"].median(), "calls/s", ""),
        (f"the same calls from a plain load generator, {CONCURRENCY} at once", found["plain"].median(), "calls/s", ""),
        ("ours over the plain load generator", ratio(found, "ours", "plain"), "x", ">= 0.9"),
    ])  # fmt: skip


async def _load(address: str, texts: Sequence[str]) -> None:
    client, gate = openai.AsyncOpenAI(base_url=address, api_key="none"), asyncio.Semaphore(CONCURRENCY)

    async def ask(text: str) -> None:
        async with gate:
            await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], temperature=0.7, max_tokens=8)

    await asyncio.gather(*map(ask, texts))
