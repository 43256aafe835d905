"""Hazard ratios of what changes while a customer stays: rows from one date to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.errors import DataError, OptionError
from cemlab.result import check_conf_level
from cemlab.stats.cox_sums import Ties
from cemlab.stats.rounding_ties import merge_near
from cemlab.survival.design import Periods, hazard_design
from cemlab.survival.given import columns_of, mapped, refuse_no_table
from cemlab.survival.hazard_checks import hazard_evidence
from cemlab.survival.hazard_fit import hazard_fit
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.hazards import check_ties, ratios_of
from cemlab.survival.spell_rows import SpellColumns, spell_rows

if TYPE_CHECKING:
    import ibis.expr.types as ir


def hazard_ratios_over_time(
    episodes: ir.Table | pd.DataFrame,
    *,
    customer: str,
    start: str,
    stop: str,
    event: str,
    covariates: str | Sequence[str],
    spell: str | None = None,
    references: Mapping[str, str] | None = None,
    ties: Ties = "efron",
    strata: str | Sequence[str] | None = None,
    periods: Periods | None = None,
    gaps: bool = False,
    conf_level: float = 0.95,
    source: str = "",
) -> HazardRatios:
    """Answer which things that change while a customer stays go with leaving sooner (Andersen & Gill 1982).

    Parameters
    ----------
    episodes
        One row an interval of a customer's spell in which nothing recorded changes, as a frame or as a table
        on an engine; :func:`cemlab.survival.episodes` builds them from dated changes.
    customer
        Column with the customer: errors allow for likeness of the rows of one customer.
    start, stop
        Columns with the durations at which the interval begins and ends; a row is at risk after `start`,
        up to and at `stop`. The first `start` is when observation began, 0 for spells seen from the start.
    event
        Column that says whether the customer left at `stop`: true/false or 1/0, true on the last row only.
    covariates
        Columns with the values in force in the interval, known at its start.
    spell
        Column that tells the spells of one customer apart, where customers come back; not needed else.
    references, ties, strata, periods
        As in :func:`cemlab.survival.hazard_ratios`.
    gaps
        Whether a customer may have been out of sight for a while: True allows intervals of one spell that do
        not join.
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    HazardRatios
        Its table has term, estimate, conf_low, conf_high, coefficient, std_error (clustered by customer),
        statistic, p_value. It gives no survival: future values are not known.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`cemlab.survival.hazard_ratios`, and for intervals of one spell that overlap or leave a gap,
        for one that does not end after it begins, and for an event on another row than the last.

    Notes
    -----
    Covariates must be *external* to leaving: what is recorded because somebody is about to leave (a pay-out
    request) predicts, and its ratio is no influence. Rows with a missing covariate are left out and counted.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer": [1, 1, 2, 3, 3, 4], "angry": [0, 1, 0, 0, 1, 0],
    ...                       "start": [0, 3, 0, 0, 2, 0], "stop": [3, 5, 4, 2, 6, 7],
    ...                       "left": [0, 1, 1, 0, 1, 1]})
    >>> ratios = hazard_ratios_over_time(frame, customer="customer", start="start", stop="stop", event="left",
    ...                                  covariates=["angry"])
    >>> ratios.table["term"].tolist(), ratios.evidence.n_used
    (['angry'], 4)
    """
    check_conf_level(conf_level)
    check_ties(ties)
    covariates = columns_of(covariates, what="covariates")
    for name in (customer, spell):
        if name in covariates:
            raise OptionError(f"{name!r} tells who it is and is no covariate; name others")
    by = columns_of(strata, what="strata")
    columns = SpellColumns(
        duration=stop, event=event, covariates=covariates, entry=start, strata=by, cluster=customer
    )
    whose = [customer, spell] if spell else [customer]
    names = list(dict.fromkeys([*columns, *whose]))
    refuse_no_table(episodes, names, what="episodes")
    given = episodes if isinstance(episodes, pd.DataFrame) else episodes.select(names).to_pandas()
    rows, kept = spell_rows(given, columns, also=whose, check=lambda f: _refuse(f, whose, columns, gaps))
    cut, x, design = hazard_design(rows, references=mapped(references, what="references"), periods=periods)
    fit = hazard_fit(cut, x, design, ties=ties)
    evidence = hazard_evidence(
        rows,
        design,
        fit,
        n_used=kept[customer].nunique(),
        n_given=given[customer].nunique(),
        unit="customers",
        what=f"Customers followed over {len(kept):,} intervals between recorded changes until they left",
        clustered=customer,
        source=source,
    )
    return ratios_of(fit, design, evidence, model=None, conf_level=conf_level)


def _refuse(given: pd.DataFrame, whose: Sequence[str], columns: SpellColumns, gaps: bool) -> None:
    """Refuse intervals that overlap or leave gaps within a spell, and events before its last one."""
    start, stop, event = (
        given[name].to_numpy(dtype=float) for name in (columns.entry, columns.duration, columns.event)
    )
    start, stop = merge_near(start, stop)
    empty = int((start >= stop).sum())
    if empty:
        raise DataError(
            f"column {columns.duration!r}: {empty:,} of {len(given):,} intervals do not end after they "
            "begin; leave them out or mend them"
        )
    code = given.groupby(list(whose), sort=False, dropna=False).ngroup().to_numpy()
    order = np.lexsort((start, code))
    same = code[order][1:] == code[order][:-1]
    ended, begun = stop[order][:-1][same], start[order][1:][same]
    who = given[whose[0]].to_numpy()[order][1:][same]
    among = "of one spell" if len(whose) > 1 else "of one customer (name spell= where customers come back)"
    told = (
        ("overlap, so that she counts twice; mend their dates", begun < ended),
        ("leave a gap; mend their dates, or allow gaps=True where she was out of sight", begun > ended),
        (
            "go on after the event; an event ends a spell, so state it on the last one only",
            event[order][:-1][same] == 1,
        ),
    )
    for what, wrong in told:
        if what.startswith("leave a gap") and gaps:
            continue
        if wrong.any():
            raise DataError(f"{int(wrong.sum()):,} intervals {among} {what} (e.g. {who[wrong.argmax()]!s})")
