"""Tasks of a user's own: ways of comparing, where an answer ends, seeds apart from tests, and seeds that a teacher answers."""

import json
import sqlite3
from pathlib import Path

import pytest

from crossover.errors import CrossoverError
from crossover.normal_text import word_set
from crossover.params.profiles import check
from crossover.strategies import Ledger, load_strategy
from crossover.study import answer_seeds
from crossover.study.grids import cells_of
from crossover.tasks import load_task, user_pairs
from crossover.tasks.user_pairs import UserPairs, digest
from crossover.teachers import Reply


def pairs(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def sums(first, n):
    return [{"instruction": f"What is {i} and {i + 1} together?", "response": f"They make {2 * i + 1}."} for i in range(first, first + n)]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    return pairs(tmp_path / "seeds.jsonl", sums(0, 8)), pairs(tmp_path / "test.jsonl", sums(100, 6))


def task_of(tmp_path, response, compare):
    other = pairs(tmp_path / "a.jsonl", [{"question": "Who?", "answer": response}])
    return UserPairs(other, pairs(tmp_path / "b.jsonl", [{"question": "Which?", "answer": response}]), compare)


MARKDOWN = "#### 1. Count the boxes\n4 boxes of 12 pens.\n#### 2. Multiply\n4 x 12 = 48, so there are 48 pens."


@pytest.mark.parametrize(
    ("compare", "response", "completion", "final", "also_right", "wrong"),
    [
        ("number", "They make 1,007.", " They make 1,007.\n#### 1007", "1007", " so\n#### 1,007.0", " so\n#### 1008"),
        ("number", "3 + 4 = 7\n#### 7", " 3 + 4 = 7\n#### 7", "7", "#### 7", " seven"),
        ("number", "72", " 72\n#### 72", "72", "#### $72", "72"),
        ("number", MARKDOWN, f" {MARKDOWN}\n#### 48", "48", "#### 48", "#### 2. Multiply"),
        ("number", "#### 2\nBoth.\n#### 48", " **2**\nBoth.\n#### 48", "48", "#### 48", "#### 2"),
        ("choice", "B) steam", " B) steam\n#### B", "B", " hot\n#### (b).", " hot\n#### C"),
        ("choice", "#### A\nToo cold.\nSo it is B.", " **A**\nToo cold.\nSo it is B.\n#### B", "B", "#### b", "B"),
        ("exact", "The  Nile", " The  Nile\n####", "The  Nile", " the nile.\n####", " the Nile"),
        ("exact", "Use it.\n#### Example\na = [1]", " Use it.\n#### Example\na = [1]\n####", "Use it.\n#### Example\na = [1]", " use it. Example a = 1\n####", " Use it.\n####"),
        ("f1", "the red car", " the red car\n####", "the red car", " a red bus\n####", " blue\n####"),
    ],
)  # fmt: skip
def test_a_response_ends_where_it_says_and_is_compared_as_asked(
    tmp_path, compare, response, completion, final, also_right, wrong
):
    task = task_of(tmp_path, response, compare)
    (problem,) = task.test(1)
    assert (problem.question, problem.answer) == ("Which?", completion)
    assert task.extract(problem.answer) == final and task.correct(problem.answer, problem)
    assert task.completion(completion) == completion, "a completion is its own"
    assert task.correct(also_right, problem) and not task.correct(wrong, problem)


def test_each_of_several_right_answers_is_accepted(tmp_path):
    rows = [{"question": "Who wrote it?", "answer": {"value": "Sinclair Lewis", "aliases": ["Harry Lewis", "Lewis"]}}]
    task = UserPairs(
        pairs(tmp_path / "a.jsonl", [{"question": "How?", "answer": "so"}]), pairs(tmp_path / "b.jsonl", rows)
    )
    (problem,) = task.test(1)
    assert problem.answer == " Sinclair Lewis\n####" and "1 with several right answers" in task.said()
    assert task.correct(" harry lewis\n####", problem) and task.correct(problem.answer, problem)
    assert not task.correct(" Upton Sinclair\n####", problem)
    numbers = UserPairs(
        task.seeds_file, pairs(tmp_path / "c.jsonl", [{"question": "When?", "answers": ["in 1984", "84"]}]), "number"
    )
    (problem,) = numbers.test(1)
    assert (
        numbers.correct("#### 84", problem)
        and numbers.correct("#### 1984", problem)
        and not numbers.correct("#### 4", problem)
    )


def test_statements_are_run_on_a_database(tmp_path):
    with sqlite3.connect(tmp_path / "shop.sqlite") as database:
        database.execute("CREATE TABLE t (a)")
        database.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    task = task_of(tmp_path, "SELECT count(*) FROM t", f"sql:{tmp_path / 'shop.sqlite'}")
    task.check()
    (problem,) = task.test(1)
    assert task.correct(" SELECT 2\n####", problem) and not task.correct(" SELECT 3\n####", problem)
    with pytest.raises(CrossoverError, match="Name the database"):
        UserPairs("a", "b", "sql")
    (tmp_path / "dump.sqlite").write_text("CREATE TABLE t (a);")
    with pytest.raises(CrossoverError, match=r"dump.sqlite cannot be read as an SQLite database"):
        task_of(tmp_path, "SELECT 1", f"sql:{tmp_path / 'dump.sqlite'}").check()
    rows = [{"question": f"Which {i}?", "query": f"SELECT {'b' if i == 3 else i} FROM t"} for i in range(5)]
    with pytest.raises(CrossoverError, match="'SELECT b FROM t' does not run"):
        UserPairs(pairs(tmp_path / "c.jsonl", rows), compare=task.compare).check()


def test_a_function_of_ones_own_judges_and_is_tried_first(tmp_path, files):
    code = tmp_path / "mine.py"
    code.write_text(
        "HERE = __file__\n\ndef same_length(answer, reference):\n    return len(answer) == len(reference)\n"
    )
    task = UserPairs(*files, f"{code}:same_length")
    task.check()
    (problem,) = task.test(1)
    right = "x" * len(task.extract(problem.answer))
    assert task.correct(f" {right}\n####", problem) and not task.correct(f" {right}x\n####", problem)
    broken = {
        "nothing": ("x = 1", "no function 'nothing'"),
        "load": ("import not_installed_anywhere", "ModuleNotFoundError"),
        "syntax": ("def (", "SyntaxError"),
        "exits": ("raise SystemExit(2)", "exits.py cannot be loaded: SystemExit"),
        "fails": ("def fails(a, b): return a.missing", "fails on the answer"),
        "never": ("def never(a, b): return False", "reference answer"),
    }
    for name, (text, said) in broken.items():
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(CrossoverError, match=said):
            UserPairs(*files, f"{tmp_path / name}.py:{name}").check()


@pytest.mark.parametrize("response", ["Nobody knows.", "The pair is 3,4", "5-6 hours"])
def test_what_cannot_be_compared_is_refused_by_row(tmp_path, files, response):
    rows = [*sums(0, 1), {"instruction": "How many?", "response": response}]
    with pytest.raises(CrossoverError, match="bad.jsonl, line 2: no single number can be read"):
        UserPairs(pairs(tmp_path / "bad.jsonl", rows), files[1], "number").check()


def test_seeds_near_a_test_are_set_apart_and_said(tmp_path):
    long = "A shop sells red and blue pens in boxes of {} for two coins each to the school in town. How many?"
    rows = [{"question": long.format(n), "answer": str(n)} for n in (12, 13)] + [
        {"question": "How many?", "answer": "1"}
    ]
    shuffled = {"question": "How many? In town, the school buys pens in boxes of 12, red and blue, for two coins each; a shop sells.", "answer": "12"}  # fmt: skip
    task = UserPairs(pairs(tmp_path / "s.jsonl", rows), pairs(tmp_path / "t.jsonl", [shuffled]), "number")
    seeds, tests, near = task.split()
    assert [pair.answer for pair in seeds] == ["13", "1"] and near == 1 and len(tests) == 1
    assert task.near_test([long.format(12), long.format(99)]) == [True, False]
    assert "Set apart, near a test: one seed." in task.said()
    with pytest.raises(CrossoverError, match="leaves 0 seeds"):
        UserPairs(task.test_file, task.test_file, "number").split()


def test_a_test_is_compared_with_the_questions_of_its_numbers_alone(tmp_path, monkeypatch):
    task = UserPairs(pairs(tmp_path / "s.jsonl", sums(0, 400)), pairs(tmp_path / "t.jsonl", sums(300, 300)), "number")
    compared = []
    monkeypatch.setattr(user_pairs, "word_set", lambda text: compared.append(text) or word_set(text))
    seeds, _, near = task.split()
    assert (len(seeds), near) == (300, 100) and len(compared) == 200, "a hundred tests with a hundred seeds"


def test_decimal_commas_are_hinted_at(files):
    Path(files[0]).write_text(
        '{"question": "How long?", "answer": "3,5"}\n' + '{"question": "How wide?", "answer": "2"}\n'
    )
    with pytest.raises(CrossoverError, match="--decimal-comma"):
        UserPairs(files[0], files[1], compare="number").check()


def test_without_a_test_file_a_third_is_held_out(files):
    task = UserPairs(files[0], compare="number")
    seeds, tests, _ = task.split()
    assert (len(seeds), len(tests)) == (6, 2) and not {s.question for s in seeds} & {t.question for t in tests}
    assert task.split() == UserPairs(files[0], compare="number").split() and "one answer" not in task.said()
    rows = [
        {"question": f"Is {word} a word?", "answer": "yes"}
        for word in ("red", "green", "blue", "black", "white", "grey")
    ]
    Path(files[0]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "All tests have one answer" in UserPairs(files[0]).said()


class Scripted:
    """A teacher that says what it is told to."""

    id, repeatable = "scripted", False

    def __init__(self, text, tokens=1):
        self.text, self.tokens = text, tokens

    def reply(self, requests):
        say = self.text if callable(self.text) else lambda request: self.text
        return [Reply(say(request), 1, self.tokens) for request in requests]


def test_generated_questions_near_a_test_are_dropped_and_counted(files):
    task = UserPairs(*files, "number")
    asked = iter(["What is 100 and 101 together?", "what is 101 AND 102 together", "What is 7 and 9 together?"])
    teacher = Scripted(lambda r: next(asked) if r.kind == "new_question" else " They make 1.\n#### 1")
    bought = load_strategy("new_question")(task, task.seeds(3, 0), teacher, teacher, Ledger(6), False)
    assert [s.question for s in bought.samples] == ["What is 7 and 9 together?"]
    assert (bought.funnel.parsed, bought.funnel.near_test, bought.funnel.kept) == (3, 2, 1)
    assert "near_test" not in bought.funnel.as_dict()


def test_missing_changed_and_unknown_are_refused(tmp_path, files):
    for wrong, said in (({"compare": "closely"}, "compare is 'closely'"), ({"point": ";"}, "point is ';'")):
        with pytest.raises(CrossoverError, match=said):
            UserPairs(*files, **wrong)
    before = digest(UserPairs(*files, "number"))
    settings = {"seeds_file": files[0], "test_file": files[1], "compare": "number", "digest": before}
    load_task("own", **settings)
    pairs(tmp_path / "seeds.jsonl", sums(1, 8))
    with pytest.raises(CrossoverError, match="has changed since the run began"):
        load_task("own", **settings)
    bare = pairs(tmp_path / "bare.jsonl", [{"instruction": "What is 7 and 8 together?"}])
    with pytest.raises(CrossoverError, match=r"bare.jsonl, line 1: found no response"):
        UserPairs(files[0], bare).check()


# --- seeds that a teacher answers --------------------------------------------------------------------------------------


@pytest.fixture
def answered(tmp_path, monkeypatch):
    """Have a scripted teacher answer one seed of two; return what was kept and what was lost."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    seeds = pairs(tmp_path / "seeds.jsonl", [*sums(0, 1), {"instruction": "What is 3 and 4 together?"}])
    test = pairs(tmp_path / "test.jsonl", sums(100, 2))
    values = {"task": "own", "teacher": "local", "seed_sizes": [1], "budgets": [1]}
    cell = cells_of(check("03_budget_ratio", values))[0]

    def run(text, compare="number", tokens=1):
        teacher, shown = Scripted(text, tokens), []
        monkeypatch.setattr(answer_seeds, "make_teachers", lambda cell, task, given, store: (shown.extend(given), (teacher, teacher))[1])  # fmt: skip
        monkeypatch.setattr(Scripted, "id", f"scripted {text}")
        task, lost, _ = answer_seeds.answer_seeds(UserPairs(seeds, test, compare), cell)
        assert all("####" in p.answer for p in shown), "examples show where an answer ends"
        return [json.loads(line)["response"] for line in Path(task.seeds_file).read_text().splitlines()], lost

    return run


@pytest.mark.parametrize("compare", ["number", "exact"])
def test_an_answer_ends_where_the_teacher_goes_on_to_another_question(answered, compare):
    kept, lost = answered(" They make 7.\n\nQuestion: What is 9 and 90 together?\nAnswer: They make 99.", compare)
    assert kept == ["They make 1.", "They make 7."] and lost == 0


def test_an_answer_of_several_paragraphs_is_kept_whole(answered):
    text = "Step 1: 3.\n\nStep 2: 7.\n\n#### 7"
    assert answered(f" {text}") == (["They make 1.", text], 0)


def test_what_was_cut_or_cannot_be_compared_is_lost_and_counted(answered):
    assert answered(" 3 and 4 are first 3", tokens=72) == (["They make 1."], 1)
    assert answered("Nobody knows.") == (["They make 1."], 1)
