"""The chapter on claims: a card per claim, what would settle the undecided ones, pictures for other pages.

Cards are HTML with small drawings in SVG (``claims.html.jinja``), whose lines take the page's colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from crossover.chapters.common import STUDIES, UPDATES, table, update_rules
from crossover.chapters.numbers import save_numbers
from crossover.claims.findings import NOT_RUN, Finding, verdicts, whole
from crossover.claims.publish import publish, rows_of
from crossover.claims.register import Register, load_register
from crossover.labels import TASKS, display_name
from crossover.paths import PUBLISHED, repository, results_folder
from crossover.stats.verdicts import DECIDED, FIRM, VERDICTS
from crossover.study.select import settings_table
from crossover.templates import render

#: Fill, ink and sign of each verdict; no colour is needed to tell them apart, and none is a strategy's.
MARKS = {
    "supported": ("#3f7d1a", "#ffffff", "✓"), "weakly supported": ("#b8e186", "#111111", "(✓)"),
    "no difference that matters": ("#bdbdbd", "#111111", "="), "weakly contradicted": ("#f1b6da", "#111111", "(✗)"),
    "contradicted": ("#c51b7d", "#ffffff", "✗"), "inconclusive": ("#ffffff", "#111111", "?"),
    "at the floor": ("#e8e8e8", "#111111", "⊥"), NOT_RUN: ("#f7f7f7", "#111111", "–"),
}  # fmt: skip
_WIDTH, _MARGIN = 680, 12  # of a forest, in pixels


@dataclass(frozen=True)
class Chapter:
    """The verdicts of a results folder, what would settle the undecided parts, and the verdicts that changed."""

    folder: Path
    register: Register
    runs: pd.DataFrame
    findings: list[Finding]
    plan: pd.DataFrame
    log: pd.DataFrame

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each of the papers' claims."""
        return {name: v for name, v in whole(self.findings).items() if self.register.claims[name].kind == "claim"}

    def _listed(self, decided: bool) -> str:
        counts = Counter(self.verdicts.values())
        return ", ".join(f"{counts[v]} {v}" for v in reversed(VERDICTS) if counts[v] and (v in DECIDED) is decided)

    @property
    def _decided(self) -> int:
        return sum(verdict in DECIDED for verdict in self.verdicts.values())

    def tally(self) -> str:
        """Return how many claims are decided, and how, as one sentence."""
        weak = sum("weakly" in verdict for verdict in self.verdicts.values())
        firm = f", {self._decided - weak} of them firmly" if weak else ""
        said = [f"{self._decided} of {len(self.verdicts)} claims are decided{firm}: {self._listed(True) or 'none'}"]
        return ". Still open: ".join(said + [self._listed(False)] * (self._decided < len(self.verdicts))) + "."

    def strip(self) -> HTML:
        """Return the strip of squares, one per claim, each a link to its card, and what their signs mean."""
        there = {*self.verdicts.values(), *(found.verdict for found in self.findings)}
        listed = [verdict for verdict in VERDICTS[::-1] if verdict in there]
        return HTML(_render("strip", self.verdicts, listed, self.tally()))

    def cards(self, *papers: str, kind: str = "claim") -> HTML:
        """Return the evidence cards of some papers' claims, or of the open questions."""
        names = [n for n, c in self.register.claims.items() if c.kind == kind and (not papers or c.paper in papers)]
        return HTML("\n".join(self._card(name) for name in names))

    def settings(self) -> Styler:
        """Return who teaches whom, on what, at which sizes: the papers' settings, and what decides here, by study."""
        rows, out = settings_table(self.runs), []
        for number, paper in self.register.papers.items():
            row = {"paper": f"arXiv {number}", "there": paper.setting}
            for profile in sorted({f.profile for f in self.findings}, key=[*STUDIES, self.folder.name].index):
                own = [f for f in self.findings if f.profile == profile and not f.under and f.evidence]
                own = [f for f in own if self.register.claims[f.claim].paper == number]
                keys = frozenset().union(*(f.evidence.keys for f in own if f.evidence))
                said = f"{', '.join(dict.fromkeys(f.claim for f in own))}: {_here(rows[rows['key'].isin(keys)])}"
                row[f"here, {STUDIES.get(profile, profile)}"] = said if keys else "decides none"
            out.append(row)
        return table(pd.DataFrame(out), "settings")

    @cached_property
    def _rates(self) -> pd.DataFrame:
        return pd.read_csv(repository() / "results" / PUBLISHED / "verdict_rates.csv")

    def errors(self) -> str:
        """Say how often simulated verdicts with enough replicates err, from the committed table."""
        found = self._rates[self._rates["replicates"] >= FIRM]
        at, off = found[found["truth"] == 0], found[found["truth"] > 0]
        firm = (at["supported"] + at["contradicted"]).max()
        weak = (at["weakly supported"] + at["weakly contradicted"]).max()
        wrong = (off["contradicted"] + off["weakly contradicted"]).max()
        return (
            f"Each design was simulated {found['studies'].min():,} times. With {FIRM} replicates or more, at most"
            f" {firm:.0%} of studies decide firmly where the true effect lies on the threshold, and at most {weak:.0%}"
            f" weakly. At most {wrong:.0%} contradict an effect that lies {100 * off['truth'].min():g} points on the"
            " predicted side."
        )

    def rates(self) -> Styler:
        """Return the simulated coverage of pooled intervals and the share of each verdict."""
        rates = self._rates.drop(columns="studies")
        rates["prior_df"] = rates["prior_df"].map(lambda df: "alike" if df == float("inf") else "different")
        rates[["truth", "own_width", "pooled_width"]] *= 100
        said = {"own": "coverage, own", "pooled": "coverage, pooled", "own_width": "width, own"}
        said |= {"prior_df": "variances", "truth": "truth, points", "pooled_width": "width, pooled"}
        shown = table(rates.rename(columns=said), "rates").format("{:.0f}", subset=["truth, points"])
        shares = ["coverage, own", "coverage, pooled", *(v for v in VERDICTS if v in rates)]
        return shown.format("{:.1f}", subset=["width, own", "width, pooled"]).format("{:.0%}", subset=shares)

    def rules(self) -> Markdown:
        """Return the rules and thresholds that changed after results had been seen, with the reasons."""
        said = [
            f"- {r.date}, *{r.name}* ({', '.join(r.claims)}). {r.change} Reason: {r.reason}"
            for r in self.register.rules
        ]
        return Markdown("\n".join(said))

    def save(self) -> None:
        """Store the pictures and the numbers that other pages show."""
        figures = self.folder / "figures"
        figures.mkdir(exist_ok=True)
        badge = _render("badge", "claims decided", f"{self._decided} of {len(self.verdicts)}")
        (figures / "claims_badge.svg").write_text(badge, encoding="utf-8")
        save_numbers(self.folder, "05_claims", {"claims_tally": self.tally(), "claims_strip": self.strip().data})

    def _card(self, name: str) -> str:
        claim, own = self.register.claims[name], [f for f in self.findings if f.claim == name and not f.under]
        verdict, units = whole(self.findings)[name], dict.fromkeys(f.part.scale[1] for f in own)
        deciding = [f for f in own if f.verdict == verdict]
        margins = " and ".join(dict.fromkeys(f.margin for f in deciding))
        keys = frozenset().union(*(f.evidence.keys for f in own if f.evidence))
        rows = self.runs[self.runs["key"].isin(keys)]
        asked = {u.rpartition(" ")[2]: v for (of, u), v in verdicts(self.findings).items() if of == name and u}
        others = [(UPDATES[rule], v) for rule, v in asked.items() if v != NOT_RUN]
        here, there = settings_table(rows)["recipe.updates"], [rule for rule, v in asked.items() if v != NOT_RUN]
        rules = update_rules(here, there, "below") if asked and len(rows) else ""
        settle = list(self.plan[self.plan["claim"] == name].itertuples())
        history = self.log[self.log["claim"] == name].rename(columns={"is": "now"}) if len(self.log) else self.log
        return _render(
            "card", name, claim, verdict, margins, deciding[0],
            [Forest.of([f for f in own if f.part.scale[1] == unit]) for unit in units], rules, others, _behind(rows),
            settle, list(history.itertuples()), own[0].profile, STUDIES.get(own[0].profile, own[0].profile),
            f"crossover claims {name} --check --profile {self.folder.name}",
        )  # fmt: skip


