"""What replacing leavers costs, and what fewer of them are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import generator
from cemlab.stats.three_point import moments, triangular

Floats = npt.NDArray[np.float64]

_DRAWS = 20_000
#: What a replacement is made of, where nothing else is stated.
ITEMS = ("recruiting", "training", "vacancy", "ramp-up")


@dataclass(frozen=True, eq=False, kw_only=True)
class ReplacementCost(Result):
    """What leavers cost to replace, and what fewer of them are worth.

    Parameters
    ----------
    table
        One row a number: term (each item and "a leaver" [currency a leaver]; "all leavers, a year" and "a
        year with fewer" [currency a year, of a year ahead]), estimate (mean), conf_low, conf_high, unit.
    leavers
        Counted.
    a_year
        Leavers a year.
    lower_by
        Share of the leavers that would stay.
    currency
        Of the money.
    """

    leavers: int
    a_year: float
    lower_by: float
    currency: str

    title: ClassVar[str] = "Cost of turnover"
    labels: ClassVar[dict[str, str]] = {"term": "What", "told": "Mean (interval)", "unit": "Unit"}

    def row(self, term: str) -> dict[str, float]:
        """Return estimate and interval of one row."""
        found = self.table[self.table["term"] == term].iloc[0]
        return {name: float(found[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a number."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "term": [row["term"] for row in rows],
                "told": [with_interval(row) for row in rows],
                "unit": [row["unit"] for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the cost of a leaver, of all, and what fewer are worth."""
        return (
            f"Replacing one of the {self.leavers:,} who left costs {with_interval(self.row('a leaver'))} "
            f"{self.currency}, as stated; {number(round(self.a_year, 1))} a year make "
            f"{with_interval(self.row('all leavers, a year'))} {self.currency}. If "
            f"{percent(self.lower_by)} of them stayed, {with_interval(self.row('a year with fewer'))} "
            f"{self.currency} a year would not be spent, before what keeping them costs. "
            f"({100 * self.conf_level:g} % intervals of the stated ranges and of chance.)"
        )

    @property
    def chart(self) -> Chart:
        """What a leaver costs, item by item."""
        frame = self.table[self.table["unit"] == f"{self.currency} a leaver"]
        return Chart(
            kind="bar",
            frame=frame[["term", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="term",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="",
            y_label=f"{self.currency} a leaver",
            claim=(
                f"A leaver costs {with_interval(self.row('a leaver'))} {self.currency} to replace, as stated"
            ),
            grade=self.evidence.grade,
            note=self.caption,
        )


def replacement_cost(
    leavers: int,
    *,
    months: float,
    items: Mapping[str, tuple[float, float, float]],
    lower_by: float = 0.1,
    currency: str = "EUR",
    conf_level: float = 0.95,
    seed: int = 1,
    source: str = "",
) -> ReplacementCost:
    """Answer what leavers cost to replace, and what fewer of them are worth.

    Parameters
    ----------
    leavers
        Counted.
    months
        In which they were counted.
    items
        What replacing one of them costs, item by item (e.g. recruiting, training, vacancy, ramp-up): lowest,
        most plausible and highest amount.
    lower_by
        Share of the leavers that would stay.
    currency
        Of the amounts.
    conf_level, seed
        Intervals of 20,000 draws from this seed: items from triangular distributions, the pace from a gamma
        distribution about the one counted (Jeffreys), and the leavers of one year ahead at that pace, a year
        like any other, from a Poisson distribution.
    source
        The line that stands under every figure.

    Returns
    -------
    ReplacementCost
        Means and intervals of each item, of a leaver, of a year, and of a year with fewer leavers.

    Raises
    ------
    DesignError
        If nobody left.
    DataError
        If an item's numbers are not in order.
    OptionError
        For impossible values.

    Examples
    --------
    >>> items = {"recruiting": (2e3, 3e3, 4e3), "training": (900, 900, 900)}
    >>> found = replacement_cost(200, months=12, items=items)
    >>> round(found.row("a leaver")["estimate"]), round(found.row("all leavers, a year")["estimate"] / 1e5, 1)
    (3900, 7.8)
    """
    check_conf_level(conf_level)
    low, mode, high = _checked(leavers, months, items, lower_by)
    drawn = generator(seed)
    each = triangular(drawn.random((_DRAWS, len(low))), low=low, mode=mode, high=high)
    years = months / 12
    # a pace known for certain still makes more leavers in one year than in another
    ahead = drawn.poisson(drawn.gamma(leavers + 0.5, size=_DRAWS) / years).astype(float)
    mean = np.array([moments(*ends)[0] for ends in zip(low, mode, high, strict=True)])
    whole, a_year = each.sum(axis=1), leavers / years
    of_leaver = f"{currency} a leaver"
    rows: list[tuple[str, float, Floats, str]] = [
        *((str(name), float(mean[i]), each[:, i], of_leaver) for i, name in enumerate(items)),
        ("a leaver", float(mean.sum()), whole, of_leaver),
        ("all leavers, a year", float(mean.sum() * a_year), whole * ahead, f"{currency} a year"),
        (
            "a year with fewer",
            float(mean.sum() * a_year * lower_by),
            whole * ahead * lower_by,
            f"{currency} a year",
        ),
    ]
    ends = ((1 - conf_level) / 2, (1 + conf_level) / 2)
    return ReplacementCost(
        table=pd.DataFrame(
            [(term, value, *np.quantile(draws, ends), unit) for term, value, draws, unit in rows],
            columns=["term", "estimate", "conf_low", "conf_high", "unit"],
        ),
        evidence=Evidence(
            grade="descriptive",
            design=f"Amounts as stated, times leavers counted in {number(months)} months.",
            unit="leavers",
            n_used=int(leavers),
            n_given=int(leavers),
            source=source,
            assumptions=(
                "Every leaver is replaced, at a cost within the stated range; errors of the items are apart.",
                "People leave in the year ahead at the pace at which they left, each for himself.",
            ),
        ),
        conf_level=conf_level,
        leavers=int(leavers),
        a_year=float(a_year),
        lower_by=float(lower_by),
        currency=currency,
    )


def _checked(
    leavers: int, months: float, items: Mapping[str, tuple[float, float, float]], lower_by: float
) -> tuple[Floats, Floats, Floats]:
    """Return lowest, most plausible and highest amounts, after what cannot be is refused."""
    if isinstance(leavers, bool) or not isinstance(leavers, Integral) or leavers < 0:
        raise OptionError(f"leavers is {leavers!r}; allowed: a whole number of persons")
    if leavers == 0:
        raise DesignError("nobody left; there is nothing to replace")
    if not _is_number(months) or not 0 < months < np.inf:
        raise OptionError(f"months is {months!r}; allowed: a number above 0")
    if not _is_number(lower_by) or not 0 <= lower_by <= 1:
        raise OptionError(f"lower_by is {lower_by!r}; allowed: a share from 0 to 1, e.g. 0.1")
    if not items:
        raise DataError(f"items: none is stated; state what a replacement costs, e.g. {', '.join(ITEMS)}")
    for name, ends in items.items():
        if not isinstance(ends, tuple) or len(ends) != 3 or not all(_is_number(end) for end in ends):
            raise DataError(f"item {name!r}: {ends!r}; allowed: (lowest, most plausible, highest) amount")
        if not 0 <= ends[0] <= ends[1] <= ends[2] < np.inf:
            raise DataError(
                f"item {name!r}: {ends!r} are not in order from 0 on: lowest, most plausible, highest"
            )
    low, mode, high = np.array(list(items.values()), dtype=float).T
    return low, mode, high


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
