"""Which notebooks a change re-runs."""

import pytest

from crossover import paths
from crossover.book import notebooks
from crossover.params.profiles import load_profile, resolve

LIBRARY = paths.repository() / "lib" / "crossover"


def depends_on(notebook: str) -> set[str]:
    files = notebooks.library_files(paths.repository() / "notebooks" / f"{notebook}.ipynb")
    return {path.relative_to(LIBRARY).as_posix() for path in files}


def test_a_notebook_depends_on_the_closure_of_its_imports():
    found = depends_on("03_budget_ratio")
    assert {"chapters/budget_ratio.py", "stats/curves.py", "study/store.py", "errors.py", "stats/__init__.py"} <= found
    assert {"tasks/benchmarks.py", "tasks/word_problems/wording.yaml"} <= found, "a registry counts whole"
    others = ("cli/", "book/", "chapters/template_questions.py")
    assert not [name for name in found if name.startswith(others) or name == "__init__.py"]


@pytest.mark.parametrize(
    ("room", "rerun", "left"),
    [("chapters/template_questions.py", "01_template_questions", "03_budget_ratio"), ("stats", "03_budget_ratio", None), ("cli", None, "03_budget_ratio")],
)  # fmt: skip
def test_a_changed_room_reruns_only_the_notebooks_that_import_it(tmp_path, monkeypatch, room, rerun, left):
    def stamps():
        return {name: notebooks._stamp(name, resolve(name, "smoke", {}), tmp_path) for name in load_profile("smoke")}

    before, digest = stamps(), notebooks._digest
    monkeypatch.setattr(notebooks, "_digest", lambda p: "new" if p.is_relative_to(LIBRARY / room) else digest(p))
    changed = {name for name, stamp in stamps().items() if stamp != before[name]}
    assert rerun in changed or rerun is None and not changed
    assert left not in changed