class Forest(NamedTuple):
    """The parts of a card that share a unit, the place of a value on their axis, and the axis's ticks."""

    parts: list[Finding]
    x: Callable[[float], float]
    ticks: list[tuple[float, str]]
    unit: str

    @classmethod
    def of(cls, parts: list[Finding]) -> Forest:
        """Return the parts on an axis that holds every interval, replicate, threshold and published value."""
        known = [f for f in parts if f.evidence]
        values = [
            v
            for f in known
            if f.evidence and f.interval
            for v in (*f.interval, f.part.threshold, *f.evidence.by_replicate, f.part.value)
        ]
        seen = [v for v in values if v is not None] or [0.0]
        low, high = min(seen), max(seen)

        def x(value: float) -> float:
            return _MARGIN + (_WIDTH - 2 * _MARGIN) * (value - low) / ((high - low) or 1.0)

        unit = parts[0].part.scale[1]
        room = 60 + 12 * len(unit)  # of the last tick, which has the unit; a phone halves the axis, not its text
        ticks = {low, high} | ({0.0} if low < 0 < high and x(0.0) > 80 and _WIDTH - x(0.0) > room else set())
        said = [(t, known[0].part.amount(t) if t else "0") for t in sorted(ticks)] if known else []
        texts = [(min(max(x(t), 24), _WIDTH - 24), text) for t, text in said]
        return cls(parts, x, texts, unit)


