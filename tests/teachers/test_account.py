"""What a server was paid: caps that hold, and counting that goes on after a kill."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.teachers.spending import Account, BudgetExceeded


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=30),
    st.integers(1, 600),
    st.integers(0, 40),
)
@settings(max_examples=50, deadline=None)
def test_an_account_goes_on_counting_after_a_kill(tmp_path_factory, attempts, cap, cut):
    path = tmp_path_factory.mktemp("account") / "spending.jsonl"
    account = Account(path, max_total_tokens=cap)
    for tokens_in, tokens_out, known in attempts:
        try:
            entry = account.reserve(tokens_in, tokens_out)
        except BudgetExceeded:
            assert account.tokens_in + account.tokens_out + tokens_in + tokens_out > cap
            continue
        if known:
            account.settle(entry, tokens_in // 2, tokens_out // 2)
        assert account.tokens_in + account.tokens_out <= cap
    again = Account(path, max_total_tokens=cap)
    assert (again.tokens_in, again.tokens_out, again.entries) == (
        account.tokens_in,
        account.tokens_out,
        account.entries,
    )
    if path.exists():
        path.write_bytes(path.read_bytes() + b"[3, 4, 5]"[: cut % 9])  # a line cut short
        assert Account(path).entries == account.entries
        Account(path).reserve(1, 1)
        assert len(Account(path).entries) == len(account.entries) + 1


@pytest.mark.parametrize("wrong", [{"price_in": -1}, {"max_cost": 3}])
def test_an_account_that_could_not_hold_its_cap_is_refused(tmp_path, wrong):
    with pytest.raises(CrossoverError, match=next(iter(wrong))):
        Account(tmp_path / "s", **wrong)
