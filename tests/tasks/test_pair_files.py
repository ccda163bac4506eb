"""Pairs from the files and layouts that people have: read right with no option, said back, refused by name."""

import csv
import gzip
import json
import re

import pandas as pd
import pyarrow.parquet
import pytest

from crossover.errors import CrossoverError
from crossover.tasks.pair_files import read_pairs
from crossover.tasks.pair_layouts import suggested


def lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def turns(*said, names=("role", "content")):
    return [dict(zip(names, turn, strict=True)) for turn in said]


LAYOUTS = {
    "questions and SQL: question -> query": ({"db_id": "x", "question": "Sum {i}?", "query": "SELECT {i}", "sql": {"from": [1]}}, "Sum {i}?", "SELECT {i}"),
    "question and answer: passage + question -> answer": ({"passage": "P {i}.", "question": "How many?", "answer": {"number": "", "date": {"day": "", "month": "May", "year": "{i}"}, "spans": []}}, "P {i}.\n\nHow many?", "May {i}"),
    "question and answer: context + input -> expected_output": ({"input": "Sum {i}?", "actual_output": "9", "expected_output": "{i}", "context": ["C."]}, "C.\n\nSum {i}?", "{i}"),
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
    "choices: question + choices -> answer": ({"question": "Metal {i}?", "choices": ["iron", "wood"], "answer": 0}, "Metal {i}?\nA) iron\nB) wood", "A"),
    "question and answer: context": ({"context": "Text {i}.", "question": "What?", "answers": {"text": ["{i}", "x"], "answer_start": [5, 0]}}, "Text {i}.\n\nWhat?", "{i}"),
    "question and answer: passage": ({"passage": "Text {i}.", "question": "So?", "answer": True}, "Text {i}.\n\nSo?", "true"),
    "choices: question + A": ({"question": "Metal {i}?", "A": "wood", "B": "iron", "answer": "B"}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "choices: ctx + endings": ({"ctx": "He sits {i}", "endings": ["down", "up"], "label": "0"}, "He sits {i}\nA) down\nB) up", "A"),
    "question and answer: premise": ({"premise": "Rain {i}.", "hypothesis": "Wet.", "label": "entailment"}, "Rain {i}.\n\nWet.", "entailment"),
    "preferences: prompt": ({"prompt": "Sum {i}?", "chosen": turns(("user", "Sum {i}?"), ("assistant", "{i}"))}, "Sum {i}?", "{i}"),
    "chat turns: messages": ({"messages": turns(("developer", "Be brief."), ("user", "Sum {i}?"), ("assistant", "{i}"))}, "Be brief.\n\nSum {i}?", "{i}"),
    "choices: stem": ({"id": "1", "question": {"stem": "Metal {i}?", "choices": [{"text": "wood", "label": "A"}, {"text": "iron", "label": "B"}]}, "answerKey": "B"}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "choices: question + options -> correct": ({"question": "Metal {i}?", "options": ["A)wood", "B)iron"], "correct": "B"}, "Metal {i}?\nA) wood\nB) iron", "B"),
    "question and answer: Body": ({"Body": "A pen {i}.", "Question": "How many?", "Answer": 3.0}, "A pen {i}.\n\nHow many?", "3"),
    "question and answer: context + question -> answers": ({"context": ["One.", "Two."], "question": "Q {i}?", "answers": ["a", "b"]}, "One.\n\nTwo.\n\nQ {i}?", "a"),
    "chat turns: chosen": ({"chosen": "\n\nHuman: Sum {i}?\n\nAssistant: {i}", "rejected": "9"}, "Sum {i}?", "{i}"),
    "chat turns: contents": ({"contents": [{"role": "user", "parts": [{"text": "Sum {i}?"}]}, {"role": "model", "parts": [{"text": "{i}"}]}]}, "Sum {i}?", "{i}"),
    "chat turns: conversations,": ({"conversations": ["Sum {i}?", "{i}"]}, "Sum {i}?", "{i}"),
    "Alpaca: history": ({"history": [["Hi {i}", "Ho"]], "instruction": "So?", "output": "yes"}, "Hi {i}\n\nHo\n\nSo?", "yes"),
    "question and answer: text -> target": ({"target": "good", "id": "{i}", "user": "bob", "text": "Day {i}!"}, "Day {i}!", "good"),
    "question and answer: text -> label": ({"text": "Day {i}!", "source": "web", "label": "good"}, "Day {i}!", "good"),
    "question and answer: q -> a": ({"q": "Sum {i}?", "source": "web", "a": "{i}"}, "Sum {i}?", "{i}"),
    "question and answer: source -> target": ({"source": "Sum {i}", "target": "{i}"}, "Sum {i}", "{i}"),
    "prompt and completion: prompt": ({"prompt": "Names {i}?", "completion": '["Bob", "Al"]'}, "Names {i}?", '["Bob", "Al"]'),
    "instruction and response: instruction": ({"instruction": "So {i}?", "response": '{"answer": "yes", "reason": "so"}'}, "So {i}?", '{"answer": "yes", "reason": "so"}'),
    "chat turns: messages,": ({"system": [{"text": "Be brief."}], "messages": turns(("user", [{"text": "Sum {i}?"}]), ("assistant", [{"text": "{i}"}]))}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: contents,": ({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"role": "user", "parts": [{"text": "Sum {i}?"}]}, {"role": "model", "parts": [{"text": "{i}"}]}]}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: messages -> preferred_output": ({"input": {"messages": turns(("user", "Hi {i}"), ("assistant", "Ho"), ("user", "So?"))}, "preferred_output": turns(("assistant", "{i}")), "non_preferred_output": turns(("assistant", "no"))}, "User: Hi {i}\n\nAssistant: Ho\n\nUser: So?", "{i}"),
    "chat turns: input -> ideal": ({"input": turns(("system", "Be brief."), ("user", "Sum {i}?")), "ideal": ["{i}", "x"]}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: prompt -> completion": ({"prompt": turns(("user", "Hi {i}"), ("assistant", "Ho"), ("user", "So?")), "completion": turns(("assistant", "{i}"))}, "User: Hi {i}\n\nAssistant: Ho\n\nUser: So?", "{i}"),
    "question and answer: prompt -> canonical_solution": ({"prompt": "def f{i}(x):", "canonical_solution": "    y = {i}\n    if x:\n        y += x\n    return y\n"}, "def f{i}(x):", "y = {i}\nif x:\n    y += x\nreturn y"),
    "question and answer: question -> ground_truth": (
        {"question": "Capital {i}?", "contexts": ["x"], "answer": "Lyon", "ground_truth": "Paris"}, "Capital {i}?", "Paris",
    ),
    "flash cards": ({"Front": "Capital {i}?", "Back": "Paris", "Tags": "x"}, "Capital {i}?", "Paris"),
    "flash cards: term": ({"term": "Cell {i}", "definition": "A unit."}, "Cell {i}", "A unit."),
    "summaries: document -> summary": ({"id": "1", "document": "Text {i}.", "summary": "Short."}, "Text {i}.", "Short."),
    "summaries: article -> highlights": ({"article": "Text {i}.", "highlights": "Short."}, "Text {i}.", "Short."),
    "summaries: dialogue -> summary": ({"dialogue": "A: Hi {i}", "summary": "Short.", "topic": "x"}, "A: Hi {i}", "Short."),
    "summaries: text -> summary": ({"title": "T", "text": "Text {i}.", "summary": "Short."}, "Text {i}.", "Short."),
    "question and answer: context + question -> answer": ({"question": "Who, {i}?", "answer": "Bob", "context": {"title": ["A", "B"], "sentences": [["One. ", " Two."], ["Three."]]}}, "A: One. Two.\n\nB: Three.\n\nWho, {i}?", "Bob"),
    "question and answer: paragraphs": ({"question": "Who, {i}?", "answer": "Bob", "paragraphs": [{"idx": 0, "title": "A", "paragraph_text": "One."}]}, "One.\n\nWho, {i}?", "Bob"),
    "question and answer: passage + question -> answers_spans": ({"passage": "Text {i}.", "question": "How many?", "answers_spans": {"spans": ["2", "2"], "types": ["number", "number"]}}, "Text {i}.\n\nHow many?", "2"),
    "question and answer: support": ({"question": "What, {i}?", "distractor1": "tin", "correct_answer": "iron", "support": "Text."}, "Text.\n\nWhat, {i}?", "iron"),
    "question and answer: question -> answer": ({"question": "Who, {i}?", "answer": {"value": "Bob", "aliases": ["Bo"], "type": "x"}}, "Who, {i}?", "Bob"),
    "question and answer: question -> answer,": ({"question": "Sum {i}?", "rationale": "One and one.", "answer": "{i}"}, "Sum {i}?", "{i}"),
    "question and answer: sentence1": ({"gold_label": "neutral", "sentence1": "Rain {i}.", "sentence2": "Wet."}, "Rain {i}.\n\nWet.", "neutral"),
    "questions and SQL": ({"db_id": "x", "query": "SELECT {i}", "question": "Which {i}?"}, "Which {i}?", "SELECT {i}"),
    "question and answer: definition": ({"definition": "Answer.", "inputs": "Sum {i}?", "targets": "{i}"}, "Answer.\n\nSum {i}?", "{i}"),
    "question and answer: inputs_pretokenized": ({"inputs": [1, 2], "inputs_pretokenized": "Sum {i}?", "targets": [3], "targets_pretokenized": "{i}"}, "Sum {i}?", "{i}"),
    "question and answer: document": ({"document": {"id": "x", "summary": {"text": "Text."}}, "question": {"text": "Who, {i}?"}, "answers": [{"text": "Bob"}, {"text": "Bo"}]}, "Text.\n\nWho, {i}?", "Bob"),
    "chat turns: text": ({"text": "### Human: Sum {i}?### Assistant: {i}"}, "Sum {i}?", "{i}"),
    "chat turns: text -> ChatML": ({"text": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nSum {i}?<|im_end|>\n<|im_start|>assistant\n{i}<|im_end|>\n"}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: text -> Llama 2": ({"text": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nSum {i}? [/INST] {i} </s>"}, "Be brief.\n\nSum {i}?", "{i}"),
    "chat turns: text -> Llama 3": ({"text": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nSum {i}?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{i}<|eot_id|>"}, "Sum {i}?", "{i}"),
    "chat turns: text -> Gemma": ({"text": "<bos><start_of_turn>user\nSum {i}?<end_of_turn>\n<start_of_turn>model\n{i}<end_of_turn>\n"}, "Sum {i}?", "{i}"),
    "chat turns: text -> Alpaca": ({"text": "Below is an instruction.\n\n### Instruction:\nSum {i}?\n\n### Response:\n{i}"}, "Below is an instruction.\n\nSum {i}?", "{i}"),
    "chat turns: text -> Vicuna": ({"text": "A chat. USER: Hi {i} ASSISTANT: Ho</s>USER: So? ASSISTANT: {i}</s>"}, "A chat.\n\nUser: Hi {i}\n\nAssistant: Ho\n\nUser: So?", "{i}"),
    "choices: premise + question": ({"premise": "He ran {i}.", "question": "effect", "choice1": "tired", "choice2": "rich", "label": "choice1"}, "He ran {i}.\neffect\nA) tired\nB) rich", "A"),
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
        assert read.layout.startswith(re.sub(",$| -> [A-Z].*", "", layout)) and "5 pairs" in str(read)


def test_classes_that_are_stored_as_numbers_are_read_by_their_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["yes", "no"])
    features = datasets.Features({"premise": names, "hypothesis": datasets.Value("string"), "label": names})
    rows = [{"premise": "yes", "hypothesis": f"So {i}?", "label": i} for i in (0, 1, -1)]
    data = datasets.Dataset.from_list(rows, features=features)
    data.to_parquet(tmp_path / "a.parquet")
    data.select([2, 1, 0]).save_to_disk(tmp_path / "saved")
    for name in ("a.parquet", "saved"):
        found = read_pairs(str(tmp_path / name)).pairs
        assert {pair.question[5:]: pair.answer for pair in found} == {"So 0?": "yes", "So 1?": "no", "So -1?": ""}


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        ({"text": ["So?"], "label": [1]}, "no"),
        ({"text": ["So?"], "label": ["perhaps"]}, "perhaps"),
        ({"text": ["So?"], "answer": ["yes"]}, "yes"),
    ],
)
def test_names_of_classes_stand_for_numbers_that_are_there(tmp_path, table, answer):
    about = {"info": {"features": {"label": {"names": ["yes", "no"], "_type": "ClassLabel"}}}}
    made = pyarrow.table(table).replace_schema_metadata({"huggingface": json.dumps(about)})
    pyarrow.parquet.write_table(made, tmp_path / "a.parquet")
    assert [pair.answer for pair in read_pairs(str(tmp_path / "a.parquet")).pairs] == [answer]


NESTED = {"passage": "Text.", "qa_pairs": [{"question": "How many?", "answer": {"number": "2", "spans": []}}]}


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"translation": {"en": "One.", "fr": "Un."}}, "One.", "Un."),
        ({"id": 1, "en": "One.", "fr": "Un."}, "One.", "Un."),
        ({"premise": "Rain.", "hypothesis": "Wet.", "label": 0}, "Rain.\n\nWet.", "0"),
        ({"sentence": "Good.", "idx": 3, "label": 1}, "Good.", "1"),
        ({"passage": "Text.", "question": "So?", "label": 1}, "Text.\n\nSo?", "1"),
        ({"question": "Who?", "answer": "Bob", "label": 1}, "Who?", "Bob"),
        ({"question": "Who?", "sql": {"human_readable": "SELECT 1", "sel": 3}}, "Who?", "SELECT 1"),
        ({"text": "A card.", "id": 1, "category": "lost"}, "A card.", "lost"),
        ({"email_body": "Hello.", "subject_line": "Hi"}, "Hello.", "Hi"),
        ({"source": "x", "story": "Text.", "questions": ["Who?", "When?"], "answers": {"input_text": ["Bob", "Now"]}}, "Who?", "Bob"),
        ({"q_id": "x", "title": "Why?", "selftext": "", "answers": {"a_id": ["y"], "text": ["So."], "score": [1]}}, "Why?", "So."),
        ({"instruction": "Do.", "instances": [{"input": "a", "output": "b"}]}, "Do.", "b"),
        ({"question": "Which?", "answer_index": 1, "id": "x"}, "Which?", "1"),
        (NESTED, "Text.\n\nHow many?", "2"),
        ({"question": "Who?", "answers_spans": {"spans": ["Brady", "Moss"], "types": ["span", "span"]}}, "Who?", "Brady"),
        ({"question": "A cell?", "definition": "A unit."}, "A cell?", "A unit."),
        ({"question": "Where to eat?", "query": "restaurants near me"}, "Where to eat?", "restaurants near me"),
    ],
)  # fmt: skip
def test_what_a_refusal_proposes_reads_the_file(tmp_path, row, question, answer):
    file = lines(tmp_path / "a.jsonl", [row])
    with pytest.raises(CrossoverError, match=" 1: |read as") as refused:
        read_pairs(file)
    said = str(refused.value)
    options = dict(re.findall(r"--(question|answer) ('[^']+'|\w+)", said))
    if "a template takes" in said:
        options = {"answer": re.search(r"\{.*?\}", said)[0]}
    (pair,) = read_pairs(file, **{name: value.strip("'") for name, value in options.items()}).pairs
    assert (pair.question, pair.answer) == (question, answer)


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"custom_id": "r1", "method": "POST", "url": "/v1", "body": {"model": "x", "messages": turns(("system", "Be brief."), ("user", "So?"))}}, {}),
        ({"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]}, {}),
        ({"source": "web", "story": "Text.", "questions": [{"turn_id": 1, "input_text": "Who?"}], "answers": [{"turn_id": 1, "span_text": "Bob is", "input_text": "Bob"}]}, {"question": "{questions[0][input_text]}", "answer": "{answers[0][input_text]}"}),
        ({"turns": 1, "messages": "x", "prompt_text": "Who?", "answers": [{"rank": 1, "model": "m", "answer": "Bob"}]}, {"question": "prompt_text", "answer": "{answers[0][answer]}"}),
        ({"qid1": 1, "question1": "One?", "question2": "Two?", "is_duplicate": 0}, {}),
        ({"qid1": 1, "question1": "One?", "question2": "Two?", "label": "same"}, {"answer": "label"}),
        ({"fingerprint": "a", "decoded": "b", "systematic": "c"}, {}),
    ],
)  # fmt: skip
def test_a_refusal_proposes_texts_by_their_names_or_nothing(row, options):
    found = {side: option.split(" ", 1)[1].strip("'") for side, option in suggested(row).items()}
    assert found == options


PAIRS = [("Who, then?", "Bob"), ("When?", "1984")]
ROWS = [dict(zip(("question", "answer"), pair, strict=True)) for pair in PAIRS]
FRAME = pd.DataFrame(ROWS)
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
TABLE = FRAME.to_csv(index=False)


def _arrow(new):
    sink, table = pyarrow.BufferOutputStream(), pyarrow.Table.from_pylist(ROWS)
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


FILES = {
    "numbered.json": FRAME.to_json(),
    "lists.json": json.dumps(FRAME.to_dict("list")),
    "named.json": json.dumps({"x": ROWS[0], "y": ROWS[1]}),
    "named-unequal.json": json.dumps({"version": "1", "x": ROWS[0] | {"id": 3}, "y": ROWS[1]}),
    "inside.json": json.dumps({"version": "1", "data": ROWS}),
    "nested.json": json.dumps([{"meta": {"id": 1}, "pair": row} for row in ROWS]),
    "pretty.jsonl": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "commas.jsonl": LINES.replace("}\n", "},\n"),
    "array-in.txt": json.dumps(ROWS),
    "packed.jsonl.gz": gzip.compress(LINES.encode(), mtime=0),
    "packed-but-not-called-so.jsonl": gzip.compress(LINES.encode(), mtime=0),
    "utf-16.csv": TABLE.encode("utf-16"),
    "utf-16-without-mark.csv": TABLE.encode("utf-16-le"),
    "utf-32.jsonl": LINES.encode("utf-32"),
    "excel.csv": FRAME.to_csv(index=False, sep=";").encode("utf-8-sig"),
    "excel-sep.csv": "sep=;\n" + FRAME.to_csv(index=False, sep=";"),
    "pipes.tsv": FRAME.to_csv(index=False, sep="|"),
    "tabs.txt": FRAME.to_csv(index=False, sep="\t"),
    "crlf.csv": TABLE.replace("\n", "\r\n"),
    "cr.csv": TABLE.replace("\n", "\r"),
    "index.csv": FRAME.to_csv(),
    "table.md": "| Question | Answer |\n|:---|---:|\n" + "".join(f"| {q} | {a} |\n" for q, a in PAIRS),
    "file.arrow": _arrow(pyarrow.ipc.new_file),
    "stream.arrow": _arrow(pyarrow.ipc.new_stream),
    "bytes.parquet": FRAME.map(str.encode).to_parquet(),
    "names.csv": TABLE.replace("question", "\u200bQuestion ").replace("answer", "Correct Answer"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_whatever_it_is_packed_and_written_as(tmp_path, name):
    data = FILES[name]
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    read = read_pairs(str(tmp_path / name))
    assert [(p.question, p.answer) for p in read.pairs] == PAIRS and read.left_out in (
        (),
        ("id",),
        ("version",),
        ("meta",),
        ("version", "id"),
    )


def test_many_columns_are_not_all_listed(tmp_path):
    others = {f"feature{i}": f"{i}" for i in range(3000)}
    assert len(str(read_pairs(lines(tmp_path / "a.jsonl", [ROWS[0] | others])))) < 1000
    with pytest.raises(CrossoverError, match="2,980 others are no known layout") as caught:
        read_pairs(lines(tmp_path / "b.jsonl", [others]))
    assert len(str(caught.value)) < 1000


def test_days_are_written_without_a_time(tmp_path):
    days = [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-01 12:30")]
    pd.DataFrame({"question": ["Which day?", "When?"], "answer": days}).to_parquet(tmp_path / "a.parquet")
    found = [pair.answer for pair in read_pairs(str(tmp_path / "a.parquet")).pairs]
    assert found == ["2024-05-01", "2024-05-01 12:30:00"]


def test_reading_a_small_table_leaves_the_process_able_to_read_long_fields(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "a.csv").write_text("question,answer\nWhat is 1 + 1?,2\n")
    assert read_pairs(str(tmp_path / "a.csv")) and csv.field_size_limit() >= before


def test_a_long_table_with_quotes_is_read_whole_and_said_by_row(tmp_path):
    table = pd.DataFrame({"question": ["How many, in all?", 'Say "so";\nthen?'], "answer": ["1,007\n" * 50_000, "NA"]})
    table.to_csv(tmp_path / "t.csv", sep=";", index=False)
    read = read_pairs(str(tmp_path / "t.csv"))
    assert [(p.question, p.answer) for p in read.pairs] == [(q, a.strip()) for q, a in table.to_numpy()]
    assert [p.where for p in read.pairs] == ["row 2", "row 3"]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("['Bob', \"Al's\"]", ["Bob", "Al's"]),
        ('["Bob"]', ["Bob"]),
        ("{'text': ['Bob', 'Al'], 'answer_start': [1, 2]}", ["Bob", "Al"]),
        ("[1, 2]", ["[1, 2]"]),
        ("[0, 1)", ["[0, 1)"]),
        ("{1, 2}", ["{1, 2}"]),
    ],
)
def test_lists_and_objects_in_a_table_are_answers_but_those_of_numbers(tmp_path, text, answers):
    pd.DataFrame({"question": ["Who?"], "answers": [text]}).to_csv(tmp_path / "a.csv", index=False)
    (pair,) = read_pairs(str(tmp_path / "a.csv")).pairs
    assert [pair.answer, *pair.also] == answers


@pytest.mark.parametrize(
    ("names", "keys", "letters"),
    [
        (("A", "B"), ["B", "a"], "BA"),
        (("opa", "opb", "opc"), [0, 1], "AB"),
        (("opa", "opb", "opc"), [1, 3], "AC"),  # 3 of three: they count from 1
        (("answer0", "answer1", "answer2", "answer3"), [0, 3], "AD"),
        (("choice1", "choice2"), [0, 1], "AB"),  # one is 0: they count from 0, whatever the columns are called
        (("option1", "option2"), ["1", "2"], "AB"),
    ],
)
def test_a_key_counts_choices_as_the_file_does(tmp_path, names, keys, letters):
    rows = [{"question": "Which?", **{n: f"({n})" for n in names}, "answer": key, "i": key} for key in keys]
    read = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert "".join(pair.answer for pair in read.pairs) == letters
    assert read.pairs[0].question.split("\n")[1] == f"A) ({names[0]})"


@pytest.mark.parametrize(
    ("choices", "keys", "letters"),
    [
        (["4", "3", "6", "8"], ["8", "3", "6"], "DBC"),  # texts: there is no choice 8
        (["2", "3", "0", "1"], ["2", "0", "1", "3"], None),  # texts or numbers
        (["2", "3", "0", "1"], ["2", "4"], "BD"),  # no text is 4
        (["5", "7", "9", "1"], [1], None),
        (["wood", "iron", "zinc", "tin"], [1, 2, 3], None),  # from 0 or from 1
        (["wood", "iron", "zinc", "tin"], [1, 0], "BA"),
        (["wood", "iron", "zinc", "tin"], [1, 4], "AD"),
        (["wood", "iron", "zinc", "tin"], ["iron", "D"], "BD"),
        (["3", "2", "1", "0"], ["A", "b"], "AB"),
    ],
)
def test_what_a_key_means_is_told_by_the_whole_file_or_refused(tmp_path, choices, keys, letters):
    file = lines(
        tmp_path / "a.jsonl",
        [{"question": f"Which, {i}?", "choices": choices, "answer": key} for i, key in enumerate(keys)],
    )
    if letters:
        assert "".join(pair.answer for pair in read_pairs(file).pairs) == letters
    else:
        with pytest.raises(CrossoverError, match="may mean . .* or . .*write letters"):
            read_pairs(file)


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("options", [{}, {"question": "prompt", "answer": "completion"}])
def test_rejected_answers_are_left_out_and_counted(tmp_path, table, options):
    rows = [{"prompt": f"Sum {i}?", "completion": str(i), "label": i > 1} for i in range(5)]
    file = lines(tmp_path / "a.jsonl", rows)
    if table:
        pd.DataFrame(rows).to_csv(file := str(tmp_path / "a.csv"), index=False)
    read = read_pairs(file, **options)
    assert [pair.answer for pair in read.pairs] == ["2", "3", "4"] and read.left_out == ()
    assert "2 rows with a rejected or unjudged answer left out" in str(read)


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("\n\nHuman: Hi\n\nAssistant: Sure.\n\nUser: Hello\n\nBot: Hi", "Hi", "Sure.\n\nUser: Hello\n\nBot: Hi"),
        ("Human: Hi\n\nAssistant: So:\nHuman: is you.", "Hi", "So:\nHuman: is you."),
        ("Human: Hi\n\nAssistant: The heading ### User: for you, ### Assistant: for me.", "Hi", "The heading ### User: for you, ### Assistant: for me."),
        ("### User: Hi\n\n### Assistant: The heading ### User: for you.", "Hi", "The heading ### User: for you."),
        ("### User:\r\nHi\r\n### Assistant:\r\nHo\r\n### User:\r\nSo?\r\n### Assistant:\r\nYes.", "User: Hi\n\nAssistant: Ho\n\nUser: So?", "Yes."),
        ("### Human: Hi### Assistant: Ho.\n\nHuman: no", "Hi", "Ho.\n\nHuman: no"),
        ("Be brief.\n\nHuman: Hi\n\nAssistant: Ho", "Be brief.\n\nHi", "Ho"),
        ("\n\nAssistant: Ho\n\nHuman: Hi\n\nAssistant: So", "Assistant: Ho\n\nUser: Hi", "So"),
        ("Human: Hi\nAssistant: Ho\n\n\nHuman: So\nAssistant: Yes", "User: Hi\n\nAssistant: Ho\n\nUser: So", "Yes"),
    ],
)  # fmt: skip
def test_conversations_in_a_text_are_split_as_their_first_turns_are_marked(tmp_path, text, question, answer):
    (pair,) = read_pairs(lines(tmp_path / "a.jsonl", [{"chosen": text}])).pairs
    assert (pair.question, pair.answer) == (question, answer)


NLI = {"premise": "Rain.", "hypothesis": "Wet {i}."}
ANSWERED = {"question": "Sum {i}?", "answer": "{i}"}
TALK = turns(("user", "Sum {i}?"), ("assistant", "{i}"))


@pytest.mark.parametrize(
    ("row", "column", "labels"),
    [
        (ANSWERED, "label", (0, 1, "")),
        (ANSWERED, "label", (0.0, 1.0, None)),
        (ANSWERED, "gold_label", (0, 1, 1, "?")),
        ({"text": "Day {i}."}, "label", (1, 0, None)),
        ({"text": "Day {i}."}, "target", (0, 1, 1)),
        ({"tweet": "x", "question": "Day {i}?"}, "targets", (0, 1, None)),
        (NLI, "gold_label", (0, 2, "-")),
        ({"messages": TALK}, "label", (0, 1, None)),
        ({"messages": TALK[:1]}, "label", (0, 1, None)),
    ],
)
@pytest.mark.parametrize("table", [False, True])
def test_numbers_of_classes_are_refused_though_a_row_has_none(tmp_path, table, row, column, labels):
    rows = [part | {column: label} for part, label in zip(rows_of(row), labels, strict=False)]
    file = lines(tmp_path / "a.jsonl", rows)
    if table:
        pd.DataFrame(rows).to_csv(file := str(tmp_path / "a.csv"), index=False)
    with pytest.raises(CrossoverError, match=f"{column} (is 0 or 1|holds numbers of classes).*--answer") as refused:
        read_pairs(file)
    answer = re.search(r"--answer (\w+)", str(refused.value))[1]
    assert len(read_pairs(file, answer=answer).pairs) == len(rows)


@pytest.mark.parametrize(
    ("row", "column", "labels"),
    [
        (ANSWERED, "label", (True, False, None, True)),
        (ANSWERED, "label", ("correct", "incorrect", "-", "Correct")),
        (ANSWERED, "label", ("Yes", "No", "maybe", "yes")),
        (ANSWERED, "is_correct", (True, False, None, True)),
        (ANSWERED, "is_correct", (1, 0, "", 1)),
        (ANSWERED, "correct", ("True", "False", "", "True")),
        (ANSWERED | {"choices": [*"vwxyz"]}, "label", (True, False, None, True)),
        ({"messages": TALK}, "label", (True, False, None, True)),
    ],
)
def test_what_is_not_called_right_is_left_out_and_counted(tmp_path, row, column, labels):
    rows = [part | {column: label} for part, label in zip(rows_of(row), labels, strict=False)]
    read = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert [pair.where for pair in read.pairs] == ["line 1", "line 4"] and sum(read.dropped.values()) == 2


def test_labels_that_repeat_the_answer_and_marks_of_disagreement_judge_nothing(tmp_path):
    rows = [{"question": f"So {i}?", "answer": said, "label": said} for i, said in enumerate(("yes", "no", "no"))]
    assert [pair.answer for pair in read_pairs(lines(tmp_path / "a.jsonl", rows)).pairs] == ["yes", "no", "no"]
    rows = [part | {"gold_label": label} for part, label in zip(rows_of(NLI), ("neutral", "-"), strict=False)]
    assert [pair.answer for pair in read_pairs(lines(tmp_path / "b.jsonl", rows)).pairs] == ["neutral", ""]


@pytest.mark.parametrize("row", [{"text": "So {i}."}, {"messages": turns(("user", "So {i}."))}])
def test_labels_that_are_the_answer_reject_nothing(tmp_path, row):
    rows = [part | {"label": i > 3} for i, part in enumerate(rows_of(row))]
    read = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert [pair.answer for pair in read.pairs] == ["false"] * 4 + ["true"] and not read.dropped


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
    assert read_pairs("hub:squad:test").file == "hub:squad:test"
    both = datasets.DatasetDict(train=load("squad")["test"], test=load("squad")["validation"])
    monkeypatch.setattr(datasets, "load_dataset", lambda name: both)
    assert str(read_pairs("hub:both")).startswith("hub:both:train read as Alpaca")
    monkeypatch.setattr(datasets, "load_dataset", load)
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
        {"question": "Why?", "answer": []},
        {"question": "Where?", "answer": {"text": [], "answer_start": []}},
        *({"question": f"Whose {i}?", "answer": blank} for i, blank in enumerate(([""], [None], {"text": [""]}))),
    ]
    read = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert (len(read.pairs), read.dropped["without a question"], read.dropped["repeating others"]) == (
        6,
        1,
        1,
    ) and "5 without an answer" in str(read)
    assert "2 rows with an empty list of answers left out" in str(read)
    assert read.left_out == ("source",) and "columns not used: source" in str(read)
    assert read.pairs[2].question == "Who\u2028are you?"


