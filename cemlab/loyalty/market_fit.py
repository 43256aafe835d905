"""Where the market in which nobody changes comes from: a panel's base year, print, or a statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check
from cemlab.loyalty.market_null import TWO_YEARS, StationaryMarket
from cemlab.loyalty.panels import BrandPanel
from cemlab.markup import percent
from cemlab.stats.dirichlet import Dirichlet, classical_fit
from cemlab.stats.dirichlet_fit import bootstrap, fit_dirichlet
from cemlab.stats.intervals import FloatArray

#: The brand that stands for what the named ones leave of the market.
ALL_OTHERS = "all others"

_FEWEST = 30  # households from which three parameters and the shares can be told at all
_LONGEST = 36_525  # days of a stated period: a hundred years
_CLOSE = 0.02  # misfit in shares of households that would matter to nobody


def stationary_market(
    panel: BrandPanel, *, panel_size: int | None = None, replications: int = 200, seed: int = 1
) -> StationaryMarket:
    """Fit the market in which nobody changes to a panel's base period; the next one is not looked at.

    Parameters
    ----------
    panel
        From :func:`cemlab.loyalty.panel`.
    panel_size
        Households that reported, those who bought nothing of the category included. Without it the fit takes
        into account that a table of purchases shows buyers only (zero-truncated).
    replications
        Parametric bootstrap replications that carry the error of the estimate, at least 20; drawn once.
    seed
        For :func:`numpy.random.default_rng`.

    Returns
    -------
    StationaryMarket
        With its bootstrap draws; of use for any brand, threshold and minimum.

    Raises
    ------
    OptionError
        If there are too few replications, or the panel is smaller than the buyers in it.
    DesignError
        If the base period has too few households or one brand only, or no such market fits it.

    Notes
    -----
    Maximum likelihood on the counts: how many households bought the category n times (NBD), and how they
    divided their purchases (Dirichlet-multinomial). Assumes that rates are gamma and shares Dirichlet
    distributed, independently of each other, and that buying is random in time.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.
    """
    if not isinstance(replications, int | np.integer) or replications < 20:
        raise OptionError(f"replications is {replications!r}; an interval needs at least 20, e.g. 200")
    if panel.households < _FEWEST:
        raise DesignError(
            f"{panel.households:,} households bought from {panel.base[0]} to {panel.base[1]}; the market "
            f"that they are held against needs at least {_FEWEST}: take a longer period or a larger panel"
        )
    if panel_size is not None and (
        not isinstance(panel_size, int | np.integer) or panel_size < panel.households
    ):
        raise OptionError(
            f"panel_size is {panel_size!r}, but {panel.households:,} households bought; give all who reported"
        )
    if len(panel.brands) == 1:
        raise DesignError(
            f"only {panel.brands[0]!r} was bought in the base period, so nobody could be disloyal to it; "
            "choose a period with purchases of several brands"
        )
    purchases, households = _category(panel, panel_size)
    fit = fit_dirichlet(
        purchases=purchases,
        households=households,
        brand_counts=_brand_counts(panel),
        zero_truncated=panel_size is None,
    )
    return StationaryMarket(
        model=fit.model,
        brands=panel.brands,
        draws=bootstrap(fit, replications=replications, seed=seed),
        base=panel.base,
        follow_up=panel.follow_up,
        n=int(households.sum()),
        zero_truncated=panel_size is None,
        checks=_fit_checks(panel, fit.model),
        name=panel.counts.name,
        source=panel.source,
    )


def stated_market(
    *,
    mean: float,
    shape: float,
    switching: float,
    shares: Mapping[str, float],
    days: int = 365,
    source: str = "",
) -> StationaryMarket:
    """State a market in which nobody changes by its parameters.

    Parameters
    ----------
    mean, shape
        Purchases of the category per household and period (M), and the gamma shape of the rates (K).
    switching
        Sum of the Dirichlet parameters (S).
    shares
        Market share of each brand by purchases; what they leave is one more brand, "all others".
    days
        Length of the period in days; a panel of other periods is asked about the null at its own length.
    source
        The line that stands under every figure.

    Returns
    -------
    StationaryMarket
        Without an error of estimation.

    Raises
    ------
    OptionError, DataError
        If a parameter is out of range, or the shares add up to more than 1.
    DesignError
        If the market has one brand only.

    Examples
    --------
    >>> market = stated_market(mean=6, shape=1.5, switching=1.2, shares={"ours": 0.1})
    >>> market.fates(brand="ours", among="buyers")["estimate"].round(2).tolist()
    [0.58, 0.32, 0.1]
    """
    model = Dirichlet(
        mean=mean, shape=shape, switching=switching, shares=np.array(list(shares.values()), dtype=float)
    )
    return _whole(model, tuple(shares), days, source)


def published_market(
    *,
    category_penetration: float,
    category_rate: float,
    shares: Mapping[str, float],
    penetrations: Mapping[str, float],
    days: int = 365,
    source: str = "",
) -> StationaryMarket:
    """Take a market in which nobody changes from the few figures that panel reports print.

    Parameters
    ----------
    category_penetration
        Share of households that bought the category in the period.
    category_rate
        Category purchases per buying household in the period.
    shares
        Market share of each brand by purchases; what they leave is one more brand, "all others".
    penetrations
        Share of households that bought the brand in the period, for the same brands.
    days
        Length of the period in days; a panel of other periods is asked about the null at its own length.
    source
        The line that stands under every figure.

    Returns
    -------
    StationaryMarket
        Without an error of estimation: print does not say how many households reported.

    Raises
    ------
    DataError
        If a figure is missing, out of range or contradicts the others.
    DesignError
        If no such market has these figures, or it has one brand only.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    >>> toothpaste = published_market(
    ...     category_penetration=0.56,
    ...     category_rate=2.6,
    ...     shares={"Colgate": 0.25, "Macleans": 0.19},
    ...     penetrations={"Colgate": 0.20, "Macleans": 0.17},
    ... )
    >>> toothpaste.brands
    ('Colgate', 'Macleans', 'all others')
    """
    if set(shares) != set(penetrations):
        odd = sorted(set(shares) ^ set(penetrations))
        raise DataError(f"shares and penetrations must name the same brands; only in one of them: {odd}")
    model = classical_fit(
        category_penetration=category_penetration,
        category_rate=category_rate,
        shares=list(shares.values()),
        penetrations=[penetrations[brand] for brand in shares],
    )
    return _whole(model, tuple(shares), days, source)


def _whole(model: Dirichlet, brands: tuple[str, ...], days: int, source: str) -> StationaryMarket:
    """Return the market with a brand more where the shares leave one."""
    if isinstance(days, bool) or not isinstance(days, int | np.integer) or not 1 <= days <= _LONGEST:
        raise OptionError(
            f"days is {days!r}; allowed: a whole number of days from 1 to {_LONGEST:,}, e.g. 365"
        )
    shares = np.atleast_1d(model.shares)
    left = 1 - float(shares.sum())
    if left > 1e-9:
        if ALL_OTHERS in brands:
            raise DataError(
                f"the shares add up to {shares.sum():g} although {ALL_OTHERS!r} is among the brands; make "
                "them add up to 1"
            )
        brands, shares = (*brands, ALL_OTHERS), np.append(shares, left)
    if len(brands) == 1:
        raise DesignError(
            f"the market has one brand, {brands[0]!r}: nobody could be disloyal to it; state its share of "
            "the category"
        )
    whole = Dirichlet(
        mean=model.mean, shape=model.shape, switching=model.switching, shares=shares / shares.sum()
    )
    first = TWO_YEARS[0][0]
    ends = [first + timedelta(days=int(days) * periods - 1) for periods in (1, 2)]
    return StationaryMarket(
        model=whole,
        brands=brands,
        base=(first, ends[0]),
        follow_up=(ends[0] + timedelta(days=1), ends[1]),
        source=source,
    )


def _category(panel: BrandPanel, panel_size: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers of category purchases in the base period, and the households with each."""
    table = panel.counts.category
    of_buyers = table[table["n_base"] > 0].groupby("n_base")["n_households"].sum()
    n, households = of_buyers.index.to_numpy(), of_buyers.to_numpy()
    if panel_size is None:
        return n, households
    return np.append(0, n), np.append(panel_size - households.sum(), households)


