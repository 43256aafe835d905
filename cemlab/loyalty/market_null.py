"""The market in which nobody changes: what it expects of the loyal, and a panel drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cemlab.data.panel import PanelCounts
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check
from cemlab.loyalty.histories import Period
from cemlab.loyalty.panels import Among, BrandPanel, check_loyalty, fates_of
from cemlab.result import check_conf_level
from cemlab.stats.dirichlet import Dirichlet
from cemlab.stats.dirichlet_fates import fate_shares
from cemlab.stats.dirichlet_fit import DirichletDraws
from cemlab.stats.intervals import FloatArray
from cemlab.stats.seeds import generator

#: Two years of equal length, for a market that is nobody's in particular.
TWO_YEARS = ((date(2001, 1, 1), date(2001, 12, 31)), (date(2002, 1, 1), date(2002, 12, 31)))
_BLOCK = 50_000  # households drawn at once


@dataclass(frozen=True, eq=False, kw_only=True)
class StationaryMarket:
    """A market in which every household keeps its rate of buying and its shares of the brands.

    Parameters
    ----------
    model
        The NBD-Dirichlet; purchases per base period.
    brands
        Names of the brands, in the order of the model's shares, which add up to 1.
    draws
        Parameters fitted to bootstrap replications of the base period; None for a market that is stated and
        not estimated.
    base, follow_up
        The period in which the model's purchases are counted, and the one after it.
    n
        Households that it was fitted to; 0 where it was not.
    zero_truncated
        Whether only buyers were seen.
    checks
        What was checked of the fit.
    name
        The category.
    source
        The line that stands under every figure.
    """

    model: Dirichlet
    brands: tuple[str, ...]
    draws: DirichletDraws | None = None
    base: Period = TWO_YEARS[0]
    follow_up: Period = TWO_YEARS[1]
    n: int = 0
    zero_truncated: bool = False
    checks: tuple[Check, ...] = ()
    name: str = "the category"
    source: str = ""

    @property
    def base_days(self) -> int:
        """Length of the period in which the model's purchases are counted, in days."""
        return (self.base[1] - self.base[0]).days + 1

    @property
    def table(self) -> pd.DataFrame:
        """Return the parameters: parameter, estimate, conf_low, conf_high (95 %, by bootstrap).

        M purchases of the category per household, K their gamma shape, S the sum of the Dirichlet parameters.
        """
        estimate = [self.model.mean, self.model.shape, self.model.switching]
        low = high = estimate
        if self.draws is not None:
            drawn = [self.draws.mean, self.draws.shape, self.draws.alphas.sum(axis=1)]
            low, high = ([float(np.quantile(part, at)) for part in drawn] for at in (0.025, 0.975))
        return pd.DataFrame(
            {"parameter": ["M", "K", "S"], "estimate": estimate, "conf_low": low, "conf_high": high}
        )

    def index(self, brand: str) -> int:
        """Return the place of a brand among the model's.

        Raises
        ------
        OptionError
            If the market has no such brand.
        """
        if brand not in self.brands:
            raise OptionError(one_of(brand, self.brands, what="brand in the stationary market"))
        return self.brands.index(brand)

    def fates(
        self,
        *,
        brand: str,
        threshold: float = 0.7,
        least: int = 1,
        among: Among = "all",
        length: float = 1.0,
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return what the loyal do in the next period although nobody changes, from the null alone.

        Parameters
        ----------
        brand
            One of :attr:`brands`.
        threshold, least, among
            Who is loyal, and who of them counts, as in :func:`cemlab.loyalty.fates`.
        length
            Length of the next period in base periods.
        conf_level
            Level of the intervals, which carry the error of the estimated parameters (bootstrap percentiles);
            a stated market has none.

        Returns
        -------
        pandas.DataFrame
            fate, estimate, conf_low, conf_high; no row of those who left the category among buyers.

        Raises
        ------
        OptionError
            If the brand is unknown, or a parameter is out of range.

        Examples
        --------
        >>> from cemlab import loyalty
        >>> market = loyalty.stated_market(mean=0.8, shape=1.0, switching=1.2, shares={"ours": 0.1})
        >>> market.fates(brand="ours")["estimate"].round(2).tolist()
        [0.28, 0.11, 0.19, 0.42]

        Among those who bought the category again, as such figures are published:

        >>> market.fates(brand="ours", among="buyers")["estimate"].round(2).tolist()
        [0.48, 0.2, 0.32]
        """
        check_loyalty(threshold=threshold, least=least, among=among)
        check_conf_level(conf_level)
        place = self.index(brand)
        ahead = least if among == "buyers" else 1

        def told(mean: ArrayLike, shape: ArrayLike, alphas: FloatArray) -> FloatArray:
            shares = fate_shares(
                mean=mean,
                shape=shape,
                alpha=alphas[..., place],
                rest=np.delete(alphas, place, axis=-1).sum(axis=-1),
                threshold=threshold,
                least=least,
                least_ahead=ahead,
                length=length,
            )[..., : len(fates_of(among))]
            return np.asarray(shares / shares.sum(axis=-1, keepdims=True))

        low = high = estimate = told(self.model.mean, self.model.shape, self.model.alphas)
        if self.draws is not None:
            drawn = told(self.draws.mean, self.draws.shape, self.draws.alphas)
            low, high = np.quantile(drawn, [(1 - conf_level) / 2, (1 + conf_level) / 2], axis=0)
        return pd.DataFrame(
            {"fate": fates_of(among), "estimate": estimate, "conf_low": low, "conf_high": high}
        )

    def simulate(self, households: int, *, seed: int) -> BrandPanel:
        """Draw a panel of two periods in which nobody changes.

        Parameters
        ----------
        households
            How many, those who buy nothing included.
        seed
            For :func:`numpy.random.default_rng`.

        Returns
        -------
        BrandPanel
            For the same questions as a real one; marked as simulated.

        Raises
        ------
        OptionError
            If there are no households.
        DesignError
            If none of them bought in the base period, or all bought one brand.
        """
        if isinstance(households, bool) or not isinstance(households, int | np.integer) or households < 1:
            raise OptionError(f"households is {households!r}; allowed: a whole number from 1 on, e.g. 20000")
        rng = generator(seed)
        ratio = ((self.follow_up[1] - self.follow_up[0]).days + 1) / self.base_days
        blocks = [
            _two_years(self.model, rng, min(_BLOCK, households - first), ratio)
            for first in range(0, households, _BLOCK)
        ]
        counts = _counted(blocks, self.brands, self.name)
        if counts.moves.empty or counts.brands["brand"].nunique() == 1:
            raise DesignError(
                f"{households:,} simulated households bought one brand or nothing; simulate more of them"
            )
        source = f"simulated market in which nobody changes{f', after {self.source}' if self.source else ''}"
        return BrandPanel(
            counts=counts, base=self.base, follow_up=self.follow_up, simulated=True, source=source
        )


def _two_years(
    model: Dirichlet, rng: np.random.Generator, households: int, ratio: float
) -> NDArray[np.int64]:
    """Draw households: their purchases by period and brand, (households, 2, brands)."""
    rate = rng.standard_gamma(model.shape, households) * model.mean / model.shape
    share = rng.dirichlet(np.atleast_1d(model.alphas), households)
    periods = [rng.multinomial(rng.poisson(rate * length), share) for length in (1.0, ratio)]
    return np.stack(periods, axis=1)


def _counted(blocks: list[NDArray[np.int64]], brands: tuple[str, ...], name: str) -> PanelCounts:
    """Count drawn households as the engine counts recorded ones."""
    moves, category, bought = [], [], []
    for block in blocks:
        n = block.sum(axis=2)
        category.append(_cells({"n_base": n[:, 0], "n_next": n[:, 1]}))
        for code, brand in enumerate(brands):
            x = block[:, :, code]
            cells = _cells({"n_base": n[:, 0], "x_base": x[:, 0], "n_next": n[:, 1], "x_next": x[:, 1]})
            moves.append(cells[cells["x_base"] > 0].assign(brand=brand))
            bought.append(cells[cells[["x_base", "x_next"]].any(axis=1)].assign(brand=brand))
    everybody = _summed(category, ["n_base", "n_next"])
    return PanelCounts(
        moves=_summed(moves, ["brand", "n_base", "x_base", "n_next", "x_next"]),
        category=everybody[everybody[["n_base", "n_next"]].any(axis=1)].reset_index(drop=True),
        brands=_summed(bought, ["brand", "x_base", "x_next"]),
        name=name,
        seen=None,
    )


def _cells(columns: dict[str, NDArray[np.int64]]) -> pd.DataFrame:
    return pd.DataFrame(columns).value_counts(sort=False).rename("n_households").reset_index()


def _summed(parts: list[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    return pd.concat(parts).groupby(keys)["n_households"].sum().reset_index()
