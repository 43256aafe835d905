"""Claims as people paste them, read into figures. No text is ever run; what cannot be read is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cemlab.errors import DataError

Kind = Literal["shift", "slogan", "return"]

#: What can be read, as the error shows it.
FORMS = (
    "“70 → 72 % retention = +17 % value”; “from 30 to 28 % churn, profit +20 %”; “5 % more retention = "
    "25–95 % more profit”; “cost $90,285, gain $321,145 = 256 %”"
)
LONGEST = 500

_N = r"\d+(?:[.,'’\u00a0\u202f]\d+)*"
_PERCENT = r"(?:%|percent\b|per\s+cent\b)"
_TO = r"(?:→|\bto\b|–|—|-)"
_PAIR = re.compile(rf"({_N})\s*({_PERCENT})?\s*{_TO}\s*({_N})\s*({_PERCENT})?", re.IGNORECASE)
_SINGLE = re.compile(
    rf"(?<![\d.,])([+−-])?\s*({_N})\s*(?:{_PERCENT}|(?:percentage\s+)?points?\b)", re.IGNORECASE
)
_STAY = re.compile(r"\b(?:retention|retain\w*|loyal\w*|keep\w*|renewals?)\b", re.IGNORECASE)
_LEAVE = re.compile(r"\b(?:churn\w*|attrition|defection\w*|defect\w*|leav\w*)\b", re.IGNORECASE)
_WORTH = re.compile(
    r"\b(?:value|profit\w*|revenue\w*|lifetime|worth|clv|margin\w*|sales|income|earnings)\b", re.IGNORECASE
)
_CODE = r"[A-Z]{3}\b"
_MONEY = (
    rf"(?P<sign>[$€£¥]|{_CODE})?\s*(?P<number>{_N})\s*(?P<size>k|m|thousand|million)?\b"
    rf"\s*(?P<after>[€£¥$]|{_CODE})?"
)
_COST = re.compile(rf"\b(?i:costs?|costing|invest\w*|spen[dt]\w*|price)\b[^\d$€£¥]{{0,20}}?{_MONEY}")
_GAIN = re.compile(
    rf"\b(?i:gains?|gained|benefits?|brings?|earns?|earned|saves?|saved|returns?)\b[^\d$€£¥]{{0,20}}?{_MONEY}"
)
# "Doubles" is a figure as well.
_MULTIPLES = tuple(
    (re.compile(rf"\b{word}\b", re.IGNORECASE), f" {figure} % ")
    for word, figure in (
        ("(?:doubl(?:es?|ed|ing)|twice)", "+100"),
        ("tripl(?:es?|ed|ing)", "+200"),
        ("halv(?:es?|ed|ing)", "-50"),
    )
)
_SIZES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}


@dataclass(frozen=True)
class Stated:
    """A figure as stated, with half a unit of its last digit: it may have been rounded by so much."""

    value: float
    half: float

    @property
    def low(self) -> float:
        """The lowest that rounds to it."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """The highest that rounds to it."""
        return self.value + self.half


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a claim says; shares are shares, not percent.

    Parameters
    ----------
    kind
        "shift" (retention from one figure to another), "slogan" (so much more retention), "return" (cost and
        gain).
    text
        As it was pasted.
    before, after
        Of a shift: retention. Of a return: cost and gain. Of a slogan: `before` is the rise of retention.
    claimed
        The figures claimed to follow: none, one, or the two ends of a range.
    figures
        How many figures were read.
    """

    kind: Kind
    text: str
    before: Stated
    after: Stated | None
    claimed: tuple[Stated, ...]

    @property
    def figures(self) -> int:
        """How many figures were read."""
        return 1 + (self.after is not None) + len(self.claimed)


