"""The endpoint teacher against a server that misbehaves: every reply once, every attempt charged, no key anywhere."""

import gzip
import itertools
import json
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.params.profiles import check, resolve
from crossover.strategies.base import charge_and_ask
from crossover.strategies.ledger import Ledger
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import buy
from crossover.study.grids import cells_of
from crossover.study.store import Store
from crossover.tasks import load_task
from crossover.tasks.base import Problem
from crossover.teachers import Request
from crossover.teachers.endpoint import KEY_VARIABLE, TEMPLATE_TOKENS, Endpoint
from crossover.teachers.few_shot_prompts import chat_prompt
from crossover.teachers.recorded import Recorded
from crossover.teachers.serving import serving
from crossover.teachers.spending import Account, BudgetExceeded
from misbehaving import BILLED, USAGE, Running

TASK = load_task("math_words", steps=1)
KEY = "sk-marked-0123456789abcdef"
IN, OUT = USAGE["prompt_tokens"], USAGE["completion_tokens"]


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def steady():
    with Running() as server:
        yield server


def ask(n, first=0):
    return [Request("answer", Problem(f"p{i}", f"What is {i}?", ""), 0) for i in range(first, first + n)]


def teacher(server, folder, caps=None, **settings):
    account = Account(folder / "spending.jsonl", **(caps or {}))
    settings = {"model": "alpha", "backoff": 0.01, "base_url": server.base_url} | settings
    return Endpoint(TASK, (), account=account, **settings)


def recorded(*arguments, **settings):
    made = teacher(*arguments, **settings)
    return Recorded(made, made.account.path.parent / "g.jsonl.gz")


def stored(folder):
    path = folder / "g.jsonl.gz"
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] if path.exists() else []


def number(entry_or_reply):
    """The number that a reply of the test server gives."""
    return int(TASK.extract(entry_or_reply["reply"] if isinstance(entry_or_reply, dict) else entry_or_reply.text))


def test_a_thousand_calls_with_a_third_of_them_failing_give_a_thousand_replies(tmp_path):
    kinds = ("429", "429_asking", "500", "503", "truncated", "half", "closed", "slow")
    faults = {"slow": 0.005} | {kind: 0.295 / 7 for kind in kinds[:-1]}
    ledger = Ledger(1000)
    with Running(faults=faults, latency=0.002) as server:
        served = recorded(server, tmp_path, concurrency=16, timeout=1.0, max_new_tokens=50)
        replies = charge_and_ask(served, ask(1000), ledger)
        log = server.log()
    assert [number(reply) for reply in replies] == list(range(1000))
    assert sorted(number(entry) for entry in stored(tmp_path)) == list(range(1000)), "each reply stored once"
    fates = Counter(entry["fate"] for entry in log)
    assert set(fates) == {*kinds, "answered"} and 0.2 < 1 - 1000 / len(log) < 0.4
    assert Counter(entry["number"] for entry in log if entry["fate"] == "answered") == Counter(range(1000))
    lost = sum(fates[kind] for kind in BILLED)
    account = served.teacher.account
    assert len(account.entries) == len(log), "every attempt was charged"
    assert (account.tokens_in, account.tokens_out) == (IN * (1000 + lost), OUT * 1000 + 50 * lost)
    assert (ledger.tokens_in, ledger.tokens_out) == (account.tokens_in, account.tokens_out)
    assert ledger.spent == 1000, "a request is one query however often it was sent"
    with pytest.raises(BudgetExceeded):
        charge_and_ask(served, ask(1, first=1000), ledger)


def test_stored_replies_are_served_without_a_server(tmp_path, steady):
    first = recorded(steady, tmp_path).reply(ask(5))
    nowhere = Endpoint(TASK, (), "alpha", Account(tmp_path / "other.jsonl"), base_url="http://127.0.0.1:9/v1")
    assert Recorded(nowhere, tmp_path / "g.jsonl.gz").reply(ask(5)) == first
    assert Recorded(nowhere, tmp_path / "g.jsonl.gz").reply([]) == []


