"""Tomorrow's experience must not explain today's money: leads and lags within units and periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import in_words
from cemlab.linkage.panel_checks import require_linked
from cemlab.markup import number, p_value, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.joint_tests import found_alike, joint_f
from cemlab.stats.two_way import within_two_ways

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Error = Literal["halves", "ignored"]

# fewer clusters do not carry a joint test with clustered errors
_FEWEST_CLUSTERS = 10
# part of a sum of squares below which it is rounding
_SAME = 1e-18


@dataclass(frozen=True, eq=False, kw_only=True)
class PlaceboLeads(Result):
    """Slopes on the score of other months beside that of the same month.

    Parameters
    ----------
    table
        One row a month of the score: shift (months after the outcome's month; below 0 before it), estimate
        [unit of the outcome per unit of the score], std_error, statistic, p_value, conf_low, conf_high,
        tested (whether it is a lead).
    joint
        One row: statistic (F), df, df_residual, p_value of "no lead explains anything"; lead_found (slope
        that leads must all have to be found four times in five at the level asked).
    error
        Whether the score's error was taken out by its halves.
    level
        Of the joint test.
    outcome, score, time
        The columns' names.
    """

    joint: pd.DataFrame
    error: Error
    level: float
    outcome: str
    score: str
    time: str = "month"

    title: ClassVar[str] = "Does tomorrow's experience explain today's money"
    labels: ClassVar[dict[str, str]] = {"month": "When the score is of", "slope": "Slope (interval)"}

    @property
    def check(self) -> Check:
        """The verdict; undecided where leads as large as the slope itself would have gone unseen."""
        return self.evidence.checks[-1]

    @property
    def summary(self) -> pd.DataFrame:
        """One row a month of the score."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "month": [_when(int(r["shift"]), self.time) for r in rows],
                "slope": [with_interval(r) for r in rows],
                "p_value": [p_value(float(r["p_value"])) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the joint test of the leads, what it would have found, and what that means for the ladder."""
        test, time = self.joint.iloc[0], in_words(self.time)
        now = self.table[self.table["shift"] == 0].iloc[0]
        said = {
            True: f"The slope of the same {time} stands this test; it is no proof that nothing else is "
            "behind.",
            False: (
                "What comes later cannot be the reason for what came before: money may pay for experience, "
                "or both follow something else. The slope may not be told as the worth of a point."
            ),
            None: "Leads as large as the slope itself may have gone unseen, so the test decides nothing.",
        }[self.check.passed]
        error = (
            "each half of the score an instrument of the other"
            if self.error == "halves"
            else f"the score's error left in, which makes neighbouring {time}s stand in for each other"
        )
        return (
            f"Within units and periods, the slope of {in_words(self.outcome)} on {in_words(self.score)} of "
            f"the same {time} is {with_interval(now)}, beside "
            f"{int(test['df'])} later and {int((self.table['shift'] < 0).sum())} earlier {time}s "
            f"({error}). "
            f"The later ones jointly: F {test['statistic']:.2f} on {int(test['df'])} and "
            f"{int(test['df_residual'])} degrees of freedom, {p_value(float(test['p_value']))}. Leads of "
            f"{number(test['lead_found'])} each would have been found four times in five. {said} "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """The slopes by month of the score."""
        time, score, outcome = in_words(self.time), in_words(self.score), in_words(self.outcome)
        words = {
            True: "Later experience was not seen to go with today's money, and could have been",
            False: f"Experience of later {time}s goes with today's money: the slope is not one way",
            None: "Whether later experience goes with today's money is not settled",
        }
        return Chart(
            kind="event",
            frame=self.table[["shift", "estimate", "conf_low", "conf_high"]],
            x="shift",
            y="estimate",
            low="conf_low",
            high="conf_high",
            levels=(self.conf_level,),
            x_label=f"When {score} is of: {time}s after that of {outcome}",
            y_label=f"Slope of {outcome}",
            claim=words[self.check.passed],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def placebo_leads(
    panel: LinkedPanel,
    *,
    leads: int = 3,
    lags: int = 3,
    error: Error | None = None,
    level: float = 0.05,
    conf_level: float = 0.95,
) -> PlaceboLeads:
    """Answer whether experience that comes later explains money that was earned before it.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`; it may have gaps: a row counts if all the months asked for are there.
    leads, lags
        Months after and before the outcome's month whose score stands in the regression too.
    error
        "halves" takes the score's error out by its two halves, "ignored" leaves it in; the first where the
        panel has halves and this is None. A score with error leaves part of today's experience to be told by
        its neighbours, so that leads then explain something though nothing is wrong.
    level
        Of the joint test.
    conf_level
        Of the intervals.

    Returns
    -------
    PlaceboLeads
        Its table has one row a month of the score; its check says what the ladder may say.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an option cannot be.
    DesignError
        If the panel is too short, has fewer than ten clusters, or months cannot be told apart.

    Notes
    -----
    Errors are clustered, times G / (G − 1); the joint test refers (G − q) / (G − 1) of the Wald statistic
    over q to F on q and G − q degrees of freedom, as Hotelling's does, q the leads. Units and periods have
    levels of their own. What would have been found solves the noncentral F for a power of 80 %. Where money
    of one month moves the experience of the next, leads show it.

    References
    ----------
    Granger, C. W. J. (1969). Investigating causal relations by econometric models and cross-spectral methods.
    Econometrica 37, 424–438.
    Angrist, J. D., & Pischke, J.-S. (2009). Mostly harmless econometrics, section 5.2.1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.standard_normal((40, 12))
    >>> money = score + rng.standard_normal((40, 12))
    >>> linked = LinkedPanel(
    ...     units=tuple(map(str, range(40))), periods=tuple(range(12)), unit=np.repeat(np.arange(40), 12),
    ...     period=np.tile(np.arange(12), 40), outcome=money.ravel(), score=score.ravel(), halves=None,
    ...     controls=np.empty((480, 0)), control_names=(), weights=np.ones(480),
    ...     cluster=np.repeat(np.arange(40), 12), outcome_name="profit", score_name="cx", outcome_unit="EUR",
    ...     n_given=480)
    >>> found = placebo_leads(linked, leads=2, lags=1)
    >>> found.table["shift"].tolist(), found.check.passed
    ([-1, 0, 1, 2], True)
    """
    require_linked(panel)
    check_conf_level(conf_level)
    chosen = _check(panel, leads, lags, error, level)
    shifts = np.arange(-lags, leads + 1)
    rows = _rows(panel, shifts)
    estimate, covariance, groups = _fit(panel, rows, now=lags, halves=chosen == "halves")
    table = _table(shifts, estimate, covariance, groups, conf_level)
    joint = _joint(estimate[lags + 1 :], covariance[lags + 1 :, lags + 1 :], groups, level)
    time = in_words(panel.time_name)
    evidence = Evidence(
        grade="adjusted",
        design=(
            f"Slopes of {panel.outcome_name} on {panel.score_name} of {lags} {time}s before, the "
            f"same and {leads} {time}s after, each unit compared with itself less what all share in a period."
        ),
        unit="rows of units and periods",
        n_used=rows.shape[1],
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            "What is left within units and periods is linked in straight lines.",
            "The errors of both halves of the score are independent of each other."
            if chosen == "halves"
            else "The score has no error; if it has, leads explain something though nothing is wrong.",
        ),
        checks=(*panel.checks, _verdict(joint, float(estimate[lags]), level, time)),
    )
    return PlaceboLeads(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        joint=joint,
        error=chosen,
        level=level,
        outcome=panel.outcome_name,
        score=panel.score_name,
        time=panel.time_name,
    )


def _check(panel: LinkedPanel, leads: int, lags: int, error: Error | None, level: float) -> Error:
    for name, value, least in (("leads", leads, 1), ("lags", lags, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise OptionError(f"{name} is {value!r}; allowed: a whole number from {least} on")
    if not 0 < level <= 0.5:
        raise OptionError(f"level is {level!r}; allowed: a share above 0 and up to 0.5, e.g. 0.05")
    if error is not None and error not in get_args(Error):
        raise OptionError(one_of(error, get_args(Error), what="way to treat the score's error"))
    if error == "halves" and panel.halves is None:
        raise DesignError("error='halves', but the panel has no halves of the score; read it with halves=…")
    needed = leads + lags + 3
    if len(panel.periods) < needed:
        raise DesignError(
            f"the panel has {len(panel.periods)} periods; {leads} leads and {lags} lags need {needed} or more"
            ": ask for fewer"
        )
    groups = int(panel.cluster.max()) + 1
    if groups < max(_FEWEST_CLUSTERS, leads + 3):
        raise DesignError(
            f"{groups} clusters; a joint test of {leads} leads with clustered errors needs "
            f"{max(_FEWEST_CLUSTERS, leads + 3)} or more"
        )
    return error or ("ignored" if panel.halves is None else "halves")


def _rows(panel: LinkedPanel, shifts: Ints) -> Ints:
    """Return (k, m) where the score of each month stands, for rows of which all months are there."""
    place = np.full((len(panel.units), len(panel.periods)), -1, dtype=np.int64)
    place[panel.unit, panel.period] = np.arange(len(panel.unit))
    wanted = panel.period[None, :] + shifts[:, None]
    inside = (wanted >= 0) & (wanted < len(panel.periods))
    found = np.where(inside, place[panel.unit, np.clip(wanted, 0, len(panel.periods) - 1)], -1)
    whole = (found >= 0).all(axis=0)
    # a unit with one row has nothing within
    often = np.bincount(panel.unit[whole], minlength=len(panel.units)) > 1
    whole &= often[panel.unit]
    if whole.sum() < 3 * len(shifts):
        raise DesignError(
            f"{int(whole.sum()):,} rows have all {len(shifts)} months in a row; ask for fewer leads and lags"
        )
    return found[:, whole]


def _fit(panel: LinkedPanel, rows: Ints, *, now: int, halves: bool) -> tuple[Floats, Floats, int]:
    """Return slopes (k), their clustered covariance, and how many clusters there are."""
    k, here = len(rows), rows[now]
    first, second = (
        (panel.score, panel.score) if not halves or panel.halves is None else tuple(panel.halves.T)
    )
    unit, period, cluster = (
        np.unique(codes[here], return_inverse=True)[1] for codes in (panel.unit, panel.period, panel.cluster)
    )
    stack = np.column_stack([panel.outcome[here], first[rows].T, second[rows].T, panel.controls[here]])
    weights = panel.weights[here]
    length = np.square(stack[:, 1 : 2 * k + 1]).sum(axis=0)
    stack = within_two_ways(stack, unit=unit, period=period, weights=weights) * np.sqrt(weights)[:, None]
    beside, stack = stack[:, 2 * k + 1 :], stack[:, : 2 * k + 1]
    if beside.shape[1]:
        stack = stack - beside @ np.linalg.lstsq(beside, stack, rcond=None)[0]
    y, a, b = stack[:, 0], stack[:, 1 : k + 1], stack[:, k + 1 :]
    cross = a.T @ b
    both = cross + cross.T
    size = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    # halves that agree by little more than chance, or months that repeat each other, tell no slopes apart;
    # what is left of a score that never moves within its unit is rounding
    rounding = size <= _SAME * np.sqrt(length[:k] * length[k:])
    if rounding.any() or np.linalg.eigvalsh(both / np.sqrt(np.outer(size, size))).min() < 1e-3:
        raise DesignError("scores of neighbouring months cannot be told apart; ask for fewer leads and lags")
    bread = np.linalg.inv(both)
    estimate = bread @ ((a + b).T @ y)
    scores = a * (y - b @ estimate)[:, None] + b * (y - a @ estimate)[:, None]
    groups = int(cluster.max()) + 1
    sums = np.column_stack([np.bincount(cluster, weights=column, minlength=groups) for column in scores.T])
    covariance = bread @ (sums.T @ sums) @ bread * groups / (groups - 1)
    return estimate, covariance, groups


def _table(
    shifts: Ints, estimate: Floats, covariance: Floats, groups: int, conf_level: float
) -> pd.DataFrame:
    from scipy.stats import t as student

    error = np.sqrt(np.diag(covariance))
    wide = float(student.ppf(0.5 + conf_level / 2, groups - 1)) * error
    return pd.DataFrame(
        {
            "shift": shifts,
            "estimate": estimate,
            "std_error": error,
            "statistic": estimate / error,
            "p_value": 2 * student.sf(np.abs(estimate / error), groups - 1),
            "conf_low": estimate - wide,
            "conf_high": estimate + wide,
            "tested": shifts > 0,
        }
    )


def _joint(leads: Floats, covariance: Floats, groups: int, level: float) -> pd.DataFrame:
    from scipy.stats import f as fisher

    q = len(leads)
    wald = float(leads @ np.linalg.solve(covariance, leads))
    statistic = float(joint_f(wald, tested=q, clusters=groups))
    return pd.DataFrame(
        {
            "statistic": [statistic],
            "df": [q],
            "df_residual": [groups - q],
            "p_value": [float(fisher.sf(statistic, q, groups - q))],
            "lead_found": [found_alike(covariance, clusters=groups, level=level)],
        }
    )


def _verdict(joint: pd.DataFrame, now: float, level: float, time: str) -> Check:
    test = joint.iloc[0]
    refuted = bool(test["p_value"] <= level)
    seen = bool(test["lead_found"] < abs(now))
    return Check(
        name="placebo leads",
        null=f"the score of later {time}s explains nothing of the outcome",
        passed=False if refuted else (True if seen else None),
        detail=(
            f"{int(test['df'])} leads jointly: {p_value(float(test['p_value']))}; leads of "
            f"{number(test['lead_found'])} each would have been found four times in five, beside a slope of "
            f"{number(now)} in the same {time}."
        ),
        remedy="Look for what moves both, or for money that pays for experience, before a worth is told.",
    )


def _when(shift: int, time: str) -> str:
    if shift == 0:
        return "the same"
    plural = "s" if abs(shift) > 1 else ""
    return f"{abs(shift)} {in_words(time)}{plural} {'later' if shift > 0 else 'earlier'}"
