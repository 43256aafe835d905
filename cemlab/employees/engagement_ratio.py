"""An engagement ratio such as "4 to 1", with how little it may mean where few were asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, percent, percent_range, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.intervals import wilson

_THOUSANDS = re.compile(r"\d[.,]\d{3}(?!\d)")
_RATIO = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(?::|to|zu)\s*(\d+(?:[.,]\d+)?)\s*", re.IGNORECASE)
_SMALL, _FEW = 30, 5  # persons of either kind together; of the rarer kind


@dataclass(frozen=True, eq=False, kw_only=True)
class EngagementRatio(Result):
    """How many engaged persons there are to one disengaged, with an interval.

    Parameters
    ----------
    table
        Two rows: measure ("engaged to one disengaged", "share engaged of both"), estimate, conf_low,
        conf_high (infinite where nobody may be disengaged), n (persons of both kinds).
    engaged, disengaged, n
        Persons, of those asked.
    """

    engaged: float
    disengaged: float
    n: int

    title: ClassVar[str] = "Engagement ratio"
    labels: ClassVar[dict[str, str]] = {"measure": "Measure", "told": "Estimate (interval)", "n": "Persons"}

    @property
    def summary(self) -> pd.DataFrame:
        """Both rows."""
        ratio, share = self.table.to_dict("records")
        bounds = percent_range(share["conf_low"], share["conf_high"])
        return pd.DataFrame(
            {
                "measure": [ratio["measure"], share["measure"]],
                "told": [with_interval(ratio, null=1), f"{percent(share['estimate'])} ({bounds})"],
                "n": [number(float(row["n"])) for row in (ratio, share)],
            }
        )

    def narrative(self) -> str:
        """Tell the ratio with its interval and n."""
        ratio = self.table.to_dict("records")[0]
        small = self.evidence.failed
        weak = f" {small[0].detail} {small[0].remedy}" if small else ""
        return (
            f"{with_interval(ratio, null=1)} engaged persons to one disengaged, of {self.n:,} asked "
            f"({100 * self.conf_level:g} % interval).{weak}"
        )

    @property
    def chart(self) -> Chart:
        """Share engaged, which has an end on both sides."""
        share = self.table.iloc[[1]]
        sure = float(share["conf_low"].iloc[0]) > 0.5
        return Chart(
            kind="forest",
            frame=share[["measure", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="measure",
            low="conf_low",
            high="conf_high",
            x_label="Share of those engaged or disengaged",
            y_label="",
            claim=(
                "More are engaged than disengaged"
                if sure
                else "Whether more are engaged than disengaged is not settled"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.5,
        )


def engagement_ratio(
    ratio: str | tuple[float, float],
    *,
    n: int | None = None,
    neither: int = 0,
    conf_level: float = 0.95,
    source: str = "",
) -> EngagementRatio:
    """Answer what an engagement ratio says, given how many persons it comes from.

    Parameters
    ----------
    ratio
        Engaged to disengaged: a text such as ``"4 to 1"`` or ``"4:1"``, of which persons may be any multiple;
        or persons counted, as ``(80, 20)``.
    n
        Persons asked. Without it a ratio says nothing, and none is given.
    neither
        Persons among them who are neither; the fewer are left for the ratio, the wider its interval. Where
        persons are counted, these and both kinds are all who were asked.
    conf_level
        Confidence level.
    source
        The line that stands under every figure.

    Returns
    -------
    EngagementRatio
        With the interval that Wilson's of the share engaged, among both kinds, makes of the ratio.

    Raises
    ------
    DesignError
        If `n` is not given.
    DataError
        If the ratio is none, or counted persons are not those asked.
    OptionError
        If a number is impossible.

    Notes
    -----
    Whoever did not answer is not in it: the interval tells chance only.

    Examples
    --------
    >>> found = engagement_ratio("4 to 1", n=25)
    >>> found.table[["estimate", "conf_low", "conf_high"]].round(1).values.tolist()[0]
    [4.0, 1.6, 10.3]
    >>> engagement_ratio("4 to 1")
    Traceback (most recent call last):
        ...
    cemlab.errors.DesignError: a ratio of 4 to 1 without the number of persons asked says nothing: 4 of 5 ...
    """
    check_conf_level(conf_level)
    first, second = _parts(ratio)
    shown = f"{number(first)} to {number(second)}"
    if n is None:
        raise DesignError(
            f"a ratio of {shown} without the number of persons asked says nothing: 4 of 5 persons make 4 to "
            "1 as well as 4,000 of 5,000; state n"
        )
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise OptionError(f"n is {n!r}; allowed: a whole number of persons from 1 on")
    if isinstance(neither, bool) or not isinstance(neither, Integral) or not 0 <= neither < n:
        raise OptionError(
            f"neither is {neither!r}; allowed: a whole number of persons from 0 to below n={n:,}"
        )
    both = int(n) - int(neither)
    if isinstance(ratio, tuple) and first + second != both:
        raise DataError(
            f"{number(first)} and {number(second)} counted are {number(first + second)} persons, but of "
            f"n={n:,} less neither={neither:,} {both:,} are one or the other; state neither, or write a "
            f"ratio as {shown!r}"
        )
    engaged = both * first / (first + second)
    share = wilson(engaged, both, conf_level=conf_level)
    ends = [float(share.estimate), float(share.conf_low), float(share.conf_high)]
    odds = [p / (1 - p) if p < 1 else float("inf") for p in ends]
    table = pd.DataFrame(
        [("engaged to one disengaged", *odds, both), ("share engaged of both", *ends, both)],
        columns=["measure", "estimate", "conf_low", "conf_high", "n"],
    )
    return EngagementRatio(
        table=table,
        evidence=_evidence(engaged, both, int(n), source),
        conf_level=conf_level,
        engaged=engaged,
        disengaged=both - engaged,
        n=int(n),
    )


def _parts(ratio: str | tuple[float, float]) -> tuple[float, float]:
    """Return both numbers of a ratio."""
    if isinstance(ratio, str):
        if _THOUSANDS.search(ratio):
            raise DataError(
                f"{ratio!r}: whether a sign before three digits marks thousands or decimals cannot be told; "
                "write thousands without it, e.g. '1200 to 300'"
            )
        found = _RATIO.fullmatch(ratio)
        if not found:
            raise DataError(
                f"{ratio!r} is no ratio; allowed is '4 to 1', '4:1', or persons counted, as (80, 20)"
            )
        first, second = (float(part.replace(",", ".")) for part in found.groups())
    else:
        if not isinstance(ratio, tuple) or len(ratio) != 2 or not all(_is_number(part) for part in ratio):
            raise DataError(
                f"{ratio!r} is no ratio; allowed is '4 to 1', '4:1', or persons counted, as (80, 20)"
            )
        first, second = float(ratio[0]), float(ratio[1])
    if not (first >= 0 and second >= 0 and 0 < first + second < float("inf")):
        raise DataError(f"{ratio!r}: both numbers are 0 or more, and one of them above 0")
    return first, second


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _evidence(engaged: float, both: int, n: int, source: str) -> Evidence:
    rarer = min(engaged, both - engaged)
    return Evidence(
        grade="descriptive",
        design="Persons who answered, counted by whether they are engaged or disengaged.",
        unit="persons",
        n_used=both,
        n_given=n,
        source=source,
        assumptions=(
            "Those who answered are a random sample of those meant.",
            "Whoever set the limits of engaged and disengaged set them before counting.",
        ),
        checks=(
            Check(
                name="number of persons",
                null="enough persons were asked for the ratio to be told",
                passed=bool(both >= _SMALL and rarer >= _FEW),
                detail=f"{both:,} persons, of the rarer kind about {number(round(rarer, 1))}.",
                remedy=f"With fewer than {_SMALL}, or {_FEW} of either kind, tell the interval only.",
            ),
        ),
    )
