"""The page for whoever pays: its figures are the case's, its words go no further, and none is clipped."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from cemlab.business_case import (
    Assumption,
    Fitted,
    Wave,
    case_ledger,
    counted,
    stress,
    tornado,
    training_case,
)
from cemlab.business_case.break_even import break_even
from cemlab.business_case.recession import Recession
from cemlab.business_case.scenarios import PRICE, PURCHASES, Scenario
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check
from cemlab.present.cfo_content import money_of, thresholds_of, tornado_of
from cemlab.present.cfo_page import cfo_page
from cemlab.present.cfo_sheet import cfo_sheet
from cemlab.present.plots.page import column_widths, shortened
from cemlab.present.plots.words import measure

LEAVING = "experience → leaving for a competitor"
SD = "per standard deviation"


def links(grade: str) -> list:
    if grade == "assumption":
        return [
            Assumption(item="training → experience", low=0.1, mode=0.2, high=0.4, unit="standard deviations"),
            Assumption(
                item="experience → purchases", low=0.02, mode=0.07, high=0.1, unit=f"log purchases {SD}"
            ),
            Assumption(item=LEAVING, low=0.7, mode=0.8, high=0.9, unit=f"hazard ratio {SD}"),
        ]
    fitted = {
        "training → experience": (0.22, 0.04, "standard deviations"),
        "experience → purchases": (0.07, 0.02, f"log purchases {SD}"),
        LEAVING: (0.8, 0.04, f"hazard ratio {SD}"),
    }
    return [
        Fitted(item=item, estimate=b, std_error=se, unit=unit, grade=grade, source="roll-out of 2023")
        for item, (b, se, unit) in fitted.items()
    ]


def ledger(grade: str = "assumption", *, spend: float = 500.0):
    named = {"owner": "head of training", "date": datetime.date(2024, 6, 20)}
    entries = [
        *links(grade),
        counted(item="half of the change is there after", value=2, unit="months"),
        Assumption(item="months that a trained person stays", low=30, mode=40, high=60, unit="months"),
        counted(item="leaving for a competitor", value=0.012, unit="share a month"),
        counted(item="spend of a customer", value=spend, unit="EUR a customer and month"),
        counted(item="margin of revenue", value=0.57, unit="share"),
        Assumption(item="Course, fee and travel", low=820, mode=900, high=1050, unit="EUR a person", **named),
        counted(item="Hours away from the counter", value=24, unit="hours a person"),
        counted(item="Time covered by others", value=28, unit="EUR an hour"),
        Assumption(item="Capital", low=0.06, mode=0.08, high=0.11, unit="share a year"),
        counted(item="persons trained", value=14, unit="persons"),
        counted(item="posts", value=15, unit="posts"),
        counted(item="customers", value=333, unit="customers"),
        Assumption(item=PRICE, low=1.1, mode=1.4, high=2.2, unit="hazard ratio"),
        Assumption(item=PURCHASES, low=0.85, mode=0.9, high=1.0, unit="multiple"),
    ]
    return case_ledger(entries, currency="EUR", source="Halden, a fictional company")


def case_of(grade: str = "assumption", **options: float):
    return training_case(ledger(grade, **options), draws=400, months=24)


@pytest.fixture(scope="module")
def weak():
    return case_of()


@pytest.fixture(scope="module")
def strong():
    return case_of("quasi-experiment")


@pytest.fixture(scope="module")
def sheet(weak):
    return cfo_sheet(weak, ask="Train 14 people now")


@pytest.fixture(scope="module")
def strong_sheet(strong):
    return cfo_sheet(strong)


# --- what it says --------------------------------------------------------------------------------------


def test_the_headline_holds_the_figures_of_the_case(weak, sheet):
    facts = {fact.name: fact for fact in sheet.facts}
    npv, loss = weak.value("net present value"), weak.value("probability of loss")
    value = facts["Net present value over 24 months"]
    # a case of some ten thousand: three figures of thousands
    assert value.value == f"{npv['estimate'] / 1e3:.1f} thousand EUR"
    assert value.detail == f"90 % interval {npv['conf_low'] / 1e3:.1f} to {npv['conf_high'] / 1e3:.1f}"
    assert facts["Probability of loss"].value == f"{100 * loss['estimate']:.1f} %"
    assert sheet.title == (
        f"If the links hold, the training is worth {npv['estimate'] / 1e3:.1f} thousand EUR over 24 months; "
        f"{100 * loss['estimate']:.0f} % of the draws lose money"
    )
    assert sheet.kind == "Assumption-based case. Weakest link: assumption"


def test_a_return_is_named_only_where_the_design_carries_it(sheet, strong, strong_sheet):
    assert not re.search(r"\bROI\b|return on", sheet.alt_text(), re.IGNORECASE)
    back = strong.value("return on investment")["estimate"]
    assert f"Return on investment: {100 * back:.0f} %" in strong_sheet.alt_text()
    assert strong_sheet.title.startswith("The training is worth")
    assert strong_sheet.kind == "Business case. Weakest link: quasi-experiment"


@pytest.mark.parametrize(
    "options",
    [{"title": "The ROI of training"}, {"ask": "Return on training"}, {"killers": ["The effect is nil"]}],
)
def test_no_text_says_more_than_the_weakest_link(weak, strong, options):
    with pytest.raises(DesignError, match=r"says 'ROI'|speaks of a return|says 'effect'"):
        cfo_sheet(weak, **options)
    assert cfo_sheet(strong, **options).facts


def test_the_pictures_show_the_case(weak, sheet):
    fan, swings = sheet.panels
    assert (fan.kind, swings.kind) == ("fan", "tornado")
    np.testing.assert_allclose(fan.frame["npv_p50"] * 1e3, weak.by_month["npv_p50"], rtol=1e-12)
    found = tornado(weak).table
    assert list(swings.frame["entry"]) == list(found["entry"])
    np.testing.assert_allclose(swings.frame["npv_at_low"] * 1e3, found["npv_at_low"], rtol=1e-12)
    assert "[thousand EUR]" in fan.y_label
    assert "[thousand EUR]" in swings.x_label


def test_of_many_swings_the_widest_are_drawn(weak):
    found = tornado(weak)
    many = dataclasses.replace(found, table=pd.concat([found.table] * 3, ignore_index=True))
    drawn = tornado_of(many, money_of([1.0], "EUR"))
    assert list(drawn.frame["entry"]) == list(many.table["entry"][:10])
    assert drawn.note.startswith(f"The 10 widest of {len(many.table)}. ")


def test_the_ledger_tells_every_entry_that_enters_the_widest_swing_first(weak, sheet):
    told = sheet.ledger.set_index("Entry")
    swings = list(tornado(weak).table["entry"])
    assert list(told.index[: len(swings)]) == swings
    assert set(told.index) == set(weak.items)
    assert list(told.loc["Course, fee and travel"]) == [
        "820", "900", "1,050", "EUR a person", "none named", "head of training", "2024-06-20", "assumption"
    ]  # fmt: skip
    # what is known exactly has no range, and what nobody answers for says so
    assert list(told.loc["posts"]) == ["", "15", "", "posts", "none named", "nobody", "none", "descriptive"]


def test_links_have_dots_by_their_grade(sheet, strong_sheet):
    assert set(sheet.links["strength"]) == {"○○○○○"}
    assert set(strong_sheet.links["strength"]) == {"●●●●○"}
    assert len(sheet.links) == 3


def test_thresholds_and_scenarios_say_what_would_kill_it(weak):
    found = break_even(weak)
    hard = Scenario(name="all at once", recession=Recession(depth=3.0, lasts=20), turnover=50.0)
    sheet = cfo_sheet(weak, break_even=found, stress=stress(weak, [hard]), killers=["No budget."])
    assert sheet.question == "What would kill it?"
    first = found.table.dropna(subset=["estimate"]).iloc[0]
    assert sheet.killers[0].startswith(f"“{first['entry']}” ")
    assert {"at least": " below ", "at most": " above "}[first["needed"]] in sheet.killers[0]
    assert f"as in {100 * first['p_short']:.0f} % of its draws" in sheet.killers[0]
    row = stress(weak, [hard]).table.iloc[1]
    assert row["estimate"] < 0
    assert sheet.killers[-2] == (
        f"“all at once”: the mean is {row['estimate'] / 1e3:.1f} thousand EUR, and "
        f"{100 * row['p_loss']:.0f} % of the draws lose money."
    )
    assert sheet.killers[-1] == "No budget."


def test_a_scenario_that_does_not_kill_is_told_as_the_hardest(weak):
    mild = stress(weak, [Scenario(name="some leave", turnover=1.1)])
    assert (
        cfo_sheet(weak, stress=mild).killers[-1].startswith("No scenario alone; the hardest is “some leave”")
    )


def test_where_no_entry_turns_the_sign_it_is_said(weak):
    found = break_even(weak)
    none = dataclasses.replace(found, table=found.table.assign(estimate=np.nan))
    assert thresholds_of(none) == ["No entry alone, at any value that it can have."]


def test_a_case_that_loses_asks_what_would_turn_it():
    case = case_of(spend=50.0)
    lost = cfo_sheet(case, subject="the course")
    assert lost.title.startswith("If the links hold, the course costs ")
    assert "more than it brings in over 24 months" in lost.title
    assert lost.question == "What would turn it?"
    assert lost.panels[0].claim == "Not paid back within 24 months in the middle of the draws"
    assert {fact.name: fact.value for fact in lost.facts}["Paid back after"] == "never"


def test_a_case_that_loses_shows_all_its_bad_times():
    case = case_of(spend=50.0)
    times = [Scenario(name=f"depth {k}", recession=Recession(depth=k, lasts=12)) for k in (1, 2)]
    times.append(Scenario(name="late", recession=Recession(depth=1, lasts=12, begins=9)))
    bad = stress(case, [*times, Scenario(name="leave", turnover=2.0)])
    lost = cfo_sheet(case, stress=bad)
    assert lost.question == "What would turn it? And in bad times?"
    told = [line for line in lost.killers if line.endswith(" of draws lose.")]
    assert [line.split("“")[1].split("”")[0] for line in told] == ["depth 1", "depth 2", "late", "leave"]
    row = bad.table.iloc[1]
    assert told[0] == (
        f"“depth 1”: {row['estimate'] / 1e3:.1f} thousand EUR on average; "
        f"{100 * row['p_loss']:.0f} % of draws lose."
    )
    one = stress(case, [Scenario(name="some leave", turnover=1.1)])
    assert cfo_sheet(case, stress=one).killers[-1].startswith("“some leave”: -")


def cash(case):
    facts = {fact.name: fact for fact in cfo_sheet(case).facts}
    return facts["Cash needed in the first month"]


def test_the_cash_of_the_first_month_is_told(weak):
    # 14 persons at 820 to 1,050 EUR and 24 hours of 28 EUR; nothing comes in before anything is learnt
    fee = weak.draws.figures["Course, fee and travel"]
    low, middle, high = (14 * (np.quantile(fee, q) + 24 * 28) / 1e3 for q in (0.05, 0.5, 0.95))
    assert cash(weak).value == f"{middle:.1f} thousand EUR"
    assert cash(weak).detail == f"in the middle; 90 % of the draws {low:.1f} to {high:.1f}"
    fixed = ledger().plus(counted(item="Course, fee and travel", value=900, unit="EUR a person"))
    known = training_case(fixed, draws=200, months=24)
    assert (cash(known).value, cash(known).detail) == ("22.0 thousand EUR", "in every draw")
    later = training_case(ledger(), draws=200, months=24, waves=Wave(month=3))
    assert (cash(later).value, cash(later).detail) == (
        "none",
        "first needed in month 3, in the middle of the draws",
    )
    free = weak.by_month.assign(cash_p05=1.0, cash_p50=2.0, cash_p95=3.0)
    assert cash(dataclasses.replace(weak, by_month=free)).detail == "in no month, in the middle of the draws"


def test_the_note_names_the_checks_that_failed_and_says_what_the_ends_are(weak, strong_sheet):
    aged = Check(name="age", null="no assumption is older than agreed", passed=False, detail="x")
    found = dataclasses.replace(weak.evidence, checks=(aged, aged))
    note = cfo_sheet(dataclasses.replace(weak, evidence=found)).note
    assert "FAILED: age (no assumption is older than agreed). Ledger:" in note  # once, though in two tables
    assert "check(s)" not in note
    assert "Low and High are the ends of the range that the owner states. Five dots" in note
    assert "FAILED" not in strong_sheet.note
    assert "the owner states; of what was measured, of its 95 % interval. Five dots" in strong_sheet.note


def test_a_road_with_its_cost_in_it_shows_none(weak):
    none = {"estimate": 0.0, "conf_low": 0.0, "conf_high": 0.0}
    rows = weak.table.set_index("quantity")
    rows.loc["present value of the cost", list(none)] = list(none.values())
    sheet = cfo_sheet(dataclasses.replace(weak, table=rows.reset_index()))
    assert len(sheet.facts) == 3


@pytest.mark.parametrize(
    ("amounts", "shown", "unit"),
    [
        ([1_270_000, -102_000], "1.27", "million EUR"),
        ([12_345.6], "12.3", "thousand EUR"),
        ([999.4], "999", "EUR"),
        ([0.0], "0", "EUR"),
        ([np.inf, 2.5e9], "∞", "billion EUR"),
    ],
)
def test_amounts_have_three_figures(amounts, shown, unit):
    money = money_of(amounts, "EUR")
    assert (money.show(amounts[0]), money.unit) == (shown, unit)
    assert money.show(-np.inf) == "-∞"
    assert money.show(np.nan) == "not estimable"


# --- what is refused -----------------------------------------------------------------------------------


def test_what_is_no_case_or_no_sheet_is_refused(weak, tmp_path):
    with pytest.raises(DesignError, match="a str is no business case; make one with training_case"):
        cfo_sheet("case")
    with pytest.raises(DesignError, match="a str is no sheet; make one with cfo_sheet"):
        cfo_page("sheet", tmp_path / "x.html")
    with pytest.raises(DesignError, match="the Tornado is in USD on 15 entries, the case in EUR on 15"):
        cfo_sheet(weak, tornado=dataclasses.replace(tornado(weak), currency="USD"))


def test_other_formats_and_papers_are_refused(sheet, tmp_path):
    with pytest.raises(OptionError, match="no format of the sheet named 'docx'"):
        sheet.save(tmp_path / "sheet.docx")
    with pytest.raises(OptionError, match="no paper named 'A5'"):
        sheet.figure("A5")
    assert list(tmp_path.iterdir()) == []


# --- the figure ----------------------------------------------------------------------------------------


def crowded(sheet):
    """The sheet with a long ledger, long names and sentences that nobody would write."""
    long = "costs of covering the hours of those who are away, at the rate of temporary staff, branch"
    rows = pd.concat(
        [sheet.ledger.assign(Entry=f"{long} {k}", Source=long) for k in "abc"], ignore_index=True
    )
    return dataclasses.replace(sheet, ledger=rows, title=f"{sheet.title}, and {long}", killers=(long,) * 4)


@pytest.mark.parametrize(("name", "paper"), [("as it is", "16:9"), ("crowded", "A4")])
def test_all_words_are_on_the_page_and_apart(strong_sheet, name, paper):
    sheet = strong_sheet if name == "as it is" else crowded(strong_sheet)
    figure = sheet.figure(paper)
    figure.draw_without_rendering()
    unseen = set()
    for axis in itertools.chain.from_iterable((ax.xaxis, ax.yaxis) for ax in figure.axes):
        low, high = sorted(axis.get_view_interval())
        unseen |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t not in unseen and t.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 60
    for word, box in boxes:
        assert box.x0 >= 0, word
        assert box.y0 >= 0, word
        assert box.x1 <= figure.bbox.x1, word
        assert box.y1 <= figure.bbox.y1, word
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        # 4 px of 100 an inch: a box has empty room for the accents and descenders that most words lack
        assert wide < 4 or high < 4, (one, other)
    # what found no room in the ledger is counted
    left = [int(word.split()[2]) for word, _ in boxes if word.startswith("… and ")]
    shown = sum(word in set(sheet.ledger["Date"]) for word, _ in boxes)
    assert left == ([len(sheet.ledger) - shown] if shown < len(sheet.ledger) else [])


def test_it_shows_itself_with_its_words(sheet):
    data, about = sheet._repr_mimebundle_()
    assert data["image/png"] == sheet.image(paper="A4")  # upright, to be read in the width of a page
    assert data["image/png"].startswith(b"\x89PNG")
    assert b"Software" not in data["image/png"]  # nothing that differs from run to run
    assert about["image/png"]["alt"] == data["text/plain"] == sheet.alt_text()
    assert "What would kill it?" in sheet.alt_text()
    assert repr(sheet) == f"<CfoSheet: {sheet.title}>"


def test_it_is_saved_whole_by_the_ending_of_its_name(sheet, tmp_path):
    saved = sheet.save(tmp_path / "new" / "sheet.SVG", paper="A4")
    text = saved.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert text.rstrip().endswith("</svg>")
    assert [path.name for path in saved.parent.iterdir()] == ["sheet.SVG"]


def test_long_cells_are_cut_and_names_never(strong_sheet):
    sheet = crowded(strong_sheet)
    texts = [text.get_text() for text in sheet.figure("A4").texts]
    assert any(text.endswith("…") for text in texts)
    words = "".join(texts).replace("…", "")
    assert "".join(str(sheet.ledger["Entry"].iloc[0]).split()) in "".join(words.split())
    assert shortened("one two three", 1000.0, 8.0) == "one two three"
    cut = shortened("one two three four five six", measure(8.0)("one two"), 8.0)
    assert cut.split("\n")[0] == "one two"
    assert cut.endswith("…")
    assert cut.count("\n") == 1


def test_sentences_that_find_no_room_are_counted(strong_sheet):
    many = dataclasses.replace(strong_sheet, killers=tuple(f"Reason {k} of many." for k in range(60)))
    texts = [text.get_text() for text in many.figure("16:9").texts]
    (left,) = [text for text in texts if re.fullmatch(r"… and \d+ more", text)]
    assert int(left.split()[2]) + sum(text.startswith("Reason ") for text in texts) == 60


@settings(max_examples=30)  # measuring words takes long
@given(
    st.lists(st.lists(st.text("ab c", max_size=20), min_size=3, max_size=3), min_size=1, max_size=4),
    st.floats(60, 400),
)
def test_columns_share_the_room_and_lose_no_word(rows, room):
    widths = column_widths(rows, room, 8.0)
    # 1e-6 points: rounding
    assert sum(widths) <= room + 1e-6
    longest = [
        max(measure(8.0, "bold")(word) for row in rows for word in row[k].split() or [""]) + 0.5
        for k in range(3)
    ]
    if sum(longest) <= room:
        plain = [max(measure(8.0)(word) for row in rows for word in row[k].split() or [""]) for k in range(3)]
        assert all(width >= need for width, need in zip(widths, plain, strict=True))


# --- HTML ----------------------------------------------------------------------------------------------


def test_the_html_page_stands_alone_and_tells_its_pictures(sheet, tmp_path):
    page = cfo_page(sheet, tmp_path / "new" / "cfo.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert not re.search(r"url\(|@import", page)
    alts = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', page)
    assert len(alts) == 2
    assert "Median" not in alts[0]
    assert "the median goes from" in alts[0]
    assert all(fact.value in page for fact in sheet.facts)
    assert all(
        f'<td style="text-align:left">{item}</td>' in page for item in ("posts", "customers", "Capital")
    )
    assert sheet.question in page
    assert not re.search(r"\bROI\b|return on", page, re.IGNORECASE)


def test_text_from_data_is_escaped(sheet, tmp_path, monkeypatch):
    monkeypatch.setattr("cemlab.present.cfo_page._data", lambda _: "data:,")  # drawn in the test above
    bad = "<script>alert(1)</script>"
    rows = sheet.ledger.assign(Owner=bad)
    hostile = dataclasses.replace(
        sheet, title=bad, ask=bad, note=bad, killers=(bad,), ledger=rows, links=sheet.links.assign(link=bad),
        panels=tuple(dataclasses.replace(chart, claim=f'"{bad}') for chart in sheet.panels),
    )  # fmt: skip
    page = cfo_page(hostile, tmp_path / "cfo.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6 + len(rows)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"title": "x" * 201}, "the sheet's title has 201 characters; shorten it to 200"),
        ({"subject": "x" * 201}, "the sheet's subject has 201"),
        ({"ask": "a\x00"}, "the sheet's ask has the character"),
        ({"killers": ["x" * 201]}, "what would kill it has 201"),
    ],
)
def test_texts_that_no_page_can_hold_are_refused(weak, texts, words):
    with pytest.raises(DataError, match=words):
        cfo_sheet(weak, **texts)


def test_breaks_in_texts_are_blanks(weak):
    made = cfo_sheet(weak, title="Worth\nfunding", ask="Train 14\npeople")
    assert (made.title, made.ask) == ("Worth funding", "Train 14 people")
