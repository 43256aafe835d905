"""How often a recommendation is right, against a list at random and against "more from the same country"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.catalogue_items import Flags, IntArray, Items, read_items
from cemlab.segmentation.recommend import STEP, Segment, check_choice, check_k, pick
from cemlab.stats.gower import FloatArray
from cemlab.stats.intervals import Interval, wilson
from cemlab.stats.seeds import generator

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DRAWS = 2_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Precision(Result):
    """The share of recommendations that are right.

    Parameters
    ----------
    table
        list (``"recommended"``, ``"same origin"``, ``"random"``, ``"recommended less same origin"``,
        ``"recommended less random"``), estimate (share; difference of shares), conf_low, conf_high, n (lists,
        one a product).
    by_product
        One row a product taken as the one liked: product, given (products offered), recommended, same_origin,
        random (share of right ones).
    segment
        How the customer chooses.
    k
        How many are offered at most.
    """

    by_product: pd.DataFrame
    segment: Segment | None
    k: int

    title: ClassVar[str] = "Precision of recommendations"
    labels: ClassVar[dict[str, str]] = {"list": "List", "share": "Right", "n": "Lists"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a list and one a comparison, each with its interval."""
        told = []
        for row in self.table.to_dict("records"):
            ends = row["conf_low"], row["conf_high"]
            if " less " in row["list"]:
                told.append(f"{points(row['estimate'])} ({points(ends[0])} to {points(ends[1])})")
            else:
                told.append(f"{percent(row['estimate'])} ({percent_range(*ends)})")
        return self.table[["list"]].assign(share=told, n=self.table["n"])

    def narrative(self) -> str:
        """Tell the precision, and what it is compared with."""
        told = self.summary.set_index("list")["share"]
        whom = "" if self.segment is None else f" for who chooses “{self.segment}”"
        others = [
            f"{name}: {told[name]}, a difference of {told[f'recommended less {name}']}"
            for name in ("same origin", "random")
            if name in told
        ]
        return (
            f"Of up to {self.k} products offered{whom}, {told['recommended']} are right. "
            f"Lists by other rules – {'; '.join(others)}."
        )

    @property
    def chart(self) -> Chart:
        """Bars of the three lists."""
        frame = self.table[~self.table["list"].str.contains(" less ")].reset_index(drop=True)
        shares = dict(zip(frame["list"], frame["estimate"], strict=True))
        other = "same origin" if "same origin" in shares else "random"
        return Chart(
            kind="bar",
            frame=frame,
            x="list",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="List",
            y_label=f"Right among the first {self.k} [%]",
            claim=(
                f"{percent(shares['recommended'], digits=0)} of what is recommended is right; "
                f"{percent(shares[other], digits=0)} of a list {_BY[other]}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


_BY = {"same origin": "from the same origin", "random": "at random"}


def precision_at_k(
    catalogue: ir.Table | pd.DataFrame,
    *,
    truth: str,
    attributes: Sequence[str],
    k: int = 5,
    segment: Segment | None = None,
    diversity: float = 0.3,
    origin: str | None = "country",
    step: float = STEP,
    weights: Mapping[str, float] | None = None,
    product: str = "product",
    conf_level: float = 0.95,
    seed: int = 0,
    source: str = "",
) -> Precision:
    """Answer how often a recommendation is right: of the class that the product liked belongs to.

    Each product in turn is taken as the one that is liked, and the list for it is held against `truth`.

    Parameters
    ----------
    catalogue
        One row a product.
    truth
        Column of the class that makes a recommendation right; it may not be an attribute.
    origin
        Column of the origin, for the first segment and for the list "same origin"; None to leave that out.
    attributes, k, segment, diversity, step, weights, product, conf_level, source
        As for :func:`cemlab.segmentation.recommend`.
    seed
        For :func:`numpy.random.default_rng`, which draws the bootstrap.

    Returns
    -------
    Precision
        Its table has list, estimate, conf_low, conf_high, n.

    Raises
    ------
    OptionError
        If the truth is an attribute, or another option is out of its range.
    DataError
        If a product's truth is missing.
    DesignError
        If the truth has one class, or no product has a list.
    ColumnError
        If a column does not exist.

    Notes
    -----
    The lists at random and of the same origin are not drawn: what they are right in on average is computed.
    The second is filled from the rest of the catalogue at random where an origin has fewer than `k` others.
    Intervals take the products as drawn from a longer catalogue. Those of shares are Wilson's with one trial
    a list, which is wide rather than narrow since a list's share varies less than one yes or no; those of
    differences resample the lists. Lists overlap, as one product stands in several, so that the intervals
    are no better than approximate.

    Examples
    --------
    >>> wines = pd.DataFrame({"product": list("abcdef"), "body": [1.0, 1.1, 1.2, 4.0, 4.1, 4.2],
    ...                       "flavour": ["light"] * 3 + ["dark"] * 3})
    >>> found = precision_at_k(wines, truth="flavour", attributes=["body"], k=2, origin=None)
    >>> found.table.round(2).iloc[:1, :4].to_numpy().tolist()
    [['recommended', 1.0, 0.61, 1.0]]
    """
    check_conf_level(conf_level)
    check_choice(segment, diversity=diversity, step=step)
    if truth in attributes:
        raise OptionError(f"{truth!r} is the truth and may not be an attribute: leave it out of attributes")
    if segment == "by country of origin" and origin is None:
        raise OptionError("the segment 'by country of origin' needs origin, the column of the country")
    further = [truth, *([origin] if origin is not None else [])]
    items = read_items(catalogue, product=product, attributes=attributes, weights=weights, further=further)
    check_k(k, len(items) - 1)
    classes = items.codes(truth)
    _check_truth(classes, truth)
    origins = None if origin is None else items.codes(origin)
    by_product = _shares(
        items, classes, origins, k=k, segment=segment, diversity=diversity, step=step, product=product
    )
    listed = by_product[by_product["given"] > 0]
    if listed.empty:
        raise DesignError(
            "no product has a list: each other is new in two attributes or more; widen the step"
        )
    return Precision(
        table=_table(listed, conf_level=conf_level, seed=seed),
        evidence=Evidence(
            grade="descriptive",
            design=f"{items.design} Each product in turn is the one liked; right is the same {truth}.",
            unit="products",
            n_used=len(listed),
            n_given=len(by_product),
            source=source,
            assumptions=(
                "The products stand for a longer catalogue; lists that overlap count as independent.",
            ),
            checks=_checks(by_product, k=k),
        ),
        conf_level=conf_level,
        by_product=by_product,
        segment=segment,
        k=k,
    )


def _check_truth(classes: IntArray, truth: str) -> None:
    if (classes < 0).any():
        raise DataError(f"column {truth!r}: {(classes < 0).sum():,} blank(s); each product needs its class")
    if len(np.unique(classes)) < 2:
        raise DesignError(f"column {truth!r} has one class only; then every list is right")


def _shares(
    items: Items,
    classes: IntArray,
    origins: IntArray | None,
    *,
    k: int,
    segment: Segment | None,
    diversity: float,
    step: float,
    product: str,
) -> pd.DataFrame:
    """Return what share of each product's lists is right."""
    n = len(items)
    looked_at = origins if segment == "by country of origin" else None
    given, right = np.zeros(n, dtype=np.int64), np.full(n, np.nan)
    for liked in range(n):
        picked = pick(
            items,
            np.array([liked]),
            k=k,
            segment=segment,
            diversity=diversity,
            origin=looked_at,
            step=step,
        )
        given[liked] = len(picked)
        if len(picked):
            right[liked] = (classes[picked] == classes[liked]).mean()
    same_class = classes[:, None] == classes[None]
    np.fill_diagonal(same_class, False)
    frame = pd.DataFrame({"product": items.frame[product].astype(str), "given": given, "recommended": right})
    if origins is not None:
        frame["same_origin"] = _same_origin(same_class, origins, k=k)
    return frame.assign(random=same_class.sum(axis=1) / (n - 1))


def _same_origin(same_class: Flags, origins: IntArray, *, k: int) -> FloatArray:
    """Return what share of k products of the same origin is right on average, filled up at random."""
    near = (origins[:, None] == origins[None]) & (origins >= 0)[:, None]
    np.fill_diagonal(near, False)
    far = ~near
    np.fill_diagonal(far, False)
    taken = np.minimum(near.sum(axis=1), k)
    shares = [
        np.divide(
            (same_class & some).sum(axis=1),
            some.sum(axis=1),
            out=np.zeros(len(origins)),
            where=some.any(axis=1),
        )
        for some in (near, far)
    ]
    mixed: FloatArray = (taken * shares[0] + (k - taken) * shares[1]) / k
    return mixed


def _table(listed: pd.DataFrame, *, conf_level: float, seed: int) -> pd.DataFrame:
    """Return each list's share and the differences, with intervals over the products."""
    n = len(listed)
    lists = {"recommended": "recommended", "same origin": "same_origin", "random": "random"}
    shares = {name: listed[column].to_numpy() for name, column in lists.items() if column in listed}
    found = {name: wilson(values.sum(), n, conf_level=conf_level) for name, values in shares.items()}
    drawn = generator(seed).integers(0, n, size=(_DRAWS, n))
    for name in list(shares)[1:]:
        gap = shares["recommended"] - shares[name]
        found[f"recommended less {name}"] = _resampled(
            gap, drawn, found["recommended"], conf_level=conf_level
        )
    rows = [{"list": name, **interval._asdict(), "n": n} for name, interval in found.items()]
    table = pd.DataFrame(rows)
    return table.astype({"estimate": float, "conf_low": float, "conf_high": float})


def _resampled(gap: FloatArray, drawn: IntArray, level: Interval, *, conf_level: float) -> Interval:
    """Return a mean difference with its bootstrap interval.

    Where all lists differ alike there is nothing to resample; then the interval of the recommended is moved.
    """
    mean = gap.mean()
    if np.ptp(gap) < 1e-12:
        return Interval(mean, *(mean + (end - level.estimate) for end in level[1:]))
    tail = (1 - conf_level) / 2
    low, high = np.quantile(gap[drawn].mean(axis=1), [tail, 1 - tail])
    return Interval(mean, low, high)


def _checks(by_product: pd.DataFrame, *, k: int) -> tuple[Check, ...]:
    full = int((by_product["given"] == k).sum())
    return (
        Check(
            name="full lists",
            null=f"every product has a list of {k}",
            passed=full == len(by_product),
            detail=(
                f"{full} of {len(by_product)} have; on average {by_product['given'].mean():.1f} are offered, "
                "and the share is of those."
            ),
            remedy="Compare at a smaller k, or with a larger step.",
        ),
    )