def read_claim(text: str) -> Claim:
    """Return what a claim says.

    Parameters
    ----------
    text
        Up to 500 characters, in one of the forms of :data:`FORMS`; percent signs or words, decimal points or
        commas, arrows or “from … to”.

    Raises
    ------
    DataError
        If it cannot be read for sure; the line shows the forms that can.

    Examples
    --------
    >>> claim = read_claim("70 → 72 % retention = +17 % value")
    >>> claim.kind, claim.before.value, claim.after.value, claim.claimed[0].value
    ('shift', 0.7, 0.72, 0.17)
    """
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"a claim is a text; forms that can be read: {FORMS}")
    if len(text) > LONGEST:
        raise DataError(
            f"the claim has {len(text):,} characters; allowed: up to {LONGEST}, one claim at a time"
        )
    plain = re.sub(r"(?:-{1,2}|–|=)>|⇒|➔|⟶", "→", text)
    for word, figure in _MULTIPLES:
        plain = word.sub(figure, plain)
    claim = _claim(plain, text)
    every = re.findall(_N, plain)
    if len(every) != claim.figures:
        raise _unread(
            text,
            f"of its figures {', '.join(every)} only {claim.figures} are understood; leave out the others",
        )
    return claim


def _claim(plain: str, text: str) -> Claim:
    if _COST.search(plain) and _GAIN.search(plain):
        return _return(plain, text)
    if not (_STAY.search(plain) or _LEAVE.search(plain)):
        raise _unread(text, "it names neither retention or churn, nor cost and gain")
    return _retention(plain, text)


def _unread(text: str, why: str) -> DataError:
    short = text.strip()[:80]
    return DataError(f"the claim {short!r} cannot be read: {why}; forms that can: {FORMS}")


def _retention(plain: str, text: str) -> Claim:
    if re.search(r"\bcosts?\b", plain, re.IGNORECASE) and not _WORTH.search(plain):
        raise _unread(text, "it is about costs alone, not about what customers are worth")
    word = _STAY.search(plain) or _LEAVE.search(plain)
    assert word is not None  # the caller looked
    pairs = [p for p in _PAIR.finditer(plain) if p[2] or p[4] or float(_digits(p[3], text)[0]) <= 1]
    if len(pairs) > 2:
        raise _unread(text, "it has more than two pairs of figures")
    rest = plain
    for pair in pairs:
        rest = rest[: pair.start()] + " " * (pair.end() - pair.start()) + rest[pair.end() :]
    singles = list(_SINGLE.finditer(rest))
    if not pairs and len(singles) != 2:
        raise _unread(text, f"it has {len(singles)} figures in percent, and no pair of them")
    if not pairs:
        return _slogan(singles[0], [singles[1]], word, text)
    if len(pairs) == 2 and not singles:
        order = sorted(pairs, key=lambda p: _gap(p, word))
        return _shift(order[0], _ends(order[1], text), word, text)
    if len(pairs) != 1 or len(singles) > 1:
        raise _unread(text, "it is not clear which figure is claimed to follow from which")
    if not singles:
        return _shift(pairs[0], (), word, text)
    worth = _WORTH.search(plain)
    straight = _gap(pairs[0], word) + (_gap(singles[0], worth) if worth else 0)
    crossed = _gap(singles[0], word) + (_gap(pairs[0], worth) if worth else 0)
    if straight <= crossed:
        return _shift(pairs[0], (_percent(singles[0], text),), word, text)
    return _slogan(singles[0], [pairs[0]], word, text)


def _gap(one: re.Match[str], other: re.Match[str]) -> int:
    return max(one.start() - other.end(), other.start() - one.end(), 0)


def _shift(pair: re.Match[str], claimed: tuple[Stated, ...], word: re.Match[str], text: str) -> Claim:
    before, after = _ends(pair, text)
    if _LEAVE.fullmatch(word[0]):
        before, after = Stated(1 - before.value, before.half), Stated(1 - after.value, after.half)
    for stated in (before, after):
        if not 0 < stated.value < 1:
            raise _unread(text, f"a retention of {100 * stated.value:g} % is none (above 0, below 100 %)")
    if before.value == after.value:
        raise _unread(text, "retention does not change")
    return Claim(kind="shift", text=text, before=before, after=after, claimed=claimed)


