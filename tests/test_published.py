"""The published results: rows, items, calls, fits and quoted numbers agree with one another."""

import gzip
import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest

from crossover.chapters import ablations
from crossover.chapters import common as chapters
from crossover.chapters.budget_ratio import run
from crossover.chapters.finetuned_teacher import with_measures
from crossover.chapters.numbers import read_numbers
from crossover.chapters.recipe_pilot import choose, compare
from crossover.labels import display_name
from crossover.params.profiles import resolve
from crossover.paths import repository
from crossover.stats.advice import advise
from crossover.stats.curves import fit_table
from crossover.strategies import Ledger
from crossover.study.advice_counts import counts
from crossover.study.cell import read_cell
from crossover.study.confirmation import confirmed
from crossover.study.experiments.query_budget import buy
from crossover.study.grids import cells_of
from crossover.study.grids.budget_ratio import recipe, recipes
from crossover.study.select import settings_table
from crossover.study.store import Store, read_runs
from crossover.tasks import load_task

STUDY = repository() / "results" / "study"


@pytest.fixture(scope="module")
def runs():
    return read_runs(STUDY, "budget_ratio")


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """The chapter made again, in a folder of its own, from a copy of the published rows, their items and replies alone."""
    import shutil

    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("results")
        patch.setenv("CROSSOVER_RESULTS", str(root))
        (root / "study").mkdir()
        shutil.copy(STUDY / "runs.csv", root / "study")
        (root / "confirm").symlink_to(STUDY.parent / "confirm")
        for kept in ("items", "generations"):
            (root / "study" / kept).symlink_to(STUDY / kept)
        before = (STUDY / "runs.csv").read_bytes()
        chapter = run(resolve("03_budget_ratio", "study", {}))
        assert (root / "study" / "runs.csv").read_bytes() == before, (
            "every cell of the profile is published, and sorted"
        )
        chapter.numbers()
        return chapter, root / "study"


@pytest.mark.parametrize("profile", ["study", "recipe", "confirm"])
def test_every_row_is_named_by_its_settings_backed_by_its_items_and_comes_from_committed_code(profile):
    folder = STUDY.parent / profile
    for row in read_runs(folder).itertuples():
        cell = read_cell(row.settings)
        assert cell.key == row.key
        assert all(
            getattr(cell, name) == getattr(row, name) for name in ("strategy", "seed_size", "budget", "replicate")
        )
        items = pd.read_parquet(folder / "items" / f"{row.key}.parquet")
        assert (len(items), int(items["correct"].sum())) == (row.n_test, row.n_correct) and items["item"].is_unique
        assert json.loads((folder / "provenance" / f"{row.provenance}.json").read_text())["dirty"] is False
        assert profile == "study" or "gold_nats" in items
        if "gold_nats" in items:
            assert items["gold_nats"].sum() == pytest.approx(row.gold_nats, abs=1e-2)


