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
    """The definition of a task, and positive examples, inputs with their outputs, that were written for this project.

    Examples
    --------
    >>> print(Instruction("Give the opposite of the word.", (("hot", "cold"),)).annotate("wet"))
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
        """Return the prompt that asks for a new example, of an ``output`` where one is given (outputs then come first)."""
        if output is None:
            shown = (f"Input: {given}\nOutput: {wanted}" for given, wanted in self.examples)
            return f"{self._shown(shown)}Now write another example -\nInput:"
        shown = (f"Output: {wanted}\nInput: {given}" for given, wanted in self.examples)
        return f"{self._shown(shown)}Now write another example -\nOutput: {output}\nInput:"

    def _shown(self, examples: Iterable[str]) -> str:
        numbered = (f"Positive Example {i} -\n{text}\n\n" for i, text in enumerate(examples, 1))
        return f"Definition: {self.definition}\n\n" + "".join(numbered)
