"""The angry and the delighted answer: how far a mean score may lie from that of all who were asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.non_response_result import ANSWERED, ANYWHERE, WEIGHTED, NonResponse, apart_way
from cemlab.markup import number
from cemlab.result import check_conf_level
from cemlab.stats.selected import Bounds, bounds_interval

# answers that a cell needs to speak for its silent; smaller cells are taken together
_ENOUGH = 10
_COUNTS = ("sent", "answered", "total", "squares")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def non_response(
    counted: pd.DataFrame,
    *,
    traits: Sequence[str] | None = None,
    group: str | None = None,
    apart: float = 0.5,
    low: float | None = None,
    high: float | None = None,
    conf_level: float = 0.95,
) -> NonResponse:
    """Answer how far those who did not answer may move a mean score, in all and by branch.

    Parameters
    ----------
    counted
        From :func:`cemlab.data.survey_responses.survey_responses`: one row a cell of traits.
    traits
        Those whose cells carry the weights; all that were counted, but for `group`, where None.
    group
        A counted trait whose classes are compared, e.g. ``"branch"``.
    apart
        By how many points of the score the silent may differ, on average, from those of their cell who
        answered: an assumption, which nothing here can check.
    low, high
        Ends of the scale, where they are not those of the data contract.
    conf_level
        Of the intervals.

    Returns
    -------
    NonResponse
        Its table has one row a way.

    Raises
    ------
    ColumnError, OptionError
        For traits and options that cannot be.
    DesignError
        If nobody or everybody answered, or the scale has no ends.

    Notes
    -----
    Each answer counts for as many as were asked in its cell over those who answered there. That is right
    where, within a cell, the silent are like the others. Where both ends answer more than the middle, they
    are not, in no cell, and weights repair nothing; so the bounds stand beside. The mean is that of the
    questionnaires sent, as if each were a person of its own: counts of cells do not tell who answered twice,
    and with m answers each that correlate by r, errors are √(1 + (m − 1) r) times as large.

    References
    ----------
    Manski, C. F. (2003). Partial identification of probability distributions. Springer, chapter 1.
    Little, R. J. A., & Rubin, D. B. (2019). Statistical analysis with missing data, 3rd ed. Wiley, chapter 3.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["chat", "telephone"], "sent": [100, 100], "answered": [80, 20],
    ...                       "total": [320.0, 40.0], "squares": [1360.0, 100.0]})
    >>> found = non_response(cells, low=1, high=5)
    >>> found.table["estimate"].round(2).tolist()
    [3.6, 3.0, 3.0, 3.3]
    """
    check_conf_level(conf_level)
    names, ends, score = _read(counted, traits, group, apart, low, high)
    cells = (
        counted.groupby(names, dropna=False, sort=True)[list(_COUNTS)].sum().reset_index()
        if names
        else (counted[list(_COUNTS)].sum().to_frame().T)
    )
    sent, answered = int(cells["sent"].sum()), int(cells["answered"].sum())
    if not 1 < answered < sent:
        raise DesignError(
            f"{answered:,} of {sent:,} questionnaires came back; there is nothing to weigh with all of them, "
            "and nothing to weigh by with none"
        )
    home, together = _cells(cells)
    weights = _weights(cells, home)
    table = pd.DataFrame(_rows(cells, home, ends, apart, conf_level))
    shown = cells[[*names, "sent", "answered"]].assign(
        share=cells["answered"] / cells["sent"],
        mean=cells["total"] / cells["answered"].where(cells["answered"] > 0),
    )
    groups = _groups(counted, cells.assign(weight=weights), names, group, ends)
    return NonResponse(
        table=table,
        evidence=_evidence(table, sent, answered, names, score, counted, apart),
        conf_level=conf_level,
        groups=groups,
        cells=shown,
        together=together,
        apart=float(apart),
        score=score,
    )


def _read(
    counted: pd.DataFrame,
    traits: Sequence[str] | None,
    group: str | None,
    apart: float,
    low: float | None,
    high: float | None,
) -> tuple[list[str], tuple[float, float], str]:
    """Return the traits, the ends of the scale and the score's name."""
    there = [str(name) for name in counted.columns if name not in _COUNTS]
    for name in _COUNTS:
        if name not in counted.columns:
            raise ColumnError(f"counted: {one_of(name, map(str, counted.columns), what='column')}")
    asked = [name for name in there if name != group] if traits is None else list(traits)
    for name in (*asked, *((group,) if group is not None else ())):
        if name not in there:
            raise ColumnError(f"counted: {one_of(name, there, what='trait')}")
    bottom = counted.attrs.get("low") if low is None else low
    top = counted.attrs.get("high") if high is None else high
    if bottom is None or top is None or not bottom < top:
        raise DesignError(
            f"the scale runs from {bottom} to {top}; bounds need both ends: name low=… and high=…"
        )
    if not 0 <= apart <= top - bottom:
        raise OptionError(
            f"apart is {apart!r}; allowed: 0 to {top - bottom:g} points, the length of the scale"
        )
    known = counted[counted["answered"] > 0]
    means = known["total"] / known["answered"]
    if len(known) and (means.min() < bottom or means.max() > top):
        raise DesignError(
            f"scores lie outside the scale of {bottom:g} to {top:g}; name its ends: low=… and high=…"
        )
    return asked, (float(bottom), float(top)), str(counted.attrs.get("score", "score"))


