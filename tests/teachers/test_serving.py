"""A server started for a run: a real process that becomes ready, never does, or dies; and a chapter that needs one."""

import subprocess
import sys
import time
import urllib.request

import pandas as pd
import pytest

from crossover.chapters import budget_ratio
from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study.grids import cells_of
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


def test_a_server_ends_with_the_process_that_started_it_however_that_ends(tmp_path):
    start = f"from crossover.teachers.serving import serving; import time\nwith serving({command(tmp_path, SLOW.format(health=200))!r}) as a: print(a, flush=True); time.sleep(99)"
    run = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    address = run.stdout.readline().strip()
    urllib.request.urlopen(f"{address}/health", timeout=5).close()
    run.kill()
    run.wait()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2).close()
        except OSError:
            return
        time.sleep(0.2)
    pytest.fail("the server lives on")


def test_a_server_that_dies_in_the_middle_of_a_run_is_named(tmp_path):
    dies = SLOW.format(health=200).replace(
        "http.server.HTTPServer",
        "import threading, os\nthreading.Timer(2, lambda: (print('no memory left', flush=True), os._exit(9))).start()\nhttp.server.HTTPServer",
    )
    with (
        pytest.raises(
            CrossoverError, match="ended in the middle of the run with status 9. Its last words:\nno memory left"
        ),
        serving(command(tmp_path, dies)),
    ):
        time.sleep(3)
        raise ConnectionError("no answer")


def test_a_proxy_is_not_asked_for_a_server_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(command(tmp_path, SLOW.format(health=200)), wait=10):
        pass


@pytest.mark.parametrize(
    ("start", "match"),
    [
        ("vllm serve 'model --port {port}", "cannot be read: No closing quotation"),
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
        return check(
            "03_budget_ratio", {"teacher": "endpoint", "teacher_model": "alpha", "budgets": [4], "serve": serve}
        )

    p = chapter(command(tmp_path, SLOW.format(health=200)))
    budget_ratio.run_grid(p)
    there = {cell.connection["base_url"] for cell in asked[0]}
    assert len(there) == 1 and there != {p.base_url}
    assert {c.key for c in asked[0]} == {c.key for c in cells_of(p)}, "where a server is decides no number"

    keys = [cell.key for cell in cells_of(p)]
    write_runs(tmp_path / p.results, pd.DataFrame({"key": keys, "experiment": "budget_ratio", "seed_size": 16}))
    assert len(budget_ratio.run_grid(chapter("no-such-server --port {port}"))) == len(keys)


def test_a_key_in_the_command_is_refused_and_not_repeated():
    with pytest.raises(CrossoverError, match="looks like a key") as refused:
        check("03_budget_ratio", {"teacher": "endpoint", "serve": "vllm serve x --api-key MARKED --port {port}"})
    assert "MARKED" not in str(refused.value)


def test_a_chapter_asks_the_server_that_it_started(tmp_path, monkeypatch):
    """A real cell, with a teacher that answers nothing useful: what counts is that it is asked, and that a row comes of it."""
    monkeypatch.setattr(budget_ratio, "results_folder", lambda name: tmp_path / name)
    answers = (
        SLOW.format(health=200)
        .replace("    def log_message", """    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "alpha", "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
                 "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "#### 3"}}]}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message""")
    )  # fmt: skip
    values = {
        "teacher": "endpoint", "teacher_model": "alpha", "budgets": [2], "seed_sizes": [2], "strategies": ["answer_augmentation"], "n_test": 2,
        "student": "tiny-random", "trained_layers": 1, "epochs": 1, "min_steps": 1, "max_new_tokens": 4, "workers": 1,
        "serve": command(tmp_path, answers),
    }  # fmt: skip
    (row,) = budget_ratio.run_grid(check("03_budget_ratio", values)).itertuples()
    assert (row.queries, row.returned, row.tokens_out) == (2, 2, 6)


def test_a_command_is_for_a_served_teacher_alone():
    with pytest.raises(CrossoverError, match="a command serves teacher='endpoint'"):
        check("03_budget_ratio", {"serve": "vllm serve x --port {port}"})
