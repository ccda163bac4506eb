"""The question pipeline against spaCy's parse alone, on the same text."""

from __future__ import annotations

import time
from itertools import islice

import pandas as pd

from benchmarks.tables import ratio, table, turns
from crossover.data import corpora
from crossover.models import spacy_english
from crossover.questions import generate  # noqa: F401  registers the pipe


def run(passages: int = 400, repeats: int = 3) -> pd.DataFrame:
    """Time both on Wikipedia passages, in CPU time of one process."""
    texts = [text.text for text in islice(corpora.read_texts("boolq"), passages)]
    plain, full = spacy_english.load_parser(), spacy_english.load_parser()
    full.add_pipe("template_questions")
    sentences = sum(1 for doc in plain.pipe(texts) for _ in doc.sents)

    def rate(nlp) -> float:
        begin = time.process_time()
        for _ in nlp.pipe(texts, batch_size=64):
            pass
        return sentences / (time.process_time() - begin)

    found = turns({"pipeline": lambda: rate(full), "parse": lambda: rate(plain)}, repeats)
    return table([
        ("the pipeline", found["pipeline"].median(), "sentences/CPU s", ""),
        ("spaCy's parse alone", found["parse"].median(), "sentences/CPU s", ""),
        ratio("the pipeline over spaCy's parse alone", found, "pipeline", "parse", ">= 0.8"),
    ])  # fmt: skip
