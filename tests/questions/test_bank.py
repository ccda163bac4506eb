"""The stored questions of a text: the published bank's name, changed texts, folders named from where one stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossover.data.corpora import read_texts
from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.params.template_questions import pinned
from crossover.paths import repository
from crossover.questions.generate import load_bank


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("Jupiter has 79 moons.")
    return folder


def questions(texts, bank):
    return {q.question for q in load_bank(bank, f"folder:{texts}", 0).questions}


def test_the_published_bank_keeps_its_name_and_questions():
    bank = load_bank(repository() / "results" / "study" / "generations", "wikipedia", 0)
    assert len(bank.questions) == bank.funnel.questions == 18_116


def test_corrected_texts_give_their_own_questions(texts, tmp_path):
    assert "How many moons does Jupiter have?" in questions(texts, tmp_path / "bank")
    (texts / "a.txt").write_text("Ganymede has a magnetic field.")
    assert not any("Jupiter" in question for question in questions(texts, tmp_path / "bank"))
    (texts / "b.md").write_text("Jupiter has 79 moons.")
    assert "How many moons does Jupiter have?" in questions(texts, tmp_path / "bank")


def test_a_folder_is_named_from_where_one_stands(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = check("01_template_questions", {"text": "folder:texts"})
    name, _, digest = parameters.text.partition("@")
    assert name == f"folder:{texts}" and len(digest) == 12
    monkeypatch.chdir(Path("/"))
    assert check("01_template_questions", parameters.model_dump()).text == parameters.text
    assert [text.text for text in read_texts(parameters.text)] == ["Jupiter has 79 moons."]
    with pytest.raises(CrossoverError, match="^/texts holds no file .*; give a folder of texts$"):
        check("01_template_questions", {"text": "folder:texts"})


def test_a_digest_of_other_texts_is_refused(texts):
    named = pinned(f"folder:{texts}")
    (texts / "a.txt").write_text("Saturn has 146 moons.")
    with pytest.raises(CrossoverError, match="have changed since"):
        pinned(named)
    assert pinned("wikipedia") == "wikipedia" and pinned(f"folder:{texts}") != named
