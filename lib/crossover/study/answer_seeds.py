"""Questions without answers: the teacher, shown those with one, answers them first, so that they can serve as seeds."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.paths import results_folder
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import make_teachers
from crossover.study.store import Store
from crossover.tasks.base import Problem
from crossover.tasks.pair_files import Pair
from crossover.tasks.user_pairs import UserPairs
from crossover.teachers import Reply, Request
from crossover.teachers.base import EXAMPLES
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account

#: Where a model that goes on writing begins with something else.
_NEXT = re.compile(r"\n\s*(?=Question:|Instruction:)")


def answer_seeds(task: UserPairs, cell: QueryCell) -> tuple[UserPairs, int, float]:
    """Have the teacher of a pilot's ``cell`` answer the seeds that have no answer.

    Returns the task on files of all pairs that have one now, how many answers could not be used, and what the calls
    cost. That no answer could be used is an error.
    """
    seeds, tests, _ = task.split()
    given = [Problem(digest(p.question, 12), p.question, task.completion(p.answer)) for p in seeds if p.answer]
    asked = [Problem(digest(p.question, 12), p.question, "") for p in seeds if not p.answer]
    # Replies belong to what the teacher was shown: with other examples it is asked again.
    shown = given[:EXAMPLES]
    examples = [[p.question, p.answer] for p in shown]
    settings = [cell.teacher, cell.teacher_settings, cell.max_new_tokens, task.compare, examples]
    store = Store(results_folder(f"labels-{digest(settings, 12)}"))
    with store.lock():
        teacher, _ = make_teachers(cell, task, shown, store)
        recorded = Recorded(teacher, store.folder / "generations" / "labels.jsonl.gz")
        replies = recorded.reply([Request("answer", problem, 0) for problem in asked])
        found = {p.question: _answer(task, reply, cell.max_new_tokens) for p, reply in zip(asked, replies, strict=True)}
        answered = [replace(p, answer=p.answer or found[p.question]) for p in seeds]
        if not any(p.answer for p in answered):
            raise CrossoverError(
                f"{task.seeds_file}: no answer of the teacher could be used. Give some of your own, as examples."
            )
        file, test = (_write(pairs, store.folder) for pairs in (answered, tests))
        spent = Account(store.folder / "spending.jsonl", **cell.spending).cost if cell.teacher == "endpoint" else 0.0
    lost = sum(not text for text in found.values())
    return replace(task, seeds_file=file, test_file=test, question="", answer=""), lost, spent


def _answer(task: UserPairs, reply: Reply, max_new_tokens: int) -> str:
    """What a reply gives to compare; empty where it gives nothing, or was cut before its end."""
    text = (reply.text or "").strip()
    first, *rest = _NEXT.split(text, maxsplit=1)
    marked = task.extract(f" {text}") is not None
    if not rest and not marked and reply.tokens_out >= max_new_tokens:
        return ""
    return first.strip() if task.final(first) is not None else ""


def _write(pairs: Sequence[Pair], folder: Path) -> str:
    """Write the pairs that have an answer to a file named by its content, so that no run changes another's."""
    rows = [
        {"instruction": p.question, "response": [p.answer, *p.also] if p.also else p.answer} for p in pairs if p.answer
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = folder / f"labelled-{digest(text, 12)}.jsonl"
    path.with_suffix(".part").write_text(text, encoding="utf-8")
    path.with_suffix(".part").replace(path)
    return str(path)
