"""Exercises and the check cell of notebook 09, on whether the training of the front line worked."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cemlab import training
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_SCORE = "cx"
_BRANCHES, _MONTHS = 8, 12
# One and a half standard errors of the overall figure, 0.067 on Halden.
_THE_PANEL = Tolerance(size=0.1)
# The same panel gives the same weights and the same figure but for rounding to three or four decimals.
_SAME_PANEL = Tolerance(size=0.0006)
# Other seeds and fewer draws move a simulated study by a few hundredths of itself.
_SAME_PLAN = Tolerance(size=0.08, relative=True)


@lru_cache(maxsize=2)
def _panel(company: Company) -> pd.DataFrame:
    return training.branch_panel(company)


def _trained(panel: pd.DataFrame) -> pd.DataFrame:
    return panel[panel["first_trained"].notna()]


def _since(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the months of the trained since their training."""
    own = _trained(panel)
    return own[own["month"] >= own["first_trained"]]


@lru_cache(maxsize=2)
def _true_effect(company: Company) -> float:
    """Return the mean effect over the trained branches and their months since the training."""
    import pandas as pd

    each = Oracle.of(company).effect("training", on="experience", by="branch_month").table
    each = each.assign(month=pd.to_datetime(each["month"]))
    since = _since(_panel(company)).merge(each, on=["branch", "month"], validate="one_to_one")
    return float(since["effect"].mean())


def _before_and_after(company: Company) -> float:
    own = _trained(_panel(company))
    before = own[own["month"] < own["first_trained"]]
    return float(_since(own)[_SCORE].mean() - before[_SCORE].mean())


def _last_year(company: Company) -> float:
    import pandas as pd

    panel = _panel(company)
    year = panel[panel["month"] > panel["month"].max() - pd.DateOffset(years=1)]
    scores = year.groupby(year["first_trained"].notna())[_SCORE].mean()
    return float(scores.loc[True] - scores.loc[False])


@lru_cache(maxsize=2)
def _weights(company: Company) -> pd.DataFrame:
    return training.two_way_weights(_trained(_panel(company)), outcome=_SCORE).table


def _negative(company: Company) -> float:
    return float(_weights(company)["estimate"].clip(upper=0).sum())


@lru_cache(maxsize=8)
def _smallest(company: Company, branches: int = _BRANCHES, months: int = _MONTHS) -> float:
    plan = training.plan_study(_panel(company), outcome=_SCORE, branches=[branches], months=[months])
    return float(plan.table["estimate"].iloc[0])


def _overall(panel: pd.DataFrame) -> float:
    effects = training.group_time_effects(panel, outcome=_SCORE)
    return float(effects.overall().table["estimate"].iloc[0])


def _unreached(company: Company) -> pd.DataFrame:
    """Return the panel without untrained branches that have trained neighbours."""
    panel = _panel(company)
    reached = panel["region"].isin(set(_trained(panel)["region"]))
    return panel[panel["first_trained"].notna() | ~reached]


@lru_cache(maxsize=2)
def _clean(company: Company) -> float:
    return _overall(_unreached(company))


@lru_cache(maxsize=2)
def _clean_two_way(company: Company) -> float:
    return training.two_way_weights(_unreached(company), outcome=_SCORE).coefficient


@lru_cache(maxsize=2)
def _neighbours_only(company: Company) -> float:
    """Return the overall figure with the untrained neighbours alone as those never trained."""
    panel = _panel(company)
    return _overall(panel[panel["region"].isin(set(_trained(panel)["region"]))])


EXERCISES = (
    Exercise(
        number="09.a",
        asks="by how much the training changed the score of the trained branches, on average over them and "
        "the months since, a number",
        truth=_true_effect,
        form="number",
        tolerance=_THE_PANEL,
        hint="Look again at the section “The estimate”: each wave against branches not trained by then.",
        traps=(
            Trap(
                name="before and after",
                value=_before_and_after,
                hint="whatever else happened meanwhile, in all branches, is in it.",
            ),
            Trap(
                name="trained against untrained, last year",
                value=_last_year,
                hint="what set them apart before is in it; take the difference that was there already off.",
            ),
        ),
    ),
    Exercise(
        number="09.1",
        asks="what the negative weights of two-way fixed effects add up to if all branches were trained at "
        "some time, a number",
        truth=_negative,
        form="number",
        tolerance=_SAME_PANEL,
        hint="Leave out the branches that were never trained, and add up the weights below zero.",
        traps=(
            Trap(
                name="the number of cells",
                value=lambda company: float((_weights(company)["estimate"] < 0).sum()),
                hint="that is how many weights are below zero; asked is what they add up to.",
            ),
            Trap(
                name="the sum without its sign",
                value=lambda company: -_negative(company),
                hint="weights below zero add up to something below zero.",
            ),
            Trap(
                name="the share of the cells",
                value=lambda company: float((_weights(company)["estimate"] < 0).mean()),
                hint="asked is the sum of the weights, not how many of them there are.",
            ),
            Trap(
                name="the branches as they are",
                value=lambda company: 0.0,  # noqa: ARG005 (the never trained keep all weights above zero)
                hint="leave out the branches that were never trained first.",
            ),
        ),
    ),
    Exercise(
        number="09.2",
        asks="which change in the score a study of eight branches, half of them trained, finds four times in "
        "five within a year of the training, a number",
        truth=_smallest,
        form="number",
        tolerance=_SAME_PLAN,
        hint="Plan the study from the months before the first wave, for eight branches and twelve months.",
        traps=(
            Trap(
                name="all sixty branches",
                value=lambda company: _smallest(company, branches=60),
                hint="the trial has eight branches.",
            ),
            Trap(
                name="a study of three months",
                value=lambda company: _smallest(company, months=3),
                hint="the branches are observed for twelve months after the training.",
            ),
        ),
    ),
    Exercise(
        number="09.3",
        asks="the overall figure against clean controls: untrained branches of regions where nobody was ever "
        "trained, a number",
        truth=_clean,
        form="number",
        tolerance=_SAME_PANEL,
        hint="Keep all trained branches, and the untrained ones of regions without any trained branch.",
        traps=(
            Trap(
                name="the neighbours alone",
                value=_neighbours_only,
                hint="those are the ones that may have gained; leave them out and keep the others.",
            ),
            Trap(
                name="all untrained branches as controls",
                value=lambda company: _overall(_panel(company)),
                hint="leave out the untrained branches of regions in which others were trained.",
            ),
            Trap(
                name="two-way fixed effects on the clean branches",
                value=_clean_two_way,
                hint="asked is the overall figure of “The estimate”: each wave against its controls.",
            ),
        ),
    ),
)
