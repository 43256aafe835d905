"""Recency, frequency and money, scored so that equal customers get equal scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.data.last_purchases import purchases_by
from cemlab.data.lines import Money, Occasion
from cemlab.data.value_cells import Cuts, class_of, fetched, quantile_cuts
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import number, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.ties import last_day_check, tie_check
from cemlab.stats.intervals import wilson

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Dimension → the column of the customers' table that it scores.
_COLUMNS = {"recency": "recency_days", "frequency": "frequency", "money": "money"}
_SCORE = {"recency": "r", "frequency": "f", "money": "m"}
_UNIT = {"line": "purchase lines", "day": "purchase days", "order": "orders"}


@dataclass(frozen=True, eq=False, kw_only=True)
class RFM(Result):
    """Customers scored by recency, frequency and money, and the cells that the scores make.

    Parameters
    ----------
    table
        One row a score of a dimension: dimension ("recency", "frequency", "money"), score (the best is
        `classes`), low and high (its range of values, both included, exact), n, estimate (share of the
        customers), conf_low, conf_high (Wilson), money (their exact sum).
    cells
        One row a combination of scores that somebody has: r, f, m, n, estimate, conf_low, conf_high, money.
    customers
        On the engine, one row a customer: customer, recency_days, frequency, money.
    cuts
        How each dimension was cut.
    classes
        How many classes were asked for.
    as_of
        The last day that counted.
    amount
        What money is: ``"revenue"`` or ``"margin"``.
    unit
        What frequency counts.
    """

    cells: pd.DataFrame
    customers: ir.Table
    cuts: dict[str, Cuts]
    classes: int
    as_of: date
    amount: Money
    unit: str

    title: ClassVar[str] = "Recency, frequency, money"
    labels: ClassVar[dict[str, str]] = {
        "dimension": "Dimension",
        "classes": "Classes",
        "ranges": "Values of each score, the lowest score first",
        "smallest": "Smallest class",
        "largest": "Largest class",
    }

    @property
    def bounds(self) -> pd.DataFrame:
        """The range of values of each score: dimension, score, low, high."""
        return self.table[["dimension", "score", "low", "high"]].copy()

    def scores(self) -> ir.Table:
        """Return the scores of every customer, on the engine.

        Returns
        -------
        ir.Table
            One row a customer: customer, r, f, m [whole numbers, the best is `classes`], recency_days,
            frequency, money.
        """
        scored = {
            _SCORE[name]: class_of(self.customers[column], self.cuts[name].bounds)
            for name, column in _COLUMNS.items()
        }
        each = self.customers
        return each.select("customer", **scored, **{column: column for column in _COLUMNS.values()})

    def segments(self) -> pd.DataFrame:
        """Return nine named segments made of recency and frequency.

        The names are a convention and no finding: scores are cut into thirds, whatever the customers need
        or are going to do. For segments that the data hold up, compare the stability of clusters.

        Returns
        -------
        pandas.DataFrame
            segment, n, estimate (share of the customers), conf_low, conf_high (Wilson), money (exact sum),
            the segment with most money first.
        """
        named = [_segment(r, f, self.classes) for r, f in zip(self.cells["r"], self.cells["f"], strict=True)]
        found = _grouped(self.cells.assign(segment=named), ["segment"], self.conf_level)
        return found.sort_values("money", ascending=False, kind="stable").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a dimension: how many classes, their ranges, the smallest and the largest."""
        found = []
        for name in _COLUMNS:
            part = self.table[self.table["dimension"] == name]
            fewer = "" if len(part) == self.classes else f" instead of {self.classes}"
            found.append(
                {
                    "dimension": f"{name} [{self._measured(name)}]",
                    "classes": f"{len(part)}{fewer}",
                    "ranges": " | ".join(_range(row) for row in part.to_dict("records")),
                    "smallest": percent(part["estimate"].min()),
                    "largest": percent(part["estimate"].max()),
                }
            )
        return pd.DataFrame(found)

    def narrative(self) -> str:
        """Tell who is best in everything, what they hold, and where ties made classes fewer."""
        best = self._best(("r", "f", "m"))
        share = wilson(best["n"], self.evidence.n_used, conf_level=self.conf_level)
        told = (
            f"Of {self.evidence.n_used:,} customers, {percent(float(share.estimate))} "
            f"({percent_range(float(share.conf_low), float(share.conf_high))}) have the highest score in "
            f"recency, frequency and money{self._holding(best['money'])}."
        )
        return " ".join([told, *(check.detail for check in self.evidence.failed)])

    @property
    def chart(self) -> Chart:
        """Heat map of the customers' shares by recency and frequency."""
        best = self._best(("r", "f"))
        share = percent(best["n"] / self.evidence.n_used)
        frame = _grouped(self.cells, ["r", "f"], self.conf_level).set_index(["r", "f"])
        grid = [(r, f) for r in self._found("r")[::-1] for f in self._found("f")]
        empty = wilson(0, self.evidence.n_used, conf_level=self.conf_level)
        fill = {"estimate": 0.0, "conf_low": 0.0, "conf_high": float(empty.conf_high)}
        frame = frame[list(fill)].reindex(pd.MultiIndex.from_tuples(grid, names=["r", "f"])).fillna(fill)
        return Chart(
            kind="heatmap",
            frame=frame.reset_index(),
            x="f",
            y="r",
            value="estimate",
            low="conf_low",
            high="conf_high",
            x_label=f"Frequency score [{self.unit}; {self.classes} is most]",
            y_label=f"Recency score [days; {self.classes} is latest]",
            claim=f"{share} of customers have the highest score in recency and in frequency"
            + self._holding(best["money"]).replace("; they", " and"),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )

    def _measured(self, name: str) -> str:
        return {"recency": "days", "frequency": self.unit, "money": self.amount}[name]

    def _found(self, score: str) -> list[int]:
        return sorted(self.cells[score].unique().tolist())

    def _best(self, scores: tuple[str, ...]) -> dict[str, Any]:
        """Return number and money of those with the highest score found in each."""
        best = self.cells
        for score in scores:
            best = best[best[score] == max(self._found(score))]
        return {"n": int(best["n"].sum()), "money": sum(best["money"], Decimal(0))}

    def _holding(self, money: Decimal) -> str:
        total = sum(self.cells["money"], Decimal(0))
        return f"; they hold {percent(float(money / total))} of the {self.amount}" if total > 0 else ""


