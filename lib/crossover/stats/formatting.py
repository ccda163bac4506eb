"""A value and its error printed with matching digits (the rule of the Particle Data Group)."""

from __future__ import annotations

import math
from collections.abc import Iterable

#: The ends of an interval; ``None`` for an open one.
Ends = tuple[float | None, float | None]


def with_error(value: float | None, error: float | None) -> str:
    """Print ``value ± error`` with the digits that the error allows.

    >>> with_error(0.72345, 0.0123), with_error(14.21, 0.62), with_error(1234.5, 210.0), with_error(None, None)
    ('0.723 ± 0.012', '14.2 ± 0.6', '1230 ± 210', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(error))
    leading = round(error / 10**exponent * 100)  # two significant digits up to 354, one above
    places = 1 - exponent if leading <= 354 else -exponent
    if places >= 0:
        return f"{value:.{places}f} ± {error:.{places}f}"
    step = 10**-places
    return f"{round(value / step) * step:.0f} ± {round(error / step) * step:.0f}"


def short(value: float) -> str:
    """Print a count or a ratio: whole numbers in full, others with three digits.

    >>> short(1024), short(100000.0), short(1 / 64), short(2.5), short(1365.33)
    ('1,024', '100,000', '0.0156', '2.5', '1,365')
    """
    whole = float(value).is_integer() or abs(value) >= 999.5
    return f"{value:,.0f}" if whole else f"{value:.3g}"


def interval(low: float | None, high: float | None, tested: tuple[float, float] | None = None) -> str:
    """Print an interval; an open end is printed as lying beyond the tested range, never as a number.

    >>> interval(12.31, 18.77), interval(40.2, None, (1, 64)), interval(None, None, (1, 64))
    ('12.3 to 18.8', '40.2 to > 64', '< 1 to > 64')
    """
    first = short(low) if low is not None else (f"< {short(tested[0])}" if tested else "open")
    last = short(high) if high is not None else (f"> {short(tested[1])}" if tested else "open")
    return f"{first} to {last}"


def points(difference: float, ends: Iterable[float]) -> tuple[str, str]:
    """Print a difference in accuracy and its interval in points, with tenths below ten points only.

    >>> points(0.346, (0.316, 0.377)), points(0.041, (-0.012, 0.094))
    (('35', '32 to 38'), ('4.1', '-1.2 to 9.4'))
    """
    places = 0 if abs(difference) >= 0.1 else 1
    said, *rest = (f"{100 * value:.{places}f}" for value in (difference, *ends))
    return said, " to ".join(rest)


def probability(p: float) -> str:
    """Print a probability from finitely many draws: never 0 or 1.

    >>> probability(0.73), probability(1.0)
    ('0.73', '> 0.99')
    """
    return "> 0.99" if p > 0.99 else "< 0.01" if p < 0.01 else f"{p:.2f}"
