"""The rungs of the ladder: each one regression on a score, with what each cluster moves it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.evidence import Grade
from cemlab.linkage.denominators import period_of
from cemlab.linkage.lagged import LaggedPanel, lagged
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.stats.stated_reliability import reliability_corrected
from cemlab.stats.within_slopes import WithinSlopes, split_slopes_of, within_slopes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RungName = Literal[
    "pooled",
    "recorded controls",
    "within units and periods",
    "lags",
    "error out, by halves",
    "error out, by reliability",
    "instrument",
]

# Share of a column's length that must be left within units and periods beside the columns before it.
_LEFT = 1e-8


@dataclass(frozen=True, eq=False, kw_only=True)
class LadderRung:
    """What a point of the score goes with on one rung.

    Parameters
    ----------
    name
        One of :data:`RungName`.
    estimate, std_error
        [unit of the outcome per point of the score]; of the rung of lags, their sum.
    conf_low, conf_high
        By t with clusters − 1 degrees of freedom; on the rung of an instrument the ends of the set that the
        Anderson–Rubin test does not reject, which may reach to infinity.
    p_value
        Of "a point goes with nothing".
    terms
        (k) what the coefficients belong to: the score or its lags first, controls after.
    coefficient, covariance
        (k), (k, k) by the jackknife over clusters.
    influence
        (g) what each cluster moves the estimate by; rungs of one panel can be compared by it.
    n, clusters, df
        Rows, clusters, degrees of freedom of the interval.
    grade
        What the design allows one to say.
    why
        What the rung holds fixed or repairs, in words.
    intervals
        Of an instrument: all of the set, in order.
    outcome_unit, unit_name, period
        Of the panel: what the outcome is in, of whom a row is, and how long; empty where it is not known.
    score_span
        The largest distance between two scores of one unit: beyond it a slope is drawn on, not seen.
    """

    name: RungName
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    terms: tuple[str, ...]
    coefficient: Floats
    covariance: Floats
    influence: Floats
    n: int
    clusters: int
    df: int
    grade: Grade
    why: str
    intervals: tuple[tuple[float, float], ...] = ()
    outcome_unit: str = ""
    unit_name: str = ""
    period: str = ""
    score_span: float = float("nan")


def pooled(panel: LinkedPanel, conf_level: float) -> LadderRung:
    """All rows in one pot."""
    fit = within_slopes(
        panel.outcome, design=panel.score[:, None], grid=panel.pooled_grid, names=[panel.score_name]
    )
    why = (
        f"All rows in one pot: a {panel.unit_name} whose customers are richer may please and sell more, "
        "whatever its service."
    )
    return rung_of(panel, "pooled", fit, "association", why, conf_level, terms=[panel.score_name])


def controlled(panel: LinkedPanel, conf_level: float) -> LadderRung:
    """All rows, recorded controls beside the score."""
    if not panel.control_names:
        raise DesignError("no controls were named in reading the panel (controls=…)")
    design = np.column_stack([panel.score, panel.controls])
    names = [panel.score_name, *panel.control_names]
    fit = within_slopes(panel.outcome, design=design, grid=panel.pooled_grid, names=names, told=1)
    why = "Rows alike in what was recorded are compared; what was not recorded stays mixed in."
    return rung_of(panel, "recorded controls", fit, "adjusted", why, conf_level, terms=names)


def within(
    panel: LinkedPanel, conf_level: float, *, clusters: Ints | None = None, of: int | None = None
) -> LadderRung:
    """Each unit against itself, less what all share in a period; `clusters`, `of` as for :func:`rung_of`."""
    controls, names, dropped = controls_within(panel)
    require_varies_within(panel)
    design = np.column_stack([panel.score, controls])
    fit = within_slopes(
        panel.outcome, design=design, grid=panel.grid, names=[panel.score_name, *names], told=1
    )
    why = (
        f"Each {panel.unit_name} is compared with itself, less what all share in a {panel.time_name}: what "
        f"is special to a {panel.unit_name} for good cannot stand in for its service. The score's error now "
        "weighs more, as less else varies."
    )
    if dropped:
        why += f" Left out, as levels say it already: {_listed(dropped)}."
    terms = [panel.score_name, *names]
    return rung_of(
        panel,
        "within units and periods",
        fit,
        "adjusted",
        why,
        conf_level,
        terms=terms,
        clusters=clusters,
        of=of,
    )


def within_of_lags(panel: LinkedPanel, lags: int, conf_level: float) -> LadderRung:
    """Each unit against itself on the rows alone that the rung of lags has."""
    found = lagged(panel, lags)
    return within(found.panel, conf_level, clusters=found.clusters, of=panel.n_clusters)


def lags_summed(panel: LinkedPanel, lags: int, conf_level: float) -> LadderRung:
    """Own and earlier periods' score, summed."""
    found = lagged(panel, lags)
    fit = lags_fit(found, by_halves=False)
    why = (
        f"The score of the {lags} {panel.time_name}{'s' if lags > 1 else ''} before stands beside this "
        "one's, and slopes are added up. A score with error lets its neighbours stand in for it, so "
        "part of what earlier ones add may be the error's."
    )
    return rung_of(
        found.panel,
        "lags",
        fit,
        "adjusted",
        why,
        conf_level,
        terms=[*found.names, *controls_within(found.panel)[1]],
        summed=lags + 1,
        clusters=found.clusters,
        of=panel.n_clusters,
    )


