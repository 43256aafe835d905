"""Does training reach branches that were not trained: those with trained neighbours against those without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check, Evidence, Grade
from cemlab.markup import join_words, number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.detectable import detectable_ratio, power_of_t
from cemlab.training.before import picked, plural
from cemlab.training.effect_evidence import refuse_one_treated
from cemlab.training.exposure import (
    Flags,
    Ints,
    exposed_differences,
    exposed_units,
    first_exposed,
    main_figures,
)
from cemlab.training.placebo_tests import placebo_p_values
from cemlab.training.result_rows import rows_of
from cemlab.training.roll_out import RollOut, roll_out

if TYPE_CHECKING:
    import ibis.expr.types as ir

_EARLIER = (3, 6)
_WHO = ("never trained", "not yet trained", "both")


@dataclass(frozen=True, eq=False, kw_only=True)
class SpillOver(Result):
    """What happened to untrained branches when others in their region were trained.

    Parameters
    ----------
    table
        One row a comparison: who ("never trained", "not yet trained": later trained, up to the month before,
        or "both"), estimate (change against branches of regions where nobody was trained [unit of the
        outcome]), std_error, df, conf_low, conf_high, p_value, detectable (the change that would be found
        with a chance of 80 %), power (chance to find `plausible` times the main figure), n_exposed, n_clean
        (branches), trend_p (p-value of "both had the same slope before").
    main
        The main figure beside: controls ("all untrained", "clean regions only"), estimate, std_error, df,
        conf_low, conf_high, n_treated, n_controls.
    plausible
        The share of the main figure that might reach neighbours, for `power`.
    outcome, unit, region
        Columns.
    """

    main: pd.DataFrame
    plausible: float
    outcome: str
    unit: str
    region: str

    title: ClassVar[str] = "Spill-over to branches that were not trained"
    labels: ClassVar[dict[str, str]] = {
        "who": "Untrained, with trained neighbours",
        "change": "Change against clean regions (interval)",
        "p": "p",
        "detectable": "Would be found",
        "n": "Branches (clean)",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a comparison."""
        rows = rows_of(self.table)
        return pd.DataFrame(
            {
                "who": [r["who"] for r in rows],
                "change": [with_interval(r) for r in rows],
                "p": [p_value(r["p_value"]) for r in rows],
                "detectable": [number(r["detectable"]) for r in rows],
                "n": [f"{r['n_exposed']} ({r['n_clean']})" for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the spill-over, its power, and the main figure with clean controls only."""
        row = rows_of(self.table)[-1]
        settled = row["conf_low"] > 0 or row["conf_high"] < 0
        names = plural(self.unit)
        lead = (
            f"Untrained {names} with trained neighbours changed by {with_interval(row)} against {names} of "
            f"regions where nobody was trained ({row['n_exposed']} against {row['n_clean']})."
        )
        honest = (
            ""
            if settled
            else f" That settles nothing: a spill-over of {percent(self.plausible, digits=0)} of the main "
            f"figure would be found with a chance of {percent(row['power'], digits=0)}, and only one of "
            f"{number(row['detectable'])} with 80 %."
        )
        every, clean = rows_of(self.main)
        return (
            f"{lead}{honest} The main figure is {with_interval(every)} with all controls, and "
            f"{with_interval(clean)} with controls of clean regions only. "
            f"({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the spill-over and of the main figure with either controls."""
        columns = ["estimate", "conf_low", "conf_high"]
        first = self.table[columns].assign(what=[f"spill-over: {who}" for who in self.table["who"]])
        second = self.main[columns].assign(what=[f"trained, against {c}" for c in self.main["controls"]])
        row = self.table.iloc[-1]
        settled = row["conf_low"] > 0 or row["conf_high"] < 0
        return Chart(
            kind="forest",
            frame=pd.concat([first, second], ignore_index=True)[["what", *columns]],
            x="estimate",
            y="what",
            low="conf_low",
            high="conf_high",
            x_label=f"Change in {self.outcome.replace('_', ' ')}",
            y_label="comparison",
            claim=(
                f"Untrained {plural(self.unit)} with trained neighbours changed by {number(row['estimate'])}"
                if settled
                else f"Whether training reaches untrained {plural(self.unit)} is not settled"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def spill_over(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    region: str = "region",
    plausible: float = 0.15,
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    conf_level: float = 0.95,
    source: str = "",
) -> SpillOver:
    """Answer whether training reached branches that were not trained, and what that does to the main figure.

    Parameters
    ----------
    panel
        One row a branch and month.
    outcome
        Column of numbers.
    region
        Column of what neighbours share, the same in all rows of a branch.
    plausible
        Share of the main figure that might reach neighbours: the power to find it is told.
    unit, time, first_treated
        As in :func:`group_time_effects`.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    SpillOver
        Its table has a row for branches never trained, one for those trained later, one for both.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns that are not there, a region that is missing or changes within a branch.
    DesignError
        If the panel holds no roll-out, in every region somebody was trained, or no region with training has
        untrained branches left.

    Notes
    -----
    A branch is exposed from the month in which the first of its region is trained, until it is trained
    itself. Its mean while exposed less its mean before is compared with the same months of branches of
    regions where nobody is ever trained; interval and test are Welch's, with degrees of freedom for few
    branches. Regions are few: that they have no ups and downs of their own is assumed. Where slopes before
    differ, or placebo dates find something, the grade is "association": branches trained later may have been
    heading elsewhere anyway.

    Main figures are against the mean of all months before, as in :func:`on_the_way`: once against all
    branches not trained by then, spilt over or not, once against those of clean regions only.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population
    variances are involved. Biometrika 34, 28–35.

    Examples
    --------
    >>> rows = [(u, t, "N" if u < 6 else "S", 3 if u < 3 else 0, u % 3 * t + (t >= 3) * (u < 3) + 0.5 *
    ...          (t >= 3) * (3 <= u < 6)) for u in range(9) for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "region", "first_trained", "cx"])
    >>> found = spill_over(panel, outcome="cx")
    >>> found.table[["who", "estimate"]].round(6).values.tolist()
    [['never trained', 0.5]]
    >>> found.main["estimate"].round(6).tolist()
    [0.75, 1.0]
    """
    check_conf_level(conf_level)
    if isinstance(plausible, bool) or not isinstance(plausible, int | float) or not plausible > 0:
        raise OptionError(f"plausible is {plausible!r}; give a share of the main figure above 0, e.g. 0.15")
    rolled = roll_out(panel, outcome=outcome, unit=unit, time=time, first_treated=first_treated)
    refuse_one_treated(rolled)
    where = _regions(picked(panel, [unit, region]), rolled, unit, region)
    exposed_from = first_exposed(rolled, where)
    clean = exposed_from == rolled.never
    _refuse_no_comparison(rolled, exposed_from, clean, region)
    main = main_figures(rolled, clean, conf_level)
    rows = [
        _row(who, rolled, exposed_from, clean, plausible * float(main["estimate"].iloc[1]), conf_level)
        for who in _present(rolled, exposed_from, clean)
    ]
    table = pd.DataFrame(rows)
    return SpillOver(
        table=table,
        evidence=_evidence(rolled, table, where, clean, region, unit, source),
        conf_level=conf_level,
        main=main,
        plausible=float(plausible),
        outcome=outcome,
        unit=unit,
        region=region,
    )


def _regions(frame: pd.DataFrame, rolled: RollOut, unit: str, region: str) -> Ints:
    """Return the number of each unit's region."""
    rows = frame.groupby(unit)[region]
    if frame[region].isna().any():
        raise DataError(f"panel, column {region!r}: missing in {int(frame[region].isna().sum()):,} rows")
    if (rows.nunique() > 1).any():
        raise DataError(
            f"panel, column {region!r}: {unit} {rows.nunique().idxmax()} is in several; neighbours must stay "
            "neighbours"
        )
    _refuse_nearly_alike(frame[region], region)
    own = rows.first()
    own.index = own.index.map(str)
    return np.asarray(pd.factorize(own.reindex(list(rolled.units)))[0], dtype=np.int64)


def _refuse_nearly_alike(regions: pd.Series[Any], region: str) -> None:
    """Refuse names that differ in spaces or capitals alone: neighbours would stand as strangers."""
    names = pd.Series([str(name) for name in regions.unique()])
    plain = names.map(lambda name: " ".join(name.split()).casefold())
    if plain.duplicated().any():
        same = names[plain == plain[plain.duplicated()].iloc[0]].map(repr).tolist()
        raise DataError(
            f"panel, column {region!r}: {join_words(same)} differ in spaces, capitals or kind alone; write "
            "one region in one way"
        )


def _present(rolled: RollOut, exposed_from: Ints, clean: Flags) -> list[str]:
    """Return the comparisons with two exposed units or more; "both" only where it differs from the others."""
    sizes = {who: int(exposed_units(who, rolled, exposed_from, clean).sum()) for who in _WHO}
    single = [who for who in _WHO[:2] if sizes[who] >= 2]
    return single if sizes["both"] in [sizes[who] for who in single] else [*single, "both"]


def _refuse_no_comparison(rolled: RollOut, exposed_from: Ints, clean: Flags, region: str) -> None:
    if clean.sum() < 2:
        raise DesignError(
            f"panel, column {region!r}: in every {region} somebody is trained (or all but one unit's), so "
            "nobody is left whom training could not reach; watch a region without any training"
        )
    if exposed_units("both", rolled, exposed_from, clean).sum() < 2:
        raise DesignError(
            f"panel, column {region!r}: fewer than two units stand untrained beside trained ones of their "
            f"{region}; no spill-over can be looked for"
        )


def _row(
    who: str, rolled: RollOut, exposed_from: Ints, clean: Flags, hoped: float, conf_level: float
) -> dict[str, Any]:
    exposed = exposed_units(who, rolled, exposed_from, clean)
    found, before = exposed_differences(rolled, exposed, exposed_from, clean)
    low, high = found.interval(conf_level)
    ratio = float(detectable_ratio(found.df, conf_level=conf_level))
    error = max(found.std_error, 1e-300)
    return {
        "who": who,
        "estimate": found.estimate,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": low,
        "conf_high": high,
        "p_value": found.p_value,
        "detectable": ratio * found.std_error,
        "power": float(power_of_t(hoped, std_error=error, df=found.df, conf_level=conf_level)),
        "n_exposed": found.n_treated,
        "n_clean": found.n_controls,
        "trend_p": before.p_value,
    }


def _evidence(
    rolled: RollOut, table: pd.DataFrame, where: Ints, clean: Flags, region: str, unit: str, source: str
) -> Evidence:
    last = table.iloc[-1]
    placebo = placebo_p_values(rolled, _EARLIER)
    # two dates looked at: each at half the level
    sound = all(p >= 0.05 / len(placebo) for p in placebo)
    alike = bool(last["trend_p"] >= 0.05)
    grade: Grade = "quasi-experiment" if alike and sound else "association"
    regions = (len(np.unique(where[~clean])), len(np.unique(where[clean])))
    trend = Check(
        name="same slope before",
        null="untrained units of both kinds of regions had the same slope before",
        passed=alike,
        detail=f"Of the difference of the slopes: {p_value(float(last['trend_p']))}.",
        remedy="They would have parted anyway; the difference is no spill-over.",
    )
    dates = Check(
        name="placebo dates",
        null="those trained later changed like the others before they were trained",
        passed=sound if placebo else None,
        detail=(
            f"Of {len(placebo)} placebo dates the smallest {p_value(min(placebo))}."
            if placebo
            else "No unit is watched long enough before its training."
        ),
        remedy="Branches were chosen by where they were heading; those not yet trained are no witnesses.",
    )
    few = Check(
        name="few regions",
        null="regions have no ups and downs of their own",
        passed=None if min(regions) < 6 else True,
        detail=f"{regions[0]} regions with and {regions[1]} without training; what they alone met stays in.",
        remedy="Read the interval as the narrowest there can be.",
    )
    return Evidence(
        grade=grade,
        design=(
            f"Untrained {plural(unit)} of a {region} where others were trained, against those of a {region} "
            "without any training, in change since before."
        ),
        unit=plural(unit),
        n_used=len(rolled.units),
        n_given=rolled.n_given,
        source=source,
        assumptions=(
            "Without any training both kinds of regions would have changed alike.",
            f"Training reaches no further than its own {region}.",
        ),
        checks=(trend, dates, few, *rolled.checks),
    )