def test_columns_and_templates_override_what_is_recognised(tmp_path):
    file = lines(tmp_path / "a.jsonl", rows_of({"title": "T{i}", "body": "B{i}", "gold": {"text": ["G{i}"]}}))
    read = read_pairs(file, "{title}\\n\\n{body}", "{gold[text][0]}")
    assert (read.pairs[1].question, read.pairs[1].answer) == ("T1\n\nB1", "G1") and read.left_out == ()
    assert read_pairs(file, "body", "title").pairs[0].answer == "T0"
    assert read_pairs(file, "{title}").pairs[0].answer == "", "the questions alone, for the teacher to answer"


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(
    ("value", "answer", "text"),
    [
        ({"person": "Zoë", "age": 3}, "{found}", '{"person": "Zoë", "age": 3}'),
        ({"person": "Zoë", "age": 3}, "found", '{"person": "Zoë", "age": 3}'),
        ({"person": "Zoë", "age": 3}, "{found[person]}", "Zoë"),
        ({"text": "Zoë", "label": "who"}, "{found}", '{"text": "Zoë", "label": "who"}'),
        ([{"text": "Zoë", "label": "who"}], "{found}", '[{"text": "Zoë", "label": "who"}]'),
        ([{"name": "find", "arguments": {}}], "found", '[{"name": "find", "arguments": {}}]'),
    ],
)
@pytest.mark.parametrize("column", ["found", "completion"])
def test_objects_that_are_the_answer_stay_whole(tmp_path, table, column, value, answer, text):
    answer = answer.replace("found", column)
    file = lines(tmp_path / "a.jsonl", [{"question": "Who?", column: value}])
    if table:
        file = str(tmp_path / "a.csv")
        found = json.dumps(value, ensure_ascii=False)
        pd.DataFrame([{"question": "Who?", column: found}]).to_csv(file, index=False)
    assert [pair.answer for pair in read_pairs(file, answer=answer).pairs] == [text]


