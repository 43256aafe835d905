"""What to offer to somebody who liked this: near in taste, varied, and in steps that the customer dares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.catalogue_items import Flags, IntArray, Items, is_real, plain, read_items
from cemlab.stats.gower import FloatArray, weighted_mean
from cemlab.stats.seeds import generator

if TYPE_CHECKING:
    import ibis.expr.types as ir

Segment = Literal["by country of origin", "afraid to try"]

#: The difference, as a share of its range, up to which a number is still familiar.
STEP = 0.25
_DRAWS = 2_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommendations(Result):
    """What to offer next, the first first.

    Parameters
    ----------
    table
        rank, product, nearest (the liked product it is nearest to), estimate (similarity to that one, 1 less
        Gower's distance, from 0 to 1), conf_low, conf_high (if attributes weighed otherwise), same_origin
        (whether it is of an origin that is liked; None if no origin is looked at), unfamiliar (what is new in
        it to who knows those liked and those above it).
    offered
        The same products with their attributes, one row each.
    liked
        Products that are liked.
    segment
        How the customer chooses; None for no such habit.
    k
        How many were asked for; fewer are given where a step would be too large.
    """

    offered: pd.DataFrame
    liked: tuple[str, ...]
    segment: Segment | None
    k: int

    title: ClassVar[str] = "Recommendations"
    labels: ClassVar[dict[str, str]] = {
        "rank": "Rank",
        "product": "Product",
        "nearest": "Because of",
        "similarity": "Similarity",
        "unfamiliar": "New in it",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a product: its attributes, what it is like, and what is new in it."""
        found = self.table
        frame = found[["rank", "product"]].merge(self.offered, on="product")
        frame["nearest"] = found["nearest"].to_numpy()
        ends = found[["estimate", "conf_low", "conf_high"]].itertuples(index=False)
        frame["similarity"] = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in ends]
        frame["unfamiliar"] = found["unfamiliar"].to_numpy()
        return frame

    def narrative(self) -> str:
        """Tell what is offered first, and how the segment shaped the list."""
        first = self.table.iloc[0]
        lines = [
            f"To who liked {join_words(self.liked)}: {join_words(self.table['product'])}.",
            f"{first['product']} is nearest to hand, with a similarity to {first['nearest']} of "
            f"{first['estimate']:.2f} ({first['conf_low']:.2f} to {first['conf_high']:.2f} if the attributes "
            "weighed otherwise).",
        ]
        if self.segment == "by country of origin":
            lines.append(
                f"{self.table['same_origin'].sum()} of {len(self.table)} are of an origin they know."
            )
        if self.segment == "afraid to try":
            new = int((self.table["unfamiliar"] != "").sum())
            lines.append(f"Each is new in one attribute at most; {new} of {len(self.table)} are new in one.")
        if len(self.table) < self.k:
            lines.append(f"Not {self.k} but {len(self.table)}: any further step would be too large.")
        return " ".join(lines)

    @property
    def chart(self) -> Chart:
        """Forest of the similarities, the first first."""
        told = "" if self.segment is None else f", for those who choose “{self.segment}”"
        if self.segment == "afraid to try":
            told = ", for those afraid to try"
        return Chart(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="product",
            low="conf_low",
            high="conf_high",
            x_label="Similarity to what is liked, 0 to 1",
            y_label="Product",
            claim=f"{self.table['product'].iloc[0]} first to who liked {join_words(self.liked)}{told}",
            grade=self.evidence.grade,
            note=f"Intervals: the attributes weighed otherwise, by lot. {self.caption}",
        )


