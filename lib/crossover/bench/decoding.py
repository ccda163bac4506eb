"""Writing text, sampled and greedy, against ``transformers.generate`` and, where there is a ``llama-server``, llama.cpp.

Sampling: every row writes as many tokens as every other, so that only the speed of a step counts. Annotation: the same for
the study's own requests, which begin with one instruction. Greedy evaluation: a trained student answers test problems, and
rows end when they end.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import openai
import pandas as pd
import torch

from crossover.bench import products
from crossover.bench.ceilings import matmul
from crossover.bench.tables import ratio, seconds, table, turns
from crossover.bench.together import AT_ONCE, rate
from crossover.bench.training import MODEL, ours, pairs
from crossover.data.pinned import SMOLLM2
from crossover.evaluation.answers import evaluate
from crossover.models.decoding import Pick, by_length, common, decode, greedy, sampled
from crossover.models.language_model import LanguageModel
from crossover.tasks import load_task
from crossover.tasks.base import answer_is_complete
from crossover.teachers.serving import serving

PROMPTS, NEW, TEMPERATURE = 64, 48, 0.7
ANSWER = 72  # most tokens of an answer


def run(repeats: int = 3, n_test: int = 128) -> pd.DataFrame:
    """Return rates of sampling and of greedy evaluation, and the ratios wanted.

    Parameters
    ----------
    repeats : int
        Turns of the timing.
    n_test : int
        Test problems that the trained student answers.
    """
    task, base = load_task("math_words"), LanguageModel.load(MODEL)
    texts = [task.prompt(p.question) for p in task.test(PROMPTS)]
    prompts = base.tokenizer(texts, add_special_tokens=False)["input_ids"]
    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: PROMPTS * NEW / seconds(lambda: decode(base, prompts, _endless(base, sampled(TEMPERATURE, range(PROMPTS))), _never, NEW)),
        "generate": lambda: PROMPTS * NEW / seconds(lambda: _generate(base, texts, NEW, do_sample=True, temperature=TEMPERATURE, top_k=0, min_new_tokens=NEW)),
        f"ours, {AT_ONCE}": lambda: rate(PROMPTS * NEW, sampling, prompts),
    }  # fmt: skip
    read = sum(map(len, prompts))
    ways[products.ALONE] = lambda: PROMPTS * NEW / seconds(lambda: products.write(base, read, [NEW] * PROMPTS))
    with llama_server() as address:
        if address:
            ways["llama.cpp"] = lambda: PROMPTS * NEW / seconds(lambda: _served(address, texts))
        found = turns(ways, repeats)
    rows = [(f"sampling {PROMPTS} x {NEW} tokens, {name}", found[name].median(), "tokens/s", "") for name in ways]
    rows.append(
        (
            f"sampling as the study does ({AT_ONCE}) over generate in one process",
            ratio(found, f"ours, {AT_ONCE}", "generate"),
            "x",
            ">= 3",
        )
    )
    rows.append(("sampling in one process, ours over generate", ratio(found, "ours", "generate"), "x", ""))
    if "llama.cpp" in ways:
        rows.append(
            (
                "sampling, ours over llama.cpp's batched server on the GGUF file",
                ratio(found, "ours", "llama.cpp"),
                "x",
                ">= 1",
            )
        )
    head = base.model.lm_head.weight.numel()  # tied to the input embedding, which multiplies nothing
    layers = sum(p.numel() for p in base.model.parameters() if p.ndim == 2) - head
    # Of a prompt the last token alone goes through the head.
    work = 2 * layers * (read + PROMPTS * (NEW - 1)) + 2 * head * PROMPTS * NEW
    ceiling = matmul(torch.bfloat16)
    for name in ("ours", f"ours, {AT_ONCE}"):
        share = work / (PROMPTS * NEW / found[name].median()) / ceiling
        rows.append(
            (
                f"sampling, {name}, prompts of {read / PROMPTS:.0f} tokens read too, share of the bf16 ceiling",
                share,
                "",
                "",
            )
        )
    bound = PROMPTS * NEW * ceiling / work / found["generate"].median()
    rows.append((f"sampling, {products.ALONE} over generate", ratio(found, products.ALONE, "generate"), "x", ""))
    rows.append(("sampling, matrix products at the ceiling and nothing else over generate", bound, "x", ""))
    return table(rows + _annotation(repeats, base) + _evaluation(repeats, n_test))


def sampling(prompts: Sequence[list[int]]) -> tuple[float, float]:
    """Sample as :func:`run` times it, and return when that began and ended."""
    student = LanguageModel.load(MODEL)
    start = time.time()
    decode(student, prompts, _endless(student, sampled(TEMPERATURE, range(len(prompts)))), _never, NEW)
    return start, time.time()


def evaluating(folder: str, n_test: int) -> tuple[float, float]:
    """Have the student that a folder holds answer test problems, and return when that began and ended."""
    student, task = LanguageModel.load(folder), load_task("math_words")
    start = time.time()
    evaluate(student, task, task.test(n_test), ANSWER)
    return start, time.time()


def _annotation(repeats: int, base: LanguageModel) -> list[tuple[str, float, str, str]]:
    """A teacher's requests for labels: one instruction with its examples, then an input; a label is short."""
    task = load_task("film_sentiment")
    texts = [task.instruction.annotate(problem.question) for problem in task.test(PROMPTS)]
    prompts = base.tokenizer(texts, add_special_tokens=False)["input_ids"]
    new, shared = task.output_tokens, common(prompts)
    ways = {
        "ours": lambda: PROMPTS / seconds(lambda: decode(base, prompts, _endless(base, sampled(TEMPERATURE, range(PROMPTS))), _never, new, shared)),
        "generate": lambda: PROMPTS / seconds(lambda: _generate(base, texts, new, do_sample=True, temperature=TEMPERATURE, top_k=0, min_new_tokens=new)),
        products.ALONE: lambda: PROMPTS / seconds(lambda: products.write(base, shared + sum(len(prompt) - shared for prompt in prompts), [new] * PROMPTS)),
    }  # fmt: skip
    found = turns(ways, repeats)
    what = f"{PROMPTS} annotations of {new} tokens, {shared} of {sum(map(len, prompts)) / PROMPTS:.0f} prompt tokens shared"
    rows = [(f"{what}, {name}", found[name].median(), "inputs/s", "") for name in ways]
    return [
        *rows,
        ("annotation, ours over generate", ratio(found, "ours", "generate"), "x", ">= 3"),
        (f"annotation, {products.ALONE} over generate", ratio(found, products.ALONE, "generate"), "x", ""),
    ]


