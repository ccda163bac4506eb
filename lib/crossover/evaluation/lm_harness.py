"""A student under EleutherAI's lm-evaluation-harness: its task definitions, our rows and batched passes."""

import contextlib
import importlib.resources
import io
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate
from lm_eval.tasks._yaml_loader import load_yaml

from crossover.data.closed_book import SETS, answers, draw_test
from crossover.evaluation.answers import Outcome, gold
from crossover.models.decoding import by_length, greedy, likelihoods, read_prompts, write
from crossover.models.language_model import IGNORED, LanguageModel, encode
from crossover.normal_text import token_f1

#: Longest answer to a question, in tokens; the definitions leave it to the model. A right answer is shorter.
ANSWER_TOKENS = 32


class HarnessStudent(TemplateLM):
    """A student as the harness calls a model; ``batch_size`` prompts side by side."""

    backend = "causal"

    def __init__(self, student: LanguageModel, batch_size: int = 32):
        super().__init__()
        self.student, self.batch_size = student, batch_size

    @property
    def eot_token_id(self) -> int:
        return self.student.tokenizer.eos_token_id

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: object) -> list[int]:
        return self.student.tokenizer.encode(string, add_special_tokens=False)

    def _loglikelihood_tokens(
        self, requests: Sequence[Any], disable_tqdm: bool = False, **kwargs: object
    ) -> list[tuple[float, bool]]:
        contexts: dict[tuple[int, ...], list[int]] = defaultdict(list)  # a prompt is computed once for all its choices
        for number, (_, context, _) in enumerate(requests):
            contexts[tuple(context)].append(number)
        prompts = [list(context) for context in contexts]
        found: dict[int, tuple[float, bool]] = {}
        for rows in by_length(prompts, self.batch_size):
            numbers = [contexts[tuple(prompts[row])] for row in rows]
            completions = [[requests[n][2] for n in several] for several in numbers]
            scored = likelihoods(self.student, [prompts[row] for row in rows], completions)
            for several, values in zip(numbers, scored, strict=True):
                found.update(zip(several, values, strict=True))
        return [found[number] for number in range(len(requests))]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Continue prompts greedily up to the first of their stop strings."""
        prompts = [self.tok_encode(request.args[0]) for request in requests]
        stops = [request.args[1]["until"] for request in requests]
        found: dict[int, str] = {}
        for rows in by_length(prompts, 2 * self.batch_size):
            until = sorted({stop for row in rows for stop in stops[row]})

            def ended(tokens: list[int], until: Sequence[str] = until) -> bool:
                return any(stop in self.student.tokenizer.decode(tokens[-1:]) for stop in until)

            prefix = read_prompts(self.student, [prompts[row] for row in rows])
            texts = write(self.student, prefix, greedy, ended, ANSWER_TOKENS)
            for row, text in zip(rows, texts, strict=True):
                found[row] = re.split("|".join(map(re.escape, stops[row])), text, maxsplit=1)[0]
        return [found[row] for row in range(len(requests))]

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Refuse: no set here is scored by the perplexity of whole texts."""
        raise NotImplementedError("No evaluation set here is scored by the perplexity of whole texts.")


def harness_task(name: str, rows: Sequence[Mapping[str, Any]]) -> ConfigurableTask:
    """Return the harness's task of a set over rows in the hub's columns."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    with importlib.resources.as_file(importlib.resources.files("lm_eval.tasks") / SETS[name].definition) as path:
        config = load_yaml(path, resolve_func=True)
    tags = ("tag", "dataset_path", "dataset_name", "dataset_kwargs", "training_split", "validation_split", "test_split")
    kept = {key: value for key, value in config.items() if key not in tags}
    table = datasets.Dataset.from_list([dict(row) for row in rows])
    return ConfigurableTask(config=kept | {"test_split": "test", "custom_dataset": lambda **_: {"test": table}})


def score(student: LanguageModel, sizes: Mapping[str, int], sources: Mapping[str, str], skip: int = 0) -> list[Outcome]:
    """Score a student on the first test items of several sets, ``skip`` passed over, by F1 or log-likelihood."""
    tests = {name: draw_test(name, sources[name], skip + n)[skip:] for name, n in sizes.items()}
    tasks = {name: harness_task(name, [row for _, row in rows]) for name, rows in tests.items()}
    names = {task.config.task: name for name, task in tasks.items()}
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars, which would tear the run's own
        found = evaluate(
            HarnessStudent(student), {task.config.task: task for task in tasks.values()}, bootstrap_iters=0
        )
    outcomes: list[Outcome] = []
    for theirs, samples in found["samples"].items():
        name = names[theirs]
        likely = _golds(student, name, [row for _, row in tests[name]], samples)
        outcomes += [
            _outcome(name, item, row, sample, fields)
            for (item, row), sample, fields in zip(tests[name], samples, likely, strict=True)
        ]
    return outcomes


def _outcome(
    name: str, item: str, row: Mapping[str, Any], sample: Mapping[str, Any], likely: Mapping[str, Any]
) -> Outcome:
    right, reply = bool(sample[SETS[name].metric]), sample["filtered_resps"][0]
    if name == "lambada_openai":
        return Outcome(item, None, right, round(float(reply[0]), 4), **likely)
    if isinstance(reply, str):
        best = max(token_f1(reply, answer) for answer in answers(name, row))
        return Outcome(item, reply, right, round(best, 4), **likely)
    return Outcome(item, None, right, **likely)


def _golds(
    student: LanguageModel, name: str, rows: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The likelihood of each item's gold completion: a question's first answer with its end, or the given text."""
    found: dict[int, dict[str, Any]] = {}
    if not SETS[name].question:  # the harness has scored it: LAMBADA's word is the only completion
        for i, (row, sample) in enumerate(zip(rows, samples, strict=True)):
            right = int(row.get("label", 0))
            text = sample["arguments"][right][1]
            tokens = len(student.tokenizer.encode(text, add_special_tokens=False))
            found[i] = gold(-sample["filtered_resps"][right][0], tokens, text.strip())
        return list(found.values())
    texts = [answers(name, row)[0] for row in rows]
    asked = [sample["arguments"][0][0] for sample in samples]
    pairs = encode(student.tokenizer, [(prompt, f" {text}") for prompt, text in zip(asked, texts, strict=True)])
    starts = [labels.count(IGNORED) for _, labels in pairs]
    for batch in by_length([ids for ids, _ in pairs], 64):
        prompts, completions = [pairs[i][0][: starts[i]] for i in batch], [[pairs[i][0][starts[i] :]] for i in batch]
        for i, (one,) in zip(batch, likelihoods(student, prompts, completions), strict=True):
            found[i] = gold(-one.total, len(pairs[i][0]) - starts[i], texts[i])
    return [found[i] for i in range(len(rows))]
