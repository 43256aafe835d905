"""Bad times with a name: a recession, a budget that is cut, staff that leaves faster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.cash import Model
from cemlab.business_case.chain import Chain, Conditions
from cemlab.business_case.entries import Standing
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.recession import Recession
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.markup import join_words

Floats = npt.NDArray[np.float64]

#: Entries of the ledger that say what a recession does, each as a multiple where it has fully arrived.
PRICE, RIVAL, PURCHASES = (
    "recession → leaving for the price",
    "recession → leaving for a competitor",
    "recession → purchases",
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Bad times, with a name. Its numbers are assumptions, and the case grades them so.

    Parameters
    ----------
    name
        As it stands in the table.
    recession
        Its path; how hard it hits is said by the ledger.
    cut
        The month from which there is no money for training: no refreshers, and no waves from then on.
    turnover
        Multiple of the pace at which trained people leave.
    turnover_from, turnover_for
        The month in which that begins, and how many months it lasts; None for to the end.

    Raises
    ------
    OptionError
        If a value is none.
    """

    name: str
    recession: Recession | None = None
    cut: int | None = None
    turnover: float = 1.0
    turnover_from: int = 0
    turnover_for: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise OptionError(f"name is {self.name!r}; allowed: a text by which the scenario is known")
        if self.recession is not None and not isinstance(self.recession, Recession):
            raise OptionError(
                f"{self.name!r}: recession is {self.recession!r}; allowed: Recession(…) or None"
            )
        for what, least in (("cut", 0), ("turnover_from", 0), ("turnover_for", 1)):
            value = getattr(self, what)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
            if not whole and not (value is None and what != "turnover_from"):
                raise OptionError(
                    f"{self.name!r}: {what} is {value!r}; allowed: whole months from {least} on"
                )
        if not isinstance(self.turnover, int | float) or not 0 <= self.turnover < math.inf:
            raise OptionError(f"{self.name!r}: turnover is {self.turnover!r}; allowed: a multiple from 0 on")


def usual_scenarios(months: int, *, recession: Recession | None = None) -> tuple[Scenario, ...]:
    """Return the bad times that a board asks about: each alone, and all at once.

    Parameters
    ----------
    months
        How far the case looks ahead.
    recession
        Its path; one from the first month, of a year, if not given.
    """
    usual = Recession(lasts=min(12, months)) if recession is None else recession
    long = replace(usual, lasts=2 * usual.lasts, depth=min(1.5 * usual.depth, 5.0))
    half = max(1, months // 2)
    return (
        Scenario(name="recession", recession=usual),
        Scenario(name="long and deep recession", recession=long),
        Scenario(name="training budget cut half-way", cut=half),
        Scenario(name="staff leaves twice as fast", turnover=2.0),
        Scenario(name="all at once", recession=long, cut=half, turnover=2.0),
    )


@dataclass(frozen=True, eq=False)
class Hits:
    """How hard a full recession hits: log multiples (n) of leaving, other leaving and purchases."""

    leaving: Floats
    other: Floats
    purchases: Floats
    grades: tuple[Standing, ...]  #: of the entries that say so

    @classmethod
    def of(cls, case: BusinessCase, n: int, seed: int) -> Hits:
        """Return them as the ledger draws them.

        Raises
        ------
        DesignError
            If the ledger does not say what a recession does.
        DataError
            If an entry is no multiple.
        """
        ledger = case.ledger
        known = [item for item in (PRICE, RIVAL, PURCHASES) if item in ledger]
        if PRICE not in known or PURCHASES not in known:
            lacking = join_words(repr(item) for item in (PRICE, PURCHASES) if item not in known)
            raise DesignError(
                f"the ledger does not say what a recession does: it lacks {lacking}; add entries in "
                "multiples, or leave the recession out of the scenarios"
            )
        logs = _log_multiples(ledger, known, n, seed)
        none = np.zeros(n)
        split = isinstance(case.model, Chain) and "other leaving" in case.model.items
        rival = logs.get(RIVAL, none if split else logs[PRICE])
        return cls(
            rival, logs[PRICE] if split else none, logs[PURCHASES], tuple(ledger[i].grade for i in known)
        )


def _log_multiples(ledger: CaseLedger, items: Sequence[str], n: int, seed: int) -> dict[str, Floats]:
    for item in items:
        entry = ledger[item]
        if entry.ends[0] <= 0 or not any(word in entry.unit for word in ("ratio", "multiple")):
            raise DataError(
                f"the entry {item!r} is {entry.ends[0]:g} to {entry.ends[1]:g} {entry.unit}; allowed: a "
                "multiple or a hazard ratio above nought"
            )
    drawn = ledger.draws(n, seed=seed, items=items)
    return {item: np.log(np.maximum(drawn[item], 1e-3)) for item in items}


def conditions_of(each: Scenario, case: BusinessCase, hits: Hits | None, n: int) -> Conditions:
    """Return the months of a scenario: those of the case, times what the scenario does.

    Raises
    ------
    DesignError
        If its recession begins after the case ends.
    """
    months, now = case.model.months, case.conditions.rows(0, n)
    changed: dict[str, npt.ArrayLike] = {}
    if each.recession is not None and hits is not None:
        path = each.recession.path(months)
        if not path.any():
            raise DesignError(f"{each.name!r}: the recession begins after the {months} months of the case")
        for name, log in (
            ("leaving", hits.leaving),
            ("other_leaving", hits.other),
            ("purchases", hits.purchases),
        ):
            if log.any():
                changed[name] = np.asarray(getattr(now, name)) * np.exp(log[:, None] * path)
    if each.turnover != 1:
        end = months if each.turnover_for is None else each.turnover_from + each.turnover_for
        multiple = np.ones(months)
        multiple[each.turnover_from : end] = each.turnover
        changed["staff_leaving"] = np.asarray(now.staff_leaving) * multiple
    if each.cut is not None:
        changed["refreshed"] = np.asarray(now.refreshed) * (np.arange(months) < each.cut)
    return replace(now, **changed)


def after_cut(model: Model, each: Scenario) -> Model:
    """Return the model without the waves for which there is no money.

    Raises
    ------
    DesignError
        If none is left.
    """
    if each.cut is None or not isinstance(model, Chain):
        return model
    waves = tuple(wave for wave in model.waves if wave.month < each.cut)
    if not waves:
        raise DesignError(f"{each.name!r}: a cut from month {each.cut} on leaves no training to price")
    return replace(model, waves=waves)


def in_words(each: Scenario) -> str:
    """Return the numbers of a scenario."""
    parts = []
    if each.recession is not None:
        r = each.recession
        parts.append(f"recession from month {r.begins} for {r.lasts} months, depth {r.depth:g}")
    if each.cut is not None:
        parts.append(f"no training from month {each.cut} on")
    if each.turnover != 1:
        until = "to the end" if each.turnover_for is None else f"for {each.turnover_for} months"
        parts.append(
            f"trained staff leaves {each.turnover:g} times as fast from month {each.turnover_from} {until}"
        )
    return "; ".join(parts) or "nothing changes"
