"""The look of every figure: size, type, palette, one mark per strategy, and how a figure is stored for a page.

A figure function takes ``narrow`` and draws for the text column of a desktop or of a phone. :func:`publish` calls it
for both, and stores each in a light and a dark palette as SVG with real text, next to the numbers that it shows.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crossover.errors import CrossoverError
from crossover.labels import display_name, in_order

#: Inches across; text of 9 to 10 points is then 13 to 15 px in a column of 768 px, and 12 to 14 px on a phone.
WIDE, NARROW = 7.2, 3.5
INK, MUTED, GRID, SHADE, PAPER = "#222222", "#5f6670", "#e3e6ea", "#eceff3", "#ffffff"
#: The same roles and marks on a dark page.
DARK = {
    INK: "#e8eaed", MUTED: "#a4acb8", GRID: "#3a414b", SHADE: "#2b313a", PAPER: "#14181e",
    "#14305e": "#8fb4ff", "#3b9fb0": "#5fd0e2", "#b5451b": "#ff9d73", "#5b3a90": "#c5a8ff",
    "#8a6d00": "#e3c44f", "#4c7a34": "#9fd07f", "#9c3d6b": "#f39cc6",
}  # fmt: skip
RC = {
    "font.size": 9.5, "axes.titlesize": 10, "axes.labelsize": 9.5, "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.fontsize": 9.5, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "xtick.color": MUTED,
    "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.facecolor": "none",
    "figure.facecolor": "none", "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "grid.color": GRID, "axes.axisbelow": True, "legend.frameon": False, "svg.fonttype": "none",
    "hatch.linewidth": 0.6, "hatch.color": MUTED, "font.sans-serif": ["DejaVu Sans", "Verdana"],
}  # fmt: skip
#: A figure function runs in these settings.
styled = mpl.rc_context(RC)
#: "-", or strokes and gaps in line widths after an offset.
Dash = str | tuple[int, tuple[float, ...]]


class Picture(Figure):
    """A figure that a notebook shows as the value of a cell, whatever matplotlib's backend.

    Once :func:`publish` has stored it, ``note`` holds the words that a page prints round it: figure (its name), title,
    caption, alt, and the ``series`` that a reader can switch off.
    """

    note: dict[str, object] | None = None

    def _repr_png_(self) -> tuple[bytes, dict[str, object]]:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=120, facecolor="white", metadata={"Software": None})
        return file.getvalue(), self.note or {}


@dataclass(frozen=True)
class Style:
    """How one strategy is drawn: colour, marker and dash of its own, so that none is needed alone.

    ``shift`` is a factor on the budget ratio that sets intervals at one budget side by side.
    """

    label: str
    colour: str
    marker: str
    dash: Dash
    shift: float


# Lightness L* 20, 61, 45, 32: told apart in grey and by colour-blind readers, each with at least 3:1 contrast on white.
_STYLES: dict[str, tuple[str, str, Dash]] = {
    "answer_augmentation": ("#14305e", "o", "-"),
    "question_rephrase": ("#3b9fb0", "s", (0, (5, 2))),
    "new_question": ("#b5451b", "^", (0, (7, 1.5, 1.5, 1.5))),
    "mixed": ("#5b3a90", "D", (0, (1.5, 1.5))),
    "seeds_only": (MUTED, "p", (0, (3, 3))),
}
_SPARE: list[tuple[str, str, Dash]] = [
    ("#8a6d00", "v", (0, (4, 1.5))), ("#4c7a34", "P", (0, (2, 1))), ("#9c3d6b", "X", (0, (6, 1, 2, 1))),
    (INK, "*", (0, (1, 1))),
]  # fmt: skip
#: Marks of what is no strategy, in greys; the second hollow.
SERIES = [
    (INK, "o", INK), (MUTED, "s", PAPER), (MUTED, "^", MUTED), (INK, "D", PAPER), (MUTED, "v", PAPER), (INK, "P", INK),
]  # fmt: skip


def styles(strategies: Iterable[str]) -> dict[str, Style]:
    """Return a style for each strategy; the study's own always look the same, and too many others are an error."""
    ordered = in_order(strategies)
    unknown = [s for s in ordered if s not in _STYLES]
    if len(unknown) > len(_SPARE):
        raise CrossoverError(
            f"{len(ordered)} strategies in one figure cannot be told apart; draw at most {len(_SPARE)} beside"
            f" {', '.join(_STYLES)}."
        )
    looks = _STYLES | dict(zip(unknown, _SPARE, strict=False))
    shifts = np.linspace(-0.07, 0.07, len(ordered)) if len(ordered) > 1 else np.zeros(1)
    return {s: Style(display_name(s), *looks[s], float(2.0**shift)) for s, shift in zip(ordered, shifts, strict=True)}


def panels(
    n: int, height: float, narrow: bool, above: float = 0.0, columns: int = 2, **subplots: Any
) -> tuple[Picture, Sequence[Axes]]:
    """Return a figure and its ``n`` panels of ``height`` inches: stacked where ``narrow``, else side by side."""
    columns = 1 if narrow else min(columns, n)
    rows = -(-n // columns)
    figure = Picture(figsize=(NARROW if narrow else WIDE, height * rows + above), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **subplots).ravel()
    for unused in grid[n:]:
        unused.remove()
    return figure, grid[:n]


def mark(label: str, colour: str = INK, marker: str = "o", face: str | None = None, **line: Any) -> Line2D:
    """Return a legend's entry."""
    look: dict[str, Any] = {"linestyle": "none"} | line
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=face or colour, label=label, **look)


