"""One digest for everything that is named by its content: keys of cells, files of calls, provenance."""

import hashlib
import json


def digest(value: object, length: int = 16) -> str:
    """Return the first hexadecimal digits of the SHA-256 of a value.

    Text is hashed as UTF-8 and bytes as they are; anything else as JSON with sorted keys.

    >>> digest("a", 8), digest(b"a", 8), digest({"b": 1, "a": 2}) == digest('{"a": 2, "b": 1}')
    ('ca978112', 'ca978112', True)
    """
    if not isinstance(value, str | bytes):
        value = json.dumps(value, sort_keys=True)
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()[:length]