def _cells(cells: pd.DataFrame) -> tuple[Ints, int]:
    """Return each row's cell, those with too few answers taken together, and how many those are."""
    few = (cells["answered"] < _ENOUGH).to_numpy()
    home = np.arange(len(cells))
    if few.any() and not few.all():
        if cells.loc[few, "answered"].sum() < _ENOUGH:
            # even together they are too few: they join the cell with the most answers
            home[few] = int(cells["answered"].to_numpy().argmax())
        else:
            home[few] = int(np.flatnonzero(few)[0])
    elif few.all():
        home[:] = 0
    return np.unique(home, return_inverse=True)[1].astype(np.int64), int(few.sum())


def _weights(cells: pd.DataFrame, home: Ints) -> Floats:
    """Return for how many each answer of a row stands."""
    sent, answered = (np.bincount(home, weights=cells[name]) for name in ("sent", "answered"))
    return np.asarray((sent / answered)[home])


def _rows(
    cells: pd.DataFrame,
    home: Ints,
    ends: tuple[float, float],
    apart: float,
    conf_level: float,
) -> list[dict[str, Any]]:
    """Return one row a way."""
    from scipy.special import ndtri

    z = float(ndtri(0.5 + conf_level / 2))
    sent, n = float(cells["sent"].sum()), float(cells["answered"].sum())
    total, squares = float(cells["total"].sum()), float(cells["squares"].sum())
    mean = total / n
    spread = max(squares / n - mean**2, 0.0) * n / max(n - 1, 1)
    # of the questionnaires sent, those not answered are what is not known
    silent = 1 - n / sent
    error = float(np.sqrt(spread / n * silent))
    stacked = {name: np.bincount(home, weights=cells[name]) for name in _COUNTS}
    own = stacked["total"] / stacked["answered"]
    part = stacked["sent"] / sent
    within = np.maximum(stacked["squares"] / stacked["answered"] - own**2, 0.0)
    within *= stacked["answered"] / np.maximum(stacked["answered"] - 1, 1)
    left = 1 - stacked["answered"] / stacked["sent"]
    weighted = float(part @ own)
    weighted_error = float(np.sqrt((part**2 * within / stacked["answered"] * left).sum()))

    def point(way: str, estimate: float, error: float) -> dict[str, Any]:
        return {
            "way": way,
            "estimate": estimate,
            "bound_low": np.nan,
            "bound_high": np.nan,
            "conf_low": estimate - z * error,
            "conf_high": estimate + z * error,
            "bounds": False,
        }

    def between(way: str, low: float, high: float, error: float) -> dict[str, Any]:
        low, high = max(low, ends[0]), min(high, ends[1])
        held = bounds_interval(
            Bounds(low=low, high=high, low_error=error, high_error=error), conf_level=conf_level
        )
        return point(way, (low + high) / 2, 0.0) | {
            "bound_low": low,
            "bound_high": high,
            "conf_low": held[0],
            "conf_high": held[1],
            "bounds": True,
        }

    return [
        point(ANSWERED, mean, error),
        point(WEIGHTED, weighted, weighted_error),
        between(apart_way(apart), weighted - silent * apart, weighted + silent * apart, weighted_error),
        # with the silent at either end of the scale nothing is drawn by chance any more
        between(ANYWHERE, (total + (sent - n) * ends[0]) / sent, (total + (sent - n) * ends[1]) / sent, 0.0),
    ]


