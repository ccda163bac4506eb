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
        ({"sha256": "0" * 64}, "has SHA-256 .*expected 0000.*--force-reinstall"),
        ({"version": "9.9"}, "is 0.1.2, this study needs 9.9"),
        ({"package": "no-such-package"}, "no-such-package==0.1.2 is not installed. Fix: python -m pip install"),
    ],
)
def test_another_package_version_or_content_is_refused(change, message):
    with pytest.raises(CrossoverError, match=message):
        dataclasses.replace(pinned.SMOLLM2, **change).path()


def test_a_missing_or_other_archive_says_how_to_download_it(tmp_path, monkeypatch):
    assert pinned.VADER.path().name == "vaderSentiment-3.3.2.tar.gz"
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path))
    with pytest.raises(CrossoverError, match=f"missing.*pip download .*requirements-sdists.lock -d {tmp_path}/sdists"):
        pinned.VADER.path()
    (tmp_path / "sdists").mkdir()
    (tmp_path / "sdists" / "vaderSentiment-3.3.2.tar.gz").write_bytes(b"other")
    with pytest.raises(CrossoverError, match="has SHA-256 d9298a10"):
        pinned.VADER.path()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, with the large model taken from the user's."""
    real = pinned.model_folder("SmolLM2-135M-Instruct")
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / real.name).symlink_to(real)
    return tmp_path / "cache"


def test_damaged_weights_are_unpacked_again(cache, capsys):
    folder = pinned.model_folder("tiny-random")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    assert pinned.model_folder("tiny-random") == folder
    assert weights.read_bytes() == whole
    assert "damaged (model.safetensors); unpacking it again" in capsys.readouterr().err
    (folder / "config.json").unlink()
    assert pinned.model_folder("tiny-random") == folder
    assert (folder / "config.json").exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CrossoverError, match="CROSSOVER_CACHE"):
        pinned.model_folder("tiny-random")


def test_an_unknown_model_is_named_with_what_may_be_given():
    with pytest.raises(CrossoverError, match="No model 'SmolLM3'.*hub:org/name@revision"):
        pinned.model_folder("SmolLM3")


def test_a_hub_model_needs_a_revision_and_fails_clearly_offline():
    with pytest.raises(CrossoverError, match="names no revision"):
        pinned.model_folder("hub:org/name")
    with pytest.raises(CrossoverError, match="hf download org/name --revision abc"):
        pinned.model_folder("hub:org/name@abc")


def test_pickled_weights_are_not_fingerprinted(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CrossoverError, match="no .safetensors file"):
        pinned.fingerprint(str(tmp_path))
