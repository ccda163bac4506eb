"""The encoder student: what its loss and mean are, that it learns, repeats and refuses."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from crossover.evaluation.answers import classify
from crossover.models.encoder import MAX_LENGTH, Encoder, train
from crossover.models.recipe import Recipe
from crossover.tasks import load_task

MODEL = "tiny-random-encoder"
TASK = load_task("sst2")
PAIRS = [(p.question, TASK.extract(p.answer)) for p in TASK.seeds(24, 0)]


def recipe(**changes):
    return replace(Recipe(MODEL, 0, epochs=2, min_steps=1, batch_size=8, learning_rate=1e-4), **changes)


def load(seed=0):
    return Encoder.load(MODEL, TASK.labels, seed)


@pytest.fixture(scope="module")
def untrained():
    return load()


def test_a_texts_logits_do_not_depend_on_its_neighbours_or_padding(untrained):
    tokens = untrained.tokens([text for text, _ in PAIRS])
    with torch.no_grad():
        together = untrained.logits(tokens)
        alone = torch.cat([untrained.logits([t]) for t in tokens])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_the_head_reads_the_mean_of_the_states(untrained):
    ids = torch.tensor([untrained.tokens(["a fine film"])[0]])
    with torch.no_grad():
        states = untrained.model.body(input_ids=ids).last_hidden_state[0]
        torch.testing.assert_close(untrained.logits(ids.tolist())[0], untrained.model.head(states.mean(0)))


def test_long_texts_are_cut(untrained):
    assert len(untrained.tokens(["good " * 1000])[0]) == MAX_LENGTH


def test_training_is_repeatable_and_the_seed_matters():
    first, again, other = load(1), load(1), load(2)
    assert torch.equal(first.model.head.weight, again.model.head.weight)
    assert not torch.equal(first.model.head.weight, other.model.head.weight)
    reports = [train(e, PAIRS, recipe(), seed) for e, seed in ((first, 1), (again, 1))]
    assert reports[0] == reports[1] and reports[0].steps == 6
    for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_training_leaves_the_callers_random_state_alone():
    encoder = load()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(encoder, PAIRS[:8], recipe(epochs=1), 0)
    assert torch.equal(torch.rand(3), expected)


def test_one_step_is_adam_on_the_cross_entropy():
    """Reference: a whole batch, no dropout, torch's own Adam."""
    encoder = load()
    for module in encoder.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    reference = copy.deepcopy(encoder)
    learnt = recipe(batch_size=len(PAIRS), epochs=1)
    done = train(encoder, PAIRS, learnt, 0)

    targets = torch.tensor([TASK.labels.index(label) for _, label in PAIRS])
    optimiser = torch.optim.Adam(reference.model.parameters(), lr=learnt.rate(0, 1), betas=(0.9, 0.95))
    loss = nn.functional.cross_entropy(reference.logits(reference.tokens([t for t, _ in PAIRS])), targets)
    loss.backward()
    nn.utils.clip_grad_norm_(reference.model.parameters(), 1.0)
    optimiser.step()
    assert done.loss == pytest.approx(loss.item(), rel=1e-4)
    torch.testing.assert_close(encoder.model.head.weight, reference.model.head.weight, atol=2e-6, rtol=1e-3)


def test_it_learns_its_training_set():
    encoder = load()
    train(encoder, PAIRS, recipe(epochs=60, learning_rate=5e-3), 0)
    outcomes = classify(encoder, TASK, TASK.seeds(24, 0))
    assert sum(o.correct for o in outcomes) == 24
    assert [o.item for o in outcomes] == [p.id for p in TASK.seeds(24, 0)]
    assert all(o.extracted in TASK.labels for o in outcomes)
