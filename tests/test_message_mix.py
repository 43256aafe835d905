"""What is sent beside what is wanted: the planted mix, coverage, traps, and where it must refuse."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from statsmodels.stats.multitest import multipletests

from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.segmentation import MessageMix, message_mix
from cemlab.simulate.market.message_mix import (
    CHANNELS,
    PARTS,
    PHASES,
    sent_log_ratios,
    sent_mix,
    wanted_log_ratios,
    wanted_mix,
)
from cemlab.simulate.state import OBJECTIVES
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.compositions import closed, clr
from cemlab.stats.holm import holm

WORLD = WORLDS["default"]
MARKET = WORLD.market
# shares of the objectives among Halden's customers, at which what they add cancels
SHARES = (0.4075, 0.3225, 0.27)
MISSED = {(channel, phase) for channel, phase, _ in MARKET.mix_missed}


def halden(seed: int) -> pd.DataFrame:
    """The messages of a company of 20,000 customers, with the customers' objective."""
    objective = np.random.default_rng(seed).choice(3, 20_000, p=SHARES)
    members = SimpleNamespace(number=np.arange(20_000) + 1, block=0, objective=objective)
    streams = Streams(seed)
    both = pa.concat_tables([sent_mix(WORLD, streams), wanted_mix(WORLD, streams, members)]).to_pandas()
    who = pd.Series(objective, index=[f"C{number:07d}" for number in members.number])
    return both.assign(
        objective=both["customer"].map(who.map(dict(enumerate(OBJECTIVES)))),
        channel=pd.Categorical(both["channel"], CHANNELS),
        phase=pd.Categorical(both["phase"], PHASES),
    )


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    return halden(1)


@pytest.fixture(scope="module")
def mix(messages) -> MessageMix:
    return message_mix(messages, segment="objective", source="Halden")