def _evaluation(repeats: int, n_test: int) -> list[tuple[str, float, str, str]]:
    student, *_ = ours(pairs(96), 0)
    task = load_task("math_words")
    problems = task.test(n_test)
    texts = [task.prompt(p.question) for p in problems]
    prompts = student.tokenizer(texts, add_special_tokens=False)["input_ids"]
    ended = answer_is_complete(task, student.tokenizer.decode)
    own = {
        i: t
        for rows in by_length(prompts, 256)
        for i, t in zip(rows, decode(student, [prompts[i] for i in rows], greedy, ended, ANSWER), strict=True)
    }
    other = _generate(student, texts, ANSWER, do_sample=False)
    lengths = [
        len(student.tokenizer(own[i] + student.tokenizer.eos_token, add_special_tokens=False)["input_ids"])
        for i in range(n_test)
    ]
    same = sum(own[i].strip() == other[i].strip()[: len(own[i].strip())] for i in range(n_test)) / n_test
    ways = {
        "ours": lambda: n_test / seconds(lambda: evaluate(student, task, problems, ANSWER)),
        "generate": lambda: n_test / seconds(lambda: _generate(student, texts, ANSWER, do_sample=False)),
        products.ALONE: lambda: n_test / seconds(lambda: products.write(student, sum(map(len, prompts)), lengths)),
    }
    with tempfile.TemporaryDirectory() as folder:
        student.model.save_pretrained(folder)
        student.tokenizer.save_pretrained(folder)
        found = turns(ways | {f"ours, {AT_ONCE}": lambda: rate(n_test, evaluating, folder, n_test)}, repeats)
    return [
        *(
            (f"greedy evaluation of {n_test} problems, {name}", found[name].median(), "problems/s", "")
            for name in found
        ),
        (
            f"greedy evaluation as the study does ({AT_ONCE}) over generate in one process",
            ratio(found, f"ours, {AT_ONCE}", "generate"),
            "x",
            ">= 3",
        ),
        ("greedy evaluation in one process, ours over generate", ratio(found, "ours", "generate"), "x", ""),
        (f"greedy evaluation, {products.ALONE} over generate", ratio(found, products.ALONE, "generate"), "x", ""),
        ("answers that are generate's token for token (batched bf16 turns near ties)", same, "", ""),
    ]


def _generate(student: LanguageModel, texts: Sequence[str], new: int, **how: object) -> list[str]:
    """Continue texts by ``generate`` in one batch padded on the left."""
    student.tokenizer.padding_side = "left"
    inputs = student.tokenizer(list(texts), add_special_tokens=False, padding=True, return_tensors="pt")
    with torch.inference_mode():
        out = student.model.generate(**inputs, max_new_tokens=new, pad_token_id=student.tokenizer.pad_token_id, **how)
    return student.tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def _endless(student: LanguageModel, pick: Pick) -> Pick:
    """Return a pick that never picks the end of the text."""
    end = student.tokenizer.eos_token_id

    def without(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        logits[:, end] = -torch.inf
        return pick(logits, rows)

    return without


def _never(tokens: list[int]) -> bool:
    return False


def llama_server() -> contextlib.AbstractContextManager[str]:
    """Serve the GGUF file that the students' weights come from; the address is empty where no ``llama-server`` is on the path."""
    if not shutil.which("llama-server"):
        return contextlib.nullcontext("")
    context, threads = PROMPTS * 256, torch.get_num_threads()
    return serving(
        f"llama-server -m '{SMOLLM2.path()}' -np {PROMPTS} -c {context} -t {threads} --port {{port}}", wait=60
    )


def _served(address: str, texts: Sequence[str]) -> None:
    """Have a server continue all texts at once."""
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", timeout=600)
    plain = {"ignore_eos": True, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "cache_prompt": False}

    def ask(text: str) -> None:
        reply = client.completions.create(
            model="any", prompt=text, max_tokens=NEW, temperature=TEMPERATURE, extra_body=plain
        )
        if reply.usage.completion_tokens != NEW:
            raise RuntimeError(f"the server wrote {reply.usage.completion_tokens} tokens, not {NEW}")

    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(ask, texts))
