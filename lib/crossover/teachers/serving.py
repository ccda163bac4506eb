"""A model served for as long as a run needs it: by vLLM, SGLang, llama.cpp, or whatever a command starts.

The server is a process of this machine that speaks OpenAI's protocol on a free port; many requests at once are its business.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from crossover.errors import CrossoverError

WAIT = 1800.0  # seconds: a large model is long in loading


@contextlib.contextmanager
def serving(command: str, wait: float = WAIT) -> Iterator[str]:
    """Start a server, wait until it is ready, and end it with the context.

    Parameters
    ----------
    command : str
        What starts it, without a shell, with ``{port}`` where the port goes: ``"vllm serve org/name --port {port}"``.
    wait : float
        Seconds it may take to load its model.

    Yields
    ------
    str
        Its address without a path, ``http://127.0.0.1:<port>``.

    Raises
    ------
    CrossoverError
        The command has no ``{port}`` or is not installed; the server ended or was not ready in time, with its last words.
    """
    words = _words(command)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in words]
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + wait
    with tempfile.TemporaryFile() as said:

        def failed(how: str) -> CrossoverError:
            said.seek(max(0, said.seek(0, 2) - 2000))
            return CrossoverError(f"{shlex.join(words)} {how}. Its last words:\n{said.read().decode(errors='replace')}")

        watched = [sys.executable, __file__, str(os.getpid()), *words]
        server = subprocess.Popen(watched, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            while not _ready(address):
                if server.poll() is not None:
                    raise failed(f"ended with status {server.returncode}")
                if time.monotonic() > until:
                    raise failed(f"was not ready within {wait:g} s")
                time.sleep(0.5)
            try:
                yield address
            except Exception as problem:
                if server.poll() is not None:
                    raise failed(f"ended in the middle of the run with status {server.returncode}") from problem
                raise
        finally:
            server.terminate()
            server.wait()


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise CrossoverError(f"The command {command!r} cannot be read: {problem}.") from None
    if "{port}" not in command:
        raise CrossoverError(
            f"The command {command!r} has no {{port}}; say where its server's port goes, as in --port {{port}}."
        )
    if not shutil.which(words[0]):
        raise CrossoverError(
            f"{words[0]!r}, which is to serve the model, is not on the path; install it, or correct {command!r}."
        )
    return words


def _ready(address: str) -> bool:
    """Whether a server says that it is well or, where it does not know the question, lists its models."""
    directly = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # a proxy does not know this machine's ports
    try:
        directly.open(f"{address}/health", timeout=5).close()
    except urllib.error.HTTPError as problem:
        if problem.code != 404:
            return False
        with contextlib.suppress(OSError), directly.open(f"{address}/v1/models", timeout=5):
            return True
        return False
    except OSError:
        return False
    return True


def _watch(parent: int, words: list[str], grace: float = 30) -> int:
    """Run a server and all that it starts, and end it when asked to or when ``parent`` is gone, however that went."""
    server = subprocess.Popen(words, start_new_session=True)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    while server.poll() is None and not asked and os.getppid() == parent:
        time.sleep(0.2)
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
    return server.wait()


if __name__ == "__main__":
    sys.exit(_watch(int(sys.argv[1]), sys.argv[2:]))
