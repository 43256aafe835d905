"""The settings of data/adapters, through the real door: published files give their published figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cemlab.data.contract import TABLES
from cemlab.data.intake import Intake, take_in
from cemlab.data.intake.settings.file import read_settings
from cemlab.places import bundled, cache_folder
from cemlab.survival import hazard_ratios, retention_curve
from tests.conftest import needs

ADAPTERS = bundled("data") / "adapters"
# settings → the public data set whose file they are for
REGISTERED = {
    "online_retail": "online_retail",
    "rossi": "rossi",
    "sfo_2017": "sfo_2017",
    "telco": "telco",
    "water_survey": "water_survey",
}
# settings → a file that nobody publishes as it is: package data of R, saved as CSV
SAVED = {"mobi": "mobi.csv", "service_quality": "SQ.csv"}
NAMES = sorted([*REGISTERED, *SAVED])

TakenIn = Callable[[str], Intake]


@pytest.fixture(scope="module")
def taken() -> TakenIn:
    """Take a file in with its settings, once a module; skip where it is not in the cache."""
    found: dict[str, Intake] = {}

    def take(name: str) -> Intake:
        if name in REGISTERED:
            needs(REGISTERED[name])
        elif not (cache_folder() / SAVED[name]).exists():
            pytest.skip(f"{SAVED[name]} is not in the cache; save it there as data/adapters/README.md says")
        if name not in found:
            found[name] = take_in(cache_folder(), settings=read_settings(ADAPTERS / f"{name}.toml"))
        return found[name]

    return take


def frame(intake: Intake, table: str) -> pd.DataFrame:
    return intake.tables[table].to_pandas()


def reasons(intake: Intake) -> Counter[str]:
    (report,) = intake.files
    return Counter(fault.reason for fault in report.quarantined)


def alpha(items: pd.DataFrame) -> float:
    """Cronbach's alpha: k / (k - 1) · (1 - sum of the items' variances / variance of their sum)."""
    x = items.to_numpy(dtype=float)
    k = x.shape[1]
    return k / (k - 1) * (1 - x.var(axis=0, ddof=1).sum() / x.sum(axis=1).var(ddof=1))


# --- all of them ----------------------------------------------------------------------------------


def test_every_file_of_settings_is_read_and_listed():
    assert [path.stem for path in sorted(ADAPTERS.glob("*.toml"))] == NAMES
    page = (ADAPTERS / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        settings = read_settings(ADAPTERS / f"{name}.toml")
        assert settings.name
        assert settings.leave_alone == ("*",)
        assert settings.tables
        for table in settings.tables.values():
            (file,) = table.files
            row = next(line for line in page.split("\n") if line.startswith(f"| `{name}.toml`"))
            assert f"`{file}`" in row
            assert table.table in row


@pytest.mark.parametrize("name", NAMES)
def test_no_record_is_lost_and_every_table_is_there_as_the_contract_states_it(name: str, taken: TakenIn):
    intake = taken(name)
    assert not intake.rejected
    assert set(intake.tables) == set(intake.settings.tables)
    for report in intake.files:
        # iterated, so that the rows themselves are counted and not a counter
        assert report.records == report.accepted + sum(1 for _ in report.quarantined)
        assert report.table is not None
        table = intake.tables[report.table]
        assert int(table.count().to_pyarrow().as_py()) == report.accepted
        for column in TABLES[report.table].required:
            assert int(table[column].isnull().sum().to_pyarrow().as_py()) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_counts_of_the_page_are_those_of_the_files(name: str, taken: TakenIn):
    page = (ADAPTERS / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.split("\n") if line.startswith(f"| `{name}.toml`")).split("|")
    for report in taken(name).files:
        assert (row[4].strip(), row[5].strip()) == (f"{report.records:,}", f"{report.accepted:,}")


# --- Online Retail: figures published with the file ------------------------------------------------


def test_online_retail_has_the_published_lines_customers_and_revenue(taken: TakenIn):
    (report,) = taken("online_retail").files
    assert (report.verdict, report.records, report.accepted) == ("quarantine", 541_909, 397_884)
    lines = frame(taken("online_retail"), "transactions")
    assert lines["customer"].nunique() == 4_338
    assert lines["order"].nunique() == 18_532
    assert sum(lines["revenue"], Decimal(0)) == Decimal("8911407.9040")
    assert (lines["units"] > 0).all()


def test_online_retail_accounts_for_every_line_that_was_left_out(taken: TakenIn):
    found = reasons(taken("online_retail"))
    assert found["no customer identifier"] == 135_080  # published, and first in the order
    # counted from the file by a script of its own: cancelled lines with a customer, then free ones
    assert found["cancelled"] == 8_905
    assert found["price not above 0"] == 40
    assert set(found) == {"no customer identifier", "cancelled", "price not above 0"}
    assert found.total() == 541_909 - 397_884


def test_online_retail_writes_identifiers_without_decimals_and_keeps_the_time(taken: TakenIn):
    lines = taken("online_retail").tables["transactions"]
    first = lines.filter(lines.order == "536365").filter(lines.product == "85123A").to_pyarrow().to_pylist()
    # the first line of the file: 536365,85123A,…,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
    (line,) = first
    assert line["customer"] == "17850"
    assert line["date"] == date(2010, 12, 1)
    assert line["time"] == datetime(2010, 12, 1, 8, 26)
    assert (line["units"], line["revenue"]) == (6, Decimal("15.3000"))
    assert line["country"] == "United Kingdom"


# --- SFO 2017 -------------------------------------------------------------------------------------


def test_sfo_has_its_published_score(taken: TakenIn):
    people = frame(taken("sfo_2017"), "surveys")
    assert len(people) == 2_831
    answered = people.dropna(subset=["nps"])
    promoters, detractors = answered["nps"] >= 9, answered["nps"] <= 6
    assert (len(answered), int(promoters.sum()), int(detractors.sum())) == (2_746, 1_436, 342)
    score = (promoters.astype(float) - detractors.astype(float)) * 100
    # published to two decimals
    assert score.mean() == pytest.approx(39.84, abs=0.005)
    assert np.average(score, weights=answered["weight"]) == pytest.approx(40.40, abs=0.005)


def test_sfo_ratings_leave_out_what_is_no_mark(taken: TakenIn):
    people = frame(taken("sfo_2017"), "surveys")
    assert people["csat"].count() == 2_688
    assert people["csat"].mean() == pytest.approx(4.0644, abs=5e-5)  # published to four decimals
    security = people.assign(problem=people["had_problem"].astype("boolean")).groupby("problem")["security"]
    # published to two decimals
    assert security.mean()[True] == pytest.approx(3.86, abs=0.005)
    assert security.mean()[False] == pytest.approx(4.38, abs=0.005)


def test_sfo_days_are_of_may_and_stated_weekdays_agree(taken: TakenIn):
    people = frame(taken("sfo_2017"), "surveys")
    days = pd.to_datetime(people["date"])
    assert days.min() == pd.Timestamp(2017, 5, 5)
    assert days.max() == pd.Timestamp(2017, 5, 30)
    stated = people["weekday"].map(
        {d: i for i, d in enumerate(["MON", "TUE", "WED", "THUR", "FRI", "SAT", "SUN"])}
    )
    # a few rows of the file contradict themselves; in another month, none of the days would agree
    assert (stated == days.dt.weekday).mean() > 0.9


# --- water survey ---------------------------------------------------------------------------------


def test_water_survey_counts_the_valid_and_every_reason(taken: TakenIn):
    (report,) = taken("water_survey").files
    assert (report.records, report.accepted) == (690, 491)
    assert reasons(taken("water_survey")) == {
        "other city": 97,
        "failed the attention check": 79,
        "no tap water": 15,
        "no consent": 8,
    }


def test_water_survey_skips_the_second_header_row_and_knows_the_lines(taken: TakenIn):
    (report,) = taken("water_survey").files
    # lines 1 and 2 are headers; of the first questionnaires, line 3 counts, 4 failed, 5 is another city's
    first = [(fault.line, fault.reason) for fault in report.quarantined][:2]
    assert first == [(4, "failed the attention check"), (5, "other city")]
    people = frame(taken("water_survey"), "surveys")
    assert "R_eqvaSnwkUPEwKz3" in set(people["customer"])
    assert people["date"].isin(pd.date_range("2015-03-18", "2015-03-20")).all()


def test_water_survey_scales_have_their_published_reliability(taken: TakenIn):
    people = frame(taken("water_survey"), "surveys")
    items = people[[f"p{i:02}" for i in range(1, 11)]].dropna()
    backwards = ["p01", "p02", "p07", "p08", "p09", "p10"]
    assert len(items) == 439
    # published to four decimals
    assert alpha(items) == pytest.approx(0.0317, abs=5e-5)
    assert alpha(items.assign(**{name: 8 - items[name] for name in backwards})) == pytest.approx(
        0.8727, abs=5e-5
    )
    # printed by the author's own course: r = 0.6581375
    assert np.corrcoef(items["p01"], items["p02"])[0, 1] == pytest.approx(0.6581375, abs=5e-8)
    quality = people[[f"f{i:02}" for i in range(1, 14)]].dropna()
    assert len(quality) == 432
    assert alpha(quality) == pytest.approx(0.9499, abs=5e-5)


# --- Telco and Rossi ------------------------------------------------------------------------------


def test_telco_gives_two_tables_of_one_file(taken: TakenIn):
    intake = taken("telco")
    assert [(report.table, report.accepted) for report in intake.files] == [
        ("customers", 7_043),
        ("subscriptions", 7_043),
    ]
    spells = frame(intake, "subscriptions")
    left = spells["cause"] != "none"
    assert int(left.sum()) == 1_869
    # published in per cent with two decimals
    by_plan = 100 * left.groupby(spells["plan"]).mean()
    assert by_plan["Month-to-month"] == pytest.approx(42.71, abs=0.005)
    assert by_plan["One year"] == pytest.approx(11.27, abs=0.005)
    assert by_plan["Two year"] == pytest.approx(2.83, abs=0.005)
    assert frame(intake, "customers")["total_charges"].isna().sum() == 11


def test_telco_keeps_the_published_retention(taken: TakenIn):
    spells = taken("telco").tables["subscriptions"]
    curve = retention_curve(spells, duration="duration", event="cause", unit="months")
    # published to four decimals
    assert curve.at(12)["estimate"].iloc[0] == pytest.approx(0.8432, abs=5e-5)
    assert curve.at(24)["estimate"].iloc[0] == pytest.approx(0.7887, abs=5e-5)


def test_rossi_gives_the_published_coefficients(taken: TakenIn):
    spells = taken("rossi").tables["subscriptions"]
    assert int(spells.count().to_pyarrow().as_py()) == 432
    known = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    spells = spells.mutate(left=spells["cause"] != "none")
    terms = hazard_ratios(spells, duration="duration", event="left", covariates=known).table
    found = dict(zip(terms["term"], terms["coefficient"], strict=True))
    # published to four decimals
    for name, value in {"fin": -0.3794, "age": -0.0574, "prio": 0.0915}.items():
        assert found[name] == pytest.approx(value, abs=5e-5)


# --- surveys without identifiers ------------------------------------------------------------------

MOBI = {
    "imag": 0.7228,
    "cuex": 0.4519,
    "perq": 0.8770,
    "perv": 0.8236,
    "cusa": 0.7792,
    "cusl": 0.4724,
}


@pytest.mark.parametrize("construct", MOBI)
def test_mobi_constructs_have_their_published_reliability(construct: str, taken: TakenIn):
    people = frame(taken("mobi"), "surveys")
    items = people[[name for name in people.columns if name.startswith(construct) and name[-1].isdigit()]]
    standard = (items - items.mean()) / items.std()
    # published to four decimals
    assert alpha(standard) == pytest.approx(MOBI[construct], abs=5e-5)


def test_service_quality_has_its_published_reliability(taken: TakenIn):
    people: Any = frame(taken("service_quality"), "surveys")
    assert len(people) == 411
    # published to four decimals
    assert alpha(people[[f"a{i:02}" for i in range(1, 23)]]) == pytest.approx(0.9610, abs=5e-5)


def test_the_page_names_the_files_without_settings():
    page = (ADAPTERS / "README.md").read_text(encoding="utf-8")
    for file in ("CDNOW_master.txt", "two_segment_retention.csv", "njmin3.csv", "nsw_mixtape.dta"):
        assert file in page
    assert not Path(ADAPTERS / "cemlab.toml").exists()  # the folder is no company's
