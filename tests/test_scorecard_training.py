"""The rows on training: they see what a reader sees, truths and verdicts by hand."""

import math
from dataclasses import replace
from functools import cache

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cemlab import training
from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import DesignError
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.judging import Draws, figures, judge
from cemlab.scorecard.rows_training import TRAINING
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.tables import pieces

ROW = {row.name.removeprefix("Training: "): row for row in TRAINING}
HALDEN = Halden(customers=50, seed=11)  # branches and staff do not depend on the customers
FAR = "overall, against untouched regions"
PASS, REFUSE = (name for world in ("default", "selection-on-trend") for name, row in ROW.items()
                if row.kind == "decision" and row.world == world)  # fmt: skip


def said(name, halden=HALDEN):
    return ROW[name].estimate(company_of(halden))


oracle_of = cache(Oracle)  # what one replays serves all who ask


def truth(name, halden=HALDEN):
    return ROW[name].truth(oracle_of(halden))


def written(halden) -> Company:
    """The company with all tables as they are written, the books among them; the market's are left out."""
    tables: dict[str, list[pa.Table]] = {}
    for _, parts in pieces(halden):
        for name, table in parts:
            tables.setdefault(name, []).append(table)
        if "branch_month" in tables:
            break
    joined = {name: ibis.memtable(pa.concat_tables(parts)) for name, parts in tables.items()}
    return Company(info=CompanyInfo(name="Halden", source="Halden", fictional=True), tables=joined)


@cache
def read(halden: Halden = HALDEN) -> pd.DataFrame:
    """The panel that a reader makes of it, with the oracle's effect on each branch and month."""
    effect = oracle_of(halden).effect("training", on="experience", by="branch_month").table
    effect["month"] = pd.to_datetime(effect["month"])
    return training.branch_panel(written(halden)).merge(effect, on=["branch", "month"])


def untouched(panel):
    """Leave out untrained branches of regions in which others are trained."""
    trains = panel.groupby("region")["first_trained"].transform("count") > 0
    return panel[panel["first_trained"].notna() | ~trains]


def test_the_rows_see_what_a_reader_sees():
    effects = training.group_time_effects(read(), outcome="cx")
    clean = training.group_time_effects(untouched(read()), outcome="cx", controls="never treated")
    path = clean.by_event_time().table.set_index("event_time")
    columns = ["estimate", "conf_low", "conf_high"]
    for name, row in (
        ("overall", effects.overall().table.iloc[0]),
        (FAR, clean.overall().table.iloc[0]),
        ("overall, read as the whole effect", clean.overall().table.iloc[0]),
        *((f"wave {wave}", clean.by_group().table.iloc[wave - 1]) for wave in (1, 2, 3)),
        *((f"{months} months after", path.loc[months]) for months in (6, 12)),
    ):
        assert list(said(name)) == pytest.approx(row[columns].tolist()), name


def test_contacts_are_those_a_reader_sees():
    halden = Halden(customers=4000)  # with fewer hardly a branch has contacts in every month
    panel = training.branch_panel(written(halden), service=True)
    panel["dose"] = panel["trained_contacts"] / panel["contacts"]
    asked = {"outcomes": ["handle_seconds", "resolved"], "logged": ["handle_seconds"], "dose": "dose"}
    table = training.on_the_way(panel, **asked).table
    for at, name in enumerate(("handling time", "resolved at first contact")):
        row = f"{name}, of the fully trained"
        ends = table.loc[at, ["per_dose", "per_dose_low", "per_dose_high"]].tolist()
        assert list(said(row, halden)) == pytest.approx(ends)
        assert truth(row) == {"handling time": 6, "resolved at first contact": 0.04}[name]
        with pytest.raises(DesignError, match="in every period"):
            said(row)


def test_truths_are_changes_since_the_base_month():
    at = read().set_index(["branch", "month"])["effect"]
    first = read().groupby("branch")["first_trained"].first().dropna()
    since, by_wave, after = [], {}, {}
    for branch, begin in first.items():
        base = at[branch, begin - pd.DateOffset(months=1)]
        months = pd.date_range(begin, read()["month"].max(), freq="MS")
        changes = [at[branch, month] - base for month in months]
        since += changes
        by_wave.setdefault(begin, []).extend(changes)
        for months_after in (6, 12):
            after.setdefault(months_after, []).append(changes[months_after])
    assert truth(FAR) == pytest.approx(np.mean(since))
    for wave, (_, changes) in enumerate(sorted(by_wave.items()), start=1):
        assert truth(f"wave {wave}") == pytest.approx(np.mean(changes))
    for months_after, changes in after.items():
        assert truth(f"{months_after} months after") == pytest.approx(np.mean(changes))


