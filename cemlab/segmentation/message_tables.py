"""The mixes and gaps of all channels and phases as frames, and what was checked of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.markup import join_words
from cemlab.segmentation.message_cells import Cells, fit_cells
from cemlab.segmentation.message_rows import SIDES, MixRows
from cemlab.stats.compositions import IntArray
from cemlab.stats.holm import holm
from cemlab.stats.intervals import Interval

# By how much of its interval's reach an estimate may move with what stands for a zero; were it to move by a
# half, 95 % intervals would still cover in some 83 %.
_MOVED = 0.5
_NAMED = 3

Quantity = Literal["sent", "wanted", "gap", "log-ratio"]


def mix_table(cells: Cells, rows: MixRows, *, conf_level: float) -> pd.DataFrame:
    """Return all quantities of all cells, tidy."""
    n_sent, n_wanted = (side.ravel() for side in cells.n)
    least = np.minimum(n_sent, n_wanted)
    found: list[tuple[Quantity, Interval, IntArray]] = [
        ("sent", cells.shares(0, conf_level=conf_level), n_sent),
        ("wanted", cells.shares(1, conf_level=conf_level), n_wanted),
        ("gap", cells.gaps_in_points(conf_level=conf_level), least),
        ("log-ratio", cells.log_ratio_gaps(conf_level=conf_level), least),
    ]
    keys = pd.MultiIndex.from_product(
        [rows.channels, rows.phases, rows.parts], names=["channel", "phase", "part"]
    ).to_frame(index=False)
    frames = [
        keys.assign(
            quantity=quantity,
            estimate=interval.estimate.ravel(),
            conf_low=interval.conf_low.ravel(),
            conf_high=interval.conf_high.ravel(),
            n=np.repeat(n, len(rows.parts)),
        )
        for quantity, interval, n in found
    ]
    return pd.concat(frames, ignore_index=True)


def gap_table(cells: Cells, rows: MixRows, *, conf_level: float) -> pd.DataFrame:
    """Return the distance between sent and wanted of every channel and phase, tested with Holm's rule."""
    known = cells.both.ravel()
    length, by_chance = cells.gap_lengths(conf_level=conf_level)
    adjusted = holm(length.p_value)
    columns = {
        "estimate": length.estimate,
        "conf_low": length.conf_low,
        "conf_high": length.conf_high,
        "by_chance": by_chance,
        "p_value": length.p_value,
        "p_adjusted": adjusted,
    }
    frame = pd.MultiIndex.from_product([rows.channels, rows.phases], names=["channel", "phase"]).to_frame(
        index=False
    )
    frame["n_sent"], frame["n_wanted"] = (side.ravel() for side in cells.n)
    for name, values in columns.items():
        frame.loc[known, name] = values
    misses = np.full(len(frame), None, dtype=object)
    misses[known] = [bool(p < 1 - conf_level) for p in adjusted]
    return frame.assign(misses=misses)


def zeros_check(
    rows: MixRows, cells: Cells, gaps: pd.DataFrame, *, zero: float | None, min_rows: int, conf_level: float
) -> Check:
    """Say how many rows had a zero, and whether findings or estimates hang on what was put in its place."""
    told = join_words(f"{value:.3g} ({side})" for side, value in zip(SIDES, rows.zero(zero), strict=True))
    if not rows.zeros:
        return Check(name="zeros", null="no share is zero", passed=True, detail="No row has a zero.")
    found = mix_table(cells, rows, conf_level=conf_level)
    reach = (found["conf_high"] - found["conf_low"]).to_numpy() / 2
    same, moved = True, 0.0
    for times in (0.5, 2.0):
        try:
            again = fit_cells(rows, rows.without_zeros(zero, times=times), min_rows=min_rows)
        except DesignError:
            same = False
            continue
        other = gap_table(again, rows, conf_level=conf_level)["misses"]
        same = same and other.tolist() == gaps["misses"].tolist()
        shift = mix_table(again, rows, conf_level=conf_level)["estimate"] - found["estimate"]
        moved = max(moved, float(np.nanmax(np.abs(shift.to_numpy()) / reach)))
    return Check(
        name="zeros",
        null=(
            "whatever stands for a zero, the same cells are missed and no estimate moves by more than "
            f"{_MOVED:g} of its interval's reach"
        ),
        passed=same and moved <= _MOVED,
        detail=(
            f"{rows.zeros:,} of {len(rows.shares):,} rows have a zero; it was replaced by {told}, and half "
            f"and twice that {'find the same' if same else 'find other'} cells and move an estimate by up to "
            f"{moved:.2f} of its interval's reach."
        ),
        remedy="Ask for the parts on a finer scale, or join parts that are rarely used.",
    )


def cells_check(cells: Cells, *, min_rows: int) -> Check:
    """Say how many channels and phases have too few messages to be estimated."""
    few = ~cells.estimable & ~cells.mostly_zero.any(axis=-1)
    left = int(few.any(axis=0).sum())
    return Check(
        name="rows in every cell",
        null="each channel and phase has enough messages that are not all alike, sent and wanted",
        passed=left == 0,
        detail=(
            f"{left} of {cells.both.size} cannot be estimated (fewer than {min_rows} independent rows, or "
            "all alike)."
        ),
        remedy="They are left blank; gather more, or join channels or phases that are alike.",
    )


def parts_check(cells: Cells, rows: MixRows) -> Check:
    """Name the cells that cannot be estimated because a part is mostly zero."""
    told = [
        f"{rows.parts[part]} ({SIDES[side]}, {rows.channels[channel]}, {rows.phases[phase]})"
        for side, channel, phase, part in np.argwhere(cells.mostly_zero)
    ]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return Check(
        name="parts in use",
        null="in each channel and phase each part is above 0 in more than half of the messages",
        passed=not told,
        detail=f"Mostly 0: {'; '.join(told[:_NAMED])}{more}." if told else "Each is.",
        remedy="These are left blank: their figures would be those of what stands for a zero. Join parts "
        "that are rarely used, or ask for them on a finer scale.",
    )
