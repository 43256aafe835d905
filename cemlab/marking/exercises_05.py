"""Exercises and check cells of notebook 05, on whom to try to keep."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ibis import _

from cemlab import saves, survival
from cemlab.data.leaving_signals import SignalCounts, signal_counts
from cemlab.data.save_offers import NO_OFFER, save_offer_cells
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_CUES = ("risk", "plan", "tenure")
_LOW, _MIDDLE, _HIGH = "low risk", "middle risk", "high risk"
_ASKED = "cancellation enquiry"
#: Days from an alarm until the team speaks to the customer, and the share of those considered that it can.
_REACTION, _TEAM = 30, 0.2
# One and a half standard errors of the change in a class of this lot; the other classes are farther off.
_THE_LOT = Tolerance(size=0.03)
# The same counts give the same figure but for rounding, and for the day on which a delay ends.
_SAME_COUNTS = Tolerance(size=0.03, relative=True)
# The same plan gives the same number of customers; the team of the text is two in a hundred off.
_SAME_PLAN = Tolerance(size=0.01, relative=True)


@lru_cache(maxsize=2)
def _uplift(company: Company) -> saves.SaveUplift:
    cells = save_offer_cells(
        company.table("save_offers"),
        subscriptions=survival.spells(company),
        as_of=company.as_of,
        cues=_CUES,
    )
    return saves.save_uplift(cells)


@lru_cache(maxsize=2)
def _worth(company: Company) -> float:
    """Return a year's margin of those who are customers today, EUR a customer."""
    lines = company.table("transactions")
    current = company.table("subscriptions").filter(_["exit"].isnull())
    year = lines.filter(_["date"] > company.as_of - timedelta(days=365)).semi_join(current, "customer")
    return float(year["margin"].sum().execute()) / int(current["customer"].nunique().execute())


def _cost(company: Company) -> float:
    return float(_uplift(company).cells.costs["each"].iloc[0])


def _change(company: Company, name: str) -> float:
    """Return what the offer changes in the share that leaves, in one class or over all, as the lot saw it."""
    rows = _uplift(company).table.set_index("level")
    return float(rows["estimate"].loc[name])


@lru_cache(maxsize=2)
def _true_changes(company: Company) -> pd.Series[float]:
    """Return the true change by class: what would become of each customer, with an offer less without."""
    each = Oracle.of(company).save_offers()
    by_class = each.groupby(each["risk"] + " risk")[["left_with", "left_without"]].mean()
    return by_class["left_with"] - by_class["left_without"]


def _change_by_any_cause(company: Company, name: str) -> float:
    """Return the change of the share that is gone for whatever cause."""
    table = _uplift(company).cells.table
    own = table[table["class"] == name]
    counts = own.groupby(own["offer"] != NO_OFFER)[["n", "left", "other"]].sum()
    gone = (counts["left"] + counts["other"]) / counts["n"]
    return float(gone.loc[True] - gone.loc[False])


def _share_of(company: Company, name: str) -> float:
    dogs = _uplift(company).sleeping_dogs.set_index("class")
    return float(dogs["share"].loc[name])


def _left_alone(company: Company, name: str = _LOW, *, change: float | None = None) -> float:
    """Return what it brings per customer considered to make one class no offer."""
    harm = _change(company, name) if change is None else change
    return _share_of(company, name) * (_cost(company) + _worth(company) * harm)


@lru_cache(maxsize=2)
def _signals(company: Company) -> SignalCounts:
    contacts = company.table("contacts")
    return signal_counts(
        contacts.filter(_["reason"] == _ASKED),
        subscriptions=survival.spells(company),
        as_of=company.as_of,
        when="time",
    )


def _alarms_per_leaver(company: Company, *, over: int, up_to: int = 90) -> float:
    """Return the alarms for each leaver who left so many days after one, first and last counted."""
    found = saves.leaving_signals(_signals(company))
    inside = found.leads[(found.leads["lead"] > over) & (found.leads["lead"] <= up_to)]
    return float(found.of("precision")["n"].iloc[0]) / float(inside["n"].sum())


@lru_cache(maxsize=2)
def _policies(company: Company) -> saves.SavePolicies:
    return saves.save_policies(_uplift(company), margin=_worth(company))


def _offers(company: Company) -> float:
    """Return how many of those considered get an offer before the next one loses money."""
    plan = _policies(company).plan
    return float((plan["n"] * plan["share_offered"]).sum())


def _considered(company: Company) -> int:
    return int(_uplift(company).trial.n.sum())


def _offers_by_fold(company: Company) -> float:
    found = _policies(company)
    rule = found.of("value").set_index("rule")
    return float(rule["share_offered"].loc["by uplift"]) * found.considered


