"""The ledger of assumptions: what is taken for granted, by whom, since when, and how widely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.evidence import Evidence
from cemlab.goals.entries import NUMBERS, Finding, Rule, as_checks, as_frame, blank, read, unique, unordered
from cemlab.markup import number
from cemlab.result import Result

if TYPE_CHECKING:
    import ibis.expr.types as ir

_RANGE = Rule(
    name="range",
    null="every assumption has low ≤ mode ≤ high",
    remedy="Give the three values in this order.",
)
_UNIT = Rule(name="unit", null="every assumption has a unit", remedy="Write the unit of the three values.")
_SOURCE = Rule(name="source", null="every assumption has a source", remedy="Say where the values come from.")
_OWNER = Rule(
    name="owner", null="every assumption has an owner", remedy="Name one person who answers for it."
)
_DATE = Rule(
    name="date", null="every assumption has a date, none after today's", remedy="Write when it was stated."
)
_AGE = Rule(
    name="age", null="no assumption is older than agreed", remedy="Ask the owner to confirm or to change it."
)
_RULES = (_RANGE, _UNIT, _SOURCE, _OWNER, _DATE, _AGE)


@dataclass(frozen=True, eq=False, kw_only=True)
class Ledger(Result):
    """Assumptions with their ranges, and what is to be mended.

    Parameters
    ----------
    table
        item, estimate (most plausible), conf_low, conf_high (lowest, highest), unit, source, owner, date,
        age_days, width (of the range, as a multiple of the most plausible value; missing where that is zero).
    findings
        item, rule, what, remedy.
    as_of
        The day on which the ages are taken.
    """

    findings: pd.DataFrame
    as_of: date

    title: ClassVar[str] = "Ledger of assumptions"
    labels: ClassVar[dict[str, str]] = {
        "item": "Assumption", "estimate": "Most plausible", "conf_low": "Lowest", "conf_high": "Highest",
        "unit": "Unit", "owner": "Owner", "age_days": "Age, days", "width": "Relative width",
    }  # fmt: skip

    @property
    def caption(self) -> str:
        """The line under the ledger."""
        return f"Ranges as stated by the owners; ages on {self.as_of}. {self.evidence.line()}"

    @property
    def widest(self) -> pd.DataFrame:
        """The assumptions, the widest range first; those without a width are left out."""
        return self.table.dropna(subset=["width"]).sort_values("width", ascending=False, kind="stable")

    @property
    def oldest(self) -> pd.DataFrame:
        """The assumptions, the oldest first; those without a date are left out."""
        return self.table.dropna(subset=["age_days"]).sort_values("age_days", ascending=False, kind="stable")

    @property
    def summary(self) -> pd.DataFrame:
        """One row an assumption, the widest first."""
        rest = self.table[self.table["width"].isna()]
        columns = ["item", "estimate", "conf_low", "conf_high", "unit", "owner", "age_days", "width"]
        rows = [frame for frame in (self.widest, rest) if not frame.empty]
        return pd.concat(rows)[columns].reset_index(drop=True)

    def narrative(self) -> str:
        """Name the widest and the oldest assumption and count what is to be mended."""
        parts = [f"The ledger holds {len(self.table):,} assumptions."]
        if not self.widest.empty:
            row = self.widest.iloc[0]
            parts.append(
                f"The widest is “{row['item']}”: {number(row['estimate'])} {row['unit'] or ''} "
                f"(from {number(row['conf_low'])} to {number(row['conf_high'])})."
            )
        if not self.oldest.empty:
            row = self.oldest.iloc[0]
            parts.append(
                f"The oldest is “{row['item']}”, stated {int(row['age_days']):,} days before {self.as_of}."
            )
        mend = self.findings["item"].nunique()
        parts.append(
            f"{mend:,} of them {'is' if mend == 1 else 'are'} to be mended{self._why()}."
            if mend
            else "All are complete."
        )
        return " ".join(parts)

    def _why(self) -> str:
        """Name the rule that is broken most often, with what it asks for."""
        counts = self.findings["rule"].value_counts(sort=False)
        rule = str(counts.idxmax())
        null = next(each.null for each in _RULES if each.name == rule)
        times = int(counts.max())
        return f"; the rule broken most often ({times:,} {'time' if times == 1 else 'times'}): {null}"

    @property
    def chart(self) -> Chart:
        """Each range as a multiple of its most plausible value, the widest on top."""
        wide = self.widest
        scale = wide["estimate"]
        ends = np.sort(np.stack([wide["conf_low"] / scale, wide["conf_high"] / scale], axis=1), axis=1)
        frame = pd.DataFrame({"item": wide["item"], "mode": 1.0, "low": ends[:, 0], "high": ends[:, 1]})
        first = wide["item"].iloc[0] if len(wide) else ""
        return Chart(
            kind="forest",
            frame=frame.reset_index(drop=True),
            x="mode",
            y="item",
            low="low",
            high="high",
            x_label="Range as a multiple of the most plausible value",
            y_label="",
            claim=f"The least is known about “{first}”",
            grade=self.evidence.grade,
            note=self.caption,
            reference=1.0,
        )


def ledger(
    entries: ir.Table | pd.DataFrame,
    *,
    as_of: date | None = None,
    stale_after: int = 365,
    source: str = "",
) -> Ledger:
    """Answer what is taken for granted, who answers for it, and where the least is known.

    Parameters
    ----------
    entries
        One row an assumption: item, low, mode, high, unit, source, owner, date.
    as_of
        The day on which ages are taken; the last date in the ledger, if not given.
    stale_after
        Days after which an assumption has to be confirmed.
    source
        The line that stands under every figure.

    Returns
    -------
    Ledger
        The assumptions with age and relative width, and the findings.

    Raises
    ------
    ColumnError
        If item, low, mode or high is not a column.
    DataError
        If there is no row, or an assumption has no name or stands twice.
    OptionError
        If no entry has a date and `as_of` is not given, or `stale_after` is not positive.
    """
    if stale_after < 1:
        raise OptionError(f"stale_after is {stale_after!r}; allowed: a number of days, 1 or more")
    optional = ("unit", "source", "owner", "date")
    frame = read(entries, required=("item", *NUMBERS), optional=optional, what="the ledger")
    unique(frame["item"], what="the ledger")
    dates = pd.to_datetime(frame["date"])
    if as_of is None and dates.isna().all():
        raise OptionError("the ledger has no dates; state the day on which ages are taken with as_of=")
    today = as_of if as_of is not None else dates.max().date()
    frame = frame.assign(date=dates, age_days=(pd.Timestamp(today) - dates).dt.days)
    findings = list(_findings(frame, stale_after))
    frame["width"] = ((frame["high"] - frame["low"]) / frame["mode"].abs()).where(frame["mode"] != 0)
    renamed = frame.rename(columns={"mode": "estimate", "low": "conf_low", "high": "conf_high"})
    columns = [
        "item",
        "estimate",
        "conf_low",
        "conf_high",
        "unit",
        "source",
        "owner",
        "date",
        "age_days",
        "width",
    ]
    evidence = Evidence(
        grade="descriptive",
        design="Assumptions as their owners state them: checked for gaps and for age, not for truth.",
        unit="assumptions",
        n_used=len(frame),
        n_given=len(frame),
        source=source,
        checks=as_checks(_RULES, findings),
    )
    return Ledger(table=renamed[columns], evidence=evidence, findings=as_frame(findings), as_of=today)


def _findings(frame: pd.DataFrame, stale_after: int) -> Iterator[Finding]:
    blanks = frame[list(NUMBERS)].isna().any(axis=1)
    yield from (Finding(item, _RANGE, "a value is blank") for item in frame.loc[blanks, "item"])
    yield from unordered(frame, _RANGE)
    for column, rule in (("unit", _UNIT), ("source", _SOURCE), ("owner", _OWNER), ("date", _DATE)):
        yield from blank(frame, column, rule)
    for item, age in zip(frame["item"], frame["age_days"], strict=True):
        if age < 0:
            yield Finding(item, _DATE, f"its date lies {-int(age):,} days ahead")
        elif age > stale_after:
            yield Finding(item, _AGE, f"{int(age):,} days old")
