"""SQL: unchecked statements cannot harm, results are compared as defined, and the Spider task."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import sqlite3
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.tasks import ProceduralTask, Task, load_task, sql
from crossover.tasks.benchmarks import Spider
from crossover.tasks.sql import is_ordered, matches, run, same_result, schema, statement
from crossover.tasks.text_to_sql.plan import database
from stored import write_lines


def rows(completion):
    result = run(database(), completion)
    assert result.error is None, (completion, result.error)
    return result.rows


# --- statements that nobody has checked -------------------------------------------------------------------------------

LONG = "replace(" * 5 + "'aaaaaaaaaa'" + ", 'a', 'aaaaaaaaaa')" * 5
NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
DOUBLED = "WITH a0 AS (SELECT 1 x)" + "".join(
    f", a{i + 1} AS (SELECT l.x FROM a{i} l LEFT JOIN a{i} r)" for i in range(24)
)

REFUSED = [
    "ATTACH 'x.db' AS x", "DETACH main", "PRAGMA journal_mode = DELETE", "PRAGMA table_info(elements)",
    "SELECT * FROM pragma_table_info('elements')", "SELECT * FROM sqlite_master", "SELECT * FROM dbstat",
    "SELECT * FROM json_each('[1]')", "INSERT INTO series VALUES (99, 'a', 'b')", "REPLACE INTO series VALUES (1, 'a', 'b')",
    "UPDATE elements SET name = 'x'", "DELETE FROM elements", "DROP TABLE elements", "CREATE TABLE t (a)",
    "CREATE TEMP TABLE t (a)", "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER t AFTER INSERT ON series BEGIN SELECT 1; END",
    "ALTER TABLE series ADD COLUMN x", "VACUUM", "VACUUM INTO 'copy.db'", "ANALYZE", "REINDEX", "BEGIN", "COMMIT",
    "SAVEPOINT s", "EXPLAIN DROP TABLE elements", "WITH t AS (SELECT 1) DELETE FROM elements",
    "SELECT load_extension('x')", "SELECT writefile('x', 'y')", "SELECT readfile('/etc/passwd')", "SELECT edit('x')",
    "SELECT random()", "SELECT randomblob(1000000000)", "SELECT zeroblob(1000000000)", "SELECT hex(zeroblob(100000000))",
    "SELECT printf('%1000000000d', 1)", "SELECT format('%.*c', 1000000000, 'x')", "SELECT fts3_tokenizer('simple')",
    "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE elements", "", "   ", ";", "-- nothing", "/* nothing", "SELECT 1\0", "\0",
    "SELECT '\ud800'", "SELECT", "nonsense", "SELECT " + "(" * 300 + "1" + ")" * 300, "SELECT " + "1+" * 500 + "1",
    "SELECT '" + "x" * 10_000 + "'", "SELECT ?1", f"SELECT {LONG}", "SELECT " + "*, " * 9 + "* FROM elements",
]  # fmt: skip
CUT_OFF = [
    f"{NUMBERS} SELECT count(*) FROM n", f"{NUMBERS} SELECT x FROM n", f"{NUMBERS} SELECT max(x) FROM n",
    "WITH RECURSIVE s(x) AS (SELECT 'aaaaaaaa' UNION ALL SELECT x || x FROM s) SELECT x FROM s",
    "SELECT * FROM elements, isotopes, ionizationenergies, scattering_factors",
    "SELECT count(*) FROM elements a, elements b, elements c, elements d, elements e",
    "SELECT * FROM scattering_factors",
    "SELECT a.description || b.description || a.uses AS x FROM elements a, elements b, isotopes ORDER BY x",
    "SELECT group_concat(description || uses) FROM elements, isotopes",
    "SELECT a.mass, b.mass, count(*) FROM isotopes a, isotopes b GROUP BY 1, 2",
    f"{DOUBLED} SELECT count(*) FROM a24",
]  # fmt: skip


@pytest.fixture
def untouched():
    """Nothing is written: neither the database nor anything beside it or in the working folder."""

    def state():
        path = database()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return digest, path.stat().st_mtime_ns, sorted(os.listdir(path.parent)), sorted(os.listdir())

    before = state()
    yield
    assert state() == before


@pytest.mark.parametrize("text", REFUSED)
def test_hostile_statements_are_refused(text, untouched):
    start = time.monotonic()
    result = run(database(), text)
    assert result.error and result.rows == () and time.monotonic() - start < 5


@pytest.mark.parametrize("text", CUT_OFF)
def test_statements_without_end_are_cut_off(text, untouched, monkeypatch):
    monkeypatch.setattr(sql, "STEPS", 4_000_000)
    monkeypatch.setattr(sql, "ROWS", 20_000)
    start = time.monotonic()
    result = run(database(), text)
    assert re.search("more than|too big", result.error) and result.rows == () and time.monotonic() - start < 10
    monkeypatch.setattr(sql, "SECONDS", 0.0)  # for machines that are slow
    assert run(database(), f"{NUMBERS} SELECT max(x) FROM n").error == "more than 0 seconds"


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_no_text_raises(text):
    result = run(database(), text)
    assert (result.error is None) != (result.rows == ()) or result == sql.Result()
    assert statement(text) is None or "\n" not in statement(text)


def test_what_questions_need_is_allowed():
    ask = "SELECT count(*) FROM (SELECT DISTINCT period FROM elements WHERE name LIKE '%ium' GROUP BY period)"
    assert rows(ask) == ((7,),)
    assert rows("WITH big AS (SELECT * FROM elements WHERE atomic_weight > 290) SELECT count(*) FROM big") == ((3,),)
    assert rows("SELECT upper(substr(name, 1, 2)), round(avg(density), 1) FROM elements WHERE period = 1") == (
        ("HY", 0.0),
    )
    assert rows("SELECT name FROM elements WHERE name = \"Iron\" UNION SELECT symbol FROM elements WHERE symbol = 'Fe'")
    assert run(database(), "SELECT missing FROM elements").error == "no such column: missing"


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        ("trim('  a ')", "a"), ("strftime('%Y', '1980-05-01') >= '1979'", 1), ("date('2024-01-31', '+1 month')", "2024-03-02"),
        ("julianday('2000-01-02') - julianday('2000-01-01')", 1.0), ("datetime(0, 'unixepoch')", "1970-01-01 00:00:00"),
        ("strftime('%Y', NULL)", None), ("date('')", None), ("lag(2) OVER ()", None),
    ],
)  # fmt: skip
def test_functions_of_texts_and_stored_dates_are_allowed(ask, value):
    assert rows(f"SELECT {ask}") == ((value,),)


@pytest.mark.parametrize(
    "ask", ["date('now')", "date()", "strftime('%Y')", "datetime('2024-01-01', 'localtime')", "julianday('n' || 'OW')",
            "CURRENT_TIMESTAMP", "current_date", "timediff('now', '2000-01-01')"],
)  # fmt: skip
def test_the_present_time_is_refused(ask):
    assert run(database(), f"SELECT {ask}").error


def test_a_file_that_is_no_database_is_named(tmp_path):
    with pytest.raises(CrossoverError, match="cannot be read as an SQLite database"):
        run(tmp_path / "missing.sqlite", "SELECT 1")
    assert not list(tmp_path.iterdir())
    (tmp_path / "text.sqlite").write_text("not a database, and longer than its header would be " * 20)
    with pytest.raises(CrossoverError, match="cannot be read as an SQLite database"):
        schema(tmp_path / "text.sqlite")


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (" SELECT a FROM t", "SELECT a FROM t"), ("\n\nSELECT a FROM t;\nSELECT b FROM t", "SELECT a FROM t"),
        (" select  a\tfrom t ; drop table t", "select a from t"), (" SELECT 'a;  b' FROM t; x", "SELECT 'a;  b' FROM t"),
        (" WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x"),
        (" SELECT a -- why\n FROM t", "SELECT a FROM t"), (" SELECT /* x; */ a FROM t", "SELECT a FROM t"),
        (" SELECT \"a;b\", `c;d`, [e;f], 'it''s;' FROM t;", "SELECT \"a;b\", `c;d`, [e;f], 'it''s;' FROM t"),
        ("```sql\nSELECT a\nFROM t\n```", "SELECT a FROM t"), ("Sure!\n\n```\nSELECT a FROM t;\n```\nIt lists a.", "SELECT a FROM t"),
        ("```sqlite\nSELECT a\n\nFROM t", "SELECT a FROM t"), ("Here is the query:\nSELECT a\n  , b\nFROM t\nIn it, a is b.", "SELECT a , b FROM t"),
        ("```python\nx = 1\n```\n```sql\nSELECT a FROM t\n```", "SELECT a FROM t"), ("SQL: SELECT a FROM t", "SELECT a FROM t"),
        ("You can use `SELECT a FROM t`.", "SELECT a FROM t"), ("With pleasure.\n\nSELECT a FROM t", "SELECT a FROM t"),
        ("SELECT a FROM (\n\n  SELECT a FROM t\n) AS s\nwhere", "SELECT a FROM ( SELECT a FROM t ) AS s"),
        ("WITH x AS (\n SELECT 1\n)\nSELECT *\nFROM x", "WITH x AS ( SELECT 1 ) SELECT * FROM x"),
        ("SELECT a FROM t /* over\n lines */\nWHERE b = 1\n\nORDER BY a", "SELECT a FROM t WHERE b = 1"),
        ("SELECT a FROM t\nTables: t(a). How many?\nSQL: SELECT 2", "SELECT a FROM t"), ("SELECT 1\nSELECT 2", "SELECT 1"),
        (" The answer is SELECT 1", None), ("With pleasure.", None), ("```python\nprint(1)\n```", None), (" DROP TABLE t", None), (" SELECTED", None), ("", None), (" ; SELECT 1", None),
    ],
)  # fmt: skip
def test_the_first_statement_of_a_completion(completion, expected):
    assert statement(completion) == expected
    assert expected is None or statement(f" {expected}") == expected


# --- when two results are the same ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True), ("select a from t order\n by a limit 1", True),
        ("SELECT a FROM t UNION SELECT a FROM u ORDER BY 1", True), ("SELECT a FROM t", False),
        ("SELECT a FROM t WHERE b = (SELECT b FROM t ORDER BY b LIMIT 1)", False),
        ("SELECT 'ORDER BY' FROM t", False), ("SELECT a FROM t -- ORDER BY a", False), ('SELECT "a)" FROM t ORDER BY a', True),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False), ("SELECT order_by FROM t", False),
    ],
)  # fmt: skip
def test_only_an_outer_order_by_orders(text, ordered):
    assert is_ordered(text) == ordered


@pytest.mark.parametrize(
    ("predicted", "gold", "as_sets", "as_lists"),
    [
        ([], [], True, True), ([(1,)], [], False, False), ([(1,), (2,)], [(2,), (1,)], True, False),
        ([(1, "a"), (2, "b")], [("a", 1), ("b", 2)], True, True), ([(1, 2), (2, 1)], [(1, 2), (1, 2)], False, False),
        ([(1,)], [(1.0,)], True, True), ([(0.1 + 0.2,)], [(0.3,)], True, True), ([(0.301,)], [(0.3,)], False, False),
        ([("1",)], [(1,)], False, False), ([(None,)], [(None,)], True, True), ([(None,)], [(0,)], False, False),
        ([(1, 1)], [(1,)], False, False), ([(1, 2, 3)], [(3, 1, 2)], True, True),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False), ([("a",)], [("A",)], False, False),
    ],
)  # fmt: skip
def test_results(predicted, gold, as_sets, as_lists):
    for first, second in ((predicted, gold), (gold, predicted)):
        assert same_result(first, second, ordered=False) == as_sets
        assert same_result(first, second, ordered=True) == as_lists


@pytest.mark.parametrize(
    "gold", ["SELECT missing FROM elements", "DROP TABLE elements", f"{NUMBERS} SELECT max(x) FROM n"]
)
def test_a_reference_that_does_not_run_is_named(gold, monkeypatch):
    monkeypatch.setattr(sql, "STEPS", 1_000_000)
    with pytest.raises(CrossoverError, match="reference statement .* does not run on .*elements.db"):
        matches(database(), "SELECT 1", gold)


def by_definition(predicted, gold, ordered):
    """Whether some permutation of columns gives the same list or multiset of rows."""
    if len(predicted) != len(gold) or not gold:
        return len(predicted) == len(gold)
    every = itertools.permutations(range(len(predicted[0])))
    tables = [[tuple(row[i] for i in order) for row in predicted] for order in every]
    return any(t == gold if ordered else Counter(t) == Counter(gold) for t in tables)


tables = st.integers(1, 3).flatmap(lambda w: st.lists(st.tuples(*[st.sampled_from([0, 1, "a", None])] * w), max_size=4))


@given(tables, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=250, deadline=None)
def test_results_are_compared_as_defined(gold, rng, ordered):
    order = rng.sample(range(len(gold[0])), len(gold[0])) if gold else []
    other = [tuple(row[i] for i in order) for row in gold]
    if rng.random() < 0.5:
        rng.shuffle(other)
    if other and rng.random() < 0.5:
        i = rng.randrange(len(other))
        other[i] = tuple(rng.choice([0, 1, "a", None]) for _ in other[i])
    assert same_result(other, gold, ordered) == by_definition(other, gold, ordered)


# --- spider -----------------------------------------------------------------------------------------------------------


def make_spider(folder, entries):
    """Write rows as the dir source has them, the same for both splits."""
    rows = [dict(zip(("db_id", "query", "question"), entry, strict=True)) for entry in entries]
    for split in ("train", "validation"):
        write_lines(folder / "spider" / f"{split}.jsonl.gz", rows)


SHOP = [
    ("shop", "SELECT name FROM item WHERE price  >  2", "Which items cost more than 2?"),
    ("shop", "SELECT count(*) ,  kind FROM item GROUP BY kind;", "How many items of each kind?"),
    ("shop", "SELECT name FROM item ORDER BY price DESC", "List the items,\n dearest first."),
]
CHAT = "Here it is:\n\n```sql\nSELECT name -- all\nFROM item\nWHERE price > 2;\n```\nIt lists the names."


@pytest.fixture
def shop(tmp_path):
    make_spider(tmp_path, SHOP)
    (tmp_path / "database" / "shop").mkdir(parents=True)
    with sqlite3.connect(tmp_path / "database" / "shop" / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE item (name TEXT, kind TEXT, price REAL)")
        items = [("pear", "fruit", 3), ("fig", "fruit", 1), ("leek", "veg", 4), (b"\xff", "veg", 0.5)]
        connection.executemany("INSERT INTO item VALUES (CAST(? AS TEXT), ?, ?)", items)
    connection.close()
    return tmp_path


def test_spider_with_a_database_of_ones_own(shop):
    task = load_task("spider", databases=str(shop / "database"), folder=str(shop))
    assert isinstance(task, Task) and not isinstance(task, ProceduralTask)
    problems = {p.answer: p for p in task.test(3)}
    assert sorted(p.answer for p in task.seeds(3, 0)) == sorted(problems) and task.test(1) == task.test(3)[:1]
    above = problems[" SELECT name FROM item WHERE price > 2"]
    counts = problems[" SELECT count(*) , kind FROM item GROUP BY kind"]
    ranked = problems[" SELECT name FROM item ORDER BY price DESC"]
    assert ranked.question == "Tables: item(name, kind, price). List the items, dearest first."
    assert all(task.correct(p.answer, p) for p in problems.values())
    assert task.correct(" select T.name from item as T where not price <= 2 order by name desc", above)
    assert not task.correct(" SELECT name FROM item WHERE price > 3", above)
    assert task.correct(CHAT, above) and task.completion(CHAT) == " SELECT name FROM item WHERE price > 2"
    assert task.completion("I do not know.\n") == " I do not know."
    assert task.correct(" SELECT kind, count(name) FROM item GROUP BY kind ORDER BY 1 DESC", counts)
    assert not task.correct(" SELECT name FROM item ORDER BY price", ranked)
    for bad in ("", " I do not know", " SELECT nothing FROM item", " DROP TABLE item", " SELECT name, kind FROM item"):
        assert not any(task.correct(bad, p) for p in problems.values())


def test_a_missing_or_damaged_database_is_named(shop):
    file = shop / "database" / "shop" / "shop.sqlite"
    with pytest.raises(CrossoverError, match=r"elsewhere.shop.shop\.sqlite is missing\. Set databases, now"):
        Spider(str(shop / "elsewhere"), folder=str(shop)).test(1)
    copy = shop / "damaged" / "shop"
    copy.mkdir(parents=True)
    (copy / "shop.sqlite").write_bytes(b"x" * len(file.read_bytes()))
    with pytest.raises(CrossoverError, match=r"damaged.shop.shop\.sqlite cannot be read"):
        Spider(str(shop / "damaged"), folder=str(shop)).seeds(1, 0)
    with pytest.raises(CrossoverError, match="0 to 3.*got 4"):
        Spider(str(shop / "database"), folder=str(shop)).test(4)