EXERCISES = (
    Exercise(
        number="05.a",
        asks="by how much an offer changes the share that leaves in the class of middle risk, a difference "
        "of two shares",
        truth=lambda company: float(_true_changes(company)[_MIDDLE]),
        form="difference of shares",
        tolerance=_THE_LOT,
        hint="Look again at the section “What an offer changes”: which row, and which arm less which?",
        traps=(
            Trap(
                name="the class of highest risk",
                value=lambda company: float(_true_changes(company)[_HIGH]),
                hint="those most likely to leave are not those an offer changes; asked is middle risk.",
            ),
            Trap(
                name="the average over all classes",
                value=lambda company: _change(company, "all"),
                hint="it hides that classes differ; take the class of middle risk.",
            ),
            Trap(
                name="the difference the other way round",
                value=lambda company: -float(_true_changes(company)[_MIDDLE]),
                hint="take the share without an offer off the share with one; fewer leavers are below zero.",
            ),
        ),
    ),
    Exercise(
        number="05.1",
        asks="how much more offers bring, per customer considered, if the class of lowest risk gets none, in "
        "money",
        truth=_left_alone,
        form="number",
        tolerance=_SAME_COUNTS,
        hint="An offer not made saves its cost, and whom it would have driven away; of how many?",
        traps=(
            Trap(
                name="the cost of the offers alone",
                value=lambda company: _left_alone(company, change=0.0),
                hint="whoever is driven away takes her margin along.",
            ),
            Trap(
                name="the margin alone",
                value=lambda company: _left_alone(company) - _left_alone(company, change=0.0),
                hint="each offer costs, too, whatever it changes.",
            ),
            Trap(
                name="per customer of the class",
                value=lambda company: _left_alone(company) / _share_of(company, _LOW),
                hint="asked is per customer considered; the class is a part of them.",
            ),
            Trap(
                name="the class of highest risk left alone",
                value=lambda company: _left_alone(company, _HIGH),
                hint="asked is the class of lowest risk.",
            ),
            Trap(
                name="leaving by any cause",
                value=lambda company: _left_alone(company, change=_change_by_any_cause(company, _LOW)),
                hint="who moved or died was not driven away; count the causes that an offer can act on.",
            ),
            Trap(
                name="what the offers to that class bring",
                value=lambda company: -_left_alone(company),
                hint="that is lost if they are made; asked is what not making them brings.",
            ),
        ),
    ),
    Exercise(
        number="05.2",
        asks="how many alarms it takes to reach one leaver in time, if the team speaks to a customer thirty "
        "days after the alarm, a number",
        truth=lambda company: _alarms_per_leaver(company, over=_REACTION),
        form="number",
        tolerance=_SAME_COUNTS,
        hint="Whoever had left before the team called was not reached; which lead times are long enough?",
        traps=(
            Trap(
                name="a team that calls at once",
                value=lambda company: _alarms_per_leaver(company, over=0),
                hint="count those leavers only who were still there thirty days after the alarm.",
            ),
            Trap(
                name="the leavers who were gone too early",
                value=lambda company: _alarms_per_leaver(company, over=0, up_to=_REACTION),
                hint="those had left before the team called; asked are the others.",
            ),
            Trap(
                name="the share instead of the number",
                value=lambda company: 1 / _alarms_per_leaver(company, over=_REACTION),
                hint="that is the share of the alarms; asked is how many it takes.",
            ),
            Trap(
                name="the alarms that are lost",
                value=lambda company: (
                    _alarms_per_leaver(company, over=_REACTION) - _alarms_per_leaver(company, over=0)
                ),
                hint="that is what the delay adds; asked are all alarms for one leaver.",
            ),
        ),
    ),
    Exercise(
        number="05.3",
        asks="how many of those considered should get an offer if hands are free, a number of customers",
        truth=_offers,
        form="number",
        tolerance=_SAME_PLAN,
        hint="Look again at the section “Whom to call”: in the plan, whose worth is above zero?",
        traps=(
            Trap(
                name="everybody considered",
                value=lambda company: float(_considered(company)),
                hint="hands are free, offers are not; and some customers they drive away.",
            ),
            Trap(
                name="the class of highest risk",
                value=lambda company: round(_share_of(company, _HIGH) * _considered(company)),
                hint="ask of each what an offer changes, not how likely she is to leave.",
            ),
            Trap(
                name="the team of the text",
                value=lambda company: float(int(_TEAM * _considered(company))),
                hint="that is how many it could serve; now hands are no limit.",
            ),
            Trap(
                name="the share in the table of rules",
                value=_offers_by_fold,
                hint="it is of rules learned without a part of the customers; the plan is learned from all.",
            ),
        ),
    ),
)
