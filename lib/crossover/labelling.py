"""Instructions without responses: the teacher answers them first, so that they can serve as seeds.

Seeds that have a response are shown to the teacher as examples. An answer from which nothing can be compared (no number, no
letter) is dropped and counted; every call is stored before its answer is used, and paid once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from crossover.cells import Cell, make_teachers
from crossover.errors import CrossoverError
from crossover.generations import Recorded
from crossover.store import Store
from crossover.tasks.base import Problem
from crossover.tasks.own import ANSWERED, ASKED, Own, read_lines, text_of
from crossover.teachers import Request
from crossover.teachers.prompts import EXAMPLES


def unlabelled(file: str) -> int:
    """Return how many lines of a file have an instruction and no response."""
    return sum(not text_of(row, ANSWERED) for _, row in read_lines(file))


def label(seeds_file: str, test_file: str, compare: str, cell: Cell, folder: Path) -> tuple[str, int]:
    """Have a teacher answer the instructions that have no response.

    Parameters
    ----------
    seeds_file, test_file, compare : str
        As :class:`crossover.tasks.own.Own` takes them; the first may lack responses.
    cell : Cell
        Any cell of the pilot: it names the teacher and what it may cost.
    folder : Path
        Where replies and the labelled file are stored.

    Returns
    -------
    str, int
        The file with all responses, and how many answers could not be used.

    Raises
    ------
    CrossoverError
        No answer could be used.
    """
    task = Own(seeds_file, test_file, compare)
    rows = [(text_of(row, ASKED), text_of(row, ANSWERED)) for _, row in read_lines(seeds_file)]
    problems = [Problem(_id(question), question, f" {answer or ''}") for question, answer in rows]
    shown = [p for p, (_, answer) in zip(problems, rows, strict=True) if answer][:EXAMPLES]
    teacher, _ = make_teachers(cell, task, shown, Store(folder))
    asked = [p for p, (_, answer) in zip(problems, rows, strict=True) if not answer]
    replies = Recorded(teacher, folder / "generations" / "labels.jsonl.gz").reply([Request("answer", p, 0) for p in asked])
    said = {p.id: (reply.text or "").strip() for p, reply in zip(asked, replies, strict=True)}
    usable = {key: text for key, text in said.items() if text and task.readable(text)}
    pairs = [(p.question, answer or usable.get(p.id)) for p, (_, answer) in zip(problems, rows, strict=True)]
    return _write(pairs, seeds_file, folder), len(asked) - len(usable)


def _write(pairs: Sequence[tuple[str, str | None]], seeds_file: str, folder: Path) -> str:
    kept = [json.dumps({"instruction": q, "response": a}, ensure_ascii=False) for q, a in pairs if a]
    if not kept:
        raise CrossoverError(f"{seeds_file}: no answer of the teacher could be used. Give some responses of your own, as examples.")
    path = folder / "labelled.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return str(path)


def _id(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:12]
