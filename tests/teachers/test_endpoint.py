"""The endpoint teacher against servers that misbehave: every reply once, every attempt charged, no key anywhere."""

import errno
import gzip
import json
import logging
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.params.profiles import check, resolve
from crossover.strategies import Ledger, charge_and_ask
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import buy
from crossover.study.grids import cells_of
from crossover.study.store import Store
from crossover.tasks import load_task
from crossover.tasks.base import Problem
from crossover.teachers import Request
from crossover.teachers import recorded as recorded_module
from crossover.teachers import spending as spending_module
from crossover.teachers.dialects import KEY_VARIABLE, context_of, dialect_of
from crossover.teachers.endpoint import ALL_REFUSED, Endpoint
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account, BudgetExceeded
from misbehaving import BILLED, USAGE, Running, Scripted, completion

TASK = load_task("math_words", steps=1)
CALLS = 500  # of a run that is killed again and again
KEY = "sk-marked-0123456789abcdef"
IN, OUT = USAGE["prompt_tokens"], USAGE["completion_tokens"]
ANSWER = "They make 17.\n#### 17"


@pytest.fixture(autouse=True)
def no_key_and_short_pauses(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    dialect_of.cache_clear()  # another test's server may have had the same port
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.02)  # which the client doubles at each attempt


@pytest.fixture(scope="module")
def steady():
    with Running() as server:
        yield server


def ask(n, first=0, kind="answer"):
    return [Request(kind, Problem(f"p{i}", f"What is {i}?", ""), 0) for i in range(first, first + n)]


def teacher(server, folder, caps=None, **settings):
    account = Account(folder / "spending.jsonl", **(caps or {}))
    return Endpoint(TASK, (), account=account, **{"model": "alpha", "base_url": server.base_url} | settings)


def recorded(*arguments, **settings):
    made = teacher(*arguments, **settings)
    return Recorded(made, made.account.path.parent / "g.jsonl.gz")


def stored(folder):
    path = folder / "g.jsonl.gz"
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] if path.exists() else []


def number(entry_or_reply):
    """The number that a reply of the test server gives."""
    return int(TASK.extract(entry_or_reply["reply"] if isinstance(entry_or_reply, dict) else entry_or_reply.text))


def events(*deltas):
    """A stream, with choices that are none before and after its deltas."""
    sent = [{"choices": [{"delta": delta}]} for delta in deltas]
    sent = [{"choices": [None]}, *sent, {"choices": [{"finish_reason": "stop"}]}, {"choices": {}, "usage": USAGE}]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in sent).encode()


def met(server, model="alpha"):
    """A server that has answered before, without a schema: its calls run side by side from the first."""
    known = dialect_of(server.base_url, model)
    known.answered, known.structure = True, "tags"
    return server


def most_tokens(made):
    """What one call may cost: what is charged before it is made."""
    with Running() as server:
        account = Account(made.account.path.parent / "measure.jsonl")
        Endpoint(TASK, (), "alpha", account, max_new_tokens=made.max_new_tokens, base_url=met(server).base_url).reply(
            ask(1, first=10)
        )
    return sum(json.loads(account.path.read_text().splitlines()[0])[1:])


# --- calls that fail and are sent again ---------------------------------------------------------------------------------


def test_calls_with_a_third_of_them_failing_give_every_reply_once(tmp_path):
    kinds = ("429", "429_asking", "500", "503", "truncated", "half", "closed")
    n = 200
    with Running(faults={kind: 0.3 / 7 for kind in kinds}, latency=0.002) as server:
        served, ledger = recorded(met(server), tmp_path, concurrency=32, max_new_tokens=50), Ledger(n)
        replies = charge_and_ask(served, ask(n), ledger)
        log = server.log()
    assert [number(reply) for reply in replies] == list(range(n))
    assert sorted(number(entry) for entry in stored(tmp_path)) == list(range(n)), "each reply stored once"
    fates = Counter(entry["fate"] for entry in log)
    assert 1 - n / len(log) > 0.15
    lost, account = sum(fates[kind] for kind in BILLED), served.teacher.account
    assert len(account.entries) == len(log), "every attempt was charged"
    assert account.tokens_out == OUT * n + 50 * lost
    assert (ledger.tokens_in, ledger.tokens_out, ledger.spent) == (IN * n, OUT * n, n), "a request is one query"
    with pytest.raises(BudgetExceeded):
        charge_and_ask(served, ask(1, first=n), ledger)


def test_the_first_call_goes_alone_and_no_more_are_under_way_than_asked_for(tmp_path):
    under_way, seen, five = [], [], threading.Barrier(5, timeout=60)

    def answer(asked, n, path):
        under_way.append(n)
        if n == 1:
            time.sleep(0.1)
        else:
            five.wait()
        seen.append(len(under_way))
        under_way.remove(n)
        return 200, completion(ANSWER)

    with Scripted(answer) as server:
        assert all(reply.text for reply in teacher(server, tmp_path, concurrency=5).reply(ask(21)))
    assert seen[0] == 1 and max(seen) == 5


def test_a_requested_pause_is_kept(tmp_path):
    with Running(faults={"429_asking": 1.0}, retry_after="0.9") as server:
        with pytest.raises(CrossoverError, match="failed in 2 attempts.*status 429: wait[.] Replies"):
            teacher(server, tmp_path, attempts=2).reply(ask(1))
        first, second = (entry["at"] for entry in server.log())
    assert second >= first + 0.9


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "You have exceeded your daily token limit"),
        (429, "token limit of 6000 exceeded, retry in 3 s"),
        (503, "Token limit exceeded for this minute"),
        (503, "token limit of 6000 tokens per minute exceeded"),
        (429, "max_tokens is not supported at this rate"),
    ],
)
def test_a_limit_of_tokens_per_time_is_waited_for(tmp_path, status, message):
    said = status, {"error": {"message": message}}
    with Scripted(lambda *_: said if len(server.asked) == 1 else (200, completion(ANSWER))) as server:
        assert [reply.text for reply in teacher(server, tmp_path).reply(ask(2))] == [f" {ANSWER}"] * 2
        assert all("max_tokens" in asked for asked in server.asked)


