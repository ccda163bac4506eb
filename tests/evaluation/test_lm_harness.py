"""Scores under the harness's definitions: the same as the harness's own model class gives on the same items."""

import pytest

from crossover.data import closed_book
from crossover.data.closed_book import draw_test
from crossover.evaluation.lm_harness import HarnessStudent, harness_task, score
from crossover.models.language_model import LanguageModel
from crossover.models.weights import model_folder

SETS = ("nq_open", "trivia_qa", "lambada_openai", "hellaswag", "copa")
WEB = [{"url": "u", "question": "what is the capital of canada?", "answers": ["Ottawa", "Ottawa, Ontario"]}]


def theirs(model: str, names, n: int) -> dict[str, list[dict]]:
    """Samples of the harness's own Hugging Face model, one request at a time."""
    pytest.importorskip("lm_eval.models.huggingface")
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model_folder(model)
    lm = HFLM(
        pretrained=AutoModelForCausalLM.from_pretrained(folder, dtype="float32"), tokenizer=AutoTokenizer.from_pretrained(folder),
        batch_size=1, device="cpu",
    )  # fmt: skip
    found = {}
    for name in names:
        task = harness_task(name, [row for _, row in draw_test(name, "pypi", n)])
        found[name] = evaluate(lm, {name: task}, bootstrap_iters=0)["samples"][name]
    return found


def agree(model: str, n: int, names) -> None:
    """Compare item by item in float32: bfloat16 rounds a logit of 20 by up to 0.06, and otherwise in a batch than alone."""
    student = LanguageModel.load(model)
    student.model.float()
    outcomes = score(student, dict.fromkeys(names, n), dict.fromkeys(names, "pypi"))
    for name, samples in theirs(model, names, n).items():
        own = [o for o in outcomes if o.item.startswith(f"{name}/")]
        rights = [bool(sample[closed_book.SETS[name].metric]) for sample in samples]
        assert len(own) == len(rights) == n
        assert [o.correct for o in own] == rights, name
        if name == "lambada_openai":
            for outcome, sample in zip(own, samples, strict=True):
                assert outcome.score == pytest.approx(sample["filtered_resps"][0][0], rel=1e-3, abs=1e-3)


def test_a_random_models_numbers_agree_with_the_harness_run_on_its_own():
    agree("tiny-random", 6, ("lambada_openai", "copa", "hellaswag"))


@pytest.mark.slow
def test_the_base_models_numbers_agree_with_the_harness_run_on_its_own():
    agree("SmolLM2-135M-Instruct", 20, SETS)


@pytest.fixture(scope="module")
def student():
    return LanguageModel.load("tiny-random")


def test_the_prompts_are_the_harness_definitions(student):
    asked = harness_task("nq_open", [{"question": "who wrote hamlet", "answer": ["Shakespeare"]}])
    asked.build_all_requests(limit=None, rank=0, world_size=1)
    (request,) = asked.instances
    assert request.args[0] == "Answer these questions:\n\nQ: who wrote hamlet?\nA:"
    assert request.args[1]["until"] == ["\n", ".", ","]
    right = asked.process_results({"question": "q", "answer": ["The Bard", "Shakespeare"]}, ["shakespeare"])
    assert right["exact_match"] == 1
    assert asked.process_results({"question": "q", "answer": ["Shakespeare"]}, ["Will Shakespeare"])["exact_match"] == 0


def test_a_set_that_does_not_come_with_the_environment_has_a_task(student):
    task = harness_task("web_questions", WEB)
    task.build_all_requests(limit=None, rank=0, world_size=1)
    assert len(task.instances) == 1
    (reply,) = HarnessStudent(student).loglikelihood(task.instances)
    assert reply.total < 0


def test_generation_stops_before_the_first_stop_string(student):
    class Request:
        args = ("Question: Who?\nAnswer:", {"until": [":", "\n"]})

    (text,) = HarnessStudent(student).generate_until([Request()])
    assert ":" not in text and "\n" not in text