def test_no_more_calls_are_under_way_than_asked_for(tmp_path):
    with Running(latency=0.02) as server:
        teacher(server, tmp_path, concurrency=5).reply(ask(40))
        assert server.stats()["most_in_flight"] == 5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_pause_that_a_server_asks_for_is_kept(tmp_path, form):
    due = int(time.time()) + 6  # a date has whole seconds
    asked = "0.7" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(due))
    with Running(faults={"429_asking": 1.0}, retry_after=asked) as server:
        with pytest.raises(CrossoverError, match="failed 2 times in a row at one call, the last time with: status 429"):
            teacher(server, tmp_path, attempts=2).reply(ask(1))
        first, second = (entry["at"] for entry in server.log())
    assert second >= (first + 0.7 if form == "seconds" else due)


def test_a_pause_of_an_hour_ends_the_run(tmp_path):
    hour = Running(faults={"429_asking": 1.0}, retry_after=3600)
    with hour as server, pytest.raises(CrossoverError, match="asks to wait 3,600 s"):
        teacher(server, tmp_path).reply(ask(1))


def test_pauses_grow_exponentially(tmp_path):
    with Running(faults={"500": 1.0}) as server:
        with pytest.raises(CrossoverError, match="failed 5 times"):
            teacher(server, tmp_path, attempts=5, backoff=0.1).reply(ask(1))
        at = [entry["at"] for entry in server.log()]
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert all(pause >= 0.05 * 2**i for i, pause in enumerate(pauses))
    assert sum(pauses) < 6


def test_a_call_that_takes_too_long_is_charged_and_sent_again(tmp_path):
    with Running(faults={"slow": 0.5}, slow=30, seed=1) as server:
        asked = teacher(server, tmp_path, timeout=0.3, max_new_tokens=40)
        replies = asked.reply(ask(6))
        slow = sum(entry["fate"] == "slow" for entry in server.log())
    assert slow > 0
    assert asked.account.tokens_out == sum(r.tokens_out for r in replies) == 6 * OUT + 40 * slow


def test_a_server_that_is_not_there_costs_nothing(tmp_path):
    away = Endpoint(
        TASK, (), "alpha", Account(tmp_path / "s"), base_url="http://127.0.0.1:9/v1", attempts=2, backoff=0.01
    )
    with pytest.raises(CrossoverError, match=r"127.0.0.1:9/v1 failed 2 times.*ConnectError"):
        away.reply(ask(3))
    assert away.account.tokens_in == away.account.tokens_out == 0


def test_an_unknown_model_is_named_with_those_that_the_server_lists(tmp_path, steady):
    with pytest.raises(CrossoverError, match="has no model 'alhpa'. It lists: alpha, beta."):
        teacher(steady, tmp_path, model="alhpa").reply(ask(20))
    assert Account(tmp_path / "spending.jsonl").tokens_in == 0
    with pytest.raises(CrossoverError, match="refuses the request to 'alpha' .*404.*As a rule it ends in /v1"):
        teacher(steady, tmp_path, base_url=steady.address).reply(ask(1))


def test_an_answer_of_a_million_characters_is_cut_and_counted_whole(tmp_path):
    with Running(faults={"huge": 1.0}) as server:
        served = recorded(server, tmp_path, {"max_total_tokens": 260_000}, max_new_tokens=30)
        (reply,) = served.reply(ask(1))
        assert len(reply.text) <= 30 * 64 + 1
        assert reply.tokens_out == served.teacher.account.tokens_out == 250_000
        assert (tmp_path / "g.jsonl.gz").stat().st_size < 10_000
        assert server.log()[0]["asked"]["max_tokens"] == 30
        served.reply(ask(1, first=1))  # from 250,020 tokens another call could be afforded, from 500,040 none
        with pytest.raises(BudgetExceeded):
            served.reply(ask(1, first=2))


def test_replies_without_text_are_failed_calls_and_strange_ones_can_be_stored(tmp_path):
    for fate, text in (("empty", None), ("filtered", None), ("surrogate", " It is ?.\n#### 0")):
        with Running(faults={fate: 1.0}) as server:
            (reply,) = recorded(server, tmp_path / fate).reply(ask(1))
            assert reply.text == text
            assert len(server.log()) == 1
            assert [entry["reply"] for entry in stored(tmp_path / fate)] == [text]


