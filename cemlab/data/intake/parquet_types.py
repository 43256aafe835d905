"""Which types of Parquet files are taken: those whose values the engine gives back as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cemlab.errors import DataError

_MOST_DIGITS = 38  # of the engine's decimals; it reads longer ones as floats, and wrongly
# How the values of a column without nesting may be meant; JSON, BSON, geometries and variants may not.
_MEANT: Final = frozenset(
    (
        *("NONE", "STRING", "ENUM", "INT", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "FLOAT16", "UUID"),
        *("UNKNOWN", "NULL", "UNDEFINED"),
    )
)
_LAST_MILLISECOND = (2**63 - 1) // 1000  # the engine counts microseconds


def check_types(stored: pq.ParquetFile, name: str) -> None:
    """Refuse columns of types whose values would be lost or changed, whether the table needs them or not.

    Parameters
    ----------
    stored
        The file; columns within columns were refused before.
    name
        The file's name, for the message.

    Raises
    ------
    DataError
        For decimals of more than 38 digits, durations (whose unit the engine does not see), intervals,
        JSON and other documents, and types that are somebody's own.
    """
    for i, field in enumerate(stored.schema_arrow):
        column = stored.schema.column(i)
        meant = column.logical_type.type
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        what = _not_taken(kind)
        if column.converted_type == "INTERVAL":
            what = "intervals", "write them as numbers of one unit, e.g. days"
        elif what is None and meant not in _MEANT:
            what = f"values of the kind {meant}", "write each of them as text or as columns of their own"
        if what is not None:
            raise DataError(f"{name}: the column {field.name[:80]!r} holds {what[0]}; {what[1]}")


def _not_taken(kind: pa.DataType) -> tuple[str, str] | None:
    """Return what values of a type are and what to write instead; None if they are taken."""
    if pa.types.is_decimal(kind) and kind.precision > _MOST_DIGITS:
        most = f"allowed are {_MOST_DIGITS}; store it as decimal({_MOST_DIGITS}, {min(kind.scale, 4)})"
        return f"decimals of {kind.precision} digits", most
    if pa.types.is_duration(kind):
        return "durations", "write them as numbers of one unit, e.g. days"
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid":
        return f"values of the kind {kind.extension_name:.80}", "write them as text, numbers or dates"
    return None


def check_moments(batch: pa.RecordBatch, *, where: str, after: int) -> None:
    """Refuse times that the engine cannot read, or would shorten without a word.

    Parameters
    ----------
    batch
        Some rows of the file.
    where, after
        The file's name, and how many rows of it stand before these.

    Raises
    ------
    DataError
        For milliseconds beyond the year 294,246, and for nanoseconds of times that have a zone.
    """
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        told = _MOMENTS.get((values.type.unit, values.type.tz is not None)) if _is_moment(values) else None
        if told is None or values.null_count == len(values):
            continue
        wrong, what = told
        count = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        found = np.flatnonzero(wrong(count))
        if found.size:
            raise DataError(f"{where}, row {after + int(found[0])}: the column {name[:80]!r} holds {what}")


def _is_moment(values: Any) -> bool:
    return bool(pa.types.is_timestamp(values.type))


def _too_far(count: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return (count > _LAST_MILLISECOND) | (count < -_LAST_MILLISECOND)


def _too_fine(count: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return np.not_equal(count % 1000, 0)


_FAR = "a time beyond the year 294,246; mend it, or make it blank, where the file is made"
_FINE = "a time finer than a microsecond; round its column to microseconds where the file is made"
# By unit, and whether there is a zone: what is wrong, and how to say so.
_MOMENTS: dict[tuple[str, bool], tuple[Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]], str]] = {
    ("ms", False): (_too_far, _FAR),
    ("ms", True): (_too_far, _FAR),
    ("ns", True): (_too_fine, _FINE),
}
