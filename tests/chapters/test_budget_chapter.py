"""The chapter on the budget ratio: planted leads come back in accuracy and in likelihood, and advice is that of ``advise``."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.chapters import budget_ratio, common
from crossover.chapters.budget_ratio import Chapter
from crossover.chapters.sentences import gains_in_words
from crossover.cli import app
from crossover.figures.crossover_map import map_of_fits
from crossover.params.profiles import check
from crossover.paths import repository, results_folder
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import fit_table
from crossover.study import confirmation
from crossover.study.advice_counts import counts
from crossover.study.grids import cells_of
from crossover.study.store import read_runs
from stored import first_right, plant


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A function that returns the chapter of a grid whose students answer set numbers of 60 items; few draws are quick."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    monkeypatch.setattr(budget_ratio, "fit_table", lambda table, level, draws=100: fit_table(table, level, draws))

    def make(right, run=lambda cell: True, **given):
        p = check("03_budget_ratio", {"profile": "laptop", "results": "planted", "n_test": 60, **given})
        cells = filter(run, cells_of(p))
        return Chapter(
            p, plant(tmp_path / "planted", cells, lambda cell: first_right(right(cell), 60)), tmp_path / "planted"
        )

    return make


@pytest.fixture
def chapter(planted):
    """Students of new questions answer 20 of 60 items more than those of new answers from a ratio of 4 on, at one nat less per token."""

    def ahead(cell):
        return cell.strategy == "new_question" and cell.budget >= 64

    chapter = planted(lambda cell: 30 + 20 * ahead(cell), seed_sizes=[16], budgets=[4, 16, 64, 256], replicates=2)
    for cell in cells_of(chapter.parameters):
        path = chapter.source / "items" / f"{cell.key}.parquet"
        pd.read_parquet(path).assign(gold_nats=3.0 if ahead(cell) else 6.0, gold_tokens=3).to_parquet(path)
    return chapter


def test_planted_leads_come_back(chapter):
    pooled = chapter.leads[chapter.leads["seed_size"] == 0].set_index("ratio")
    assert pooled["lead"].to_dict() == pytest.approx({0.25: 0, 1: 0, 4: 1 / 3, 16: 1 / 3})
    assert set(chapter.leads["seed_size"]) == {0, 16} and (pooled["replicates"] == 2).all()


def test_the_same_lead_in_nats(chapter):
    leads = pd.read_csv(chapter.folder / "figures" / "likelihood.csv") if chapter.likelihood() else None
    assert leads[leads["seed_size"] == 0].set_index("ratio")["lead"].to_dict() == pytest.approx(
        {0.25: 0, 1: 0, 4: 1, 16: 1}
    )


def test_likelihood_is_not_run_where_items_lack_it(chapter):
    for path in (chapter.folder / "items").glob("*.parquet"):
        pd.read_parquet(path).drop(columns=["gold_nats", "gold_tokens"]).to_parquet(path)
    assert "Not run" in chapter.likelihood().data and "Not run" in chapter.likelihood_table().data


def test_crossovers_by_likelihood_have_a_table_of_their_own(chapter):
    by_accuracy, by_likelihood = chapter.crossover_table().data, chapter.likelihood_table().data
    assert len(set(by_accuracy["lead"])) == len(set(by_likelihood["lead"])) == len(by_accuracy) == 3


def test_one_strategy_alone_is_shown_without_a_lead(chapter):
    alone = replace(chapter, runs=chapter.runs[chapter.runs["strategy"] == "answer_augmentation"])
    assert "Not run" in alone.lead().data and "Not run" in alone.likelihood().data
    assert "do not compare" in alone.headline and alone.problems() is not None


def test_a_lead_and_problems_are_of_the_sizes_that_have_the_replicates_and_name_them(planted):
    given = {"seed_sizes": [16, 64], "budget_ratios": [0.25, 1, 4, 8], "size_replicates": {16: 3, 64: 1}}
    both = planted(lambda cell: 30 + 20 * (cell.strategy == "new_question" and cell.budget > cell.seed_size), **given)
    assert both.headline.startswith("With 16 seed questions, new ") and "16 seed q" in both.lead().note["title"]
    assert both.problems().note["caption"].count("36 students with 16 seed questions") == 1
    alone = replace(both, runs=both.runs[both.runs["seed_size"] == 16])
    assert alone.headline.startswith("New questions ")


def test_gains_over_the_seeds_alone_come_back(planted):
    """Whatever is bought answers 6 of 60 items less than the seeds alone at a ratio below 4, and 12 more from 4 on."""
    right = {0: 30, 4: 24, 16: 24, 64: 42, 256: 42}
    shown = planted(lambda cell: right[cell.budget], seed_sizes=[16], budgets=[4, 16, 64, 256], replicates=3)
    found = shown.gains
    assert set(found["strategy"]) == {"answer_augmentation", "question_rephrase", "new_question"}
    at = found.groupby("ratio")[["estimate", "low", "high", "replicates"]].mean()
    assert at["estimate"].to_dict() == pytest.approx({0.25: -0.1, 1: -0.1, 4: 0.2, 16: 0.2})
    assert (at["replicates"] == 3).all() and (at["high"] < 0).sum() == (at["low"] > 0).sum() == 2
    rows = shown.runs
    fewer = rows[(rows["replicate"] < 2) | (rows["strategy"] != "seeds_only")]
    assert replace(shown, runs=fewer).gains.empty, "two replicates show nothing"


def test_buying_nothing_is_a_choice_of_the_map_and_of_the_regret(planted):
    """The seeds alone answer half; bought data answer fewer at small ratios, and new questions most at large ones."""
    grow = {"new_question": (12, 48), "answer_augmentation": (24, 36), "question_rephrase": (12, 24)}
    chapter = planted(
        lambda cell: grow[cell.strategy][cell.budget > 2 * cell.seed_size] if cell.budget else 30,
        seed_sizes=[16, 32], budget_ratios=[0.25, 0.5, 1, 4, 8, 16], replicates=2,
    )  # fmt: skip
    losses = common.regret(chapter.choices, chapter.runs).set_index("strategy")
    assert losses.loc["seeds_only", "mean"] == pytest.approx(15, abs=2)  # 30 points at three ratios of six
    assert losses.loc["seeds_only", "largest"] == pytest.approx(30, abs=3)
    assert losses.loc["answer_augmentation", "mean"] == pytest.approx(15, abs=2)  # 10 points, then 20
    assert "seeds only in 6" in chapter._decided and "new questions in 6" in chapter._decided
    line, *_ = map_of_fits(chapter.choices).axes[0].containers
    between = {
        c.seed_size: c.queries
        for c in chapter.crossovers
        if {c.first, c.second} == {"answer_augmentation", "new_question"}
    }
    assert dict(zip(*line[0].get_data(), strict=True)) == pytest.approx(between, rel=0.01)


def test_a_gain_at_one_size_alone_is_none_at_every_size():
    columns = ["seed_size", "strategy", "ratio", "estimate", "low", "high"]
    rows = [(16, "new_question", 8, 0.2, 0.1, 0.3), (64, "new_question", 8, 0.1, -0.1, 0.3)]
    said = gains_in_words(pd.DataFrame(rows, columns=columns))
    assert "No strategy beats" in said and "at no tested ratio" not in said
    rows += [(size, "question_rephrase", 8, 0.1, -0.1, 0.3) for size in (16, 64)]
    assert "Rephrasings beat the seeds alone at no tested ratio." in gains_in_words(pd.DataFrame(rows, columns=columns))
    lost = [(16, name, 8, -0.2, -0.3, -0.1) for name in ("answer_augmentation", "new_question")]
    assert "beat new answers and new questions up to a ratio of 8." in gains_in_words(
        pd.DataFrame(lost, columns=columns)
    )
    rows = [(size, "new_question", 8, 0.2, 0.1, 0.3) for size in (16, 64)]
    assert "alone with 16 and 64 seeds at all tested ratios" in gains_in_words(pd.DataFrame(rows, columns=columns))
    assert "New questions beat" in gains_in_words(pd.DataFrame(rows[:1], columns=columns))
    rows.append((64, "new_question", 16, 0.4, 0.3, 0.5))
    assert "(+40 points at 16 with 64)" in gains_in_words(pd.DataFrame(rows, columns=columns)), (
        "16 seeds lack the ratio"
    )


def test_a_study_with_parameters_of_ones_own_shows_its_own_rows(chapter, monkeypatch):
    own = chapter.parameters.model_copy(update={"profile": "study"})
    rows = read_runs(chapter.folder)
    monkeypatch.setattr(budget_ratio, "run_grid", lambda parameters: rows)
    monkeypatch.setattr(confirmation, "confirmed", lambda notebook: rows[:1])
    shown = budget_ratio.run(own)
    assert len(shown.runs) == len(rows) and shown.source == shown.folder


def test_published_counts_are_the_same_by_a_relative_path(monkeypatch):
    monkeypatch.chdir(repository())
    assert counts(Path("results/study")).equals(counts(results_folder("study")))


def test_the_landing_page_answers_as_the_command_does(chapter):
    asked = CliRunner().invoke(
        app, ["advise", "--seeds", "32", "--queries", "2000", "--from", str(chapter.folder), "--json"]
    )
    trend = json.loads(asked.stdout)["trend"]
    low, high = (100 * end for end in trend["interval"])
    assert f" by {100 * trend['lead']:.0f} points ({low:.0f} to {high:.0f})." in chapter.example(32, 2000)


def test_committed_predictions_stand_beside_what_was_measured(chapter, tmp_path):
    ratios = {"ratio": 2.0, "interval": (1.5, 3.0), "tested": (0.0625, 16.0), "searched": (0.01, 256.0)}
    crossing = Crossover(
        "math_words", "answer_augmentation", "new_question", 256.0, "found", unit="queries", level=0.9, **ratios
    )
    confirmed = replace(chapter, source=tmp_path / "confirm")
    confirmed.__dict__["crossovers"] = [crossing]
    shown = confirmed.new_sizes().data
    ours = shown[(shown["seeds"] == "256") & (shown["lead"] == "new answers → new questions")]
    assert ours["predicted"].tolist() == ["0.57 (0.48 to 0.68)"] and ours["measured"].tolist() == ["2 (1.5 to 3)"]
    assert "do not overlap" in ours["agreement"].iloc[0]
    assert (shown.loc[shown["seeds"] == "1,024", "measured"] == "not run yet").all()
    said = confirmed.foretold().data
    assert f"Of {len(shown)} " in said and "1 can be compared" in said and "a factor of 3.5" in said


def test_a_pooled_lead_says_which_sizes_and_replicates_it_rests_on(planted):
    """Of 64 seeds there are two replicates of five, and a ratio that 16 seeds lack."""
    given = {"seed_sizes": [16, 64], "budgets": [16, 64, 128, 256, 1024], "replicates": 5}
    shown = planted(lambda cell: 30, run=lambda cell: cell.seed_size == 16 or cell.replicate < 2, **given)
    caption = shown.lead().note["caption"]
    assert "16 seed questions" in caption and "5 replicates" in caption and "2 and 5" not in caption
    assert "2 and 5 replicates" in shown.scope().data, "the chapter has both"
    assert set(shown.leads.loc[shown.leads["seed_size"] == 0, "over"]) == {"16"}
