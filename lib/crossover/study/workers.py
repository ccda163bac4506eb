"""Where students are trained: worker processes of this machine, or a Ray cluster.

A worker trains one student at a time with one thread, so a cell gives the same numbers wherever it runs. Ray starts a
cell again on another worker when its worker is lost; on this machine a lost worker ends the run, which can be resumed.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from crossover.errors import CrossoverError

GB_PER_WORKER = 4.5  # of a worker that trains 15 of SmolLM2-135M's layers; its measured peak is 4.1
#: What a worker keeps. Blocks of 32 MB and more, such as logits, go back to the system; of other freed memory glibc
#: keeps 1 GB for the next batch: the system would have to clear every page anew. Batches differ in shape, and oneDNN
#: keeps the code of the last 64 shapes, not 1,024, which saves 0.5 GB at no cost. A worker reads this when it starts.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
}
RETRIES = 4  # times that Ray starts a cell again whose worker was lost


class Lost(Exception):
    """A worker is gone, and with it what it was doing."""


@dataclass(frozen=True)
class Pool:
    """Workers: how many, how one is given a function to call, and how its result is had (or its error, or Lost)."""

    workers: int
    submit: Callable[..., Future]
    result: Callable[[Future], Any]


@contextmanager
def open_pool(workers: int, device: str, cluster: str = "") -> Iterator[Pool]:
    """Open the workers that students are trained on; 0 workers are as many as cores (or GPUs) and memory allow.

    ``cluster`` is empty for processes of this machine, ``"local"`` for Ray on it, else a Ray cluster's address, such as
    ``"auto"``. The calling process meanwhile computes with the threads that the workers leave cores for.
    """
    import torch

    for name, value in MEMORY.items():  # for workers that start from now on, where the reader does not say otherwise
        os.environ.setdefault(name, value)
    threads = torch.get_num_threads()
    with on_ray(cluster, workers, device) if cluster else processes(workers, device) as pool:
        if device == "cpu" and cluster in ("", "local"):
            torch.set_num_threads(max(1, min(threads, (os.cpu_count() or 1) - pool.workers)))
        try:
            yield pool
        finally:
            torch.set_num_threads(threads)


@contextmanager
def processes(workers: int, device: str) -> Iterator[Pool]:
    """Start worker processes on this machine."""
    workers = workers or _workers_here(device)

    def result(future: Future) -> Any:
        try:
            return future.result()
        except BrokenProcessPool:
            raise Lost("its worker process was killed, probably out of memory; retry with workers=1") from None

    # Spawned, not forked: a forked child of a process that has used threads can hang.
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawned, _start_worker, (os.getpid(), device)) as executor:
        yield Pool(workers, executor.submit, result)


@contextmanager
def on_ray(address: str, workers: int, device: str) -> Iterator[Pool]:
    """Use a Ray cluster, a task per call with a core or a GPU and its memory; refuse an unusable one at once."""
    try:
        import ray
    except ImportError:
        raise CrossoverError(
            f"cluster is {address!r}, and Ray is not installed. Fix: pip install 'crossover[cluster]'"
        ) from None
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        _knock(address)
        if address == "local":
            given: dict[str, Any] = {"num_cpus": workers or _workers_here("cpu"), "include_dashboard": False}
        else:
            given = {"runtime_env": {"env_vars": MEMORY}}
        ray.init(address=address, log_to_driver=False, logging_level="error", namespace="crossover", **given)
    except (OSError, ValueError, RuntimeError) as problem:  # of other versions of Ray the last
        raise CrossoverError(
            f"cluster is {address!r}, and no Ray cluster answers there: {' '.join(str(problem).split())} Give 'local',"
            " 'auto' on a node of the cluster, or ray://host:10001, and install its versions of Python and Ray."
        ) from None

    def result(future: Future) -> Any:
        lost = ray.exceptions
        try:
            return future.result()
        except (lost.WorkerCrashedError, lost.NodeDiedError, lost.OutOfMemoryError):
            raise Lost(f"its worker was lost {RETRIES + 1} times, probably out of memory; try fewer workers") from None
        except lost.RayTaskError as problem:
            raise problem.cause from None

    try:
        unit, need = "CPU" if device == "cpu" else "GPU", GB_PER_WORKER * 2**30
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = int(sum(min(node.get(unit, 0), node.get("memory", 0) // need) for node in nodes))
        if not room:
            raise CrossoverError(
                f"device is {device!r}, but the cluster {address!r} has no node with a {unit} and {GB_PER_WORKER} GB"
                " free for a student."
            )
        needs = {"num_cpus": 1, "num_gpus": int(unit == "GPU"), "memory": int(need)}
        call = ray.remote(_call).options(max_retries=RETRIES, **needs)
        yield Pool(min(workers or room, room), lambda *work: call.remote(device, *work).future(), result)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise an OSError where nothing listens at ``host:port``: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def quiet() -> None:
    """Keep the libraries' own progress bars, one for each model loaded, out of ours."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _workers_here(device: str) -> int:
    """One worker per core, as far as free memory goes; one on a GPU."""
    if device != "cpu":
        return 1
    import psutil

    free = psutil.virtual_memory().available / 2**30
    return max(1, min(os.cpu_count() or 1, int(free / GB_PER_WORKER)))


def _call(device: str, work: Callable, *arguments: object) -> object:
    _prepare(device)
    return work(*arguments)


def _prepare(device: str) -> None:
    """Give this process one thread and quiet libraries."""
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    elif not torch.cuda.is_available():
        raise CrossoverError(f"device is {device!r}, but torch finds no such device; use device='cpu'.")
    quiet()


def _start_worker(parent: int, device: str) -> None:
    """Prepare a worker process, and end it when its parent ends, however that ends."""
    _prepare(device)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
