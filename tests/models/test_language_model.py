"""The student: what is trained, what is frozen, that gradients are right, and that decoding is what it says."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from crossover.errors import CrossoverError
from crossover.evaluation.answers import evaluate
from crossover.models import language_model, training
from crossover.models.decoding import greedy, read_prompts, sampled, write
from crossover.models.language_model import (
    IGNORED,
    KINDS,
    NAME,
    SHORT,
    LanguageModel,
    Packing,
    attending,
    encode,
    train,
)
from crossover.models.recipe import Recipe
from crossover.tasks import load_task

TASK = load_task("math_words", steps=1)
PAIRS = [(TASK.prompt(p.question), p.answer) for p in TASK.seeds(12, 0)]


def recipe(**changes):
    return replace(Recipe("tiny-random", 1, epochs=2, min_steps=4, batch_size=4, learning_rate=1e-2), **changes)


@pytest.fixture
def student():
    return LanguageModel.load("tiny-random")


def test_completions_alone_carry_loss_and_end_the_text(student):
    ids, labels = encode(student.tokenizer, [("Question: a b?\nAnswer:", " 3.\n#### 3")])[0]
    learnt = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert student.tokenizer.decode(learnt[:-1]) == " 3.\n#### 3"
    assert learnt[-1] == student.tokenizer.eos_token_id
    assert student.tokenizer.decode(ids[: -len(learnt)]) == "Question: a b?\nAnswer:"


def reference_gradient_step(reference, upper, ids, labels):
    """Cross-entropy of padded texts by the whole model and its gradients to the upper layers."""
    logits = reference(input_ids=ids).logits[:, :-1].flatten(0, 1)
    loss = nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED)
    for parameter, gradient in zip(upper, torch.autograd.grad(loss, upper), strict=True):
        parameter.grad = gradient


def padded(examples, pad):
    width = max(len(ids) for ids, _ in examples)
    ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in examples])
    return ids, torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in examples])


@pytest.mark.parametrize(("short", "kinds"), [(SHORT, KINDS), (8, KINDS), (SHORT, frozenset())])
def test_training_is_plain_adam_on_the_cross_entropy_of_the_completions(student, monkeypatch, short, kinds):
    """Reference: padded texts, the whole float32 model, a plain AdamW; by plain products, the fused kernel, and padded batches."""
    monkeypatch.setattr(language_model, "SHORT", short)
    monkeypatch.setattr(language_model, "KINDS", kinds)
    student.model.float()
    reference = copy.deepcopy(student.model)
    learnt = recipe(batch_size=len(PAIRS), epochs=3, min_steps=1)
    train(student, PAIRS, learnt, seed=0)
    assert student.model.config._attn_implementation == "sdpa", "the student is left as it was"
    ids, labels = padded(encode(student.tokenizer, PAIRS), student.tokenizer.pad_token_id)
    upper = [*reference.model.layers[1].parameters(), *reference.model.norm.parameters()]
    optimiser = torch.optim.AdamW(upper, lr=1.0, weight_decay=0.0, betas=(0.9, 0.95))
    for step in range(3):
        reference_gradient_step(reference, upper, ids, labels)
        nn.utils.clip_grad_norm_(upper, 1.0)
        optimiser.param_groups[0]["lr"] = learnt.rate(step, 3)
        optimiser.step()
    for name, value in student.model.state_dict().items():
        torch.testing.assert_close(
            value, reference.state_dict()[name], atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_packed_texts_have_the_states_they_have_alone(kind):
    """Every kind of model: texts of several lengths in one row, against one forward pass each."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    tokens = {"vocab_size": 96, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, num_key_value_heads=2, **sizes, **tokens)
    ).eval()
    texts = [torch.randint(3, 96, (length,), generator=torch.Generator().manual_seed(length)) for length in (5, 1, 9)]
    packing = Packing([len(text) for text in texts], torch.device("cpu"))
    with torch.no_grad():
        alone = [model.base_model(input_ids=text[None], use_cache=False).last_hidden_state[0] for text in texts]
        with attending(model) as able:
            assert able
            together = model.base_model(
                input_ids=torch.cat(texts)[None], position_ids=packing.positions, use_cache=False, packing=packing
            ).last_hidden_state[0]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_a_model_attends_as_before_after_an_error_and_keeps_a_way_of_its_own(student):
    config = student.model.config
    with pytest.raises(KeyError), attending(student.model):
        assert config._attn_implementation == NAME
        raise KeyError
    assert config._attn_implementation == "sdpa"
    student.model.set_attn_implementation("eager")
    with attending(student.model) as able:
        assert not able and config._attn_implementation == "eager"


