"""Two roads to one present value: the chain and the books of the branches, and how far apart they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.chain import Chain
from cemlab.business_case.direct import DirectRoad
from cemlab.business_case.grades import as_grade, weakest
from cemlab.business_case.told import require_case
from cemlab.chart import Chart as Picture
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.markup import number
from cemlab.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Roads(Result):
    """Two roads to one figure, and how far apart they end.

    Parameters
    ----------
    table
        road ("chain", "direct", "direct less chain", "both, weighted by precision"), estimate, conf_low,
        conf_high, grade.
    currency
        Of all of them.
    """

    currency: str

    title: ClassVar[str] = "Two roads to the present value"
    labels: ClassVar[dict[str, str]] = {
        "road": "Road", "estimate": "Present value", "conf_low": "Lower", "conf_high": "Upper",
        "grade": "Rests on",
    }  # fmt: skip

    @property
    def agree(self) -> bool:
        """Whether the interval of the difference holds nought."""
        row = self.table.iloc[2]
        return bool(row["conf_low"] <= 0 <= row["conf_high"])

    @property
    def summary(self) -> pd.DataFrame:
        """One row a road."""
        return self.table

    def narrative(self) -> str:
        """Say how far apart the roads end, and how much of that chance explains."""
        chain, direct, apart = (self.table.iloc[k] for k in range(3))
        verdict = (
            "which chance explains; that is no proof that they agree"
            if self.agree
            else "more than chance explains: a link of the chain is wrong, or the branches were not alike"
        )
        return (
            f"The chain ends at {number(chain['estimate'])} {self.currency}, the books of the branches at "
            f"{number(direct['estimate'])}. They differ by {number(apart['estimate'])} "
            f"({100 * self.conf_level:g} % interval {number(apart['conf_low'])} to "
            f"{number(apart['conf_high'])}), {verdict}."
        )

    @property
    def chart(self) -> Picture:
        """One row a road."""
        return Picture(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="road",
            low="conf_low",
            high="conf_high",
            x_label=f"Present value, {self.currency}",
            y_label="",
            claim=(
                "The two roads differ by no more than chance explains"
                if self.agree
                else "The two roads differ by more than chance explains"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def compare_roads(chain: BusinessCase, direct: BusinessCase) -> Roads:
    """Answer whether the chain and the books of the branches tell the same.

    Draws of the two are taken as independent. They share the branches, but the chain hears from them through
    the experience of customers and the direct road through money; what dependence there is makes the
    interval of the difference a little too wide or too narrow.

    Parameters
    ----------
    chain, direct
        Two cases over the same months, in one currency, at one level.

    Raises
    ------
    DesignError
        If it is no case of the road it is given as, or months, currency or level differ: then they answer
        different questions.
    """
    for case, kind, what in ((chain, Chain, "chain"), (direct, DirectRoad, "direct road")):
        if not isinstance(require_case(case).model, kind):
            raise DesignError(f"the case given as {what} is none; take training_case(…) and direct_case(…)")
    pairs = [
        ("currency", chain.ledger.currency, direct.ledger.currency),
        ("number of months", chain.model.months, direct.model.months),
        ("conf_level", chain.conf_level, direct.conf_level),
    ]
    for what, one, other in pairs:
        if one != other:
            raise DesignError(f"the two cases differ in {what}: {one} and {other}; make them alike")
    from scipy.special import ndtri

    mean = np.array([chain.draws.npv.mean(), direct.draws.npv.mean()])
    variance = np.array([chain.draws.npv.var(), direct.draws.npv.var()])
    wide = float(ndtri((1 + chain.conf_level) / 2))
    # a road without any uncertainty would take all the weight
    weight = 1 / np.maximum(variance, np.finfo(float).tiny)
    apart, apart_error = mean[1] - mean[0], np.sqrt(variance.sum())
    both, both_error = weight @ mean / weight.sum(), weight.sum() ** -0.5
    standing = weakest([chain.standing, direct.standing])
    rows = [_own(chain, "chain"), _own(direct, "direct")]
    rows += [
        (name, value, value - wide * error, value + wide * error, standing)
        for name, value, error in (
            ("direct less chain", apart, apart_error),
            ("both, weighted by precision", both, both_error),
        )
    ]
    evidence = Evidence(
        grade=as_grade(standing),
        design="Two roads to one present value; the weaker of both decides what may be said.",
        unit="roads",
        n_used=2,
        n_given=2,
        source=chain.evidence.source,
        assumptions=tuple(dict.fromkeys([*chain.evidence.assumptions, *direct.evidence.assumptions])),
    )
    return Roads(
        table=pd.DataFrame(rows, columns=["road", "estimate", "conf_low", "conf_high", "grade"]),
        evidence=evidence,
        conf_level=chain.conf_level,
        currency=chain.ledger.currency,
    )


def _own(case: BusinessCase, name: str) -> tuple[str, float, float, float, str]:
    row = case.value("net present value")
    return name, float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]), case.standing
