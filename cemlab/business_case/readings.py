"""What a claim on retention or on a return comes to, under each assumption one may read into it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from cemlab.business_case.claims import Claim, Stated


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to reckon: its name, how it is written, what it assumes, and its multiple of a retention."""

    name: str
    reckoned: str
    assumes: str
    multiple: Callable[[float, float], float]  #: of retention r and yearly discount d


#: The first is the one that a claim is held against.
RETENTION = (
    Reading(
        name="margins still to come",
        reckoned="r / (1 − r)",
        assumes="each period's margin is paid by those who stay; nothing is discounted, all customers alike",
        multiple=lambda r, _: r / (1 - r),
    ),
    Reading(
        name="lifetime from today",
        reckoned="1 / (1 − r)",
        assumes="as before, and today's margin is counted, which nobody can lose any more",
        multiple=lambda r, _: 1 / (1 - r),
    ),
    Reading(
        name="margins still to come, discounted",
        reckoned="r / (1 + d − r)",
        assumes="as the first, discounted",
        multiple=lambda r, d: r / (1 + d - r),
    ),
    Reading(
        name="lifetime from today, discounted",
        reckoned="(1 + d) / (1 + d − r)",
        assumes="as the second, discounted",
        multiple=lambda r, d: (1 + d) / (1 + d - r),
    ),
    Reading(
        name="next period only",
        reckoned="r",
        assumes="one period, no lifetime",
        multiple=lambda r, _: r,
    ),
)  # fmt: skip


def change(reading: Reading, before: float, after: float, discount: float) -> float:
    """Return the relative change of the multiple.

    Examples
    --------
    >>> round(change(RETENTION[0], 0.70, 0.72, 0.1), 4), round(change(RETENTION[1], 0.70, 0.72, 0.1), 4)
    (0.102, 0.0714)
    """
    return reading.multiple(after, discount) / reading.multiple(before, discount) - 1


def change_range(reading: Reading, claim: Claim, discount: float) -> tuple[float, float]:
    """Return the lowest and the highest change that figures rounding to those stated can give."""
    assert claim.after is not None  # of a shift
    low = change(reading, min(claim.before.high, 1 - 1e-9), max(claim.after.low, 1e-9), discount)
    high = change(reading, max(claim.before.low, 1e-9), min(claim.after.high, 1 - 1e-9), discount)
    return low, high


def needed_for_shift(claim: Claim, claimed: Stated) -> list[tuple[str, float, str]]:
    """Return what would have to hold for the claimed figure: what, how much, in words; by the first one."""
    assert claim.after is not None  # of a shift
    r0, r1, c = claim.before.value, claim.after.value, claimed.value
    found: list[tuple[str, float, str]] = []
    odds = (1 + c) * r0 / (1 - r0)
    if odds > 0:
        r = odds / (1 + odds)
        found.append(("retention afterwards", r, f"retention would have to become {100 * r:.1f} %"))
    gap = (1 + c) * r0 - r1
    rate = c * r0 * r1 / gap if gap != 0 else math.nan
    if rate > max(r0, r1):
        # margins that grow faster than they are discounted act as a discount below nought
        told = (
            f"margins would have to be discounted by {100 * (rate - 1):.1f} % a period"
            if rate >= 1
            else f"margins would have to grow {100 * (1 / rate - 1):.1f} % a period faster than they are "
            "discounted"
        )
        found.append(("discount less growth", rate - 1, told))
    plain = change(RETENTION[0], r0, r1, 0.0)
    if 0 < plain < c:
        share = 1 - plain / c
        found.append(
            (
                "cost that stays",
                share,
                f"{100 * share:.0f} % of the value before would have to go into costs that do not change, so "
                "that the rest rises by more",
            )
        )
    return found


def base_needed(rise: float, claimed: float) -> float:
    """Return the retention at which a rise by so many points gives the claimed change of the lifetime.

    Examples
    --------
    >>> round(base_needed(0.05, 0.25), 4), round(base_needed(0.05, 0.95), 4)
    (0.75, 0.8974)
    """
    return 1 - rise * (1 + claimed) / claimed
