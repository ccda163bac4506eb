"""Numbers of claims in the units that readers use: points for accuracies and scores, nats for likelihoods."""

from __future__ import annotations

from crossover.claims.findings import Finding
from crossover.claims.register import Part


def scale_of(part: Part) -> tuple[float, str]:
    """Return the factor and the unit in which a part's numbers are shown."""
    if part.statistic == "measure":
        return 1.0, ""
    return (1.0, "nats per token") if part.outcome == "gold_loglik" else (100.0, "points")


def amount(part: Part, value: float) -> str:
    """Return a number of a part as readers see it, without its unit.

    >>> amount(Part(says="", side="above", threshold=0.0, resolution=0.05), 0.0612)
    '+6.1'
    """
    scale, unit = scale_of(part)
    if part.statistic == "misfit":
        return f"{scale * value:.1f}"
    return f"{scale * value:+.1f}" if unit == "points" else f"{scale * value:+.2f}"


def in_words(finding: Finding) -> str:
    """Return a part's estimate with its 90% interval, or the reason why there is none."""
    if finding.evidence is None:
        return finding.why
    low, high = finding.interval
    unit = scale_of(finding.part)[1]
    ends = f"{amount(finding.part, low)} to {amount(finding.part, high)}"
    said = f"{amount(finding.part, finding.estimate)} {unit}".rstrip()
    return f"{said} ({ends}{finding.why and f'; {finding.why}'})"


def prediction(part: Part) -> str:
    """Return where a part puts its quantity, as ``above 5 points``."""
    scale, unit = scale_of(part)
    return f"{part.side} {scale * part.threshold:g} {unit if part.threshold else ''}".rstrip()
