"""What is handled at the first contact, type by type, and what procedures leave to discretion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.problem_types import problem_counts
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.discoveries import adjusted_p_values
from cemlab.stats.intervals import wilson

if TYPE_CHECKING:
    from cemlab.data.company import Company

_LEVEL = 0.05
_COLUMNS = ("reason", "known", "resolved")


@dataclass(frozen=True, eq=False, kw_only=True)
class FirstContact(Result):
    """Share resolved at the first contact, by problem type, and where the unresolved ones are.

    Parameters
    ----------
    table
        One row a type, the one with most unresolved first contacts first: reason, n (first contacts of which
        it is known), estimate (share resolved), conf_low, conf_high, unresolved (contacts), of_all (share of
        all unresolved ones), of_all_low, of_all_high, p_value and q_value (that the type is resolved as often
        as all others together; q with the share of false alarms controlled), left_to_discretion (resolved
        less often than the others, q under 0.05).
    overall
        Share resolved over all types.
    """

    overall: float

    title: ClassVar[str] = "Handled at the first contact"
    labels: ClassVar[dict[str, str]] = {
        "reason": "Problem type",
        "resolved": "Resolved (interval)",
        "unresolved": "Unresolved",
        "of_all": "Of all unresolved (interval)",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a type."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "reason": [row["reason"] for row in rows],
                "n": [number(row["n"]) for row in rows],
                "resolved": [
                    f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
                    for row in rows
                ],
                "unresolved": [number(row["unresolved"]) for row in rows],
                "of_all": [
                    f"{percent(row['of_all'])} ({percent_range(row['of_all_low'], row['of_all_high'])})"
                    for row in rows
                ],
            }
        )

    def narrative(self) -> str:
        """Tell what procedures do not cover."""
        left = self.table[self.table["left_to_discretion"]]
        if left.empty:
            lead = "No problem type is resolved less often at the first contact than the others together."
        else:
            told = ", ".join(f"{row['reason']} ({percent(row['estimate'])})" for _, row in left.iterrows())
            whole = f"; {percent(left['of_all'].sum())} of all unresolved first contacts are of them"
            lead = f"Procedures cover least, and most is left to discretion, in: {told}{whole}."
        return (
            f"{lead} Over all types {percent(self.overall)} are resolved at the first contact. "
            f"({self.evidence.n_used:,} first contacts, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the shares resolved."""
        left = self.table[self.table["left_to_discretion"]].sort_values("estimate")
        return Chart(
            kind="forest",
            frame=self.table[["reason", "estimate", "conf_low", "conf_high"]].sort_values("estimate"),
            x="estimate",
            y="reason",
            low="conf_low",
            high="conf_high",
            x_label="Share resolved at the first contact",
            y_label="",
            claim=(
                "No problem type is resolved less often than the others"
                if left.empty
                else f"Less often resolved at the first contact than others: {left['reason'].iloc[0]}"
            ),
            grade=self.evidence.grade,
            note=f"Dashed: {percent(self.overall)} of all types together. {self.caption}",
            percent=True,
            reference=self.overall,
        )


