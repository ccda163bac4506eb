r"""Final answers as people and models write them: numbers, letters and texts.

A number may stand in a sentence, a box or a formula, with money, thousands, a fraction, a power or another minus sign.
Formulas are read by ``math-verify``. What can be read in two ways (``3,4``) is not read at all.
"""

from __future__ import annotations

import functools
import logging
import re
import unicodedata
from decimal import Decimal, localcontext
from fractions import Fraction

from crossover.normal_text import answer_tokens

_SPACES = "\u00a0\u202f\u2009\u2007\u2008\u2006\u2005\u2004\u2003\u2002"
_SIGNS = str.maketrans(
    dict.fromkeys("−﹣－‒", "-") | dict.fromkeys(_SPACES, " ") | {"’": "'", "⁄": "/", "٫": ".", "٬": ","}
)
#: What makes another answer of a text: signs and marks between digits, of a language (C++), of a formula or a name.
_SYMBOLS = re.compile(
    r"(?<=\w)[+#]+|(?<=\b\w)-(?=\W*\Z)|!(?=\w)|[<>≤≥=~^|]|(?<=\w)[*_](?=\w)|(?<=\d)[-./:](?=\d)|(?<![^\s(\[])-(?=[\d.]|\w\b)|"
    r"(?:(?<=\d )|(?<=\b\w ))[-+*/](?= [\d(]| \w\b)|(?<=\d)%|(?<=\d )%|(?<=\w )a(?=\W*\Z)"  # x - 3, 10 %, vitamin A
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SCALE = {"hundred": 100, "dozen": 12, "lakh": 10**5, "crore": 10**7, "trillion": 10**12}
_SCALE |= dict.fromkeys(("k", "thousand", "tausend", "mille"), 10**3)
_SCALE |= dict.fromkeys(("m", "million", "millionen", "mio", "millone"), 10**6)
_SCALE |= dict.fromkeys(("b", "bn", "billion", "milliard", "milliarde", "milliarden", "mrd"), 10**9)
_SCALE |= dict.fromkeys("万萬만", 10**4) | dict.fromkeys("亿億억", 10**8)
#: What stands before a number that is not the only one: a list, a range, an interval, a choice, a share, two values,
#: a bound, feet before inches, and what has yet to be worked out.
_BEFORE = re.compile(
    r"[万萬만亿億억]\Z|(?<![-=/\w\"'>])[<>≤≥]=?\s?\Z|(?<![A-Za-z])[inx-z]\s?[<>≤≥]=?\s?\Z|"
    r"[\d∞]\s?[,;]\s?\Z|\d\s?[–—±]\s?\Z|\d[,.:/-]\Z|\d\Z|\d[,;%]?\s+(?:to|and|or|(?:out )?of)\s+\Z|"
    r"\bbetween\s\S+\sand\s\Z|\b[A-Za-z]_?\d?\s?=\s?[-+$]*[\d.,/]*\d(?:[,;] ?|,? (?:and|or) )[A-Za-z]_?\d?\s?=\s?\Z|"
    r"\d\s?(?:(?:h|hrs?|hours?|min|minutes?|ft|feet|foot|lbs?|pounds?)(?:\sand)?|(?:days?|dollars|euros)\sand|')\s?\Z|"
    r"\b(?:(?:half|root|quarter|third)\sof|twice|double|triple)\s(?:the\s)?\Z|(?:[A-Za-z\d]\(|√\s?\(?)\Z"
)
#: What joins two numbers to a range, a date or a calculation whose result is not there; not the marks of bold text.
_SIGN = (
    r"[%)]?(?:\s[A-Za-z]+(?= ?[+×÷·]))?[ \t]*(?:(?<=\S)\*\*(?=\S)|(?<=\s)\*\*(?=\s)|[-+*×÷·/^]|x|%(?=\s)|"
    r"\b(?:plus|minus|times|mod|less|(?:divided|multiplied)\sby|(?:more|less|fewer)\sthan)\s)[ \t]*[($€£¥]*"
)
#: Such a sign between a number or a variable and a number.
_JOINED = re.compile(rf"(?:\d{_SIGN}|(?<![A-Za-z])[inx-z]\s?[-+]\s?)\Z")
#: A unit before a number, here ``#``, whose own unit is a part of that one.
_PART = re.compile(
    r"\d\s?(?:years?|months?|weeks?|days?|dollars?|euros?),?\s(?:and\s)?"
    r"#\s?(?:months?|weeks?|days?|hours?|hrs?|h|min|minutes?|cents?)\b"
)
#: What stands behind such a number, and behind a decade.
_BEHIND = re.compile(
    rf"\s?[,;]\s?[\d∞]|\s?[–—±]\s?\d|[,.:/_-]\d|[A-Za-z]*\d|s\b|[KMB]\b|\+(?!\s*[\d(])|{_SIGN}(?:\d|[inx-z]\b)"
)
#: What people write before a final answer. The last one counts.
_ANNOUNCED = re.compile(
    r"(?:answer|result|total)\s*(?:is|are|was|equals|=|:)+\s*[*_]*(?=\W{0,4}[\d.])|\bANSWER:\}?\s*", re.IGNORECASE
)
_FORMULA = re.compile(r"\\[a-zA-Z]|\^\{|\$[^$\n]*[\\^_{][^$\n]*\$")
#: A last remark in parentheses, and what stands before parentheses that hold the answer itself.
_REMARK = re.compile(r"\s\([^()]*\)\W*\Z")
_AWAITS = re.compile(
    r"(?:[=+×÷·/:<>≈→#^-]|\s\*|\b(?:is|are|was|be|equals?|makes?|gives?|gets?|leaves?))\s*\Z", re.IGNORECASE
)
#: A choice that is named to be denied.
_DENIED = re.compile(
    r"\b(?:neither\b[^.\n]{0,200}?\bnor|(?:and |but )?(?:not|neither|nor))\s+(?:option |choice )?(?-i:\(?[A-J]\b\)?)",
    re.IGNORECASE,
)
_NEAR = 80  # characters before and behind a number that say what it is
MOST_DIGITS = 300  # of a number that is read
#: The mark of a final answer, on a line of its own.
MARK = "####"


_NUMBER = r"""
    (?P<sign>[-+]\s?)? (?P<money>[A-Z]{0,2}[$€£¥₹]\s?)? (?P<inner>[-+])?
    (?:(?P<mixed>\d+)\s+(?:and\s+)?(?=\d+/\d))?
    (?P<digits>(?:
        [1-9]\d{0,2}(?:COMMA\d{3})+(?!COMMA?\d)   # 1,234,567
      | [1-9]\d?(?:COMMA\d\d)+COMMA\d{3}(?!\d)   # 12,34,567
      | [1-9]\d{0,2}(?:[ ']\d{3})+(?!\d)          # 1 234 567
      | \d+)(?:POINT\d+)? | POINT\d+)
    (?:\s?/\s?(?P<below>\d+)(?![\d/]))?
    (?: [eE](?P<exponent>[-+]?\d+)
      | \s?[x×·*]\s?10(?:\^|\*\*)[({]?(?P<times>[-+]?\d+)[)}]?
      | (?:\^|\*\*)[({]?(?P<power>[-+]?\d{1,3})[)}]? )?
    (?:\s?(?P<scale>(?<=\d)k\b|(?(money)(?<=\d)[KMB]\b|(?!))|[CJK]|(?<=\s)(?i:(?:WORDS)s?)\b))?
"""
_NUMBER = _NUMBER.replace("CJK", "万萬만亿億억").replace("WORDS", "|".join(word for word in _SCALE if len(word) > 1))
_PATTERNS = {
    point: re.compile(_NUMBER.replace("COMMA", comma).replace("POINT", re.escape(point)), re.VERBOSE)
    for point, comma in ((".", ","), (",", r"\."))
}


def read_number(text: str, point: str = ".") -> str | None:
    r"""Return the number that a response ends in, normalised, or ``None`` where there is none or it is ambiguous.

    A box counts before all, then what follows ``####`` in the last line, "the answer is" and the like, then the last
    number.

    >>> [read_number(text) for text in ("3/4 of it.", "It falls to −5 degrees.", "6.02e3", "1 1/2 hours", "48 cm²")]
    ['0.75', '-5', '6020', '1.5', '48']
    >>> [read_number(text) for text in (r"Hence \boxed{1{,}500}, in 2 ways.", r"It is $\frac{1}{3}$.", "3,4")]
    ['1500', '1/3', None]
    >>> read_number("Das sind 1.234,5 Euro.", point=",")
    '1234.5'
    """
    text = _plain(text).strip()
    if remark := _REMARK.search(text):
        before = text[: remark.start()]
        text = before if re.search(r"\d", before) and not _AWAITS.search(before) else text
    *_, last = text.rpartition("\n")
    if boxed := _boxed(text):
        text = boxed
    elif last.lstrip().startswith(MARK):
        text = last.lstrip().removeprefix(MARK)
    elif announced := list(_ANNOUNCED.finditer(text)):
        rest = text[announced[-1].end() :].replace("!", ".")
        first = _PATTERNS[point].search(rest)
        # The first number after it counts, but a calculation that goes on is read to its end.
        line = rest.split("\n", 1)[0]
        text = line if "=" in line or not first else re.split(r"(?<=[\w)])[.;!?](?:\s|$)", line, maxsplit=1)[0]
        if "=" not in text and not _FORMULA.search(text) and (found := _tokens(text, point)):
            return _value(found[0], point)
    if _FORMULA.search(text) and (
        (value := _formula(text)) is not None or re.search(r"\\(?:frac|sqrt|overline)", text)
    ):
        return value
    found = _tokens(re.sub(r"\\text\w*\{([^{}]*)\}|\\(?=\$)", r"\1", text), point)
    return _value(found[-1], point) if found else None


def whole_number(text: str, point: str = ".") -> str | None:
    """Return a number that is all of a text, normalised, or ``None``.

    >>> whole_number(" $1,007.00 "), whole_number("1. Count the boxes"), whole_number("3/4")
    ('1007', None, '0.75')
    """
    text = _plain(text).strip().strip("*_").removesuffix(".").strip()
    if _FORMULA.search(text) or _boxed(text):
        return read_number(text, point)
    match = _PATTERNS[point].fullmatch(re.sub(r"\s?(?:%|€|\$|£)$", "", text))
    return _value(match, point) if match else None


def same_value(first: str, second: str) -> bool:
    """Whether two normalised numbers are equal, to six decimals where one of them is rounded."""
    if first == second:
        return True
    one, other = _parsed(first), _parsed(second)
    if not one or not other:
        return False
    from math_verify import verify

    return bool(verify(list(one), list(other), timeout_seconds=None))


def read_letter(text: str) -> str | None:
    """Return the letter of the choice that a response names, or ``None``.

    >>> [read_letter(text) for text in ("B) steam", "Steam, so B.", "The answer is **(c)** because", "A dog")]
    ['B', 'B', 'C', None]
    """
    text = re.sub(r"\\(?:text|math)\w*\{([^{}]*)\}", r"\1", re.sub(r"<[^<>]*>", "", _plain(text)))
    text = _DENIED.sub("", text).strip()
    if re.search(r"(?<![A-Za-z])[A-J]\)?(?:\s+(?:and|or|&)\s+|\s?[,/]\s?)\(?[A-J]\W*\Z", text, re.IGNORECASE):
        return None
    *_, last = text.rpartition("\n")
    for part in filter(None, (_boxed(text), last.lstrip().removeprefix(MARK), text)):
        if alone := re.fullmatch(r"[\W_]*([A-Za-z])[\W_]*", part):
            return alone[1].upper()
    announced = re.findall(
        r"(?:answer|choice|option)(?:\s+(?:is|are|would be|should be|must"
        r" be))?\s*[:=-]?\s*(?:option|choice)?\s*[\s*_(\[\"']*"
        r"([A-Ja-j])(?=[)\].:,;*_\"']|\s*$|\s+(?:because|since|as|is|and|\W))",
        text,
        re.IGNORECASE,
    )
    if announced:
        return announced[-1].upper()
    for pattern in (
        r"(?<![A-Za-z])([A-J])\)? (?:is|would be) (?:the )?(?:correct|right|best|answer)",
        r"(?:\A|\n)[^\n]*\b(?i:so|pick|choose|say|go with|thus,|hence,|therefore,)\s+\(?([B-HJ]|A(?=\W*\Z))\b",
        r"\A[\s*_(\[]*([A-Za-z])[)\].:]",  # "B) steam"
        r"\A([A-J])(?:\s+[-–=(]|\s*\n|,?\s+(?:because|since|as)\b)",
        r"\*\*\(?([A-J])[).:]?(?:\*\*|\s)",  # "**B**"
        r"\(([A-Ja-j])\)",  # "(B)"
        r"(?:\b(?:is|be|es|est|ist|but)\s+|'s\s+|[:=]\s*|[^\x00-\x7f]\s?)([A-J])(?:\W|[^\x00-\x7f])*\Z",  # "it is B."
    ):
        if found := re.findall(pattern, text):
            return found[-1].upper()
    return None


def same_text(first: str, second: str) -> bool:
    """Whether two texts are the same but for Unicode form, case, space, punctuation and articles; C++ is not C.

    >>> same_text("The “Café”", "cafe\\u0301."), same_text("+", "-"), same_text("C++", "C")
    (True, False, False)
    """
    one, other = (_comparable(text) for text in (first, second))
    if sorted(_SYMBOLS.findall(one)) != sorted(_SYMBOLS.findall(other)):
        return False
    tokens = answer_tokens(one), answer_tokens(other)
    return tokens[0] == tokens[1] if any(tokens) else one.split() == other.split()


def _comparable(text: str) -> str:
    """A text in one Unicode form, without case, marks of thousands, invisible characters and foreign punctuation."""
    text = unicodedata.normalize("NFKC", " ".join(text.casefold().split())).translate(
        _SIGNS | dict.fromkeys(map(ord, "–—"), "-")
    )
    text = re.sub(r"\s*([<>≤≥=~^|]+)\s*", r" \1 ", re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text))
    text = re.sub(r",(?=\S)|(?<=\w)(?=[(\[])|(?<=[)\]])(?=\w)", " ", text)
    return "".join(c for c in text if c.isascii() or unicodedata.category(c)[0] not in "PC")


