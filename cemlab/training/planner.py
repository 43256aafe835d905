"""Before the study: how many branches and how many months it takes to find what one hopes for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.stats.change_variance import changes, fit_memory, resampled_memories, without_months
from cemlab.stats.detectable import check_power, detectable_ratio, power_at_level
from cemlab.stats.seeds import generator
from cemlab.training.before import before_training, plural
from cemlab.training.planned_power import attained_level, planned_method, simulated_power
from cemlab.training.study_plan import StudyPlan, treated_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_LONGEST = 120
_RESAMPLED = 400


def plan_study(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    effect: float | None = None,
    power: float = 0.8,
    branches: Sequence[int] = (8, 12, 20, 30, 40, 60),
    months: Sequence[int] = (3, 6, 12),
    treated_share: float = 0.5,
    trained_share: float | Sequence[float] = 1.0,
    unit: str = "branch",
    time: str = "month",
    first_treated: str | None = "first_trained",
    conf_level: float = 0.95,
    draws: int = 2000,
    seed: int = 1,
    source: str = "",
) -> StudyPlan:
    """Answer how many branches and months a study needs to find an effect, before anybody is trained.

    Studies are made of the branches as they were: of each branch the mean of the months after less the mean
    of as many before, of those trained against the others, by the test that the rule for few branches takes.

    Parameters
    ----------
    panel
        One row a branch and month.
    outcome
        Column of numbers.
    effect
        What one hopes for: change of the outcome per share of the staff trained, once it is there.
    power
        The chance to find it that is asked for.
    branches
        Sizes to try, from 4.
    months
        Lengths to try: so many months before and as many after.
    treated_share
        Share of the branches that is trained, by lot.
    trained_share
        Share of a trained branch's staff that has been trained: one number, or one a month from the first
        after on (see :func:`cemlab.training.staying`), so that what leaves with leavers is reckoned with.
    unit, time, first_treated
        Columns of branch, month and first month of training. Months from the first training anywhere on are
        left out; None where nobody was trained.
    conf_level
        1 less the level of the test; also of the intervals.
    draws
        Studies simulated for each size.
    seed
        Of the random numbers.
    source
        The line that stands under every figure.

    Returns
    -------
    StudyPlan
        A row for each size.

    Raises
    ------
    ColumnError, DataError, OptionError
        If a column or an option is not what it must be.
    DesignError
        If fewer than 4 branches or 4 months lie before the training.

    Notes
    -----
    Variances are those of the pre-period wherever months before and after fit into it, averaged over the
    places where they fit; longer ones are extrapolated from how months hang together (one month's own part,
    and a part that passes), which a branch that drifts for good would break. The interval of the smallest
    change is that of the variance (chi-squared, branches less one degrees of freedom; for lengths beyond the
    data the extrapolation is repeated on branches drawn again). Where lots can be
    drawn in fewer ways than 1/level, no study can ever refute chance, and the smallest change is infinite.

    Power is that of Student's t test at the level that the test attains; with 8 branches or fewer, where
    randomisation inference is coarse, simulated studies find a little less.

    Studies are simulated from whole branches drawn with replacement, so their own autocorrelation is kept.

    References
    ----------
    Bloom, H. S. (1995). Minimum detectable effects: a simple way to report the statistical power of
    experimental designs. Evaluation Review 19, 547–556.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> months = pd.DataFrame({"branch": np.repeat(np.arange(400), 12), "month": np.tile(np.arange(12), 400),
    ...                        "cx": rng.normal(size=4800)})
    >>> plan = plan_study(months, outcome="cx", branches=[20, 40], months=[3, 6], first_treated=None)
    >>> plan.table["estimate"].round(2).tolist()  # 2.8 * sqrt((1/3 + 1/3) * (1/20 + 1/20)) is 0.72
    [1.08, 0.74, 0.74, 0.51]
    """
    check_power(power, conf_level)
    sizes, lengths = _whole(branches, 4, 10_000, "branches"), _whole(months, 1, _LONGEST, "months")
    if not 0 < treated_share < 1:
        raise OptionError(f"treated_share is {treated_share!r}; allowed: a share between 0 and 1, e.g. 0.5")
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise OptionError(f"draws are {draws!r}; allowed: a whole number from 100 on")
    dose = _dose(trained_share, max(lengths))
    pre = before_training(panel, [outcome], unit=unit, time=time, first_treated=first_treated)
    outcomes = pre.values[0]
    if outcomes.shape[0] < 4 or outcomes.shape[1] < 4:
        raise DesignError(
            f"panel: {outcomes.shape[0]} {plural(unit)} and {outcomes.shape[1]} {plural(time)} before any "
            "training; a plan needs 4 of each to learn how they change by themselves"
        )
    own = without_months(outcomes)
    if not np.ptp(own) > 0:
        raise DesignError(f"panel: {outcome!r} is the same in every {unit}; there is nothing to plan for")
    variance = _variances(own, max(lengths))
    rng = generator(seed)
    rows = []
    for m in lengths:
        spread = _spread(own, m, variance[m - 1], conf_level, rng)
        rows += [
            _row(own, b, m, variance, spread, dose, treated_share, power, effect, conf_level, draws, rng)
            for b in sizes
        ]
    return StudyPlan(
        table=pd.DataFrame(rows),
        evidence=_evidence(outcomes, pre.n_given, max(lengths), unit, time, source),
        conf_level=conf_level,
        outcome=outcome,
        effect=effect,
        power=power,
        variance=variance,
        dose=dose,
        treated_share=treated_share,
    )


def _variances(own: Floats, longest: int) -> Floats:
    """Return the variance of a change for every length, from the data where it fits, else extrapolated."""
    fits = own.shape[1] // 2
    memory = fit_memory(own) if longest > fits else None
    return np.array(
        [
            np.mean(changes(own, m) ** 2) if memory is None or m <= fits else memory.change_variance(m, m)
            for m in range(1, longest + 1)
        ]
    )


def _spread(
    own: Floats, months: int, variance: float, conf_level: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the factors between which the true standard error lies of the estimated one."""
    from scipy.special import chdtri

    free, tail = len(own) - 1, (1 - conf_level) / 2
    low, high = (float(np.sqrt(free / chdtri(free, end))) for end in (tail, 1 - tail))
    if 2 * months <= own.shape[1]:
        return low, high
    fits = resampled_memories(own, draws=_RESAMPLED, rng=rng)
    ratios = np.sqrt([fit.change_variance(months, months) / variance for fit in fits])
    # the ratio of a resample to the estimate stands for that of the estimate to the truth
    reach = np.quantile(ratios, [tail, 1 - tail])
    return min(low, 1 / float(reach[1])), max(high, 1 / float(reach[0]))


