"""Save offers by lot, counted: who got which, and who left by a cause that the company can act on.

An offer has a window in which its outcome is awaited. Only offers whose whole window lies inside the data are
counted, so that nobody is censored, and a share is a cumulative incidence: whoever moves away or dies within
the window did not leave by a controllable cause, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data import save_cues
from cemlab.data.campaign_features import Bands
from cemlab.data.engine import rows
from cemlab.data.folds import fold_of
from cemlab.data.save_cues import Cue, CueTables
from cemlab.data.save_rows import NO_OFFER, count_of, crossovers, known_spells, told_offers, with_outcome
from cemlab.errors import ColumnError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NO_OFFER", "Cue", "SaveCells", "save_offer_cells"]

_COLUMNS = ("customer", "date", "kind", "treated")
_MOST_FOLDS = 20
_CUES: tuple[Cue, ...] = ("risk", "plan", "type", "tenure")


@dataclass(frozen=True, eq=False, kw_only=True)
class SaveCells:
    """Customers considered for a save offer, counted.

    Parameters
    ----------
    table
        One row a cell: ``class`` [class of risk, as the company gave it], one column a cue [text], ``offer``
        [``"none"`` for those held back], ``fold`` [from 0], ``n``, ``left`` [by a controllable cause within
        the window], ``other`` [by another cause within the window], ``accepted``.
    cues
        The cues, all known on the day before the offer.
    costs
        One row an offer: ``offer``, ``n`` [sent], ``cost`` [exact sum, currency], ``each`` [a sent offer];
        the last two are missing where no price was told.
    window_days
        Days after the offer in which leaving counts.
    controllable, uncontrollable
        The causes that count as leaving, and those that are kept out.
    folds, seed
        Number of folds, and what they were dealt with.
    left_out
        Reason → rows of the table of offers that are not in the cells.
    first, last
        First and last day of an offer in the cells.
    source
        The line that stands under every figure.
    bands
        Bands of purchases, where they are a cue.
    months
        One row a class, month of the offer [``"2024-01"``] and offer: ``class``, ``month``, ``offer``, ``n``;
        None where months are not known.
    crossed
        First arm → customers who got another offer within the window; their outcome counts for the first.
    """

    table: pd.DataFrame
    cues: tuple[str, ...]
    costs: pd.DataFrame
    window_days: int
    controllable: tuple[str, ...]
    uncontrollable: tuple[str, ...]
    folds: int
    seed: int
    left_out: Mapping[str, int]
    first: date
    last: date
    source: str = ""
    bands: Bands | None = None
    months: pd.DataFrame | None = None
    crossed: Mapping[str, int] = field(default_factory=dict)

    @property
    def offers(self) -> tuple[str, ...]:
        """The offers that were made, none apart."""
        return tuple(sorted(set(self.table["offer"]) - {NO_OFFER}))

    @property
    def n_used(self) -> int:
        """Customers in the cells."""
        return int(self.table["n"].sum())

    @property
    def n_given(self) -> int:
        """Rows of the table of offers."""
        return self.n_used + sum(self.left_out.values())


def save_offer_cells(
    offers: ir.Table,
    *,
    subscriptions: ir.Table,
    as_of: date,
    customers: ir.Table | None = None,
    transactions: ir.Table | None = None,
    contacts: ir.Table | None = None,
    own_cues: ir.Table | None = None,
    cues: Sequence[str] = _CUES,
    window_days: int = 182,
    controllable: Sequence[str] = ("competitor", "price"),
    uncontrollable: Sequence[str] = ("moved", "deceased"),
    bands: int = 3,
    folds: int = 5,
    seed: int = 0,
    source: str = "",
) -> SaveCells:
    """Count customers considered for a save offer by what was known before, what they got, and what became.

    Parameters
    ----------
    offers
        One row a customer considered on a day: ``customer``, ``date``, ``kind`` (class of risk), ``treated``
        (whether an offer was made), and where there are several offers ``offer`` [its name]; ``response`` and
        ``cost`` where recorded. Of a customer considered more than once the first time counts.
    subscriptions
        Contracts: ``customer``, ``entry``, ``exit``, ``cause``, and ``plan`` where that is a cue.
    as_of
        Last day observed. Offers whose window reaches beyond it are left out.
    customers, transactions, contacts
        Where further cues come from.
    own_cues
        Cues of your own, one row a customer: ``customer``, ``date`` [day the cue was known], and a column
        each of those named in `cues`. Each must have been known before the offer.
    cues
        ``"risk"`` (the class), ``"tenure"`` (years of contract, in bands), ``"plan"``, ``"channel"`` (of the
        last contact in 30 days), ``"asked"`` (how to cancel, in 60 days), ``"type"``, ``"objective"``,
        ``"region"``, ``"acquisition_channel"``, ``"purchases"`` (in bands), and columns of `own_cues`.
    window_days
        Days after the offer in which leaving counts.
    controllable, uncontrollable
        Causes of leaving that an offer can act on, and those it cannot; a cause in neither is refused.
    bands
        Bands of purchases.
    folds, seed
        Parts into which customers are dealt, 2 or more, and what deals them.
    source
        The line that stands under every figure.

    Returns
    -------
    SaveCells
        A small table, however many customers there are.

    Raises
    ------
    ColumnError
        If a column is missing.
    OptionError
        If an option is none of the allowed, or a cue is known only after the offer (``"response"``).
    DataError
        If a value is missing, a customer stands twice on one day, or a cause is declared in neither list.
    DesignError
        If no offer has its whole window in the data, or a cue is not older than its offer.
    """
    _check_tables(offers, subscriptions)
    _check_options(window_days, controllable, uncontrollable, folds, bands, seed)
    tables = CueTables(
        customers=customers,
        subscriptions=subscriptions,
        transactions=transactions,
        contacts=contacts,
        own=own_cues,
    )
    save_cues.check_cues(cues, tables)
    told = told_offers(offers)
    spells = known_spells(subscriptions, as_of, (*controllable, *uncontrollable))
    first = told.filter(ibis.row_number().over(group_by="customer", order_by="date") == 0)
    met = with_outcome(first, spells, window_days, controllable)
    complete = met["date"] + ibis.interval(days=window_days) <= ibis.literal(as_of)
    usable = met.filter(complete).cache()
    n, n_first, n_met = (count_of(table) for table in (told, first, met))
    n_complete = count_of(usable)
    if not n_complete:
        raise DesignError(
            f"save offers: no offer has its {window_days} days of outcome inside the data, which end on "
            f"{as_of}; wait, or give a shorter window_days"
        )
    known = save_cues.with_cues(usable, tables, cues)
    cut = known_before.cut_bands(known, bands) if "purchases" in cues else None
    if cut is not None:
        known = known.filter(known["purchases"].notnull())
        known = known.mutate(purchases=cut.of(known["purchases"]))
    known = known_before.rare_as_other(known, known_before.common_levels(known, cues)).cache()
    span = rows(known.aggregate(first=known["date"].min(), last=known["date"].max(), n=known.count()))[0]
    table = _cells(known, tuple(cues), folds, seed)
    return SaveCells(
        table=table,
        cues=tuple(cues),
        costs=_costs(usable),
        window_days=window_days,
        controllable=tuple(controllable),
        uncontrollable=tuple(uncontrollable),
        folds=folds,
        seed=seed,
        left_out={
            "considered before": n - n_first,
            "no customer on that day": n_first - n_met,
            "window beyond the data": n_met - n_complete,
            "too little history": n_complete - span["n"],
        },
        first=span["first"],
        last=span["last"],
        source=source,
        bands=cut,
        months=_months(known),
        crossed=crossovers(told, known, window_days),
    )


def _check_tables(offers: ir.Table, subscriptions: ir.Table) -> None:
    needed = (
        ("save offers", offers, _COLUMNS),
        ("subscriptions", subscriptions, ("customer", "entry", "exit", "cause")),
    )
    for what, table, columns in needed:
        for column in columns:
            if column not in table.columns:
                raise ColumnError(f"{what}: {one_of(column, table.columns, what='column')}")


def _check_options(
    window_days: int,
    controllable: Sequence[str],
    uncontrollable: Sequence[str],
    folds: int,
    bands: int,
    seed: int,
) -> None:
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= _MOST_FOLDS:
        raise OptionError(f"folds is {folds!r}; give 2 to {_MOST_FOLDS} folds")
    wholes = {"window_days": (window_days, 1), "bands": (bands, 1), "seed": (seed, 0)}
    for name, (value, least) in wholes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{name} is {value!r}; give a whole number from {least}")
    lists = {"controllable": controllable, "uncontrollable": uncontrollable}
    for name, causes in lists.items():
        if isinstance(causes, str) or not isinstance(causes, Sequence) or not all(map(_is_text, causes)):
            raise OptionError(f"{name} is {causes!r}; give a list of causes, e.g. ['price']")
    if not controllable or set(controllable) & set(uncontrollable):
        raise OptionError(
            f"controllable is {list(controllable)!r} and uncontrollable {list(uncontrollable)!r}; name one "
            "cause or more that an offer can act on, each in one list"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _cells(known: ir.Table, cues: tuple[str, ...], folds: int, seed: int) -> pd.DataFrame:
    # the class stands in a column of its own, whether it is a cue or not
    dealt = known.mutate(fold=fold_of(_["customer"], folds, seed), **{"class": known["class_of_risk"]})
    by = ["class", *cues, "offer", "fold"]
    counted: pd.DataFrame = (
        dealt.group_by(by)
        .aggregate(
            n=_.count(),
            left=_["left"].cast("int64").sum(),
            other=_["other"].cast("int64").sum(),
            accepted=_["accepted"].cast("int64").sum(),
        )
        .order_by(by)
        .to_pandas()
    )
    return counted


def _months(known: ir.Table) -> pd.DataFrame:
    dated = known.mutate(month=known["date"].strftime("%Y-%m"), **{"class": known["class_of_risk"]})
    by = ["class", "month", "offer"]
    counted: pd.DataFrame = dated.group_by(by).aggregate(n=_.count()).order_by(by).to_pandas()
    return counted


def _costs(usable: ir.Table) -> pd.DataFrame:
    sent = usable.filter(usable["offer"] != NO_OFFER)
    table: pd.DataFrame = (
        sent.group_by("offer").aggregate(n=_.count(), cost=_["cost"].sum()).order_by("offer").to_pandas()
    )
    return table.assign(each=table["cost"].astype(float) / table["n"])
