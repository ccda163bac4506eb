"""The results table: sound rows survive damage, nothing is mixed, and failures to write say what to do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crossover.errors import CrossoverError
from crossover.evaluation.answers import Outcome
from crossover.study.store import COLUMNS, OPTIONAL, Store, read_runs


def row(key, **values):
    blank = {name: kind() if kind is not str else "x" for name, kind in COLUMNS.items() if name not in OPTIONAL}
    return {**blank, "key": key, "settings": '{"a": "b, c"}', **values}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    for budget in (64, 16, 32):
        store.append(row(f"k{budget}", budget=budget), [Outcome("test-0", "3", True), Outcome("test-1", None, False)])
    return store


def test_rows_come_back_sorted_with_their_types_whatever_the_order_of_finishing(store, tmp_path):
    other = Store(tmp_path / "other")
    for budget in (16, 64, 32):
        other.append(row(f"k{budget}", budget=budget), [])
    for each in (store, other):
        each.sort()
    assert store.path.read_bytes() == other.path.read_bytes()
    runs = read_runs(store.folder)
    assert runs["budget"].tolist() == [16, 32, 64] and runs["settings"][0] == '{"a": "b, c"}'
    items = pd.read_parquet(store.folder / "items" / "k16.parquet")
    assert items["correct"].tolist() == [True, False] and items["item"].tolist() == ["test-0", "test-1"]


def test_a_column_that_no_row_needs_is_not_there(store):
    assert b"measures" not in store.path.read_bytes().splitlines()[0]
    assert read_runs(store.folder)["measures"].tolist() == ["", "", ""]
    gold = Outcome("test-0", "a b", True, 12.5, 1.5, 3, 7)
    store.append(row("k8", budget=8, measures='{"chrf": 3.5}'), [gold])
    store.append(row("k9", budget=9), [])
    store.sort()
    assert read_runs(store.folder)["measures"].tolist() == ['{"chrf": 3.5}', "", "", "", ""]
    written, plain = (pd.read_parquet(store.folder / "items" / f"{key}.parquet") for key in ("k8", "k16"))
    assert list(plain) == ["item", "extracted", "correct"]
    assert written.iloc[0].to_dict() == {"item": "test-0", "extracted": "a b", "correct": True, "score": 12.5,
                                         "gold_nats": 1.5, "gold_tokens": 3, "gold_bytes": 7}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "sound"),
    [(r".\Z", "", 4, ["k64", "k16"]), (r".{40}\Z", "", 4, ["k64", "k16"]),
     ("k16,x,x,x,0,16", "k16,x,x,x,0,sixteen", 3, ["k64", "k32"])],
)  # fmt: skip
def test_a_damaged_table_keeps_its_sound_rows(store, old, new, line, sound, capsys):
    damaged = re.sub(old, new, store.path.read_text(), flags=re.DOTALL)
    store.path.write_text(damaged)
    assert list(store.rows()) == sound
    assert f"line {line} damaged; 2 sound rows kept" in capsys.readouterr().err
    assert store.path.with_suffix(".csv.damaged").read_text() == damaged, "the file as it was is kept"
    assert list(store.rows()) == sound and capsys.readouterr().err == "", "and the table is whole again"


def test_a_foreign_table_is_refused_and_left_alone(store):
    store.path.write_text("a,b\n1,2\n")
    with pytest.raises(CrossoverError, match="columns of a results table"):
        store.rows()
    assert store.path.read_text() == "a,b\n1,2\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CrossoverError, match="CROSSOVER_RESULTS"):
        Store(tmp_path / "file" / "results")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this system to write to")
def test_a_full_disk_loses_nothing(store):
    before = store.path.read_text()
    moved = store.folder / "kept.csv"
    store.path.rename(moved)
    store.path.symlink_to("/dev/full")
    with pytest.raises(CrossoverError, match="No space left.*kept"):
        store.append(row("k128", budget=128), [])
    assert moved.read_text() == before


def test_a_second_run_is_refused_while_the_first_holds_the_folder(store):
    script = f"from pathlib import Path; from crossover.study.store import Store\nwith Store(Path({str(store.folder)!r})).lock(): pass"
    with store.lock():
        second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "Another run is writing" in second.stderr
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_rows_are_not_taken_over_from_a_folder_that_a_run_is_writing(store, tmp_path):
    own, before = Store(tmp_path / "own"), store.path.read_bytes() + b"k128,half a r"
    store.path.write_bytes(before)
    with store.lock(), pytest.raises(CrossoverError, match="Another run is writing"):
        own.adopt(store.folder, {"k16"})
    assert store.path.read_bytes() == before, "the row that is being appended is left alone"
    own.adopt(store.folder, {"k16"})
    assert set(own.rows()) == {"k16"} and (own.folder / "items" / "k16.parquet").exists()


def test_the_table_is_parsed_once_per_state(store, monkeypatch):
    before = read_runs(store.folder)
    with monkeypatch.context() as patch:
        patch.setattr(pd, "read_csv", None)
        assert read_runs(store.folder).equals(before)
    store.append(row("k8", budget=8), [Outcome("test-0", "3", True)])
    assert len(read_runs(store.folder)) == len(before) + 1


def test_a_killed_writer_leaves_only_whole_rows_with_their_items(tmp_path):
    script = f"""if True:
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_store import row
        from crossover.evaluation.answers import Outcome
        from crossover.study.store import Store
        store = Store(Path({str(tmp_path)!r}))
        for i in range(100_000):
            store.append(row(f"k{{i}}", budget=i), [Outcome("test-0", "3", True)])
            print(i, flush=True)"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            if int(line) == 20:
                writer.kill()
                break
        told = 1 + max([20, *map(int, writer.stdout)])
    rows = Store(tmp_path).rows()
    assert told <= len(rows) <= told + 1 and list(rows) == [f"k{i}" for i in range(len(rows))]
    assert {f"{key}.parquet" for key in rows} <= {path.name for path in (tmp_path / "items").iterdir()}
