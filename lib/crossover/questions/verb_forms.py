"""Verb forms that questions need and statements lack: base form, third person, and past tense of a participle.

Base forms come from the tables of spaCy's English lemmatiser; third person singular follows spelling rules; a past
tense differs from the participle for the verbs listed here only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Verbs whose past tense is not their past participle, by participle. Compounds (overtaken, rewritten) follow the
# verb they end in.
_PAST = {
    "arisen": "arose", "awoken": "awoke", "beaten": "beat", "become": "became", "begun": "began", "bitten": "bit",
    "blown": "blew", "borne": "bore", "broken": "broke", "chosen": "chose", "come": "came", "done": "did",
    "drawn": "drew", "driven": "drove", "drunk": "drank", "eaten": "ate", "fallen": "fell", "flown": "flew",
    "forbidden": "forbade", "forgiven": "forgave", "forgotten": "forgot", "forsaken": "forsook", "frozen": "froze",
    "given": "gave", "gone": "went", "gotten": "got", "grown": "grew", "hewn": "hewed", "hidden": "hid",
    "known": "knew", "proven": "proved", "ridden": "rode", "risen": "rose", "run": "ran", "rung": "rang",
    "sawn": "sawed", "seen": "saw", "sewn": "sewed", "shaken": "shook", "shown": "showed", "shrunk": "shrank",
    "slain": "slew", "sown": "sowed", "spoken": "spoke", "stolen": "stole", "stridden": "strode", "striven": "strove",
    "sung": "sang", "sunk": "sank", "sworn": "swore", "swum": "swam", "taken": "took", "thrown": "threw",
    "torn": "tore", "trodden": "trod", "woken": "woke", "worn": "wore", "woven": "wove", "written": "wrote",
}  # fmt: skip
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
    """Base forms of English verbs, from the lookup tables of a spaCy lemmatiser.

    Parameters
    ----------
    index, exceptions, rules
        The ``verb`` entries of the tables ``lemma_index``, ``lemma_exc`` and ``lemma_rules``. spaCy's own lemmatiser
        needs coarse parts of speech for every token, which cost a quarter of the parse; a question needs one verb.
    """

    def __init__(self, index: Sequence[str], exceptions: Mapping[str, Sequence[str]], rules: Sequence[Sequence[str]]):
        self._index, self._exceptions, self._rules = frozenset(index), exceptions, rules
        self._found: dict[str, str] = {}

    @classmethod
    def of(cls, nlp) -> Lemmas:
        """Take the tables from a loaded English pipeline, in which the lemmatiser may be disabled."""
        lookups = nlp.get_pipe("lemmatizer").lookups
        return cls(*(lookups.get_table(f"lemma_{name}")["verb"] for name in ("index", "exc", "rules")))

    def base(self, form: str) -> str:
        """Return the base form of a verb; an unknown word is returned in lower case as it is."""
        form = form.lower()
        if form not in self._found:
            self._found[form] = self._look_up(form)
        return self._found[form]

    def _look_up(self, form: str) -> str:
        if form in self._exceptions:
            return self._exceptions[form][0]
        for old, new in self._rules:
            if form.endswith(old) and form != old:
                candidate = form[: len(form) - len(old)] + new
                if candidate in self._index:
                    return candidate
        return form
