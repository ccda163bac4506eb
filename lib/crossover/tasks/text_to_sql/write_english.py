"""The English of a question's plan, in one of many wordings, and the line of tables that goes with it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

from crossover.tasks.sql.sandbox import schema
from crossover.tasks.text_to_sql.grammar import own_columns
from crossover.tasks.text_to_sql.plan import CHILDREN, Condition, Query, database, kind, lexicon

_CLAUSES = {"with ": "have ", "in ": "are in ", "discovered ": "were discovered "}
_BY_ELEMENT = ("group_count", "group_aggregate", "having", "most")
_KEYS = {"series": ("id", "series_id"), "groups": ("group_id", "group_id")}


def article(noun: str) -> str:
    """The indefinite article of a noun.

    >>> article("atomic weight"), article("density")
    ('an', 'a')
    """
    return "an" if noun[0].lower() in "aeio" else "a"


class _Asker:
    """Words one query once: holds the random choices and the nouns, singular and plural, in other columns' places."""

    def __init__(self, query: Query, rng: random.Random, renamed: Mapping[str, tuple[str, str]]) -> None:
        self.query, self.rng, self.renamed = query, rng, renamed

    def noun(self, column: str) -> str:
        """A column's noun in the singular."""
        return self.renamed[column][0] if column in self.renamed else lexicon()["columns"][column]["noun"]

    def nouns(self, column: str) -> str:
        """A column's noun in the plural."""
        return self.renamed[column][1] if column in self.renamed else lexicon()["columns"][column]["many"]

    def modifier(self, condition: Condition, clause: bool) -> str:
        """What a condition says of a plural noun: after it ("with ..."), or as a relative clause ("have ...")."""
        column, op, values = condition.column, condition.op, condition.values
        if op in ("some", "none"):
            inner = self.phrase(column, values, "and")
            text = f"with no {inner}" if op == "none" else f"with one or more {inner}"
        elif op in ("yes", "no"):
            adjective = lexicon()["columns"][column]["adjective"]
            text = f"that are {'' if op == 'yes' else 'not '}{adjective}"
            return text.removeprefix("that ") if clause else text
        else:
            entry = lexicon()["columns"][column]
            options = entry.get("says", {}).get(op) or lexicon()["says"][entry["kind"]][op]
            if clause:
                options = [o for o in options if not o.startswith("whose")]
            unit = "" if column in self.renamed or op.endswith("_element") else entry.get("unit", "")
            spaced = "" if unit in ("", "%") else " "
            v, w = ([*(f"{value}{spaced}{unit}" for value in values), "", ""])[:2]
            noun = self.noun(column)
            text = self.rng.choice(options).format(
                v=v, w=w, noun=noun, a=article(noun), all=f"all {lexicon()['tables'][condition.table]['many']}"
            )
        if clause:
            for start, instead in _CLAUSES.items():
                if text.startswith(start):
                    return instead + text.removeprefix(start)
        return text

    def phrase(self, table: str, conditions: Sequence[Condition], joined: str) -> str:
        """A plural noun phrase for the rows of a table that meet some conditions."""
        many = plain = lexicon()["tables"][table]["many"]
        owners = [c for c in conditions if table in CHILDREN and c.table == "elements"]
        own = [c for c in conditions if c not in owners]
        if owners:
            many += " of " + self.owner(owners[0])
        if not own:
            return many
        if len(own) == 1 and joined == "and" and own[0].op in ("yes", "no") and self.rng.random() < 0.6:
            return self.adjective(own[0]) + many
        if len(own) == 1 and owners:
            clause = self.modifier(own[0], True)
            # "isotopes of elements that have ..." could be said of the elements; of one element it cannot.
            if owners[0].column == "elements.name":
                return f"{many} that {clause}"
            return f"{plain} that {clause} and belong to {self.owner(owners[0])}"
        if len(own) == 1:
            return f"{many} {self.after(own[0])}"
        first, second = own
        if joined == "and" and first.op in ("yes", "no") and self.rng.random() < 0.6:
            return f"{self.adjective(first)}{many} {self.after(second)}"
        if joined == "and" and self.rng.random() < 0.5:
            place, then = self.modifier(first, False), self.modifier(second, False)
            if place.startswith("in ") and then.startswith(("with ", "whose ")):
                return f"{many} {place} {then}"
        # What may end in a phrase of its own comes last, where nothing can be taken to belong to it.
        return f"{many} that {self.modifier(first, True)} {joined} {self.modifier(second, True)}"

    def after(self, condition: Condition) -> str:
        """A condition after its noun, now and then as a relative clause."""
        if self.rng.random() < 0.3:
            return f"that {self.modifier(condition, True)}"
        return self.modifier(condition, False)

    def adjective(self, flag: Condition) -> str:
        """A flag before its noun."""
        return ("" if flag.op == "yes" else "non-") + lexicon()["columns"][flag.column]["adjective"] + " "

    def owner(self, condition: Condition) -> str:
        """The elements that rows belong to."""
        if condition.column == "elements.name":
            return f"the element '{condition.values[0]}'"
        return self.phrase("elements", (condition,), "and")

    def ask(self) -> str:
        """The question."""
        query, lex, rng = self.query, lexicon(), self.rng
        table = lex["tables"][query.table]
        by_element = query.shape in _BY_ELEMENT and query.columns[0] == "elements.name"
        fields = {"one": table["one"], "many": table["many"], "k": str(query.number)}
        if query.shape == "lookup":
            fields["element"] = query.conditions[0].values[0]
        else:
            fields["np"] = self.phrase(query.table, query.conditions, query.joined)
        if by_element:
            owners = tuple(c for c in query.conditions if c.table == "elements")
            own = tuple(c for c in query.conditions if c not in owners)
            fields["own"] = self.phrase(query.table, own, "and")
            fields["holders"] = self.phrase("elements", owners, "and")
        for place, column in zip(("", "2"), query.columns, strict=False):
            fields["col" + place] = self.noun(column)
            fields["cols" + place] = self.nouns(column)
        if query.how:
            measured = query.columns[-1]
            fields["m"] = self.noun(measured)
            if query.how in ("desc", "asc"):
                words = lex["best"][kind(measured)]
                fields |= {"best": words[query.how], "order": words[f"{query.how}_order"]}
            else:
                fields["agg"] = rng.choice(lex["aggregates"][kind(measured)][query.how])
                fields["of"] = "among" if query.how in ("max", "min") else "of"
        template = rng.choice(lex["questions"][query.shape + ("_by_element" if by_element else "")])
        if not query.conditions:
            template = template.replace("mong the {np}", "mong all {np}")
        return template.format(**fields)


