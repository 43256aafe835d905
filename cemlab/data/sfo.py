"""The airport survey of San Francisco, 2017, as questionnaires and rated touchpoints."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from cemlab.data import strict
from cemlab.data.contract import Form
from cemlab.data.published import Adapted, count, file_form

_QUALITY = "unacceptable to outstanding"
_CLEAN = "dirty to clean"
_EASE = "difficult to easy"

#: Column of the file → what was rated, and what 1 to 5 stand for.
TOUCHPOINTS: dict[str, tuple[str, str]] = {
    "Q13GETRATE": ("Getting to the airport", _EASE),
    "Q7ROADS": ("Signs on airport roads", _QUALITY),
    "Q7PARK": ("Parking", _QUALITY),
    "Q7LTPARKING": ("Long-term parking shuttle", _QUALITY),
    "Q7RENTAL": ("Rental car centre", _QUALITY),
    "Q7AIRTRAIN": ("AirTrain", _QUALITY),
    "Q7INFODOWN": ("Information booths, arrivals", _QUALITY),
    "Q7INFOUP": ("Information booths, departures", _QUALITY),
    "Q7SIGN": ("Signs inside", _QUALITY),
    "Q14FIND": ("Finding the way", _EASE),
    "Q14PASSTHRU": ("Security", _EASE),
    "Q7WALKWAYS": ("Escalators and walkways", _QUALITY),
    "Q7SCREENS": ("Screens", _QUALITY),
    "Q7ART": ("Art and exhibitions", _QUALITY),
    "Q7FOOD": ("Restaurants", _QUALITY),
    "Q7STORE": ("Shops", _QUALITY),
    "Q7WIFI": ("Wi-Fi", _QUALITY),
    "Q9BOARDING": ("Cleanliness of boarding areas", _CLEAN),
    "Q9AIRTRAIN": ("Cleanliness of AirTrain", _CLEAN),
    "Q9RENTAL": ("Cleanliness of rental car centre", _CLEAN),
    "Q9FOOD": ("Cleanliness of restaurants", _CLEAN),
    "Q9RESTROOM": ("Cleanliness of restrooms", _CLEAN),
}
_NOT_APPLICABLE, _BLANK = "6", "0"
_RATINGS = ("1", "2", "3", "4", "5", _NOT_APPLICABLE, _BLANK)
_OVERALL = {"Q7ALL": "csat", "Q9ALL": "cleanliness", "Q10SAFE": "safety"}
_NO_RECOMMENDATION = "11"
_FORMS: dict[str, Form | tuple[str, ...]] = {
    "RESPNUM": "id",
    "INTDATE": tuple(str(day) for day in range(1, 32)),
    "DAY": ("SUN", "MON", "TUE", "WED", "THUR", "FRI", "SAT"),
    "NETPRO": tuple(str(n) for n in range(12)),
    "Q15PROBLEM": ("1", "2", "3", "0"),
    "WEIGHT": "number",
    **dict.fromkeys(_OVERALL, (*_RATINGS, "Blank")),
    **dict.fromkeys(TOUCHPOINTS, _RATINGS),
}
#: The columns of the file that are used; places of residence are not among them.
COLUMNS = tuple(_FORMS)
_FORM = file_form("sfo_2017", filled=("RESPNUM", "INTDATE", "WEIGHT"), forms=_FORMS)


def adapt(text: ir.Table, *, where: str) -> Adapted:
    """Turn the survey into ``surveys`` and ``touchpoint_ratings``.

    Parameters
    ----------
    text
        The columns :data:`COLUMNS` as text.
    where
        The file's name, for messages.

    Returns
    -------
    Adapted
        ``surveys``: the contract's columns; further ``cleanliness`` (dirty to clean) and ``safety``, both
        1 to 5, and ``had_problem``. ``touchpoint_ratings``: one row a rating of 1 to 5, with its ``scale``.

    Notes
    -----
    The file gives the day without the month. Of the months of 2017 only May has its 10th on the
    Wednesday that the file states.
    """
    raw = strict.apply_contract(text, _FORM, where=where)
    day = ibis.literal("2017-05-") + raw.INTDATE.lpad(2, "0")
    surveys = raw.select(
        customer=raw.RESPNUM,
        date=day,
        responded=ibis.literal(True),
        nps=raw.NETPRO.nullif(_NO_RECOMMENDATION),
        **{name: _rating(raw[column]) for column, name in _OVERALL.items()},
        weight=raw.WEIGHT,
        had_problem=ibis.cases((raw.Q15PROBLEM == "1", True), (raw.Q15PROBLEM == "2", False)),
    )
    given = ibis.union(
        *(
            raw.select(
                customer=raw.RESPNUM,
                date=day,
                touchpoint=ibis.literal(label),
                experienced=raw[column],
                scale=ibis.literal(scale),
            )
            for column, (label, scale) in TOUCHPOINTS.items()
        )
    )
    ratings = given.filter(given.experienced.isin(_RATINGS[:5])).order_by("touchpoint", "customer")
    return Adapted(
        tables={"surveys": surveys, "touchpoint_ratings": ratings},
        notes=_notes(raw, given),
        as_of=date(2017, 5, 30),
    )


def _rating(value: ir.StringValue) -> ir.IntegerValue:
    return ibis.cases((value.isin(_RATINGS[:5]), value.try_cast("int64")))


def _weekday(day: ir.StringValue) -> ir.StringValue:
    # 1 May 2017 was a Monday
    names = ("SUN", "MON", "TUE", "WED", "THUR", "FRI", "SAT")
    return ibis.cases(*((day == str(n), names[n % 7]) for n in range(1, 32)))


def _notes(raw: ir.Table, given: ir.Table) -> tuple[str, ...]:
    people = count(
        raw,
        no_nps=raw.NETPRO.isnull() | (raw.NETPRO == _NO_RECOMMENDATION),
        no_csat=~raw.Q7ALL.isin(_RATINGS[:5]),
        other_day=_weekday(raw.INTDATE) != raw.DAY,
        no_answer=~raw.Q15PROBLEM.isin(["1", "2"]),
    )
    cells = count(
        given,
        kept=given.experienced.isin(_RATINGS[:5]),
        not_applicable=given.experienced == _NOT_APPLICABLE,
        blank=given.experienced.isnull() | (given.experienced == _BLANK),
    )
    return (
        f"{people['all']:,} passengers who answered; those who did not are not in the file.",
        f"{people['no_nps']:,} without a likelihood to recommend (code 11 or nothing): blank, no promoters.",
        f"{people['no_csat']:,} without an overall rating: blank.",
        f"{people['no_answer']:,} did not say, or did not know, whether they had a problem: blank.",
        f"{cells['all']:,} touchpoint ratings asked for: {cells['kept']:,} kept, "
        f"{cells['not_applicable']:,} left out as never used or not applicable (code 6), "
        f"{cells['blank']:,} left out as blank (code 0).",
        "The file gives the day of the interview; the month, May 2017, follows from its days of the week, "
        f"which {people['other_day']:,} rows contradict.",
        "ZIP codes and places of residence were not taken over.",
    )
