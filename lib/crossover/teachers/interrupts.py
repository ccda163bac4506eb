"""Interrupts that first let what has been paid for arrive."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Make an interrupt or a request to end call ``stop`` only, wherever it strikes; a second one works as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def first(*_: object) -> None:
        restore()
        stop()
        print("Waiting for replies under way, which are paid for. Interrupt again to give them up.", file=sys.stderr)

    for number in usual:
        signal.signal(number, first)
    try:
        yield
    finally:
        restore()
