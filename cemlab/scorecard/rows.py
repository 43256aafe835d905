"""The rows of the scorecard: each planted truth that a method of the notebooks can look for.

A row is added in the module of its subject, with two functions: one that estimates from a company's tables,
and one that asks the oracle. Truths are never fitted to the estimates.
"""

from __future__ import annotations

from collections.abc import Iterable

from cemlab.errors import OptionError, one_of
from cemlab.markup import join_words
from cemlab.scorecard.row import Row
from cemlab.scorecard.rows_answers import ANSWERS
from cemlab.scorecard.rows_business_case import BUSINESS_CASE
from cemlab.scorecard.rows_employees import EMPLOYEES
from cemlab.scorecard.rows_linkage import LINKAGE
from cemlab.scorecard.rows_loyalty import LOYALTY
from cemlab.scorecard.rows_onboarding import ONBOARDING
from cemlab.scorecard.rows_panel import PANEL
from cemlab.scorecard.rows_saves import SAVES
from cemlab.scorecard.rows_segmentation import SEGMENTATION
from cemlab.scorecard.rows_survival import SURVIVAL
from cemlab.scorecard.rows_training import TRAINING

#: The rows, in the order in which they are shown.
ROWS: tuple[Row, ...] = (
    *SEGMENTATION,
    *ANSWERS,
    *PANEL,
    *LOYALTY,
    *SURVIVAL,
    *ONBOARDING,
    *SAVES,
    *TRAINING,
    *EMPLOYEES,
    *LINKAGE,
    *BUSINESS_CASE,
)


def rows_named(names: Iterable[str]) -> tuple[Row, ...]:
    """Return rows by their names, in the order of the scorecard.

    Raises
    ------
    OptionError
        If there is no such row; the line lists those there are.
    """
    known, wanted = {row.name: row for row in ROWS}, list(names)
    for name in wanted:
        if name not in known:
            raise OptionError(one_of(name, known, what="row of the scorecard"))
    return tuple(row for row in ROWS if row.name in wanted)


def check_rows(rows: Iterable[Row]) -> None:
    """Refuse no rows, and rows that cannot be told apart.

    Raises
    ------
    OptionError
        If there is none, or two have one name.
    """
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise OptionError(
            f"two rows are named {join_words(twice)}; give each a name of its own"
            if twice
            else "no rows to score"
        )
