"""The named errors: each says in one line what is wrong, where, and what to do.

The command line prints the line and ends with exit code 2; in a notebook the same line
ends the traceback. Every error is also the built-in type a Python user would catch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CemlabError(Exception):
    """Base of all errors that cemlab raises on purpose."""

    def __str__(self) -> str:
        # KeyError would show the repr of its argument; our lines are for reading.
        return str(self.args[0]) if self.args else type(self).__name__


class NotFoundError(CemlabError, FileNotFoundError):
    """A file, folder, table, data set or notebook that was named does not exist."""


class DataError(CemlabError, ValueError):
    """The data break the contract: a missing key, a value of the wrong form, a duplicate."""


class ColumnError(CemlabError, KeyError):
    """A column that was named is not in the table."""


class OptionError(CemlabError, ValueError):
    """An option has a value that is not among the allowed ones."""


class DesignError(CemlabError, ValueError):
    """The data cannot answer the question that was asked, so no figure is given."""


class DatasetUnavailableError(CemlabError, OSError):
    """A public data set is neither in the cache nor to be had from its address."""


class LeftOutWarning(UserWarning):
    """Rows were left out because they cannot speak to the question; the line says how many."""


def one_of(value: object, allowed: Iterable[str], *, what: str) -> str:
    """Return the sentence for a name that is not among the allowed ones.

    Parameters
    ----------
    value
        What was given.
    allowed
        The names that exist, in the order to show them.
    what
        What kind of thing is named, e.g. ``"table"``.

    Returns
    -------
    str
        One sentence with the nearest name, where there is one, and the whole list.

    Examples
    --------
    >>> one_of("transaction", ["customers", "transactions"], what="table")
    "no table named 'transaction'; did you mean 'transactions'? There are: customers, transactions"
    """
    names = list(allowed)
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f"did you mean {near[0]!r}? There are" if near else "there are"
    return f"no {what} named {value!r}; {hint}: {', '.join(names) if names else '(none)'}"