def test_a_list_in_a_template_is_its_first_text_in_answers_and_all_of_them_in_questions(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"facts": ["One.", "Two."], "ask": "So?", "answers": ["Bob", "Al"]}])
    (pair,) = read_pairs(file, "{facts} {ask}", "{answers}").pairs
    assert (pair.question, pair.answer) == ("One.\n\nTwo. So?", "Bob")


def test_chat_turns_in_a_table_are_read_whatever_their_column(tmp_path):
    rows = [{"prompt": str(turns(("user", "Who?"))), "chosen": json.dumps(turns(("assistant", "Bob")))}]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv")  # its first column has no name
    (pair,) = read_pairs(str(tmp_path / "a.csv")).pairs
    assert (pair.question, pair.answer) == ("Who?", "Bob")


def annotated(i, answer, **about):
    """A task as Label Studio exports it."""
    made = {"result": [{"from_name": "tone", "to_name": "text", "value": {"choices": [answer]}}], **about}
    return {"id": i, "data": {"text": f"Day {i}!"}, "annotations": [made], "meta": {}, "created_at": "today"}


EXPORTS = {
    "notes.txt": "#separator:tab\n#html:true\n#guid column:1\n#tags column:4\nab\tDay 1!\t<b>go</b>od<br>so\tx y\ncd\tDay 2!\tbad\t\n",
    "semicolons.txt": '#separator: Semicolon\r\n#html:false\r\n"Day; 1!";"good\nso"\r\nDay 2!;bad\r\n',
    "named.csv": "#separator:Comma\n#columns:Tags,Front,Back\n,Day 1!,good\n,Day 2!,bad\n",
    "label_studio.json": json.dumps([annotated(1, "good"), annotated(2, "bad", was_cancelled=False)]),
    "batch.jsonl": json.dumps({"custom_id": "r1", "method": "POST", "url": "/v1", "body": {"model": "x", "messages": turns(("user", "Day 1!"))}}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_what_other_tools_export_is_read(tmp_path, name):
    (tmp_path / name).write_text(EXPORTS[name], newline="")
    first, *others = read_pairs(str(tmp_path / name)).pairs
    assert first.question.replace(";", "") == "Day 1!"
    assert first.answer.split("\n")[0] == ("" if name == "batch.jsonl" else "good")
    assert [pair.answer for pair in others] == ["bad"] * (name != "batch.jsonl")


def test_a_row_per_message_is_read_as_conversations(tmp_path):
    said = [
        ("a", None, "prompter", "Hi?"),
        ("b", "a", "assistant", "Ho."),
        ("c", "b", "prompter", "So?"),
        ("d", "c", "assistant", "Yes."),
    ]
    rows = [dict(zip(("message_id", "parent_id", "role", "text"), row, strict=True)) for row in said]
    first, second = read_pairs(lines(tmp_path / "a.jsonl", rows)).pairs
    assert (first.question, first.answer) == ("Hi?", "Ho.")
    assert second.answer == "Yes." and second.question.endswith("Assistant: Ho.\n\nUser: So?")


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ([("a", "a", "prompter", "Hi?"), ("b", "a", "assistant", "Ho.")], ["Ho."]),
        ([("a", None, "prompter", "Hi?"), ("b", "a", "gpt", "Ho."), ("c", None, "prompter", "So?")], ["Ho.", ""]),
        ([(i, i - 1, ("prompter", "assistant")[i % 2], f"t{i}") for i in range(1200)], [f"t{i}" for i in range(1, 1200, 2)]),
    ],
)  # fmt: skip
def test_messages_in_a_circle_in_long_threads_and_without_a_reply_are_read(tmp_path, said, answers):
    rows = [dict(zip(("message_id", "parent_id", "role", "text"), row, strict=True)) for row in said]
    file = lines(tmp_path / "a.jsonl", rows)
    assert [pair.answer for pair in read_pairs(file).pairs] == answers
    assert len(read_pairs(file, question="text").pairs) == len(rows), "columns that are named are read as they are"


