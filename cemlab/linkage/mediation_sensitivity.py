"""What is left of a way from experience to money if something unseen moves the mediator and the money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import with_interval
from cemlab.result import Result
from cemlab.stats.half_moments import HalfMoments
from cemlab.stats.mediated import confounded


@dataclass(frozen=True, eq=False, kw_only=True)
class MediationSensitivity(Result):
    """The indirect path by the correlation that an unseen confounder would make.

    Parameters
    ----------
    table
        One row a correlation: rho, estimate (indirect path), std_error, conf_low, conf_high, share (of the
        total, which no rho changes).
    nought
        At which rho nothing is left of the indirect path: estimate, conf_low, conf_high.
    mediator, score, outcome
        The columns.
    """

    nought: dict[str, float]
    mediator: str
    score: str
    outcome: str

    title: ClassVar[str] = "What an unseen confounder would leave of the way"
    labels: ClassVar[dict[str, str]] = {"rho": "Correlation", "estimate": "Indirect (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """Up to seven correlations with what they leave."""
        rows = self.table.iloc[np.unique(np.linspace(0, len(self.table) - 1, 7).round().astype(int))]
        return pd.DataFrame(
            {
                "rho": [f"{rho:+.2f}" for rho in rows["rho"]],
                "estimate": [with_interval(r) for r in rows.to_dict("records")],
            }
        )

    def narrative(self) -> str:
        """Tell the correlation at which nothing is left."""
        at = self.nought
        return (
            f"Nothing is left of the way by {self.mediator} if something unseen moves it and {self.outcome} "
            f"together so that what is left of both correlates by {at['estimate']:+.2f} "
            f"({at['conf_low']:+.2f} to {at['conf_high']:+.2f}). "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Line of the indirect path over the correlation, with its interval."""
        return Chart(
            kind="line",
            frame=self.table[["rho", "estimate", "conf_low", "conf_high"]],
            x="rho",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Correlation that something unseen makes between mediator and outcome",
            y_label=f"Indirect: {self.outcome} for a point of {self.score}",
            claim=f"A correlation of {self.nought['estimate']:+.2f} would leave nothing of the way by "
            f"{self.mediator}",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def sensitivity_of(
    moments: HalfMoments,
    *,
    mediator: str,
    score: str,
    outcome: str,
    rhos: npt.ArrayLike,
    evidence: Evidence,
    conf_level: float,
) -> MediationSensitivity:
    """Return the indirect path at each rho; moments are of score, mediator and outcome."""
    from scipy.special import stdtrit

    at = np.atleast_1d(np.asarray(rhos, dtype=float))
    if at.ndim != 1 or not len(at) or not (np.abs(at) < 1).all():
        raise OptionError(
            f"rhos are {rhos!r}; allowed: correlations above -1 and below 1, e.g. [-0.3, 0, 0.3]"
        )
    _refuse_nothing_left(moments, mediator, outcome)
    found = confounded(moments, at)
    quantile = float(stdtrit(moments.df, (1 + conf_level) / 2))
    indirect, error = found.estimate[:-2], found.std_error[:-2]
    nought, spread = float(found.estimate[-2]), float(found.std_error[-2])
    # on Fisher's scale, so that the interval stays within -1 and 1
    reach = quantile * spread / (1 - nought**2)
    ends = {
        f"conf_{end}": float(np.tanh(np.arctanh(nought) + s * reach)) for end, s in (("low", -1), ("high", 1))
    }
    return MediationSensitivity(
        table=pd.DataFrame(
            {
                "rho": at,
                "estimate": indirect,
                "std_error": error,
                "conf_low": indirect - quantile * error,
                "conf_high": indirect + quantile * error,
                "share": indirect / found.estimate[-1],
            }
        ),
        evidence=evidence,
        conf_level=conf_level,
        nought={"estimate": nought, **ends},
        mediator=mediator,
        score=score,
        outcome=outcome,
    )


def _refuse_nothing_left(moments: HalfMoments, mediator: str, outcome: str) -> None:
    s = moments.total
    left = np.diagonal(s)[1:] - s[0, 1:] ** 2 / s[0, 0]
    both = s[1, 2] - s[0, 1] * s[0, 2] / s[0, 0]
    for name, rest, whole in zip((mediator, outcome), left, np.diagonal(s)[1:], strict=True):
        if not rest > 1e-10 * whole:
            raise DesignError(f"nothing of {name} is left beside the score, so nothing unseen can move it")
    if not both**2 < (1 - 1e-10) * left[0] * left[1]:
        raise DesignError(
            f"{mediator} and {outcome} move as one beside the score; they are one thing told twice"
        )
