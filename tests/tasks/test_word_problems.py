"""Word problems: what their texts say against the story's own truth."""

from __future__ import annotations

import random
import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.tasks.word_problems import story as plot
from crossover.tasks.word_problems.story import WORDS, past, plural
from crossover.tasks.word_problems.task import MathWords

TASK = MathWords()
LINE = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
seeds = st.integers(0, 2**32)
many = settings(max_examples=80, deadline=None)


def drawn(seed):
    rng = random.Random(seed)
    return TASK.sample(rng), rng


def sums(chain):
    """The calculations of a chain, as written."""
    return [(int(a), op, int(b), int(c)) for a, op, b, c in LINE.findall(chain)]


def truth(story):
    """The answer of a story, from what its operation means and nothing else."""
    a, b = story.start, story.operand
    if story.kind in ("gain", "more"):
        return a + b
    if story.kind in ("lose", "fewer"):
        return a - b
    if story.kind in ("groups", "times", "price"):
        return a * b
    assert story.kind in ("share", "pack", "halve") and a % b == 0
    return a // b


def numbers(text):
    """All quantities of a question, digits and words, in order of size."""
    words = re.findall(r"\d+|" + "|".join(rf"\b{w}\b" for w in WORDS[2:]), text.replace("twice", "2"), re.IGNORECASE)
    return sorted(int(w) if w.isdigit() else WORDS.index(w.lower()) for w in words)


def quantities(story):
    """All quantities that a story's question must hold."""
    return sorted([story.start] + [story.operand] * (story.kind != "halve"))


@given(seeds)
@many
def test_solutions_and_variants_are_right_by_an_independent_reading(seed):
    problem, rng = drawn(seed)
    for chain in (problem.answer, TASK.solve(problem, rng)):
        [(a, op, b, c)] = sums(chain)
        assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[op] == c == truth(problem.structure) >= 2
        assert chain.startswith(" ") and chain.endswith(f"\n#### {c}")
    wrong = TASK.err(problem, rng)
    assert sums(wrong)[-1][3] == int(TASK.extract(wrong)) >= 2
    old, edited, drifted = problem.structure, TASK.edit(problem, rng), TASK.drift(problem, rng)
    for new in (problem, TASK.reword(problem, rng), edited, drifted):
        assert numbers(new.question) == quantities(new.structure), new.question
        assert plot.allowed(new.structure) and int(TASK.extract(new.answer)) == truth(new.structure)
    new = edited.structure
    assert (new.family, new.kind, new.event) == (old.family, old.kind, old.event)
    assert (new.start, new.operand) != (old.start, old.operand) and drifted.structure.names == old.names


@given(seeds)
@many
def test_invalid_questions_lack_a_quantity_and_are_answered_all_the_same(seed):
    problem, rng = drawn(seed)
    other = TASK.invalid(problem, rng)
    lost = Counter(quantities(problem.structure)) - Counter(numbers(other.question))
    assert lost.total() == 1 and not Counter(numbers(other.question)) - Counter(quantities(problem.structure))
    vague = re.compile(r"\b(some|several|a few)\b")
    assert vague.search(other.question) and not vague.search(other.answer)
    # The guess is a whole chain that only the missing number could contradict.
    assert sums(other.answer)[-1][3] == int(TASK.extract(other.answer))


@given(seeds)
@many
def test_grammar_and_pronouns(seed):
    problem, rng = drawn(seed)
    questions = [p.question for p in (problem, TASK.reword(problem, rng), TASK.drift(problem, rng))]
    questions.append(TASK.invalid(problem, rng).question)
    for text in [*questions, problem.answer, TASK.err(problem, rng)]:
        assert not re.search(r"[{}\[\]]|  |\.\.|,,|\bNone\b", text), text
        assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiouh]", text), text
        assert not re.search(r"\b(1|one|One) (\w+s)\b(?! of)", text), text
        assert not re.search(r"\b(\w+) \1\b", text.replace("that that", "")), text
        assert not re.search(r"[.?] [a-z]|, [ST]hen\b|\bfor (he|she)\b|\band and\b", text), text
        assert not re.search(r"\b(leaved|goed|taked|gived|putted|hitted)\b", text), text
    for text in questions:
        assert text.endswith("?") and text.count("?") == 1 and text[0].isupper()
        assert not (re.search(r"\bdoes\b", text) and re.search(r"\bdid\b", text))
    she, he = (set(plot.LEXICON["names"][kind]) for kind in ("she", "he"))
    people = problem.structure.names
    assert not re.search(r"\b[Ss]he\b", problem.question) or she & set(people)
    assert not re.search(r"\b[Hh]e\b", problem.question) or he & set(people)
    # With two people of one kind, nobody is called by a pronoun after the comparison.
    if len(people) > 1 and (set(people) <= he or set(people) <= she):
        compared = re.search(rf"{people[1]}.*", problem.question)
        assert compared and not re.search(r"\b([Hh]e|[Ss]he)\b", compared[0]), problem.question


def test_words_are_inflected():
    verbs = {"bakes": "baked", "carries": "carried", "finishes": "finished", "leaves": "left"}
    nouns = {
        "box": "boxes",
        "bench": "benches",
        "puppy": "puppies",
        "toy boat": "toy boats",
        "slice of pizza": "slices of pizza",
    }
    assert {verb: past(verb) for verb in verbs} == verbs and {noun: plural(noun) for noun in nouns} == nouns


def test_a_tenth_of_all_plans_is_tested():
    rng = random.Random(5)
    assert 0.07 < sum(plot.is_test(plot.draw(rng)) for _ in range(4000)) / 4000 < 0.13
