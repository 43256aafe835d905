"""The chain, month by month: training → behaviour → experience → retention and spend → margin → cash flow.

All of it works on arrays of draws, (n) for each entry. Inside, months come first, so that a month's draws lie
side by side in memory; what comes out is turned round to (n, months).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.business_case.figures import Figures
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.roles import ROLES, Role, check_count, item_name, take
from cemlab.errors import DataError, DesignError, OptionError

Floats = npt.NDArray[np.float64]

MOST_MONTHS = 600
_LEAST = 1e-3  # of a hazard ratio
_MOST_A_POST = 1.2  # of trained persons: head counts move from month to month
_FEWEST = 1e-12  # posts: none at all have nobody trained


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A wave of the roll-out: when, and the entries that say how large it is.

    Parameters
    ----------
    month
        The month of the case in which people are trained, from 0.
    persons, posts, customers
        Items of the ledger: people trained, posts where they work, customers whom they serve; of the whole
        wave, or of one branch if `branches` is given.
    branches
        Item: how many branches the wave has.
    nearby
        Item: customers of branches near by that are not trained, whom the spill-over reaches; they are of the
        whole wave in any case.
    experience
        Item: what training changes in this wave, if it is not that of the role ``"experience"``.
    """

    month: int = 0
    persons: str = "persons trained"
    posts: str = "posts"
    customers: str = "customers"
    branches: str | None = None
    nearby: str | None = None
    experience: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Conditions:
    """What the months are like: multiples of what the ledger says, each (months) or (n, months).

    Parameters
    ----------
    leaving, other_leaving
        Of the shares of customers that leave in a month.
    purchases
        Of what customers spend.
    staff_leaving
        Of the pace at which trained people leave.
    refreshed
        Of the people whom a refresher trains; nought where its budget is cut.
    """

    leaving: npt.ArrayLike = 1.0
    other_leaving: npt.ArrayLike = 1.0
    purchases: npt.ArrayLike = 1.0
    staff_leaving: npt.ArrayLike = 1.0
    refreshed: npt.ArrayLike = 1.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            try:
                values = np.asarray(getattr(self, name), dtype=float)
            except (TypeError, ValueError) as error:
                raise DataError(f"conditions: {name}: {error}; give multiples as numbers") from error
            if values.ndim > 2 or not np.isfinite(values).all() or (values < 0).any():
                raise DataError(
                    f"conditions: {name} holds a multiple that is negative or not finite, or too many axes; "
                    "give one number, one a month, or (draws, months)"
                )

    def check(self, n: int, months: int) -> None:
        """Refuse multiples of other months or of other draws than those of the case.

        Raises
        ------
        DataError
            If there are any.
        """
        for name in self.__dataclass_fields__:
            shape = np.shape(getattr(self, name))
            if shape and shape[-1] != months:
                raise DataError(f"conditions: {name} has {shape[-1]} months; the case has {months}")
            if len(shape) == 2 and shape[0] != n:
                raise DataError(f"conditions: {name} has {shape[0]} draws; the figures have {n}")

    def columns(self, name: str, months: int) -> list[Any]:
        """Return one multiple for each month, a number or (n)."""
        values = np.asarray(getattr(self, name), dtype=float)
        return [values if values.ndim == 0 else values[..., month] for month in range(months)]

    def rows(self, start: int, stop: int) -> Conditions:
        """Return the multiples of some draws."""
        parts = {}
        for name in self.__dataclass_fields__:
            values = np.asarray(getattr(self, name), dtype=float)
            parts[name] = values[start:stop] if values.ndim == 2 else values
        return Conditions(**parts)


AS_IT_IS = Conditions()


