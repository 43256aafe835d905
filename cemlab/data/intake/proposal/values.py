"""Guesses of how the values of a column are written, each with its reason, or with its doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cemlab.data.contract import Column, Form
from cemlab.data.intake.proposal.dates import date_formats
from cemlab.data.intake.settings.columns import NUMERIC
from cemlab.data.intake.settings.toml import shown

Setting = str | int | bool | tuple[str, ...] | dict[str, str]

_WORDS_FOR_NOTHING = frozenset(
    "na|n/a|n.a.|nan|null|none|nil|-|--|?|.|#n/a|#na|#n/v|#nv|k.a.|keine angabe|missing|unknown|unbekannt|"  # noqa: SIM905
    "(null)|\\n|nd|n.d.|s/o|0000-00-00".split("|")
)
_FAR_DATES = re.compile(r"9999-12-31.*|1900-01-01.*|1899-12-3.*|1970-01-01.*|31[./]12[./]9999.*|12/31/9999.*")
_CODES = ("-1", "-9", "-99", "-999", "98", "99", "998", "999", "9999", "99999")
_MOST_PLACEHOLDERS = 5
_TRUE = frozenset(("yes", "y", "ja", "j", "oui", "o", "si", "sí", "s", "t", "wahr", "vrai", "verdadero", "x"))
_FALSE = frozenset(("no", "n", "nein", "non", "f", "falsch", "faux", "falso"))
_FLAGS = frozenset(("true", "false", "TRUE", "FALSE", "True", "False", "1", "0"))
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_GROUPED = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
#: Pairs of decimal and thousands marks, the plainer ones first.
_MARKS = (
    (",", ""), (",", "."), (".", ","), (",", " "), (".", "'"), (",", "\u00a0"), (",", "\u202f"),
    (".", " "), (",", "\u2009"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What could not be told: the question, and what to add to the settings if it is so."""

    question: str
    keys: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Guess:
    """How the values of one column seem to be written.

    Parameters
    ----------
    keys
        Settings of the column, by the keys of ``cemlab.toml``.
    reasons
        A sentence for each.
    doubts
        What could not be told.
    unfit
        Whether most values are nothing that the column's form allows, however they are written.
    """

    keys: Mapping[str, Setting]
    reasons: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    unfit: bool = False


def guess(column: Column, values: Iterable[str]) -> Guess:
    """Return how the values of a column of the contract seem to be written.

    Examples
    --------
    >>> from cemlab.data.contract import table
    >>> found = guess(table("transactions").columns[1], ["31.01.2025", "01.02.2025"])
    >>> found.keys, found.reasons[0]
    ({'formats': ('%d.%m.%Y',)}, '1 of 2 dates decide for day-first (first number above 12), 0 against')
    """
    making = _Making(Counter(values))
    making.spaces(column.form)
    making.nothing(column)
    if column.form in ("date", "time"):
        making.dates(column.form)
    elif column.form in NUMERIC:
        making.numbers()
    elif column.form == "flag":
        making.flags()
    elif column.form == "id":
        making.identifiers()
    if column.allowed:
        making.choices(column.allowed)
    least, greatest = column.scale or (0, None)
    if greatest is not None:
        making.scale(least, greatest)
    return Guess(
        keys=making.keys,
        reasons=tuple(making.reasons),
        doubts=(*making.asked(), *making.doubts),
        unfit=2 * making.unfit > making.counts.total(),
    )


