"""Every teacher call, stored before it is used: nothing is paid for twice, and a reader can see what was asked.

Replies live in ``generations/<name>.jsonl.gz``, keyed by teacher, request and draw index. The file grows by whole gzip
members, one a batch and each forced to disk, so that a run killed in the middle of writing loses at most the batch it was
writing. A batch of a paid server is what has come while the one before it was being written.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from crossover.teachers.base import Remote, Reply, Request, Teacher


class Recorded:
    """A teacher whose calls are stored, and not made again where a stored reply serves.

    A repeatable teacher (the oracle) is called anyway, since its replies carry the truth about a question, which a text
    cannot; its calls are stored for the reader.
    """

    def __init__(self, teacher: Teacher, path: Path):
        self.teacher, self.path = teacher, path
        self.id, self.repeatable = teacher.id, teacher.repeatable
        self._stored = _read(path)

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request, from the store where it is there, and store the new ones first."""
        keys = [self._key(request) for request in requests]
        wanted = [i for i, key in enumerate(keys) if self.repeatable or key not in self._stored]
        fresh: dict[int, Reply] = {}
        # Closed at once when storing fails: a server that nobody listens to must not be asked further.
        with closing(_arrivals(self.teacher, [requests[i] for i in wanted])) as batches:
            for batch in batches:
                arrived = {wanted[n]: reply for n, reply in batch.items()}
                self._store({keys[i]: self._entry(keys[i], requests[i], reply) for i, reply in arrived.items()})
                fresh |= arrived
        return [fresh[i] if i in fresh else _reply(self._stored[key]) for i, key in enumerate(keys)]

    def _store(self, entries: Mapping[str, dict[str, object]]) -> None:
        new = {key: entry for key, entry in entries.items() if key not in self._stored}
        if not new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in new.values())
        with open(self.path, "ab") as file:
            file.write(gzip.compress(text.encode(), mtime=0))
            file.flush()
            os.fsync(file.fileno())
        self._stored |= new

    def _key(self, request: Request) -> str:
        text = json.dumps([self.id, request.kind, request.problem.id, request.problem.question, request.index])
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def _entry(self, key: str, request: Request, reply: Reply) -> dict[str, object]:
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


def _arrivals(teacher: Teacher, requests: Sequence[Request]) -> Iterator[dict[int, Reply]]:
    """Yield a teacher's replies as they come: all at once unless it is a :class:`Remote` one."""
    if isinstance(teacher, Remote):
        yield from teacher.arrivals(requests)
    elif requests:
        yield dict(zip(range(len(requests)), teacher.reply(requests), strict=True))


def _reply(entry: dict[str, object]) -> Reply:
    return Reply(entry["reply"], entry["tokens_in"], entry["tokens_out"], failed=entry.get("failed", ""))


def _read(path: Path) -> dict[str, dict[str, object]]:
    """Return the stored entries; a member cut short by a kill is cut off the file."""
    if not path.exists():
        return {}
    data, entries, sound = path.read_bytes(), {}, 0
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
