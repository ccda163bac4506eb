"""What chat models write around a question or an answer neither reaches training nor loses it."""

import json

import pytest

from crossover.tasks import load_task
from crossover.teachers.dialects import field_of
from crossover.teachers.replies import plain_question, read_reply, structured_reply, without_thoughts

TASK = load_task("math_words", steps=1)
QUESTION = "How much do 8 and 9 make?"


@pytest.mark.parametrize(
    "reply",
    [
        QUESTION,
        f"Here is a rephrased version of the question:\n\n{QUESTION}",
        f"Based on the given questions, a new one could be:\n{QUESTION}",
        f"Sure! Here's a rephrased version of your question: {QUESTION}",
        f"**Rephrased Question:** {QUESTION}",
        f'Rephrased question: "{QUESTION}"',
        f"### New Question\n{QUESTION}",
        f"**New Question**\n\n{QUESTION}",
        f"1. {QUESTION}",
        f"Certainly. {QUESTION}",
        f"Q: {QUESTION}\nA: 17",
        f"{QUESTION}\n\nThis version keeps the numbers.",
        f"{QUESTION}\n\n(Note: I kept the numbers.)",
        f"I would ask it like this:\n> {QUESTION}",
        f"Question 5: {QUESTION}",
        f"Okay, so here's a new question in the same style:\n\n*{QUESTION}*",
        f"Of course! A rephrased version could be:\n\n“{QUESTION}”\n\nLet me know if you'd like another.",
        f"Below is a new question.\n\n{QUESTION}",
        f"{QUESTION}\n\nAnswer: 17",
        f"Question: {QUESTION}\nThe answer to this question is 17.",
        f'```json\n{{"question": "{QUESTION}"}}\n```',
        f'{{"Question": "{QUESTION}"}}',
        f'{{"question": {{"text": "{QUESTION}"}}}}',
        f"{{'question': '{QUESTION}'}}",
        f"{{“question”: “{QUESTION}”}}",
        f'{{" question ": ["{QUESTION}"]}}',
        f'{{"rephrased_question": "{QUESTION}", "why": "shorter"}}',
        f'{{"original_question": "Old?", "question": "{QUESTION}"}}',
        f'{{"question": "{QUESTION}", "final_question": "Old?"}}',
        f'{{"seed_question": "Old?", "first_question": "Older?", "new_question": "{QUESTION}"}}',
        f'{{"new_question": "{QUESTION}", "original_question": "Old?"}}',
        f'{{"response": "{QUESTION}"}}',
        f"1. {QUESTION}\n2. How much do 3 and 4 make?\n3. Why?",
        f'"{QUESTION}" (rephrased)',
        f"Question 4: {QUESTION}\nAnswer 4: 17",
        f"{QUESTION}\n\nQuestion: How much do 3 and 4 make?",
        f"Question: {QUESTION}\n\nQuestion: How much do 3 and 4 make?",
        f"{QUESTION}\n\nLet me know: would you like another?",
        f"<question>{QUESTION}",
        f'Here you go: {{"question": "{QUESTION}"}}',
        f'{{"question": "<question>{QUESTION}</question>"}}',
        f"<think>Rephrase it.</think>\n<question>\n{QUESTION}\n</question> I hope this helps!",
        f"A thought without its start.\n</think>\n\n{QUESTION}",
        f"Hier ist die umformulierte Frage:\n\n{QUESTION}",
        f"Voici une reformulation :\n\n« {QUESTION} »",
        f"改写后的问题：\n{QUESTION}",
        f"**问题：** {QUESTION}",
        f"&lt;question&gt;{QUESTION}&lt;/question&gt;",
        json.dumps(json.dumps({"question": QUESTION})),
        json.dumps(f"<question>{QUESTION}</question>"),
        f'{{"problem": "{QUESTION}"}}',
        f"Aquí tienes una versión reformulada:\n{QUESTION}",
        f"以下是改写后的问题：\n{QUESTION}",
        f"<|channel>thought\nMaybe <question>Why?</question>\n<channel|>{QUESTION}",
        f"<|START_THINKING|>Maybe <question>Why?</question><|END_THINKING|><|START_RESPONSE|>{QUESTION}<|END_RESPONSE|>",
        f"Here is my thought process:\nWhy? #### 7\n\nHere is my response:\n\n{QUESTION}",
        f"Here are my reasoning steps:\nWhy?\n[BEGIN FINAL RESPONSE]\n{QUESTION}\n[END FINAL RESPONSE]",
        f"Original question: Who is it, then?\n\n**Rephrased question:** {QUESTION}",
        f"Q) {QUESTION}",
        f"Of course. Here you go:\n\n{QUESTION}\n\n---\n\nThis keeps the meaning.",
        f"How about this one?\n\n{QUESTION}\n\nPossible answer: 17",
        f"Problem 3. {QUESTION}",
        f"Assistant: (1) {QUESTION}",
        f'"question": "{QUESTION}"',
        f"<question>\n{QUESTION}\n</question",
        f"Question 1\n{QUESTION}",
        f"Alternative phrasing: {QUESTION}",
        f"Rewritten question - {QUESTION}",
        f"- {QUESTION} (A new question)",
        f"🔹 {QUESTION} 😊",
        f"Question: {QUESTION}\n\n(Answer: 17)",
        f"{QUESTION}\n\nLet's solve it: 8 + 9 = 17.",
        f'{{"question": "{QUESTION}"',
        f'{{question: "{QUESTION}"}}',
        f"[question]{QUESTION}[/question]",
        f"{QUESTION}</s><s>[INST] And now?",
        f"Got it! {QUESTION}\n\nWould you like me to make it harder?",
        f"Sure! Here is a new question:\n\n---\n\n**{QUESTION}**\n\n---",
        f"<rephrased_question>{QUESTION}</rephrased_question>",
        f'<question lang="en">{QUESTION}</question>',
        f"{QUESTION}</question>",
        f"assistant\n\n{QUESTION}",
        f"以下は言い換えた質問です：\n\n{QUESTION}",
        f"다음은 바꿔 쓴 질문입니다:\n\n{QUESTION}",
        f"Option 1: {QUESTION}\n\nOption 2: And 8?",
        f"Version 1: {QUESTION}\n\nVersion 2: And 8?",
        f"{QUESTION}\n\n8 + 9 = 17\n#### 17",
        f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{QUESTION}<|return|>",
    ],
)
def test_a_question_is_found_in_what_surrounds_it(reply):
    assert read_reply(reply, "rephrase", TASK) == (QUESTION, "")


