"""What readers call strategies and tasks, and what a sample of each strategy costs."""

from collections.abc import Iterable

#: Teacher calls per training sample of each strategy.
QUERIES_PER_SAMPLE = {"answer_augmentation": 1.0, "question_rephrase": 2.0, "new_question": 2.0, "mixed": 4 / 3}

#: Strategies and mixtures, in the order of all figures and tables.
STRATEGIES = {
    "answer_augmentation": "New answers",
    "question_rephrase": "Rephrasings",
    "new_question": "New questions",
    "mixed": "Split budget",
    "seeds_only": "Seeds only",
    "untouched": "Not trained",
    "real": "Real questions only",
    "tokens_equal": "Synthetic in place of real",
    "real_equal": "Synthetic added to real",
}

TASKS = {
    "math_words": "Word problems",
    "text_to_sql": "Text-to-SQL",
    "gsm_symbolic": "GSM-Symbolic",
    "arc": "ARC-Challenge",
    "closed_book_qa": "Closed-book questions",
    "rte": "RTE",
    "boolq": "BoolQ",
    "sst2": "SST-2",
    "mc_taco": "MC-TACO",
    "e2e_nlg": "E2E NLG",
    "common_gen": "CommonGen",
    "captions": "Captions",
}


def display_name(strategy: str) -> str:
    """Return a strategy's name as readers see it.

    >>> display_name("new_question"), display_name("my_own")
    ('New questions', 'My own')
    """
    return STRATEGIES.get(strategy, strategy.replace("_", " ").capitalize())


def in_order(strategies: Iterable[str]) -> list[str]:
    """Return strategies in the order of all figures and tables: the study's own first.

    >>> in_order({"my_own", "new_question", "answer_augmentation"})
    ['answer_augmentation', 'new_question', 'my_own']
    """
    present = set(strategies)
    return [s for s in STRATEGIES if s in present] + sorted(present - set(STRATEGIES))


def counted(n: float, what: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "replicate"), counted(1200, "item")
    ('one replicate', '1,200 items')
    """
    return f"one {what}" if n == 1 else f"{n:,.0f} {what}s"
