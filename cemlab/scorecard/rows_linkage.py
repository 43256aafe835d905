"""Rows on what a point of experience is worth: the ladder, behaviour, lifetime value, fees (notebook 11)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cemlab import linkage
from cemlab.linkage.rungs import RungName
from cemlab.scorecard.row import BRANCHES_AS_PLANTED, Estimate, Kind, Row, row_of_notebook
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.timeline import MONTH_DAYS
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden

_WORLD = WORLDS["default"]
_HALVES = ("cx_a", "cx_b")
_MARGIN, _PROFIT = "margin_per_customer", "profit_per_customer"
_LEAVING, _SPENDING = "left_share", "spend_per_customer"
_CONTROLS = ("format", "region", "conformance")
_DISCOUNT, _HORIZON = 0.1, 120  # a year, months
# what winning a customer costs, in months of margin
_TO_WIN = 12
_POINT = (
    f"purchase rate exp({_WORLD.buying.experience:g} (exp({_WORLD.buying.experience_curve:g} E) − 1) / "
    f"{_WORLD.buying.experience_curve:g}) at E SD of experience"
)


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _months(company: Company) -> pd.DataFrame:
    return linkage.linked_months(company)


@lru_cache(maxsize=2)
def _ladder(company: Company, outcome: str) -> linkage.Ladder:
    """Return the ladder as the notebook climbs it; of the score's error the planted size is stated."""
    months = _months(company)
    panel = linkage.linked_panel(
        months,
        outcome=outcome,
        controls=_CONTROLS,
        halves=_HALVES,
        instruments=["trained_share"],
        weights="customers",
    )
    error = _WORLD.network.measurement_sd**2 / float(months["cx"].var())
    return linkage.value_of_a_point(panel, reliability=1 - error)


def _rung(company: Company, *, name: RungName, outcome: str = _MARGIN) -> Estimate:
    rung = _ladder(company, outcome).rung(name)
    return Estimate(rung.estimate, rung.conf_low, rung.conf_high)


@lru_cache(maxsize=1)
def _worth(halden: Halden) -> dict[str, float]:
    frame = Oracle(halden).value_of_a_point()
    return dict(zip(frame["quantity"], frame["truth"], strict=True))


def _true_worth(oracle: Oracle, *, quantity: str = "margin") -> float:
    return _worth(oracle.halden)[quantity]


@lru_cache(maxsize=1)
def _behaviour(company: Company) -> pd.DataFrame:
    months = linkage.with_behaviours(_months(company))
    found = linkage.ways(months, outcomes=[_LEAVING, _SPENDING], weights="customers")
    return found.table


def _way(company: Company, *, outcome: str) -> Estimate:
    table = _behaviour(company)
    return Estimate.of(table[table["outcome"] == linkage.BEHAVIOURS[outcome].label])


def _true_leaving(oracle: Oracle) -> float:
    frame = oracle.leaving_per_point().set_index(["cause", "quantity"])["truth"]
    return 100 * float(frame["willing", "share"])


@lru_cache(maxsize=1)
def _elasticities(company: Company) -> tuple[linkage.Elasticities, linkage.Elasticities]:
    """Return them with nothing spent on winning a customer, and with some months' margin spent."""
    life = linkage.lifetime(linkage.tenure_counts(company))
    # margins that are the same at all tenures: money is told in months of margin
    free, won = (
        linkage.elasticities(
            life, margin=1.0, discount=_DISCOUNT, horizon=_HORIZON, acquisition_cost=(cost, cost, cost)
        )
        for cost in (0, _TO_WIN)
    )
    return free, won


def _elasticity(company: Company, *, part: str) -> Estimate:
    free, won = _elasticities(company)
    table = (free if part == "retention" else won).table
    return Estimate.of(table[table["part"] == part])


def _discounted(company: Company) -> Estimate:
    value = _elasticities(company)[0].value
    return Estimate(value["estimate"], value["conf_low"], value["conf_high"])


@lru_cache(maxsize=1)
def _lifetime(halden: Halden) -> dict[str, float]:
    frame = Oracle(halden).lifetime(horizon=round(_HORIZON * MONTH_DAYS), discount=_DISCOUNT)
    return dict(zip(frame["quantity"], frame["truth"], strict=True))


def _true_elasticity(oracle: Oracle, *, part: str) -> float:
    found = _lifetime(oracle.halden)
    gross = found["discounted months"]
    parts = {
        "retention": found["elasticity to retention"],
        "margin": gross / (gross - _TO_WIN),
        "acquisition cost": -_TO_WIN / (gross - _TO_WIN),
    }
    return parts[part]


def _true_discounted(oracle: Oracle) -> float:
    return _lifetime(oracle.halden)["discounted months"]


@lru_cache(maxsize=1)
def _fees(company: Company) -> linkage.FeeEffect:
    due = linkage.fees_due(
        company.table("fees"),
        subscriptions=company.table("subscriptions"),
        as_of=company.as_of,
        customers=company.table("customers"),
    )
    return linkage.fee_effect(due, by_lot=True)


