"""What an offer changes by class, by predicted band, and as a curve; and whom it drives away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.save_offers import NO_OFFER, SaveCells
from cemlab.evidence import HypothesisTest
from cemlab.saves.learned_errors import added_to_bands, added_to_curve
from cemlab.saves.trial import Trial
from cemlab.stats.holm import holm
from cemlab.stats.intervals import difference_of_shares, wilson
from cemlab.stats.uplift_curve import uplift_curve

Floats = NDArray[np.float64]

#: Points of a curve.
_GRID = np.linspace(0.0, 1.0, 21)


def change_table(cells: SaveCells, trial: Trial, conf_level: float) -> pd.DataFrame:
    """Return the change of the share that leaves: over all, by class, and by each value of each cue.

    Where the lot was drawn by class, figures of several classes are weighted by class; their intervals are
    put together from those of the classes (Zou & Donner 2008).
    """
    own = cells.table[cells.table["offer"].isin([NO_OFFER, trial.offer])]
    features = {"all": pd.Series("all", index=own.index), "class": own["class"]}
    features |= {cue: own[cue] for cue in cells.cues if cue != "risk"}
    long = pd.concat([own.assign(feature=name, level=level) for name, level in features.items()])
    long = long.assign(
        arm=(long["offer"] == trial.offer).astype(int), stratum=long["class"] if trial.by_class else "all"
    )
    counted = long.pivot_table(
        index=["feature", "level", "stratum"],
        columns="arm",
        values=["n", "left", "other"],
        aggfunc="sum",
        fill_value=0,
    )
    frame = _weighted(counted, conf_level) if trial.by_class else _changes(counted, conf_level)
    order = {name: place for place, name in enumerate(features)}
    return (
        frame.reset_index()
        .drop(columns="stratum", errors="ignore")
        .sort_values(
            ["feature", "level"],
            key=lambda c: c.map(order).fillna(0) if c.name == "feature" else c,
            ignore_index=True,
        )
    )


def _changes(counted: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Return the change of each row of counts, with Newcombe's interval."""
    n = {arm: counted["n", arm].to_numpy(dtype=np.int64) for arm in (0, 1)}
    shares = {arm: wilson(counted["left", arm], n[arm], conf_level=conf_level) for arm in (0, 1)}
    change = difference_of_shares(shares[1], shares[0])
    return pd.DataFrame(
        {
            "estimate": change.estimate,
            "conf_low": change.conf_low,
            "conf_high": change.conf_high,
            "share_with": shares[1].estimate,
            "share_without": shares[0].estimate,
            "n_with": n[1],
            "n_without": n[0],
            "n_other": (counted["other", 0] + counted["other", 1]).to_numpy(dtype=np.int64),
        },
        index=counted.index,
    )


