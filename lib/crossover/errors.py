"""The one exception family of the project: errors that name the value and the fix."""

import difflib
from collections.abc import Iterable


class CrossoverError(Exception):
    """Something a user can fix. The command line prints it without a traceback and exits with status 2."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or list what is known.

    >>> nearest("buget", ["budget", "task"])
    " Did you mean 'budget'?"
    >>> nearest("zzz", ["budget", "task"])
    ' Known: budget, task.'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known)}."
