"""Tasks in the style of Super-NaturalInstructions: a definition, examples, an input."""
