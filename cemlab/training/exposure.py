"""Who is exposed to the training of neighbours, and how they changed, on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.stats.long_base import long_base_effect
from cemlab.stats.multiplier_bands import errors
from cemlab.stats.window_differences import WindowDifference, window_difference, window_weights
from cemlab.training.roll_out import RollOut

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def first_exposed(rolled: RollOut, where: Ints) -> Ints:
    """Return the period in which the first of each unit's region is treated; their count for never."""
    earliest = np.full(where.max() + 1, rolled.never)
    np.minimum.at(earliest, where, rolled.first)
    return np.asarray(earliest[where], dtype=np.int64)


def exposed_units(who: str, rolled: RollOut, exposed_from: Ints, clean: Flags) -> Flags:
    """Say who is exposed to the training of others: those never trained, not yet trained, or both."""
    exposed = ~clean & (rolled.first > exposed_from)
    wanted = {"never trained": ~rolled.treated, "not yet trained": rolled.treated}
    return np.asarray(exposed & wanted.get(who, True), dtype=np.bool_)


def exposed_differences(
    rolled: RollOut, exposed: Flags, exposed_from: Ints, clean: Flags
) -> tuple[WindowDifference, WindowDifference]:
    """Return the difference of changes, and that of slopes before, of exposed against clean units."""
    periods = np.arange(rolled.never)
    windows = sorted(
        {(int(a), int(b)) for a, b in zip(exposed_from[exposed], rolled.first[exposed], strict=True)}
    )
    block = np.full(len(exposed), -1)
    change, slope = np.zeros((len(windows), rolled.never)), np.zeros((len(windows), rolled.never))
    for place, (start, stop) in enumerate(windows):
        block[exposed & (exposed_from == start) & (rolled.first == stop)] = place
        change[place] = window_weights(rolled.never, before=slice(0, start), after=slice(start, stop))
        if start > 1:
            centred = np.where(periods < start, periods - (start - 1) / 2, 0.0)
            slope[place] = centred / (centred**2).sum()
    control = np.repeat(clean[None], len(windows), axis=0)
    return (
        window_difference(rolled.outcome, block=block, control=control, weights=change),
        window_difference(rolled.outcome, block=block, control=control, weights=slope),
    )


def main_figures(rolled: RollOut, clean: Flags, conf_level: float) -> pd.DataFrame:
    """Return the main figure against all controls, and against those of clean regions only."""
    rows = []
    for name, kept in (("all untrained", np.ones(len(clean), dtype=bool)), ("clean regions only", clean)):
        used = kept | rolled.treated
        first = rolled.first[used]
        found = long_base_effect(
            rolled.outcome[used],
            first=first,
            controls="never treated" if name == "clean regions only" else "not yet treated",
        )
        own = errors(found.influence[:, None], first)
        margin = float(own.margin(conf_level)[0])
        rows.append(
            {
                "controls": name,
                "estimate": found.estimate,
                "std_error": float(own.std_error[0]),
                "df": float(own.df[0]),
                "conf_low": found.estimate - margin,
                "conf_high": found.estimate + margin,
                "n_treated": int(rolled.treated.sum()),
                "n_controls": int((kept & ~rolled.treated).sum()),
            }
        )
    return pd.DataFrame(rows)