def run(profile: str) -> Chapter:
    """Decide every claim from a profile's rows, and store verdicts, pictures and numbers."""
    folder, register = results_folder(profile), load_register()
    findings = publish(folder, register)
    log = folder / "verdicts.csv"
    changed = pd.read_csv(log) if log.exists() else pd.DataFrame()
    plan = pd.read_csv(folder / "claims_plan.csv")
    chapter = Chapter(folder, register, rows_of(findings, folder), findings, plan, changed)
    chapter.save()
    return chapter


def _render(macro: str, *values: object) -> str:
    known = {"marks": MARKS, "NOT_RUN": NOT_RUN, "display_name": display_name, "WIDTH": _WIDTH, "HEIGHT": 30}
    return render("chapters/claims.html.jinja", macro, *values, **known)


def _behind(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows behind a verdict for a page, with every setting that varies between rows of one task."""
    named = rows.assign(strategy=rows["strategy"].map(display_name), task=rows["task"].map(lambda t: TASKS.get(t, t)))
    flat, parts = settings_table(named), ("teacher", "verify", "scoring", "task.", "teacher.", "recipe.")
    settings = [c for c in flat if c.startswith(parts)]
    varying = [c for c in settings if flat[c].astype(str).groupby(flat["task"]).nunique().max() > 1]
    own = ["task", "strategy", "seed_size", "budget", "replicate"]
    shown = flat[[*own, *varying, "n_correct", "n_test", "key"]].dropna(axis="columns", how="all")
    names = {"seed_size": "seed questions", "budget": "teacher calls", "n_correct": "correct", "n_test": "test items"}
    return shown.rename(columns=names | {c: c.rpartition(".")[2].replace("_", " ") for c in varying})


def _here(rows: pd.DataFrame) -> str:
    """Models, sizes and replicates of some rows, as a sentence."""
    if rows.empty:
        return "not run"

    def ends(column: str) -> str:
        values = rows[column]
        return f"{values.min():,}" if values.nunique() == 1 else f"{values.min():,} to {values.max():,}"

    models = ", ".join(sorted({str(m) for m in rows["recipe.model"].dropna()}))
    tasks = ", ".join(sorted(TASKS.get(task, task) for task in rows["task"].unique()))
    return (
        f"{models} on {tasks}; {ends('seed_size')} seed questions, {ends('budget')} teacher calls,"
        f" {rows['replicate'].nunique()} replicates, {ends('n_test')} test items, {len(rows):,} students"
    )
