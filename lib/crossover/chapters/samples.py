"""Samples of what teachers wrote, from the stored replies: a seed and what each strategy made of it."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd


class Wanted(NamedTuple):
    """A row of a table of samples: its name, the files (a pattern), the kind of call, and settings of the teacher."""

    name: str
    files: str
    kind: str
    teacher: str = ""
    #: Only replies that differ from this row's: the same teacher without the setting answers an undisturbed question
    #: alike.
    unlike: str = ""


#: A programmatic teacher's identifier ends in its settings.
ORACLE = "answer_error=0, rephrase_drift={drift}, invalid_rate={drift}, coverage={coverage})"


def strategy_samples(task: str, size: int) -> list[Wanted]:
    """Return the rows for one call of each strategy at a programmatic teacher, and for an edit of the seed."""
    clean = ORACLE.format(drift=0, coverage=1)
    return [
        Wanted("new answer", f"{task}-answer_augmentation-S{size}-r*", "answer", clean),
        Wanted("rephrasing", f"{task}-question_rephrase-S{size}-r*", "rephrase", clean),
        Wanted("new question", f"{task}-new_question-S{size}-r*", "new_question", clean),
        Wanted(
            "edited question", f"{task}-new_question-S{size}-r*", "new_question", ORACLE.format(drift=0, coverage=0)
        ),
    ]


def stored_replies(folder: Path, files: str, kind: str, teacher: str = "") -> dict[tuple[str, int], dict]:
    """Return the stored replies of one kind by problem and draw, of teachers whose identifier holds ``teacher``."""
    found = {}
    for path in sorted((folder / "generations").glob(files)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                if entry["kind"] == kind and teacher in entry["teacher"] and entry["reply"]:
                    found.setdefault((entry["problem"], entry["index"]), entry)
    return found


def samples(folder: Path, wanted: Sequence[Wanted]) -> pd.DataFrame:
    """Return ``sample, text``: a seed and one stored reply per wanted row, for the first seed that has them all."""
    found = {w.name: stored_replies(folder, w.files, w.kind, w.teacher) for w in wanted}
    for w in wanted:
        if w.unlike:
            same = found[w.unlike]
            found[w.name] = {at: e for at, e in found[w.name].items() if at in same and same[at]["reply"] != e["reply"]}
    for problem in sorted(set.intersection(*({p for p, _ in replies} for replies in found.values()))):
        first = {
            name: next(e for (p, _), e in sorted(replies.items()) if p == problem) for name, replies in found.items()
        }
        rows = [
            ("seed question", next(iter(first.values()))["question"]),
            *((name, e["reply"].strip()) for name, e in first.items()),
        ]
        return pd.DataFrame(rows, columns=["sample", "text"])
    return pd.DataFrame(columns=["sample", "text"])


def as_html(rows: pd.DataFrame) -> str:
    """Return a table of samples for a page of the book: on one line, with every text as text.

    >>> as_html(pd.DataFrame({"sample": ["new answer"], "text": ["<b>2</b>\\n#### 2"]})).partition("<tbody>")[2]
    '    <tr>      <td>new answer</td>      <td>&lt;b&gt;2&lt;/b&gt; #### 2</td>    </tr>  </tbody></table>'
    """
    said = rows.assign(text=rows["text"].str.split().str.join(" "))
    with pd.option_context("display.max_colwidth", None):
        return said.to_html(index=False, header=False, border=0, classes="samples").replace("\n", "")
