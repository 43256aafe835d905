"""The figures behind intention and behaviour: bends, levels, correlations, calibration, who answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import ColumnError, DesignError
from cemlab.stats.multiplier_bands import errors
from cemlab.stats.within_slopes import Grid, WithinSlopes, within_slopes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: What is said and what is done, as the columns of the counted cells call it, and in words.
OUTCOMES = {
    "intent": "stated intention to stay",
    "lines": "lines bought",
    "revenue": "revenue",
    "stayed": "stayed",
}
NEEDED = (
    "branch", "score", "tenth", "n", "intent", "intent_sq", "lines", "lines_sq", "revenue", "revenue_sq",
    "stayed", "intent_lines", "intent_revenue", "intent_stayed",
)  # fmt: skip
# of the squares, below which what differs within branches is rounding
_NOTHING = 1e-12
# of a standard normal: a bend of (1.96 + 0.84) errors is found four times in five
_POWER = 0.8


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """The cells of those who answered, and of those who did not; branches numbered alike."""

    said: pd.DataFrame
    silent: pd.DataFrame


def answers(cells: pd.DataFrame) -> Answers:
    """Return the cells apart, or refuse what cannot be compared."""
    missing = [name for name in NEEDED if name not in cells.columns]
    if missing:
        raise ColumnError(
            f"cells: no column {', '.join(missing)}; hand in what cemlab.data.intent_behaviour counts"
        )
    numbered = cells.assign(branch=pd.factorize(cells["branch"], sort=True)[0])
    said = numbered[numbered["score"].notna()]
    levels = said["score"].nunique()
    if levels < 3:
        raise DesignError(f"the answers take {levels} score(s); a bend needs three")
    return Answers(said=said, silent=numbered[numbered["score"].isna()])


def told(estimate: Floats, influence: Floats, *, conf_level: float) -> pd.DataFrame:
    """Return estimates with errors by branch and an interval for each."""
    from scipy.special import stdtr

    spread = errors(influence, np.zeros(len(influence), dtype=np.int64))
    margin = spread.margin(conf_level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(spread.df, -np.abs(estimate / spread.std_error))
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": spread.std_error,
            "conf_low": estimate - margin,
            "conf_high": estimate + margin,
            "p_value": p,
        }
    )


def shapes(said: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return slope at both ends and bend of each outcome on the score, within branches."""
    from scipy.special import ndtri

    cells = said.groupby(["branch", "score"], as_index=False)[["n", *OUTCOMES]].sum()
    score = cells["score"].to_numpy()
    middle = float(np.average(score, weights=cells["n"]))
    low, high = float(score.min()), float(score.max())
    design = np.column_stack([score - middle, (score - middle) ** 2])
    # the slope at both ends, and the change of the slope from one point to the next
    directions = np.array([[1.0, 2 * (low - middle)], [1.0, 2 * (high - middle)], [0.0, 2.0]])
    names = ("slope at the lowest score", "slope at the highest score", "bend")
    rows = []
    for outcome in OUTCOMES:
        fit = _within(cells, cells[outcome] / cells["n"], design, ("score", "square of the score"))
        frame = told(directions @ fit.coefficient, fit.influence @ directions.T, conf_level=conf_level)
        frame.insert(0, "outcome", outcome)
        frame.insert(1, "quantity", names)
        frame["found_at_80"] = (ndtri(0.5 + conf_level / 2) + ndtri(_POWER)) * frame["std_error"]
        share = _upper_share(fit, middle, low, high, conf_level)
        rows += [
            *frame.to_dict("records"),
            {"outcome": outcome, "quantity": "upper half of the rise", **share},
        ]
    return pd.DataFrame(rows)


def _upper_share(
    fit: WithinSlopes, middle: float, low: float, high: float, conf_level: float
) -> dict[str, float]:
    """Return the share of the rise from lowest to highest score that comes in the upper half (Fieller 1954).

    Without bounds where the rise itself may be nought.
    """
    from scipy.special import stdtrit

    centre, half = (low + high) / 2, (high - low) / 2
    total = np.array([2 * half, 4 * half * (centre - middle)])
    upper = np.array([half, 2 * half * (centre - middle) + half**2])
    t = float(stdtrit(len(fit.influence) - 1, 0.5 + conf_level / 2))
    a, b = float(upper @ fit.coefficient), float(total @ fit.coefficient)
    aa, ab, bb = (float(u @ fit.covariance @ v) for u, v in ((upper, upper), (upper, total), (total, total)))
    ratio = a / b
    lead, linear, rest = b**2 - t**2 * bb, a * b - t**2 * ab, a**2 - t**2 * aa
    root = max(linear**2 - lead * rest, 0.0) ** 0.5
    bounded = lead > 0
    return {
        "estimate": ratio,
        "std_error": float((aa - 2 * ratio * ab + ratio**2 * bb) ** 0.5 / abs(b)),
        "conf_low": (linear - root) / lead if bounded else -np.inf,
        "conf_high": (linear + root) / lead if bounded else np.inf,
    }


