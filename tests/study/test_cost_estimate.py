"""What a grid will take: sums over what is left, rates from records, sizes from names."""

import json
import random
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.models.recipe import Recipe
from crossover.params.profiles import check, resolve
from crossover.paths import PUBLISHED, results_folder
from crossover.study.cell import read_cell
from crossover.study.cost_estimate import estimate, profile_rows
from crossover.study.experiments.query_budget import buy
from crossover.study.grids import cells_of
from crossover.study.pilot import STRATEGIES, plan
from crossover.study.store import read_runs
from crossover.tasks.user_pairs import UserPairs
from misbehaving import Scripted, completion


@pytest.fixture(scope="module")
def study():
    return read_runs(results_folder(PUBLISHED))


def grid(**values):
    return check("03_budget_ratio", {"seed_sizes": [16], "budgets": [16, 64], "replicates": 2, **values})


def test_calls_of_a_larger_budget_hold_those_of_a_smaller_one(study):
    p = grid(strategies=["answer_augmentation", "new_question"])
    whole = estimate(cells_of(p), (), study, "cpu")
    assert (whole.students, whole.left, whole.calls) == (8, 8, 2 * 2 * 64)
    done = [cell.key for cell in cells_of(p) if cell.budget == 64]
    rest = estimate(cells_of(p), done, study, "cpu")
    assert (rest.left, rest.calls) == (4, 2 * 2 * 16)
    assert (rest.hours < whole.hours).all()


def test_a_recorded_students_hours_hold_those_that_were_measured(study):
    rows = study[
        (study["task"] == "math_words") & (study["experiment"] == "budget_ratio") & (study["teacher"] == "oracle")
    ]
    wanted = cells_of(resolve("03_budget_ratio", "study", {}))
    taken = rows[rows["key"].isin({cell.key for cell in wanted})]
    e = estimate(wanted, (), study, "cpu")
    measured = (taken["seconds_train"] + taken["seconds_eval"]).sum() / 3600
    assert len(taken) == len(wanted) and e.unknown == 0
    assert e.hours[0] < measured < e.hours[1]
    read = taken["train_tokens"].sum()  # of fewer examples than were asked for: duplicates are dropped
    assert 0.9 * e.train_tokens[0] < read < e.train_tokens[1]


def test_a_student_takes_what_the_same_one_took_before(study):
    row = study[(study["experiment"] == "budget_ratio") & (study["strategy"] == "answer_augmentation")].iloc[[0]]
    e = estimate([read_cell(row["settings"].item())], (), row, "cpu")
    seconds = (row["seconds_train"] + row["seconds_eval"]).item()
    assert e.hours == pytest.approx([seconds / 3600] * 2)
    assert e.train_tokens[0] == pytest.approx(row["train_tokens"].item())


def test_a_student_of_no_known_speed_is_counted_apart(study):
    cells = cells_of(grid(student="/models/mine"))
    e = estimate(cells, (), study, "cpu", 100)
    assert e.unknown == e.students and not e.hours.any() and e.basis == ("/models/mine: no speed on record",)
    tokens = sum(Recipe(**cell.recipe).steps(cell.examples) * min(cell.examples, 8) for cell in cells) * 100
    assert e.train_tokens.tolist() == [tokens, tokens]
    assert estimate(cells[:1], (), study.iloc[:0], "cpu").calls == cells[0].budget, "without any record too"


def test_no_reply_is_longer_than_allowed(study):
    e = estimate(cells_of(grid(teacher="endpoint")), (), study, "cpu")
    assert e.tokens_out[1] == e.calls * 72


def test_the_command_and_the_book_say_the_same():
    rows, notes = profile_rows("paper", 0.9, 0.9)
    assert [row["notebook"] for row in rows] == ["01", "02", "03", "04"] and not rows[0]["money"]
    millions = [
        [float(end.replace(",", "")) for end in rows[2][name].split(" to ")]
        for name in ("M read", "M written", "money")
    ]
    assert np.array(millions[2]) == pytest.approx(0.9 * (np.array(millions[0]) + millions[1]), abs=0.02)
    shown = CliRunner().invoke(
        app, ["plan", "--profile", "paper", "--price-in", "0.9", "--price-out", "0.9"], env={"COLUMNS": "160"}
    )
    assert shown.exit_code == 0 and all(
        row.get("GPU hours", row.get("machine hours")) in shown.stdout and row["calls"] in shown.stdout for row in rows
    )
    assert notes[0][:40] in shown.stdout
    refused = CliRunner().invoke(app, ["plan"])
    assert refused.exit_code == 2 and "--profile" in refused.output