@pytest.mark.parametrize(
    "question",
    [
        "A train leaves at 8:00 and arrives at 9:00. How long?",
        "Anna has the following: 3 pens. How many?",
        "Here are the items: pen, book. How many?",
        "Which is a metal?\nA: iron\nB: wood",
        "As a gas, what is water's name?\nA) ice\nB) steam\nC) rain",
        "1. Read the text.\n2. Count the verbs.",
        "Solve the problem:\n\nx + 2 = 5",
        "Beantworte die folgende Frage:\nWie lang ist der Nil?",
        "根据上文回答问题：\n谁来了？",
        "Voici une liste de nombres :\n3, 5, 7\nQuelle est la somme ?",
        "Hier sind drei Zahlen:\n3, 5, 7\nWie lautet die Summe?",
        "以下是一段话：\n他来了。\n谁来了？",
        "以下は文です：\n\n彼が来た。\n誰が来た？",
        "Option 1: tea.\nOption 2: ink.\nWhich is drunk?",
        "Anna has pens.\n20 are blue and 5 red. How many are there?",
        "改写句子：\n他来了。",
        "Umformulieren Sie den Satz:\nEr kam.",
        "Ecco i dati:\n3, 5\nQual è la somma?",
        "Aquí tienes una lista:\n3, 5\n¿Cuál es la suma?",
        'What does "so be it" mean?',
        "**Bold** is Markdown. What is *italic*?",
        "Context: The Nile is long.\n\nQuestion: How long is it?",
        "Context: A pool of 3 m by 4 m.\n\nQuestion: Compute its area.",
        "A pool is 3 m long.\nThe answer should be in metres. How wide is it?",
        "Use this.\nNote: x is 3.\nWhat is x?",
        "Read the text.\n#### Text\nThe Nile.\nHow long is it?",
        "Original title: Nile\nHow long is it?",
        "- 5 + 3 = ?",
        "A) iron\nB) wood\nWhich is a metal?",
        "- Bread\n- Milk\nWhich is dear?",
        "What does 😊 mean?",
        "Yes or no: is ice cold?",
        "Question marks: how many are there?",
    ],
)
def test_a_question_that_only_looks_surrounded_is_kept_whole(question):
    assert plain_question(question) == question
    assert read_reply(json.dumps({"question": question}), "new_question", TASK) == (question, "")


@pytest.mark.parametrize(
    "text",
    ["# Ingredients\n- flour", "# add two\ndef f(x):\n    return x + 2", "Is it right?\n\nNote: 3 is.\nAnswer: yes"],
)
def test_a_field_is_kept_whole(text):
    for kind in ("answer", "rephrase"):
        assert read_reply(json.dumps({field_of(kind): text}), kind, TASK)[0].strip() == text


