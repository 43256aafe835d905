"""What messages are made of, by channel and phase: as sent, as wanted, and where the two part.

Know, feel and do are shares of one whole: more of one is less of another. They are therefore compared by
their ratios; a regression on the raw shares finds relations that only the sum puts there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.message_cells import fit_cells
from cemlab.segmentation.message_contrasts import by_segment, effects
from cemlab.segmentation.message_rows import MixRows, mix_rows
from cemlab.segmentation.message_tables import (
    Quantity,
    cells_check,
    gap_table,
    mix_table,
    parts_check,
    zeros_check,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir


_UNTOLD = {"rows in every cell": "too few messages, or all alike", "parts in use": "a part is mostly 0"}
_SIDES: tuple[Quantity, Quantity] = ("sent", "wanted")


@dataclass(frozen=True, eq=False, kw_only=True)
class MessageMix(Result):
    """The mix of messages by channel and phase, as sent and as wanted, and the gap between them.

    Parameters
    ----------
    table
        channel, phase, part, quantity (``"sent"``, ``"wanted"``: shares, the centre of the log-ratios;
        ``"gap"``: wanted less sent, difference of shares; ``"log-ratio"``: the same of centred log-ratios),
        estimate, conf_low, conf_high, n (rows; of the smaller side for a gap). Not estimable: nan.
    gaps
        One row a channel and phase: n_sent, n_wanted, estimate (Aitchison distance between what is sent and
        what is wanted), conf_low, conf_high, by_chance (distance to expect from the estimates' errors alone),
        p_value (Hotelling), p_adjusted (Holm 1979, over the cells), misses (whether the adjusted p-value
        refutes that there is no gap; None where not estimable).
    effects
        What a channel or phase adds: side, factor, level, part, estimate (centred log-ratio less its mean
        over the levels), conf_low, conf_high.
    segments
        What each segment wants: segment, part, quantity (``"wanted"``, ``"log-ratio"``), estimate, conf_low,
        conf_high, n (customers); None if no segment was named.
    segment
        The column of the segments.
    parts
        The parts, in order.
    """

    gaps: pd.DataFrame
    effects: pd.DataFrame
    segments: pd.DataFrame | None
    segment: str | None
    parts: tuple[str, ...]

    title: ClassVar[str] = "Message mix, sent and wanted"
    labels: ClassVar[dict[str, str]] = {
        "channel": "Channel",
        "phase": "Phase",
        "sent": "Sent",
        "wanted": "Wanted",
        "distance": "Distance",
        "verdict": "Gap",
    }

    def of(self, quantity: Quantity) -> pd.DataFrame:
        """Return the rows of one quantity: channel, phase, part, estimate, conf_low, conf_high, n."""
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    @property
    def missed(self) -> pd.DataFrame:
        """The rows of `gaps` in which what is sent misses what is wanted, the widest first."""
        rows = self.gaps[self.gaps["misses"].eq(True)]
        return rows.sort_values("estimate", ascending=False, kind="stable").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a channel and phase: both mixes in per cent, their distance, and whether they part."""
        frame = self.gaps[["channel", "phase"]].copy()
        for side in _SIDES:
            wide = self.of(side)["estimate"].to_numpy().reshape(len(frame), -1)
            frame[side] = [
                "not estimable" if np.isnan(row).any() else " / ".join(f"{100 * v:.0f}" for v in row)
                for row in wide
            ]
        frame["distance"] = [
            "not estimable" if np.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in self.gaps[["estimate", "conf_low", "conf_high"]].itertuples(index=False)
        ]
        words = {True: "misses", False: "none found", None: ""}
        frame["verdict"] = [words[value] for value in self.gaps["misses"]]
        return frame

    def narrative(self) -> str:
        """Tell where what is sent misses what is wanted, and by what part most."""
        told = self.gaps["misses"].notna()
        missed = self.missed
        lines = [
            f"What is sent misses what is wanted in {len(missed)} of {told.sum()} channels and phases "
            f"(Holm's correction for {told.sum()} looks)."
        ]
        for row in missed.head(3).to_dict("records"):
            lines.append(self._widest(row["channel"], row["phase"]))
        if not len(missed):
            widest = self.gaps[told]["conf_high"].max()
            lines.append(f"Distances of up to {widest:.2f} are not excluded, each cell for itself.")
        if (~told).any():
            lines.append(f"{(~told).sum()} cannot be told: {self._why()}.")
        if self.segments is not None:
            lines.append(self._wishes())
        return " ".join([*lines, f"({100 * self.conf_level:g} % intervals.)"])

    def _why(self) -> str:
        """Say by the checks that failed why cells cannot be told."""
        failed = {check.name for check in self.evidence.failed}
        reasons = [reason for name, reason in _UNTOLD.items() if name in failed]
        return join_words(reasons)

    def _widest(self, channel: str, phase: str) -> str:
        """Say of one cell which part is most too small or too large."""
        rows = self.of("gap")
        rows = rows[(rows["channel"] == channel) & (rows["phase"] == phase)]
        row = rows.iloc[int(np.argmax(rows["estimate"].abs()))].to_dict()
        more = "more" if row["estimate"] > 0 else "less"
        return (
            f"{channel}, {phase}: {more} {row['part']} is wanted than sent, by "
            f"{points(abs(row['estimate']))[1:]} ({_ends(row)})."
        )

    def _wishes(self) -> str:
        assert self.segments is not None  # asked for where there are segments only
        wanted = self.segments[self.segments["quantity"] == "wanted"].dropna(subset="estimate")
        told = []
        for part in self.parts:
            row = wanted[wanted["part"] == part].sort_values("estimate").iloc[-1].to_dict()
            told.append(
                f"{part} most by “{row['segment']}”, {percent(row['estimate'])} "
                f"({percent_range(row['conf_low'], row['conf_high'])})"
            )
        return f"In the same channels and phases, {'; '.join(told)}."

    @property
    def chart(self) -> Chart:
        """Heat map of the distance between sent and wanted, a row a channel and a column a phase."""
        told, missed = self.gaps["misses"].notna().sum(), self.missed
        most = f", most in {missed['channel'][0]}, {missed['phase'][0]}" if len(missed) else ""
        return Chart(
            kind="heatmap",
            frame=self.gaps.round({"estimate": 2, "conf_low": 2, "conf_high": 2}),
            x="phase",
            y="channel",
            value="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Phase of the journey",
            y_label="Channel",
            claim=f"What is sent misses what is wanted in {len(missed)} of {told} channels and phases{most}",
            grade=self.evidence.grade,
            note=f"Aitchison distance between the two mixes. {self.caption}",
        )

    @property
    def forest(self) -> Chart:
        """Forest of the parts, wanted less sent, of the missed cells (of all if none is missed)."""
        rows = self.of("gap").merge(self.gaps[["channel", "phase", "misses"]], on=["channel", "phase"])
        shown = rows[rows["misses"].eq(True)] if len(self.missed) else rows
        frame = shown.dropna(subset="estimate").copy()
        frame["cell"] = frame["channel"] + ", " + frame["phase"]
        return Chart(
            kind="forest",
            frame=frame.reset_index(drop=True),
            x="estimate",
            y="cell",
            low="conf_low",
            high="conf_high",
            group="part",
            x_label="Wanted less sent [% of the message]",
            y_label="Channel, phase",
            claim=f"Where messages part from what is wanted, in {len(self.missed)} channels and phases",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )


def message_mix(
    table: ir.Table | pd.DataFrame,
    *,
    parts: Sequence[str] = ("cognitive", "affective", "conative"),
    channel: str = "channel",
    phase: str = "phase",
    side: str = "side",
    customer: str | None = "customer",
    segment: str | None = None,
    min_rows: int = 5,
    zero: float | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> MessageMix:
    """Answer where the messages we send are made of something else than customers want.

    Parameters
    ----------
    table
        One row a message as it was sent, or as a customer would have wanted it; a frame or a table on an
        engine. Frames with ordered categories keep their order.
    parts
        Columns of shares of the whole, 0 or more, that sum to 1; a sum may miss 1 by 0.02, which rounding
        to two decimals can, and is then divided by it.
    channel, phase
        Columns of the channel and of the phase of the customer's journey.
    side
        Column that says ``"sent"`` or ``"wanted"``.
    customer
        Column of the customer, whose rows are not independent; rows without one stand for themselves. None
        if no customer has two rows.
    segment
        Column of a segment, such as the customer's objective; compared on what is wanted.
    min_rows
        Fewest independent rows of a channel, phase and side to be estimated, at least 3 and more than parts.
    zero
        Share to put in place of a zero (multiplicative replacement); if not given 65 % of half the smallest
        share on that side.
    conf_level
        Confidence level of the intervals, each for itself.
    source
        The line that stands under every figure.

    Returns
    -------
    MessageMix
        Its table has channel, phase, part, quantity, estimate, conf_low, conf_high, n; also `gaps`,
        `effects` and `segments`.

    Raises
    ------
    ColumnError, OptionError
        If a column does not exist or is named twice, or an option is out of its range.
    DataError
        If rows are not shares of one whole, or `side` says something else.
    DesignError
        If a side is missing, a part is never used, or no channel and phase has enough rows on both sides.

    Notes
    -----
    Isometric log-ratios (Egozcue et al. 2003) are regressed on a term for each side, channel and phase, with
    the jackknife covariance that leaves out each customer in turn (HC3 where everybody has one row). The mix
    of a cell is the centre of its log-ratios (Aitchison 1986), not the mean of its shares. Its interval comes
    from the log odds and stays between 0 and 1. Zeros are replaced after Martín-Fernández et al. (2003), and
    everything is done again with half and twice the replacement: what is missed must stay the same, and no
    estimate may move by more than half the reach of its interval. Where half or more of the values of a part
    are 0, the cell has no mix that could be told and is left blank. Gaps are tested by Hotelling's T² with
    the degrees of freedom of Nel & Van der Merwe (1986), and by Holm's (1979) rule over the cells.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> know = np.r_[rng.beta(40, 60, 50), rng.beta(60, 40, 50)]
    >>> rows = pd.DataFrame({"side": ["sent"] * 50 + ["wanted"] * 50, "channel": "e-mail", "phase": "buy",
    ...                      "know": know, "do": 1 - know})
    >>> mix = message_mix(rows, parts=("know", "do"), customer=None)
    >>> mix.of("gap").round(2).loc[:0, ["part", "estimate", "conf_low", "conf_high"]].to_numpy().tolist()
    [['know', 0.19, 0.17, 0.21]]
    """
    check_conf_level(conf_level)
    rows = mix_rows(
        table,
        parts=parts,
        channel=channel,
        phase=phase,
        side=side,
        customer=customer,
        segment=segment,
        zero=zero,
    )
    if isinstance(min_rows, bool) or not isinstance(min_rows, int) or min_rows < max(3, len(parts) + 1):
        raise OptionError(
            f"min_rows is {min_rows!r}; allowed: a whole number from {max(3, len(parts) + 1)} on"
        )
    shares = rows.without_zeros(zero)
    cells = fit_cells(rows, shares, min_rows=min_rows)
    gaps = gap_table(cells, rows, conf_level=conf_level)
    added, tests = effects(cells, rows, conf_level=conf_level)
    wishes = None
    if segment is not None:
        wishes, test = by_segment(rows, shares, cells.estimable[1], min_rows=min_rows, conf_level=conf_level)
        tests = (*tests, test)
    evidence = Evidence(
        grade="association",
        design=_design(rows, segment),
        unit="mixes",
        n_used=int(cells.n[cells.estimable].sum()),
        n_given=rows.n_given,
        source=source,
        assumptions=_ASSUMED,
        checks=(
            zeros_check(rows, cells, gaps, zero=zero, min_rows=min_rows, conf_level=conf_level),
            cells_check(cells, min_rows=min_rows),
            parts_check(cells, rows),
        ),
        tests=tests,
    )
    return MessageMix(
        table=mix_table(cells, rows, conf_level=conf_level),
        evidence=evidence,
        conf_level=conf_level,
        gaps=gaps,
        effects=added,
        segments=wishes,
        segment=segment,
        parts=rows.parts,
    )


_ASSUMED = (
    "Messages sent were coded, and wishes stated, on the same scale.",
    "Customers, and messages sent, are independent of each other.",
    "Joint tests over several channels and phases lean on large samples; gaps do not.",
)


def _design(rows: MixRows, segment: str | None) -> str:
    told = f" By {segment}: what it adds is taken as the same in every channel and phase." if segment else ""
    return (
        f"{(rows.side == 0).sum():,} messages sent and {(rows.side == 1).sum():,} wanted, compared by the "
        f"ratios of their parts within channel and phase.{told}"
    )


def _ends(row: Mapping[Hashable, Any]) -> str:
    low, high = sorted((abs(row["conf_low"]), abs(row["conf_high"])))
    if row["conf_low"] <= 0 <= row["conf_high"]:
        return f"{points(row['conf_low'])} to {points(row['conf_high'])}"
    return f"{100 * low:.1f} to {100 * high:.1f}"
