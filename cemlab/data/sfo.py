"""The airport survey of San Francisco, 2017: columns of ratings into rows of rated touchpoints."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from cemlab.data.published import Adapted, count

_QUALITY = "unacceptable to outstanding"
_CLEAN = "dirty to clean"
_EASE = "difficult to easy"

#: Column of the settings → what was rated, and what 1 to 5 stand for.
TOUCHPOINTS: dict[str, tuple[str, str]] = {
    "getting_to_the_airport": ("Getting to the airport", _EASE),
    "signs_on_airport_roads": ("Signs on airport roads", _QUALITY),
    "parking": ("Parking", _QUALITY),
    "long_term_parking_shuttle": ("Long-term parking shuttle", _QUALITY),
    "rental_car_centre": ("Rental car centre", _QUALITY),
    "airtrain": ("AirTrain", _QUALITY),
    "information_booths_arrivals": ("Information booths, arrivals", _QUALITY),
    "information_booths_departures": ("Information booths, departures", _QUALITY),
    "signs_inside": ("Signs inside", _QUALITY),
    "finding_the_way": ("Finding the way", _EASE),
    "security": ("Security", _EASE),
    "escalators_and_walkways": ("Escalators and walkways", _QUALITY),
    "screens": ("Screens", _QUALITY),
    "art_and_exhibitions": ("Art and exhibitions", _QUALITY),
    "restaurants": ("Restaurants", _QUALITY),
    "shops": ("Shops", _QUALITY),
    "wi_fi": ("Wi-Fi", _QUALITY),
    "cleanliness_of_boarding_areas": ("Cleanliness of boarding areas", _CLEAN),
    "cleanliness_of_airtrain": ("Cleanliness of AirTrain", _CLEAN),
    "cleanliness_of_rental_car_centre": ("Cleanliness of rental car centre", _CLEAN),
    "cleanliness_of_restaurants": ("Cleanliness of restaurants", _CLEAN),
    "cleanliness_of_restrooms": ("Cleanliness of restrooms", _CLEAN),
}
# Monday first, as the engine counts days of the week
_WEEKDAYS = ("MON", "TUE", "WED", "THUR", "FRI", "SAT", "SUN")


def reshape(tables: Mapping[str, ir.Table]) -> Adapted:
    """Turn the questionnaires into ``surveys`` and ``touchpoint_ratings``.

    Parameters
    ----------
    tables
        ``surveys``, with one column a touchpoint.

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
    raw = tables["surveys"]
    asked = ibis.union(
        *(
            raw.select(
                customer=raw.customer,
                date=raw.date,
                touchpoint=ibis.literal(label),
                experienced=raw[column].cast("float64"),
                scale=ibis.literal(scale),
            )
            for column, (label, scale) in TOUCHPOINTS.items()
        )
    )
    ratings = asked.filter(asked.experienced.notnull()).order_by("touchpoint", "customer")
    return Adapted(
        tables={"surveys": raw.drop(*TOUCHPOINTS, "weekday"), "touchpoint_ratings": ratings},
        notes=_notes(raw, asked),
    )


def _notes(raw: ir.Table, asked: ir.Table) -> tuple[str, ...]:
    day = raw.date.day_of_week.index()
    stated = ibis.cases(*((raw.weekday == name, i) for i, name in enumerate(_WEEKDAYS)))
    people = count(
        raw,
        no_nps=raw.nps.isnull(),
        no_csat=raw.csat.isnull(),
        other_day=day != stated,
        no_answer=raw.had_problem.isnull(),
    )
    cells = count(asked, kept=asked.experienced.notnull())
    return (
        f"{people['all']:,} passengers who answered; those who did not are not in the file.",
        f"{people['no_nps']:,} without a likelihood to recommend (code 11 or nothing): blank, no promoters.",
        f"{people['no_csat']:,} without an overall rating: blank.",
        f"{people['no_answer']:,} did not say, or did not know, whether they had a problem: blank.",
        f"{cells['all']:,} touchpoint ratings asked for: {cells['kept']:,} kept, "
        f"{cells['all'] - cells['kept']:,} left out as never used or not applicable (6) or blank (0).",
        "The file gives the day of the interview; the month, May 2017, follows from its days of the week, "
        f"which {people['other_day']:,} rows contradict.",
        "ZIP codes and places of residence were not taken over.",
    )