def test_prompts_and_settings_are_sent_as_given(tmp_path, steady):
    seeds = TASK.seeds(3, 0)
    asked = [Request(kind, seeds[2], 0) for kind in ("answer", "rephrase", "new_question")]
    asked = [Request(r.kind, Problem("x", f"What is {i}?", ""), 0) for i, r in enumerate(asked, 7000)]
    made = Endpoint(
        TASK, seeds, "beta", Account(tmp_path / "s"), temperature=0.4, max_new_tokens=33, base_url=steady.base_url
    )
    texts = [reply.text for reply in made.reply(asked)]
    assert texts == [" It is 7000.\n#### 7000", "It is 7001.", "It is 7002."]
    sent = {e["number"]: e["asked"] for e in steady.log()}
    for i, request in enumerate(asked, 7000):
        turn = {"role": "user", "content": chat_prompt(request, TASK, seeds)}
        assert sent[i] == {"model": "beta", "messages": [turn], "temperature": 0.4, "max_tokens": 33}
    assert seeds[0].answer in sent[7000]["messages"][0]["content"]


@settings(max_examples=8, deadline=None)
@given(
    calls=st.integers(0, 30),
    concurrency=st.sampled_from([1, 3, 16]),
    by=st.sampled_from(["tokens", "money"]),
    fault=st.sampled_from(["500", "half", "answered"]),
)
def test_a_cap_is_never_passed_and_used_up(tmp_path_factory, calls, concurrency, by, fault):
    folder = tmp_path_factory.mktemp("cap")
    most = len(chat_prompt(ask(1, first=10)[0], TASK, ())) + TEMPLATE_TOKENS + 40
    tokens = calls * (IN + OUT) + most
    caps = {"max_total_tokens": tokens} if by == "tokens" else {"max_cost": tokens / 1e6, "price_in": 1, "price_out": 1}
    with Running(faults={fault: 0.2}, latency=0.002, seed=calls) as server:
        made = recorded(server, folder, caps, concurrency=concurrency, max_new_tokens=40)
        with pytest.raises(BudgetExceeded, match="could pass the cap max_"):
            made.reply(ask(90, first=10))
        log = server.log()
    answered = sum(entry["fate"] == "answered" for entry in log)
    billed = answered * (IN + OUT) + sum(entry["fate"] in BILLED for entry in log) * (IN + 40)
    account = made.teacher.account
    assert billed <= account.tokens_in + account.tokens_out <= tokens
    assert account.tokens_in + account.tokens_out + most > tokens, "what was left would not have bought another call"
    assert len(stored(folder)) == answered, "what was paid for is stored"
    if fault != "half":
        assert answered == calls + 1


def test_near_a_cap_fewer_calls_are_under_way_and_none_is_left_out(tmp_path):
    most = len(chat_prompt(ask(1, first=10)[0], TASK, ())) + TEMPLATE_TOKENS + 40
    with Running(latency=0.01) as server:
        made = teacher(
            server, tmp_path, {"max_total_tokens": 40 * (IN + OUT) + most}, concurrency=16, max_new_tokens=40
        )
        assert [number(reply) for reply in made.reply(ask(40, first=10))] == list(range(10, 50))
        assert server.stats()["most_in_flight"] < 16


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=30),
    st.integers(1, 600),
    st.integers(0, 40),
)
@settings(max_examples=50, deadline=None)
def test_an_account_goes_on_counting_after_a_kill(tmp_path_factory, attempts, cap, cut):
    path = tmp_path_factory.mktemp("account") / "spending.jsonl"
    account = Account(path, max_total_tokens=cap)
    for tokens_in, tokens_out, known in attempts:
        try:
            entry = account.reserve(tokens_in, tokens_out)
        except BudgetExceeded:
            assert account.tokens_in + account.tokens_out + tokens_in + tokens_out > cap
            continue
        if known:
            account.settle(entry, tokens_in // 2, tokens_out // 2)
        assert account.tokens_in + account.tokens_out <= cap
    again = Account(path, max_total_tokens=cap)
    assert (again.tokens_in, again.tokens_out, again.entries) == (
        account.tokens_in,
        account.tokens_out,
        account.entries,
    )
    if path.exists():
        path.write_bytes(path.read_bytes() + b"[3, 4, 5]"[: cut % 9])  # a line cut short
        assert Account(path).entries == account.entries
        Account(path).reserve(1, 1)
        assert len(Account(path).entries) == len(account.entries) + 1


@pytest.mark.parametrize("wrong", [{"price_in": -1}, {"max_cost": 3}])
def test_an_account_that_could_not_hold_its_cap_is_refused(tmp_path, wrong):
    with pytest.raises(CrossoverError, match=next(iter(wrong))):
        Account(tmp_path / "s", **wrong)


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"concurrency": 0}, {"base_url": "localhost:8000/v1"}])
def test_settings_that_cannot_work_are_named(tmp_path, wrong):
    with pytest.raises(CrossoverError, match=next(iter(wrong))):
        Endpoint(TASK, (), "alpha", Account(tmp_path / "s"), **wrong)


