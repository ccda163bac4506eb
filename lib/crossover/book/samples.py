"""The sample explorer's data: every stored reply as the sample it made, in scripts that a page loads from disk.

A shard is ``crossoverSamples("<name>", {...})``: a page that is opened as a file may load a script, but no JSON.
"""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.labels import TASKS, display_name
from crossover.paths import CONFIRMATION, PUBLISHED
from crossover.tasks import load_task
from crossover.tasks.base import Problem

FOLDER = "_static/samples"
#: The most that a shard may weigh, in bytes.
LARGEST = 500_000
#: What became of a sample, in the order of the funnel.
KEPT, NO_REPLY, UNREADABLE, REPEATED, COPY = range(5)
#: Whether an answer agrees with the gold one.
WRONG, RIGHT, UNKNOWN = range(3)
RIGHTS = ("wrong", "right", "not known")
VERDICTS = ("kept", "no reply", "no readable answer", "repeats a sample", "question unchanged")


def shards(results: Path) -> dict[str, bytes]:
    """Return the explorer's scripts by path: an index, and the samples of each task, strategy and teacher.

    The published book shows the confirmation study's before those of the first study.
    """
    groups: dict[tuple[str, str, str], list[list]] = defaultdict(list)
    folders = [results.parent / CONFIRMATION, results] if results.name == PUBLISHED else [results]
    for path in chain.from_iterable(sorted((folder / "generations").glob("*.jsonl.gz")) for folder in folders):
        entries = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode("utf-8").split("\n") if line]
        if named := re.match(r"(?P<task>\w+)-(?P<strategy>\w+)(-S(?P<seeds>\d+))?-r(?P<replicate>\d+)-", path.name):
            where = f"replicate {named['replicate']}" + (
                f", {int(named['seeds']):,} seed questions" if named["seeds"] else ""
            )
            group = groups[named["task"], named["strategy"], _teachers(entries)]
            gold = _gold(named["task"], int(named["seeds"] or 0), int(named["replicate"]))
            group += [[where, *sample] for sample in samples(entries, named["task"], gold)]
        elif path.name.startswith("questions-"):
            group = groups["template_questions", "from templates", "no teacher"]
            group += [[e["template"], e["source"], e["question"], e["answer"], KEPT, UNKNOWN] for e in entries[1:]]
    written, index = {}, []
    for number, ((task, strategy, teacher), rows) in enumerate(sorted(groups.items())):
        parts = list(_cut(rows))
        for part, text in enumerate(parts):
            written[f"{FOLDER}/{number}-{part}.js"] = f'crossoverSamples("{number}-{part}", {text});\n'.encode()
        names = TASKS.get(task, display_name(task)), display_name(strategy), teacher
        index.append([*names, number, len(parts), len(rows)])
    if index:
        about = {"verdicts": VERDICTS, "rights": RIGHTS, "groups": index}
        written[f"{FOLDER}/index.js"] = f"window.CROSSOVER_SAMPLES = {json.dumps(about)};\n".encode()
    return written


def samples(
    entries: Iterable[dict], task: str, gold: Mapping[str, Problem] | None = None
) -> Iterator[tuple[str, str, str, int, int]]:
    """Yield the samples that a file of replies made: seed question, its new question (or ""), answer, verdict, right.

    The problem of an answer to a bought question is named ``<seed>/<kind>-<draw>``. Answers to a seed or a rephrasing
    of it are compared with the seed's in ``gold``; those to new questions have no gold answer on record.
    """
    try:
        answers = load_task(task)
    except CrossoverError:  # a task that needs more than its name takes every text
        answers = None
    entries, seen = list(entries), set()
    bought = {f"{e['problem']}/{e['kind']}-{e['index']}": e for e in entries if e["kind"] not in ("answer", "annotate")}
    answered = {e["problem"] for e in entries if e["kind"] == "answer"}
    for entry in entries:
        reply = (entry["reply"] or "").strip()
        if entry["kind"] in ("answer", "annotate"):
            source = bought.get(entry["problem"])
            seed, question = (source["question"], entry["question"]) if source else (entry["question"], "")
            sample = (" ".join((question or seed).split()), " ".join(reply.split()))
            verdict = KEPT
            if not reply:
                verdict = NO_REPLY
            elif answers and answers.extract(reply) is None:
                verdict = UNREADABLE
            elif sample in seen:
                verdict = REPEATED
            elif question and " ".join(question.split()) == " ".join(seed.split()):
                verdict = COPY
            seen.add(sample)
            asked = (gold or {}).get(entry["problem"].partition("/")[0])
            right = UNKNOWN
            if answers and asked and asked.question == seed and (not source or source["kind"] == "rephrase"):
                right = UNKNOWN if verdict in (NO_REPLY, UNREADABLE) else int(answers.correct(reply, asked))
            yield seed, question, reply, verdict, right
        elif f"{entry['problem']}/{entry['kind']}-{entry['index']}" not in answered:
            # Questions that were not answered, and examples that are generated whole.
            yield entry["question"], reply, "", KEPT if reply else NO_REPLY, UNKNOWN


def plain_teacher(identity: str) -> str:
    """Return a teacher's identity without digests, settings of training, and dials that are off.

    >>> plain_teacher("oracle(answer_error=0.25, rephrase_drift=0, invalid_rate=0, coverage=1)")
    'oracle(answer_error=0.25)'
    """
    name, _, dials = re.sub(r"[@:] ?[0-9a-f]{8,}", "", identity).rstrip(")").partition("(")
    off = r"(answer_error|rephrase_drift|invalid_rate)=0|coverage=1"
    inner = r"(max_new_tokens|trained_layers|epochs|min_steps|batch_size|learning_rate|tuning)=.*"
    unshown = re.compile(f"{off}|{inner}")
    shown = [dial for dial in dials.split(", ") if dial and not unshown.fullmatch(dial)]
    return f"{name}({', '.join(shown)})" if shown else name


def _teachers(entries: Iterable[dict]) -> str:
    """Who answered and, where that is another, who wrote the questions."""
    answered, asked = (
        " and ".join(sorted({plain_teacher(e["teacher"]) for e in entries if (e["kind"] == "answer") == is_answer}))
        for is_answer in (True, False)
    )
    return f"{answered}; questions from {asked}" if answered and asked and asked != answered else answered or asked


@cache
def _gold(task: str, seeds: int, replicate: int) -> dict[str, Problem]:
    """The seed questions of one replicate, where the task makes them without any file."""
    generated = task in ("math_words", "text_to_sql")
    return {problem.id: problem for problem in load_task(task).seeds(seeds, replicate)} if generated else {}


def _cut(rows: list[list]) -> Iterator[str]:
    """JSON texts that hold the rows in order, none larger than a shard may be, each seed question once."""
    seeds: dict[str, int] = {}
    kept: list[list] = []
    size = 0
    for where, seed, *rest in rows:
        added = len(json.dumps([where, *rest]).encode()) + (0 if seed in seeds else len(json.dumps(seed).encode())) + 12
        if size + added > LARGEST - 1000:
            yield json.dumps({"seeds": list(seeds), "rows": kept})
            seeds, kept, size = {}, [], 0
        kept.append([where, seeds.setdefault(seed, len(seeds)), *rest])
        size += added
    yield json.dumps({"seeds": list(seeds), "rows": kept})
