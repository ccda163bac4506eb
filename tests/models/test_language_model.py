"""The student: what is trained, what is frozen, that gradients are right, and that decoding is what it says."""

import copy
import itertools
import math

import pytest
import torch
from accelerate import dispatch_model
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import eager_attention_forward

from crossover.errors import CrossoverError
from crossover.evaluation.answers import evaluate
from crossover.models import cpu_attention, language_model, training
from crossover.models.cpu_attention import KINDS, MOST, NAME, SHORT, attending, grouped
from crossover.models.decoding import MOST_LIFT, decode, greedy, packed, sampled
from crossover.models.language_model import IGNORED, LanguageModel, Recipe, _padded, _split, encode, place, train
from crossover.models.weights import model_folder
from crossover.tasks import load_task

TASK = load_task("math_words", steps=1)
PAIRS = [(TASK.prompt(p.question), p.answer) for p in TASK.seeds(12, 0)]


def recipe(**changes):
    return Recipe(
        **{
            "model": "tiny-random",
            "trained_layers": 1,
            "epochs": 2,
            "min_steps": 4,
            "batch_size": 4,
            "learning_rate": 1e-2,
            **changes,
        }
    )


@pytest.fixture
def student():
    return LanguageModel.load("tiny-random")


def test_completions_alone_carry_loss_and_end_the_text(student):
    ids, labels = encode(student.tokenizer, [("Question: a b?\nAnswer:", " 3.\n#### 3")])[0]
    learnt = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert student.tokenizer.decode(learnt[:-1]) == " 3.\n#### 3"
    assert learnt[-1] == student.tokenizer.eos_token_id
    assert student.tokenizer.decode(ids[: -len(learnt)]) == "Question: a b?\nAnswer:"


