"""What stands on the page for whoever pays: figures, pictures, ledger, links and thresholds of a case."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from cemlab.business_case.break_even import BreakEven
from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import STANDINGS, Standing
from cemlab.business_case.grades import may_say_return
from cemlab.business_case.ledger import ends_told
from cemlab.business_case.stress import Stress
from cemlab.business_case.tornado import Tornado
from cemlab.chart import Chart
from cemlab.markup import number, percent

_NEAREST = 3  # thresholds, and scenarios, that find room
_WIDEST = 10  # rows of the tornado
_SCALES = ((1e9, "billion "), (1e6, "million "), (1e3, "thousand "), (1.0, ""))


class Money(NamedTuple):
    """A unit in which amounts of one size are written."""

    divisor: float
    unit: str
    digits: int

    def show(self, value: float) -> str:
        """Write an amount without its unit."""
        if not math.isfinite(value):
            return "∞" if value > 0 else "-∞" if value < 0 else "not estimable"
        return f"{value / self.divisor:z,.{self.digits}f}"


def money_of(values: Iterable[float], currency: str) -> Money:
    """Return the unit in which the largest of some amounts has one to three figures before the point.

    Examples
    --------
    >>> money = money_of([-102_000, 1_270_000], "EUR")
    >>> money.show(1_270_000), money.unit
    ('1.27', 'million EUR')
    """
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    divisor, word = next((each for each in _SCALES if top >= each[0]), _SCALES[-1])
    before = len(f"{top / divisor:.0f}")
    return Money(divisor, f"{word}{currency}", max(0, 3 - before) if divisor > 1 else 0)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One figure of the headline: what it is, its value, and the interval or the share behind it."""

    name: str
    value: str
    detail: str


def title_of(case: BusinessCase, money: Money, subject: str) -> str:
    """Return the message: what it is worth, and how often it loses money."""
    worth = float(case.value("net present value")["estimate"])
    loses = percent(float(case.value("probability of loss")["estimate"]), digits=0)
    head = f"{subject[:1].upper()}{subject[1:]}"
    if not may_say_return(case.standing):
        head = f"If the links hold, {subject}"
    time = f"over {case.model.months} months"
    if worth >= 0:
        return f"{head} is worth {money.show(worth)} {money.unit} {time}; {loses} of the draws lose money"
    return f"{head} costs {money.show(-worth)} {money.unit} more than it brings in {time}"


def facts_of(case: BusinessCase, money: Money) -> tuple[Fact, ...]:
    """Return the figures of the headline; a return is among them only where the case has one."""
    level = f"{100 * case.conf_level:g} % interval"
    npv, cost = (case.value(name) for name in ("net present value", "present value of the cost"))
    loss, pays = (case.value(name) for name in ("probability of loss", "payback"))
    spent = money_of(cost[["estimate", "conf_low", "conf_high"]], case.ledger.currency)
    found = [
        Fact(
            name=f"Net present value over {case.model.months} months",
            value=f"{money.show(npv['estimate'])} {money.unit}",
            detail=f"{level} {money.show(npv['conf_low'])} to {money.show(npv['conf_high'])}",
        ),
        Fact(
            name="Probability of loss",
            value=percent(loss["estimate"]),
            detail=f"of {len(case.draws.npv):,} draws of all entries together",
        ),
        Fact(
            name="Paid back after",
            value=f"{number(pays['estimate'])} months" if math.isfinite(pays["estimate"]) else "never",
            detail=f"in the middle; within the time in {percent(pays['defined'], digits=0)} of the draws",
        ),
    ]
    # the road that measures profit has its cost in it already
    if cost["estimate"] != 0:
        found.append(
            Fact(
                name="Present value of the cost",
                value=f"{spent.show(cost['estimate'])} {spent.unit}",
                detail=f"{level} {spent.show(cost['conf_low'])} to {spent.show(cost['conf_high'])}",
            )
        )
        found.append(_cash_needed(case))
    # the table of an assumption-based case has no such row, and the page has no such word
    if "return on investment" in set(case.table["quantity"]):
        back = case.value("return on investment")
        ends = f"{percent(back['conf_low'], digits=0)} to {percent(back['conf_high'], digits=0)}"
        found.append(
            Fact(
                name="Return on investment",
                value=percent(back["estimate"], digits=0),
                detail=f"{level} {ends}",
            )
        )
    return tuple(found)


def _cash_needed(case: BusinessCase) -> Fact:
    """Return what more is paid than comes in in the first month, or the month in which that is first so."""
    paid = -case.by_month[["cash_p95", "cash_p50", "cash_p05"]]
    least, middle, most = paid.iloc[0]
    name = "Cash needed in the first month"
    if middle <= 0:
        later = case.by_month.loc[paid["cash_p50"] > 0, "month"]
        first = f"first needed in month {int(later.iloc[0])}" if len(later) else "in no month"
        return Fact(name=name, value="none", detail=f"{first}, in the middle of the draws")
    money = money_of([least, middle, most], case.ledger.currency)
    return Fact(
        name=name,
        value=f"{money.show(middle)} {money.unit}",
        detail="in every draw"
        if least == most
        else f"in the middle; 90 % of the draws {money.show(least)} to {money.show(most)}",
    )


