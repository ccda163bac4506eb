"""Pinned weights: a wrong or damaged file is never used, and a message says what to do."""

import dataclasses

import pytest

from crossover.data import pinned
from crossover.errors import CrossoverError


def test_the_wheels_files_are_the_pinned_ones():
    assert pinned.SMOLLM2.path().suffix == ".gguf"
    assert pinned.MINILM.path().name == "model.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "must have SHA-256 0000.*--force-reinstall"),
        ({"version": "9.9"}, "must be 9.9, got 0.1.2"),
        ({"package": "no-such-package"}, "no-such-package==0.1.2 is not installed. Fix: python -m pip install"),
    ],
)
def test_another_package_version_or_content_is_refused(change, message):
    with pytest.raises(CrossoverError, match=message):
        dataclasses.replace(pinned.SMOLLM2, **change).path()


def test_the_archive_is_there_with_an_emptied_cache_and_fetched_where_the_environment_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path / "empty"))
    kept = pinned.VADER.path().read_bytes()
    folder = tmp_path / "share" / "crossover"
    monkeypatch.setattr(pinned.sys, "prefix", str(tmp_path))
    asked = []

    def offline(command, **_):
        asked.append(command)

    def pip(command, **_):
        folder.mkdir(parents=True)
        (folder / "vaderSentiment-3.3.2.tar.gz").write_bytes(kept)

    monkeypatch.setattr(pinned.subprocess, "run", offline)
    with pytest.raises(CrossoverError, match=f"got missing.*pip download .*requirements-sdists.lock -d {folder}"):
        pinned.VADER.path()
    assert "--require-hashes" in asked[0]
    monkeypatch.setattr(pinned.subprocess, "run", pip)
    assert pinned.VADER.path().read_bytes() == kept
    pinned.VADER.path().write_bytes(b"other")
    with pytest.raises(CrossoverError, match="got d9298a10"):
        pinned.VADER.path()
