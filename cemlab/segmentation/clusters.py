"""How many segments, if any: cuts that come back, held against a cloud without segments."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.answers import Answers, numeric_items, read_answers
from cemlab.segmentation.partition import bic_gain, cut, explained, silhouette
from cemlab.segmentation.stability import Method, Stability, stability
from cemlab.stats.threads import one_thread

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Quantity = Literal["stability", "one cloud", "excess", "silhouette", "BIC gain", "variance explained"]

_CLOSE = 0.05  # a finer cut is preferred while it comes back nearly as well as the best
_CAVEAT = "A bent continuum would come back too, and small segments may be missed: look at a picture."
_FEWEST = 10  # customers for each segment, below which resampling says nothing


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterChoice(Result):
    """How many segments come back, and the segments for every number tried.

    Parameters
    ----------
    table
        k, quantity, estimate, conf_low, conf_high. The quantities: "stability" (mean adjusted Rand index of
        pairs of resampled cuts, and the range of most pairs), "one cloud" (the same in clouds without
        segments), "excess" (their difference), "silhouette", "BIC gain" (over one Gaussian cloud; above 0
        speaks for parts), "variance explained" (share that lies between segments).
    chosen
        The number of segments; None where no cut comes back more often than cuts of one cloud.
    p_value
        Of the statement that there is but one cloud, for all k together.
    method
        How segments were made.
    """

    chosen: int | None
    p_value: float
    method: Method
    cuts: Mapping[int, NDArray[np.int64]] = field(repr=False)
    features: tuple[str, ...]
    kept: pd.DataFrame = field(repr=False)

    title: ClassVar[str] = "Number of segments"
    labels: ClassVar[dict[str, str]] = {
        "k": "Segments", "stability": "Stability", "one cloud": "In one cloud", "silhouette": "Silhouette",
        "BIC gain": "BIC gain", "variance explained": "Variance explained", "verdict": "Verdict",
    }  # fmt: skip

    def of(self, quantity: Quantity) -> pd.DataFrame:
        """Return the rows of one quantity: k, estimate, conf_low, conf_high."""
        if quantity not in get_args(Quantity):
            raise OptionError(one_of(quantity, get_args(Quantity), what="quantity"))
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    def segments(self, k: int | None = None) -> pd.DataFrame:
        """Return each customer's segment; nothing is fitted again.

        Parameters
        ----------
        k
            How many segments; the chosen number if not given.

        Returns
        -------
        pandas.DataFrame
            The table handed in, complete rows only, with the column ``segment``: the largest is "segment 1".

        Raises
        ------
        OptionError
            If `k` was not tried.
        DesignError
            If no number was chosen: then `k` has to be said, and the segments are slices of one cloud.
        """
        if k is None and self.chosen is None:
            raise DesignError(
                "no number of segments is stable, so none was chosen; segments(k) slices the cloud all "
                "the same"
            )
        count = (self.chosen or 0) if k is None else k
        if count not in self.cuts:
            raise OptionError(f"k is {count!r}; tried were {join_words(map(str, self.cuts))}")
        names = np.array([f"segment {j + 1}" for j in range(count)])
        return self.kept.assign(segment=names[self.cuts[count]])

    @property
    def summary(self) -> pd.DataFrame:
        """One row a number of segments, with all quantities and a verdict."""
        frame = pd.DataFrame({"k": list(self.cuts)})
        ranged: tuple[Quantity, ...] = ("stability", "one cloud")
        for quantity in ranged:
            frame[quantity] = [_ranged(row) for _, row in self.of(quantity).iterrows()]
        plain: tuple[Quantity, ...] = ("silhouette", "BIC gain", "variance explained")
        for quantity in plain:
            frame[quantity] = [number(round(value, 3)) for value in self.of(quantity)["estimate"]]
        frame["verdict"] = ["chosen" if k == self.chosen else "" for k in self.cuts]
        return frame

    def narrative(self) -> str:
        """Say whether there are segments, and if not, what the cuts are."""
        seen, cloud = self.of("stability"), self.of("one cloud")
        row = int(seen["estimate"].argmax()) if self.chosen is None else list(self.cuts).index(self.chosen)
        k = int(seen["k"][row])
        figures = f"(adjusted Rand {_ranged(seen.iloc[row])}; in one cloud {_ranged(cloud.iloc[row])})"
        if self.chosen is None:
            return (
                f"No stable segmentation of {self.evidence.n_used:,} customers: the cut into {k} comes back "
                f"best {figures}, and no cut comes back more often than cuts of one cloud do "
                f"(p = {self.p_value:.2f}). Segments made from these features are slices of a continuum; any "
                "number of them is a convention. A small segment, of a tenth of the customers or less, may "
                "have been missed."
            )
        return (
            f"{k} segments among {self.evidence.n_used:,} customers come back {figures}, more often than "
            f"cuts of one cloud do (p = {self.p_value:.2f}). {self._others()} {_CAVEAT}"
        )

    def _others(self) -> str:
        gain, width = self.of("BIC gain"), self.of("silhouette")
        return (
            f"BIC prefers {int(gain['k'][gain['estimate'].argmax()])}, "
            f"the silhouette {int(width['k'][width['estimate'].argmax()])}."
        )

    @property
    def chart(self) -> Chart:
        """Stability by number of segments, beside that of one cloud."""
        frame = self.table[self.table["quantity"].isin(["stability", "one cloud"])]
        claim = (
            "No number of segments comes back more often than in one cloud"
            if self.chosen is None
            else f"{self.chosen} segments come back; one cloud would not be cut so"
        )
        return Chart(
            kind="line",
            frame=frame.reset_index(drop=True),
            x="k",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="quantity",
            x_label="Number of segments",
            y_label="Stability [adjusted Rand index]",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
        )


def _ranged(row: pd.Series[Any]) -> str:
    return f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})"


def clusters(
    features: pd.DataFrame | ir.Table,
    *,
    columns: Sequence[str] | None = None,
    k: Sequence[int] = range(2, 9),
    method: Method = "k-means",
    fits: int = 8,
    clouds: int = 39,
    at_most: int = 2_000,
    seed: int = 0,
    conf_level: float = 0.95,
    source: str = "",
) -> ClusterChoice:
    """Answer whether customers fall into segments that come back, and into how many.

    Customers are resampled, each sample is cut into k, and the cuts are compared (Hennig 2007; Dolnicar &
    Leisch 2010). Cuts of a cloud without any segment come back too, above all into two along its longest
    side; so the same is done to clouds that share margins and covariance with the data but have one bump
    only, and a number of segments is chosen only where it comes back more often than in 95 % of them.

    Parameters
    ----------
    features
        One row a customer; e.g. what :meth:`Styles.scores` returns. Columns are standardised first.
    columns
        What to make segments from; without any named, all columns that hold numbers but ``customer``.
    k
        The numbers of segments to try, a list even of one, each 2 or more.
    method
        ``"k-means"``: round segments of like size; ``"gaussian mixture"``: ellipses of any size, several
        times slower.
    fits
        Samples to cut for each k, 4 or more; every pair is compared.
    clouds
        How many clouds to compare with, 19 or more; the chance of a false find is 1 in 20 or less.
    at_most
        Customers on whom stability, silhouette and BIC are measured: a larger table gives so many, drawn by
        lot and told in the evidence. The segments themselves are made from all customers.
    seed
        For samples, clouds and starts.
    conf_level
        Level of the intervals, and share of pairs and of clouds within the ranges of stability.
    source
        The line that stands under every figure.

    Returns
    -------
    ClusterChoice
        Its table has k, quantity, estimate, conf_low, conf_high; ``segments(k)`` gives the segments for any k
        tried, without fitting again.

    Raises
    ------
    ColumnError, DataError
        If a column is missing or holds what is no number.
    DesignError
        If a column is constant or made of others, or there are fewer than ten customers for each segment.
    OptionError
        If an option is not among the allowed ones.

    Notes
    -----
    Among the numbers that come back more often than in one cloud, the largest is chosen that comes back as
    well as the best but for 0.05. Clusters that are not convex are not looked for. Of 15 tables drawn from an
    arc in two dimensions, 13 were given segments; and of segments that hold 80, 14 and 6 % of the customers,
    the small ones were missed.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis
    52, 258–271. Dolnicar, S. & Leisch, F. (2010). Evaluation of structure and reproducibility of cluster
    solutions using the bootstrap. Marketing Letters 21, 83–101.
    """
    check_conf_level(conf_level)
    ks = _checked(k, method, fits, clouds, at_most)
    names = numeric_items(features) if columns is None else list(columns)
    given = read_answers(features, items=names, fewest=_FEWEST * max(ks), mixed=True, source=source)
    values = _standardised(given, max(ks))
    judged = np.arange(len(values))
    if len(values) > at_most:
        judged = np.sort(np.random.default_rng(seed).choice(len(values), at_most, replace=False))
    importlib.import_module("sklearn.mixture")  # loaded first, so that its threads are held, too
    with one_thread():
        measured = stability(values[judged], ks=ks, method=method, fits=fits, clouds=clouds, seed=seed)
        cuts = {count: cut(values, count, method, seed=seed) for count in ks}
        table = _table(values, judged, cuts, measured, conf_level, seed)
    stable, p_value = measured.stable()
    chosen = _choose(ks, measured, stable)
    return ClusterChoice(
        table=table,
        evidence=_evidence(given, len(judged), ks, measured, chosen, p_value),
        conf_level=conf_level,
        chosen=chosen,
        p_value=p_value,
        method=method,
        cuts=cuts,
        features=given.items,
        kept=given.kept,
    )


def _checked(k: Sequence[int], method: str, fits: int, clouds: int, at_most: int) -> list[int]:
    if method not in get_args(Method):
        raise OptionError(one_of(str(method), get_args(Method), what="method"))
    if isinstance(k, str) or not isinstance(k, Iterable):
        raise OptionError(f"k is {k!r}; give a list of whole numbers from 2, e.g. [3] or range(2, 9)")
    given = list(k)
    if not given or not all(_is_whole(count) and count >= 2 for count in given):
        raise OptionError(f"k is {given!r}; give whole numbers from 2, e.g. range(2, 9)")
    ks = sorted({int(count) for count in given})
    if not _is_whole(fits) or not _is_whole(clouds) or fits < 4 or clouds < 19:
        raise OptionError(
            f"fits is {fits!r} and clouds is {clouds!r}; whole numbers, at least 4 and 19, are needed"
        )
    if not _is_whole(at_most) or at_most < 2 * _FEWEST * ks[-1]:
        raise OptionError(
            f"at_most is {at_most!r}; with {ks[-1]} segments, give {2 * _FEWEST * ks[-1]:,} or more"
        )
    return ks


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _standardised(given: Answers, most: int) -> FloatArray:
    values = given.values
    scaled = np.asarray((values - values.mean(axis=0)) / values.std(axis=0))
    if np.linalg.eigvalsh(np.corrcoef(scaled, rowvar=False))[0] < 1e-8:
        raise DesignError("one of the columns is made of the others; leave it out")
    different = len(np.unique(values, axis=0))
    if different < _FEWEST * most:
        raise DesignError(
            f"{different:,} different rows cannot tell {most} segments; try fewer segments, or count the rows"
        )
    return scaled


def _choose(ks: Sequence[int], measured: Stability, stable: NDArray[np.bool_]) -> int | None:
    if not stable.any():
        return None
    best = measured.mean[stable].max()
    return max(ks[int(i)] for i in np.flatnonzero(stable & (measured.mean >= best - _CLOSE)))


def _table(
    values: FloatArray,
    judged: NDArray[np.int64],
    cuts: Mapping[int, NDArray[np.int64]],
    measured: Stability,
    conf_level: float,
    seed: int,
) -> pd.DataFrame:
    tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    rows: list[tuple[int, Quantity, float, float, float]] = []
    gains = bic_gain(values[judged], list(cuts), conf_level=conf_level, seed=seed)
    for i, (count, labels) in enumerate(cuts.items()):
        mean, usual = float(measured.mean[i]), float(measured.null[:, i].mean())
        low, high = np.quantile(measured.pairs[i], tails)
        cloud_low, cloud_high = np.quantile(measured.null[:, i], tails)
        rows += [
            (count, "stability", mean, low, high),
            (count, "one cloud", usual, cloud_low, cloud_high),
            (count, "excess", mean - usual, mean - cloud_high, mean - cloud_low),
            (count, "silhouette", *silhouette(values[judged], labels[judged], conf_level=conf_level)),
            (count, "BIC gain", *gains[i]),
            (count, "variance explained", *explained(values, labels, conf_level=conf_level)),
        ]
    return pd.DataFrame(rows, columns=["k", "quantity", "estimate", "conf_low", "conf_high"])


def _evidence(
    given: Answers,
    judged: int,
    ks: Sequence[int],
    measured: Stability,
    chosen: int | None,
    p_value: float,
) -> Evidence:
    best = int(measured.mean.argmax())
    alone = measured.null[:, best]
    drawn = (
        f" Stability, silhouette and BIC were measured on {judged:,} of {given.n_used:,} rows, drawn by lot."
        if judged < given.n_used
        else ""
    )
    check = Check(
        name="stable number of segments",
        null="some number of segments comes back more often than cuts of one cloud do",
        passed=chosen is not None,
        detail=(
            f"The best, {ks[best]} segments, has a stability of {measured.mean[best]:.2f}; in {len(alone)} "
            f"clouds without segments it is {alone.min():.2f} to {alone.max():.2f} (p = {p_value:.2f} "
            "over all numbers tried)."
        ),
        remedy="Do not tell a story of types: work with the scores themselves, or call the cut a convention.",
    )
    return Evidence(
        grade="descriptive",
        design=(
            "Cuts of resampled customers, compared with cuts of clouds without segments. "
            f"{given.left_out}{drawn}"
        ),
        unit="customers",
        n_used=given.n_used,
        n_given=given.n_given,
        source=given.source,
        assumptions=(
            "Segments, if there are any, are convex and differ in the columns given.",
            "A cloud without segments has one bump in every column, and columns joined like normal ones: a "
            "bent continuum, such as an arc, is cut and passes for segments.",
            "No segment is much smaller than the others: one of a tenth of the customers or less may be "
            "missed.",
        ),
        checks=(check,),
    )