def first_contact(
    contacts: Company | pd.DataFrame, *, gap_days: int = 14, conf_level: float = 0.95, source: str = ""
) -> FirstContact:
    """Answer which problem types are handled at the first contact, and which procedures do not cover.

    Parameters
    ----------
    contacts
        A company with ``contacts`` (customer, reason, time, resolved) and ``employees``; or a frame of counts
        (reason, known, resolved), as :func:`cemlab.data.problem_types.problem_counts` makes it.
    gap_days
        A contact is a first one unless the same customer had one for the same reason so many days before.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; the company's own if not given.

    Returns
    -------
    FirstContact
        Its table has one row a type.

    Raises
    ------
    ColumnError
        If a column is missing: a share resolved without its n is refused; if counts are no whole numbers from
        0 on, or more are resolved than known.
    DesignError
        If of no first contact it is known whether it resolved the matter.
    OptionError, DataError
        As :func:`cemlab.data.problem_types.problem_counts`.

    Notes
    -----
    Wilson's intervals. A type is compared with all others together by the score test of two shares; false
    alarms are controlled by Benjamini & Hochberg (1995).

    Examples
    --------
    >>> counts = pd.DataFrame({"reason": ["bill", "complaint"], "known": [200, 100], "resolved": [160, 50]})
    >>> first_contact(counts).table[["reason", "estimate", "left_to_discretion"]].values.tolist()
    [['complaint', 0.5, True], ['bill', 0.8, False]]
    """
    check_conf_level(conf_level)
    if isinstance(contacts, pd.DataFrame):
        counted = contacts
        for name in _COLUMNS:
            if name not in counted.columns:
                raise ColumnError(
                    f"counts: {one_of(name, map(str, counted.columns), what='column')}; a share resolved "
                    "without its n tells no uncertainty"
                )
        _check_counts(counted)
        given = int(counted["n" if "n" in counted.columns else "known"].sum())
    else:
        counted = problem_counts(contacts, period="year", gap_days=gap_days)
        given, source = int(counted.attrs["n_given"]), source or contacts.info.source
        if not counted.attrs["has_resolved"]:
            raise ColumnError("contacts: 'resolved' is not there; what was resolved cannot be counted")
    by_type = counted.groupby("reason", sort=True)[["known", "resolved"]].sum().astype(float)
    by_type = by_type[by_type["known"] > 0]
    if by_type.empty:
        raise DesignError("of no first contact it is known whether it resolved the matter")
    used = int(by_type["known"].sum())
    return FirstContact(
        table=_table(by_type, conf_level),
        evidence=Evidence(
            grade="descriptive",
            design=f"First contacts of a matter (none for the same reason {gap_days} days before), counted.",
            unit="contacts",
            n_used=used,
            n_given=max(given, used),
            source=source,
            checks=_unnamed(counted),
            assumptions=(
                "Whether a matter is resolved is recorded alike for all types.",
                "What is not resolved at once is not covered by procedures; some of it may need time only.",
            ),
        ),
        conf_level=conf_level,
        overall=float(by_type["resolved"].sum() / used),
    )


def _unnamed(counted: pd.DataFrame) -> tuple[Check, ...]:
    """Return how many contacts are of no known customer, where that was counted."""
    if not {"n", "named"} <= set(counted.columns):
        return ()
    n, unnamed = int(counted["n"].sum()), int(counted["n"].sum() - counted["named"].sum())
    return (
        Check(
            name="contacts of nobody known",
            null="every contact has its customer",
            passed=unnamed == 0,
            detail=f"{unnamed:,} of {n:,} contacts have no customer and are left out.",
            remedy="Whether they were first contacts cannot be told; shares are of the others.",
        ),
    )


def _check_counts(counted: pd.DataFrame) -> None:
    for name in ("known", "resolved", *(["n"] if "n" in counted.columns else [])):
        values = counted[name]
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            raise ColumnError(f"counts, column {name!r}: numbers are needed, not {values.dtype}")
        if values.isna().any() or not ((values >= 0) & (values % 1 == 0)).all():
            raise ColumnError(f"counts, column {name!r}: whole numbers from 0 on are needed in every row")
    if (counted["resolved"] > counted["known"]).any():
        raise ColumnError("counts: more are resolved than known in a row; known holds the resolved ones too")


def _table(by_type: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    from scipy.special import ndtr

    n, resolved = by_type["known"].to_numpy(), by_type["resolved"].to_numpy()
    missed = n - resolved
    share = wilson(resolved, n, conf_level=conf_level)
    of_all = wilson(missed, np.full(len(n), max(missed.sum(), 1.0)), conf_level=conf_level)
    others = n.sum() - n
    pooled = resolved.sum() / n.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = resolved / n - (resolved.sum() - resolved) / others
        z = gap / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / others))
    # a single type has no others, and where all or nothing is resolved types do not differ
    p = np.where(np.isfinite(z), 2 * ndtr(-np.abs(z)), 1.0)
    q = adjusted_p_values(p)
    table = pd.DataFrame(
        {
            "reason": by_type.index, "n": n.astype(np.int64), "estimate": share.estimate,
            "conf_low": share.conf_low, "conf_high": share.conf_high,
            "unresolved": missed.astype(np.int64), "of_all": of_all.estimate,
            "of_all_low": of_all.conf_low, "of_all_high": of_all.conf_high, "p_value": p, "q_value": q,
            "left_to_discretion": (q < _LEVEL) & (gap < 0),
        }
    )  # fmt: skip
    # volume times share not resolved is what is left to those who serve
    return table.sort_values(["left_to_discretion", "unresolved"], ascending=False, ignore_index=True)
