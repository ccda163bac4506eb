"""The same work in every worker at once, which is how a grid's cells run: a process a core, one thread each."""

from __future__ import annotations

from collections.abc import Callable

from crossover.study.workers import open_pool

#: How tables name it.
AT_ONCE = "a process a core"


def rate(amount: float, work: Callable[..., tuple[float, float]], *arguments: object) -> float:
    """Return how much all workers do in a second, from the first one's start to the last one's end.

    Parameters
    ----------
    amount : float
        Of what one call of ``work`` does.
    work : callable
        Does it, and returns when that began and ended, by ``time.time``; what it prepares before is not counted.
    *arguments
        Of ``work``.
    """
    with open_pool(0, "cpu") as pool:
        futures = [pool.submit(work, *arguments) for _ in range(pool.workers)]
        for future in futures:
            future.exception()
        begun, ended = zip(*(pool.result(future) for future in futures), strict=True)
    return pool.workers * amount / (max(ended) - min(begun))
