"""How sure we are of the styles: noise to compare with, resampled respondents, and what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence, HypothesisTest
from cemlab.markup import join_words, percent
from cemlab.stats.cross_products import noise_eigenvalues, resampled_covariances, to_correlations
from cemlab.stats.factor_analysis import (
    FactorFit,
    enough_factors,
    factor_analysis,
    sampling_adequacy,
    sphericity,
)
from cemlab.stats.rotation import Rotated, Rotation, nearest_axes, rotate, tucker_congruence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.segmentation.answers import Answers

    FloatArray = NDArray[np.float64]

_ADEQUATE = 0.6  # below it, items share too little to be factored (Kaiser 1974)
_ALIKE = 0.85  # congruence from which a factor is taken to be the same one (Lorenzo-Seva & ten Berge 2006)
_MOST = 0.95  # share of samples that must go well
_NOISE_DRAWS = 500
# Bias of the correlations in standard errors, beyond which resampling need not make up for it: in simulated
# answers intervals covered 92 to 98 % below it (88 % at worst where answers crowd at one end of the scale),
# and 73 to 97 % above.
_BIASED = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """The styles found again in resampled respondents, in the order and with the signs of those found.

    Parameters
    ----------
    loadings, between, uniquenesses
        Of the samples that could be fitted, of shapes (b, p, k), (b, k, k) and (b, p).
    congruence
        Of each sample's factors with those found, of shape (b, k).
    drawn
        How many samples were drawn.
    """

    loadings: FloatArray
    between: FloatArray
    uniquenesses: FloatArray
    congruence: FloatArray
    drawn: int


def parallel_analysis(seen: FloatArray, *, n: int, seed: int) -> tuple[pd.DataFrame, int]:
    """Return the eigenvalues beside those of noise, and how many at the head of the list exceed them."""
    own = np.linalg.eigvalsh(seen)[::-1]
    noise = noise_eigenvalues(n=n, items=len(seen), draws=_NOISE_DRAWS, seed=seed)
    bound = np.quantile(noise, 0.95, axis=0)
    above = own > bound
    count = len(own) if above.all() else int(above.argmin())
    frame = pd.DataFrame({"number": np.arange(1, len(own) + 1), "estimate": own, "noise": bound})
    return frame, count


def resample(
    values: FloatArray, fit: FactorFit, found: Rotated, rotation: Rotation, *, draws: int, seed: int
) -> Samples:
    """Fit the model again to bootstrap samples, and turn each towards the styles found.

    Raises
    ------
    DesignError
        If fewer than half of the samples can be fitted.
    """
    correlations = to_correlations(resampled_covariances(values, draws=draws, seed=seed))
    correlations = correlations[~np.isnan(correlations).any(axis=(1, 2))]
    correlations = correlations[np.linalg.eigvalsh(correlations)[:, 0] > 1e-8]
    if len(correlations) < draws / 2:
        raise DesignError(
            f"{len(correlations)} of {draws} resampled groups of respondents can be factored; ask more "
            "people or use fewer items"
        )
    factors = found.loadings.shape[1]
    again = factor_analysis(correlations, factors=factors, start=fit.uniquenesses)
    # Start each sample's rotation where the found one ended, so that both sit in the same valley.
    target, *_ = np.linalg.lstsq(fit.loadings, found.loadings, rcond=None)
    axes = np.linalg.inv(target).T if rotation == "oblimin" else target
    near = nearest_axes(again.loadings, fit.loadings)
    if rotation == "none":
        turned = Rotated(again.loadings @ near @ target, *rotate(again.loadings, rotation="none")[1:])
    else:
        turned = rotate(again.loadings, rotation=rotation, axes=near @ axes)
    good = again.converged & turned.converged
    loadings, between, congruence = _matched(turned.loadings[good], turned.between[good], found.loadings)
    if len(loadings) < draws / 2:
        raise DesignError(
            f"the model could be fitted to {len(loadings)} of {draws} resampled groups of respondents; try "
            "fewer styles"
        )
    return Samples(
        loadings=loadings,
        between=between,
        uniquenesses=again.uniquenesses[good],
        congruence=congruence,
        drawn=draws,
    )


def _matched(
    loadings: FloatArray, between: FloatArray, target: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each sample's factors in the order and with the signs of the target, and how alike they are."""
    loadings, between = loadings.copy(), between.copy()
    congruence = np.empty((len(loadings), target.shape[1]))
    for b in range(len(loadings)):
        alike = tucker_congruence(loadings[b], target)
        order, sign = alike.partner, alike.sign
        loadings[b] = loadings[b][:, order] * sign
        between[b] = between[b][np.ix_(order, order)] * np.outer(sign, sign)
        congruence[b] = alike.coefficient
    return loadings, between, congruence