def test_the_two_parts_of_a_split_model_compute_what_the_whole_does(student):
    student.model.float()
    lower, upper = _split(student.model, 1)
    ids = torch.randint(0, 1000, (3, 11), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = student.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        parts = upper(
            inputs_embeds=lower(input_ids=ids, use_cache=False).last_hidden_state, use_cache=False
        ).last_hidden_state
    torch.testing.assert_close(parts, whole)
    assert len(student.model.base_model.layers) == 2, "the model itself is left whole"


def test_training_changes_the_upper_layers_alone(student):
    before = copy.deepcopy(student.model.state_dict())
    train(student, PAIRS, recipe(), seed=0)
    changed = {name for name, value in student.model.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("model.layers.1.") for name in changed)
    assert not [name for name in changed if name.startswith(("model.layers.0.", "model.embed", "lm_head"))]


@pytest.mark.parametrize(
    ("short", "kind", "overhead", "passes"), [(SHORT, NAME, math.inf, 1), (8, "sdpa", math.inf, 1), (SHORT, NAME, 8, 6)]
)
def test_a_frozen_prefix_gives_the_same_student_as_computing_it_each_time(
    student, monkeypatch, short, kind, overhead, passes
):
    """Reference: the loss of the whole float32 model, its gradients to the upper layers, a plain AdamW.

    Texts longer than a limit are trained with fused attention, shorter ones without, whole batches or parts of them; the
    student is left as it was.
    """
    used, padded, sizes = set(), language_model._padded, []
    monkeypatch.setattr(cpu_attention, "SHORT", short)
    monkeypatch.setattr(training, "FORWARD_OVERHEAD_TOKENS", overhead)

    def watched(examples, *rest):
        used.add(student.model.config._attn_implementation)
        sizes.append(len(examples))
        return padded(examples, *rest)

    monkeypatch.setattr(language_model, "_padded", watched)
    student.model.float()
    reference = copy.deepcopy(student.model)
    learnt = recipe(batch_size=len(PAIRS), epochs=3, min_steps=1)
    train(student, PAIRS, learnt, seed=0)
    assert used == {kind} and student.model.config._attn_implementation == "sdpa"
    assert sum(sizes) == 3 * len(PAIRS) and len(sizes) == 3 * passes

    ids, labels = _padded(encode(student.tokenizer, PAIRS), student.tokenizer.pad_token_id, torch.device("cpu"))
    upper = [*reference.model.layers[1].parameters(), *reference.model.norm.parameters()]
    optimiser = torch.optim.AdamW(upper, lr=1.0, weight_decay=0.0, betas=(0.9, 0.95))
    for step in range(3):
        logits = reference(input_ids=ids).logits[:, :-1].flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED)
        gradients = torch.autograd.grad(loss, upper)
        for parameter, gradient in zip(upper, gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(upper, 1.0)
        optimiser.param_groups[0]["lr"] = learnt.rate(step, 3)
        optimiser.step()
    for name, value in student.model.state_dict().items():
        torch.testing.assert_close(
            value, reference.state_dict()[name], atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize(("shared", "length", "tokens"), [(3, 1, 7), (1, 4, 4), (9, 5, 8)])
@pytest.mark.parametrize("masked", [True, False])
def test_grouped_attention_and_its_gradients_are_those_of_eager_attention(shared, length, tokens, masked):
    draws = torch.Generator().manual_seed(0)
    module = nn.Module().eval()
    module.num_key_value_groups = 9 // shared
    states = [
        torch.randn(2, heads, n, 16, generator=draws, requires_grad=True)
        for heads, n in ((9, length), (shared, tokens), (shared, tokens))
    ]
    mask = (
        torch.zeros(2, 1, length, tokens).masked_fill_(torch.rand(2, 1, length, tokens, generator=draws) < 0.3, -1e30)
        if masked
        else None
    )
    pulled = torch.randn(2, length, 9, 16, generator=draws)
    found = []
    for attend in (grouped, eager_attention_forward):
        out, weights = attend(module, *states, mask, scaling=0.3)
        found.append([out, weights, *torch.autograd.grad((out * pulled).sum(), states)])
    torch.testing.assert_close(found[0], found[1])


def test_a_model_attends_as_before_after_an_error_and_keeps_a_way_of_its_own(student):
    config = student.model.config
    most = MOST // SHORT**2
    with pytest.raises(KeyError), attending(student.model, most, SHORT):
        assert config._attn_implementation == NAME
        raise KeyError
    for rows, longest in ((1, SHORT + 1), (most + 1, SHORT)):
        with attending(student.model, rows, longest):
            assert config._attn_implementation == "sdpa"
    student.model.set_attn_implementation("eager")
    with attending(student.model, 1, 1):
        assert config._attn_implementation == "eager"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_models_of_every_kind_that_attends_in_groups_give_the_same_logits(kind):
    """Prompts padded on the left, and then a token more from the cache."""
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, vocab_size=96, pad_token_id=0, bos_token_id=1, eos_token_id=2, **sizes)
    ).eval()
    ids = torch.randint(3, 96, (3, 8), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, :5] = 0

    @torch.no_grad()
    def logits():
        first = model(input_ids=ids[:, :-1], attention_mask=mask[:, :-1], use_cache=True)
        return first.logits[:, -1], model(
            input_ids=ids[:, -1:], attention_mask=mask, past_key_values=first.past_key_values
        ).logits

    usual = logits()
    with attending(model, 3, 8):
        assert model.config._attn_implementation == NAME
        torch.testing.assert_close(logits(), usual)


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
    first, second = (train(s, PAIRS, recipe(min_steps=60, trained_layers=0), seed=3) for s in (student, other))
    assert first == second
    for a, b in zip(student.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert first.loss < 6 < torch.log(torch.tensor(49152.0)), "a random model starts near log(vocabulary)"


@pytest.mark.parametrize(("n", "steps"), [(1, 16), (8, 16), (100, 39), (512, 192)])
def test_small_training_sets_are_repeated(n, steps):
    assert recipe(batch_size=8, epochs=3, min_steps=16).steps(n) == steps


def test_a_training_set_smaller_than_a_batch_works(student):
    assert train(student, PAIRS[:1], recipe(), seed=0).steps == 4


def test_nothing_to_train_on_is_an_error(student):
    with pytest.raises(CrossoverError, match="funnel"):
        train(student, [], recipe(), seed=0)


@pytest.mark.parametrize(("trained_layers", "expected"), [(1, {"1"}), (0, {"0", "1"})])
def test_adapters_change_the_linear_maps_of_the_trained_layers_by_their_rank(student, trained_layers, expected):
    student.model.float()
    before = copy.deepcopy(student.model.state_dict())
    train(student, PAIRS, recipe(lora_rank=2, trained_layers=trained_layers), seed=0)
    after = student.model.state_dict()
    assert set(after) == set(before), "the adapters are merged, so that the model is a plain one again"
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert {name.split(".")[2] for name in changed} == expected
    assert len(changed) == 7 * len(expected), (
        "of each layer the four maps of attention and the three of the feed-forward block"
    )
    for name in changed:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) == 2


