"""Answers as people and models write them: numbers, letters and texts."""

import pytest

from crossover.tasks.written_answers import read_letter, read_number, same_text, same_value, whole_number

NUMBERS = {
    "She eats 3/4 of it.": "0.75",
    "#### 3/4": "0.75",
    "It is 1 1/2 hours.": "1.5",
    "So the answer is \\boxed{8,000}.": "8000",
    "Thus \\boxed{1{,}500}": "1500",
    "\\text{ANSWER: } \\$460": "460",
    "It is \\frac{3}{4}.": "0.75",
    "Hence \\boxed{42}, checked in 2 ways.": "42",
    "There are 6.02e23 of them.": "602000000000000000000000",
    "The probability is .5": "0.5",
    "The area is 48 cm^2.": "48",
    "5 kg of CO2.": "5",
    "The pair is 3,4": None,
    "The pair is (3, 4)": None,
    "The temperature falls to −5 degrees.": "-5",
    "#### −5": "-5",
    "The balance is −$1,200.50.": "-1200.5",
    "2^10": "1024",
    "10^6": "1000000",
    "$6.02 \\times 10^{23}$": "602000000000000000000000",
    "6.02 x 10^23": "602000000000000000000000",
    "6.02 × 10²³": "602000000000000000000000",
    "12%": "12",
    "1 200": "1200",
    "5 000 000": "5000000",
    "about 5-6 hours": None,
    "about 50–60": None,
    "between 3 and 5": None,
    "I think it's 7, not 8": "7",
    "1,234,567.89": "1234567.89",
    "½": "0.5",
    "1½ cups": "1.5",
    "\\dfrac{1}{2}": "0.5",
    "the answer is 5 apples, not 6": "5",
    "$5": "5",
    "-3/4": "-0.75",
    "10:30": None,
    "2024-05-01": None,
    "They make 1,007.": "1007",
    "48 - 12 = 36 boxes": "36",
    "He has 16 - 3 = 13. So 13 are left.": "13",
    "The answer is 12 + 3 = 15 apples": "15",
    "It is –7 °C": "-7",
    "about 1.5 million people": "1500000",
    "\\boxed{\\frac{3}{4}}": "0.75",
    "\\boxed{-\\frac{1}{2}}": "-0.5",
    "x = \\boxed{12\\%}": "12",
    "$\\boxed{5\\text{ cm}}$": "5",
    "Answer: 1/3": "1/3",
    "The total is $45.50.": "45.5",
    "**42**": "42",
    "42.": "42",
    '"42"': "42",
    "1e-3": "0.001",
    "The answer is $\\sqrt{2}$": "sqrt(2)",
    "3 × 4 = 12": "12",
    "\\( \\frac{5}{2} \\)": "2.5",
    "#### $1,200": "1200",
    "#### 72 apples": "72",
    "1'000": "1000",
    "3.0": "3",
    "007": "7",
    "It costs 5€": "5",
    "The answer is: 7": "7",
    "Final answer: **12**": "12",
    "50 percent": "50",
    "minus 5": "-5",
    "10 km/h": "10",
    "100 m²": "100",
    "5th of 20 items is 3": "3",
    "2 of the 3 boxes, i.e. 66.7%": "66.7",
    "The answer is\n42": "42",
    "x^2 = 9, so x = 3": "3",
    "H2O has 3 atoms": "3",
    "It is 3 o'clock": "3",
    "+5": "5",
    "0": "0",
    "-0": "0",
    "Chapter 3.2": "3.2",
    "$x = 5$": "5",
    "$\\{1,2,3\\}$": "{1, 2, 3}",
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


def test_texts_are_the_same_but_for_form():
    assert same_text("The Eiffel-Tower.", "eiffeltower") and same_text("ﬁne", "fine") and same_text("Zoe\u0308", "Zoë")
    assert same_text("“Paris”", "'paris'.") and not same_text("C++", "C") and not same_text("C#", "c")
    assert not same_text("+", "-") and not same_text("Nile", "Amazon")