@pytest.mark.parametrize("path", sorted((STUDY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_figure_has_a_caption_that_names_its_interval_and_profile(path):
    shown = [
        output.data | output.get("metadata", {}).get("image/png", {})
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    for i, data in enumerate(shown):
        if "image/png" not in data:
            continue
        until = next((j for j in range(i + 1, len(shown)) if "image/png" in shown[j]), len(shown))
        captions = [d["text/markdown"] for d in shown[i + 1 : until] if "text/markdown" in d] + [
            data.get("caption", "")
        ]
        assert any(
            "interval" in said.lower() and re.search(r"([Pp]rofile|results of) study\b", said) for said in captions
        ), captions


def test_every_budget_was_spent_to_the_last_query(runs):
    assert (runs["queries"] == runs["budget"]).all()
    assert (runs["n_train"] == runs["kept"]).all()


def test_the_stored_calls_are_those_that_the_rows_paid_for(runs, tmp_path):
    """Made again from its settings, a cell's data cost the same and hold the same samples as when it was run."""
    for row in runs[runs["teacher"] == "oracle"].sample(4, random_state=0).itertuples():
        data, ledger = buy(read_cell(row.settings), Store(tmp_path))
        assert isinstance(ledger, Ledger)
        assert (ledger.spent, len(data.samples), ledger.tokens_out) == (row.queries, row.n_train, row.tokens_out)
    published = {path.name: path for path in (STUDY / "generations").iterdir()}
    for path in (tmp_path / "generations").iterdir():
        again = gzip.decompress(path.read_bytes()).splitlines()
        assert set(again) <= set(gzip.decompress(published[path.name].read_bytes()).splitlines())


def test_the_published_fits_and_crossovers_follow_from_the_rows(chapter):
    _, folder = chapter
    for name in ("fits.csv", "crossovers.csv"):
        ours, theirs = pd.read_csv(folder / name), pd.read_csv(STUDY / name)
        assert list(ours.columns) == list(theirs.columns)
        for column in ours:
            if ours[column].dtype == float:
                np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-3, err_msg=f"{name}: {column}")
            else:
                assert ours[column].equals(theirs[column]), f"{name}: {column}"


def test_no_two_chapters_give_a_number_of_one_name():
    names = [name for path in (STUDY / "numbers").glob("*.json") for name in json.loads(path.read_text())]
    assert len(names) == len(set(names)) > 5


def test_the_numbers_that_pages_quote_follow_from_the_rows(chapter):
    _, folder = chapter
    ours, theirs = (read_numbers(f) for f in (folder, STUDY))
    for name, value in ours.items():
        assert theirs[name] == value, f"{name} is quoted as {theirs[name]!r}, the rows say {value!r}"


def test_the_published_effects_follow_from_the_published_rows():
    parameters = resolve("04_ablations", "study", {})
    runs = read_runs(STUDY)
    assert {cell.key for cell in cells_of(parameters)} <= set(runs["key"]), "every cell of the profile is published"
    runs = runs[runs["key"].isin({cell.key for cell in cells_of(parameters)})]
    chapter = ablations.Chapter(parameters, settings_table(runs), STUDY)
    for name in ("overview", "augmenter", "verification", "student"):
        stored = pd.read_csv(STUDY / "figures" / f"{name}.csv")
        ours = chapter.over(*ablations.GRIDS.get(name, (name,))).effects(name)
        assert (ours["panel"] + ours["comparison"]).tolist() == (
            stored["panel"].astype(object).fillna("") + stored["comparison"]
        ).tolist()
        columns = ["estimate", "low", "high"]
        np.testing.assert_allclose(
            ours[columns].astype(float), stored[columns], atol=1e-4, err_msg=f"{name}: run the study's 04 again"
        )
    assert json.loads((STUDY / "provenance" / "04_ablations.json").read_text())["cells"] == len(runs)


def test_advice_on_another_task_is_that_of_the_command_and_may_be_to_buy_nothing():
    parameters = resolve("04_ablations", "study", {})
    chapter = ablations.Chapter(parameters, settings_table(read_runs(STUDY)), STUDY)
    shown = chapter.advice("text_to_sql").data
    table = counts(STUDY, alone=True)
    fits = fit_table(table[table["task"] == "text_to_sql"], chapters.LEVEL)
    for row in shown.itertuples():
        said = advise(fits, float(row.seeds.replace(",", "")), float(row.calls.replace(",", "")))
        nothing = said.best.strategy == said.idle
        assert row.advice.startswith("undecided") == (said.choose is None)
        assert ("nothing" in row.advice) == nothing and (
            nothing or display_name(said.best.strategy).lower() in row.advice
        )
    assert "nothing" in set(shown["advice"]), "the seeds alone beat the smallest purchases"


@pytest.mark.parametrize("name", ["01_template_questions", "03_budget_ratio"])
def test_the_record_of_a_page_counts_the_confirmed_rows(name):
    record = json.loads((STUDY / "provenance" / f"{name}.json").read_text())
    assert record["cells"] == len(confirmed(name)) > 0


def test_the_fine_tuned_teachers_rows_are_their_grid_and_their_counts_agree(monkeypatch):
    monkeypatch.delenv("CROSSOVER_DATA", raising=False)  # naming the cells and showing their rows needs no data
    rows = with_measures(read_runs(STUDY, "finetuned_teacher"))
    assert set(rows["key"]) == {cell.key for cell in cells_of(resolve("02_finetuned_teacher", "study", {}))}
    assert (rows["asked"] == rows["budget"]).all() and (rows["queries"] == rows["budget"]).all()
    assert (rows["n_train"] == rows["seed_size"] + rows["kept"]).all()
    assert (
        (rows["kept"] <= rows["unique"]).all()
        and (rows["unique"] <= rows["parsed"]).all()
        and (rows["parsed"] <= rows["returned"]).all()
    )
    annotated = rows[(rows["strategy"] == "annotate") & (rows["parsed"] > 0)]
    assert (annotated["annotations_right"] - annotated["verified"] / annotated["parsed"]).abs().max() <= 5e-5
    for row in rows[rows["scoring"] == "classify"].itertuples():
        assert set(pd.read_parquet(STUDY / "items" / f"{row.key}.parquet")["extracted"]) <= set(
            load_task(row.task, source="dir").labels
        )
    written = rows[rows["scoring"].eq("generate") & rows["chrf"].notna()]
    for row in written.itertuples():
        items = pd.read_parquet(STUDY / "items" / f"{row.key}.parquet")
        assert abs(items["score"].mean() - row.chrf) < 3, "the mean of the texts' scores is near that of the whole"


def test_the_confirmation_study_trains_by_the_recipe_that_the_pilot_chose():
    pilot = resolve("06_recipe_pilot", "recipe", {})
    keys = {recipe: {cell.key for cell in cells} for recipe, cells in recipes(pilot).items()}
    rows = read_runs(STUDY.parent / "recipe")
    assert set(rows["key"]) >= set().union(*keys.values()), "the pilot is whole"
    chosen = recipe(pilot.model_copy(update=choose(pilot.factors, compare(keys, rows))))
    for notebook in ("03_budget_ratio", "04_ablations"):
        assert recipe(resolve(notebook, "confirm", {})) == chosen


@pytest.mark.parametrize("folder", ["bench", "confirm", "recipe", "study"])
def test_every_kind_of_result_is_described(folder):
    said = set(re.findall(r"`([\w./]+)`", (STUDY.parent / "README.md").read_text(encoding="utf-8")))
    kinds = {f"{path.name}{'/' * path.is_dir()}" for path in (STUDY.parent / folder).glob("[!.]*")}
    assert folder in said and kinds - said == set()


def test_predictions_are_older_than_the_rows_that_they_are_about():
    predictions = pd.read_csv(repository() / "notebooks" / "predictions.csv")
    runs = read_runs(STUDY.parent / "confirm", "budget_ratio")
    first = pd.to_datetime(runs.groupby("seed_size")["finished"].min())
    run = predictions[predictions["seed_size"].isin(first.index)]
    assert (pd.to_datetime(run["made"]).to_numpy() < first[run["seed_size"]].to_numpy()).all()