def test_adapters_learn_and_are_repeatable(student):
    learnt = recipe(lora_rank=4, trained_layers=0, min_steps=60)
    first, again = (
        train(student, PAIRS, learnt, seed=0),
        train(LanguageModel.load("tiny-random"), PAIRS, learnt, seed=0),
    )
    untrained = train(LanguageModel.load("tiny-random"), PAIRS, recipe(min_steps=1, epochs=1), seed=0)
    assert first == again
    assert first.loss < untrained.loss - 0.1


def test_a_recipe_without_adapters_has_the_digest_that_it_had_before_there_were_any():
    assert "lora_rank" not in recipe().as_dict()
    assert recipe(lora_rank=4).as_dict()["lora_rank"] == 4


@pytest.mark.parametrize("layers", [2, 30])
def test_more_trained_layers_than_there_are_is_an_error(student, layers):
    with pytest.raises(CrossoverError, match=f"trained_layers is {layers}, the model has 2"):
        train(student, PAIRS, recipe(trained_layers=layers), seed=0)


def test_every_weight_can_be_trained(student):
    before = student.model.model.embed_tokens.weight.clone()
    train(student, PAIRS, recipe(trained_layers=0), seed=0)
    assert not torch.equal(before, student.model.model.embed_tokens.weight)


def reference_continuation(student, prompt, n):
    out = student.model.generate(torch.tensor([prompt]), max_new_tokens=n, do_sample=False)
    return student.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True)


def test_greedy_decoding_in_a_batch_is_transformers_own_one_by_one(student):
    student.model.float()  # in bfloat16, ties break by how rows are batched
    prompts = student.tokenizer([prompt for prompt, _ in PAIRS])["input_ids"]
    ours = decode(student, prompts, greedy, lambda tokens: False, 10)
    assert ours == [reference_continuation(student, prompt, 10) for prompt in prompts]


@pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
    reason="this processor has no products in bfloat16",
)
@pytest.mark.parametrize("rows", [1, 8, 50])
def test_packed_weights_give_the_same_products_and_are_gone_afterwards(student, rows):
    module = student.model.lm_head
    states = torch.randn(rows, 1, module.in_features).bfloat16()
    with torch.inference_mode():
        plain = module(states)
        with packed(student.model, rows):
            assert "weight" in module.forward.keywords
            assert torch.equal(module(states), plain)
        module.weight.zero_()
        with packed(student.model, rows):
            assert not module(states).any()
    with pytest.raises(ZeroDivisionError), packed(student.model, rows):
        _ = 1 / 0
    assert not any("forward" in vars(part) for part in student.model.modules())


def test_packed_weights_have_their_bias_and_other_kinds_of_linear_maps_are_left_alone():
    class Doubled(nn.Linear):
        def forward(self, states):
            return 2 * super().forward(states)

    model = nn.ModuleList([nn.Linear(32, 48), Doubled(32, 48)]).to(torch.bfloat16)
    states = torch.randn(5, 32).bfloat16()
    with torch.inference_mode():
        plain = [part(states) for part in model]
        with packed(model, 5):
            assert "forward" not in vars(model[1])
            assert all(torch.equal(part(states), before) for part, before in zip(model, plain, strict=True))


def test_a_row_that_ended_stops_writing_while_others_go_on(student):
    prompts = student.tokenizer([prompt for prompt, _ in PAIRS[:6]])["input_ids"]
    limits = iter(range(100))

    def ended(tokens, seen={}):  # noqa: B006 - remembers one limit a row, by its first token list
        return len(tokens) >= seen.setdefault(id(tokens), 1 + next(limits))

    texts = decode(student, prompts, greedy, ended, 50)
    assert [len(student.tokenizer(text)["input_ids"]) <= i + 2 for i, text in enumerate(texts)] == [True] * 6


def test_sampling_has_the_softmax_distribution():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    draws = 4000
    pick = sampled(0.7, list(range(draws)))
    counts = torch.bincount(pick(logits.expand(draws, -1), list(range(draws))), minlength=5).numpy()
    expected = torch.softmax(logits / 0.7, -1).numpy().astype(float)
    assert stats.chisquare(counts, draws * expected / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 30.0])