def rfm(
    transactions: ir.Table,
    *,
    as_of: date,
    classes: int = 5,
    occasion: Occasion = "day",
    money: Money = "revenue",
    conf_level: float = 0.95,
    source: str = "",
) -> RFM:
    """Answer who bought lately, often and much, without parting equal customers by chance.

    Each dimension is cut by middle ranks: of n customers, b worse and t equal, the score is
    ⌈classes · (b + t/2) / n⌉. Without ties that is the usual cut into equal parts. With ties, classes are
    unequal, and where very many share a value some scores stay unused: a score then still says where
    in the order its customers stand, so scores of different dimensions can be compared.

    Parameters
    ----------
    transactions
        One row a purchase line: customer, date, revenue, the money to add up, and order where orders
        are counted. Lines with negative revenue are returns: no purchases, but they lessen the money.
    as_of
        The last day that counts; later lines are left out.
    classes
        How many classes to aim at, 2 to 20.
    occasion
        What counts as one purchase: a ``"line"``, a ``"day"`` with lines, or an ``"order"``.
    money
        ``"revenue"`` or ``"margin"``.
    conf_level
        Confidence level of the intervals of shares (Wilson 1927).
    source
        The line that stands under every figure.

    Returns
    -------
    RFM
        Its table has dimension, score, low, high, n, estimate, conf_low, conf_high, money; ``cells`` the
        combinations of scores; ``scores()`` every customer's, on the engine.

    Raises
    ------
    OptionError
        If `classes` is not from 2 to 20, or another option is not allowed.
    ColumnError, DataError
        If a column is missing, a value is missing, or money is not exact.
    DesignError
        If nobody bought by `as_of`, or there are fewer customers than classes.

    Notes
    -----
    Scores order customers by what they did. They say nothing of what customers need, of what they will do,
    nor of what a message would change.

    References
    ----------
    Hughes, A. M. (1994). Strategic Database Marketing. Probus, Chicago.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab import Company, places
    >>> shop = Company.open(places.bundled("data") / "small")
    >>> scored = rfm(shop.table("transactions"), as_of=date(2025, 12, 31), classes=3)
    >>> scored.bounds.columns.tolist()
    ['dimension', 'score', 'low', 'high']
    """
    last = _checked(as_of, classes)
    check_conf_level(conf_level)
    seen = purchases_by(transactions, as_of=last, occasion=occasion, money=money)
    customers, n = seen.customers, seen.n_used
    if n < classes:
        raise DesignError(
            f"{n} customer(s) with a purchase by {last} cannot be cut into {classes} classes; "
            "choose a later day or fewer classes"
        )
    cuts = {
        name: quantile_cuts(customers, column, classes=classes, descending=name == "recency")
        for name, column in _COLUMNS.items()
    }
    cells = _cells(customers, cuts, conf_level)
    ties = (
        tie_check(name, cut, n=n, classes=classes, who=_same(name, cut, _UNIT[occasion]))
        for name, cut in cuts.items()
    )
    told = f" {seen.returns:,} lines with negative revenue are returns: no purchases, but less money."
    return RFM(
        table=_table(cells, cuts, conf_level),
        cells=cells,
        customers=customers,
        cuts=cuts,
        classes=classes,
        as_of=last,
        amount=money,
        unit=_UNIT[occasion],
        conf_level=conf_level,
        evidence=Evidence(
            grade="descriptive",
            design=(
                f"Customers with a purchase by {last}; frequency counts {_UNIT[occasion]}. Scores are cut "
                f"by middle ranks, so equal values have equal scores.{told if seen.returns else ''}"
            ),
            unit="customers",
            n_used=n,
            n_given=seen.n_given,
            source=source,
            checks=(*ties, last_day_check(seen.span, last)),
        ),
    )


