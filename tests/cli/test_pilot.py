"""``crossover pilot`` from end to end: what it says before, what it refuses, and what it advises."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.study.pilot import least_lead, least_queries

runner = CliRunner()


def sums(first, n):
    return [{"instruction": f"What is {i} and {i + 1} together?", "response": f"They make {2 * i + 1}."} for i in range(first, first + n)]  # fmt: skip


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A pilot with tiny models on sums; a seed's response is missing where asked."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)

    def arguments(*more, queries=48, seeds=None):
        for name, rows in (("seeds.jsonl", seeds or sums(0, 8)), ("test.jsonl", sums(100, 6))):
            (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ["pilot", "seeds.jsonl", "--test", "test.jsonl", "--queries", str(queries), "--compare", "number", "--replicates", "1",
                "--teacher-model", "tiny-random", "--student", "tiny-random", "--max-new-tokens", "8", *more]  # fmt: skip

    return arguments


def run(arguments, **settings):
    return runner.invoke(app, arguments, **settings)


def test_the_plan_is_shown_before_anything_starts(command, tmp_path):
    done = run(command("--max-new-tokens", "4"), input="n\n")
    assert done.exit_code == 1
    for said in ("instruction and response: instruction -> response, 8 pairs", "Question: What is", "(read as '", "Start?",
                 "12 of 12 students", "at most 48 teacher calls", "longer than --max-new-tokens 4"):  # fmt: skip
        assert said in done.stdout
    assert not list((tmp_path / "results").rglob("runs.csv"))


def test_too_few_queries_are_refused_with_what_it_would_take(command):
    done = run(command("--replicates", "3", queries=143, seeds=sums(0, 8)))
    assert isinstance(done.exception, CrossoverError) and "at least 144, got 143" in str(done.exception)
    assert "--replicates 2" in str(done.exception)
    assert least_queries(1) == 48 and least_lead(300, 3) < least_lead(100, 3) < least_lead(100, 1)


def test_a_pilot_runs_advises_and_has_nothing_left_to_do(command, tmp_path):
    done = run(command("--budget", "5000", "--yes"))
    assert done.exit_code == 0, done.output
    (rows,) = (tmp_path / "results").rglob("pilot.csv")
    table = pd.read_csv(rows)
    assert set(table["budget"]) == {2, 4, 8, 16} and table["strategy"].nunique() == 3 and len(table) == 12
    again = run(command("--budget", "5000"))
    assert again.exit_code == 0 and "All 12 cells are there already" in again.stdout


def test_seeds_without_an_answer_are_answered_first_and_paid_once(command, tmp_path):
    rows = sums(0, 8)
    del rows[6]["response"], rows[7]["response"]
    short = run(command("--compare", "exact", queries=49, seeds=rows))
    assert isinstance(short.exception, CrossoverError) and "at least 50, got 49: 2 to answer" in str(short.exception)
    done = run(command("--compare", "exact", "--yes", queries=50, seeds=rows))
    assert done.exit_code == 0, done.output
    assert "2 seeds have no answer" in done.stdout and "at most 48 teacher calls" in done.stdout
    (stored,) = (tmp_path / "results").rglob("labels.jsonl.gz")
    before = stored.read_bytes()
    assert run(command("--compare", "exact", "--yes", queries=50, seeds=rows)).exit_code == 0
    assert stored.read_bytes() == before, "no call is made twice"
