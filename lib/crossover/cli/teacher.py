"""The command that tries a served teacher before anything is bought: ``crossover teacher check``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Try a served teacher.")


@app.callback()
def teacher() -> None:
    """Try a served teacher."""


@app.command()
def check(
    teacher_model: Annotated[str, typer.Option(help="The server's name for the model.")],
    base_url: Annotated[
        str, typer.Option(help="Address of the server; its key is in CROSSOVER_API_KEY.")
    ] = "http://127.0.0.1:8000/v1",
    pairs: Annotated[str, typer.Option(help="Your pairs, as for the pilot; word problems without them.")] = "",
    question: Annotated[str, typer.Option(help="As for the pilot.")] = "",
    answer: Annotated[str, typer.Option(help="As for the pilot.")] = "",
    compare: Annotated[str, typer.Option(help="As for the pilot.")] = "exact",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 96,
    price_in: Annotated[float, typer.Option(help="Price per million tokens of prompts.")] = 0.0,
    price_out: Annotated[float, typer.Option(help="Price per million tokens of replies.")] = 0.0,
) -> None:
    """Make three calls (an answer, a rephrasing, a new question); show what came, what was read, what to change."""
    from crossover.errors import CrossoverError
    from crossover.tasks import load_task
    from crossover.tasks.user_pairs import UserPairs
    from crossover.teachers import Request
    from crossover.teachers.base import EXAMPLES, Kind
    from crossover.teachers.dialects import dialect_of
    from crossover.teachers.endpoint import Endpoint
    from crossover.teachers.spending import Account

    task, shown, failed = load_task("math_words", steps=1), EXAMPLES + 1, 0
    if pairs:
        task = UserPairs(pairs, compare=compare, question=question, answer=answer)
        shown = min(shown, task.available("seed"))
    seeds = task.seeds(shown, 0)
    with tempfile.TemporaryDirectory() as folder:
        account = Account(Path(folder) / "spending.jsonl", price_in, price_out)
        made = Endpoint(
            task, seeds[:EXAMPLES], teacher_model, account, max_new_tokens=max_new_tokens, base_url=base_url
        )
        kinds: tuple[Kind, ...] = ("answer", "rephrase", "new_question")
        for kind in kinds:
            start = time.perf_counter()
            (reply,) = made.reply([Request(kind, seeds[-1], 0)])
            seconds = time.perf_counter() - start
            failed += reply.text is None
            typer.echo(f"--- {kind}: {seconds:.1f} s, {reply.tokens_in} + {reply.tokens_out} tokens")
            typer.echo(f"seed: {seeds[-1].question}\ncame: {reply.raw or '(no text)'}")
            typer.echo(f"read: {reply.text if reply.text is not None else f'nothing ({reply.failed})'}")
            if kind == "answer" and reply.text and task.extract(reply.text) is None:
                failed += 1
                typer.echo("No final answer can be read in it: give more examples with answers, or another --compare.")
            if "cut" in reply.failed:
                typer.echo(
                    f"Raise --max-new-tokens above {max_new_tokens}; a model that thinks first needs some thousands."
                )
    known = dialect_of(base_url, teacher_model)
    structure = "JSON schema" if known.structure == "schema" else "tags, since the server does not enforce a schema"
    typer.echo(
        f"Structure: {structure}. "
        f"{'' if known.temperature else 'The model takes no temperature. '}"
        + (f"Price of a thousand such calls: {account.cost / 3 * 1000:.2f}." if account.cost else "")
    )
    if failed:
        raise CrossoverError(f"{failed} of 3 replies cannot be used; see above for what to change.")
    typer.echo("All three replies can be used.")
