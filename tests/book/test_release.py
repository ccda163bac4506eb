"""Publishing: an archive that is the same for the same files, checksums that hold, and the book as a PDF."""

import hashlib
import json
import tarfile

import pandas as pd
import pytest

from crossover.book import release
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
    packed = release.archive("study", results / "dist")
    manifest = json.loads((results / "dist" / "manifest.json").read_text())
    wanted = {"results/study/runs.csv", "results/study/figures/map.csv", "notebooks/claims.yaml", "LICENSE"}
    with tarfile.open(packed) as tar:
        names = {m.name.partition("/")[2]: m for m in tar.getmembers()}
        assert set(names) == set(manifest["files"]) >= wanted
        for name, member in names.items():
            assert hashlib.sha256(tar.extractfile(member).read()).hexdigest() == manifest["files"][name]
    assert manifest["rows"] == 2
    for line in (results / "dist" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((results / "dist" / name).read_bytes()).hexdigest() == digest
    assert release.archive("study", results / "again").read_bytes() == packed.read_bytes()


def test_nothing_to_archive_is_said(results):
    with pytest.raises(CrossoverError, match="make reproduce PROFILE=laptop"):
        release.archive("laptop", results / "dist")


def test_the_whole_book_is_one_pdf(monkeypatch, browser, published_book):
    monkeypatch.setattr(release, "build", lambda profile: published_book / "index.html")
    content = release.build_pdf("study").read_bytes()
    assert content.startswith(b"%PDF-") and len(content) > 100_000
