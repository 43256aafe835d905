"""Can a scale be trusted: Cronbach's alpha and omega of groups of items, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.answers import check_draws, read_answers
from cemlab.stats.cross_products import correlation_of, resampled_covariances, to_correlations
from cemlab.stats.reliability import cronbach_alpha, feldt_interval, omega_total, standardised_alpha

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cemlab.segmentation.answers import Answers

    FloatArray = NDArray[np.float64]

_AGAINST = 0.3  # correlation with what the items share, from which one that is negative is no chance matter
_ENOUGH = 0.7  # below it, items are usually taken not to measure one thing (Nunnally 1978)
_ONE_WAY = "worded one way"
_ALPHA, _STANDARDISED, _OMEGA = "alpha", "standardised alpha", "omega"


@dataclass(frozen=True, eq=False, kw_only=True)
class Reliability(Result):
    """How well the items of each scale go together.

    Parameters
    ----------
    table
        scale, items (how many), quantity ("alpha", "standardised alpha", "omega"), estimate, conf_low,
        conf_high, n (respondents with complete answers). Omega needs three items or more.
    """

    title: ClassVar[str] = "Reliability of the scales"
    labels: ClassVar[dict[str, str]] = {"scale": "Scale", "items": "Items"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a scale: items, respondents and the coefficients with their intervals."""
        rows = []
        for scale, part in self.table.groupby("scale", sort=False):
            row: dict[str, Any] = {"scale": scale, "items": part["items"].iloc[0], "n": part["n"].iloc[0]}
            for one in part.to_dict("records"):
                row[one["quantity"]] = (
                    f"{one['estimate']:.3f} ({one['conf_low']:.3f} to {one['conf_high']:.3f})"
                )
            rows.append(row)
        return pd.DataFrame(rows).fillna("")

    def narrative(self) -> str:
        """Name the weakest scale."""
        alphas = self.table[self.table["quantity"] == _ALPHA]
        row = alphas.iloc[int(alphas["estimate"].argmin())]
        weak = alphas.loc[alphas["estimate"] < _ENOUGH, "scale"].tolist()
        verdict = (
            f"Below {_ENOUGH}: {join_words(weak)}; read these items one by one before averaging them."
            if weak
            else f"Every scale reaches {_ENOUGH}."
        )
        return (
            f"The least reliable of {len(alphas)} scales is {row['scale']}: Cronbach's alpha "
            f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f}), {row['items']} items, "
            f"{row['n']:,} respondents. {verdict}{self._turn()}"
        )

    def _turn(self) -> str:
        """Name the items that run against the others."""
        return " ".join(["", *(c.detail for c in self.evidence.failed if c.name == _ONE_WAY)])

    @property
    def chart(self) -> Chart:
        """One row a scale and coefficient."""
        alphas = self.table[self.table["quantity"] == _ALPHA]
        worst = alphas.iloc[int(alphas["estimate"].argmin())]
        return Chart(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="scale",
            low="conf_low",
            high="conf_high",
            group="quantity",
            x_label="Reliability",
            y_label="",
            claim=f"{worst['scale']} is the least reliable scale",
            grade=self.evidence.grade,
            note=self.caption,
            reference=_ENOUGH,
        )


def reliability(
    answers: pd.DataFrame | ir.Table,
    *,
    scales: Mapping[str, Sequence[str]],
    draws: int = 1_000,
    seed: int = 0,
    conf_level: float = 0.95,
    source: str = "",
) -> Reliability:
    """Answer whether the items of a scale measure one thing well enough to be averaged.

    Parameters
    ----------
    answers
        One row a respondent, one column an item. Respondents with a blank in a scale are left out of it.
    scales
        The items of each scale, two or more, e.g. ``{"loyalty": ["cusl1", "cusl2", "cusl3"]}``. Items
        worded the other way round must be turned first.
    draws
        Bootstrap samples behind the intervals of standardised alpha and omega, at least 50.
    seed
        For the samples.
    conf_level
        Confidence level: of alpha by Feldt (1965), of the others by bootstrap on the logarithm of what is
        missing to 1.
    source
        The line that stands under every figure.

    Returns
    -------
    Reliability
        Its table has scale, items, quantity, estimate, conf_low, conf_high, n. A check names items that run
        against the others of their scale.

    Raises
    ------
    ColumnError, DataError
        If an item is missing or holds what is no number.
    DesignError
        If there is no scale, a scale has fewer than two items, or too few answered it.
    OptionError
        If an option is not among the allowed ones, or the items of a scale are no list.

    References
    ----------
    Feldt, L. S. (1965). The approximate sampling distribution of Kuder-Richardson reliability coefficient
    twenty. Psychometrika 30, 357–370. McDonald, R. P. (1999). Test theory: a unified treatment. Erlbaum.
    """
    check_conf_level(conf_level)
    check_draws(draws, seed)
    if not scales:
        raise DesignError("reliability needs scales, each with its items: scales={'loyalty': ['l1', 'l2']}")
    _check_scales(scales)
    every = [name for items in scales.values() for name in items]
    frame = (
        answers if isinstance(answers, pd.DataFrame) else answers.select(*dict.fromkeys(every)).to_pandas()
    )
    rows, against = [], []
    for scale, items in scales.items():
        given = read_answers(frame, items=list(items), source=source)
        against += [f"{name} in {scale}" for name in _against(given)]
        rows += [
            (scale, len(items), quantity, *bounds, given.n_used)
            for quantity, bounds in _coefficients(given, draws, seed, conf_level).items()
        ]
    columns = ["scale", "items", "quantity", "estimate", "conf_low", "conf_high", "n"]
    table = pd.DataFrame(rows, columns=columns)
    return Reliability(
        table=table, evidence=_evidence(table, against, len(frame), source), conf_level=conf_level
    )