def _checked(as_of: date, classes: int) -> date:
    """Return the day, or refuse what cannot be scored."""
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= 20:
        raise OptionError(f"classes is {classes!r}; allowed: a whole number from 2 to 20, e.g. 5")
    if not isinstance(as_of, date):
        raise OptionError(f"as_of is {as_of!r}; give a day, e.g. datetime.date(2025, 12, 31)")
    return as_of.date() if isinstance(as_of, datetime) else as_of


def _cells(customers: ir.Table, cuts: dict[str, Cuts], conf_level: float) -> pd.DataFrame:
    """Count customers and add up money by the three scores."""
    scored = customers.select(
        "money",
        **{_SCORE[name]: class_of(customers[column], cuts[name].bounds) for name, column in _COLUMNS.items()},
    )
    counted = scored.group_by("r", "f", "m").aggregate(n=scored.count(), money=scored["money"].sum())
    found = pd.DataFrame(fetched(counted.order_by("r", "f", "m")))
    return _grouped(found, ["r", "f", "m"], conf_level)


def _grouped(cells: pd.DataFrame, by: list[str], conf_level: float) -> pd.DataFrame:
    """Add up cells, exactly, and give each its share of all customers."""
    summed = cells.groupby(by, sort=True)
    found = summed.agg(n=("n", "sum"), money=("money", lambda part: sum(part, Decimal(0)))).reset_index()
    share = wilson(found["n"], found["n"].sum(), conf_level=conf_level)
    found = found.assign(estimate=share.estimate, conf_low=share.conf_low, conf_high=share.conf_high)
    return found[[*by, "n", "estimate", "conf_low", "conf_high", "money"]]


def _table(cells: pd.DataFrame, cuts: dict[str, Cuts], conf_level: float) -> pd.DataFrame:
    """One row a score of a dimension, with its range."""
    parts = []
    for name, score in _SCORE.items():
        part = _grouped(cells, [score], conf_level).rename(columns={score: "score"})
        ends = {bound.score: bound for bound in cuts[name].bounds}
        part.insert(1, "low", pd.Series([ends[k].low for k in part["score"]], dtype=object))
        part.insert(2, "high", pd.Series([ends[k].high for k in part["score"]], dtype=object))
        part.insert(0, "dimension", name)
        parts.append(part)
    # whole days beside exact money: the column keeps both as they are
    return pd.concat(parts, ignore_index=True)


def _range(row: dict[Any, Any]) -> str:
    low, high = number(row["low"]), number(row["high"])
    return low if row["low"] == row["high"] else f"{low} to {high}"


def _same(name: str, cut: Cuts, unit: str) -> str:
    if name == "frequency" and cut.tied == 1:
        return "bought once"
    of = {"recency": "days since they bought", "frequency": unit, "money": "in money"}[name]
    return f"have {number(cut.tied)} {of}"


def _segment(r: int, f: int, classes: int) -> str:
    """Name a segment by the thirds in which the middles of its classes lie."""
    third_r, third_f = (3 * (2 * score - 1) // (2 * classes) for score in (r, f))
    return f"{('light', 'medium', 'frequent')[third_f]}, {('long silent', 'cooling', 'recent')[third_r]}"
