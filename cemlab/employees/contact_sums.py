"""Counted contacts as the cross-products of a crossed model, with what cannot be told refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.crossed_effects import CrossedSums

if TYPE_CHECKING:
    from cemlab.data.employee_contacts import EmployeeContacts

Floats = npt.NDArray[np.float64]

#: The random factors, the one with most levels first; what else is counted is a control.
FACTORS = ("employee", "branch", "month")
# Fewest persons, contacts a person on average, and branches with two persons or more.
_PERSONS, _CONTACTS, _BRANCHES = 10, 3.0, 3


def contact_sums(counted: EmployeeContacts) -> CrossedSums:
    """Return what the crossed model of persons, branches and months needs, the outcome centred.

    Parameters
    ----------
    counted
        Two-way counts of contacts.

    Raises
    ------
    DesignError
        If persons and branches cannot be told apart, there is one branch or month, the outcome does not vary,
        or persons have too few contacts.
    """
    _refuse(counted)
    ones = counted.ones
    mean = float(ones["employee"]["total"].sum()) / counted.n_used
    controls = [key for key in counted.keys if key not in FACTORS]
    blocks = [*FACTORS[1:], "", *controls]
    sizes = [1 if not key else len(counted.levels[key]) - (key in controls) for key in blocks]
    ends = np.cumsum([0, *sizes])
    place = {key: slice(ends[j], ends[j + 1]) for j, key in enumerate(blocks)}
    cross = np.zeros((len(ones["employee"]), ends[-1]))
    gram = np.zeros((ends[-1], ends[-1]))
    moment = np.zeros(ends[-1])
    for key in blocks:
        own, skip = place[key], int(key in controls)
        # the constant stands with every level
        cross[:, own] = _table(counted, "employee", key)[:, skip:]
        moment[own] = 0.0 if not key else (ones[key]["total"] - mean * ones[key]["n"]).to_numpy()[skip:]
        for other in blocks:
            gram[own, place[other]] = _table(counted, key, other)[skip:, int(other in controls) :]
    return CrossedSums(
        count=ones["employee"]["n"].to_numpy(),
        total=(ones["employee"]["total"] - mean * ones["employee"]["n"]).to_numpy(),
        cross=cross, gram=gram, moment=moment, square=counted.square - counted.n_used * mean**2,
        sizes=tuple(sizes[: len(FACTORS) - 1]),
    )  # fmt: skip


def pair_table(counted: EmployeeContacts, first: str, second: str) -> Floats:
    """Return contacts by the levels of two factors, of shape (levels of the first, of the second)."""
    turned = (first, second) not in counted.pairs
    key = (second, first) if turned else (first, second)
    table = np.zeros((len(counted.levels[key[0]]), len(counted.levels[key[1]])))
    pairs = counted.pairs[key]
    table[pairs["first"].to_numpy(), pairs["second"].to_numpy()] = pairs["n"].to_numpy()
    return table.T if turned else table


def _table(counted: EmployeeContacts, first: str, second: str) -> Floats:
    if not first and not second:
        return np.array([[float(counted.n_used)]])
    if not first:
        return _table(counted, second, first).T
    own = counted.ones[first]["n"].to_numpy()
    if not second:
        return own[:, None]
    return np.diag(own) if first == second else pair_table(counted, first, second)


def _refuse(counted: EmployeeContacts) -> None:
    persons = len(counted.levels["employee"])
    branches = len(counted.levels["branch"])
    if branches < 2:
        raise DesignError(
            "all contacts are of one branch: what is the branch's and what is the brand's is one"
        )
    if len(counted.levels["month"]) < 2:
        raise DesignError("all contacts are of one month; two or more are needed")
    several = int(((pair_table(counted, "branch", "employee") > 0).sum(axis=1) >= 2).sum())
    if several < min(_BRANCHES, branches):
        raise DesignError(
            f"{several} of {branches} branches have contacts of two persons or more: one person a branch "
            "cannot be told from the branch"
        )
    if persons < _PERSONS or counted.n_used / persons < _CONTACTS:
        raise DesignError(
            f"{counted.n_used:,} contacts of {persons:,} persons; {_PERSONS} persons with {_CONTACTS:g} "
            "contacts each on average are needed to tell persons from chance"
        )