def _run(server, folder):
    recorded(server, folder, concurrency=8, timeout=1.0).reply(ask(300))


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_run_killed_at_random_and_resumed_repeats_no_stored_call(tmp_path, stop):
    rng, kept, kills = random.Random(stop), [], 3
    with Running(faults={"500": 0.1, "half": 0.1}, latency=0.02) as server:
        for _ in range(kills):
            before = _lines(tmp_path)
            # Forked: a fresh interpreter would take longer to import the library than to make the calls.
            run = multiprocessing.get_context("fork").Process(target=_run, args=(server, tmp_path))
            run.start()
            while run.is_alive() and _lines(tmp_path) <= before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            os.kill(run.pid, stop)
            run.join()
            assert run.exitcode == (-signal.SIGKILL if stop == signal.SIGKILL else 1), "it was stopped on its way"
            kept.append((len(server.log()), {number(entry) for entry in stored(tmp_path)}))
        served = recorded(server, tmp_path, concurrency=8, timeout=1.0)
        assert [number(reply) for reply in served.reply(ask(300))] == list(range(300))
        log = server.log()
    assert 0 < len(kept[0][1]) < len(kept[1][1]) < len(kept[2][1]) < 300
    for calls, numbers in kept:
        assert not numbers & {entry["number"] for entry in log[calls:]}, "a stored call was made again"
    assert sorted(number(entry) for entry in stored(tmp_path)) == list(range(300))
    answered = sum(entry["fate"] == "answered" for entry in log)
    assert answered <= 300 + (kills * 2 * 8 if stop == signal.SIGKILL else 0), (
        "a kill loses what was under way and no more"
    )
    billed = answered * (IN + OUT) + sum(entry["fate"] in BILLED for entry in log) * (IN + 96)
    account = served.teacher.account
    assert account.tokens_in + account.tokens_out >= billed, "what a kill lost is still charged"


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
    with Running(latency=0.5) as server:
        arrivals = teacher(server, tmp_path, concurrency=4).arrivals(ask(50))
        main = threading.main_thread().ident
        threading.Timer(0.25, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        got = {}
        with pytest.raises(KeyboardInterrupt):
            for batch in arrivals:
                got |= batch
        assert len(got) == len(server.log()) == 4


@pytest.mark.usefixtures("interruptible")
def test_a_second_interrupt_gives_up_the_replies_under_way(tmp_path):
    with Running(latency=60) as server:
        arrivals = teacher(server, tmp_path, concurrency=4).arrivals(ask(50))
        main, start = threading.main_thread().ident, time.monotonic()
        for seconds in (1.0, 8.0):  # far apart, for a busy machine: two at once are one
            threading.Timer(seconds, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            list(arrivals)
        assert time.monotonic() - start < 40
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert Account(tmp_path / "spending.jsonl").tokens_out == 4 * 96


def test_a_full_disk_ends_the_calls(tmp_path):
    with Running(latency=0.01) as server:
        served = recorded(server, tmp_path)
        served.path = tmp_path / "spending.jsonl" / "no-folder"  # cannot be made: a file is in the way
        with pytest.raises(OSError):
            served.reply(ask(200))
        time.sleep(0.1)
        assert len(server.log()) < 50


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
    assert cells_of(there)[0].connection == {"base_url": "https://h/v1", "concurrency": 64, "timeout": 120.0}
    other = resolve("03_budget_ratio", "smoke", {**given, "temperature": 0.2})
    assert other.results != here.results
    assert not {cell.key for cell in cells_of(other)} & {cell.key for cell in cells_of(here)}


def test_larger_budgets_of_a_cell_pay_only_for_what_is_new(tmp_path):
    def cell(budget):
        return QueryCell(
            version=1, task="math_words", strategy="answer_augmentation", seed_size=2, budget=budget, replicate=0,
            teacher="endpoint", n_test=4, max_new_tokens=32, task_settings={"steps": 1}, teacher_settings={"model": "alpha", "temperature": 0.7},
            connection={"base_url": server.base_url, "concurrency": 4}, spending={"price_in": 1.0, "max_cost": 1.0},
        )  # fmt: skip

    with Running() as server:
        small, _ = buy(cell(4), Store(tmp_path))
        large, ledger = buy(cell(10), Store(tmp_path))
        assert len(server.log()) == 10
    assert large.funnel.returned == 10 and ledger.spent == 10 and small.funnel.returned == 4
    assert ledger.tokens_in == Account(tmp_path / "spending.jsonl").tokens_in == 10 * IN


def test_teacher_and_augmenter_of_one_cell_share_an_account(tmp_path):
    with Running() as server:
        cell = QueryCell(
            version=1, task="math_words", strategy="new_question", seed_size=2, budget=8, replicate=0,
            teacher="endpoint", n_test=4, max_new_tokens=32, task_settings={"steps": 1},
            teacher_settings={"model": "alpha"}, augmenter_settings={"model": "beta"},
            connection={"base_url": server.base_url},
        )  # fmt: skip
        _, ledger = buy(cell, Store(tmp_path))
        assert Counter(entry["asked"]["model"] for entry in server.log()) == {"alpha": 4, "beta": 4}
    account = Account(tmp_path / "spending.jsonl")
    assert len(account.entries) == ledger.spent == 8 and account.tokens_in == ledger.tokens_in == 8 * IN


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """``transformers serve`` with SmolLM2 on loopback, told to sample."""
    pytest.importorskip("fastapi", reason="transformers serve needs fastapi and uvicorn")
    pytest.importorskip("uvicorn", reason="transformers serve needs fastapi and uvicorn")
    from crossover.models.weights import model_folder

    folder = tmp_path_factory.mktemp("served") / "SmolLM2"
    folder.mkdir()
    for path in model_folder("SmolLM2-135M-Instruct").iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "generation_config.json").write_text('{"do_sample": true}')
    serve = f"'{sys.executable}' -m transformers.cli.transformers serve '{folder}' --port {{port}} --host 127.0.0.1 --device cpu"
    with serving(serve, wait=300) as address:
        yield SimpleNamespace(base_url=f"{address}/v1", model=str(folder))


@pytest.mark.slow
def test_a_real_server_answers_rephrases_and_invents(tmp_path, real):
    seeds = TASK.seeds(4, 0)
    made = Endpoint(
        TASK, seeds[:3], real.model, Account(tmp_path / "spending.jsonl"), 0.7, 24, real.base_url, 4, timeout=500
    )
    requests = [Request(kind, seeds[3], i) for kind in ("answer", "rephrase", "new_question") for i in range(2)]
    replies = Recorded(made, tmp_path / "g.jsonl.gz").reply(requests)
    print(*replies, sep="\n")
    assert all(reply.text for reply in replies)
    assert len({reply.text for reply in replies}) > 3, "it samples"
    assert all(30 < reply.tokens_in < 400 and 0 < reply.tokens_out <= 24 for reply in replies)
    assert sum(reply.tokens_out for reply in replies) == made.account.tokens_out
    with pytest.raises(CrossoverError, match=r"refuses the request to 'nobody'|has no model 'nobody'"):
        replace(made, model="nobody").reply(requests[:1])
