"""Would a CFO fund it: the case of a training, with every figure from its ledger.

The contract for what builds on it (tornado, stress, value of information, the sheet):

- ``case.ledger`` holds the entries, ``case.items`` those that enter, ``case.links`` their grades;
- ``case.draws`` holds the draws: ``.figures`` (item → (n)), ``.items`` and ``.matrix()`` (n, k) of the
  entries that vary, ``.npv``, ``.gain``, ``.cost`` (n);
- ``case.npv(figures, conditions=…)`` prices anew at other values of the entries: at
  ``case.ledger.draws(n, seed=…)``, ``case.ledger.means()``, ``case.draws.figures.at("Capital", 0.11)`` or
  ``case.draws.figures.rows(0, 2000)``; a slider takes a few thousand draws;
- ``case.price(figures, conditions=…)`` gives the months as well, and ``case.under(conditions)`` the whole
  case in other times (:class:`~cemlab.business_case.chain.Conditions`: recession, turnover, budget).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.cash import KEPT, Model, Priced, by_month, price, quantities
from cemlab.business_case.chain import AS_IT_IS, Conditions, Wave, build_chain, check_whole
from cemlab.business_case.decided import SET, beyond, decisions, multiples
from cemlab.business_case.entries import Standing
from cemlab.business_case.figures import Figures
from cemlab.business_case.grades import (
    as_grade,
    check_title,
    may_say_return,
    name_of,
    refuse_named_return,
    weakest,
)
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.roles import Role
from cemlab.chart import Chart
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.evidence import Evidence
from cemlab.markup import number, percent
from cemlab.result import Result, check_conf_level

Floats = npt.NDArray[np.float64]

#: Share of the draws in the inner band of the fan.
_INNER = 0.5
FEWEST_DRAWS, MOST_DRAWS = 100, 50_000_000


@dataclass(frozen=True, eq=False)
class CaseDraws:
    """The draws behind a case.

    Parameters
    ----------
    figures
        The entries that enter, item → (n).
    npv, gain, cost
        Present values (n).
    """

    figures: Figures
    npv: Floats
    gain: Floats
    cost: Floats

    @property
    def items(self) -> tuple[str, ...]:
        """The entries that vary: the columns of :meth:`matrix`."""
        return self.figures.items_drawn

    def matrix(self) -> Floats:
        """Return their draws (n, k)."""
        return self.figures.matrix()


@dataclass(frozen=True, eq=False, kw_only=True)
class BusinessCase(Result):
    """What something is worth, with the uncertainty of every entry in it.

    Parameters
    ----------
    table
        quantity, estimate, conf_low, conf_high, unit, defined (share of the draws in which it exists).
        Present values are means, the others medians; a return on investment and an internal rate of return
        are among them only if every link of the case rests on a design that identifies a cause.
    by_month
        month, estimate, conf_low, conf_high (present value so far), and cash_p05 … cash_p95,
        npv_p05 … npv_p95.
    links
        link, entry, grade, estimate, conf_low, conf_high, unit, source: what is claimed to change something.
        Conditions that differ from the ledger are a link too: an assumption that no entry answers for.
    draws
        The draws.
    ledger
        Where every number comes from.
    model
        What turned them into cash.
    conditions
        What the months are like.
    standing
        The weakest grade among the links.
    """

    by_month: pd.DataFrame
    links: pd.DataFrame
    draws: CaseDraws
    ledger: CaseLedger
    model: Model
    conditions: Conditions
    standing: Standing

    title: ClassVar[str] = "Business case"
    labels: ClassVar[dict[str, str]] = {
        "quantity": "Quantity", "estimate": "Estimate", "conf_low": "Lower", "conf_high": "Upper",
        "unit": "Unit", "defined": "In so many draws",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """What it is to be called: a business case, or an assumption-based case."""
        return name_of(self.standing)

    @property
    def items(self) -> tuple[str, ...]:
        """The entries that enter."""
        return self.model.used()

    def titled(self, title: str) -> str:
        """Return a title for it, or refuse one that says more than its weakest link."""
        return check_title(title, self.standing)

    def value(self, quantity: str) -> pd.Series[Any]:
        """Return the row of one quantity.

        Raises
        ------
        ColumnError
            If the case has no such quantity; an assumption-based case has no rate of return.
        """
        names = self.table["quantity"].tolist()
        if quantity not in names:
            raise ColumnError(one_of(quantity, names, what=f"quantity of this {self.name}"))
        return self.table.iloc[names.index(quantity)]

    def npv(self, figures: Figures, *, conditions: Conditions | None = None) -> Floats:
        """Return the present value (n) at other values of the entries.

        Raises
        ------
        DesignError
            If `figures` does not come out of a ledger.
        """
        return self.price(figures, conditions=conditions, keep=0).npv

    def price(self, figures: Figures, *, conditions: Conditions | None = None, keep: int = KEPT) -> Priced:
        """Return the money at other values of the entries, of the first `keep` draws by month."""
        now = self.conditions if conditions is None else conditions
        return price(self.model, figures, conditions=now, keep=keep)

    def under(self, conditions: Conditions) -> BusinessCase:
        """Return the case in other times, with the same draws."""
        return _case(self.ledger, self.model, self.draws.figures, conditions, self.conf_level)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a quantity; a payback that never comes is said to be never."""
        shown = self.table.assign(defined=self.table["defined"].map(percent))
        endless = shown[["estimate", "conf_low", "conf_high"]] == np.inf
        if endless.any(axis=None):
            told = shown[endless.columns].astype(object).mask(endless, "never")
            shown = pd.concat([told, shown.drop(columns=told.columns)], axis=1)[shown.columns]
        return shown

    def narrative(self) -> str:
        """Say what it is worth, how sure that is, and on what it rests."""
        npv, loss, pays = (self.value(q) for q in ("net present value", "probability of loss", "payback"))
        weak = self.links[self.links["grade"] == self.standing]["entry"].tolist()
        told = f"{number(npv['estimate'])} {npv['unit']}"
        first = "" if may_say_return(self.standing) else ", so this tells what would follow, not what does"
        level = f"{100 * self.conf_level:g} % interval"
        paid = f"{percent(pays['defined'])} are paid back within the time"
        return (
            f"The {self.name}: over {self.model.months} months the present value is {told} ({level} "
            f"{number(npv['conf_low'])} to {number(npv['conf_high'])}). {percent(loss['estimate'])} of "
            f"{len(self.draws.npv):,} draws lose money; {paid}. The weakest link is “{weak[0]}” "
            f"({self.standing}){first}."
        )

    @property
    def chart(self) -> Chart:
        """The present value summed up month by month, as a fan."""
        inner = self.conf_level > _INNER
        return Chart(
            kind="fan",
            frame=self.by_month,
            x="month",
            y="npv_p50",
            low="conf_low",
            high="conf_high",
            inner_low="npv_p25" if inner else None,
            inner_high="npv_p75" if inner else None,
            levels=(self.conf_level, _INNER) if inner else (self.conf_level,),
            x_label="Month of the case",
            y_label=f"Present value so far, {self.ledger.currency}",
            claim=self.titled(f"The present value {_where(self.by_month)} after {self.model.months} months"),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _where(months: pd.DataFrame) -> str:
    """Tell on which side of nought the interval of the last month lies."""
    ends = months[["conf_low", "conf_high"]]
    # a sum that comes to nought but for rounding is nought
    rounding = 1e-9 * float(ends.abs().to_numpy().max())
    low, high = (0.0 if abs(end) <= rounding else float(end) for end in ends.iloc[-1])
    if low == high == 0:
        return "comes to nought"
    if low >= 0:
        return "stays above nought" if low else "does not end below nought"
    return "stays below nought" if high < 0 else "may end below nought" if high else "ends at nought at best"


@dataclass(frozen=True, eq=False, kw_only=True)
class AssumptionBasedCase(BusinessCase):
    """A case whose weakest link identifies no cause: it says what would follow, and claims no return."""

    title: ClassVar[str] = "Assumption-based case"


def training_case(
    ledger: CaseLedger,
    *,
    waves: Sequence[Wave] = (Wave(),),
    months: int = 36,
    roles: Mapping[Role, str] | None = None,
    refresh_every: int | None = None,
    conditions: Conditions = AS_IT_IS,
    draws: int = 20_000,
    seed: int = 1,
    conf_level: float = 0.90,
) -> BusinessCase:
    """Answer what a training is worth, through the chain from training to cash.

    Training changes the experience that customers meet, the more of the staff are trained; what was learnt
    comes in over months and leaves with those who leave. Experience changes how many customers leave, which
    adds up over the customers still there, and how much they buy; both are worth their margin. Against that
    stand the course, the hours covered by others, refreshers, and what changes in the hours of service.

    Parameters
    ----------
    ledger
        All entries; plain numbers cannot enter.
    waves
        Who is trained when.
    months
        How far the case looks ahead, from 1 to 600; month 0 is not discounted.
    roles
        Role → item of the ledger, for roles whose entry is called otherwise than
        :data:`~cemlab.business_case.roles.ROLES` says.
    refresh_every
        Months between refreshers of those who came for trained people; None for none.
    conditions
        What the months are like. Multiples set here are no entries: they are listed, and make the case an
        assumption-based one.
    draws
        From the joint distribution of the entries, 100 or more; a million takes seconds.
    seed
        A whole number from 0 on.
    conf_level
        Of the intervals.

    Returns
    -------
    BusinessCase
        Its grade is that of the weakest link.

    Raises
    ------
    DesignError
        If a plain number is given, a required entry is missing, or a unit or a currency does not fit.
    DataError
        If an entry lies where none can: a discount rate of 800, a rate below −1, a negative price.
    OptionError, ColumnError
        If an option or an item is not among those there are.

    Examples
    --------
    >>> from cemlab.business_case import Assumption, case_ledger, counted
    >>> ledger = case_ledger([
    ...     Assumption(item="training → experience", low=0.1, mode=0.2, high=0.4, unit="standard deviations"),
    ...     counted(item="half of the change is there after", value=2, unit="months"),
    ...     Assumption(item="months that a trained person stays", low=30, mode=40, high=60, unit="months"),
    ...     counted(item="leaving for a competitor", value=0.012, unit="share a month"),
    ...     Assumption(item="experience → leaving for a competitor", low=0.7, mode=0.8, high=0.9,
    ...                unit="hazard ratio per standard deviation"),
    ...     Assumption(item="experience → purchases", low=0.02, mode=0.07, high=0.1,
    ...                unit="log purchases per standard deviation"),
    ...     counted(item="spend of a customer", value=500, unit="EUR a customer and month"),
    ...     counted(item="margin of revenue", value=0.57, unit="share"),
    ...     counted(item="Course, fee and travel", value=900, unit="EUR a person"),
    ...     counted(item="Hours away from the counter", value=24, unit="hours a person"),
    ...     counted(item="Time covered by others", value=28, unit="EUR an hour"),
    ...     counted(item="Capital", value=0.08, unit="share a year"),
    ...     counted(item="persons trained", value=14, unit="persons"),
    ...     counted(item="posts", value=15, unit="posts"),
    ...     counted(item="customers", value=333, unit="customers"),
    ... ], currency="EUR")
    >>> case = training_case(ledger, draws=2000)
    >>> case.name, bool(case.value("net present value")["estimate"] > 0)
    ('assumption-based case', True)
    """
    check_whole(draws, "draws", FEWEST_DRAWS, MOST_DRAWS)
    check_ledger(ledger)
    if roles is not None and not isinstance(roles, Mapping):
        raise DesignError(f"roles is a {type(roles).__name__}; give role → item, e.g. {{'margin': '…'}}")
    listed = () if not isinstance(waves, Iterable) else tuple(waves)
    model = build_chain(
        ledger,
        waves=(waves,) if isinstance(waves, Wave) else listed,
        months=months,
        roles=roles or {},
        refresh_every=refresh_every,
    )
    return case_of(ledger, model, draws=draws, seed=seed, conf_level=conf_level, conditions=conditions)


def check_ledger(ledger: object) -> CaseLedger:
    """Refuse what is no ledger of a case.

    Raises
    ------
    DesignError
        If it is anything else.
    """
    if not isinstance(ledger, CaseLedger):
        raise DesignError(
            f"a {type(ledger).__name__} is no ledger; make one with case_ledger([…], currency=…) or "
            "ledger_of(company)"
        )
    return ledger


def case_of(
    ledger: CaseLedger,
    model: Model,
    *,
    draws: int,
    seed: int,
    conf_level: float,
    conditions: Conditions = AS_IT_IS,
) -> BusinessCase:
    """Return the case of a model: its entries drawn, priced and summed up."""
    check_conf_level(conf_level)
    figures = ledger.draws(draws, seed=seed, items=model.used())
    return _case(ledger, model, figures, conditions, conf_level)


def _case(
    ledger: CaseLedger, model: Model, figures: Figures, conditions: Conditions, conf_level: float
) -> BusinessCase:
    priced = price(model, figures, conditions=conditions)
    links = _links(ledger, model, conditions)
    standing = weakest(links["grade"])
    refuse_named_return(model.used(), standing)
    sure = may_say_return(standing)
    table = quantities(priced, currency=ledger.currency, conf_level=conf_level, with_return=sure)
    if not sure:  # a rate of return would be read as a claim, like a return on investment
        table = table[table["quantity"] != "internal rate of return"].reset_index(drop=True)
    evidence = Evidence(
        grade=as_grade(standing),
        design=(
            f"Entries of a ledger, drawn {figures.n:,} times; present values are means, the others medians, "
            f"and the interval of the probability of loss is that of drawing alone. Weakest link: {standing}."
        ),
        unit="entries",
        n_used=len(figures),
        n_given=len(ledger),
        source=ledger.evidence.source,
        assumptions=(*model.assumptions, *decisions(model, conditions)),
        checks=(*ledger.evidence.checks, *beyond(model, figures)),
    )
    kind = BusinessCase if sure else AssumptionBasedCase
    return kind(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        by_month=by_month(priced, conf_level),
        links=links,
        draws=CaseDraws(figures, priced.npv, priced.gain, priced.cost),
        ledger=ledger,
        model=model,
        conditions=conditions,
        standing=standing,
    )


def _links(ledger: CaseLedger, model: Model, conditions: Conditions) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for link, item in model.links():
        entry = ledger[item]
        rows.append((link, item, entry.grade, entry.middle, *entry.ends, entry.unit, entry.source))
    if moved := multiples(conditions):
        rows.append(("conditions", SET, "assumption", *[np.nan] * 3, "multiples", "; ".join(moved)))
    columns = ["link", "entry", "grade", "estimate", "conf_low", "conf_high", "unit", "source"]
    return pd.DataFrame(rows, columns=columns)
