"""The text that stands for a cell: what its column would hold in a text file."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal

from cemlab.data.intake.plan import ColumnRule
from cemlab.data.intake.workbook.parts import Package, Shape, unescape, whole
from cemlab.data.intake.workbook.rows import Cell

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_EXACT = 10**15  # Excel keeps 15 digits of a number
_ROUNDED = 10**10  # below it, the last of 15 digits lies beyond the four decimals of money
_DAY = 86_400_000_000  # microseconds
_NOISE = 20  # microseconds by which a time may miss its millisecond, as sums of days do
_LAST_DAY = 2_958_465  # 9999-12-31
_DIGITS, _DECIMALS = 15, 4  # that Excel keeps of a number; of money
_SIGN = re.compile(r"%(-?)(.)")
_KEPT_TEXT = "make the column text where the workbook is made, and enter the value anew"


class CellText:
    """Turns cells into the text that their column would hold in a text file.

    Parameters
    ----------
    package
        Of the workbook.

    Attributes
    ----------
    formulas
        How many cells were formulas with a stored result.
    padded
        By column, how many numbers were given the leading zeros that the sheet shows.
    rounded
        By column, how many amounts were read with the 15 digits that Excel shows of more.
    """

    def __init__(self, package: Package) -> None:
        self._package = package
        self._shapes, self._strings = package.shapes, package.strings
        self._broken = {i for i, text in enumerate(package.strings) if _CONTROL.search(text)}
        self.formulas = 0
        self.padded: dict[int, int] = {}
        self.rounded: dict[int, int] = {}

    def text(self, cell: Cell, rule: ColumnRule | None) -> tuple[str, str | None]:
        """Return the text of a cell and, where it cannot be taken, why not."""
        if cell.formula is not None:
            fault = self._formula_fault(cell)
            if fault:
                return cell.formula, fault
            self.formulas += 1
        kind, value = cell.kind, cell.value or ""
        if kind == "s" and value:
            at = whole(value, "the number of a text")
            if not 0 <= at < len(self._strings):
                raise ValueError(f"a cell refers to text {at}, and there are {len(self._strings)}")
            text = self._strings[at]
            return (text, None) if at not in self._broken else _control(text)
        if kind in ("str", "inlineStr"):
            text = unescape(value) if kind == "str" else value
            return _control(text) if _CONTROL.search(text) else (text, None)
        value = value.strip()
        if not value:
            return "", None
        if kind == "n":
            return self._number(cell, value, rule)
        if kind == "b":
            return ("true" if value in ("1", "true") else "false"), None
        if kind == "d":
            return _moment(_from_iso(value), value, rule)
        if kind == "e":
            return value, f"the cell holds the error {value:.20}; mend it in the workbook"
        raise ValueError(f"cells of the kind {kind[:20]!r} are unknown")

    def _formula_fault(self, cell: Cell) -> str | None:
        nothing = "a formula whose result is not stored; open the workbook in Excel and save it"
        if cell.value is None or (not cell.value and cell.kind != "str"):
            return nothing
        if self._package.recalculate and cell.kind == "n" and cell.value == "0":
            # what programs write that cannot work a formula out
            return "a formula that is yet to be worked out; open the workbook in Excel and save it"
        return None

    def _number(self, cell: Cell, value: str, rule: ColumnRule | None) -> tuple[str, str | None]:
        shape: Shape = self._shapes[cell.style] if cell.style < len(self._shapes) else "number"
        form = rule.form if rule else None
        if (
            shape == "number"
            and len(value) <= 15
            and value.isdecimal()
            and value.isascii()
            and value[0] != "0"
        ):
            return value, None
        number = float(value) if _is_number(value) else math.inf
        if math.isinf(number):
            return value[:80], "the cell is stored as a number, but holds none; enter it anew in the workbook"
        if shape in ("date", "clock", "duration"):
            if shape == "duration":
                return _unwanted(_duration(number), rule)
            moment = _from_serial(number, epoch_1904=self._package.epoch_1904)
            if shape == "clock" and 0 <= number < 1:
                clock = datetime(2000, 1, 1) + timedelta(microseconds=_microseconds(number))
                return _unwanted(_iso_time(clock), rule)
            return _moment(moment, value, rule)
        text = _digits(value, number)
        if form == "integer" and abs(number) >= _EXACT and not value.lstrip("-").isdecimal():
            return value[:80], f"a number of more than 15 digits, of which Excel keeps 15; {_KEPT_TEXT}"
        if form == "money":
            return self._money(cell, value, number, text, rule)
        if form in ("id", "text"):
            if abs(number) >= _EXACT:
                return text, f"a number of more than 15 digits, of which Excel keeps 15; {_KEPT_TEXT}"
            if isinstance(shape, int) and text.isdecimal() and len(text) < shape:
                self.padded[cell.column] = self.padded.get(cell.column, 0) + 1
                return text.zfill(shape), None
        return (text.replace(".", rule.decimal) if rule else text), None

    def _money(
        self, cell: Cell, value: str, number: float, text: str, rule: ColumnRule | None
    ) -> tuple[str, str | None]:
        """Return the text of an amount, which no rounding may change but the one that Excel shows.

        A sum like 0.1 + 0.2 is stored as 0.30000000000000004. Excel shows and reckons with 15 digits, which
        is 0.3: that is read, and told, where no decimal that money has is lost.
        """
        if "." in text and sum(map(str.isdigit, text.lstrip("-0."))) > _DIGITS:
            shown = _plain(f"{number:.15g}")
            if abs(number) >= _ROUNDED or len(shown.partition(".")[2]) > _DECIMALS:
                few = f"more than the {_DIGITS} digits that Excel keeps, or more than four decimals"
                return value[:80], f"an amount of {few}; round it in the workbook"
            self.rounded[cell.column] = self.rounded.get(cell.column, 0) + 1
            text = shown
        return (text.replace(".", rule.decimal) if rule else text), None


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", value) is not None


def _digits(value: str, number: float) -> str:
    """Write a number without exponent, as short as it can be told from its neighbours."""
    if value.lstrip("-").isdecimal():
        return str(int(value))
    return _plain(repr(number))


def _plain(shortest: str) -> str:
    text = format(Decimal(shortest), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _microseconds(days: float) -> int:
    """Return a part of a day, to the millisecond where it is one but for noise."""
    exact = round(days * _DAY)
    nearest = round(exact / 1000) * 1000
    return nearest if abs(exact - nearest) <= _NOISE else exact


def _from_serial(number: float, *, epoch_1904: bool) -> datetime | None:
    """Return the moment that a number of days stands for; None where there is no such day."""
    days, rest = divmod(number, 1)
    days, microseconds = int(days), _microseconds(rest)
    if not (0 if epoch_1904 else 1) <= days <= _LAST_DAY - (1462 if epoch_1904 else 0):
        return None
    if epoch_1904:
        start = datetime(1904, 1, 1)
    elif days == 60:
        return None  # 1900-02-29, which only Excel knows
    else:
        start = datetime(1899, 12, 30) if days > 60 else datetime(1899, 12, 31)
    try:
        return start + timedelta(days=days, microseconds=microseconds)
    except OverflowError:
        return None


def _from_iso(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


def _moment(moment: datetime | None, value: str, rule: ColumnRule | None) -> tuple[str, str | None]:
    if moment is None:
        return value[:80], "the cell is shown as a date, but its number stands for no day"
    if rule is not None and rule.form in ("date", "time"):
        return _written(moment, rule), None
    return _unwanted(_iso(moment), rule)


def _unwanted(text: str, rule: ColumnRule | None) -> tuple[str, str | None]:
    """Return a date's or time's text, which is a fault in a column for something else."""
    if rule is None or rule.form in ("date", "time"):
        return text, None
    return text, f"Excel made a date or time of it, where {rule.form} is wanted; {_KEPT_TEXT}"


def _written(moment: datetime, rule: ColumnRule) -> str:
    """Write a moment in the first declared format that loses nothing of it, else in ISO form."""
    for pattern in rule.formats:
        text = _in_format(moment, pattern)
        if text is not None:
            return text
    return _iso(moment) if rule.form == "date" else f"{moment:%Y-%m-%d} {_iso_time(moment)}"


def _in_format(moment: datetime, pattern: str) -> str | None:
    signs = {sign for _, sign in _SIGN.findall(pattern)}
    needed = {"m", "d"} | {s for s, part in zip("HMS", moment.timetuple()[3:6], strict=True) if part}
    known = {
        "Y": (moment.year, 4),
        "y": (moment.year % 100, 2),
        "m": (moment.month, 2),
        "d": (moment.day, 2),
        "H": (moment.hour, 2),
        "M": (moment.minute, 2),
        "S": (moment.second, 2),
        "f": (moment.microsecond, 6),
    }
    year = "Y" in signs or ("y" in signs and 1969 <= moment.year <= 2068)
    if not year or not needed <= signs <= known.keys() or (moment.microsecond and "f" not in signs):
        return None

    def put(found: re.Match[str]) -> str:
        part, width = known[found[2]]
        return str(part) if found[1] else str(part).zfill(width)

    return _SIGN.sub(put, pattern)


def _iso(moment: datetime) -> str:
    day = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    return day if moment.time() == datetime.min.time() else f"{day} {_iso_time(moment)}"


def _iso_time(moment: datetime) -> str:
    if moment.microsecond % 1000:
        return f"{moment:%H:%M:%S.%f}"
    return f"{moment:%H:%M:%S}" + (f".{moment.microsecond // 1000:03}" if moment.microsecond else "")


def _duration(days: float) -> str:
    seconds = round(abs(days) * 86_400)
    sign = "-" if days < 0 and seconds else ""
    return f"{sign}{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _control(text: str) -> tuple[str, str]:
    shown = text.encode("utf-8", "backslashreplace").decode()
    return shown, "the text holds control characters; take them out in the workbook"
