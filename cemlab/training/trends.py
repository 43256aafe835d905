"""Did the treated move as their controls did before the treatment, and would one have seen it if not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.evidence import Check
from cemlab.markup import number, p_value, signed
from cemlab.result import Result, check_conf_level
from cemlab.stats.group_time import Controls
from cemlab.stats.seeds import check_seed
from cemlab.training.effects import group_time_effects
from cemlab.training.intervals import DRAWS, check_draws
from cemlab.training.roll_out import RollOut, roll_out
from cemlab.training.trend_tests import hypotheses, leads_table, see, slope_table, table_of_tests, verdict

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Bands of the effects beside are not used.
_FEWEST_DRAWS = 99


@dataclass(frozen=True, eq=False, kw_only=True)
class PreTrends(Result):
    """Trends before the treatment: leads, two tests, and what the tests would have found.

    Parameters
    ----------
    table
        One row a lead: event_time (periods since the first treated one, below 0), estimate [unit of the
        outcome], std_error, conf_low, conf_high, band_low, band_high (hold in all rows at once), n_treated
        (units behind it), tested (whether the joint test takes it).
    tests
        One row a test ("linear trend", "all leads jointly"): statistic (squared standardised slope; Wald),
        df, p_value; slope_50, slope_80 (the difference of linear trends [unit a period] found with that
        probability), and bias_50, bias_80 (by how much such a slope would move the overall estimate).
    slope
        One row: estimate, std_error, conf_low, conf_high [unit a period], and bias, the slope carried on
        over the treated periods.
    overall
        One row: the overall estimate beside which the biases are judged, with its interval.
    exposure
        Mean number of periods from the base to what the overall estimate averages over.
    level
        Of the two tests together.
    roll_out
        The arrays behind.
    controls, anticipation
        As asked for.
    """

    tests: pd.DataFrame
    slope: pd.DataFrame
    overall: pd.DataFrame
    exposure: float
    level: float
    roll_out: RollOut
    controls: Controls
    anticipation: int

    title: ClassVar[str] = "Trends before the treatment"
    labels: ClassVar[dict[str, str]] = {
        "test": "Test",
        "seen": "Seen",
        "p_value": "p-value",
        "slope_50": "Slope found one time in two",
        "slope_80": "Slope found four times in five",
        "bias_80": "which would move the overall estimate by",
    }

    @property
    def check(self) -> Check:
        """The verdict: refuted, survived, or undecided where the tests could not have found what matters."""
        return self.evidence.checks[0]

    @property
    def summary(self) -> pd.DataFrame:
        """One row a test: what was seen, its p-value, and the slopes that it would have found."""
        slope = _first(self.slope)
        rows = self.tests.to_dict("records")
        return pd.DataFrame(
            {
                "test": [row["test"] for row in rows],
                "seen": [
                    f"{signed(slope['estimate'])} a period ({signed(slope['conf_low'])} to "
                    f"{signed(slope['conf_high'])})",
                    f"chi-squared {rows[1]['statistic']:.1f} on {rows[1]['df']} leads",
                ],
                "p_value": [p_value(row["p_value"]) for row in rows],
                **{name: [number(row[name]) for row in rows] for name in ("slope_50", "slope_80", "bias_80")},
            }
        )

    def narrative(self) -> str:
        """Tell the slope with its interval, both tests, their power, and what that leaves open."""
        slope, overall = _first(self.slope), _first(self.overall)
        linear, joint = self.tests.to_dict("records")
        verdict = {
            False: "These data speak against parallel trends: nothing that follows may be told as a cause.",
            True: (
                "The smaller of these is below the overall estimate: a trend that explains all of it would "
                "more likely than not have been seen. It is no proof that trends were parallel."
            ),
            None: (
                "The smaller of these is no less, in size, than the overall estimate: trends that explain "
                "all of it may well have gone unseen, so the tests decide nothing."
            ),
        }[self.check.passed]
        return (
            f"Before the treatment the slope of {self.roll_out.outcome_name} of the "
            f"{int(self.roll_out.treated.sum()):,} treated units differed from that of their controls by "
            f"{signed(slope['estimate'])} a period ({signed(slope['conf_low'])} to "
            f"{signed(slope['conf_high'])}; {p_value(linear['p_value'])}); "
            f"{int(joint['df']):,} leads tested jointly: "
            f"{p_value(joint['p_value'])}. A slope of {number(linear['slope_50'])} would have been found one "
            f"time in two, of {number(linear['slope_80'])} four times in five; carried on over "
            f"{self.exposure:.1f} periods they make {number(linear['bias_50'])} and "
            f"{number(linear['bias_80'])}, beside an overall estimate of {signed(overall['estimate'])} "
            f"({signed(overall['conf_low'])} to {signed(overall['conf_high'])}). {verdict} "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} units.)"
        )

    @property
    def chart(self) -> Chart:
        """The leads with intervals, and bands that hold for all at once."""
        words = {
            False: "Before the treatment the treated already moved otherwise than their controls",
            True: "Before the treatment the treated moved as their controls did, as far as can be seen",
            None: "Whether the treated moved as their controls did before the treatment is not settled",
        }
        return Chart(
            kind="event",
            frame=self.table[["event_time", "estimate", "conf_low", "conf_high", "band_low", "band_high"]],
            x="event_time",
            y="estimate",
            low="conf_low",
            high="conf_high",
            band_low="band_low",
            band_high="band_high",
            levels=(self.conf_level, self.conf_level),
            x_label="Periods since the first treated one",
            y_label=f"{self.roll_out.outcome_name}: treated less controls, from the last period before",
            claim=words[self.check.passed],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
            begins=0,
        )


def pre_trends(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    controls: Controls = "not yet treated",
    anticipation: int = 0,
    level: float = 0.05,
    conf_level: float = 0.95,
    seed: int = 1,
    draws: int = DRAWS,
    source: str = "",
) -> PreTrends:
    """Answer whether the treated moved as their controls did before, and if one could have seen it if not.

    Two tests share the level by Holm's rule. That of a *linear trend* spends it on one number, to which all
    periods before every group's treatment add: it finds a slope that no single lead shows. That of *all leads
    jointly* finds dips and bends too, and slopes hardly at all; it takes as many of the nearest leads as the
    smaller side has units for.

    Parameters
    ----------
    panel
        One row a unit and period, or a :class:`RollOut` that was read before (the columns are then its own).
        Clusters of several units, which a RollOut may hold, are tested by their means, weighted as it says;
        other weights are not used.
    outcome, unit, time, first_treated
        Columns, as in :func:`roll_out`.
    controls
        With whom the treated are compared, as in :func:`group_time_effects`: take the same.
    anticipation
        Periods before the treatment in which it may act already; they are no leads.
    level
        How often both tests together may speak against parallel trends that hold.
    conf_level
        Confidence level of intervals and bands.
    seed, draws
        p-values and bands come from dealing the beginnings of treatment to the units anew, so often.
    source
        The line that stands under every figure.

    Returns
    -------
    PreTrends
        Its table has one row a lead. Its check is *undecided*, and not passed, where a slope that would have
        been missed one time in two moves the overall estimate by as much as it is.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns and options that are not there, and impossible values.
    DesignError
        If the panel holds no roll-out, there is no lead, or units of one cluster begin at different times.

    Notes
    -----
    Deals are exact where no trend differs and units could be exchanged; statistics are studentised, so that
    they hold in large samples too where groups vary unequally. Power is of normal estimates with the errors
    seen. A passed test changes what one may expect of the estimate (Roth 2022): power is told beside it for
    that reason, and bounds by :func:`trend_sensitivity` say more than a passed test. Controls that are
    touched by the treatment of others before their own drift too and can be told for a trend.

    References
    ----------
    Roth, J. (2022). Pretest with caution: event-study estimates after testing for parallel trends. American
    Economic Review: Insights 4, 305–322.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = [(u, t, 5 if u < 8 else 0, 0.2 * t * (u < 8) + y)
    ...         for u in range(20) for t, y in enumerate(rng.normal(size=8), start=1)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> found = pre_trends(panel, outcome="cx", draws=99)
    >>> found.table["event_time"].tolist(), found.tests["test"].tolist()
    ([-4, -3, -2], ['linear trend', 'all leads jointly'])
    """
    _check_options(level, conf_level, draws, seed)
    rolled = (
        panel
        if isinstance(panel, RollOut)
        else roll_out(panel, outcome=outcome, unit=unit, time=time, first_treated=first_treated)
    )
    seen = see(rolled, controls=controls, anticipation=anticipation, draws=draws, seed=seed)
    effects = group_time_effects(
        rolled, controls=controls, anticipation=anticipation, conf_level=conf_level, draws=_FEWEST_DRAWS
    )
    after = effects.table[effects.table["event_time"] >= 0]
    exposure = float(np.average(after["event_time"] + 1 + anticipation, weights=after["n_treated"]))
    overall = effects.overall().table[["estimate", "std_error", "conf_low", "conf_high"]]
    tests = table_of_tests(seen, level, exposure)
    evidence = replace(
        effects.evidence,
        grade="association",
        source=source,
        assumptions=("Whoever is compared could have been treated instead, as far as trends go.",),
        checks=(verdict(tests, float(overall["estimate"].iloc[0]), level),),
        tests=hypotheses(tests),
    )
    return PreTrends(
        table=leads_table(seen, conf_level),
        evidence=evidence,
        conf_level=conf_level,
        tests=tests,
        slope=slope_table(seen, conf_level, exposure),
        overall=overall,
        exposure=exposure,
        level=level,
        roll_out=rolled,
        controls=controls,
        anticipation=anticipation,
    )


def _check_options(level: float, conf_level: float, draws: int, seed: int) -> None:
    check_conf_level(conf_level)
    check_draws(draws)
    check_seed(seed)
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < level <= 0.5:
        raise OptionError(f"level is {level!r}; allowed: a share above 0 and up to 0.5, e.g. 0.05")


def _first(frame: pd.DataFrame) -> dict[str, float]:
    """Return the only row."""
    return {str(name): float(value) for name, value in frame.iloc[0].items()}
