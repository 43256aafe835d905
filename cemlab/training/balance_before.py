"""Who was trained and who was not: how alike they were before anybody was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, p_value, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.permuted_labels import joint_p_value, permuted_labels
from cemlab.stats.seeds import generator
from cemlab.training.before import Before, before_training, picked, plural
from cemlab.training.result_rows import rows_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    Floats = npt.NDArray[np.float64]

_LARGE = 0.25


@dataclass(frozen=True, eq=False, kw_only=True)
class Balance(Result):
    """How those trained later differed from those never trained, before anybody was trained.

    Parameters
    ----------
    table
        One row a trait: column, trait ("level": mean before; "trend": slope a period before; or a category),
        trained, untrained (means), estimate (standardised difference: in standard deviations between units),
        conf_low, conf_high, p_value (by permutation).
    joint_p
        p-value of "the two groups were dealt by lot", over all traits at once, by permutation.
    n_trained, n_untrained
        Units.
    unit
        The column of units.
    """

    joint_p: float
    n_trained: int
    n_untrained: int
    unit: str

    title: ClassVar[str] = "Trained and untrained before the training"
    labels: ClassVar[dict[str, str]] = {
        "what": "Trait", "trained": "Trained later", "untrained": "Never trained",
        "difference": "Difference in SD (interval)", "p": "p",
    }  # fmt: skip

    @property
    def large(self) -> pd.DataFrame:
        """The traits that differ by more than a quarter of a standard deviation."""
        found: pd.DataFrame = self.table[self.table["estimate"].abs() > _LARGE]
        return found

    @property
    def summary(self) -> pd.DataFrame:
        """One row a trait."""
        rows = rows_of(self.table)
        return pd.DataFrame(
            {
                "what": [f"{r['column']}, {r['trait']}" for r in rows],
                "trained": [number(r["trained"]) for r in rows],
                "untrained": [number(r["untrained"]) for r in rows],
                "difference": [with_interval(r) for r in rows],
                "p": [p_value(r["p_value"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the largest differences and the joint test."""
        names = plural(self.unit)
        rows = sorted(rows_of(self.large), key=lambda r: -abs(r["estimate"]))[:4]
        told = "; ".join(f"{r['column']} ({r['trait']}) {with_interval(r)}" for r in rows)
        lead = (
            f"Before anybody was trained, {names} trained later stood apart from the others by more than "
            f"{_LARGE:g} standard deviations in {len(self.large)} of {len(self.table)} traits: {told}."
            if len(self.large)
            else f"Before anybody was trained, {names} trained later and the others differed by no more than "
            f"{_LARGE:g} standard deviations in any of {len(self.table)} traits."
        )
        lot = "would" if self.joint_p >= 1 - self.conf_level else "would hardly"
        return (
            f"{lead} A lot {lot} have dealt them so ({p_value(self.joint_p)}, all traits at once). "
            f"({self.n_trained} and {self.n_untrained} {names}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the standardised differences."""
        frame = self.table[["estimate", "conf_low", "conf_high"]].copy()
        frame.insert(0, "what", [f"{r['column']}, {r['trait']}" for r in rows_of(self.table)])
        names = plural(self.unit)
        by_lot = ", no more than by lot" if self.joint_p >= 1 - self.conf_level else ""
        claim = (
            f"{names.capitalize()} trained later differed before by over {_LARGE:g} SD "
            f"in {len(self.large)} of {len(self.table)} traits{by_lot}"
            if len(self.large)
            else f"{names.capitalize()} trained later were like the others before"
        )
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="what",
            low="conf_low",
            high="conf_high",
            x_label="Trained later less never trained, in standard deviations",
            y_label="trait",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def balance(
    panel: ir.Table | pd.DataFrame,
    *,
    columns: Sequence[str],
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    conf_level: float = 0.95,
    draws: int = 1999,
    seed: int = 1,
    source: str = "",
) -> Balance:
    """Answer how alike trained and untrained branches were before anybody was trained.

    Parameters
    ----------
    panel
        One row a branch and month.
    columns
        Traits: numbers, whose level (mean of the months before) and trend (slope a month) are compared; or
        text, whose categories are.
    unit, time, first_treated
        Columns of branch, month and first month of training.
    conf_level
        Of the intervals.
    draws, seed
        Permutations behind the p-values, and their seed.
    source
        The line that stands under every figure.

    Returns
    -------
    Balance
        Its table has one row a trait.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns that are not there, and impossible values.
    DesignError
        If nobody was trained, or all were, or no month lies before; or no trait varies.

    Notes
    -----
    Differences are divided by the root of the mean of both groups' variances (Austin 2009); intervals are
    Hedges and Olkin's. The joint test permutes who was trained and takes the distance of the two groups'
    means in all traits at once, correlations reckoned with (Hansen & Bowers 2008). A difference in level is
    no fault where changes are compared; one in trend is.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates between
    treatment groups in propensity-score matched samples. Statistics in Medicine 28, 3083–3107.

    Hansen, B. B., & Bowers, J. (2008). Covariate balance in simple, stratified and clustered comparative
    studies. Statistical Science 23, 219–236.

    Examples
    --------
    >>> rows = [(u, t, 3 if u < 3 else 0, u % 3 + (u < 3) * 1.0) for u in range(6) for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> found = balance(panel, columns=["cx"])
    >>> found.table[["column", "trait", "estimate", "p_value"]].values.tolist()
    [['cx', 'level', 1.0, 0.5]]
    """
    check_conf_level(conf_level)
    if isinstance(columns, str) or not len(columns):
        raise OptionError(f"columns are {columns!r}; give them in a list, e.g. ['cx', 'format']")
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 99:
        raise OptionError(f"draws are {draws!r}; allowed: a whole number from 99 on, e.g. 1999")
    frame = picked(panel, [unit, time, first_treated, *columns])
    numeric = [c for c in dict.fromkeys(columns) if frame[c].dtype.kind in "iufb"]
    texts = [c for c in dict.fromkeys(columns) if c not in numeric]
    before = _before(frame, numeric, unit, time, first_treated)
    traits = pd.concat([_of_numbers(before, numeric), _of_texts(frame, texts, before, unit)], axis=1)
    traits = traits.loc[:, traits.std().to_numpy() > 1e-12 * (1 + traits.abs().max().to_numpy())]
    if traits.empty:
        raise DesignError(
            f"panel: every {unit} has the same {', '.join(columns)}; there is nothing to compare"
        )
    table, joint = _compare(traits, before.ever, conf_level, draws, seed)
    return Balance(
        table=table,
        evidence=_evidence(before, joint, len(table), unit, source),
        conf_level=conf_level,
        joint_p=joint,
        n_trained=int(before.ever.sum()),
        n_untrained=int((~before.ever).sum()),
        unit=unit,
    )


def _before(frame: pd.DataFrame, numeric: list[str], unit: str, time: str, first_treated: str) -> Before:
    # without a trait of numbers the units alone are wanted
    added = frame.assign(one_of_each=0.0) if not numeric else frame
    before = before_training(
        added, numeric or ["one_of_each"], unit=unit, time=time, first_treated=first_treated
    )
    trained = int(before.ever.sum())
    if min(trained, len(before.ever) - trained) < 2:
        raise DesignError(
            f"panel: {trained} of {len(before.ever)} {plural(unit)} were trained; a comparison needs two of "
            "each"
        )
    return before


def _of_numbers(before: Before, numeric: list[str]) -> pd.DataFrame:
    """Return level and trend of each column, by unit."""
    found = {}
    periods = before.values.shape[2]
    centred = np.arange(periods) - (periods - 1) / 2
    for name, values in zip(numeric, before.values, strict=False):
        found[(name, "level")] = values.mean(axis=1)
        if periods > 1:
            slope = values @ centred / (centred**2).sum()
            # what never changes has a slope of nothing but rounding
            found[(name, "trend")] = np.where(np.ptp(values, axis=1) > 0, slope, 0.0)
    return pd.DataFrame(found)


def _of_texts(frame: pd.DataFrame, texts: list[str], before: Before, unit: str) -> pd.DataFrame:
    """Return whether each unit has each category of a text; of two categories the second only."""
    found = {}
    for name in texts:
        rows = frame.groupby(frame[unit].map(str))[name]
        if (rows.nunique() > 1).any():
            raise DesignError(
                f"panel, column {name!r}: {unit} {rows.nunique().idxmax()} has several; a trait stands still"
            )
        own = rows.first().reindex(list(before.units)).fillna("missing").map(str)
        for category in sorted(own.unique())[int(own.nunique() == 2) :]:
            found[(name, category)] = (own == category).to_numpy(dtype=float)
    return pd.DataFrame(found)


def _compare(
    traits: pd.DataFrame, ever: npt.NDArray[np.bool_], conf_level: float, draws: int, seed: int
) -> tuple[pd.DataFrame, float]:
    from scipy.special import ndtri

    x = traits.to_numpy(dtype=float)
    own, others = x[ever], x[~ever]
    spread = np.sqrt((own.var(axis=0, ddof=1) + others.var(axis=0, ddof=1)) / 2)
    gap = own.mean(axis=0) - others.mean(axis=0)
    # where neither group varies the difference has no scale of its own: that of all units
    spread = np.where(spread > 1e-12 * (1 + np.abs(gap)), spread, x.std(axis=0, ddof=1))
    d = gap / spread
    n1, n0 = len(own), len(others)
    reach = float(ndtri(0.5 + conf_level / 2)) * np.sqrt((n1 + n0) / (n1 * n0) + d**2 / (2 * (n1 + n0)))
    labels = permuted_labels(ever, draws=draws, rng=generator(seed))
    shares = labels / n1 - (~labels) / n0
    gaps = np.abs(shares @ x)
    each = (gaps >= gaps[0] * (1 - 1e-9)).mean(axis=0)
    table = pd.DataFrame(
        {
            "column": traits.columns.get_level_values(0),
            "trait": traits.columns.get_level_values(1),
            "trained": own.mean(axis=0),
            "untrained": others.mean(axis=0),
            "estimate": d,
            "conf_low": d - reach,
            "conf_high": d + reach,
            "p_value": each,
        }
    )
    return table, joint_p_value(x, labels)


def _evidence(before: Before, joint: float, traits: int, unit: str, source: str) -> Evidence:
    n, periods = before.values.shape[1:]
    check = Check(
        name="balance",
        null="who was trained was decided as by a lot",
        passed=joint >= 0.05,
        detail=f"{traits} traits at once: {p_value(joint)}.",
        remedy="They differed from the start: compare changes, not levels, and look at trends.",
    )
    return Evidence(
        grade="descriptive",
        design=f"{plural(unit).capitalize()} as they were in {periods} periods before anybody was trained.",
        unit=plural(unit),
        n_used=n,
        n_given=before.n_given,
        source=source,
        assumptions=("What was not recorded is not compared.",),
        checks=(check,),
    )
