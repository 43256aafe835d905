"""What the null expects of the loyal of a panel, given what each of them bought in the base period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.evidence import Check
from cemlab.loyalty.market_null import StationaryMarket
from cemlab.loyalty.panels import Among, BrandPanel
from cemlab.markup import percent
from cemlab.stats.dirichlet_trend import fates_given_history, loyal_given_purchases
from cemlab.stats.intervals import FloatArray, Interval

_GROUPS = ("1", "2 to 3", "4 to 7", "8 to 15", "16 or more")  # purchases, each from twice as many on
_STEP = 1e-3  # of the logarithms: far above rounding, far below the parameters' own errors


@dataclass(frozen=True, eq=False, kw_only=True)
class Expectation:
    """The share of the loyal that the null expects to have a fate.

    Parameters
    ----------
    share
        With the error of the null's parameters.
    spread_ratio
        Variance of a binomial number with the expected share, over the variance of the number of these
        households, each of which has a chance of its own; at least 1.
    """

    share: Interval
    spread_ratio: float


def expect(
    panel: BrandPanel,
    null: StationaryMarket,
    brand: str,
    *,
    threshold: float,
    least: int,
    among: Among,
    codes: tuple[int, ...],
    market_change: float,
    conf_level: float,
) -> Expectation:
    """Return the share of a brand's loyal that the null expects to have one of some fates.

    Raises
    ------
    OptionError
        If the null does not know the brand.
    """
    cells = panel.loyal(brand, threshold=threshold, least=least, among=among)
    held = cells.groupby(["n_base", "x_base"])["n_households"].sum()
    weight = held.to_numpy(dtype=float)
    centre, covariance = brand_parameters(null, brand)
    steps = np.zeros((1, 4))
    if covariance is not None:
        steps = np.concatenate([steps, _STEP * np.eye(4), -_STEP * np.eye(4)])
    mean, shape, alpha, rest = np.exp(centre + steps).T
    chances = fates_given_history(
        n=held.index.get_level_values("n_base").to_numpy(),
        x=held.index.get_level_values("x_base").to_numpy(),
        # the null's purchases are those of its own period
        mean=mean * panel.base_days / null.base_days,
        shape=shape,
        alpha=alpha,
        rest=rest,
        threshold=threshold,
        least_ahead=least if among == "buyers" else 1,
        length=panel.next_days / panel.base_days * market_change,
    )
    each = chances[:, :, list(codes)].sum(axis=2)
    if among == "buyers":
        # those who bought the category again are known, and how likely that was no longer matters
        each = each / chances[:, :, :3].sum(axis=2)
    share = np.clip(each @ weight / weight.sum(), 1e-15, 1 - 1e-15)
    spread = float(weight @ (each[0] * (1 - each[0]))) / weight.sum()
    return Expectation(
        share=_with_error(share, covariance, conf_level),
        spread_ratio=max(1.0, float(share[0] * (1 - share[0])) / spread) if spread > 0 else 1.0,
    )


def loyalty_check(
    panel: BrandPanel, null: StationaryMarket, brand: str, *, threshold: float, least: int
) -> Check:
    """Check that as many households are loyal in the base period as the null says, light and heavy buyers."""
    cells = panel.loyal(brand, threshold=threshold, least=least)
    table = panel.counts.category
    buyers = table[table["n_base"] >= least].groupby("n_base")["n_households"].sum()
    loyal = cells.groupby("n_base")["n_households"].sum().reindex(buyers.index, fill_value=0)
    n, weight = buyers.index.to_numpy(), buyers.to_numpy(dtype=float)
    own = float(null.model.alphas[null.index(brand)])
    chance = loyal_given_purchases(n=n, alpha=own, rest=null.model.switching - own, threshold=threshold)
    # where loyalty goes with the rate, too many among the light may make up for too few among the heavy
    group = np.minimum(np.log2(n).astype(np.int64), len(_GROUPS) - 1)
    size, said, seen = (
        np.bincount(group, weights=part, minlength=len(_GROUPS))
        for part in (weight, weight * chance, loyal.to_numpy(dtype=float))
    )
    size, said, seen = (np.append(part, part.sum()) for part in (size, said, seen))
    size = np.maximum(size, 1.0)
    share = said / size
    # a misfit that matters to nobody, or three standard errors of what chance shows
    allowed = np.maximum(np.minimum(0.01, 0.1 * share), 3 * np.sqrt(share * (1 - share) / size))
    excess = np.abs(seen - said) / size - allowed
    worst = int(excess.argmax()) if excess.max() > 0 else -1
    whom = "of the buyers" if worst in (-1, len(_GROUPS)) else f"of those who bought {_GROUPS[worst]} times"
    return Check(
        name=f"loyalty to {brand} under the null",
        null="as many light and heavy buyers are loyal in the base period as the null says",
        passed=bool(excess.max() <= 0),
        detail=(
            f"{percent(float(seen[worst] / size[worst]))} {whom} are loyal to {brand}, "
            f"{percent(float(share[worst]))} under the null."
        ),
        remedy="The brand's loyal are not those of the null; distrust its excess.",
    )


def rate_check(panel: BrandPanel, null: StationaryMarket) -> Check:
    """Check that a null of other households or of print says how often the category is bought."""
    bought = panel.counts.category[panel.counts.category["n_base"] > 0]
    weight, n = (bought[name].to_numpy(dtype=float) for name in ("n_households", "n_base"))
    seen = float(np.average(n, weights=weight))
    error = float(np.sqrt(weight @ (n - seen) ** 2) / weight.sum())
    said = null.model.category_purchase_rate(panel.base_days / null.base_days)
    return Check(
        name="purchases per buyer under the null",
        null="households buy the category as often in the base period as the null says",
        passed=abs(seen - said) <= max(0.02 * said, 3 * error),
        detail=f"A buyer bought {seen:.2f} times in the base period, {said:.2f} times under the null.",
        remedy=(
            f"The null's purchases are those of {null.base_days} days; give it the right days=…, or fit it "
            "to this panel."
        ),
    )


def silence_check(panel: BrandPanel, null: StationaryMarket, change: float) -> Check:
    """Check that as many households fall silent as the null says; who left the panel looks like them."""
    bought = panel.counts.category[panel.counts.category["n_base"] > 0]
    weight, n = (bought[name].to_numpy(dtype=float) for name in ("n_households", "n_base"))
    pace = null.model.shape * null.base_days / null.model.mean
    ahead = panel.next_days * change / (pace + panel.base_days)
    chance = (1 + ahead) ** -(null.model.shape + n)
    said, seen = (float(np.average(part, weights=weight)) for part in (chance, bought["n_next"] == 0))
    error = float(np.sqrt(weight @ (chance * (1 - chance))) / weight.sum())
    return Check(
        name="households that fell silent",
        null="as many buyers of the category buy nothing of it in the follow-up as the null says",
        # a hundredth of the buyers moves the excess by about as much
        passed=abs(seen - said) <= max(0.01, 3 * error),
        detail=f"{percent(seen)} of the buyers bought nothing any more, {percent(said)} under the null.",
        remedy=(
            "They may have left the category or the panel, or several lines may be one purchase: keep those "
            "who report in both periods, count days (occasion='day'), or ask among='buyers'."
        ),
    )


def brand_parameters(null: StationaryMarket, brand: str) -> tuple[FloatArray, FloatArray | None]:
    """Return the logs of mean, shape, the brand's alpha and the others', and their draws' covariance."""
    place = null.index(brand)
    own = float(null.model.alphas[place])
    centre = np.log([null.model.mean, null.model.shape, own, null.model.switching - own])
    if null.draws is None:
        return centre, None
    alphas = null.draws.alphas
    others = np.delete(alphas, place, axis=1).sum(axis=1)
    drawn = np.log(np.stack([null.draws.mean, null.draws.shape, alphas[:, place], others]))
    return centre, np.cov(drawn)


def _with_error(share: FloatArray, covariance: FloatArray | None, conf_level: float) -> Interval:
    """Carry the covariance of the log-parameters to a share, on the logit scale."""
    from scipy.special import expit, logit, ndtri

    if covariance is None:
        return Interval(share[0], share[0], share[0])
    scaled = logit(share)
    slope = (scaled[1:5] - scaled[5:]) / (2 * _STEP)
    error = float(ndtri((1 + conf_level) / 2)) * float(np.sqrt(slope @ covariance @ slope))
    low, high = expit(scaled[0] - error), expit(scaled[0] + error)
    return Interval(share[0], np.minimum(low, share[0]), np.maximum(high, share[0]))
