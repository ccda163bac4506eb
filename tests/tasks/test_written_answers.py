"""Answers as people and models write them: numbers, letters and texts."""

import pytest

from crossover.tasks.written_answers import read_letter, read_number, same_text, same_value, whole_number

NUMBERS = {
    "She eats 3/4 of it.": "0.75",
    "It is 1 1/2 hours.": "1.5",
    "So the answer is \\boxed{8,000}.": "8000",
    "Thus \\boxed{1{,}500}": "1500",
    "\\text{ANSWER: } \\$460": "460",
    "Hence \\boxed{42}, checked in 2 ways.": "42",
    "There are 6.02e23 of them.": "602000000000000000000000",
    "The probability is .5": "0.5",
    "The area is 48 cm^2.": "48",
    "5 kg of CO2.": "5",
    "The pair is 3,4": None,
    "The temperature falls to −5 degrees.": "-5",
    "#### −5": "-5",
    "The balance is −$1,200.50.": "-1200.5",
    "2^10": "1024",
    "$6.02 \\times 10^{23}$": "602000000000000000000000",
    "6.02 x 10^23": "602000000000000000000000",
    "6.02 × 10²³": "602000000000000000000000",
    "12%": "12",
    "1 200": "1200",
    "about 5-6 hours": None,
    "between 3 and 5": None,
    "1,234,567.89": "1234567.89",
    "½": "0.5",
    "1½ cups": "1.5",
    "\\dfrac{1}{2}": "0.5",
    "the answer is 5 apples, not 6": "5",
    "10:30": None,
    "2024-05-01": None,
    "48 - 12 = 36 boxes": "36",
    "He has 16 - 3 = 13. So 13 are left.": "13",
    "The answer is 12 + 3 = 15 apples": "15",
    "It is –7 °C": "-7",
    "about 1.5 million people": "1500000",
    "\\boxed{\\frac{3}{4}}": "0.75",
    "x = \\boxed{12\\%}": "12",
    "Answer: 1/3": "1/3",
    "**42**": "42",
    "The answer is $\\sqrt{2}$": "sqrt(2)",
    "#### $1,200": "1200",
    "#### 72 apples": "72",
    "1'000": "1000",
    "007": "7",
    "Final answer: **12**": "12",
    "minus 5": "-5",
    "10 km/h": "10",
    "5th of 20 items is 3": "3",
    "H2O has 3 atoms": "3",
    "It is 3 o'clock": "3",
    "-0": "0",
    "$x = 5$": "5",
    "$\\{1,2,3\\}$": "{1, 2, 3}",
    "12,34,567 rupees": "1234567",
    "1.000.000": None,
    "0,333": None,
    "1_000": None,
    "192.168.0.1": None,
    "US$ 45": "45",
    "5k": "5000",
    "1.5 millions": "1500000",
    "5 dozen": "60",
    "2 and 1/2 cups": "2.5",
    "the 1990s": None,
    "(-∞, 3]": None,
    "5 ± 0.1": None,
    "3 to 5": None,
    "The answer is 3 or 4": None,
    "5 ft 3 in": None,
    "1h 30min": None,
    "0^-1": None,
    "It is 8 (5 + 3)": "8",
    "**12** (a dozen)": "12",
    "3 * 4 = (12)": "12",
    "2 - 5 = (-3)": "-3",
    "The sum of 3 and 4 is (7).": "7",
    "Of 3 and 4: (7)": "7",
    "3 + 4 makes (7)": "7",
    "3 + 4 = 7\n#### (7)": "7",
    "### Answer\n5": "5",
    "$x = -\\frac{1}{2}$": "-0.5",
    "\\tfrac{3}{4}": "0.75",
    "$10\\%$": "10",
    "٤٢": "42",
    "１，２３４": "1234",
    "٣٫٥": "3.5",
    "x=5, y=7": None,
    "It takes 2 hours and 30 minutes": None,
    "5 dollars and 25 cents": None,
    "5 out of 8": None,
    "3\\pi": "3*pi",
    "2\\frac{1}{2}": "2.5",
    "$1.5M": "1500000",
}
LETTERS = {
    "B": "B",
    "(b).": "B",
    "B) steam": "B",
    "Steam is hot, so B.": "B",
    "The correct answer is (B) because water boils.": "B",
    "**B**": "B",
    "Answer: B": "B",
    "The answer is B, since ...": "B",
    "A dog is an animal": None,
    "I think it's C": "C",
    "Option D is right": "D",
    "A": "A",
    "I": "I",
    "The answer is a dog": None,
    "\\boxed{C}": "C",
    "\\boxed{\\text{D}}": "D",
    "Let me think. A) is wrong. B) is wrong. So the answer is C.": "C",
    "#### B": "B",
    "The best choice would be option B: steam": "B",
    "b": "B",
    "B. steam": "B",
    "Answer: **(C) rain**": "C",
    "It must be A.": "A",
    "Both A and B": None,
    "A or B? It is B.": "B",
    "B and not C": "B",
    "答案：B": "B",
    "选B": "B",
    "La respuesta es B.": "B",
    "B, because it is hot": "B",
    "B - steam": "B",
    "B is correct": "B",
    "__B__": "B",
    "<b>B</b>": "B",
    "\\boxed{\\mathrm{B}}": "B",
    "B\n\nA is wrong": "B",
    "A is wrong, B is right": "B",
    "The answer is not A but B": "B",
    "Neither A nor B": None,
    "Neither (A) nor (B) is correct.": None,
    "Neither option A nor option B.": None,
    "Neither A, B nor C": None,
    "Neither A nor B, but C.": "C",
    "Neither copper nor iron floats.": None,
    "Neither copper nor iron floats.\nAnswer: B": "B",
    "It is neither hot nor cold. The answer is (C).": "C",
    "C) x\n\nNeither A nor B fits.": "C",
    "A, B": None,
    "Vitamin C": None,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_or_refused(text):
    assert read_number(text) == NUMBERS[text]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,5", "1234.5"),
        ("1.000", "1000"),
        ("3,5 Liter", "3.5"),
        ("12.800", "12800"),
        ("0,75", "0.75"),
        ("3/4", "0.75"),
    ],
)
def test_decimal_commas_are_read_where_they_are_asked_for(text, number):
    assert read_number(text, ",") == number