def lags_fit(found: LaggedPanel, *, by_halves: bool) -> WithinSlopes:
    """Return slopes of the score and its lags, then controls, within units and periods."""
    panel = found.panel
    controls, names, _ = controls_within(panel)
    told = [*found.names, *names]
    if not by_halves:
        design = np.column_stack([found.scores, controls])
        k = found.scores.shape[1]
        return within_slopes(panel.outcome, design=design, grid=panel.grid, names=told, told=k)
    require_halves(panel)
    if found.first is None or found.second is None:
        raise DesignError(_NO_HALVES)
    return split_slopes_of(
        panel.outcome,
        first=found.first,
        second=found.second,
        controls=controls,
        grid=panel.grid,
        names=told,
    )


_NO_HALVES = "the score from two halves of the answers was not named in reading the panel (halves=…)"


def require_halves(panel: LinkedPanel) -> Floats:
    """Return the halves of the score; refuse those of another scale, whose slope is per another point.

    Raises
    ------
    DesignError
        If there are none, or they were found not to be of the score.
    """
    if panel.halves is None:
        raise DesignError(_NO_HALVES)
    odd = next((check for check in panel.checks if check.name == "halves" and check.passed is False), None)
    if odd is not None:
        raise DesignError(f"the two halves are not those of {panel.score_name}. {odd.detail} {odd.remedy}")
    return panel.halves


def by_halves(panel: LinkedPanel, conf_level: float) -> LadderRung:
    """Within, each half of the score the instrument of the other."""
    halves = require_halves(panel)
    require_varies_within(panel)
    controls, names, _ = controls_within(panel)
    fit = split_slopes_of(
        panel.outcome,
        first=halves[:, :1],
        second=halves[:, 1:],
        controls=controls,
        grid=panel.grid,
        names=[panel.score_name, *names],
    )
    share = reliability_within(panel)
    why = (
        f"Within a {panel.unit_name}, {100 * share:.0f} % of what varies in the score is no error; error "
        "draws a slope towards nought by that share. Each half of the answers stands in for the other, so "
        "that error cancels."
    )
    terms = [panel.score_name, *names]
    return rung_of(panel, "error out, by halves", fit, "adjusted", why, conf_level, terms=terms)


def by_reliability(panel: LinkedPanel, reliability: float | None, conf_level: float) -> LadderRung:
    """Within, the score's error taken out by a stated reliability."""
    if reliability is None:
        raise DesignError("no reliability of the score was stated (reliability=…)")
    require_varies_within(panel)
    controls, names, _ = controls_within(panel)
    fit, share = reliability_corrected(
        panel.outcome,
        score=panel.score,
        controls=controls,
        reliability=reliability,
        grid=panel.grid,
        names=[panel.score_name, *names],
    )
    why = (
        f"A reliability of {100 * reliability:.0f} % over all rows is stated; it leaves one of "
        f"{100 * share:.0f} % within a {panel.unit_name}, and the slope is raised by as much. "
        "The interval takes it for known."
    )
    terms = [panel.score_name, *names]
    return rung_of(panel, "error out, by reliability", fit, "adjusted", why, conf_level, terms=terms)


def reliability_within(panel: LinkedPanel) -> float:
    """Return the share of the mean score's variance within units and periods that its halves share."""
    if panel.halves is None:
        raise DesignError(_NO_HALVES)
    a, b = panel.grid.within(panel.halves).T
    shared, spread = panel.weights @ (a * b), panel.weights @ ((a + b) ** 2 / 4)
    return float(shared / spread)


