"""Tight on why, loose on how, contact by contact: does discretion go with more where people are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.employee_contacts import discretion_months
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import p_value, with_interval
from cemlab.result import Result, check_conf_level

if TYPE_CHECKING:
    from cemlab.data.company import Company

    Floats = npt.NDArray[np.float64]

DiscretionOutcome = Literal["resolved", "mean_affect"]

TERMS = ("trained", "discretion", "trained × discretion")
_BRANCHES = 5
_ENDS = ("estimate", "conf_low", "conf_high")


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscretionAtContact(Result):
    """Contacts by training and discretion of who served, within branches and months.

    Parameters
    ----------
    table
        One row a term ("trained": at mean discretion; "discretion": per standard deviation, of the untrained;
        "trained × discretion": by how much more of the trained): term, estimate [share, or SD], std_error,
        df, conf_low, conf_high, p_value.
    outcome, trait
        What was measured, and the column of discretion.
    relative
        The product's estimate over that of training; nan where training's interval holds nought.
    trait_sd
        Standard deviation of the trait over contacts [unit of the trait].
    """

    outcome: str
    trait: str
    relative: float
    trait_sd: float

    title: ClassVar[str] = "Training and discretion in contacts"
    labels: ClassVar[dict[str, str]] = {"term": "", "estimate": "Estimate (interval)", "p": "p"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a term."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "term": [row["term"] for row in rows],
                "estimate": [with_interval(row) for row in rows],
                "p": [p_value(row["p_value"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell whether discretion matters more after training."""
        rows = {row["term"]: row for row in self.table.to_dict("records")}
        product = rows[TERMS[2]]
        settled = not product["conf_low"] <= 0 <= product["conf_high"]
        word = "more" if product["estimate"] > 0 else "less"
        lead = (
            f"Discretion goes with {word} {self.outcome} among the trained than among the untrained"
            if settled
            else f"Whether discretion goes with more {self.outcome} after training is not settled"
        )
        return (
            f"{lead}: {self._more(product)} for a standard deviation of {self.trait}. Of the untrained it is "
            f"{self._more(rows[TERMS[1]])}; training at mean {self.trait} goes with "
            f"{self._more(rows[TERMS[0]])}. "
            f"({self.evidence.n_used:,} contacts, {100 * self.conf_level:g} % intervals.)"
        )

    def _more(self, row: Mapping[Any, Any]) -> str:
        """Tell a difference in its unit; shares in percentage points."""
        if self.outcome != "resolved":
            return f"{with_interval(row)} SD"
        return f"{with_interval({name: 100 * row[name] for name in _ENDS})} percentage points"

    @property
    def chart(self) -> Chart:
        """Forest of the terms."""
        row, share = self.table.iloc[-1], self.outcome == "resolved"
        settled = not row["conf_low"] <= 0 <= row["conf_high"]
        return Chart(
            kind="forest",
            frame=self.table[["term", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label=("Difference in the share resolved" if share else f"Difference in {self.outcome} [SD]"),
            y_label="",
            claim=(
                f"Discretion goes with {'more' if row['estimate'] > 0 else 'less'} after training"
                if settled
                else "Whether discretion matters more after training is not settled"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=share,
            reference=0.0,
        )


def discretion_at_contact(
    company: Company,
    *,
    outcome: DiscretionOutcome = "resolved",
    trait: str = "discretion",
    conf_level: float = 0.95,
    source: str = "",
) -> DiscretionAtContact:
    """Answer whether discretion goes with better contacts, and with more so once people are trained.

    Parameters
    ----------
    company
        With ``contacts``, ``employees`` (with the trait) and ``training``; see
        :func:`cemlab.data.employee_contacts.discretion_months`.
    outcome
        ``"resolved"`` [share] or ``"mean_affect"`` [SD].
    trait
        Column of the employees: discretion.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; the company's own if not given.

    Returns
    -------
    DiscretionAtContact
        Its table has one row a term.

    Raises
    ------
    DesignError
        If nobody, or everybody, was trained; the trait or the outcome does not vary; or fewer than five
        branches have contacts.
    ColumnError, DataError, OptionError
        As :func:`cemlab.data.employee_contacts.discretion_months`.

    Notes
    -----
    Least squares of contacts on training, the trait (standardised over contacts) and their product, within
    branches and months, from counts and sums by branch, month and training: what the rows would give.
    Errors are clustered by branch (Liang & Zeger 1986), times G / (G - 1), with t on G - 1 degrees of
    freedom. Trained persons are met before and after their training, and untrained ones beside them; that the
    trained of a month are like the untrained of the same branch is an assumption, not a design.
    """
    check_conf_level(conf_level)
    if outcome not in get_args(DiscretionOutcome):
        raise OptionError(one_of(outcome, get_args(DiscretionOutcome), what="outcome of a contact"))
    rows = discretion_months(company, outcome=outcome, trait=trait)
    branches = int(rows["branch"].nunique())
    if rows["trained"].nunique() < 2:
        who = "everybody" if rows["trained"].any() else "nobody"
        raise DesignError(f"{who} who served was trained: training cannot be told from anything")
    if branches < _BRANCHES:
        raise DesignError(f"contacts of {branches} branches; errors by branch need {_BRANCHES} or more")
    mean, spread = _moments(rows, trait, outcome)
    coefficient, covariance = _fit(rows, mean, spread)
    table = _table(coefficient, np.sqrt(np.diag(covariance)), branches - 1, conf_level)
    first = table.iloc[0]
    clear = not first["conf_low"] <= 0 <= first["conf_high"]
    return DiscretionAtContact(
        table=table,
        evidence=_evidence(rows, source or company.info.source),
        conf_level=conf_level,
        outcome=outcome,
        trait=trait,
        relative=float(coefficient[2] / coefficient[0]) if clear else float("nan"),
        trait_sd=spread,
    )


def _moments(rows: pd.DataFrame, trait: str, outcome: str) -> tuple[float, float]:
    """Return mean and standard deviation of the trait over contacts; refuse what does not vary."""
    n = rows["n"].sum()
    mean, score = rows["trait"].sum() / n, rows["score"].sum() / n
    variance = rows["trait2"].sum() / n - mean**2
    if not variance > 1e-12 * (1 + mean**2):
        raise DesignError(f"employees: {trait!r} is the same for all who served")
    if not rows["score2"].sum() / n - score**2 > 1e-12 * (1 + score**2):
        raise DesignError(f"contacts: {outcome!r} is the same in all contacts")
    return float(mean), float(np.sqrt(variance))


def _fit(rows: pd.DataFrame, mean: float, spread: float) -> tuple[Floats, Floats]:
    """Return the three coefficients and their covariance, clustered by branch."""
    n, z = rows["n"].to_numpy(), rows["trained"].to_numpy(dtype=float)
    d = (rows["trait"].to_numpy() - mean * n) / spread
    d2 = (rows["trait2"].to_numpy() - 2 * mean * rows["trait"].to_numpy() + mean**2 * n) / spread**2
    y = rows["score"].to_numpy()
    dy = (rows["product"].to_numpy() - mean * y) / spread
    branch, month = (pd.factorize(rows[name])[0] for name in ("branch", "month"))
    groups = int(branch.max()) + 1
    # one month is left out, beside a constant for every branch
    dummies = [branch[:, None] == np.arange(groups), month[:, None] == np.arange(1, month.max() + 1)]
    base = np.column_stack(dummies).astype(np.float64)
    # what stands before the sums in each product of columns: 1 for a constant, z for training
    ones = np.column_stack([z, np.ones_like(z), z])
    size = base.shape[1] + 3
    gram, moment = np.zeros((groups, size, size)), np.zeros((groups, size))
    top = np.empty((len(n), 3, 3))
    with_trait = np.array([False, True, True])
    for i in range(3):
        for j in range(3):
            power = int(with_trait[i]) + int(with_trait[j])
            top[:, i, j] = ones[:, i] * ones[:, j] * (n, d, d2)[power]
    side = ones * np.column_stack([n, d, d])
    answer = ones * np.column_stack([y, dy, dy])
    for g in range(groups):
        own = branch == g
        x = base[own]
        gram[g, :3, :3] = top[own].sum(axis=0)
        gram[g, :3, 3:] = side[own].T @ x
        gram[g, 3:, :3] = gram[g, :3, 3:].T
        gram[g, 3:, 3:] = (x * n[own, None]).T @ x
        moment[g] = np.concatenate([answer[own].sum(axis=0), x.T @ y[own]])
    whole = gram.sum(axis=0)
    scale = np.sqrt(np.diag(whole))
    scaled = whole / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e10:
        raise DesignError(
            "training cannot be told from branches and months: nobody is met on both sides of it"
        )
    inverse = np.linalg.inv(scaled) / np.outer(scale, scale)
    solution = inverse @ moment.sum(axis=0)
    scores = moment - gram @ solution
    bread = inverse[:3]
    covariance = groups / (groups - 1) * bread @ (scores.T @ scores) @ bread.T
    return solution[:3], covariance


def _table(estimate: Floats, error: Floats, df: int, conf_level: float) -> pd.DataFrame:
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(df, 0.5 + conf_level / 2)) * error
    return pd.DataFrame(
        {
            "term": TERMS,
            "estimate": estimate,
            "std_error": error,
            "df": df,
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
            "p_value": 2 * stdtr(df, -np.abs(estimate / np.where(error > 0, error, np.inf))),
        }
    )


def _evidence(rows: pd.DataFrame, source: str) -> Evidence:
    trained = int(rows.loc[rows["trained"], "n"].sum())
    return Evidence(
        grade="adjusted",
        design="Contacts with persons trained or not, of more and less discretion, within branch and month.",
        unit="contacts",
        n_used=int(rows.attrs["n_used"]),
        n_given=int(rows.attrs["n_given"]),
        source=source,
        assumptions=(
            "Within a branch and month, who meets whom does not go with what else makes a contact good.",
            "But for the training, the trained would have followed the months of the others.",
            "Discretion was not dealt by lot; what comes with it is not told apart.",
        ),
        checks=(
            Check(
                name="both kinds of contact",
                null="trained and untrained persons are both met often",
                passed=bool(min(trained, rows["n"].sum() - trained) >= 1000),
                detail=(
                    f"{trained:,} contacts with trained persons, {int(rows['n'].sum()) - trained:,} with "
                    f"others; {rows.attrs['persons']:,} persons."
                ),
                remedy="The interval says how little can be told.",
            ),
        ),
    )
