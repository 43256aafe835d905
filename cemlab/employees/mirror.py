"""Who lifts whom: engagement of the staff and experience of the customers over time, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.mirror_evidence import mirror_evidence
from cemlab.employees.mirror_panel import Scale, mirror_panel, person_rows
from cemlab.employees.mirror_rows import (
    CORRECTED,
    CUSTOMERS_FIRST,
    MEMORY,
    STAFF_FIRST,
    compared,
    estimate,
    table_of,
)
from cemlab.employees.telling import plural
from cemlab.errors import OptionError, one_of
from cemlab.markup import number, with_interval
from cemlab.result import Result, check_conf_level

#: How the pull of short panels on what carries over is taken out of the branches' rows.
MirrorMethod = Literal["half-panel jackknife", "adjusted moments"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Mirror(Result):
    """Engagement and experience over time, both ways, within branches.

    Parameters
    ----------
    table
        One row an estimate: path ("engagement → experience", "experience → engagement", "memory of
        engagement", "both together"), when ("same month", "next month", or as time is called), way ("within
        units, corrected" is the answer; "within units, uncorrected", "no unit levels" (the traditional
        cross-lagged model) and "correlation" stand beside it), rows (of what: branch-months or
        person-months), unit, estimate, std_error, conf_low, conf_high, p_value.
    compared
        Both paths in standard deviations within branches and months, and their difference: path, estimate,
        std_error, conf_low, conf_high, p_value.
    spread
        Standard deviations within branches and months of engagement and experience, errors apart.
    root
        Size of the largest root of what carries over: below 1 where shocks die out.
    units
        Of engagement and of experience.
    unit, time
        What a unit and a period is called.
    """

    compared: pd.DataFrame
    spread: tuple[float, float]
    root: float
    units: tuple[str, str] = ("unit", "unit")
    unit: str = "branch"
    time: str = "month"

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
                "told": [with_interval(row) for row in rows],
                "unit": [row["unit"] for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell both directions, which is larger, and what naive ways say instead."""
        staff, customers = self.row(STAFF_FIRST), self.row(CUSTOMERS_FIRST)
        first, second, gap = self.compared.to_dict("records")
        naive = self.table.iloc[-1]
        (one, other), branches = self.units, plural(self.unit)
        return (
            f"Within a {self.unit}, one {one} more engagement {self.evidence.relation} "
            f"{with_interval(staff)} {plural(other)} more experience in the same {self.time}, and one "
            f"{other} more experience with {with_interval(customers)} {plural(one)} more engagement in the "
            f"next. To compare them, each is put in the steps usual within {branches} "
            f"({number(round(self.spread[0], 2))} {plural(one)} of engagement, "
            f"{number(round(self.spread[1], 2))} {plural(other)} of experience): {with_interval(first)} "
            f"steps per step and {with_interval(second)}; the difference is {with_interval(gap)}, so "
            f"{_who(gap)}. The correlation over all {branches} and {plural(self.time)} is "
            f"{with_interval(naive)}: it mixes both ways with what {branches} are anyhow, and says of "
            f"neither how large it is. ({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} "
            f"{self.evidence.unit}.)"
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
            x_label=_axis(*self.units),
            y_label="",
            claim=_claim(
                self.row(STAFF_FIRST),
                self.row(CUSTOMERS_FIRST),
                where=plural(self.unit),
                when=plural(self.time),
            ),
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
    scale: Scale | None = None,
    units: tuple[str, str] = ("unit", "unit"),
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
        Two columns with experience measured by two halves of the answers, whose errors are independent and
        whose mean is the score; without them experience counts as free of error and its path is drawn towards
        nought.
    method
        How the pull of short panels on the branches' rows is taken out. The jackknife has a solution in
        every panel; the adjusted moments vary less in panels of under 12 months, where they have one.
    scale
        Lowest and highest score: of both, as ``(1, 5)``, or by column, as ``{"engagement": (1, 5), "cx": (0,
        100)}``; anything else is refused.
    units
        What a unit of engagement and one of experience is called, in the singular, e.g. ``("SD", "SD")`` or
        ``("point", "point")``. Paths are in these units; only `compared` is in standard deviations.
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
    Intervals leave out one branch at a time. Over 600 simulated networks of 60 branches (200 of 48 months)
    they held both planted paths in 94 to 96 of 100 over 8, 12 and 48 months, and over 12 where persons of a
    branch share a sixth of what is new in their moods. Traditional cross-lagged models without levels of
    units mix what branches are with what happens in them (Hamaker et al. 2015).

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
    if not isinstance(units, tuple) or len(units) != 2 or not all(isinstance(u, str) and u for u in units):
        raise OptionError(f"units={units!r}: allowed are two words, of engagement and of experience")
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
    table = table_of(read, found, conf_level, units)
    return Mirror(
        table=table,
        evidence=mirror_evidence(read, rows, found, source),
        conf_level=conf_level,
        compared=compared(found, conf_level),
        spread=(float(found.best.spread[0]), float(found.best.spread[1])),
        root=found.best.root,
        units=units,
        unit=read.unit,
        time=read.time,
    )


def _who(gap: Mapping[Any, Any]) -> str:
    if gap["conf_low"] > 0:
        return "experience follows engagement more than the other way round"
    if gap["conf_high"] < 0:
        return "engagement follows experience more than the other way round"
    return "which of the two is larger cannot be told"


def _axis(one: str, other: str) -> str:
    """Name the axis both paths share; they are in units of their own where scores are."""
    return (
        f"{one} per {one}" if one == other else f"Of the one that follows, per {one} or {other} of the other"
    )


def _claim(staff: dict[str, Any], customers: dict[str, Any], *, where: str, when: str) -> str:
    said = [row["conf_low"] > 0 for row in (staff, customers)]
    if all(said):
        return f"Within {where} experience goes with engagement, and engagement with the experience before"
    if said[0]:
        return (
            f"Within {where} experience is better in {when} of higher engagement; the way back is not settled"
        )
    if said[1]:
        return f"Within {where} engagement is higher after better experience; the way there is not settled"
    return f"Within {where} it is not settled whether engagement and experience go together"


__all__ = ["MEMORY", "Mirror", "MirrorMethod", "mirror"]
