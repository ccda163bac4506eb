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


class _Asker:
    """Words one query once: holds the random choices and the nouns, singular and plural, in other columns' places."""

    def __init__(self, query: QueryPlan, rng: random.Random, renamed: Mapping[str, tuple[str, str]]) -> None:
        self.query, self.rng, self.renamed = query, rng, renamed

    def nouns(self, column: str) -> tuple[str, str]:
        """A column's noun in the singular and the plural."""
        entry = lexicon()["columns"][column]
        return self.renamed.get(column) or (entry["noun"], entry["many"])

    def modifier(self, condition: Condition, clause: bool) -> str:
        """A condition after a plural noun ("with ..."), or as a relative clause ("have ...")."""
        column, op = condition.column, condition.op
        entry = lexicon()["columns"][column]
        if op in ("yes", "no"):
            text = f"{'' if op == 'yes' else 'not '}{entry['adjective']}"
            return f"are {text}" if clause else f"that are {text}"
        options = entry.get("says", {}).get(op) or lexicon()["says"][entry["kind"]][op]
        if clause:
            options = [o for o in options if not o.startswith("whose")]
        unit = "" if column in self.renamed else entry.get("unit", "")
        v, w = ([*(f"{value}{' ' if unit else ''}{unit}" for value in condition.values), "", ""])[:2]
        noun = self.nouns(column)[0]
        text = self.rng.choice(options).format(v=v, w=w, noun=noun, a=article(noun))
        if clause:
            for start, instead in _CLAUSES.items():
                if text.startswith(start):
                    return instead + text.removeprefix(start)
        return text

    def phrase(self) -> str:
        """A plural noun phrase for the elements that meet the condition."""
        if not self.query.conditions:
            return "elements"
        (condition,) = self.query.conditions
        if condition.op in ("yes", "no") and self.rng.random() < 0.6:
            adjective = lexicon()["columns"][condition.column]["adjective"]
            return f"{'' if condition.op == 'yes' else 'non-'}{adjective} elements"
        if self.rng.random() < 0.3:
            return f"elements that {self.modifier(condition, True)}"
        return f"elements {self.modifier(condition, False)}"

    def ask(self) -> str:
        """The question."""
        query, lex, rng = self.query, lexicon(), self.rng
        if query.shape == "lookup":
            fields = {"element": query.conditions[0].values[0]}
        else:
            fields = {"np": self.phrase()}
        if query.columns:
            fields["col"], fields["cols"] = self.nouns(query.columns[0])
        if query.how:
            measured = query.columns[-1]
            fields["m"] = self.nouns(measured)[0]
            if query.how in ("desc", "asc"):
                fields["best"] = lex["best"][kind(measured)][query.how]
            else:
                fields["agg"] = rng.choice(lex["aggregates"][kind(measured)][query.how])
                fields["of"] = "among" if query.how in ("max", "min") else "of"
        template = rng.choice(lex["questions"][query.shape])
        if not query.conditions:
            template = template.replace("mong the {np}", "mong all {np}")
        return template.format(**fields)


def question(query: QueryPlan, rng: random.Random, renamed: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Write a query as a question or a request in English, without the tables."""
    return _Asker(query, rng, renamed or {}).ask()


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