def test_a_call_that_takes_too_long_is_charged_and_sent_again(tmp_path):
    with Running(faults={"slow": 0.5}, slow=30, seed=1) as server:
        asked = teacher(server, tmp_path, timeout=0.3, max_new_tokens=40)
        replies = asked.reply(ask(6))
        slow = sum(entry["fate"] == "slow" for entry in server.log())
    assert slow > 0 and sum(r.tokens_out for r in replies) == 6 * OUT
    assert asked.account.tokens_out == 6 * OUT + 40 * slow


# --- errors that end a run after one call ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        (429, {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}, "quota or credit is spent"),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}, "quota or credit is spent"),
        (403, {"error": {"message": "Your account balance is too low"}}, "quota or credit is spent"),
        (429, {"error": {"message": "账户余额不足"}}, "quota or credit is spent"),
        (200, {"error": {"message": "This request requires more credits: insufficient credits", "code": 402}}, "quota or credit"),
        (401, {"error": {"message": "Incorrect API key provided"}}, f"Set {KEY_VARIABLE}"),
        (403, {"error": "Model x is gated: accept its licence first"}, "behind a licence"),
        (404, {"error": {"message": "The model does not exist", "code": "model_not_found"}}, "cannot serve 'alpha'.*Load it"),
        (404, {"error": {"message": "model 'alpha' not found, try pulling it first", "type": "api_error"}}, "cannot serve 'alpha'"),
        (400, {"error": "No models loaded. Please load a model in the developer page or use the 'lms load' command."}, "cannot serve"),
        (404, {"error": {"message": 'Failed to load model "alpha". Error: Model not found.', "param": "model"}}, "cannot serve"),
        (404, b"404 page not found", r"404 page not found\)\.$", {"content-type": "text/plain"}),
        (403, b"Forbidden: invalid API key", f"refuses the key.*Set {KEY_VARIABLE}", {"content-type": "text/plain"}),
        (403, b"error code: 1010", "a firewall or proxy", {"content-type": "text/plain; charset=UTF-8"}),
        (403, b"<title>Attention Required! | Cloudflare</title>Flagged: a prohibited prompt", "a firewall or proxy", {"content-type": "text/html"}),
        (200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}, "Unexpected endpoint"),
        (200, {"model": "alpha", "message": {"role": "assistant", "content": "17"}, "done": True}, "refuses the request"),
        (200, {"detail": "Not Found"}, "Not Found"),
        (400, {"error": {"message": "top_k must be positive"}}, "top_k must be positive"),
        (400, {"error": {"message": "temperature must be between 0 and 1"}}, "temperature must be"),
        (400, {"error": {"message": "temperature must be <= 1, got max_tokens=256"}}, "temperature must be"),
        (400, {"error": {"message": "top_p is not supported, max_tokens: 96"}}, "top_p is not"),
        (400, {"error": {"message": "max_tokens must be less than or equal to 4096"}}, "max_tokens must be"),
        (400, {"error": {"message": "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"}}, "valid range"),
        (422, {"detail": "top_k: not allowed", "body": {"temperature": 0.7, "max_tokens": 96}}, "top_k"),
        (422, {"detail": "top_k: too large", "body": "A shop gets 300 requests per day."}, "refuses the request"),
        (400, {"error": {"message": "A stream flows. Invalid top_k"}}, "Invalid top_k"),
        (400, {"error": None, "detail": "no"}, "status 400: no"),
        (400, [{"error": {"message": "API key not valid"}}], "API key not valid"),
        (200, b'"hello"', "status 200: hello"),
        (200, b'data: {"choices": []}', "a stream of events", {"content-type": "text/event-stream"}),
        (403, {"error": {"message": "Your organization has been flagged for violating our usage policies"}}, "flagged"),
        (403, b"<title>Just a moment</title>", "titled 'Just a moment'", {"content-type": "text/html"}),
        (200, b"<html>Welcome</html>", "a web page", {"content-type": "text/html"}),
        (429, {"error": {"message": "Limit of 300 requests per day"}}, "quota or credit is spent"),
        (429, {"error": {"message": "Limit of 300 requests per day"}}, "asks to wait 86400 s", {"retry-after": "86400"}),
        (429, {"error": {"message": "slow down"}}, r"asks to wait \d{9,} s", {"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}),
        (200, {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "insufficient balance"),
        (302, b"", "sends calls on to http://127.0.0.1.*/login", {"location": "/login"}),
    ],
)  # fmt: skip
def test_what_waiting_cannot_help_ends_the_run_after_one_call(tmp_path, row):
    status, body, said, *headers = row
    with Scripted(lambda *_: (status, body, *headers)) as server:
        made = teacher(server, tmp_path)
        with pytest.raises(CrossoverError, match=said):
            made.reply(ask(20))
        assert len(server.asked) == 1 and made.account.tokens_in == made.account.tokens_out == 0


def test_a_closed_port_is_a_wrong_address(tmp_path):
    away = Endpoint(TASK, (), "alpha", Account(tmp_path / "s"), base_url="http://127.0.0.1:9/v1")
    start = time.monotonic()
    with pytest.raises(CrossoverError, match=r"127.0.0.1:9/v1 cannot be reached"):
        away.reply(ask(3))
    assert time.monotonic() - start < 5 and away.account.tokens_in == 0


def test_an_unknown_model_is_named_with_those_that_the_server_lists(tmp_path, steady):
    with pytest.raises(CrossoverError, match="has no model 'alhpa'. It lists: alpha, beta."):
        teacher(steady, tmp_path, model="alhpa").reply(ask(20))
    with pytest.raises(CrossoverError, match="As a rule it ends in /v1"):
        teacher(steady, tmp_path, base_url=steady.address).reply(ask(1))
    with Scripted(lambda *_: (404, {"error": {"message": "model 'alpha' not found, try pulling it first"}})) as empty:
        with pytest.raises(CrossoverError, match="cannot serve 'alpha'.*ollama pull"):  # it lists none
            teacher(empty, tmp_path, base_url=f"{empty.address}/v2").reply(ask(20))
        assert len(empty.asked) == 1
    assert Account(tmp_path / "spending.jsonl").tokens_in == 0


def test_a_server_on_this_machine_is_reached_whatever_the_proxy(tmp_path, steady, monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:7897")
    assert number(teacher(steady, tmp_path).reply(ask(1))[0]) == 0
    with pytest.raises(CrossoverError, match="all_proxy names a proxy"):
        teacher(steady, tmp_path, base_url="http://host.invalid/v1").reply(ask(1))


# --- prompts that are refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "no", "code": "content_filter"}}),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400}),
        (400, {"error": {"code": "data_inspection_failed", "message": "Output data may contain inappropriate content."}}),
        (500, {"error": {"message": "the request exceeds the available context size, try increasing it", "type": "server_error"}}),
        (413, {"error": {"message": "Prompt is too long"}}),
        (413, {"error": {"message": "Request too large for model", "code": "rate_limit_exceeded"}}),
        (403, {"error": {"message": "Your input was flagged by moderation", "code": 403}}),
        (400, {"error": {"message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}),
        (400, {"error": {"message": "The input text may contain sensitive information."}}),
        (400, {"error": {"message": "Prompt tokens too long"}}),
        (400, {"error": {"message": "Prompt exceeds max length"}}),
        (400, {"error": {"message": "Request blocked by a guardrail"}}),
        (403, {"error": {"message": "Your input was flagged", "metadata": {"flagged_input": "Rob an account"}}}),
        (200, {"error": {"message": "context_length_exceeded", "code": "context_length_exceeded"}}),
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 512. Given: 500 `inputs` tokens"}),
        (400, {"error": {"message": "max_tokens must be at least 1, got -376."}}),
        (400, [{"error": {"message": "The input token count (40000) exceeds the maximum number of tokens allowed (32768)."}}]),
        (400, {"error": {"message": "Range of input length should be [1, 30720]"}}),
        (400, {"error": {"message": "Your request exceeded model token limit: 8192"}}),
        (400, {"error": {"message": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}}),
    ],
)  # fmt: skip
def test_a_refused_prompt_costs_its_sample_alone(tmp_path, status, body):
    with Scripted(
        lambda asked, *_: (status, body) if "What is 2?" in str(asked) else (200, completion(ANSWER))
    ) as server:
        replies = teacher(server, tmp_path).reply(ask(5))
        assert [reply.text is None for reply in replies] == [False, False, True, False, False]
        assert replies[2].failed and replies[2].tokens_in == 0 and len(server.asked) == 5


LONG = 400, {"error": {"message": "maximum context length is 10 tokens"}}
FILTER = 400, {"error": {"code": "content_filter"}}
FLAGGED = 403, {"error": {"message": "Your input was flagged."}}


@pytest.mark.parametrize("prompts", [ALL_REFUSED // 2, 5 * ALL_REFUSED])
@pytest.mark.parametrize("refused", [LONG, FILTER, FLAGGED])
def test_a_server_that_refuses_every_prompt_ends_the_run_and_is_asked_again(tmp_path, refused, prompts):
    n = min(prompts, ALL_REFUSED)
    said = rf"(refused every prompt \({n}\)|refused {n} (of the last|prompts)).*the last one as .*status {refused[0]}"
    with Scripted(lambda *_: refused) as server:
        with pytest.raises(CrossoverError, match=said) as ended:
            recorded(server, tmp_path).reply(ask(prompts))
        assert ".." not in str(ended.value)
        assert len(server.asked) == n and not stored(tmp_path)
    with Scripted(lambda *_: (200, completion(ANSWER))) as server:  # with a longer context, say
        assert all(reply.text for reply in recorded(server, tmp_path).reply(ask(n)))


def test_any_number_of_filtered_prompts_costs_their_samples_alone(tmp_path):
    def said(asked, *_):
        return (200, completion(ANSWER)) if re.search(r"What is (0|49)\?", str(asked)) else FILTER

    with Scripted(said) as server:
        replies = recorded(server, tmp_path, concurrency=1).reply(ask(50))
        assert [reply.text is None for reply in replies] == [0 < i < 49 for i in range(50)]
        assert len(stored(tmp_path)) == len(server.asked) == 50
        dialect_of.cache_clear()  # another process, where only refused prompts are left
        replies = recorded(server, tmp_path).reply(ask(60))
        assert sum(reply.text is None for reply in replies) == 58 and len(server.asked) == 60


@pytest.mark.parametrize("batch", [60, 3, 4, 5])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_context_that_is_too_short_for_most_ends_the_run_and_is_asked_again(tmp_path, concurrency, batch):
    """One prompt of eight fits: most are too long from the start. A filter may have the last word."""
    said = {1: (200, completion(ANSWER)), 5: FILTER if batch == 5 else LONG}
    with Scripted(lambda asked, number, path: said.get(number % 8, LONG)) as server:
        served = recorded(server, tmp_path, concurrency=concurrency)
        n = {60: 20, 3: 3}.get(batch, 4)
        with pytest.raises(CrossoverError, match=f"of the last {n} prompts, the last one as longer than the context"):
            for first in range(0, 60, batch):
                served.reply(ask(batch, first=first))
        assert n <= len(server.asked) <= n + concurrency
        assert stored(tmp_path) and all(entry["reply"] for entry in stored(tmp_path))
    with Scripted(lambda *_: (200, completion(ANSWER))) as longer:
        assert all(reply.text for reply in recorded(longer, tmp_path).reply(ask(60)))


def test_scattered_prompts_that_are_too_long_cost_their_samples_alone_and_stay_stored(tmp_path):
    with Scripted(lambda *_: LONG if len(server.asked) % 5 in (2, 4) else (200, completion(ANSWER))) as server:
        replies = recorded(server, tmp_path, concurrency=1).reply(ask(100))
        assert sum(reply.text is None for reply in replies) == 40 and len(stored(tmp_path)) == 100
        assert recorded(server, tmp_path).reply(ask(100)) == replies and len(server.asked) == 100


def test_an_account_that_is_refused_in_words_about_prompts_ends_the_run(tmp_path):
    with Scripted(lambda *_: (200, completion(ANSWER)) if len(server.asked) < 3 else FLAGGED) as server:
        with pytest.raises(CrossoverError, match=f"refused {ALL_REFUSED} prompts in a row"):
            recorded(server, tmp_path, concurrency=1).reply(ask(100))
        assert len(server.asked) == ALL_REFUSED + 2 and len(stored(tmp_path)) == 2
    with Scripted(lambda *_: (200, completion(ANSWER)) if len(server.asked) % 3 == 1 else FLAGGED) as server:
        replies = teacher(server, tmp_path, concurrency=1).reply(ask(60))
    assert sum(reply.text is None for reply in replies) == 40


# --- what servers take and send ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "message", "then"),
    [
        ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_completion_tokens"),
        ("temperature", "Unsupported value: 'temperature' does not support 0.7 with this model.", ""),
        ("response_format", "response_format json_schema is not supported", ""),
        ("response_format", "Bad Request", ""),
        ("response_format", "Failed to generate JSON. See 'failed_generation'.", ""),
        ("temperature", "`temperature` may only be set to 1 when thinking is enabled.", ""),
        ("response_format", "'response_format.type' must be 'json_object' or 'text'", ""),
        ("response_format", "grammar not implemented", ""),
        ("response_format", "JSON mode is not supported for this model", ""),
        ("temperature", "temperature must be 1 for this model", ""),
        ("max_tokens", '{"type": "extra_forbidden", "loc": ["body", "max_tokens"]}', "max_completion_tokens"),
        ("max_tokens", "`max_tokens` cannot be used here, use `max_completion_tokens`", "max_completion_tokens"),
        ("temperature", "invalid temperature: only 1 is allowed for this model", ""),
        ("max_tokens", "Invalid JSON payload received. Unknown name \"max_tokens\": Cannot find field.", "max_completion_tokens"),
        ("response_format", "1 validation error: ('body', 'response_format', 'type'): Input should be 'text' or 'json_object'", ""),
    ],
)  # fmt: skip
def test_what_a_server_refuses_is_left_out_once_and_for_all(tmp_path, refused, message, then):
    def answer(asked, *_):
        status = {"1 valid": 500, "grammar": 501}.get(message[:7], 400)  # the first as llama-cpp-python says it
        return (status, {"error": {"message": message}}) if refused in asked else (200, completion(ANSWER))

    with Scripted(answer) as server:
        for first in (0, 10):
            assert all(reply.text == f" {ANSWER}" for reply in teacher(server, tmp_path).reply(ask(4, first=first)))
        assert sum(refused in asked for asked in server.asked) == 1
        assert not then or then in server.asked[-1]


@pytest.mark.parametrize("streams", ["always", "when asked", "when asked, without a bill", "breaks off"])
def test_a_server_that_only_streams_is_read(tmp_path, streams):
    """Its reply comes in pieces, asked for so or not; one that breaks off is no reply."""

    def answer(asked, *_):
        if "without" in streams and "stream_options" in asked:
            return 400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
        if "when asked" in streams and not asked.get("stream"):
            return 400, {
                "error": {"message": "This model only support stream mode, please enable the stream parameter."}
            }
        pieces = [{"content": ANSWER[:9]}, {"reasoning_content": "#### 16"}, {"content": ANSWER[9:]}, {}]
        events = [
            {"id": "c", "choices": [{"delta": piece, "finish_reason": None if piece else "stop"}]} for piece in pieces
        ]
        events = events[:2] if streams == "breaks off" else [*events, {"choices": [], "usage": USAGE}]
        said = ": a remark\n\n" + "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return 200, said.encode(), {"content-type": "text/plain" if streams == "always" else "text/event-stream"}

    with Scripted(answer) as server:
        served = teacher(server, tmp_path, attempts=2)
        if streams == "breaks off":
            with pytest.raises(CrossoverError, match="stream of events"):
                served.reply(ask(1))
            return
        replies = served.reply(ask(3))
        assert [(r.text, r.tokens_in, r.tokens_out) for r in replies] == [(f" {ANSWER}", IN, OUT)] * 3
        assert len(server.asked) == 3 + ("when asked" in streams) + ("without" in streams)


@pytest.mark.parametrize("failures", [1, 99])
def test_a_structure_is_given_up_only_where_an_error_that_may_pass_does_not(tmp_path, failures):
    def answer(asked, *_):
        fails = "response_format" in asked and len(server.asked) <= failures
        return (500, {"error": {"message": "Internal Server Error"}}) if fails else (200, completion(ANSWER))

    with Scripted(answer) as server:
        assert teacher(server, tmp_path, attempts=2).reply(ask(1))[0].text == f" {ANSWER}"
        assert ["response_format" in asked for asked in server.asked] == [True, True, False][: failures + 1]


@pytest.mark.parametrize(
    ("body", "text", "failed"),
    [
        (completion([{"type": "text", "text": ANSWER}]), f" {ANSWER}", ""),
        (completion('{"answer": "3 + 4 = 7\\n#### 7"}'), " 3 + 4 = 7\n#### 7", ""),
        (completion(ANSWER, reasoning_content="8 plus 9.\n#### 16"), f" {ANSWER}", ""),
        (completion(f"<think>\n#### 16\n</think>\n{ANSWER}"), f" {ANSWER}", ""),
        (completion("8 plus 9 is 1", finish="length"), None, "cut at the token limit"),
        (completion(None), None, "empty"),
        (completion(None, refusal="I cannot help with that."), None, "refused"),
        (completion("<think>Hm", finish="length"), None, "thought cut"),
        (completion(None, finish="length", reasoning_content="Hm"), None, "thought cut"),
        (completion('{"answer": "\\u0000Half a \\ud800.\\n#### 17"}'), " Half a ?.\n#### 17", ""),
        (completion(json.dumps({"solution": ANSWER})), f" {ANSWER}", ""),
        (completion(json.dumps({"answer": ANSWER.split("\n")})), f" {ANSWER}", ""),
        (completion(json.dumps(ANSWER)), f" {ANSWER}", ""),
        (json.dumps(completion("They make 17.\t\n#### 17")).replace("\\t", "\t").encode(), " They make 17.\t\n#### 17", ""),
        ({"choices": [], "usage": USAGE}, None, "empty"),
        ({"choices": None, "usage": USAGE}, None, "empty"),
        (completion("", finish="content_filter"), None, "refused"),
        (completion("They make 1", finish="SAFETY"), None, "refused"),
        (completion("They make 1", finish="error"), None, "broken off"),
        (completion("They make 1", finish="MAX_TOKENS"), None, "cut at the token limit"),
        (completion(None, tool_calls=[{"id": "1"}]), None, "a call of a tool"),
        (completion(None, reasoning="8 plus 9"), None, "thought"),
        (completion("\0\x1b"), None, "empty"),
        (completion(f"Half a \ud800.\n{ANSWER}"), f" Half a ?.\n{ANSWER}", ""),
        (completion({"text": ANSWER}), f" {ANSWER}", ""),
        (completion({"answer": ANSWER}), f" {ANSWER}", ""),
        (completion([ANSWER[:5], ANSWER[5:]]), f" {ANSWER}", ""),
        ({"choices": [{"message": ANSWER}], "usage": USAGE}, f" {ANSWER}", ""),
        ({"choices": {"0": ANSWER}, "usage": USAGE}, None, "empty"),
        ([completion(ANSWER)], f" {ANSWER}", ""),
        (events({"content": "\ud83d"}, {"content": "\ude00"}, {"content": f"\n{ANSWER}"}), f" 😀\n{ANSWER}", ""),
        (events({"refusal": "I cannot."}), None, "refused"),
        (events({"tool_calls": [{"id": "1"}]}), None, "a call of a tool"),
        (events({"reasoning": "8 plus 9"}), None, "thought"),
        (events({"content": [{"type": "text", "text": ANSWER}]}, ANSWER[:0]), f" {ANSWER}", ""),
        (b": PROCESSING\n\n: PROCESSING\n\n" + json.dumps(completion(ANSWER)).encode(), f" {ANSWER}", ""),
        (json.dumps(completion(f"Zoë\n{ANSWER}"), ensure_ascii=False).encode("latin-1"), f" Zoë\n{ANSWER}", ""),
    ],
)  # fmt: skip
def test_replies_are_read_as_servers_send_them(tmp_path, body, text, failed):
    with Scripted(lambda *_: (200, body, {"content-type": "text/plain; charset=latin-1"})) as server:
        made = recorded(server, tmp_path)
        (reply,) = made.reply(ask(1))
        assert (reply.text, reply.tokens_in, reply.tokens_out) == (text, IN, OUT)
        assert failed in reply.failed and bool(failed) == bool(reply.failed) and len(server.asked) == 1
        assert Recorded(made.teacher, made.path).reply(ask(1)) == [reply]


@pytest.mark.parametrize(
    ("usage", "paid"),
    [
        (None, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": 5}, None),
        ({"prompt_tokens": "many", "completion_tokens": 5}, None),
        ({"prompt_tokens": "20", "completion_tokens": 5.0}, (20, 5)),
        ({"input_tokens": 20, "output_tokens": 5}, (20, 5)),
        ({"prompt_tokens": 20}, (20, 40)),
    ],
)
def test_a_bill_that_cannot_be_believed_is_the_most_it_can_be(tmp_path, usage, paid):
    with Scripted(lambda *_: (200, completion(ANSWER, usage=usage))) as server:
        made = teacher(server, tmp_path, max_new_tokens=40)
        (reply,) = made.reply(ask(1))
    account = made.account
    assert (account.tokens_in, account.tokens_out) == (reply.tokens_in, reply.tokens_out)
    assert (account.tokens_in, account.tokens_out) == (paid or (account.tokens_in, 40)) and (
        paid or account.tokens_in > 100
    )


def test_an_answer_of_a_million_characters_is_a_failed_call_and_counted_whole(tmp_path):
    with Running(faults={"huge": 1.0}) as server:
        served = recorded(server, tmp_path, {"max_total_tokens": 260_000}, max_new_tokens=30)
        (reply,) = served.reply(ask(1))
        assert reply.text is None and "cut" in reply.failed and len(reply.raw) <= 30 * 64
        assert reply.tokens_out == served.teacher.account.tokens_out == 250_000
        served.reply(ask(1, first=1))  # from 250,020 tokens another call could be afforded, from 500,040 none
        with pytest.raises(BudgetExceeded):
            served.reply(ask(1, first=2))


def test_prompts_and_settings_are_sent_as_given(tmp_path):
    seeds = TASK.seeds(3, 0)
    fields = {
        "answer": '{"answer": "It is 1.\\n#### 1"}',
        "rephrase": '{"question": "How much is 1?"}',
        "new_question": '{"question": "How much?"}',
    }
    with Scripted(lambda asked, n, path: (200, completion(list(fields.values())[n - 1]))) as server:
        made = Endpoint(TASK, seeds, "beta", Account(tmp_path / "s"), 0.4, 33, server.base_url, concurrency=1)
        texts = [reply.text for reply in made.reply([r for kind in fields for r in ask(1, 7000, kind)])]
    assert texts == [" It is 1.\n#### 1", "How much is 1?", "How much?"]
    for asked, kind in zip(server.asked, fields, strict=True):
        assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("beta", 0.4, 33)
        assert asked["response_format"]["json_schema"]["schema"]["required"] == [
            "answer" if kind == "answer" else "question"
        ]
        (turn,) = asked["messages"]
        assert turn["role"] == "user" and "What is 7000?" in turn["content"] and "Reply in JSON" in turn["content"]
    assert seeds[0].answer in server.asked[0]["messages"][0]["content"]


def test_a_version_of_the_protocol_in_the_address_is_sent_on(tmp_path):
    paths = []
    with Scripted(lambda asked, n, path: paths.append(path) or (200, completion(ANSWER))) as server:
        url = f"{server.address}/openai/deployments/alpha?api-version=2024-10-21"
        assert teacher(server, tmp_path, base_url=url).reply(ask(1))[0].text == f" {ANSWER}"
    assert paths == ["/openai/deployments/alpha/chat/completions?api-version=2024-10-21"]


# --- caps --------------------------------------------------------------------------------------------------------------


@settings(max_examples=4, deadline=None)
@given(
    calls=st.integers(0, 30),
    concurrency=st.sampled_from([1, 3, 16]),
    by=st.sampled_from(["tokens", "money"]),
    fault=st.sampled_from(["500", "half", "answered"]),
)
def test_a_cap_is_never_passed_and_used_up(tmp_path_factory, calls, concurrency, by, fault):
    folder = tmp_path_factory.mktemp("cap")
    most = most_tokens(Endpoint(TASK, (), "alpha", Account(folder / "none"), max_new_tokens=40))
    tokens = calls * (IN + OUT) + most
    caps = {"max_total_tokens": tokens} if by == "tokens" else {"max_cost": tokens / 1e6, "price_in": 1, "price_out": 1}
    with Running(faults={fault: 0.1}, latency=0.002, seed=calls) as server:
        made = recorded(met(server), folder, caps, concurrency=concurrency, max_new_tokens=40)
        with pytest.raises(BudgetExceeded, match="could pass the cap max_"):
            made.reply(ask(90, first=10))
        log = server.log()
    answered, account = sum(entry["fate"] == "answered" for entry in log), made.teacher.account
    assert answered * (IN + OUT) <= account.tokens_in + account.tokens_out <= tokens
    assert account.tokens_in + account.tokens_out + most > tokens, "what was left would not have bought another call"
    assert len(stored(folder)) == answered, "what was paid for is stored"
    if fault != "half":
        assert answered == calls + 1


def test_near_a_cap_fewer_calls_are_under_way_and_none_is_left_out(tmp_path):
    most = most_tokens(Endpoint(TASK, (), "alpha", Account(tmp_path / "none"), max_new_tokens=40))
    caps = {"max_total_tokens": 40 * (IN + OUT) + most}
    with Running(latency=0.01) as server:
        made = teacher(met(server), tmp_path, caps, concurrency=16, max_new_tokens=40)
        assert [number(reply) for reply in made.reply(ask(40, first=10))] == list(range(10, 50))
        assert server.stats()["most_in_flight"] < 16


ADDRESSES = ("localhost:8000/v1", " http://h/v1", "http://h/v1\n", "http://h:99999/v1", "http://[::1/v1", "http:///v1")


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"concurrency": 0}, *({"base_url": url} for url in ADDRESSES)])
def test_settings_that_cannot_work_are_named_with_the_parameters_and_by_the_teacher(tmp_path, wrong):
    (name,) = wrong
    for make in (
        lambda: Endpoint(TASK, (), "alpha", Account(tmp_path / "s"), **wrong),
        lambda: check("03_budget_ratio", wrong),
    ):
        with pytest.raises(CrossoverError, match=name):
            make()
    assert context_of(wrong.get("base_url", ""), "alpha") == 0


@pytest.mark.parametrize(("name", "value"), [("ALL_PROXY", "socks5://127.0.0.1:9"), ("SSL_CERT_FILE", "/nonexistent")])
def test_a_proxy_or_certificates_that_cannot_be_used_are_reported_by_calls_alone(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    url = "https://host.invalid/v1"
    assert context_of(url, "alpha") == 0
    with pytest.raises(CrossoverError, match=name):
        Endpoint(TASK, (), "alpha", Account(tmp_path / "s"), base_url=url).reply(ask(1))


@pytest.mark.parametrize(
    "url",
    [
        "https://h/deployments/d?api-version=2024-10-21",
        "http://[::1]:8000/v1",
        "https://h",
        "http://127.0.0.1:8000/v1",
        "https://a-b.c_d.org/x/v1",
    ],
)
def test_an_address_that_can_work_is_taken_with_the_parameters(url):
    assert check("03_budget_ratio", {"base_url": url}).base_url == url


# --- kills and interrupts ----------------------------------------------------------------------------------------------


def _run(server, folder):
    recorded(met(server), folder, concurrency=8, timeout=1.0).reply(ask(CALLS))


@pytest.mark.parametrize(("stop", "kills"), [(signal.SIGKILL, 20), (signal.SIGINT, 3), (signal.SIGTERM, 3)])
def test_a_run_killed_at_random_and_resumed_loses_only_what_the_server_had_not_answered(tmp_path, stop, kills):
    rng, kept = random.Random(stop), []
    with Running(faults={"429_asking": 0.05, "half": 0.01}, latency=0.05) as server:
        for _ in range(kills):
            before = _lines(tmp_path)
            # Forked: a fresh interpreter would take longer to import the library than to make the calls.
            run = multiprocessing.get_context("fork").Process(target=_run, args=(server, tmp_path))
            run.start()
            while run.is_alive() and _lines(tmp_path) <= before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.1))
            os.kill(run.pid, stop)
            run.join()
            assert run.exitcode == (-signal.SIGKILL if stop == signal.SIGKILL else 1), "it was stopped on its way"
            time.sleep(0.1)  # the server ends what was under way
            kept.append((len(server.log()), {number(entry) for entry in stored(tmp_path)}))
        served = recorded(met(server), tmp_path, concurrency=8, timeout=1.0)
        assert [number(reply) for reply in served.reply(ask(CALLS))] == list(range(CALLS))
        log = server.log()
    assert 0 < len(kept[0][1]) < len(kept[-1][1]) < CALLS
    for calls, numbers in kept:
        assert not numbers & {entry["number"] for entry in log[calls:]}, "a stored call was made again"
    assert sorted(number(entry) for entry in stored(tmp_path)) == list(range(CALLS)), "each reply is there, once"
    answered = sum(entry["fate"] == "answered" for entry in log)
    under_way = kills * 8 if stop == signal.SIGKILL else 0
    assert CALLS <= answered <= CALLS + under_way
    account, billed = served.teacher.account, answered * (IN + OUT)
    lost = sum(entry["fate"] in BILLED for entry in log) + answered - CALLS  # billed, and the bill never came
    assert lost <= len(account.unsettled) <= lost + under_way
    assert billed <= account.tokens_in + account.tokens_out, "what a kill lost is still charged"
    settled = [sum(entry) for n, entry in account.entries.items() if n not in account.unsettled and sum(entry)]
    assert set(settled) == {IN + OUT} and CALLS - under_way <= len(settled) <= CALLS, (
        "nothing is settled that is not stored"
    )


def _lines(folder):
    """How many replies are stored, read while another process may be writing."""
    try:
        return len(stored(folder))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return 0


@pytest.fixture
def interruptible():
    """Interrupts are taken, though a shell starts what runs in its background with them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_keeps_the_replies_under_way(tmp_path):
    with Running(latency=1.0) as server:
        main = threading.main_thread().ident

        def interrupt():
            while server.stats()["most_in_flight"] < 4:
                time.sleep(0.02)
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        got = {}
        with pytest.raises(KeyboardInterrupt):
            teacher(met(server), tmp_path, concurrency=4).ask(ask(50), got.__setitem__)
        assert len(got) == len(server.log()) == 4


@pytest.mark.usefixtures("interruptible")
def test_a_second_interrupt_gives_up_the_replies_under_way(tmp_path):
    with Running(latency=60) as server:
        main, start = threading.main_thread().ident, time.monotonic()

        def interrupt():
            while server.stats()["most_in_flight"] < 4:
                time.sleep(0.02)
            signal.pthread_kill(main, signal.SIGINT)
            while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # until the first is taken
                time.sleep(0.02)
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            teacher(met(server), tmp_path, concurrency=4).ask(ask(50), lambda place, reply: None)
        assert time.monotonic() - start < 40
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert Account(tmp_path / "spending.jsonl").tokens_out == 4 * 96


@pytest.mark.parametrize("file", ["g.jsonl.gz", "spending.jsonl"])
def test_a_full_disk_ends_the_calls_with_one_line_and_the_run_resumes(tmp_path, monkeypatch, file):
    """A write that fails in its middle: half of it is in the file, as on a full disk."""
    real, room = open, [12]

    def full(path, mode="r", **settings):
        opened = real(path, mode, **settings)
        if mode != "ab" or os.path.basename(path) != file:
            return opened
        room[0] -= 1
        if room[0] > 0:
            return opened
        opened.write(b"\x1f\x8b\x08" if file == "g.jsonl.gz" else b"[99")
        opened.close()
        raise OSError(errno.ENOSPC, "No space left on device")

    with Running(latency=0.01) as server:
        for module in (recorded_module, spending_module):
            monkeypatch.setattr(module, "open", full, raising=False)
        with pytest.raises(CrossoverError, match="No space left on device.*is kept"):
            recorded(met(server), tmp_path).reply(ask(200))
        monkeypatch.undo()
        made = len(server.log())
        assert made < 50
        before = {
            number(entry) for entry in Recorded(teacher(server, tmp_path), tmp_path / "g.jsonl.gz")._stored.values()
        }
        served = recorded(met(server), tmp_path)
        assert [number(reply) for reply in served.reply(ask(200))] == list(range(200))
        assert not before & {entry["number"] for entry in server.log()[made:]}
        assert len(served.teacher.account.entries) <= len(server.log()) + 1


def test_calls_are_refused_where_the_disk_is_nearly_full(tmp_path, monkeypatch, steady):
    monkeypatch.setattr(recorded_module.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    calls = len(steady.log())
    with pytest.raises(CrossoverError, match="must have 16 MB free.*got 1.0 MB"):
        recorded(steady, tmp_path).reply(ask(1))
    assert len(steady.log()) == calls


@pytest.mark.parametrize("fate", ["echo", "418", "500", "401"])
def test_the_key_is_in_nothing_that_comes_out(tmp_path, monkeypatch, capsys, caplog, fate):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(KEY_VARIABLE, KEY if fate != "401" else f"{KEY}-but-wrong")
    with Running(faults={} if fate == "401" else {fate: 1.0}, key=KEY) as server:
        served = recorded(server, tmp_path, attempts=2)
        if fate == "echo":
            (reply,) = served.reply(ask(1))
            assert reply.text == f" Your key is [{KEY_VARIABLE}]\n#### 0", "the server got the key"
        else:
            with pytest.raises(CrossoverError, match=f"status {fate}") as caught:
                served.reply(ask(1))
            print(caught.getrepr(style="long", showlocals=True, chain=True))
            if fate == "401":
                assert f"Set {KEY_VARIABLE}" in str(caught.value)
    print(repr(served), repr(served.teacher), vars(served), repr(QueryCell.__doc__))
    shown = "".join(capsys.readouterr()) + caplog.text
    assert fate == "echo" or "crossover" in shown.lower()
    written = b"".join(
        gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in tmp_path.rglob("*.*")
    )
    assert KEY not in shown
    assert KEY.encode() not in written and written


@pytest.mark.slow
@pytest.mark.parametrize("faults", [{"echo": 0.3, "500": 0.2}, {"418": 1.0}])
def test_a_run_from_the_command_line_leaves_no_key_anywhere(tmp_path, faults):
    given = [
        "teacher=endpoint",
        "teacher_model=alpha",
        "budgets=[6]",
        "replicates=1",
        "strategies=['answer_augmentation']",
    ]
    command = [sys.executable, "-c", "from crossover.cli import main; main()", "run", "03", "--profile", "smoke"]
    with Running(faults=faults, key=KEY) as server:
        for setting in [*given, f"base_url={server.base_url}"]:
            command += ["-p", setting]
        environment = {**os.environ, "CROSSOVER_RESULTS": str(tmp_path), KEY_VARIABLE: KEY, "OPENAI_LOG": "debug"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert len(server.log()) >= (6 if "echo" in faults else 1), "the key was accepted"
    assert done.returncode == (0 if "echo" in faults else 2), done.stderr
    assert "echo" in faults or "status 418" in done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"03_budget_ratio.ipynb" if "echo" in faults else "03_budget_ratio.failed.ipynb"} <= {
        p.name for p in written
    }
    for path in written:
        assert KEY.encode() not in (
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ), path
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("key", [f"{KEY}\nx", f"{KEY}ä"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(tmp_path, monkeypatch, steady, key):
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(CrossoverError, match=f"{KEY_VARIABLE} holds") as caught:
        teacher(steady, tmp_path).reply(ask(1))
    assert KEY not in str(caught.getrepr(style="long", chain=True))


def test_a_password_in_the_address_is_refused_and_not_shown():
    for url in ("http://me:hidden@host/v1", "http://host/v1?api_key=hidden", "host:8000/v1"):
        with pytest.raises(CrossoverError, match="base_url is http") as caught:
            check("03_budget_ratio", {"base_url": url})
        assert "hidden" not in str(caught.value)


def test_neither_address_nor_price_belongs_to_a_cell_or_its_folder():
    given = {"teacher": "endpoint", "teacher_model": "alpha"}
    here = resolve("03_budget_ratio", "smoke", given)
    there = resolve(
        "03_budget_ratio",
        "smoke",
        {**given, "base_url": "https://h/v1", "concurrency": 64, "price_in": 1.0, "max_cost": 2.0},
    )
    assert here.results == there.results != "smoke"
    assert [cell.key for cell in cells_of(here)] == [cell.key for cell in cells_of(there)]
    assert next(cell for cell in cells_of(there) if cell.budget).connection == {
        "base_url": "https://h/v1",
        "concurrency": 64,
    }
    other = resolve("03_budget_ratio", "smoke", {**given, "temperature": 0.2})
    assert other.results != here.results
    bought = [{cell.key for cell in cells_of(p) if cell.budget} for p in (other, here)]
    assert not bought[0] & bought[1]


def cell(server, strategy, budget, **changes):
    return QueryCell(
        version=1, task="math_words", strategy=strategy, seed_size=2, budget=budget, replicate=0, teacher="endpoint",
        n_test=4, max_new_tokens=32, task_settings={"steps": 1}, teacher_settings={"model": "alpha"},
        connection={"base_url": server.base_url}, spending={"price_in": 1.0, "max_cost": 1.0}, **changes,
    )  # fmt: skip


def test_larger_budgets_of_a_cell_pay_only_for_what_is_new(tmp_path):
    with Running() as server:
        small, _ = buy(cell(server, "answer_augmentation", 4), Store(tmp_path))
        large, ledger = buy(cell(server, "answer_augmentation", 10), Store(tmp_path))
        assert len(server.log()) == 10
    assert large.funnel.returned == 10 and ledger.spent == 10 and small.funnel.returned == 4
    assert ledger.tokens_in == Account(tmp_path / "spending.jsonl").tokens_in == 10 * IN


def test_teacher_and_augmenter_of_one_cell_share_an_account(tmp_path):
    with Running() as server:
        _, ledger = buy(cell(server, "new_question", 8, augmenter_settings={"model": "beta"}), Store(tmp_path))
        assert Counter(entry["asked"]["model"] for entry in server.log()) == {"alpha": 4, "beta": 4}
    account = Account(tmp_path / "spending.jsonl")
    assert len(account.entries) == ledger.spent == 8 and account.tokens_in == ledger.tokens_in == 8 * IN