def _groups(
    counted: pd.DataFrame,
    cells: pd.DataFrame,
    names: list[str],
    group: str | None,
    ends: tuple[float, float],
) -> pd.DataFrame:
    """Return each group's score as answered, weighted and bounded."""
    columns = [
        "group", "sent", "answered", "share", "answered_mean", "weighted_mean", "moved", "rank",
        "weighted_rank", "bound_low", "bound_high",
    ]  # fmt: skip
    if group is None:
        return pd.DataFrame(columns=columns)
    if names:
        weighed = counted.merge(cells[[*names, "weight"]], on=names, how="left")
    else:
        weighed = counted.assign(weight=1.0)
    weighed = weighed.assign(
        top=weighed["weight"] * weighed["total"], below=weighed["weight"] * weighed["answered"]
    )
    added = weighed.groupby(group, dropna=False, sort=True)[
        ["sent", "answered", "total", "top", "below"]
    ].sum()
    some = added["answered"].where(added["answered"] > 0)
    plain, weighted = added["total"] / some, added["top"] / added["below"].where(some.notna())
    gone = added["sent"] - added["answered"]
    found = pd.DataFrame(
        {
            "sent": added["sent"],
            "answered": added["answered"],
            "share": added["answered"] / added["sent"],
            "answered_mean": plain,
            "weighted_mean": weighted,
            "moved": weighted - plain,
            "rank": plain.rank(ascending=False, method="min"),
            "weighted_rank": weighted.rank(ascending=False, method="min"),
            "bound_low": (added["total"] + gone * ends[0]) / added["sent"],
            "bound_high": (added["total"] + gone * ends[1]) / added["sent"],
        }
    )
    found.insert(0, "group", [str(name) for name in found.index])
    return found.reset_index(drop=True)


def _evidence(
    table: pd.DataFrame,
    sent: int,
    answered: int,
    names: list[str],
    score: str,
    counted: pd.DataFrame,
    apart: float,
) -> Evidence:
    first, second = table["estimate"].iloc[0], table["estimate"].iloc[1]
    # the share of the silent turns a difference of theirs into one of the mean
    tenth = 0.1 / (1 - answered / sent)
    return Evidence(
        grade="descriptive",
        design=f"Mean {score} of {sent:,} questionnaires sent, of which {answered:,} came back.",
        unit="questionnaires",
        n_used=answered,
        n_given=sent,
        source=str(counted.attrs.get("source", "")),
        assumptions=(
            f"Among like {', '.join(names) or 'questionnaires'}, the silent are like those who answered "
            "(weights).",
            f"The silent differ by at most {apart:g} points from those like them (second bounds).",
            "Each questionnaire is a person of its own; where customers answer several, and alike each time, "
            "intervals are too narrow.",
        ),
        checks=(
            Check(
                name="who answers",
                null="the silent feel as those like them who answered",
                passed=None,
                detail=(
                    f"Recorded traits move the mean by {number(second - first)}; what they do not tell, "
                    "anger and delight above all, cannot be seen. If the silent are "
                    f"{number(tenth)} points lower, the mean is 0.1 lower."
                ),
                remedy="Ask a drawn sample of the silent again, by telephone, and compare.",
            ),
        ),
    )
