"""Publishing: an archive that is the same for the same files, checksums that hold, and what the environment adds to the book."""

import hashlib
import json
import tarfile

import pandas as pd
import pytest

from crossover.book.publishing import archive, public_settings
from crossover.errors import CrossoverError
from stored import write_runs


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    rows = pd.DataFrame({"experiment": ["budget_ratio"] * 2, "task": ["arc"] * 2, "provenance": ["none"] * 2})
    write_runs(tmp_path / "results" / "study", rows)
    (tmp_path / "results" / "study" / "figures").mkdir()
    (tmp_path / "results" / "study" / "figures" / "map.csv").write_text("a,b\n1,2\n")
    return tmp_path


def test_an_archive_holds_the_files_of_its_manifest_and_its_checksums_hold(results):
    packed = archive("study", results / "dist")
    manifest = json.loads((results / "dist" / "manifest.json").read_text())
    with tarfile.open(packed) as tar:
        names = {m.name.partition("/")[2]: m for m in tar.getmembers()}
        assert (
            set(names)
            == set(manifest["files"])
            >= {"results/study/runs.csv", "results/study/figures/map.csv", "notebooks/claims.yaml", "LICENSE"}
        )
        for name, member in names.items():
            assert hashlib.sha256(tar.extractfile(member).read()).hexdigest() == manifest["files"][name]
    assert manifest["rows"] == 2
    for line in (results / "dist" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((results / "dist" / name).read_bytes()).hexdigest() == digest


def test_the_same_files_give_the_same_archive(results):
    assert archive("study", results / "one").read_bytes() == archive("study", results / "two").read_bytes()


def test_nothing_to_archive_is_said(results):
    with pytest.raises(CrossoverError, match="make reproduce PROFILE=laptop"):
        archive("laptop", results / "dist")


def test_a_site_and_a_repository_add_a_preview_and_buttons():
    known = {"CROSSOVER_REPOSITORY": "me/crossover", "CROSSOVER_SITE": "https://me.github.io/crossover/"}
    added = public_settings(known, {"_static/figures/crossover_map.png": b""})
    assert added["repository"]["path_to_book"] == "notebooks" and set(added["launch_buttons"]) == {
        "binderhub_url",
        "colab_url",
    }
    assert added["preview"]["property=og:image"] == "https://me.github.io/crossover/_static/figures/crossover_map.png"
    assert "property=og:image" not in public_settings(known, {})["preview"], "no picture that is not there"
