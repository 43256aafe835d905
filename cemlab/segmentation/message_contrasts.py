"""What channel, phase and segment add to the mix of a message, as frames to read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import HypothesisTest
from cemlab.segmentation.message_cells import Cells, Flags, count_persons, share_interval
from cemlab.segmentation.message_rows import SIDES, MixRows
from cemlab.stats.compositions import FloatArray, IntArray, LogRatioFit, fit_log_ratios

EFFECTS = ["side", "factor", "level", "part", "estimate", "conf_low", "conf_high"]
SEGMENTS = ["segment", "part", "quantity", "estimate", "conf_low", "conf_high", "n"]

_NULLS = {
    "channel": "the channel does not matter to what is {side}",
    "phase": "the phase does not matter to what is {side}",
    "both": "channel and phase add up in what is {side}",
}


def effects(
    cells: Cells, rows: MixRows, *, conf_level: float
) -> tuple[pd.DataFrame, tuple[HypothesisTest, ...]]:
    """Return what each channel and phase adds to the log-ratios of each side, and joint tests.

    Returns
    -------
    frame, tests
        The frame has EFFECTS as columns; `estimate` is a centred log-ratio less its mean over the levels,
        every cell counting alike. Sides with a cell that cannot be estimated have no rows.
    """
    frames: list[pd.DataFrame] = []
    tests: list[HypothesisTest] = []
    for code, side in enumerate(SIDES):
        contrasts = cells.contrasts(code)
        if contrasts is None:
            continue
        for factor, levels in (("channel", rows.channels), ("phase", rows.phases)):
            frame = _frame(cells.fit, contrasts[factor], levels, rows.parts, conf_level=conf_level)
            frames.append(frame.assign(side=side, factor=factor))
        if cells.large(code):
            tests += _tests(cells.fit, contrasts, side)
    table = pd.concat(frames) if frames else pd.DataFrame(columns=EFFECTS)
    return table[EFFECTS].reset_index(drop=True), tuple(tests)


def _tests(fit: LogRatioFit, contrasts: dict[str, FloatArray], side: str) -> list[HypothesisTest]:
    tests = []
    for name, weights in contrasts.items():
        free = weights if name == "both" else weights[1:]
        if len(free):
            tests.append(_wald(fit, free, _NULLS[name].format(side=side)))
    return tests


def _wald(fit: LogRatioFit, weights: FloatArray, null: str) -> HypothesisTest:
    from scipy.stats import chi2

    statistic, df = fit.wald(weights)
    return HypothesisTest(
        name="Wald test", null=null, statistic=statistic, df=df, p_value=float(chi2.sf(statistic, df))
    )


def _frame(
    fit: LogRatioFit,
    weights: FloatArray,
    levels: tuple[str, ...],
    parts: tuple[str, ...],
    *,
    conf_level: float,
) -> pd.DataFrame:
    from scipy.special import stdtrit

    log_ratios, covariance = fit.contrast(weights)
    df = fit.clusters - len(fit.coefficients)
    reach = stdtrit(df, (1 + conf_level) / 2) * np.sqrt(
        np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0)
    )
    return pd.DataFrame(
        {
            "level": np.repeat(levels, len(parts)),
            "part": np.tile(parts, len(levels)),
            "estimate": log_ratios.ravel(),
            "conf_low": (log_ratios - reach).ravel(),
            "conf_high": (log_ratios + reach).ravel(),
        }
    )


def by_segment(
    rows: MixRows, shares: FloatArray, estimable: Flags, *, min_rows: int, conf_level: float
) -> tuple[pd.DataFrame, HypothesisTest]:
    """Return what each segment wants in the channels and phases whose wishes can be estimated, and a test.

    The test is that all want the same. A regression on what is wanted with a term a channel and phase and a
    term a segment: a segment adds the same everywhere, and every channel and phase counts alike in its mix.

    Returns
    -------
    frame, test
        The frame has SEGMENTS as columns; `quantity` is ``"wanted"`` (shares) or ``"log-ratio"`` (centred,
        less its mean over the segments); nan for a segment with fewer than `min_rows` customers or
        of which half or more of the values of a part are zero.

    Raises
    ------
    DesignError
        If fewer than two segments have enough customers.
    """
    cell = rows.channel * len(rows.phases) + rows.phase
    told = (rows.side == 1) & (rows.segment >= 0) & estimable.ravel()[cell]
    size = count_persons(rows.segment[told], rows.person[told], len(rows.segments))
    codes = np.where(told, rows.segment, len(rows.segments))  # the last group is dropped
    never = rows.mostly_zero(codes, len(rows.segments) + 1)[:-1].any(axis=1)
    enough = np.flatnonzero((size >= min_rows) & ~never).astype(np.int64)
    if len(enough) < 2:
        raise DesignError(
            f"{len(enough)} segment(s) with {min_rows} customers or more who said what they want, with each "
            "part above 0 in most; two are needed to compare"
        )
    kept = np.flatnonzero(told & np.isin(rows.segment, enough))
    persons = count_persons(cell[kept], rows.person[kept], estimable.size)
    kept = kept[persons[cell[kept]] >= min_rows]
    cell = cell[kept]
    cells, cell = np.unique(cell, return_inverse=True)
    place = np.searchsorted(enough, rows.segment[kept])
    design = np.hstack([np.eye(len(cells))[cell], np.eye(len(enough))[place][:, 1:]])
    fit = fit_log_ratios(design, shares[kept], clusters=rows.person[kept])
    own = np.eye(len(enough))[:, 1:]
    added = np.hstack([np.zeros((len(enough), len(cells))), own])
    frame = _segment_frame(fit, added, len(cells), rows, enough, size, conf_level=conf_level)
    return frame, _wald(fit, added[1:], "all segments want the same mix")


def _segment_frame(
    fit: LogRatioFit,
    added: FloatArray,
    cells: int,
    rows: MixRows,
    enough: IntArray,
    size: IntArray,
    *,
    conf_level: float,
) -> pd.DataFrame:
    """Return shares and departures of the segments with enough customers, and blanks for the others."""
    mix = added.copy()
    mix[:, :cells] = 1 / cells
    df = np.maximum(size[enough] - 1, 1)
    share = share_interval(*fit.contrast(mix), df, conf_level=conf_level)
    names = tuple(rows.segments[code] for code in enough)
    departure = _frame(fit, added - added.mean(axis=0), names, rows.parts, conf_level=conf_level)
    keys = departure[["level", "part"]]
    ends = dict(zip(("estimate", "conf_low", "conf_high"), (values.ravel() for values in share), strict=True))
    frame = pd.concat([keys.assign(**ends, quantity="wanted"), departure.assign(quantity="log-ratio")])
    frame = frame.rename(columns={"level": "segment"})
    whole = pd.MultiIndex.from_product(
        [rows.segments, ("wanted", "log-ratio"), rows.parts], names=["segment", "quantity", "part"]
    )
    frame = frame.set_index(["segment", "quantity", "part"]).reindex(whole).reset_index()
    return frame.assign(n=frame["segment"].map(dict(zip(rows.segments, size, strict=True))))[SEGMENTS]