def recommend(
    catalogue: ir.Table | pd.DataFrame,
    *,
    liked: Sequence[str],
    attributes: Sequence[str],
    k: int = 5,
    segment: Segment | None = None,
    diversity: float = 0.3,
    origin: str = "country",
    step: float = STEP,
    weights: Mapping[str, float] | None = None,
    product: str = "product",
    conf_level: float = 0.95,
    seed: int = 0,
    source: str = "",
) -> Recommendations:
    """Answer what to offer to somebody who liked these products.

    Parameters
    ----------
    catalogue
        One row a product; a frame or a table on an engine.
    liked
        Identifiers of products that are liked.
    attributes
        Columns that are compared. Numbers (money too) count with their difference over their range; all
        other columns are names and count as same or other.
    k
        How many products to offer.
    segment
        ``"by country of origin"``: those of an origin that is liked come first. ``"afraid to try"``: no
        product that is new in more than one attribute to who knows those liked and those above it; the list
        may be shorter than `k`. None: nearest and varied.
    diversity
        Weight of not being like the products above it, from 0 (nearest only) to below 1.
    origin
        Column of the origin; read for the first segment only, and it need not be an attribute.
    step
        For the second segment: the difference, as a share of its range, up to which a number is familiar.
    weights
        Weights of attributes; 1 for those not named.
    product
        Column of the identifier.
    conf_level
        Level of the intervals: the range of the similarity when the attributes' weights are drawn at random.
    seed
        For :func:`numpy.random.default_rng`, which draws the weights.
    source
        The line that stands under every figure.

    Returns
    -------
    Recommendations
        Its table has rank, product, nearest, estimate, conf_low, conf_high, same_origin, unfamiliar.

    Raises
    ------
    ColumnError, OptionError
        If a column or product does not exist, or an option is out of its range; `k` may not exceed the
        products that are left.
    DataError
        If a product stands in the catalogue twice or has no identifier.
    DesignError
        If an attribute tells no two products apart, is an identifier in disguise, or nothing can be offered.

    Notes
    -----
    Distances are Gower's (1971). The list is built by maximal marginal relevance (Carbonell & Goldstein
    1998): next comes the product with the largest (1 − diversity) × similarity to the nearest liked one less
    diversity × similarity to the nearest one above it. Intervals are no sampling errors: a catalogue is
    complete. They multiply each weight by an exponential draw (Rubin's Bayesian bootstrap, 1981, of the
    attributes) and tell how far the similarity hangs on attributes that happen to be listed.

    Examples
    --------
    >>> wines = pd.DataFrame({"product": ["a", "b", "c", "d"], "country": ["FR", "FR", "IT", "IT"],
    ...                       "body": [1.0, 2.0, 1.2, 5.0]})
    >>> attributes = ["country", "body"]
    >>> recommend(wines, liked=["a"], attributes=attributes, k=2, diversity=0).table["product"].tolist()
    ['b', 'c']
    """
    check_conf_level(conf_level)
    check_choice(segment, diversity=diversity, step=step)
    further = (origin,) if segment == "by country of origin" else ()
    items = read_items(catalogue, product=product, attributes=attributes, weights=weights, further=further)
    known = items.positions(liked)
    check_k(k, len(items) - len(known))
    looked_at = items.codes(origin) if further else None
    picked = pick(items, known, k=k, segment=segment, diversity=diversity, origin=looked_at, step=step)
    if not len(picked):
        raise DesignError(
            "every product is new in two attributes or more to who liked these; name fewer attributes or "
            "a larger step"
        )
    return Recommendations(
        table=_table(items, known, picked, looked_at, step=step, conf_level=conf_level, seed=seed),
        evidence=Evidence(
            grade="descriptive",
            design=f"{items.design} {_RULE[segment]}",
            unit="products",
            n_used=len(items) - len(known),
            n_given=len(items) - len(known),
            source=source,
            assumptions=("Who liked a product likes what resembles it in the attributes named.",),
            checks=_checks(picked, looked_at, known, k=k, segment=segment),
        ),
        conf_level=conf_level,
        offered=items.frame.loc[picked, [product, *attributes]].rename(columns={product: "product"}),
        liked=tuple(str(name) for name in liked),
        segment=segment,
        k=k,
    )


_RULE: dict[Segment | None, str] = {
    None: "Nearest and varied.",
    "by country of origin": "Those of a liked origin first.",
    "afraid to try": "No product is new in more than one attribute.",
}


def check_choice(segment: Segment | None, *, diversity: float, step: float) -> None:
    """Refuse a segment, diversity or step that does not exist."""
    if segment is not None and segment not in get_args(Segment):
        raise OptionError(one_of(segment, get_args(Segment), what="segment"))
    if not is_real(diversity) or not 0 <= diversity < 1:
        raise OptionError(
            f"diversity is {plain(diversity)!r}; allowed: from 0 (nearest only) to below 1, e.g. 0.3"
        )
    if not is_real(step) or not 0 <= step < 1:
        raise OptionError(
            f"step is {plain(step)!r}; allowed: a share of the range from 0 to below 1, e.g. {STEP}"
        )