# --- a pilot's calls ---------------------------------------------------------------------------------------------------


@pytest.fixture
def pilot(tmp_path, monkeypatch):
    """A pilot at a server, on sums whose answers have ten words and a number."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    rows = [{"question": f"What is {i} and {i} together?", "answer": f"{'so ' * 10}#### {2 * i}"} for i in range(40)]
    (tmp_path / "pairs.json").write_text(json.dumps(rows))

    def planned(base_url):
        given = {"queries": 3 * 32, "replicates": 1, "lead": 90.0, "until": "", "budget": 0.0, "max_hours": 0.0}
        given |= {"teacher": "endpoint", "teacher_model": "alpha", "base_url": base_url, "student": "tiny-random"}
        given |= {"max_new_tokens": 200, "price_in": 0.2, "price_out": 0.6, "max_cost": 0.0}
        return plan(UserPairs(str(tmp_path / "pairs.json"), compare="number"), given)

    return planned


@pytest.mark.parametrize(("words", "tokens"), [((1, 3), 0.7), ((20, 40), 1.6)])
def test_tokens_and_money_by_the_first_calls_are_within_a_fifth(pilot, words, tokens):
    draws = random.Random(0)

    def said(asked, n, *_):
        body = "so " * draws.randint(*words) + f"#### {n}"
        counts = [round(tokens * len(text.split())) for text in (asked["messages"][0]["content"], body)]
        reply = json.dumps({"answer" if "Answer" in str(asked) else "question": body})
        return 200, completion(reply, dict(zip(("prompt_tokens", "completion_tokens"), counts, strict=True)))

    with Scripted(said) as server:
        made, rows = pilot(server.base_url), []
        for strategy in STRATEGIES:
            for budget in (16, 32):
                _, spent = buy(made._grid([strategy], [budget])[0], made.store)
                rows.append((strategy, budget, 0, spent.spent, spent.tokens_in, spent.tokens_out))
    runs = pd.DataFrame(rows, columns=["strategy", "budget", "replicate", "queries", "tokens_in", "tokens_out"])
    took, calls = runs[runs["budget"] == 32][["tokens_in", "tokens_out"]].sum(), dict.fromkeys(STRATEGIES, 32)
    assert sum(made.forecast.tokens(calls, runs)) == pytest.approx(took.sum(), rel=0.2)
    assert made.forecast.money(calls, runs) == pytest.approx(took @ [0.2, 0.6] / 1e6, rel=0.2)
    assert made.forecast.tokens(calls) == made.forecast.tokens(calls, runs.iloc[:0]), "before any call by the pairs"
    off = made.forecast.money(calls) / made.forecast.money(calls, runs)
    assert ("before the first calls" in made.forecast.priced(calls, runs)) == (abs(off - 1) > off / 5)
    assert "by the student's tokenizer" in made.forecast.priced(calls, runs.iloc[:0])


def test_prompts_that_the_server_has_no_context_for_are_said_before_anything_is_bought(pilot):
    longest = {kind: max(asked) for kind, (asked, _) in pilot("http://127.0.0.1:9/v1").forecast._call_tokens.items()}
    assert longest["rephrase"] < longest["new_question"] < longest["answer"]
    about = {"max_model_len": longest["rephrase"] + 200}
    with Scripted(lambda *_: (500, {}), about=about) as server:
        said = pilot(server.base_url).forecast.too_long()
        assert len(said) == 2 and not server.asked
        assert all(f"the server's context of {about['max_model_len']:,} tokens is too short" in line for line in said)
        assert [re.search(r"prompts \((.*?)\)", line)[1] for line in said] == ["answer", "new question"]
    with Scripted(lambda *_: (500, {}), about={"meta": {"n_ctx": 4096}}) as server:
        assert not pilot(server.base_url).forecast.too_long()


def test_questions_that_the_student_has_no_context_for_are_said_before_anything_is_bought(pilot, tmp_path):
    rows = json.loads((tmp_path / "pairs.json").read_text())
    (tmp_path / "pairs.json").write_text(
        json.dumps([row | {"question": row["question"] + " so" * 9000} for row in rows[:1]] + rows[1:])
    )
    (said,) = pilot("http://127.0.0.1:9/v1").forecast.too_long()
    assert "Warning: the student's context" in said and "too short for 1 of" in said
