"""Rows on the market's panel: its NBD-Dirichlet, the excess, and what that goes with (notebook 03)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from cemlab import loyalty
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.market.panel import BRANDS, fates, households, purchases, yearly_counts
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.loyalty.excess import Quantity
    from cemlab.simulate.halden import Halden
    from cemlab.simulate.streams import Ints

_MARKET = WORLDS["default"].market
_BRAND = BRANDS[0]
_YEARS = loyalty.calendar_years(2022, 2025)
_LEFT = 2  # code of the first of the two fates that are defection


@lru_cache(maxsize=2)
def _panel(company: Company, year: int) -> loyalty.BrandPanel:
    """Return the panel of a year, from 0, and the next."""
    return loyalty.panel(company.table("category_purchases"), base=_YEARS[year], follow_up=_YEARS[year + 1])


@lru_cache(maxsize=2)
def _null(company: Company, year: int) -> loyalty.StationaryMarket:
    return loyalty.stationary_market(_panel(company, year))


@lru_cache(maxsize=1)
def _parts(company: Company) -> loyalty.Decomposition:
    moves = loyalty.loyal_moves(
        company.table("category_purchases"),
        brand=_BRAND,
        periods=_YEARS,
        ratings=company.table("competitor_ratings"),
        macro=company.table("macro"),
    )
    return loyalty.decompose(loyalty.switching(moves, null=_null(company, 0)))


def _parameter(company: Company, *, name: str) -> Estimate:
    table = _null(company, 0).table
    return Estimate.of(table[table["parameter"] == name])


def _excess(company: Company, *, year: int, quantity: Quantity) -> Estimate:
    found = loyalty.excess(_panel(company, year), null=_null(company, year), brand=_BRAND)
    return Estimate.of(found.of(quantity))


def _part(company: Company, *, name: str) -> Estimate:
    return Estimate(*map(float, _parts(company).of(name)))


@lru_cache(maxsize=1)
def true_panel_excess(halden: Halden) -> tuple[float, ...]:
    """Return by how much the recession raised the defection of Halden's loyal households, year by year.

    The panel's purchases are replayed with the same random numbers and no recession; those are counted who
    left for another brand or left the category, of those who were loyal in the year before.

    Parameters
    ----------
    halden
        The company.

    Returns
    -------
    tuple of float
        For each follow-up year, from the second: difference of shares of the loyal.
    """
    was, calm = (_counts(halden, scenario) for scenario in (AS_IT_WAS, Scenario(recession=False)))
    found = []
    for year in range(len(_YEARS) - 1):
        then, otherwise = fates(was, year=year), fates(calm, year=year)
        loyal = then >= 0
        found.append(float((then[loyal] >= _LEFT).mean() - (otherwise[loyal] >= _LEFT).mean()))
    return tuple(found)


def _counts(halden: Halden, scenario: Scenario) -> Ints:
    """Return the purchases by household, year and brand under a scenario."""
    world, streams, counted = halden.world, halden.streams, []
    for block in halden.panel_blocks():
        asked = households(world, streams, block=block.number, first=block.first, n=block.n)
        bought = purchases(world, streams, asked, scenario)
        counted.append(yearly_counts(bought, n=block.n))
    return np.concatenate(counted)


def _true_excess(oracle: Oracle, *, year: int) -> float:
    return true_panel_excess(oracle.halden)[year]


def _parameter_row(name: str, told: str, value: float, unit: str) -> Row:
    return Row(
        name=f"Panel, base year: {told}",
        notebook="03",
        planted=f"{value:g}",
        unit=unit,
        no_effect=0.0,
        world="default",
        estimate=partial(_parameter, name=name),
        truth=partial(planted, value=value),
        why=f"{name} of the NBD-Dirichlet, by maximum likelihood on buyers only.",
    )


def _excess_row(year: int, world: str, effect: bool, why: str, *, naive: bool = False) -> Row:
    points = f"{100 * _MARKET.excess:g} points"
    read = "all who left read as lost" if naive else "left beyond the null"
    return Row(
        name=f"Loyal households, year {year + 1} to {year + 2}: {read} ({world})",
        notebook="03",
        planted=f"{points} in the recession" if effect else "nobody changes",
        unit="share of the loyal",
        no_effect=0.0,
        world=world,
        kind="naive" if naive else "estimate",
        yardstick=None if effect else _MARKET.excess,
        estimate=partial(_excess, year=year, quantity="observed" if naive else "excess"),
        truth=partial(_true_excess, year=year),
        # the interval allows for who of the loyal happened to defect, which is part of the truth on a company
        target="population",
        why=why,
    )


def _part_row(name: str, told: str, why: str) -> Row:
    effect = name == "economy"
    return Row(
        name=f"Excess of year 4 that goes with {told}",
        notebook="03",
        planted=f"{100 * _MARKET.excess:g} points" if effect else "the same in every year",
        unit="share of the loyal",
        no_effect=0.0,
        world="default",
        yardstick=None if effect else _MARKET.excess,
        estimate=partial(_part, name=name),
        truth=partial(_true_excess, year=2) if effect else partial(planted, value=0.0),
        target="population",
        why=why,
    )


_CALM = f"Nobody's loyalty changes; the bias is measured by {100 * _MARKET.excess:g} points."
_RECESSION = "The panel is replayed without the recession; the difference is the truth on this company."
_ARITHMETIC = "A year is a small sample of a household's habits: many of the loyal leave by chance alone."
_REST = (
    "People rate what they buy, but no better in any year. The part is a slope times a change, both near "
    f"nought, and the interval of such a product is too wide; measured by {100 * _MARKET.excess:g} points."
)

#: The market's parameters, the excess over it by year, and the parts of the last year's excess.
PANEL: tuple[Row, ...] = (
    _parameter_row("M", "purchases of the category", _MARKET.purchases, "purchases a year"),
    _parameter_row("K", "shape of the rates", _MARKET.purchases_shape, "gamma shape"),
    _parameter_row("S", "switching between brands", _MARKET.switching, "sum of the Dirichlet parameters"),
    _excess_row(0, "default", False, _CALM),
    _excess_row(2, "default", True, _RECESSION),
    _excess_row(2, "stationary", False, _CALM),
    _excess_row(0, "default", False, _ARITHMETIC, naive=True),
    _excess_row(2, "default", True, _ARITHMETIC, naive=True),
    _part_row(
        "economy", "the economy", "Nothing else moved with it here; in data, something else always may."
    ),
    _part_row("experience", "experience", _REST),
    _part_row("offers", "rivals' offers", _REST),
)