@pytest.mark.parametrize("text", LETTERS)
def test_a_letter_is_read_or_refused(text):
    assert read_letter(text) == LETTERS[text]


def test_only_a_number_alone_is_whole():
    assert [whole_number(t) for t in ("42", " $1,007.00", "12%", "-5.", "3/4")] == ["42", "1007", "12", "-5", "0.75"]
    assert [whole_number(t) for t in ("1. Count", "2 boxes", "", "Step 2", "3, 4")] == [None] * 5


def test_values_are_the_same_up_to_rounding():
    assert same_value("0.333333", "1/3") and same_value("1.414214", "sqrt(2)") and same_value("{1, 2}", "{1, 2}")
    assert not same_value("0.33", "1/3") and not same_value("7", "70") and not same_value("sqrt(2)", "2")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("The Eiffel-Tower.", "eiffeltower", True),
        ("ﬁne", "fine", True),
        ("Zoe\u0308", "Zoë", True),
        ("“Paris”", "**paris**.", True),
        ("10,000", "10000", True),
        ("[1, 2]", "[1,2]", True),
        ("1990–95", "1990-95", True),
        ("你好。", "你好", True),
        ("\u200fنعم", "نعم", True),
        ("straße", "STRASSE", True),
        ("C++", "C", False),
        ("C#", "c", False),
        ("+", "-", False),
        ("Nile", "Amazon", False),
        ("3.5", "35", False),
        ("-5", "5", False),
        ("1/2", "12", False),
        ("3:30", "330", False),
        ("a=b", "ab", False),
        ("a*b", "a_b", False),
        ("f(x)", "fx", False),
        ("[1, 2]", "[12]", False),
    ],
)
def test_texts_are_the_same_but_for_form(first, second, same):
    assert same_text(first, second) == same_text(second, first) == same
