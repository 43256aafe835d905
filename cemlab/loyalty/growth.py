"""Does passion grow exponentially? New customers held against even, exponential, logistic and Bass growth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.loyalty.growth_table import SCATTER, TWO_YEARS, checks_of, compared, parameter_rows, predicted
from cemlab.markup import percent, percent_range, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.growth import Curve, GrowthFit, checked_new, fit_growth, inflection

_CLOSE = 2.0  # AIC: curves nearer than this to the best are not told from it
_CEILING = ("logistic", "bass")
_LEAST_CUSTOMERS = 30  # the error of their number is then below a fifth of it
_FARTHEST_LOG = 50.0  # a level or a growth whose interval reaches beyond e to this has none


@dataclass(frozen=True, eq=False, kw_only=True)
class Growth(Result):
    """Curves of growth beside each other, and which of them the data can tell.

    Parameters
    ----------
    table
        One row a parameter: model, term, estimate, conf_low, conf_high. A ceiling that the data do not know
        yet has no estimate; its interval goes from the customers won so far to infinity.
    models
        One row a curve: model, n_parameters, log_likelihood, dispersion, aic, bic, one_step_error
        [customers, root mean square over the last third, each period predicted from those before], known
        [whether its parameters are].
    forecast
        model, period [number], estimate, conf_low, conf_high [new customers]; of known curves alone.
    new
        New customers of each period.
    dispersion
        Variance over mean about the closest curve, at least 1; intervals and AIC allow for it.
    """

    models: pd.DataFrame
    forecast: pd.DataFrame
    new: tuple[int, ...]
    dispersion: float

    title: ClassVar[str] = "Curves of growth"
    labels: ClassVar[dict[str, str]] = {
        "model": "Curve",
        "n_parameters": "Parameters",
        "aic": "AIC, from the best",
        "bic": "BIC, from the best",
        "one_step_error": "Error one period ahead",
        "known": "Parameters known",
    }

    @property
    def best(self) -> str:
        """The curve with the lowest AIC."""
        return str(self.models["model"].iloc[int(self.models["aic"].argmin())])

    @property
    def close(self) -> tuple[str, ...]:
        """The curves that the data cannot tell from the best: AIC within 2 of it."""
        near = self.models["aic"] - self.models["aic"].min() < _CLOSE
        return tuple(self.models.loc[near, "model"])

    @property
    def summary(self) -> pd.DataFrame:
        """One row a curve: AIC and BIC from the best, and the error one period ahead."""
        frame = self.models[["model", "n_parameters", "aic", "bic", "one_step_error", "known"]].copy()
        for name in ("aic", "bic"):
            frame[name] = [f"{value:.1f}" for value in frame[name] - frame[name].min()]
        frame["one_step_error"] = [f"{value:.1f}" for value in frame["one_step_error"]]
        frame["known"] = ["yes" if known else "no" for known in frame["known"]]
        return frame

    def narrative(self) -> str:
        """Give the verdict in words."""
        told = (
            f"{sum(self.new):,} customers came in {len(self.new)} periods; their variance about the closest "
            f"curve is {self.dispersion:.2f} times that of chance. {self._verdict()}"
        )
        failed = {check.name for check in self.evidence.failed}
        if "inflection passed" in failed and "even" not in self.close:
            told += (
                " The data do not reach past the inflection: up to there exponential and logistic growth "
                "look alike, so no ceiling is given and none is excluded."
            )
        return told + self._cautions()

    def _cautions(self) -> str:
        """Say what a season may have done to the curves."""
        failed = {check.name for check in self.evidence.failed}
        told = ""
        if TWO_YEARS in failed:
            told += " They span less than two years: growth, a ceiling and a season cannot be told apart."
        if SCATTER in failed:
            told += " Neighbouring periods, or those a year apart, stray together: intervals are too narrow."
        return told

    def _verdict(self) -> str:
        if any(check.name == "fit of the closest curve" for check in self.evidence.failed):
            return "None of the curves describes them, so no growth is told."
        if "even" in self.close:
            row = self._term("even", "new per period")
            return (
                f"Even growth describes them as well as any curve: {with_interval(row)} a period. "
                "Nothing speaks for exponential growth."
            )
        if self.best in _CEILING and bool(self.models.set_index("model").loc[self.best, "known"]):
            row = self._term(self.best, "ceiling")
            return (
                f"The {self.best} curve describes them best: they level off at {with_interval(row)} "
                "customers. Exponential growth does not describe them."
            )
        if self.best in _CEILING and "exponential" not in self.close:
            if any(check.name == TWO_YEARS for check in self.evidence.failed):
                return "They rise and fall as a season may, so no growth is told."
            return "Growth is slower than exponential already, but where it ends cannot be told."
        row = self._term("exponential", "growth")
        if not np.isfinite(list(row.values())).all():
            return "Even growth does not describe them, but no rate of growth can be told."
        rate = f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])}) a period"
        if row["conf_high"] < 0:
            fall = percent_range(-row["conf_high"], -row["conf_low"])
            return f"New customers decline exponentially, by {percent(-row['estimate'])} ({fall}) a period."
        return f"So far, new customers grow as fast as an exponential curve does, by {rate}."

    def _term(self, model: str, term: str) -> dict[str, float]:
        rows = self.table[(self.table["model"] == model) & (self.table["term"] == term)]
        if rows.empty:
            return dict.fromkeys(("estimate", "conf_low", "conf_high"), float("nan"))
        return {name: float(rows[name].iloc[0]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def chart(self) -> Chart:
        """New customers of each period, and the known curves with their bands and forecasts."""
        seen = pd.DataFrame(
            {"model": "observed", "period": np.arange(1, len(self.new) + 1), "estimate": self.new}
        )
        seen = seen.assign(conf_low=seen["estimate"], conf_high=seen["estimate"])  # counted, not estimated
        return Chart(
            kind="line",
            frame=pd.concat([seen, self.forecast], ignore_index=True),
            x="period",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="model",
            x_label="Period",
            y_label="New customers a period",
            claim=self._verdict().split(":")[0].rstrip("."),
            grade=self.evidence.grade,
            note=self.caption,
        )


def growth(
    counts: pd.DataFrame | ArrayLike,
    *,
    new: str = "n_new",
    period: str = "period",
    models: Sequence[Curve] = ("even", "exponential", "logistic", "bass"),
    cumulated: bool = False,
    launched: bool = False,
    per_year: int | None = None,
    ahead: int = 12,
    conf_level: float = 0.95,
    source: str = "",
) -> Growth:
    """Answer whether customers grow exponentially, towards a ceiling, or merely evenly.

    Each curve's increments are fitted to the new customers of each period by maximum likelihood (Poisson,
    with the dispersion that is left over), compared by AIC and BIC and by predicting the last third of the
    periods, each from those before it.

    Parameters
    ----------
    counts
        One row a period, in order, periods without new customers included, as from
        :func:`cemlab.data.recent.arrivals`; or the numbers alone.
    new, period
        The columns with new customers, and with the period's first day or number.
    models
        The curves; ``"even"`` is the humble rival: as many new customers in each period.
    cumulated
        Whether the numbers are customers so far, of which the increments are taken, and not new ones.
    launched
        Whether nobody had come before the first period. Only then can Bass's curve, which begins at a launch,
        be told from a logistic one: the arrivals after it follow the same shape.
    per_year
        Periods of a year: 12 for months, 1 for years, which have no season. None: read from the dates of
        `period`; where there are none, the periods are taken as months.
    ahead
        Periods to forecast.
    conf_level
        Confidence level of intervals and forecast bands.
    source
        The line that stands under every figure.

    Returns
    -------
    Growth
        Its table has model, term, estimate, conf_low, conf_high.

    Raises
    ------
    ColumnError, OptionError
        If a column or option is not among those there are.
    DataError
        If numbers are no counts, or the periods have gaps or are not in order.
    DesignError
        If there are fewer than eight periods, or fewer than 30 customers came.

    Notes
    -----
    Intervals are those of the likelihood's curvature (delta method), widened by the dispersion, with
    Student's quantiles. Where the midpoint's interval reaches beyond the last period, no ceiling is given,
    nor where less than two years were seen: a season rises and falls as such a curve does.

    References
    ----------
    Bass, F. M. (1969). A new product growth for model consumer durables. Management Science 15, 215–227.

    Examples
    --------
    >>> even = growth([50, 47, 52, 49, 55, 46, 51, 50, 48, 53, 50, 49])
    >>> even.best
    'even'
    """
    check_conf_level(conf_level)
    _check_options(models, ahead, per_year)
    n = checked_new(_new_customers(counts, new, period, cumulated))
    if n.sum() < _LEAST_CUSTOMERS:
        raise DesignError(
            f"{n.sum():.0f} new customers cannot tell one curve of growth from another; give periods with "
            f"{_LEAST_CUSTOMERS} or more in all"
        )
    cycle = per_year or _periods_of_a_year(counts, period)
    fits = [fit_growth(n, curve=curve, launched=launched) for curve in models]
    dispersion = max(1.0, min(fit.pearson / (fit.n_periods - fit.theta.size) for fit in fits))
    past = [_is_known(fit, dispersion, conf_level) for fit in fits]
    checks = checks_of(n, list(zip(fits, past, strict=True)), launched=launched, cycle=cycle)
    short = any(check.name == TWO_YEARS and not check.passed for check in checks)
    given = [
        (fit, known and not (short and fit.curve in _CEILING)) for fit, known in zip(fits, past, strict=True)
    ]
    return Growth(
        table=parameter_rows(given, total=float(n.sum()), dispersion=dispersion, conf_level=conf_level),
        evidence=_evidence(n, checks, launched=launched, source=source),
        conf_level=conf_level,
        models=compared(n, given, dispersion=dispersion, launched=launched),
        forecast=predicted(given, ahead=ahead, dispersion=dispersion, conf_level=conf_level),
        new=tuple(int(value) for value in n),
        dispersion=dispersion,
    )


def _check_options(models: Sequence[str], ahead: int, per_year: int | None) -> None:
    if not isinstance(models, Sequence) or isinstance(models, str):
        raise OptionError(f"models is {models!r}; give a sequence of curves, e.g. ('even', 'exponential')")
    for name in models:
        if name not in get_args(Curve):
            raise OptionError(one_of(name, get_args(Curve), what="curve"))
    if not models or len(set(models)) < len(models):
        raise OptionError(f"models are {list(models)}; name each curve once, and at least one")
    if isinstance(ahead, bool) or not isinstance(ahead, int | np.integer) or ahead < 0:
        raise OptionError(f"ahead is {ahead!r}; give a whole number of periods, 0 or more")
    if per_year is None:
        return
    if isinstance(per_year, bool) or not isinstance(per_year, int | np.integer) or not 1 <= per_year <= 366:
        raise OptionError(
            f"per_year is {per_year!r}; give the periods of a year, 1 to 366, e.g. 12 for months"
        )


def _new_customers(counts: pd.DataFrame | ArrayLike, new: str, period: str, cumulated: bool) -> ArrayLike:
    """Return the new customers of each period, after looking for gaps."""
    values: ArrayLike = counts
    if isinstance(counts, pd.DataFrame):
        for name in (new, period):
            if name not in counts.columns:
                raise ColumnError(one_of(name, map(str, counts.columns), what="column of the counts"))
        _refuse_gaps(counts[period], period)
        values = counts[new].to_numpy()
    return np.diff(np.asarray(values, dtype=float), prepend=0.0) if cumulated else values


def _refuse_gaps(periods: pd.Series[Any], name: str) -> None:
    """Refuse periods that do not follow each other: what is missing would look like a leap."""
    numeric = pd.api.types.is_numeric_dtype(periods)
    at = periods.to_numpy(dtype=float) if numeric else pd.to_datetime(periods).to_numpy("datetime64[D]")
    step = np.diff(at.astype(np.float64))
    # months and quarters differ in length, but not by so much
    if step.size and (pd.isna(at).any() or not (step > 0).all() or step.max() > 1.6 * step.min()):
        raise DataError(
            f"column {name!r}: the periods must follow each other without gaps, in order; "
            "give periods without new customers as 0"
        )


def _periods_of_a_year(counts: pd.DataFrame | ArrayLike, period: str) -> int:
    """Read from the dates how many periods make a year; numbers of periods are taken as months."""
    if not isinstance(counts, pd.DataFrame) or pd.api.types.is_numeric_dtype(counts[period]):
        return 12
    days = np.diff(pd.to_datetime(counts[period]).to_numpy("datetime64[D]").astype(np.float64))
    return max(1, round(365.25 / float(np.median(days))))


def _is_known(fit: GrowthFit, dispersion: float, conf_level: float) -> bool:
    """Tell whether a curve's parameters are known; a ceiling is only once the inflection is surely past."""
    from scipy.special import stdtrit

    if not fit.converged:
        return False
    quantile = float(stdtrit(fit.n_periods - fit.theta.size, (1 + conf_level) / 2))
    spread = quantile * np.sqrt(dispersion * np.diag(fit.covariance))
    if fit.curve not in _CEILING:
        return bool((np.abs(fit.theta) + spread < _FARTHEST_LOG).all())
    slope = fit.slopes(lambda theta: np.array(inflection(fit.curve, theta)))
    error = float(np.sqrt(dispersion * slope @ fit.covariance @ slope))
    return fit.inflection + quantile * error < fit.n_periods


def _evidence(n: ArrayLike, checks: tuple[Check, ...], *, launched: bool, source: str) -> Evidence:
    periods = int(np.size(n))
    return Evidence(
        grade="descriptive",
        design=(
            f"New customers of {periods} periods in a row, each curve fitted to all of them and asked to "
            "predict the last third one period ahead."
        ),
        unit="periods",
        n_used=periods,
        n_given=periods,
        source=source,
        assumptions=(
            "Periods scatter independently about the curve, with a variance in proportion to the mean.",
            "Season, campaigns and rivals do not bend the curve.",
            *(["Nobody had come before the first period."] if launched else []),
        ),
        checks=checks,
    )
