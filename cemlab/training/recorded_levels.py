"""What those trained liked, learnt, did and were put down for: the levels of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.company import Company
from cemlab.data.spell_columns import require_table
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.training.before import picked
from cemlab.training.result_rows import rows_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_LEVELS = ("level_1", "level_2", "level_3", "level_4")
#: What the levels are called.
LEVEL_NAMES = {
    "level_1": "reaction",
    "level_2": "learning",
    "level_3": "behaviour",
    "level_4": "result as recorded",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels(Result):
    """Means of the levels, how they go together, and the recorded result beside what a design supports.

    Parameters
    ----------
    table
        One row a level: level, name, estimate (mean, in the level's own unit), std_error, conf_low,
        conf_high, median, n (persons), n_branches.
    correlations
        One row a pair: first, second, estimate (rank correlation over persons), conf_low, conf_high, n.
    supported
        One row, or none: recorded (mean of level 4), estimate (what the design supports, a person), conf_low,
        conf_high, difference, difference_low, difference_high, in the unit of level 4.
    """

    correlations: pd.DataFrame
    supported: pd.DataFrame

    title: ClassVar[str] = "What was recorded of those trained, level by level"
    labels: ClassVar[dict[str, str]] = {"level": "Level", "mean": "Mean (interval)", "n": "Persons"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a level."""
        rows = rows_of(self.table)
        return pd.DataFrame(
            {
                "level": [f"{r['level'][-1]} {r['name']}" for r in rows],
                "mean": [with_interval(r) for r in rows],
                "n": [r["n"] for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the means, the closest pair, and the recorded result beside the supported one."""
        told = "; ".join(f"{r['name']} {with_interval(r)}" for r in rows_of(self.table))
        parts = [f"Means over those trained: {told}."]
        if len(self.correlations):
            place = int(self.correlations["estimate"].abs().to_numpy().argmax())
            r = rows_of(self.correlations)[place]
            parts.append(
                f"Of all pairs {LEVEL_NAMES[r['first']]} and {LEVEL_NAMES[r['second']]} go together most, "
                f"with a rank correlation of {with_interval(r)}."
            )
        if len(self.supported):
            r = rows_of(self.supported)[0]
            parts.append(
                f"The result as recorded is {number(r['recorded'])} a person; the design supports "
                f"{with_interval(r)}, which leaves {number(r['difference'])} "
                f"({number(r['difference_low'])} to {number(r['difference_high'])}) that rests on what was "
                "believed."
            )
        parts.append(
            f"These are records of {self.evidence.n_used:,} trained persons, with nobody to compare them "
            f"with ({100 * self.conf_level:g} % intervals)."
        )
        return " ".join(parts)

    @property
    def chart(self) -> Chart:
        """Forest of the rank correlations; of the means where there is but one level."""
        if len(self.correlations):
            names = [
                f"{LEVEL_NAMES[r['first']]} and {LEVEL_NAMES[r['second']]}"
                for r in rows_of(self.correlations)
            ]
            frame = self.correlations[["estimate", "conf_low", "conf_high"]].assign(what=names)
            label, claim = "Rank correlation over persons", self._claim(names)
        else:
            frame = self.table[["estimate", "conf_low", "conf_high"]].assign(what=self.table["name"])
            label, claim = "Mean", f"Mean {self.table['name'].iloc[0]} of those trained"
        return Chart(
            kind="forest",
            frame=frame[["what", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="what",
            low="conf_low",
            high="conf_high",
            x_label=label,
            y_label="levels",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

    def _claim(self, names: list[str]) -> str:
        apart = (self.correlations["conf_low"] > 0) | (self.correlations["conf_high"] < 0)
        if not apart.any():
            return "No level of the evaluation goes with another"
        best = int(self.correlations["estimate"].abs().where(apart, 0.0).to_numpy().argmax())
        return f"{names[best].capitalize()} go together; {int(apart.sum())} of {len(names)} pairs do"


def levels(
    training: Company | ir.Table | pd.DataFrame,
    *,
    supported: tuple[float, float, float] | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> Levels:
    """Answer what was recorded of those trained, and how far that is from what a design supports.

    Parameters
    ----------
    training
        A company, or its table of persons trained: level_1 (reaction, 1 to 5), level_2 (learning, share of
        test items right), level_3 (behaviour, share of standards met), level_4 (result as recorded, money);
        those that are there are used. With a column branch, intervals reckon with colleagues being alike.
    supported
        What a design supports of level 4, a person: estimate and interval in the same money and span of time.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; of a company its own, if not given.

    Returns
    -------
    Levels
        Its table has one row a level.

    Raises
    ------
    DesignError
        If there is no table, no level, or fewer than three persons (or two branches) with a level.
    DataError, OptionError
        If a level holds no numbers, or `supported` is no estimate within its interval.

    Notes
    -----
    Descriptive throughout: everybody here was trained. Correlations are Spearman's, with Fisher's
    transformation and the variance 1.06 / (n − 3) (Fieller, Hartley & Pearson 1957); with a column branch,
    the variance is that of the jackknife by branch, on its degrees of freedom. The difference to what is
    supported takes both as independent.

    References
    ----------
    Phillips, J. J. (1997). Return on investment in training and performance improvement programs. Gulf.

    Fieller, E. C., Hartley, H. O., & Pearson, E. S. (1957). Tests for rank correlation coefficients. I.
    Biometrika 44, 470–481.

    Examples
    --------
    >>> people = pd.DataFrame({"level_1": [4.0, 5, 3, 4], "level_4": [500.0, 1500, 0, 600]})
    >>> found = levels(people)
    >>> found.table[["name", "estimate"]].values.tolist()
    [['reaction', 4.0], ['result as recorded', 650.0]]
    """
    check_conf_level(conf_level)
    frame, line = _table_of(training)
    there = [name for name in _LEVELS if name in frame.columns]
    if not there:
        raise DesignError(f"training: none of {', '.join(_LEVELS)} is there; no level was recorded")
    for name in there:
        if frame[name].dtype.kind not in "iuf":
            raise DataError(
                f"training, column {name!r}: {frame[name].dtype} are no numbers; make them numbers"
            )
    branch = frame["branch"] if "branch" in frame.columns else None
    known = frame[there].notna().any(axis=1)
    table = pd.DataFrame([_mean(name, frame[name], branch, conf_level) for name in there])
    pairs = [
        _pair(a, b, frame, branch, conf_level) for place, a in enumerate(there) for b in there[place + 1 :]
    ]
    return Levels(
        table=table,
        evidence=_evidence(int(known.sum()), len(frame), branch is not None, source or line),
        conf_level=conf_level,
        correlations=pd.DataFrame([pair for pair in pairs if pair]),
        supported=_supported(table, supported, conf_level),
    )


def _table_of(training: Company | ir.Table | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    line = ""
    if isinstance(training, Company):
        line = training.info.source
        if "training" not in training.tables:
            raise DesignError(f"{training.info.name} has no table 'training' (one row = a person trained)")
        training = training.tables["training"]
    columns = [c for c in ("branch", *_LEVELS) if c in getattr(training, "columns", ())]
    if not columns:
        require_table(training, "training")
        return pd.DataFrame(), line
    return picked(training, columns, what="training"), line


def _mean(
    name: str, values: pd.Series[Any], branch: pd.Series[Any] | None, conf_level: float
) -> dict[str, Any]:
    """Return the mean with the interval of branches that stand for themselves."""
    from scipy.special import stdtrit

    known = values.notna() & (True if branch is None else branch.notna())
    x = values[known].to_numpy(dtype=float)
    code = np.arange(len(x)) if branch is None else pd.factorize(branch[known])[0]
    groups = int(code.max()) + 1 if len(x) else 0
    if len(x) < 3 or groups < 2:
        raise DesignError(
            f"training, column {name!r}: {len(x)} persons of {groups} branches; three persons of two "
            "branches are needed"
        )
    sums = np.bincount(code, x - x.mean())
    error = float(np.sqrt(groups / (groups - 1) * (sums**2).sum())) / len(x)
    reach = float(stdtrit(groups - 1, 0.5 + conf_level / 2)) * error
    return {
        "level": name,
        "name": LEVEL_NAMES[name],
        "estimate": float(x.mean()),
        "std_error": error,
        "conf_low": float(x.mean()) - reach,
        "conf_high": float(x.mean()) + reach,
        "median": float(np.median(x)),
        "n": len(x),
        "n_branches": 0 if branch is None else groups,
    }


def _pair(
    first: str, second: str, frame: pd.DataFrame, branch: pd.Series[Any] | None, conf_level: float
) -> dict[str, Any]:
    """Return the rank correlation with its interval; nothing where ranks are too few or all the same."""
    both = frame[[first, second]].notna().all(axis=1) & (True if branch is None else branch.notna())
    x, y = (frame.loc[both, name].to_numpy(dtype=float) for name in (first, second))
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {}
    middle = _fisher(x, y)
    code = None if branch is None else pd.factorize(branch[both])[0]
    reach = _reach(x, y, code, conf_level)
    return {
        "first": first,
        "second": second,
        "estimate": float(np.tanh(middle)),
        "conf_low": float(np.tanh(middle - reach)),
        "conf_high": float(np.tanh(middle + reach)),
        "n": len(x),
    }


def _fisher(x: Floats, y: Floats) -> float:
    """Return Fisher's transform of the rank correlation, missing where all ranks are the same."""
    from scipy.stats import rankdata

    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    rank = np.corrcoef(rankdata(x), rankdata(y))[0, 1]
    return float(np.arctanh(np.clip(rank, -1 + 1e-12, 1 - 1e-12)))


def _reach(x: Floats, y: Floats, branch: Ints | None, conf_level: float) -> float:
    """Return half the width of the interval on Fisher's scale, infinite where it cannot be known."""
    from scipy.special import ndtri, stdtrit

    if branch is None:
        return float(ndtri(0.5 + conf_level / 2) * np.sqrt(1.06 / (len(x) - 3)))
    groups = int(branch.max()) + 1
    without = np.array([_fisher(x[branch != g], y[branch != g]) for g in range(groups)])
    if groups < 2 or np.isnan(without).any():
        return float("inf")
    error = np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum())
    return float(stdtrit(groups - 1, 0.5 + conf_level / 2) * error)


def _supported(
    table: pd.DataFrame, supported: tuple[float, float, float] | None, conf_level: float
) -> pd.DataFrame:
    from scipy.special import ndtri

    columns = ["recorded", "estimate", "conf_low", "conf_high", "difference", "difference_low"]
    if supported is None:
        return pd.DataFrame(columns=[*columns, "difference_high"])
    recorded = table[table["level"] == "level_4"]
    if recorded.empty:
        raise DesignError(
            "training: there is no level_4, so nothing recorded to compare with what is supported"
        )
    values = np.asarray(supported, dtype=float)
    if values.shape != (3,) or not np.isfinite(values).all() or not values[1] <= values[0] <= values[2]:
        raise OptionError(
            f"supported is {supported!r}; give estimate, lower and upper end, e.g. (120.0, 40.0, 200.0)"
        )
    row = recorded.iloc[0]
    z = float(ndtri(0.5 + conf_level / 2))
    gap = row["estimate"] - values[0]
    reach = np.hypot(z * row["std_error"], (values[2] - values[1]) / 2)
    return pd.DataFrame(
        [[row["estimate"], *values, gap, gap - reach, gap + reach]], columns=[*columns, "difference_high"]
    )


def _evidence(used: int, given: int, clustered: bool, source: str) -> Evidence:
    check = Check(
        name="comparison",
        null="what was recorded can be told from what would have been anyway",
        passed=None,
        detail="Everybody in the table was trained.",
        remedy="Take the design: group_time_effects.",
    )
    return Evidence(
        grade="descriptive",
        design="What was recorded of those trained, without anybody to compare them with.",
        unit="persons",
        n_used=used,
        n_given=given,
        source=source,
        assumptions=("Branches stand for themselves.",) if clustered else ("Persons stand for themselves.",),
        checks=(check,),
    )
