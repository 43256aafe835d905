"""Hazards by period: who leaves in which month, from counts, whatever the number of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import PersonPeriods, check_periods, count_person_periods
from cemlab.data.spell_roles import spell_roles
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Evidence, Grade
from cemlab.markup import join_words, p_value, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.grouped_hazard import GroupedHazardFit, fit_grouped_hazard
from cemlab.survival.period_checks import PROPORTIONAL, period_checks, proportional_periods
from cemlab.survival.period_design import PeriodDesign, period_design
from cemlab.survival.period_others import OtherCauses, count_others, fit_others
from cemlab.survival.period_tables import baseline_table, largest_claim, predicted_table, ratio_table
from cemlab.survival.ratio_words import told_ratios

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriodHazards(Result):
    """Hazard ratios and the chance to leave in each period, from a complementary log-log model of counts.

    Parameters
    ----------
    table
        term, estimate (hazard ratio), conf_low, conf_high, coefficient (its logarithm), std_error (of the
        coefficient), statistic, p_value.
    baseline
        One row a period: period, start, end [unit], estimate (chance to leave within it for those who reach
        it, at the reference levels and with numbers at their mean), conf_low, conf_high, n_at_risk, n_events
        (of all customers). Where there are other causes, the chance to leave for those asked for while others
        leave for others.
    proportional
        covariate, statistic, df, p_value: likelihood-ratio test that its ratio does not change with time.
    log_likelihood
        Of the person-periods at the maximum.
    unit
        The unit of time.
    counted, design, fit
        The person-periods, the model matrix and the fit.
    others
        The pace of leaving for other causes, by the same terms; None where there are none.
    """

    baseline: pd.DataFrame
    proportional: pd.DataFrame
    log_likelihood: float
    unit: str
    counted: PersonPeriods
    design: PeriodDesign
    fit: GroupedHazardFit
    others: OtherCauses | None = None

    title: ClassVar[str] = "Hazard ratios by period (complementary log-log, from counts)"
    labels: ClassVar[dict[str, str]] = {
        "ratio": "Hazard ratio (interval)",
        "p": "p-value",
        "proportional": "Constant over time?",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a term: hazard ratio with interval, p-value, and whether it is constant over time."""
        rows = self.table.to_dict("records")
        held = dict(zip(self.proportional["covariate"], self.proportional["p_value"], strict=True))
        told = [float(held.get(name, np.nan)) for name in self.design.of]
        return pd.DataFrame(
            {
                "term": self.table["term"],
                "ratio": [f"{r['estimate']:.2f} ({r['conf_low']:.2f} to {r['conf_high']:.2f})" for r in rows],
                "p": [p_value(r["p_value"]).removeprefix("p ").removeprefix("= ") for r in rows],
                "proportional": [
                    "not testable" if np.isnan(p) else "no" if p < 0.05 else "not refuted" for p in told
                ],
            }
        )

    def predict(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return the share still there at the end of each period, for patterns of covariates.

        Parameters
        ----------
        customers
            One row a pattern, with the model's covariates; its index names the pattern.

        Returns
        -------
        pandas.DataFrame
            pattern, time [unit], estimate (share still there, whatever others left for), conf_low, conf_high;
            left (share that left, for the causes asked for), left_low, left_high. Intervals are on the
            complementary log-log scale, with the errors of baseline and ratios. Of those there at the first
            cut point.

        Raises
        ------
        DataError, OptionError
            For a covariate that is missing or a level that the model does not know.
        """
        if not isinstance(customers, pd.DataFrame):
            raise DataError(
                f"customers are a {type(customers).__name__}; hand in a frame with one row a pattern"
            )
        wide = self.design.spread(self.design.rows(customers))
        return predicted_table(
            self.counted,
            wide,
            self.fit,
            self.others,
            pattern=customers.index.to_numpy(),
            conf_level=self.conf_level,
        )

    def narrative(self) -> str:
        """Say which terms go with a slower or faster pace, which are open, and when the pace is highest."""
        sentences = told_ratios(self.table, relation=self.evidence.relation.capitalize())
        at, settled = self._highest()
        top = self.baseline.iloc[at]
        sentences.append(
            f"At the reference levels the pace {'is' if settled else 'was found'} highest from "
            f"{top['start']:g} to {top['end']:g} {self.unit}"
            f"{'' if settled else ' (which period has the highest is not settled)'}: "
            f"{percent(top['estimate'])} ({percent_range(top['conf_low'], top['conf_high'])}) of those who "
            f"reach that period leave in it{self._for()}."
        )
        if any(check.name == PROPORTIONAL for check in self.evidence.failed):
            sentences.append(
                "A ratio changes with time and is an average over the periods: let it change by period "
                "(changing=…)."
            )
        return " ".join([*sentences, f"({100 * self.conf_level:g} % intervals.)"])

    def _for(self) -> str:
        return f" for {self.others.causes}" if self.others else ""

    def _rates(self) -> pd.DataFrame:
        """Return the chances per unit of time: periods may differ in length."""
        width = self.baseline["end"] - self.baseline["start"]
        shares = self.baseline[["estimate", "conf_low", "conf_high"]]
        return 1 - (1 - shares).pow(1 / width, axis=0)

    def _highest(self) -> tuple[int, bool]:
        """Return the period of the highest pace, and whether its interval lies above all others."""
        rates = self._rates()
        at = int(rates["estimate"].argmax())
        return at, bool((rates["conf_high"].drop(rates.index[at]) < rates["conf_low"].iloc[at]).all())

    @property
    def chart(self) -> Chart:
        """Forest of hazard ratios."""
        return Chart(
            kind="forest",
            frame=self.table[["term", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label="Hazard ratio (1 = same pace of leaving)",
            y_label="term",
            claim=largest_claim(self.table),
            grade=self.evidence.grade,
            note=self.caption,
            log=True,
            reference=1.0,
        )

    @property
    def baseline_chart(self) -> Chart:
        """Bars of the chance to leave within one unit of time, by period, at the reference levels."""
        frame = self.baseline.assign(
            period=[f"{a:g}–{b:g}" for a, b in self.baseline[["start", "end"]].to_numpy()]
        )
        frame[["estimate", "conf_low", "conf_high"]] = self._rates()
        at, settled = self._highest()
        top, one = frame.iloc[at], self.unit.removesuffix("s")
        return Chart(
            kind="bar",
            frame=frame[["period", "estimate", "conf_low", "conf_high"]],
            x="period",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label=f"Period since the start [{self.unit}]",
            y_label=f"Chance to leave{self._for()} within one {one} [%]",
            claim=(
                f"The pace of leaving is highest from {top['start']:g} to {top['end']:g} {self.unit}"
                if settled
                else "In which period the pace of leaving is highest is not settled"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def period_hazards(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    covariates: Sequence[str],
    periods: Sequence[float],
    entry: str | None = None,
    causes: Sequence[str] | None = None,
    changing: Mapping[str, Sequence[float]] | None = None,
    references: Mapping[str, str] | None = None,
    known: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
) -> PeriodHazards:
    """Answer who leaves in which period, other recorded things equal, from counts of person-periods.

    The model is that of proportional hazards known by period only: complementary log-log. Its maximum
    likelihood is that on rows expanded to one a customer and period, which are never made.

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration, event, entry
        As in :func:`cemlab.survival.retention_curve`.
    covariates
        Columns known at the start of the spell, few enough in values to count patterns. Numbers and
        true/false enter as they are; text and categories as one term for each level but the reference.
    periods
        Cut points, ascending from 0 or later, e.g. ``[0, 1, 2, 3, 6, 12]`` [the unit of `duration`].
    causes
        Causes that count as leaving where `event` is a text; those who leave for another one are followed
        until then (cause-specific hazard). Their pace is fitted by the same terms, so that `baseline` and
        `predict` tell shares that leave while others leave for other causes.
    changing
        Covariates whose ratio may differ between bands of periods, with the inner cut points of the bands:
        ``{"treated": [3]}`` gives one ratio up to 3 and one from there on.
    references
        The level that others are compared with, by column; that with most exposure where not given.
    known
        For a covariate that need not have been known at the start, the column with the duration at which it
        became known (same unit; blank: from the start). One known only after observation began is refused.
    conf_level
        Confidence level of the intervals.
    unit
        The unit of time, for titles and words.
    source
        The line that stands under every figure.

    Returns
    -------
    PeriodHazards
        Its table has term, estimate, conf_low, conf_high, coefficient, std_error, statistic, p_value.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, impossible values, periods beyond the data, a period or a level in which
        nobody left (separation, by name), covariates that say the same, or too many patterns.

    Notes
    -----
    Assumes independent censoring and, unless `changing`, a ratio that is the same in all periods; that is
    tested by likelihood ratio against one that drifts with the share that has left. Who was observed in a
    part of a period (late entry or censoring within it) counts as that part; the check "parts of periods"
    says how much that can matter.

    References
    ----------
    Prentice, R. L. & Gloeckler, L. A. (1978). Regression analysis of grouped survival data with application
    to breast cancer data. Biometrics 34, 57–67.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> x = rng.integers(0, 2, 4000)
    >>> months = np.ceil(rng.exponential(10 / 2.0**x))
    >>> frame = pd.DataFrame({"months": np.minimum(months, 12), "left": months <= 12, "angry": x})
    >>> hazards = period_hazards(frame, duration="months", event="left", covariates=["angry"],
    ...                          periods=[0, 3, 6, 12])
    >>> bool(hazards.table["conf_low"][0] < 2 < hazards.table["conf_high"][0])
    True
    """
    check_conf_level(conf_level)
    if isinstance(covariates, str) or not covariates:
        raise OptionError(
            f"covariates are {covariates!r}; name at least one column in a list (without any, "
            "survival.retention_curve shows who is still there)"
        )
    cuts = check_periods(periods)
    roles = spell_roles(
        spells,
        duration=duration,
        event=event,
        covariates=covariates,
        entry=entry,
        causes=causes,
        known=known,
    )
    return hazards_of(
        count_person_periods(roles, cuts),
        others=count_others(roles, cuts, causes),
        changing=changing or {},
        references=references or {},
        conf_level=conf_level,
        unit=unit,
        source=source,
    )


def hazards_of(
    counted: PersonPeriods,
    *,
    changing: Mapping[str, Sequence[float]],
    references: Mapping[str, str],
    others: tuple[PersonPeriods, str] | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
    grade: Grade = "adjusted",
) -> PeriodHazards:
    """Fit the model of :func:`period_hazards` to person-periods that are counted already."""
    if not len(counted.patterns):
        raise DesignError("there are no complete spells within the periods; hand in at least one")
    design = period_design(counted, references=references, changing=changing)
    fit = fit_grouped_hazard(
        counted.events, stayed=counted.stayed, design=design.layers, bands=design.bands.tolist()
    )
    proportional = proportional_periods(counted, design, fit)
    other = fit_others(others, design)
    return PeriodHazards(
        table=ratio_table(fit, design, conf_level=conf_level),
        evidence=_evidence(counted, design, proportional, other, source=source, grade=grade),
        conf_level=conf_level,
        baseline=baseline_table(counted, design, fit, other, conf_level=conf_level),
        proportional=proportional,
        log_likelihood=fit.log_likelihood,
        unit=unit,
        counted=counted,
        design=design,
        fit=fit,
        others=other,
    )


def _evidence(
    counted: PersonPeriods,
    design: PeriodDesign,
    proportional: pd.DataFrame,
    others: OtherCauses | None,
    *,
    source: str,
    grade: Grade,
) -> Evidence:
    compared = f" Levels are compared with {join_words(design.references)}." if design.references else ""
    return Evidence(
        grade=grade,
        design=(
            f"Spells followed over {len(counted.cuts) - 1} periods until the customer left; "
            f"{len(design.terms)} terms.{compared}"
            + (f" Leaving is leaving for {others.causes}." if others else "")
        ),
        unit="spells",
        n_used=counted.n_used,
        n_given=counted.n_given,
        source=source,
        assumptions=(
            "Those still there at the end of observation would leave as the others do.",
            "Within a period the pace of leaving is constant.",
            "Each hazard ratio is the same in all periods of its band.",
            "Covariates were known when observation of a spell began.",
            *(
                ("Ratios are of the pace of those still there; shares hold those who left for others too.",)
                if others
                else ()
            ),
            *(
                ("What was not recorded does not differ between the levels compared.",)
                if grade == "adjusted"
                else ()
            ),
        ),
        checks=(*period_checks(counted, design, proportional), *((others.check,) if others else ())),
    )
