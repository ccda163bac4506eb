"""Pairs from the files and layouts that people have: read right with no option, said back, refused by name."""

import gzip
import json

import pandas as pd
import pyarrow
import pytest

from crossover.errors import CrossoverError
from crossover.tasks.pair_files import read_pairs


def lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def turns(*said, names=("role", "content")):
    return [dict(zip(names, turn, strict=True)) for turn in said]


LAYOUTS = {
    "Alpaca": ({"instruction": "Positive?", "input": "A film {i}.", "output": "yes"}, "Positive?\n\nA film {i}.", "yes"),
    "instruction and response": ({"instruction": "Sum {i}?", "response": "{i}"}, "Sum {i}?", "{i}"),
    "prompt and completion": ({"prompt": "Sum {i}?", "completion": "{i}"}, "Sum {i}?", "{i}"),
    "question and answer": ({"id": "x{i}", "question": "Sum {i}?", "answer": "{i}"}, "Sum {i}?", "{i}"),
    "query and response": ({"query": "Sum {i}?", "response": "{i}"}, "Sum {i}?", "{i}"),
    "preferences": ({"prompt": "Sum {i}?", "chosen": "{i}", "rejected": "9"}, "Sum {i}?", "{i}"),
    "chat turns": ({"messages": turns(("system", "Be brief."), ("user", "Sum {i}?"), ("assistant", "{i}"))}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: conversations": ({"conversations": turns(("human", "Sum {i}?"), ("gpt", "{i}"), names=("from", "value"))}, "Sum {i}?", "{i}"),
    "chat turns: prompt": ({"prompt": turns(("user", "Sum {i}?")), "completion": turns(("assistant", "{i}"))}, "Sum {i}?", "{i}"),
    "choices": ({"question": "Metal {i}?", "choices": {"text": ["wood", "iron"], "label": ["1", "2"]}, "answerKey": "2"}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "choices: question + choices -> answer": ({"question": "Metal {i}?", "choices": ["wood", "iron"], "answer": 1}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "question and answer: context": ({"context": "Text {i}.", "question": "What?", "answers": {"text": ["{i}", "x"], "answer_start": [5, 0]}}, "Text {i}.\n\nWhat?", "{i}"),
    "question and answer: passage": ({"passage": "Text {i}.", "question": "So?", "answer": True}, "Text {i}.\n\nSo?", "true"),
    "choices: question + A": ({"question": "Metal {i}?", "A": "wood", "B": "iron", "answer": "B"}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "choices: ctx + endings": ({"ctx": "He sits {i}", "endings": ["up", "down"], "label": "1"}, "He sits {i}\nA) up\nB) down", "B"),
    "question and answer: premise": ({"premise": "Rain {i}.", "hypothesis": "Wet.", "label": "entailment"}, "Rain {i}.\n\nWet.", "entailment"),
    "preferences: prompt": ({"prompt": "Sum {i}?", "chosen": turns(("user", "Sum {i}?"), ("assistant", "{i}"))}, "Sum {i}?", "{i}"),
    "chat turns: messages": ({"messages": turns(("developer", "Be brief."), ("user", "Sum {i}?"), ("assistant", "{i}"))}, "Be brief.\n\nSum {i}?", "{i}"),
    "Alpaca: instruction + input": ({"instruction": "Sum {i}?", "input": "<noinput>", "output": "{i}"}, "Sum {i}?", "{i}"),
}  # fmt: skip


def rows_of(row):
    return [json.loads(json.dumps(row).replace("{i}", str(i))) for i in range(5)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_recognised_and_said_back(tmp_path, layout):
    row, question, answer = LAYOUTS[layout]
    rows = rows_of(row)
    plain = lines(tmp_path / "a.jsonl", rows)
    (tmp_path / "b.json").write_text(json.dumps(rows, indent=1))
    pd.DataFrame(rows).to_parquet(tmp_path / "c.parquet")
    for file in (plain, str(tmp_path / "b.json"), str(tmp_path / "c.parquet")):
        read = read_pairs(file)
        assert [(p.question, p.answer) for p in read.pairs] == [
            (question.replace("{i}", str(i)), answer.replace("{i}", str(i))) for i in range(5)
        ]
        assert read.layout.startswith(layout) and "5 pairs" in str(read)


def test_json_in_columns_or_by_name_packed_and_other_encodings(tmp_path):
    rows = [{"question": "Who?", "answer": "Bob"}, {"question": "When?", "answer": "1984"}]
    frame = pd.DataFrame(rows)
    for name, text in {
        "numbered.json": frame.to_json(),
        "lists.json": json.dumps(frame.to_dict("list")),
        "named.json": json.dumps({"a": rows[0], "b": rows[1]}),
        "inside.json": json.dumps({"version": "1", "data": rows}),
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(frame.to_json(orient="records", lines=True).encode()))
    with pyarrow.CompressedOutputStream(str(tmp_path / "packed.csv.zst"), "zstd") as file:
        file.write(frame.to_csv(index=False).encode())
    (tmp_path / "windows.csv").write_bytes(frame.to_csv(index=False, sep="\t").encode("utf-16"))
    frame.rename(columns=str.title).rename(columns={"Answer": " Answer "}).to_csv(tmp_path / "spaces.csv", index=False)
    for path in tmp_path.iterdir():
        assert [(p.question, p.answer) for p in read_pairs(str(path)).pairs] == [("Who?", "Bob"), ("When?", "1984")], (
            path
        )


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_tables_are_read_with_their_separator_and_quotes(tmp_path, suffix, separator):
    table = pd.DataFrame({"question": ["How many, in all?", 'Say "so";\nthen?'], "answer": ["1,007", "NA"]})
    table.to_csv(tmp_path / f"t.{suffix}", sep=separator, index=False, encoding="utf-8-sig")
    read = read_pairs(str(tmp_path / f"t.{suffix}"))
    assert [(p.question, p.answer) for p in read.pairs] == list(zip(table["question"], table["answer"], strict=True))
    assert [p.where for p in read.pairs] == ["row 2", "row 3"]


def test_data_sets_are_read_from_disk_and_from_a_folder_as_on_the_hub(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = datasets.Dataset.from_list(rows_of(LAYOUTS["Alpaca"][0]))
    rows.save_to_disk(tmp_path / "saved")
    (tmp_path / "hub" / "main").mkdir(parents=True)
    rows.to_parquet(tmp_path / "hub" / "main" / "train-00000-of-00001.parquet")
    (tmp_path / "hub" / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train-*\n---\n"
    )
    for name in ("saved", "hub"):
        read = read_pairs(str(tmp_path / name))
        assert len(read.pairs) == 5 and read.layout.startswith("Alpaca"), name


def test_hub_names_carry_a_configuration_and_a_split(monkeypatch):
    import datasets

    asked = []

    def load(name, *configuration):
        asked.append((name, *configuration))
        if name == "org/several" and not configuration:
            raise ValueError("Config name is missing.\nPlease pick one among the available configs: ['main', 'other']")
        splits = {
            split: datasets.Dataset.from_list(rows_of(LAYOUTS["Alpaca"][0])[:n])
            for split, n in (("validation", 2), ("test", 3))
        }
        return datasets.DatasetDict(splits)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert (
        len(read_pairs("hub:org/several/main:test").pairs) == 3 and len(read_pairs("hub:squad:validation").pairs) == 2
    )
    assert asked == [("org/several", "main"), ("squad",)]
    for name, said in (
        ("hub:org/several", r"available configs: \['main', 'other'\]. Name one, as hub:org/several/configuration"),
        ("hub:squad:tset", "no split 'tset'.*Did you mean 'test'"),
        ("hub:squad", "has the splits validation, test; name one, as hub:squad:validation"),
    ):
        with pytest.raises(CrossoverError, match=said):
            read_pairs(name)


def test_what_is_left_out_is_counted(tmp_path):
    rows = [
        {"question": "How many?", "answer": 4, "source": "x"},
        {"question": "How many?", "answer": "4"},
        {"question": None, "answer": "5"},
        {"question": "Which?", "answer": float("nan")},
        {"question": "Who\u2028are you?", "answer": ""},
    ]
    read = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert (len(read.pairs), read.empty, read.repeated) == (3, 1, 1) and "2 without an answer" in str(read)
    assert read.left_out == ("source",) and "columns not used: source" in str(read)
    assert read.pairs[2].question == "Who\u2028are you?"


def test_columns_and_templates_override_what_is_recognised(tmp_path):
    file = lines(tmp_path / "a.jsonl", rows_of({"title": "T{i}", "body": "B{i}", "gold": {"text": ["G{i}"]}}))
    read = read_pairs(file, "{title}\\n\\n{body}", "{gold[text][0]}")
    assert (read.pairs[1].question, read.pairs[1].answer) == ("T1\n\nB1", "G1") and read.left_out == ()
    assert read_pairs(file, "body", "title").pairs[0].answer == "T0"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ('{"question": "a", "answer": "b"}\n{broken', {}, "line 2: not JSON"),
        ('["a", "b"]', {}, "item 1: found 'a'"),
        ('{"instruction": "a", "respone": "b"}', {}, "line 1.*'respone' may be 'response'"),
        ('{"foo": "a", "bar": "b"}', {}, "columns foo, bar are no known layout.*--question"),
        ('{"question": "a", "answer": "b"}', {"question": "quest"}, "no column 'quest'. Did you mean 'question'"),
        ('{"question": "a", "answer": "b"}', {"question": "{contxt} {question}"}, "no column 'contxt'"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', {}, "line 1: not a row of chat turns.*'tool'"),
        ('{"question": "a", "choices": ["x", "y"], "answer": "z"}', {}, "line 1.*'z' is none of the choices"),
        ('{"question": "", "answer": "b"}', {}, "holds no pairs: 1 rows, 1 of them without a question"),
        ("", {}, "holds no pairs"),
    ],
)
def test_what_is_not_understood_is_refused_by_row_and_column(tmp_path, text, options, said):
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(CrossoverError, match=said):
        read_pairs(str(tmp_path / "bad.jsonl"), **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('question,answer\nq1,"five inches\nq2,b\n', "unexpected end of data"),
        ("question,answer\nWho?,Bob, or Al\n", "row 2: found 3 fields under the 2 columns question, answer"),
        ("question,answer,answer\nWho?,Bob,Al\n", "two columns are called 'answer'"),
        ("Our pairs\n\nquestion,answer\nWho?,Bob\n", "row 3 has names of columns: remove what stands above"),
        ("question,answer\nWho?,Zoë\n", "at 'Who.,Zo.*CSV UTF-8"),
    ],
)
def test_tables_whose_rows_would_shift_or_be_lost_are_refused(tmp_path, text, said):
    (tmp_path / "bad.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(CrossoverError, match=said):
        read_pairs(str(tmp_path / "bad.csv"))


def test_a_long_answer_is_read_whole(tmp_path):
    (tmp_path / "long.csv").write_text('question;answer\nWho?;"' + "Bob; Al\n" * 50_000 + '"\n')
    assert len(read_pairs(str(tmp_path / "long.csv")).pairs[0].answer) == 8 * 50_000 - 1


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes('{"question": "é"}'.encode("latin-1"))
    (tmp_path / "no.parquet").write_bytes(b"no")
    for name, said in (
        ("nowhere.jsonl", "no such file"),
        ("latin.jsonl", "UTF-8"),
        ("no.parquet", "cannot be read"),
        ("a.xlsx", "save the sheet as CSV"),
    ):
        with pytest.raises(CrossoverError, match=f"{name}.*{said}"):
            read_pairs(str(tmp_path / name))
