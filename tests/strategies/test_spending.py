"""Spending a budget: the ledger's cap, the strategies' accounting, nested data, and the oracle's dials."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.labels import QUERIES_PER_SAMPLE
from crossover.strategies import STRATEGIES, Ledger, load_strategy
from crossover.tasks import load_task
from crossover.teachers import Oracle, Reply, Request
from crossover.teachers.spending import BudgetExceeded

TASK = load_task("math_words", steps=1)
DEAREST = {"answer_augmentation": 1}  # queries of a strategy's dearest sample, 2 for the others


@dataclass
class Faulty:
    """An oracle some of whose calls fail or come back unreadable; it counts every call it gets."""

    oracle: Oracle
    fails: float
    garbles: float
    id: str = "faulty"
    repeatable: bool = True
    calls: int = field(default=0)

    def reply(self, requests):
        self.calls += len(requests)
        return [
            self._spoil(request, reply) for request, reply in zip(requests, self.oracle.reply(requests), strict=True)
        ]

    def _spoil(self, request, reply):
        coin = random.Random(f"{request.kind}{request.problem.id}{request.index}").random()
        if coin < self.fails:
            return Reply(None)
        return Reply("no idea", 1, 1) if request.kind == "answer" and coin < self.fails + self.garbles else reply


def spend(strategy, budget, seeds=5, teacher=None, verify=False, replicate=0):
    teacher = teacher or Oracle(TASK)
    ledger = Ledger(budget)
    data = load_strategy(strategy)(TASK, TASK.seeds(seeds, replicate), teacher, teacher, ledger, verify)
    return data, ledger


@given(st.integers(1, 50), st.lists(st.integers(0, 20), max_size=20))
def test_the_cap_is_never_passed(budget, charges):
    ledger = Ledger(budget)
    for n in charges:
        before = ledger.spent
        if n > budget - before:
            with pytest.raises(BudgetExceeded):
                ledger.charge("answer", n)
            assert ledger.spent == before
        else:
            ledger.charge("answer", n)
        assert ledger.spent <= budget


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_query_is_spent_and_buys_a_sample_at_its_price(strategy):
    data, ledger = spend(strategy, 40)
    assert ledger.spent == 40
    assert data.funnel.asked == round(40 / QUERIES_PER_SAMPLE[strategy])
    assert data.funnel.verified == data.funnel.parsed == data.funnel.asked, (
        "a faultless oracle gives right answers only"
    )


@settings(max_examples=60, deadline=None)
@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    budget=st.integers(1, 60),
    seeds=st.integers(1, 12),
    fails=st.floats(0, 1),
    garbles=st.floats(0, 0.5),
    verify=st.booleans(),
)
def test_accounting_holds_whatever_the_teacher_does(strategy, budget, seeds, fails, garbles, verify):
    teacher = Faulty(Oracle(TASK, answer_error=0.3), fails, garbles)
    data, ledger = spend(strategy, budget, seeds, teacher, verify)
    assert teacher.calls == ledger.spent <= budget, "what was charged is what was called"
    assert budget - ledger.spent < DEAREST.get(strategy, 2), "only what buys no sample is left"
    f = data.funnel
    assert f.asked >= f.returned >= f.parsed >= f.verified
    assert f.parsed >= f.unique == f.kept == len(data.samples) == len({(s.question, s.answer) for s in data.samples})
    if verify:
        assert f.kept <= f.verified


@settings(max_examples=40, deadline=None)
@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    small=st.integers(1, 30),
    more=st.integers(0, 40),
    fails=st.sampled_from([0.0, 0.4]),
)
def test_a_larger_budget_extends_a_smaller_one(strategy, small, more, fails):
    less, _ = spend(strategy, small, teacher=Faulty(Oracle(TASK), fails, 0))
    bigger, _ = spend(strategy, small + more, teacher=Faulty(Oracle(TASK), fails, 0))
    if strategy != "mixed":  # its answers come before its new questions, so that it extends both
        assert bigger.samples[: len(less.samples)] == less.samples
    assert not Counter(map(repr, less.samples)) - Counter(map(repr, bigger.samples))


@pytest.mark.parametrize("error", [0.0, 0.3, 1.0])
def test_answers_are_wrong_as_often_as_the_dial_says(error):
    data, _ = spend("answer_augmentation", 600, seeds=300, teacher=Oracle(TASK, answer_error=error))
    share = 1 - data.funnel.verified / data.funnel.asked
    assert share == pytest.approx(error, abs=4 * (0.25 / 600) ** 0.5 if 0 < error < 1 else 0)


def test_verification_drops_wrong_answers_only():
    teacher = Oracle(TASK, answer_error=0.5)
    everything, _ = spend("new_question", 200, teacher=teacher)
    filtered, _ = spend("new_question", 200, teacher=teacher, verify=True)
    assert set(filtered.samples) < set(everything.samples)
    assert filtered.funnel.verified == everything.funnel.verified


@pytest.mark.parametrize(
    ("strategy", "dial"), [("new_question", "invalid_rate"), ("question_rephrase", "rephrase_drift")]
)
@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_a_question_without_an_answer_or_that_drifted_never_verifies(strategy, dial, rate):
    data, _ = spend(strategy, 800, teacher=Oracle(TASK, **{dial: rate}))
    assert data.funnel.parsed == 400
    assert 1 - data.funnel.verified / 400 == pytest.approx(rate, abs=0.1 if 0 < rate < 1 else 0)


def test_coverage_runs_from_edited_seeds_to_the_whole_task():
    seeds = TASK.seeds(5, 0)
    plans = {(s.structure.family, s.structure.kind) for s in seeds}

    def kinds(coverage):
        replies = Oracle(TASK, coverage=coverage).reply(
            [Request("new_question", s, i) for s in seeds for i in range(40)]
        )
        return {(r.problem.structure.family, r.problem.structure.kind) for r in replies}

    assert kinds(0.0) == plans
    assert len(kinds(1.0)) > 3 * len(plans)


def test_turning_a_dial_changes_only_the_replies_it_must():
    requests = [Request("answer", s, i) for s in TASK.seeds(5, 0) for i in range(20)]
    none, some = Oracle(TASK).reply(requests), Oracle(TASK, answer_error=0.2).reply(requests)
    changed = sum(a.text != b.text for a, b in zip(none, some, strict=True))
    assert 5 <= changed <= 40
