"""The words of effects: what a design grade allows narrative and claim to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cemlab.evidence import Grade
from cemlab.markup import label, signed, with_interval
from cemlab.training.result_rows import rows_of

if TYPE_CHECKING:
    from cemlab.training.aggregates import AveragedEffects

_CAUSAL: tuple[Grade, ...] = ("quasi-experiment", "experiment")


def noun_of(grade: Grade) -> str:
    """Return what an estimate is called: an effect only where the design identifies one."""
    return "effect" if grade in _CAUSAL else "difference in change"


def lead_of(averaged: AveragedEffects) -> str:
    """Return the sentences on averaged effects."""
    rows = rows_of(averaged.table)
    tell = {"term": _overall, "group": _groups, "event_time": _path, "time": _periods}[averaged.axis]
    return f"{tell(averaged, rows)} ({100 * averaged.conf_level:g} % intervals.)"


def claim_of(averaged: AveragedEffects) -> str:
    """Return the message of the chart."""
    name, rows = averaged.roll_out.outcome_name, rows_of(averaged.table)
    after = [row for row in rows if averaged.axis != "event_time" or row["event_time"] >= 0]
    settled = [row for row in after if not row["band_low"] <= 0 <= row["band_high"]]
    if not after or not settled:
        return f"Whether {name} moved with the treatment is not settled"
    causal = averaged.evidence.grade in _CAUSAL
    if averaged.axis == "term":
        verb = "The treatment changed" if causal else "With the treatment went"
        return f"{verb} {name} by {signed(settled[0]['estimate'])} on average"
    # a count, not the largest of many: that is large by luck too
    signs = {"above": sum(row["band_low"] > 0 for row in settled)}
    signs["below"] = len(settled) - signs["above"]
    kind = "groups" if averaged.axis == "group" else "periods"
    told = [f"{count:,} of {len(after):,} {kind} {side} zero" for side, count in signs.items() if count]
    verb = f"The treatment changed {name}" if causal else f"With the treatment {name} changed"
    return f"{verb}: {' and '.join(told)} by bands that hold for all"


def _subject(averaged: AveragedEffects) -> str:
    """Begin a sentence whose object is an amount."""
    name = averaged.roll_out.outcome_name
    if averaged.evidence.grade in _CAUSAL:
        return f"If the design's assumptions hold, the treatment changed {name}"
    return f"The treated changed in {name}, compared with their controls,"


def _overall(averaged: AveragedEffects, rows: list[dict[str, Any]]) -> str:
    row = rows[0]
    return (
        f"{_subject(averaged)} by {with_interval(row, sign=True)} on average over "
        f"{int(row['n_treated']):,} treated units of {averaged.evidence.n_used:,}."
    )


def _groups(averaged: AveragedEffects, rows: list[dict[str, Any]]) -> str:
    told = [f"{label(row['group'])} {with_interval(row, sign=True)}" for row in rows]
    return f"{_subject(averaged)} by, for those first treated in: {'; '.join(told)}."


def _path(averaged: AveragedEffects, rows: list[dict[str, Any]]) -> str:
    after = [row for row in rows if row["event_time"] >= 0]
    before = [row for row in rows if row["event_time"] < -averaged.anticipation]
    picked = (
        {row["event_time"]: row for row in (after[0], after[len(after) // 2], after[-1])} if after else {}
    )
    told = [f"{with_interval(row, sign=True)} after {event}" for event, row in picked.items()]
    off = sum(not row["band_low"] <= 0 <= row["band_high"] for row in before)
    lead = (
        f" Before it {off:,} of {len(before):,} periods depart from zero by bands that hold for all at once."
        if before
        else ""
    )
    return f"{_subject(averaged)} by {'; '.join(told)} periods.{lead}"


def _periods(averaged: AveragedEffects, rows: list[dict[str, Any]]) -> str:
    first, last = rows[0], rows[-1]
    return (
        f"{_subject(averaged)} by {with_interval(first, sign=True)} in {label(first['time'])} and by "
        f"{with_interval(last, sign=True)} in {label(last['time'])}."
    )
