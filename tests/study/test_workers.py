"""Where students are trained: a Ray cluster gives the rows that one process gives, workers lost or not."""

import os
import sys
import threading
import time

import pandas as pd
import psutil
import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from crossover.errors import CrossoverError
from crossover.params.profiles import check
from crossover.study import workers
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.study.grids import cells_of
from crossover.study.run import ordered, run_cells
from crossover.study.store import Store
from crossover.study.workers import GB_PER_WORKER, Lost, open_pool, processes
from crossover.tasks import load_task

TIMES = ["seconds_train", "seconds_eval", "finished", "provenance"]


@pytest.fixture(scope="module")
def cells():
    values = {
        "student": "tiny-random", "trained_layers": 0, "seed_sizes": [4], "budgets": [4, 8], "n_test": 2, "max_new_tokens": 8,
        "epochs": 16, "strategies": ["answer_augmentation", "new_question"],
    }  # fmt: skip
    return cells_of(check("03_budget_ratio", values))


@pytest.fixture(scope="module")
def here(cells, tmp_path_factory, one_process):
    """The rows of this process, and the folder that holds their items."""
    folder = tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crossover.study.run.open_pool", one_process)
        return rows(cells, folder, ""), folder


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes, each with a store and workers of its own, that say they have two GPUs."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    node = {"num_cpus": 1, "num_gpus": 2, "memory": int(2.5 * GB_PER_WORKER * 2**30), "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    yield cluster.address
    cluster.shutdown()


def rows(cells, folder, cluster):
    run_cells(cells, Store(folder), 2, cluster=cluster)
    return pd.read_csv(folder / "runs.csv").drop(columns=TIMES)


def kill_workers(times: int, killed: list[int], done: threading.Event) -> None:
    """Kill a Ray worker that is at work, ``times`` times over."""
    while len(killed) < times and not done.is_set():
        for process in psutil.Process().children(recursive=True):
            if _title(process).startswith("ray::_call") and process.pid not in killed:
                process.kill()
                killed.append(process.pid)
                time.sleep(1)
                break
        time.sleep(0.02)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.slow
def test_ray_gives_the_same_rows_when_workers_are_killed(cells, here, tmp_path):
    killed, done = [], threading.Event()
    killer = threading.Thread(target=kill_workers, args=(2, killed, done), daemon=True)
    killer.start()
    survived = rows(cells, tmp_path, "local")
    done.set()
    killer.join()
    assert len(killed) == 2, "the grid was over before two workers could be killed"
    pd.testing.assert_frame_equal(survived, here[0])
    for key in survived["key"]:
        items = [pd.read_parquet(folder / "items" / f"{key}.parquet") for folder in (here[1], tmp_path)]
        pd.testing.assert_frame_equal(*items)


def test_a_cluster_of_two_nodes_gives_the_same_rows_and_names_what_fails(cells, here, two_nodes, tmp_path, monkeypatch):
    def node() -> str:
        time.sleep(2)
        return ray.get_runtime_context().get_node_id()

    monkeypatch.setattr(workers, "RETRIES", 1)  # a lost worker takes seconds to replace
    pd.testing.assert_frame_equal(rows(cells, tmp_path, two_nodes), here[0])
    with open_pool(0, "cpu", two_nodes) as pool:
        assert pool.workers == 2
        ran = [pool.submit(node) for _ in range(2)]
        assert len({pool.result(future) for future in ran}) == 2, "two students at once are on two nodes"
        with pytest.raises(CrossoverError, match="^[^\\n]*math_wrods[^\\n]*$"):
            pool.result(pool.submit(load_task, "math_wrods"))
        with pytest.raises(Lost, match="lost 2 times"):
            pool.result(pool.submit(os._exit, 1))
    with open_pool(0, "cuda", two_nodes) as pool:
        assert pool.workers == 4, "each node has two GPUs, and memory for two students"
    monkeypatch.setattr(workers, "GB_PER_WORKER", 10_000)
    refused = pytest.raises(CrossoverError, match="no node with a GPU and 10000 GB free for a student")
    with refused, open_pool(1, "cuda", two_nodes):
        pass


def test_processes_raise_what_a_cell_raises_and_notice_a_killed_worker():
    with processes(1, "cpu") as pool:
        with pytest.raises(CrossoverError, match="math_wrods"):
            pool.result(pool.submit(load_task, "math_wrods"))
        with pytest.raises(Lost, match="out of memory"):
            pool.result(pool.submit(os._exit, 1))


def test_a_cluster_that_cannot_be_used_is_refused_in_one_line(monkeypatch):
    def refuse(**_):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.3\n    Python: 3.10.13\n")

    answers = pytest.raises(CrossoverError, match="no Ray cluster answers there.*ray://host:10001")
    with answers, open_pool(1, "cpu", "127.0.0.1:1"):
        pass
    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(CrossoverError, match=r"^[^\n]*Ray: 2\.9\.3 Python: 3\.10\.13[^\n]*$"),
        open_pool(1, "cpu", "auto"),
    ):
        pass
    monkeypatch.setitem(sys.modules, "ray", None)
    installed = pytest.raises(CrossoverError, match=r"pip install 'crossover\[cluster\]'")
    with installed, open_pool(1, "cpu", "local"):
        pass


def test_some_cells_without_queries_run_first():
    values = {"tasks": ["sst2", "rte"], "originals": [8, 16], "replicates": 2}
    grid = cells_of(check("02_finetuned_teacher", values))
    alone = [cell for cell in grid if cell.strategy == "original"]
    assert len(alone) == 8
    first = ordered(grid, 4)
    assert first[:4] == alone[:4] and first[4:] == [cell for cell in grid if cell not in alone[:4]]


def test_finished_cells_are_stored_when_data_cannot_be_made(cells, tmp_path, monkeypatch, in_process):
    """The third cell's data fail once the first two train: both are in the table, and the error is the third's own."""
    made, real = [], QueryBudgetExperiment.make_data

    def failing(experiment, cell, store, device):
        made.append(cell)
        if len(made) == 3:
            raise CrossoverError("the cap is spent")
        return real(experiment, cell, store, device)

    monkeypatch.setattr(QueryBudgetExperiment, "make_data", failing)
    with pytest.raises(CrossoverError, match="^the cap is spent$"):
        run_cells(cells, Store(tmp_path), 2)
    assert set(Store(tmp_path).rows()) == {cell.key for cell in made[:2]} and len(made) == 3


@pytest.mark.parametrize(("cores", "left"), [(1, 1), (2, 1), (4, 3), (64, 3)])
def test_the_caller_leaves_its_workers_their_cores(monkeypatch, cores, left):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    torch.set_num_threads(3)
    try:
        with open_pool(1, "cpu"):
            assert torch.get_num_threads() == left
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
