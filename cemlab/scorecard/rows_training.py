"""Rows on the training of the front line: what it changed, and when a claim is refused (notebook 09)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cemlab import training
from cemlab.data.company import Company
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.two_way_weights import two_way_coefficient

if TYPE_CHECKING:
    from cemlab.simulate.halden import Halden

#: ``"all"``: whoever is not trained by then, as in the notebook. ``"far"``: branches of regions where nobody
#: ever is, whom nothing of the training reaches.
Controls = Literal["all", "far"]
Average = Callable[[training.GroupTimeEffects], pd.DataFrame]

_PLAN = WORLDS["default"].network
_OUTCOME = "cx"
# SD, about what the training truly does over all, by which the bias of noisier parts of it is measured.
_USUAL = 0.16
# One sound claim in ten may be refused. The scorecard's bound is a fifth, so that it is a fifth of a half.
_HALF = 0.5
_FEWEST_DRAWS = 99  # of bands that nobody looks at


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _panel(company: Company) -> pd.DataFrame:
    """Return branch and month: who is ever trained, from when on, and in which regions nobody is."""
    panel = training.branch_panel(company)
    trained = panel["first_trained"].notna()
    return panel.assign(
        trained=trained,
        on=panel["month"] >= panel["first_trained"],
        far=~trained.groupby(panel["region"]).transform("any"),
    )


@lru_cache(maxsize=2)
def _effects(company: Company, controls: Controls) -> training.GroupTimeEffects:
    panel = _panel(company)
    if controls == "all":
        return training.group_time_effects(panel, outcome=_OUTCOME)
    kept = panel[panel["trained"] | panel["far"]]
    return training.group_time_effects(kept, outcome=_OUTCOME, controls="never treated")


@lru_cache(maxsize=1)
def _changed(halden: Halden) -> pd.DataFrame:
    """Return by how much the training truly changed the experience, branches by months."""
    # branches and staff do not depend on the customers, so that one of them will do
    effect = Oracle(replace(halden, customers=1)).effect("training", on="experience", by="branch_month")
    wide: pd.DataFrame = effect.table.pivot(index="branch", columns="month", values="effect")
    return wide


@lru_cache(maxsize=2)
def _without(halden: Halden, controls: Controls) -> training.GroupTimeEffects:
    """Return the same comparison of scores from which what the training did is taken off."""
    rolled = _effects(company_of(halden), controls).roll_out
    rest = replace(rolled, outcome=rolled.outcome - _changed(halden).loc[list(rolled.units)].to_numpy())
    if controls == "all":
        return training.group_time_effects(rest, draws=_FEWEST_DRAWS)
    return training.group_time_effects(rest, controls="never treated", draws=_FEWEST_DRAWS)


def _overall(effects: training.GroupTimeEffects) -> pd.DataFrame:
    return effects.overall().table


def _of_wave(effects: training.GroupTimeEffects, *, wave: int) -> pd.DataFrame:
    return effects.by_group().table.iloc[[wave - 1]]


def _path(effects: training.GroupTimeEffects) -> pd.DataFrame:
    return effects.by_event_time().table


def _after(effects: training.GroupTimeEffects, *, months: int) -> pd.DataFrame:
    path = _path(effects)
    return path[path["event_time"] == months]


def _found(company: Company, *, average: Average, controls: Controls) -> Estimate:
    return Estimate.of(average(_effects(company, controls)))


def _true(oracle: Oracle, *, average: Average, controls: Controls) -> float:
    return float(_share_of_training(oracle.halden, average, controls).iloc[0])


def _share_of_training(halden: Halden, average: Average, controls: Controls) -> pd.Series[float]:
    """Return what of an average, which is linear in the scores, comes from the training.

    That is what it did to a group since the group's base month, when spill-over of earlier waves had reached
    it, less what it did to the controls.
    """
    seen = average(_effects(company_of(halden), controls))["estimate"]
    share: pd.Series[float] = seen - average(_without(halden, controls))["estimate"]
    return share


def _whole(oracle: Oracle, *, last: int | None = None) -> float:
    """Return the mean true effect on the trained since their training, or over the last months."""
    panel = _panel(company_of(oracle.halden))
    rows = panel["on"] if last is None else panel["trained"] & _late(panel, last)
    # the panel is sorted by branch and month
    return float(_changed(oracle.halden).to_numpy().ravel()[rows.to_numpy()].mean())


def _late(panel: pd.DataFrame, last: int) -> pd.Series[bool]:
    late: pd.Series[bool] = panel["month"] > panel["month"].max() - pd.DateOffset(months=last)
    return late


def _band(company: Company) -> Estimate:  # noqa: ARG001 (the same on every company)
    """Return the band around the path's estimate, in half-widths."""
    return Estimate(0.0, -1.0, 1.0)


