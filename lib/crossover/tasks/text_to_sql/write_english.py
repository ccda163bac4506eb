"""The English of a question's plan, in one of many wordings, and the line of tables that goes with it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

from crossover.tasks.sql.sandbox import schema
from crossover.tasks.text_to_sql.plan import Condition, QueryPlan, columns_of, database, kind, lexicon

_CLAUSES = {"with ": "have ", "in ": "are in ", "discovered ": "were discovered "}


def article(noun: str) -> str:
    """The indefinite article of a noun.

    >>> article("atomic weight"), article("density")
    ('an', 'a')
    """
    return "an" if noun[0].lower() in "aeio" else "a"


def _nouns(column: str, renamed: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    entry = lexicon()["columns"][column]
    return renamed.get(column) or (entry["noun"], entry["many"])


def _modifier(condition: Condition, clause: bool, rng: random.Random, renamed: Mapping[str, tuple[str, str]]) -> str:
    """A condition after a plural noun ("with ..."), or as a relative clause ("have ...")."""
    column, op = condition.column, condition.op
    entry = lexicon()["columns"][column]
    if op in ("yes", "no"):
        return f"{'are' if clause else 'that are'} {'' if op == 'yes' else 'not '}{entry['adjective']}"
    options = entry.get("says", {}).get(op) or lexicon()["says"][entry["kind"]][op]
    if clause:
        options = [o for o in options if not o.startswith("whose")]
    unit = "" if column in renamed else entry.get("unit", "")
    v, w = ([*(f"{value}{' ' if unit else ''}{unit}" for value in condition.values), "", ""])[:2]
    noun = _nouns(column, renamed)[0]
    text = rng.choice(options).format(v=v, w=w, noun=noun, a=article(noun))
    start = text[: text.find(" ") + 1]
    return _CLAUSES[start] + text.removeprefix(start) if clause and start in _CLAUSES else text


def _phrase(query: QueryPlan, rng: random.Random, renamed: Mapping[str, tuple[str, str]]) -> str:
    """A plural noun phrase for the elements that meet the condition."""
    if not query.conditions:
        return "elements"
    (condition,) = query.conditions
    if condition.op in ("yes", "no") and rng.random() < 0.6:
        return (
            f"{'' if condition.op == 'yes' else 'non-'}{lexicon()['columns'][condition.column]['adjective']} elements"
        )
    clause = rng.random() < 0.3
    return f"elements {'that ' if clause else ''}{_modifier(condition, clause, rng, renamed)}"


def question(query: QueryPlan, rng: random.Random, renamed: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Write a query as a question or a request in English; ``renamed`` puts nouns, singular and plural, in columns' places."""
    lex, renamed = lexicon(), renamed or {}
    if query.shape == "lookup":
        fields = {"element": query.conditions[0].values[0]}
    else:
        fields = {"np": _phrase(query, rng, renamed)}
    if query.columns:
        fields["col"], fields["cols"] = _nouns(query.columns[0], renamed)
    if query.how:
        measured = query.columns[-1]
        fields["m"] = _nouns(measured, renamed)[0]
        if query.how in ("desc", "asc"):
            fields["best"] = lex["best"][kind(measured)][query.how]
        else:
            fields["agg"] = rng.choice(lex["aggregates"][kind(measured)][query.how])
            fields["of"] = "among" if query.how in ("max", "min") else "of"
    template = rng.choice(lex["questions"][query.shape])
    if not query.conditions:
        template = template.replace("mong the {np}", "mong all {np}")
    return template.format(**fields)


def tables(query: QueryPlan) -> list[tuple[str, list[str]]]:
    """The tables and columns shown with a question: those needed, a few others, and a table not needed.

    They follow from the shape and the columns alone, so that a rewording, or a question that has drifted to another
    value or comparison, shows the same.
    """
    used = {*query.columns, "elements.name", *(c.column for c in query.conditions)}
    rng = random.Random(hashlib.sha256(f"{query.shape} elements {sorted(used)}".encode()).hexdigest())
    spare = rng.choice(list(lexicon()["spare"]))
    others = [c.partition(".")[2] for c in columns_of("number", "year", "integer", "class")]
    names = {c.partition(".")[2] for c in used} | {"atomic_number", *rng.sample(others, 2)}
    spared = {"atomic_number", *rng.sample(lexicon()["spare"][spare], 1)}
    known = schema(database())
    return [(table, [c for c in known[table] if c in shown]) for table, shown in (("elements", names), (spare, spared))]
