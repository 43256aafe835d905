"""Situational selling: which offer, or none, by what is known of the customer at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.data.save_offers import NO_OFFER
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import GRADES, Check, Evidence
from cemlab.markup import amount, join_words
from cemlab.saves.lot import undated_check
from cemlab.saves.rule_values import RuleValues, told_money
from cemlab.saves.uplift import SaveUplift
from cemlab.saves.valuing import Arms, arms_of, considered_or_trial, margins, money, price_of
from cemlab.segmentation.allocation import allocate
from cemlab.stats.arm_values import top_share

Floats = NDArray[np.float64]

#: The rules that are always valued; "everyone: …" stands for each offer.
NOBODY, BEST_SINGLE, BY_CUES = "nobody", "best single offer", "by cues"

_BY_LOT = "offers by lot"


@dataclass(frozen=True, eq=False, kw_only=True)
class SituationalOffers(RuleValues):
    """Which offer to make by the cues, and what that earns.

    Parameters
    ----------
    table
        One row a rule (quantity ``"value"``), and the difference of ``"by cues"`` to each other one
        (``"difference"``): rule, quantity, estimate, conf_low, conf_high (currency of the margin per customer
        considered, cost taken off), share_offered, n.
    plan
        What to offer by cell: class, cues, offer (``"none"`` for none; the one that most of the cell get), n,
        worth (predicted, of that offer to one customer), share_offered.
    cues
        The cues.
    """

    plan: pd.DataFrame
    cues: tuple[str, ...]

    title: ClassVar[str] = "Offers by the situation"
    labels: ClassVar[dict[str, str]] = {
        "rule": "Rule",
        "value": "Profit per customer considered",
        "share_offered": "Offered",
        "difference": "By cues earns more by",
    }

    def narrative(self) -> str:
        """Tell what choosing by cues earns, and whether it is more than one offer for all or none."""
        value = {row["rule"]: row for row in self.of("value").to_dict("records")}
        gaps = {row["rule"]: row for row in self.of("difference").to_dict("records")}
        rivals = (
            (NOBODY, "no offer"),
            *((rule, rule.replace("everyone: ", "“") + "” for everyone") for rule in self._everyone),
        )
        told = [f"{_compared(gaps[rule])} {name} ({told_money(gaps[rule])})" for rule, name in rivals]
        earned = f"{told_money(value[BY_CUES])}{self.unit} per customer considered"
        text = f"Choosing an offer or none by {join_words(self.cues)} earns {earned}: {join_words(told)}."
        by_lot = [check.detail for check in self.evidence.failed if check.name == _BY_LOT]
        return " ".join([text, *(f"Checks of the lot: {detail}" for detail in by_lot)])

    @property
    def _everyone(self) -> list[str]:
        return [rule for rule in self.of("value")["rule"] if rule.startswith("everyone: ")]

    @property
    def chart(self) -> Chart:
        """Forest of the rules, the poorest first."""
        frame = self.of("value").sort_values("estimate", kind="stable", ignore_index=True)
        value = frame.set_index("rule")["estimate"]
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="rule",
            low="conf_low",
            high="conf_high",
            x_label=self.money_label,
            y_label="Rule",
            claim=(
                f"Offers by cues earn {amount(float(value[BY_CUES]))}{self.unit} per customer considered, "
                f"one for everyone {amount(float(value[self._everyone].max()))}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _compared(gap: Mapping[Any, Any]) -> str:
    if gap["conf_low"] > 0:
        return "more than"
    return "less than" if gap["conf_high"] < 0 else "not shown to be other than"


def _everyone(offer: str) -> str:
    return f"everyone: {offer}"


def situational_offers(
    uplift: SaveUplift | Mapping[str, SaveUplift],
    *,
    margin: float | Mapping[str, float],
    costs: Mapping[str, float] | None = None,
    capacity: Mapping[str, int] | None = None,
    considered: int | None = None,
    currency: str = "",
) -> SituationalOffers:
    """Answer which offer to make in which situation, if any, and what choosing earns.

    Parameters
    ----------
    uplift
        From :func:`cemlab.saves.save_uplift`; where there are several offers, offer → what it changes, all
        from the same cells.
    margin
        Worth of a customer kept [currency], one for all or by class of risk.
    costs
        Offer → price of one [currency]; by default what one cost in the trial.
    capacity
        Offer → most customers it can be made to, of those considered; without an entry there is no limit.
    considered
        Customers that the rules are for; by default those of the trial.
    currency
        That of the margin, for titles and words.

    Returns
    -------
    SituationalOffers
        Its table has rule, quantity, estimate, conf_low, conf_high, share_offered, n.

    Raises
    ------
    OptionError
        If an amount is none, an offer is unknown, or no price of it is told or given.
    DesignError
        If the offers do not come from the same cells.

    Notes
    -----
    Rules are learned without each fold and valued on it, doubly robust. ``"best single offer"`` is chosen
    without the fold, too, and may be none, which makes it look a little worse than it is; it is valued where
    there are several. It knows no capacity, nor do the rules for everyone. Errors allow for that rules were
    learned from one trial, whose offers share those held back.

    References
    ----------
    Dudík, M., Erhan, D., Langford, J. & Li, L. (2014). Doubly robust policy evaluation and optimization.
    Statistical Science 29, 485–511.

    Examples
    --------
    >>> from cemlab import simulate
    >>> from cemlab.data.save_offers import save_offer_cells
    >>> from cemlab.saves import save_uplift
    >>> company = simulate.company(customers=2000)
    >>> cells = save_offer_cells(company.table("save_offers"), subscriptions=company.table("subscriptions"),
    ...                          as_of=company.info.as_of, cues=("risk", "plan"))
    >>> situational_offers(save_uplift(cells), margin=3600).of("value")["rule"].tolist()
    ['nobody', 'everyone: offer', 'by cues']
    """
    if not isinstance(uplift, (SaveUplift, Mapping)):
        raise OptionError(
            f"uplift is of type {type(uplift).__name__}; give what save_uplift returned, or offer → that"
        )
    given = {uplift.trial.offer: uplift} if isinstance(uplift, SaveUplift) else dict(uplift)
    first = _checked(given)
    arms = arms_of([one.trial for one in given.values()])
    names = [one.trial.offer for one in given.values()]
    worth = margins(first.trial, margin)
    price = _prices(first, names, costs)
    size = considered_or_trial(considered, int(arms.rows.sum()))
    limits = _limits(names, capacity, size)
    gains = np.stack(
        [worth[:, None] * trial.kept - c for trial, c in zip(arms.trials, price, strict=True)], axis=2
    )
    gives = _rules(arms, gains, limits)
    single = [BEST_SINGLE] if len(names) > 1 else []
    rules = [NOBODY, *(_everyone(name) for name in names), *single, BY_CUES]
    added = _learning_adds(arms, worth, price, limits, len(rules))
    return SituationalOffers(
        table=_table(first, arms, rules, gives, worth, price, added),
        evidence=_evidence(first, arms, given),
        conf_level=first.conf_level,
        plan=_plan(arms, names, worth, price, limits),
        cues=first.cells.cues,
        considered=size,
        currency=currency,
    )


def _checked(given: Mapping[str, SaveUplift]) -> SaveUplift:
    if not given:
        raise OptionError("uplift names no offer; give what save_uplift returned, or offer → that")
    first = next(iter(given.values()))
    for one in given.values():
        if one.cells is not first.cells:
            raise DesignError(
                "the offers come from different cells; learn all from the same save_offer_cells"
            )
    if len({one.trial.offer for one in given.values()}) < len(given):
        raise OptionError("uplift holds one offer twice; give each once")
    # without the arm of an offer its customers would be missing from those considered
    missing = [name for name in first.cells.offers if name not in {one.trial.offer for one in given.values()}]
    if missing:
        raise OptionError(f"uplift lacks the offer {join_words(missing)}; give all offers of the trial")
    if not all(one.trial.index.equals(first.trial.index) for one in given.values()):
        raise DesignError(
            "not every offer was tried in every cell of the cues, so they cannot be compared; use fewer cues"
        )
    return first


def _prices(first: SaveUplift, names: list[str], costs: Mapping[str, float] | None) -> Floats:
    if costs is None:
        return np.array([price_of(first.cells, name, f"costs={{{name!r}: …}}") for name in names])
    if not isinstance(costs, Mapping):
        raise OptionError(f"costs is {costs!r}; give offer → price of one, e.g. {{{names[0]!r}: 25}}")
    if sorted(map(str, costs)) != sorted(names):
        raise OptionError(
            f"costs are of {join_words(map(str, costs)) or 'no offer'}; the offers are {join_words(names)}"
        )
    return np.array([money(costs[name], f"cost of {name}") for name in names])


def _limits(names: list[str], capacity: Mapping[str, int] | None, size: int) -> Floats:
    """Return the largest share of those considered that can get each offer."""
    if capacity is not None and not isinstance(capacity, Mapping):
        raise OptionError(
            f"capacity is {capacity!r}; give offer → most customers, e.g. {{{names[0]!r}: 100}}, or None"
        )
    limits = np.ones(len(names))
    for name, most in (capacity or {}).items():
        if name not in names:
            raise OptionError(f"capacity names {name!r}; the offers are {join_words(names)}")
        if isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 0:
            raise OptionError(f"capacity is {most!r} for {name}; give a whole number of customers from 0")
        limits[names.index(name)] = min(1.0, int(most) / size)
    return limits


def _rules(arms: Arms, gains: Floats, limits: Floats) -> Floats:
    """Return what each rule gives to whom, learned without the fold, of shape (rules, x, f, offers)."""
    rows, offers = arms.rows, gains.shape[2]
    none = np.zeros_like(gains)
    every = [none + (np.arange(offers) == k) for k in range(offers)]
    # of the other folds' customers, what each offer would earn if all got it
    others = rows.sum(axis=1, keepdims=True) - rows
    mean = (others[..., None] * gains).sum(axis=0) / others.sum(axis=0)[:, None]
    best = (mean == mean.max(axis=1, keepdims=True)) & (mean > 0)
    single = none + best[None]
    cues = np.stack([_assigned(gains[:, f], rows[:, f], limits) for f in range(rows.shape[1])], axis=1)
    return np.stack([none, *every, *([single] if offers > 1 else []), cues])


def _assigned(gain: Floats, rows: Floats, limits: Floats) -> Floats:
    """Return the share of each cell that gets each offer, of shape (x, offers): the most worthy first."""
    if gain.shape[1] == 1:
        return top_share(gain[:, 0], rows, float(limits[0]), at_least=0.0)[:, None]
    most = np.where(limits < 1, np.floor(limits * rows.sum() + 1e-9), np.inf)
    plan = allocate(gain, np.zeros(gain.shape[1]), rows.astype(np.int64), capacity=most)
    given: Floats = plan.assigned / np.maximum(rows, 1)[:, None]
    return given


def _learning_adds(arms: Arms, worth: Floats, price: Floats, limits: Floats, rules: int) -> Floats:
    """Return what having learned rules adds to the covariance of their values, of shape (rules, rules).

    The best single offer and the choice by cues are learned; what each offer brings everyone is tied to both.
    """
    own, learned = arms.redrawn()
    rows, offers = arms.rows, len(limits)
    kept = np.stack([trial.kept_all for trial in arms.trials], axis=1)[:, None, :, None]
    errors = worth[:, None, None, None] * own / rows.sum()
    others = (rows.sum(axis=1, keepdims=True) - rows)[:, :, None, None]
    spread = []
    for moved in (np.zeros_like(learned), learned):
        gain = worth[:, None, None, None] * (kept + moved) - price[:, None]
        best = gain == gain.max(axis=2, keepdims=True)
        parts = [
            top_share(
                np.where(best[:, :, k], gain[:, :, k], -np.inf), rows[..., None], float(most), at_least=0.0
            )
            for k, most in enumerate(limits)
        ]
        values = np.zeros((rules, errors.shape[-1]))
        values[1 : 1 + offers] = errors.sum(axis=(0, 1))
        values[-1] = (np.stack(parts, axis=2) * errors).sum(axis=(0, 1, 2))
        if offers > 1:
            mean = (others * gain).sum(axis=0)
            single = (mean == mean.max(axis=1, keepdims=True)) & (mean > 0)
            values[-2] = (single * errors).sum(axis=(0, 1, 2))
        spread.append(np.cov(values))
    return np.asarray(spread[1] - spread[0], dtype=np.float64)


def _table(
    first: SaveUplift,
    arms: Arms,
    rules: list[str],
    gives: Floats,
    worth: Floats,
    price: Floats,
    added: Floats,
) -> pd.DataFrame:
    from scipy.special import ndtri

    eye = np.eye(len(rules))
    contrast = np.vstack([eye, eye[-1] - eye[:-1]])
    found = arms.values(gives, worth, price)
    estimate = contrast @ found.value
    variance = np.maximum(np.einsum("cr,rs,cs->c", contrast, found.covariance, contrast), 0)
    more = np.maximum(np.einsum("cr,rs,cs->c", contrast, added, contrast), 0)
    half = float(ndtri((1 + first.conf_level) / 2)) * np.sqrt(variance + more)
    share = np.einsum("rxfk,xf->r", gives, arms.rows) / arms.rows.sum()
    return pd.DataFrame(
        {
            "rule": [*rules, *rules[:-1]],
            "quantity": ["value"] * len(rules) + ["difference"] * (len(rules) - 1),
            "estimate": estimate,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "share_offered": [*share, *share[:-1]],
            "n": int(arms.rows.sum()),
        }
    )


def _plan(arms: Arms, names: list[str], worth: Floats, price: Floats, limits: Floats) -> pd.DataFrame:
    """Return the rule to use from now on, learned from all folds."""
    gain = np.column_stack([worth * t.kept_all - c for t, c in zip(arms.trials, price, strict=True)])
    rows = arms.rows.sum(axis=1)
    given = _assigned(gain, rows, limits)
    most = given.argmax(axis=1)
    offered = given.sum(axis=1)
    some = offered > 0
    return arms.index.assign(
        offer=np.where(some, np.array(names, dtype=object)[most], NO_OFFER),
        n=rows.astype(np.int64),
        worth=np.where(some, gain[np.arange(len(gain)), most], 0.0),
        share_offered=offered,
    )


def _evidence(first: SaveUplift, arms: Arms, given: Mapping[str, SaveUplift]) -> Evidence:
    failed = {one.trial.offer: one.evidence.failed for one in given.values()}
    bad = [
        f"{name}: {join_words(check.name for check in checks)}" for name, checks in failed.items() if checks
    ]
    return Evidence(
        grade=min((one.evidence.grade for one in given.values()), key=list(GRADES).index),
        design=f"{first.evidence.design} The offer is chosen by {join_words(first.cells.cues)}.",
        unit="customers",
        n_used=int(arms.rows.sum()),
        n_given=first.cells.n_given,
        source=first.cells.source,
        assumptions=(
            *first.evidence.assumptions,
            "Customers considered from now on are like those of the trial.",
            "Margins and costs are as stated.",
        ),
        checks=(
            Check(
                name=_BY_LOT,
                null="each offer's lot passes its checks",
                passed=not bad,
                detail=f"Failed: {'; '.join(bad)}." if bad else "Each does.",
                remedy="See the evidence of save_uplift." if bad else "",
            ),
            *undated_check(first.cells),
        ),
    )
