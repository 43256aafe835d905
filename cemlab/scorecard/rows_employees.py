"""Rows on the staff: who lifts whom, who makes the experience of a contact, and who leaves (notebook 10)."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from cemlab import employees
from cemlab.employees.mirror_rows import (
    CORRECTED,
    CUSTOMERS_FIRST,
    MEMORY,
    PLAIN,
    STAFF_FIRST,
    TRADITIONAL,
)
from cemlab.scorecard.row import BRANCHES_AS_PLANTED, Estimate, Row, planted, row_of_notebook
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden

_PLAN = WORLDS["default"].network
_SERVICE = WORLDS["default"].service
_PATHS = {
    STAFF_FIRST: _PLAN.engagement_experience,
    CUSTOMERS_FIRST: _PLAN.experience_engagement,
    MEMORY: _PLAN.engagement_memory,
}
_LASTING = "the person's part of what lasts"


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _mirror(company: Company) -> employees.Mirror:
    return employees.mirror(
        employees.engagement_months(company),
        persons=employees.person_months(company),
        halves=("cx_a", "cx_b"),
    )


def _path(company: Company, *, path: str, way: str) -> Estimate:
    row = _mirror(company).row(path, way=way)
    return Estimate(*(float(row[name]) for name in ("estimate", "conf_low", "conf_high")))


@lru_cache(maxsize=1)
def _leaving(company: Company) -> employees.PeopleLeaving:
    return employees.people_leaving(company, by=None)


def _ratio(company: Company) -> Estimate:
    return Estimate(*map(math.log, _leaving(company).ratio.values()))


def _ratio_a_month_later(company: Company) -> Estimate:
    found = employees.people_leaving(company, by=None, months_before=1)
    return Estimate(*map(math.log, found.ratio.values()))


def _share(company: Company) -> Estimate:
    return Estimate(*_leaving(company).share.values())


def _true_share(oracle: Oracle) -> float:
    """Return the mean chance to leave within a month of those who were there."""
    network = oracle.halden.network()
    plan = oracle.halden.world.network
    hazard = plan.leaving * plan.leaving_per_engagement ** network.score[network.roster >= 0]
    return float(-np.expm1(-hazard).mean())


@lru_cache(maxsize=1)
def _made(company: Company) -> employees.WhoMakesIt:
    # matters and channels are left in, as they are part of all that varies in the truth
    return employees.who_makes_it(company, controls=())


def _part(company: Company, *, part: str) -> Estimate:
    table = _made(company).table
    return Estimate.of(table[table["part"] == part])


@lru_cache(maxsize=1)
def _true_shares(halden: Halden) -> dict[str, float]:
    frame = Oracle(halden).variance_shares()
    shares = dict(zip(frame["part"], frame["share"], strict=True))
    return {**shares, _LASTING: shares["employee"] / (shares["employee"] + shares["branch"])}


def _true_part(oracle: Oracle, *, part: str) -> float:
    return _true_shares(oracle.halden)[part]


def _mirror_row(name: str, path: str, why: str, *, way: str = CORRECTED) -> Row:
    return Row(
        name=f"Mirror: {name}",
        notebook="10",
        planted=f"{_PATHS[path]:g}",
        unit="share left next month" if path == MEMORY else "SD per SD",
        no_effect=0.0,
        world="default",
        kind="estimate" if way == CORRECTED else "naive",
        estimate=partial(_path, path=path, way=way),
        truth=partial(planted, value=_PATHS[path]),
        why=why,
    )


_row = partial(row_of_notebook, notebook="10")

_LOG = math.log(_PLAN.leaving_per_engagement)
_RATIO = f"hazard ratio {_PLAN.leaving_per_engagement:g} per SD of engagement"
_SKILL = f"skill of SD {_PLAN.skill_sd:g}, and what engagement for good adds"
_LEVEL = (
    f"{_SERVICE.contact_experience:g} times what branches differ by: SD {_PLAN.branch_sd:g}, and "
    f"{_PLAN.affluence_experience:g} per SD of affluence"
)
_PERSONS = "The interval allows for which persons there happen to be."

#: Both paths and the memory, shares of persons and branches in contacts, who leaves, and what misleads.
EMPLOYEES: tuple[Row, ...] = (
    _mirror_row(
        "engagement lifts experience, same month",
        STAFF_FIRST,
        "Within branches and months, from the branches' own panel.",
    ),
    _mirror_row(
        "experience lifts engagement, next month",
        CUSTOMERS_FIRST,
        "From the same persons month by month; the error of the score is taken out by its halves.",
    ),
    _mirror_row(
        "engagement carried over, next month",
        MEMORY,
        "From the same persons month by month, the pull of short stays taken out.",
    ),
    _mirror_row(
        "engagement lifts experience, no levels of branches",
        STAFF_FIRST,
        "The traditional cross-lagged model: branches that please have a lasting level of engagement too.",
        way=TRADITIONAL,
    ),
    _mirror_row(
        "experience lifts engagement, no levels of branches",
        CUSTOMERS_FIRST,
        "The traditional cross-lagged model: levels that last are taken for what follows.",
        way=TRADITIONAL,
    ),
    _mirror_row(
        "engagement carried over, uncorrected",
        MEMORY,
        "Levels of persons from a few months each draw what carries over towards nought.",
        way=PLAIN,
    ),
    _row(
        "Contacts: share of the person who serves",
        _SKILL,
        "share of the variance",
        partial(_part, part="person"),
        partial(_true_part, part="employee"),
        _PERSONS,
        target="population",
    ),
    _row(
        "Contacts: share of the branch",
        _LEVEL,
        "share of the variance",
        partial(_part, part="branch"),
        partial(_true_part, part="branch"),
        BRANCHES_AS_PLANTED,
        target="population",
    ),
    _row(
        f"Contacts: {_LASTING}",
        f"{_SKILL}; {_LEVEL}",
        "share of persons and branches",
        partial(_part, part="person, of what lasts"),
        partial(_true_part, part=_LASTING),
        BRANCHES_AS_PLANTED,
        target="population",
    ),
    _row(
        "People leaving: a unit more engagement",
        _RATIO,
        "log hazard ratio",
        _ratio,
        partial(planted, value=_LOG),
        "Engagement read on the first of the month in which people may leave.",
    ),
    _row(
        "People leaving: engagement of the month before",
        _RATIO,
        "log hazard ratio",
        _ratio_a_month_later,
        partial(planted, value=_LOG),
        "A mood a month old tells less of who leaves.",
        kind="naive",
    ),
    _row(
        "People leaving: share in a month",
        f"{100 * _PLAN.leaving:g} % at average engagement, {_RATIO}",
        "share of the staff",
        _share,
        _true_share,
        "The truth is the mean chance of all who were there.",
    ),
)
