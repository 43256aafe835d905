"""What training changes on the way: levels, staying, service and discretion; by hand, planted, refused."""

from datetime import date, datetime

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from cemlab import simulate, training
from cemlab.data.company import Company, CompanyInfo
from cemlab.data.trained_stays import trained_stays
from cemlab.data.trainee_service import trainee_service
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.opening import halden_of
from cemlab.stats.least_squares import least_squares
from cemlab.stats.long_base import long_base_effect
from cemlab.training.intervals import interval_columns
from cemlab.training.way_outcomes import _in_percent


def company(**tables):
    info = CompanyInfo(name="Small", source="Small, made up", as_of=date(2024, 12, 31))
    return Company(info=info, tables={name: ibis.memtable(frame) for name, frame in tables.items()})


@pytest.fixture(scope="module")
def halden():
    return simulate.company(customers=1000, seed=3)


def test_halden_is_counted_as_it_was_simulated(halden):
    panel = training.branch_panel(halden, service=True, trained_share=True)
    network = halden_of(halden).network()
    trained = np.zeros((60, 48))
    np.add.at(trained, network.post_branch, network.trained)
    assert (panel["trained"].to_numpy().reshape(60, 48) == trained).all()
    assert (panel["staff"].to_numpy().reshape(60, 48) == network.size[:, None]).all()
    contacts = halden.table("contacts").to_pandas()
    assert panel["contacts"].sum() == contacts["employee"].notna().sum()
    # every length stands in the table without decimals, so the sum of all is exact
    assert panel["handle_sum"].sum() == contacts.loc[contacts["employee"].notna(), "handle_seconds"].sum()


# ---- on the way


