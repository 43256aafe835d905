"""Learning and held-out customers, counted: a seeded split, and predictions for those held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.person_periods import count_person_periods
from cemlab.data.spell_roles import SpellRoles, spell_roles
from cemlab.errors import DesignError, OptionError
from cemlab.stats.maximum_likelihood import Derivatives, maximise
from cemlab.survival.periods import PeriodHazards, hazards_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Held-out spells as cells, with the model learned from the other customers.

    Parameters
    ----------
    cells
        One row a cell: the covariates, s, t, e, n.
    model
        Learned from the other customers.
    learned
        One row a pattern of the learning customers: the covariates, n, left (yes or no, whenever).
    n_given, n_held_out, n_customers
        Spells handed in, spells and customers held out.
    """

    cells: pd.DataFrame
    model: PeriodHazards
    learned: pd.DataFrame
    n_given: int
    n_held_out: int
    n_customers: int

    def risk(self, horizon: float) -> Floats:
        """Return the predicted chance to leave within a horizon from the start of observation, by cell.

        Missing where it lies beyond the periods of the model.
        """
        names = list(self.model.counted.patterns.columns)
        patterns = self.cells[names].drop_duplicates(ignore_index=True)
        code = pd.MultiIndex.from_frame(patterns).get_indexer(pd.MultiIndex.from_frame(self.cells[names]))
        design = self.model.design
        total, _ = self.model.fit.cumulative(design.spread(design.rows(patterns)))
        cuts = np.asarray(self.model.counted.cuts)
        steps = np.concatenate([np.zeros((len(total), 1)), total], axis=1)
        start = self.cells["s"].to_numpy()
        end = start + horizon
        ahead = _between(cuts, steps, code, end) - _between(cuts, steps, code, start)
        return np.where((end <= cuts[-1]) & (start >= cuts[0]), -np.expm1(-ahead), np.nan)

    def naive(self) -> Floats:
        """Return the chance of "churned" by a logistic classifier that knows no time, by cell."""
        design = self.model.design
        left, n = self.learned["left"].to_numpy(dtype=float), self.learned["n"].to_numpy(dtype=float)
        slopes = _logistic(_with_constant(design.rows(self.learned)), left, n)
        return _share(_with_constant(design.rows(self.cells)) @ slopes)


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


def _between(cuts: Floats, steps: Floats, code: Any, at: Floats) -> Floats:
    """Return the cumulative hazard of patterns at times, straight between the cuts."""
    place = np.clip(np.searchsorted(cuts, at, side="right") - 1, 0, len(cuts) - 2)
    part = np.clip((at - cuts[place]) / (cuts[place + 1] - cuts[place]), 0, 1)
    low, high = steps[code, place], steps[code, place + 1]
    found: Floats = low + part * (high - low)
    return found


def held_out(
    spells: ir.Table | pd.DataFrame,
    *,
    customer: str,
    duration: str,
    event: str,
    entry: str | None,
    causes: Sequence[str] | None,
    covariates: Sequence[str],
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
    )
    table = roles.table
    lot = (table["customer"].cast("string") + f"|{seed}").hexdigest("md5").substr(0, 8)
    parted = table.mutate(held=(lot < ibis.literal(f"{int(share * 16**8):08x}"))).cache()
    keys = [f"x{i}" for i in range(len(covariates))]
    names = dict(zip(keys, covariates, strict=True))
    learning, kept = parted.filter(~parted["held"]), parted.filter(parted["held"])
    seen = kept.aggregate(n=kept.count(), customers=kept["customer"].nunique()).to_pandas().iloc[0]
    if not seen["n"] or not learning.count().execute():
        raise DesignError(
            f"a share of {share:g} of these customers leaves nobody on one side of the split; hand in more"
        )
    part = SpellRoles(
        table=learning.drop("customer", "held"),
        covariates=roles.covariates,
        n_given=roles.n_given,
        n_blank=roles.n_blank,
    )
    model = hazards_of(
        count_person_periods(part, cuts), changing={}, references={}, conf_level=conf_level, unit=unit
    )
    cells = kept.group_by([*keys, "s", "t", "e"]).aggregate(n=kept.count()).order_by([*keys, "s", "t", "e"])
    learned = learning.group_by(keys).aggregate(n=learning.count(), left=learning["e"].cast("int64").sum())
    frame = cells.to_pandas().rename(columns=names)
    return HeldOut(
        cells=frame.assign(s=frame["s"].astype(float), t=frame["t"].astype(float), e=frame["e"].astype(bool)),
        model=model,
        learned=learned.order_by(keys).to_pandas().rename(columns=names),
        n_given=roles.n_given,
        n_held_out=int(seen["n"]),
        n_customers=int(seen["customers"]),
    )
