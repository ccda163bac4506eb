"""The question pipeline against spaCy's parse alone, on the same text."""

from __future__ import annotations

import time
from itertools import islice

import pandas as pd

from benchmarks.tables import ratio, table, turns
from crossover.data import corpora
from crossover.models.spacy_english import load_parser
from crossover.questions.generate import Generator, QuestionFunnel


def run(passages: int = 400, repeats: int = 3) -> pd.DataFrame:
    """Time both on Wikipedia passages, in CPU time of one process."""
    texts = [text.text for text in islice(corpora.read_texts("boolq"), passages)]
    generator = Generator(load_parser())

    def rate(asked: bool) -> float:
        begin, sentences = time.process_time(), 0
        for doc in generator.nlp.pipe(texts, batch_size=64):
            for sentence in doc.sents:
                sentences += 1
                if asked:
                    list(generator.sentence(sentence, QuestionFunnel()))
        return sentences / (time.process_time() - begin)

    found = turns({"pipeline": lambda: rate(True), "parse": lambda: rate(False)}, repeats)
    return table([
        ("the pipeline", found["pipeline"].median(), "sentences/CPU s", ""),
        ("spaCy's parse alone", found["parse"].median(), "sentences/CPU s", ""),
        ratio("the pipeline over spaCy's parse alone", found, "pipeline", "parse", ">= 0.8"),
    ])  # fmt: skip