def levels(said: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return each outcome at each score, within branches, as a multiple of its mean."""
    cells = said.groupby(["branch", "score"], as_index=False)[["n", *OUTCOMES]].sum()
    scores = np.unique(cells["score"])
    is_at = (cells["score"].to_numpy()[:, None] == scores).astype(float)
    n = cells["n"].to_numpy()
    shares = n @ is_at / n.sum()
    # what stands at each score, so that the mean over all answers is the mean
    back = (np.eye(len(scores)) - shares)[:, 1:]
    rows = []
    for outcome in OUTCOMES:
        mean = float(cells[outcome].sum() / n.sum())
        names = [f"score {score:g}" for score in scores[1:]]
        fit = _within(cells, cells[outcome] / n, is_at[:, 1:], names)
        frame = told(1 + back @ fit.coefficient / mean, fit.influence @ back.T / mean, conf_level=conf_level)
        frame.insert(0, "outcome", outcome)
        frame.insert(1, "score", scores)
        frame["n"] = (n @ is_at).astype(int)
        rows.append(frame.drop(columns="p_value"))
    return pd.concat(rows, ignore_index=True)


def correlations(said: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return the correlation of intention with each behaviour among the answers of a branch."""
    sums = said.groupby("branch").sum(numeric_only=True)
    n = sums["n"].to_numpy()

    def apart(product: str, one: str, other: str) -> Floats:
        return np.asarray(sums[product] - sums[one] * sums[other] / n)

    own = apart("intent_sq", "intent", "intent")
    rows = []
    for outcome in ("lines", "revenue", "stayed"):
        # of noughts and ones the square is the thing itself
        square = "stayed" if outcome == "stayed" else f"{outcome}_sq"
        both, other = apart(f"intent_{outcome}", "intent", outcome), apart(square, outcome, outcome)
        if not (
            own.sum() > _NOTHING * sums["intent_sq"].sum() and other.sum() > _NOTHING * sums[square].sum()
        ):
            raise DesignError(
                f"intention or {outcome} is the same in all answers of each branch: no correlation"
            )
        r = both.sum() / np.sqrt(own.sum() * other.sum())
        moved = r * (both / both.sum() - own / own.sum() / 2 - other / other.sum() / 2)
        rows.append(told(np.array([r]), moved[:, None], conf_level=conf_level))
    frame = pd.concat(rows, ignore_index=True)
    frame.insert(0, "outcome", ["lines", "revenue", "stayed"])
    return frame


def calibration(said: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return by tenth of intention how many stayed, and in a last row over all, beside what was stated."""
    rows = []
    for tenth, part in [*said.groupby("tenth"), (np.nan, said)]:
        n, stayed = (float(part[name].sum()) for name in ("n", "stayed"))
        kept, stated = stayed / n, float(part["intent"].sum()) / n
        low, high = _wilson(kept, n / _unlike(part, kept), conf_level)
        rows.append(
            {
                "tenth": tenth,
                "n": int(n),
                "stated": stated,
                "estimate": kept,
                "conf_low": low,
                "conf_high": high,
                "difference": kept - stated,
                # what was stated is known of those who stated it
                "difference_low": low - stated,
                "difference_high": high - stated,
            }
        )
    return pd.DataFrame(rows)


def _unlike(part: pd.DataFrame, kept: float) -> float:
    """Return by how much branches are more unlike than chance makes them, at least 1."""
    sums = part.groupby("branch")[["n", "stayed"]].sum()
    g, chance = len(sums), float(sums["n"].sum()) * kept * (1 - kept)
    if g < 2 or chance <= 0:
        return 1.0
    spread = float(((sums["stayed"] - kept * sums["n"]) ** 2).sum()) * g / (g - 1)
    return max(1.0, spread / chance)


def _wilson(share: float, n: float, conf_level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    z2 = float(ndtri(0.5 + conf_level / 2)) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = (z2 * (share * (1 - share) / n + z2 / (4 * n**2))) ** 0.5 / (1 + z2 / n)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def response(found: Answers, *, conf_level: float) -> pd.DataFrame:
    """Return what those who answered did less what those did who did not, within branches."""
    behaviour = [name for name in OUTCOMES if name != "intent"]
    parts = [
        part.groupby("branch", as_index=False)[["n", *behaviour]].sum().assign(flag=flag)
        for flag, part in ((1.0, found.said), (0.0, found.silent))
    ]
    if parts[1].empty:
        return pd.DataFrame(columns=["outcome", "estimate", "std_error", "conf_low", "conf_high", "p_value"])
    cells = pd.concat(parts, ignore_index=True).sort_values(["branch", "flag"], ignore_index=True)
    rows = []
    for outcome in behaviour:
        fit = _within(cells, cells[outcome] / cells["n"], cells[["flag"]].to_numpy(), ("answered",))
        rows.append(told(fit.coefficient, fit.influence, conf_level=conf_level).assign(outcome=outcome))
    frame = pd.concat(rows, ignore_index=True)
    return frame[["outcome", *(name for name in frame.columns if name != "outcome")]]


def _within(
    cells: pd.DataFrame, mean: pd.Series[float], design: Floats, names: Sequence[str]
) -> WithinSlopes:
    """Fit cell means weighted by their answers, within branches: what the single answers would give."""
    branch = np.unique(cells["branch"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    grid = Grid(
        unit=branch,
        period=np.zeros(len(branch), dtype=np.int64),
        cluster=branch,
        weights=cells["n"].to_numpy(dtype=float),
    )
    return within_slopes(np.asarray(mean, dtype=np.float64), design=design, grid=grid, names=names)
