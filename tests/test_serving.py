"""A server started for a run: a real process that becomes ready, never does, or dies; and a chapter that needs one."""

import sys
import urllib.request

import pandas as pd
import pytest

from crossover import budget_ratio
from crossover.errors import CrossoverError
from crossover.params import check
from crossover.teachers.serving import serving
from stored import write_runs

#: A server that is not ready at first, and in place of well-being lists its models.
SLOW = """
import http.server, json, sys, time
start = time.monotonic()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.send_response({health})
        else:
            self.send_response(200 if time.monotonic() - start > 1 else 503)
        self.end_headers()
    def log_message(self, *words):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def command(tmp_path, code):
    (tmp_path / "server.py").write_text(code)
    return f"'{sys.executable}' '{tmp_path / 'server.py'}' {{port}}"


def test_a_server_is_waited_for_and_ended(tmp_path):
    with serving(command(tmp_path, SLOW.format(health=404)), wait=30) as address:
        assert urllib.request.urlopen(f"{address}/v1/models").status == 200
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{address}/v1/models", timeout=2)


@pytest.mark.parametrize(
    ("start", "match"),
    [
        ("vllm serve model", r"has no \{port\}; say where"),
        ("no-such-server --port {port}", "'no-such-server'.* is not on the path; install it"),
    ],
)
def test_a_command_that_cannot_serve_is_named(start, match):
    with pytest.raises(CrossoverError, match=match), serving(start):
        pass


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("import sys; sys.exit('no such model: alpha')", "ended with status 1. Its last words:\nno such model: alpha"),
        (SLOW.format(health=503), "was not ready within 3 s"),
    ],
)
def test_a_server_that_fails_is_named_with_its_last_words(tmp_path, code, match):
    with pytest.raises(CrossoverError, match=match), serving(command(tmp_path, code), wait=3):
        pass


def test_a_chapter_starts_its_server_only_while_cells_are_missing(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(budget_ratio, "run_cells", lambda cells, *_: asked.append(cells))
    monkeypatch.setattr(budget_ratio, "results_folder", lambda name: tmp_path / name)

    def chapter(serve):
        return check("03_budget_ratio", {"teacher": "endpoint", "teacher_model": "alpha", "budgets": [4], "serve": serve})

    p = chapter(command(tmp_path, SLOW.format(health=200)))
    budget_ratio.run_grid(p)
    there = {cell.connection["base_url"] for cell in asked[0]}
    assert len(there) == 1 and there != {p.base_url}
    assert {c.key for c in asked[0]} == {c.key for c in p.cells()}, "where a server is decides no number"

    keys = [cell.key for cell in p.cells()]
    write_runs(tmp_path / p.results, pd.DataFrame({"key": keys, "experiment": "budget_ratio", "seed_size": 16}))
    assert len(budget_ratio.run_grid(chapter("no-such-server --port {port}"))) == len(keys)


def test_a_command_is_for_a_served_teacher_alone():
    with pytest.raises(CrossoverError, match="a command serves teacher='endpoint'"):
        check("03_budget_ratio", {"serve": "vllm serve x --port {port}"})
