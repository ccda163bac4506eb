"""Tasks of a user's own: pairs from files, four ways of comparing, what is refused, and the command from end to end."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study import answer_seeds
from crossover.study.grids import cells_of
from crossover.tasks import load_task
from crossover.tasks.user_pairs import UserPairs, digest
from crossover.teachers import Reply

runner = CliRunner()


def pairs(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def sums(first, n):
    return [
        {"instruction": f"What is {i} and {i + 1} together?", "response": f"They make {2 * i + 1}."}
        for i in range(first, first + n)
    ]


@pytest.fixture
def files(tmp_path):
    return pairs(tmp_path / "seeds.jsonl", sums(0, 8)), pairs(tmp_path / "test.jsonl", sums(100, 6))


@pytest.mark.parametrize(
    ("compare", "response", "completion", "final", "also_right", "wrong"),
    [
        ("number", "They make 1,007.", " They make 1,007.\n#### 1,007", "1007", " so\n#### 1007.0", " so\n#### 1008"),
        ("number", "3 + 4 = 7\n#### 7", " 3 + 4 = 7\n#### 7", "7", "#### 7", " seven"),
        ("choice", "B) steam", " B) steam\n#### B", "B", " hot\n#### (b).", " hot\n#### C"),
        ("choice", "Steam is hot, so B.", " Steam is hot, so B.\n#### B", "B", "#### b", "B"),
        ("exact", "The  Nile", " The  Nile\n####", "The  Nile", " the nile\n####", " the Nile"),
        ("exact", "def f():\n  return 1", " def f():\n  return 1\n####", "def f():\n  return 1", " DEF f(): return 1\n####", " pass\n####"),
    ],
)  # fmt: skip
def test_a_response_ends_where_it_says_and_is_compared_as_asked(
    tmp_path, compare, response, completion, final, also_right, wrong
):
    file = pairs(tmp_path / "a.jsonl", [{"question": "Which?", "answer": response}])
    other = pairs(tmp_path / "b.jsonl", [{"prompt": "What?", "completion": response}])
    task = UserPairs(other, file, compare)
    (problem,) = task.test(1)
    assert (problem.question, problem.answer) == ("Which?", completion)
    assert task.extract(problem.answer) == final and task.correct(problem.answer, problem)
    assert task.correct(also_right, problem) and not task.correct(wrong, problem)


def test_a_function_of_ones_own_judges(tmp_path, files):
    code = tmp_path / "mine.py"
    code.write_text("def same_length(answer, reference):\n    return len(answer) == len(reference)\n")
    task = UserPairs(*files, f"{code}:same_length")
    (problem,) = task.test(1)
    right = "x" * len(task.extract(problem.answer))
    assert task.correct(f" {right}\n####", problem) and not task.correct(f" {right}x\n####", problem)
    with pytest.raises(CrossoverError, match="nothing"):
        UserPairs(*files, f"{code}:nothing").correct(" x\n####", problem)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken", r"bad.jsonl, line 2: not JSON"),
        ('{"instruction": "Only asked"}', r"bad.jsonl, line 2: a pair is wanted"),
        ('["a", "b"]', r"bad.jsonl, line 2: a pair is wanted"),
        ('{"instruction": " ", "response": "x"}', r"bad.jsonl, line 2: a pair is wanted"),
        ('{"instruction": "How many?", "response": "Nobody knows."}', r"bad.jsonl, line 2: no number is in the answer"),
        ('{"instruction": "WHAT is 100 and  101 together?", "response": "201"}', r"bad.jsonl, line 2, asks what .*test.jsonl, line 1, asks"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(tmp_path, files, line, said):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(sums(0, 1)[0]) + "\n" + line + "\n")
    with pytest.raises(CrossoverError, match=said):
        UserPairs(str(bad), files[1], "number").seeds(1, 0)


def test_missing_changed_and_unknown_are_refused(tmp_path, files):
    with pytest.raises(CrossoverError, match="nowhere.jsonl cannot be read"):
        UserPairs(str(tmp_path / "nowhere.jsonl"), files[1]).seeds(1, 0)
    with pytest.raises(CrossoverError, match="compare is 'closely'"):
        UserPairs(*files, "closely")
    before = digest(*files, "number")
    load_task("own", seeds_file=files[0], test_file=files[1], compare="number", digest=before)
    pairs(tmp_path / "seeds.jsonl", sums(1, 8))
    with pytest.raises(CrossoverError, match="has changed since the run began"):
        load_task("own", seeds_file=files[0], test_file=files[1], compare="number", digest=before)


def test_the_command_runs_advises_and_has_nothing_left_to_do(tmp_path, files, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    command = ["pilot", files[0], "--test", files[1], "--queries", "96", "--compare", "number", "--replicates", "1",
               "--teacher-model", "tiny-random", "--student", "tiny-random", "--max-new-tokens", "4", "--budget", "5000"]  # fmt: skip
    refused = runner.invoke(app, command, input="n\n")
    assert refused.exit_code == 1 and "15 of 15 students to train, at most 96 teacher calls" in " ".join(
        refused.stdout.split()
    )
    assert not list((tmp_path / "results").rglob("runs.csv"))
    done = runner.invoke(app, [*command, "--yes"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "with 8 seed questions and 32 queries the data do not say what to choose; ahead is" in said, (
        "random weights learn nothing" and "8 seed questions and 5000 queries" in said
    )
    assert "extrapolation" in said
    (rows,) = (tmp_path / "results").rglob("pilot.csv")
    table = pd.read_csv(rows)
    assert set(table["budget"]) == {2, 4, 8, 16, 32} and table["strategy"].nunique() == 3 and len(table) == 15
    again = runner.invoke(app, command)
    assert again.exit_code == 0 and "All 15 cells are there already" in again.stdout
    numbers = re.compile(r"ahead is \w+")
    assert numbers.findall(again.stdout) == numbers.findall(done.stdout)


def test_instructions_without_a_response_are_answered_first_and_paid_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    rows = sums(0, 12)
    for row in rows[4:]:
        del row["response"]
    seeds, test = pairs(tmp_path / "seeds.jsonl", rows), pairs(tmp_path / "test.jsonl", sums(100, 6))
    command = ["pilot", seeds, "--test", test, "--compare", "exact", "--replicates", "1", "--teacher-model", "tiny-random",
               "--student", "tiny-random", "--max-new-tokens", "4", "--yes", "--queries"]  # fmt: skip
    short = runner.invoke(app, [*command, "50"])
    assert isinstance(short.exception, CrossoverError) and "8 go to answering seeds" in str(short.exception)
    done = runner.invoke(app, [*command, "104"])
    assert done.exit_code == 0, done.output
    assert "8 seeds have no response: the teacher answers them first, 8 of the 104 calls" in " ".join(
        done.stdout.split()
    )
    assert "at most 96 teacher calls" in " ".join(done.stdout.split())
    (file,) = (tmp_path / "results").rglob("labelled-*.jsonl")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["response"] for row in kept[:4]] == [row["response"] for row in rows[:4]], (
        "given responses are left alone"
    )
    assert all(row["response"] for row in kept) and len(kept) >= 5
    (stored,) = (tmp_path / "results").rglob("labels.jsonl.gz")
    before = stored.read_bytes()
    again = runner.invoke(app, [*command, "104"])
    assert again.exit_code == 0 and stored.read_bytes() == before, "no call is made twice"


class Scripted:
    """A teacher that goes on writing, as a small model does."""

    id, repeatable = "scripted", False

    def __init__(self, text):
        self.text, self.shown = text, None

    def reply(self, requests):
        return [Reply(self.text, 1, 1) for _ in requests]


@pytest.mark.parametrize(("compare", "wanted"), [("number", "They make 7."), ("exact", "They make 7.")])
def test_a_teachers_answer_ends_where_it_goes_on_to_another_question(tmp_path, monkeypatch, compare, wanted):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    seeds = pairs(tmp_path / "seeds.jsonl", [*sums(0, 1), {"instruction": "What is 3 and 4 together?"}])
    test = pairs(tmp_path / "test.jsonl", sums(100, 2))
    teacher = Scripted(" They make 7.\n\nQuestion: What is 9 and 90 together?\nAnswer: They make 99.")
    seen = []
    monkeypatch.setattr(
        answer_seeds, "make_teachers", lambda cell, task, shown, store: (seen.extend(shown), (teacher, teacher))[1]
    )
    cell = cells_of(check("03_budget_ratio", {"task": "own", "teacher": "local", "seed_sizes": [1], "budgets": [1]}))[0]
    done = answer_seeds.label(seeds, test, compare, cell)
    assert [json.loads(line)["response"] for line in Path(done.file).read_text().splitlines()] == [
        "They make 1.",
        wanted,
    ] and done.lost == 0
    assert all("####" in p.answer for p in seen), "examples show where an answer ends"
    teacher.text = "Nobody knows."
    pairs(tmp_path / "seeds.jsonl", [*sums(0, 2), {"instruction": "What is 3 and 4 together?"}])
    again = answer_seeds.label(seeds, test, compare, cell)
    assert again.lost == (compare == "number"), "with other examples it is asked again"
    assert again.file != done.file and Path(done.file).read_text(), "the first run's file is left alone"


def test_a_number_is_a_response_and_a_misspelt_name_is_refused(tmp_path, files):
    numbers = pairs(tmp_path / "numbers.jsonl", [{"question": "What is 2 and 2 together?", "answer": 4}])
    assert answer_seeds.unlabelled(numbers) == 0
    assert UserPairs(numbers, files[1], "number").seeds(1, 0)[0].answer == " 4\n#### 4"
    wrong = pairs(tmp_path / "wrong.jsonl", [{"instruction": "What is 2 and 2 together?", "respone": "4"}])
    with pytest.raises(
        CrossoverError, match="wrong.jsonl, line 1: 'respone' is no name for a response. Did you mean 'response'"
    ):
        answer_seeds.unlabelled(wrong)


def test_a_test_pair_without_a_response_is_refused(tmp_path, files):
    bare = pairs(tmp_path / "bare.jsonl", [{"instruction": "What is 7 and 8 together?"}])
    with pytest.raises(CrossoverError, match="bare.jsonl, line 1: a pair is wanted.*found no response"):
        UserPairs(files[0], bare).test(1)