@given(st.lists(st.integers(1, 200), min_size=1, max_size=7), st.integers(0, 300))
def test_no_other_parts_of_a_batch_cost_less(lengths, overhead):
    """Against all ways to cut the batch in order of length."""

    def cost(cut):
        return sum(max(part) * len(part) + overhead for part in cut)

    found = training.length_buckets(range(len(lengths)), lengths, overhead)
    assert sorted(i for part in found for i in part) == list(range(len(lengths)))
    ordered, ends = sorted(lengths), range(1, len(lengths))
    ways = [cut for n in range(len(lengths)) for cut in itertools.combinations(ends, n)]
    least = min(cost([ordered[a:b] for a, b in itertools.pairwise((0, *cut, len(lengths)))]) for cut in ways)
    assert cost([[lengths[i] for i in part] for part in found]) == least


def test_updates_too_small_for_bfloat16_are_not_lost(student):
    """A rate at which no single step moves a bfloat16 weight of 1 (the norm's) still moves it over many."""
    weight = student.model.model.norm.weight
    assert (weight == 1).all()
    train(student, PAIRS, recipe(learning_rate=5e-4, min_steps=30), seed=0)
    assert not torch.equal(weight, torch.ones_like(weight))


def test_training_is_repeatable_and_learns(student):
    other = LanguageModel.load("tiny-random")
    before = student.model.model.embed_tokens.weight.clone()
    first, second = (train(s, PAIRS, recipe(min_steps=60, trained_layers=0), seed=3) for s in (student, other))
    assert student.frozen == 0 and not torch.equal(before, student.model.model.embed_tokens.weight)
    assert first == second
    for a, b in zip(student.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert first.loss < 6 < torch.log(torch.tensor(49152.0)), "a random model starts near log(vocabulary)"


@pytest.mark.parametrize(("n", "steps"), [(1, 16), (8, 16), (100, 39), (512, 192)])
def test_small_training_sets_are_repeated(n, steps):
    assert recipe(batch_size=8, epochs=3, min_steps=16).steps(n) == steps


@pytest.mark.parametrize("n", [0, 1, 12])
def test_fixed_updates_do_not_depend_on_the_training_set(student, n):
    if n == 0:
        with pytest.raises(CrossoverError, match="funnel"):
            train(student, [], recipe(), seed=0)
    else:
        assert train(student, PAIRS[:n], recipe(updates="steps", max_steps=7), seed=0).steps == 7


def test_memorised_trains_until_accuracy_stands_still_and_then_decays(student):
    """Two pairs are learnt by heart long before the limit, and the rate is a tenth of the peak at the end."""
    rule = recipe(updates="memorised", max_steps=400, min_steps=60, trained_layers=0, batch_size=2)
    found = train(student, PAIRS[:2], rule, seed=0)
    assert found.steps < 400 and found.accuracy[-1] > 0.95 > found.accuracy[0]
    plateau = next(n for n in range(found.steps) if n + training.decay_steps(n) == found.steps)
    windows = [found.accuracy[plateau + 1 - k * 8 : plateau + 1 - (k - 1) * 8] for k in (3, 2, 1)]
    before, *last = (sum(window) / 8 for window in windows)
    assert max(last) < before + training.PLATEAU
    rates = [rule.rate_until_memorised(step, plateau) for step in range(found.steps)]
    assert rates[plateau] == rule.learning_rate == max(rates) and rates[-1] < 0.2 * rule.learning_rate


def test_memorised_ends_at_its_limit(student):
    rule = recipe(updates="memorised", max_steps=5, min_steps=1, learning_rate=1e-6)
    assert train(student, PAIRS, rule, seed=0).steps == 5 + training.decay_steps(5) == rule.steps(len(PAIRS))


def test_token_accuracy_is_the_share_of_likeliest_tokens(student):
    student.model.float()
    reference = copy.deepcopy(student.model)
    rule = recipe(batch_size=len(PAIRS), min_steps=1, updates="memorised", max_steps=1)
    found = train(student, PAIRS, rule, seed=0)
    ids, labels = padded(encode(student.tokenizer, PAIRS), student.tokenizer.pad_token_id)
    with torch.no_grad():
        picked = reference(input_ids=ids).logits[:, :-1].argmax(-1)
    gold = labels[:, 1:]
    assert found.accuracy[0] == pytest.approx(float((picked == gold)[gold != IGNORED].float().mean()), abs=1e-6)


def test_averaged_weights_are_the_mean_of_the_last_steps(student):
    """Against runs of one step more each, which a constant seed makes prefixes of one another but for the rate."""
    parameters = [nn.Parameter(torch.full((2, 2), 1.0)), nn.Parameter(torch.full((2,), 1.0))]
    optimiser = training.MasterAdamW(parameters, recipe(averaged=0.5))
    seen = []
    for step in range(4):
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, 1.0 + step)
        optimiser.step(0.1, average=step >= 2)
        seen.append([parameter.detach().clone() for parameter in parameters])
    optimiser.finish()
    for i, parameter in enumerate(parameters):
        torch.testing.assert_close(parameter.detach(), (seen[2][i] + seen[3][i]) / 2)
        assert not torch.equal(seen[2][i], seen[3][i])


