"""How varied the problems are that the front line meets, by branch and over time, and whether they drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.problem_types import ProblemPeriod
from cemlab.employees.problem_dispersion import counted_types, dispersion_of, evidence_of, stated
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import label, number, p_value
from cemlab.result import Result, check_conf_level
from cemlab.stats.discoveries import adjusted_p_values
from cemlab.stats.entropies import EntropyMethod, drift, entropy, joint_drift

if TYPE_CHECKING:
    from cemlab.data.company import Company

    Floats = npt.NDArray[np.float64]

VarietyBy = Literal["branch", "period"]

_LEVEL = 0.05
# Contacts below which nothing is called the most or the least varied.
_FEW = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class ProblemVariety(Result):
    """How many problem types there are in effect.

    Parameters
    ----------
    table
        One row a branch or period: group, n (contacts), types (seen), estimate (types in effect: so many
        equally frequent ones would be as varied), conf_low, conf_high, entropy [nats].
    by
        ``"branch"`` or ``"period"``.
    dispersion
        By how much counts vary more than those of a multinomial sample.
    """

    by: VarietyBy
    dispersion: float

    title: ClassVar[str] = "Variety of problem types"
    labels: ClassVar[dict[str, str]] = {"group": "", "types": "Types in effect (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a branch or period, the most varied first among branches."""
        table = self.table.sort_values("estimate", ascending=False) if self.by == "branch" else self.table
        rows = table.to_dict("records")
        return pd.DataFrame(
            {
                "group": [label(row["group"]) for row in rows],
                "n": [number(row["n"]) for row in rows],
                "types": [
                    f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})" for row in rows
                ],
            }
        )

    def narrative(self) -> str:
        """Tell the range."""
        ordered = self.table[self.table["n"] >= _FEW].sort_values("estimate")
        tail = f"({self.evidence.n_used:,} contacts, {100 * self.conf_level:g} % intervals.)"
        if len(ordered) < 2:
            return f"Fewer than two have {_FEW} contacts or more: none can be called the most varied. {tail}"
        least, most = ordered.iloc[0], ordered.iloc[-1]
        return (
            f"The most varied {self.by}, {label(most['group'])}, meets {most['estimate']:.2f} types in "
            f"effect ({most['conf_low']:.2f} to {most['conf_high']:.2f}), the least varied, "
            f"{label(least['group'])}, {least['estimate']:.2f} ({least['conf_low']:.2f} to "
            f"{least['conf_high']:.2f}); both are picked as extremes of {len(ordered):,} with {_FEW} "
            f"contacts or more. {tail}"
        )

    @property
    def _claim(self) -> str:
        ordered = self.table[self.table["n"] >= _FEW].sort_values("estimate")
        if len(ordered) < 2:
            return f"Too few contacts to call any {self.by} the most varied"
        least, most = ordered.iloc[0], ordered.iloc[-1]
        if self.by == "period":
            return (
                f"In {len(ordered)} periods problems were as varied as {least['estimate']:.1f} to "
                f"{most['estimate']:.1f} equally common types"
            )
        return (
            f"Most varied of {len(ordered)} branches: problems in {label(most['group'])} are as varied as "
            f"{most['estimate']:.1f} equally common types"
        )

    @property
    def chart(self) -> Chart:
        """Forest of branches, or a line over time."""
        frame = self.table.assign(group=self.table["group"].map(label))
        over_time = self.by == "period"
        common: dict[str, Any] = {
            "low": "conf_low",
            "high": "conf_high",
            "grade": self.evidence.grade,
            "note": self.caption,
        }
        axis = "Problem types in effect"
        if over_time:
            return Chart(
                kind="line", frame=self.table, x="group", y="estimate", x_label="Period", y_label=axis,
                claim=self._claim, **common,
            )  # fmt: skip
        enough = frame[frame["n"] >= _FEW]
        shown = (enough if len(enough) > 1 else frame).sort_values("estimate", ascending=False).head(20)
        return Chart(
            kind="forest", frame=shown, x="estimate", y="group", x_label=axis, y_label="Branch",
            claim=self._claim, **common,
        )  # fmt: skip


