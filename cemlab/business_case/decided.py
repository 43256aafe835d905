"""What a case holds besides its ledger, in words: dates, how money is discounted, and times that were set."""

from __future__ import annotations

import numpy as np

from cemlab.business_case.cash import Model
from cemlab.business_case.chain import Chain, Conditions
from cemlab.business_case.figures import Figures
from cemlab.business_case.roles import ROLES
from cemlab.evidence import Check
from cemlab.markup import join_words, number, percent

#: The link that stands for multiples given as conditions: somebody has set them, and no entry answers for it.
SET = "months set otherwise than in the ledger"

_WORDS = {
    "leaving": "leaving", "other_leaving": "other leaving", "purchases": "purchases",
    "staff_leaving": "the pace at which trained staff leaves", "refreshed": "people refreshed",
}  # fmt: skip


def decisions(model: Model, conditions: Conditions) -> tuple[str, ...]:
    """Return, in sentences, whatever moves the present value and is no entry of the ledger.

    Parameters
    ----------
    model
        Months, waves and refreshers are decisions.
    conditions
        Multiples of months, if any are set.
    """
    told = [f"Decided: {model.months} months are looked at{_dates(model)}."]
    told.append(
        "Money of month t is divided by (1 + the yearly rate) ** (t / 12), month 0 by one; prices stay as "
        "they are."
    )
    if moved := multiples(conditions):
        told.append(f"Set by hand, without an entry: {join_words(moved)}.")
    return tuple(told)


def multiples(conditions: Conditions) -> list[str]:
    """Return the multiples that differ from one, in words; none where the months are as the ledger says.

    Examples
    --------
    >>> multiples(Conditions(purchases=[1.0, 0.8]))
    ['purchases times 0.8 to 1']
    """
    told = []
    for name, words in _WORDS.items():
        values = np.asarray(getattr(conditions, name), dtype=float)
        if values.size and (values != 1).any():
            low, high = number(values.min()), number(values.max())
            told.append(f"{words} times {low if low == high else f'{low} to {high}'}")
    return told


def beyond(model: Model, figures: Figures) -> tuple[Check, ...]:
    """Return a check that names entries of which some draws cannot be, as the ends of a normal have them."""
    if not isinstance(model, Chain):
        return ()
    told = []
    for role, item in model.items.items():
        least, most = ROLES[role].kind.lowest, ROLES[role].kind.highest
        share = float(((figures[item] < least) | (figures[item] > most)).mean())
        if share:
            told.append(f"“{item}”: {percent(share)} of its draws lie beyond {least:g} to {most:g}")
    if not told:
        return ()
    return (
        Check(
            name="draws that can be",
            null="every draw lies where its entry can",
            passed=None,
            detail=f"{'; '.join(told)}; the nearest value that can be was taken.",
            remedy="Give the entry a range or draws instead of a normal distribution.",
        ),
    )


def _dates(model: Model) -> str:
    if not isinstance(model, Chain):
        return ""
    months = [f"{wave.month:,}" for wave in model.waves]
    trained = f"training in month{'s' if len(months) > 1 else ''} {join_words(months)}"
    every = model.refresh_every
    return f", {trained}, {f'refreshers every {every} months' if every else 'no refreshers'}"
