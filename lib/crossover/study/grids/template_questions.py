"""The grid of the chapter on template questions: mixtures of real and synthetic questions."""

from typing import Any

from crossover.params.template_questions import TemplateQuestions
from crossover.study.cell import MixtureCell

#: The types of synthetic questions, which are part of the published keys.
QUESTION_TYPES = ["who", "what", "when", "where", "which", "how many", "yes-no", "cloze"]


def cells(p: TemplateQuestions) -> list[MixtureCell]:
    """Return the cells: a student as it came and after real questions alone, the mixtures, then the smaller student."""
    grid: list[MixtureCell] = []
    for replicate in range(p.first_replicate, p.first_replicate + p.replicates):
        grid += [_cell(p, "real", 0.0, replicate, language=True)]
        grid += [_cell(p, "tokens_equal", share, replicate) for share in p.tokens_equal]
        grid += [
            _cell(p, "real_equal", share, replicate, language=share in p.language_shares) for share in p.real_equal
        ]
        spoilt: list[dict[str, Any]] = [
            {"spoilt": share, "spoilt_by": by} for share in p.spoilt for by in ("answer", "grammar")
        ]
        selected: list[dict[str, Any]] = [{"selection": how} for how in p.selections]
        for further in spoilt + selected:
            grid += [_cell(p, "real_equal", p.size_share, replicate, **further)]
        if p.small_layers:
            grid += [
                _cell(p, "real", 0.0, replicate, small=True),
                _cell(p, "real_equal", p.size_share, replicate, small=True),
            ]
    grid.sort(key=lambda cell: -cell.budget)  # the longest first
    return [_cell(p, "untouched", 0.0, p.first_replicate, language=True), *grid]


def _cell(
    p: TemplateQuestions,
    strategy: str,
    share: float,
    replicate: int,
    small: bool = False,
    language: bool = False,
    **further: object,
) -> MixtureCell:
    sizes: dict[str, int] = dict.fromkeys(p.question_sets, p.n_test)
    if language:
        # COPA has a hundred items in all.
        sizes |= {name: min(p.n_language, 100) if name == "copa" else p.n_language for name in p.language_sets}
    extra = share / (1 - share) if strategy == "real_equal" else share
    sources = {name: p.sources.get(name, "pypi") for name in [*p.question_sets, *p.language_sets]}
    return MixtureCell(
        version=1,
        task="closed_book_qa",
        strategy=strategy,
        seed_size=0 if strategy == "untouched" else p.n_real,
        budget=round(extra * p.n_real),
        replicate=replicate,
        n_test=sum(sizes.values()),
        max_new_tokens=32,
        skip_test=p.skip_test,
        task_settings={"share": share, "sizes": sizes, "sources": sources}
        | p.pick("text", "texts")
        | {"question_types": QUESTION_TYPES}
        | further,
        recipe={"model": p.student, "trained_layers": 0 if small else p.trained_layers}
        | p.pick("epochs", "min_steps", "batch_size", "learning_rate")
        | ({"student_layers": p.small_layers} if small else {}),
    )
