"""What a language model is asked: one wording for every teacher that is one.

Answers and new questions are asked for by example, rephrasings by instruction; a chat model is told in one line more
what to do. Source: arXiv 2409.19759, appendix.
"""

from collections.abc import Sequence

from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Kind, Request

EXAMPLES = 3  # solved seeds that a teacher is shown beside the problem at hand

REPHRASE = (
    "Say the following question in other words. Keep every name, every number and what is asked. "
    "Write the new question only.\n\n{question}"
)

CHAT = {
    "answer": "Answer the last question in the manner and the form of the answers before it.",
    "new_question": "Write one more question like the following ones. Write the question only.",
}
#: How a chat model is to enclose what it writes: in JSON where the server enforces a schema, otherwise between tags.
STRUCTURES = {
    "schema": 'Reply in JSON, as {{"{field}": "the whole {field}"}}.',
    "tags": "Write <{field}> before the whole {field} and </{field}> after it.",
}


def field_of(kind: Kind) -> str:
    """Return what a structured reply calls its text."""
    return "answer" if kind == "answer" else "question"


def schema(kind: Kind) -> dict[str, object]:
    """Return the response format of a reply with one field of text."""
    field = field_of(kind)
    fields = {"type": "object", "properties": {field: {"type": "string"}}}
    closed = {"required": [field], "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": field, "strict": True, "schema": fields | closed}}


def chat_prompt(request: Request, task: Task, examples: Sequence[Problem], structure: str) -> str:
    """Return :func:`prompt` as a chat model is asked it, with the structure that its reply is to have."""
    asked = STRUCTURES[structure].format(field=field_of(request.kind))
    if request.kind == "rephrase":
        instruction, _, question = prompt(request, task, examples).partition("\n\n")
        return f"{instruction} {asked}\n\n{question}"
    return f"{CHAT[request.kind]} {asked}\n\n{prompt(request, task, examples)}"


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
    """Return the prompt after which a model goes on with a question of the same kind."""
    return "".join(f"Question: {text}\n\n" for text in questions) + "Question:"
