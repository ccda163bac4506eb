"""Words that a parse does not give: lists of nouns, adverbs and phrases (``word_lists.yaml``), and forms of verbs."""

import re
from pathlib import Path

import yaml
from spacy.language import Language

_DATA = yaml.safe_load(Path(__file__).with_name("word_lists.yaml").read_text(encoding="utf-8"))
_PAST: dict[str, str] = _DATA.pop("past")
LISTS = {name: frozenset(words) for name, words in _DATA.items()}
_AGENT = re.compile(r"(er|or|ist|ian|eer|ant|ess|ster|man|woman)$")


def is_person(noun: str) -> bool:
    """Whether a common noun is one for people (or a body of people), by a list and the endings of agents.

    >>> [is_person(n) for n in ("physicist", "settlers", "river", "theory", "people")]
    [True, True, False, False, True]
    """
    word = noun.lower()
    stem = word[:-2] + "an" if word.endswith("men") else word[:-3] + "y" if word.endswith("ies") else word
    stem = stem[:-1] if stem.endswith("s") and not stem.endswith("ss") else stem
    if word in LISTS["people"] or stem in LISTS["people"]:
        return True
    return stem not in LISTS["not_people"] and _AGENT.search(stem) is not None


_PREFIXES = ("under", "over", "with", "fore", "out", "mis", "par", "re", "un", "be")
_THIRD = {"be": "is", "have": "has", "quiz": "quizzes"}


def third_person(base: str) -> str:
    """Return the third person singular, present, of a verb's base form.

    >>> [third_person(v) for v in ("live", "carry", "play", "reach", "go", "have")]
    ['lives', 'carries', 'plays', 'reaches', 'goes', 'has']
    """
    if base in _THIRD:
        return _THIRD[base]
    after_consonant = base[-2:-1] not in tuple("aeiou")
    if base.endswith("y") and after_consonant:
        return base[:-1] + "ies"
    hissing = base.endswith(("s", "x", "z", "ch", "sh")) or (base.endswith("o") and after_consonant)
    return base + ("es" if hissing else "s")


def past(participle: str) -> str:
    """Return the past tense of a verb, given its past participle.

    >>> [past(v) for v in ("written", "invented", "overthrown", "built")]
    ['wrote', 'invented', 'overthrew', 'built']
    """
    if participle in _PAST:
        return _PAST[participle]
    for prefix in _PREFIXES:
        rest = participle.removeprefix(prefix)
        if rest != participle and rest in _PAST:
            return prefix + _PAST[rest]
    return participle


class Lemmas:
    """Base forms of English verbs, from the lookup tables of a spaCy pipeline's lemmatiser, which may be disabled.

    The lemmatiser itself needs coarse parts of speech for every token, a quarter of the cost of the parse.
    """

    def __init__(self, nlp: Language):
        lookups = nlp.get_pipe("lemmatizer").lookups
        index, self._exceptions, self._rules = (
            lookups.get_table(f"lemma_{name}")["verb"] for name in ("index", "exc", "rules")
        )
        self._index = frozenset(index)

    def base(self, form: str) -> str:
        """Return the base form of a verb; an unknown word is returned in lower case as it is."""
        form = form.lower()
        if form in self._exceptions:
            return self._exceptions[form][0]
        for old, new in self._rules:
            if form.endswith(old) and form != old and form[: len(form) - len(old)] + new in self._index:
                return form[: len(form) - len(old)] + new
        return form