def bars(rows: pd.DataFrame, value: str, low: str = "low", high: str = "high") -> np.ndarray:
    """Return the lengths of error bars (2, n) from the columns of a value and of its interval's ends."""
    return rows[[low, high]].sub(rows[value], axis=0).abs().T.to_numpy(float)


def legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """Set a legend above the panels, in as many columns as fit."""
    if entries:
        widest = max(len(str(entry.get_label())) for entry in entries) / 13 + 0.6  # inches
        columns = max(1, min(len(entries), int(figure.get_figwidth() / widest)))
        figure.legend(
            handles=list(entries), loc="outside upper left", ncols=columns, columnspacing=1.4, handlelength=2.0
        )


@contextmanager
def series(axes: Axes, name: str) -> Iterator[None]:
    """Name what is drawn inside as one series of the figure, for :func:`switchable`."""
    before = {*axes.get_children()}
    yield
    for artist in {*axes.get_children()} - before:
        artist.set_gid(f"series-{name}")


def label_ends(axes: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Write each ``(text, y, colour)`` right of the axes at its height, moved apart where they would touch."""
    height = axes.get_window_extent().height * 72 / axes.figure.dpi
    gap, last = 11.5 / height, -1.0
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    for text, y, colour in sorted(ends, key=lambda end: end[1]):
        last = max(float(to_axes((axes.get_xlim()[1], y))[1]), last + gap)
        axes.annotate(
            text, (1, last), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points", color=colour,
            va="center",
            annotation_clip=False, gid=f"series-{text}",
        )  # fmt: skip


def ratio_axis(axes: Axes, ratios: Iterable[float]) -> None:
    """Give an axis of budget ratios ticks at those that were run: at most eight, none close to the next."""
    *others, last = sorted({*ratios})
    ticks = [last]
    for ratio in reversed(others):
        if np.log(ticks[0] / ratio) > np.log(last / others[0]) / 7.5:
            ticks.insert(0, ratio)
    axes.set_xscale("log", base=2)
    said = [f"1/{1 / tick:g}" if tick < 0.1 and (1 / tick).is_integer() else f"{tick:.4g}" for tick in ticks]
    axes.set_xticks(ticks, said)  # a phone has no room for 0.0156 beside 0.0625
    axes.minorticks_off()


def save(figure: Figure, path: Path) -> None:
    """Write a figure to ``.svg``, ``.png`` or ``.pdf``; the same figure gives the same bytes."""
    dates = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}, ".pdf": {"CreationDate": None}}
    kind = path.suffix.lower()
    with mpl.rc_context(RC | {"svg.hashsalt": path.stem}):
        figure.savefig(path, metadata=dates[kind], dpi=160, facecolor="auto" if kind == ".svg" else "white")


def publish(draw: Callable[[bool], Picture], data: pd.DataFrame, folder: Path, **note: str) -> Picture:
    """Store a figure for a page, wide and narrow, light and dark, as SVG, PNG and CSV (``data``), and return it.

    ``note`` holds ``figure`` (the files' name), ``title`` (the finding), ``caption`` (what the marks are, from what),
    ``alt``; the picture's own adds its ``series``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, wide = note["figure"], draw(False)
    for figure, stem in ((wide, name), (draw(True), f"{name}_narrow")):
        path = folder / f"{stem}.svg"
        save(figure, path)
        light, names = switchable(rounded(path.read_text(encoding="utf-8")))
        path.write_text(light, encoding="utf-8")
        path.with_stem(f"{stem}_dark").write_text(darkened(light), encoding="utf-8")
    save(wide, folder / f"{name}.png")
    data.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    wide.note = {**note, "series": names}
    return wide


def rounded(svg: str) -> str:
    """Return an SVG whose coordinates are cut to two decimals, hundredths of a point; its texts stay.

    >>> rounded('<path d="M 1.23456 -0.5"/><text x="7.123">0.0156</text>')
    '<path d="M 1.23 -0.5"/><text x="7.12">0.0156</text>'
    """
    return re.sub(r'\b[dxy]="[^"]*"', lambda place: re.sub(r"(\.\d\d)\d+", r"\1", place[0]), svg)


def switchable(svg: str) -> tuple[str, list[str]]:
    """Return an SVG whose address switches its series off, and their names: ``#off-0-2`` hides the first and the third.

    A picture in a page gets no script, but a style sheet of its own that knows the address.
    """
    names = list(dict.fromkeys(re.findall(r'id="series-([^"]+)"', svg)))
    for i, name in enumerate(names):
        svg = svg.replace(f'id="series-{name}"', f'class="series-{i}"')
    if len(names) < 2:
        return svg, []
    numbers = [str(i) for i in range(len(names))]
    hidden = chain.from_iterable(combinations(numbers, n) for n in range(1, len(names) + 1))
    marks = [f'<g id="off-{"-".join(some)}" class="{" ".join(f"off-{i}" for i in some)}"/>' for some in hidden]
    rules = ",".join(f".off-{i}:target~g .series-{i}" for i in numbers)
    start = svg.index('<g id="figure_1">')
    return f"{svg[:start]}<style>{rules}{{display:none}}</style>\n{''.join(marks)}\n{svg[start:]}", names


def darkened(svg: str) -> str:
    """Return an SVG in the dark palette; a colour without a dark one is a KeyError."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: DARK[found[0]], svg)
