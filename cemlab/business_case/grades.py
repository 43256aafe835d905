"""Grades of a case: it is as strong as its weakest link, and its words say no more than that."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cemlab.business_case.entries import STANDINGS, Standing
from cemlab.errors import DesignError
from cemlab.evidence import GRADES, Grade, refuse_causal_claim

# "Internal rate of return" is a property of any cash flow; a return on, of or from something is a claim.
_RETURN = re.compile(
    r"\br\.\s?o\.\s?i\b|\breturns?\s+(?:on|of|from)\b|\breturn(?:s|ed)\s+[\d€$£]|\brendite\b", re.IGNORECASE
)
_NAMED = re.compile(rf"\broi\b|{_RETURN.pattern}", re.IGNORECASE)

#: From this standing on a case may speak of a return on what it pays for.
_IDENTIFIES: tuple[Standing, ...] = ("quasi-experiment", "experiment")


def weakest(grades: Iterable[Standing]) -> Standing:
    """Return the weakest of some grades.

    Examples
    --------
    >>> weakest(["experiment", "association", "quasi-experiment"])
    'association'
    """
    return min(grades, key=STANDINGS.index)


def as_grade(standing: Standing) -> Grade:
    """Return the design grade of a standing: an assumption allows to say no more than a count does.

    Examples
    --------
    >>> as_grade("assumption"), as_grade("experiment")
    ('descriptive', 'experiment')
    """
    return next((grade for grade in GRADES if grade == standing), "descriptive")


def may_say_return(standing: Standing) -> bool:
    """Tell whether a case of this grade may speak of a return on investment."""
    return standing in _IDENTIFIES


def name_of(standing: Standing) -> str:
    """Return what a case of this grade is called.

    Examples
    --------
    >>> name_of("association"), name_of("quasi-experiment")
    ('assumption-based case', 'business case')
    """
    return "business case" if may_say_return(standing) else "assumption-based case"


def refuse_named_return(items: Iterable[str], standing: Standing) -> None:
    """Refuse entries whose name claims a return where the case may not; their names stand in all its words.

    Raises
    ------
    DesignError
        If there is one.
    """
    if may_say_return(standing):
        return
    for item in items:
        if _NAMED.search(item):
            raise DesignError(
                f"the entry {item!r} is named after a return, but the weakest link is {standing!r}; name it "
                "after what it measures"
            )


def check_title(title: str, standing: Standing) -> str:
    """Return a title, or refuse it where it says more than the weakest link.

    Raises
    ------
    DesignError
        If it speaks of a return or uses a word of cause, and the grade does not allow it.

    Examples
    --------
    >>> check_title("What training may be worth", "association")
    'What training may be worth'
    >>> check_title("Return on training", "association")
    Traceback (most recent call last):
        ...
    cemlab.errors.DesignError: the title 'Return on training' speaks of a return, but the weakest link is ...
    """
    if not may_say_return(standing) and _RETURN.search(title):
        raise DesignError(
            f"the title {title!r} speaks of a return, but the weakest link is {standing!r}; call it an "
            f"{name_of(standing)}"
        )
    return refuse_causal_claim(title, grade=as_grade(standing))