def _furthest(oracle: Oracle) -> float:
    """Return where the true path lies in the band where it is furthest off, in half-widths of it."""
    path = _path(_effects(company_of(oracle.halden), "far"))
    true = _share_of_training(oracle.halden, _path, "far")
    off = (true - path["estimate"]) / ((path["band_high"] - path["band_low"]) / 2)
    return float(off.iloc[int(np.argmax(off.abs()))])


@lru_cache(maxsize=1)
def _service(company: Company) -> pd.DataFrame:
    """Return what training changes in contacts, also for the fully trained."""
    panel = training.branch_panel(company, service=True)
    # months without a contact have no outcome either, so that their branch is left out
    panel["dose"] = panel["trained_contacts"] / panel["contacts"].where(panel["contacts"] > 0)
    found = training.on_the_way(
        panel, outcomes=["handle_seconds", "resolved"], logged=["handle_seconds"], dose="dose"
    )
    return found.table


def _fully_trained(company: Company, *, outcome: str) -> Estimate:
    table = _service(company)
    row = table[table["outcome"] == outcome].iloc[0]
    return Estimate(*(float(row[name]) for name in ("per_dose", "per_dose_low", "per_dose_high")))


def _before_after(company: Company) -> Estimate:
    panel = _panel(company)
    trained = panel[panel["trained"]]
    means = trained.groupby("on")[_OUTCOME].mean()
    return Estimate(float(means[True] - means[False]))


def _beside_untrained(company: Company, *, last: int) -> Estimate:
    panel = _panel(company)
    means = panel[_late(panel, last)].groupby("trained")[_OUTCOME].mean()
    return Estimate(float(means[True] - means[False]))


def _two_way(company: Company) -> Estimate:
    rolled = _effects(company, "all").roll_out
    return Estimate(two_way_coefficient(rolled.outcome, first=rolled.first))


def _judged(company: Company, *, refuse: bool) -> Estimate:
    """Return 1 where the claim of cause is dealt with rightly: refused, or let pass."""
    effects = _effects(company, "all")
    told = training.causal_claim(effects, training.pre_trends(effects.roll_out))
    refused = told.evidence.grade != effects.evidence.grade
    return Estimate(float(refused == refuse))


_PATH = (
    "+"
    + "/".join(f"{size:g}" for size in _PLAN.effect)
    + " SD after "
    + "/".join(map(str, _PLAN.effect_months))
    + " months, per share of the staff trained"
)
_SINCE = (
    "The truth is what of the estimate comes from the training: spill-over had reached later waves before "
    "their own date"
)


def _effect_row(
    name: str,
    average: Average,
    why: str,
    *,
    controls: Controls = "far",
    planted: str = _PATH,
    world: str = "default",
    truth: Callable[[Oracle], float] | None = None,
    yardstick: float | None = None,
) -> Row:
    return Row(
        name=f"Training: {name}",
        notebook="09",
        planted=planted,
        unit="SD of experience",
        no_effect=0.0,
        world=world,
        yardstick=yardstick,
        estimate=partial(_found, average=average, controls=controls),
        truth=truth or partial(_true, average=average, controls=controls),
        why=why,
    )


def _wave_row(wave: int) -> Row:
    return _effect_row(
        f"wave {wave}",
        partial(_of_wave, wave=wave),
        f"{_SINCE}. A wave by itself is hard to see; its bias is measured by {_USUAL:g} SD, about the whole.",
        planted=f"{_PLAN.effect_by_wave[wave - 1]:g} times {_PATH}",
        yardstick=_USUAL,
    )


