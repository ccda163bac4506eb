"""Word lists that question templates need and a parse does not give: people, places, things known to all.

The lists are in ``lexicon.yaml``, which a reader may extend.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

_LISTS = {
    name: frozenset(words)
    for name, words in yaml.safe_load(Path(__file__).with_name("word_lists.yaml").read_text(encoding="utf-8")).items()
}
PLACES, UNIQUE, MENTIONED = _LISTS["places"], _LISTS["unique"], _LISTS["mentioned"]
_AGENT = re.compile(r"(er|or|ist|ian|eer|ant|ess|ster|man|woman)$")


def singular(noun: str) -> str:
    """Return a noun without its plural ending, well enough to look it up.

    >>> [singular(n) for n in ("soldiers", "countries", "women", "glass")]
    ['soldier', 'country', 'woman', 'glass']
    """
    if noun.endswith("men"):
        return noun[:-2] + "an"
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def is_person(noun: str) -> bool:
    """Whether a common noun is one for people (or a body of people), by a list and the endings of agents.

    >>> [is_person(n) for n in ("physicist", "settlers", "river", "theory", "people")]
    [True, True, False, False, True]
    """
    word, stem = noun.lower(), singular(noun.lower())
    if word in _LISTS["people"] or stem in _LISTS["people"]:
        return True
    return stem not in _LISTS["not_people"] and _AGENT.search(stem) is not None
