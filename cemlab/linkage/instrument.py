"""What a point is worth by something that moves the score from outside, such as a roll-out of training."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence, Grade
from cemlab.linkage.ladder_words import few_clusters_check, interval_words, per_point
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rungs import LadderRung, by_halves, controls_within, rung_of, within
from cemlab.markup import join_words, number, p_value
from cemlab.result import Result, check_conf_level
from cemlab.stats.instrumented import Instrumented, instrumented

#: The effective F from which the bias is at most a tenth of the worst there can be, of one instrument
#: (Montiel Olea & Pflueger 2013); several are asked for no more.
STRONG = 23.1


@dataclass(frozen=True, eq=False, kw_only=True)
class InstrumentValue(Result):
    """What a point of the score goes with where an instrument moves it, and how strong the instrument is.

    Parameters
    ----------
    table
        One row a part: part ("first stage: …" of each instrument [points of the score per unit of the
        instrument], "reduced form: …" [outcome per unit of the instrument], "value of a point"), estimate,
        std_error, conf_low, conf_high, p_value. The interval of the value is the Anderson–Rubin set.
    rung
        The value as a rung of the ladder.
    beside
        To be held against: within units and periods, and error out by halves if they are there.
    effective_f
        Of the first stage, clustered.
    intervals
        The Anderson–Rubin set, as intervals in order; reaching to infinity where the instrument is weak, and
        none where several instruments contradict each other: then no value is told (NaN).
    exclusion
        Why the instrument reaches the outcome by no other way than the score, in the words handed in.
    outcome
        What the value is of, with its unit.
    """

    rung: LadderRung
    beside: tuple[LadderRung, ...]
    effective_f: float
    intervals: tuple[tuple[float, float], ...]
    exclusion: str
    outcome: str

    title: ClassVar[str] = "A point of experience, moved from outside"
    labels: ClassVar[dict[str, str]] = {
        "part": "Part",
        "estimate": "Estimate",
        "interval": "Interval",
        "p_value": "p-value",
    }

    @property
    def strong(self) -> bool:
        """Whether the first stage is strong enough for estimate and interval to be told in the usual way."""
        return self.effective_f >= STRONG

    @property
    def contradicted(self) -> bool:
        """Whether no slope at all is in keeping with all of the instruments."""
        return not self.intervals

    @property
    def summary(self) -> pd.DataFrame:
        """One row a part, in words."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "part": [row["part"] for row in rows],
                "estimate": [number(row["estimate"]) or "not told" for row in rows],
                "interval": [
                    *(interval_words([(row["conf_low"], row["conf_high"])]) for row in rows[:-1]),
                    interval_words(self.intervals),
                ],
                "p_value": [p_value(row["p_value"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the value with its interval, how strong the instrument is, and what must be believed."""
        value = self.rung
        rests = f"({100 * self.conf_level:g} % intervals; {value.n:,} rows in {value.clusters:,} clusters.)"
        if self.contradicted:
            return (
                "The instruments contradict each other: no single value of a point is in keeping with all of "
                "them, so none is told. One of them at least reaches the outcome by another way than the "
                f"score, or they move units whose points differ in worth. {rests}"
            )
        strength = (
            "strong enough for the estimate to be told"
            if self.strong
            else f"weak (below {STRONG:g}): hold to the interval, which is right all the same"
        )
        stated = (
            f"It rests on this: {self.exclusion.rstrip('.')}."
            if self.exclusion
            else "Nobody has said why the instrument should reach the outcome by the score alone, so it is "
            "told as an association."
        )
        return (
            f"A point of the score that comes with the instrument goes with {number(value.estimate)} "
            f"{self.outcome} (Anderson–Rubin set: {interval_words(self.intervals)}). The first stage has an "
            f"effective F of {self.effective_f:.1f}, {strength}. {stated} {rests}"
        )

    @property
    def chart(self) -> Chart:
        """The value beside the rungs that use all of what varies within units."""
        rows = [*self.beside, self.rung]
        bounded = [rung for rung in rows if np.isfinite([rung.conf_low, rung.conf_high]).all()]
        left_out = (
            ""
            if self.rung in bounded
            else " The instruments' value is not drawn: they contradict each other."
            if self.contradicted
            else " The instrument's own interval has no end and is not drawn."
        )
        frame = pd.DataFrame(
            [
                {name: getattr(r, name) for name in ("name", "estimate", "conf_low", "conf_high")}
                for r in bounded
            ]
        )
        value = self.rung
        says = value.conf_low > 0 or value.conf_high < 0
        claim = (
            f"Moved from outside, a point goes with {number(value.estimate)} {self.outcome}"
            if says
            else "The instruments contradict each other, and do not tell what a point is worth"
            if self.contradicted
            else "What moves the score from outside does not tell what a point is worth"
        )
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="name",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome}, per point",
            y_label="",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption + left_out,
            reference=0.0,
        )


def instrument_value(
    panel: LinkedPanel,
    *,
    instrument: str | tuple[str, ...] | None = None,
    exclusion: str = "",
    conf_level: float = 0.95,
) -> InstrumentValue:
    """Answer what a point of the score is worth, using only what an instrument moves of it.

    Two-stage least squares within units and periods. Any column that moves the score and has no other way to
    the outcome will do: the share of a branch's staff that a roll-out has trained, or by lot an encouragement
    to listen. Error in the score does no harm here, as the instrument knows nothing of it.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel` with ``instruments=[…]``.
    instrument
        Which of them; all where None.
    exclusion
        Why the instrument reaches the outcome by no other way than the score. Without it, or with a weak
        first stage, or with instruments that contradict each other, no cause is claimed.
    conf_level
        Of the intervals.

    Returns
    -------
    InstrumentValue
        Its table has one row a part; the last is the value of a point, with the interval of Anderson and
        Rubin, which is right however weak the instrument.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an instrument is none of the panel's.
    DesignError
        If the panel has none, or instruments do not vary within units and periods.

    Notes
    -----
    The set is by Hotelling's F on q instruments and clusters − q degrees of freedom, with what leaving out
    each cluster moves. The exclusion cannot be tested with one instrument. Training that takes hours and
    money changes profit by other ways than experience: take what customers bring (margin a customer), not
    profit. Of a score whose worth differs between units, it is that of those whom the instrument moves.

    References
    ----------
    Anderson, T. W., & Rubin, H. (1949). Estimation of the parameters of a single equation in a complete
    system of stochastic equations. Annals of Mathematical Statistics 20, 46–63.
    Montiel Olea, J. L., & Pflueger, C. (2013). A robust test for weak instruments. Journal of Business &
    Economic Statistics 31, 358–369.
    Andrews, I., Stock, J. H., & Sun, L. (2019). Weak instruments in instrumental variables regression. Annual
    Review of Economics 11, 727–753.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> panel = pd.DataFrame([(u, t, float(t > u % 7)) for u in range(40) for t in range(10)],
    ...                      columns=["branch", "month", "trained"])
    >>> panel["cx"] = panel["trained"] + rng.normal(size=400)
    >>> panel["margin"] = 3 * panel["cx"] + rng.normal(size=400)
    >>> linked = linked_panel(panel, outcome="margin", instruments=["trained"])
    >>> found = instrument_value(linked, exclusion="training costs are not in the margin")
    >>> found.evidence.grade, round(found.rung.estimate)
    ('quasi-experiment', 3)
    """
    require_linked(panel)
    check_conf_level(conf_level)
    if not isinstance(exclusion, str):
        raise OptionError(f"exclusion is {exclusion!r}; allowed: a sentence")
    chosen = _chosen(panel, instrument)
    found = _fitted(panel, chosen)
    rung = _rung(panel, found, chosen, exclusion, conf_level)
    beside = [within(panel, conf_level)]
    if panel.halves is not None:
        # halves of another scale cannot stand beside it; the panel's own check tells so
        with suppress(DesignError):
            beside.append(by_halves(panel, conf_level))
    return InstrumentValue(
        table=_table(found, chosen, rung, conf_level),
        evidence=_evidence(panel, found, rung, exclusion, beside),
        conf_level=conf_level,
        rung=rung,
        beside=tuple(beside),
        effective_f=found.effective_f,
        intervals=rung.intervals,
        exclusion=exclusion.strip(),
        outcome=per_point(panel),
    )


def instrument_rung(
    panel: LinkedPanel, instrument: str | tuple[str, ...] | None, exclusion: str, conf_level: float
) -> LadderRung:
    """Return the value of a point by an instrument, as a rung of the ladder; refuse contradicting ones."""
    chosen = _chosen(panel, instrument)
    rung = _rung(panel, _fitted(panel, chosen), chosen, exclusion, conf_level)
    if not rung.intervals:
        raise DesignError(
            f"the instruments {join_words(chosen)} contradict each other: no value of a point is in keeping "
            "with all of them; take one whose exclusion you can argue (instrument=…)"
        )
    return rung


def _chosen(panel: LinkedPanel, instrument: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if panel.instruments is None:
        raise DesignError("no instrument was named in reading the panel (instruments=…)")
    if instrument is None:
        return panel.instrument_names
    chosen = (instrument,) if isinstance(instrument, str) else tuple(instrument)
    for name in chosen:
        if name not in panel.instrument_names:
            raise OptionError(one_of(name, panel.instrument_names, what="instrument"))
    if not chosen or len(set(chosen)) < len(chosen):
        raise OptionError(f"instrument is {instrument!r}; allowed: one or several of the panel's, each once")
    return chosen


def _fitted(panel: LinkedPanel, chosen: tuple[str, ...]) -> Instrumented:
    if panel.instruments is None:
        raise DesignError("no instrument was named in reading the panel (instruments=…)")
    columns = [panel.instrument_names.index(name) for name in chosen]
    controls, names, _ = controls_within(panel)
    return instrumented(
        panel.outcome,
        score=panel.score,
        instruments=panel.instruments[:, columns],
        controls=controls,
        grid=panel.grid,
        names=[*chosen, *names],
    )


def _rung(
    panel: LinkedPanel, found: Instrumented, chosen: tuple[str, ...], exclusion: str, conf_level: float
) -> LadderRung:
    """Return the rung, its interval from the first to the last slope that is not rejected; NaN if none is."""
    intervals = found.anderson_rubin_set(conf_level)
    strong = found.effective_f >= STRONG
    grade: Grade = "quasi-experiment" if strong and exclusion.strip() and intervals else "association"
    why = (
        f"Only what goes with {join_words(chosen)} of the score within a {panel.unit_name} is used: error "
        f"and what moves both score and outcome stay out, if {join_words(chosen)} reach the outcome by no "
        f"other way. Effective F {found.effective_f:.1f}, {'strong' if strong else 'weak'}; not "
        f"rejected: {interval_words(intervals)}."
    )
    if not exclusion.strip():
        why += " That there is no other way was not argued (exclusion=…)."
    rung = rung_of(panel, "instrument", found.slope, grade, why, conf_level, terms=[panel.score_name])
    if not intervals:
        nothing = float("nan")
        return replace(
            rung,
            estimate=nothing,
            std_error=nothing,
            conf_low=nothing,
            conf_high=nothing,
            p_value=found.rejects(0.0),
        )
    return replace(
        rung,
        conf_low=intervals[0][0],
        conf_high=intervals[-1][1],
        p_value=found.rejects(0.0),
        intervals=intervals,
    )


def _table(found: Instrumented, chosen: tuple[str, ...], rung: LadderRung, conf_level: float) -> pd.DataFrame:
    from scipy.special import stdtr, stdtrit

    critical = float(stdtrit(rung.df, (1 + conf_level) / 2))
    rows = []
    for what, fit in (("first stage", found.first), ("reduced form", found.reduced)):
        errors = np.sqrt(np.diag(fit.covariance))
        for name, estimate, error in zip(chosen, fit.coefficient, errors, strict=True):
            rows.append(
                {
                    "part": f"{what}: {name}",
                    "estimate": float(estimate),
                    "std_error": float(error),
                    "conf_low": float(estimate - critical * error),
                    "conf_high": float(estimate + critical * error),
                    "p_value": float(2 * stdtr(rung.df, -abs(estimate / error))),
                }
            )
    told = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
    rows.append({"part": "value of a point", **{name: getattr(rung, name) for name in told}})
    return pd.DataFrame(rows)


def _evidence(
    panel: LinkedPanel, found: Instrumented, rung: LadderRung, exclusion: str, beside: list[LadderRung]
) -> Evidence:
    strong = found.effective_f >= STRONG
    least = beside[-1]
    strength = Check(
        name="strength of the instrument",
        null="a t interval would not be far off",
        passed=strong,
        detail=f"Effective F {found.effective_f:.1f}; {STRONG:g} would do.",
        remedy="Use the Anderson–Rubin set, or an instrument that moves the score more.",
    )
    p = found.rejects(least.estimate)
    agrees = Check(
        name=f"agreement with the rung {least.name!r}",
        null="the instrument tells the same slope",
        passed=p >= 0.05,
        detail=f"Anderson–Rubin test of {number(least.estimate)}: {p_value(p)}.",
        remedy="The instrument may reach the outcome by another way, or those whom it moves differ.",
    )
    assumed = exclusion.strip() or "The instrument reaches the outcome by the score alone (not argued)."
    return Evidence(
        grade=rung.grade,
        design=(
            f"Two-stage least squares within {panel.unit_name} and {panel.time_name}, errors clustered; only "
            "what goes with the instrument is used."
        ),
        unit="rows",
        n_used=rung.n,
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            assumed,
            f"What moves the instrument within a {panel.unit_name} moves the outcome by no way of its own.",
        ),
        checks=(strength, agrees, few_clusters_check(panel), *panel.checks),
    )
