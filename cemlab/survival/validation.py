"""How good predictions of leaving are on held-out customers, and what a plain classifier loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import check_periods, is_number, is_whole
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import check_seed, generator
from cemlab.survival.validation_checks import calibration_check
from cemlab.survival.validation_counts import HeldOut, held_out
from cemlab.survival.validation_rows import AUC, LARGE, calibration_rows, exposure_rows, measures

if TYPE_CHECKING:
    import ibis.expr.types as ir

HAZARDS, NAIVE = "period hazards", "churned yes/no"


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
        that left for the causes asked for, Aalen–Johansen; Kaplan–Meier where there are no others), conf_low,
        conf_high (exact where none or all left), n.
    exposure
        What "churned" means to the classifier if observation stops earlier: window [unit], churned (share),
        estimate (share that leaves within the window, as in `calibration`), conf_low, conf_high.
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
        both = pd.concat([exact, here[list(exact.columns)]], ignore_index=True)
        gaps = [abs(float(self.of(model, LARGE).iloc[0]["estimate"])) for model in (HAZARDS, NAIVE)]
        claim = (
            f"Within {self.horizons[0]:g} {self.unit} the hazard model is off by {100 * gaps[0]:.1f} points, "
            f"the yes/no classifier by {100 * gaps[1]:.1f}"
        )
        return Chart(
            kind="line",
            # the height is shown in per cent by the picture, what lies along the axis below as it is given
            frame=both.assign(predicted=100 * both["predicted"]),
            x="predicted",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="model",
            x_label="Predicted risk, mean of the band [%]",
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
    known: Mapping[str, str] | None = None,
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
    duration, event, entry, causes, covariates, periods, known
        As in :func:`cemlab.survival.period_hazards`; the periods must reach as far as predictions are wanted.
        With `causes`, the chance to leave for them is predicted and observed while others leave for other
        causes (cumulative incidence); who left for another cause did not leave for these.
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
    entered late (together where fewer than 20 of either were observed up to a horizon). The bootstrap draws
    customers with all their spells, in up to 4,096 lots where they have several. Spells for which a horizon
    lies beyond the periods are left out and counted.

    References
    ----------
    Uno et al. (2007), Journal of the American Statistical Association 102, 527–537; Graf et al. (1999),
    Statistics in Medicine 18, 2529–2545; Aalen & Johansen (1978), Scandinavian Journal of Statistics 5,
    141–150; Hosmer & Lemeshow (1980), Communications in Statistics A 9, 1043–1069.
    """
    check_conf_level(conf_level)
    check_seed(seed)
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
        known=known,
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
    naive, lots = data.naive()[usable], _lots_of(data, usable)
    tables, calibrations = [], []
    for horizon in ahead:
        for model, risk in ((HAZARDS, data.risk(horizon)[usable]), (NAIVE, naive)):
            rows = measures(
                cells,
                risk,
                horizon,
                lots=lots,
                resamples=resamples,
                conf_level=conf_level,
                rng=generator(seed),
            )
            tables.append(rows.assign(model=model, horizon=horizon))
            by_band = calibration_rows(cells, risk, horizon, bands=bands, conf_level=conf_level)
            calibrations.append(by_band.assign(model=model, horizon=horizon))
    table = pd.concat(tables, ignore_index=True)
    calibration = pd.concat(calibrations, ignore_index=True)
    n_used = int(cells["n"].sum())
    return HeldOutPredictions(
        table=table[["model", "horizon", "measure", "estimate", "conf_low", "conf_high", "n"]],
        evidence=_evidence(
            data,
            n_used,
            calibration_check(data, usable, ahead, bands=bands),
            seed,
            share,
            source,
            entry is not None,
        ),
        conf_level=conf_level,
        calibration=calibration[
            ["model", "horizon", "band", "predicted", "estimate", "conf_low", "conf_high", "n"]
        ],
        exposure=exposure_rows(cells, ahead, conf_level),
        horizons=ahead,
        unit=unit,
    )


def _lots_of(data: HeldOut, usable: np.ndarray) -> pd.DataFrame | None:
    """Return the lots of the usable cells, which are numbered anew."""
    if data.lots is None:
        return None
    lots = data.lots[usable[data.lots["cell"]]]
    cell = (np.cumsum(usable) - 1)[lots["cell"]]
    return lots.assign(cell=cell, lot=pd.factorize(lots["lot"])[0]).reset_index(drop=True)


def _check_options(horizons: Sequence[float], share: float, bands: int, resamples: int) -> None:
    listed = np.iterable(horizons) and not isinstance(horizons, str)
    if not listed or not len(horizons) or not all(is_number(h) and h > 0 for h in horizons):
        raise OptionError(f"horizons are {horizons!r}; give lengths of time above 0 in a list, e.g. [6, 12]")
    if not is_number(share) or not 0 < share < 1:
        raise OptionError(f"share is {share!r}; allowed: a share of customers between 0 and 1, e.g. 0.3")
    if not is_whole(bands) or not 2 <= bands <= 20:
        raise OptionError(f"bands is {bands!r}; allowed: 2 to 20 risk bands")
    if not is_whole(resamples) or not 50 <= resamples <= 5000:
        raise OptionError(f"resamples is {resamples!r}; allowed: 50 to 5,000")


def _evidence(
    data: HeldOut, n_used: int, calibration: Check, seed: int, share: float, source: str, late: bool
) -> Evidence:
    others = data.model.others
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
            "Covariates were known when observation of a spell began.",
            *(
                (f"Leaving is leaving for {others.causes}; who left for another cause has not left so.",)
                if others
                else ()
            ),
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
            calibration,
            Check(
                name="one spell a customer",
                null="held-out spells are of different customers",
                passed=True if several == 0 else None,
                detail=f"{data.n_held_out:,} spells of {data.n_customers:,} customers.",
                remedy="Intervals of the table resample customers; those of single risk bands take spells as "
                "independent and are too narrow.",
            ),
        ),
    )
