"""Which notebooks a change re-runs."""

import functools
import json

import grimp
import pytest

from crossover import paths
from crossover.book import notebooks
from crossover.params.profiles import load_profile, resolve
from crossover.study.grids import cells_of
from stored import first_right, plant

LIBRARY = paths.repository() / "lib" / "crossover"
GRAPH = functools.cache(grimp.build_graph)


def depends_on(notebook: str) -> set[str]:
    files = notebooks.library_files(paths.repository() / "notebooks" / f"{notebook}.ipynb")
    return {path.relative_to(LIBRARY).as_posix() for path in files}


def test_a_notebook_depends_on_the_closure_of_its_imports():
    found = depends_on("03_budget_ratio")
    assert {"chapters/budget_ratio.py", "stats/curves.py", "study/store.py", "errors.py", "stats/__init__.py"} <= found
    assert {"tasks/benchmarks.py", "tasks/word_problems/wording.yaml"} <= found, "a registry counts whole"
    others = ("cli/", "book/", "chapters/template_questions.py")
    assert not [name for name in found if name.startswith(others) or name == "__init__.py"]


@pytest.fixture(autouse=True)
def one_graph(monkeypatch):
    """The graph of imports, built once for all notebooks and states."""
    monkeypatch.setattr(grimp, "build_graph", GRAPH)


def test_a_changed_room_reruns_only_the_notebooks_that_import_it(tmp_path, monkeypatch):
    def stamps():
        return {name: notebooks._stamp(name, resolve(name, "smoke", {}), tmp_path) for name in load_profile("smoke")}

    before, digest = stamps(), notebooks._digest
    rooms = (("chapters/template_questions.py", "01_template_questions", "03_budget_ratio"), ("stats", "03_budget_ratio", None), ("cli", None, "03_budget_ratio"), (paths.repository() / "notebooks" / "claims.yaml", "03_budget_ratio", None))  # fmt: skip
    for room, rerun, left in rooms:
        new = LIBRARY / room
        monkeypatch.setattr(notebooks, "_digest", lambda p, new=new: "new" if p.is_relative_to(new) else digest(p))
        changed = {name for name, stamp in stamps().items() if stamp != before[name]}
        assert rerun in changed or rerun is None and not changed
        assert left not in changed


def test_a_changed_row_reruns_the_notebooks_that_read_it(tmp_path):
    stamps = {name: tmp_path / name for name in ("02_finetuned_teacher", "03_budget_ratio")}
    for name, path in stamps.items():
        path.write_text(json.dumps(notebooks._stamp(name, resolve(name, "smoke", {}), tmp_path)))
    plant(tmp_path, cells_of(resolve("03_budget_ratio", "smoke", {}))[:1], lambda cell: first_right(1, 8))
    changed = {
        name: notebooks._changes(path, notebooks._stamp(name, resolve(name, "smoke", {}), tmp_path))
        for name, path in stamps.items()
    }
    assert changed == {"02_finetuned_teacher": (), "03_budget_ratio": ("runs.csv changed",)}
