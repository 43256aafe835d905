"""Rows on save offers by lot: whom they keep, whom they drive away, and what rules earn (notebook 05)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from cemlab import saves, survival
from cemlab.data.save_offers import NO_OFFER, save_offer_cells
from cemlab.errors import DesignError
from cemlab.saves.policies import BY_RISK, BY_UPLIFT
from cemlab.scorecard.companies import company_of, halden_behind
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.customers.member_tables import SAVE_OFFER_COST
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.state import RISKS
from cemlab.simulate.timeline import LAST
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.arm_values import top_share
from cemlab.stats.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden
    from cemlab.simulate.streams import Floats

_LEAVING = WORLDS["default"].leaving
_CUES = ("risk", "plan", "tenure")
_MARGIN = (
    3_600.0  # EUR that a customer kept is taken to be worth, about a year's margin: stated, not measured
)
_REACH = 0.2  # share of those considered whom the team can serve: about as many as are in the middle class


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _uplift(company: Company) -> saves.SaveUplift:
    cells = save_offer_cells(
        company.table("save_offers"), subscriptions=survival.spells(company), as_of=LAST, cues=_CUES
    )
    return saves.save_uplift(cells)


@lru_cache(maxsize=1)
def _policies(company: Company) -> saves.SavePolicies:
    found = _uplift(company)
    return saves.save_policies(found, margin=_MARGIN, capacity=int(_REACH * found.trial.rows.sum()))


def _change(company: Company, *, risk: str) -> Estimate:
    rows = _uplift(company).by_class
    own = rows[rows["class"] == f"{risk} risk"]
    if own.empty:
        raise DesignError(f"nobody of {risk} risk was considered")
    return Estimate.of(own)


def _accepting(company: Company, *, risk: str) -> Estimate:
    """Return the share of offers accepted, as it stands in the counts."""
    cells = _uplift(company).cells.table
    own = cells[(cells["class"] == f"{risk} risk") & (cells["offer"] != NO_OFFER)]
    share = wilson(own["accepted"].sum(), own["n"].sum())
    return Estimate(float(share.estimate), float(share.conf_low), float(share.conf_high))


@lru_cache(maxsize=1)
def _points(halden: Halden) -> pd.Series[float]:
    """Return by how much an offer truly changes the share that leaves, by class of risk."""
    offers = Oracle(halden).save_offers()
    left = offers.assign(name=offers["risk"] + " risk").groupby("name")[["left_with", "left_without"]].mean()
    change: pd.Series[float] = left["left_with"] - left["left_without"]
    return change


def _true_change(oracle: Oracle, *, risk: str) -> float:
    return float(_points(oracle.halden)[f"{risk} risk"])


def _worth(company: Company) -> Floats:
    """Return what an offer is truly worth to a customer of each cell, EUR (x)."""
    points = _points(halden_behind(company))
    change = [points[name] for name in _uplift(company).trial.classes]
    worth: Floats = -_MARGIN * np.array(change) - SAVE_OFFER_COST
    return worth


def _served(company: Company) -> dict[str, Floats]:
    """Return whom each rule makes an offer, learned without each fold, as shares (x, f)."""
    trial = _uplift(company).trial
    reach = _policies(company).reach
    gain = _MARGIN * trial.kept - SAVE_OFFER_COST
    return {
        BY_RISK: top_share(trial.risk, trial.rows, reach),
        BY_UPLIFT: top_share(gain, trial.rows, reach, at_least=0.0),
    }


def _earned(company: Company, gives: Floats) -> float:
    """Return what a rule truly earns per customer considered."""
    rows = _uplift(company).trial.rows
    return float((gives * rows * _worth(company)[:, None]).sum() / rows.sum())


def _value(company: Company, *, quantity: str, rule: str) -> Estimate:
    rows = _policies(company).of(quantity)
    return Estimate.of(rows[rows["rule"] == rule])


def _true_value(oracle: Oracle) -> float:
    company = company_of(oracle.halden)
    return _earned(company, _served(company)[BY_UPLIFT])


def _true_gap(oracle: Oracle) -> float:
    company = company_of(oracle.halden)
    served = _served(company)
    return _earned(company, served[BY_UPLIFT] - served[BY_RISK])


def _best(oracle: Oracle) -> float:
    """Return what the best rule within reach would earn, which knows the true change of each class."""
    company = company_of(oracle.halden)
    rows, worth = _uplift(company).trial.rows.sum(axis=1), _worth(company)
    gives = top_share(worth, rows, _policies(company).reach, at_least=0.0)
    return float((gives * rows * worth).sum() / rows.sum())


def _chosen(company: Company, *, rule: str) -> Estimate:
    """Return what a rule learned from the whole trial truly earns per customer considered."""
    trial, rows = _uplift(company).trial, _uplift(company).trial.rows.sum(axis=1)
    if rule == BY_UPLIFT:
        gives = _policies(company).plan["share_offered"].to_numpy()
    else:
        risk = np.average(trial.risk, axis=1)
        gives = top_share(risk, rows, _policies(company).reach)
    return Estimate(float((gives * rows * _worth(company)).sum() / rows.sum()))


def _change_row(risk: str, why: str) -> Row:
    points = _LEAVING.save_points[RISKS.index(risk)]
    return Row(
        name=f"Save offers by lot: {risk} risk",
        notebook="05",
        planted=f"{100 * points:+g} points" if points else "no change",
        unit="share that leaves within six months",
        no_effect=0.0,
        world="default",
        yardstick=None if points else max(map(abs, _LEAVING.save_points)),
        estimate=partial(_change, risk=risk),
        truth=partial(_true_change, risk=risk),
        # the interval allows for whom of the class an offer happens to move, which differs by company
        target="population",
        why=why,
    )


def _accepting_row(risk: str) -> Row:
    share = _LEAVING.save_accepted[RISKS.index(risk)]
    return Row(
        name=f"Save offers accepted: {risk} risk",
        notebook="05",
        planted=f"{100 * share:g} %",
        unit="share of those offered",
        no_effect=0.0,
        world="default",
        estimate=partial(_accepting, risk=risk),
        truth=partial(planted, value=share),
        why="A share of the counts; to accept is not yet to stay.",
    )


def _choice_row(rule: str, why: str) -> Row:
    return Row(
        name=f"Choosing whom to make a save offer: {rule}",
        notebook="05",
        planted="changes by class of risk, a team for a fifth of those considered",
        unit="EUR a customer considered",
        no_effect=0.0,
        world="default",
        kind="decision" if rule == BY_UPLIFT else "naive",
        estimate=partial(_chosen, rule=rule),
        truth=_best,
        why=why,
    )


def _value_row(name: str, quantity: str, rule: str, truth: Callable[[Oracle], float], why: str) -> Row:
    return Row(
        name=name,
        notebook="05",
        planted=f"changes by class of risk; a customer kept is worth EUR {_MARGIN:,.0f}",
        unit="EUR a customer considered",
        no_effect=0.0,
        world="default",
        estimate=partial(_value, quantity=quantity, rule=rule),
        truth=truth,
        why=why,
    )


_VALUED = "Valued off-policy, fold by fold; the truth is what these very rules would earn."
_WIDE = (
    f"{_VALUED} The interval also allows, in full, for a rule learned from one lot alone, and covers more "
    "often than it says."
)
_LITTLE = f"{_VALUED} A lot of this size often leaves the difference open."

#: What an offer changes and who accepts it by class of risk, what rules earn, and what they forgo.
SAVES: tuple[Row, ...] = (
    _change_row("high", "They have made up their minds. The bias is measured by the largest change planted."),
    _change_row("middle", "Six points less, or fewer for those who would hardly have left."),
    _change_row("low", "Sleeping dogs: the call itself drives them away. Two points are hard to see."),
    *(_accepting_row(risk) for risk in RISKS),
    _value_row("What save offers by uplift earn", "value", BY_UPLIFT, _true_value, _WIDE),
    _value_row(
        "What save offers by uplift earn more than by risk", "difference", BY_RISK, _true_gap, _LITTLE
    ),
    _choice_row(BY_UPLIFT, "What is forgone is held against the best rule, which knows the true changes."),
    _choice_row(BY_RISK, "Most of those at the highest risk leave with an offer as they do without one."),
)