def _slogan(rise: re.Match[str], claimed: list[re.Match[str]], word: re.Match[str], text: str) -> Claim:
    if _LEAVE.fullmatch(word[0]) or not 0 < _percent(rise, text).value < 0.9:
        raise _unread(text, "say by how much retention rises, above 0 and below 90 %")
    found = claimed[0]
    ends = _ends(found, text) if found.re is _PAIR else (_percent(found, text),)
    return Claim(kind="slogan", text=text, before=_percent(rise, text), after=None, claimed=ends)


def _return(plain: str, text: str) -> Claim:
    cost, gain = _COST.search(plain), _GAIN.search(plain)
    assert cost is not None  # the caller looked
    assert gain is not None
    names = {_SIGNS.get(sign, sign) for found in (cost, gain) if (sign := found["sign"] or found["after"])}
    if len(names) > 1:
        raise _unread(text, f"cost and gain are in {' and '.join(sorted(names))}; convert one of them")
    if any(re.search(r"[-−][$€£¥]?$", plain[: found.start("number")]) for found in (cost, gain)):
        raise _unread(text, "a cost or a gain is written below nought")
    spent, brought = _money(cost, text), _money(gain, text)
    if spent.value <= 0:
        raise _unread(text, "a cost of nought has no return")
    singles = list(_SINGLE.finditer(plain))
    if len(singles) > 1:
        raise _unread(text, "it has more than one figure in percent")
    return Claim(
        kind="return", text=text, before=spent, after=brought,
        claimed=tuple(_percent(found, text) for found in singles),
    )  # fmt: skip


def _money(found: re.Match[str], text: str) -> Stated:
    value, decimals = _digits(found["number"], text, money=True)
    size = _SIZES.get((found["size"] or "").lower(), 1.0)
    return Stated(float(value) * size, 0.5 * 10.0**-decimals * size)


def _percent(found: re.Match[str], text: str) -> Stated:
    value, decimals = _digits(found[2], text)
    sign = -1.0 if found[1] in ("-", "−") else 1.0
    return Stated(sign * float(value) / 100, 0.5 * 10.0**-decimals / 100)


def _ends(pair: re.Match[str], text: str) -> tuple[Stated, Stated]:
    """Return the two figures of a pair: percent if either says so, else shares."""
    scale = 100.0 if pair[2] or pair[4] else 1.0
    first, second = (
        Stated(float(value) / scale, 0.5 * 10.0**-decimals / scale)
        for value, decimals in (_digits(pair[i], text) for i in (1, 3))
    )
    return first, second


def _digits(written: str, text: str, *, money: bool = False) -> tuple[str, int]:
    """Return a number with a decimal point, and how many decimals it has.

    A mark with three digits after it groups thousands in an amount of money if it is a comma; where it may
    mean either, the claim is refused.
    """
    bare = re.sub(r"['’\u00a0\u202f]", "", written)
    marks = re.findall(r"[.,]", bare)
    if not marks:
        return bare, 0
    last = marks[-1]
    if len(set(marks)) == 2 and marks.count(last) == 1:
        whole, decimals = bare.rsplit(last, 1)
        return whole.replace(marks[0], "") + "." + decimals, len(decimals)
    groups = bare.split(last)
    threes = all(len(group) == 3 for group in groups[1:]) and 0 < len(groups[0]) <= 3 and groups[0] != "0"
    if len(set(marks)) == 1 and len(marks) == 1 and not threes:
        return bare.replace(",", "."), len(groups[1])
    if len(set(marks)) == 1 and threes and (len(marks) > 1 or (money and last == ",")):
        return "".join(groups), 0
    if len(marks) == 1 and last == "." and not money:
        return bare, len(groups[1])
    raise _unread(text, f"{written!r} may be read in two ways; write it without marks for thousands")
