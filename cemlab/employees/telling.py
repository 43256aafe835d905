"""Units and outcomes of the mirror in words."""

from __future__ import annotations


def worded(outcome: str) -> str:
    """Return the outcome of a contact in words for an axis.

    Examples
    --------
    >>> worded("mean_affect"), worded("resolved")
    ('experience in a contact', 'resolved')
    """
    return "experience in a contact" if outcome == "mean_affect" else outcome.replace("_", " ")


def plural(word: str) -> str:
    """Return the plural of the name of a unit; signs such as SD and % have none.

    Examples
    --------
    >>> [plural(word) for word in ("branch", "month", "SD", "%", "story", "day")]
    ['branches', 'months', 'SD', '%', 'stories', 'days']
    """
    if not word.islower():
        return word
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"
