"""A catalogue read for comparison: which attributes are numbers, which are names, and who differs in what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.stats.gower import Attributes, attributes

if TYPE_CHECKING:
    import ibis.expr.types as ir

Flags = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Items:
    """The products of a catalogue.

    Parameters
    ----------
    frame
        One row a product: its identifier, attributes and further columns that were asked for.
    product
        The column of the identifier.
    numeric, named
        Attributes that are numbers, and those that are names.
    compared
        The attributes as arrays, numbers first.
    """

    frame: pd.DataFrame
    product: str
    numeric: tuple[str, ...]
    named: tuple[str, ...]
    compared: Attributes

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """All attributes, numbers first."""
        return (*self.numeric, *self.named)

    @property
    def design(self) -> str:
        """How products are compared, in one sentence."""
        told = [
            f"{join_words(names)} as {kind}"
            for names, kind in ((self.numeric, "numbers"), (self.named, "names"))
            if names
        ]
        return f"Products compared by Gower's distance: {'; '.join(told)}."

    def positions(self, products: Sequence[str]) -> IntArray:
        """Return where products stand.

        Raises
        ------
        OptionError
            If none is named, or one is not in the catalogue or named twice.
        """
        if products is None or isinstance(products, str) or not len(products):
            raise OptionError(f"liked is {products!r}; name at least one product in a list, e.g. ['W0001']")
        known = [str(name) for name in self.frame[self.product]]
        for name in products:
            if str(name) not in known:
                raise OptionError(one_of(name, known[:12], what="product (the first are shown)"))
        found = np.array([known.index(str(name)) for name in products])
        if len(np.unique(found)) < len(found):
            raise OptionError("a product is named twice among those liked; name each once")
        return found

    def codes(self, column: str) -> IntArray:
        """Return codes of a column's values, −1 where missing."""
        return pd.factorize(self.frame[column])[0].astype(np.int64)

    def unfamiliar(self, known: IntArray, *, step: float) -> Flags:
        """Tell which attributes of each product are new to who knows the products `known` (n, attributes).

        A name is met if one of them has it; a number if one lies within `step` of its range. What is missing
        cannot be promised and counts as not met.
        """
        far = np.abs(self.compared.numbers[:, None] - self.compared.numbers[known][None]) <= step
        same = self.compared.codes[:, None] == self.compared.codes[known][None]
        met = np.concatenate([far.any(axis=1), same.any(axis=1) & (self.compared.codes >= 0)], axis=1)
        return ~met


def read_items(
    catalogue: ir.Table | pd.DataFrame,
    *,
    product: str,
    attributes: Sequence[str],
    weights: Mapping[str, float] | None,
    further: Sequence[str] = (),
) -> Items:
    """Read and check a catalogue.

    Parameters
    ----------
    catalogue
        One row a product.
    product
        Column of the identifier.
    attributes
        Columns that are compared.
    weights
        Weight of an attribute, 1 for those not named.
    further
        Columns that are read and not compared.
    """
    if attributes is None or isinstance(attributes, str) or not len(attributes):
        raise OptionError(f"attributes is {attributes!r}; name the columns to compare in a list")
    if len(set(attributes)) < len(attributes) or product in attributes:
        raise OptionError(f"attributes are named once each, and {product!r} only tells products apart")
    wanted = list(dict.fromkeys([product, *attributes, *further]))
    for name in wanted:
        if name not in catalogue.columns:
            raise ColumnError(one_of(name, map(str, catalogue.columns), what="column of the catalogue"))
    frame = catalogue[wanted] if isinstance(catalogue, pd.DataFrame) else catalogue.select(wanted).to_pandas()
    frame = frame.sort_values(product, kind="stable").reset_index(drop=True)
    _check_products(frame[product])
    numeric = tuple(name for name in attributes if _is_number(frame[name]))
    named = tuple(name for name in attributes if name not in numeric)
    for name in attributes:
        _check_spread(frame[name], name, named=name in named)
    return Items(
        frame=frame,
        product=product,
        numeric=numeric,
        named=named,
        compared=_compared(frame, numeric, named, weights),
    )


def _check_products(products: pd.Series) -> None:
    if products.isna().any():
        raise DataError(
            f"column {products.name!r}: {products.isna().sum():,} blank(s); each product needs one"
        )
    twice = products[products.duplicated()]
    if len(twice):
        raise DataError(
            f"product {plain(twice.iloc[0])!r} stands in the catalogue twice; one row a product is needed"
        )
    if len(products) < 2:
        raise DesignError(f"a catalogue of {len(products)} product(s) leaves nothing to recommend")


def is_real(value: object) -> bool:
    """Tell whether a value is a number, and neither a truth value nor a word."""
    return isinstance(value, Real) and not isinstance(value, bool)


def plain(value: object) -> object:
    """Return what a person would write: 1.0 instead of ``np.float64(1.0)``."""
    return value.item() if isinstance(value, np.generic) else value


def _is_number(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values):
        return False
    if pd.api.types.is_numeric_dtype(values):
        return True
    known = values.dropna()
    return len(known) > 0 and all(isinstance(value, Decimal) for value in known)  # money from an engine


def _check_spread(values: pd.Series, name: str, *, named: bool) -> None:
    known = values.dropna()
    if known.nunique() < 2:
        told = f"only the value {plain(known.iloc[0])!r}" if len(known) else "no value at all"
        raise DesignError(f"attribute {name!r} has {told}; it tells no two products apart, leave it out")
    if named and len(known) > 2 and known.nunique() == len(known):
        raise DesignError(
            f"attribute {name!r} is another name for every product, as an identifier is; leave it out"
        )


def _compared(
    frame: pd.DataFrame, numeric: tuple[str, ...], named: tuple[str, ...], weights: Mapping[str, float] | None
) -> Attributes:
    if weights is not None and not isinstance(weights, Mapping):
        raise OptionError(f"weights is {weights!r}; allowed: weights by attribute, e.g. {{'body': 2}}")
    own = dict(weights or {})
    for name, weight in own.items():
        if name not in (*numeric, *named):
            raise OptionError(one_of(name, [*numeric, *named], what="attribute to weigh"))
        if not is_real(weight) or not 0 < weight < np.inf:
            raise OptionError(f"the weight of {name!r} is {plain(weight)!r}; allowed is a number above 0")
    codes = [pd.factorize(frame[name])[0] for name in named]
    return attributes(
        frame[list(numeric)].astype(float).to_numpy().reshape(len(frame), len(numeric)),
        np.stack(codes, axis=1) if codes else np.empty((len(frame), 0), dtype=np.int64),
        weights=[own.get(name, 1.0) for name in (*numeric, *named)],
    )
