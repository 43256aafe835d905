"""How strong an unrecorded confounder would have to be to change what a point is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cemlab.errors import ColumnError, OptionError, one_of
from cemlab.evidence import Check, Evidence, Grade
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.omitted_result import OmittedConfounder
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rung_columns import HELD, Rung, RungColumns, Slope, rung_columns, slope_of
from cemlab.markup import join_words, percent
from cemlab.result import check_conf_level
from cemlab.stats.robustness_value import partial_r2, robustness_value, times_as_strong

_MULTIPLES = (1.0, 2.0, 3.0)
# what is left of the outcome that the confounder of the extreme scenario explains
_EXTREMES = (1.0, 0.75, 0.5)
_GRADES: dict[Rung, Grade] = {"pooled": "association", "controlled": "adjusted", "within": "adjusted"}


def omitted_confounder(
    panel: LinkedPanel,
    *,
    rung: Rung = "controlled",
    benchmarks: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    multiples: Sequence[float] = _MULTIPLES,
    q: float = 1.0,
    conf_level: float = 0.95,
) -> OmittedConfounder:
    """Answer how strong what nobody recorded must be to change what a point of the score goes with.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`.
    rung
        Of which slope: "pooled", "controlled", or "within" units and periods.
    benchmarks
        Controls to compare with: their names, or a name for several controls together (all classes of a
        trait); where None all controls, the classes of one trait together.
    multiples
        How many times as strong as each benchmark.
    q
        By which share the slope is to fall; 1 brings it to nought.
    conf_level
        Of the intervals, by the panel's clusters.

    Returns
    -------
    OmittedConfounder
        Its table has one row a scenario.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    ColumnError
        If a benchmark is no control.
    OptionError, DesignError
        If an option cannot be, or the slope of the rung cannot be told.

    Notes
    -----
    The estimate beside a confounder is algebra: it is what a regression with it would give. That errors by
    cluster change by the factor by which classical ones do is an approximation. Benchmarks hold for a
    confounder that is not linked with what is recorded; "k times as strong" is meant given all of that.
    Partial R² speak of one rung: within units they are shares of what moves within units, where nothing that
    lasts can confound, and a noisy score is not repaired by any of this.

    References
    ----------
    Cinelli, C., & Hazlett, C. (2020). Making sense of sensitivity: extending omitted variable bias. Journal
    of the Royal Statistical Society B 82, 39–67.

    Examples
    --------
    >>> from cemlab.linkage.linked_panel import LinkedPanel
    >>> rng = np.random.default_rng(1)
    >>> size, score = rng.standard_normal((2, 400))
    >>> linked = LinkedPanel(
    ...     units=tuple(map(str, range(40))), periods=tuple(range(10)), unit=np.repeat(np.arange(40), 10),
    ...     period=np.tile(np.arange(10), 40), outcome=score + size + rng.standard_normal(400), score=score,
    ...     halves=None, controls=size[:, None], control_names=("size",), weights=np.ones(400),
    ...     cluster=np.repeat(np.arange(40), 10), outcome_name="profit", score_name="cx", outcome_unit="EUR",
    ...     n_given=400)
    >>> found = omitted_confounder(linked)
    >>> found.table["confounder"].tolist()
    ['none', '1 x size', '2 x size', '3 x size']
    >>> bool(found.at(r2_score=0.1, r2_outcome=0.1).table["estimate"].iloc[-1] < 1)
    True
    """
    from scipy.stats import t as student

    require_linked(panel)
    check_conf_level(conf_level)
    _check(q, multiples)
    columns = rung_columns(panel, rung=rung)
    slope = slope_of(columns, cluster=panel.cluster)
    critical = float(student.ppf(0.5 + conf_level / 2, slope.clusters - 1))
    strengths = pd.DataFrame(
        [
            {"confounder": name, **_strength(columns, slope, members)}
            for name, members in _groups(benchmarks, columns).items()
        ],
        columns=["confounder", "r2_score", "r2_outcome"],
    )
    robustness = _robustness(slope, q=q, critical=critical)
    made = OmittedConfounder(
        table=pd.DataFrame({"estimate": [0.0], "conf_low": [0.0], "conf_high": [0.0]}),
        evidence=_evidence(panel, rung=rung, check=None),
        conf_level=conf_level,
        robustness=robustness,
        extreme=pd.DataFrame(),
        benchmarks=strengths,
        rung=rung,
        outcome=panel.outcome_name,
        score=panel.score_name,
        t_critical=critical,
    )
    table = _scenarios(made, strengths, multiples)
    once = _scenarios(made, strengths, (1.0,))
    return replace(
        made,
        table=table,
        extreme=_extremes(made, strengths),
        evidence=_evidence(panel, rung=rung, check=_verdict(once, robustness)),
    )


def _check(q: float, multiples: Sequence[float]) -> None:
    if not 0 < q <= 1:
        raise OptionError(f"q is {q!r}; allowed: a share of the slope above 0 and up to 1")
    if not len(multiples) or not all(k > 0 for k in multiples):
        raise OptionError(f"multiples are {tuple(multiples)!r}; allowed: one or more numbers above 0")


def _groups(
    benchmarks: Mapping[str, Sequence[str]] | Sequence[str] | None, columns: RungColumns
) -> dict[str, list[int]]:
    """Return where the controls of each benchmark stand."""
    if benchmarks is None:
        # the classes of one trait, "format: mall" and so on, are one benchmark
        traits: dict[str, list[str]] = {}
        for name in columns.controls:
            traits.setdefault(name.split(": ", 1)[0], []).append(name)
        asked: Mapping[str, Sequence[str]] = traits
    elif isinstance(benchmarks, Mapping):
        asked = benchmarks
    else:
        asked = {name: (name,) for name in benchmarks}
    for name in (member for members in asked.values() for member in members):
        if name not in columns.controls:
            raise ColumnError(f"benchmarks: {one_of(name, columns.controls, what='control of this rung')}")
    return {name: [columns.controls[member] for member in members] for name, members in asked.items()}


def _strength(columns: RungColumns, slope: Slope, members: list[int]) -> dict[str, float]:
    """Return the partial R² of recorded columns with the score, and with the outcome given the score."""
    fewer = np.delete(columns.others, members, axis=1)
    basis = np.linalg.qr(fewer)[0]
    without = replace(columns, others=fewer, basis=basis)
    x, y = without.rest(columns.score), without.rest(columns.outcome)
    rest = y - x * float(x @ y) / float(x @ x)
    return {
        "r2_score": 1 - float(slope.score @ slope.score) / float(x @ x),
        "r2_outcome": 1 - float(slope.residual @ slope.residual) / float(rest @ rest),
    }


def _robustness(slope: Slope, *, q: float, critical: float) -> pd.DataFrame:
    t = slope.estimate / slope.classical_error
    ratio = slope.clustered_error / slope.classical_error
    return pd.DataFrame(
        {
            "estimate": [slope.estimate],
            "std_error": [slope.clustered_error],
            "classical_error": [slope.classical_error],
            "df": [slope.df],
            "clusters": [slope.clusters],
            "partial_r2": [partial_r2(t, df=slope.df)],
            "q": [q],
            "rv": [robustness_value(t, df=slope.df, q=q)],
            "rv_interval": [robustness_value(t, df=slope.df, q=q, t_critical=critical, ratio=ratio)],
        }
    )


def _scenarios(made: OmittedConfounder, strengths: pd.DataFrame, multiples: Sequence[float]) -> pd.DataFrame:
    first = made.robustness.iloc[0]
    # the slope as it was found, and not as a confounder of no strength would leave it: one df more
    names, shares = ["none"], [(0.0, 0.0)]
    for row in strengths.to_dict("records"):
        d, y = times_as_strong(
            list(multiples), r2_score=float(row["r2_score"]), r2_outcome=float(row["r2_outcome"])
        )
        names += [f"{k:g} x {row['confounder']}" for k in multiples]
        shares += list(zip(d.tolist(), y.tolist(), strict=True))
    table = _slopes_where_known(made, names, shares)
    error = float(first["std_error"])
    spread = made.t_critical * error
    as_found = [error, first["estimate"] - spread, first["estimate"] + spread]
    table.loc[0, ["std_error", "conf_low", "conf_high"]] = as_found
    return table


def _extremes(made: OmittedConfounder, strengths: pd.DataFrame) -> pd.DataFrame:
    """Return slopes beside what is as linked with the score as a benchmark, and far more with the outcome."""
    names, shares = [], []
    for row in strengths.to_dict("records"):
        d, _ = times_as_strong([1.0], r2_score=float(row["r2_score"]), r2_outcome=float(row["r2_outcome"]))
        names += [str(row["confounder"])] * len(_EXTREMES)
        shares += [(float(d[0]), y) for y in _EXTREMES]
    return _slopes_where_known(made, names, shares)


def _slopes_where_known(
    made: OmittedConfounder, names: list[str], shares: list[tuple[float, float]]
) -> pd.DataFrame:
    pairs = np.array(shares, dtype=float).reshape(-1, 2)
    known = np.isfinite(pairs).all(axis=1)
    filled = np.where(known[:, None], pairs, 0.0)
    table = made.slopes(filled[:, 0].tolist(), filled[:, 1].tolist())
    table.loc[~known, :] = np.nan
    table.insert(0, "confounder", names)
    return table


def _verdict(once: pd.DataFrame, robustness: pd.DataFrame) -> Check:
    """Say whether a confounder as strong as one recorded variable brings the interval to nought."""
    known = once["estimate"].notna()
    impossible = [name.removeprefix("1 x ") for name in once.loc[~known, "confounder"]]
    once = once[known]
    crosses = ~((once["conf_low"] > 0) | (once["conf_high"] < 0))
    left = float(robustness["rv_interval"].iloc[0])
    detail = f"The interval holds against what explains less than {percent(left)} of the rest of both."
    guilty = [name.removeprefix("1 x ") for name in once.loc[crosses, "confounder"]]
    if guilty and guilty[0] != "none":
        detail += f" One as strong as {join_words(guilty)} would bring it to nought."
    if impossible:
        detail += f" As strong as this no confounder can be: {join_words(impossible)}."
    undecided = len(once) == 1 or bool(crosses.iloc[0])
    return Check(
        name="unrecorded confounder",
        null="no confounder as strong as one recorded variable brings the interval to nought",
        passed=None if undecided else not guilty,
        detail=detail,
        remedy="Record what stands behind both, or take a design that does without it.",
    )


def _evidence(panel: LinkedPanel, *, rung: Rung, check: Check | None) -> Evidence:
    return Evidence(
        grade=_GRADES[rung],
        design=f"Slope of {panel.outcome_name} on {panel.score_name}, {HELD[rung]}.",
        unit="rows of units and periods",
        n_used=len(panel.outcome),
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            "The confounder acts in a straight line; so do several together, taken as one.",
            "Errors by cluster change beside the confounder by the factor by which classical ones do.",
            "A benchmark tells how strong a confounder may be, not how strong one is.",
        ),
        checks=(*panel.checks, *((check,) if check else ())),
    )
