"""The service–profit chain: what a step in engagement goes with at its end, link by graded link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.telling import plural
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.evidence import GRADES, Check, Evidence, Grade
from cemlab.markup import number, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import generator

_DRAWS = 20_000
_LOWEST: Grade = next(iter(GRADES))


@dataclass(frozen=True, kw_only=True)
class Link:
    """What one unit of a thing goes with of the next.

    Parameters
    ----------
    start, end
        The two things, e.g. ``"engagement"`` and ``"experience"``.
    estimate
        Units of `end` per unit of `start`.
    std_error
        Its standard error; None where none is known, e.g. of a published figure.
    grade
        The design grade of the estimate.
    stated
        Whether it is an assumption and no estimate; it then counts as the lowest grade.
    unit
        E.g. ``"SD per SD"``.
    source
        Where it comes from.

    Raises
    ------
    OptionError
        If the grade is unknown.
    DataError
        If a number is none, or a name is empty.
    """

    start: str
    end: str
    estimate: float
    std_error: float | None
    grade: Grade
    stated: bool = False
    unit: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.grade not in get_args(Grade):
            raise OptionError(one_of(self.grade, get_args(Grade), what="design grade"))
        if not self.start or not self.end or self.start == self.end:
            raise DataError(
                f"a link from {self.start!r} to {self.end!r}: it joins two things with a name each"
            )
        if not _is_number(self.estimate) or not np.isfinite(self.estimate):
            raise DataError(f"link {self.start} → {self.end}: its estimate is {self.estimate!r}, no number")
        if self.std_error is not None and not (_is_number(self.std_error) and 0 <= self.std_error < np.inf):
            raise DataError(
                f"link {self.start} → {self.end}: std_error is {self.std_error!r}; allowed from 0 on"
            )

    @property
    def counts_as(self) -> Grade:
        """The grade by which a chain is judged: that of the design, and the lowest without one."""
        return _LOWEST if self.stated else self.grade


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


#: A department store chain of the 1990s: 5 units of employees' attitude went with 1.3 units of customers'
#: impression, and these with 0.5 % growth of revenue (Rucci, Kirn & Quinn 1998). No errors were published.
SEARS: tuple[Link, ...] = (
    Link(
        start="attitude of employees",
        end="impression of customers",
        estimate=1.3 / 5,
        std_error=None,
        grade="association",
        unit="units per unit",
        source="Rucci, Kirn & Quinn 1998",
    ),
    Link(
        start="impression of customers",
        end="growth of revenue",
        estimate=0.5 / 1.3,
        std_error=None,
        grade="association",
        unit="% per unit",
        source="Rucci, Kirn & Quinn 1998",
    ),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ProfitChain(Result):
    """What a step at the beginning of the chain goes with at its end.

    Parameters
    ----------
    table
        One row a link and one for the whole: link, estimate, conf_low, conf_high (missing where an error is
        not known), unit, grade, stated, source. The whole is per `step` units at the beginning.
    links
        In order.
    step
        Units at the beginning.
    """

    links: tuple[Link, ...]
    step: float

    title: ClassVar[str] = "Service–profit chain"
    labels: ClassVar[dict[str, str]] = {
        "link": "Link", "told": "Estimate (interval)", "unit": "Unit", "grade": "Grade", "source": "Source"
    }  # fmt: skip

    @property
    def whole(self) -> dict[str, float]:
        """Estimate and interval at the end of the chain for the step at its beginning."""
        row = self.table.iloc[-1]
        return {name: float(row[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a link, the whole last."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "link": [row["link"] for row in rows],
                "told": [with_interval(row) for row in rows],
                "unit": [row["unit"] for row in rows],
                "grade": [*map(_graded, self.links), rows[-1]["grade"]],
                "source": [row["source"] for row in rows],
            }
        )

    @property
    def _step(self) -> str:
        """Tell the step in its unit, as far as that of the first link tells it: ``"% per unit"``."""
        return " ".join(
            filter(None, (number(self.step), _steps(self.links, self.step), "more", self.links[0].start))
        )

    @property
    def _gain(self) -> str:
        """Tell what the step goes with, in the unit of the last link: ``"EUR a month per unit"``."""
        what, every, when = self.links[-1].unit.rpartition(" per ")[0].partition(" a ")
        return (
            " ".join(filter(None, (with_interval(self.whole), what, "more", self.links[-1].end)))
            + every
            + when
        )

    def narrative(self) -> str:
        """Tell the whole with its interval, and which link is the weakest."""
        weak = min(self.links, key=lambda link: (list(GRADES).index(link.counts_as), not link.stated))
        how = "an assumption" if weak.stated else f"a design of grade {weak.grade!r}"
        return (
            f"{self._step} goes, along {len(self.links):,} links, with {self._gain}. "
            f"No chain is stronger than its weakest link: {weak.start} → {weak.end} rests on {how}."
        )

    @property
    def chart(self) -> Chart:
        """The chain from left to right, each link with its estimate."""
        names = [self.links[0].start, *(link.end for link in self.links)]
        # each box in a column of its own, so that the chain reads from left to right
        boxes = [(None, name, f"{place}", "") for place, name in enumerate(names, start=1)]
        arrows = [
            (link.start, link.end, f"{place}", f"{number(link.estimate)} ({_graded(link)})")
            for place, link in enumerate(self.links, start=2)
        ]
        return Chart(
            kind="diagram",
            frame=pd.DataFrame([*boxes, *arrows], columns=["from", "to", "place", "text"]),
            x="from",
            y="to",
            group="place",
            value="text",
            x_label="",
            y_label="",
            claim=f"{self._step} goes with {self._gain}",
            grade=self.evidence.grade,
            note=self.caption,
        )


def profit_chain(
    links: Sequence[Link] = SEARS,
    *,
    step: float = 1.0,
    conf_level: float = 0.95,
    seed: int = 1,
    source: str = "",
) -> ProfitChain:
    """Answer what a step in engagement goes with at the end of a chain of links.

    Parameters
    ----------
    links
        In order; each begins with what the one before it ends with.
    step
        Units at the beginning.
    conf_level
        Confidence level.
    seed
        The interval of the whole comes from 20,000 draws from this seed.
    source
        The line that stands under every figure.

    Returns
    -------
    ProfitChain
        Links, and their product with an interval; without one where a link's error is not known. The grade is
        that of the weakest link, an assumption the weakest of all.

    Raises
    ------
    DesignError
        If there is no link, or one does not begin where the one before it ends.
    OptionError, DataError
        For impossible values.

    Notes
    -----
    The product supposes that errors of the links are independent and normal, that a link holds for whatever
    moves its beginning, and that nothing runs past it. Heskett et al. (1994) drew the chain, and did not
    estimate it.

    References
    ----------
    Heskett, J. L., Jones, T. O., Loveman, G. W., Sasser, W. E., & Schlesinger, L. A. (1994). Putting the
    service-profit chain to work. Harvard Business Review 72(2), 164–174.
    Rucci, A. J., Kirn, S. P., & Quinn, R. T. (1998). The employee-customer-profit chain at Sears. Harvard
    Business Review 76(1), 82–97.

    Examples
    --------
    >>> round(profit_chain(step=5).whole["estimate"], 3)
    0.5
    """
    check_conf_level(conf_level)
    chain = _checked(links)
    if not _is_number(step) or not np.isfinite(step) or step == 0:
        raise OptionError(f"step is {step!r}; allowed: a number other than 0, in units of {chain[0].start}")
    ends = np.array([(1 - conf_level) / 2, (1 + conf_level) / 2])
    estimates = np.array([link.estimate for link in chain])
    errors = np.array([np.nan if link.std_error is None else link.std_error for link in chain])
    from scipy.special import ndtri

    each = estimates[:, None] + ndtri(ends) * errors[:, None]
    drawn = estimates + errors * generator(seed).standard_normal((_DRAWS, len(chain)))
    product = step * drawn.prod(axis=1)
    whole = np.quantile(product, ends) if np.isfinite(errors).all() else np.full(2, np.nan)
    weakest = min((link.counts_as for link in chain), key=list(GRADES).index)
    rows = [
        (f"{k.start} → {k.end}", k.estimate, *ends_of, k.unit, k.counts_as, k.stated, k.source)
        for k, ends_of in zip(chain, each, strict=True)
    ]
    ends_in, starts_in = chain[-1].unit.rpartition(" per ")[0], _steps(chain, step)
    unit = f"{ends_in or f'of {chain[-1].end}'} per {number(step)} {starts_in or f'of {chain[0].start}'}"
    value = step * float(estimates.prod())
    any_stated = any(link.stated for link in chain)
    rows.append((f"{chain[0].start} → {chain[-1].end}", value, *whole, unit, weakest, any_stated, source))
    return ProfitChain(
        table=pd.DataFrame(
            rows, columns=["link", "estimate", "conf_low", "conf_high", "unit", "grade", "stated", "source"]
        ),
        evidence=_evidence(chain, weakest, source),
        conf_level=conf_level,
        links=chain,
        step=float(step),
    )


def _steps(links: Sequence[Link], step: float) -> str:
    """Return the unit at the beginning of a chain, plural where there are several; empty if unknown."""
    word = links[0].unit.rpartition(" per ")[2] if " per " in links[0].unit else ""
    return word if step == 1 else plural(word) if word else ""


def _graded(link: Link) -> str:
    return f"{link.counts_as}, assumed" if link.stated else link.grade


def _checked(links: Sequence[Link]) -> tuple[Link, ...]:
    """Return links that follow each other."""
    chain = tuple(links)
    if not chain:
        raise DesignError("a chain needs one link or more")
    for before, after in pairwise(chain):
        if before.end != after.start:
            raise DesignError(
                f"link {after.start} → {after.end} does not begin where {before.start} → {before.end} ends; "
                "name both the same, in the same unit, or put a link between them"
            )
    names = [chain[0].start, *(link.end for link in chain)]
    if len(set(names)) < len(names):
        raise DesignError(f"the chain comes back to a thing it has been at: {' → '.join(names)}")
    return chain


def _evidence(chain: tuple[Link, ...], weakest: Grade, source: str) -> Evidence:
    unknown = [f"{link.start} → {link.end}" for link in chain if link.std_error is None]
    stated = [f"{link.start} → {link.end}" for link in chain if link.stated]
    return Evidence(
        grade=weakest,
        design="A product of links, graded as the weakest of them.",
        unit="links",
        n_used=len(chain),
        n_given=len(chain),
        source=source,
        assumptions=(
            "Errors of the links are independent of each other.",
            "A link holds for whatever moved its beginning, and nothing runs past it.",
            *(f"{name} is assumed, not estimated." for name in stated),
        ),
        checks=(
            Check(
                name="errors known",
                null="every link comes with its error",
                passed=None if unknown else True,
                detail=f"No error is known of {'; '.join(unknown)}." if unknown else "Every link has one.",
                remedy="The chain's interval is not known either." if unknown else "",
            ),
        ),
    )
