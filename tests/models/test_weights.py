"""Model weights: a wrong or damaged file is never used, and a message says what to do."""

import pytest

from crossover.errors import CrossoverError
from crossover.models.weights import fingerprint, model_folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, with the large model taken from the user's."""
    real = model_folder("SmolLM2-135M-Instruct")
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / real.name).symlink_to(real)
    return tmp_path / "cache"


def test_damaged_weights_are_unpacked_again(cache, capsys):
    folder = model_folder("tiny-random")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    assert model_folder("tiny-random") == folder
    assert weights.read_bytes() == whole
    assert "damaged (model.safetensors); unpacking it again" in capsys.readouterr().err
    (folder / "config.json").unlink()
    assert model_folder("tiny-random") == folder
    assert (folder / "config.json").exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CROSSOVER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CrossoverError, match="CROSSOVER_CACHE"):
        model_folder("tiny-random")


def test_a_hub_model_fails_clearly_offline():
    with pytest.raises(CrossoverError, match="hf download org/name --revision abc"):
        model_folder("hub:org/name@abc")


def test_pickled_weights_are_not_fingerprinted(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CrossoverError, match="no .safetensors file"):
        fingerprint(str(tmp_path))
