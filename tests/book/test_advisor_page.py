"""What advice from the project's own results rests on: one grid a task, and its coverages apart."""

import base64
import copy
import json

import numpy as np
import pandas as pd
import pytest

from crossover.errors import CrossoverError
from crossover.stats.curves import fit_table
from crossover.study import advice_counts
from planted import EARLY, LATE, noisy
from stored import SETTINGS, write_runs


def with_dials(**dials):
    settings = copy.deepcopy(SETTINGS)
    for name, value in dials.items():
        (settings if name in settings else settings["teacher_settings"])[name] = value
    return settings


def grid(sizes=(50, 200), task="math_words", **dials):
    parts = [noisy(EARLY, LATE, seed=size, size=size) for size in sizes]
    rows = pd.concat(parts, ignore_index=True).assign(task=task, experiment="budget_ratio")
    return rows.assign(settings=[with_dials(**dials)] * len(rows))


def test_cells_with_a_dial_turned_are_left_out_and_coverages_stand_apart(tmp_path):
    """The study's table holds ablations beside the grid: read as one, they would be the same cells twice."""
    base = grid()
    edited = grid((50,), coverage=0.0)
    edited = edited[edited["strategy"] == "new_question"].assign(n_correct=lambda t: t["n_correct"] // 2)
    wrong, filtered = grid((50,), answer_error=0.5), grid((50,), verify=True)
    write_runs(tmp_path, pd.concat([wrong, edited, base, filtered], ignore_index=True))
    found = advice_counts.counts(tmp_path)
    assert set(found["task"]) == {"math_words", "math_words, coverage 0"}
    parts = dict(tuple(found.groupby("task")))
    assert len(parts["math_words"]) == len(base)
    new = parts["math_words, coverage 0"]
    assert set(new["seed_size"]) == {50} and set(new["strategy"]) == {"answer_augmentation", "new_question"}
    joined = new.merge(parts["math_words"], on=["strategy", "seed_size", "budget", "replicate"])
    halved = joined["strategy"] == "new_question"
    assert (joined["n_correct_x"][~halved] == joined["n_correct_y"][~halved]).all()
    assert (joined["n_correct_x"][halved] == joined["n_correct_y"][halved] // 2).all() and halved.any()


def test_an_augmenter_that_spoils_questions_stands_apart_once_it_has_a_curve(tmp_path):
    base, weak = grid(), grid((50,), invalid_rate=0.5, rephrase_drift=0.5)
    weak = weak[weak["strategy"] == "new_question"]
    write_runs(tmp_path, pd.concat([base, weak], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["task"]) == {"math_words", "math_words, augmenter that spoils 50%"}
    few = weak[weak["budget"].isin(sorted(set(weak["budget"]))[:3])]
    half = grid((50,), invalid_rate=0.5)
    write_runs(tmp_path, pd.concat([base, few, half], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["task"]) == {"math_words"}


def test_a_strategy_that_some_seed_sizes_lack_is_left_out(tmp_path):
    rows = grid()
    mixed = rows[(rows["strategy"] == "new_question") & (rows["seed_size"] == 50)].assign(strategy="mixed")
    write_runs(tmp_path, pd.concat([rows, mixed], ignore_index=True))
    assert set(advice_counts.counts(tmp_path)["strategy"]) == {"answer_augmentation", "new_question"}


def test_without_rows_it_says_what_to_run(tmp_path):
    with pytest.raises(CrossoverError, match="no budget-ratio results yet"):
        advice_counts.counts(tmp_path)


def test_the_page_gets_the_draws_that_the_command_uses(tmp_path):
    write_runs(tmp_path, grid((50,)))
    script = advice_counts.page_data(tmp_path)
    data = json.loads(script.removeprefix("window.CROSSOVER_CURVES = ").removesuffix(";\n"))
    fits = fit_table(advice_counts.counts(tmp_path), advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)
    assert len(data["curves"]) == len(fits) == 2
    for curve, fitted in zip(data["curves"], fits, strict=True):
        solution = fitted.draws
        sent = np.frombuffer(base64.b64decode(curve["draws"]), "<f4").reshape(3, advice_counts.DRAWS)
        assert np.allclose(sent, [solution.E, solution.B, solution.theta[:, 0]], rtol=1e-6, atol=1e-7)