def test_a_draw_is_the_gumbel_maximum_over_the_whole_vocabulary(spread):
    logits = spread * torch.randn(64, 5000, generator=torch.Generator().manual_seed(1))
    logits[:, 7] = -torch.inf
    uniform = torch.stack([torch.rand(5000, generator=torch.Generator().manual_seed(seed)) for seed in range(64)])
    whole = (logits / 0.7 - (-uniform.log()).log()).argmax(-1)
    assert torch.equal(sampled(0.7, list(range(64)))(logits, list(range(64))), whole)


def test_no_draw_lifts_a_token_by_more_than_the_bound():
    largest = torch.tensor(1 - 2**-24)
    assert float(-(-largest.log()).log()) < MOST_LIFT
    assert float(torch.rand(10**7, generator=torch.Generator().manual_seed(0)).max()) <= float(largest)


def test_a_rows_draws_do_not_depend_on_its_neighbours():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    together = sampled(1.0, [5, 6, 7])(logits, [0, 1, 2])
    alone = sampled(1.0, [7])(logits[2:], [0])
    assert together[2] == alone[0]


def test_scores_follow_the_completions(student, monkeypatch):
    problems = TASK.test(3)
    monkeypatch.setattr(
        "crossover.evaluation.answers.decode", lambda s, prompts, *rest: [problems[0].answer] * len(prompts)
    )
    outcomes = evaluate(student, TASK, problems, 5)
    assert [o.item for o in outcomes] == [p.id for p in problems]
    assert outcomes[0].correct
    truths = [TASK.extract(p.answer) == TASK.extract(problems[0].answer) for p in problems]
    assert [o.correct for o in outcomes] == truths


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


def test_the_model_folder_is_the_readers_own_where_one_is_given(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert model_folder(str(tmp_path)) == tmp_path


def spread(model):
    """Put every block of a model on the CPU by accelerate, with the hooks that send inputs to where a block lies."""
    blocks = [
        "model.embed_tokens",
        "model.rotary_emb",
        "model.norm",
        "lm_head",
        *(f"model.layers.{i}" for i in range(len(model.model.layers))),
    ]
    return dispatch_model(model, dict.fromkeys(blocks, "cpu"), force_hooks=True)


@pytest.mark.parametrize("changes", [{}, {"trained_layers": 0}, {"lora_rank": 2}])
def test_a_model_spread_by_accelerate_trains_and_writes_as_one_in_one_place(student, changes):
    whole = LanguageModel.load("tiny-random")
    spread(student.model)
    assert hasattr(student.model.model.layers[1], "_hf_hook"), (
        "a block without a hook would not show that hooks do no harm"
    )
    assert train(student, PAIRS, recipe(**changes), seed=0) == train(whole, PAIRS, recipe(**changes), seed=0)
    prompts = student.tokenizer([prompt for prompt, _ in PAIRS[:5]])["input_ids"]
    assert decode(student, prompts, greedy, lambda _: False, 6) == decode(whole, prompts, greedy, lambda _: False, 6)


@pytest.mark.parametrize(("room", "places"), [(0.7, {0, 1}), (0.3, None)])
def test_layers_are_spread_over_the_gpus_there_are_and_never_left_on_the_cpu(monkeypatch, room, places):
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=8, num_attention_heads=4)
    )
    size = model.get_memory_footprint()
    free = {0: int(room * size), 1: int(room * size), "cpu": 10 * size}
    monkeypatch.setattr(language_model, "get_max_memory", lambda: dict(free))
    monkeypatch.setattr(
        "accelerate.utils.modeling.get_max_memory", lambda places: dict(places)
    )  # which drops GPUs that are not there
    monkeypatch.setattr(language_model, "get_balanced_memory", lambda model, max_memory, **_: max_memory)
    given = []
    monkeypatch.setattr(language_model, "dispatch_model", lambda model, device_map: given.append(device_map) or model)
    if places is None:
        with pytest.raises(CrossoverError, match="does not fit on the GPUs, of which 0.0, 0.0 GB are free"):
            place(model, "auto")
    else:
        place(model, "auto")
        assert set(given[0].values()) == places and set(given[0]) >= {f"model.layers.{i}" for i in range(8)}


def test_adapters_need_linear_maps_in_layers(student):
    with pytest.raises(CrossoverError, match="lora_rank is 2, and .* has no linear maps"):
        language_model._adapt(student.model, [nn.LayerNorm(4)], 2, 0)


def test_where_there_is_no_gpu_a_model_spread_over_all_devices_lies_on_the_cpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert {p.device.type for p in LanguageModel.load("tiny-random", "auto").model.parameters()} == {"cpu"}
