"""How long customers stay, for what they leave, and what changes it: true curves from true hazards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from cemlab.errors import OptionError, one_of
from cemlab.simulate.customers.at_risk import AtRisk
from cemlab.simulate.customers.members import LONGEST_TENURE
from cemlab.simulate.halden import Halden
from cemlab.simulate.state import ACQUISITION, AS_IT_WAS, CAUSES, PLANS, TYPES, Members, Scenario
from cemlab.simulate.streams import Ints
from cemlab.simulate.timeline import DAYS, MONTH_DAYS
from cemlab.simulate.worth import lifetime

Trait = Literal["plan", "type", "acquisition_channel"]

_WILLING = (0, 1)  # codes of the causes of leaving by one's own will
_TRAITS: dict[str, tuple[str, ...]] = {"plan": PLANS, "type": TYPES, "acquisition_channel": ACQUISITION}
#: Days of the longest contract there can be.
_LONGEST = int(LONGEST_TENURE * MONTH_DAYS) + DAYS + 1


class TrueCurves:
    """The true curves of one company.

    Parameters
    ----------
    halden
        The company.
    """

    def __init__(self, halden: Halden) -> None:
        self.halden = halden

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
        refuse_unknown(of, _TRAITS, "trait")
        refuse_unknown(cause, CAUSES[:-1], "cause of leaving")
        for value in (level, reference):
            refuse_unknown(value, _TRAITS[of], f"{of.replace('_', ' ')}")
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
        for arm, scenario in enumerate((Scenario(onboarding="none"), Scenario(onboarding="all"))):
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

    def lifetime(self, *, horizon: int = 1826, discount: float = 0.08) -> pd.DataFrame:
        """Return how long customers stay from joining on, discounted, and what 1 % more retention adds.

        The curve is that of :meth:`retention`: true hazards of those under observation at each length of
        contract, late entry included; beyond the months of the data those who joined before them tell. An
        estimate from the same spells with the same horizon differs from this by chance alone.

        Parameters
        ----------
        horizon
            Days of contract after which nothing counts; five years unless told otherwise.
        discount
            Share a year by which a month is worth less.

        Returns
        -------
        pandas.DataFrame
            ``quantity``, ``truth``, ``unit``: ``"months"`` and ``"discounted months"`` as a customer, and
            ``"elasticity to retention"``: per cent that the discounted months gain where each year's
            retention is one per cent (not a point) higher.
        """
        watched = AtRisk(horizon)
        self._watch(watched)
        return lifetime(watched, horizon=horizon, discount=discount)

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


def _trait(members: Members, name: str) -> Ints:
    return {"plan": members.plan, "type": members.type, "acquisition_channel": members.acquisition}[name]


def _newcomers(members: Members, group: int) -> Ints:
    """Return the number of a group for those who joined within the data, and −1 for the others."""
    return np.where(members.joined >= 0, group, -1)


def refuse_unknown(value: str, allowed: Iterable[str], what: str) -> None:
    """Refuse a name that is none of those allowed; the line lists them."""
    names = list(allowed)
    if value not in names:
        raise OptionError(one_of(value, names, what=what))
