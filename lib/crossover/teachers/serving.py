"""A model served for as long as a run needs it: by vLLM, SGLang, llama.cpp, or whatever a command starts.

The server is a process of this machine that speaks OpenAI's protocol on a free port; many requests at once are its business.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
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
    if "{port}" not in command:
        raise CrossoverError(f"The command {command!r} has no {{port}}; say where its server's port goes, as in --port {{port}}.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in shlex.split(command)]
    if not shutil.which(words[0]):
        raise CrossoverError(f"{words[0]!r}, which is to serve the model, is not on the path; install it, or correct {command!r}.")
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + wait
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            while not _ready(address):
                if server.poll() is not None or time.monotonic() > until:
                    ended = f"ended with status {server.returncode}" if server.returncode is not None else f"was not ready within {wait:g} s"
                    said.seek(max(0, said.seek(0, 2) - 2000))
                    raise CrossoverError(f"{shlex.join(words)} {ended}. Its last words:\n{said.read().decode(errors='replace')}")
                time.sleep(0.5)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _ready(address: str) -> bool:
    """Whether a server says that it is well or, where it does not know the question, lists its models."""
    try:
        urllib.request.urlopen(f"{address}/health", timeout=5).close()
    except urllib.error.HTTPError as problem:
        if problem.code != 404:
            return False
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/v1/models", timeout=5):
            return True
        return False
    except OSError:
        return False
    return True
