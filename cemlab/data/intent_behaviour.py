"""What customers said they would do, and what they did afterwards: counted on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import ibis

from cemlab.data.contract import TABLES
from cemlab.data.customer_months import WILLING
from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "intention against behaviour"
# Products and sums of exact decimals do not depend on the order in which they are added.
_EXACT = "decimal(14, 2)"

#: Scores of a questionnaire that may stand for satisfaction.
SurveyScore = Literal["csat", "nps", "ces", "value_for_money"]


def intent_behaviour(
    company: Company, *, score: SurveyScore = "csat", days: int = 180, willing: Sequence[str] = WILLING
) -> pd.DataFrame:
    """Count answers by branch, score and stated intention, with what those customers did afterwards.

    Parameters
    ----------
    company
        With ``surveys`` (customer, date, responded, intent and the score), ``customers`` (customer, branch),
        ``subscriptions`` (customer, entry, exit, cause) and ``transactions`` (customer, date, revenue).
    score
        Which score stands for satisfaction; rounded to whole points.
    days
        How long after the questionnaire behaviour is watched; 1 to 1,000. Those sent later than so many days
        before the last purchase in the data are left out.
    willing
        The causes of leaving that experience may change.

    Returns
    -------
    pandas.DataFrame
        One row a branch, score and tenth of intention, sorted by them; those who did not answer stand in one
        row a branch, score and tenth missing:

        - branch; score; tenth (intention rounded to a tenth); n (questionnaires);
        - intent, intent_sq (sums of the intention and its square);
        - lines, lines_sq (purchased lines in the days after); revenue, revenue_sq [currency];
        - stayed (customers who did not leave for a willing cause in the days after);
        - intent_lines, intent_revenue, intent_stayed (sums of products).

        ``attrs`` hold ``n_given`` (questionnaires sent), ``n_used`` (those of customers of a known branch who
        were there and could be watched long enough), ``n_answered``, ``days``, ``score`` and ``source``.

    Raises
    ------
    DesignError
        If a table is missing, or no answer can be watched that long.
    ColumnError
        If a column is missing.
    DataError
        If a customer stands twice among the customers, or an intention or score lies outside its scale.
    OptionError
        If the score is none, or `days` is no whole number from 1 to 1,000.
    """
    if score not in get_args(SurveyScore):
        raise OptionError(one_of(score, get_args(SurveyScore), what="score of the questionnaire"))
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 1000:
        raise OptionError(f"days is {days!r}; allowed: a whole number from 1 to 1,000, e.g. 180")
    asked, given = _asked(company, score, days)
    rows = _watched(company, asked, days, willing)
    cells = rows.group_by("branch", "score", "tenth").aggregate(n=rows.count(), **_sums(rows)).to_pandas()
    answered = int(cells.loc[cells["score"].notna(), "n"].sum())
    if not answered:
        raise DesignError(
            f"{company.info.name}: no answer with {score} and intent whose customer can be watched for "
            f"{days:,} days; take fewer days"
        )
    counted = [name for name in cells.columns if name not in ("branch", "score", "tenth")]
    cells[counted] = cells[counted].astype(float)
    cells[["score", "tenth"]] = cells[["score", "tenth"]].astype(float)
    ordered: pd.DataFrame = cells.sort_values(["branch", "score", "tenth"], ignore_index=True)
    ordered.attrs = {
        "n_given": given,
        "n_used": int(ordered["n"].sum()),
        "n_answered": answered,
        "days": days,
        "score": score,
        "source": company.info.source,
    }
    return ordered


def _asked(company: Company, score: str, days: int) -> tuple[ir.Table, int]:
    """Return the questionnaires early enough to be watched, with branches, and how many there are in all."""
    sent = needed(company, "surveys", ("customer", "date", "responded", "intent", score), for_what=_WHAT)
    _refuse_outside(sent, "intent")
    _refuse_outside(sent, score)
    homes = needed(company, "customers", ("customer", "branch"), for_what=_WHAT)
    refuse_twice(homes, "customers", ("customer",))
    homes = homes.filter(homes["branch"].notnull()).select("customer", "branch")
    lines = needed(company, "transactions", ("customer", "date", "revenue"), for_what=_WHAT)
    last = lines.aggregate(last=lines["date"].cast("date").max())
    said = sent["responded"].fill_null(False) & sent["intent"].notnull() & sent[score].notnull()
    rows = sent.select(
        "customer",
        day=sent["date"].cast("date"),
        score=ibis.ifelse(said, sent[score].cast("float64").round().cast("int64"), None),
        intent=ibis.ifelse(said, sent["intent"].cast(_EXACT), None),
    )
    rows = rows.inner_join(homes, "customer").cross_join(last)
    rows = rows.filter(rows["day"] + ibis.interval(days=days) <= rows["last"])
    return rows.drop("last"), int(sent.count().to_pyarrow().as_py())


def _watched(company: Company, asked: ir.Table, days: int, willing: Sequence[str]) -> ir.Table:
    """Add what each customer asked did in the days after; those no longer there on the day are left out."""
    after = ibis.interval(days=days)
    spells = needed(company, "subscriptions", ("customer", "entry", "exit", "cause"), for_what=_WHAT)
    spells = spells.select("customer", entry=spells["entry"], exit=spells["exit"], cause=spells["cause"])
    moments = asked.select("customer", "day").distinct()
    there = moments.inner_join(spells, "customer")
    there = there.filter(
        (there["entry"] <= there["day"]) & (there["exit"].isnull() | (there["exit"] > there["day"]))
    )
    gone = there["exit"].notnull() & (there["exit"] <= there["day"] + after)
    there = there.mutate(gone=gone & there["cause"].isin(list(willing)))
    there = there.group_by("customer", "day").aggregate(gone=count_where(there["gone"]))
    lines = needed(company, "transactions", ("customer", "date", "revenue"), for_what=_WHAT)
    bought = moments.inner_join(
        lines.select("customer", bought=lines["date"].cast("date"), revenue=lines["revenue"]), "customer"
    )
    bought = bought.filter((bought["bought"] > bought["day"]) & (bought["bought"] <= bought["day"] + after))
    bought = bought.group_by("customer", "day").aggregate(
        lines=bought.count(), revenue=bought["revenue"].sum().cast(_EXACT)
    )
    rows = asked.inner_join(there, ["customer", "day"]).left_join(bought, ["customer", "day"])
    return rows.select(
        "branch",
        "score",
        "intent",
        tenth=(rows["intent"].cast("float64") * 10).round() / 10,
        lines=rows["lines"].fill_null(0),
        revenue=rows["revenue"].fill_null(0).cast(_EXACT),
        stayed=ibis.ifelse(rows["gone"] > 0, 0, 1),
    )


def _sums(rows: ir.Table) -> dict[str, ir.Value]:
    intent = rows["intent"]
    sums = {
        "intent": intent.sum(),
        "intent_sq": (intent * intent).sum(),
        "lines_sq": (rows["lines"] * rows["lines"]).sum(),
        "revenue_sq": (rows["revenue"] * rows["revenue"]).sum(),
    }
    for name in ("lines", "revenue", "stayed"):
        sums |= {name: rows[name].sum(), f"intent_{name}": (intent * rows[name]).sum()}
    return {name: value.cast("float64") for name, value in sums.items()}


def _refuse_outside(sent: ir.Table, name: str) -> None:
    """Refuse values beyond the contract's scale."""
    scale = next(column.scale for column in TABLES["surveys"].columns if column.name == name)
    low, high = scale if scale is not None else (None, None)
    if low is None or high is None:
        return
    values = sent[name].cast("float64")
    outside = int(count_where((values < low) | (values > high)).to_pyarrow().as_py() or 0)
    if outside:
        raise DataError(
            f"surveys, column {name!r}: {outside:,} value(s) outside its scale, {low:g} to {high:g}; "
            "turn them into that scale"
        )
