"""The chapter on claims: an evidence card per claim, what would settle the undecided ones, and pictures for other pages.

The notebook ``05_claims`` calls :func:`run` and shows what the :class:`Chapter` holds. Cards are HTML with small drawings in SVG, whose
text is text and whose lines take the page's colour, so that they read in the dark, too.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from crossover.claims.findings import NOT_RUN, Finding, deciding, under_settings, whole
from crossover.claims.publish import publish
from crossover.claims.register import Register, load_register
from crossover.claims.wording import amount, in_words, prediction, scale_of
from crossover.paths import PUBLISHED, repository, results_folder
from crossover.stats.verdicts import DECIDED, VERDICTS
from crossover.study.select import settings_table
from crossover.study.store import read_runs, save_numbers

#: Fill and sign of each verdict; no colour is needed to tell them apart, and none is a strategy's.
MARKS = {
    "supported": ("#4d9221", "✓"), "weakly supported": ("#b8e186", "(✓)"), "no difference that matters": ("#bdbdbd", "="),
    "weakly contradicted": ("#f1b6da", "(✗)"), "contradicted": ("#c51b7d", "✗"), "inconclusive": ("#ffffff", "?"),
    "at the floor": ("#e8e8e8", "⊥"), NOT_RUN: ("#f7f7f7", "–"),
}  # fmt: skip
_DARK = {"supported", "contradicted"}  # fills that need white text
_WIDTH, _HEIGHT, _MARGIN = 680, 30, 12  # of one row of a forest, in pixels


@dataclass(frozen=True)
class Chapter:
    """The verdicts of a results folder, what would settle the undecided parts, and the verdicts that changed."""

    folder: Path
    register: Register
    findings: list[Finding]
    plan: pd.DataFrame
    log: pd.DataFrame

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each of the papers' claims."""
        return {name: v for name, v in whole(self.findings).items() if self.register.claims[name].kind == "claim"}

    def tally(self) -> str:
        """Return how many claims are decided, and how, as one sentence."""
        counts = Counter(self.verdicts.values())
        decided = sum(n for verdict, n in counts.items() if verdict in DECIDED)
        listed = ", ".join(f"{counts[v]} {v}" for v in reversed(VERDICTS) if counts[v])
        return f"{decided} of {counts.total()} claims are decided: {listed}."

    def strip(self) -> HTML:
        """Return the strip of squares, one per claim, each a link to its card."""
        return HTML(strip_svg(self.verdicts))

    def legend(self) -> HTML:
        """Return the sign of each verdict."""
        signs = "".join(f"<li>{_chip(v)} {v}</li>" for v in reversed(VERDICTS))
        return HTML(f'<ul class="verdict-legend">{signs}</ul>')

    def cards(self, *papers: str, kind: str = "claim") -> HTML:
        """Return the evidence cards of some papers' claims, or of the open questions."""
        names = [n for n, c in self.register.claims.items() if c.kind == kind and (not papers or c.paper in papers)]
        return HTML("\n".join(self._card(name) for name in names))

    def settings(self) -> pd.DataFrame:
        """Return who teaches whom, on what, at which sizes: the papers' settings, and those of the rows here."""
        rows = settings_table(read_runs(self.folder))
        out = []
        for number, paper in self.register.papers.items():
            experiments = {
                self.register.base_of(n).get("experiment") for n, c in self.register.claims.items() if c.paper == number
            }
            here = rows[rows["experiment"].isin(experiments)]
            out.append({"paper": f"arXiv {number}", "there": paper.setting, "here": _here(here)})
        return pd.DataFrame(out)

    def rates(self) -> Styler:
        """Return the simulated coverage of pooled intervals and the share of each verdict, from the committed table."""
        table = pd.read_csv(repository() / "results" / PUBLISHED / "verdict_rates.csv").drop(columns="studies")
        shown = table.assign(prior_df=table["prior_df"].map(lambda df: "alike" if df == float("inf") else "different"))
        names = {
            "prior_df": "draws' variances",
            "truth": "truth, points",
            "own": "coverage, own",
            "pooled": "coverage, pooled",
        }
        widths = {"own_width": "width, own", "pooled_width": "width, pooled"}
        shown[["truth", *widths]] *= 100
        style = shown.rename(columns=names | widths).style.hide(axis="index").set_uuid("rates")
        return style.format("{:.0f}", subset=["truth, points"]).format("{:.1f}", subset=[*widths.values()]).format(
            "{:.1%}", subset=["coverage, own", "coverage, pooled", *(v for v in VERDICTS if v in table)]
        )  # fmt: skip

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
        (figures / "claims_strip.svg").write_text(strip_svg(self.verdicts), encoding="utf-8")
        decided = sum(v in DECIDED for v in self.verdicts.values())
        badge = badge_svg("claims decided", f"{decided} of {len(self.verdicts)}")
        (figures / "claims_badge.svg").write_text(badge, encoding="utf-8")
        numbers = {
            "claims_tally": self.tally(), "n_claims": f"{len(self.verdicts)}", "n_claims_decided": f"{decided}",
            "claims_strip": strip_svg(self.verdicts), "claims_table": self.summary(),
        }  # fmt: skip
        save_numbers(self.folder, "05_claims", numbers)

    def summary(self) -> str:
        """Return a Markdown table with one row per claim: what was published, the part that decides here, the verdict."""
        lines = ["| claim | published | ours (90% interval) | verdict |", "|---|---|---|---|"]
        for name, f in deciding(self.findings).items():
            claim = self.register.claims[name]
            if claim.kind == "claim":
                said = f"{f.part.says} {in_words(f)}"
                link = f"[{name}](05_claims.ipynb)"
                lines.append(f"| {link}. {claim.statement} | {claim.published} | {said} | **{self.verdicts[name]}** |")
        return "\n".join(lines)

    def _card(self, name: str) -> str:
        claim, verdict = self.register.claims[name], whole(self.findings)[name]
        own = [f for f in self.findings if f.claim == name and not f.under]
        paper = self.register.papers.get(claim.paper)
        published = f"{claim.published}; {paper.setting}" if paper else claim.published
        source = f'<a href="https://arxiv.org/abs/{claim.paper}">arXiv {claim.paper}</a>, {html.escape(claim.where)}'
        whose = "Paper" if claim.kind == "claim" else "Question of"
        sections = [
            f'<p class="claim-paper"><b>{whose}:</b> {html.escape(published)}. {source}.</p>',
            *(self._forest([f for f in own if scale_of(f.part)[1] == unit]) for unit in dict.fromkeys(scale_of(f.part)[1] for f in own)),
            self._others(name), self._settle(name), self._history(name),
            f"<p><code>crossover claims {name} --check</code></p>",
        ]  # fmt: skip
        title = f'{_chip(verdict)} <a href="#{name}">{name}</a>. {html.escape(claim.statement)} <i>{verdict}</i>'
        head = f'<h3 style="font-size:1.15rem;margin:0 0 .5rem">{title}</h3>'
        return f'<section class="claim-card" id="{name}">{head}{"".join(s for s in sections if s)}</section>'

    def _forest(self, parts: list[Finding]) -> str:
        """The parts of one unit on one axis."""
        known = [f for f in parts if f.evidence]
        seen = [
            v
            for f in known
            for v in (*f.interval, f.part.threshold, *f.evidence.by_replicate, f.part.value)
            if v is not None
        ]
        low, high = (min(seen), max(seen)) if seen else (0.0, 0.0)
        shown = []
        for f in parts:
            extra = " (decides where the others are at the floor)" if f.stands_in else ""
            numbers = f"{in_words(f)}; predicted {prediction(f.part)}; {f.verdict}"
            shown.append(
                f'<div class="claim-part"><div>{_chip(f.verdict)} {html.escape(f.part.says)}{extra}</div>'
                f"{_forest_row(f, low, high) if f.evidence else ''}<small>{html.escape(numbers)}</small></div>"
            )
        return "".join(shown) + (_axis(known[0], low, high) if known else "")

    def _others(self, name: str) -> str:
        """The verdicts under other update rules than the entry's own."""
        found = [
            (under.rpartition(".")[2], v) for (of, under), v in under_settings(self.findings).items() if of == name
        ]
        run = "; ".join(f"{html.escape(under)} {_chip(v)} {v}" for under, v in found if v != NOT_RUN) or NOT_RUN
        return f"<p><b>Under another update rule:</b> {run}.</p>" if found else ""

    def _settle(self, name: str) -> str:
        """What would settle each undecided part."""
        rows = self.plan[self.plan["claim"] == name]
        items = "".join(f"<li>Part {r.number}: {html.escape(_bought(r))}.</li>" for r in rows.itertuples())
        return f"<details><summary>What would settle it</summary><ul>{items}</ul></details>" if items else ""

    def _history(self, name: str) -> str:
        rows = self.log[self.log["claim"] == name] if len(self.log) else self.log
        items = "".join(
            f"<li>{r.date}, part {r.part}: {r.was} → {r.now}; {html.escape(str(r.reason))}.</li>"
            for r in rows.rename(columns={"is": "now"}).itertuples()
        )
        return f"<details><summary>History of the verdict</summary><ul>{items}</ul></details>" if items else ""