def halves_strength(panel: LinkedPanel) -> float:
    """Return the clustered F with which one half moves with the other, within; of both ways the lesser."""
    if panel.halves is None:
        raise DesignError(_NO_HALVES)
    controls, names, _ = controls_within(panel)
    found = []
    for a, b in ((0, 1), (1, 0)):
        design = np.column_stack([panel.halves[:, b], controls])
        fit = within_slopes(
            panel.halves[:, a], design=design, grid=panel.grid, names=[panel.score_name, *names], told=1
        )
        found.append(fit.coefficient[0] ** 2 / fit.covariance[0, 0])
    return float(min(found))


def require_varies_within(panel: LinkedPanel) -> None:
    """Refuse a score that says nothing beside the levels of units and periods.

    Raises
    ------
    DesignError
        With what is constant.
    """
    w = panel.weights
    apart = panel.score - w @ panel.score / w.sum()
    left = panel.grid.within(panel.score[:, None])[:, 0]
    if not w @ left**2 > _LEFT**2 * (w @ apart**2):
        raise DesignError(
            f"{panel.score_name} varies within no {panel.unit_name} beyond what all share in a "
            f"{panel.time_name}; experience is constant there, and nothing can be told from it"
        )


def controls_within(panel: LinkedPanel) -> tuple[Floats, list[str], list[str]]:
    """Return controls that say something within units and periods, their names, and those of the others."""
    if not panel.control_names:
        return np.empty((len(panel.outcome), 0)), [], []
    first = np.searchsorted(panel.unit, np.arange(panel.n_units))
    # traits of units are gone without reckoning
    varying = np.flatnonzero((panel.controls != panel.controls[first][panel.unit]).any(axis=0))
    kept: list[int] = []
    if varying.size:
        root = np.sqrt(panel.weights)[:, None]
        moved = panel.grid.within(panel.controls[:, varying]) * root
        centre = np.average(panel.controls, axis=0, weights=panel.weights)
        size = np.linalg.norm((panel.controls - centre) * root, axis=0)
        basis = np.empty((len(moved), 0))
        for j, column in zip(varying, moved.T, strict=True):
            left = column - basis @ (basis.T @ column)
            length = float(np.linalg.norm(left))
            if length > _LEFT * size[j]:
                kept.append(int(j))
                basis = np.column_stack([basis, left / length])
    names = panel.control_names
    return (
        panel.controls[:, kept],
        [names[j] for j in kept],
        [name for j, name in enumerate(names) if j not in kept],
    )


def rung_of(
    panel: LinkedPanel,
    name: RungName,
    fit: WithinSlopes,
    grade: Grade,
    why: str,
    conf_level: float,
    *,
    terms: Sequence[str],
    summed: int = 1,
    clusters: Ints | None = None,
    of: int | None = None,
) -> LadderRung:
    """Return a rung from its slopes: the sum of the first ones, with its interval.

    Parameters
    ----------
    panel
        The rows used.
    terms
        (k).
    summed
        How many slopes are added up.
    clusters, of
        Where rows were left out: the number that each cluster left has in the panel of all rows, and how many
        there are.
    """
    from scipy.special import stdtr, stdtrit

    over = np.zeros(len(fit.coefficient))
    over[:summed] = 1.0
    estimate, covariance = float(over @ fit.coefficient), fit.covariance
    error = float(np.sqrt(over @ covariance @ over))
    g = len(fit.influence)
    reach = float(stdtrit(g - 1, (1 + conf_level) / 2)) * error
    influence = np.zeros(g if of is None else of)
    influence[slice(None) if clusters is None else clusters] = fit.influence @ over
    return LadderRung(
        name=name,
        estimate=estimate,
        std_error=error,
        conf_low=estimate - reach,
        conf_high=estimate + reach,
        p_value=float(2 * stdtr(g - 1, -abs(estimate / error))) if error > 0 else float("nan"),
        terms=tuple(terms),
        coefficient=fit.coefficient,
        covariance=covariance,
        influence=influence,
        n=len(panel.outcome),
        clusters=g,
        df=g - 1,
        grade=grade,
        why=why,
        outcome_unit=panel.outcome_unit,
        unit_name=panel.unit_name,
        period=period_of(panel),
        score_span=_span(panel),
    )


def _span(panel: LinkedPanel) -> float:
    most, least = np.full(panel.n_units, -np.inf), np.full(panel.n_units, np.inf)
    np.maximum.at(most, panel.unit, panel.score)
    np.minimum.at(least, panel.unit, panel.score)
    return float((most - least).max())


def _listed(names: list[str]) -> str:
    kinds = list(dict.fromkeys(name.split(": ")[0] for name in names))
    return ", ".join(kinds)