def test_what_the_training_did_to_the_trained_is_more_than_a_comparison_shows():
    panel = read()
    on = panel["month"] >= panel["first_trained"]
    whole = panel.loc[on, "effect"].mean()
    for name in ("overall, read as the whole effect", "before and after", "two-way fixed effects"):
        assert truth(name) == pytest.approx(whole)
    # neighbours among the controls take a little more away than spill-over before the base month
    assert truth("overall") < truth(FAR) < whole
    year = panel["month"] >= "2025-01-01"
    late = panel.loc[year & panel["first_trained"].notna(), "effect"].mean()
    assert truth("trained beside untrained, last year") == pytest.approx(late)


def test_naive_figures_are_those_of_the_notebook():
    panel = read()
    trained = panel[panel["first_trained"].notna()]
    after = trained["month"] >= trained["first_trained"]
    change = trained.loc[after, "cx"].mean() - trained.loc[~after, "cx"].mean()
    assert said("before and after").value == pytest.approx(change)
    year = panel[panel["month"] > panel["month"].max() - pd.DateOffset(years=1)]
    scores = year.groupby(year["first_trained"].notna())["cx"].mean()
    assert said("trained beside untrained, last year").value == pytest.approx(scores[True] - scores[False])
    on = (panel["month"] >= panel["first_trained"]).to_numpy(float).reshape(60, -1)
    cx = panel["cx"].to_numpy().reshape(60, -1)
    # both made free of branches and months, one slope is left
    on, cx = (y - y.mean(0) - y.mean(1, keepdims=True) + y.mean() for y in (on, cx))
    assert said("two-way fixed effects").value == pytest.approx((on * cx).sum() / (on**2).sum())


@pytest.mark.parametrize("seed", [10, 11])  # a path that leaves the band, and one that does not
def test_the_band_counts_where_it_holds_every_month(seed):
    halden = replace(HALDEN, seed=seed)
    clean = untouched(read(halden))
    path, true = (
        training.group_time_effects(clean, outcome=outcome, controls="never treated").by_event_time().table
        for outcome in ("cx", "effect")
    )
    inside = true["estimate"].between(path["band_low"], path["band_high"]).all()
    name = "the band holds the whole path"
    band, furthest = said(name, halden), truth(name, halden)
    assert (band.low <= furthest <= band.high) == inside
    assert (band.low, band.value, band.high) == (-1, 0, 1)


def test_nothing_is_true_where_nothing_acts_and_its_yardstick_is_the_usual_effect():
    calm = replace(HALDEN, world_name="no-effect")
    name = "overall, where it does nothing"
    assert truth(name, calm) == 0
    # waves are drawn anew on every company, which moves the truth by a few hundredths of itself
    assert ROW[name].yardstick == pytest.approx(truth(FAR), rel=0.1)


def test_the_gate_is_right_where_it_refuses_or_lets_pass_as_it_should():
    parted = replace(HALDEN, world_name="selection-on-trend")
    for halden in (HALDEN, parted):
        panel = read(halden)
        claim = training.causal_claim(
            training.group_time_effects(panel, outcome="cx"), training.pre_trends(panel, outcome="cx")
        )
        refused = claim.evidence.grade == "association"
        assert said(REFUSE, halden).value == refused
        assert said(PASS, halden).value == 1 - refused
    assert math.isnan(said(REFUSE).low)
    assert truth(REFUSE) == truth(PASS) == 1


@pytest.mark.parametrize(("name", "most"), [(REFUSE, 20), (PASS, 10)])
def test_the_gate_is_red_beyond_what_may_be_wrong(name, most):
    row, blank = ROW[name], np.full(100, math.nan)
    for wrong, verdict in ((most, "green"), (most + 1, "red")):
        value = (np.arange(100) >= wrong).astype(float)
        found = figures(row, Draws(value=value, low=blank, high=blank, truth=np.ones(100)))
        assert judge(row.kind, found)[0] == verdict
