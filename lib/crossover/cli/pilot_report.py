"""A pilot's report: one HTML file without scripts or links, in which a reply is text and never markup."""

from __future__ import annotations

import io
import re
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.figures.learning_curves import lead_and_regret
from crossover.labels import counted, display_name
from crossover.stats.advice import Advice, advise_map, regret_table
from crossover.stats.lead import find_leads
from crossover.study.pilot import STAGES, STRATEGIES, Pilot
from crossover.study.pilot_rounds import Stop
from crossover.templates import render

SAMPLES = 3  # of each strategy
NEXT = {
    "nothing": "Buy none of this for these seeds: train on the seeds, or measure a larger --budget.",
    "hopeless": (
        "No more is bought, since more calls of this kind will not help. Fix the cause, and run the command again:"
        " with another --teacher-model or --compare, a longer --max-new-tokens, or a larger --student."
    ),
    "decided": "Buy it: crossover pilot with --accepted and --strategy {} buys samples under a cap of calls.",
    "spent": (
        "The same command with more --queries goes on from here; --until decided stops as soon as one strategy is best."
    ),
}


def write(pilot: Pilot, stop: Stop) -> Path:
    """Write the report next to the pilot's results, and return where it is."""
    path = pilot.folder / "report.html"
    path.write_text(render("cli/pilot_report.html.jinja", "page", **contents(pilot, stop)), encoding="utf-8")
    return path


def contents(pilot: Pilot, stop: Stop) -> dict[str, object]:
    """Return what the report holds: recommendation, figure, spending, funnel, samples, and what to do next."""
    advice, p = pilot.advice(stop.names), pilot.parameters
    said = [*(readable(found.message) for found in advice), pilot.alone(), pilot.told()]
    why = readable(ended(advice[0], stop))
    sizes = {"seed": pilot.n_seeds, "test": p.n_test, "replicate": pilot.runs()["replicate"].nunique()} | (
        {"look": stop.looks} if pilot.until else {}
    )
    asked = {
        "pairs": pilot.task.said(),
        "teacher": f"{p.teacher}: {p.teacher_model}",
        "student": p.student,
        "design": ", ".join(counted(n, what) for what, n in sizes.items()),
    } | pilot.spent()
    return {
        "said": [why, *said] if stop.status == "hopeless" else [*said, why],
        "figures": _figures(pilot),
        "asked": asked.items(),
        "stages": ("strategy", *STAGES),
        "funnel": [[display_name(name), *(f"{n:,}" for n in row)] for name, *row in pilot.funnel().itertuples()],
        "bought": _samples(pilot),
        "failures": pilot.failures() or "No call failed.",
        "next": next_step(advice[0], stop),
        "crossovers": pilot.crossovers().map(readable),
    }


def buys_nothing(advice: Advice) -> bool:
    """Say whether the advice is to buy nothing."""
    return advice.choose is not None and advice.choose == advice.idle


def ended(advice: Advice, stop: Stop) -> str:
    """Say why a pilot ended; its rounds compare purchases, and to buy nothing may be as good or better."""
    alone = stop.status == "decided" and advice.choose != advice.purchase.strategy
    return f"Of the purchases alone: {stop.message}" if alone else stop.message


def next_step(advice: Advice, stop: Stop) -> str:
    """Say what to do after a pilot that ended so."""
    unsure = stop.status == "decided" and advice.choose is None
    status = "nothing" if buys_nothing(advice) else "spent" if unsure else stop.status
    return NEXT[status].format(advice.purchase.strategy)


def readable(text: str) -> str:
    """Return a text with the strategies' names as readers see them, which are plural."""
    named = re.sub("|".join((*STRATEGIES, "seeds_only")), lambda match: display_name(match[0]).lower(), text)
    return named.replace(" leads ", " lead ").replace(" -> ", " → ")


def _figures(pilot: Pilot) -> list[tuple[str, str]]:
    """The lead of new questions over new answers and the loss from always buying one strategy, as SVG in two widths."""
    try:
        (lead,) = find_leads(pilot.fits, "answer_augmentation", "new_question")
    except (CrossoverError, ValueError):  # the two were not run at the same budgets
        return []
    leads = lead.points.assign(seed_size=0)
    if leads.empty:
        return []
    losses = regret_table(advise_map(pilot.fits, [pilot.n_seeds], leads["ratio"] * pilot.n_seeds), inside_only=False)
    points = {"mean": 100 * losses["mean_regret"], "largest": 100 * losses["largest_regret"]}
    losses = losses.assign(name=losses["strategy"], **points)
    drawn = []
    for name, narrow in (("broad", False), ("narrow", True)):
        file = io.StringIO()
        lead_and_regret(leads, losses, narrow).savefig(file, format="svg", metadata={"Date": None})
        drawn.append((name, file.getvalue()[file.getvalue().index("<svg") :]))
    return drawn


def _samples(pilot: Pilot) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Seed, question and answer of the first samples of each strategy; no seed where it is the question itself."""
    seeds = {p.id: p.question for p in pilot.task.seeds(pilot.n_seeds, 0)}
    origin = {
        e["question"]: seeds.get(e["problem"].split("/")[0], "") for e in pilot.replies() if e["kind"] == "answer"
    }
    return [
        (
            display_name(name),
            [
                ("" if origin.get(s.question) == s.question else origin.get(s.question, ""), s.question, s.answer)
                for s in samples[:SAMPLES]
            ],
        )
        for name, samples in pilot.purchases().items()
    ]
