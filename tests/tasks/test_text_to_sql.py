"""Questions over a real database: fair, right by execution, and in English that holds what they ask."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossover.tasks.sql import is_ordered, run, same_result, schema
from crossover.tasks.text_to_sql.plan import LEXICON, QueryPlan, database, ops, outlines, valued, write_english
from crossover.tasks.text_to_sql.task import TextToSql

TASK = TextToSql()
seeds = st.integers(0, 2**32)
many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def drawn(seed):
    rng = random.Random(seed)
    return TASK.sample(rng), rng


def rows(completion):
    result = run(database(), completion)
    assert result.error is None, (completion, result.error)
    return result.rows


@given(seeds)
@many
def test_answers_run_are_short_and_right_in_every_style(seed):
    problem, rng = drawn(seed)
    assert TASK.correct(problem.answer, problem) and TASK.correct(problem.answer + ";\nSELECT 1", problem)
    result = rows(problem.answer)
    assert 1 <= len(result) <= 25 and not any(cell is None for row in result for cell in row)
    assert problem.answer.startswith(" SELECT ") and "\n" not in problem.answer + problem.question
    for _ in range(8):
        solution = TASK.solve(problem, rng)
        assert TASK.correct(solution, problem), solution
        words = re.sub(r"'[^']*'", "", solution)
        assert not re.search(r"\b(select|from|where|and|or|order|by|limit)\b", words), solution


TRIVIAL = [
    f" SELECT {what} FROM {table}"
    for table, columns in (
        ("elements", ("name", "symbol", "atomic_number", "*", "period", "block")), ("isotopes", ("mass_number", "*")),
        ("oxidationstates", ("oxidation_state",)), ("ionizationenergies", ("ionization_energy",)),
        ("ionicradii", ("ionic_radius",)), ("phasetransitions", ("melting_point",)), ("series", ("name",)), ("groups", ("name",)),
    )
    for what in (*columns, "COUNT(*)")
] + [" SELECT 1", " SELECT 0", " SELECT NULL", " SELECT ''", " SELECT name FROM elements LIMIT 1"]  # fmt: skip


def test_nothing_trivial_is_right():
    trivial = {text: rows(text) for text in TRIVIAL}
    for p in TASK.test(80):
        gold, ordered = rows(p.answer), is_ordered(p.answer)
        assert not [text for text, found in trivial.items() if same_result(found, gold, ordered)], p


def names(text):
    return set(re.findall(r"[a-z_0-9]+", re.sub(r"'[^']*'", "", text.split(" AS ")[0])))


@given(seeds)
@many
def test_the_tables_shown_hold_what_the_answer_needs_and_one_more(seed):
    problem, rng = drawn(seed)
    listed = problem.question.split("). ")[0] + ")"
    shown, known = dict(re.findall(r"(\w+)\(([^)]*)\)", listed)), schema(database())
    assert all(set(columns.split(", ")) <= set(known[table]) for table, columns in shown.items())
    everything = set(shown) | {c for columns in shown.values() for c in columns.split(", ")}
    assert {w for w in names(problem.answer) if not w.isdigit()} <= everything
    assert set(shown) - set(re.findall(r"(?:FROM|JOIN) (\w+)", problem.answer)), "no table that is not needed"
    assert TASK.reword(problem, rng).question.startswith(listed)


@given(seeds)
@many
def test_english_holds_the_querys_values(seed):
    problem, rng = drawn(seed)
    for p in (problem, TASK.reword(problem, rng)):
        asked = p.question.split("). ", 1)[1]
        told = re.findall(r"'[^']*'|-?\d+(?:\.\d+)?", re.sub(r"\b(g|mg)/(cm3|kg)", "", asked))
        wanted = [value for condition in p.structure.conditions for value in condition.values]
        assert sorted(told) == sorted(f"'{v}'" if isinstance(v, str) else str(v) for v in wanted), asked
        text = re.sub(r"'[^']*'", "x", asked)
        assert not re.search(r"[{}\[\]_]|  |\.\.|,,|\bNone\b", text), text
        assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeio]", text), text
        assert not re.search(r"\b(?!that)(\w+) \1\b", text), text
        assert not re.search(r"(?<![\d.])1 [a-z]+s\b|\bthe all\b|\ball the\b", text), text
        assert text[0].isupper() and text[-1] in ".?"
        ends = re.findall(r"[.?](?= |$)", text)
        assert len(ends) <= 2 and (ends[0] == "?") == bool(re.match(r"(What|Which|How|Among.*which|Of.*which)\b", text))


#: How English says each comparison and aggregate; what says none of them asks for equality.
SAID = {
    "above": r"(above|more than|greater than|exceeds|after) \d", "below": r"(below|less than|before) \d",
    "between": r"(between \S+( \S+)* and|from \S+( \S+)* to) \d", "missing": r"no recorded|not recorded",
    "known": r"a recorded|is recorded", "either": r"'x' or 'x'", "starts": r"(starts|begins) with",
    "ends": r"ends (in|with)", "contains": "contains", "yes": r"(?<!non-)(?<!not )radioactive", "no": r"(non-|not )radioactive",
    "max": "highest|maximum|largest|latest", "min": "lowest|minimum|smallest|earliest", "avg": r"average|mean\b", "sum": "total",
}  # fmt: skip
SAID |= {"desc": SAID["max"], "asc": SAID["min"]}


def asked_in(plan):
    """What many wordings of a plan ask for."""
    texts = [re.sub(r"'[^']*'", "'x'", write_english(plan, random.Random(seed))) for seed in range(24)]
    return [{op for op, words in SAID.items() if re.search(words, text)} for text in texts]


@pytest.mark.parametrize("column", LEXICON["columns"])
def test_english_says_the_comparison_that_sql_makes(column):
    for op in ops(column):
        plan = QueryPlan("count", (), (valued(column, op, random.Random(1)),))
        assert asked_in(plan) == [{op} - {"equals"}] * 24, op


@pytest.mark.parametrize("shape", ["aggregate", "superlative"])
def test_english_says_the_aggregate_that_sql_takes(shape):
    for columns, how in outlines(shape):
        asked = {op for op in SAID if SAID[op] == SAID[how]}
        assert asked_in(QueryPlan(shape, columns, (), how)) == [asked] * 24, (columns, how)