def _brand_counts(panel: BrandPanel) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return for each brand numbers of purchases in the base period, and the households with each."""
    found = panel.counts.moves.groupby(["brand", "x_base"])["n_households"].sum()
    histograms = (found.loc[brand] for brand in panel.brands)
    return [(own.index.to_numpy(), own.to_numpy()) for own in histograms]


def _fit_checks(panel: BrandPanel, model: Dirichlet) -> tuple[Check, ...]:
    """Return how the fitted market looks beside the base period."""
    n, households = _category(panel, None)
    total = int(households.sum())
    chance = _buyer_chances(model, int(n.max()))
    observed = np.bincount(n, weights=households, minlength=chance.size)[1:] / total
    gap = float(np.abs(np.cumsum(observed) - np.cumsum(chance[1:])).max())
    bought = panel.counts.moves.groupby("brand")["n_households"].sum().reindex(list(panel.brands))
    seen = bought.to_numpy() / total
    said = model.penetration() / model.category_penetration()
    furthest = int(np.abs(seen - said).argmax())
    return (
        Check(
            name="fit of the null to the category",
            null="purchases in the base period are spread over households as the null says",
            passed=gap <= _tolerance(total),
            detail=f"The cumulative shares of households differ by at most {100 * gap:.1f} points.",
            remedy="Trust an excess only where it is much larger than that.",
        ),
        Check(
            name="fit of the null to the brands",
            null="as many households buy each brand as the null says",
            passed=abs(float(seen[furthest] - said[furthest])) <= _tolerance(total),
            detail=(
                f"Furthest off is {panel.brands[furthest]}: {percent(float(seen[furthest]))} of the buyers "
                f"bought it, {percent(float(said[furthest]))} under the null."
            ),
            remedy="The brand has buyers of another kind than the market; distrust its excess.",
        ),
    )


def _tolerance(households: int) -> float:
    """Return the misfit that is let pass: what matters to nobody, or what chance alone would show."""
    # 1.36 / √n is the 95 % bound of the largest gap of two cumulative shares (Kolmogorov)
    return max(_CLOSE, 1.36 / float(np.sqrt(households)))


def _buyer_chances(model: Dirichlet, up_to: int) -> FloatArray:
    """Return the chances of 0, 1, …, up_to purchases among those who buy at all; that of 0 is 0."""
    from scipy.stats import nbinom

    chance = nbinom.pmf(np.arange(up_to + 1), model.shape, model.shape / (model.shape + model.mean))
    chance[0] = 0.0
    return np.asarray(chance / model.category_penetration())
