"""How the change of the treated is compared with that of the controls, with covariates or without.

After Sant'Anna, P. H. C., & Zhao, J. (2020). Doubly robust difference-in-differences estimators. Journal of
Econometrics 219, 101–122: outcome regression, normalised inverse-probability weighting, and both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: A chance of being treated above this leaves no comparable control.
MOST_CHANCE = 0.999
_STEPS = 50
_CONVERGED = 1e-10
# A design whose columns depend on each other more than this cannot be told apart in double precision.
_SINGULAR = 1e12


class OverlapError(DesignError):
    """The covariates tell treated units and controls apart: nobody is comparable."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """Treated against controls in m periods.

    Parameters
    ----------
    estimate
        (m) average effect on the treated.
    influence
        (n, m) what each unit adds to its error, what is estimated on the way included.
    n_treated, n_controls
        How many units are compared.
    """

    estimate: Floats
    influence: Floats
    n_treated: int
    n_controls: int


@dataclass(frozen=True, eq=False, kw_only=True)
class _Line:
    """Changes as the controls' regression foretells them."""

    rest: Floats  #: (n, m) change less what is foretold
    error: Floats  #: (n, k) times rest: what each unit adds to the coefficients' error


@dataclass(frozen=True, eq=False, kw_only=True)
class _Odds:
    """Chances of being treated, by logit."""

    odds: Floats  #: (n)
    error: Floats  #: (n, k) what each unit adds to the coefficients' error


def compare(
    change: Floats,
    treated: Flags,
    control: Flags,
    covariates: Floats,
    *,
    weights: Floats,
    method: Literal["unadjusted", "regression", "weighting", "doubly robust"],
) -> Comparison:
    """Compare the change of the treated with that of the controls.

    Parameters
    ----------
    change
        (n, m) change of the outcome since the base period.
    treated, control
        (n) who is compared with whom; others have no influence.
    covariates
        (n, k), without a constant, which is added.
    weights
        (n) positive.
    method
        How covariates are used; without any, all methods are the difference of the two means.

    Raises
    ------
    DesignError
        If the controls do not tell covariates apart, or covariates tell treated from controls
         (:class:`OverlapError`).
    """
    wt, wc = weights * treated, weights * control
    if method == "unadjusted" or covariates.shape[1] == 0:
        estimate, influence = _means(change, wt, wc)
    else:
        x = np.column_stack([np.ones(len(covariates)), _scaled(covariates, treated | control)])
        if method == "regression":
            estimate, influence = _regression(change, wt, wc, x)
        elif method == "weighting":
            estimate, influence = _weighting(change, wt, wc, x)
        else:
            estimate, influence = _doubly_robust(change, wt, wc, x)
    return Comparison(
        estimate=estimate,
        influence=influence,
        n_treated=int(treated.sum()),
        n_controls=int(control.sum()),
    )


def _scaled(covariates: Floats, used: Flags) -> Floats:
    """Return covariates with mean 0 and SD 1 over those used, which changes no estimate but saves digits."""
    spread = covariates[used].std(axis=0)
    scaled: Floats = (covariates - covariates[used].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def _means(change: Floats, wt: Floats, wc: Floats) -> tuple[Floats, Floats]:
    """Return the difference of two weighted means and its influence."""
    share_t, share_c = wt / wt.sum(), wc / wc.sum()
    mean_t, mean_c = share_t @ change, share_c @ change
    # one pass over the largest array there is: 1,000 units × 60 periods × each group
    influence = share_t[:, None] * (change - mean_t)
    influence -= share_c[:, None] * (change - mean_c)
    return mean_t - mean_c, influence


def _regression(change: Floats, wt: Floats, wc: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the treated's change less what the controls' regression foretells for them."""
    line = _line(change, wc, x)
    share = wt / wt.sum()
    estimate = share @ line.rest
    influence = share[:, None] * (line.rest - estimate) - (line.error @ (share @ x))[:, None] * line.rest
    return estimate, influence


def _weighting(change: Floats, wt: Floats, wc: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the treated's mean change less that of the controls, weighted to look like the treated."""
    logit = _logit(wt, wc, x)
    reweighted = wc * logit.odds
    estimate, influence = _means(change, wt, reweighted)
    share = reweighted / reweighted.sum()
    spread = share[:, None] * (change - share @ change)
    return estimate, influence - logit.error @ (x.T @ spread)


def _doubly_robust(change: Floats, wt: Floats, wc: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the difference, reweighted, of what the controls' regression leaves."""
    line, logit = _line(change, wc, x), _logit(wt, wc, x)
    reweighted = wc * logit.odds
    estimate, influence = _means(line.rest, wt, reweighted)
    share_t, share_c = wt / wt.sum(), reweighted / reweighted.sum()
    spread = share_c[:, None] * (line.rest - share_c @ line.rest)
    influence -= logit.error @ (x.T @ spread)
    influence -= (line.error @ (share_t @ x - share_c @ x))[:, None] * line.rest
    return estimate, influence


def _line(change: Floats, wc: Floats, x: Floats) -> _Line:
    """Regress the controls' changes on the covariates."""
    gram = (x * wc[:, None]).T @ x
    if (wc > 0).sum() <= x.shape[1] or np.linalg.cond(gram) > _SINGULAR:
        raise DesignError(
            f"the {int((wc > 0).sum())} controls do not determine a regression on "
            f"{x.shape[1] - 1} covariates; take fewer, or one of several that say the same"
        )
    weighted = np.asarray(np.linalg.solve(gram, (x * wc[:, None]).T), dtype=np.float64)
    return _Line(rest=change - x @ (weighted @ change), error=weighted.T)


def _logit(wt: Floats, wc: Floats, x: Floats) -> _Odds:
    """Fit the chance of being treated by Newton's method."""
    w = wt + wc
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -700, 700)))
        information = (x * (w * chance * (1 - chance))[:, None]).T @ x
        if np.linalg.cond(information) > _SINGULAR:
            break
        step = np.linalg.solve(information, x.T @ (wt - w * chance))
        beta = beta + step
        if np.abs(step).max() < _CONVERGED:
            chance = 1 / (1 + np.exp(-(x @ beta)))
            if chance[w > 0].max() >= MOST_CHANCE:
                break
            residual = wt - w * chance
            error = np.asarray(np.linalg.solve(information, (x * residual[:, None]).T), dtype=np.float64)
            return _Odds(odds=np.where(w > 0, np.exp(np.clip(x @ beta, -700, 700)), 0.0), error=error.T)
    raise OverlapError(
        "the covariates tell treated units from controls (chances of treatment near 1), so that nobody is "
        "comparable; take fewer covariates, or method='regression'"
    )
