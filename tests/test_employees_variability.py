"""Who makes the experience, what leaves with whom, problem types, discretion: planted, refused."""

from datetime import datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cemlab import simulate
from cemlab.data.company import Company, CompanyInfo
from cemlab.data.employee_contacts import employee_contacts
from cemlab.employees import (
    discretion_at_contact,
    first_contact,
    leaving_with,
    problem_counts,
    problem_drift,
    problem_variety,
    who_makes_it,
)
from cemlab.employees.contact_sums import contact_sums
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.replay import Scenario
from cemlab.simulate.truths import Network, Service
from cemlab.stats.crossed_effects import crossed_sums


@pytest.fixture(scope="module")
def halden():
    return simulate.company(customers=5000)


@pytest.fixture(scope="module")
def found(halden):
    return who_makes_it(halden)


def company(contacts, staff, **tables):
    frames = {"contacts": contacts, "employees": staff, **tables}
    return Company(
        info=CompanyInfo(name="Small", source="Small"),
        tables={name: ibis.memtable(pd.DataFrame(frame)) for name, frame in frames.items()},
    )


def drawn(seed=1, persons=24, each=20, branches=6, sd=0.6):
    """Draw contacts of persons who serve in one branch each; the planted SD between persons is `sd`."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(persons), each)
    part = sd * rng.normal(size=persons)
    contacts = pd.DataFrame(
        {
            "employee": [f"e{k:03d}" for k in who],
            "customer": [f"c{k}" for k in range(len(who))],
            "time": [datetime(2024, 1 + k % 10, 9) for k in range(len(who))],
            "mean_affect": np.round(part[who] + rng.normal(size=len(who)), 3),
            "reason": rng.choice(["bill", "delivery"], len(who)),
            "channel": "telephone",
            "resolved": rng.random(len(who)) < 0.7,
        }
    )
    staff = pd.DataFrame(
        {
            "employee": [f"e{k:03d}" for k in range(persons)],
            "branch": [f"b{k % branches}" for k in range(persons)],
            "discretion": rng.normal(size=persons).round(3),
        }
    )
    return contacts, staff


def test_counts_on_the_engine_are_those_of_the_rows():
    contacts, staff = drawn()
    contacts.loc[0, ["employee"]] = None
    counted = employee_contacts(company(contacts, staff))
    sums = contact_sums(counted)
    rows = contacts.iloc[1:].merge(staff, on="employee")
    keys = (rows["employee"], rows["branch"], rows["time"].dt.month)
    levels = np.column_stack([pd.factorize(column, sort=True)[0] for column in keys])
    design = np.column_stack([np.ones(len(rows)), rows["reason"] == "delivery"])
    score = rows["mean_affect"] - rows["mean_affect"].mean()
    plain = crossed_sums(score, levels=levels, design=design)
    for name in ("count", "total", "cross", "gram", "moment", "square"):
        # sums are exact on the engine; the rows' own are rounded in the last digits
        np.testing.assert_allclose(getattr(sums, name), getattr(plain, name), atol=1e-9, err_msg=name)
    assert sums.sizes == plain.sizes
    assert (counted.n_used, counted.n_given) == (479, 480)


def test_persons_and_branches_of_halden_are_found(halden, found):
    table = found.table.set_index("part")
    # what persons really added to contacts, month by month, against the others of their branch
    network = Oracle.of(halden).replay(Scenario()).network
    skill = np.zeros((len(network.employee_branch), 2))
    for month in range(network.skill.shape[1]):
        skill[network.roster[:, month]] += np.column_stack(
            [network.skill[:, month], np.ones(len(network.skill))]
        )
    served = [int(name[1:]) for name in found.counted.levels["employee"]]
    own = pd.Series(skill[served, 0] / skill[served, 1]).groupby(network.employee_branch[served])
    person = (own.var() * (own.size() - 1)).sum() / (own.size() - 1).sum()
    total = table["variance"].sum()
    # persons of few contacts weigh less in the estimate than here, which moves it by a tenth at most
    assert 0.9 * table.loc["person", "conf_low"] < person / total < 1.1 * table.loc["person", "conf_high"]
    planted = Network()
    # what branches of unequal affluence and level differ by, halved on its way into a contact
    branch = (planted.branch_sd**2 + planted.affluence_experience**2) * Service().contact_experience ** 2
    assert table.loc["branch", "conf_low"] < branch / total < table.loc["branch", "conf_high"]
    assert found.same_person == pytest.approx(found.same_branch + table.loc["person", "estimate"])
    assert "not settled" in found.narrative()
    assert "not settled" in found.chart.claim
    assert found.chart.percent
    assert len(found.summary) == 5
    assert found.evidence.failed[0].name == "contacts a person"


def test_controls_csat_and_moves_are_read(halden):
    asked = employee_contacts(halden, outcome="csat", controls=("channel",))
    assert asked.n_used < asked.n_given / 10
    assert asked.keys[-1] == "channel"
    contacts, staff = drawn(each=30)
    contacts["branch"] = [f"b{k % 6}" for k in np.random.default_rng(2).integers(0, 6, len(contacts))]
    moved = who_makes_it(company(contacts, staff))
    assert "24 of 24 persons served in more" in moved.evidence.checks[0].detail
    low, high = moved.table.loc[0, ["conf_low", "conf_high"]]
    drawn_variance = 0.36 * np.random.default_rng(1).normal(size=24).var(ddof=1)
    assert low < drawn_variance / (drawn_variance + 1) < high
    assert "one person's more" in moved.narrative()
    assert leaving_with(moved).table["weight"].between(0, 1).all()


def test_what_leaves_is_shrunken_and_nobody_is_named(found):
    lost = leaving_with(found)
    persons, branches = lost.persons, lost.table
    assert (branches["estimate"] < 0).all()
    assert branches["in_persons"].between(0, 0.5).all()
    assert persons.groupby("branch")["weight"].sum().to_numpy() == pytest.approx(1)
    assert not set(persons["person"]) & set(found.counted.levels["employee"])
    assert (persons["part_high"] > persons["part_low"]).all()
    assert persons["reliability"].between(0, 1).all()
    assert (persons["few"] == (persons["n"] < 30)).all()
    assert "chance and is not shown" in lost.narrative()
    few, many = (persons[persons["few"] == yes]["reliability"].mean() for yes in (True, False))
    assert few < many
    # 4 × variance of a contact over that of persons: Spearman & Brown at 0.8
    assert lost.needed == np.ceil(4 * found.fit.rest / found.fit.variances[0])
    assert lost.chart.alt_text()
    assert len(lost.summary) == 10
    pd.testing.assert_frame_equal(leaving_with(found).persons, persons)
    with pytest.raises(OptionError, match="months"):
        leaving_with(found, months=0)


def test_parts_of_persons_hold_what_was_planted():
    contacts, staff = drawn(seed=4, persons=120, each=12, branches=12)
    rng = np.random.default_rng(4)
    planted = 0.6 * rng.normal(size=120)
    lost = who_makes_it(company(contacts, staff), controls=())
    reach = 1.96 * np.sqrt(lost.fit.error_variance)
    held = (np.abs(lost.fit.effects - planted) <= reach).mean()
    assert 0.88 < held <= 1  # 120 persons: 0.95 is known to 0.02


def test_persons_alike_lose_nothing():
    contacts, staff = drawn()
    contacts["mean_affect"] -= contacts.groupby("employee")["mean_affect"].transform("mean")
    contacts["mean_affect"] = contacts["mean_affect"].round(4)
    with pytest.raises(DesignError, match="more than chance"):
        leaving_with(company(contacts, staff))
    assert "Neither persons nor branches" in who_makes_it(company(contacts, staff)).narrative()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda c, s: s.update({"branch": ["b"] * len(s)}), DesignError, "one branch"),
        (lambda c, s: s.update({"branch": s["employee"]}), DesignError, "cannot be told from the branch"),
        (lambda c, s: c.update({"mean_affect": [1.0] * len(c)}), DesignError, "nothing varies"),
        (lambda c, s: c.update({"time": [datetime(2024, 1, 9)] * len(c)}), DesignError, "one month"),
        (lambda c, s: c.drop(columns="mean_affect", inplace=True), ColumnError, "mean_affect"),
        (lambda c, s: c.drop(columns="reason", inplace=True), ColumnError, "reason"),
        (lambda c, s: c.drop(c.index[c.index % 20 >= 2], inplace=True), DesignError, "10 persons"),
        (lambda c, s: c.update({"employee": ["x"] * len(c)}), DesignError, "known branch"),
    ],
)
def test_what_cannot_be_told_is_refused(change, error, says):
    contacts, staff = drawn()
    change(contacts, staff)
    with pytest.raises(error, match=says):
        who_makes_it(company(contacts, staff))


def test_bad_columns_and_options_are_refused():
    contacts, staff = drawn()
    small = company(contacts, staff)
    with pytest.raises(OptionError, match="outcome of a contact"):
        who_makes_it(small, outcome="nps")
    with pytest.raises(OptionError, match="each once"):
        who_makes_it(small, controls=("reason", "reason"))
    with pytest.raises(DesignError, match="surveys"):
        who_makes_it(small, outcome="csat")
    with pytest.raises(DataError, match="numbers are needed"):
        who_makes_it(company(contacts.assign(mean_affect="good"), staff))
    with pytest.raises(DataError, match="more than one row"):
        who_makes_it(company(contacts, pd.concat([staff, staff])))


def test_first_contacts_are_counted_by_hand():
    days = [0, 10, 40, 41]
    contacts = pd.DataFrame(
        {
            "customer": ["c", "c", "c", "d"], "employee": ["e", "e", None, "e"],
            "time": [datetime(2024, 1, 1) + timedelta(days=day) for day in days],
            "reason": ["bill", "bill", "bill", None], "resolved": [False, True, None, True],
        }
    )  # fmt: skip
    counted = problem_counts(company(contacts, {"employee": ["e"], "branch": ["b"]}))
    # the second comes back after 10 days, the third's end is not known, the last has no type
    assert counted[["n", "first", "known", "resolved"]].sum().tolist() == [3, 2, 1, 0]
    assert counted.attrs["n_given"] == 4


def test_contacts_of_nobody_known_are_no_contacts_of_one():
    rng = np.random.default_rng(3)
    contacts, staff = drawn()
    contacts["customer"] = contacts["customer"].where(rng.random(len(contacts)) < 0.5)
    contacts["time"] = [datetime(2024, 1, 1) + timedelta(hours=k) for k in range(len(contacts))]
    counted = problem_counts(company(contacts, staff))
    named = int(contacts["customer"].notna().sum())
    # every customer has one contact, so every contact of a known one is a first one
    assert counted[["n", "named", "first", "known"]].sum().tolist() == [480, named, named, named]
    shares = first_contact(company(contacts, staff))
    assert shares.evidence.failed[0].name == "contacts of nobody known"
    assert f"{480 - named} of 480" in shares.evidence.failed[0].detail
    with pytest.raises(DesignError, match="known whether"):
        first_contact(company(contacts.assign(customer=None), staff))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"known": ["20", "30"]}, "numbers are needed"),
        ({"resolved": [np.nan, 5]}, "in every row"),
        ({"known": [20.5, 30]}, "whole numbers"),
        ({"resolved": [-1, 5]}, "whole numbers"),
        ({"resolved": [21, 5]}, "more are resolved"),
        ({"n": ["2", "3"]}, "'n'"),
    ],
)
def test_counts_of_first_contacts_that_are_none_are_refused(change, says):
    counts = pd.DataFrame({"reason": ["bill", "order"], "known": [20, 30], "resolved": [10, 20]})
    with pytest.raises(ColumnError, match=says):
        first_contact(counts.assign(**change))


def test_contacts_that_stand_twice_are_refused():
    contacts, staff = drawn()
    twice = company(pd.concat([contacts.assign(contact=range(480))] * 2), staff)
    for analysis in (who_makes_it, problem_counts):
        with pytest.raises(DataError, match="480 contact stand in more than one row"):
            analysis(twice)
    # numbers that are missing are no numbers
    assert who_makes_it(company(contacts.assign(contact=None), staff)).evidence.n_used == 480


@pytest.mark.parametrize(("values", "says"), [(np.inf, "a value of inf"), (1e14, "a value of"), (1e-8, "SD")])
def test_numbers_beyond_exact_sums_are_refused_by_name(values, says):
    contacts, staff, dates = trained_company()
    factor = np.where(np.arange(len(contacts)) == 0, values, 1) if values == np.inf else values
    says = "standard deviation" if says == "SD" else says
    with pytest.raises(DataError, match=f"contacts, column 'mean_affect': .*{says}"):
        who_makes_it(company(contacts.assign(mean_affect=contacts["mean_affect"] * factor), staff))
    staff["discretion"] *= values
    with pytest.raises(DataError, match=f"employees, column 'discretion': .*{says}"):
        discretion_at_contact(company(contacts, staff, training=dates))


def test_a_satisfaction_of_yes_and_no_is_said_to_be_numbers(found):
    contacts, staff = drawn()
    contacts["contact"] = range(480)
    asked = {"contact": range(480), "csat": (contacts["mean_affect"] > 0).astype(float)}
    binary = who_makes_it(company(contacts, staff, surveys=asked), outcome="csat")
    assert any("Yes and no" in text for text in binary.evidence.assumptions)
    assert not any("Yes and no" in text for text in found.evidence.assumptions)


def returning(rng, branches, periods, n, again=0.4):
    """Draw counts of matters that come back with the same chance each time; nothing drifts."""
    rows = []
    for branch in range(branches):
        for period in range(periods):
            first = rng.multinomial(n, [0.5, 0.3, 0.2])
            for kind, count in enumerate(first):
                back = rng.negative_binomial(count, 1 - again) if count else 0
                rows.append(
                    (f"b{branch}", pd.Timestamp(2022 + period, 1, 1), f"r{kind}", count + back, count)
                )
    counted = pd.DataFrame(rows, columns=["branch", "period", "reason", "n", "first"])
    return counted.assign(named=counted["n"])


def test_one_branch_allows_for_matters_that_come_back():
    rng = np.random.default_rng(14)
    found = [problem_drift(returning(rng, 1, 4, 400)) for _ in range(40)]
    p_values = np.concatenate([one.table["p_value"] for one in found])
    # 120 p-values on 40 bases know 0.05 to 0.03; without the dispersion a third and more are under it
    assert (p_values < 0.05).mean() < 0.14
    # 1 / 0.6 contacts for each first one; of geometric numbers the ratio of moments is 1.4 / 0.6
    assert np.mean([one.dispersion for one in found]) == pytest.approx(1.4 / 0.6, rel=0.03)
    assert sum(one.settled for one in found) <= 7  # 40 samples: 2 expected, SD 1.4
    check = found[0].evidence.checks[0]
    assert check.passed is None
    assert "for each first one" in check.detail
    lone = returning(rng, 1, 4, 400).drop(columns=["first", "named"])
    for frame in (lone, lone.assign(branch=None)):
        with pytest.raises(DesignError, match="hang together"):
            problem_drift(frame)
    assert problem_drift(lone, dispersion=2).dispersion == 2
    with pytest.raises(OptionError, match="dispersion"):
        problem_drift(lone, dispersion=0.5)
    unknown = problem_variety(lone).evidence.checks[0]
    assert unknown.passed is None
    assert "cannot be told" in unknown.detail


def test_drift_is_claimed_by_all_periods_together_and_with_its_size():
    rng = np.random.default_rng(15)
    still = problem_drift(returning(rng, 6, 4, 100))
    lead, moved = still.chart.claim.split(": up to ")
    assert lead == "Problems are not told apart from those of the first period"
    # Pinsker's bound for two periods of one size; these differ by a few contacts in a hundred
    bound = 100 * np.sqrt(2 * still.table["conf_high"].max())
    assert float(moved.split()[0]) == pytest.approx(bound, rel=0.02)
    assert "not told apart" in still.narrative()
    assert still.evidence.checks[0].passed is not None
    # one odd period of thirteen, flagged alone: not enough for all together
    rows = [(b, t, r, 150) for b in range(5) for t in range(13) for r in ("bill", "order", "advice")]
    odd = pd.DataFrame(rows, columns=["branch", "period", "reason", "n"])
    late = odd["period"] == 7
    odd["n"] += np.where(late & (odd["reason"] == "bill"), 20, 0)
    odd["n"] -= np.where(late & (odd["reason"] == "order"), 20, 0)
    odd["period"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(31 * odd["period"], unit="D")
    lone = problem_drift(odd)
    assert lone.table["drifted"].sum() == 1
    assert lone.joint_p_value > 0.05
    assert not lone.settled
    assert "not told apart" in lone.chart.claim


def test_few_contacts_are_not_called_the_least_varied():
    rows = [("a", "bill", 40), ("a", "order", 40), ("b", "bill", 50), ("b", "order", 5), ("c", "bill", 1)]
    counts = pd.DataFrame(rows, columns=["branch", "reason", "n"]).assign(period=pd.Timestamp(2024, 1, 1))
    variety = problem_variety(counts)
    assert "the least varied, b," in variety.narrative()
    # one contact tells next to nothing
    assert variety.table.set_index("group").loc["c", ["conf_low", "conf_high"]].tolist() == [1, 2]
    assert "none can be called" in problem_variety(counts[counts["branch"] != "a"]).narrative()
    # who met too few contacts stands in the table, and not in the picture that names the most varied
    assert set(variety.table["group"]) - set(variety.chart.frame["group"])


def test_shares_resolved_by_type_are_haldens(halden):
    shares = first_contact(halden)
    table = shares.table.set_index("reason")
    assert table.index[table["left_to_discretion"]].tolist()[0] in ("complaint", "delivery")
    # planted: 0.12 below the mean share for complaints, 0.06 above for advice
    gap = table.loc["product advice", "estimate"] - table.loc["complaint", "estimate"]
    assert gap == pytest.approx(0.18, abs=0.05)  # √(0.2 / 2,500 + 0.24 / 2,300) = 0.014, and channels
    assert table["of_all"].sum() == pytest.approx(1)
    assert "complaint" in shares.chart.claim
    assert "Dashed: 7" in shares.chart.note
    assert "complaint" in shares.narrative()
    assert len(shares.summary) == 6


def test_types_by_branch_and_over_time(halden):
    counted = problem_counts(halden)
    variety = problem_variety(counted)
    assert len(variety.table) == 60
    assert variety.table["estimate"].between(1, 6).all()
    assert variety.dispersion == pytest.approx(1.2, abs=0.15)  # matters that come back come twice
    assert "extremes" in variety.narrative()
    assert variety.chart.kind == "forest"
    most = variety.table.loc[variety.table["estimate"].idxmax()]
    assert f"{most['group']} are as varied as {most['estimate']:.1f}" in variety.chart.claim
    assert len(variety.summary) == 60
    over_time = problem_variety(counted, by="period", method="chao_shen")
    assert over_time.chart.kind == "line"
    assert "In 16 periods" in over_time.chart.claim
    assert len(over_time.table) == 16
    still = problem_drift(counted)
    assert len(still.table) == 15
    assert (still.table["q_value"] >= still.table["p_value"]).all()
    late = counted["period"] >= "2025-01-01"
    shifted = counted.assign(n=counted["n"] * np.where(late & (counted["reason"] == "invoice"), 2, 1))
    moved = problem_drift(shifted).table.set_index("period")
    assert moved.loc["2025-01-01":, "drifted"].all()
    assert set(moved.loc["2025-01-01":, "moved"]) == {"invoice"}
    assert "invoice" in problem_drift(shifted).narrative()
    assert "met other problems than the first: invoice by up to +" in problem_drift(shifted).chart.claim


def test_shares_without_their_n_and_single_types_are_refused():
    counts = pd.DataFrame({"branch": "a", "period": [1, 2], "reason": "bill", "n": [3, 4]})
    with pytest.raises(ColumnError, match="without its n"):
        problem_variety(counts.drop(columns="n").assign(share=0.5))
    with pytest.raises(ColumnError, match="without their n"):
        problem_drift(counts.assign(n=[0.3, 0.7]))
    with pytest.raises(ColumnError, match="in every row"):
        problem_drift(counts.assign(n=[None, 3]))
    with pytest.raises(ColumnError, match="without its n"):
        first_contact(pd.DataFrame({"reason": ["bill"], "share": [0.7]}))
    for analysis in (problem_variety, problem_drift):
        with pytest.raises(DesignError, match="same reason"):
            analysis(counts)
    with pytest.raises(DesignError, match="one period"):
        problem_drift(counts.assign(period=1, reason=["bill", "order"]))
    with pytest.raises(DesignError, match="known whether"):
        first_contact(pd.DataFrame({"reason": ["bill"], "known": [0], "resolved": [0]}))
    with pytest.raises(OptionError, match="grouping"):
        problem_variety(counts, by="region")
    contacts, staff = drawn()
    small = company(contacts, staff)
    for options, says in (({"period": "day"}, "period"), ({"gap_days": -1}, "gap_days")):
        with pytest.raises(OptionError, match=says):
            problem_counts(small, **options)
    with pytest.raises(ColumnError, match="resolved"):
        first_contact(company(contacts.drop(columns="resolved"), staff))
    with pytest.raises(DataError, match="texts"):
        problem_counts(company(contacts.assign(reason=1), staff))
    with pytest.raises(DesignError, match="no contact has a reason"):
        problem_counts(company(contacts.assign(reason=None), staff))


def trained_company(seed=6, **changes):
    contacts, staff = drawn(seed=seed, persons=40, each=30, branches=8)
    staff = staff.assign(**changes)
    dates = {"employee": staff["employee"][:20], "date": [datetime(2024, 5, 1)] * 20}
    return contacts, staff, dates


def test_discretion_from_sums_is_what_the_rows_give():
    contacts, staff, dates = trained_company()
    found = discretion_at_contact(company(contacts, staff, training=dates), outcome="mean_affect")
    rows = contacts.merge(staff, on="employee")
    early = rows["employee"].isin(dates["employee"])
    rows["trained"] = (early & (rows["time"] > datetime(2024, 5, 2))).astype(float)
    rows["z"] = (rows["discretion"] - rows["discretion"].mean()) / rows["discretion"].std(ddof=0)
    rows["both"], rows["month"] = rows["trained"] * rows["z"], rows["time"].dt.month
    dummies = pd.get_dummies(rows[["branch", "month"]].astype(str), drop_first=True).to_numpy(dtype=float)
    design = np.column_stack([rows[["trained", "z", "both"]], np.ones(len(rows)), dummies])
    plain = sm.OLS(rows["mean_affect"].to_numpy(), design).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(rows["branch"])[0]}
    )
    # both solve the same normal equations; numbers have three digits, so nothing is lost before the solution
    np.testing.assert_allclose(found.table["estimate"], plain.params[:3], rtol=1e-8)
    # statsmodels' errors also have (n - 1) / (n - k), which ours leave out as branches are absorbed
    n, k = design.shape
    np.testing.assert_allclose(
        found.table["std_error"], plain.bse[:3] / np.sqrt((n - 1) / (n - k)), rtol=1e-7
    )


def test_training_and_discretion_of_halden_are_found(halden):
    resolved = discretion_at_contact(halden)
    planted = [Network().first_contact, Service().resolved_discretion, 0.0]
    table = resolved.table
    # 99.9 % intervals, so that a true one fails once in a thousand
    assert (np.abs(table["estimate"] - planted) < 3.5 * table["std_error"]).all()
    assert "not settled" in resolved.narrative()
    assert "not settled" in resolved.chart.claim
    assert (resolved.chart.percent, resolved.chart.x_label) == (True, "Difference in the share resolved")
    felt = discretion_at_contact(halden, outcome="mean_affect")
    affect = felt.table
    assert (felt.chart.percent, felt.chart.x_label) == (False, "Difference in mean_affect [SD]")
    assert affect.loc[0, "conf_low"] > 0
    assert (
        abs(affect.loc[2, "estimate"] - Network().discretion_training * 0.21)
        < 3.5 * affect.loc[2, "std_error"]
    )


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"discretion": 1.0}, DesignError, "the same for all"),
        ({"discretion": "much"}, DataError, "numbers are needed"),
        ({"branch": "b"}, DesignError, "need 5"),
    ],
)
def test_discretion_that_cannot_be_told_is_refused(change, error, says):
    contacts, staff, dates = trained_company(**change)
    with pytest.raises(error, match=says):
        discretion_at_contact(company(contacts, staff, training=dates))


def test_training_of_nobody_and_constant_outcomes_are_refused():
    contacts, staff, dates = trained_company()
    late = {**dates, "date": [datetime(2030, 1, 1)] * 20}
    with pytest.raises(DesignError, match="nobody"):
        discretion_at_contact(company(contacts, staff, training=late))
    with pytest.raises(DesignError, match="same in all"):
        discretion_at_contact(company(contacts.assign(resolved=True), staff, training=dates))
    with pytest.raises(OptionError, match="outcome"):
        discretion_at_contact(company(contacts, staff, training=dates), outcome="csat")
    with pytest.raises(ColumnError, match="trait"):
        discretion_at_contact(company(contacts, staff, training=dates), trait="trait")
