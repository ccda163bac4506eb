"""The ablations: grids that change one thing, comparisons that recover a planted effect, and sentences that follow them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from crossover.chapters.ablations.comparisons import COMPARISONS, advice, coverage_advice, effects, task_advice
from crossover.chapters.budget_ratio import rule
from crossover.errors import CrossoverError
from crossover.figures import forest
from crossover.params.profiles import check, resolve
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import fit_table
from crossover.study.grids import ablations as ablations_grids
from crossover.study.grids import cells_of
from crossover.study.grids.ablations import kept_size
from stored import first_right, plant


@pytest.fixture
def parameters():
    return check(
        "04_ablations",
        {
            "profile": "laptop",
            "results": "laptop",
            "replicates": 2,
            "n_test": 60,
            "high_budgets": [64, 128],
            "answer_errors": [0.25, 0.5],
        },
    )


def planted(cell):
    """Return the outcomes of a world in which each change has a known effect."""
    return first_right(round(60 * accuracy(cell)), 60)


def accuracy(cell):
    if cell.teacher_settings["invalid_rate"]:
        return 0.5 - (0.2 if cell.strategy == "new_question" else 0.05)
    if cell.verify:
        return 0.7
    if cell.teacher_settings["answer_error"]:
        return 0.4 if cell.budget == 128 else 0.3
    if cell.strategy == "new_question" and cell.budget == 16:
        return 0.4
    return 0.5


def test_every_grid_changes_one_thing(parameters):
    dials = {"coverage": 1.0, "invalid_rate": 0.0, "rephrase_drift": 0.0, "answer_error": 0.0}
    changed = {
        name: {
            *(k for cell in cells for k, v in cell.teacher_settings.items() if v != dials[k]),
            *(k for cell in cells for k in ("student_layers",) if cell.recipe.get(k)),
        }
        for name, cells in ablations_grids.grids(parameters).items()
    }
    assert changed == {
        "base": set(), "coverage": {"coverage"}, "augmenter": {"invalid_rate", "rephrase_drift"},
        "verification": {"answer_error"}, "student": {"student_layers"}, "mixed": set(), "local": set(),
    }  # fmt: skip
    assert len({cell.key for cell in cells_of(parameters)}) == len(cells_of(parameters))


def test_a_local_teacher_and_its_augmenter_are_fine_tuned_apart_and_another_task_has_its_own_settings():
    given = {
        "local_gold": [8],
        "other_tasks": ["text_to_sql", "gsm_symbolic", "arc"],
        "side_replicates": 1,
        "budget_ratios": [1, 2, 4, 8],
    }
    grids = ablations_grids.grids(check("04_ablations", {"profile": "laptop", "results": "laptop", **given}))
    strengths = {
        (c.strategy, c.teacher_settings.get("gold", 0), (c.augmenter_settings or c.teacher_settings).get("gold", 0))
        for c in grids["local"]
    }
    assert strengths == {
        ("answer_augmentation", 8, 8), ("question_rephrase", 8, 8), ("new_question", 8, 8), ("question_rephrase", 8, 0),
        ("new_question", 8, 0), ("answer_augmentation", 0, 0),
    }  # fmt: skip
    assert {(c.task, json.dumps(c.task_settings), c.replicate) for c in grids["text_to_sql"]} == {
        ("text_to_sql", '{"shapes": "simple"}', 0)
    }
    assert {(c.task, c.teacher, c.scoring) for c in grids["arc"]} == {("arc", "local", "choice")}
    assert {(c.task, c.teacher, c.teacher_settings["gold"]) for c in grids["gsm_symbolic"]} == {
        ("gsm_symbolic", "local", 128)
    }
    assert "mixed" not in {c.strategy for c in grids["text_to_sql"]}


def test_as_many_samples_are_kept_as_the_smaller_budget_buys(parameters):
    budgets = {
        (c.teacher_settings["answer_error"], c.verify): set() for c in ablations_grids.grids(parameters)["verification"]
    }
    for cell in ablations_grids.grids(parameters)["verification"]:
        budgets[cell.teacher_settings["answer_error"], cell.verify].add(cell.budget)
    assert budgets == {
        (0.25, False): {96, 128},
        (0.25, True): {64, 128},
        (0.5, False): {64, 128},
        (0.5, True): {64, 128},
    }
    assert kept_size(128, 0.25) == 96


def test_planted_effects_come_back(tmp_path, parameters):
    rows = plant(tmp_path, cells_of(parameters), planted)
    base = {name: 0.0 for name in ("answer_error", "rephrase_drift", "invalid_rate")}
    base |= {"verify": False, "coverage": 1.0, "student_layers": 0, "seed_size": 16}
    found = {name: effects(rows, tmp_path, base, compare(parameters)) for name, compare in COMPARISONS.items()}
    assert found["augmenter"]["estimate"].tolist() == pytest.approx([-0.05, -0.2])
    assert found["verification"]["estimate"].tolist() == pytest.approx([0.3, 0.4, -0.3] * 4)
    assert found["student"]["estimate"].tolist() == pytest.approx([0.1, 0.1])
    assert all((f["replicates"] == 2).all() for f in found.values())
    assert "spoilt ones are paid for" in advice("augmenter", found["augmenter"])
    assert "check" in advice("verification", found["verification"])


def test_missing_cells_are_named_and_nothing_is_said_of_them(tmp_path, parameters):
    rows = plant(tmp_path, [c for c in cells_of(parameters) if not c.verify], planted)
    base = {name: 0.0 for name in ("answer_error", "rephrase_drift", "invalid_rate")}
    base |= {"verify": False, "coverage": 1.0, "student_layers": 0, "seed_size": 16}
    found = effects(rows, tmp_path, base, COMPARISONS["verification"](parameters))
    assert found["estimate"].isna().all()
    assert found["why"].str.contains("no cells with .*verify True").all()
    assert advice("verification", found) == "Not run here, so that nothing is said."
    assert len(forest.forest(found).axes[0].texts) == len(found)


def test_another_tasks_advice_turns_with_what_its_crossovers_tell():
    budgets, early = [16, 32, 64, 128, 256], lambda r: 0.4 - 0.2 * np.exp(-r / 2)
    (crosses,) = find_crossovers(
        fit_table(curve(budgets, early, lambda r: 0.7 - 0.6 * np.exp(-r / 6), True)), checks=False
    )
    (never,) = find_crossovers(
        fit_table(curve(budgets, early, lambda r: 0.2 - 0.15 * np.exp(-r / 3), False)), checks=False
    )
    assert "turns with the budget ratio" in task_advice([crosses, never])
    assert "answer augmentation led wherever" in task_advice([never])
    assert "answer augmentation led wherever" in task_advice([dataclasses.replace(never, status="beyond_range")])
    assert "nothing tells the strategies apart" in task_advice(
        [dataclasses.replace(never, status="undetermined", leader=None)]
    )


def test_the_rule_of_thumb_is_the_widest_span_of_the_intervals(tmp_path):
    budgets, early = [16, 32, 64, 128, 256], lambda r: 0.4 - 0.2 * np.exp(-r / 2)
    rows = curve(budgets, early, lambda r: 0.7 - 0.6 * np.exp(-r / 6), True)
    (found,) = find_crossovers(fit_table(rows), checks=False)
    one, other = (dataclasses.replace(found, status="found", interval=ends) for ends in ((1.0, 2.0), (0.5, 1.5)))
    cells = cells_of(
        check("03_budget_ratio", {"seed_sizes": [16], "budgets": [4, 16, 64, 256], "replicates": 3, "n_test": 100})
    )
    rows = plant(
        tmp_path, cells, lambda c: first_right(50 + (20 if c.strategy == "new_question" and c.budget > 16 else 0), 100)
    )
    said = rule([one, other], rows, tmp_path)
    assert (
        "below 0.5 queries a seed buy answer augmentation, above 2 buy new question" in said
        and "16 seeds and up to 256 queries" in said
    )
    assert "directly at 0.25 does not settle it (+0.0 points" in said
    assert "directly at 4 bears that out (+20.0 points" in said
    wide = rule([dataclasses.replace(one, interval=(0.1, 20.0))], rows, tmp_path)
    assert "above 20 buy new question" in wide and "directly" not in wide, "nothing was run so far out"
    assert "from 1 of 2 sizes" in rule([one, dataclasses.replace(found, status="undetermined")], rows, tmp_path)
    assert "do not give a simple rule" in rule([dataclasses.replace(one, interval=(None, 2.0))], rows, tmp_path)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((0.1, 0.2), "more of them, errors and all"), ((-0.2, -0.1), "check: fewer"), ((-0.1, 0.1), "not settled")],
)
def test_the_advice_turns_with_the_interval(ends, expected):
    rows = pd.DataFrame(
        {"comparison": ["more queries x"], "estimate": [np.mean(ends)], "low": [ends[0]], "high": [ends[1]]}
    )
    assert expected in advice("verification", rows)


def curve(budgets, early, late, crossing):
    """Rows of two strategies whose curves are exact; the second overtakes the first if ``crossing``."""
    rows = []
    for replicate in range(3):
        for budget in budgets:
            for strategy, p in (("answer_augmentation", early(budget / 16)), ("new_question", late(budget / 16))):
                rows.append((strategy, 16, budget, replicate, round(1000 * p), 1000))
    return pd.DataFrame(rows, columns=["strategy", "seed_size", "budget", "replicate", "n_correct", "n_test"]).assign(
        task="t"
    )


def test_the_figure_says_who_leads_where_there_is_no_crossover():
    budgets, early = [16, 32, 64, 128, 256], lambda r: 0.4 - 0.2 * np.exp(-r / 2)
    crosses = find_crossovers(
        fit_table(curve(budgets, early, lambda r: 0.7 - 0.6 * np.exp(-r / 6), True)), checks=False
    )
    never = find_crossovers(
        fit_table(curve(budgets, early, lambda r: 0.2 - 0.15 * np.exp(-r / 3), False)), checks=False
    )
    found = [(0.0, never[0]), (1.0, crosses[0])]
    figure = forest.crossovers_against(found, "coverage", "crossover", "the other way")
    assert [text.get_text() for text in figure.axes[0].texts] == ["answer augmentation\nleads throughout"]
    assert figure._supxlabel.get_text() == "Paper: the other way"
    points = forest.crossover_points(found)
    assert points["status"].tolist() == ["none", "found"]
    assert points["low"][1] < points["crossover"][1] < points["high"][1]
    assert "without a source beyond your seeds, buy answers" in coverage_advice(found)
    assert "even at the least coverage" in coverage_advice([(0.0, crosses[0]), (1.0, crosses[0])])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"teacher": "local"}, "set teacher='oracle'"),
        ({"low_budget": 500}, "low_budget 500 .* must rise"),
        ({"high_budgets": [64]}, "high_budgets"),
        ({"answer_errors": [1.0]}, r"answer_errors\[0\] is 1.0"),
        ({"weak_augmenter": 0.0}, "weak_augmenter is 0.0"),
    ],
)
def test_a_wrong_value_is_named(override, message):
    with pytest.raises(CrossoverError, match=message):
        resolve("04_ablations", "laptop", override)