def run(profile: str) -> Chapter:
    """Decide every claim from a profile's rows, and store verdicts, pictures and numbers."""
    folder, register = results_folder(profile), load_register()
    findings = publish(folder, register)
    log = folder / "verdicts.csv"
    chapter = Chapter(
        folder,
        register,
        findings,
        pd.read_csv(folder / "claims_plan.csv"),
        pd.read_csv(log) if log.exists() else pd.DataFrame(),
    )
    chapter.save()
    return chapter


def strip_svg(verdicts: dict[str, str]) -> str:
    """Return a strip of squares, one per claim, with its sign and a link to its card.

    >>> strip_svg({"C3": "contradicted"}).count("<rect")
    1
    """
    side, gap = 36, 4
    squares = []
    for i, (name, verdict) in enumerate(verdicts.items()):
        fill, sign = MARKS[verdict]
        ink = "#ffffff" if verdict in _DARK else "#111111"
        dash = ' stroke-dasharray="3 2"' if verdict == NOT_RUN else ""
        x = i * (side + gap) + 1
        squares.append(
            f'<a href="05_claims.html#{name}"><title>{name}: {verdict}</title>'
            f'<rect x="{x}" y="1" width="{side}" height="{side}" rx="4" fill="{fill}" stroke="#666666"{dash}/>'
            f'<text x="{x + side / 2}" y="16" fill="{ink}" text-anchor="middle" font-size="13">{name}</text>'
            f'<text x="{x + side / 2}" y="31" fill="{ink}" text-anchor="middle" font-size="13">{sign}</text></a>'
        )
    width = len(verdicts) * (side + gap) - gap + 2
    counts = Counter(verdicts.values())
    said = ", ".join(f"{counts[v]} {v}" for v in reversed(VERDICTS) if counts[v])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {side + 2}" width="{width}" style="max-width:100%" role="group" '
        f'aria-label="Verdicts on {len(verdicts)} claims: {said}" font-family="sans-serif">{"".join(squares)}</svg>'
    )


