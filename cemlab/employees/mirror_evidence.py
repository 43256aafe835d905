"""What the mirror rests on: its design, its assumptions and what was checked before it was believed."""

from __future__ import annotations

from cemlab.employees.mirror_panel import MirrorPanel, PersonRows
from cemlab.employees.mirror_rows import Estimated
from cemlab.employees.telling import plural
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, label, percent

_SHORT = 8  # periods: from fewer, coverage of the intervals was not seen in simulations
_UNIT_ROOT = 0.98  # beyond this, shocks do not die out within any panel one has
_RELIABLE = 0.3  # below this share of no error, halves say little of each other


def mirror_evidence(read: MirrorPanel, rows: PersonRows | None, found: Estimated, source: str) -> Evidence:
    """Return grade, design, assumptions and checks of the mirror."""
    units, branches, months = len(read.units), plural(read.unit), plural(read.time)
    return Evidence(
        grade="adjusted",
        design=(
            f"{units:,} {branches} over {len(read.periods):,} {months}, each its own control; {months} and "
            f"what both carry over from the {read.time} before taken out."
        ),
        unit=branches,
        n_used=units,
        n_given=read.n_given,
        source=source,
        assumptions=(
            f"Engagement is asked before the experience of its {read.time} is made: experience does not "
            f"reach it within the {read.time}.",
            f"Nothing else moves both in a {read.unit} in the same {read.time}.",
            f"What both carry over is told by one {read.time} back.",
            f"Errors of both halves are independent of each other and between {months}; engagement is "
            "measured without error.",
            *(
                ()
                if rows is None
                else (
                    "What a person's mood adds to experience fades as the mood does, and moods that persons "
                    f"of a {read.unit} share are alike in every {read.unit}.",
                )
            ),
        ),
        checks=(
            _periods(read, found),
            _fading(found),
            _error(read, found),
            _composition(read, rows, found),
            _gaps(read),
        ),
    )


def _periods(read: MirrorPanel, found: Estimated) -> Check:
    t = len(read.periods)
    return Check(
        name="length of the panel",
        null="the panel is long enough for its short-panel pull to be taken out",
        passed=t >= _SHORT,
        detail=(
            f"{t:,} {plural(read.time)}. Uncorrected, a {read.unit}'s engagement seems to keep "
            f"{found.plain.lags[0, 0]:.2f} from {read.time} to {read.time}, corrected "
            f"{found.best.lags[0, 0]:.2f}; the pull expected of means over so few is about "
            f"{-(1 + found.best.lags[0, 0]) / (t - 1):.2f}."
        ),
        remedy=f"Take {_SHORT} {plural(read.time)} or more.",
    )


def _fading(found: Estimated) -> Check:
    return Check(
        name="fading",
        null="shocks to engagement and experience die out",
        passed=bool(found.best.root < _UNIT_ROOT),
        detail=f"The largest root of what carries over is {found.best.root:.2f}.",
        remedy="Scores that only drift need a longer panel, or differences.",
    )


def _error(read: MirrorPanel, found: Estimated) -> Check:
    null = "the error of the experience score is taken out"
    if read.halves is None:
        return Check(
            name="error of the score",
            null=null,
            passed=None,
            detail="No halves of the answers were given, so the score counts as free of error.",
            remedy="Give two halves; else paths from experience are drawn towards nought.",
        )
    share = found.best.reliability
    return Check(
        name="error of the score",
        null=null,
        passed=bool(share >= _RELIABLE),
        detail=(
            f"Within {plural(read.unit)} and {plural(read.time)}, {percent(share, digits=0)} of the "
            "score's variance is no error."
        ),
        remedy="Halves that share so little leave the paths all but unknown.",
    )


def _composition(read: MirrorPanel, rows: PersonRows | None, found: Estimated) -> Check:
    null = "engagement moves with the same persons, not with who comes and goes"
    if rows is None or found.persons is None:
        return Check(
            name="who is there",
            null=null,
            passed=None,
            detail=f"Means of {plural(read.unit)} mix moods with who comes and goes.",
            remedy=f"Give the persons' {plural(read.time)}.",
        )
    own, mean = found.persons, found.best.lags[0, 0]
    months = plural(read.time)
    lost = (
        f" Of their rows {rows.missing:,} lack a name or an answer and {rows.elsewhere:,} are of "
        f"{plural(read.unit)} or {months} that are not in the panel."
        if rows.missing or rows.elsewhere
        else ""
    )
    return Check(
        name="who is there",
        null=null,
        passed=True,
        detail=(
            f"{rows.n_persons:,} of {rows.n_given:,} persons, in {own.n_persons:,} stretches without a gap "
            f"of {own.length:.1f} {months} after their first, each with a level of its own: of a departure "
            f"{own.memory:.2f} is left after a {read.time}; of a {read.unit}'s mean {mean:.2f}, for "
            f"levels leave with persons. What is new in a {read.time} correlates by {own.shared:z.2f} "
            f"between persons of a {read.unit}.{lost}"
        ),
    )


def _gaps(read: MirrorPanel) -> Check:
    out = read.left_out
    shown = [label(name) for name in out[:5]]
    more = f" and {len(out) - 5:,} more" if len(out) > 5 else ""
    return Check(
        name="gaps",
        null=f"every {read.unit} has every {read.time}",
        passed=True if not out else None,
        detail=(
            f"Left out for gaps: {join_words(shown)}{more}."
            if out
            else f"Every {read.unit} has every {read.time}."
        ),
        remedy="See whether they differ." if out else "",
    )