def _check_scales(scales: Mapping[str, Sequence[str]]) -> None:
    """Refuse scales that are not lists of items by name."""
    if not isinstance(scales, Mapping):
        raise OptionError(f"scales is {scales!r}; allowed: items by scale, e.g. {{'loyalty': ['l1', 'l2']}}")
    for scale, items in scales.items():
        if isinstance(items, str) or not isinstance(items, Sequence):
            raise OptionError(f"scale {scale!r} is {items!r}; allowed: a list of items, e.g. ['l1', 'l2']")


def _coefficients(
    given: Answers, draws: int, seed: int, conf_level: float
) -> dict[str, tuple[float, float, float]]:
    values = given.values
    n, items = values.shape
    alpha = feldt_interval(cronbach_alpha(values), n=n, items=items, conf_level=conf_level)
    drawn = resampled_covariances(values, draws=draws, seed=seed)
    correlations = to_correlations(drawn)
    drawn = drawn[~np.isnan(correlations).any(axis=(1, 2))]
    drawn = drawn[np.linalg.eigvalsh(to_correlations(drawn))[:, 0] > 1e-8]
    found = {
        _ALPHA: (float(alpha.estimate), float(alpha.conf_low), float(alpha.conf_high)),
        _STANDARDISED: _around(
            float(standardised_alpha(correlation_of(values))),
            standardised_alpha(to_correlations(drawn)),
            conf_level,
        ),
    }
    if items > 2:
        covariance = np.cov(values, rowvar=False)
        found[_OMEGA] = _around(float(omega_total(covariance)), omega_total(drawn), conf_level)
    return found


def _around(estimate: float, drawn: FloatArray, conf_level: float) -> tuple[float, float, float]:
    """Return an interval that cannot pass 1: normal on the logarithm of what is missing to 1."""
    from scipy.special import ndtri

    missing = 1 - drawn[np.isfinite(drawn) & (drawn < 1)]
    if len(missing) < 2 or not estimate < 1:
        return estimate, float("nan"), float("nan")
    reach = float(ndtri((1 + conf_level) / 2) * np.log(missing).std(ddof=1))
    return estimate, 1 - (1 - estimate) * float(np.exp(reach)), 1 - (1 - estimate) * float(np.exp(-reach))


def _against(given: Answers) -> list[str]:
    """Name the items that run against what most of the scale's items share, its first principal component."""
    values, vectors = np.linalg.eigh(correlation_of(given.values))
    shared = vectors[:, -1] * np.sqrt(values[-1])
    up, down = ((sign * shared >= _AGAINST) for sign in (1, -1))
    fewer = down if up.sum() >= down.sum() else up
    return [name for name, one in zip(given.items, fewer, strict=True) if one]


def _evidence(table: pd.DataFrame, against: Sequence[str], n_given: int, source: str) -> Evidence:
    alphas = table[table["quantity"] == _ALPHA]
    low = alphas.loc[alphas["estimate"] < _ENOUGH, "scale"].tolist()
    fewest = int(alphas["n"].min())
    blank = f" The scale with most blanks rests on {fewest:,}." if fewest < n_given else ""
    return Evidence(
        grade="descriptive",
        design=f"Items of each scale compared over respondents who answered all of them.{blank}",
        unit="respondents",
        n_used=int(alphas["n"].max()),
        n_given=n_given,
        source=source,
        assumptions=(
            "Items of a scale are worded the same way round, and their errors are not related.",
            "Alpha is at most the reliability unless all items are equally good; omega does without that.",
        ),
        checks=(
            Check(
                name="one thing each",
                null=f"the items of each scale go together (Cronbach's alpha of {_ENOUGH} or more)",
                passed=not low,
                detail=f"Below {_ENOUGH}: {join_words(low)}."
                if low
                else f"Every alpha is {_ENOUGH} or more.",
                remedy="Read the items of that scale one by one.",
            ),
            Check(
                name=_ONE_WAY,
                null="no item runs against the others of its scale",
                passed=not against,
                detail=f"Against the others: {join_words(against)}." if against else "None does.",
                remedy="Where they are worded the other way round, turn them: lowest plus highest answer, "
                "less the answer given.",
            ),
        ),
    )
