"""Notebook parameters: one schema, the same in notebook and library; wrong values are named before anything starts."""

import ast
import subprocess
import sys

import nbformat
import pytest

from crossover.params.profiles import (
    PROFILES,
    SCHEMAS,
    check,
    collect,
    find_notebook,
    load_profile,
    resolve,
)
from crossover.paths import repository
from crossover.study.grids import cells_of


def parameters_cell(notebook):
    cells = nbformat.read(repository() / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    return tagged[0].source


def said_to_be_allowed(spec: dict) -> str:
    """Say in words what a JSON-schema fragment allows."""
    if "enum" in spec or "const" in spec:
        return " or ".join(map(repr, spec.get("enum", [spec.get("const")])))
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "True or False"}
    kind = (words | {"object": "values by name"}).get(spec["type"], "list")
    if kind == "list":
        return f"list of: {said_to_be_allowed(spec['items'])}"
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = [f"{word} {spec[name]:g}" for name, word in bounds.items() if name in spec]
    return " ".join([kind, " and ".join(limits)]).strip()


@pytest.mark.parametrize("notebook", SCHEMAS)
def test_the_notebooks_cell_is_its_profile_and_says_what_is_allowed(notebook):
    source = parameters_cell(notebook)
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(source).body}
    own = resolve(notebook, SCHEMAS[notebook].model_fields["profile"].default, {})
    assert values == own.model_dump() and collect(notebook, values) == own
    assert values["profile"] == ("recipe" if notebook == "06_recipe_pilot" else "laptop")
    lines = {line.split(" = ")[0]: line for line in source.splitlines()}
    for name, field in SCHEMAS[notebook].model_json_schema()["properties"].items():
        assert lines[name].endswith(f"# {field['description']}: {said_to_be_allowed(field)}")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_sound(profile):
    for notebook in load_profile(profile):
        parameters = resolve(notebook, profile, {})
        assert parameters.results == parameters.profile == profile
        cells = cells_of(parameters)
        assert len({cell.key for cell in cells}) == len(cells)


def test_a_notebook_is_found_by_number_or_file():
    assert find_notebook("03") == find_notebook("notebooks/03_budget_ratio.ipynb") == "03_budget_ratio"


def test_overrides_get_a_folder_of_their_own_by_their_values():
    first = resolve("03_budget_ratio", "laptop", {"seed_sizes": [8]})
    assert first.results.startswith("laptop-")
    assert first.results == resolve("03_budget_ratio", "laptop", {"seed_sizes": [8]}).results
    assert first.results != resolve("03_budget_ratio", "laptop", {"seed_sizes": [32]}).results
    for same in ({"n_test": 50}, {"workers": 1}, {"cluster": "local"}, {"max_cost": 0.0}):
        assert resolve("03_budget_ratio", "laptop", same).results == "laptop"


def test_budgets_take_the_place_of_ratios_and_large_ones_are_left_out():
    defaults = {"seed_sizes": [16], "budget_ratios": [0.5, 2.0, 64.0], "max_budget": 100}
    assert check("03_budget_ratio", defaults).budget_list(16) == [8, 32]
    assert check("03_budget_ratio", defaults | {"budgets": [7, 9]}).budget_list(16) == [7, 9]
    mixed = check("03_budget_ratio", defaults | {"seed_sizes": [16, 512], "budget_ratios": [1.0]})
    assert (mixed.budget_list(16), mixed.budget_list(512)) == ([16], [])


def test_a_notebooks_changed_variables_are_an_override():
    scope = {"profile": "laptop", "results": "laptop", "seed_sizes": [8], "unrelated": object(), "chapter": None}
    assert collect("03_budget_ratio", scope) == resolve("03_budget_ratio", "laptop", {"seed_sizes": [8]})
    assert collect("03_budget_ratio", scope | {"results": "mine"}).results == "mine"


def test_a_misspelt_parameter_fails_before_anything_heavy_is_imported():
    script = """if True:
        import sys
        from crossover.cli import main
        try:
            main()
        finally:
            print(sorted({"torch", "transformers", "pandas", "papermill"} & set(sys.modules)))"""
    done = subprocess.run(
        [sys.executable, "-c", script, "run", "03_budget_ratio", "-p", "buget=3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "crossover: Unknown parameter 'buget'. Did you mean 'budgets'?\n"
    assert done.stdout == "[]\n"
