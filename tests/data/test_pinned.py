"""Pinned weights: a wrong or damaged file is never used, and a message says what to do."""

import dataclasses

import pytest

from crossover.data import pinned
from crossover.errors import CrossoverError


def test_the_wheels_files_are_the_pinned_ones():
    assert pinned.SMOLLM2.path().suffix == ".gguf"
    assert pinned.MINILM.path().name == "model.safetensors"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "0" * 64}, "must have SHA-256 .*got b179"),
        ({"file": "other"}, "must have SHA-256 .*got missing"),
        ({"module": "none"}, "is not installed"),
    ],
)
def test_another_content_or_no_package_is_refused(change, said):
    with pytest.raises(CrossoverError, match=f"{said}.*pip install .*--force-reinstall"):
        dataclasses.replace(pinned.SMOLLM2, **change).path()
