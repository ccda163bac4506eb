"""Likelihoods of completions, against one forward pass each without cache, batch or shared prompt."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.models import training
from crossover.models.decoding import greedy, likelihoods, likelihoods_after, read_prompts, write

TOKENS = st.lists(st.integers(3, 2000), min_size=1, max_size=9)


@torch.inference_mode()
def naive(lm, prompt, completion):
    """Sum the log-probability of each token in a loop, and say whether each was the likeliest."""
    total, same, ids = 0.0, True, list(prompt)
    for token in completion:
        logs = lm.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        total, same = total + float(logs[token]), same and int(logs.argmax()) == token
        ids.append(token)
    return total, same


@given(
    st.lists(st.tuples(TOKENS, st.lists(TOKENS, min_size=1, max_size=3)), min_size=1, max_size=4),
    st.sampled_from([0, 32]),
)
@settings(max_examples=25, deadline=None)
def test_likelihoods_are_those_of_a_naive_loop(lm, items, overhead):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "FORWARD_OVERHEAD_TOKENS", overhead)
        found = likelihoods(lm, [prompt for prompt, _ in items], [several for _, several in items])
    for (prompt, several), scored in zip(items, found, strict=True):
        for tokens, one in zip(several, scored, strict=True):
            total, same = naive(lm, prompt, tokens)
            assert one.total == pytest.approx(total, rel=1e-5) and one.greedy == same


def test_the_likeliest_tokens_are_greedy_and_a_change_is_not(lm):
    ids = [5, 6, 7]
    for _ in range(4):
        ids.append(int(lm.model(torch.tensor([ids])).logits[0, -1].argmax()))
    tokens = ids[3:]
    scored = likelihoods(lm, [ids[:3]], [[tokens, [tokens[0] + 1, *tokens[1:]], [*tokens[:-1], tokens[-1] + 1]]])[0]
    assert [one.greedy for one in scored] == [True, False, False]


def test_prompts_that_were_scored_are_continued_as_if_they_had_not_been(lm):
    prompts = [[5, 6, 7, 8], [9], [10, 11]]
    prefix = read_prompts(lm, prompts)
    likelihoods_after(lm, prefix, [[[1, 2, 3]], [[4], [5, 6]], [[7, 8, 9, 10]]])
    scored_first = write(lm, prefix, greedy, lambda tokens: False, 6)
    assert not prefix.logits.requires_grad  # else every activation of the prompts is kept
    assert scored_first == write(lm, read_prompts(lm, prompts), greedy, lambda tokens: False, 6)
