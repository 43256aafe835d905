"""The oracle: what would have happened. For check cells and tests; nothing that estimates may read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.errors import OptionError, one_of
from cemlab.simulate.buying.campaigns import KINDS, campaign_chances
from cemlab.simulate.customers.at_risk import AtRisk
from cemlab.simulate.customers.members import LONGEST_TENURE
from cemlab.simulate.halden import Halden
from cemlab.simulate.opening import halden_of
from cemlab.simulate.replay import BRANCH_OUTCOMES, CUSTOMER_OUTCOMES, Replay, replay
from cemlab.simulate.state import ACQUISITION, AS_IT_WAS, CAUSES, PLANS, RISKS, TYPES, Members, Scenario
from cemlab.simulate.streams import Ints
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, month_dates

if TYPE_CHECKING:
    from cemlab.data.company import Company

Cause = Literal["training", "training everywhere", "cx", "recession", "save offers", "onboarding"]
Trait = Literal["plan", "type", "acquisition_channel"]
By = Literal["company", "branch", "month", "branch_month", "customer"]

# What is done, and what it is compared with.
_CONTRASTS: dict[Cause, tuple[Scenario, Scenario]] = {
    "training": (AS_IT_WAS, Scenario(training="none")),
    "training everywhere": (Scenario(training="all"), Scenario(training="none")),
    "cx": (Scenario(cx=1.0), AS_IT_WAS),
    "recession": (AS_IT_WAS, Scenario(recession=False)),
    "save offers": (Scenario(save_offer="all"), Scenario(save_offer="none")),
    "onboarding": (Scenario(onboarding="all"), Scenario(onboarding="none")),
}
_SIX_MONTHS = 182
_WILLING = (0, 1)  # codes of the causes of leaving by one's own will
_TRAITS: dict[str, tuple[str, ...]] = {"plan": PLANS, "type": TYPES, "acquisition_channel": ACQUISITION}
#: Days of the longest contract there can be.
_LONGEST = int(LONGEST_TENURE * MONTH_DAYS) + DAYS + 1


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


class Oracle:
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
        self.halden = halden
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
            ``"save offers"``: everybody considered gets one against nobody. ``"onboarding"``: every new
            customer against none.
        on
            The outcome; by branch or month one of :data:`cemlab.simulate.replay.BRANCH_OUTCOMES`, by customer
            one of :data:`cemlab.simulate.replay.CUSTOMER_OUTCOMES`, for the company any of them.
        by
            What one row is.

        Notes
        -----
        Profit is that of the branches' books: margin less pay, training and house, and less save offers,
        onboarding and campaigns. Messages, questionnaires and the minutes of contacts are head office's and
        in no branch's books; a cause that changes them changes more money than is counted here.

        Raises
        ------
        OptionError
            If there is no such cause, outcome or grouping; the line lists those there are.
        """
        _check(cause, _CONTRASTS, "cause")
        _check(by, get_args(By), "grouping")
        done, not_done = (self.replay(scenario) for scenario in _CONTRASTS[cause])
        if by == "customer" or (by == "company" and on not in BRANCH_OUTCOMES):
            _check(on, CUSTOMER_OUTCOMES, "outcome of a customer")
            numbers = np.arange(len(done.branch)) + 1
            keys = pd.DataFrame({"customer": [f"C{number:07d}" for number in numbers]})
            values = [run.by_customer(on) for run in (done, not_done)]
        else:
            _check(on, BRANCH_OUTCOMES, "outcome of a branch")
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

    def retention(self, *days: int) -> pd.DataFrame:
        """Return the true share of customers still there after so many days of contract.

        The true hazards of those then under observation are averaged at each length of contract, late entry
        included; an estimate from the same spells differs from this by chance alone.

        Parameters
        ----------
        *days
            Lengths of contract.

        Returns
        -------
        pandas.DataFrame
            ``time`` [days], ``truth`` [share still there].
        """
        watched = AtRisk(max(days))
        self._watch(watched)
        return pd.DataFrame({"time": days, "truth": watched.retention(np.array(days))})

    def incidence(self, *days: int) -> pd.DataFrame:
        """Return the true share of customers gone for each cause after so many days of contract.

        As :meth:`retention`; the shares of all causes add up to what that says is gone.

        Parameters
        ----------
        *days
            Lengths of contract.

        Returns
        -------
        pandas.DataFrame
            ``cause``, ``time`` [days], ``truth`` [share gone for it].
        """
        watched = AtRisk(max(days))
        self._watch(watched)
        truth = watched.incidence(np.array(days))
        causes = CAUSES[: len(truth)]
        return pd.DataFrame(
            {
                "cause": np.repeat(causes, len(days)),
                "time": np.tile(days, len(causes)),
                "truth": truth.ravel(),
            }
        )

    def hazard_ratio(self, of: Trait, *, cause: str, level: str, reference: str) -> float:
        """Return the true hazard ratio of a cause among those still there, which frailty draws nearer to one.

        True hazards of both are averaged over those at risk at each length of contract who are alike in the
        other traits, and compared by Mantel and Haenszel's weights. What was planted holds for one and the
        same customer.

        Parameters
        ----------
        of
            The trait: ``"plan"``, ``"type"`` or ``"acquisition_channel"``.
        cause
            Of leaving.
        level, reference
            Two values of it.

        Raises
        ------
        OptionError
            If there is no such trait, cause or value; the line lists those there are.
        """
        _check(of, _TRAITS, "trait")
        _check(cause, CAUSES[:-1], "cause of leaving")
        for value in (level, reference):
            _check(value, _TRAITS[of], f"{of.replace('_', ' ')}")
        others = [name for name in _TRAITS if name != of]
        pair = [_TRAITS[of].index(value) for value in (reference, level)]

        def coded(members: Members) -> Ints:
            own, first, second = (_trait(members, name) for name in (of, *others))
            alike = first * len(_TRAITS[others[1]]) + second
            return np.where(np.isin(own, pair), 2 * alike + (own == pair[1]), -1)

        cells = len(_TRAITS[others[0]]) * len(_TRAITS[others[1]])
        watched = AtRisk(_LONGEST, 2 * cells)
        self._watch(watched, coded)
        return watched.ratio([CAUSES.index(cause)])

    def onboarding(self, horizon: int) -> pd.DataFrame:
        """Return what onboarding every new customer changes against onboarding none.

        Parameters
        ----------
        horizon
            Days of contract within which time gained is counted.

        Returns
        -------
        pandas.DataFrame
            ``quantity``, ``truth``: ``"hazard ratio"`` of leaving by one's own will while it acts, averaged
            over those then at risk either way, and ``"days gained"`` as a customer within the horizon,
            whatever one leaves for.
        """
        watched = AtRisk(horizon, 2)
        for arm, scenario in enumerate(reversed(_CONTRASTS["onboarding"])):
            self._watch(watched, partial(_newcomers, group=arm), scenario)
        acts = round(self.halden.world.leaving.onboarding_months * MONTH_DAYS)
        held_back, onboarded = watched.curves()
        gained = np.trapezoid(onboarded - held_back)
        return pd.DataFrame(
            {
                "quantity": ["hazard ratio", "days gained"],
                "truth": [watched.ratio(_WILLING, days=acts), float(gained)],
            }
        )

    def _watch(
        self,
        watched: AtRisk,
        coded: Callable[[Members], Ints] | None = None,
        scenario: Scenario = AS_IT_WAS,
    ) -> None:
        """Add all customers under a scenario, in the groups that they are coded into."""
        network = self.halden.network(scenario)
        for block in self.halden.blocks():
            members = self.halden.members(network, block)
            lives = self.halden.lives(network, members, scenario)
            group = None if coded is None else coded(members)
            watched.add(self.halden.world, members, lives, group=group, scenario=scenario)

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
        was = self.replay(AS_IT_WAS)
        rows = np.flatnonzero(was.considered)
        day = was.considered_day[rows]
        frame = pd.DataFrame(
            {
                "customer": [f"C{row + 1:07d}" for row in rows],
                "date": day,
                "risk": np.array(RISKS)[was.risk[rows]],
                "offered": was.offered[rows],
            }
        )
        for name, run in (("without", without), ("with", offered)):
            willing = run.cause[rows] < 2
            frame[f"left_{name}"] = willing & (run.exit[rows] <= day + _SIX_MONTHS)
            frame[f"margin_{name}"] = run.by_customer("margin")[rows]
        return frame

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


def _trait(members: Members, name: str) -> Ints:
    return {"plan": members.plan, "type": members.type, "acquisition_channel": members.acquisition}[name]


def _newcomers(members: Members, group: int) -> Ints:
    """Return the number of a group for those who joined within the data, and −1 for the others."""
    return np.where(members.joined >= 0, group, -1)


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


def _check(value: str, allowed: Iterable[str], what: str) -> None:
    names = list(allowed)
    if value not in names:
        raise OptionError(one_of(value, names, what=what))
