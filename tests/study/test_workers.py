"""Where students are trained: a Ray cluster gives the rows that this machine's processes give, workers lost or not."""

import os
import platform
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
from crossover.study.workers import RETRIES, Lost, Processes, Ray, open_pool
from crossover.tasks import load_task

TIMES = ["seconds_train", "seconds_eval", "finished", "provenance"]


@pytest.fixture(scope="module")
def cells():
    values = {
        "student": "tiny-random", "trained_layers": 0, "seed_sizes": [4], "budgets": [4, 8], "n_test": 2, "max_new_tokens": 8,
        "epochs": 16, "strategies": ["answer_augmentation", "new_question"],
    }  # fmt: skip
    return cells_of(check("03_budget_ratio", values))


def rows(cells, folder, cluster):
    store = Store(folder)
    run_cells(cells, store, 2, cluster=cluster)
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


def test_the_same_rows_on_this_machine_on_ray_and_on_ray_with_workers_killed(cells, tmp_path):
    here = rows(cells, tmp_path / "here", "")
    pd.testing.assert_frame_equal(rows(cells, tmp_path / "ray", "local"), here)

    killed, done = [], threading.Event()
    killer = threading.Thread(target=kill_workers, args=(2, killed, done), daemon=True)
    killer.start()
    survived = rows(cells, tmp_path / "killed", "local")
    done.set()
    killer.join()
    assert len(killed) == 2, "the grid was over before two workers could be killed"
    pd.testing.assert_frame_equal(survived, here)
    for key in here["key"]:
        items = [pd.read_parquet(tmp_path / name / "items" / f"{key}.parquet") for name in ("here", "killed")]
        pd.testing.assert_frame_equal(*items)


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes, each with a store and workers of its own, that say they have two GPUs."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    node = {"num_cpus": 1, "num_gpus": 2, "memory": 8 * 2**30, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    yield cluster.address
    cluster.shutdown()


def test_cells_run_on_all_nodes_of_a_cluster_and_give_the_same_rows(cells, two_nodes, tmp_path):
    def node() -> str:
        time.sleep(2)
        return ray.get_runtime_context().get_node_id()

    here = rows(cells, tmp_path / "here", "")
    pd.testing.assert_frame_equal(rows(cells, tmp_path / "there", two_nodes), here)
    with open_pool(0, "cpu", two_nodes) as pool:
        assert pool.workers == 2
        ran = [pool.submit(node) for _ in range(2)]
        assert len({pool.result(future) for future in ran}) == 2, (
            "a node has one core, so two students at once are on two nodes"
        )


@pytest.mark.parametrize(("device", "students"), [("cuda", 4), ("auto", 2)])
def test_a_student_that_is_spread_takes_all_gpus_of_a_node(two_nodes, device, students):
    """Each of the two nodes has two GPUs, and memory for two students."""
    with open_pool(0, device, two_nodes) as pool:
        assert pool.workers == students
        assert pool.gpus == {"cuda": 1, "auto": 2}[device]


def test_what_a_cell_raises_on_ray_is_what_it_raises_here():
    for cluster in ("", "local"):
        with open_pool(1, "cpu", cluster) as pool:
            future = pool.submit(load_task, "math_wrods")
            with pytest.raises(CrossoverError, match="^[^\\n]*math_wrods[^\\n]*$"):
                while not future.done():
                    time.sleep(0.01)
                pool.result(future)


def test_some_cells_without_queries_go_first_and_the_others_in_their_order():
    values = {"tasks": ["film_sentiment", "product_sentiment"], "originals": [8, 16], "replicates": 2}
    grid = cells_of(check("02_finetuned_teacher", values))
    alone = [cell for cell in grid if cell.strategy == "original"]
    assert len(alone) == 8
    first = ordered(grid, 4)
    assert first[:4] == alone[:4] and first[4:] == [cell for cell in grid if cell not in alone[:4]]


def test_cells_that_had_finished_are_stored_when_data_cannot_be_made(cells, tmp_path, monkeypatch):
    """The third cell's data fail while the first two train: both are in the table, and the error is the third's own."""
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


@pytest.mark.parametrize(
    ("cluster", "cores", "left"), [("", 1, 1), ("", 2, 1), ("", 4, 3), ("", 64, 3), ("local", 2, 1)]
)
def test_while_workers_of_this_machine_train_the_caller_leaves_them_their_cores(monkeypatch, cluster, cores, left):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    torch.set_num_threads(3)
    try:
        with open_pool(1, "cpu", cluster):
            assert torch.get_num_threads() == left
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def pages_cleared_for_a_second_batch():
    """Fill and free forty blocks of 8 MB twice; return how many pages the system cleared the second time."""
    import resource

    def batch():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        blocks = [torch.ones(2**21) for _ in range(40)]
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        del blocks
        return after - before

    batch()
    return batch()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator has settings of its own")
def test_workers_keep_freed_memory_for_the_next_batch():
    with Processes(1, "cpu") as pool:
        cleared = pool.result(pool.submit(pages_cleared_for_a_second_batch))
    assert cleared < 40 * 2**23 / 4096 / 2  # of the pages that they fill; all of them where freed memory goes back


def test_a_worker_that_is_killed_here_is_lost():
    with Processes(1, "cpu") as pool:
        future = pool.submit(os._exit, 1)
        with pytest.raises(Lost, match="most likely for want of memory"):
            pool.result(future)


def test_a_cell_that_kills_every_worker_is_lost_on_ray_in_the_end():
    with Ray("local", 1, "cpu") as pool:
        future = pool.submit(os._exit, 1)
        with pytest.raises(Lost, match=f"lost {RETRIES + 1} times"):
            pool.result(future)


def test_a_cluster_that_does_not_answer_and_a_device_it_lacks_are_named():
    with pytest.raises(CrossoverError, match="no Ray cluster answers there.*ray://host:10001"):
        Ray("127.0.0.1:1", 1, "cpu")
    with pytest.raises(CrossoverError, match="'local' has no GPU"):
        Ray("local", 1, "cuda")
    with pytest.raises(CrossoverError, match="device is 'auto', but the cluster 'local' has no GPU"):
        Ray("local", 1, "auto")


def test_a_cluster_without_memory_for_a_student_says_so_before_it_starts(monkeypatch):
    monkeypatch.setattr(workers, "GB_A_WORKER", 10_000)
    with pytest.raises(CrossoverError, match="no node with 10000 GB free for a student; the most is"):
        Ray("local", 1, "cpu")


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(CrossoverError, match=r"pip install 'crossover\[cluster\]'"):
        Ray("local", 1, "cpu")
