"""The messages of Halden, as sent and as wanted: shares that are shares, and what is planted in them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from cemlab.data.contract import TABLES
from cemlab.data.intake import take_in
from cemlab.simulate.halden import Halden
from cemlab.simulate.market.message_mix import (
    CHANNELS,
    PARTS,
    PHASES,
    SITUATIONS,
    sent_log_ratios,
    sent_mix,
    wanted_log_ratios,
    wanted_mix,
)
from cemlab.simulate.state import Members
from cemlab.simulate.streams import Streams
from cemlab.simulate.tables import pieces
from cemlab.simulate.worlds import WORLDS

WORLD = WORLDS["default"]
MARKET = WORLD.market


@pytest.fixture(scope="module")
def members() -> Members:
    halden = Halden(customers=20_000, seed=1)
    network = halden.network()
    return halden.members(network, next(iter(halden.blocks())))


@pytest.fixture(scope="module")
def sent() -> pa.Table:
    return sent_mix(WORLD, Streams(1))


@pytest.fixture(scope="module")
def wanted(members) -> pa.Table:
    return wanted_mix(WORLD, Streams(1), members)


def centred(rows) -> np.ndarray:
    """Centred log-ratios of rows without a zero."""
    logs = np.log(rows[list(PARTS)].to_numpy())
    return logs - logs.mean(axis=1, keepdims=True)


def test_both_sides_are_rows_of_the_table_of_the_contract(sent, wanted):
    assert sent.schema == wanted.schema
    assert tuple(sent.column_names) == tuple(column.name for column in TABLES["message_mix"].columns)
    both = pa.concat_tables([sent, wanted]).to_pandas()
    assert both["mix"].is_unique
    assert set(both["side"]) == {"sent", "wanted"}
    assert both.loc[both["side"] == "sent", "customer"].isna().all()
    assert both.loc[both["side"] == "wanted", "customer"].notna().all()
    assert set(both["channel"]) == set(CHANNELS)
    assert set(both["phase"]) == set(PHASES)


def test_shares_sum_to_one_and_come_in_whole_units(sent, wanted):
    for table, units in ((sent, 100), (wanted, 20)):
        shares = table.to_pandas()[list(PARTS)].to_numpy()
        assert (shares >= 0).all()
        # to rounding of the sum of three binary numbers
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(shares * units, np.rint(shares * units), atol=1e-9)


def test_a_few_members_lay_no_coin_on_a_pile(wanted):
    empty = (wanted.to_pandas()[list(PARTS)] == 0).any(axis=1)
    assert 0 < empty.mean() < 0.03


def test_each_member_asked_speaks_of_three_situations(wanted, members):
    rows = wanted.to_pandas()
    assert (rows.groupby("customer").size() == SITUATIONS).all()
    assert not rows.duplicated(["customer", "channel", "phase"]).any()
    n, asked = len(members), rows["customer"].nunique()
    # four standard errors of a binomial share
    spread = np.sqrt(n * MARKET.mix_asked * (1 - MARKET.mix_asked))
    assert abs(asked - n * MARKET.mix_asked) < 4 * spread


def test_planted_log_ratios_are_log_ratios():
    for ratios in (sent_log_ratios(MARKET), wanted_log_ratios(MARKET)):
        np.testing.assert_allclose(ratios.sum(axis=-1), 0, atol=1e-12)  # to rounding


def test_what_is_sent_misses_what_is_wanted_in_the_planted_cells_only(members):
    weight = np.bincount(members.objective) / len(members)
    gap = np.einsum("o,ocpd->cpd", weight, wanted_log_ratios(MARKET)) - sent_log_ratios(MARKET)
    distance = np.sqrt((gap**2).sum(axis=-1))
    missed = {
        (CHANNELS[channel], PHASES[phase]) for channel, phase in zip(*np.nonzero(distance > 0.1), strict=True)
    }
    assert missed == {(channel, phase) for channel, phase, _ in MARKET.mix_missed}
    # the objectives cancel to the hundredth that the truth states, and to what the lot of customers moves
    assert np.sort(distance.ravel())[:-4].max() < 0.02


def test_cells_of_the_messages_sent_have_the_planted_mix(sent):
    rows = sent.to_pandas()
    assert not (rows[list(PARTS)] == 0).any(axis=None)
    _recovered(rows, sent_log_ratios(MARKET), MARKET.mix_sent_sd, rounding=0.01)


@pytest.mark.parametrize("objective", [0, 1, 2])
def test_cells_of_the_wanted_have_the_planted_mix_of_each_objective(wanted, members, objective):
    rows = wanted.to_pandas()
    rows = rows[members.objective[rows["customer"].str[1:].astype(int) - 1] == objective]
    rows = rows[(rows[list(PARTS)] > 0).all(axis=1)]
    sd = np.hypot(MARKET.mix_person_sd, MARKET.mix_wanted_sd)
    # twenty coins, and rows with an empty pile left out, move a mean log-ratio by this much at most
    _recovered(rows, wanted_log_ratios(MARKET)[objective], sd, rounding=0.06)


def _recovered(rows, planted, sd, *, rounding):
    seen = 0
    for (channel, phase), cell in rows.groupby(["channel", "phase"]):
        truth = planted[CHANNELS.index(channel), PHASES.index(phase)]
        # of a centred log-ratio the variance is two thirds of that in one direction; four standard errors
        allowed = 4 * sd * np.sqrt(2 / 3 / len(cell)) + rounding
        assert np.abs(centred(cell).mean(axis=0) - truth).max() < allowed, (channel, phase)
        seen += 1
    assert seen == len(CHANNELS) * len(PHASES)


def test_a_member_s_situations_resemble_each_other(wanted, members):
    rows = wanted.to_pandas()
    rows = rows[(rows[list(PARTS)] > 0).all(axis=1)]
    objective = members.objective[rows["customer"].str[1:].astype(int) - 1]
    channel = rows["channel"].map(CHANNELS.index).to_numpy()
    phase = rows["phase"].map(PHASES.index).to_numpy()
    left = centred(rows) - wanted_log_ratios(MARKET)[objective, channel, phase]
    person = rows["customer"].to_numpy()
    first = {}
    pairs = []
    for name, residual in zip(person, left, strict=True):
        if name in first:
            pairs.append((first[name] * residual).sum() / 2)  # per direction, of two
        first.setdefault(name, residual)
    pairs = np.array(pairs)
    # four standard errors of the mean of the products
    assert abs(pairs.mean() - MARKET.mix_person_sd**2) < 4 * pairs.std() / np.sqrt(len(pairs))


def test_nothing_is_set_aside_by_the_intake(sent, wanted, tmp_path):
    both = pa.concat_tables([sent, wanted])
    stored, written = tmp_path / "stored", tmp_path / "written"
    stored.mkdir()
    written.mkdir()
    pa.parquet.write_table(both, stored / "message_mix.parquet")
    pa.csv.write_csv(both, written / "message_mix.csv")
    for folder in (stored, written):
        (report,) = take_in(folder).files
        assert (report.verdict, report.records, report.accepted) == ("accept", both.num_rows, both.num_rows)


def test_the_same_seed_gives_the_same_messages_and_another_seed_others(members):
    def both(seed):
        return sent_mix(WORLD, Streams(seed)), wanted_mix(WORLD, Streams(seed), members)

    assert all(a.equals(b) for a, b in zip(both(1), both(1), strict=True))
    assert not any(a.equals(b) for a, b in zip(both(1), both(2), strict=True))


def test_the_smallest_company_has_messages_and_who_is_asked_is_a_customer():
    halden = Halden(customers=60, seed=3)
    tables: dict[str, list[pa.Table]] = {}
    for _, block in pieces(halden):
        for name, table in block:
            tables.setdefault(name, []).append(table)
    mixes = pa.concat_tables(tables["message_mix"]).to_pandas()
    assert (mixes["side"] == "sent").sum() == MARKET.mix_messages
    customers = set(pa.concat_tables(tables["customers"])["customer"].to_pylist())
    assert set(mixes["customer"].dropna()) <= customers