class _Making:
    """The guess while it is made, over distinct values with their counts."""

    def __init__(self, counts: Counter[str]) -> None:
        self.keys: dict[str, Setting] = {}
        self.reasons: list[str] = []
        self.doubts: list[Doubt] = []
        self.missing: list[str] = []
        self._asked: list[str] = []
        self._codes: list[str] = []  # as they stand in the file
        self.unfit = 0
        self.counts = Counter({value: n for value, n in counts.items() if value})

    def spaces(self, form: Form) -> None:
        padded = {value: n for value, n in self.counts.items() if value != value.strip()}
        if padded and form != "text":
            example = max(padded, key=lambda value: padded[value])
            self.keys["trim"] = True
            self.reasons.append(f"{_n(sum(padded.values()))} with spaces around them, e.g. {shown(example)}")
        self.stripped: Counter[str] = Counter()
        for value, n in self.counts.items():
            if value.strip():
                self.stripped[value.strip() if form != "text" else value] += n

    def nothing(self, column: Column) -> None:
        """Ask about texts that stand for no value."""
        if column.form == "text" and not column.allowed:
            return
        for value, n in self.stripped.items():
            far = column.form in ("date", "time") and _FAR_DATES.fullmatch(value)
            if (value.casefold() in _WORDS_FOR_NOTHING and value not in column.allowed) or far:
                self._ask_missing(value, n)
        if column.form in NUMERIC and (column.scale is None or column.scale[1] is None):
            self._ask_codes()

    def _ask_codes(self) -> None:
        numbers = sorted(float(v) for v in self.stripped if _PLAIN.fullmatch(v) and v not in _CODES)
        if not numbers:
            return
        for code in _CODES:
            # a code stands apart from the values: negative among positive ones, or far above the highest
            apart = float(code) < 0 <= numbers[0] or float(code) > 3 * max(numbers[-1], 1)
            if code in self.stripped and apart:
                self._ask_missing(code, self.stripped[code])

    def _ask_missing(self, value: str, n: int, *, why: str = "") -> None:
        self.missing.append(value)
        self._codes += [v for v in self.counts if v.strip() == value] or [value]
        self._asked.append(f"{shown(value)} {f'{why} and ' if why else ''}stands in {_n(n)}")

    def asked(self) -> list[Doubt]:
        """Return one doubt about all texts that may stand for no value."""
        if not self._asked:
            return []
        what = "does it" if len(self._asked) == 1 else "do they"
        question = f"{', '.join(self._asked)}: {what} mean that there is no value?"
        return [Doubt(question=question, keys={"missing": tuple(dict.fromkeys(self._codes))})]

    def _meant(self) -> Counter[str]:
        return Counter({value: n for value, n in self.stripped.items() if value not in self.missing})

    def dates(self, form: Form) -> None:
        found = date_formats(self._meant(), form)
        if found.formats:
            self.keys["formats"] = found.formats
        self.reasons += found.reasons
        self._ask_never(found.never, form)
        for question, formats in found.either:
            self.doubts.append(Doubt(question=question, keys={"formats": formats}))
        odd = Counter({v: n for v, n in found.never.items() if v not in self.missing}) + found.other
        self._tell_other(odd, f"no {form} that numbers tell")

    def _ask_never(self, never: Counter[str], form: Form) -> None:
        """Ask about what is written like a date and is none; a single one may as well be a slip."""
        for value, n in never.most_common(_MOST_PLACEHOLDERS):
            if n > 1 or len(set(value) & set("0123456789")) == 1:
                self._ask_missing(value, n, why=f"is no {form}")

    def numbers(self) -> None:
        meant = self._meant()
        odd = Counter({value: n for value, n in meant.items() if not _PLAIN.fullmatch(value)})
        points = [value for value in meant if value not in odd and "." in value]
        fits = {
            marks: Counter({v: n for v, n in odd.items() if _number(*marks).fullmatch(v)}) for marks in _MARKS
        }
        # the first of equals is the plainer one
        decimal, thousands = best = max(fits, key=lambda marks: fits[marks].total())
        if not fits[best]:
            self._ask_thousands(points)
        elif best == (",", "") and fits[best] == fits[".", ","]:
            self._ask_comma(next(iter(fits[best])))
        else:
            if best == (",", "") and points and all(_GROUPED.fullmatch(value) for value in points):
                thousands = "."
            self.keys["decimal"] = decimal
            if thousands:
                self.keys["thousands"] = thousands
            self.reasons.append(
                f"{_n(fits[best].total())} of {meant.total():,} such as {shown(next(iter(fits[best])))}"
            )
            strange = [value for value in points if decimal == "," and not _GROUPED.fullmatch(value)]
            if strange:
                self.doubts.append(Doubt(question=f"but {shown(strange[0])} has a point as its decimal mark"))
        self._tell_other(Counter({v: n for v, n in odd.items() if v not in fits[best]}), "no number")

    def _ask_comma(self, example: str) -> None:
        question = (
            f"{shown(example)}: is the comma the decimal mark, or does it part thousands? Nothing decides"
        )
        self.doubts.append(Doubt(question=f"{question}; if it is the decimal mark:", keys={"decimal": ","}))
        self.doubts.append(Doubt(question="or, if it parts thousands:", keys={"thousands": ","}))

    def _ask_thousands(self, points: list[str]) -> None:
        if points and all(_GROUPED.fullmatch(value) for value in points):
            question = f"{shown(points[0])}: every point has three digits behind it; if it parts thousands:"
            self.doubts.append(Doubt(question=question, keys={"decimal": ",", "thousands": "."}))

    def flags(self) -> None:
        meant = self._meant()
        odd = [value for value in meant if value not in _FLAGS]
        known = {value: _flag(value) for value in odd}
        if odd and all(known.values()):
            self.keys["values"] = {value: str(known[value]) for value in odd}
            self.reasons.append("words for true and false: " + _counted(Counter({v: meant[v] for v in odd})))
        else:
            self._tell_other(Counter({value: meant[value] for value in odd}), "neither true nor false")

    def identifiers(self) -> None:
        meant = self._meant()
        floats = sum(n for value, n in meant.items() if re.fullmatch(r"[0-9]+\.0", value))
        if floats and floats == sum(meant.values()):
            self.keys["remove_suffix"] = ".0"
            self.reasons.append(
                f'all {_n(floats)} are whole numbers that end in ".0": they were once numbers'
            )
        elif floats:
            self.doubts.append(
                Doubt(
                    question=f'{_n(floats)} of {sum(meant.values()):,} end in ".0": take that off?',
                    keys={"remove_suffix": ".0"},
                )
            )

    def choices(self, allowed: tuple[str, ...]) -> None:
        meant = self._meant()
        odd = [value for value in meant if value not in allowed]
        same: dict[str, str] = {
            value: value.strip().casefold() for value in odd if value.strip().casefold() in allowed
        }
        if same:
            self.keys["values"] = same
            self.reasons.append("the same words in other letters: " + ", ".join(shown(v) for v in same))
        rest = Counter({value: meant[value] for value in odd if value not in same})
        if rest and all(_flag(value) or value in _FLAGS for value in rest) and "unknown" in allowed:
            mapped = {value: "unknown" if _yes(value) else "none" for value in rest}
            self.doubts.append(
                Doubt(
                    question=f"{_counted(rest)}: if yes means that the customer left, nobody knows why:",
                    keys={"values": {**same, **mapped}},
                )
            )
        elif rest:
            self.doubts.append(
                Doubt(
                    question=f"{_counted(rest)} are none of {', '.join(allowed)}: fill in for each … what it "
                    "means, one of these words",
                    keys={"values": {**same, **dict.fromkeys(list(rest)[:10], "…")}},
                )
            )

    def scale(self, low: int, high: int) -> None:
        """Ask about answers beyond the scale, which the contract does not allow."""
        beyond = [
            value for value in self._meant() if _PLAIN.fullmatch(value) and not low <= float(value) <= high
        ]
        for value in beyond:
            self._ask_missing(value, self.stripped[value])

    def _tell_other(self, other: Counter[str], what: str) -> None:
        self.unfit += other.total()
        if other:
            self.doubts.append(Doubt(question=f"{what}: {_counted(other)}; such rows will be set aside"))


def _n(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"


def _counted(values: Counter[str]) -> str:
    told = ", ".join(f"{shown(value)} {n:,} ×" for value, n in values.most_common(8))
    return told + (f" and {len(values) - 8:,} more" if len(values) > 8 else "")


def _yes(value: str) -> bool:
    return value.casefold() in _TRUE or value in ("true", "TRUE", "True", "1")


def _flag(value: str) -> str | None:
    word = value.casefold()
    return "true" if word in _TRUE else "false" if word in _FALSE else None


def _number(decimal: str, thousands: str) -> re.Pattern[str]:
    whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)" if thousands else r"\d+"
    return re.compile(rf"-?{whole}(?:{re.escape(decimal)}\d+)?", re.ASCII)
