"""What training changes in the hours of service, measured in a company's own contacts."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.fitted import Fitted, fitted_together
from cemlab.business_case.roles import ROLES
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.evidence import Evidence

Floats = npt.NDArray[np.float64]


class RoadResult(Protocol):
    """Changes of several outcomes by the training, and the same per unit of a dose."""

    @property
    def table(self) -> pd.DataFrame:
        """Outcome, unit, per_dose, a row each."""

    @property
    def evidence(self) -> Evidence:
        """What they rest on."""

    @property
    def dose(self) -> str:
        """The column of the dose, empty if there was none."""

    @property
    def covariance(self) -> Floats:
        """(outcomes, outcomes) of per_dose, in the units of the table."""


def service_entries(
    road: RoadResult,
    *,
    handling: str = "handle_seconds",
    resolved: str = "resolved",
    source: str = "",
    owner: str = "",
) -> tuple[Fitted, ...]:
    """Take what training changes in handling time and in what is resolved from a company's own contacts.

    A range that somebody remembers from "before and after" books a cost of service even where training
    changes nothing; what was measured against branches not trained does not.

    Parameters
    ----------
    road
        :func:`cemlab.training.on_the_way` of both outcomes, handling time logged, with the share of the
        contacts that trained people served as its dose: the chain counts trained people, so it asks for the
        change by a trained person, not for that of a branch of which a part is trained.
    handling, resolved
        The outcomes.
    source, owner
        Of both entries; the source is that of the result if none is given.

    Returns
    -------
    tuple of Fitted
        ``"training → handling time"`` [relative change] and ``"training → resolved at first contact"``
        [difference of shares], drawn together, of the grade of the result. They take the place of assumptions
        of these names: ``ledger.plus(*…)``.

    Raises
    ------
    ColumnError
        If the result has no such outcome.
    DesignError
        If it has no dose, or handling time was not logged or the share resolved was.

    Notes
    -----
    From the panel of branches to the ledger::

        panel = branch_panel(company, service=True)
        panel["served"] = panel["trained_contacts"] / panel["contacts"]
        road = on_the_way(panel, outcomes=["handle_seconds", "resolved"], logged=["handle_seconds"],
                          dose="served")
        ledger = ledger.plus(*service_entries(road))

    Both are drawn as a normal distribution.
    """
    names = [str(name) for name in road.table["outcome"]]
    for name in (handling, resolved):
        if name not in names:
            raise ColumnError(one_of(name, names, what="outcome of the result"))
    if not road.dose:
        raise DesignError(
            "the result says what training changed in branches of which a part was trained; give "
            "on_the_way(…, dose=) the share of contacts that trained people served, for the change by each"
        )
    table = road.table.iloc[[names.index(handling), names.index(resolved)]]
    units = table["unit"].tolist()
    if units != ["%", ""]:
        raise DesignError(
            f"{handling!r} is to be logged and {resolved!r} is not: logged=[{handling!r}]; the chain asks "
            "for a relative change and for a difference of shares"
        )
    scale = np.array([0.01, 1.0])  # handling time stands in the table in %
    places = [names.index(handling), names.index(resolved)]
    covariance = np.asarray(road.covariance)[np.ix_(places, places)]
    return fitted_together(
        [ROLES["handling time"].item, ROLES["resolved gain"].item],
        units=["relative change", "difference of shares"],
        estimate=scale * table["per_dose"].to_numpy(dtype=float),
        covariance=covariance * np.outer(scale, scale),
        source=source or road.evidence.source or road.evidence.design,
        owner=owner,
        grade=road.evidence.grade,
    )
