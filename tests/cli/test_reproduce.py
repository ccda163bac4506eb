"""The whole road with tiny random models: parameters to executed notebook to rendered page, killed and resumed."""

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from typer.testing import CliRunner, Result

from crossover.cli import app
from crossover.params.profiles import load_profile, resolve
from crossover.paths import repository
from crossover.study.grids import cells_of
from crossover.study.store import COLUMNS, OPTIONAL

TIME_COLUMNS = ("seconds_train", "seconds_eval", "finished")
NOTEBOOKS = list(load_profile("smoke"))
COMMAND = [sys.executable, "-c", "from crossover.cli import main; main()"]


def crossover(results: Path, *arguments: str) -> Result:
    """Run the command line in this process: a fresh one would load everything again."""
    return CliRunner().invoke(app, arguments, env={"CROSSOVER_RESULTS": str(results)})


def table(folder: Path) -> list[dict[str, str]]:
    """The results table without the columns that hold times, or nothing."""
    rows = csv_rows(folder)
    return [{k: v for k, v in row.items() if k not in TIME_COLUMNS and (v or k not in OPTIONAL)} for row in rows]


def csv_rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "runs.csv", newline="") as file:
        return list(csv.DictReader(file))


def keys(notebook: str) -> set[str]:
    """The keys of the cells that a notebook runs in the smoke profile."""
    return {cell.key for cell in cells_of(resolve(notebook, "smoke", {}))}


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory):
    """A results root in which the smoke profile was reproduced, and what the command printed."""
    results = tmp_path_factory.mktemp("results")
    done = crossover(results, "reproduce", "--profile", "smoke")
    assert done.exit_code == 0, done.stderr
    return results, done


def test_progress_is_shown_with_a_line_for_each_cell(reproduced):
    results, done = reproduced
    finished = re.findall(
        r"\w+, \d+ seeds, \d+ (?:calls|synthetic), replicate \d(?:, student \d)?: \d+/\d+ correct", done.stderr
    )
    assert len(finished) == len(table(results / "smoke")) == len(set.union(*map(keys, NOTEBOOKS)))
    assert re.search(rf"{len(keys('03_budget_ratio'))} cells: .*\d+:\d\d<", done.stderr), "a bar with the time left"


def test_a_chapter_trains_no_cell_that_another_has_trained(reproduced):
    _, done = reproduced
    shared = keys("03_budget_ratio") & keys("04_ablations")
    assert shared
    assert f"{len(keys('04_ablations') - shared)} cells: " in done.stderr


def test_the_last_line_names_the_book_which_shows_the_run(reproduced):
    _, done = reproduced
    said, path = done.stdout.splitlines()[-1].split(": ", 1)
    assert said == "The book" and path.endswith("/index.html")
    index = Path(path)
    assert {f"{name}.html" for name in NOTEBOOKS} <= {page.name for page in index.parent.glob("*.html")}
    text = index.with_name("03_budget_ratio.html").read_text()
    assert "<strong>Profile</strong> smoke" in text and text.count('class="drawn"') >= 2


def test_a_second_run_does_nothing_and_says_so(reproduced):
    results, _ = reproduced
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    done = crossover(results, "reproduce", "--profile", "smoke")
    for name in NOTEBOOKS:
        assert f"{name}: nothing changed" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()} == before


