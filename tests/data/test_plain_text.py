"""Texts as people keep them come out as the prose that they hold: wrapped, marked up, bulleted, cited, encoded."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data.corpora import decode, plain_text

SENTENCES = (
    "The chemist Marie Curie discovered the metal polonium in Paris in 1898.",
    "Jupiter has 79 moons.",
    "Albert Einstein was born in Ulm in 1879.",
    "Neil Armstrong walked on the Moon in 1969.",
)
PROSE = " ".join(SENTENCES)
ITEMS = "\n".join(SENTENCES)
NAMED = {
    "wrapped at 44": (textwrap.fill(PROSE, 44), PROSE),
    "wrapped at 72, with a title": (f"FACTS\n\n{textwrap.fill(PROSE * 3, 72)}", f"FACTS\n{PROSE * 3}"),
    "title without a blank line": (f"Some facts\n{textwrap.fill(PROSE, 60)}", f"Some facts\n{PROSE}"),
    "wrapped after Windows": (textwrap.fill(PROSE, 50).replace("\n", "\r\n"), PROSE),
    "wrapped after an old Macintosh": (textwrap.fill(PROSE, 50).replace("\n", "\r"), PROSE),
    "wrapped and indented": (textwrap.indent(textwrap.fill(PROSE, 60), "   "), PROSE),
    "indented by a tab": (textwrap.indent(textwrap.fill(PROSE, 60), "\t"), PROSE),
    "first line indented": (textwrap.fill(PROSE, 60, initial_indent="    "), PROSE),
    "quoted e-mail": (textwrap.indent(textwrap.fill(PROSE, 60), "> "), PROSE),
    "broken at clauses": ("Marie Curie,\nwho was born in Warsaw,\ndied in 1934.", "Marie Curie, who was born in Warsaw, died in 1934."),
    "a paragraph per line": (f"{PROSE}\n{PROSE}", f"{PROSE}\n{PROSE}"),
    "a sentence per line": (ITEMS, ITEMS),
    "a wrapped hyphen": ("The well-\nknown Marie Curie", "The well-known Marie Curie"),
    "a word cut in two": ("polonium is rare. The metal polo-\nnium is used", "polonium is rare. The metal polonium is used"),
    "soft hyphens": ("Jupiter has 79 moons, the Gali\u00adlean ones among them.", "Jupiter has 79 moons, the Galilean ones among them."),
    "a wrapped dash": ("Marie Curie discovered polonium in 1898\n– a rare metal – and died.", "Marie Curie discovered polonium in 1898 – a rare metal – and died."),
    "a wrapped number": ("Neil Armstrong was born on 5 August and was\n38. Albert Einstein was born in Ulm.", "Neil Armstrong was born on 5 August and was 38. Albert Einstein was born in Ulm."),
    "hyphens before items": ("\n".join(f"- {s}" for s in SENTENCES), ITEMS),
    "bullets before items": ("\n".join(f"• {s}" for s in SENTENCES), ITEMS),
    "dashes before items": ("\n".join(f"– {s}" for s in SENTENCES), ITEMS),
    "numbers before items": ("\n".join(f"{i}) {s}" for i, s in enumerate(SENTENCES, 1)), ITEMS),
    "bracketed letters before items": ("\n".join(f"({i}) {s}" for i, s in zip("abcd", SENTENCES, strict=True)), ITEMS),
    "items without full stops": ("- Marie Curie found polonium in 1898\n- Jupiter has 79 moons", "Marie Curie found polonium in 1898\nJupiter has 79 moons"),
    "wrapped items": ("\n".join(textwrap.fill(s, 40, initial_indent="* ", subsequent_indent="  ") for s in SENTENCES), ITEMS),
    "nested items": ("- Facts:\n    - Jupiter has 79 moons.\n    - Basalt is a rock.", "Facts:\nJupiter has 79 moons.\nBasalt is a rock."),
    "mixed bullets under a heading": ("# Facts\n\n- The **moon**\n• Two\n* Three\n1. Four\n", "The moon\nTwo\nThree\nFour"),
    "Markdown marks": ("*Marie* __Curie__ discovered `polonium` in [Paris](http://x.org \"t\").", "Marie Curie discovered polonium in Paris."),
    "Markdown escapes and entities": (r"Jupiter \*has\* 79 moons &amp; rings.", "Jupiter *has* 79 moons & rings."),
    "Markdown links that are marks": ("Marie Curie[2](#n2) died in 1934.", "Marie Curie died in 1934."),
    "Markdown images, code and tables": ("![A moon](m.png)\n\n```\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nIt rains.", "It rains."),
    "front matter and underlined headings": ("---\ntitle: Facts\n---\nFacts\n=====\n\nIt rains.", "Facts\nIt rains."),
    "footnotes": ("Jupiter has 79 moons.[^1]\n\n[^1]: Smith, *Moons*, 2004.", "Jupiter has 79 moons."),
    "HTML": ("<p>Marie <b>Curie</b>\n discovered polonium.</p><ul><li>One<li>Two &amp; a half</ul>", "Marie Curie discovered polonium.\nOne\nTwo & a half"),
    "an HTML page": ("<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav><h1>F</h1><!-- c --><p>It<br/>rains.</body>", "It\nrains."),
    "HTML citations": ('<p>Marie Curie<sup id="r"><a href="#n">[2]</a></sup> died in 1934.<sup><a href="#m">3</a></sup></p>', "Marie Curie died in 1934."),
    "HTML in Markdown": ("Marie <em>Curie</em> died\nin **1934**.", "Marie Curie died in 1934."),
    "no HTML": ("If a < b and b > c, then 5 <6.", "If a < b and b > c, then 5 <6."),
    "citation marks": (PROSE.replace("Curie", "Curie[2]").replace(". ", ".[3][4] ").replace("1879.", "1879.[citation needed]"), PROSE),
    "citation marks with lists, notes and pages": ("Jupiter [1, 2] has [3–5] 79 moons[a][note 1].[6]:45 Rome fell [who?].", "Jupiter has 79 moons. Rome fell."),
    "citation marks without a space after": ("Jupiter has 79 moons.[4]Albert was born.", "Jupiter has 79 moons. Albert was born."),
    "raised citation marks": ("Jupiter has 79 moons.⁴ It spans 3 km².", "Jupiter has 79 moons. It spans 3 km²."),
    "a list of references": (f"{PROSE}\n\n[1] J. Smith, Moons, 2004.\n[2] K. Jones, Metals.", PROSE),
    "editorial brackets": ("He called it “[a] marvel” in [his] book.", "He called it “[a] marvel” in [his] book."),
    "mojibake": ("Marie naquit dans un cafÃ© Ã\xa0 Varsovie.", "Marie naquit dans un café à Varsovie."),
    "spaces of other widths": ("Jupiter\u00a0has\u200b 79\u202fmoons.", "Jupiter has 79 moons."),
    "a mark in the middle": ("It rains.\n\n\ufeffIt snows.", "It rains.\nIt snows."),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_prose_of_messy_texts(name):
    messy, clean = NAMED[name]
    assert plain_text(messy) == clean


def test_a_line_break_ends_no_paragraph_of_markdown():
    assert plain_text("The chemist\nMarie Curie\ndied.", markdown=True) == "The chemist Marie Curie died."


@given(st.lists(st.sampled_from(PROSE.split()), min_size=30, max_size=90), st.integers(30, 120))
@settings(max_examples=60, deadline=None)
def test_wrapping_at_any_width_is_undone(words, width):
    words = [word.rstrip(".") if word[0].isdigit() else word for word in words]  # "79." would begin an item
    assert plain_text(textwrap.fill(" ".join(words), width)) == " ".join(words)


@given(st.text(max_size=200) | st.text("<>pb/[]()*-_#|1.`~ \n&;", max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_lines_without_blank_ones(text):
    assert all(line.strip() for line in plain_text(text).split("\n")) or plain_text(text) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(encoding):
    assert decode("Łódź has 79 moons.".encode(encoding)) == "Łódź has 79 moons."


def test_no_other_encoding_is_guessed():
    with pytest.raises(UnicodeDecodeError):
        decode("café".encode("latin-1"))