def test_weight_decay_shrinks_matrices_alone():
    matrix, norm = nn.Parameter(torch.full((2, 2), 1.0)), nn.Parameter(torch.full((2,), 1.0))
    optimiser = training.MasterAdamW([matrix, norm], recipe(weight_decay=0.5))
    for parameter in (matrix, norm):
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step(0.1)
    torch.testing.assert_close(matrix.detach(), torch.full((2, 2), 0.95))
    torch.testing.assert_close(norm.detach(), torch.ones(2))


@pytest.mark.parametrize("layers", [2, 30])
def test_more_trained_layers_than_there_are_is_an_error(student, layers):
    with pytest.raises(CrossoverError, match=f"trained_layers is {layers}, the model has 2"):
        train(student, PAIRS, recipe(trained_layers=layers), seed=0)


@pytest.mark.parametrize("layers", [0, 1])
def test_an_example_may_stand_twice_in_a_batch(student, layers):
    """Batches of 4 from 5 examples: an epoch ends inside a batch, and the next may begin with an example of that batch."""
    done = train(student, PAIRS[:5], recipe(trained_layers=layers, epochs=8), 0)
    assert done.tokens >= 8 * sum(len(ids) for ids, _ in encode(student.tokenizer, PAIRS[:5]))


def reference_continuation(student, prompt, n):
    out = student.model.generate(torch.tensor([prompt]), max_new_tokens=n, do_sample=False)
    return student.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True)


def test_greedy_decoding_in_a_batch_is_transformers_own_one_by_one(student):
    student.model.float()  # in bfloat16, ties break by how rows are batched
    prompts = student.tokenizer([prompt for prompt, _ in PAIRS])["input_ids"]
    ours = write(student, read_prompts(student, prompts), greedy, lambda tokens: False, 10)
    assert ours == [reference_continuation(student, prompt, 10) for prompt in prompts]


def test_a_row_that_ended_stops_writing_while_others_go_on(student):
    prompts = student.tokenizer([prompt for prompt, _ in PAIRS[:6]])["input_ids"]
    limits = iter(range(100))

    def ended(tokens, seen={}):  # noqa: B006 - remembers one limit a row, by its first token list
        return len(tokens) >= seen.setdefault(id(tokens), 1 + next(limits))

    texts = write(student, read_prompts(student, prompts), greedy, ended, 50)
    assert [len(student.tokenizer(text)["input_ids"]) <= i + 2 for i, text in enumerate(texts)] == [True] * 6


def test_sampling_has_the_softmax_distribution():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    draws = 4000
    pick = sampled(0.7, list(range(draws)))
    counts = torch.bincount(pick(logits.expand(draws, -1), list(range(draws))), minlength=5).numpy()
    expected = torch.softmax(logits / 0.7, -1).numpy().astype(float)
    assert stats.chisquare(counts, draws * expected / expected.sum()).pvalue > 1e-3
    # A row's draws do not depend on its neighbours.
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    together = sampled(1.0, [5, 6, 7])(logits, [0, 1, 2])
    alone = sampled(1.0, [7])(logits[2:], [0])
    assert together[2] == alone[0]


@pytest.mark.slow
def test_a_pretrained_model_learns_the_task():
    student = LanguageModel.load("SmolLM2-135M-Instruct")
    before = sum(o.correct for o in evaluate(student, TASK, TASK.test(40), 48))
    problems = TASK.seeds(64, 0)
    train(
        student,
        [(TASK.prompt(p.question), p.answer) for p in problems],
        recipe(trained_layers=15, batch_size=8, learning_rate=2e-4, epochs=3),
        0,
    )
    assert sum(o.correct for o in evaluate(student, TASK, TASK.test(40), 48)) > before + 5


def test_students_of_one_model_share_their_frozen_layers_and_answer_as_if_they_did_not(student):
    problems = TASK.test(5)
    train(student, PAIRS, recipe(), seed=1)
    other = LanguageModel.load("tiny-random")
    train(other, PAIRS, recipe(), seed=2)
    assert student.frozen == other.frozen == 1
    calls = []
    first = student.model.base_model.layers[0].register_forward_hook(lambda *_: calls.append("student"))
    second = other.model.base_model.layers[0].register_forward_hook(lambda *_: calls.append("other"))
    shared = evaluate(student, TASK, problems, 4), evaluate(other, TASK, problems, 4)
    read = calls.count("student") - calls.count("other")
    assert read >= 2  # the prompts, and the gold answers in one part at least: the other student did not compute them
    first.remove(), second.remove()
    student.frozen = other.frozen = 0
    assert shared == (evaluate(student, TASK, problems, 4), evaluate(other, TASK, problems, 4))
