"""Exercises and the check cell of notebook 10, on who lifts whom, staff or customers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cemlab import employees
from cemlab.data.leaving_months import leaving_months
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.employees import Mirror

#: What replacing a leaver costs in the notebook: lowest, most plausible and highest amount.
ITEMS = {
    "recruiting": (1500.0, 2500.0, 5000.0),
    "training": (800.0, 1200.0, 2000.0),
    "vacancy": (1000.0, 3000.0, 6000.0),
    "ramp-up": (2000.0, 4000.0, 8000.0),
}
#: The share of the leavers that would stay in the notebook's example.
EXAMPLE = 0.05
_HIGHER = 0.5
# One and a half standard errors of the path in the same month, 0.042 on Halden.
_THE_MIRROR = Tolerance(size=0.065)
# A right answer must never be taken for a figure that is printed beside it.
_TOO_NEAR = 0.01
# One and a half standard errors of the path in the next month over what is lost a month: 0.015 / 0.6.
_IN_THE_END = Tolerance(size=0.04)
# A count is right or not.
_A_COUNT = Tolerance(size=0.5)
# One and a half standard errors of the hazard ratio, carried through: 0.014 of 0.105 each.
_OF_LEAVERS = Tolerance(size=0.2, relative=True)


@lru_cache(maxsize=2)
def _paths(company: Company) -> dict[tuple[str, str], float]:
    """Return the planted paths by name and when."""
    rows = Oracle.of(company).engagement_paths().to_dict("records")
    return {(row["path"], row["when"]): float(row["truth"]) for row in rows}


def _there(company: Company) -> float:
    return _paths(company)["engagement to experience", "same month"]


def _back(company: Company) -> float:
    return _paths(company)["experience to engagement", "next month"]


def _memory(company: Company) -> float:
    return _paths(company)["engagement to engagement", "next month"]


@lru_cache(maxsize=2)
def _panel(company: Company) -> pd.DataFrame:
    return employees.engagement_months(company)[["branch", "engagement", "cx"]]


@lru_cache(maxsize=2)
def _mirror(company: Company) -> Mirror:
    return employees.mirror(employees.engagement_months(company), halves=("cx_a", "cx_b"))


def _beside(company: Company, way: str) -> float:
    """Return the path from staff to customers by another way; missing where that comes to the same."""
    path, answers = "engagement → experience", _mirror(company)
    value = float(answers.row(path, way=way)["estimate"])
    if abs(value - float(answers.row(path)["estimate"])) < _TOO_NEAR * abs(value):
        return float("nan")
    return value


def _correlation(company: Company) -> float:
    panel = _panel(company)
    return float(panel["engagement"].corr(panel["cx"]))


def _of_means(company: Company) -> float:
    means = _panel(company).groupby("branch").mean()
    return float(means["engagement"].corr(means["cx"]))


@lru_cache(maxsize=2)
def _ratios(company: Company) -> pd.DataFrame:
    """Return each branch's ratio in the last month with its interval, and the lower end if all took sides."""
    import pandas as pd

    persons = employees.person_months(company)
    last = persons[persons["month"] == persons["month"].max()]
    low, high = last["engagement"].quantile([1 / 3, 2 / 3])
    rows = []
    for _, score in last.groupby("branch")["engagement"]:
        kinds = (int((score > high).sum()), int((score < low).sum()))
        if not any(kinds):
            continue
        asked = len(score)
        own = employees.engagement_ratio(kinds, n=asked, neither=asked - sum(kinds)).table.iloc[0]
        all_of_them = employees.engagement_ratio(f"{kinds[0]} to {kinds[1]}", n=asked).table.iloc[0]
        rows.append((own["estimate"], own["conf_low"], own["conf_high"], all_of_them["conf_low"]))
    return pd.DataFrame(rows, columns=["ratio", "low", "high", "low_of_asked"])


def _above_even(company: Company, column: str = "low") -> float:
    return float((_ratios(company)[column] > 1).sum())


@lru_cache(maxsize=2)
def _pace(company: Company) -> tuple[int, int]:
    """Return leavers, and the months in which they were counted."""
    cells = leaving_months(company)
    return int(cells["left"].sum()), int(cells["month"].nunique())


def _cost(company: Company, *, lower_by: float = 1.0, a_year: bool = True) -> float:
    """Return what so large a share of the leavers costs."""
    leavers, months = _pace(company)
    each = sum(sum(ends) / 3 for ends in ITEMS.values())
    return leavers * (12 / months if a_year else 1.0) * each * lower_by


def _fewer(company: Company, higher: float = _HIGHER) -> float:
    """Return the share of the leavers that would stay, engagement so much higher."""
    planted: float = Oracle.of(company).halden.world.network.leaving_per_engagement
    return 1.0 - float(planted**higher)