@dataclass(frozen=True, eq=False, kw_only=True)
class Flows:
    """Cash of each draw and month, (n, months).

    Parameters
    ----------
    gains
        By name: of the chain, margin from customers who stay (``"retention"``) and from what customers buy
        more (``"spend"``); of the direct road, what the books show (``"books"``).
    cost
        Training, refreshers and back-filling, and what training changes in the hours of service; what is paid
        is positive.
    """

    gains: Mapping[str, Floats]
    cost: Floats

    @property
    def benefit(self) -> Floats:
        """All gains."""
        return np.asarray(sum(self.gains.values(), np.zeros_like(self.cost)))

    @property
    def net(self) -> Floats:
        """All gains less what they cost."""
        return np.asarray(self.benefit - self.cost)


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain:
    """The chain with the entries that it uses; it turns figures into flows.

    Parameters
    ----------
    items
        Role → item.
    waves
        The roll-out.
    months
        How long the case looks ahead.
    refresh_every
        Months between refreshers, in which those are trained who came for trained people; None for none.
    """

    items: Mapping[Role, str]
    waves: tuple[Wave, ...]
    months: int
    refresh_every: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    #: What must hold for its figures to mean what they say.
    assumptions = (
        "Training acts on customers through their experience alone.",
        "New customers take the place of those who would have left anyhow.",
        "Customers kept buy what the others buy.",
        "People who come for trained ones are not trained, but in a refresher.",
    )

    def used(self) -> tuple[str, ...]:
        """Return the items that enter, each once."""
        named = list(self.items.values())
        for wave in self.waves:
            own = (wave.persons, wave.posts, wave.customers, wave.branches, wave.nearby, wave.experience)
            named += [item for item in own if item is not None]
        if all(wave.experience is not None for wave in self.waves):
            named.remove(self.items["experience"])
        return tuple(dict.fromkeys(named))

    def links(self) -> tuple[tuple[str, str], ...]:
        """Return name and item of what somebody claims to change something: the links of the chain."""
        used = self.used()
        every = all(wave.experience is not None for wave in self.waves)
        found = [
            (role, item)
            for role, item in self.items.items()
            if ROLES[role].link and item in used and not (every and role == "experience")
        ]
        own = [(f"experience, wave {k}", w.experience) for k, w in enumerate(self.waves, 1)]
        return (*found, *((name, item) for name, item in own if item is not None))

    def rate(self, figures: Figures) -> Floats:
        """Return the yearly discount rate (n)."""
        return figures[self.items["capital"]]

    def flows(self, figures: Figures, conditions: Conditions = AS_IT_IS) -> Flows:
        """Return the cash of each month."""
        shape = (self.months, figures.n)
        total = Flows(gains={"retention": np.zeros(shape), "spend": np.zeros(shape)}, cost=np.zeros(shape))
        # what a normal distribution draws beyond what can be, is taken as the utmost that can be
        taken = {
            role: np.clip(figures[item], ROLES[role].kind.lowest, ROLES[role].kind.highest)
            for role, item in self.items.items()
        }
        for wave in self.waves:
            self._add(total, wave, figures, taken, conditions)
        return Flows(gains={name: gain.T for name, gain in total.gains.items()}, cost=total.cost.T)

    def _add(
        self,
        total: Flows,
        wave: Wave,
        figures: Figures,
        taken: Mapping[Role, Floats],
        conditions: Conditions,
    ) -> None:
        branches = figures[wave.branches] if wave.branches else 1.0
        customers = branches * figures[wave.customers]
        each = taken["fee"] + taken["hours"] * taken["back-filling"]
        posts = branches * figures[wave.posts]
        learnt, staff = self._people(total, wave, branches * figures[wave.persons], each, taken, conditions)
        full = figures[wave.experience] if wave.experience else taken["experience"]
        lift = np.asarray(learnt * (full / np.maximum(posts, _FEWEST)))
        if "service pay" in taken:
            total.cost[...] += taken["service pay"] * _service(taken) * staff
        self._customers(total, wave.month, customers, lift, taken, conditions)
        if wave.nearby and "spill-over" in taken:
            self._customers(
                total,
                wave.month,
                figures[wave.nearby],
                taken["spill-over"] * lift,
                taken,
                conditions,
            )

    def _people(
        self,
        total: Flows,
        wave: Wave,
        persons: Floats,
        each: Floats,
        taken: Mapping[Role, Floats],
        conditions: Conditions,
    ) -> tuple[Floats, Floats]:
        """Return trained people times what they have learnt, and trained people; book what they cost."""
        learnt, staff = np.zeros((2, self.months, len(each)))
        leave, come = (
            conditions.columns("staff_leaving", self.months),
            conditions.columns("refreshed", self.months),
        )
        pace, forgotten = 1 / taken["stay"], 1 / taken["half time"]
        # trained people, and those times what they have still to learn: every month that halves for all alike
        there, missing = np.zeros(len(each)), np.zeros(len(each))
        half = np.exp2(-forgotten)
        for month in range(wave.month, self.months):
            if month > wave.month:
                stays = np.exp(-pace * leave[month - 1])
                there, missing = there * stays, missing * stays * half
            if self._trains(month - wave.month):
                new = np.maximum(persons - there, 0.0) * (1.0 if month == wave.month else come[month])
                total.cost[month] += new * each
                there, missing = there + new, missing + new
            staff[month], learnt[month] = there, there - missing
        return learnt, staff

    def _trains(self, since: int) -> bool:
        return since == 0 or (self.refresh_every is not None and since % self.refresh_every == 0)

    def _customers(
        self,
        total: Flows,
        start: int,
        customers: Floats,
        lift: Floats,
        taken: Mapping[Role, Floats],
        conditions: Conditions,
    ) -> None:
        """Book the margin of customers who stay and of what they buy more."""
        hazards = [(taken["leaving"], self._log(taken, "experience on leaving"), "leaving")]
        if "other leaving" in taken:
            slope = self._log(taken, "experience on other leaving")
            hazards.append((taken["other leaving"], slope, "other_leaving"))
        paths = [(base, slope, conditions.columns(name, self.months)) for base, slope, name in hazards]
        purchases = conditions.columns("purchases", self.months)
        each = taken["spend"] * taken["margin"]
        kept = np.zeros_like(customers)
        for month in range(start, self.months):
            now = lift[month]
            before, after = 0.0, 0.0
            for base, slope, multiple in paths:
                usual = base * multiple[month]
                before, after = before + usual, after + usual * np.exp(slope * now)
            # whatever times are set, no more than all can leave
            before, after = np.minimum(before, 1.0), np.minimum(after, 1.0)
            # those who leave do so all over the month, so that it sees half of its own change
            next_kept = kept * (1 - after) + customers * (before - after)
            stay = (kept + next_kept) / 2
            more = np.expm1(taken["experience on purchases"] * now)
            worth = each * purchases[month]
            total.gains["retention"][month] += worth * stay
            total.gains["spend"][month] += worth * (customers + stay) * more
            kept = next_kept

    def _log(self, taken: Mapping[Role, Floats], role: Role) -> Floats:
        """Return the log hazard ratio; nought where the chain has no such link."""
        if role not in taken:
            return np.zeros_like(taken["leaving"])
        values = taken[role]
        return (
            values if self.units[self.items[role]].startswith("log") else np.log(np.maximum(values, _LEAST))
        )


