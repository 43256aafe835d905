"""Rows on what was asked: shopping styles behind a questionnaire, and the mix of messages (notebook 01)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from cemlab import segmentation
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.market.message_mix import CHANNELS, PARTS, PHASES, sent_log_ratios, wanted_log_ratios
from cemlab.simulate.market.styles import loadings
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.state import OBJECTIVES
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate.streams import Floats

_WORLD = WORLDS["default"]
_MARKET = _WORLD.market
_ALIKE = 0.95  # congruence from which two styles are the same (Lorenzo-Seva & ten Berge 2006)
# the cell in which the part sent departs most from the part wanted
_CHANNEL, _PHASE, _ADDED = max(_MARKET.mix_missed, key=lambda missed: max(map(abs, missed[2])))
_PART = PARTS[int(np.abs(_ADDED).argmax())]


@lru_cache(maxsize=1)
def _styles(company: Company) -> segmentation.Styles:
    return segmentation.styles(company.table("style_survey"), scale=(1, 5), draws=100)


def _recovered(company: Company) -> Estimate:
    """Return the share of the planted styles that are found: Tucker's congruence of 0.95 or more."""
    found, truth = _styles(company).loadings.to_numpy(), loadings(_WORLD)
    lengths = np.linalg.norm(truth, axis=0)[:, None] * np.linalg.norm(found, axis=0)
    congruence = np.abs(np.einsum("is,ij->sj", truth, found)) / lengths
    return Estimate(float((congruence.max(axis=1) >= _ALIKE).mean()))


def _between(company: Company) -> Estimate:
    return Estimate.of(_styles(company).correlations)


def _gap(company: Company) -> Estimate:
    rows = segmentation.message_mix(company.table("message_mix")).of("gap")
    own = (rows["channel"] == _CHANNEL) & (rows["phase"] == _PHASE) & (rows["part"] == _PART)
    return Estimate.of(rows[own])


def _true_gap(oracle: Oracle) -> float:
    """Return by how much the share wanted departs from the share sent, at the centres of their log-ratios."""
    halden = oracle.halden
    market, network = halden.world.market, halden.network()
    asked = sum(
        np.bincount(halden.members(network, block).objective, minlength=len(OBJECTIVES))
        for block in halden.blocks()
    )
    cell = CHANNELS.index(_CHANNEL), PHASES.index(_PHASE)
    wanted = np.average(wanted_log_ratios(market)[:, *cell], axis=0, weights=asked)
    gap = _shares(wanted) - _shares(sent_log_ratios(market)[cell])
    return float(gap[PARTS.index(_PART)])


def _shares(log_ratios: Floats) -> Floats:
    shares: Floats = np.exp(log_ratios) / np.exp(log_ratios).sum()
    return shares


#: The styles, how they hang together, and the widest gap between messages sent and wanted.
ANSWERS: tuple[Row, ...] = (
    Row(
        name="Shopping styles recovered",
        notebook="01",
        planted=f"{_MARKET.styles} styles behind 40 items, loading {_MARKET.style_loading:g}",
        unit="share of the styles",
        no_effect=0.0,
        world="default",
        kind="decision",
        estimate=_recovered,
        truth=partial(planted, value=1.0),
        why=f"Recovered is a style whose loadings have a congruence of {_ALIKE:g} or more with the planted.",
    ),
    Row(
        name="Correlation of the first two styles",
        notebook="01",
        planted=f"{_MARKET.style_correlation:g}",
        unit="correlation",
        no_effect=0.0,
        world="default",
        estimate=_between,
        truth=partial(planted, value=_MARKET.style_correlation),
        why="The five steps of an answer weaken loadings, but not the correlation of what is behind them.",
    ),
    Row(
        name=f"Message mix, {_CHANNEL}, {_PHASE}: {_PART} wanted less sent",
        notebook="01",
        planted=f"{max(map(abs, _ADDED)):g} on the log-ratio of what is sent; wishes differ by objective",
        unit="share of the message",
        no_effect=0.0,
        world="default",
        estimate=_gap,
        truth=_true_gap,
        target="population",
        why="Of the cells in which messages were planted to miss, the one with the widest miss.",
    ),
)
