"""Exercises and check cells of notebook 04, on who is still there."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cemlab import survival
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_ONE_YEAR, _TWO_YEARS = 365, 730
_POINT = Tolerance(size=0.01)
_ENTRY = "observed_after"


@lru_cache(maxsize=2)
def _spells(company: Company) -> pd.DataFrame:
    spells: pd.DataFrame = survival.spells(company).to_pandas()
    return spells


def _curve(
    spells: pd.DataFrame, *, entry: str | None = _ENTRY, group: str | None = None
) -> survival.RetentionCurve:
    return survival.retention_curve(
        spells, duration="duration", event="left", entry=entry, group=group, unit="days"
    )


def _still(spells: pd.DataFrame, days: float, *, entry: str | None = _ENTRY) -> float:
    return float(_curve(spells, entry=entry).at(days)["estimate"].iloc[0])


def _ended(company: Company) -> pd.DataFrame:
    spells = _spells(company)
    return spells[spells["left"]]


def _true_share(company: Company) -> float:
    return float(Oracle.of(company).retention(_TWO_YEARS)["truth"].iloc[0])


def _by_plan(company: Company, *, entry: str | None = _ENTRY) -> pd.DataFrame:
    """Return the share still there after one and two years (columns), by plan (rows)."""
    at = _curve(_spells(company), entry=entry, group="plan").at(_ONE_YEAR, _TWO_YEARS)
    return at.pivot(index="group", columns="time", values="estimate")


def _by_name(values: pd.Series[float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _second_year(company: Company, *, entry: str | None = _ENTRY) -> dict[str, float]:
    at = _by_plan(company, entry=entry)
    return _by_name(1 - at[_TWO_YEARS] / at[_ONE_YEAR])


def _without_stayers(company: Company, *, entry: str | None = _ENTRY, days: float = _ONE_YEAR) -> float:
    """Return by how much the share still there changes if those who stayed are thrown out."""
    ended = _still(_ended(company), days, entry=entry)
    return ended - _still(_spells(company), days, entry=entry)


@lru_cache(maxsize=4)
def _wider(company: Company, days: float = _TWO_YEARS) -> float:
    """Return how many times as wide the interval is if only those seen from the start are used."""
    spells = _spells(company)
    widths = []
    for part in (spells[spells[_ENTRY] == 0], spells):
        row = _curve(part).at(days).iloc[0]
        widths.append(float(row["conf_high"] - row["conf_low"]))
    return widths[0] / widths[1]


EXERCISES = (
    Exercise(
        number="04.a",
        asks="the share of customers still there after two years of contract, between 0 and 1",
        truth=_true_share,
        form="share",
        tolerance=Tolerance(size=0.03),
        hint="Look again at the section “How many are still there”, and at who was at risk when.",
        traps=(
            Trap(
                name="late entry ignored",
                value=lambda company: _still(_spells(company), _TWO_YEARS, entry=None),
                hint="who left before observation began is in no table; declare entry='observed_after'.",
            ),
            Trap(
                name="the share of the file that has not left",
                value=lambda company: float(1 - _spells(company)["left"].mean()),
                hint="that has no period; read the curve at two years.",
            ),
            Trap(
                name="the first horizon",
                value=lambda company: _still(_spells(company), _ONE_YEAR),
                hint="that is one year; asked are two.",
            ),
            Trap(
                name="the share that left",
                value=lambda company: 1 - _still(_spells(company), _TWO_YEARS),
                hint="asked are those still there.",
            ),
            Trap(
                name="the spells that ended alone",
                value=lambda company: _still(_ended(company), _TWO_YEARS),
                hint="those still there belong to it too, as long as they were watched.",
            ),
        ),
    ),
    Exercise(
        number="04.1",
        asks="the share of those still there after one year that left within the second, for each plan",
        truth=_second_year,
        form="share",
        by="plan",
        tolerance=_POINT,
        hint="Look again at the curves by contract: out of whom is the share of the second year?",
        traps=(
            Trap(
                name="the risk of two years",
                value=lambda company: _by_name(1 - _by_plan(company)[_TWO_YEARS]),
                hint="it counts from the start; asked are only those who got through the first year.",
            ),
            Trap(
                name="the risk of the first year",
                value=lambda company: _by_name(1 - _by_plan(company)[_ONE_YEAR]),
                hint="asked is the second, among those who got through the first.",
            ),
            Trap(
                name="the share that stayed",
                value=lambda company: {name: 1 - left for name, left in _second_year(company).items()},
                hint="asked are those who left.",
            ),
            Trap(
                name="a part of all who began",
                value=lambda company: _by_name(_by_plan(company)[_ONE_YEAR] - _by_plan(company)[_TWO_YEARS]),
                hint="divide by those still there after one year.",
            ),
            Trap(
                name="late entry ignored",
                value=lambda company: _second_year(company, entry=None),
                hint="declare entry='observed_after'.",
            ),
        ),
    ),
    Exercise(
        number="04.2",
        asks="by how much the share still there after one year changes if only ended spells are used, "
        "a difference of two shares between -1 and 1 (ended spells less all spells)",
        truth=_without_stayers,
        form="difference of shares",
        tolerance=_POINT,
        hint="Look again at how a curve is made of those at risk; which customers does each of the two hold?",
        traps=(
            Trap(
                name="the other way round",
                value=lambda company: -_without_stayers(company),
                hint="subtract all spells from the ended ones; mind the sign.",
            ),
            Trap(
                name="late entry ignored",
                value=lambda company: _without_stayers(company, entry=None),
                hint="declare entry='observed_after' in both curves.",
            ),
            Trap(
                name="one curve and not the change",
                value=lambda company: _still(_ended(company), _ONE_YEAR),
                hint="subtract the curve of all spells from it.",
            ),
            Trap(
                name="the relative change",
                value=lambda company: _without_stayers(company) / _still(_spells(company), _ONE_YEAR),
                hint="asked is the difference of the two shares, divided by nothing.",
            ),
            Trap(
                name="the second horizon",
                value=lambda company: _without_stayers(company, days=_TWO_YEARS),
                hint="that is two years; asked is one.",
            ),
        ),
    ),
    Exercise(
        number="04.3",
        asks="how many times as wide the interval after two years is with only the customers seen from the "
        "start, a number",
        truth=_wider,
        form="number",
        tolerance=Tolerance(size=0.05, relative=True),
        hint="Look again at the end of the section “Sensitivity”: how sure is each of the two curves?",
        traps=(
            Trap(
                name="the ratio the other way round",
                value=lambda company: 1 / _wider(company),
                hint="divide the width from fewer customers by the width from all.",
            ),
            Trap(
                name="the first horizon",
                value=lambda company: _wider(company, _ONE_YEAR),
                hint="that is one year; asked are two.",
            ),
            Trap(
                name="how many customers are lost",
                value=lambda company: len(_spells(company)) / float((_spells(company)[_ENTRY] == 0).sum()),
                hint="asked are the widths of the intervals, and not the numbers of customers.",
            ),
            Trap(
                name="the increase and not the multiple",
                value=lambda company: _wider(company) - 1,
                hint="an interval as wide as the other has the multiple one.",
            ),
        ),
    ),
)
