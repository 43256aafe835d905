"""What ties do to classes, and whether the last day lies inside the data: said by name."""

from __future__ import annotations

from datetime import date

from cemlab.data.value_cells import Cuts
from cemlab.evidence import Check
from cemlab.markup import join_words, percent


def tie_check(name: str, cut: Cuts, *, n: int, classes: int, who: str) -> Check:
    """Check that every class holds somebody, and say why where one does not.

    Parameters
    ----------
    name
        What was cut, e.g. ``"frequency"``.
    cut
        The classes found.
    n, classes
        How many customers were cut into how many classes.
    who
        What those who share the most frequent value have in common, e.g. ``"bought once"``.

    Examples
    --------
    >>> from cemlab.data.value_cells import ClassBound
    >>> both = (ClassBound(score=1, low=1, high=1, n=4), ClassBound(score=3, low=2, high=3, n=2))
    >>> print(tie_check("frequency", Cuts(bounds=both, tied=1, n_tied=4), n=6, classes=3,
    ...                 who="bought once").detail)
    66.7 % of customers bought once, so frequency has 2 classes instead of 3: nobody has score 2.
    """
    found, share = len(cut.bounds), percent(cut.n_tied / n)
    unused = sorted(set(range(1, classes + 1)) - {bound.score for bound in cut.bounds})
    detail = f"At most {share} of customers share one {name}; all {classes} scores are used."
    if unused:
        scores = f"score{'s' if len(unused) > 1 else ''} {join_words(map(str, unused))}"
        detail = (
            f"{share} of customers {who}, so {name} has {found} class{'es' if found > 1 else ''} instead of "
            f"{classes}: nobody has {scores}."
        )
    return Check(
        name=f"ties in {name}",
        null="no value is shared by so many that a score stays unused",
        passed=not unused,
        detail=detail,
        remedy="Equal customers are not parted by chance; ask for fewer classes to have them all filled.",
    )


def last_day_check(seen: tuple[date, date], as_of: date) -> Check:
    """Check that purchases were recorded until the last day that counts.

    Parameters
    ----------
    seen
        First and last day with a purchase by anybody.
    as_of
        The last day that counts.
    """
    return Check(
        name="the last day inside the data",
        null="purchases were recorded until the last day that counts",
        # a shop need not sell something every day
        passed=(as_of - seen[1]).days <= max(7, (seen[1] - seen[0]).days // 26),
        detail=f"The data run from {seen[0]} to {seen[1]}; the last day that counts is {as_of}.",
        remedy="Choose a day inside the data: days without records count as silence here.",
    )
