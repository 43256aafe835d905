"""What a number rests on: the design grade, its assumptions, its checks and the rows it used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import p_value

Grade = Literal["descriptive", "association", "adjusted", "quasi-experiment", "experiment"]

#: What each design grade allows one to say, from the weakest to the strongest.
GRADES: dict[Grade, str] = {
    "descriptive": "counts what happened; says nothing about why",
    "association": "compares groups that differ in other ways too; no cause may be claimed",
    "adjusted": "compares groups made alike on what was recorded; what was not recorded may still explain it",
    "quasi-experiment": "a design identifies the cause if its stated assumptions hold",
    "experiment": "chance decided who was treated; the difference is the effect",
}

# Words that claim a cause. A claim made from a design that does not identify one may not use them.
_CAUSAL = re.compile(
    r"\b(effects?|roi|affect(s|ed)?|impact(s|ed)?|caus(e[sd]?|ing|al|ally)|because|drives?|driven|"
    r"driv(ing|ers? of)|"
    r"(due|owing|thanks|leads?|leading|led) to|results? in|resulted in)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was tested before a number was believed.

    Parameters
    ----------
    name
        What was checked, e.g. ``"proportional hazards"``.
    null
        The statement that the check tries to refute.
    passed
        Whether the statement survived; None where it could not be decided.
    detail
        What was seen, with its figures.
    remedy
        What to do instead where it did not survive.
    """

    name: str
    null: str
    passed: bool | None
    detail: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.passed is not None:
            # a truth of NumPy's is neither True nor False by identity, and would fail unseen
            object.__setattr__(self, "passed", bool(self.passed))

    def __str__(self) -> str:
        verdict = {True: "passed", False: "FAILED", None: "undecided"}[self.passed]
        remedy = f" {self.remedy}" if self.remedy and self.passed is not True else ""
        return f"{self.name}: {verdict}. {self.detail}{remedy}"


@dataclass(frozen=True, kw_only=True)
class HypothesisTest:
    """A test statistic that carries the statement it tests.

    Parameters
    ----------
    name
        E.g. ``"log-rank test"``.
    null
        The statement that a small p-value speaks against.
    statistic, df, p_value
        The statistic, its degrees of freedom and its p-value.

    Examples
    --------
    >>> print(HypothesisTest(name="log-rank test", null="all groups leave at the same pace",
    ...                      statistic=11.2, df=2, p_value=0.0037))
    log-rank test of "all groups leave at the same pace": chi-squared 11.20 on 2 df, p = 0.0037
    """

    name: str
    null: str
    statistic: float
    df: int
    p_value: float

    def __str__(self) -> str:
        return (
            f'{self.name} of "{self.null}": chi-squared {self.statistic:,.2f} on {self.df} df, '
            f"{p_value(self.p_value)}"
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a result rests on.

    Parameters
    ----------
    grade
        How much the design allows one to say; see :data:`GRADES`.
    design
        The design in one sentence.
    unit
        What `n_used` and `n_given` count, in the plural: ``"customers"``.
    n_used, n_given
        How many units the estimate rests on, and how many were handed in.
    source
        Where the data come from, as it should stand under a figure.
    assumptions
        What must hold for the number to mean what it says.
    checks
        What was checked before the number was believed.
    tests
        Hypothesis tests that belong to the number.

    Examples
    --------
    >>> evidence = Evidence(grade="association", design="Groups chosen by the customers themselves.",
    ...                     unit="customers", n_used=990, n_given=1000)
    >>> evidence.relation
    'is associated with'
    >>> print(evidence.line())
    Design grade: association. 990 of 1,000 customers used (10 left out).
    """

    grade: Grade
    design: str
    unit: str
    n_used: int
    n_given: int
    source: str = ""
    assumptions: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    tests: tuple[HypothesisTest, ...] = ()

    def __post_init__(self) -> None:
        if self.grade not in get_args(Grade):
            raise OptionError(one_of(self.grade, get_args(Grade), what="design grade"))
        if not 0 <= self.n_used <= self.n_given:
            raise DesignError(f"{self.n_used:,} of {self.n_given:,} {self.unit} used cannot be")

    @property
    def identifies_cause(self) -> bool:
        """Whether the design, if its assumptions hold, identifies a cause."""
        return self.grade in ("quasi-experiment", "experiment")

    @property
    def relation(self) -> str:
        """The verb that the design allows between a factor and an outcome."""
        return {
            "descriptive": "goes with",
            "association": "is associated with",
            "adjusted": "is associated, other recorded things equal, with",
            "quasi-experiment": "changes, if the design's assumptions hold,",
            "experiment": "changes",
        }[self.grade]

    @property
    def findings(self) -> tuple[str, ...]:
        """Tests and checks as lines to read."""
        return (*map(str, self.tests), *map(str, self.checks))

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if check.passed is False)

    def line(self) -> str:
        """Return the line that stands under every table and figure."""
        left_out = self.n_given - self.n_used
        used = (
            f"{self.n_used:,} of {self.n_given:,} {self.unit} used ({left_out:,} left out)"
            if left_out
            else f"All {self.n_used:,} {self.unit} used"
        )
        failed = f" {len(self.failed)} check(s) FAILED." if self.failed else ""
        source = f" Source: {self.source.rstrip('.')}." if self.source else ""
        return f"Design grade: {self.grade}. {used}.{failed}{source}"


def refuse_causal_claim(claim: str, *, grade: Grade) -> str:
    """Return the claim, or refuse it where its words say more than the design allows.

    Examples
    --------
    >>> refuse_causal_claim("Yearly contracts keep more customers", grade="association")
    'Yearly contracts keep more customers'
    >>> refuse_causal_claim("The effect of the contract", grade="association")
    Traceback (most recent call last):
        ...
    cemlab.errors.DesignError: the claim 'The effect of the contract' says 'effect', ...
    """
    word = _CAUSAL.search(claim)
    if word and grade not in ("quasi-experiment", "experiment"):
        raise DesignError(
            f"the claim {claim!r} says {word.group(0)!r}, but the design grade is {grade!r} "
            f"({GRADES[grade]}); write what goes with what instead"
        )
    return claim