def style_tables(
    items: Sequence[str], found: Rotated, samples: Samples, conf_level: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return loadings, communalities and correlations of the styles, each with intervals."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + conf_level) / 2))
    count = found.loadings.shape[1]
    names = [f"style {j + 1}" for j in range(count)]

    def bounded(
        estimate: FloatArray, drawn: FloatArray, low: float, high: float, bias: FloatArray | float = 0.0
    ) -> dict[str, FloatArray]:
        wide = reach * drawn.std(axis=0, ddof=1)
        return {
            "estimate": estimate,
            "conf_low": np.maximum(estimate - wide - np.maximum(bias, 0), low),
            "conf_high": np.minimum(estimate + wide - np.minimum(bias, 0), high),
        }

    flat = len(items) * count
    table = pd.DataFrame(
        {"item": np.repeat(list(items), count), "factor": names * len(items)}
        | bounded(found.loadings.reshape(flat), samples.loadings.reshape(-1, flat), -np.inf, np.inf)
    )
    shared = np.einsum("ij,jk,ik->i", found.loadings, found.between, found.loadings)
    communalities = pd.DataFrame({"item": list(items)} | bounded(shared, 1 - samples.uniquenesses, 0.0, 1.0))
    one, other = np.triu_indices(count, 1)
    correlations = pd.DataFrame(
        {"factor": [names[i] for i in one], "other": [names[i] for i in other]}
        | bounded(found.between[one, other], samples.between[:, one, other], -1.0, 1.0, _bias(found, samples))
    )
    return table, communalities, correlations


def _bias(found: Rotated, samples: Samples) -> FloatArray:
    """Return by how much the samples' correlations miss those they were drawn from, pair by pair."""
    one, other = np.triu_indices(found.between.shape[0], 1)
    return np.asarray(samples.between[:, one, other].mean(axis=0) - found.between[one, other])


def evidence_of(
    given: Answers, fit: FactorFit, seen: FloatArray, suggested: int, found: Rotated, samples: Samples
) -> Evidence:
    """Return what the styles rest on."""
    apart, enough = sphericity(seen, n=given.n_used), enough_factors(fit, n=given.n_used)
    tests = [HypothesisTest(name="Bartlett's test", null="no two items are correlated", **apart._asdict())]
    count = fit.loadings.shape[1]
    if enough.df:
        null = f"{count} styles explain all correlations of the items"
        tests.append(HypothesisTest(name="likelihood-ratio test", null=null, **enough._asdict()))
    return Evidence(
        grade="descriptive",
        design=f"Exploratory factor analysis of the answers to {len(given.items)} items. {given.left_out}",
        unit="respondents",
        n_used=given.n_used,
        n_given=given.n_given,
        source=given.source,
        assumptions=(
            "Those who answered are like those who did not.",
            "Answers rise in a straight line with the styles; few steps of a scale make loadings smaller.",
            "How many styles there are was chosen, not estimated; the intervals take the number as given.",
        ),
        checks=(
            _number_check(count, suggested),
            _adequacy_check(seen),
            _heywood_check(fit, given.items),
            _return_check(samples),
            *_shrinkage_check(found, samples),
        ),
        tests=tuple(tests),
    )


def _number_check(count: int, suggested: int) -> Check:
    return Check(
        name="number of styles",
        null="as many styles were fitted as stand above noise (parallel analysis)",
        passed=count == suggested,
        detail=f"{count} were fitted; {suggested} eigenvalues exceed 95 % of those of unrelated items.",
        remedy=f"Look at {suggested} styles too.",
    )


def _adequacy_check(seen: FloatArray) -> Check:
    adequacy = sampling_adequacy(seen)
    return Check(
        name="sampling adequacy",
        null=f"the items share enough to be factored (Kaiser, Meyer and Olkin's measure {_ADEQUATE} or more)",
        passed=adequacy >= _ADEQUATE,
        detail=f"The measure is {adequacy:.2f}.",
        remedy="Leave out items that go with no other.",
    )


def _heywood_check(fit: FactorFit, items: Sequence[str]) -> Check:
    bad = [repr(name) for name, at_bound in zip(items, fit.heywood, strict=True) if at_bound]
    return Check(
        name="Heywood case",
        null="no item is explained entirely by the styles",
        passed=not bad,
        detail=f"Nothing of its own is left of {join_words(bad)}: the model asks for more than all of it."
        if bad
        else f"The least that an item keeps for itself is {percent(float(fit.uniquenesses.min()))}.",
        remedy="Fit fewer styles, or leave out one of two items that ask the same.",
    )


def _return_check(samples: Samples) -> Check:
    back = (samples.congruence >= _ALIKE).all(axis=1).sum() / samples.drawn
    return Check(
        name="styles come back",
        null=f"in {_MOST:.0%} of resampled groups of respondents every style is found again",
        passed=bool(back >= _MOST),
        detail=(
            f"In {percent(float(back))} of {samples.drawn} resampled groups every style came back "
            f"(congruence {_ALIKE} or more); the model could be fitted to {len(samples.loadings)}."
        ),
        remedy="Fit fewer styles; the intervals hold only while a style keeps its meaning.",
    )


def _shrinkage_check(found: Rotated, samples: Samples) -> list[Check]:
    """Tell by the samples how far too few respondents draw the styles' correlations towards nought."""
    one, other = np.triu_indices(found.between.shape[0], 1)
    spread = samples.between[:, one, other].std(axis=0, ddof=1)
    if not spread.sum() > 1e-9:  # a single style, or styles held at right angles
        return []
    drawn_in = -(_bias(found, samples) * np.sign(found.between[one, other])).sum() / spread.sum()
    return [
        Check(
            name="correlations of the styles",
            null=f"chance draws them towards 0 by at most {_BIASED:g} of their standard error",
            passed=bool(drawn_in <= _BIASED),
            detail=(
                f"Resampling draws them in by {max(drawn_in, 0):.2f} standard errors. The intervals are "
                "widened by as much; that is too little where it is much, or where answers crowd at one end."
            ),
            remedy="Take them for too small, their intervals for too narrow; ask more people.",
        )
    ]