def badge_svg(label: str, value: str) -> str:
    """Return a badge: a label and a value."""
    left, right = 8 + 7 * len(label), 8 + 7 * len(value)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{label}: {value}" '
        f'font-family="sans-serif" font-size="11"><rect width="{left + right}" height="20" rx="3" fill="#555555"/>'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="#2f6f9f"/>'
        f'<text x="{left / 2}" y="14" fill="#ffffff" text-anchor="middle">{label}</text>'
        f'<text x="{left + right / 2}" y="14" fill="#ffffff" text-anchor="middle">{value}</text></svg>'
    )


def _forest_row(f: Finding, low: float, high: float) -> str:
    """One part: predicted side shaded, threshold, interval, estimate, replicates as dots, the paper's value as a diamond."""
    x, y = _placed(low, high), _HEIGHT / 2
    left, right = (x(end) for end in f.interval)
    at, centre = x(f.part.threshold), x(f.estimate)
    shade = (at, _WIDTH - at) if f.part.side == "above" else (0, at)
    dots = "".join(
        f'<circle cx="{x(v):.1f}" cy="{y + 9}" r="2.5" fill="none" stroke="currentColor"/>'
        for v in f.evidence.by_replicate
    )
    paper = ""
    if f.part.value is not None:
        p = x(f.part.value)
        paper = (
            f'<path d="M{p:.1f} {y - 13}l5 5l-5 5l-5 -5z" fill="none" stroke="currentColor"><title>paper</title></path>'
        )
    said = f"{in_words(f)}; predicted {prediction(f.part)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" style="max-width:100%;display:block" role="img" '
        f'aria-label="{html.escape(said)}">'
        f'<rect x="{shade[0]:.1f}" y="0" width="{shade[1]:.1f}" height="{_HEIGHT}" fill="#4d9221" fill-opacity="0.15"/>'
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{_HEIGHT}" stroke="currentColor" stroke-dasharray="3 2"/>'
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{centre:.1f}" cy="{y}" r="4" fill="currentColor"/>{dots}{paper}</svg>'
    )


