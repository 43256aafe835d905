"""The claim auditor: paste a slogan, and see what its own figures come to, and what it would take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.claims import Claim, read_claim
from cemlab.business_case.readings import (
    RETENTION,
    base_needed,
    change,
    change_range,
    needed_for_shift,
)
from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number
from cemlab.result import Result

#: Retention at which a slogan without one is tried.
BASES = (0.50, 0.60, 0.70, 0.80, 0.90)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClaimAudit(Result):
    """A claim, reckoned again.

    Parameters
    ----------
    table
        One row a way to read it, the plain one first: reading, formula, before, after (what the formula
        gives; of a return, the cost and what is set against it), estimate (relative change), conf_low,
        conf_high (what figures that round to those stated can give), agrees (whether the claimed figure is
        among them), assumes.
    claim
        What was read.
    needed
        What would have to hold for the claimed figure: what, value, told.
    missing
        What the claim does not say and would have to.
    """

    claim: Claim
    needed: pd.DataFrame
    missing: tuple[str, ...]

    title: ClassVar[str] = "A claim, reckoned again"
    labels: ClassVar[dict[str, str]] = {
        "reading": "Read as", "formula": "Formula", "worked": "Worked", "change": "Change",
        "agrees": "As claimed",
    }  # fmt: skip

    @property
    def caption(self) -> str:
        """The line under the table."""
        return f"Ranges: what figures rounding to those stated can give. {self.evidence.line()}"

    @property
    def agrees(self) -> bool | None:
        """Whether the claimed figure follows from the plain reading; None if none was claimed."""
        return bool(self.table["agrees"].iloc[0]) if self.claim.claimed else None

    @property
    def summary(self) -> pd.DataFrame:
        """One row a way to read it."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "reading": [r["reading"] for r in rows],
                "formula": [r["formula"] for r in rows],
                "worked": [_worked(r, self.claim) for r in rows],
                "change": [
                    f"{_signed(r['estimate'])} ({_signed(r['conf_low'])} to {_signed(r['conf_high'])})"
                    for r in rows
                ],
                "agrees": ["–" if not self.claim.claimed else "yes" if r["agrees"] else "no" for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell what the figures come to, what was claimed, and what it would take."""
        first = self.table.iloc[0]
        worked = f"{_worked(first, self.claim)} = {_signed(first['estimate'])}"
        parts = [f"“{self.claim.text.strip()}”: {first['reading']}, {first['formula']}, give {worked}."]
        if self.claim.kind == "slogan":
            parts = [
                f"“{self.claim.text.strip()}” says too little to be reckoned: it depends on the retention "
                f"from which one starts. At {100 * first['base']:.0f} % it would be {worked}."
            ]
        if self.claim.claimed:
            told = " to ".join(_signed(stated.value, digits=0) for stated in self.claim.claimed)
            others = self.table.iloc[1:]
            as_claimed = others.loc[others["agrees"], "reading"].tolist()
            verdict = {True: "follows", False: "does not follow"}[bool(first["agrees"])]
            if self.claim.kind != "slogan":
                parts.append(f"The claimed {told} {verdict}.")
            if as_claimed and not first["agrees"] and self.claim.kind != "slogan":
                parts.append(f"It would, read as {join_words(as_claimed)}.")
        if (not self.agrees or self.claim.kind == "slogan") and len(self.needed):
            parts.append(f"For the claimed figure {'; or '.join(self.needed['told'])}.")
        if self.missing:
            parts.append(f"It does not say {join_words(self.missing)}.")
        return " ".join(parts)

    @property
    def chart(self) -> Chart:
        """The change by way of reading, beside what was claimed."""
        first = self.table.iloc[0]
        ends = [stated.value for stated in self.claim.claimed]
        told = " to ".join(_signed(value, digits=0) for value in ends)
        gives = "Its own figures give" if not ends else f"The claim says {told}; its own figures give"
        if self.claim.kind == "slogan":
            gives = f"The claim says {told}; from a retention of {100 * first['base']:.0f} % it would be"
        return Chart(
            kind="forest",
            frame=self.table[["reading", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="reading",
            low="conf_low",
            high="conf_high",
            x_label="Relative change",
            y_label="read as",
            claim=f"{gives} {_signed(first['estimate'])}",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=ends[0] if ends else 0.0,
        )


def audit_claim(text: str, *, discount: float = 0.10) -> ClaimAudit:
    """Answer whether the figure that a claim arrives at follows from the figures it starts from.

    Parameters
    ----------
    text
        The claim as pasted: retention or churn from one figure to another and what that is said to be worth;
        so much more retention and what that is said to be worth; or a cost, a gain and their return.
    discount
        Discount rate a period, of the readings that discount.

    Returns
    -------
    ClaimAudit
        Its table has one row a way to read it: reading, formula, estimate, conf_low, conf_high, agrees.

    Raises
    ------
    DataError
        If the claim cannot be read for sure.
    OptionError
        If the discount rate is none.

    Notes
    -----
    Lifetime is that of customers who are all alike and leave with the same chance each period. One who stays
    with chance r pays r + r² + … = r / (1 − r) margins still to come: 2.33 at 70 %, 2.57 at 72 %.

    References
    ----------
    Gupta, S. & Lehmann, D. R. (2003). Customers as assets. Journal of Interactive Marketing 17, 9–24.
    Phillips, J. J. (2003). Return on investment in training and performance improvement programs.

    Examples
    --------
    >>> audit = audit_claim("70 → 72 % retention = +17 % value")
    >>> audit.agrees, round(float(audit.table["estimate"].iloc[0]), 3)
    (False, 0.102)
    >>> round(float(audit_claim("cost $90,285, gain $321,145 = 256 %").table["estimate"].iloc[0]), 2)
    2.56
    """
    if isinstance(discount, bool) or not isinstance(discount, Real) or not 0 <= discount <= 1:
        raise OptionError(f"discount is {discount!r}; allowed: a share a period from 0 to 1, e.g. 0.1")
    claim = read_claim(text)
    rate = float(discount)
    if claim.kind == "return":
        rows, needed, missing = _return(claim)
    else:
        rows, needed, missing = (_shift if claim.kind == "shift" else _slogan)(claim, rate)
    table = pd.DataFrame(rows)
    table.insert(7, "agrees", [_agrees(claim, r["conf_low"], r["conf_high"]) for r in rows])
    return ClaimAudit(
        table=table,
        evidence=_evidence(claim, table),
        claim=claim,
        needed=pd.DataFrame(needed, columns=["what", "value", "told"]),
        missing=missing,
    )


Row = dict[str, float | str]
Answer = tuple[list[Row], list[tuple[str, float, str]], tuple[str, ...]]


def _shift(claim: Claim, discount: float) -> Answer:
    assert claim.after is not None  # of a shift
    r0, r1 = claim.before.value, claim.after.value
    rows: list[Row] = []
    for reading in RETENTION:
        low, high = change_range(reading, claim, discount)
        at = f" at {100 * discount:g} % a period" if "d" in reading.reckoned else ""
        rows.append(
            {
                "reading": reading.name, "formula": reading.reckoned,
                "before": reading.multiple(r0, discount), "after": reading.multiple(r1, discount),
                "estimate": change(reading, r0, r1, discount),
                "conf_low": low, "conf_high": high, "assumes": f"{reading.assumes}{at}",
            }
        )  # fmt: skip
    needed = needed_for_shift(claim, claim.claimed[0]) if claim.claimed else []
    missing = ("what keeping them costs", "over which time", "at which discount rate")
    return rows, needed, missing


def _slogan(claim: Claim, discount: float) -> Answer:
    rise = claim.before.value
    rows: list[Row] = []
    for base in sorted(BASES, key=lambda b: abs(b - 0.7)):
        for way, after in (("points", base + rise), ("per cent of it", base * (1 + rise))):
            if after >= 0.999:
                continue
            first = RETENTION[1]
            ends = [
                change(first, base, min(base + half if way == "points" else base * (1 + half), 0.999), 0.0)
                for half in (claim.before.low, claim.before.high)
            ]
            rows.append(
                {
                    "reading": f"from {100 * base:.0f} %, {way}", "formula": first.reckoned,
                    "before": first.multiple(base, discount), "after": first.multiple(after, discount),
                    "estimate": change(first, base, after, discount), "conf_low": ends[0],
                    "conf_high": ends[1], "assumes": first.assumes, "base": base,
                }
            )  # fmt: skip
    needed = [
        (
            "retention before",
            r,
            f"retention would have to start at {100 * r:.1f} % to give {_signed(stated.value, digits=0)}, "
            "undiscounted and without cost",
        )
        for stated in claim.claimed
        if stated.value > 0 and 0 < (r := base_needed(rise, stated.value)) < 1
    ]
    missing = (
        "from which retention it starts",
        "whether it means points or per cent",
        "what part of the margin is left after costs",
        "at which discount rate and over which time",
    )
    return rows, needed, missing


def _return(claim: Claim) -> Answer:
    assert claim.after is not None  # of a return
    cost, gain = claim.before, claim.after
    ways = (
        ("return on investment", "(gain − cost) / cost", 1.0, "the gain is before its cost"),
        ("gain for each unit of cost", "gain / cost", 0.0, "the gain is already net of its cost"),
    )
    rows: list[Row] = [
        {
            "reading": name, "formula": formula, "before": cost.value,
            "after": gain.value - less * cost.value,
            "estimate": gain.value / cost.value - less, "conf_low": gain.low / cost.high - less,
            "conf_high": gain.high / max(cost.low, 1e-12) - less, "assumes": assumes,
        }
        for name, formula, less, assumes in ways
    ]  # fmt: skip
    needed: list[tuple[str, float, str]] = []
    if claim.claimed:
        wanted = cost.value * (1 + claim.claimed[0].value)
        needed.append(("gain", wanted, f"the gain would have to be {number(wanted)}"))
    missing = ("how the gain was measured, against whom", "over which time", "at which discount rate")
    return rows, needed, missing


def _agrees(claim: Claim, low: float | str, high: float | str) -> bool:
    """Return whether what was claimed, as rounded, is among what the stated figures can give."""
    slack = 1e-12  # of adding binary fractions
    ends = sorted((float(low), float(high)))
    claimed = [end for stated in claim.claimed for end in (stated.low, stated.high)]
    return bool(claimed) and min(claimed) - slack <= ends[1] and ends[0] <= max(claimed) + slack


def _evidence(claim: Claim, table: pd.DataFrame) -> Evidence:
    first = bool(table["agrees"].iloc[0])
    passed = None if not claim.claimed or (not first and table["agrees"].any()) else first
    if claim.kind == "slogan":
        passed = None
    detail = {
        True: "It follows from the plain reading.",
        False: "No reading gives it.",
        None: "Only some readings give it." if claim.claimed else "No figure was claimed to follow.",
    }[passed]
    return Evidence(
        grade="descriptive",
        design="Arithmetic on the claim's own figures; whether they were measured well is not known.",
        unit="figures",
        n_used=claim.figures,
        n_given=claim.figures,
        source="the claim itself",
        assumptions=tuple(
            dict.fromkeys(f"{r}: {a}." for r, a in zip(table["reading"], table["assumes"], strict=True))
        ),
        checks=(
            Check(
                name="claimed figure",
                null="the claimed figure follows from the others",
                passed=passed,
                detail=detail,
                remedy="Ask for what is missing before it is repeated.",
            ),
        ),
    )


def _signed(share: float, *, digits: int = 1) -> str:
    return "not estimable" if math.isnan(share) else f"{100 * share:+.{digits}f} %"


def _worked(row: Mapping[Any, Any] | pd.Series[Any], claim: Claim) -> str:
    """Write what the change is worked out from: what is set against the cost by cost, or after by before."""
    quotient = f"{_short(float(row['after']))} / {_short(float(row['before']))}"
    return quotient if claim.kind == "return" else f"{quotient} − 1"


def _short(value: float) -> str:
    # three digits, so that a quotient reckoned from what is written gives the tenth of a per cent beside it
    return number(value) if abs(value) >= 1000 else f"{np.round(value, 3):g}"
