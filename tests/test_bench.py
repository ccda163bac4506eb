"""The bench: what it counts, what it calls met, and that every section runs."""

import contextlib
import subprocess
import sys

import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from crossover.bench import SECTIONS, __main__, ceilings, decoding, products, tables, training
from crossover.models.language_model import LanguageModel, encode


def test_a_ratio_is_taken_within_a_turn_and_its_median_over_turns():
    found = pd.DataFrame({"ours": [2.0, 20.0, 6.0], "theirs": [1.0, 10.0, 2.0]})
    assert tables.ratio(found, "ours", "theirs") == 2.0
    values = iter(range(6))
    assert tables.turns({"a": lambda: next(values), "b": lambda: next(values)}, 3).to_numpy().tolist() == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_what_is_wanted_is_met_or_not():
    rows = [
        ("a", 3.0, "x", ">= 3"),
        ("b", 2.99, "x", ">= 3"),
        ("c", 5.0, "s", "< 5"),
        ("d", 0.0, "", "= 0"),
        ("e", 1.0, "", ""),
    ]
    assert tables.table(rows)["met"].tolist() == ["yes", "no", "no", "yes", ""]


def test_a_rate_is_two_operations_for_each_product_over_the_time(monkeypatch):
    monkeypatch.setattr(ceilings, "best", lambda work, repeats: work() or 2.0)
    shape = (512, 64, 32)
    times = round(2048**3 / (512 * 64 * 32))
    assert ceilings.matmul(torch.float32, shape) == 2 * 512 * 64 * 32 * times / 2.0


def test_work_is_six_operations_a_weight_and_token_where_all_is_trained():
    examples = training.pairs(4)
    student = LanguageModel.load(training.MODEL)
    encoded = encode(student.tokenizer, examples)
    tokens, losses = (
        sum(len(ids) for ids, _ in encoded),
        sum(label != -100 for _, labels in encoded for label in labels),
    )
    body = sum(p.numel() for name, p in student.model.named_parameters() if p.ndim == 2 and "embed" not in name)
    assert training.work(examples, 0) == 6 * training.EPOCHS * (
        body * tokens + student.model.lm_head.weight.numel() * losses
    )
    assert training.work(examples, 15) < 0.6 * training.work(examples, 0)


def test_products_alone_do_the_work_and_no_more(monkeypatch):
    examples = training.pairs(training.BATCH)
    with FlopCounterMode(display=False) as counted:
        training.products_alone(examples, 15)
    assert counted.get_total_flops() == training.work(examples, 15)

    monkeypatch.setattr(
        products, "packed", lambda *_: contextlib.nullcontext()
    )  # products that the counter does not know
    student = LanguageModel.load("tiny-random")
    head = student.model.lm_head.weight.numel()
    layers = sum(p.numel() for p in student.model.model.layers.parameters() if p.ndim == 2)
    with FlopCounterMode(display=False) as counted:
        products.write(student, 23, [5, 5, 2, 1])
    assert counted.get_total_flops() == 2 * layers * (23 + 3 + 2 + 2 + 2) + 2 * head * (4 + 3 + 2 + 2 + 2)


def test_a_text_without_an_end_goes_on_to_the_limit():
    student = LanguageModel.load("tiny-random")
    pick = decoding._endless(student, lambda logits, rows: logits.argmax(-1))
    logits = torch.zeros(2, 300)
    logits[:, student.tokenizer.eos_token_id] = 9.0
    assert (pick(logits, [0, 1]) != student.tokenizer.eos_token_id).all()


def test_without_a_llama_server_there_is_no_address(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with decoding.llama_server() as address:
        assert address == ""


def test_a_section_that_is_none_is_named(capsys):
    assert __main__.main(["trainign"]) == 2
    assert "no section 'trainign'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_writes_its_table(section, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    subprocess.run([sys.executable, "-m", "crossover.bench", section], check=True, timeout=1800)
    table = pd.read_csv(tmp_path / "bench" / f"{section}.csv")
    assert (
        table["value"].notna().all() and (tmp_path / "bench" / "provenance" / f"{table['provenance'][0]}.json").exists()
    )
