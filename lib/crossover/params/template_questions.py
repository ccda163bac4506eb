"""Parameters of the chapter on template questions, and the names of its text sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.params.fields import MixtureShare, OpenShare, TrainingParameters, value
from crossover.paths import CONFIRMATION

QuestionSet = Literal["nq_open", "web_questions", "trivia_qa"]
LanguageSet = Literal["lambada_openai", "hellaswag", "copa"]
SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm")
_FOLDER = re.compile(r"folder:(.+?)(?:@([0-9a-f]{12}))?")


def text_files(path: Path | str) -> list[Path]:
    """Return the text, Markdown and HTML files of a folder and its subfolders, by name; at least one."""
    files = sorted(p for p in Path(path).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise CrossoverError(f"{path} holds no file {', '.join(f'*{s}' for s in SUFFIXES)}; give a folder of texts")
    return files


def folder_of(text: str) -> Path | None:
    """Return the folder that a source names, or ``None`` for another source."""
    match = _FOLDER.fullmatch(text)
    return Path(match[1]).expanduser() if match else None


def pinned(text: str) -> str:
    """Return a source with the absolute path of its folder and a digest of its files; other sources as they are.

    A corrected text is another source: no result of the old one passes for one of the new. Files other than those that
    a digest in the name stands for are an error.
    """
    named = _FOLDER.fullmatch(text)
    if named is None:
        return text
    folder = Path(named[1]).expanduser().resolve()
    files = [(file.relative_to(folder).as_posix(), digest(file.read_bytes(), 64)) for file in text_files(folder)]
    now = f"folder:{folder}@{digest(files, 12)}"
    if named[2] is not None and not now.endswith(f"@{named[2]}"):
        raise CrossoverError(f"the texts in {folder} have changed since {text!r} was named; leave out @{named[2]}")
    return now


class TemplateQuestions(TrainingParameters):
    """Parameters of ``01_template_questions`` (arXiv 2310.07830)."""

    reads = ("runs.csv", f"../{CONFIRMATION}/runs.csv")
    confirmed = True

    text: Annotated[str, AfterValidator(pinned)] = value(
        "boolq", "wikipedia, boolq, folder:<path> or hub:<name>@<commit>"
    )
    texts: int = value(200, "texts that are read, from the first on; 0 for all", ge=0)
    question_sets: list[QuestionSet] = value(
        ["nq_open", "trivia_qa"], "closed-book sets, to train on and to test on", min_length=1
    )
    language_sets: list[LanguageSet] = value(
        ["lambada_openai", "hellaswag", "copa"], "sets that test language modelling"
    )
    sources: dict[str, str] = value({}, "of sets: pypi (if not named), dir (CROSSOVER_DATA) or hub:<commit>")
    n_real: int = value(96, "real questions to train on", ge=1)
    tokens_equal: list[MixtureShare] = value([0.3, 0.9], "synthetic shares of the tokens, with as many tokens in all")
    real_equal: list[OpenShare] = value([0.3], "synthetic shares of the tokens, with as many real questions")
    size_share: float = value(0.3, "synthetic share of the smaller student, all real questions kept", gt=0, lt=1)
    spoilt: list[MixtureShare] = value([], "spoilt shares of the synthetic questions, at size_share")
    selections: list[Literal["balanced", "skewed"]] = value(
        [], "other selections of synthetic questions, at size_share"
    )
    replicates: int = value(1, "draws of the questions, each with its own students", ge=1, le=100)
    n_test: int = value(50, "test questions of each closed-book set", ge=1)
    n_language: int = value(16, "test items of each set that tests language modelling", ge=1)
    language_shares: list[MixtureShare] = value([0.3], "shares of real_equal tested on language modelling")
    student: str = value("SmolLM2-135M-Instruct", "model name, folder, or hub:org/name@revision")
    small_layers: int = value(0, "lowest layers kept of the smaller student; 0 for none", ge=0)
    trained_layers: int = value(8, "upper layers that are trained; 0 trains all weights", ge=0)
    epochs: int = value(2, "passes over the training set", ge=1, le=100)
    min_steps: int = value(8, "optimiser steps at the least", ge=1)
    batch_size: int = value(16, "examples a step", ge=1)
    learning_rate: float = value(2e-4, "peak rate of AdamW", gt=0, le=0.1)
    n_quality: int = value(100, "generated and real questions that quality is measured on", ge=10)

    @model_validator(mode="after")
    def _fits_together(self) -> TemplateQuestions:
        known = {*self.question_sets, *self.language_sets}
        if unknown := sorted(set(self.sources) - known):
            raise ValueError(f"sources names {unknown[0]!r}, which is in neither question_sets nor language_sets")
        if strange := sorted(set(self.language_shares) - set(self.real_equal)):
            raise ValueError(f"language_shares holds {strange[0]}, which real_equal does not")
        needed = {"web_questions"} & known - set(self.sources)
        if needed:
            raise ValueError(
                f"{min(needed)} does not come with the environment; give sources={{{min(needed)!r}: 'dir'}} or a hub"
                " commit"
            )
        return self
