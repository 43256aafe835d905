"""Units of entries: what kind of number an entry may be, so that nothing is multiplied that does not fit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from cemlab.errors import DataError, DesignError

_CODE = re.compile(r"^([A-Z]{3})(\s|$)")
# ISO 4217, so that three capitals which are no money (NPS, CSR, FTE) are not taken for some.
_CURRENCIES = frozenset(
    [
        "AED",
        "AFN",
        "ALL",
        "AMD",
        "ANG",
        "AOA",
        "ARS",
        "AUD",
        "AWG",
        "AZN",
        "BAM",
        "BBD",
        "BDT",
        "BGN",
        "BHD",
        "BIF",
        "BMD",
        "BND",
        "BOB",
        "BRL",
        "BSD",
        "BTN",
        "BWP",
        "BYN",
        "BZD",
        "CAD",
        "CDF",
        "CHF",
        "CLP",
        "CNY",
        "COP",
        "CRC",
        "CUP",
        "CVE",
        "CZK",
        "DJF",
        "DKK",
        "DOP",
        "DZD",
        "EGP",
        "ERN",
        "ETB",
        "EUR",
        "FJD",
        "FKP",
        "GBP",
        "GEL",
        "GHS",
        "GIP",
        "GMD",
        "GNF",
        "GTQ",
        "GYD",
        "HKD",
        "HNL",
        "HTG",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "IQD",
        "IRR",
        "ISK",
        "JMD",
        "JOD",
        "JPY",
        "KES",
        "KGS",
        "KHR",
        "KMF",
        "KPW",
        "KRW",
        "KWD",
        "KYD",
        "KZT",
        "LAK",
        "LBP",
        "LKR",
        "LRD",
        "LSL",
        "LYD",
        "MAD",
        "MDL",
        "MGA",
        "MKD",
        "MMK",
        "MNT",
        "MOP",
        "MRU",
        "MUR",
        "MVR",
        "MWK",
        "MXN",
        "MYR",
        "MZN",
        "NAD",
        "NGN",
        "NIO",
        "NOK",
        "NPR",
        "NZD",
        "OMR",
        "PAB",
        "PEN",
        "PGK",
        "PHP",
        "PKR",
        "PLN",
        "PYG",
        "QAR",
        "RON",
        "RSD",
        "RUB",
        "RWF",
        "SAR",
        "SBD",
        "SCR",
        "SDG",
        "SEK",
        "SGD",
        "SHP",
        "SLE",
        "SOS",
        "SRD",
        "SSP",
        "STN",
        "SVC",
        "SYP",
        "SZL",
        "THB",
        "TJS",
        "TMT",
        "TND",
        "TOP",
        "TRY",
        "TTD",
        "TWD",
        "TZS",
        "UAH",
        "UGX",
        "USD",
        "UYU",
        "UZS",
        "VES",
        "VND",
        "VUV",
        "WST",
        "XAF",
        "XCD",
        "XOF",
        "XPF",
        "YER",
        "ZAR",
        "ZMW",
        "ZWG",
    ]
)
_SIZE = re.compile(r"\b(hundreds?|thousands?|millions?|billions?|mio|tsd)\b", re.IGNORECASE)
_PER = re.compile(r"^\s+(an?|and|per)\b")
# Other currencies that people write by sign or by name; none of them is three capitals.
_SIGNS = re.compile(r"[€$£¥]|\b(euros?|dollars?|pounds?|francs?|yen)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a role asks of its entry.

    Parameters
    ----------
    words
        How its unit begins; money begins with the currency and goes on with these words.
    money
        Whether it is an amount of money.
    lowest, highest
        The range within which a value of it makes sense.
    """

    words: tuple[str, ...]
    money: bool = False
    lowest: float = -math.inf
    highest: float = math.inf

    def example(self, currency: str) -> str:
        """Return a unit that fits."""
        return f"{currency} {self.words[0]}".strip() if self.money else self.words[0]


def currency_of(unit: str, own: str = "") -> str | None:
    """Return the currency of a unit, None where it is no money; `own` is a currency in any case.

    Examples
    --------
    >>> currency_of("EUR a person"), currency_of("share a year"), currency_of("$ a person")
    ('EUR', None, '$')
    >>> currency_of("NPS points")
    """
    found = _CODE.match(unit)
    if found and (found.group(1) in _CURRENCIES or found.group(1) == own):
        return found.group(1)
    sign = _SIGNS.search(unit)
    return sign.group(0) if sign else None


def check_currency(item: str, unit: str, currency: str) -> None:
    """Refuse money in another currency than that of the ledger.

    Raises
    ------
    DesignError
        If the unit names another one.
    """
    found = currency_of(unit, currency)
    if found is not None and found != currency:
        raise DesignError(
            f"the entry {item!r} is in another currency: {unit!r}, the ledger's is {currency}; convert it at "
            "a dated rate and write the rate into its source"
        )


def check_kind(item: str, unit: str, kind: Kind, *, role: str, currency: str) -> None:
    """Refuse a unit that does not fit the role.

    Raises
    ------
    DesignError
        If it does not.
    """
    rest = unit[len(currency) :].strip() if kind.money and currency_of(unit, currency) == currency else unit
    fits = kind.money == (currency_of(unit, currency) is not None) and any(
        _begins(rest, w) for w in kind.words
    )
    if kind.money and _SIZE.search(unit):
        raise DesignError(f"the entry {item!r} is in {unit!r}; write the amounts out, in {currency}")
    if not fits:
        raise DesignError(
            f"the entry {item!r} has the unit {unit!r}, which does not fit the role {role!r}; allowed: a "
            f"unit that begins with {' or '.join(repr(_whole(w, kind, currency)) for w in kind.words)}"
        )


def check_range(item: str, low: float, high: float, kind: Kind, *, role: str) -> None:
    """Refuse values that make no sense in the role: a rate below −1, a negative price, a rate of 800.

    Raises
    ------
    DataError
        If an end of the range lies outside.
    """
    if not (kind.lowest <= low and high <= kind.highest):
        raise DataError(
            f"the entry {item!r} goes from {low:g} to {high:g}; as {role!r} it lies between {kind.lowest:g} "
            f"and {kind.highest:g}{' (8 % is 0.08)' if kind.highest == 1 else ''}"
        )


def _begins(unit: str, words: str) -> bool:
    """Tell whether a unit is these words, perhaps with more after them that tells when or of what."""
    more = unit.removeprefix(words)
    return unit.startswith(words) and (not more or (more[0] in " ,;(" and not _PER.match(more)))


def _whole(words: str, kind: Kind, currency: str) -> str:
    return f"{currency} {words}".strip() if kind.money else words
