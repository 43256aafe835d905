"""Sliders for save offers: what they show is what the rules earn; no hands and no money serve nobody."""

import pytest

from cemlab import saves, simulate, survival
from cemlab.data.save_offers import save_offer_cells
from cemlab.errors import OptionError
from cemlab.present.widgets import save_explorer

WORTH = 3_000.0


@pytest.fixture(scope="module")
def uplift():
    company = simulate.company(customers=2000)
    cells = save_offer_cells(
        company.table("save_offers"),
        subscriptions=survival.spells(company),
        as_of=company.as_of,
        cues=["risk", "plan"],
    )
    return saves.save_uplift(cells)


@pytest.fixture(scope="module")
def size(uplift):
    return int(uplift.trial.n.sum())


def shown(explorer):
    return explorer.chart.frame.set_index("rule")["estimate"].to_dict()


def earned(rules):
    return rules.of("value").set_index("rule")["estimate"].to_dict()


def test_the_sliders_begin_where_the_rules_are(uplift, size):
    explorer = save_explorer(uplift, margin=WORTH, capacity=size // 5, unit="EUR")
    rules = saves.save_policies(uplift, margin=WORTH, capacity=size // 5, currency="EUR")
    assert shown(explorer) == earned(rules)
    assert explorer.sentence == rules.narrative()
    assert explorer.chart.x_label == "Profit per customer considered [EUR]"


def test_without_a_limit_both_limits_begin_where_they_bind_nobody(uplift):
    explorer = save_explorer(uplift, margin=WORTH)
    assert shown(explorer) == earned(saves.save_policies(uplift, margin=WORTH))
    # the dearest offer that can be set, to everybody
    explorer.move(cost=50.0)
    assert shown(explorer) == earned(saves.save_policies(uplift, margin=WORTH, cost=50.0))


@pytest.mark.parametrize(
    "moved", [{"margin": 1500.0}, {"cost": 40.0}, {"capacity": 60}, {"budget": 500.0}], ids=str
)
def test_a_move_shows_what_the_rules_then_earn(uplift, size, moved):
    explorer = save_explorer(uplift, margin=WORTH, cost=25.0, capacity=size // 2, budget=2_000.0)
    explorer.move(**moved)
    at = {"margin": WORTH, "cost": 25.0, "capacity": size // 2, "budget": 2_000.0} | moved
    assert shown(explorer) == earned(saves.save_policies(uplift, **at))


@pytest.mark.parametrize("moved", [{"capacity": 0}, {"budget": 0.0}], ids=str)
def test_no_hands_and_no_money_serve_nobody(uplift, moved):
    explorer = save_explorer(uplift, margin=WORTH)
    explorer.move(**moved)
    assert shown(explorer)["by uplift"] == shown(explorer)["by risk"] == 0
    assert explorer.chart.frame.set_index("rule").loc["by uplift", "share_offered"] == 0


def test_rules_keep_their_places(uplift):
    explorer = save_explorer(uplift, margin=WORTH)
    before = list(explorer.chart.frame["rule"])
    explorer.move(margin=0.0)
    assert list(explorer.chart.frame["rule"]) == before


def test_free_offers_can_be_moved_too(uplift):
    explorer = save_explorer(uplift, margin=WORTH, cost=0.0)
    explorer.move(cost=1.0)
    assert shown(explorer)["everyone"] == pytest.approx(
        earned(saves.save_policies(uplift, margin=WORTH, cost=0.0))["everyone"] - 1.0
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": -1.0}, "margin is -1.0; give an amount of 0 or more"),
        ({"cost": float("nan")}, "cost is nan"),
        ({"considered": 0}, "considered is 0"),
        ({"capacity": 10**9}, "give low ≤ value ≤ high"),
        ({"budget": -5.0}, "give low ≤ value ≤ high"),
    ],
    ids=str,
)
def test_where_no_slider_can_begin_is_refused(uplift, options, said):
    with pytest.raises(OptionError, match=said):
        save_explorer(uplift, **{"margin": WORTH, **options})
