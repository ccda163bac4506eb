"""Stored teacher calls: nothing is asked twice, and a file cut short costs its last batch only."""

import gzip
import json

import pytest

from crossover.tasks import load_task
from crossover.teachers import Oracle, Reply, Request
from crossover.teachers.recorded import Recorded

TASK = load_task("math_words", steps=1)


class Paid:
    """A teacher that may not be asked the same thing twice."""

    id, repeatable = "paid", False

    def __init__(self):
        self.asked = []

    def reply(self, requests):
        self.asked += requests
        return [Reply(f"{r.kind} {r.problem.id} {r.index} ü\u2028\u2029\x85\x0b\r", 3, 4) for r in requests]


def ask(n, first=0):
    return [Request("answer", TASK.seeds(2, 0)[i % 2], i // 2) for i in range(first, first + n)]


@pytest.mark.parametrize("lost", [1, 7, 30])
def test_a_file_cut_short_keeps_its_whole_batches(tmp_path, lost):
    path, teacher = tmp_path / "g.jsonl.gz", Paid()
    recorded = Recorded(teacher, path)
    recorded.reply(ask(4))
    whole = path.read_bytes()
    recorded.reply(ask(4, first=4))
    path.write_bytes(path.read_bytes()[:-lost])

    again = Recorded(teacher, path)
    assert path.read_bytes() == whole
    again.reply(ask(8))
    assert len(teacher.asked) == 12, "the four lost calls are made again, the others are not"
    assert len(gzip.decompress(path.read_bytes()).split(b"\n")) == 9


def test_an_oracle_is_recorded_once_and_keeps_the_truth(tmp_path):
    path = tmp_path / "g.jsonl.gz"
    for _ in range(2):
        replies = Recorded(Oracle(TASK), path).reply([Request("new_question", TASK.seeds(1, 0)[0], 0)])
        assert replies[0].problem.structure is not None
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["reply"] == replies[0].text
