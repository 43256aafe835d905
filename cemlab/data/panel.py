"""A household panel counted down to small tables: who bought which brand how often, and again later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.engine import rows
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

PanelOccasion = Literal["line", "day"]
Period = tuple[date, date]

_KEYS = ("customer", "date", "category", "brand")
_NAMED = 8  # categories that an error names before it says how many more there are


@dataclass(frozen=True, eq=False, kw_only=True)
class PanelCounts:
    """Households counted by what they bought in two stretches of days.

    The tables are exact and sufficient for the fates of the loyal at any threshold and any minimum.

    Parameters
    ----------
    moves
        One row a cell: brand, n_base (category purchases in the base period), x_base (those of the brand, at
        least 1), n_next, x_next (the same in the follow-up), n_households.
    category
        n_base, n_next, n_households: everybody who bought in either period.
    brands
        brand, x_base, x_next, n_households: everybody who bought the brand in either period.
    name
        The category, as the data call it.
    seen
        First and last day with a purchase of the category; None where there is none.
    returns
        Lines of the category without a piece (units of 0 or less), which are no purchases.
    alike_households, alike_brands
        Names beyond the first of those that are one name but for blanks around it or capital letters.
    """

    moves: pd.DataFrame
    category: pd.DataFrame
    brands: pd.DataFrame
    name: str
    seen: Period | None
    returns: int = 0
    alike_households: int = 0
    alike_brands: int = 0


def panel_counts(
    category_purchases: ir.Table,
    *,
    base: Period,
    follow_up: Period,
    category: str | None = None,
    occasion: PanelOccasion = "line",
) -> PanelCounts:
    """Count the purchases of one category by household and brand in two stretches of days.

    Two passes over the lines on the engine that holds them: one to check them, one to count them.

    Parameters
    ----------
    category_purchases
        One row is a panel purchase: customer (the household), date, category, brand, perhaps units.
    base, follow_up
        First and last day of each stretch, both included; the follow-up begins after the base ends.
        Purchases on other days are not counted.
    category
        Which category; may be left out where the table holds one only.
    occasion
        ``"line"``: every line is one purchase, however many units it has; ``"day"``: all lines of a
        household for one brand on one day are one purchase.

    Returns
    -------
    PanelCounts
        Small tables, whatever the number of lines.

    Raises
    ------
    OptionError
        If a stretch ends before it begins, the two overlap, or an option is unknown.
    ColumnError
        If a column is missing.
    DataError
        If a household, date, category or brand is missing, or a date is not a date.
    DesignError
        If the table holds several categories and none was chosen.
    """
    if occasion not in get_args(PanelOccasion):
        raise OptionError(one_of(occasion, get_args(PanelOccasion), what="purchase occasion"))
    if not base[0] <= base[1] < follow_up[0] <= follow_up[1]:
        raise OptionError(
            f"the base period is {base[0]} to {base[1]} and the next {follow_up[0]} to {follow_up[1]}; give "
            "two stretches of days that do not overlap, the base first"
        )
    lines = panel_lines(category_purchases)
    facts = panel_facts(lines, category)
    name = meant_category(lines, facts, category)
    bought = lines.filter(lines["bought"] & (lines["category"] == name))
    bought = bought.filter(_["date"].between(*base) | _["date"].between(*follow_up))
    if occasion == "day":
        bought = bought.select("customer", "date", "brand").distinct()
    moves, buying, brands, alike = _cells(bought, base[1])
    return PanelCounts(
        moves=moves,
        category=buying,
        brands=brands,
        name=name,
        seen=None if facts["first"] is None else (facts["first"], facts["last"]),
        returns=facts["returns"],
        alike_households=alike["customer"],
        alike_brands=alike["brand"],
    )


def panel_lines(table: ir.Table) -> ir.Table:
    """Return the columns that count, the date as a DATE and whether a line is a purchase at all."""
    if not isinstance(table, ir.Table):
        raise DataError(
            f"category_purchases is a {type(table).__name__}; give a table on the engine, e.g. "
            "company.table('category_purchases') or ibis.memtable(frame)"
        )
    for name in _KEYS:
        if name not in table.columns:
            raise ColumnError(f"category_purchases: {one_of(name, table.columns, what='column')}")
    for name in ("category", "brand"):
        if table[name].type().is_numeric():
            raise DataError(
                f"category_purchases, column {name!r}: {table[name].type()} is a number and no name; cast it "
                "to a string"
            )
    day, kind = table["date"], table["date"].type()
    if kind.is_timestamp() and kind.timezone is None:
        day = day.cast("date")
    elif not kind.is_date():
        raise DataError(
            f"category_purchases, column 'date': {kind} is not a business date; "
            "cast it to DATE in the panel's own time zone"
        )
    some: Any = ibis.literal(True)
    if "units" in table.columns:
        if table["units"].type().is_string():
            raise DataError("category_purchases, column 'units': text is no number; cast it to one")
        some = table["units"].isnull() | (table["units"] > 0)
    return table.select("customer", "category", "brand", date=day, bought=some)


def panel_facts(lines: ir.Table, category: str | None) -> dict[str, Any]:
    """Check the lines in one pass: blanks, categories, first and last day."""
    lines = lines.mutate(ours=ibis.literal(True) if category is None else lines["category"] == category)
    ours, purchase = lines["ours"], lines["ours"] & lines["bought"]
    counted = lines.aggregate(
        n_lines=lines.count(),
        **{name: lines[name].count() for name in _KEYS},
        n_categories=lines["category"].nunique(),
        one=lines["category"].min(),
        first=lines["date"].min(where=purchase),
        last=lines["date"].max(where=purchase),
        n_ours=lines.count(where=ours),
        returns=lines.count(where=ours & ~lines["bought"]),
    )
    (found,) = rows(counted)
    for name in _KEYS:
        missing = found["n_lines"] - found[name]
        if missing:
            raise DataError(
                f"category_purchases, column {name!r}: missing in {missing:,} of {found['n_lines']:,} lines; "
                "fill it in, or leave these lines out and say so"
            )
    return found


def meant_category(lines: ir.Table, facts: dict[str, Any], category: str | None) -> str:
    """Return the one category that is meant, or say which there are."""
    if category is None and facts["n_categories"] <= 1:
        return str(facts["one"]) if facts["n_categories"] else ""
    if category is not None and facts["n_ours"]:
        return category
    found = rows(lines.select("category").distinct().order_by("category").limit(_NAMED))
    names = ", ".join(repr(row["category"]) for row in found)
    more = facts["n_categories"] - len(found)
    there = f"{names}{f' and {more:,} more' if more > 0 else ''}"
    if category is None:
        raise DesignError(
            f"category_purchases holds {facts['n_categories']:,} categories ({there}); loyalty is loyalty "
            "within one, so name it: category=…"
        )
    raise OptionError(
        f"no category named {category!r} in category_purchases; there are: {there or '(no purchases)'}"
    )


def _cells(
    bought: ir.Table, last_base_day: date
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the moves, the category's and the brands' counts, and names alike; the lines are read once."""
    in_base = bought["date"] <= last_base_day
    each = (
        bought.group_by("customer", "brand")
        .aggregate(x_base=bought.count(where=in_base), x_next=bought.count(where=~in_base))
        .cache()
    )
    of_all = each.group_by("customer").aggregate(n_base=_["x_base"].sum(), n_next=_["x_next"].sum()).cache()
    keys = ["brand", "n_base", "x_base", "n_next", "x_next"]
    # renamed, because a join of two tables with a column of one name keeps both under some engines
    totals = of_all.select("n_base", "n_next", household="customer")
    moves = (
        each.filter(_["x_base"] > 0)
        .join(totals, [("customer", "household")])
        .group_by(keys)
        .aggregate(n_households=_.count())
    )
    category = of_all.group_by("n_base", "n_next").aggregate(n_households=_.count())
    brands = each.group_by("brand", "x_base", "x_next").aggregate(n_households=_.count())
    return (
        moves.order_by(keys).to_pandas(),
        category.order_by("n_base", "n_next").to_pandas(),
        brands.order_by("brand", "x_base", "x_next").to_pandas(),
        _alike(each),
    )


def _alike(each: ir.Table) -> dict[str, int]:
    """Count the names that another one has but for blanks around it or capital letters."""
    found = {"customer": 0, "brand": 0}
    names = [name for name in found if each[name].type().is_string()]
    if names:
        (row,) = rows(
            each.aggregate(**{n: each[n].nunique() - each[n].strip().lower().nunique() for n in names})
        )
        found |= row
    return found
