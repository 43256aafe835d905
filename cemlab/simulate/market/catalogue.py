"""The wine list: sixty bottles in six clusters of flavour that are compatible with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import cents, ids, labels, money, numbers
from cemlab.simulate.streams import Floats, Ints, Streams, pick

#: What is tasted, each from 1 to 5.
TASTES = ("body", "sweetness", "acidity", "tannin")

_TASTE_SD = 0.35  # points by which bottles of a cluster differ
_PRICE_SD = 0.35  # log points by which their prices do
_BOTTLES = 10  # of each cluster


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster of flavour: how it tastes, what it costs, and where such wine is made.

    Parameters
    ----------
    name
        How it is called on the list.
    colour
        Colour of all its bottles.
    taste
        Mean of each of TASTES.
    price
        EUR, median price of a bottle.
    origins
        Grape, region and country, from which its bottles are picked by lot.
    """

    name: str
    colour: str
    taste: tuple[float, float, float, float]
    price: float
    origins: tuple[tuple[str, str, str], ...]


#: The clusters of flavour, planted.
CLUSTERS = (
    Cluster(
        name="crisp and mineral",
        colour="white",
        taste=(1.8, 1.2, 4.5, 1.0),
        price=11.0,
        origins=(
            ("Sauvignon Blanc", "Loire", "France"),
            ("Riesling", "Mosel", "Germany"),
            ("Grüner Veltliner", "Wachau", "Austria"),
            ("Albariño", "Rías Baixas", "Spain"),
        ),
    ),
    Cluster(
        name="ripe and creamy",
        colour="white",
        taste=(4.0, 1.6, 2.8, 1.2),
        price=15.0,
        origins=(
            ("Chardonnay", "Burgundy", "France"),
            ("Chardonnay", "Sonoma", "United States"),
            ("Viognier", "Rhône", "France"),
            ("Chenin Blanc", "Stellenbosch", "South Africa"),
        ),
    ),
    Cluster(
        name="fresh and fruity",
        colour="rosé",
        taste=(2.1, 1.9, 3.6, 1.3),
        price=9.0,
        origins=(
            ("Grenache", "Provence", "France"),
            ("Tempranillo", "Navarra", "Spain"),
            ("Pinot Noir", "Baden", "Germany"),
        ),
    ),
    Cluster(
        name="light and juicy",
        colour="red",
        taste=(2.4, 1.3, 3.7, 2.0),
        price=12.0,
        origins=(
            ("Gamay", "Beaujolais", "France"),
            ("Pinot Noir", "Ahr", "Germany"),
            ("Zweigelt", "Burgenland", "Austria"),
            ("Barbera", "Piedmont", "Italy"),
        ),
    ),
    Cluster(
        name="dark and firm",
        colour="red",
        taste=(4.6, 1.2, 3.0, 4.5),
        price=18.0,
        origins=(
            ("Cabernet Sauvignon", "Bordeaux", "France"),
            ("Nebbiolo", "Piedmont", "Italy"),
            ("Syrah", "Rhône", "France"),
            ("Malbec", "Mendoza", "Argentina"),
        ),
    ),
    Cluster(
        name="sweet and rich",
        colour="white",
        taste=(4.2, 4.6, 3.4, 1.1),
        price=21.0,
        origins=(
            ("Sémillon", "Sauternes", "France"),
            ("Furmint", "Tokaj", "Hungary"),
            ("Riesling", "Rheingau", "Germany"),
        ),
    ),
)


def catalogue(streams: Streams) -> pa.Table:
    """Return the wine list as the table `catalogue`.

    Parameters
    ----------
    streams
        The company's random numbers.

    Returns
    -------
    pyarrow.Table
        One row a bottle: product, country, region, grape, colour, body, sweetness, acidity, tannin, price,
        flavour_cluster.
    """
    cluster = np.repeat(np.arange(len(CLUSTERS)), _BOTTLES)
    cluster = cluster[streams.generator("catalogue.order").permutation(len(cluster))]
    origins = _origins(streams, cluster)
    taste = _tastes(streams, cluster)
    return pa.table(
        {
            "product": ids("W", np.arange(len(cluster)) + 1, width=4),
            "country": pa.array([country for _, _, country in origins]),
            "region": pa.array([region for _, region, _ in origins]),
            "grape": pa.array([grape for grape, _, _ in origins]),
            "colour": labels([entry.colour for entry in CLUSTERS], cluster),
            **{name: numbers(taste[:, i], decimals=1) for i, name in enumerate(TASTES)},
            "price": _prices(streams, cluster),
            "flavour_cluster": labels([entry.name for entry in CLUSTERS], cluster),
        }
    )


def _origins(streams: Streams, cluster: Ints) -> list[tuple[str, str, str]]:
    """Pick grape, region and country of each bottle, one lot a bottle."""
    lots = streams.uniform("catalogue.origin", len(cluster))
    picked = [pick(lots, np.ones(len(entry.origins))) for entry in CLUSTERS]
    return [CLUSTERS[c].origins[picked[c][bottle]] for bottle, c in enumerate(cluster)]


def _tastes(streams: Streams, cluster: Ints) -> Floats:
    mean = np.array([entry.taste for entry in CLUSTERS])[cluster]
    tasted = mean + _TASTE_SD * streams.normal("catalogue.taste", mean.shape)
    return np.clip(tasted, 1, 5)


def _prices(streams: Streams, cluster: Ints) -> pa.Array:
    """Return prices that end in 90 cents, as prices do."""
    median = np.array([entry.price for entry in CLUSTERS])[cluster]
    price = median * np.exp(_PRICE_SD * streams.normal("catalogue.price", len(cluster)))
    return money(cents(np.maximum(np.floor(price), 3) + 0.90))
