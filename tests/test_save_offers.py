"""Save offers counted: cues known the day before, outcomes within a whole window, and every refusal."""

from datetime import date

import ibis
import pandas as pd
import pytest
from ibis import _

from cemlab.data.save_offers import save_offer_cells
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

AS_OF = date(2025, 12, 31)

OFFERS = pd.DataFrame(
    [
        ("a", "2025-01-10", "high", True, True, 25.0),  # leaves for the price 182 days later: counts
        ("b", "2025-01-10", "high", False, False, 0.0),  # leaves 183 days later: does not
        ("c", "2025-01-10", "low", True, False, 25.0),  # moves within the window: kept out
        ("d", "2025-01-10", "low", False, False, 0.0),  # stays
        ("d", "2025-03-10", "low", True, True, 25.0),  # considered again: the first time counts
        ("e", "2025-12-01", "low", True, False, 25.0),  # window beyond the data
        ("f", "2025-02-01", "low", True, False, 25.0),  # had left before
    ],
    columns=["customer", "date", "kind", "treated", "response", "cost"],
)
SPELLS = pd.DataFrame(
    [
        ("a", "Flex", "2024-06-01", "2025-07-11", "price"),
        ("b", "Flex", "2020-06-01", "2025-07-12", "price"),
        ("c", "Plus", "2023-01-01", "2025-02-01", "moved"),
        ("d", "Plus", "2025-01-01", None, "none"),
        ("e", "Plus", "2025-01-01", None, "none"),
        ("f", "Plus", "2024-01-01", "2025-01-01", "price"),
    ],
    columns=["customer", "plan", "entry", "exit", "cause"],
)
CONTACTS = pd.DataFrame(
    [
        ("a", "2025-01-09 10:00", "telephone", "cancellation enquiry"),
        ("a", "2025-01-10 09:00", "branch", "order"),  # on the day itself: no cue
        ("b", "2024-12-20 09:00", "chat", "order"),
        ("d", "2024-11-20 09:00", "chat", "cancellation enquiry"),  # 51 days before: asked, but no channel
        ("c", "2025-01-20 09:00", "chat", "cancellation enquiry"),  # after the offer
    ],
    columns=["customer", "time", "channel", "reason"],
)


def dated(frame, *columns):
    return ibis.memtable(frame.assign(**{c: pd.to_datetime(frame[c]) for c in columns})).mutate(
        **{c: _[c].cast("date") for c in columns if c != "time"}
    )


def count(offers=OFFERS, spells=SPELLS, **options):
    return save_offer_cells(
        dated(offers, "date"), subscriptions=dated(spells, "entry", "exit"), as_of=AS_OF, **options
    )


def test_outcomes_by_hand():
    cells = count(cues=("risk", "plan"))
    told = cells.table.groupby(["class", "offer"])[["n", "left", "other", "accepted"]].sum()
    assert told.loc[("high", "offer")].tolist() == [1, 1, 0, 1]
    assert told.loc[("high", "none")].tolist() == [1, 0, 0, 0]
    assert told.loc[("low", "offer")].tolist() == [1, 0, 1, 0]
    assert told.loc[("low", "none")].tolist() == [1, 0, 0, 0]
    assert cells.left_out == {
        "considered before": 1,
        "no customer on that day": 1,
        "window beyond the data": 1,
        "too little history": 0,
    }
    assert (cells.n_used, cells.n_given) == (4, 7)
    assert cells.costs[["n", "each"]].iloc[0].tolist() == [2, 25.0]


def test_arms_by_month_and_second_offers_by_hand():
    cells = count(cues=("risk", "plan"))
    assert cells.months.to_numpy().tolist() == [
        ["high", "2025-01", "none", 1],
        ["high", "2025-01", "offer", 1],
        ["low", "2025-01", "none", 1],
        ["low", "2025-01", "offer", 1],
    ]
    assert cells.crossed == {"none": 1}  # d got an offer 59 days after being held back
    assert count(cues=("risk",), window_days=58).crossed == {}
    named = OFFERS.assign(offer=["call", None, "gift", None, "call", "call", "gift"])
    other = pd.DataFrame([("a", "2025-02-10", "high", True, True, 25.0, "gift")], columns=named.columns)
    both = count(pd.concat([named, other, other.assign(date="2025-02-11", offer="call")]), cues=("risk",))
    assert both.crossed == {"call": 1, "none": 1}  # of a second call nothing is to be said, of a gift it is