def _plain(text: str) -> str:
    """A text with one minus sign, plain spaces, powers by ``^`` and fractions by ``/``."""
    text = re.sub(r"(?<=\d)\s?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", r" \1", text.translate(_SIGNS))
    text = re.sub(r"(?<=\d)([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹₀-₉]", "", text)
    text = re.sub(r"\b(?:minus|negative)\s(?=[\d.$€£])", "-", text)
    text = re.sub(r"(?<![\d\w])–(?=[\d.$€£])", "-", text)
    text = re.sub(r"(?<=[\w.%)])(?:\[\d{1,2}\])+", "", text).replace(r"\infty", "∞")  # marks of sources
    return re.sub(r"\\[dt]frac\b", r"\\frac", unicodedata.normalize("NFKC", text).replace("⁄", "/").replace("{,}", ","))


def _boxed(text: str) -> str:
    r"""What the last ``\boxed`` holds."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return ""
    depth = 0
    for end in range(start + len("\\boxed"), len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start + len("\\boxed{") : end].replace("\\$", "").replace("\\%", "")
    return ""


def _tokens(text: str, point: str) -> list[re.Match[str]]:
    """The numbers of a text.

    Not those inside words (CO2), behind a unit (cm^2), in a pair, a range, a date or a time.
    """
    found: list[re.Match[str] | None] = []
    for match in _PATTERNS[point].finditer(text):
        start, end = match.span()
        before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
        joined = _JOINED.search(before + (match["sign"] or ""))
        if not joined and re.search(r"[A-Za-z_]\Z|[A-Za-z)]\^\Z|\bnot\s\Z", before):
            continue
        factorial = after[:1] == "!" and not re.search(r"[A-Za-z]", text[:start]) and not re.search(r"\w", text[end:])
        part = _BEFORE.search(before) or _BEHIND.match(after) or _PART.search(f"{before[-20:]}#{after[:20]}")
        found.append(None if joined or factorial or part else match)
    return [] if found and found[-1] is None else [match for match in found if match]


def _value(match: re.Match[str], point: str) -> str | None:
    """A matched number in its normal form."""
    comma = "," if point == "." else "."
    sign, money, inner = (match[name] or "" for name in ("sign", "money", "inner"))
    # A sign after another number is a calculation's: "16 - 3".
    spaced = sign.strip() and re.search(r"[\d)]\s*$", match.string[: match.start()]) and not money
    digits = re.sub(rf"[ '{re.escape(comma)}]", "", match["digits"]).replace(point, ".")
    if len(digits) > MOST_DIGITS:
        return None
    value = Fraction(digits)
    if match["below"]:
        if not int(match["below"]):
            return None
        value = value / int(match["below"]) + int(match["mixed"] or 0)
    exponent = int(match["exponent"] or match["times"] or 0)
    if abs(exponent) > MOST_DIGITS:
        return None
    value *= Fraction(10) ** exponent
    if match["power"]:
        if not value and int(match["power"]) < 0:
            return None
        value **= int(match["power"])
    value *= _SCALE[match["scale"].lower().removesuffix("s")] if match["scale"] else 1
    if "-" in inner or ("-" in sign and not spaced):
        value = -value
    return _normal(value)


def _normal(value: Fraction) -> str:
    """A fraction as a decimal where that ends, otherwise as ``p/q``."""
    rest = value.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    if rest != 1 or value.denominator > 10**30:
        return f"{value.numerator}/{value.denominator}"
    with localcontext(prec=1000):  # which no number of these passes
        return f"{Decimal(value.numerator) / value.denominator:f}"


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple:
    """What math-verify reads in a text; empty where nothing."""
    from math_verify import LatexExtractionConfig, parse

    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    if "$" not in text:
        text = f"${text}$"
    return tuple(parse(text, [LatexExtractionConfig()], parsing_timeout=None))


def _formula(text: str) -> str | None:
    """The value of the last formula of a text, normalised; a set or an irrational number as sympy writes it."""
    text = re.sub(r"\\text\{[^{}]*\}|\\(?:left|right|[,;!()\[\]]|quad)|\\(?=\$)|\\?%", "", text).replace("{,}", "")
    if not (last := re.findall(r"\$[^$\n]+\$", text)):
        found = re.search(r"-?[\d.]*\s*\\(?:frac|sqrt|pi).*|-?[\d.]+\s*\\(?:times|cdot).*", text)
        if not found:
            return None
        last = [f"${found[0].strip().rstrip('.')}$"]
    parsed = _parsed(f"${last[-1].strip('$').rpartition('=')[2]}$")  # of an equation the right side
    if not parsed or not hasattr(parsed[0], "is_number"):
        return None
    value = parsed[0].doit() if parsed[0].is_number else parsed[0]
    if value.is_Rational or value.is_Float:
        return _normal(Fraction(str(value)))
    return str(value) if value.is_number or not value.free_symbols else None
