"""Every teacher call, stored before it is used: nothing is paid for twice, and a reader can see what was asked.

Replies live in ``generations/<name>.jsonl.gz``, keyed by teacher, request and draw index. The file grows by whole gzip
members, each handed to the system as its replies come and forced to disk once a second. A killed process loses the
calls that are under way, which the server has not answered yet; they are asked again, and stay in the account at the
most they can have cost.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.paths import written
from crossover.teachers.base import Remote, Reply, Request, Teacher

Entry = dict[str, Any]
SPACE = 16_000_000  # bytes that must be free before a server is asked


class Recorded:
    """A teacher whose calls are stored, and not made again where a stored reply serves.

    A repeatable teacher (the oracle) is called anyway, since its replies carry the truth about a question, which a text
    cannot; its calls are stored for the reader.
    """

    def __init__(self, teacher: Teacher, path: Path):
        self.teacher, self.path = teacher, path
        self.id, self.repeatable = teacher.id, teacher.repeatable
        self._stored, self._forced = _read(path), 0.0

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request, from the store where it is there, and store the new ones first."""
        keys = [self._key(request) for request in requests]
        wanted = [i for i, key in enumerate(keys) if self.repeatable or key not in self._stored]
        fresh: dict[int, Reply] = {}

        def arrived(replies: Mapping[int, Reply]) -> None:
            self._store({keys[i]: self._entry(keys[i], requests[i], reply) for i, reply in replies.items()})
            fresh.update(replies)

        if wanted:
            self._check_space()
            asked = [requests[i] for i in wanted]
            if isinstance(self.teacher, Remote):
                self.teacher.ask(asked, lambda place, reply: arrived({wanted[place]: reply}))
            else:
                arrived(dict(zip(wanted, self.teacher.reply(asked), strict=True)))
        stored = [self._stored[key] for key in keys]
        return [
            fresh.get(i) or Reply(e["reply"], e["tokens_in"], e["tokens_out"], failed=e.get("failed", ""))
            for i, e in enumerate(stored)
        ]

    def _check_space(self) -> None:
        """Make the folder, and refuse calls whose replies a full disk would lose."""
        with written(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path.parent).free
        if free < SPACE:
            raise CrossoverError(
                f"{self.path.parent} must have {SPACE / 1e6:.0f} MB free before a reply is paid for, got"
                f" {free / 1e6:.1f} MB. Free some, or set CROSSOVER_RESULTS to another disk; the same command resumes."
            )

    def _store(self, entries: Mapping[str, Entry]) -> None:
        new = {key: entry for key, entry in entries.items() if key not in self._stored}
        if not new:
            return
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in new.values())
        with written(self.path.parent), open(self.path, "ab") as file:
            file.write(gzip.compress(text.encode(), mtime=0))
            file.flush()
            if time.monotonic() - self._forced > 1:
                os.fsync(file.fileno())
                self._forced = time.monotonic()
        self._stored |= new

    def _key(self, request: Request) -> str:
        return digest([self.id, request.kind, request.problem.id, request.problem.question, request.index], 20)

    def _entry(self, key: str, request: Request, reply: Reply) -> Entry:
        return {
            "key": key,
            "teacher": self.id,
            "kind": request.kind,
            "problem": request.problem.id,
            "question": request.problem.question,
            "index": request.index,
            "reply": reply.text,
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
        } | ({"failed": reply.failed} if reply.failed else {})


def _read(path: Path) -> dict[str, Entry]:
    """Return the stored entries; a member cut short by a kill is cut off the file."""
    if not path.exists():
        return {}
    entries: dict[str, Entry] = {}
    data, sound = path.read_bytes(), 0
    while sound < len(data):
        member = zlib.decompressobj(wbits=31)
        try:
            text = member.decompress(data[sound:])
        except zlib.error:
            break
        if not member.eof:
            break
        entries |= {entry["key"]: entry for entry in map(json.loads, text.decode().split("\n")[:-1])}
        sound = len(data) - len(member.unused_data)
    if sound < len(data):
        path.write_bytes(data[:sound])
    return entries