def _weighted(counted: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Return changes of each level, the classes in it weighted by their customers in both arms."""
    both = (counted["n", 0] > 0) & (counted["n", 1] > 0)
    each = _changes(counted.loc[both], conf_level)
    by = ["feature", "level"]
    size = (each["n_with"] + each["n_without"]).astype(float)
    weight = size / size.groupby(by).transform("sum")
    columns = ["estimate", "share_with", "share_without"]
    mean = each[columns].mul(weight, axis=0).groupby(by).sum()
    below = (weight * (each["estimate"] - each["conf_low"])) ** 2
    above = (weight * (each["conf_high"] - each["estimate"])) ** 2
    counts = each[["n_with", "n_without", "n_other"]].groupby(by).sum()
    low = mean["estimate"] - np.sqrt(below.groupby(by).sum())
    high = mean["estimate"] + np.sqrt(above.groupby(by).sum())
    frame = mean.assign(conf_low=low, conf_high=high).join(counts)
    return frame[list(each.columns)]


def ranked_curves(trial: Trial, conf_level: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves by predicted uplift, by risk and at random, and their Qini coefficients."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + conf_level) / 2))
    folds = trial.n.shape[1]
    n = trial.n.reshape(-1, 2)
    kept = (trial.n - trial.left).reshape(-1, 2)
    some = n.sum(axis=1) > 0
    arms = n.sum(axis=0) / n.sum()
    lot = np.repeat(np.column_stack([1 - trial.share, trial.share]), folds, axis=0)
    centre = np.broadcast_to(trial.kept_all[:, None], trial.rows.shape)
    learning = added_to_curve(
        centre,
        centre[..., None] + trial.noise_learned,
        trial.noise / trial.rows.sum(),
        trial.rows,
        share=_GRID,
    )
    curves, coefficients = [], []
    for rule, score in (("by uplift", trial.kept), ("by risk", trial.risk)):
        place = _ranks(score, trial.rows).ravel()
        curve = uplift_curve(
            place[some], n[some], kept[some], share=_GRID, weight=(arms / lot)[some], seed=seed
        )
        more, wider = learning if rule == "by uplift" else (np.zeros_like(_GRID), 0.0)
        half = reach * np.sqrt(curve.gain_error**2 + more)
        curves.append(_curve(rule, curve.gain, curve.gain - half, curve.gain + half))
        spread = reach * float(np.sqrt(curve.qini_error**2 + wider))
        coefficients.append((rule, curve.qini, curve.qini - spread, curve.qini + spread))
        if rule == "by uplift":
            end = curve.gain_error[-1] * _GRID * reach
            line = _curve("at random", curve.at_random, curve.at_random - end, curve.at_random + end)
    table = pd.DataFrame(coefficients, columns=["rule", "estimate", "conf_low", "conf_high"])
    return pd.concat([*curves, line], ignore_index=True), table


def _ranks(score: Floats, rows: Floats) -> Floats:
    """Return the share of a fold's customers that lie below each cell, half of its own among them, (x, f).

    Folds are never ranked against each other: whatever made one fold's effect large by chance is missing from
    what the others taught about it, so that a common ranking would seem worse than chance.
    """
    place = np.empty_like(score)
    for fold in range(score.shape[1]):
        tied = np.unique(score[:, fold], return_inverse=True)[1]
        size = np.bincount(tied, rows[:, fold])
        place[:, fold] = ((np.cumsum(size) - size / 2) / size.sum())[tied]
    return place


def _curve(rule: str, gain: Floats, low: Floats, high: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {"rule": rule, "share_offered": _GRID, "estimate": gain, "conf_low": low, "conf_high": high}
    )


def calibration(trial: Trial, bands: int, conf_level: float) -> pd.DataFrame:
    """Return what was predicted and what was seen, by bands of the uplift predicted without the fold."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + conf_level) / 2))
    rows = trial.rows.ravel()
    predicted, total, squares = (
        part.ravel() for part in (trial.kept, trial.scores.total, trial.scores.squares)
    )
    place = _ranks(trial.kept, trial.rows).ravel()
    band = np.minimum((bands * place).astype(np.int64), bands - 1)
    n = np.bincount(band, rows, minlength=bands)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(band, total, minlength=bands) / n
        spread = np.sqrt(np.maximum(np.bincount(band, squares, minlength=bands) / n - mean**2, 0) / n)
        told = np.bincount(band, rows * predicted, minlength=bands) / n
    centre = np.broadcast_to(trial.kept_all[:, None], trial.rows.shape)
    again = centre[..., None] + trial.noise_learned
    spread = np.sqrt(spread**2 + added_to_bands(centre, again, trial.noise, trial.rows, bands=bands))
    frame = pd.DataFrame(
        {
            "band": np.arange(1, bands + 1),
            "predicted": told,
            "estimate": mean,
            "conf_low": mean - reach * spread,
            "conf_high": mean + reach * spread,
            "n": n.astype(np.int64),
        }
    )
    return frame[frame["n"] > 0].reset_index(drop=True)


def sleeping_dogs(table: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Return for each class whether an offer drives customers away, allowing for all classes being tested."""
    own = table[table["feature"] == "class"].reset_index(drop=True)
    p = np.array([_harm(row) for row in own.to_dict("records")])
    adjusted = holm(p)
    size = (own["n_with"] + own["n_without"]).to_numpy()
    return pd.DataFrame(
        {
            "class": own["level"],
            "share": size / size.sum(),
            "estimate": own["estimate"],
            "conf_low": own["conf_low"],
            "conf_high": own["conf_high"],
            "p_value": p,
            "p_adjusted": adjusted,
            "harmful": adjusted < 1 - conf_level,
        }
    )


def _harm(row: Mapping[Any, Any]) -> float:
    """Return Fisher's one-sided p-value that no more leave with an offer than without."""
    from scipy.stats import fisher_exact

    arms = [
        [round(row[f"share_{arm}"] * row[f"n_{arm}"]), round((1 - row[f"share_{arm}"]) * row[f"n_{arm}"])]
        for arm in ("with", "without")
    ]
    return float(fisher_exact(np.array(arms), alternative="greater").pvalue)


def same_everywhere(table: pd.DataFrame) -> HypothesisTest | None:
    """Return Cochran's test that the offer changes leaving equally in every class; None for one class."""
    from scipy.stats import chi2

    own = table[table["feature"] == "class"]
    n = own[["n_with", "n_without"]].to_numpy(dtype=float)
    # half a customer more of each keeps the variance of a class without leavers from being zero
    share = (own[["share_with", "share_without"]].to_numpy() * n + 0.5) / (n + 1)
    variance = (share * (1 - share) / n).sum(axis=1)
    change = own["estimate"].to_numpy()
    if len(own) < 2:
        return None
    mean = (change / variance).sum() / (1 / variance).sum()
    statistic = float(((change - mean) ** 2 / variance).sum())
    return HypothesisTest(
        name="Cochran's Q",
        null="the offer changes leaving equally in every class",
        statistic=statistic,
        df=len(own) - 1,
        p_value=float(chi2.sf(statistic, len(own) - 1)),
    )
