"""The benchmarks' tables, and that every section runs."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import SECTIONS, tables


def test_ratio_is_taken_within_a_turn_and_its_median_over_turns():
    values = iter([2.0, 1.0, 20.0, 10.0, 6.0, 2.0])
    found = tables.turns({"ours": lambda: next(values), "theirs": lambda: next(values)}, 3)
    assert tables.ratio("ours", found, "ours", "theirs")[1] == 2.0


def test_targets_are_met_or_not():
    rows = [
        ("a", 3.0, "x", ">= 3"),
        ("b", 2.99, "x", ">= 3"),
        ("c", 5.0, "s", "< 5"),
        ("d", 0.0, "", "= 0"),
        ("e", 1.0, "", ""),
    ]
    assert tables.table(rows)["met"].tolist() == ["yes", "no", "no", "yes", ""]


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_writes_its_table(section, tmp_path, monkeypatch):
    if section == "cells":
        pytest.skip("half an hour")
    if section == "training":
        pytest.importorskip("trl")
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=":")
    subprocess.run([sys.executable, "-m", "benchmarks", section], check=True, timeout=1800)
    table = pd.read_csv(tmp_path / "bench" / f"{section}.csv")
    record = tmp_path / "bench" / "provenance" / f"{table['provenance'][0]}.json"
    assert table["value"].notna().all() and record.exists()
