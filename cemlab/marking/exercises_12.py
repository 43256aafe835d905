"""Exercises and check cells of notebook 12, on the case that a CFO would fund, or not."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cemlab import business_case
from cemlab.business_case import Assumption
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.scorecard.cfo_case import (
    AHEAD,
    EXPERIENCE,
    PILOT_PRICE,
    chain_case,
    measured,
    next_case,
    recorded_and_spent,
    true_present_value,
)
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    from cemlab.business_case import BusinessCase, Pilot
    from cemlab.data.company import Company

_SIZE, _SIZES = 8, (4, 6, 8, 10)
_CLAIM = "84 → 86 % retention = +33 % value"
# As wide as the chain's own 90 % interval of the cost; who leaves the longer talks out is farther off. The
# net value is no question for a mark: forty branches tell it to within more than all that was paid for them.
_A_FIFTH = Tolerance(size=0.2, relative=True)
# The same entries give the same figure but for the number of draws behind it: 200 instead of 1,000 move a
# break-even by less than a fiftieth.
_SAME_ENTRIES = Tolerance(size=0.03, relative=True)
# Draws behind a break-even, as of the sliders.
_DRAWS = 1_000
# An answer may be rounded to a tenth of a point; the nearest other reading is two and a half points off.
_ROUNDED = Tolerance(size=0.002)


def _true_cost(company: Company) -> float:
    """Return what training changed in margin and fees and not in profit: what was paid, talks included."""
    oracle = Oracle.of(company)
    gained = true_present_value(oracle, "margin") + true_present_value(oracle, "fees")
    return gained - true_present_value(oracle, "profit")


def _invoices(company: Company) -> float:
    return recorded_and_spent(company)[1]


def _without_talks(company: Company) -> float:
    _, fees, hours = recorded_and_spent(company)
    return fees + hours


def _of_the_chain(company: Company, quantity: str) -> float:
    return float(chain_case(company).value(quantity)["estimate"])


@lru_cache(maxsize=2)
def _break_even(company: Company) -> float:
    return _even(next_case(company))


def _without_refreshers(company: Company) -> float:
    return _even(business_case.training_case(next_case(company).ledger, months=AHEAD))


def _even(case: BusinessCase) -> float:
    found = business_case.break_even(case, entries=[EXPERIENCE], draws=_DRAWS)
    return float(found.table["estimate"].iloc[0])


def _mean_now(company: Company) -> float:
    return float(next_case(company).draws.figures[EXPERIENCE].mean())


def _missing(company: Company) -> float:
    return _break_even(company) - _mean_now(company)


@lru_cache(maxsize=2)
def _pilot(company: Company) -> Pilot:
    """Return the pilot of the text: as precise as the last wave, with fewer branches."""
    own, case = measured(company), next_case(company)
    clean = own.phases.panel[~own.phases.panel["nearby"]]
    began = clean.groupby("branch")["first_phase"].first()
    left = own.panel.loc[own.panel["first_trained"].isna(), "branch"].nunique()
    low, high = own.ledger[str(own.phases.waves[-1].experience)].ends  # of a 95 % interval
    error = (high - low) / 3.92 / np.sqrt(1 / (began == began.max()).sum() + 1 / began.isna().sum())
    lowest, mode, highest = PILOT_PRICE
    price = Assumption(
        item="A branch in the pilot",
        low=lowest,
        mode=mode,
        high=highest,
        unit=f"{case.ledger.currency} a branch",
    )
    precision = {n: float(error * np.sqrt(1 / n + 1 / (left - n))) for n in _SIZES}
    return business_case.pilot(case, entry=EXPERIENCE, std_error=precision, cost=price)


def _eight(company: Company, column: str) -> float:
    return float(_pilot(company).table.set_index("branches")[column].loc[_SIZE])


def _plain(_: Company) -> float:
    return float(business_case.audit_claim(_CLAIM).table["estimate"].iloc[0])


EXERCISES = (
    Exercise(
        number="12.a",
        asks="what the training of the branches cost from the first wave to the end of the data, all in all, "
        "a present value in EUR",
        truth=_true_cost,
        form="number",
        tolerance=_A_FIFTH,
        hint="Look again at the section “What can be measured is measured”: is all in it that was paid?",
        traps=(
            Trap(
                name="the trainer's invoices alone",
                value=_invoices,
                hint="somebody stood in at the counter meanwhile, and trained people talk longer.",
            ),
            Trap(
                name="invoices and hours away from the counter",
                value=_without_talks,
                hint="that is the course; trained people take longer over a contact ever after.",
            ),
            Trap(
                name="the gain instead of the cost",
                value=lambda company: _of_the_chain(company, "present value of the gain"),
                hint="asked is what had to be paid for it.",
            ),
            Trap(
                name="what is left instead of what was paid",
                value=lambda company: _of_the_chain(company, "net present value"),
                hint="asked is the cost alone, as an amount above nought.",
            ),
        ),
    ),
    Exercise(
        number="12.1",
        asks="what the course would have to change in the experience score for the next roll-out to break "
        "even on average, in standard deviations",
        truth=_break_even,
        form="number",
        tolerance=_SAME_ENTRIES,
        hint="Hold that one entry at a value, leave all others as drawn: where is the mean value nought?",
        traps=(
            Trap(
                name="what it is expected to change",
                value=_mean_now,
                hint="that is the mean of the entry now; asked is where nothing is left.",
            ),
            Trap(
                name="what is still missing",
                value=_missing,
                hint="asked is the whole change, not the distance to it.",
            ),
            Trap(
                name="the roll-out without refreshers",
                value=_without_refreshers,
                hint="those who come for trained people are trained once a year, and that is paid.",
            ),
        ),
    ),
    Exercise(
        number="12.2",
        asks="what a pilot of eight branches is worth, net of its cost, in EUR",
        truth=lambda company: _eight(company, "estimate"),
        form="number",
        tolerance=_SAME_ENTRIES,
        hint="What would deciding gain on average from its estimate, and what does the pilot cost?",
        traps=(
            Trap(
                name="the worth before the cost",
                value=lambda company: _eight(company, "worth"),
                hint="eight branches have their price.",
            ),
            Trap(
                name="the most plausible price instead of the mean",
                value=lambda company: _eight(company, "worth") - _SIZE * PILOT_PRICE[1],
                hint="the range of the price is not even; on average it is dearer than its mode.",
            ),
            Trap(
                name="the cost of one branch",
                value=lambda company: _eight(company, "worth") - _eight(company, "cost") / _SIZE,
                hint="the price is that of a branch, and there are eight.",
            ),
            Trap(
                name="a pilot of another size",
                value=lambda company: float(_pilot(company).table["estimate"].iloc[0]),
                hint="asked is the one of eight branches.",
            ),
        ),
    ),
    Exercise(
        number="12.3",
        asks="by how much customer value rises if retention goes from 84 to 86 %, in margins still to come, "
        "undiscounted; a relative change",
        truth=_plain,
        form="number",
        tolerance=_ROUNDED,
        hint="Who stays with chance r pays r, then r times r, and so on: what do these add up to?",
        traps=(
            Trap(
                name="the change of retention itself",
                value=lambda _: 0.86 / 0.84 - 1,
                hint="those who stay longer go on paying; value grows faster than retention.",
            ),
            Trap(
                name="the change of those who leave",
                value=lambda _: 1 - 0.14 / 0.16,
                hint="by so much fewer leave; asked is what that makes of value.",
            ),
            Trap(
                name="the lifetime with the margin of today in it",
                value=lambda _: 0.16 / 0.14 - 1,
                hint="asked are the margins still to come; today's is earned either way.",
            ),
            Trap(
                name="the claimed figure",
                value=lambda _: 0.33,
                hint="that is what the vendor says; reckon it from the retention.",
            ),
        ),
    ),
)
