"""Mixtures of real and synthetic questions: their sizes, their nesting, and that nothing in them is near a test question."""

import gzip
import json
from dataclasses import replace

import pytest

from crossover.data import closed_book
from crossover.data.closed_book import draw_test, near_tests, pool, question_sets
from crossover.errors import CrossoverError
from crossover.normal_text import word_set
from crossover.params.profiles import check
from crossover.questions.generate import load_bank
from crossover.study.cell import MixtureCell
from crossover.study.experiments import template_mixture
from crossover.study.experiments.template_mixture import Example, measure, mixture
from crossover.study.grids import cells_of
from crossover.study.store import Store

PYPI = {"nq_open": "pypi", "trivia_qa": "pypi"}
ARTICLES = [
    "Marie Curie discovered radium in 1898. She was born in Warsaw in 1867. The Nobel Committee honoured Pierre Curie in 1903.",
    "Ottawa is the capital of Canada. The city lies on the Ottawa River. Queen Victoria chose Ottawa in 1857.",
    "Isaac Newton published the Principia in 1687. Edmond Halley paid for the book. Newton died in London in 1727.",
    "William Herschel discovered Uranus in 1781. The planet has 27 moons. Voyager 2 visited Uranus in 1986.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A results folder whose bank of questions is made once."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def cell(tmp_path_factory) -> MixtureCell:
    folder = tmp_path_factory.mktemp("texts")
    for number, text in enumerate(ARTICLES):
        (folder / f"{number}.txt").write_text(text)
    small = {"n_real": 20, "student": "tiny-random", "n_test": 5, "language_sets": [], "language_shares": []}
    parameters = check("01_template_questions", small | {"text": f"folder:{folder}", "texts": 0})
    return next(c for c in cells_of(parameters) if c.strategy == "real" and not c.recipe.get("student_layers"))


def mixed(cell: MixtureCell, strategy: str, share: float, replicate: int = 0) -> MixtureCell:
    return replace(cell, strategy=strategy, replicate=replicate, task_settings=cell.task_settings | {"share": share})


def tokens(examples: list[Example]) -> int:
    return sum(template_mixture._lengths(examples, "tiny-random"))


def split(examples: list[Example]) -> tuple[list[Example], list[Example]]:
    return [e for e in examples if e.type == "real"], [e for e in examples if e.type != "real"]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_tokens_equal_keeps_the_tokens_and_gives_synthetic_questions_their_share(cell, folder, share):
    whole = tokens(mixture(cell, folder))
    real, made = split(mixture(mixed(cell, "tokens_equal", share), folder))
    assert abs(tokens(real + made) - whole) <= 60  # half an example at either seam
    assert abs(tokens(made) - share * whole) <= 40


def test_real_equal_keeps_all_real_questions_and_adds(cell, folder):
    alone = mixture(cell, folder)
    real, made = split(mixture(mixed(cell, "real_equal", 0.4), folder))
    assert real == alone and len(alone) == 20
    assert abs(tokens(made) / tokens(real + made) - 0.4) < 0.05
    assert split(mixture(mixed(cell, "tokens_equal", 1.0), folder))[0] == []
    assert mixture(mixed(cell, "untouched", 0.0), folder) == []


def test_mixtures_of_a_replicate_are_nested_and_replicates_differ(cell, folder):
    small, large = (set(mixture(mixed(cell, "tokens_equal", s), folder)) for s in (0.2, 0.5))
    assert split(list(small))[1] and set(split(list(small))[1]) < set(split(list(large))[1])
    assert set(split(list(large))[0]) < set(split(list(small))[0])
    assert set(mixture(mixed(cell, "real", 0.0, 1), folder)) != set(mixture(cell, folder))


def test_spoilt_questions_are_nested_and_spoil_one_thing(cell, folder):
    base = mixed(cell, "real_equal", 0.4)
    _, natural = split(mixture(base, folder))

    def spoilt(share, by):
        settings = base.task_settings | {"spoilt": share, "spoilt_by": by}
        return split(mixture(replace(base, task_settings=settings), folder))[1]

    known = {e.question: e.answer for e in template_mixture.synthetic(base, folder)}
    half, all_ = spoilt(0.5, "answer"), spoilt(1.0, "answer")
    wrong = [{e.question for e in some if known[e.question] != e.answer} for some in (half, all_)]
    assert wrong[1] == {e.question for e in all_} and 0 < len(wrong[0]) < len(half)
    assert wrong[0] <= wrong[1] | {e.question for e in half}
    shuffled = spoilt(1.0, "grammar")
    assert {e.answer for e in shuffled} <= set(known.values())
    assert sorted(shuffled[0].question.rstrip("?").split()) == sorted(natural[0].question.rstrip("?").split())


def test_selection_changes_the_mixture_of_kinds(cell, folder):
    base = mixed(cell, "real_equal", 0.3)
    entropy = {}
    for how in ("balanced", "natural", "skewed"):
        settings = base.task_settings | ({} if how == "natural" else {"selection": how})
        _, made = split(mixture(replace(base, task_settings=settings), folder))
        entropy[how] = measure(base, made)["type_entropy"]
    assert entropy["skewed"] < entropy["balanced"] and entropy["natural"] <= entropy["balanced"] + 0.3


def test_too_few_questions_are_refused_with_the_number(cell, folder):
    with pytest.raises(CrossoverError, match="synthetic questions have .* tokens, .* are needed; read more texts"):
        mixture(mixed(cell, "real_equal", 0.99), folder)
    with pytest.raises(CrossoverError, match="real questions to train on, not 100000"):
        mixture(replace(cell, seed_size=100_000), folder)


def test_no_real_training_question_is_near_a_test_question():
    near = near_tests(question_sets(PYPI))
    questions = [question for question, _ in pool(question_sets(PYPI))]
    assert len(questions) > 5000
    assert not any(near.holds([*map(word_set, questions)]))
    tested = {word_set(row["question"]) for name in PYPI for _, row in closed_book.test_rows(name, "pypi")}
    assert tested.isdisjoint(map(word_set, questions))


def test_a_synthetic_question_near_a_test_question_is_left_out(cell, tmp_path):
    (_, row), *_ = draw_test("trivia_qa", "pypi", 1)
    settings = cell.task_settings
    bank = load_bank(tmp_path / "generations", settings["text"], settings["texts"])
    path = next((tmp_path / "generations").glob("*.jsonl.gz"))
    leak = vars(bank.questions[0]) | {"question": f"Well, {row['question']}"}
    lines = gzip.decompress(path.read_bytes()).decode() + "\n" + json.dumps(leak)
    path.write_bytes(gzip.compress(lines.encode()))
    load_bank.__globals__["_read"].cache_clear()
    assert leak["question"] in {
        q.question for q in load_bank(tmp_path / "generations", settings["text"], settings["texts"]).questions
    }
    assert leak["question"] not in {e.question for e in template_mixture.synthetic(cell, tmp_path)}


def test_test_items_are_the_same_whatever_their_number():
    few, more = draw_test("nq_open", "pypi", 5), draw_test("nq_open", "pypi", 50)
    assert more[:5] == few and len({item for item, _ in more}) == 50
    with pytest.raises(CrossoverError, match="nq_open has 1805 test items"):
        draw_test("nq_open", "pypi", 4000)


def test_a_cell_reports_the_variety_of_its_mixture(cell, folder):
    made = template_mixture.TemplateMixtureExperiment().make_data(
        mixed(cell, "tokens_equal", 0.5), Store(folder), "cpu"
    )
    assert made.measures["synthetic"] == made.funnel.kept > 0
    assert {p.partition("\n")[0].split(":")[0] for p, _ in made.pairs} == {"Answer these questions", "Question"}
    uniform = measure(cell, [Example("Who was it?", "Isaac Newton", "real")] * 4)
    assert uniform["type_entropy"] == 0 and uniform["largest_entity"] == 1


def test_a_bank_is_made_once_and_is_the_same_file_again(tmp_path, cell):
    text = cell.task_settings["text"]
    first = load_bank(tmp_path / "a", text, 2)
    again = load_bank(tmp_path / "b", text, 2)
    assert first.questions == again.questions and first.funnel == again.funnel and first.funnel.texts == 2
    (a,), (b,) = ((tmp_path / n).glob("*.gz") for n in "ab")
    assert a.name == b.name and a.read_bytes() == b.read_bytes()
