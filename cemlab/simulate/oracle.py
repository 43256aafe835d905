"""The oracle: what would have happened. For check cells and tests; nothing that estimates may read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.simulate.buying.campaigns import KINDS, campaign_chances
from cemlab.simulate.by_lot import fee_outcomes, save_offer_outcomes
from cemlab.simulate.halden import Halden
from cemlab.simulate.opening import halden_of
from cemlab.simulate.people_truths import engagement_paths, variance_parts
from cemlab.simulate.replay import BRANCH_OUTCOMES, CUSTOMER_OUTCOMES, Replay, replay
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.timeline import month_dates
from cemlab.simulate.true_curves import TrueCurves, refuse_unknown
from cemlab.simulate.worth import leaving_per_point, value_of_a_point

if TYPE_CHECKING:
    from cemlab.data.company import Company

Cause = Literal["training", "training everywhere", "cx", "recession", "save offers", "fees", "onboarding"]
By = Literal["company", "branch", "month", "branch_month", "customer"]

# What is done, and what it is compared with.
_CONTRASTS: dict[Cause, tuple[Scenario, Scenario]] = {
    "training": (AS_IT_WAS, Scenario(training="none")),
    "training everywhere": (Scenario(training="all"), Scenario(training="none")),
    "cx": (Scenario(cx=1.0), AS_IT_WAS),
    "recession": (AS_IT_WAS, Scenario(recession=False)),
    "save offers": (Scenario(save_offer="all"), Scenario(save_offer="none")),
    "fees": (Scenario(fees="all"), Scenario(fees="none")),
    "onboarding": (Scenario(onboarding="all"), Scenario(onboarding="none")),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Effect:
    """A true effect on one very company.

    Parameters
    ----------
    cause, outcome, unit
        What does what, and in which unit. Members of a branch or of the company are added up over the months:
        their unit is then a member-month, and that of `total` always is.
    table
        One row a unit of `by` (one row for the company): its key, ``with`` and ``without`` the cause, and
        ``effect``, their difference.
    total
        The effect on the company as a whole: the sum for money, members, customers and months as a
        customer; the mean over branch-months for the experience.
    """

    cause: Cause
    outcome: str
    unit: str
    table: pd.DataFrame
    total: float


class Oracle(TrueCurves):
    """What would have happened to a simulated company.

    Parameters
    ----------
    halden
        The company.

    Examples
    --------
    >>> oracle = Oracle(Halden(customers=500))
    >>> bool(oracle.effect("cx", on="experience").total == 1.0)
    True
    """

    def __init__(self, halden: Halden) -> None:
        super().__init__(halden)
        self.replay = lru_cache(maxsize=8)(self._replay)

    @classmethod
    def of(cls, company: Company) -> Oracle:
        """Return the oracle of an opened company.

        Raises
        ------
        DesignError
            If the company is not a simulated one: of a real one there is no truth to be had.
        """
        return cls(halden_of(company))

    def _replay(self, scenario: Scenario) -> Replay:
        return replay(self.halden, scenario)

    def effect(self, cause: Cause, *, on: str, by: By = "company") -> Effect:
        """Return the true effect of a cause on an outcome, as the difference of two replays.

        Parameters
        ----------
        cause
            ``"training"``: what was done against nobody trained. ``"training everywhere"``: every branch
            trained in the first wave's month against none. ``"cx"``: one SD more experience for every
            customer in every month against what was; it falls from the sky, so that the staff's engagement,
            which would follow the experience, stays as it was. ``"recession"``: with it against without.
            ``"save offers"``: everybody considered gets one against nobody. ``"fees"``: every fee that fell
            due charged against all waived. ``"onboarding"``: every new customer against none.
        on
            The outcome; by branch or month one of :data:`cemlab.simulate.replay.BRANCH_OUTCOMES`, by customer
            one of :data:`cemlab.simulate.replay.CUSTOMER_OUTCOMES`, for the company any of them.
        by
            What one row is.

        Notes
        -----
        Profit is that of the branches' books: margin and fees less pay, training and house, and less save
        offers, onboarding and campaigns. Messages, questionnaires and the minutes of contacts are head
        office's and in no branch's books; a cause that changes them changes more money than is counted here.

        Raises
        ------
        OptionError
            If there is no such cause, outcome or grouping; the line lists those there are.
        """
        refuse_unknown(cause, _CONTRASTS, "cause")
        refuse_unknown(by, get_args(By), "grouping")
        done, not_done = (self.replay(scenario) for scenario in _CONTRASTS[cause])
        if by == "customer" or (by == "company" and on not in BRANCH_OUTCOMES):
            refuse_unknown(on, CUSTOMER_OUTCOMES, "outcome of a customer")
            numbers = np.arange(len(done.branch)) + 1
            keys = pd.DataFrame({"customer": [f"C{number:07d}" for number in numbers]})
            values = [run.by_customer(on) for run in (done, not_done)]
        else:
            refuse_unknown(on, BRANCH_OUTCOMES, "outcome of a branch")
            keys = self._branch_months()
            values = [run.by_branch_month(on).ravel() for run in (done, not_done)]
        table = keys.assign(**{"with": values[0], "without": values[1]})
        table = _gathered(table, by, mean=on == "experience")
        table["effect"] = table["with"] - table["without"]
        effect = table["effect"]
        return Effect(
            cause=cause,
            outcome=on,
            unit=_unit(on, by),
            table=table,
            total=float(effect.mean() if on == "experience" else effect.sum()),
        )

    def _branch_months(self) -> pd.DataFrame:
        branches = [f"B{number:02d}" for number in range(1, self.halden.world.network.branches + 1)]
        months = month_dates()
        return pd.DataFrame({"branch": np.repeat(branches, len(months)), "month": months * len(branches)})

    def save_offers(self) -> pd.DataFrame:
        """Return what would become of each customer considered for a save offer, without one and with one.

        Returns
        -------
        pandas.DataFrame
            ``customer``, ``date`` [days from the start of the data], ``risk``, ``offered`` [what was done],
            and the potential outcomes ``left_without``, ``left_with`` [by their own will within 182 days],
            ``margin_without``, ``margin_with`` [EUR over the data].
        """
        without, offered = (self.replay(Scenario(save_offer=who)) for who in ("none", "all"))
        return save_offer_outcomes(self.replay(AS_IT_WAS), without=without, offered=offered)

    def fees(self) -> pd.DataFrame:
        """Return what would become of each customer whose fee fell due, with it waived and with it charged.

        Returns
        -------
        pandas.DataFrame
            ``customer``, ``date`` [days from the start of the data], ``amount`` [EUR that fell due],
            ``charged`` [what was done], and the potential outcomes ``left_without``, ``left_with`` [by their
            own will within 182 days], ``margin_without``, ``margin_with`` [EUR over the data, of goods].
        """
        without, charged = (self.replay(Scenario(fees=who)) for who in ("none", "all"))
        return fee_outcomes(self.replay(AS_IT_WAS), without=without, charged=charged)

    def value_of_a_point(self) -> pd.DataFrame:
        """Return what one SD more experience is worth in the same month.

        The very same members in the same months, half an SD of experience up less half an SD down: nobody
        stays longer for it, and no fixed cost moves. Save offers, fees and campaigns stay as they were.

        Returns
        -------
        pandas.DataFrame
            ``quantity``, ``truth``, ``unit``: ``"margin"`` and ``"spend"`` [EUR a customer and month per SD],
            ``"log spend"`` [log of all customers' spending per SD].
        """
        return value_of_a_point(self.halden)

    def leaving_per_point(self) -> pd.DataFrame:
        """Return how the chance to leave within a month moves with one SD of experience in that month.

        Members as in :meth:`value_of_a_point`; save offers and fees apart.

        Returns
        -------
        pandas.DataFrame
            ``cause`` [``"willing"``: for a competitor or the price; ``"any"``], ``quantity`` [``"share"`` or
            ``"log share"``], ``truth``, ``unit``.
        """
        return leaving_per_point(self.halden)

    def variance_shares(self) -> pd.DataFrame:
        """Return how much of what is felt in contacts with people lies between employees, and branches.

        Between employees of a branch: their quality, and what their engagement and training add over all
        their months. Between branches: what customers meet with there, over all months. The rest is the
        customer, the month, the matter and the moment.

        Returns
        -------
        pandas.DataFrame
            ``part`` [``"employee"``, ``"branch"``, ``"rest"``], ``planted`` [variance of ``mean_affect`` that
            the world plants, where it is one number], ``variance`` [as realised], ``share`` [of all].
        """
        return variance_parts(self.halden)

    def engagement_paths(self) -> pd.DataFrame:
        """Return how engagement lifts experience in the same month, and experience engagement in the next.

        Returns
        -------
        pandas.DataFrame
            ``path``, ``when``, ``truth`` [SD per SD]; in the end means of an experience that lasts.
        """
        return engagement_paths(self.halden.world.network)

    def campaigns(self) -> pd.DataFrame:
        """Return each customer's chance to respond to each kind of campaign, without it and with it.

        Returns
        -------
        pandas.DataFrame
            One row a customer and kind: ``customer``, ``kind``, ``chance_without``, ``chance_with``,
            ``value`` [EUR that treating is worth, less its cost].
        """
        network = self.halden.network()
        frames = []
        for block in self.halden.blocks():
            members = self.halden.members(network, block)
            chances = campaign_chances(self.halden.world, self.halden.streams, members)
            frames.append(
                pd.DataFrame(
                    {
                        "customer": np.tile([f"C{number:07d}" for number in members.number], len(KINDS)),
                        "kind": np.repeat(KINDS, len(members)),
                        "chance_without": chances.without.ravel(),
                        "chance_with": chances.treated.ravel(),
                        "value": chances.value().ravel(),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)


def _unit(on: str, by: By) -> str:
    if on == "members" and by in ("company", "branch"):
        return "member-months"
    return (BRANCH_OUTCOMES | CUSTOMER_OUTCOMES)[on]


def _gathered(table: pd.DataFrame, by: By, *, mean: bool) -> pd.DataFrame:
    if by in ("branch_month", "customer"):
        return table
    values = ["with", "without"]
    if by == "company":
        whole = table[values].mean() if mean else table[values].sum()
        return whole.to_frame().T
    groups = table.groupby(by, sort=False)[values]
    return (groups.mean() if mean else groups.sum()).reset_index()