def question(query: Query, rng: random.Random, renamed: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Write a query as a question or a request in English.

    Parameters
    ----------
    query : Query
    rng : random.Random
        Chooses among the wordings.
    renamed : mapping of str to (str, str), optional
        Nouns, singular and plural, to put in the places of columns, for a question that the database cannot answer.

    Returns
    -------
    str
        One or two sentences, without the tables.
    """
    return _Asker(query, rng, renamed or {}).ask()


def tables(query: Query) -> list[tuple[str, list[str]]]:
    """The tables and columns that are shown with a question: those needed, a few others, and a table not needed.

    They follow from the shape, the tables and the columns alone, so that a rewording, or a question that has drifted to
    another value or comparison, shows the same.
    """
    used = {*query.columns, "elements.name"}
    needed = [query.table]
    for condition in query.conditions:
        inner = condition.values[:1] if condition.op in ("some", "none") else ()
        used |= {c.column for c in (condition, *inner) if "." in c.column}
        needed.append(condition.table)
    needed += [c.partition(".")[0] for c in query.columns]
    rng = random.Random(hashlib.sha256(f"{query.shape} {query.table} {sorted(used)}".encode()).hexdigest())
    needed = [table for table in (*lexicon()["tables"], *_KEYS) if table in needed]
    spare = rng.choice([t for t in lexicon()["tables"] if t not in needed])
    shown: list[tuple[str, list[str]]] = []
    known = schema(database())
    for table in (*needed, spare):
        names = {c.partition(".")[2] for c in used if c.partition(".")[0] == table}
        if table in _KEYS:
            names |= {_KEYS[table][0], "name"}
        else:
            names.add("atomic_number")
            extra = [c for c in own_columns(table, "number", "year", "integer", "class") if c.startswith(table + ".")]
            names |= {c.partition(".")[2] for c in rng.sample(extra, 1 if table in CHILDREN else 2)}
        if table == "elements":
            names |= {_KEYS[parent][1] for parent in _KEYS if parent in needed}
        shown.append((table, [c for c in known[table] if c in names]))
    return shown