def problem_variety(
    contacts: Company | pd.DataFrame,
    *,
    by: VarietyBy = "branch",
    period: ProblemPeriod = "quarter",
    method: EntropyMethod = "miller_madow",
    conf_level: float = 0.95,
    source: str = "",
) -> ProblemVariety:
    """Answer how varied the problems are that branches meet, or the company over time.

    Parameters
    ----------
    contacts
        A company with ``contacts`` (reason) and ``employees``; or a frame of counts (branch, period, reason,
        n), as :func:`cemlab.data.problem_types.problem_counts` makes it.
    by
        ``"branch"`` or ``"period"``.
    period
        Of the counts, where a company is given.
    method
        Of the entropy; see :func:`cemlab.stats.entropies.entropy`.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; the company's own if not given.

    Returns
    -------
    ProblemVariety
        Its table has one row a branch or period.

    Raises
    ------
    ColumnError
        If the counts lack a column, above all n.
    DesignError
        If there is one type of problem only.
    OptionError, DataError
        As the functions named.

    Examples
    --------
    >>> counts = pd.DataFrame({"branch": ["a", "a", "b", "b"], "period": pd.Timestamp("2024-01-01"),
    ...                        "reason": ["bill", "delivery"] * 2, "n": [50, 50, 95, 5]})
    >>> problem_variety(counts).table["estimate"].round(2).tolist()
    [2.0, 1.23]
    """
    check_conf_level(conf_level)
    if by not in get_args(VarietyBy):
        raise OptionError(one_of(by, get_args(VarietyBy), what="grouping of problem types"))
    counted, source = counted_types(contacts, period, source)
    rows = counted[counted["branch"].notna()] if by == "branch" else counted
    hanging = dispersion_of(counted)
    table = rows.pivot_table(index=by, columns="reason", values="n", aggfunc="sum", fill_value=0)
    if table.shape[1] < 2:
        raise DesignError("all contacts have the same reason: one problem type has no variety")
    found = entropy(
        table.to_numpy(), method=method, dispersion=hanging.value, dispersion_df=hanging.df,
        conf_level=conf_level,
    )  # fmt: skip
    effective = [np.exp(end) for end in found]
    return ProblemVariety(
        table=pd.DataFrame(
            {
                "group": table.index,
                "n": table.sum(axis=1).to_numpy(),
                "types": (table > 0).sum(axis=1).to_numpy(),
                "estimate": effective[0], "conf_low": effective[1], "conf_high": effective[2],
                "entropy": found.estimate,
            }
        ),
        evidence=evidence_of(counted, int(rows["n"].sum()), source, hanging),
        conf_level=conf_level,
        by=by,
        dispersion=hanging.value,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class ProblemDrift(Result):
    """How far the mix of problem types is from that of the base period.

    Parameters
    ----------
    table
        One row a later period: period, n (contacts), estimate (Jensen–Shannon divergence from the base, less
        what chance makes, 0 at the least [nats]), conf_low, conf_high, p_value (of no drift), q_value
        (with the share of false alarms controlled over all periods), drifted (q under 0.05), moved (the
        type whose share changed most), change (by how much).
    base
        The base period's first day.
    dispersion
        By how much counts vary more than those of a multinomial sample.
    joint_p_value
        Of one and the same mix in all periods, the base among them.
    """

    base: pd.Timestamp
    dispersion: float
    joint_p_value: float

    title: ClassVar[str] = "Drift of problem types"
    labels: ClassVar[dict[str, str]] = {"period": "Period", "divergence": "Divergence (interval)", "q": "q"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a period."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "period": [label(row["period"]) for row in rows],
                "n": [number(row["n"]) for row in rows],
                "divergence": [
                    f"{row['estimate']:.5f} ({row['conf_low']:.5f} to {row['conf_high']:.5f})" for row in rows
                ],
                "q": [p_value(row["q_value"]).replace("p", "q", 1) for row in rows],
                "moved": [f"{row['moved']} {100 * row['change']:+.1f} points" for row in rows],
            }
        )

    @property
    def settled(self) -> bool:
        """Whether all periods together, and one or more of them, are told apart from the base."""
        return bool(self.joint_p_value < _LEVEL and self.table["drifted"].any())

    def narrative(self) -> str:
        """Tell in which periods problems were other than at first, and by how much."""
        most = self._most
        lead = f"Against the period from {label(self.base)}, "
        if self.settled:
            lead += (
                f"the mix of problem types was another in {int(self.table['drifted'].sum())} of "
                f"{len(self.table)} later periods (all together {p_value(self.joint_p_value)}), most so in "
                f"that from {label(most['period'])}: {most['moved']} by {100 * most['change']:+.1f} points."
            )
        else:
            lead += (
                f"the mix of problem types is not told apart (all periods together "
                f"{p_value(self.joint_p_value)}); that up to {self._most_moved} of "
                "100 contacts are of another type now is not excluded."
            )
        return (
            f"{lead} ({self.evidence.n_used:,} contacts; counts vary {self.dispersion:.2f} times as much "
            "as by lot alone, which is allowed for.)"
        )

    @property
    def _most_moved(self) -> str:
        """Return so many of 100 contacts as can be of another type at the largest divergence."""
        n = self.table["n"]
        weight = n / (n + self.evidence.n_used - n.sum())  # of each period beside the base
        # Pinsker's bound of either mix from their average, put together
        bound = (self.table["conf_high"] / (2 * weight * (1 - weight))).max() ** 0.5
        return f"{100 * min(1.0, bound):.1f}"

    @property
    def _most(self) -> pd.Series:
        """Return the period furthest from the base, of those told apart where there are any."""
        seen = self.table[self.table["drifted"]] if self.settled else self.table
        return seen.nlargest(1, "estimate").iloc[0]

    @property
    def chart(self) -> Chart:
        """Line of the divergence, with its interval."""
        most = self._most
        if self.settled:
            number_of = int(self.table["drifted"].sum())
            claim = (
                f"{number_of} of {len(self.table)} periods met other problems than the first: "
                f"{most['moved']} by up to {100 * most['change']:+.1f} points"
            )
        else:
            claim = (
                "Problems are not told apart from those of the first period: "
                f"up to {self._most_moved} of 100 contacts may have moved"
            )
        return Chart(
            kind="line",
            frame=self.table,
            x="period",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Period",
            y_label="Divergence [nats; 0: same mix]",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def problem_drift(
    contacts: Company | pd.DataFrame,
    *,
    period: ProblemPeriod = "quarter",
    dispersion: float | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> ProblemDrift:
    """Answer whether the front line meets other problems than in the first period.

    Parameters
    ----------
    contacts, period, conf_level, source
        As in :func:`problem_variety`.
    dispersion
        By how much counts vary more than those of a sample by lot, where that is known: 1 if no matter comes
        back. Taken from the counts if not given.

    Returns
    -------
    ProblemDrift
        Its table has one row a later period.

    Raises
    ------
    ColumnError
        If the counts lack a column, above all n.
    DesignError
        If there is one type of problem or one period only; if neither branches nor first contacts tell how
        far contacts hang together.
    OptionError, DataError
        As :func:`cemlab.data.problem_types.problem_counts`.

    Notes
    -----
    See :func:`cemlab.stats.entropies.drift`. Counts vary more than a sample's where unresolved matters come
    back under the same reason; by how much is taken from the branches' departures from the company's drift,
    and where there is one branch, or none known, from contacts per first contact, m: 2 m - 1, which holds
    where a matter comes back with the same chance each time. That the mix has changed is claimed only where
    one mix for all periods is refuted too. False alarms are controlled by Benjamini & Hochberg (1995), valid
    for periods compared with one base.

    Examples
    --------
    >>> rows = [(b, pd.Timestamp(2024, m, 1), r, 50 + 150 * (m == 3) * (r == "bill"))
    ...         for b in "abc" for m in (1, 2, 3) for r in ("bill", "delivery")]
    >>> found = problem_drift(pd.DataFrame(rows, columns=["branch", "period", "reason", "n"]))
    >>> found.table["drifted"].tolist()
    [False, True]
    """
    check_conf_level(conf_level)
    counted, source = counted_types(contacts, period, source)
    table = counted.pivot_table(index="period", columns="reason", values="n", aggfunc="sum", fill_value=0)
    if table.shape[1] < 2:
        raise DesignError("all contacts have the same reason: one problem type cannot drift")
    if len(table) < 2:
        raise DesignError("all contacts are of one period: drift needs a base and a later period")
    hanging = dispersion_of(counted) if dispersion is None else stated(dispersion)
    if not hanging.source:
        raise DesignError(
            "counts of one branch without first contacts do not tell how far contacts hang together; add "
            "columns first and named, branches, or state dispersion=, e.g. 1 if no matter comes back"
        )
    later = table.iloc[1:]
    seen = drift(
        later.to_numpy(), base=table.iloc[0].to_numpy(), dispersion=hanging.value,
        dispersion_df=hanging.df, conf_level=conf_level,
    )  # fmt: skip
    shares = table.div(table.sum(axis=1), axis=0)
    change = shares.iloc[1:] - shares.iloc[0]
    q = adjusted_p_values(seen.p_value)
    moved = change.abs().idxmax(axis=1)
    return ProblemDrift(
        table=pd.DataFrame(
            {
                "period": later.index,
                "n": later.sum(axis=1).to_numpy(),
                "estimate": seen.divergence.estimate,
                "conf_low": seen.divergence.conf_low,
                "conf_high": seen.divergence.conf_high,
                "p_value": seen.p_value,
                "q_value": q,
                "drifted": q < _LEVEL,
                "moved": moved.to_numpy(),
                "change": change.to_numpy()[np.arange(len(change)), change.abs().to_numpy().argmax(axis=1)],
            }
        ),
        evidence=evidence_of(counted, int(counted["n"].sum()), source, hanging),
        conf_level=conf_level,
        base=table.index[0],
        dispersion=hanging.value,
        joint_p_value=joint_drift(table.to_numpy(), dispersion=hanging.value, dispersion_df=hanging.df),
    )