def _service(taken: Mapping[Role, Floats]) -> Floats:
    """Return the relative change of the hours of service by a trained person: longer, and fewer come back."""
    before = 1 - (1 - taken["resolved"]) * taken["comes back"]
    after = 1 - (1 - taken["resolved"] - taken["resolved gain"]) * taken["comes back"]
    return np.asarray((1 + taken["handling time"]) * before / after - 1)


def build_chain(
    ledger: CaseLedger,
    *,
    waves: tuple[Wave, ...],
    months: int,
    roles: Mapping[Role, str],
    refresh_every: int | None,
) -> Chain:
    """Return the chain, its entries held to their units and ranges.

    Raises
    ------
    OptionError
        If months, the month of a wave or of refreshers are none.
    ColumnError, DesignError, DataError
        If an entry is missing or does not fit; see :func:`cemlab.business_case.roles.take`.
    """
    check_whole(months, "months", 1, MOST_MONTHS)
    if refresh_every is not None:
        check_whole(refresh_every, "refresh_every", 1, MOST_MONTHS)
    if not waves or not all(isinstance(wave, Wave) for wave in waves):
        raise DesignError("a case needs one Wave or more: who is trained, and when")
    for k, wave in enumerate(waves):
        check_whole(wave.month, "the month of a wave", 0, months - 1)
        if wave in waves[:k]:
            raise DesignError(
                f"a wave in month {wave.month} stands twice; count its people and customers once"
            )
        _check_sizes(ledger, wave)
    own = next((wave.experience for wave in waves if wave.experience), None)
    every = all(wave.experience for wave in waves)
    items = take(ledger, {**({"experience": own} if every and own else {}), **roles})
    if not any(wave.nearby for wave in waves):
        items.pop("spill-over", None)
    for wave in waves:
        if wave.experience:
            take(ledger, {**items, "experience": wave.experience})
    units = {item: ledger[item].unit for item in items.values()}
    return Chain(items=items, waves=waves, months=months, refresh_every=refresh_every, units=units)


def _check_sizes(ledger: CaseLedger, wave: Wave) -> None:
    for what in ("persons", "posts", "customers", "branches", "nearby"):
        if getattr(wave, what) is not None:
            check_count(ledger, getattr(wave, what), what)
    persons, posts = (ledger[item_name(item, "size")] for item in (wave.persons, wave.posts))
    if persons.ends[0] > _MOST_A_POST * posts.ends[1]:
        raise DataError(
            f"{persons.item!r} is {persons.ends[0]:g}, {posts.item!r} {posts.ends[1]:g}: each trained person "
            "fills a post, so there cannot be so many; both are of the wave, or both of a branch"
        )


def check_whole(value: object, what: str, lowest: int, highest: int) -> None:
    """Refuse what is no whole number within a range.

    Raises
    ------
    OptionError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value <= highest:
        raise OptionError(f"{what} is {value!r}; allowed: a whole number from {lowest} to {highest}")
