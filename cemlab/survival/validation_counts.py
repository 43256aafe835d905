"""Learning and held-out customers, counted: a seeded split, and predictions for those held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.person_periods import count_person_periods
from cemlab.data.spell_roles import spell_roles
from cemlab.errors import DesignError, OptionError
from cemlab.stats.grouped_incidence import incidence_between
from cemlab.stats.maximum_likelihood import Derivatives, maximise
from cemlab.survival.period_others import by_period, count_others
from cemlab.survival.periods import PeriodHazards, hazards_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# 4,096 lots: the bootstrap draws customers by lots, whose number does not grow with that of customers
_LOT_DIGITS = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Held-out spells as cells, with the model learned from the other customers.

    Parameters
    ----------
    cells
        One row a cell: x0, x1, … (the covariates), s, t, e (left for the causes asked for), o (for another
        one), n.
    model
        Learned from the other customers.
    learned
        One row a pattern of the learning customers: x0, x1, …, n, left (yes or no, whenever).
    lots
        Where customers have several spells: lot, cell (row of `cells`), n; all spells of a customer lie
        in one lot, and a lot holds few customers. None where each has one.
    n_given, n_held_out, n_customers
        Spells handed in, spells and customers held out.
    """

    cells: pd.DataFrame
    model: PeriodHazards
    learned: pd.DataFrame
    lots: pd.DataFrame | None
    n_given: int
    n_held_out: int
    n_customers: int

    def risk(self, horizon: float, theta: Floats | None = None) -> Floats:
        """Return the predicted chance to leave within a horizon from the start of observation, by cell.

        Missing where it lies beyond the periods of the model. Parameters other than those fitted may be
        given.
        """
        keys = self._keys
        patterns = self.cells[keys].drop_duplicates(ignore_index=True)
        code = pd.MultiIndex.from_frame(patterns).get_indexer(pd.MultiIndex.from_frame(self.cells[keys]))
        design = self.model.design
        wide = design.spread(design.rows(self._named(patterns)))
        own, other = self._hazards(wide, self.theta if theta is None else theta)
        start = self.cells["s"].to_numpy()
        return incidence_between(
            own,
            other,
            cuts=np.asarray(self.model.counted.cuts),
            pattern=np.asarray(code, dtype=np.int64),
            start=start,
            end=start + horizon,
        )

    @property
    def theta(self) -> Floats:
        """Parameters of the pace of leaving, and of that for other causes."""
        found = [self.model.fit.baseline, self.model.fit.coefficient]
        if self.model.others is not None and self.model.others.fit is not None:
            found += [self.model.others.fit.baseline, self.model.others.fit.coefficient]
        return np.concatenate(found)

    @property
    def covariance(self) -> Floats:
        """Of :attr:`theta`: departures for several causes are independent given who is at risk."""
        first = self.model.fit.covariance
        second = np.zeros((0, 0)) if self.model.others is None else self.model.others.covariance
        p, q = len(first), len(second)
        return np.block([[first, np.zeros((p, q))], [np.zeros((q, p)), second]])

    def naive(self) -> Floats:
        """Return the chance of "churned" by a logistic classifier that knows no time, by cell."""
        design = self.model.design
        left, n = self.learned["left"].to_numpy(dtype=float), self.learned["n"].to_numpy(dtype=float)
        slopes = _logistic(_with_constant(design.rows(self._named(self.learned))), left, n)
        return _share(_with_constant(design.rows(self._named(self.cells))) @ slopes)

    @property
    def _keys(self) -> list[str]:
        return [f"x{i}" for i in range(self.model.counted.patterns.shape[1])]

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the covariates of internal columns under their own names."""
        return frame[self._keys].set_axis(list(self.model.counted.patterns.columns), axis=1)

    def _hazards(self, wide: Floats, theta: Floats) -> tuple[Floats, Floats]:
        fit, others = self.model.fit, self.model.others
        j, p = fit.baseline.size, fit.baseline.size + fit.coefficient.size
        own, _ = by_period(replace(fit, baseline=theta[:j], coefficient=theta[j:p]), wide)
        if others is None or others.fit is None:
            return own, np.zeros_like(own)
        k = others.fit.baseline.size
        moved = replace(others.fit, baseline=theta[p : p + k], coefficient=theta[p + k :])
        return own, replace(others, fit=moved).hazard(wide)[0]


def _with_constant(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), x])


def _share(eta: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-eta)), dtype=np.float64)


def _logistic(x: Floats, left: Floats, n: Floats) -> Floats:
    """Return the coefficients of a logistic regression on counts, at the maximum of its likelihood."""

    def derivatives(theta: Floats) -> Derivatives:
        eta = x @ theta
        share = _share(eta)
        value = float(left @ eta - n @ np.logaddexp(0, eta))
        return value, x.T @ (left - n * share), -(x.T * (n * share * (1 - share))) @ x

    return maximise(derivatives, np.zeros(x.shape[1])).theta


def held_out(
    spells: ir.Table | pd.DataFrame,
    *,
    customer: str,
    duration: str,
    event: str,
    entry: str | None,
    causes: Sequence[str] | None,
    covariates: Sequence[str],
    known: Mapping[str, str] | None,
    cuts: tuple[float, ...],
    share: float,
    seed: int,
    unit: str,
    conf_level: float,
) -> HeldOut:
    """Part customers by a seeded hash, learn from one part, and count the other.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`cemlab.survival.predictions_held_out`.
    """
    if not covariates:
        raise OptionError("covariates are empty; name at least one column that predictions rest on")
    roles = spell_roles(
        spells,
        duration=duration,
        event=event,
        entry=entry,
        causes=causes,
        covariates=covariates,
        extra={"customer": customer},
        known=known,
    )
    table = roles.table
    mark = (table["customer"].cast("string") + f"|{seed}").hexdigest("md5")
    held = mark.substr(0, 8) < ibis.literal(f"{int(share * 16**8):08x}")
    parted = table.mutate(held=held, lot=mark.substr(8, _LOT_DIGITS)).cache()
    keys = [f"x{i}" for i in range(len(covariates))]
    learning, kept = parted.filter(~parted["held"]), parted.filter(parted["held"])
    seen = kept.aggregate(n=kept.count(), customers=kept["customer"].nunique()).to_pandas().iloc[0]
    if not seen["n"] or not learning.count().execute():
        raise DesignError(
            f"a share of {share:g} of these customers leaves nobody on one side of the split; hand in more"
        )
    part = replace(roles, table=learning.drop("customer", "held", "lot"))
    model = hazards_of(
        count_person_periods(part, cuts),
        changing={},
        references={},
        others=count_others(part, cuts, causes),
        conf_level=conf_level,
        unit=unit,
    )
    kinds = [*keys, "s", "t", "e", "o"]
    cells = kept.group_by(kinds).aggregate(n=kept.count()).order_by(kinds).to_pandas()
    lots = None
    if seen["n"] > seen["customers"]:
        lots = kept.group_by(["lot", *kinds]).aggregate(n=kept.count()).order_by(["lot", *kinds]).to_pandas()
        cell = pd.MultiIndex.from_frame(cells[kinds]).get_indexer(pd.MultiIndex.from_frame(lots[kinds]))
        lots = pd.DataFrame({"lot": pd.factorize(lots["lot"])[0], "cell": cell, "n": lots["n"]})
    learned = learning.group_by(keys).aggregate(n=learning.count(), left=learning["e"].cast("int64").sum())
    types = {"s": float, "t": float, "e": bool, "o": bool}
    return HeldOut(
        cells=cells.astype(types),
        model=model,
        learned=learned.order_by(keys).to_pandas(),
        lots=lots,
        n_given=roles.n_given,
        n_held_out=int(seen["n"]),
        n_customers=int(seen["customers"]),
    )
