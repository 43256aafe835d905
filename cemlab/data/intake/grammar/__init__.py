"""The grammars of values: which text is a value of a column, and which value it is.

Nothing is guessed and nothing is rounded: a text either has exactly the form that the rule states or
the row is set aside. The expressions are for the embedded DuckDB; whatever comes from the settings
enters them as a literal.
"""

from cemlab.data.intake.grammar.filters import filter_doubt, filter_hit
from cemlab.data.intake.grammar.text import MONEY, product_value, text_value
from cemlab.data.intake.grammar.typed import as_typed, typed_value
from cemlab.data.intake.grammar.typed_words import typed_reason
from cemlab.data.intake.grammar.words import product_reason, reason

__all__ = [
    "MONEY",
    "as_typed",
    "filter_doubt",
    "filter_hit",
    "product_reason",
    "product_value",
    "reason",
    "text_value",
    "typed_reason",
    "typed_value",
]
