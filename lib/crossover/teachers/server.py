"""How a server is reached: its key, the proxies on the way, and what it says of its context."""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2

from crossover.errors import CrossoverError

KEY_VARIABLE = "CROSSOVER_API_KEY"
#: What servers call their context in the list of models: vLLM, OpenRouter, Groq, Mistral, llama.cpp.
_CONTEXT = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx", "n_ctx_train")


def api_key() -> str:
    """Return the key in :data:`KEY_VARIABLE`, empty where there is none."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    # Refused here, because the error of the HTTP library would show it.
    if not key.isascii() or not key.isprintable():
        raise CrossoverError(f"{KEY_VARIABLE} holds a character that a header cannot carry. Set it again.")
    return key


def on_this_machine(url: str) -> bool:
    """Whether an address is of this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxies() -> str:
    """The proxy variables that are set, for a message."""
    known = ("all_proxy", "https_proxy", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    names = [name for name in known if os.environ.get(name)]
    return f" {', '.join(names)} names a proxy: unset it, or list the server's host in NO_PROXY." if names else ""


def context_of(base_url: str, model: str) -> int:
    """Return the tokens that a server says it takes of prompt and reply together; 0 where it does not say."""
    headers = {"Authorization": f"Bearer {api_key() or 'none'}"}
    # Any error is the first call's to report: of address, proxy and certificates, too.
    with suppress(
        httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError, ImportError, OSError
    ):
        trusted = not on_this_machine(base_url)
        url = re.sub(r"/?(\?|\Z)", r"/models\1", base_url, count=1)
        listed = httpx2.get(url, headers=headers, timeout=5, trust_env=trusted).json()
        (about,) = [entry for entry in listed["data"] if entry["id"] == model]
        about = (about.get("meta") or {}) | about
        return next((int(about[name]) for name in _CONTEXT if about.get(name)), 0)
    return 0