def panel(seed=1, n=40, periods=12):
    """Minutes rise by a tenth with the training, calm by 2 for the fully trained, noise not at all."""
    rng = np.random.default_rng(seed)
    first = np.repeat([6, 9, 0, 0], n // 4)
    treated = (first > 0)[:, None] & (np.arange(1, periods + 1) >= first[:, None])
    dose = np.where(treated, 0.8, 0.0)
    minutes = np.exp(2 + 0.1 * rng.normal(size=(n, periods)) + np.log(1.1) * treated)
    calm = 2 * dose + rng.normal(size=(n, periods))
    noise = rng.normal(size=(n, periods))
    return pd.DataFrame(
        {
            "branch": np.repeat(np.arange(n), periods),
            "month": np.tile(np.arange(1, periods + 1), n),
            "first_trained": np.repeat(first, periods),
            "minutes": minutes.ravel(),
            "calm": calm.ravel(),
            "noise": noise.ravel(),
            "dose": dose.ravel(),
        }
    )


def test_changes_by_outcome_and_for_the_fully_trained():
    found = training.on_the_way(
        panel(), outcomes=["minutes", "calm", "noise"], logged=["minutes"], dose="dose"
    )
    table = found.table.set_index("outcome")
    assert table.loc["minutes", "unit"] == "%"
    # each estimate lies within 4 of its own standard errors of what was planted
    for name, planted in (("minutes", 10.0), ("calm", 1.6), ("noise", 0.0)):
        assert abs(table.loc[name, "estimate"] - planted) < 4 * table.loc[name, "std_error"]
    assert found.dose_change == pytest.approx(0.8)
    # the dose has no spread, so the change for the fully trained is that of the share over 0.8
    assert table.loc["calm", "per_dose"] == pytest.approx(table.loc["calm", "estimate"] / 0.8)
    assert table.loc["calm", "per_dose_low"] == pytest.approx(table.loc["calm", "conf_low"] / 0.8)
    percent = np.expm1(np.log1p(table.loc["minutes", "estimate"] / 100) / 0.8) * 100
    assert table.loc["minutes", "per_dose"] == pytest.approx(percent)
    assert (table["band_low"] < table["conf_low"]).all()
    assert "changed minutes by" in found.narrative()
    assert "Not settled, with all outcomes looked at together: noise" in found.narrative()
    assert found.chart.claim == "The training moved minutes and calm"
    assert "per_dose" in found.summary


def test_outcomes_together_reject_by_chance_as_often_as_stated():
    rng = np.random.default_rng(4)
    rolled = training.roll_out(panel(), outcome="noise")
    missed = []
    for _ in range(150):
        drawn = [long_base_effect(rng.normal(size=(40, 12)), first=rolled.first) for _ in range(4)]
        columns = interval_columns(
            np.array([one.estimate for one in drawn]),
            np.stack([one.influence for one in drawn], axis=1),
            rolled,
            conf_level=0.95,
            draws=199,
            seed=1,
        )
        missed.append(((columns["band_low"] > 0) | (columns["band_high"] < 0)).any())
    # 150 draws of 5 %: 4 standard errors are 7 points; each by itself would miss 19 %
    assert np.mean(missed) <= 0.12


def test_one_outcome_needs_no_wider_interval():
    row = training.on_the_way(panel(), outcomes=["noise"]).table.iloc[0]
    assert (row["band_low"], row["band_high"]) == pytest.approx((row["conf_low"], row["conf_high"]))


def test_units_that_lack_one_outcome_are_left_out_of_all():
    rows = panel()
    rows.loc[(rows["branch"] == 39) & (rows["month"] == 2), "calm"] = np.nan
    found = training.on_the_way(rows, outcomes=["calm", "noise"])
    assert (found.evidence.n_used, found.evidence.n_given) == (39, 40)


def test_an_outcome_missing_by_treatment_is_refused_and_no_gap_goes_untold():
    rows, rng = panel(), np.random.default_rng(2)
    after = (rows["first_trained"] > 0) & (rows["month"] >= rows["first_trained"])
    gone = rows["calm"].mask(after & (rng.random(len(rows)) < 0.1))
    with pytest.raises(DesignError, match="'calm': it is missing by treatment"):
        training.on_the_way(rows.assign(calm=gone), outcomes=["calm", "noise"])
    some = rows["calm"].mask((rows["branch"] == 39) & (rows["month"] == 2))
    found = training.on_the_way(rows.assign(calm=some), outcomes=["calm"])
    told = next(check for check in found.evidence.checks if check.name == "gaps in calm")
    assert "1 with gaps left out: branch 39" in told.detail


def test_one_trained_branch_has_no_interval():
    # its own chance is nowhere seen: intervals of such a figure held in 36 of 100
    rows = panel().assign(first_trained=lambda rows: np.where(rows["branch"] == 3, 6, 0))
    with pytest.raises(DesignError, match="only one cluster is treated"):
        training.on_the_way(rows, outcomes=["calm"])
    with pytest.raises(DesignError, match="only one cluster is treated"):
        training.placebos(rows, outcome="calm", months_earlier=[], outcomes=["noise"])


def test_changes_alike_to_the_last_digit_are_drawn_without_a_scale():
    rows = panel()
    level = rows["branch"] + rows["month"] + (rows["month"] >= rows["first_trained"].where(lambda g: g > 0))
    found = training.on_the_way(rows.assign(calm=level.astype(float)), outcomes=["calm", "noise"])
    assert found.table["estimate"].iloc[0] == pytest.approx(1.0)
    assert np.isfinite(found.chart.frame.iloc[1, 1:].astype(float)).all()


def test_impossible_outcomes_are_refused():
    rows = panel()
    with pytest.raises(OptionError, match="outcomes are"):
        training.on_the_way(rows, outcomes="calm")
    with pytest.raises(OptionError, match="outcomes are"):
        training.on_the_way(rows, outcomes=[])
    with pytest.raises(OptionError, match="logged: no outcome named 'dose'"):
        training.on_the_way(rows, outcomes=["calm"], logged=["dose"])
    with pytest.raises(DataError, match="has no logarithm"):
        training.on_the_way(rows, outcomes=["calm"], logged=["calm"])
    with pytest.raises(OptionError, match="kind of controls"):
        training.on_the_way(rows, outcomes=["calm"], controls="any")
    with pytest.raises(DesignError, match="did not clearly raise the dose 'noise'"):
        training.on_the_way(rows, outcomes=["calm"], dose="noise")
    with pytest.raises(DesignError, match="has calm in every period"):
        training.on_the_way(rows.assign(calm=rows["calm"].where(rows["month"] > 1)), outcomes=["calm"])
    with pytest.raises(DesignError, match="two never treated units"):
        training.on_the_way(rows[rows["first_trained"] > 0], outcomes=["calm"], controls="never treated")
    with pytest.raises(ColumnError, match="no column named 'joy'"):
        training.on_the_way(rows, outcomes=["joy"])


# ---- levels


def people(n=60):
    rng = np.random.default_rng(1)
    learnt = rng.normal(size=n)
    return pd.DataFrame(
        {
            "branch": np.repeat(list("abcdef"), n // 6),
            "level_1": rng.normal(4, 0.5, n),
            "level_2": 0.7 + 0.1 * learnt,
            "level_3": 0.6 + 0.1 * learnt + 0.05 * rng.normal(size=n),
            "level_4": 1000 + 100 * rng.normal(size=n),
        }
    )


def test_means_are_those_of_clustered_least_squares():
    rows = people()
    found = training.levels(rows).table.set_index("level")
    code = pd.factorize(rows["branch"])[0]
    theirs = sm.OLS(rows["level_3"], np.ones(len(rows))).fit(
        cov_type="cluster", cov_kwds={"groups": code}, use_t=True
    )
    assert found.loc["level_3", "estimate"] == pytest.approx(theirs.params.iloc[0])
    assert found.loc["level_3", "std_error"] == pytest.approx(theirs.bse.iloc[0])
    assert found.loc["level_3", ["conf_low", "conf_high"]].tolist() == pytest.approx(
        theirs.conf_int().iloc[0].tolist()
    )


def test_levels_go_together_by_ranks():
    rows = people()
    found = training.levels(rows)
    pairs = found.correlations.set_index(["first", "second"])
    assert len(pairs) == 6
    theirs = stats.spearmanr(rows["level_2"], rows["level_3"]).statistic
    assert pairs.loc[("level_2", "level_3"), "estimate"] == pytest.approx(theirs)
    assert "learning and behaviour go together most" in found.narrative()
    assert found.chart.claim.startswith("Learning and behaviour go together")
    assert found.evidence.grade == "descriptive"


def test_the_recorded_result_beside_the_supported_one():
    found = training.levels(people(), supported=(200.0, 100.0, 300.0))
    row = found.supported.iloc[0]
    assert row["difference"] == pytest.approx(row["recorded"] - 200)
    # wider than either alone, narrower than both added
    assert 100 < row["difference_high"] - row["difference"] < 100 + 3 * found.table["std_error"].iloc[3]
    assert "rests on what was believed" in found.narrative()


def test_one_level_without_branches_has_the_plain_interval():
    x = people()["level_1"]
    found = training.levels(pd.DataFrame({"level_1": x}))
    low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
    assert found.table[["conf_low", "conf_high"]].iloc[0].tolist() == pytest.approx([low, high])
    assert found.correlations.empty
    assert found.chart.claim == "Mean reaction of those trained"
    apart = pd.DataFrame({"level_1": [1.0, 2, 1, 2, 1.5], "level_2": [0.5, 0.5, 0.5, 0.5, 0.5]})
    assert training.levels(apart).correlations.empty  # what does not vary goes with nothing


def test_correlations_reckon_with_branches_that_are_alike():
    # persons taken as independent, intervals hold in 77 of these
    held, rng = 0, np.random.default_rng(3)
    for _ in range(100):
        branch = np.repeat(np.arange(25), 6)
        alike = rng.normal(size=(2, 25))[:, branch] + 0.8 * rng.normal(size=(2, 150))
        rows = pd.DataFrame({"level_1": alike[0], "level_2": alike[1], "branch": branch})
        pair = training.levels(rows).correlations.iloc[0]
        held += pair["conf_low"] <= 0 <= pair["conf_high"]
    # of 100 at 95 %: three standard errors below is 0.885
    assert held >= 88


def test_a_correlation_that_hangs_on_one_branch_is_of_any_size():
    # without branch a all of level_1 is the same: the jackknife does not know the error
    rows = pd.DataFrame({"level_1": [1.0, 2, 3, 3, 3, 3], "level_2": [1.0, 3, 2, 5, 4, 6]})
    pair = training.levels(rows.assign(branch=list("aabbcc"))).correlations.iloc[0]
    assert (pair["conf_low"], pair["conf_high"]) == (-1.0, 1.0)
    plain = training.levels(rows).correlations.iloc[0]
    assert pair["estimate"] == pytest.approx(plain["estimate"])
    assert plain["conf_low"] > -1


def test_impossible_levels_are_refused():
    with pytest.raises(DesignError, match="none of level_1"):
        training.levels(pd.DataFrame({"employee": [1, 2]}))
    with pytest.raises(DataError, match="no table"):
        training.levels([1, 2])
    with pytest.raises(DataError, match="no numbers"):
        training.levels(people().assign(level_1="good"))
    with pytest.raises(DesignError, match="10 persons of 1 branches"):
        training.levels(people().head(10))
    with pytest.raises(OptionError, match="supported is"):
        training.levels(people(), supported=(1.0, 2.0, 3.0))
    with pytest.raises(DesignError, match="there is no level_4"):
        training.levels(people().drop(columns="level_4"), supported=(1.0, 0.0, 3.0))
    with pytest.raises(DesignError, match="no table 'training'"):
        training.levels(company(branches=pd.DataFrame({"branch": ["a"]})))


# ---- staying


def stays():
    staff = pd.DataFrame(
        {
            "employee": list("abcdef"),
            "branch": list("xxyyyy"),
            "left": [date(2024, 3, 1), None, date(2024, 1, 31), date(2025, 3, 1), None, None],
        }
    )
    trained = pd.DataFrame(
        {
            "employee": list("abcdd"),
            "wave": [1, 1, 1, 2, 2],
            "date": [date(2024, 1, 1)] * 3 + [date(2024, 7, 1), date(2024, 9, 1)],
        }
    )
    return {"employees": staff, "training": trained}


def test_stays_by_hand():
    found = trained_stays(company(**stays()), by="wave")
    # d leaves after the last day observed, and is counted from the first of two trainings
    assert found.values.tolist() == [
        [1, 30, True, 1],
        [1, 60, True, 1],
        [1, 365, False, 1],
        [2, 183, False, 1],
    ]
    assert found.attrs["n_given"] == 4
    curve = training.staying(company(**stays()), months=[0, 1.5, 6, 12], effect=(0.4, 0.2, 0.6))
    table = curve.table.set_index("months")
    # of four one goes at 30 days and one at 60
    assert table["estimate"].iloc[:3].tolist() == pytest.approx([1.0, 0.75, 0.5])
    assert table["n_at_risk"].tolist() == [4, 3, 2, 0]
    assert table["effect_left"].iloc[:3].tolist() == pytest.approx([0.4, 0.3, 0.2])
    assert table.loc[0, ["effect_low", "effect_high"]].tolist() == pytest.approx([0.2, 0.6])
    assert curve.rates["n_left"].tolist() == [2]
    assert curve.rates["estimate"].iloc[0] == pytest.approx(2 / ((30 + 60 + 365 + 183) / (365.25 / 12)))
    assert curve.path[:3] == pytest.approx([1.0, 0.75, 0.5])
    assert "is left then" in curve.narrative()


@pytest.mark.parametrize("by", ["wave", "branch"])
def test_stays_by_group(by):
    found = training.staying(company(**stays()), months=[1], by=by)
    assert len(found.table) == len(found.rates) == len(found.curves) == 2
    assert next(iter(found.summary)) == "group"
    assert found.chart.group == "group"
    with pytest.raises(DesignError, match="told apart"):
        found.path  # noqa: B018 - asking is what is refused


def test_halden_loses_those_trained_as_its_staff_tables_say(halden):
    found = training.staying(halden, months=[6])
    staff = halden.table("employees").to_pandas()
    trained = halden.table("training").to_pandas().merge(staff[["employee", "left"]], on="employee")
    days = (pd.to_datetime(trained["left"]) - pd.to_datetime(trained["date"])).dt.days
    # everybody was trained more than six months before the end, so the share is a count
    assert found.table["estimate"].iloc[0] == pytest.approx((~(days <= 182.625)).mean())
    low, high = found.rates[["conf_low", "conf_high"]].iloc[0]
    assert low < 0.0235  # 2 % a month planted, times what engagement makes of it
    assert high > 0.0195


def test_impossible_stays_are_refused():
    tables = stays()
    with pytest.raises(OptionError, match="months are"):
        training.staying(company(**tables), months=[-1])
    with pytest.raises(OptionError, match="months are"):
        training.staying(company(**tables), months="6")
    with pytest.raises(OptionError, match="effect is"):
        training.staying(company(**tables), effect=(1.0, 2.0, 3.0))
    with pytest.raises(OptionError, match="grouping"):
        training.staying(company(**tables), by="pay")
    with pytest.raises(ColumnError, match="no column named 'role'"):
        training.staying(company(**tables), by="role")
    with pytest.raises(DesignError, match="no table 'employees'"):
        training.staying(company(training=tables["training"]))
    with pytest.raises(ColumnError, match="no column named 'wave'"):
        training.staying(company(**tables | {"training": tables["training"].drop(columns="wave")}), by="wave")
    late = tables["training"].assign(date=date(2024, 6, 1))
    with pytest.raises(DataError, match="2 persons were trained after their last day"):
        training.staying(company(**tables | {"training": late}))
    with pytest.raises(DesignError, match="nobody of those trained"):
        training.staying(company(**tables | {"training": late.assign(employee="z")}))


# ---- discretion


def served(rows):
    """Contacts of employees, from (employee, month, affect)."""
    return pd.DataFrame(
        {
            "employee": [e for e, _, _ in rows],
            "time": [datetime(2024, m, 10, 9) for _, m, _ in rows],
            "mean_affect": [a for _, _, a in rows],
        }
    )


def test_service_before_and_after_by_hand():
    contacts = served(
        [("a", 1, 1.0), ("a", 3, 2.0), ("a", 3, 4.0), ("a", 2, 9.0), ("b", 1, 0.5), ("b", 4, 1.5)]
    )
    staff = pd.DataFrame({"employee": ["a", "b"], "branch": ["x", "y"], "discretion": [1.0, -1.0]})
    trained = pd.DataFrame({"employee": ["a"], "date": [date(2024, 2, 10)]})
    found = trainee_service(company(contacts=contacts, employees=staff, training=trained)).set_index(
        "employee"
    )
    # the training's own day counts on neither side; b was never trained and is counted around the same day
    assert found["trained"].tolist() == [True, False]
    assert found["affect_n_before"].tolist() == [1, 1]
    assert found["affect_sum_after"].tolist() == [6.0, 1.5]
    assert found["affect_square_after"].tolist() == [20.0, 2.25]


def test_least_squares_are_those_of_statsmodels():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(50), rng.normal(size=(50, 2))])
    y, w, cluster = rng.normal(size=50), rng.uniform(1, 3, 50), rng.integers(0, 9, 50)
    ours = least_squares(y, design=x, weights=w, clusters=[cluster])
    theirs = sm.WLS(y, x, weights=w).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    np.testing.assert_allclose(ours.coefficient, theirs.params, rtol=1e-10)
    np.testing.assert_allclose(ours.covariance, theirs.cov_params(), rtol=1e-9)
    with pytest.raises(DesignError, match="depend on each other"):
        least_squares(y, design=np.column_stack([x, x[:, 1]]), weights=w, clusters=[cluster])


