"""Two sets of KPIs, the customers' view and the books, and whether one knows what the other does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.linkage.kpi_rows import KpiRows, folds_of, kpi_rows
from cemlab.linkage.naming import in_words
from cemlab.linkage.way_columns import require_rows
from cemlab.markup import join_words
from cemlab.result import Result, check_conf_level
from cemlab.stats.out_of_sample import Floats, explained, forward_errors, left_out_errors
from cemlab.stats.seeds import generator

_VIEW = ("nps", "csat", "ces", "value_for_money")
_MODELS = ("books", "view", "both")
_BEYOND = "view beyond the books"
_BRANCHES, _LATER = "branches left out", "later months"


@dataclass(frozen=True, eq=False, kw_only=True)
class KpiBlocks(Result):
    """Out-of-sample R² of profit predicted from the books, from the customers' view, and from both.

    Parameters
    ----------
    table
        One row a way of holding out and a model: held_out ("branches left out", "later months"), model
        ("books", "view", "both", "view beyond the books": both less books), estimate (R², share of the
        squared error that is left by the mean of the month), std_error, conf_low, conf_high, mse (of the
        prediction; of the difference for the last), n (rows predicted).
    books, view
        The columns of both blocks.
    outcome, ahead
        What is predicted: its mean over so many periods to come.
    """

    books: tuple[str, ...]
    view: tuple[str, ...]
    outcome: str
    ahead: int

    title: ClassVar[str] = "Two sets of KPIs, out of sample"
    labels: ClassVar[dict[str, str]] = {
        "held_out": "Held out",
        "model": "Predicted from",
        "r2": "R² (interval)",
        "n": "Rows",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a way of holding out and a model."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "held_out": self.table["held_out"],
                "model": self.table["model"],
                "r2": [f"{r['estimate']:+.3f} ({r['conf_low']:+.3f} to {r['conf_high']:+.3f})" for r in rows],
                "n": self.table["n"],
            }
        )

    def gain(self, held_out: str = _LATER) -> dict[str, float]:
        """Return what the view adds to the books: estimate, conf_low, conf_high of the difference in R²."""
        rows = self.table[(self.table["held_out"] == held_out) & (self.table["model"] == _BEYOND)]
        if rows.empty:
            raise OptionError(f"held_out is {held_out!r}; allowed: {_BRANCHES!r}, {_LATER!r}")
        row = rows.iloc[0]
        return {name: float(row[name]) for name in ("estimate", "conf_low", "conf_high")}

    def narrative(self) -> str:
        """Answer whether the customers' view knows something that the books do not."""
        told = []
        for way in (_BRANCHES, _LATER):
            rows = self.table[self.table["held_out"] == way].to_dict("records")
            books, _, both, beyond = (float(row["estimate"]) for row in rows)
            low, high = rows[3]["conf_low"], rows[3]["conf_high"]
            told.append(
                f"{way}: books {books:+.3f}, both {both:+.3f}, difference {beyond:+.4f} ({low:+.4f} to "
                f"{high:+.4f}), {_verdict(low, high)}"
            )
        return (
            f"Does the customers' view ({_listed(self.view)}) know something of the next {self.ahead} "
            f"months' "
            f"{in_words(self.outcome)} that the books ({_listed(self.books)}) do not? Out-of-sample R² of a "
            f"branch's "
            f"distance from the month's average: {'; '.join(told)}. "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals, "
            f"paired by "
            "branch.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of what the view adds to the books, by way of holding out."""
        rows = self.table[self.table["model"] == _BEYOND]
        later = self.gain()
        alone = self.table[(self.table["held_out"] == _LATER) & (self.table["model"] == "books")]
        named = in_words(self.outcome)
        claim = (
            f"The customers' view knows something of coming {named} that the books do not: "
            f"{later['estimate']:+.3f} of R², beside {float(alone['estimate'].iloc[0]):.3f} of the books"
            if later["conf_low"] > 0
            else "What the customers' view adds to the books in later months is not told from nothing"
        )
        return Chart(
            kind="forest",
            frame=rows[["held_out", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="held_out",
            low="conf_low",
            high="conf_high",
            x_label="Out-of-sample R² with the view, less R² of the books alone",
            y_label="held out",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def kpi_blocks(
    panel: pd.DataFrame,
    *,
    outcome: str = "profit_per_customer",
    books: Sequence[str] = ("profit_per_customer", "headcount", "turnover"),
    view: Sequence[str] = _VIEW,
    ahead: int = 3,
    folds: int = 10,
    first_share: float = 0.5,
    unit: str = "branch",
    time: str = "month",
    conf_level: float = 0.95,
    seed: int = 1,
    source: str = "",
) -> KpiBlocks:
    """Answer whether what customers say tells something of coming profit that the books do not.

    Parameters
    ----------
    panel
        One row a branch and month: :func:`linked_months` joined with
        :func:`cemlab.data.perceived_value.perceived_value`.
    outcome
        What is predicted: its mean over the `ahead` months after a row's own.
    books, view
        Columns of both blocks as known in a row's month; the outcome itself, of that month, belongs to the
        books.
    ahead
        1 for the next month, 3 for the next quarter.
    folds
        Branches are dealt into so many folds, each predicted from the others.
    first_share
        Share of the months before the first prediction of later months, between 0 and 1.
    unit, time
        Columns of the branch and of the month.
    conf_level
        Of the intervals.
    seed
        Of the folds.
    source
        The line that stands under every figure.

    Returns
    -------
    KpiBlocks
        Its table has one row a way of holding out and a model.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For missing columns, values that are no numbers, fewer than ten branches, too few months, an empty
        block or a column in both.

    Notes
    -----
    Nested least squares on a branch's distances from the month's average over all branches that were fitted.
    "Later months" are predicted month by month from what was over by then. Losses are compared on the same
    rows, and the interval of their difference is clustered by branch (t); it takes the fitted weights as
    given. R² is 1 less the ratio of squared errors to those of the month's average, and may be negative.

    References
    ----------
    Diebold, F. X., & Mariano, R. S. (1995). Comparing predictive accuracy. Journal of Business & Economic
    Statistics 13, 253–263. Ittner, C. D., & Larcker, D. F. (1998). Are nonfinancial measures leading
    indicators of financial performance? Journal of Accounting Research 36, 1–35.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> said = np.tile(rng.standard_normal(20)[:, None], 12) + 0.1 * rng.standard_normal((20, 12))
    >>> rows = pd.DataFrame({"branch": np.repeat(np.arange(20), 12), "month": np.tile(np.arange(12), 20),
    ...                      "nps": said.ravel(), "staff": rng.standard_normal(240)})
    >>> rows["profit"] = 2 * rows["nps"] + rng.standard_normal(240)
    >>> found = kpi_blocks(rows, outcome="profit", books=["staff"], view=["nps"], ahead=1)
    >>> bool(found.gain()["conf_low"] > 0.3)
    True
    """
    check_conf_level(conf_level)
    require_rows(panel)
    own, said = _blocks(books, view)
    if isinstance(ahead, bool) or not isinstance(ahead, int) or not 1 <= ahead <= 24:
        raise OptionError(f"ahead is {ahead!r}; allowed: a whole number of months from 1 to 24")
    if not 0 < first_share < 1:
        raise OptionError(f"first_share is {first_share!r}; allowed: a share between 0 and 1, e.g. 0.5")
    rows = kpi_rows(panel, outcome=outcome, columns=[*own, *said], unit=unit, time=time, ahead=ahead)
    fold = folds_of(rows.units, folds, generator(seed))[rows.unit]
    first = _first(rows, ahead, first_share)
    designs = {
        "books": rows.columns[:, : len(own)],
        "view": rows.columns[:, len(own) :],
        "both": rows.columns,
    }
    parts = []
    left = [left_out_errors(rows.outcome, designs[m], fold=fold, period=rows.period) for m in _MODELS]
    parts.append(_compared(_BRANCHES, left[0][0], [e for _, e in left], rows, conf_level))
    forward = [
        forward_errors(rows.outcome, designs[m], period=rows.period, ahead=ahead, first=first)
        for m in _MODELS
    ]
    there = forward[0][2]
    parts.append(_compared(_LATER, forward[0][0], [e for _, e, _ in forward], rows, conf_level, there))
    return KpiBlocks(
        table=pd.concat(parts, ignore_index=True),
        evidence=_evidence(rows, unit, source or str(panel.attrs.get("source", ""))),
        conf_level=conf_level,
        books=tuple(own),
        view=tuple(said),
        outcome=outcome,
        ahead=ahead,
    )


def _blocks(books: Sequence[str], view: Sequence[str]) -> tuple[list[str], list[str]]:
    for name, block in (("books", books), ("view", view)):
        if isinstance(block, str) or not len(block):
            raise OptionError(f"{name} is {block!r}; give columns in a list, e.g. {list(_VIEW)}")
    own, said = list(dict.fromkeys(books)), list(dict.fromkeys(view))
    both = [name for name in own if name in said]
    if both:
        raise OptionError(f"{join_words(both)} stands in both blocks; a column belongs to one of them")
    return own, said


def _first(rows: KpiRows, ahead: int, share: float) -> int:
    """Return the first period to predict from: enough rows must be over by then."""
    begin = int(rows.period.min())
    first = max(begin + ahead, begin + round(share * (int(rows.period.max()) + 1 - begin)))
    fitted = int((rows.period <= first - ahead).sum())
    if first > int(rows.period.max()) or fitted < 3 * rows.columns.shape[1]:
        raise DesignError(
            f"panel: {rows.periods} periods leave {fitted} rows to fit before later ones are predicted "
            f"{ahead} "
            "ahead; give more periods, fewer columns or a smaller ahead"
        )
    return first


def _compared(
    held_out: str,
    alone: Floats,
    errors: list[Floats],
    rows: KpiRows,
    conf_level: float,
    there: npt.NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    from scipy.special import stdtrit

    keep = np.ones(len(alone), dtype=bool) if there is None else there
    stacked = np.stack(errors, axis=1)[keep]
    found = explained(alone[keep], stacked, cluster=rows.unit[keep])
    # the last row is both less books
    made = np.vstack([np.eye(3), [-1.0, 0.0, 1.0]])
    estimate = made @ found.estimate
    error = np.sqrt(np.clip(np.diagonal(made @ found.covariance @ made.T), 0.0, None))
    reach = float(stdtrit(found.df, (1 + conf_level) / 2)) * error
    return pd.DataFrame(
        {
            "held_out": held_out,
            "model": [*_MODELS, _BEYOND],
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
            "mse": made @ stacked.mean(axis=0),
            "n": int(keep.sum()),
        }
    )


def _listed(columns: Sequence[str]) -> str:
    return join_words(in_words(name) for name in columns)


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "it does"
    if high < 0:
        return "it does harm: its noise costs more than it tells"
    return "not told from nothing"


def _evidence(rows: KpiRows, unit: str, source: str) -> Evidence:
    return Evidence(
        grade="association",
        design="Predictions compared where they were not fitted: in branches left out, and in later "
        "months. What "
        "predicts need not be what moves.",
        unit=f"{unit}-months",
        n_used=len(rows.outcome),
        n_given=rows.n_given,
        source=source,
        assumptions=(
            "Branches are alike enough for what holds in some to be tried in others.",
            "Intervals take the fitted weights as given; branches are independent of each other.",
        ),
    )