def small(rng: np.random.Generator, *, gap: float = 0.0, n: int = 40) -> pd.DataFrame:
    """Two channels, two phases; a gap in one cell; each customer wants three messages."""
    rows = []
    for side in ("sent", "wanted"):
        channel, phase = rng.integers(0, 2, n), rng.integers(0, 2, n)
        ratios = np.array([0.2, 0.0, -0.2]) + 0.3 * np.outer(channel, [1, -1, 0])
        ratios += 0.3 * np.outer(phase, [0, 1, -1])
        if side == "wanted":
            ratios += gap * np.outer(channel * phase, [1, 0, -1])
            person = np.repeat(np.arange(n // 3 + 1), 3)[:n]
            ratios += 0.3 * rng.normal(size=(n // 3 + 1, 3))[person]
        shares = closed(np.exp(ratios + 0.3 * rng.normal(size=(n, 3))))
        frame = pd.DataFrame(shares, columns=list(PARTS)).assign(
            side=side, channel=np.array(["a", "b"])[channel], phase=np.array(["x", "y"])[phase]
        )
        frame["customer"] = [f"C{i}" for i in person] if side == "wanted" else None
        rows.append(frame)
    return pd.concat(rows, ignore_index=True)


# Halden


def test_what_is_sent_misses_what_is_wanted_where_it_was_planted(mix):
    assert set(zip(mix.missed["channel"], mix.missed["phase"], strict=True)) == MISSED
    wanted = np.einsum("o,ocpd->cpd", SHARES, wanted_log_ratios(MARKET))
    planted = np.linalg.norm(wanted - sent_log_ratios(MARKET), axis=-1).ravel()
    assert mix.gaps[["channel", "phase"]].to_numpy().tolist() == [[c, p] for c in CHANNELS for p in PHASES]
    # an interval of a distance covers in more than 95 %: of 16 cells all but one at most
    covered = (mix.gaps["conf_low"] <= planted) & (planted <= mix.gaps["conf_high"])
    assert covered.sum() >= 15


def test_over_seeds_the_planted_log_ratios_are_covered():
    wanted = np.einsum("o,ocpd->cpd", SHARES, wanted_log_ratios(MARKET))
    gap = (wanted - sent_log_ratios(MARKET)).ravel()
    channel, phase = np.array(MARKET.mix_channel).ravel(), np.array(MARKET.mix_phase).ravel()
    objective = np.array(MARKET.mix_objective)
    added = (objective - objective.mean(axis=0))[np.argsort(OBJECTIVES)].ravel()
    covered: dict[str, list[float]] = {"gap": [], "channel": [], "phase": [], "segment": []}
    seeds = range(2, 10)
    for seed in seeds:
        found = message_mix(halden(seed), segment="objective")
        effects = found.effects[found.effects["side"] == "wanted"]
        segments = found.segments
        for name, rows, truth in (
            ("gap", found.of("log-ratio"), gap),
            ("channel", effects[effects["factor"] == "channel"], channel),
            ("phase", effects[effects["factor"] == "phase"], phase),
            ("segment", segments[segments["quantity"] == "log-ratio"], added),
        ):
            inside = (rows["conf_low"].to_numpy() <= truth) & (truth <= rows["conf_high"].to_numpy())
            covered[name].append(inside.mean())
    # gaps: 8 seeds × 32 free log-ratios, four standard errors of 95 % are 0.055; the others have 48 and 32,
    # hence 0.154, and coins of a twentieth bend them by up to a third of a standard error
    assert np.mean(covered["gap"]) > 0.95 - 0.055
    for name in ("channel", "phase", "segment"):
        assert np.mean(covered[name]) > 0.95 - 0.154, name


def test_each_objective_wants_what_was_planted(mix):
    rows = mix.segments[mix.segments["quantity"] == "wanted"].set_index(["segment", "part"])
    base = np.array(MARKET.mix_base)
    for code, name in enumerate(OBJECTIVES):
        truth = closed(np.exp(base + MARKET.mix_objective[code]))
        # every channel and phase counts alike, and what they add cancels; twice the interval for 9 looks
        for part, share in zip(PARTS, truth, strict=True):
            row = rows.loc[(name, part)]
            assert abs(row["estimate"] - share) < row["conf_high"] - row["conf_low"], (name, part)
    tests = {test.null: test.p_value for test in mix.evidence.tests}
    assert tests["all segments want the same mix"] < 1e-6
    assert tests["channel and phase add up in what is wanted"] > 0.001


def test_zeros_are_replaced_counted_and_tried_otherwise(messages, mix):
    zeros = int((messages[list(PARTS)] == 0).any(axis=1).sum())
    assert zeros > 0
    (check,) = [check for check in mix.evidence.checks if check.name == "zeros"]
    assert check.passed  # of the zeros of a twentieth in a cell at most, estimates move by little
    # 65 % of half a coin of a twentieth
    assert f"{zeros} of {len(messages):,} rows have a zero" in check.detail
    assert "0.0163 (wanted)" in check.detail
    other = message_mix(messages, zero=0.03)
    assert "0.03 (sent) and 0.03 (wanted)" in other.evidence.checks[0].detail


def test_a_table_on_an_engine_gives_the_same(messages, mix):
    table = ibis.memtable(messages.astype({"channel": str, "phase": str}))
    there = message_mix(table, segment="objective")
    keys = ["channel", "phase", "part", "quantity"]
    both = mix.table.merge(there.table, on=keys, suffixes=("", "_there"))
    assert len(both) == len(mix.table)
    # sums in another order
    np.testing.assert_allclose(both["estimate_there"], both["estimate"], rtol=1e-9, atol=1e-12)


# intervals


def test_intervals_cover_and_false_alarms_are_rare():
    rng = np.random.default_rng(8)
    runs = 100
    gap = 0.5
    # the planted gap of the cell (b, y) and nought elsewhere
    ratio = np.zeros((4, 3))
    ratio[3] = gap * np.array([1, 0, -1])
    base = np.array([[0.2, 0.0, -0.2], [0.2, 0.3, -0.5], [0.5, -0.3, -0.2], [0.5, 0.0, -0.5]])
    sent, wanted = closed(np.exp(base)), closed(np.exp(base + ratio))
    truth = {"sent": sent, "wanted": wanted, "gap": wanted - sent, "log-ratio": ratio}
    inside = {name: [] for name in truth}
    alarms, found_it = 0, 0
    for _ in range(runs):
        found = message_mix(small(rng, gap=gap, n=60))
        for name, values in truth.items():
            rows = found.of(name)
            inside[name].append((rows["conf_low"] <= values.ravel()) & (values.ravel() <= rows["conf_high"]))
        misses = found.gaps["misses"].to_numpy(dtype=bool)
        alarms += misses[:3].any()
        found_it += misses[3]
    for name, hits in inside.items():
        share = np.mean(hits)
        # cells are independent but for the customers: four standard errors of 400 trials are 0.044; the
        # jackknife covariance errs to the wide side in small cells
        assert 0.95 - 0.044 < share < 0.99, (name, share)
    # Holm keeps any false alarm to 5 %; four standard errors are 0.087
    assert alarms / runs < 0.05 + 0.087
    assert found_it / runs > 0.5


def test_customers_with_several_rows_widen_the_interval():
    rng = np.random.default_rng(2)
    rows = small(rng, n=90)
    rows = rows.assign(channel="a", phase="x")
    honest = message_mix(rows).of("wanted")
    naive = message_mix(rows, customer=None).of("wanted")
    np.testing.assert_allclose(honest["estimate"], naive["estimate"], rtol=1e-12)
    wider = (honest["conf_high"] - honest["conf_low"]) / (naive["conf_high"] - naive["conf_low"])
    # three rows a customer with half of the variance in common: √(1 + 2 × 0.5) is 1.41, give or take its own
    # error of some 10 %
    assert wider.mean() > 1.15


def test_the_mix_by_hand():
    """One cell a side, spread of their own: the centre, and Welch's gap where each row stands for itself."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(4)
    know = np.concatenate([rng.beta(20, 30, 12), rng.beta(30, 20, 15)])
    rows = pd.DataFrame({"know": know, "do": 1 - know, "channel": "a", "phase": "x"})
    rows["side"] = ["sent"] * 12 + ["wanted"] * 15
    found = message_mix(rows, parts=("know", "do"), customer=None)
    odds = np.log(know / (1 - know))
    centre = 1 / (1 + np.exp(-odds[:12].mean()))
    assert found.of("sent")["estimate"][0] == pytest.approx(centre, rel=1e-12)
    assert found.of("log-ratio")["estimate"][0] == pytest.approx(
        (odds[12:].mean() - odds[:12].mean()) / 2, rel=1e-12
    )
    # HC3 divides by n - 1 twice where Welch does by n and n - 1 once, hence a little less sure
    welch = ttest_ind(odds[12:], odds[:12], equal_var=False).pvalue
    assert welch < found.gaps["p_value"][0] < 10 * welch
    # of two parts the distance is the gap of the log odds over √2
    assert found.gaps["estimate"][0] == pytest.approx(
        (odds[12:].mean() - odds[:12].mean()) / np.sqrt(2), rel=1e-12
    )


# invariants


def test_the_order_of_the_parts_does_not_matter(messages, mix):
    turned = message_mix(messages, parts=("conative", "cognitive", "affective"), segment="objective")
    keys = ["channel", "phase", "part", "quantity"]
    both = mix.table.merge(turned.table, on=keys, suffixes=("", "_turned"))
    assert len(both) == len(mix.table)
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(both[f"{column}_turned"], both[column], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(turned.gaps[column], mix.gaps[column], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(turned.gaps["p_value"], mix.gaps["p_value"], rtol=1e-6)


def test_mixes_are_mixes_and_gaps_are_differences(mix):
    for side in ("sent", "wanted"):
        rows = mix.of(side)
        np.testing.assert_allclose(rows.groupby(["channel", "phase"])["estimate"].sum(), 1, rtol=1e-12)
        assert ((rows["conf_low"] > 0) & (rows["conf_high"] < 1)).all()
    gap = mix.of("wanted")["estimate"] - mix.of("sent")["estimate"]
    np.testing.assert_allclose(mix.of("gap")["estimate"], gap, atol=1e-12)
    ratios = clr(mix.of("wanted")["estimate"].to_numpy().reshape(-1, 3)) - clr(
        mix.of("sent")["estimate"].to_numpy().reshape(-1, 3)
    )
    np.testing.assert_allclose(mix.of("log-ratio")["estimate"], ratios.ravel(), atol=1e-12)
    np.testing.assert_allclose(mix.gaps["estimate"], np.linalg.norm(ratios, axis=1), rtol=1e-9)
    table = mix.table
    assert ((table["conf_low"] <= table["estimate"]) & (table["estimate"] <= table["conf_high"])).all()


def test_means_of_raw_shares_put_a_gap_where_there_is_none():
    """The trap: the same centre with another spread has other mean shares; the log-ratios see no gap."""
    rng = np.random.default_rng(9)
    noise = rng.normal(size=(400, 3))
    ratios = np.array([1.5, 0.0, -1.5]) + np.concatenate([0.2 * noise, 1.2 * noise])
    shares = closed(np.exp(ratios))
    rows = pd.DataFrame(shares, columns=list(PARTS)).assign(channel="a", phase="x")
    rows["side"] = ["sent"] * 400 + ["wanted"] * 400
    naive = shares[400:, 2].mean() - shares[:400, 2].mean()
    spread = np.sqrt(shares[400:, 2].var() / 400 + shares[:400, 2].var() / 400)
    assert naive / spread > 4
    assert message_mix(rows, customer=None).gaps["misses"].tolist() == [False]


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(1).uniform(0, 0.2, 16)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


# what cannot be told


def test_cells_with_too_few_rows_are_blank_and_counted(messages):
    few = messages["side"].eq("sent") & messages["channel"].eq("letter") & messages["phase"].eq("buy")
    rows = messages[~few | (few.cumsum() <= 4)]
    found = message_mix(rows)
    cell = found.gaps.set_index(["channel", "phase"]).loc[("letter", "buy")]
    assert cell["n_sent"] == 4
    assert cell["misses"] is None
    assert cell[["estimate", "conf_low", "p_adjusted"]].isna().all()
    table = found.table.set_index(["channel", "phase", "quantity"]).sort_index()
    assert table.loc[("letter", "buy", "sent"), "estimate"].isna().all()
    assert table.loc[("letter", "buy", "gap"), "estimate"].isna().all()
    assert table.loc[("letter", "buy", "wanted"), "estimate"].notna().all()
    assert found.evidence.n_used == len(rows) - 4
    assert [check.passed for check in found.evidence.checks if check.name == "rows in every cell"] == [False]
    assert set(found.effects["side"]) == {"wanted"}  # a side with a hole has no even mean
    assert "1 cannot be told: too few messages, or all alike." in found.narrative()
    assert "not estimable" in found.summary["sent"].tolist()
    assert "not estimable" in found.chart.alt_text()


def test_rows_that_are_all_alike_have_no_spread_to_judge_by():
    rows = small(np.random.default_rng(1), n=60)
    alike = rows["side"].eq("sent") & rows["channel"].eq("a") & rows["phase"].eq("x")
    rows.loc[alike, list(PARTS)] = [0.5, 0.3, 0.2]
    found = message_mix(rows)
    assert found.gaps["misses"].tolist()[0] is None


def never(rows: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """The same messages, with nothing conative in those chosen."""
    rows = rows.copy()
    rows.loc[chosen, "conative"] = 0.0
    rows.loc[chosen, list(PARTS)] = closed(rows.loc[chosen, list(PARTS)].to_numpy())
    return rows


def test_a_part_that_is_never_wanted_has_no_figure(messages):
    """The figure would be what was put in place of zero, and all the surer the more zeros there are."""
    chosen = messages["side"].eq("wanted") & messages["channel"].eq("letter") & messages["phase"].eq("buy")
    rows = never(messages, chosen)
    found = message_mix(rows, segment="objective")
    cell = found.table[(found.table["channel"] == "letter") & (found.table["phase"] == "buy")]
    blank = cell.groupby("quantity")["estimate"].apply(lambda one: one.isna().all()).to_dict()
    assert blank == {"wanted": True, "gap": True, "log-ratio": True, "sent": False}
    assert found.table["estimate"].isna().sum() == 9
    (check,) = [check for check in found.evidence.checks if check.name == "parts in use"]
    assert not check.passed
    assert check.detail == "Mostly 0: conative (wanted, letter, buy)."
    assert all(check.passed for check in found.evidence.checks if check.name == "rows in every cell")
    assert "1 cannot be told: a part is mostly 0." in found.narrative()
    # the segments' wishes rest on the other cells
    without = message_mix(messages[~chosen], segment="objective")
    pd.testing.assert_frame_equal(found.segments, without.segments)


def test_a_part_never_wanted_anywhere_is_refused(messages):
    with pytest.raises(DesignError, match="with each part above 0 in most"):
        message_mix(never(messages, messages["side"].eq("wanted")))


def test_a_segment_that_never_wants_a_part_is_blank(messages):
    rows = never(messages, messages["objective"].eq(OBJECTIVES[0]))
    wishes = message_mix(rows, segment="objective").segments
    assert wishes[wishes["segment"] == OBJECTIVES[0]]["estimate"].isna().all()
    assert wishes[wishes["segment"] != OBJECTIVES[0]]["estimate"].notna().all()


def test_estimates_that_hang_on_what_stands_for_a_zero_are_told(messages):
    """A third of the values of a part are zero: no verdict need change for a figure to be made up."""
    chosen = np.arange(len(messages)) % 3 == 0
    found = message_mix(never(messages, pd.Series(chosen, index=messages.index)))
    (check,) = [check for check in found.evidence.checks if check.name == "zeros"]
    assert not check.passed
    assert "of its interval's reach" in check.detail
    half = message_mix(never(messages, pd.Series(chosen, index=messages.index)), zero=0.005)
    moved = (half.of("wanted")["estimate"] - found.of("wanted")["estimate"]).abs()
    reach = (found.of("wanted")["conf_high"] - found.of("wanted")["conf_low"]) / 2
    assert (moved > reach / 2).any()


def test_rows_with_blanks_are_left_out_and_counted(messages):
    rows = messages.copy()
    rows.loc[rows.index[:7], "affective"] = np.nan
    rows.loc[rows.index[7:9], "channel"] = None
    found = message_mix(rows)
    assert (found.evidence.n_given, found.evidence.n_used) == (len(rows), len(rows) - 9)


def test_a_segment_with_few_customers_is_blank(messages):
    rows = messages.copy()
    rows["objective"] = rows["objective"].astype(object)
    wanted = rows.index[rows["side"] == "wanted"]
    rows.loc[wanted[:3], "objective"] = "new"
    found = message_mix(rows, segment="objective").segments
    assert found[found["segment"] == "new"]["estimate"].isna().all()
    assert found[found["segment"] != "new"]["estimate"].notna().all()


def change(rows, **columns):
    return rows.assign(**columns)


@pytest.mark.parametrize(
    ("rows", "options", "error", "told"),
    [
        (lambda r: r, {"channel": "chanel"}, ColumnError, "did you mean 'channel'"),
        (lambda r: r, {"segment": "plan"}, ColumnError, "no column of the messages named 'plan'"),
        (lambda r: r, {"parts": ("cognitive",)}, OptionError, "name two columns"),
        (lambda r: r, {"parts": "cognitive"}, OptionError, "name two columns"),
        (lambda r: r, {"phase": "channel"}, OptionError, "'channel' is named twice"),
        (lambda r: r, {"min_rows": 3}, OptionError, "from 4 on"),
        (lambda r: r, {"min_rows": True}, OptionError, "from 4 on"),
        (lambda r: r, {"zero": 0.4}, OptionError, "below 0.333"),
        (lambda r: r, {"zero": 0.0}, OptionError, "above 0"),
        (lambda r: r, {"conf_level": 95}, OptionError, "conf_level is 95"),
        (lambda r: r, {"min_rows": 500}, DesignError, "no channel and phase has 500"),
        (lambda r: change(r, side="asked"), {}, DataError, "'asked' in .* allowed are 'sent' and 'wanted'"),
        (lambda r: r[r["side"] == "sent"], {}, DesignError, "no complete row is 'wanted'"),
        (lambda r: r.head(0), {}, DesignError, "no complete row is 'sent'"),
        (lambda r: change(r, cognitive="much"), {}, DataError, "the parts must be numbers"),
        (lambda r: change(r, cognitive=r["cognitive"] * 100), {}, DataError, "not percentages"),
        (lambda r: change(r, cognitive=-0.1), {}, DataError, "each must be 0 or more"),
        (
            lambda r: change(r, cognitive=r["cognitive"] + r["conative"], conative=0.0),
            {},
            DesignError,
            "the part 'conative' is 0 in every row",
        ),
        (lambda r: change(r, plan="one"), {"segment": "plan"}, DesignError, r"1 segment\(s\) with 5"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(messages, rows, options, error, told):
    with pytest.raises(error, match=told) as caught:
        message_mix(rows(messages), **options)
    assert "\n" not in str(caught.value)


def test_a_sum_missed_by_rounding_is_closed(messages):
    rows = messages.copy()
    rows["cognitive"] = rows["cognitive"] + 0.015
    found = message_mix(rows)
    np.testing.assert_allclose(
        found.of("sent").groupby(["channel", "phase"])["estimate"].sum(), 1, rtol=1e-12
    )


# to read


def test_the_answer_reads_well_and_claims_no_cause(mix, messages):
    told = mix.narrative()
    assert "misses what is wanted in 4 of 16 channels and phases" in told
    assert "e-mail, stay: less conative is wanted than sent" in told
    assert "cognitive most by “get advice”" in told
    assert mix.evidence.grade == "association"
    assert "4 of 16" in mix.chart.claim
    assert mix.chart.kind == "heatmap"
    forest = mix.forest
    assert forest.kind == "forest"
    assert len(forest.frame) == 12
    assert mix.summary["verdict"].tolist().count("misses") == 4
    assert "misses" in mix.to_markdown()
    nothing = message_mix(small(np.random.default_rng(3), n=60))
    assert "misses what is wanted in 0 of 4" in nothing.narrative()
    assert "are not excluded" in nothing.narrative()
    assert len(nothing.forest.frame) == 12
    assert nothing.segments is None
    before = messages.copy()
    message_mix(messages)
    pd.testing.assert_frame_equal(messages, before)


def test_text_from_data_is_text(messages):
    rows = messages.assign(channel=messages["channel"].astype(str).replace("app", "<b>*app*</b>"))
    page = message_mix(rows)._repr_html_()
    assert "<b>*app*</b>" not in page
    assert "&lt;b&gt;" in page