@pytest.mark.parametrize(
    ("reply", "text", "failed"),
    [
        ("They make 17.\n#### 17", " They make 17.\n#### 17", ""),
        ("Answer: They make 17.\n#### 17\n\nQuestion: And 8?", " They make 17.\n#### 17", ""),
        ("Step 1: 8.\n\nStep 2: 17.\n\n#### 17", " Step 1: 8.\n\nStep 2: 17.\n\n#### 17", ""),
        ('{"answer": "8 + 9 = 17\\n#### 17"}', " 8 + 9 = 17\n#### 17", ""),
        ('{"correct_answer": "16", "answer": "17"}', " 17", ""),
        ("# Ingredients\n- flour", " # Ingredients\n- flour", ""),
        ("#### 17\n\nBecause 8 + 9 is 17.", " #### 17", ""),
        ("### Answer\n17", " 17", ""),
        ('<answer type="final">17</answer>', " 17", ""),
        ("<answer>\n17", " 17", ""),
        ("8 + 9 = 17\n#### 17</answer>", " 8 + 9 = 17\n#### 17", ""),
        ("assistant\n\n17", " 17", ""),
        ("<think>\n#### 16\n", None, "a thought without an answer"),
        ("", None, "empty"),
        ('{"answer": "They make 17', None, "JSON without a whole answer"),
        ('{"type": "object", "properties": {"answer": {}}}', None, "JSON without a whole answer"),
        ('{"a": 1}', ' {"a": 1}', ""),
        ('{"solution": "17"}', " 17", ""),
        ('{"problem": "17"}', ' {"problem": "17"}', ""),
        (json.dumps("<answer>17</answer>"), " 17", ""),
        ('{"answer": "<answer></answer>"}', None, "empty"),
        ("[" * 32_000, " " + "[" * 32_000, ""),
        ('{"a":' * 20_000, " " + '{"a":' * 20_000, ""),
        ("I'm sorry, but I can't help with that.", None, "refused by the model"),
        ('{"answer": "As an AI language model, I cannot answer this."}', None, "refused by the model"),
        ("I'm sorry, but I won't be able to help with that.", None, "refused by the model"),
        ("Sorry, as an AI I cannot answer this.", None, "refused by the model"),
        ('{"original_answer": "16", "why": "8"}', ' {"original_answer": "16", "why": "8"}', ""),
        ("I must provide 17.", " I must provide 17.", ""),
        ("I'm sorry to hear that! We can help.", " I'm sorry to hear that! We can help.", ""),
        ('{"answer": "Sorry, we cannot provide it."}', " Sorry, we cannot provide it.", ""),
        ("Sorry to say, 8 + 9 = 17\n#### 17", " Sorry to say, 8 + 9 = 17\n#### 17", ""),
    ],
)
def test_an_answer_is_read_to_its_end(reply, text, failed):
    assert read_reply(reply, "answer", TASK) == (text, failed)


def test_a_cut_reply_is_used_only_where_it_is_whole():
    assert read_reply("8 + 9 = 1", "answer", TASK, cut=True) == (None, "cut at the token limit")
    assert read_reply("8 + 9 = 17\n#### 17\n\nQuestion", "answer", TASK, cut=True) == (" 8 + 9 = 17\n#### 17", "")
    assert read_reply("8 + 9 = 17\n#### 1", "answer", TASK, cut=True)[0] is None, "17 or 170"
    assert read_reply("How much do 8", "rephrase", TASK, cut=True)[0] is None
    assert read_reply(f"<question>{QUESTION}</question> I ho", "rephrase", TASK, cut=True) == (QUESTION, "")


def test_formulas_survive_json_that_takes_their_commands_for_escapes():
    assert (
        structured_reply('{"answer": "\\frac{3}{4} \\times 2 \\neq \\beta"}', "answer")
        == r"\frac{3}{4} \times 2 \neq \beta"
    )
    assert structured_reply('{"answer": "a\\n\\tb"}', "answer") == "a\n\tb"


def test_thoughts_that_never_end_leave_nothing():
    assert without_thoughts("<think>a</think>b<think>c</think> d") == "d"
    assert without_thoughts("[THINK]a[/THINK]b") == "b" and without_thoughts("<think>a") == ""


@pytest.mark.parametrize("kind", ["answer", "rephrase", "new_question"])
@pytest.mark.parametrize("reply", ['{{"{0}": ""}}', '{{"{0}": null}}', "<{0}></{0}>", "<{0}>\n</{0}>"])
def test_an_empty_field_is_a_failed_call(reply, kind):
    assert read_reply(reply.format(field_of(kind)), kind, TASK) == (None, "empty")
