"""A pilot's report: one HTML file without scripts or links, in which a reply is text and never markup."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from crossover.figures.lead import lead_and_regret
from crossover.labels import display_name
from crossover.stats.advice import advise_map, regret_table
from crossover.study.pilot import Pilot
from crossover.study.pilot_rounds import Stop

SAMPLES = 3  # of each strategy
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; } .wide { overflow-x: auto; }
td, th { padding: 0.2rem 0.6rem; border-bottom: 1px solid #8886; text-align: right; } td:first-child, th:first-child { text-align: left; }
pre { white-space: pre-wrap; background: #8882; padding: 0.6rem; margin: 0.2rem 0 0.8rem; font-size: 0.85rem; }
.first { font-size: 1.15rem; font-weight: 600; } figure { margin: 0; } svg { max-width: 100%; height: auto; } .narrow { display: none; }
@media (max-width: 40rem) { .narrow { display: block; } .broad { display: none; } }
"""


def write(pilot: Pilot, stop: Stop) -> Path:
    """Write the report next to the pilot's results, and return where it is."""
    path = pilot.folder / "report.html"
    path.write_text(page(pilot, stop), encoding="utf-8")
    return path


def page(pilot: Pilot, stop: Stop) -> str:
    """Return the report: recommendation, figure, spending, funnel, samples, and what to do next."""
    first, *more = pilot.advice()
    p, spent = pilot.parameters, pilot.spent()
    asked = {
        "pairs": pilot.task.said(), "teacher": f"{p.teacher}: {p.teacher_model}", "student": p.student,
        "design": f"{pilot.n_seeds:,} seeds, {p.n_test:,} tests, {p.replicates} replicates or more, {stop.looks} looks",
        "calls": f"{spent['calls']:,} of {pilot.queries:,}", "tokens": f"{spent['tokens_in'] + spent['tokens_out']:,}",
        "money": f"{spent['money']:.4g} (estimated {pilot.money(spent['calls']):.4g})", "student hours": f"{spent['hours']:.2f}",
    }  # fmt: skip
    parts = [
        f'<p class="first">{escape(first)}</p>',
        *(f"<p>{escape(line)}</p>" for line in (*more, pilot.alone(), stop.message)),
        _figure(pilot),
        "<h2>What was asked and spent</h2>", _table(["", ""], asked.items()),
        "<h2>What became of the calls</h2>", _funnel(pilot),
        "<h2>Samples, with the seed that they come from</h2>", _samples(pilot),
        "<h2>What went wrong, and what to do next</h2>", f"<p>{escape(pilot.failures() or 'No call failed.')}</p>",
        f"<p>{escape(_next(pilot, stop))}</p>",
        "<h2>Crossovers</h2>", f"<pre>{escape(pilot.crossovers())}</pre>",
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pilot</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Which data to buy: a pilot</h1>{"".join(parts)}</body></html>\n'


def _figure(pilot: Pilot) -> str:
    """The lead of new questions over new answers and the loss from always buying one strategy, as SVG."""
    table = pilot.counts()
    share = table.assign(share=table["n_correct"] / table["n_test"])
    wide = share.pivot_table(index=["budget", "replicate"], columns="strategy", values="share").reset_index()
    wide["lead"] = wide["new_question"] - wide["answer_augmentation"]
    rows = wide.dropna(subset="lead").groupby("budget")["lead"].agg(["mean", "std", "size"]).reset_index()
    if not len(rows):
        return ""
    from scipy import stats

    half = stats.t.ppf(0.95, (rows["size"] - 1).clip(lower=1)) * rows["std"].fillna(0.5) / rows["size"] ** 0.5
    leads = pd.DataFrame({"seed_size": 0, "ratio": rows["budget"] / pilot.n_seeds, "lead": rows["mean"],
                          "low": rows["mean"] - half, "high": rows["mean"] + half})  # fmt: skip
    losses = regret_table(advise_map(pilot.fits, [pilot.n_seeds], sorted(rows["budget"])), inside_only=False)
    losses = losses.assign(
        name=losses["strategy"], mean=100 * losses["mean_regret"], largest=100 * losses["largest_regret"]
    )
    said = "Lead of new questions over new answers, 90% intervals over replicates, and the loss from always buying one strategy."
    drawn = "".join(
        f'<div class="{name}">{_svg(lead_and_regret(leads, losses, narrow))}</div>'
        for name, narrow in (("broad", False), ("narrow", True))
    )
    return f"<figure>{drawn}<figcaption>{said}</figcaption></figure>"


def _svg(figure: Figure) -> str:
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _funnel(pilot: Pilot) -> str:
    runs = pilot.runs()
    stages = ["queries", "asked", "returned", "parsed", "verified", "kept"]
    largest = runs[runs["budget"] > 0].sort_values("budget").groupby(["strategy", "replicate"]).tail(1)
    sums = largest.groupby("strategy")[stages].sum()
    return _table(["strategy", *stages], ([display_name(name), *(f"{n:,}" for n in row)] for name, row in zip(sums.index, sums.to_numpy(), strict=True)))  # fmt: skip


def _samples(pilot: Pilot) -> str:
    seeds = {p.id: p for p in pilot.task.seeds(pilot.n_seeds, 0)}
    origin = {
        entry["question"]: entry["problem"].split("/")[0] for entry in pilot.replies() if entry["kind"] == "answer"
    }
    parts = []
    for name, samples in pilot.purchases().items():
        parts.append(f"<h3>{escape(display_name(name))}</h3>")
        for sample in samples[:SAMPLES]:
            seed = seeds.get(origin.get(sample.question, ""))
            shown = f"Seed:     {seed.question}\n\n" if seed and seed.question != sample.question else ""
            parts.append(
                f"<pre>{escape(f'{shown}Question: {sample.question}')}\n\n{escape(f'Answer:  {sample.answer}')}</pre>"
            )
    return "".join(parts)


def _next(pilot: Pilot, stop: Stop) -> str:
    if stop.status == "hopeless":
        return "More calls of the same kind will not help: fix the cause named above first."
    if stop.status == "decided":
        return (
            f"Buy it: crossover pilot with --accepted and --strategy {pilot.best()} buys samples under a cap of calls."
        )
    return (
        "The same command with more --queries goes on from here; --until decided stops as soon as one strategy is best."
    )


def _table(names: list[str], rows) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