def check_k(k: int, left: int) -> None:
    """Refuse a number of recommendations that cannot be given."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= left:
        raise OptionError(
            f"k is {plain(k)!r}; allowed: a whole number from 1 to {left}, the products that are left"
        )


def pick(
    items: Items,
    known: IntArray,
    *,
    k: int,
    segment: Segment | None,
    diversity: float,
    origin: IntArray | None,
    step: float,
) -> IntArray:
    """Return the positions of up to `k` products, the first first, by maximal marginal relevance."""
    similar = 1 - np.nanmin(_filled(items.compared.distances(known)), axis=0)
    left = np.ones(len(items), dtype=bool)
    left[known] = False
    same = np.isin(origin, origin[known][origin[known] >= 0]) if origin is not None else None
    repeats = np.zeros(len(items))
    picked: list[int] = []
    while len(picked) < k:
        allowed = _allowed(items, left, [*known, *picked], same, segment=segment, step=step)
        if not allowed.any():
            break
        score = (1 - diversity) * similar - diversity * repeats
        best = int(np.argmax(np.where(allowed, score, -np.inf)))
        picked.append(best)
        left[best] = False
        repeats = np.maximum(repeats, 1 - _filled(items.compared.distances(best))[0])
    return np.array(picked, dtype=np.int64)


def _filled(distances: FloatArray) -> FloatArray:
    """Return distances in which two products without a common attribute are as far apart as can be."""
    return np.where(np.isnan(distances), 1.0, distances)


def _allowed(
    items: Items,
    left: Flags,
    known: Sequence[int],
    same: Flags | None,
    *,
    segment: Segment | None,
    step: float,
) -> Flags:
    """Tell which products may come next."""
    if segment == "by country of origin" and same is not None and (left & same).any():
        return np.asarray(left & same)
    if segment == "afraid to try":
        new = items.unfamiliar(np.array(known), step=step).sum(axis=1)
        return np.asarray(left & (new <= 1))
    return left


def _table(
    items: Items,
    known: IntArray,
    picked: IntArray,
    origin: IntArray | None,
    *,
    step: float,
    conf_level: float,
    seed: int,
) -> pd.DataFrame:
    """Return what is told of each product picked."""
    nearest = known[np.argmin(_filled(items.compared.distances(picked, known)), axis=1)]
    pairs = np.stack([items.compared.differences(a, b)[0, 0] for a, b in zip(picked, nearest, strict=True)])
    draws = generator(seed).standard_exponential((_DRAWS, pairs.shape[1]))
    drawn = 1 - weighted_mean(pairs[None], (draws * items.compared.weights)[:, None])
    tail = (1 - conf_level) / 2
    low, high = np.nanquantile(_filled(drawn), [tail, 1 - tail], axis=0)
    estimate = 1 - _filled(weighted_mean(pairs, items.compared.weights))
    new = []
    for place, position in enumerate(picked):
        strange = items.unfamiliar(np.concatenate([known, picked[:place]]), step=step)[position]
        new.append(join_words(name for name, one in zip(items.names, strange, strict=True) if one))
    ids = items.frame[items.product].astype(str).to_numpy()
    same = None if origin is None else np.isin(origin[picked], origin[known][origin[known] >= 0])
    return pd.DataFrame(
        {
            "rank": np.arange(len(picked)) + 1,
            "product": ids[picked],
            "nearest": ids[nearest],
            "estimate": estimate,
            "conf_low": np.minimum(low, estimate),
            "conf_high": np.maximum(high, estimate),
            "same_origin": same,
            "unfamiliar": new,
        }
    )


def _checks(
    picked: IntArray, origin: IntArray | None, known: IntArray, *, k: int, segment: Segment | None
) -> tuple[Check, ...]:
    """Say where the list is not what the segment asked for."""
    if segment == "by country of origin" and origin is not None:
        same = int(np.isin(origin[picked], origin[known][origin[known] >= 0]).sum())
        return (
            Check(
                name="enough of the origin",
                null="all products offered are of an origin that is liked",
                passed=same == len(picked),
                detail=f"{same} of {len(picked)} are.",
                remedy="The others are the nearest of other origins; ask for fewer.",
            ),
        )
    if segment == "afraid to try":
        return (
            Check(
                name="enough small steps",
                null="as many as asked for are new in one attribute at most",
                passed=len(picked) == k,
                detail=f"{len(picked)} of {k} are.",
                remedy="No product with two new attributes is offered instead.",
            ),
        )
    return ()