def test_prices_that_are_not_told():
    def each(**columns):
        return count(OFFERS.assign(**columns), cues=("risk",)).costs["each"]

    assert each(cost=[25.0, None, 25.0, None, 25.0, 25.0, 25.0]).tolist() == [25.0]
    assert each(cost=[None] * 7).isna().all()
    assert count(OFFERS.drop(columns="cost"), cues=("risk",)).costs["each"].isna().all()
    with pytest.raises(DataError, match="column 'cost': missing in 1 of 5 offers made"):
        each(cost=[None, 0, 25.0, 0, 25.0, 25.0, 25.0])
    with pytest.raises(DataError, match="column 'cost': below 0 in 5"):
        each(cost=-25.0)
    with pytest.raises(DataError, match="column 'cost': string is no amount"):
        each(cost="25")


@pytest.mark.parametrize(
    ("name", "told"), [("none", "'none' in 1"), (" NONE ", "'none' in 1"), (" ", "blank")]
)
def test_offers_that_are_called_none_or_nothing(name, told):
    named = OFFERS.assign(offer=[name, None, "gift", None, "call", "call", "gift"])
    with pytest.raises(DataError, match=f"column 'offer': {told}"):
        count(named, cues=("risk",))


def test_contracts_that_end_before_they_begin():
    wrong = SPELLS.assign(entry=["2025-12-01", *SPELLS["entry"][1:]])
    with pytest.raises(DataError, match="1 contracts end before they begin"):
        count(spells=wrong, cues=("risk",))


@pytest.mark.parametrize("cue", ["customer", "date", "n", "fold", "class", "other", "entry"])
def test_own_cues_cannot_take_the_names_of_the_counts(cue):
    own = pd.DataFrame({"customer": list("abc"), "date": ["2025-01-01"] * 3}).assign(**{cue: list("abc")})
    if cue == "date":
        own["date"] = "2025-01-01"
    with pytest.raises(OptionError, match=f"cannot be called '{cue}'"):
        count(cues=("risk", cue), own_cues=dated(own, "date"))


@pytest.mark.parametrize("cue", ["risk", "plan"])
def test_own_cues_do_not_silently_replace_built_in_ones(cue):
    own = pd.DataFrame({"customer": list("abc"), "date": ["2025-01-01"] * 3, cue: list("xyz")})
    with pytest.raises(OptionError, match=f"'{cue}' is the name of a built-in cue"):
        count(cues=(cue,), own_cues=dated(own, "date"))


def test_cues_are_those_of_the_day_before():
    cells = count(cues=("tenure", "channel", "asked"), contacts=dated(CONTACTS, "time"))
    table = cells.table.set_index(["class", "offer"])
    assert table.loc[("high", "offer"), ["tenure", "channel", "asked"]].tolist() == [
        "under a year",
        "telephone",
        "asked",
    ]
    assert table.loc[("high", "none"), ["tenure", "channel", "asked"]].tolist() == [
        "over 3 years",
        "chat",
        "did not ask",
    ]
    assert table.loc[("low", "none"), ["channel", "asked"]].tolist() == ["no contact", "asked"]
    assert table.loc[("low", "offer"), ["channel", "asked"]].tolist() == ["no contact", "did not ask"]


def test_own_cues_must_be_older_than_the_offer():
    own = pd.DataFrame(
        {"customer": list("abc"), "date": ["2025-01-09"] * 3, "mood": ["calm", "cross", "calm"]}
    )
    cells = count(cues=("risk", "mood"), own_cues=dated(own, "date"))
    assert sorted(cells.table["mood"]) == ["calm", "calm", "cross", "missing"]
    late = own.assign(date=["2025-01-09", "2025-01-10", "2025-01-01"])
    with pytest.raises(DesignError, match="1 are dated on the day of their offer or later"):
        count(cues=("mood",), own_cues=dated(late, "date"))
    with pytest.raises(DesignError, match="needs the day on which it was known"):
        count(cues=("mood",), own_cues=ibis.memtable(own[["customer", "mood"]]))
    with pytest.raises(DataError, match="missing in 1 of 3"):
        count(cues=("mood",), own_cues=dated(own.assign(date=[None, "2025-01-01", "2025-01-01"]), "date"))
    with pytest.raises(DataError, match="1 rows are of a customer there already"):
        count(cues=("mood",), own_cues=dated(own.assign(customer=list("aab")), "date"))


