"""What analysts hand in, before anything is read of it: tables, names of columns and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import OptionError

T = TypeVar("T")


def refuse_no_table(given: object, names: Iterable[object], *, what: str) -> None:
    """Refuse what is no frame and no table, and columns that are missing or stand twice.

    Raises
    ------
    ColumnError, DataError
        In one line that names the column, or what was handed in.
    """
    require_table(given, what)
    for name in names:
        require_column(given, str(name), what)


def columns_of(names: str | Sequence[str] | None, *, what: str) -> tuple[str, ...]:
    """Return columns named by a text or a list of texts; none for None."""
    if names is None:
        return ()
    if isinstance(names, str):
        return (names,)
    listed = _listed(names)
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise OptionError(f"{what} is {names!r}; name a column, or a list of columns, as text")
    return tuple(listed)


def numbers_of(values: float | Sequence[float], *, what: str) -> list[float]:
    """Return numbers given as one or as a list; what is no number is refused."""
    listed = [values] if isinstance(values, Real) else _listed(values)
    if listed is None or any(isinstance(value, bool) or not isinstance(value, Real) for value in listed):
        raise OptionError(f"{what} is {values!r}; state a number, or a list of numbers, e.g. [6, 12]")
    return [float(value) for value in listed]


def mapped(given: Mapping[str, T] | None, *, what: str) -> Mapping[str, T]:
    """Return a mapping of columns; nothing for None."""
    if given is None or isinstance(given, Mapping):
        return given or {}
    raise OptionError(f"{what} is {given!r}; map columns to texts, e.g. {{'plan': 'basic'}}")


def _listed(values: Any) -> list[Any] | None:
    return (
        list(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes | dict) else None
    )
