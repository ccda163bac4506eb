"""ARC: question and answer text, letters, pools without leakage; and scoring by the likelihood of the choices."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.evaluation import answers
from crossover.evaluation.answers import choose
from crossover.models.decoding import Likelihood
from crossover.models.language_model import LanguageModel
from crossover.models.recipe import Recipe
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.tasks import Problem
from crossover.tasks.benchmarks import Arc, _words
from stored import write_lines

many = settings(max_examples=100, deadline=None)
lines = st.text().filter(lambda text: text.strip())
TASK = Arc()


def row(question="Which is hot?", texts=("ice", "steam", "snow"), labels="ABCDE", key="B"):
    choices = {"text": list(texts), "label": list(labels[: len(texts)])}
    return {"id": "x-1", "question": question, "choices": choices, "answerKey": key}


def write(folder, **splits):
    for split, rows in splits.items():
        write_lines(folder / "arc_challenge" / f"{split}.jsonl.gz", rows)


def stem(problem):
    return _words({"question": problem.question.split("\n")[0]})


# --- text -------------------------------------------------------------------------------------------------------------


def test_text_of_a_question_and_its_reference_answer(tmp_path):
    write(tmp_path, test=[row(), row("Do fish\n swim?", ["No. ", "Yes."], "12", "2")])
    task = Arc(source="dir", folder=str(tmp_path))
    problems = {p.question: p for p in task.test(2)}
    assert problems["Which is hot?\nA. ice\nB. steam\nC. snow"].answer == " steam.\n#### B"
    assert problems["Do fish swim?\nA. No.\nB. Yes."].answer == " Yes.\n#### B"
    assert task.prompt("q\nA. a\nB. b") == "Question: q\nA. a\nB. b\nAnswer:"
    assert task.completions("q\nA. a\nB. b") == [("A", " a"), ("B", " b")]


@given(lines, st.lists(lines, min_size=2, max_size=5), st.data())
@many
def test_choices_are_read_back_from_any_text(question, texts, pick):
    place, labels = pick.draw(st.integers(0, len(texts) - 1)), pick.draw(st.sampled_from(["ABCDE", "12345"]))
    problem = TASK._problem(row(question, texts, labels, labels[place]))
    assert TASK.extract(problem.answer) == "ABCDE"[place]
    assert TASK.choices(problem.question) == [" ".join(text.split()) for text in texts]
    assert problem.answer.startswith(TASK.completions(problem.question)[place][1])
    assert problem.question.count("\n") == len(texts)


@given(st.text(st.sampled_from("#AbE1().[]: \n\r\u2028é")) | st.text())
@many
def test_odd_text_is_read_without_a_crash(text):
    problem = TASK._problem(row())
    letter = TASK.extract(text)
    assert letter is None or (letter in "ABCDE" and "####" in text)
    assert TASK.correct(text, problem) == (letter == "B")
    assert not TASK.correct(" steam.\n#### B", Problem("", text, text)) or letter == "B"
    assert len(TASK.choices(text)) in (0, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "letter"),
    [(f" It melts.\n#### {form}", "B") for form in ("B", "b", "(B)", "[b]", "B.", "(B).", " B ", "B. steam", "B) steam", "B\n#### A", "B\r\nso")]
    + [(text, None) for text in ("", "B", "####", "#### \nB", "#### A hot one", "#### F", "#### Because", "#### 2", "#### BC")],
)  # fmt: skip
def test_the_letter_after_the_mark_is_read(text, letter):
    assert TASK.extract(text) == letter and TASK.correct(text, Problem("", "", "#### B")) == (letter == "B")


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        ("q\nA. x\nB. y", ["x", "y"]), ("q\n(A) x\n\nb) y \n C: z\nTell which.", ["x", "y", "z"]),
        ("A. Smith sat.\nWho sat?\nA. he\nB. she", ["he", "she"]), ("q\nA. x\nC. y\nB. z", ["x", "z"]),
        ("q", []), ("", []), ("A. Smith sat.", []), ("q A. x B. y", []), ("q\nB. x\nC. y", []), ("q\nA.\nB.", []),
    ],
)  # fmt: skip
def test_choices_of_a_question_that_a_teacher_wrote(question, choices):
    assert TASK.choices(question) == choices


@pytest.mark.parametrize(
    "damaged",
    [
        row(key="D"),
        row(texts=["a"], key="A"),
        row(texts=["a", " "], key="A"),
        row(texts="abcdef", labels="123456", key="1"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, damaged):
    write(tmp_path, test=[row(), damaged])
    with pytest.raises(CrossoverError, match="arc: row 'x-1' has the answer.*two to five"):
        Arc(source="dir", folder=str(tmp_path)).test(1)


# --- pools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subset", "seeds", "tests"), [("challenge", 902, 569), ("easy", 1720, 1226)])
def test_pools_of_the_wheel(subset, seeds, tests):
    task = Arc(subset)
    pool, held_out = task.seeds(seeds, 0), task.test(tests)
    assert not {stem(p) for p in pool} & {stem(p) for p in held_out}
    assert task.seeds(40, 0) == pool[:40] and task.test(40) == held_out[:40]
    assert [p.question for p in task.seeds(40, 1)] != [p.question for p in pool[:40]]
    for p in [*pool, *held_out]:
        begins = dict(task.completions(p.question))[task.extract(p.answer)]
        assert task.correct(p.answer, p) and p.answer.startswith(begins)
        assert 3 <= len(task.choices(p.question)) <= 5
    with pytest.raises(CrossoverError, match=f"0 to {seeds} .source pypi., got 5000"):
        task.seeds(5000, 0)


def test_a_seed_that_nearly_copies_a_test_question_is_left_out(tmp_path):
    write(tmp_path, test=[row("Which  is HOT"), row("Why?")], train=[row("Which is hot?"), row("Where?"), row("why")])
    task = Arc(source="dir", folder=str(tmp_path))
    assert [p.question.split("\n")[0] for p in task.seeds(1, 0)] == ["Where?"]
    with pytest.raises(CrossoverError, match="0 to 1 .*got 2"):
        task.seeds(2, 0)


# --- likelihood of the choices ----------------------------------------------------------------------------------------


def test_scores_are_for_each_character_and_the_first_of_equals_is_picked(monkeypatch):
    problems = [TASK._problem(row(texts=["abcdefgh", "ab", "abcd"])) for _ in range(3)]
    # By character: -1, -0.9, -1; then all equal, but for the space that is scored and not counted; then the last best.
    totals = [[-8.0, -1.8, -4.0], [-4.0, -1.0, -2.0], [-9.0, -2.0, -2.4]]
    scored = [[Likelihood(total, False) for total in several] for several in totals]
    monkeypatch.setattr(answers, "likelihoods", lambda *given: scored)
    outcomes = choose(LanguageModel.load("tiny-random"), TASK, problems)
    assert [o.extracted for o in outcomes] == ["B", "A", "C"] and [o.correct for o in outcomes] == [True, False, False]


def cell(**changes):
    recipe = asdict(Recipe("tiny-random", 1, epochs=1, min_steps=2, batch_size=4, learning_rate=1e-3))
    base = QueryCell(
        version=1, task="arc", strategy="answer_augmentation", seed_size=4, budget=4, replicate=0, teacher="local",
        n_test=9, max_new_tokens=4, recipe=recipe,
    )  # fmt: skip
    return replace(base, **changes)


def test_a_cell_is_scored_by_choice():
    plain, by_choice = cell(), cell(scoring="choice")
    assert "scoring" not in plain.settings and plain.key != by_choice.key
    pairs = [(TASK.prompt(p.question), p.answer) for p in TASK.seeds(4, 0)]
    outcomes = QueryBudgetExperiment().train_and_score(by_choice, pairs, "cpu").outcomes
    assert [o.item for o in outcomes] == [p.id for p in TASK.test(9)] and all(o.extracted in "ABCDE" for o in outcomes)
    assert QueryBudgetExperiment().metric(by_choice) != QueryBudgetExperiment().metric(plain) == TASK.metric


def test_a_cloze_prompt_leaves_the_choices_out():
    listed, cloze = Arc(), Arc(listed=False)
    problem = listed.test(1)[0]
    stem, first = problem.question.split("\n")[:2]
    assert first in listed.prompt(problem.question)
    assert cloze.prompt(problem.question) == f"Question: {stem}\nAnswer:"
    assert cloze.completions(problem.question) == listed.completions(problem.question)
