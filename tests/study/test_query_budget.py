"""Cells of the query budget: seeds alone, fresh items, several students, grids, and runs that stop in time."""

from crossover.params.profiles import check
from crossover.study.cell import read_cell
from crossover.study.experiments.base import test_items as items_of
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.study.grids import cells_of
from crossover.study.run import run_cells
from crossover.study.store import Store
from crossover.tasks import load_task

TASK = load_task("math_words")


def grid(**values):
    tiny = {
        "student": "tiny-random",
        "trained_layers": 1,
        "epochs": 1,
        "min_steps": 1,
        "n_test": 4,
        "max_new_tokens": 4,
    }
    return cells_of(check("03_budget_ratio", tiny | {"seed_sizes": [4], "budgets": [4], "workers": 1} | values))


def test_seeds_only_buys_nothing_and_trains_on_the_seeds(tmp_path):
    cell, bought = sorted(grid(strategies=["seeds_only", "new_question"]), key=lambda cell: cell.budget)
    assert (cell.teacher, cell.budget, cell.examples, cell.stream) == ("none", 0, 4, None)
    data = QueryBudgetExperiment().make_data(cell, Store(tmp_path), "cpu")
    assert data.pairs == [(TASK.prompt(p.question), p.answer) for p in TASK.seeds(4, 0)]
    assert (data.queries, data.tokens_out, data.funnel.asked) == (0, 0, 0)
    assert not (tmp_path / "generations").exists()
    assert read_cell(cell.settings) == cell and bought.teacher == "oracle"


def test_the_seeds_alone_are_one_cell_whatever_the_teacher_would_have_been():
    some, others = (grid(strategies=["seeds_only"], coverage=share) for share in (0.0, 1.0))
    assert [cell.key for cell in some] == [cell.key for cell in others]


def test_skipped_items_are_scored_by_no_one():
    (early,), (late,) = grid(strategies=["seeds_only"]), grid(strategies=["seeds_only"], skip_test=4)
    assert "skip_test" not in early.settings and early.key != late.key
    assert not {p.id for p in items_of(early, TASK)} & {p.id for p in items_of(late, TASK)}


def test_students_and_draws_multiply_the_grid_small_seed_sets_first_replicate_by_replicate():
    cells = grid(
        strategies=["seeds_only", "new_question"], seed_sizes=[8, 4], students=2, replicates=3, size_replicates={8: 1},
        first_replicate=100, further_budgets={8: [6, 4]},
    )  # fmt: skip
    order = [(c.seed_size, c.replicate) for c in cells]
    assert order == sorted(order) and set(order) == {(4, 100), (4, 101), (4, 102), (8, 100)}
    assert sorted(c.budget for c in cells if c.seed_size == 8) == [0, 0, 4, 4, 6, 6]
    assert {c.student_seed for c in cells} == {0, 1} and len({c.key for c in cells}) == len(cells)


def test_a_run_stops_after_its_hours_and_goes_on_later(tmp_path, in_process):
    cells = grid(replicates=2)
    run_cells(cells, Store(tmp_path), 1, hours=0)
    assert not Store(tmp_path).rows()
    run_cells(cells[:1], Store(tmp_path), 1, hours=1)
    assert set(Store(tmp_path).rows()) == {cells[0].key}


def test_calls_whose_replies_nobody_can_read_are_paid_and_leave_a_student_without_samples(tmp_path, in_process):
    cells = grid(teacher="local", teacher_model="tiny-random", strategies=["new_question"])
    run_cells(cells, Store(tmp_path), 1)
    (row,) = Store(tmp_path).rows().values()
    assert [row[name] for name in ("queries", "kept", "n_train", "n_test")] == ["4", "0", "0", "4"]
