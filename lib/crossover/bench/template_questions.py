"""The question pipeline against spaCy alone, on the same text."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

import pandas as pd
from thinc.api import NumpyOps

from crossover.bench.tables import table
from crossover.data import corpora
from crossover.models import spacy_english
from crossover.questions import generate


def run(passages: int = 400, processes: int = 2, repeats: int = 3) -> pd.DataFrame:
    """Time the question pipeline against spaCy alone, on the same Wikipedia passages, turn about.

    Rates are for ``processes`` processes by the wall clock; ratios are medians over the turns, so that other work on
    the machine, which falls on both, matters less. CPU rates are for one process.

    Returns
    -------
    DataFrame
        ``what, value, unit, wanted``, one row a measurement.
    """
    texts = [text.text for text in islice(corpora.passages("boolq", "validation", "pypi"), passages)]
    stock, plain, full = spacy_english.load_parser(NumpyOps()), spacy_english.load_parser(), spacy_english.load_parser()
    full.add_pipe("template_questions")
    docs = list(plain.pipe(texts))
    sentences = sum(1 for doc in docs for _ in doc.sents)
    generator = generate.Generator(plain)
    start = time.process_time()
    made = [q for doc in docs for sentence in doc.sents for q in generator.sentence(sentence, generate.Funnel())]
    templates = (time.process_time() - start) / sentences

    def rate(nlp, clock: Callable[[], float], n_process: int) -> float:
        begin = clock()
        for _ in nlp.pipe(texts, batch_size=64, n_process=n_process):
            pass
        return sentences / (clock() - begin)

    pipelines = {"stock": stock, "plain": plain, "full": full}
    turns = [{name: rate(nlp, time.process_time, 1) for name, nlp in pipelines.items()} for _ in range(repeats)]
    walls = [{name: rate(nlp, time.perf_counter, processes) for name, nlp in pipelines.items()} for _ in range(repeats)]
    cpu, wall = pd.DataFrame(turns), pd.DataFrame(walls)
    words = sum(len(doc) for doc in docs) / sentences
    rows = [
        (f"sentences, of {words:.0f} tokens on average", sentences, "", ""),
        ("questions", len(made), "", ""),
        (f"the pipeline, {processes} processes", wall["full"].max(), "sentences/s", ">= 1000"),
        ("over spaCy's parse alone, CPU time", (cpu["full"] / cpu["plain"]).median(), "x", ">= 0.8"),
        (
            "over spaCy's parse alone with its own matrix product, CPU time",
            (cpu["full"] / cpu["stock"]).median(),
            "x",
            "",
        ),
        (
            f"over spaCy's parse alone, {processes} processes, wall clock",
            (wall["full"] / wall["plain"]).median(),
            "x",
            "",
        ),
        ("the pipeline, one process", cpu["full"].median(), "sentences/CPU s", ""),
        ("spaCy's parse alone", cpu["plain"].median(), "sentences/CPU s", ""),
        ("spaCy's parse alone with its own matrix product", cpu["stock"].median(), "sentences/CPU s", ""),
        ("templates, checks and wording", templates * 1e6, "CPU us/sentence", ""),
    ]
    return table(rows)
