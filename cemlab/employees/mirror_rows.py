"""The rows of the mirror: both directions by several ways, with intervals from leaving branches out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.employees.mirror_panel import MirrorPanel, PersonRows
from cemlab.employees.telling import plural
from cemlab.stats.cross_lags import CrossLags, LagMethod, cross_lags
from cemlab.stats.person_lags import PersonLags, person_lags

Floats = npt.NDArray[np.float64]

STAFF_FIRST = "engagement → experience"
CUSTOMERS_FIRST = "experience → engagement"
MEMORY = "memory of engagement"
TOGETHER = "both together"

#: How the rows were reached, from what is to be believed to what is shown beside it.
CORRECTED, PLAIN, TRADITIONAL, NAIVE = (
    "within units, corrected",
    "within units, uncorrected",
    "no unit levels",
    "correlation",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Estimated:
    """All estimates behind the rows."""

    best: CrossLags
    plain: CrossLags
    traditional: CrossLags
    persons: PersonLags | None


def estimate(read: MirrorPanel, rows: PersonRows | None, method: LagMethod) -> Estimated:
    """Return both directions by all ways."""
    best = cross_lags(read.engagement, second=read.experience, halves=read.halves, method=method)
    persons = None
    if rows is not None:
        score = read.experience
        parts = (score, score) if read.halves is None else read.halves
        persons = person_lags(
            rows.outcome,
            before=rows.before,
            score=score[rows.unit, rows.period],
            halves=(parts[0][rows.unit, rows.period], parts[1][rows.unit, rows.period]),
            person=rows.spell,
            period=rows.period,
            group=rows.unit,
            feedback=best.same_period / rows.staff,
            staff=rows.staff,
        )
    return Estimated(
        best=best,
        plain=cross_lags(read.engagement, second=read.experience, method="within"),
        traditional=cross_lags(read.engagement, second=read.experience, method="no unit levels"),
        persons=persons,
    )


def table_of(
    read: MirrorPanel, found: Estimated, conf_level: float, units: tuple[str, str] = ("unit", "unit")
) -> pd.DataFrame:
    """Return one row an estimate, in these units of engagement and experience."""
    on_experience = f"{units[1]} of experience per {units[0]} of engagement"
    on_engagement = f"{units[0]} of engagement per {units[1]} of experience"
    now, later = f"same {read.time}", f"next {read.time}"
    of_units, of_persons = f"{read.unit}-{plural(read.time)}", f"person-{plural(read.time)}"
    rows = []
    for way, lags in ((CORRECTED, found.best), (PLAIN, found.plain), (TRADITIONAL, found.traditional)):
        same, back, memory = (lags.left_out[:, at] for at in (4, 1, 0))
        rows.append((STAFF_FIRST, now, way, of_units, on_experience, lags.same_period, same))
        if way == TRADITIONAL:
            rows.append(
                (
                    STAFF_FIRST,
                    later,
                    way,
                    of_units,
                    on_experience,
                    lags.lags[1, 0],
                    lags.left_out[:, 2],
                )
            )
        if way == TRADITIONAL or found.persons is None:
            rows.append((CUSTOMERS_FIRST, later, way, of_units, on_engagement, lags.lags[0, 1], back))
            rows.append((MEMORY, later, way, of_units, "share left", lags.lags[0, 0], memory))
    if found.persons is not None:
        own = found.persons
        for way, memory_path, left in (
            (CORRECTED, (own.memory, own.path), own.left_out),
            (PLAIN, tuple(own.uncorrected), own.uncorrected_left_out),
        ):
            what = (later, way, of_persons)
            rows.append((CUSTOMERS_FIRST, *what, on_engagement, memory_path[1], left[:, 1]))
            rows.append((MEMORY, *what, "share left", memory_path[0], left[:, 0]))
    told = [
        {
            "path": path,
            "when": when,
            "way": way,
            "rows": of,
            "unit": unit,
            **interval(float(value), left, conf_level),
        }
        for path, when, way, of, unit, value, left in rows
    ]
    told.append(
        {
            "path": TOGETHER,
            "when": now,
            "way": NAIVE,
            "rows": of_units,
            "unit": "correlation",
            **_correlation(read, conf_level),
        }
    )
    ways = [CORRECTED, PLAIN, TRADITIONAL, NAIVE]
    table = pd.DataFrame(told)
    order = table["way"].map(ways.index)
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def compared(found: Estimated, conf_level: float) -> pd.DataFrame:
    """Return both paths in standard deviations within units and months, and their difference."""
    best = found.best
    staff, customers = best.spread
    spreads = best.left_out[:, 5:7]
    back, back_left = best.lags[0, 1], best.left_out[:, 1]
    if found.persons is not None:
        back, back_left = found.persons.path, found.persons.left_out[:, 1]
    ratio, ratios = staff / customers, spreads[:, 0] / spreads[:, 1]
    first, firsts = best.same_period * ratio, best.left_out[:, 4] * ratios
    second, seconds = back / ratio, back_left / ratios
    return pd.DataFrame(
        [
            {"path": STAFF_FIRST, **interval(first, firsts, conf_level)},
            {"path": CUSTOMERS_FIRST, **interval(second, seconds, conf_level)},
            {"path": "difference", **interval(first - second, firsts - seconds, conf_level)},
        ]
    )


def interval(value: float, left_out: Floats, conf_level: float) -> dict[str, float]:
    """Return estimate, std_error, conf_low, conf_high and p_value by the jackknife over units."""
    from scipy.stats import t

    n = len(left_out)
    error = float(np.sqrt(((left_out - value) ** 2).sum() * (n - 1) / n))
    reach = float(t.ppf((1 + conf_level) / 2, n - 1)) * error
    p = float(2 * t.sf(abs(value) / error, n - 1)) if error > 0 else float("nan")
    return {
        "estimate": float(value),
        "std_error": error,
        "conf_low": float(value - reach),
        "conf_high": float(value + reach),
        "p_value": p,
    }


def _correlation(read: MirrorPanel, conf_level: float) -> dict[str, float]:
    """Return the correlation over all branch-months, its interval on the scale of Fisher's z."""
    x, y = read.engagement, read.experience
    sums = np.stack([v.sum(axis=1) for v in (np.ones_like(x), x, y, x * x, x * y, y * y)])
    whole = sums.sum(axis=1, keepdims=True)
    z = np.arctanh(_r(np.concatenate([whole, whole - sums], axis=1)))
    told = interval(float(z[0]), z[1:], conf_level)
    slope = 1 - np.tanh(z[0]) ** 2
    return {
        "estimate": float(np.tanh(z[0])),
        "std_error": told["std_error"] * float(slope),
        "conf_low": float(np.tanh(told["conf_low"])),
        "conf_high": float(np.tanh(told["conf_high"])),
        "p_value": told["p_value"],
    }


def _r(sums: Floats) -> Floats:
    n, x, y, xx, xy, yy = sums
    return np.asarray((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)))