def _fee(company: Company, *, at: int) -> Estimate:
    return Estimate.of(_fees(company).table.iloc[[at]])


@lru_cache(maxsize=1)
def _charged(halden: Halden) -> float:
    """Return by how much fees truly change the share that leaves, of those whose fee falls due."""
    due = Oracle(halden).fees()
    return float(due["left_with"].mean() - due["left_without"].mean())


def _true_fee(oracle: Oracle) -> float:
    return _charged(oracle.halden)


def _point_row(
    name: str, rung: RungName, why: str, *, kind: Kind = "estimate", outcome: str = _MARGIN
) -> Row:
    return Row(
        name=f"A point of experience, {name}",
        notebook="11",
        planted=_POINT,
        unit="EUR a customer and month per SD",
        no_effect=0.0,
        world="default",
        kind=kind,
        estimate=partial(_rung, name=rung, outcome=outcome),
        truth=_true_worth,
        why=why,
    )


_row = partial(row_of_notebook, notebook="11")
_LEAVERS = "hazards of four causes, frailty, late entry"


def _elasticity_row(name: str, part: str, why: str) -> Row:
    return _row(
        f"Lifetime value: {name}",
        _LEAVERS,
        "% of lifetime value",
        partial(_elasticity, part=part),
        partial(_true_elasticity, part=part),
        why,
    )


_RICH = "Branches of the rich please and sell more, whatever their service."
_LEFT = _WORLD.leaving
_FEE = f"{100 * _LEFT.fee_points:+g} points within six months"

#: The ladder rung by rung, what customers do on the way, the elasticity of lifetime value, and fees.
LINKAGE: tuple[Row, ...] = (
    _point_row(
        "pooled, of profit", "pooled", f"{_RICH} About twice the truth.", kind="naive", outcome=_PROFIT
    ),
    _point_row("pooled", "pooled", _RICH, kind="naive"),
    _point_row(
        "recorded controls",
        "recorded controls",
        "How rich customers are was not recorded, and regions do not tell it.",
        kind="naive",
    ),
    _point_row(
        "within branches and months",
        "within units and periods",
        "Free of what a branch is for good, and drawn towards nought by the error of the score.",
        kind="naive",
    ),
    _point_row(
        "last month's added",
        "lags",
        "The month before stands in for a part of what error hides; the rest stays hidden.",
        kind="naive",
    ),
    _point_row(
        "error out by halves",
        "error out, by halves",
        "The ladder ends here. The truth moves the very same members by half an SD up and down; the interval "
        "also allows for which branches there are, of unequal slopes, and is a little wide.",
    ),
    _point_row(
        "error out by a stated reliability",
        "error out, by reliability",
        f"The error planted, SD {_WORLD.network.measurement_sd:g}, is stated, as a share. "
        f"{BRANCHES_AS_PLANTED}",
    ),
    _point_row(
        "training as instrument",
        "instrument",
        "The share trained moves experience little, so that intervals, Anderson and Rubin's, are wide; even "
        "the mean of 100 companies is known to a sixth of the effect only.",
    ),
    _row(
        "A point of experience: spending",
        _POINT,
        "EUR a customer and month per SD",
        partial(_way, outcome=_SPENDING),
        partial(_true_worth, quantity="spend"),
        "On the way to the margin; error out by halves.",
    ),
    _row(
        "A point of experience: leaving willingly",
        f"hazard ratios {_LEFT.experience:g} for a competitor and {_LEFT.experience_price:g} for the price",
        "points a month per SD",
        partial(_way, outcome=_LEAVING),
        _true_leaving,
        "Few leave a branch in a month, so that the interval is wide.",
    ),
    _row(
        "Lifetime value: months, discounted",
        _LEAVERS,
        "months of margin",
        _discounted,
        _true_discounted,
        "A shifted beta geometric is not how Halden's customers leave.",
    ),
    _elasticity_row("1 % more retention", "retention", "From the same curve; it comes near enough."),
    _elasticity_row(
        "1 % more margin",
        "margin",
        f"Winning a customer costs {_TO_WIN} months' margin, so that value moves by more than 1 %; it "
        "follows from the months alone, and so does the next.",
    ),
    _elasticity_row(
        "1 % dearer acquisition", "acquisition cost", f"Winning a customer costs {_TO_WIN} months' margin."
    ),
    _row(
        "A fee, charged against waived by lot",
        _FEE,
        "share that leaves within six months",
        partial(_fee, at=0),
        _true_fee,
        "A lot decides whether a fee that falls due is charged.",
        # the interval allows for whom a fee happens to drive away, which differs by company
        target="population",
    ),
    _row(
        "A fee, payers against those never due one",
        _FEE,
        "share that leaves within six months",
        partial(_fee, at=1),
        _true_fee,
        "Who pays a fee had to stay until it fell due, so that fees seem to keep customers.",
        kind="naive",
    ),
)
