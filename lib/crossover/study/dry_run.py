"""A dry run: every notebook of a profile as it stands, with tiny models and data sets in place of its large ones.

A served teacher is replaced by a server on this machine, so that the calls go the way that they will go.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

from crossover.models.decoding import decode, sampled
from crossover.models.language_model import LanguageModel
from crossover.params.profiles import load_profile, resolve
from crossover.paths import repository

MODEL, TOKENS = "tiny-random", 8


def changes(notebook: str, profile: str) -> dict[str, object]:
    """Return the values that a dry run of a notebook puts in place of the profile's, its results folder among them.

    A value of the smoke profile is taken only where it says how much is run, not what: tasks, strategies and kinds of teachers
    are the profile's own, or those of ``dry_run.yaml``.
    """
    own = yaml.safe_load((repository() / "notebooks" / "profiles" / "dry_run.yaml").read_text(encoding="utf-8"))
    what = ("tasks", "side_tasks", "dial_tasks")
    smoke = {name: value for name, value in load_profile("smoke")[notebook].items() if name not in what}
    own = own.get(notebook, {})
    if load_profile(profile).get(notebook, {}).get("source", "pypi") == "pypi":
        own = {name: value for name, value in own.items() if name not in (*what, "source", "revisions")}
    return smoke | own | {"results": f"{profile}-dry-run"}


def runs(profile: str, base_url: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the notebooks of a profile with their changes; those with a served teacher ask at ``base_url``."""
    for notebook in load_profile(profile):
        changed = changes(notebook, profile)
        if getattr(resolve(notebook, profile, {}), "teacher", "") == "endpoint":
            changed |= {"base_url": base_url}
        yield notebook, changed


@contextmanager
def served() -> Iterator[str]:
    """Serve a tiny model's replies as an OpenAI-compatible server does, on a free port; give its address."""
    student, one_at_a_time = LanguageModel.load(MODEL), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = student.tokenizer(asked["messages"][-1]["content"], add_special_tokens=False)["input_ids"][-32:]
            with one_at_a_time:
                (text,) = decode(
                    student, [prompt], sampled(asked["temperature"], [len(prompt)]), lambda _: False, TOKENS
                )
            body = {
                "id": "dry-run", "object": "chat.completion", "created": 0, "model": MODEL,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"{text}\n#### {len(text)}"}}],
                "usage": {"prompt_tokens": len(prompt), "completion_tokens": TOKENS, "total_tokens": len(prompt) + TOKENS},
            }  # fmt: skip
            sent = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
