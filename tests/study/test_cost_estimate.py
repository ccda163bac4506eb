"""What a grid will take: sums over what is left, rates from records, sizes from names."""

import numpy as np
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.models.recipe import Recipe
from crossover.params.profiles import check, resolve
from crossover.paths import PUBLISHED, results_folder
from crossover.study.cell import read_cell
from crossover.study.cost_estimate import estimate, profile_rows
from crossover.study.grids import cells_of
from crossover.study.store import read_runs


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
