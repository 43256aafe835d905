"""What leaves when a person leaves: shrunken parts of persons, and what branches would be without them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.contact_sums import pair_table
from cemlab.employees.telling import worded
from cemlab.employees.who_makes_it import WhoMakesIt, who_makes_it
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import label, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import generator

if TYPE_CHECKING:
    from cemlab.data.company import Company

# A part that is told by fewer contacts says more of chance than of the person.
_FEW = 30
# Reliability from which a ranking of persons is taken for one.
_RELIABLE = 0.8


@dataclass(frozen=True, eq=False, kw_only=True)
class LeavingWith(Result):
    """What each branch's experience would lose with a person, a newcomer of the usual kind in his place.

    Parameters
    ----------
    table
        One row a branch: branch, persons (who served lately), estimate (expected change of the branch's mean
        experience when the person goes whose part is largest, a newcomer of average skill instead [unit of
        the outcome]), conf_low, conf_high, weight (that person's share of the contacts), in_persons (share
        of what sets the branch apart that is in the persons there now, expected), person (a pseudonym).
    persons
        One row a person who served lately: person (a pseudonym, drawn by lot), branch, n (contacts in all),
        part (shrunken departure from the branch [unit]), part_low, part_high, reliability (0 to 1), weight,
        change (of the branch's mean when this person goes), few (whether n is under 30: no judgement).
    reliability
        Reliability of a ranking of those persons, on average.
    needed
        Contacts a person from which a ranking has a reliability of 0.8.
    person_sd
        Standard deviation between persons [unit of the outcome].
    """

    persons: pd.DataFrame
    reliability: float
    needed: float
    person_sd: float
    outcome: str

    title: ClassVar[str] = "What leaves when a person leaves"
    labels: ClassVar[dict[str, str]] = {
        "branch": "Branch",
        "persons": "Persons",
        "change": "Change without the strongest (interval)",
        "in_persons": "In persons",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """The ten branches that would lose most."""
        rows = self.table.nsmallest(10, "estimate").to_dict("records")
        return pd.DataFrame(
            {
                "branch": [row["branch"] for row in rows],
                "persons": [row["persons"] for row in rows],
                "change": [
                    f"{row['estimate']:+.3f} ({row['conf_low']:+.3f} to {row['conf_high']:+.3f})"
                    for row in rows
                ],
                "in_persons": [percent(row["in_persons"], digits=0) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell what leaves, and how far a ranking of persons can be trusted."""
        worst = self.table.nsmallest(1, "estimate").iloc[0]
        ranking = (
            "A ranking of persons is fit for use, with care"
            if self.reliability >= _RELIABLE
            else "A ranking of persons would largely be chance and is not shown"
        )
        return (
            "When the person with the largest part goes and a newcomer of the usual kind follows, a "
            f"branch's mean experience is expected to change by {self.table['estimate'].median():.2f} "
            f"{self._unit} in the median branch, and by {with_interval(worst)} where most hangs on one. "
            "An average person's leaving changes nothing that can be expected. Persons differ by "
            f"{self.person_sd:.2f} {self._unit} within a branch "
            "(standard deviation), but in its mean they even out: "
            f"{percent(self.table['in_persons'].median(), digits=0)} of what sets a median branch apart from "
            f"the others is in its persons, and the rest stays when they go. {ranking}: its reliability is "
            f"{self.reliability:.2f}, and {self.needed:,.0f} contacts a person make it {_RELIABLE:.1f}; "
            f"{int(self.persons['few'].sum()):,} of {len(self.persons):,} persons have under {_FEW}."
        )

    @property
    def _unit(self) -> str:
        return "SD" if self.outcome == "mean_affect" else "points"

    @property
    def chart(self) -> Chart:
        """Forest of the branches that would lose most."""
        worst = self.table.nsmallest(1, "estimate").iloc[0]
        return Chart(
            kind="forest",
            frame=self.table.nsmallest(15, "estimate")[["branch", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="branch",
            low="conf_low",
            high="conf_high",
            x_label=f"Change of {worded(self.outcome)}, expected when the strongest goes [{self._unit}]",
            y_label="Branch",
            claim=f"Most hangs on one person in {label(worst['branch'])}: "
            f"{with_interval(worst)} {self._unit}",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def leaving_with(
    contacts: Company | WhoMakesIt, *, months: int = 12, conf_level: float = 0.95, seed: int = 1
) -> LeavingWith:
    """Answer what of a branch's experience leaves when a person leaves.

    Parameters
    ----------
    contacts
        A company, or what :func:`cemlab.employees.who_makes_it` found there.
    months
        Whoever served in the last so many months is there now, with the share of contacts of these months.
    conf_level
        Of the intervals.
    seed
        Of the lot by which pseudonyms are dealt: the same for the same contacts.

    Returns
    -------
    LeavingWith
        Its table has one row a branch; `persons` one row a person, under a pseudonym.

    Raises
    ------
    DesignError
        As :func:`who_makes_it`; if persons do not differ by more than chance.
    OptionError
        For impossible months.

    Notes
    -----
    Parts are best linear unbiased predictions, drawn towards the branch the more the fewer the contacts
    (Henderson 1975); their intervals hold on average over persons, the variances taken as known. The
    strongest person is picked after seeing the parts: shrunken parts stay honest under such a pick (for a
    normal spread of persons), raw means do not. A newcomer is expected to be like persons in general. That
    colleagues are not changed by a leaving is assumed.

    Examples
    --------
    >>> import ibis
    >>> from datetime import datetime
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> rng = np.random.default_rng(1)
    >>> who, when = np.repeat(np.arange(24), 20), np.tile(np.arange(20) % 10 + 1, 24)
    >>> affect = rng.normal(size=24)[who] + 0.1 * rng.normal(size=len(who))
    >>> contacts = ibis.memtable({"employee": [f"e{k}" for k in who], "mean_affect": affect,
    ...                           "time": [datetime(2024, int(month), 9) for month in when]})
    >>> staff = ibis.memtable({"employee": [f"e{k}" for k in range(24)],
    ...                        "branch": [f"b{k % 6}" for k in range(24)]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"contacts": contacts, "employees": staff})
    >>> found = leaving_with(who_makes_it(small, controls=()))
    >>> len(found.table), bool((found.table["estimate"] <= 0).all()), found.reliability > 0.5
    (6, True, True)
    """
    check_conf_level(conf_level)
    if isinstance(months, bool) or not isinstance(months, Integral) or months < 1:
        raise OptionError(f"months is {months!r}; allowed: a whole number from 1 on, e.g. 12")
    found = contacts if isinstance(contacts, WhoMakesIt) else who_makes_it(contacts, conf_level=conf_level)
    if found.fit.ratio[0] == 0:
        raise DesignError(
            f"persons do not differ in {found.outcome} by more than chance would: nothing is seen to leave"
        )
    persons = _persons(found, months, conf_level, seed)
    variance, rest = found.fit.variances[0], found.fit.rest
    return LeavingWith(
        table=_branches(found, persons),
        evidence=_evidence(found, persons, months),
        conf_level=conf_level,
        persons=persons.drop(columns=["low", "high"]),
        reliability=float(persons["reliability"].mean()),
        needed=float(np.ceil(_RELIABLE / (1 - _RELIABLE) * rest / variance)),
        person_sd=float(np.sqrt(variance)),
        outcome=found.outcome,
    )


def _persons(found: WhoMakesIt, months: int, conf_level: float, seed: int) -> pd.DataFrame:
    """Return one row a person and branch who served lately."""
    from scipy.special import ndtri

    fit, counted = found.fit, found.counted
    last = np.asarray(pd.PeriodIndex(pd.to_datetime(pd.Series(counted.levels["month"])), freq="M").asi8)
    lately = pair_table(counted, "employee", "month")[:, last > last.max() - months].sum(axis=1)
    served = pair_table(counted, "employee", "branch")
    # one who served in several branches stands in each, by his share there
    person, branch = np.nonzero(served * (lately > 0)[:, None])
    recent = lately[person] * served[person, branch] / served[person].sum(axis=1)
    weight = recent / np.bincount(branch, recent, served.shape[1])[branch]
    part, error = fit.effects[person], np.sqrt(fit.error_variance[person])
    reach = float(ndtri(0.5 + conf_level / 2)) * error
    dealt = generator(seed).permutation(len(fit.effects))
    width = len(str(len(dealt)))
    rows = pd.DataFrame(
        {
            "person": [f"person {dealt[k] + 1:0{width}d}" for k in person],
            "branch": [counted.levels["branch"][k] for k in branch],
            "n": fit.sums.count[person].astype(np.int64),
            "part": part,
            "part_low": part - reach,
            "part_high": part + reach,
            "reliability": np.clip(1 - error**2 / fit.variances[0], 0.0, 1.0),
            "weight": weight,
            "change": -weight * part,
            "low": -weight * (part + reach),
            "high": -weight * (part - reach),
            "few": fit.sums.count[person] < _FEW,
        }
    )
    # by pseudonym and not by part: the table is no league
    return rows.sort_values(["branch", "person"], ignore_index=True)


def _branches(found: WhoMakesIt, persons: pd.DataFrame) -> pd.DataFrame:
    between, within = found.fit.variances[1], found.fit.variances[0]
    rows = []
    for branch, own in persons.groupby("branch", sort=True):
        strongest = own.nlargest(1, "part").iloc[0]
        by_persons = within * float((own["weight"] ** 2).sum())
        rows.append(
            {
                "branch": branch,
                "persons": len(own),
                "estimate": strongest["change"],
                "conf_low": strongest["low"],
                "conf_high": strongest["high"],
                "weight": strongest["weight"],
                "in_persons": by_persons / (by_persons + between),
                "person": strongest["person"],
            }
        )
    return pd.DataFrame(rows)


def _evidence(found: WhoMakesIt, persons: pd.DataFrame, months: int) -> Evidence:
    few = int(persons["few"].sum())
    small = Check(
        name="contacts a person",
        null=f"everybody has {_FEW} contacts or more",
        passed=few == 0,
        detail=f"{few:,} of {len(persons):,} persons have under {_FEW} contacts.",
        remedy="Their parts are mostly the branch's; judge none of them by it.",
    )
    chosen = Check(
        name="who meets whom",
        null="customers fall to persons of a branch by chance",
        passed=None,
        detail="Contacts were not dealt by lot.",
        remedy="Where easy customers seek, or are given to, some persons, their parts hold that too.",
    )
    return Evidence(
        grade="association",
        design=f"Shrunken parts of persons in contacts, weighted by those of the last {months} months.",
        unit="contacts",
        n_used=found.evidence.n_used,
        n_given=found.evidence.n_given,
        source=found.evidence.source,
        assumptions=(
            *found.evidence.assumptions,
            "A newcomer is expected to be like persons in general, and colleagues stay as they are.",
        ),
        checks=(small, chosen),
    )