def _axis(f: Finding, low: float, high: float) -> str:
    """The ends of the axis and 0, with the unit."""
    x, unit = _placed(low, high), scale_of(f.part)[1]
    ticks = {low, high} | ({0.0} if low < 0 < high and min(x(0.0), _WIDTH - x(0.0)) > 60 else set())
    marks = "".join(
        f'<text x="{min(max(x(t), 24), _WIDTH - 24):.1f}" y="12" text-anchor="middle">{amount(f.part, t)}</text>'
        for t in sorted(ticks)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} 30" width="{_WIDTH}" style="max-width:100%;display:block" font-size="13" '
        f'fill="currentColor" aria-hidden="true">{marks}'
        f'<text x="{_WIDTH / 2}" y="27" text-anchor="middle">{unit}</text></svg>'
    )


def _placed(low: float, high: float):
    span = (high - low) or 1.0
    return lambda v: _MARGIN + (_WIDTH - 2 * _MARGIN) * (v - low) / span


def _chip(verdict: str) -> str:
    """The sign of a verdict on its fill."""
    fill, sign = MARKS[verdict]
    ink = "#ffffff" if verdict in _DARK else "#111111"
    style = f"background:{fill};color:{ink};border:1px solid #666;border-radius:4px;padding:0 .35em"
    return f'<span class="verdict" style="{style}">{sign}</span>'


def _bought(row) -> str:
    """A row of the plan in words."""
    if pd.isna(row.hours) or "beyond reach" in row.what:
        return row.what
    chance = "" if pd.isna(row.probability) else f", decided with probability {row.probability:.2f}"
    return f"{row.what}: {row.cells:.0f} students, {row.hours:.1f} worker-hours{chance}"


def _here(rows: pd.DataFrame) -> str:
    """Models, sizes and replicates of some rows, as a sentence."""
    if rows.empty:
        return "not run"

    def ends(column: str) -> str:
        values = rows[column]
        return f"{values.min():,}" if values.nunique() == 1 else f"{values.min():,} to {values.max():,}"

    models = ", ".join(sorted({str(m) for m in rows["recipe.model"].dropna()}))
    return (
        f"{models} on {', '.join(sorted(rows['task'].unique()))}; {ends('seed_size')} seed questions, {ends('budget')} teacher calls, "
        f"{rows['replicate'].nunique()} replicates, {ends('n_test')} test items, {len(rows):,} students"
    )