def fan_of(case: BusinessCase, months: pd.DataFrame, money: Money) -> Chart:
    """Return the present value so far as a fan in one unit of money, from a table of months."""
    columns = [f"npv_p{quantile}" for quantile in ("05", "25", "50", "75", "95")]
    frame = months[["month", *columns]].copy()
    frame[columns] /= money.divisor
    above = frame["npv_p50"] >= 0
    below = frame.loc[~above, "month"]
    if not above.iloc[-1]:
        claim = f"Not paid back within {case.model.months} months in the middle of the draws"
    elif below.empty:
        claim = "Never below nought in the middle of the draws"
    else:
        claim = f"Paid back in month {int(below.iloc[-1]) + 1} in the middle of the draws"
    return Chart(
        kind="fan",
        frame=frame,
        x="month",
        y="npv_p50",
        low="npv_p05",
        high="npv_p95",
        inner_low="npv_p25",
        inner_high="npv_p75",
        levels=(0.9, 0.5),
        x_label="Month of the case",
        y_label=f"Present value so far [{money.unit}]",
        claim=case.titled(claim),
        grade=case.evidence.grade,
        note=case.caption,
        reference=0.0,
    )


def tornado_of(tornado: Tornado, money: Money) -> Chart:
    """Return the picture of the widest swings in one unit of money."""
    chart = tornado.chart
    amounts = [name for name in (chart.x, chart.low, chart.high) if name]
    frame = chart.frame.assign(**{name: chart.frame[name] / money.divisor for name in amounts})
    cut = f"The {_WIDEST} widest of {len(frame)}. " if len(frame) > _WIDEST else ""
    label = f"Net present value [{money.unit}]"
    return replace(chart, frame=frame.head(_WIDEST), x_label=label, note=f"{cut}{chart.note}")


def _short(value: float) -> str:
    return number(float(f"{value:.3g}"))


def entries_of(case: BusinessCase, first: Iterable[str]) -> pd.DataFrame:
    """Return the entries of the case as texts, those first that move the result most."""
    table = case.ledger.table.set_index("item")
    order = dict.fromkeys([*(item for item in first if item in case.items), *case.items])
    return pd.DataFrame([_line(row) for row in table.loc[list(order)].reset_index().to_dict("records")])


def _line(row: dict[Any, Any]) -> dict[str, str]:
    known = row["conf_low"] == row["conf_high"]
    return {
        "Entry": row["item"],
        "Low": "" if known else number(row["conf_low"]),
        "Mode": number(row["estimate"]),
        "High": "" if known else number(row["conf_high"]),
        "Unit": row["unit"],
        "Source": row["source"] or "none named",
        "Owner": row["owner"] or "nobody",
        "Date": "none" if pd.isna(row["date"]) else str(row["date"]),
        "Rests on": row["grade"],
    }


def thresholds_of(found: BreakEven) -> list[str]:
    """Tell the entries that are nearest to where the sign turns."""
    rows = found.table.dropna(subset=["estimate"]).head(_NEAREST).to_dict("records")
    if not rows:
        return ["No entry alone, at any value that it can have."]
    gains = found.npv >= 0
    words = {"at least": "below", "at most": "above"} if gains else {}
    told: list[str] = []
    for row in rows:
        turned = row["p_short"] if gains else 1 - row["p_short"]
        if told and round(turned, 2) == 0:
            continue  # out of reach, and something nearer is told already
        share = percent(turned, digits=0) if round(turned, 2) else "almost none"
        where = f"{words.get(row['needed'], row['needed'])} {_short(row['estimate'])} {row['unit']}"
        told.append(f"“{row['entry']}” {where} (now {_short(row['now'])}), as in {share} of its draws.")
    return told


def scenarios_of(stress: Stress, money: Money, *, loses: bool) -> list[str]:
    """Tell the scenarios in which the mean is below nought, or the hardest where there is none.

    Of a case that loses as it is, all are told, as they were given.
    """
    if loses:
        return [
            f"“{row['scenario']}”: {money.show(row['estimate'])} {money.unit} on average; "
            f"{percent(row['p_loss'], digits=0)} of draws lose."
            for row in stress.table.iloc[1:].to_dict("records")
        ]
    bad = stress.table.iloc[1:].sort_values("estimate", kind="stable")
    below = bad[bad["estimate"] < 0]
    if below.empty:
        return [f"No scenario alone; the hardest is {line}" for line in _scenarios(bad.head(1), money)]
    return _scenarios(below.head(_NEAREST), money)


def _scenarios(rows: pd.DataFrame, money: Money) -> list[str]:
    return [
        f"“{row['scenario']}”: the mean is {money.show(row['estimate'])} {money.unit}, and "
        f"{percent(row['p_loss'], digits=0)} of the draws lose money."
        for row in rows.to_dict("records")
    ]


def question_of(case: BusinessCase, stress: Stress | None) -> str:
    """Return the heading over what would kill the case, or turn one that loses."""
    if case.value("net present value")["estimate"] >= 0:
        return "What would kill it?"
    return "What would turn it? And in bad times?" if stress else "What would turn it?"


def note_of(case: BusinessCase) -> str:
    """Return where the figures come from: the caption, the checks that failed by name, what the ends are."""
    failed = "; ".join(dict.fromkeys(f"{each.name} ({each.null})" for each in case.evidence.failed))
    told = f" FAILED: {failed}." if failed else ""
    line = replace(case.evidence, checks=()).line()
    ends = ends_told("Low and High", [case.ledger[item] for item in case.items])
    dots = "Five dots: an experiment; none: an assumption."
    return f"{100 * case.conf_level:g} % intervals. {line}{told} Ledger: {ends} {dots}"


def links_of(case: BusinessCase) -> pd.DataFrame:
    """Return the links of the case with the grade of each, in words and in dots."""
    links = case.links
    return pd.DataFrame(
        {
            "link": links["entry"],
            "grade": links["grade"],
            "strength": [_dots(grade) for grade in links["grade"]],
        }
    )


def _dots(grade: Standing) -> str:
    rank, most = STANDINGS.index(grade), len(STANDINGS) - 1
    return "●" * rank + "○" * (most - rank)
