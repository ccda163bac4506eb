"""Prompts in the style of Super-NaturalInstructions: a definition, positive examples, an input (arXiv 2204.07705).

The form is the one in which Tk-Instruct was trained. arXiv 2310.01119 gives its teacher such prompts, for annotating an
input and for generating a new pair; it does not print them, so that the definitions and examples of the tasks here are
our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    """What a teacher is told about a task.

    Parameters
    ----------
    definition : str
        What is given and what is wanted, in full sentences.
    examples : tuple of (str, str)
        Positive examples: inputs with their outputs, written for this project and so in no data set.

    Examples
    --------
    >>> opposites = Instruction("Give the opposite of the word.", (("hot", "cold"),))
    >>> print(opposites.annotate("wet"))
    Definition: Give the opposite of the word.
    <BLANKLINE>
    Positive Example 1 -
    Input: hot
    Output: cold
    <BLANKLINE>
    Now complete the following example -
    Input: wet
    Output:
    """

    definition: str
    examples: tuple[tuple[str, str], ...]

    def annotate(self, text: str) -> str:
        """Return the prompt that asks for the output of an input."""
        shown = (f"Input: {given}\nOutput: {wanted}" for given, wanted in self.examples)
        return f"{self._shown(shown)}Now complete the following example -\nInput: {text}\nOutput:"

    def generate(self, output: str | None = None) -> str:
        """Return the prompt that asks for a new example.

        With ``output`` the example is to have that output (class-conditional generation): outputs come first, and an
        input is asked for. Without, an input is asked for and its output after it.
        """
        if output is None:
            shown = (f"Input: {given}\nOutput: {wanted}" for given, wanted in self.examples)
            return f"{self._shown(shown)}Now write another example -\nInput:"
        shown = (f"Output: {wanted}\nInput: {given}" for given, wanted in self.examples)
        return f"{self._shown(shown)}Now write another example -\nOutput: {output}\nInput:"

    def _shown(self, examples: Iterable[str]) -> str:
        numbered = (f"Positive Example {i} -\n{text}\n\n" for i, text in enumerate(examples, 1))
        return f"Definition: {self.definition}\n\n" + "".join(numbered)
