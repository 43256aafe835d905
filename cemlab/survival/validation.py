"""How good predictions of leaving are on held-out customers, and what a plain classifier loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import check_periods
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.accuracy import brier_score, outcomes_by, risk_bands, time_dependent_auc
from cemlab.stats.lifetable import life_table
from cemlab.survival.validation_counts import Floats, HeldOut, Ints, held_out

if TYPE_CHECKING:
    import ibis.expr.types as ir

HAZARDS, NAIVE = "period hazards", "churned yes/no"
AUC, BRIER, LARGE = "AUC", "Brier score", "predicted minus observed"


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOutPredictions(Result):
    """Predictions held against what held-out customers did.

    Parameters
    ----------
    table
        One row a model, horizon and measure: model ("period hazards", "churned yes/no"), horizon [unit],
        measure ("AUC", "Brier score", "predicted minus observed"), estimate, conf_low, conf_high (bootstrap
        by customer), n (spells held out).
    calibration
        One row a model, horizon and risk band: model, horizon, band, predicted (mean risk), estimate (share
        that left, Kaplan–Meier), conf_low, conf_high, n.
    exposure
        What "churned" means to the classifier if observation stops earlier: window [unit], churned (share),
        estimate (share that leaves within the window, Kaplan–Meier), conf_low, conf_high.
    horizons, unit
        How far ahead was predicted.
    """

    calibration: pd.DataFrame
    exposure: pd.DataFrame
    horizons: tuple[float, ...]
    unit: str

    title: ClassVar[str] = "Predictions on held-out customers"
    labels: ClassVar[dict[str, str]] = {"model": "Model", "horizon": "Within"}

    def of(self, model: str, measure: str) -> pd.DataFrame:
        """Return the rows of one model and measure."""
        here = (self.table["model"] == model) & (self.table["measure"] == measure)
        return self.table[here].reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a model and horizon: AUC, Brier score, and predicted minus observed share."""
        records = []
        for (horizon, model), rows in self.table.groupby(["horizon", "model"], sort=False):
            record: dict[str, object] = {"horizon": f"{horizon:g} {self.unit}", "model": model}
            for row in rows.to_dict("records"):
                ends = (row["conf_low"], row["conf_high"])
                record[row["measure"]] = (
                    f"{points(row['estimate'])} ({100 * ends[0]:+.1f} to {100 * ends[1]:+.1f})"
                    if row["measure"] == LARGE
                    else f"{row['estimate']:.3f} ({ends[0]:.3f} to {ends[1]:.3f})"
                )
            records.append(record)
        return pd.DataFrame(records)

    def narrative(self) -> str:
        """Tell discrimination and calibration of the model, and what the classifier loses."""
        sentences = []
        for i, horizon in enumerate(self.horizons):
            auc, large, naive = (
                self.of(model, measure).iloc[i]
                for model, measure in ((HAZARDS, AUC), (HAZARDS, LARGE), (NAIVE, LARGE))
            )
            sentences.append(
                f"Within {horizon:g} {self.unit}: of a customer who leaves and one who stays, the model "
                "gives the "
                f"higher risk to the first in {percent(auc['estimate'])} "
                f"({percent_range(auc['conf_low'], auc['conf_high'])}) of pairs; predicted minus observed "
                f"is {points(large['estimate'])} "
                f"({100 * large['conf_low']:+.1f} to {100 * large['conf_high']:+.1f}), the "
                f"yes/no classifier {points(naive['estimate'])} ({100 * naive['conf_low']:+.1f} to "
                f"{100 * naive['conf_high']:+.1f})."
            )
        short, full = self.exposure.iloc[0], self.exposure.iloc[-1]
        sentences.append(
            f"A classifier of “churned” has no horizon: it learns {percent(short['churned'])} if "
            "observation stops "
            f"after {short['window']:g} {self.unit} and {percent(full['churned'])} with all of it, "
            "because it counts "
            "those whose observation broke off as staying."
        )
        return " ".join([*sentences, f"({100 * self.conf_level:g} % intervals.)"])

    @property
    def chart(self) -> Chart:
        """Observed against predicted share by risk band, at the first horizon."""
        here = self.calibration[self.calibration["horizon"] == self.horizons[0]]
        ends = np.array([0.0, float(max(here["predicted"].max(), here["conf_high"].max()))])
        exact = pd.DataFrame(
            {"model": "exact", "predicted": ends, "estimate": ends, "conf_low": ends, "conf_high": ends}
        )
        columns = list(exact.columns)
        gaps = [abs(float(self.of(model, LARGE).iloc[0]["estimate"])) for model in (HAZARDS, NAIVE)]
        claim = (
            f"Within {self.horizons[0]:g} {self.unit} the hazard model is off by {100 * gaps[0]:.1f} points, "
            f"the yes/no classifier by {100 * gaps[1]:.1f}"
        )
        return Chart(
            kind="line",
            frame=pd.concat([exact, here[columns]], ignore_index=True),
            x="predicted",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="model",
            x_label="Predicted risk (mean of the band, as a share)",
            y_label=f"Left within {self.horizons[0]:g} {self.unit} [%]",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def predictions_held_out(
    spells: ir.Table | pd.DataFrame,
    *,
    customer: str,
    duration: str,
    event: str,
    covariates: Sequence[str],
    periods: Sequence[float],
    horizons: Sequence[float],
    seed: int,
    entry: str | None = None,
    causes: Sequence[str] | None = None,
    share: float = 0.3,
    bands: int = 5,
    resamples: int = 200,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
) -> HeldOutPredictions:
    """Answer how good predictions of leaving are on customers they were not learned from.

    Customers are parted by a hash of their name and the seed. The model of
    :func:`cemlab.survival.period_hazards` is learned from one part; for the other, the chance to leave within
    each horizon is predicted from the day observation began, given the tenure reached by then, and held
    against what happened. Beside it stands what is often done instead: a logistic classifier of "churned, yes
    or no".

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    customer
        Column with the customer; all spells of one lie on one side of the split.
    duration, event, entry, causes, covariates, periods
        As in :func:`cemlab.survival.period_hazards`; the periods must reach as far as predictions are wanted.
    horizons
        How far ahead to predict [the unit of `duration`].
    seed
        Of the split and of the bootstrap.
    share
        Of the customers to hold out, between 0 and 1.
    bands
        Risk bands of the calibration, 2 to 20.
    resamples
        Bootstrap samples, 50 to 5,000.
    conf_level, unit, source
        Confidence level, the unit of time, the line under every figure.

    Returns
    -------
    HeldOutPredictions
        Its table has model, horizon, measure, estimate, conf_low, conf_high, n.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For what the model refuses, an empty side of the split, or a horizon that nobody held out was observed
        for.

    Notes
    -----
    With late entry a prediction is made at entry, so the time from there on is not cut off on the left.
    Censoring is assumed to be independent of risk, separately among those seen from the start and those who
    entered late. Spells for which a horizon lies beyond the periods are left out and counted.

    References
    ----------
    Uno et al. (2007), Journal of the American Statistical Association 102, 527–537; Graf et al. (1999),
    Statistics in Medicine 18, 2529–2545.
    """
    check_conf_level(conf_level)
    cuts = check_periods(periods)
    _check_options(horizons, share, bands, resamples)
    data = held_out(
        spells,
        customer=customer,
        duration=duration,
        event=event,
        entry=entry,
        causes=causes,
        covariates=covariates,
        cuts=cuts,
        share=share,
        seed=seed,
        unit=unit,
        conf_level=conf_level,
    )
    ahead = tuple(float(h) for h in horizons)
    furthest = data.risk(max(ahead))
    usable = np.isfinite(furthest)
    if not usable.any():
        raise DesignError(
            f"a horizon of {max(ahead):g} {unit} lies beyond the periods (up to {cuts[-1]:g}) for all "
            "held-out "
            "spells; shorten it, or let the periods reach further"
        )
    cells = data.cells[usable].reset_index(drop=True)
    naive = data.naive()[usable]
    tables, calibrations = [], []
    for horizon in ahead:
        for model, risk in ((HAZARDS, data.risk(horizon)[usable]), (NAIVE, naive)):
            rng = np.random.default_rng(seed)
            rows = _measures(cells, risk, horizon, resamples, conf_level, rng)
            tables.append(rows.assign(model=model, horizon=horizon))
            calibrations.append(
                _calibration(cells, risk, horizon, bands, conf_level).assign(model=model, horizon=horizon)
            )
    table = pd.concat(tables, ignore_index=True)
    calibration = pd.concat(calibrations, ignore_index=True)
    n_used = int(cells["n"].sum())
    return HeldOutPredictions(
        table=table[["model", "horizon", "measure", "estimate", "conf_low", "conf_high", "n"]],
        evidence=_evidence(data, n_used, calibration, seed, share, source, entry is not None),
        conf_level=conf_level,
        calibration=calibration[
            ["model", "horizon", "band", "predicted", "estimate", "conf_low", "conf_high", "n"]
        ],
        exposure=_exposure(cells, ahead, conf_level),
        horizons=ahead,
        unit=unit,
    )


def _check_options(horizons: Sequence[float], share: float, bands: int, resamples: int) -> None:
    if isinstance(horizons, str) or not len(horizons) or not all(0 < h < np.inf for h in horizons):
        raise OptionError(f"horizons are {horizons!r}; give lengths of time above 0, e.g. [6, 12]")
    if not 0 < share < 1:
        raise OptionError(f"share is {share!r}; allowed: a share of customers between 0 and 1, e.g. 0.3")
    if not 2 <= bands <= 20:
        raise OptionError(f"bands is {bands!r}; allowed: 2 to 20 risk bands")
    if not 50 <= resamples <= 5000:
        raise OptionError(f"resamples is {resamples!r}; allowed: 50 to 5,000")


def _measures(
    cells: pd.DataFrame,
    risk: Floats,
    horizon: float,
    resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return AUC, Brier score and predicted minus observed with percentile intervals."""
    time = (cells["t"] - cells["s"]).to_numpy()
    event, late = cells["e"].to_numpy(dtype=bool), (cells["s"] > 0).to_numpy().astype(np.int64)
    n = cells["n"].to_numpy(dtype=np.int64)

    def told(size: Ints) -> tuple[float, float, float]:
        outcomes = outcomes_by(time, event=event, n=size, horizon=horizon, stratum=late)
        weight = outcomes.weight * size
        observed = float(weight[outcomes.case].sum() / weight.sum())
        return (
            time_dependent_auc(risk, outcomes, n=size),
            brier_score(risk, outcomes, n=size),
            float(np.average(risk, weights=size)) - observed,
        )

    total = int(n.sum())
    drawn = np.array([told(rng.multinomial(total, n / total)) for _ in range(resamples)])
    low, high = np.nanquantile(drawn, [(1 - conf_level) / 2, (1 + conf_level) / 2], axis=0)
    return pd.DataFrame(
        {
            "measure": [AUC, BRIER, LARGE],
            "estimate": told(n),
            "conf_low": low,
            "conf_high": high,
            "n": total,
        }
    )


def _calibration(
    cells: pd.DataFrame, risk: Floats, horizon: float, bands: int, conf_level: float
) -> pd.DataFrame:
    n = cells["n"].to_numpy(dtype=np.int64)
    band = risk_bands(risk, n=n, bands=bands)
    rows = []
    for k in range(int(band.max()) + 1):
        here = band == k
        estimate, low, high = _left_within(cells[here], horizon, conf_level)
        rows.append(
            {
                "band": k + 1,
                "predicted": float(np.average(risk[here], weights=n[here])),
                "estimate": estimate,
                "conf_low": low,
                "conf_high": high,
                "n": int(n[here].sum()),
            }
        )
    return pd.DataFrame(rows)


def _left_within(cells: pd.DataFrame, horizon: float, conf_level: float) -> tuple[float, float, float]:
    """Return the share that left within a time of the prediction, by Kaplan–Meier."""
    table = life_table(cells["t"] - cells["s"], event=cells["e"], n=cells["n"], conf_level=conf_level)
    at = {name: float(values[0]) for name, values in table.at(horizon).items()}
    return 1 - at["survival"], 1 - at["conf_high"], 1 - at["conf_low"]


def _exposure(cells: pd.DataFrame, horizons: tuple[float, ...], conf_level: float) -> pd.DataFrame:
    """Return what "churned" comes to if observation had stopped earlier, beside the share that leaves."""
    time, n = (cells["t"] - cells["s"]).to_numpy(), cells["n"].to_numpy(dtype=float)
    rows = []
    for window in (*sorted(horizons), float(time.max())):
        churned = float(np.average(cells["e"].to_numpy(dtype=bool) & (time <= window), weights=n))
        estimate, low, high = _left_within(cells, window, conf_level)
        rows.append(
            {"window": window, "churned": churned, "estimate": estimate, "conf_low": low, "conf_high": high}
        )
    return pd.DataFrame(rows)


def _evidence(
    data: HeldOut, n_used: int, calibration: pd.DataFrame, seed: int, share: float, source: str, late: bool
) -> Evidence:
    mine = calibration[calibration["model"] == HAZARDS]
    outside = mine[(mine["predicted"] < mine["conf_low"]) | (mine["predicted"] > mine["conf_high"])]
    several = data.n_held_out - data.n_customers
    return Evidence(
        grade="descriptive",
        design=(
            f"Customers parted by a hash with seed {seed}, {percent(share)} held out; the model was "
            "learned from "
            "the others."
        ),
        unit="held-out spells",
        n_used=n_used,
        n_given=data.n_held_out,
        source=source,
        assumptions=(
            "Whose observation breaks off would leave as others of the same kind do, whatever the risk "
            "predicted.",
            *(
                (
                    "Those who entered late are predicted from their entry on, given the tenure reached; "
                    "their "
                    "observation breaks off at a pace of their own.",
                )
                if late
                else ()
            ),
        ),
        checks=(
            Check(
                name="calibration",
                null="as many leave as predicted in each risk band",
                # with 95 % intervals one band in twenty lies outside by chance
                passed=len(outside) <= max(1, round(0.2 * len(mine))),
                detail=f"{len(outside)} of {len(mine)} bands lie outside their interval.",
                remedy="Add covariates, or let ratios change by period.",
            ),
            Check(
                name="one spell a customer",
                null="held-out spells are of different customers",
                passed=True if several == 0 else None,
                detail=f"{data.n_held_out:,} spells of {data.n_customers:,} customers.",
                remedy="Intervals take spells as independent; with several a customer they are too narrow.",
            ),
        ),
    )
