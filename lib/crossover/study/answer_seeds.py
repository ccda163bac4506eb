"""Instructions without responses: the teacher answers them first, so that they can serve as seeds.

Seeds that have a response are shown to the teacher as examples. An answer from which nothing can be compared (no number, no
letter) is dropped and counted; every call is stored before its answer is used, and paid once.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import results_folder
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import make_teachers
from crossover.study.store import Store
from crossover.tasks.base import Problem
from crossover.tasks.user_pairs import ANSWERED, ASKED, UserPairs, read_lines, text_of
from crossover.teachers import Request
from crossover.teachers.few_shot_prompts import EXAMPLES
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account

#: Where a model that goes on writing begins with something else.
_NEXT = re.compile(r"\n\s*\n|\n(?=Question:|Instruction:)")


@dataclass(frozen=True)
class AnsweredSeeds:
    """A file with all responses, how many answers could not be used, and what the calls cost."""

    file: str
    lost: int
    cost: float


def unlabelled(file: str) -> int:
    """Return how many lines of a file have an instruction and no response."""
    return sum(not text_of(row, ANSWERED) for _, row in read_lines(file))


def label(seeds_file: str, test_file: str, compare: str, cell: QueryCell) -> AnsweredSeeds:
    """Have a teacher answer the instructions that have no response.

    Parameters
    ----------
    seeds_file, test_file, compare : str
        As :class:`crossover.tasks.user_pairs.UserPairs` takes them; the first may lack responses.
    cell : Cell
        Any cell of the pilot: it names the teacher and what it may cost.

    Raises
    ------
    CrossoverError
        No answer could be used.
    """
    task = UserPairs(seeds_file, test_file, compare)
    rows = [(line, text_of(row, ASKED), text_of(row, ANSWERED)) for line, row in read_lines(seeds_file)]
    given = [Problem(_digest(q), q, task.completion(seeds_file, line, a)) for line, q, a in rows if a]
    asked = [Problem(_digest(q), q, "") for _, q, a in rows if not a]
    # Replies belong to what the teacher was shown: with other examples it is asked again.
    shown = given[:EXAMPLES]
    settings = [
        cell.teacher,
        cell.teacher_settings,
        cell.max_new_tokens,
        compare,
        [[p.question, p.answer] for p in shown],
    ]
    store = Store(results_folder(f"labels-{_digest(json.dumps(settings, sort_keys=True))}"))
    with store.lock():
        teacher, _ = make_teachers(cell, task, shown, store)
        replies = Recorded(teacher, store.folder / "generations" / "labels.jsonl.gz").reply(
            [Request("answer", p, 0) for p in asked]
        )
        answers = {
            p.question: _NEXT.split((reply.text or "").strip())[0].strip()
            for p, reply in zip(asked, replies, strict=True)
        }
        usable = {q: text for q, text in answers.items() if text and task.readable(text)}
        file = _write([(q, a or usable.get(q, "")) for _, q, a in rows], seeds_file, store.folder)
        spent = Account(store.folder / "spending.jsonl", **cell.spending).cost if cell.teacher == "endpoint" else 0.0
    return AnsweredSeeds(file, len(asked) - len(usable), spent)


def _write(pairs: list[tuple[str, str]], seeds_file: str, folder: Path) -> str:
    """Write the pairs that have an answer to a file named by its content, so that no run changes another's."""
    text = "".join(json.dumps({"instruction": q, "response": a}, ensure_ascii=False) + "\n" for q, a in pairs if a)
    if not text:
        raise CrossoverError(
            f"{seeds_file}: no answer of the teacher could be used. Give some responses of your own, as examples."
        )
    path = folder / f"labelled-{_digest(text)}.jsonl"
    path.with_suffix(".part").write_text(text, encoding="utf-8")
    path.with_suffix(".part").replace(path)
    return str(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