def _service_row(name: str, outcome: str, size: float, unit: str, told: str) -> Row:
    return Row(
        name=f"Training: {name}, of the fully trained",
        notebook="09",
        planted=told,
        unit=unit,
        no_effect=0.0,
        world="default",
        estimate=partial(_fully_trained, outcome=outcome),
        truth=partial(planted, value=size),
        target="population",
        why="The change of a branch over that of the share of its contacts that trained people serve.",
    )


def _naive_row(name: str, estimate: Callable[[Company], Estimate], why: str, last: int | None = None) -> Row:
    return Row(
        name=f"Training: {name}",
        notebook="09",
        planted=_PATH,
        unit="SD of experience",
        no_effect=0.0,
        world="default",
        kind="naive",
        estimate=estimate,
        truth=partial(_whole, last=last),
        why=why,
    )


def _gate_row(name: str, told: str, world: str, *, refuse: bool, yardstick: float | None, why: str) -> Row:
    return Row(
        name=f"Training: {name}",
        notebook="09",
        planted=told,
        unit="share of companies",
        no_effect=0.0,
        world=world,
        kind="decision",
        yardstick=yardstick,
        estimate=partial(_judged, refuse=refuse),
        truth=partial(planted, value=1.0),
        why=why,
    )


#: Effects on experience over all, by wave and by month, what changes in contacts, what misleads, the gate.
TRAINING: tuple[Row, ...] = (
    _effect_row("overall", _overall, f"{_SINCE}, and untrained neighbours too.", controls="all"),
    _effect_row("overall, against untouched regions", _overall, f"{_SINCE}; controls see none of it."),
    _effect_row(
        "overall, read as the whole effect",
        _overall,
        "Held against all that training, its own and that of others, did to the trained. What spill-over had "
        "done by the base month is not in the estimate: about an eighth.",
        truth=_whole,
    ),
    *(_wave_row(wave) for wave in (1, 2, 3)),
    *(
        _effect_row(f"{months} months after", partial(_after, months=months), f"{_SINCE}.")
        for months in (6, 12)
    ),
    Row(
        name="Training: the band holds the whole path",
        notebook="09",
        planted=_PATH,
        unit="half-widths of the band",
        no_effect=0.0,
        world="default",
        yardstick=1.0,
        estimate=_band,
        truth=_furthest,
        why="The truth is where the true path is furthest from the estimated one, of all months before and "
        "after the training: within 1 if the band holds it everywhere. Power means nothing here.",
    ),
    _effect_row(
        "overall, where it does nothing",
        _overall,
        f"Nothing is to be found; the bias is measured by {_USUAL:g} SD, about what is in the default world.",
        planted="no effect on anything",
        world="no-effect",
        yardstick=_USUAL,
    ),
    _service_row(
        "handling time", "handle_seconds", 100 * _PLAN.handle_time, "%", f"+{100 * _PLAN.handle_time:g} %"
    ),
    _service_row(
        "resolved at first contact",
        "resolved",
        _PLAN.first_contact,
        "share of contacts",
        f"+{100 * _PLAN.first_contact:g} points",
    ),
    _naive_row(
        "before and after",
        _before_after,
        "Books all that went on meanwhile to the training, in all branches.",
    ),
    _naive_row(
        "trained beside untrained, last year",
        partial(_beside_untrained, last=12),
        "The weak were trained first; their level is taken for the effect.",
        last=12,
    ),
    _naive_row(
        "two-way fixed effects",
        _two_way,
        "An average of its own weights, with those trained early among the controls of those trained late.",
    ),
    _gate_row(
        "claim of cause refused where trends part",
        f"the trained improve anyhow, {WORLDS['selection-on-trend'].network.selection_trend:g} SD a month",
        "selection-on-trend",
        refuse=True,
        yardstick=None,
        why="Right is to refuse; at least 80 % must be refused.",
    ),
    _gate_row(
        "claim of cause let pass where trends run alike",
        "no trend of their own",
        "default",
        refuse=False,
        yardstick=_HALF,
        why="Right is to let pass. The regret is measured by a half: at most 10 % may be refused; the tests "
        "behind refuse 5 % by chance.",
    ),
)
