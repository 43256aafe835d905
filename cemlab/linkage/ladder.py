"""What is a point of experience worth: the ladder from the pooled correlation to a figure that would hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.instrument import STRONG, instrument_rung
from cemlab.linkage.ladder_result import AGAINST, Ladder, last_of
from cemlab.linkage.ladder_words import few_clusters_check, per_point
from cemlab.linkage.lagged import check_lags_option, lagged
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import alike
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rungs import (
    LadderRung,
    RungName,
    by_halves,
    by_reliability,
    controlled,
    halves_strength,
    lags_fit,
    lags_summed,
    pooled,
    reliability_within,
    within,
    within_of_lags,
)
from cemlab.markup import number, p_value
from cemlab.result import check_conf_level

_LEVEL = 0.05
# Columns that are as they stand in a rung.
_TOLD = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "clusters", "df", "grade", "why")
# What the slope of the score within units is worth without repair, as a share: below, error rules.
_FAIR = 0.8


def value_of_a_point(
    panel: LinkedPanel,
    *,
    lags: int = 1,
    reliability: float | None = None,
    instrument: str | tuple[str, ...] | None = None,
    exclusion: str = "",
    conf_level: float = 0.95,
) -> Ladder:
    """Answer what a point of experience is worth, rung by rung, and what each rung changed and why.

    The rungs: all rows pooled; recorded controls beside the score; each unit compared with itself, less what
    all share in a period; the score of earlier periods added; the error of the score taken out, by two halves
    of the answers and by a stated reliability; and an instrument where one exists. A rung for which something
    is missing stands in the summary as not possible, with what it needs.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`.
    lags
        Periods before whose score stands beside this one's, on the rung of lags.
    reliability
        Share of the score's variance over all rows that is no error, if it is known.
    instrument
        Which of the panel's instruments; all of them where None.
    exclusion
        Why the instrument reaches the outcome by no other way: see :func:`instrument_value`.
    conf_level
        Of the intervals.

    Returns
    -------
    Ladder
        Its table has one row a rung: rung, estimate, std_error, conf_low, conf_high [unit of the outcome per
        point of the score], p_value, n (rows), clusters, df, grade, against (the rung it amends), change,
        change_low, change_high (to that rung), what_changed, why, not_possible (what is missing; empty where
        the rung is there).

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an option cannot be.
    DesignError
        If not even the pooled slope can be told.

    Notes
    -----
    Errors are those of the jackknife over clusters: what leaving one out moves, which allows for a few that
    weigh much. First-order clustered errors of the same fit (Liang & Zeger 1986), equal to pyfixest's with
    ``ssc(k_fixef="nonnested")``, are in :class:`cemlab.stats.within_slopes.WithinSlopes`. Intervals are by t
    with G − 1 degrees of freedom, G clusters. Changes between rungs have errors of their own: both sides use
    the same rows, so that the change is known better than either; the rung of lags, which has fewer, is held
    against the slope within units and periods on its own rows. The interval of a stated reliability takes it
    for known. Errors are those of drawing units from many; where the units at hand are all there are, their
    slopes differ and the score was standardised among them, as on Halden, estimates spread less from world to
    world (about three quarters as much): intervals are then too wide (Abadie et al. 2023).

    References
    ----------
    Abadie, A., Athey, S., Imbens, G. W., & Wooldridge, J. M. (2023). When should you adjust standard errors
    for clustering? Quarterly Journal of Economics 138, 1–35.
    Griliches, Z., & Hausman, J. A. (1986). Errors in variables in panel data. Journal of Econometrics 31,
    93–118.
    Anderson, E. W., Fornell, C., & Lehmann, D. R. (1994). Customer satisfaction, market share, and
    profitability. Journal of Marketing 58(3), 53–66.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> unit, month = np.divmod(np.arange(600), 12)
    >>> rich = rng.normal(size=50)[unit]
    >>> cx = rich + rng.normal(size=600)
    >>> frame = pd.DataFrame({"branch": unit, "month": month, "margin": 2 * cx + 3 * rich})
    >>> frame["a"], frame["b"] = cx + rng.normal(size=(2, 600))
    >>> frame["cx"] = (frame["a"] + frame["b"]) / 2
    >>> ladder = value_of_a_point(linked_panel(frame, outcome="margin", halves=("a", "b")))
    >>> [round(ladder.rung(name).estimate) for name in ("pooled", "within units and periods")]
    [3, 1]
    >>> round(ladder.end.estimate), ladder.end.name
    (2, 'error out, by halves')
    """
    require_linked(panel)
    check_conf_level(conf_level)
    check_lags_option(lags)
    rungs: dict[RungName, LadderRung] = {"pooled": pooled(panel, conf_level)}
    missing: dict[RungName, str] = {}
    ways: dict[RungName, Callable[[], LadderRung]] = {
        "recorded controls": lambda: controlled(panel, conf_level),
        "within units and periods": lambda: within(panel, conf_level),
        "lags": lambda: lags_summed(panel, lags, conf_level),
        "error out, by halves": lambda: by_halves(panel, conf_level),
        "error out, by reliability": lambda: by_reliability(panel, reliability, conf_level),
        "instrument": lambda: instrument_rung(panel, instrument, exclusion, conf_level),
    }
    for name, way in ways.items():
        try:
            rungs[name] = way()
        except DesignError as error:
            missing[name] = str(error)
    part = within_of_lags(panel, lags, conf_level) if "lags" in rungs else None
    return Ladder(
        table=_table(rungs, missing, conf_level, _correlation(panel), part),
        evidence=_evidence(panel, rungs, lags),
        conf_level=conf_level,
        rungs=rungs,
        missing=missing,
        outcome=per_point(panel),
        outcome_name=panel.outcome_name,
        outcome_unit=panel.outcome_unit,
        score=panel.score_name,
        unit=panel.unit_name,
    )


def _correlation(panel: LinkedPanel) -> float:
    w = panel.weights / panel.weights.sum()
    x, y = panel.score - w @ panel.score, panel.outcome - w @ panel.outcome
    return float(w @ (x * y) / np.sqrt((w @ x**2) * (w @ y**2)))


def _table(
    rungs: dict[RungName, LadderRung],
    missing: dict[RungName, str],
    conf_level: float,
    correlation: float,
    part: LadderRung | None,
) -> pd.DataFrame:
    """Return one row a rung, in order, the missing ones among them; `part` is what lags are held against."""
    rows: list[dict[str, Any]] = []
    for name, against in AGAINST.items():
        found = rungs.get(name)
        if found is None:
            rows.append({"rung": name, "not_possible": missing[name], "why": "", "what_changed": ""})
            continue
        before = next((rungs[other] for other in against if other in rungs), None)
        same = ""
        if name == "lags" and before is not None and part is not None and part.n < before.n:
            before, same = part, f" on the same {part.n:,} rows"
        change, low, high = _change(found, before, conf_level)
        words = f"correlation {correlation:.2f}"
        if before is not None:
            by, least, most = alike(change, low, high, signed=True)
            words = f"{by} ({least} to {most}) against {before.name!r}{same}"
        rows.append(
            {
                "rung": name,
                **{column: getattr(found, column) for column in _TOLD},
                "against": "" if before is None else before.name,
                "change": change,
                "change_low": low,
                "change_high": high,
                "what_changed": words,
                "not_possible": "",
            }
        )
    columns = (
        "rung estimate std_error conf_low conf_high p_value n clusters df grade against change change_low "
        "change_high what_changed why not_possible"
    )
    table = pd.DataFrame(rows).reindex(columns=columns.split())
    return table.astype({"n": "Int64", "clusters": "Int64", "df": "Int64"}).fillna(
        {"grade": "", "against": ""}
    )


def _change(found: LadderRung, before: LadderRung | None, conf_level: float) -> tuple[float, float, float]:
    """Return by how much a rung differs from another, with its interval: both have the same clusters."""
    from scipy.special import stdtrit

    if before is None:
        return float("nan"), float("nan"), float("nan")
    change = found.estimate - before.estimate
    g = found.clusters
    error = float(np.sqrt(((found.influence - before.influence) ** 2).sum() * g / (g - 1)))
    reach = float(stdtrit(min(found.df, before.df), (1 + conf_level) / 2)) * error
    return change, change - reach, change + reach


def _evidence(panel: LinkedPanel, rungs: dict[RungName, LadderRung], lags: int) -> Evidence:
    within_there = "within units and periods" in rungs
    end = last_of(rungs)
    checks = [*_error_checks(panel, lags)] if within_there else []
    return Evidence(
        grade=end.grade,
        design=(
            f"One regression a rung; the ladder ends on {end.name!r}: "
            + (
                f"each {panel.unit_name} compared with itself, less what all share in a {panel.time_name}."
                if within_there
                else f"{panel.unit_name}s compared with each other."
            )
        ),
        unit="rows",
        n_used=end.n,
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            f"Nothing unrecorded moves both score and outcome within a {panel.unit_name} from one "
            f"{panel.time_name} to the next.",
            "The outcome of today does not move the score of today or of a later time.",
            *(("The errors of the two halves are independent.",) if panel.halves is not None else ()),
        ),
        checks=(*checks, few_clusters_check(panel), *panel.checks),
    )


def _error_checks(panel: LinkedPanel, lags: int) -> tuple[Check, ...]:
    """Say how much of the score within units is error, and whether lags matter once it is out."""
    null = "the score within units carries little error"
    if panel.halves is None:
        return (
            Check(
                name="error of the score",
                null=null,
                passed=None,
                detail="Without two halves of the answers it cannot be told; it draws slopes towards nought.",
                remedy="Have the score counted from two halves of the answers.",
            ),
        )
    share = reliability_within(panel)
    checks = [
        Check(
            name="error of the score",
            null=null,
            passed=share >= _FAIR,
            detail=(
                f"Within {panel.unit_name} and {panel.time_name} {100 * share:.0f} % of what varies is no "
                "error."
            ),
            remedy="Read the rungs from which the error is taken out.",
        )
    ]
    strength = halves_strength(panel)
    checks.append(
        Check(
            name="strength of the halves",
            null="an interval with the error out covers as often as it says",
            passed=strength >= STRONG,
            detail=f"One half moves with the other with an F of {strength:.1f}; {STRONG:g} would do.",
            remedy="Of halves so weak, the interval with the error out is too narrow: count more answers.",
        )
    )
    try:
        fit = lags_fit(lagged(panel, lags), by_halves=True)
        p = fit.wald(np.eye(len(fit.coefficient))[1 : lags + 1])[3]
    except DesignError:
        return tuple(checks)
    told = ", ".join(number(value) for value in fit.coefficient[1 : lags + 1])
    checks.insert(
        1,
        Check(
            name="lags once the error is out",
            null="earlier scores add nothing",
            passed=p >= _LEVEL,
            detail=f"They add {told} ({p_value(p)}).",
            remedy="Read the profile of lags: a point may go on to pay after its own period.",
        ),
    )
    return tuple(checks)