@pytest.mark.parametrize(("date", "answer"), [("May 2", "May 2"), ({"month": "May", "day": 2}, "May 2"), (None, "7")])
def test_an_answer_that_is_no_span_is_a_number_or_a_date_in_any_form(tmp_path, date, answer):
    told = {"number": 7 if date is None else "", "date": date, "spans": []}
    (pair,) = read_pairs(lines(tmp_path / "a.jsonl", [{"passage": "P.", "question": "When?", "answer": told}])).pairs
    assert pair.answer == answer


def test_conversations_with_tools_are_left_out_and_counted(tmp_path):
    called = {
        "conversations": turns(
            ("human", "Sum?"), ("function_call", "{}"), ("observation", "3"), ("gpt", "3"), names=("from", "value")
        )
    }
    plain = {"conversations": turns(("human", "Day?"), ("gpt", "good"), names=("from", "value"))}
    read = read_pairs(lines(tmp_path / "a.jsonl", [called, plain]))
    assert [pair.answer for pair in read.pairs] == ["good"] and read.dropped == {"with calls of tools": 1}


REFUSED = [
    ("a.jsonl", '{"question": "a", "answer": "b"}\n{broken', {}, "line 2: not JSON"),
    ("a.json", '[{"question": "a", "answer": "b"},\n]', {}, "line 2: not JSON"),
    ("a.json", '{"question": ' + "[" * 100_000, {}, "line 1: not JSON"),
    ("a.jsonl", '["a", "b"]', {}, "item 1: found 'a'"),
    ("a.jsonl", '{"instruction": "a", "respone": "b"}', {}, "none of the columns respone is known.*--answer respone.*--question instruction"),
    ("a.jsonl", '{"foo": "a", "bar": "b"}', {}, "columns foo, bar are no known layout.*--question"),
    ("a.jsonl", '{"custom_id": "r1", "response": {"body": {"choices": []}}, "error": null}', {}, "an answer of a batch, without its question"),
    ("a.txt", "#separator:||\n#html:false\nSo?||yes\n", {}, r"#separator:\|\| is no single character"),
    ("a.json", json.dumps([annotated(1, "good") | {"data": {"tone": "So?"}}]), {}, "item 1: a label of the data's own name, 'tone'"),
    ("a.json", json.dumps([{"data": {"text": "So?"}, "annotations": [{"result": 2 * annotated(1, "good")["annotations"][0]["result"]}]}]), {}, "item 1: several results of one label"),
    ("a.csv", "#source: a survey\nquestion,answer\nDay?,good\n", {}, "remove what stands above it"),
    ("a.jsonl", '{"question": "a", "answer": "b"}', {"question": "quest"}, "no column 'quest'. Did you mean 'question'"),
    ("a.jsonl", '{"question": "a", "answer": "b"}', {"question": "{contxt} {question}"}, "no column 'contxt'"),
    ("a.jsonl", '{"messages": [{"role": "tool", "content": "x"}]}', {}, "holds no pairs: one row, 1 of them with calls of tools"),
    ("a.jsonl", '{"messages": [{"role": "assistant", "tool_calls": [1]}]}', {}, "holds no pairs: one row, 1 of them with calls of tools"),
    ("a.jsonl", '{"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": "x"}]}]}', {}, "line 1.*a part of 'image_url'"),
    ("a.jsonl", '{"messages": [{"role": "user", "content": [{"image": {"format": "png"}}, {"text": "What?"}]}]}', {}, "line 1.*a part of 'image'"),
    ("a.jsonl", '{"question": "a", "choices": ["x", "y"], "answer": "z"}', {}, "line 1.*'z' is none of the choices"),
    ("a.jsonl", '{"question": "", "answer": "b"}', {}, "holds no pairs: one row, 1 of them without a question"),
    ("a.jsonl", '{"question": "a", "answer": "b"}\n{"Prompt": "c"}', {}, "line 2: not a row of .*no 'question'.*Prompt='c'"),
    ("a.jsonl", '{"question": "a \\ud83d", "answer": "b"}', {}, "line 1: not a row of .*surrogates"),
    ("a.jsonl", '{"question": "a", "gold": "b"}', {}, "none of the columns gold is known.*--answer.*--question"),
    ("a.json", '{"easy": [{"question": "a", "answer": "b"}], "hard": [{"question": "c", "answer": "d"}]}', {}, "rows in each of easy, hard"),
    ("a.jsonl", '{"question": "a", " question": "b", "answer": "c"}', {}, "line 1: two columns have one name but for spaces"),
    ("a.jsonl", '{"source": "web", "label": "b"}', {}, "columns source, label are no known layout"),
    ("a.jsonl", "", {}, "holds no pairs"),
    ("a.csv", 'question,answer\nq1,"five inches\nq2,b\n', {}, "unexpected end of data"),
    ("a.csv", 'question,answer\n"Say \\"so\\", then",b\n', {}, "line 2: ',' expected.*twice"),
    ("a.csv", "question,answer\nWho?,Bob, or Al\n", {}, "row 2: found 3 fields under the 2 columns question, answer"),
    ("a.csv", "question,answer,answer\nWho?,Bob,Al\n", {}, "two columns are called 'answer'"),
    ("a.csv", "question, question,answer\nWho?,Bob,Al\n", {}, "two columns are called 'question'"),
    ("a.csv", "Our pairs\n\nquestion,answer\nWho?,Bob\n", {}, "row 3 has names of columns: remove what stands above"),
    ("a.csv", "Who has come?,Bob\nWho is next?,Al\n", {}, "but texts: put a row of names"),
    ("a.csv", "question,answer\n", {}, "names of columns .question, answer. and no row"),
    ("a.csv", "question;lang,answer\nWho?;en,Bob\n", {}, "columns question;lang, answer are no known layout"),
    ("a.csv", "question,answers\nWho?,\"['Bob' 'Al']\"\n", {}, "row 2, column answers: a list as numpy prints it"),
    ("a.csv", "question,answer\nWho?,Zoë\n".encode("cp1252"), {}, "CSV UTF-8.*iconv.*'Who.,Zoë'"),
    ("a.csv", "<!DOCTYPE html><p>404</p>", {}, "a web page"),
    ("a.npy", b"\x93NUMPY\0\0", {}, "is not text: save the pairs as"),
    ("a.db", b"SQLite format 3\0", {}, "a database"),
    ("a.xlsx", b"PK\x03\x04rest", {}, "save the sheet as CSV"),
    ("b.parquet", pd.DataFrame({"question": [b"\xff\xfe"], "answer": ["b"]}).to_parquet(), {}, "row 1: not a row of"),
    ("a.parquet", b"no", {}, "cannot be read"),
    ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-9], {}, "cannot be read"),
    ("nowhere.jsonl", None, {}, "no such file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "options", "said"), REFUSED)
def test_what_is_not_understood_or_would_be_lost_is_refused(tmp_path, name, data, options, said):
    if data is not None:
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(CrossoverError, match=said) as caught:
        read_pairs(str(tmp_path / name), **options)
    assert name in str(caught.value)
