"""Questionnaires sent and come back, by recorded traits, counted on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

from cemlab.data.contract import TABLES
from cemlab.data.needed import needed, refuse_twice
from cemlab.errors import ColumnError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "non-response"
# Scores add up as exact decimals: a sum of floating numbers would depend on the count of threads.
_EXACT = "decimal(38, 4)"
#: What every questionnaire is about; recorded of all.
ABOUT = "about"
_KEYS = ("customer", "contact", "date", "responded", "weight")


def survey_responses(
    company: Company, *, score: str = "csat", by: Sequence[str] = (ABOUT, "branch")
) -> pd.DataFrame:
    """Count questionnaires by what is recorded of all of them, answered or not.

    Parameters
    ----------
    company
        With ``surveys`` (customer, responded and the score); ``customers`` and ``contacts`` where traits are
        theirs.
    score
        A column of ``surveys``.
    by
        Traits: "about" (whether a contact or the relationship was asked about), and columns of ``customers``
        and of ``contacts`` (missing where none was asked about).

    Returns
    -------
    pandas.DataFrame
        One row a cell: the traits, sent, answered (came back with the score), total (sum of the scores) and
        squares (sum of their squares). ``attrs`` hold score, traits, low and high (ends of its scale, or
        None), n_given and source.

    Raises
    ------
    DesignError
        If a table is missing, or nothing was sent.
    ColumnError
        If a column is missing.
    OptionError
        If a trait is an answer itself, which the silent have not given.
    DataError
        If a customer or a contact stands twice.

    Examples
    --------
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> surveys = ibis.memtable({"customer": ["a", "a", "b"], "responded": [True, False, True],
    ...                          "csat": [4, None, 2]})
    >>> customers = ibis.memtable({"customer": ["a", "b"], "branch": ["x", "x"]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"surveys": surveys, "customers": customers})
    >>> survey_responses(small, by=["branch"]).values.tolist()
    [['x', 3, 2, 6.0, 20.0]]
    """
    surveys = needed(company, "surveys", ("customer", "responded", score), for_what=_WHAT)
    lines = _with_traits(company, surveys, tuple(by), score)
    came = lines["responded"].fill_null(False) & lines["score"].notnull()
    value = lines["score"].cast(_EXACT)
    sums: dict[str, Any] = {
        "sent": lines.count(),
        "answered": lines.count(where=came),
        "total": value.sum(where=came).fill_null(0),
        "squares": (value * value).cast(_EXACT).sum(where=came).fill_null(0),
    }
    counted = (lines.group_by(list(by)) if by else lines).aggregate(**sums).to_pandas()
    if counted.empty or not counted["sent"].sum():
        raise DesignError(f"{company.info.name}, surveys: nothing was sent")
    for name in ("total", "squares"):
        counted[name] = counted[name].astype(float)
    ordered: pd.DataFrame = counted.sort_values(list(by), ignore_index=True) if by else counted
    scale = next(column.scale for column in TABLES["surveys"].columns if column.name == score)
    low, high = scale if scale else (None, None)
    ordered.attrs = {
        "score": score,
        "traits": list(by),
        "low": low,
        "high": high,
        "n_given": int(ordered["sent"].sum()),
        "source": company.info.source,
    }
    return ordered


def _with_traits(company: Company, surveys: ir.Table, by: tuple[str, ...], score: str) -> ir.Table:
    """Return responded, score and the traits of each questionnaire."""
    own = {column.name for column in TABLES["surveys"].columns} - set(_KEYS)
    if answers := sorted(own & set(by)):
        raise OptionError(
            f"by={answers[0]!r} is an answer, which those who are silent have not given; name what is "
            "recorded of all"
        )
    lines = surveys.mutate(responded=surveys["responded"].cast("boolean"), score=surveys[score])
    asked = "contact" in surveys.columns
    if ABOUT in by:
        about = surveys["contact"].notnull() if asked else ibis.literal(False)
        lines = lines.mutate(**{ABOUT: about.ifelse("a contact", "the relationship")})
    wanted = [name for name in by if name != ABOUT]
    found: set[str] = set()
    for table, key, there in (("customers", "customer", True), ("contacts", "contact", asked)):
        if not there or table not in company.tables:
            continue
        traits = company.tables[table]
        mine = [name for name in wanted if name in traits.columns and name not in found and name != key]
        if mine:
            needed(company, table, (key,), for_what=_WHAT)
            refuse_twice(traits, table, (key,))
            lines = _joined(lines, traits.select(key, *mine), key)
            found |= set(mine)
    for name in wanted:
        if name not in found:
            known = [ABOUT, *_known(company, asked)]
            raise ColumnError(f"by, for {_WHAT}: {one_of(name, known, what='recorded trait')}")
    return lines.select("responded", "score", *by)


def _joined(lines: ir.Table, traits: ir.Table, key: str) -> ir.Table:
    renamed = traits.rename({"key_of_traits": key})
    kept = lines.drop(*[name for name in traits.columns if name != key and name in lines.columns])
    return kept.left_join(renamed, kept[key] == renamed["key_of_traits"]).drop("key_of_traits")


def _known(company: Company, asked: bool) -> list[str]:
    tables = ["customers", *(["contacts"] if asked else [])]
    return [
        str(name) for table in tables if table in company.tables for name in company.tables[table].columns
    ]
