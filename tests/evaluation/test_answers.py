"""Outcomes of test items: the gold answer's likelihood beside the answer that was written."""

import math
from types import SimpleNamespace

import pytest
import torch

from crossover.data.closed_book import answers, draw_test
from crossover.evaluation import answers as answers_module
from crossover.evaluation import lm_harness
from crossover.evaluation.answers import classify, evaluate
from crossover.models.encoder import Encoder
from crossover.tasks import load_task

TASK = load_task("math_words")


@torch.inference_mode()
def nats(lm, prompt: str, answer: str, end: bool = True) -> tuple[float, int]:
    """Negative log-likelihood of an answer token by token, and its tokens."""
    ids, loss = lm.tokenizer.encode(prompt, add_special_tokens=False), 0.0
    tokens = lm.tokenizer.encode(answer, add_special_tokens=False) + [lm.tokenizer.eos_token_id] * end
    for token in tokens:
        loss -= float(lm.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)[token])
        ids.append(token)
    return loss, len(tokens)


@pytest.mark.parametrize("batch_size", [2, 256])
def test_gold_answers_are_scored_with_their_end(lm, batch_size):
    problems = TASK.test(5)
    for problem, outcome in zip(problems, evaluate(lm, TASK, problems, 4, batch_size), strict=True):
        expected, tokens = nats(lm, TASK.prompt(problem.question), problem.answer)
        assert outcome.item == problem.id and outcome.gold_tokens == tokens
        assert outcome.gold_nats == pytest.approx(expected, rel=1e-4)
        assert outcome.gold_bytes == len(problem.answer.encode())


def test_encoders_are_scored_by_the_probability_of_the_gold_label():
    task = load_task("sst2")
    encoder = Encoder.load("tiny-random-encoder", task.labels, seed=0)
    problems = task.test(6)
    for problem, outcome in zip(problems, classify(encoder, task, problems), strict=True):
        with torch.inference_mode():
            logits = encoder.logits(encoder.tokens([problem.question]))[0]
        probabilities = dict(zip(encoder.labels, logits.softmax(-1).tolist(), strict=True))
        assert math.exp(-outcome.gold_nats) == pytest.approx(probabilities[task.extract(problem.answer)], rel=1e-4)
        assert outcome.extracted == max(probabilities, key=probabilities.get) and outcome.gold_tokens == 1


def test_harness_sets_are_scored_by_their_gold_completions(lm):
    names = ("nq_open", "lambada_openai", "copa")
    outcomes = lm_harness.score(lm, dict.fromkeys(names, 3), dict.fromkeys(names, "pypi"))
    found = {outcome.item: outcome for outcome in outcomes}
    for name in names:
        task = lm_harness.harness_task(name, [row for _, row in draw_test(name, "pypi", 3)])
        task.build_all_requests(limit=None, rank=0, world_size=1)
        for number, (item, row) in enumerate(draw_test(name, "pypi", 3)):
            requests = [i for i in task.instances if i.doc_id == number]
            if name == "nq_open":
                expected, tokens = nats(lm, requests[0].args[0], f" {answers(name, row)[0]}")
            else:
                prompt, text = requests[row.get("label", 0)].args
                expected, tokens = nats(lm, prompt, text, end=False)
            assert found[item].gold_nats == pytest.approx(expected, rel=1e-3)
            assert found[item].gold_tokens == tokens


def test_a_gold_answer_does_not_depend_on_what_the_student_writes(lm):
    problems = TASK.test(3)
    stub = SimpleNamespace(prompt=TASK.prompt, extract=lambda text: "1", correct=lambda text, problem: False)
    for a, b in zip(evaluate(lm, TASK, problems, 2), evaluate(lm, stub, problems, 12), strict=True):
        assert a.gold_nats == b.gold_nats


def test_scores_follow_the_completions(lm, monkeypatch):
    problems = TASK.test(3)
    monkeypatch.setattr(answers_module, "write", lambda student, prefix, *rest: [problems[0].answer] * len(prefix.mask))
    outcomes = evaluate(lm, TASK, problems, 5)
    assert [o.item for o in outcomes] == [p.id for p in problems]
    assert outcomes[0].correct
    truths = [TASK.extract(p.answer) == TASK.extract(problems[0].answer) for p in problems]
    assert [o.correct for o in outcomes] == truths
