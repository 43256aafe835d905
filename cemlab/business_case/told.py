"""Words and evidence that what builds on a case shares."""

from __future__ import annotations

import re

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.entry import no_such
from cemlab.business_case.figures import Figures
from cemlab.business_case.fitted import Fitted
from cemlab.business_case.grades import as_grade, check_title, weakest
from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.evidence import Check, Evidence

_SPACES = re.compile(r"\s+")


def require_case(case: object) -> BusinessCase:
    """Refuse what is no case.

    Raises
    ------
    DesignError
        If it is anything else.
    """
    if not isinstance(case, BusinessCase):
        raise DesignError(f"a {type(case).__name__} is no business case; make one with training_case(ledger)")
    return case


def named_claim(named: str, plain: str, standing: Standing) -> str:
    """Return the claim that names an entry, or the plain one where that name says too much for the grade."""
    try:
        return check_title(_SPACES.sub(" ", named), standing)
    except DesignError:
        return check_title(plain, standing)


def evidence_on(
    case: BusinessCase,
    *,
    design: str,
    assumptions: tuple[str, ...] = (),
    checks: tuple[Check, ...] = (),
    also: tuple[Standing, ...] = (),
) -> Evidence:
    """Return the evidence of what was reckoned from a case: its own, weakened by what was assumed besides."""
    standing = weakest((case.standing, *also))
    return Evidence(
        grade=as_grade(standing),
        design=f"{design} Weakest link: {standing}.",
        unit="entries",
        n_used=case.evidence.n_used,
        n_given=case.evidence.n_given,
        source=case.evidence.source,
        assumptions=(*case.evidence.assumptions, *assumptions),
        checks=(*case.evidence.checks, *checks),
    )


def varying(case: BusinessCase) -> tuple[str, ...]:
    """Return the entries whose draws differ.

    Raises
    ------
    DesignError
        If there is none: a case that is certain has nothing to ask.
    """
    items = case.draws.items
    if not items:
        raise DesignError("every entry of the case is known exactly; give ranges to those that are not")
    return items


def require_entry(case: BusinessCase, item: object) -> str:
    """Return the name of an entry that enters the case.

    Raises
    ------
    ColumnError
        If it does not enter.
    """
    if not isinstance(item, str) or item not in case.items:
        raise ColumnError(no_such(item, case.items, what="entry of the case"))
    return item


def first_draws(case: BusinessCase, draws: int | None) -> Figures:
    """Return the first draws of a case, all of them for None.

    Raises
    ------
    OptionError
        If it is no number of draws.
    """
    figures = case.draws.figures
    if draws is None:
        return figures
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 20:
        raise OptionError(
            f"draws is {draws!r}; allowed: a whole number from 20 on, or None for all of the case"
        )
    return figures.rows(0, min(draws, figures.n))


def drawn_together(case: BusinessCase) -> tuple[str, ...]:
    """Return the entries whose uncertainty is one with that of another."""
    blocks = [case.ledger[item].block for item in case.items]
    return tuple(
        item
        for item, block in zip(case.items, blocks, strict=True)
        if isinstance(case.ledger[item], Fitted) and blocks.count(block) > 1
    )