def _row(
    own: Floats,
    branches: int,
    months: int,
    variance: Floats,
    spread: tuple[float, float],
    dose: Floats,
    treated_share: float,
    power: float,
    effect: float | None,
    conf_level: float,
    draws: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    treated = treated_of(branches, treated_share)
    level = attained_level(branches, treated, 1 - conf_level)
    error = float(np.sqrt(variance[months - 1] * (1 / treated + 1 / (branches - treated))))
    ratio = float(detectable_ratio(branches - 2, power=power, conf_level=1 - level)) if level else np.inf
    smallest = ratio * error / dose[months - 1]
    beyond = 2 * months > own.shape[1]
    found = (
        simulated_power(
            changes(own, months),
            effect=smallest * dose[months - 1],
            branches=branches,
            treated=treated,
            conf_level=conf_level,
            draws=draws,
            rng=rng,
        )
        if level and not beyond
        else np.nan
    )
    return {
        "branches": branches,
        "treated": treated,
        "method": planned_method(branches, treated),
        "months": months,
        "estimate": smallest,
        "conf_low": smallest * spread[0],
        "conf_high": smallest * spread[1],
        "std_error": error,
        "power_at_effect": np.nan
        if effect is None
        else float(power_at_level(effect * dose[months - 1], std_error=error, df=branches - 2, level=level)),
        "simulated": found,
        "simulation_error": float(np.sqrt(found * (1 - found) / draws)),
        "beyond": beyond,
    }


def _dose(trained_share: float | Sequence[float], longest: int) -> Floats:
    """Return the mean share trained over the first m months, for every m."""
    path = np.atleast_1d(np.asarray(trained_share, dtype=float))
    if path.ndim != 1 or not ((path > 0) & (path <= 1)).all():
        raise OptionError("trained_share holds a value that is no share above 0; e.g. 0.8, or one a month")
    if len(path) == 1:
        path = np.full(longest, path[0])
    if len(path) < longest:
        raise OptionError(
            f"trained_share has {len(path)} months, the longest study {longest}; give as many, or one number"
        )
    means: Floats = np.cumsum(path[:longest]) / np.arange(1, longest + 1)
    return means


def _whole(values: Sequence[int], least: int, most: int, what: str) -> list[int]:
    whole = not isinstance(values, str) and np.iterable(values) and len(values) > 0
    if not whole or not all(
        isinstance(v, int | np.integer) and not isinstance(v, bool) and least <= v <= most for v in values
    ):
        raise OptionError(f"{what} are {values!r}; allowed: whole numbers from {least} to {most:,} in a list")
    return sorted({int(v) for v in values})


def _evidence(outcomes: Floats, given: int, longest: int, unit: str, time: str, source: str) -> Evidence:
    n, periods = outcomes.shape
    within = 2 * longest <= periods
    check = Check(
        name="length",
        null="months before and after fit into the pre-period",
        passed=True if within else None,
        detail=f"{periods} {plural(time)} before any training; the longest study has 2 × {longest}.",
        remedy="" if within else "What lies beyond is extrapolated; watch longer before the training.",
    )
    return Evidence(
        grade="descriptive",
        design=f"The {plural(time)} before anybody was trained, as they were; studies drawn from them.",
        unit=plural(unit),
        n_used=n,
        n_given=given,
        source=source,
        assumptions=(
            "The study's months will vary as those before did.",
            "Branches are dealt to training by lot, and do not change how others do.",
            "Training changes all branches alike, and from the first month after.",
        ),
        checks=(check,),
    )
