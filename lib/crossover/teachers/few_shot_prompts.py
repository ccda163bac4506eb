"""What a language model is asked, and where its reply ends: one wording for every teacher that is one.

Answers and new questions are asked for by example (the first seeds with their answers, then the question at hand), which
a pretrained model continues; rephrasings by instruction. A chat model, which does not continue what it is given, is told
in one line more what to do. Source: arXiv 2409.19759, appendix (few-shot prompts for teacher and augmenter).
"""

from __future__ import annotations

from collections.abc import Sequence

from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Kind, Request

EXAMPLES = 3  # solved seeds that a teacher is shown beside the problem at hand

REPHRASE = (
    "Say the following question in other words. Keep every name, every number and what is asked. "
    "Write the new question only.\n\n{question}"
)

CHAT = {
    "answer": "Answer the last question in the manner and the form of the answers before it.\n\n",
    "new_question": "Write one more question like the following ones. Write the question only.\n\n",
    "rephrase": "",
}


def chat_prompt(request: Request, task: Task, examples: Sequence[Problem]) -> str:
    """Return :func:`prompt` as a chat model is asked it."""
    return CHAT[request.kind] + prompt(request, task, examples)


def prompt(request: Request, task: Task, examples: Sequence[Problem]) -> str:
    """Return the text of a request; an example that is the problem at hand is not shown."""
    question = request.problem.question
    shown = [p for p in examples if p.id != request.problem.id]
    if request.kind == "answer":
        return "\n\n".join([*(task.prompt(p.question) + p.answer for p in shown), task.prompt(question)])
    if request.kind == "new_question":
        return new_question_prompt([*(p.question for p in shown), question])
    return REPHRASE.format(question=question)


def new_question_prompt(questions: Sequence[str]) -> str:
    """Return the prompt after which a model goes on with a question of the same kind.

    >>> new_question_prompt(["How many?", "How much?"])
    'Question: How many?\\n\\nQuestion: How much?\\n\\nQuestion:'
    """
    return "".join(f"Question: {text}\n\n" for text in questions) + "Question:"


def ending(text: str, kind: Kind, task: Task) -> str | None:
    r"""Return a reply up to its end, or ``None`` where nothing is left.

    A question is one line. An answer ends with the line in which its final answer can first be read; it starts with a
    space, as a completion does, also where a chat model left that out. The prompt's own ``Question:`` or ``Answer:``,
    which a chat model may repeat, is dropped.

    >>> from crossover.tasks import load_task
    >>> task = load_task("math_words", steps=1)
    >>> ending("3 + 4 = 7\n#### 7\n\nQuestion: And", "answer", task)
    ' 3 + 4 = 7\n#### 7'
    >>> ending("\nQuestion: How many?\nI hope this helps.", "rephrase", task)
    'How many?'
    """
    label = "Answer:" if kind == "answer" else "Question:"
    lines = text.strip().removeprefix(label).strip().split("\n")
    if kind != "answer":
        return lines[0].strip() or None
    for n in range(1, len(lines)):
        if task.extract("\n".join(lines[:n])) is not None:
            lines = lines[:n]
            break
    return " " + "\n".join(lines).rstrip() if lines[0] else None