EXERCISES = (
    Exercise(
        number="10.a",
        asks="how much experience, in standard deviations, goes with one more standard deviation of "
        "engagement in the same branch and month, a number",
        truth=_there,
        form="number",
        tolerance=_THE_MIRROR,
        hint="Look again at the section “The estimate”: the path within branches, corrected.",
        traps=(
            Trap(
                name="the correlation over all branches and months",
                value=_correlation,
                hint="both ways are in it, and what branches are for good.",
            ),
            Trap(
                name="the correlation of branches' means",
                value=_of_means,
                hint="that is what branches are for good; compare each branch with itself.",
            ),
            Trap(
                name="the path in spreads within branches",
                value=lambda company: float(_mirror(company).compared["estimate"].iloc[0]),
                hint="that is stretched to compare both directions; take the first path told, before that.",
            ),
            Trap(
                name="the row called uncorrected",
                value=lambda company: _beside(company, "within units, uncorrected"),
                hint="the pull of short panels is still in it; on another company it would be further off.",
                printed=True,
            ),
            Trap(
                name="the row without levels of branches",
                value=lambda company: _beside(company, "no unit levels"),
                hint="what branches are for good is in it; take the row that is corrected.",
                printed=True,
            ),
            Trap(
                name="the way back",
                value=_back,
                hint="that is what engagement has of the experience before; asked is the other direction.",
            ),
        ),
    ),
    Exercise(
        number="10.1",
        asks="how many standard deviations higher engagement is in the end where experience is one higher "
        "for good, a number",
        truth=lambda company: _paths(company)["experience to engagement", "in the end"],
        form="number",
        tolerance=_IN_THE_END,
        hint="Take the path from experience to engagement, and divide it by what is lost of a departure "
        "each month.",
        traps=(
            Trap(
                name="the next month alone",
                value=_back,
                hint="part of each month's gain is still there when the next one comes.",
            ),
            Trap(
                name="what is left instead of what is lost",
                value=lambda company: _back(company) / _memory(company),
                hint="gains pile up until as much is lost a month as comes; divide by the share lost.",
            ),
            Trap(
                name="both paths added up",
                value=lambda company: _there(company) + _back(company),
                hint="asked is one direction only: from customers to staff.",
            ),
            Trap(
                name="the correlation",
                value=_correlation,
                hint="that mixes both directions with what branches are for good.",
            ),
        ),
    ),
    Exercise(
        number="10.2",
        asks="in how many branches the interval of the ratio of engaged to disengaged persons lies wholly "
        "above even, a number",
        truth=_above_even,
        form="number",
        tolerance=_A_COUNT,
        counted=True,
        hint="Give each branch its own number of persons, and look at the lower end of the interval.",
        traps=(
            Trap(
                name="the ratios without their intervals",
                value=lambda company: _above_even(company, "ratio"),
                hint="a ratio above even may be chance; it is the lower end that has to lie there.",
            ),
            Trap(
                name="everybody asked taken for one or the other",
                value=lambda company: _above_even(company, "low_of_asked"),
                hint="who is neither says nothing on the ratio; hand them over as neither.",
            ),
            Trap(
                name="both sides of even",
                value=lambda company: float(
                    ((_ratios(company)["low"] > 1) | (_ratios(company)["high"] < 1)).sum()
                ),
                hint="those with more disengaged persons were counted along.",
            ),
        ),
    ),
    Exercise(
        number="10.3",
        asks="what a year's leavers would cost less if engagement were half a standard deviation higher and "
        "leaving followed, in EUR, a number",
        truth=lambda company: _cost(company, lower_by=_fewer(company)),
        form="number",
        tolerance=_OF_LEAVERS,
        hint="Take the hazard ratio for half a standard deviation; what is missing to one is the share "
        "that stays.",
        traps=(
            Trap(
                name="a whole standard deviation",
                value=lambda company: _cost(company, lower_by=_fewer(company, 1.0)),
                hint="hazard ratios multiply; for half a step take the root.",
            ),
            Trap(
                name="the example above",
                value=lambda company: _cost(company, lower_by=EXAMPLE),
                hint="its share of leavers that stay was stated; asked is that of the hazard ratio.",
            ),
            Trap(
                name="the cost of all leavers",
                value=_cost,
                hint="most would leave all the same; count those who would stay.",
            ),
            Trap(
                name="all months of the data",
                value=lambda company: _cost(company, lower_by=_fewer(company), a_year=False),
                hint="asked is one year; divide by the years in which the leavers were counted.",
            ),
        ),
    ),
)
