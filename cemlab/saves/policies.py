"""Whom to make a save offer under budget and capacity: by risk, by uplift, or otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.evidence import Evidence
from cemlab.markup import amount, percent
from cemlab.saves.learned_errors import added_to_curve
from cemlab.saves.lot import told_failed
from cemlab.saves.rule_values import RuleValues, told_money
from cemlab.saves.uplift import SaveUplift
from cemlab.saves.valuing import Arms, arms_of, considered_or_trial, margins, money, price_of, reachable
from cemlab.stats.arm_values import top_share

Floats = NDArray[np.float64]

#: The rules, in the order of the table.
NOBODY, EVERYONE, RANDOM, BY_RISK, BY_UPLIFT = "nobody", "everyone", "at random", "by risk", "by uplift"
RULES = (NOBODY, EVERYONE, RANDOM, BY_RISK, BY_UPLIFT)

_GRID = np.linspace(0.0, 1.0, 21)
_FEW = 0.01  # share of those considered below which offers are told by their number


@dataclass(frozen=True, eq=False, kw_only=True)
class SavePolicies(RuleValues):
    """What rules for save offers earn per customer considered.

    Parameters
    ----------
    table
        One row a rule (quantity ``"value"``), and the difference of ``"by uplift"`` to each other one
        (``"difference"``): rule, quantity, estimate, conf_low, conf_high (currency of the margin per customer
        considered, cost taken off), share_offered, total (for all considered), n.
    curve
        The profit by the share offered: rule, share_offered, estimate, conf_low, conf_high.
    plan
        Who gets an offer: class, cues, n, worth (predicted, of an offer to one customer), share_offered.
    reach
        Largest share of those considered that capacity and budget allow.
    """

    curve: pd.DataFrame
    plan: pd.DataFrame
    reach: float

    title: ClassVar[str] = "What rules for save offers earn"
    labels: ClassVar[dict[str, str]] = {
        "rule": "Offers",
        "value": "Profit per customer considered",
        "share_offered": "Offered",
        "difference": "By uplift earns more by",
    }

    def narrative(self) -> str:
        """Tell what the rules earn, and whether uplift beats risk."""
        value = {row["rule"]: row for row in self.of("value").to_dict("records")}
        gap = next(row for row in self.of("difference").to_dict("records") if row["rule"] == BY_RISK)
        if gap["conf_low"] > 0:
            verdict = "Offers by uplift earn more."
        elif gap["conf_high"] < 0:
            verdict = "Offers by risk earn more."
        else:
            verdict = "Which of the two earns more cannot be told from this trial."
        told = {rule: told_money(row) for rule, row in value.items()}
        text = (
            f"With offers to at most {self._most} of {self.considered:,} customers "
            f"considered, those with the highest uplift bring {told[BY_UPLIFT]}{self.unit} per customer "
            f"considered, those with the highest risk {told[BY_RISK]}; the difference is "
            f"{told_money(gap)}. {verdict} Offers to everyone would bring {told[EVERYONE]}."
        )
        return text + told_failed(self.evidence)

    @property
    def _most(self) -> str:
        """The share that can be offered, as a number of offers where it would be rounded to nothing."""
        few = self.reach < _FEW
        return f"{self.reach * self.considered:,.0f}" if few else percent(self.reach, digits=0)

    @property
    def chart(self) -> Chart:
        """Profit curves by the share offered."""
        value = self.of("value").set_index("rule")["estimate"]
        return Chart(
            kind="line",
            frame=self.curve,
            x="share_offered",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="rule",
            x_label="Share of those considered who get an offer",
            y_label=self.money_label,
            claim=(
                f"With at most {self._most} offered, uplift earns "
                f"{amount(float(value[BY_UPLIFT]))}{self.unit} per customer, risk "
                f"{amount(float(value[BY_RISK]))}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
        )


def save_policies(
    uplift: SaveUplift,
    *,
    margin: float | Mapping[str, float],
    cost: float | None = None,
    capacity: int | None = None,
    budget: float | None = None,
    considered: int | None = None,
    currency: str = "",
) -> SavePolicies:
    """Answer whom to make a save offer, and what it earns against targeting by risk.

    Parameters
    ----------
    uplift
        From :func:`cemlab.saves.save_uplift`; nothing is learned again.
    margin
        Worth of a customer kept [currency, expected remaining margin], one for all or by class of risk.
    cost
        Price of an offer made [currency]; by default what one cost in the trial.
    capacity
        Most customers that the team can serve, of those considered.
    budget
        Most that may be spent on offers [currency].
    considered
        Customers that the rules are for; by default those of the trial.
    currency
        That of the margin, for titles and words.

    Returns
    -------
    SavePolicies
        Its table has rule, quantity, estimate, conf_low, conf_high, share_offered, total, n.

    Raises
    ------
    OptionError
        If an amount is none, a class has no margin, or no price is told or given.

    Notes
    -----
    Rules are learned without each fold and valued on it, doubly robust; the errors allow for that a rule of
    uplift learned from one trial is in doubt (Luedtke & van der Laan 2016). ``"everyone"`` knows neither
    budget nor capacity. ``"by uplift"`` makes no offer that is expected to lose money, even with hands free;
    the curve goes on, to show what further offers would cost. It is valued for customers like those of the
    trial.

    References
    ----------
    Ascarza, E. (2018). Retention futility: targeting high-risk customers might be ineffective. Journal of
    Marketing Research 55, 80–98.
    Luedtke, A. R. & van der Laan, M. J. (2016). Statistical inference for the mean outcome under a possibly
    non-unique optimal treatment strategy. Annals of Statistics 44, 713–742.

    Examples
    --------
    >>> from cemlab import simulate
    >>> from cemlab.data.save_offers import save_offer_cells
    >>> from cemlab.saves import save_uplift
    >>> company = simulate.company(customers=2000)
    >>> cells = save_offer_cells(company.table("save_offers"), subscriptions=company.table("subscriptions"),
    ...                          as_of=company.info.as_of, cues=("risk", "plan"))
    >>> rules = save_policies(save_uplift(cells), margin=3600, capacity=100)
    >>> rules.of("value")["rule"].tolist()
    ['nobody', 'everyone', 'at random', 'by risk', 'by uplift']
    """
    trial = uplift.trial
    arms = arms_of([trial])
    worth = margins(trial, margin)
    price = price_of(uplift.cells, trial.offer, "cost=…") if cost is None else money(cost, "cost")
    size = considered_or_trial(considered, int(arms.rows.sum()))
    reach = reachable(size, price, capacity, budget)
    gives = _rules(arms, worth, price, reach)
    return SavePolicies(
        table=_table(uplift, arms, gives, worth, price, reach, size),
        evidence=_evidence(uplift, size),
        conf_level=uplift.conf_level,
        curve=_curve(uplift, arms, worth, price),
        plan=_plan(uplift, worth, price, reach),
        considered=size,
        currency=currency,
        reach=reach,
    )


def _rules(arms: Arms, worth: Floats, price: float, reach: float) -> Floats:
    """Return whom each rule makes an offer, learned without the fold, of shape (rules, x, f, 1)."""
    (trial,) = arms.trials
    rows = arms.rows
    gain = worth[:, None] * trial.kept - price
    chosen = [
        np.zeros_like(rows),
        np.ones_like(rows),
        np.full_like(rows, reach),
        top_share(trial.risk, rows, reach),
        top_share(gain, rows, reach, at_least=0.0),
    ]
    return np.stack(chosen)[..., None]


def _table(
    uplift: SaveUplift, arms: Arms, gives: Floats, worth: Floats, price: float, reach: float, size: int
) -> pd.DataFrame:
    from scipy.special import ndtri

    z = float(ndtri((1 + uplift.conf_level) / 2))
    others = len(RULES) - 1
    contrast = np.vstack([np.eye(len(RULES)), np.eye(len(RULES))[-1] - np.eye(len(RULES))[:-1]])
    found = arms.values(gives, worth, np.array([price]))
    estimate = contrast @ found.value
    added = _learning_adds(arms, worth, price, reach)
    uplifted = contrast[:, -1] != 0
    variance = (
        np.maximum(np.einsum("cr,rs,cs->c", contrast, found.covariance, contrast), 0) + added * uplifted
    )
    half = z * np.sqrt(variance)
    share = np.einsum("rxfk,xf->r", gives, arms.rows) / arms.rows.sum()
    return pd.DataFrame(
        {
            "rule": [*RULES, *RULES[:-1]],
            "quantity": ["value"] * len(RULES) + ["difference"] * others,
            "estimate": estimate,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "share_offered": [*share, *share[:-1]],
            "total": estimate * size,
            "n": int(arms.rows.sum()),
        }
    )


def _learning_adds(arms: Arms, worth: Floats, price: float, reach: float) -> float:
    """Return what having learned the rule by uplift adds to the variance of its value."""
    (trial,) = arms.trials
    own, learned = (part[:, :, 0] for part in arms.redrawn())
    rows = arms.rows
    errors = worth[:, None, None] * own / rows.sum()
    centre = np.broadcast_to(trial.kept_all[:, None], rows.shape)
    held = top_share(worth[:, None] * centre - price, rows, reach, at_least=0.0)
    gain = worth[:, None, None] * (centre[..., None] + learned) - price
    redone = top_share(gain, rows[..., None], reach, at_least=0.0)
    spread = [float((part * errors).sum(axis=(0, 1)).var()) for part in (redone, held[..., None])]
    return max(spread[0] - spread[1], 0.0)


def _curve(uplift: SaveUplift, arms: Arms, worth: Floats, price: float) -> pd.DataFrame:
    from scipy.special import ndtri

    trial, rows = uplift.trial, arms.rows
    z = float(ndtri((1 + uplift.conf_level) / 2))
    ranked = {BY_UPLIFT: worth[:, None] * trial.kept - price, BY_RISK: trial.risk}
    chosen = {name: [top_share(score, rows, float(q)) for q in _GRID] for name, score in ranked.items()}
    chosen[RANDOM] = [np.full_like(rows, q) for q in _GRID]
    centre = np.broadcast_to((worth * trial.kept_all - price)[:, None], rows.shape)
    learning = added_to_curve(
        centre,
        centre[..., None] + worth[:, None, None] * trial.noise_learned,
        worth[:, None, None] * trial.noise / rows.sum(),
        rows,
        share=_GRID,
    ).curve
    frames = []
    for name, parts in chosen.items():
        found = arms.values(np.stack(parts)[..., None], worth, np.array([price]))
        more = learning if name == BY_UPLIFT else 0.0
        half = z * np.sqrt(np.maximum(np.diag(found.covariance), 0) + more)
        frames.append(
            pd.DataFrame(
                {
                    "rule": name,
                    "share_offered": _GRID,
                    "estimate": found.value,
                    "conf_low": found.value - half,
                    "conf_high": found.value + half,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _plan(uplift: SaveUplift, worth: Floats, price: float, reach: float) -> pd.DataFrame:
    trial = uplift.trial
    gain, rows = worth * trial.kept_all - price, trial.rows.sum(axis=1)
    return trial.index.assign(
        n=rows.astype(np.int64),
        worth=gain,
        share_offered=top_share(gain, rows, reach, at_least=0.0),
    )


def _evidence(uplift: SaveUplift, size: int) -> Evidence:
    given = uplift.evidence
    n, folds = int(uplift.trial.n.sum()), uplift.cells.folds
    return Evidence(
        grade=given.grade,
        design=f"{given.design} Rules are learned without each of {folds} folds of the customers and valued "
        f"on it; {n:,} customers value rules for {size:,}.",
        unit=given.unit,
        n_used=given.n_used,
        n_given=given.n_given,
        source=given.source,
        assumptions=(
            *given.assumptions,
            "Customers considered from now on are like those of the trial.",
            "Margins and costs are as stated.",
        ),
        checks=given.checks,
    )