def test_the_stored_notebook_holds_no_times_paths_or_progress(reproduced):
    results, _ = reproduced
    text = (results / "smoke" / "notebooks" / "03_budget_ratio.ipynb").read_text()
    assert str(repository()) not in text
    assert str(results) not in text
    assert "papermill" not in json.loads(text)["metadata"]
    assert not re.search(r"iopub\.|start_time|T\d\d:\d\d:\d\d", text)
    outputs = [output for cell in json.loads(text)["cells"] for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def run_all(notebook: str, results: Path, changes: dict[str, object]) -> tuple[InteractiveShell, str]:
    """Run every cell as Jupyter does, in the notebooks' folder, with the smoke profile's values in the parameters cell."""
    source = repository() / "notebooks" / f"{notebook}.ipynb"
    values = resolve(notebook, "smoke", {}).model_dump() | changes
    shell, err = InteractiveShell(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(err):
        patch.setenv("CROSSOVER_RESULTS", str(results))
        patch.chdir(source.parent)
        for cell in json.loads(source.read_text())["cells"]:
            if cell["cell_type"] == "code":
                tagged = "parameters" in cell["metadata"].get("tags", [])
                shell.user_ns.update(values) if tagged else shell.run_cell("".join(cell["source"])).raise_error()
    return shell, err.getvalue()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_run_in_jupyter_shows_the_rows_that_are_there(reproduced, notebook):
    results, _ = reproduced
    before = {path: path.read_bytes() for path in results.rglob("runs.csv")}
    shell, said = run_all(notebook, results, {})
    assert {path: path.read_bytes() for path in results.rglob("runs.csv")} == before
    if keys(notebook):
        assert f"All {len(keys(notebook))} cells are in runs.csv already." in said
        assert set(shell.user_ns["chapter"].runs["key"]) >= keys(notebook)


def test_a_value_changed_in_jupyter_trains_the_new_cells_alone_in_a_folder_of_its_own(reproduced, in_process):
    results, _ = reproduced
    before = (results / "smoke" / "runs.csv").read_bytes()
    shell, said = run_all("03_budget_ratio", results, {"budget_ratios": [1, 2, 4, 6, 8]})
    chapter = shell.user_ns["chapter"]
    new = set(chapter.runs["key"]) - keys("03_budget_ratio")
    assert len(new) == said.count("correct\n") < len(chapter.runs) and f"{len(new)} cells: " in said
    folder = results / chapter.parameters.results
    assert set(chapter.runs["budget"]) == {0, 4, 8, 16, 24, 32} and folder.name.startswith("smoke-")
    assert (results / "smoke" / "runs.csv").read_bytes() == before
    assert {path.stem for path in (folder / "items").iterdir()} == set(chapter.runs["key"])
    shutil.rmtree(folder)


def test_a_failing_notebook_is_named_with_cell_and_cause(tmp_path):
    given = ["-p", "student=/no/such/model", "-p", "budgets=[4]"]
    done = crossover(tmp_path, "run", "03", "--profile", "smoke", *given)
    assert done.exit_code == 2
    assert re.search(r"03_budget_ratio, cell \d+, failed: CrossoverError: No model '/no/such/model'", done.stderr)
    assert "Traceback" not in done.stderr
    (failed,) = tmp_path.rglob("*.failed.ipynb")
    assert failed.is_relative_to(next(tmp_path.glob("smoke-*"))) and "budgets = [4]" in failed.read_text()
    assert not list(tmp_path.rglob("stamps/*"))


def kill_at_random(results: Path, rng: random.Random) -> None:
    """Start the smoke run and kill its whole process tree but the workers, which must end by themselves."""
    environment = {**os.environ, "CROSSOVER_RESULTS": str(results)}
    run = subprocess.Popen(
        [*COMMAND, "run", "03", "--profile", "smoke"], env=environment, stderr=subprocess.PIPE, text=True
    )
    rows = results / "smoke" / "runs.csv"
    before = rows.stat().st_size if rows.exists() else 0
    while run.poll() is None and (rows.stat().st_size if rows.exists() else 0) == before:
        time.sleep(0.05)  # until the first cell of this attempt is stored
    time.sleep(rng.uniform(0, 1.5))
    if run.poll() is None:
        import psutil

        for child in psutil.Process(run.pid).children():
            child.send_signal(signal.SIGKILL)
        run.kill()
    run.communicate()


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_to_the_same_table(reproduced, tmp_path, kills, in_process):
    whole, _ = reproduced
    rng = random.Random(kills)
    for _ in range(kills):
        kill_at_random(tmp_path, rng)
    alone = [row for row in table(whole / "smoke") if row["key"] in keys("03_budget_ratio")]
    there = len(table(tmp_path / "smoke"))
    assert 0 < there <= len(alone)
    _, said = run_all("03_budget_ratio", tmp_path, {})
    assert said.count("correct\n") == len(alone) - there, "only what is missing is computed"
    assert table(tmp_path / "smoke") == alone
    assert set(table(tmp_path / "smoke")[0]) >= {*COLUMNS, "gold_nats", "gold_tokens"} - {*TIME_COLUMNS, *OPTIONAL}
    assert all(float(row["gold_nats"]) > 0 for row in alone)


def test_an_audit_recomputes_cells_notices_a_changed_count_and_passes_over_what_is_not_here(
    reproduced, tmp_path, in_process
):
    results, _ = reproduced
    audited = tmp_path / "smoke"
    audited.mkdir()
    rows = [row for row in csv_rows(results / "smoke") if row["experiment"] == "budget_ratio"][:2]
    rows[1]["n_correct"] = "8"
    rows.append(rows[0] | {"key": "elsewhere", "settings": rows[0]["settings"].replace("math_words", "gsm8k")})
    with open(audited / "runs.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    done = crossover(tmp_path, "audit", "--profile", "smoke", "--cells", "3")
    assert done.exit_code == 2 and done.stdout.count("identical") == 1
    assert "stored 8/8, recomputed 0/8, tolerance 3: DIFFERS" in done.stdout
    assert done.stdout.count("Left out") == 1