def test_halden_gains_with_discretion(halden):
    found = training.by_discretion(halden, hoped=0.05)
    table = found.table.set_index("term")
    gap = table.loc["difference of slopes"]
    assert gap["estimate"] == pytest.approx(
        table.loc["slope of the trained", "estimate"] - table.loc["slope of those never trained", "estimate"]
    )
    # planted: a fifth of an effect of 0.25, in part still growing; 1,000 customers tell it within 4 errors
    assert abs(gap["estimate"] - 0.045) < 4 * gap["std_error"]
    assert 0.05 < found.power < 0.8  # so few customers cannot tell
    assert found.evidence.grade == "adjusted"
    assert "would be found four times in five" in found.narrative()
    assert len(found.summary) == 4
    assert "effect" not in found.chart.claim
    resolved = training.by_discretion(halden, outcome="resolved").table.iloc[-1]
    assert resolved["conf_low"] < 0 < resolved["conf_high"]  # none was planted there


def test_impossible_questions_on_discretion_are_refused():
    contacts = served([(e, m, 0.1 * m) for e in "abcdefgh" for m in (1, 4)])
    staff = pd.DataFrame(
        {"employee": list("abcdefgh"), "branch": list("wwxxyyzz"), "discretion": np.arange(8.0)}
    )
    trained = pd.DataFrame({"employee": list("abcd"), "date": [date(2024, 2, 10)] * 4})
    tables = {"contacts": contacts, "employees": staff, "training": trained}
    with pytest.raises(OptionError, match="outcome of service"):
        training.by_discretion(company(**tables), outcome="sales")
    with pytest.raises(ColumnError, match="nothing of 'resolved' is recorded"):
        training.by_discretion(company(**tables), outcome="resolved")
    with pytest.raises(ColumnError, match="no column named 'pay'"):
        training.by_discretion(company(**tables), trait="pay")
    with pytest.raises(DesignError, match="is the same for all who were trained"):
        training.by_discretion(company(**tables | {"employees": staff.assign(discretion=1.0)}))
    with pytest.raises(DesignError, match="2 trained and 1 untrained branches"):
        training.by_discretion(company(**tables | {"employees": staff.head(6)}))
    with pytest.raises(DesignError, match="nobody served customers both before and after"):
        training.by_discretion(company(**tables | {"contacts": contacts[contacts["time"].dt.month == 1]}))
    with pytest.raises(ColumnError, match="neither 'mean_affect' nor 'resolved'"):
        training.by_discretion(company(**tables | {"contacts": contacts.drop(columns="mean_affect")}))
    with pytest.raises(DesignError, match="no table 'contacts'"):
        training.by_discretion(company(employees=staff, training=trained))


def test_a_change_of_logarithms_beyond_all_numbers_is_endless():
    values = np.array([np.log(1.06), 1000.0, -1000.0, 1000.0])
    shown = _in_percent(values, np.array([True, True, True, False]))
    # the sum and its logarithm round in the last place
    assert shown[0] == pytest.approx(6.0, rel=1e-12)
    assert shown[1:].tolist() == [np.inf, -100.0, 1000.0]