@pytest.mark.parametrize("cue", ["response", "treated", "cost", "left", "exit"])
def test_what_is_known_only_after_the_offer_is_no_cue(cue):
    with pytest.raises(OptionError, match="known only after the offer"):
        count(cues=("risk", cue))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"cues": ()}, OptionError, "each once"),
        ({"cues": ("plam",)}, OptionError, "did you mean 'plan'"),
        ({"cues": ("channel",)}, OptionError, "comes from contacts"),
        ({"cues": ("type",)}, OptionError, "comes from customers"),
        ({"window_days": 0}, OptionError, "window_days is 0"),
        ({"window_days": 400}, DesignError, "no offer has its 400 days"),
        ({"folds": 1}, OptionError, "2 to 20 folds"),
        ({"folds": "5"}, OptionError, "folds is '5'"),
        ({"folds": 5.0}, OptionError, "folds is 5.0"),
        ({"bands": "3"}, OptionError, "bands is '3'"),
        ({"seed": -1}, OptionError, "seed is -1"),
        ({"seed": 1.5}, OptionError, "seed is 1.5"),
        ({"cues": "risk"}, OptionError, "list of cues"),
        ({"cues": None}, OptionError, "list of cues"),
        ({"controllable": None}, OptionError, "controllable is None; give a list"),
        ({"controllable": "price"}, OptionError, "controllable is 'price'; give a list"),
        ({"uncontrollable": ("moved", None)}, OptionError, "uncontrollable is .* give a list"),
        ({"controllable": ()}, OptionError, "one cause or more"),
        ({"controllable": ("price", "moved")}, OptionError, "each in one list"),
        ({"uncontrollable": ()}, DataError, r"'moved' \(1\) is declared neither"),
    ],
)
def test_options_that_are_none(options, error, match):
    options = {"cues": ("risk",), **options}
    with pytest.raises(error, match=match):
        count(**options)


def test_bad_tables_are_refused_in_one_line():
    with pytest.raises(ColumnError, match="treated"):
        count(OFFERS.drop(columns="treated"), cues=("risk",))
    with pytest.raises(DataError, match=r"column 'date': missing in 1 of 7"):
        count(OFFERS.assign(date=[None, *OFFERS["date"][1:]]), cues=("risk",))
    with pytest.raises(DataError, match="column 'kind': missing in 1"):
        count(OFFERS.assign(kind=[None, *OFFERS["kind"][1:]]), cues=("risk",))
    with pytest.raises(DataError, match="neither 0 nor 1"):
        count(OFFERS.assign(treated=[2.0, 1, 1, 0, 0, 1, 1]), cues=("risk",))
    with pytest.raises(DataError, match="stand twice on one day"):
        count(pd.concat([OFFERS, OFFERS[:1]]), cues=("risk",))
    with pytest.raises(DataError, match="two contracts in force"):
        count(spells=pd.concat([SPELLS, SPELLS[3:4].assign(plan="Flex")]), cues=("risk",))
    with pytest.raises(DataError, match="not a date"):
        save_offer_cells(
            ibis.memtable(OFFERS), subscriptions=dated(SPELLS, "entry", "exit"), as_of=AS_OF, cues=("risk",)
        )
    nobody = dated(OFFERS, "date").filter(_["customer"] == "z")
    with pytest.raises(DesignError, match="the table is empty"):
        save_offer_cells(nobody, subscriptions=dated(SPELLS, "entry", "exit"), as_of=AS_OF, cues=("risk",))


def test_several_offers_keep_their_names():
    named = OFFERS.assign(offer=["call", None, "gift", None, "call", "call", "gift"])
    cells = count(named, cues=("risk",))
    assert cells.offers == ("call", "gift")
    assert set(cells.table["offer"]) == {"none", "call", "gift"}
