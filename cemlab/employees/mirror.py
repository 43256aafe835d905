"""Who lifts whom: engagement of the staff and experience of the customers over time, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.mirror_panel import MirrorPanel, PersonRows, mirror_panel, person_rows
from cemlab.employees.mirror_rows import (
    CORRECTED,
    CUSTOMERS_FIRST,
    MEMORY,
    STAFF_FIRST,
    Estimated,
    compared,
    estimate,
    table_of,
)
from cemlab.employees.telling import told
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, label, number
from cemlab.result import Result, check_conf_level

#: How the pull of short panels on what carries over is taken out of the branches' rows.
MirrorMethod = Literal["half-panel jackknife", "adjusted moments"]

_SHORT = 8  # periods: from fewer, coverage of the intervals was not seen in simulations
_UNIT_ROOT = 0.98  # beyond this, shocks do not die out within any panel one has
_RELIABLE = 0.3  # below this share of no error, halves say little of each other


@dataclass(frozen=True, eq=False, kw_only=True)
class Mirror(Result):
    """Engagement and experience over time, both ways, within branches.

    Parameters
    ----------
    table
        One row an estimate: path ("engagement → experience", "experience → engagement", "memory of
        engagement", "both together"), when ("same month", "next month"), way ("within units, corrected" is
        the answer; "within units, uncorrected", "no unit levels" (the traditional cross-lagged model) and
        "correlation" stand beside it), rows (of what: branch-months or person-months), unit, estimate,
        std_error, conf_low, conf_high, p_value.
    compared
        Both paths in standard deviations within branches and months, and their difference: path, estimate,
        std_error, conf_low, conf_high, p_value.
    spread
        Standard deviations within branches and months of engagement and experience, errors apart.
    root
        Size of the largest root of what carries over: below 1 where shocks die out.
    """

    compared: pd.DataFrame
    spread: tuple[float, float]
    root: float

    title: ClassVar[str] = "The mirror: engagement and experience over time"
    labels: ClassVar[dict[str, str]] = {
        "path": "Path", "when": "When", "way": "Way", "told": "Estimate (interval)", "unit": "Unit"
    }  # fmt: skip

    def row(self, path: str, *, way: str = CORRECTED, when: str | None = None) -> dict[str, Any]:
        """Return one row of the table by the names of its columns.

        Raises
        ------
        OptionError
            If there is no such row.
        """
        for name, value in (("path", path), ("way", way)):
            if value not in set(self.table[name]):
                raise OptionError(one_of(value, dict.fromkeys(self.table[name]), what=name))
        found = self.table[(self.table["path"] == path) & (self.table["way"] == way)]
        found = found if when is None else found[found["when"] == when]
        if found.empty:
            raise OptionError(f"the mirror has no row of {path!r} by {way!r}{f', {when}' if when else ''}")
        return {str(name): value for name, value in found.iloc[0].items()}

    @property
    def summary(self) -> pd.DataFrame:
        """One row an estimate, the answers first."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                **{name: [row[name] for row in rows] for name in ("path", "when", "way")},
                "told": [told(row) for row in rows],
                "unit": [row["unit"] for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell both directions, which is larger, and what naive ways say instead."""
        staff, customers = self.row(STAFF_FIRST), self.row(CUSTOMERS_FIRST)
        first, second, gap = self.compared.to_dict("records")
        naive = self.table.iloc[-1]
        return (
            f"Within a branch, one SD more engagement {self.evidence.relation} {told(staff)} SD more "
            f"experience in the same month, and one SD more experience with "
            f"{told(customers)} SD more engagement in the next. In SDs within branches that is "
            f"{told(first)} and {told(second)}; the difference is "
            f"{told(gap)}, so {_who(gap)}. The correlation over all branches and months is "
            f"{told(dict(naive))}: it mixes both ways with what branches are anyhow, and "
            "says of neither how large it is. "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} {self.evidence.unit}.)"
        )

    @property
    def chart(self) -> Chart:
        """Both directions by every way, with intervals."""
        frame = self.table[self.table["path"].isin([STAFF_FIRST, CUSTOMERS_FIRST])].copy()
        frame["term"] = frame["path"] + ", " + frame["when"]
        return Chart(
            kind="forest",
            frame=frame[["term", "way", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            group="way",
            x_label="SD per SD",
            y_label="",
            claim=_claim(self.row(STAFF_FIRST), self.row(CUSTOMERS_FIRST)),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def mirror(
    panel: pd.DataFrame,
    *,
    persons: pd.DataFrame | None = None,
    engagement: str = "engagement",
    experience: str = "cx",
    halves: tuple[str, str] | None = None,
    unit: str = "branch",
    time: str = "month",
    person: str = "employee",
    method: MirrorMethod = "half-panel jackknife",
    scale: tuple[float, float] | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> Mirror:
    """Answer who lifts whom: how engagement and experience follow each other within branches, both ways.

    Branches keep levels of their own and months are taken out. Engagement is asked as a month begins, so it
    may move with the experience of that month; experience moves engagement from the next month on. Whoever
    leaves takes a level of engagement along, so a branch's mean moves with who is there: with `persons`, the
    path from experience to engagement is that of the same persons.

    Parameters
    ----------
    panel
        One row a branch and month, as :func:`cemlab.data.engagement_months.engagement_months` counts it.
    persons
        One row a person and month with the same columns of branch, month and engagement, and `person`; as
        :func:`cemlab.data.engagement_months.person_months` counts it.
    engagement, experience, unit, time, person
        Columns.
    halves
        Two columns with experience measured by two halves of the answers, whose errors are independent;
        without them experience counts as free of error and its path is drawn towards nought.
    method
        How the pull of short panels on the branches' rows is taken out. The jackknife has a solution in
        every panel; the adjusted moments vary less in panels of under 12 months, where they have one.
    scale
        Lowest and highest score of engagement and experience; anything else is refused.
    conf_level
        Confidence level.
    source
        The line that stands under every figure.

    Returns
    -------
    Mirror
        Rows of both directions by all ways, the standardised comparison, and the checks.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns and options that are not there, and impossible values.
    DesignError
        If fewer than five branches are complete, periods are too few (six; three for the adjusted moments) or
        missing, or a score does not vary.

    Notes
    -----
    Intervals leave out one branch at a time. Over 200 simulated networks of 60 branches they held the planted
    path from engagement to experience in 94 to 96 of 100 over 8, 12 and 48 months. Traditional cross-lagged
    models without levels of units mix what branches are with what happens in them (Hamaker et al. 2015).

    References
    ----------
    Hamaker, E. L., Kuiper, R. M., & Grasman, R. P. P. P. (2015). A critique of the cross-lagged panel model.
    Psychological Methods 20, 102–116.
    Dhaene, G., & Jochmans, K. (2015). Split-panel jackknife estimation of fixed-effect models. Review of
    Economic Studies 82, 991–1030.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> rows, level = [], rng.standard_normal(40)
    >>> for b in range(40):
    ...     e = x = 0.0
    ...     for t in range(30):
    ...         e = 0.4 * e + 0.1 * x + rng.normal()
    ...         x = 0.5 * x + 0.2 * e + rng.normal()
    ...         rows.append((b, t, e + level[b], x + 2 * level[b]))
    >>> found = mirror(pd.DataFrame(rows, columns=["branch", "month", "engagement", "cx"]))
    >>> found.table["estimate"].iloc[[0, -1]].round(1).tolist()
    [0.2, 0.7]
    """
    check_conf_level(conf_level)
    if method not in get_args(MirrorMethod):
        raise OptionError(one_of(method, get_args(MirrorMethod), what="method"))
    read = mirror_panel(
        panel,
        engagement=engagement,
        experience=experience,
        halves=halves,
        unit=unit,
        time=time,
        scale=scale,
    )
    rows = None
    if persons is not None:
        rows = person_rows(
            persons, read, person=person, engagement=engagement, unit=unit, time=time, scale=scale
        )
    found = estimate(read, rows, method)
    table = table_of(read, found, conf_level)
    return Mirror(
        table=table,
        evidence=_evidence(read, rows, found, source),
        conf_level=conf_level,
        compared=compared(found, conf_level),
        spread=(float(found.best.spread[0]), float(found.best.spread[1])),
        root=found.best.root,
    )


def _evidence(read: MirrorPanel, rows: PersonRows | None, found: Estimated, source: str) -> Evidence:
    units = len(read.units)
    return Evidence(
        grade="adjusted",
        design=(
            f"{units:,} branches over {len(read.periods):,} months, each its own control; months and what "
            "both carry over from the month before taken out."
        ),
        unit="branches",
        n_used=units,
        n_given=read.n_given,
        source=source,
        assumptions=(
            "Engagement is asked before the experience of its month is made: experience does not reach it "
            "within the month.",
            "Nothing else moves both in a branch in the same month.",
            "What both carry over is told by one month back.",
            "Errors of both halves are independent of each other and between months; engagement is measured "
            "without error.",
        ),
        checks=(
            _periods(read, found),
            _fading(found),
            _error(read, found),
            _composition(rows, found),
            _gaps(read),
        ),
    )


def _periods(read: MirrorPanel, found: Estimated) -> Check:
    t = len(read.periods)
    return Check(
        name="length of the panel",
        null="the panel is long enough for its short-panel pull to be taken out",
        passed=t >= _SHORT,
        detail=(
            f"{t:,} months. Uncorrected, a branch's engagement seems to keep "
            f"{number(found.plain.lags[0, 0])} from month to month, corrected "
            f"{number(found.best.lags[0, 0])}; the pull expected of means over so few is about "
            f"{number(-(1 + found.best.lags[0, 0]) / (t - 1))}."
        ),
        remedy=f"Take {_SHORT} months or more.",
    )


def _fading(found: Estimated) -> Check:
    return Check(
        name="fading",
        null="shocks to engagement and experience die out",
        passed=bool(found.best.root < _UNIT_ROOT),
        detail=f"The largest root of what carries over is {number(found.best.root)}.",
        remedy="Scores that only drift need a longer panel, or differences.",
    )


def _error(read: MirrorPanel, found: Estimated) -> Check:
    null = "the error of the experience score is taken out"
    if read.halves is None:
        return Check(
            name="error of the score",
            null=null,
            passed=None,
            detail="No halves of the answers were given, so the score counts as free of error.",
            remedy="Give two halves; else paths from experience are drawn towards nought.",
        )
    share = found.best.reliability
    return Check(
        name="error of the score",
        null=null,
        passed=bool(share >= _RELIABLE),
        detail=f"Within branches and months, {number(share)} of the score's variance is no error.",
        remedy="Halves that share so little leave the paths all but unknown.",
    )


def _composition(rows: PersonRows | None, found: Estimated) -> Check:
    null = "engagement moves with the same persons, not with who comes and goes"
    if rows is None or found.persons is None:
        return Check(
            name="who is there",
            null=null,
            passed=None,
            detail="Means of branches mix moods with who comes and goes.",
            remedy="Give the persons' months.",
        )
    own, mean = found.persons, found.best.lags[0, 0]
    return Check(
        name="who is there",
        null=null,
        passed=True,
        detail=(
            f"{own.n_persons:,} persons with levels of their own, {own.length:.1f} months each: of a "
            f"departure {number(own.memory)} is left after a month; of a branch's mean {number(mean)}, for "
            "levels leave with persons."
        ),
    )


def _gaps(read: MirrorPanel) -> Check:
    out = read.left_out
    shown = [label(name) for name in out[:5]]
    more = f" and {len(out) - 5:,} more" if len(out) > 5 else ""
    return Check(
        name="gaps",
        null="every branch has every month",
        passed=True if not out else None,
        detail=f"Left out for gaps: {join_words(shown)}{more}." if out else "Every branch has every month.",
        remedy="See whether they differ." if out else "",
    )


def _who(gap: Mapping[Any, Any]) -> str:
    if gap["conf_low"] > 0:
        return "experience follows engagement more than the other way round"
    if gap["conf_high"] < 0:
        return "engagement follows experience more than the other way round"
    return "which of the two is larger cannot be told"


def _claim(staff: dict[str, Any], customers: dict[str, Any]) -> str:
    said = [row["conf_low"] > 0 for row in (staff, customers)]
    if all(said):
        return "Within branches experience goes with engagement, and engagement with the experience before"
    if said[0]:
        return (
            "Within branches experience is better in months of higher engagement; the way back is not settled"
        )
    if said[1]:
        return "Within branches engagement is higher after better experience; the way there is not settled"
    return "Within branches it is not settled whether engagement and experience go together"


__all__ = ["MEMORY", "Mirror", "MirrorMethod", "mirror"]
