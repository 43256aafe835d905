"""What each peer of survival.py does, and the seeded spells that all of them read.

Of each peer the imports are done, and it has worked on a few spells, before its clock starts.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

GROUPS = ("agents", "branch", "online", "partner", "telephone")
COX_TERMS = tuple(f"x{i}" for i in range(8))
CHANNELS, AGES = (
    ("branch", "mail", "online", "partner", "telephone"),
    ("20s", "30s", "40s", "50s", "60s", "70s"),
)
PERIODS = list(range(25))
HAZARD_COLUMNS = ["angry", "contracts", "channel", "age"]
WITHOUT_COLUMN = {"channel": "branch", "age": "30s"}
# spells in the file that warms a peer up
FEW = 20_000


def spells_file(kind: str, rows: int, *, seed: int = 6) -> Path:
    """Return a Parquet file of spells, made first where the temporary folder does not hold it yet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(tempfile.gettempdir()) / "cemlab-benchmarks"
    path = folder / f"survival-v1-{kind}-{rows}-{seed}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        columns = SPELLS[kind](np.random.default_rng(seed), rows)
        pq.write_table(pa.table(columns), unfinished, compression="zstd")
        unfinished.replace(path)
    return path


def _curve_spells(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Spells in whole days with a falling hazard, a pace of its own in each group, watched for ten years."""
    import pyarrow as pa

    group = rng.integers(0, len(GROUPS), rows).astype(np.int8)
    leaving = np.ceil(np.array([900, 1400, 1800, 2400, 3200])[group] * rng.weibull(0.8, rows))
    watched = rng.integers(30, 3651, rows)
    return {
        "group": pa.DictionaryArray.from_arrays(group, list(GROUPS)),
        "days": np.minimum(leaving, watched).astype(np.int32),
        "left": leaving <= watched,
    }


def _cox_spells(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Spells in whole days with eight covariates, four of them yes or no, of ratios from 0.74 to 1.35."""
    x = rng.normal(size=(rows, len(COX_TERMS)))
    x[:, ::2] = rng.random((rows, 4)) < 0.3
    leaving = np.ceil(1500 * np.exp(-x @ np.linspace(-0.3, 0.3, len(COX_TERMS))) * rng.exponential(size=rows))
    watched = rng.integers(30, 1461, rows)
    times = {"days": np.minimum(leaving, watched), "left": (leaving <= watched).astype(np.int8)}
    return {**times, **dict(zip(COX_TERMS, x.T, strict=True))}


def _hazard_spells(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Spells of up to 24 months, of so many person-months in all, with 360 patterns of covariates."""
    import pyarrow as pa

    n = rows // 6 + 50  # more than will be needed
    angry, contracts = rng.random(n) < 0.2, rng.integers(0, 6, n)
    channel, age = rng.integers(0, 5, n), rng.integers(0, 6, n)
    risk = np.exp(0.6 * angry - 0.1 * contracts + 0.15 * channel - 0.1 * age)
    pace = 0.03 * risk[:, None] * np.where(np.arange(24) < 3, 2.0, 1.0)
    leaving = 1 + (rng.exponential(size=n)[:, None] > np.cumsum(pace, axis=1)).sum(axis=1)
    watched = rng.integers(6, 25, n)
    months = np.minimum(leaving, watched)
    few = slice(0, int(np.searchsorted(np.cumsum(months), rows, side="right")))
    return {
        "months": months[few],
        "left": (leaving <= watched)[few],
        "angry": angry[few],
        "contracts": contracts[few],
        "channel": pa.array(np.array(CHANNELS)[channel[few]]),
        "age": pa.array(np.array(AGES)[age[few]]),
    }


SPELLS = {"curve": _curve_spells, "cox": _cox_spells, "hazard": _hazard_spells}

Values = dict[str, list[float]]


def curve_cemlab(path: Path) -> Values:
    from cemlab import survival
    from cemlab.data import engine

    spells = engine.connect(path.parent).read_parquet(path)
    curve = survival.retention_curve(
        spells, duration="days", event="left", group="group", unit="days", band="simultaneous"
    )
    rows = curve.table[curve.table["n_events"] > 0]
    return {str(name): part["estimate"].tolist() for name, part in rows.groupby("group")}


def curve_lifelines(path: Path) -> Values:
    import pandas as pd
    from lifelines import KaplanMeierFitter

    spells = pd.read_parquet(path)
    found = {}
    for name, part in spells.groupby("group", observed=True):
        fitter = KaplanMeierFitter().fit(part["days"], part["left"])
        fitter.confidence_interval_survival_function_  # noqa: B018  made with the fit; named, for it is compared
        drops = fitter.event_table["observed"] > 0
        found[str(name)] = fitter.survival_function_["KM_estimate"][drops].tolist()
    return found


def hazard_cemlab(path: Path) -> Values:
    from cemlab.data import engine
    from cemlab.survival.periods import period_hazards

    found = period_hazards(
        engine.connect(path.parent).read_parquet(path),
        duration="months",
        event="left",
        covariates=HAZARD_COLUMNS,
        periods=PERIODS,
        references=WITHOUT_COLUMN,
    )
    return {
        str(row["term"]): [row["coefficient"], row["std_error"]] for row in found.table.to_dict("records")
    }


def cox_cemlab_of(path: Path) -> Callable[[], Values]:
    """Return what is timed where the rows are in memory already."""
    import pandas as pd

    from cemlab import survival

    spells = pd.read_parquet(path)

    def fit() -> Values:
        found = survival.hazard_ratios(spells, duration="days", event="left", covariates=COX_TERMS)
        rows = found.table.to_dict("records")
        return {str(row["term"]): [row["coefficient"], row["std_error"]] for row in rows}

    return fit


def cox_fit_only_of(path: Path) -> Callable[[], Values]:
    """Return cemlab's fit without its checks, its test of proportionality and its baseline."""
    import pandas as pd

    from cemlab.stats.cox_fit import cox_fit

    spells = pd.read_parquet(path)

    def fit() -> Values:
        x = spells[list(COX_TERMS)].to_numpy()
        found = cox_fit(x, duration=spells["days"], event=spells["left"])
        both = zip(found.coefficient, np.sqrt(np.diag(found.covariance)), strict=True)
        return {name: [float(b), float(s)] for name, (b, s) in zip(COX_TERMS, both, strict=True)}

    return fit


def cox_lifelines_of(path: Path) -> Callable[[], Values]:
    import pandas as pd
    from lifelines import CoxPHFitter

    spells = pd.read_parquet(path)

    def fit() -> Values:
        found = CoxPHFitter().fit(spells, duration_col="days", event_col="left")
        both = zip(found.params_, found.standard_errors_, strict=True)
        return {name: [float(b), float(s)] for name, (b, s) in zip(COX_TERMS, both, strict=True)}

    return fit


def hazard_statsmodels_of(path: Path) -> Callable[[], Values]:
    """Return the fit alone: the rows are expanded, and their matrix filled, before the clock starts."""
    import statsmodels.api as sm

    y, x, names = _expanded(path)

    def fit() -> Values:
        family = sm.families.Binomial(link=sm.families.links.CLogLog())
        found = sm.GLM(y, x, family=family).fit()
        both = list(zip(found.params, found.bse, strict=True))[len(PERIODS) - 1 :]
        return {name: [float(b), float(s)] for name, (b, s) in zip(names, both, strict=True)}

    return fit


def _expanded(path: Path) -> tuple[Any, Any, list[str]]:
    """Return a row for each spell and month: whether it ended then, the month, and the covariates."""
    import pandas as pd

    spells = pd.read_parquet(path)
    months = spells["months"].to_numpy()
    of = np.repeat(np.arange(len(months)), months)
    month = np.arange(len(of)) - np.repeat(np.cumsum(months) - months, months)
    y = (spells["left"].to_numpy()[of] & (month == months[of] - 1)).astype(float)
    terms = {"angry": spells["angry"].to_numpy(), "contracts": spells["contracts"].to_numpy()}
    for name, reference in WITHOUT_COLUMN.items():
        levels = sorted(set(spells[name]) - {reference})
        terms |= {f"{name} = {level}": (spells[name] == level).to_numpy() for level in levels}
    n_months = len(PERIODS) - 1
    x = np.zeros((len(of), n_months + len(terms)))
    x[np.arange(len(of)), month] = 1.0
    for i, values in enumerate(terms.values()):
        x[:, n_months + i] = values[of]
    return y, x, list(terms)


#: From the file to the result, and from what is in memory to the result.
FROM_FILE: dict[str, Callable[[Path], Values]] = {
    "curve_cemlab": curve_cemlab,
    "curve_lifelines": curve_lifelines,
    "hazard_cemlab": hazard_cemlab,
}
FROM_MEMORY: dict[str, Callable[[Path], Callable[[], Values]]] = {
    "cox_cemlab": cox_cemlab_of,
    "cox_fit_only": cox_fit_only_of,
    "cox_lifelines": cox_lifelines_of,
    "hazard_statsmodels": hazard_statsmodels_of,
}


def work(peer: str, path: Path, out: Path | None) -> None:
    """Do a peer's work; with a place to write to, warm it up first and write seconds and values there."""
    if out is None:
        FROM_FILE[peer](path) if peer in FROM_FILE else FROM_MEMORY[peer](path)()
        return
    work(peer, spells_file(peer.split("_")[0], FEW), None)
    fit = partial(FROM_FILE[peer], path) if peer in FROM_FILE else FROM_MEMORY[peer](path)
    start, start_cpu = time.perf_counter(), time.process_time()
    values = fit()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    found = {"seconds": seconds, "cpu_seconds": cpu_seconds, "values": values}
    out.write_text(json.dumps(found), encoding="utf-8")


def survfit(path: Path, folder: Path) -> dict[str, Any]:
    """Run R's survfit on the spells of a file, whose columns it gets in binary: R does not read Parquet."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    codes = table["group"].combine_chunks()
    columns = {"group": codes.indices, "days": table["days"], "left": table["left"].cast("int32")}
    for name, values in columns.items():
        values.to_numpy().astype("<i4").tofile(folder / f"{name}.bin")
    script = Path(__file__).with_name("survfit.R")
    done = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(folder), str(table.num_rows)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"survfit ended with exit code {done.returncode}: {done.stderr}")
    estimates = np.fromfile(folder / "estimates.bin", dtype="<f8")
    sizes = np.fromfile(folder / "sizes.bin", dtype="<i4")
    parts = np.split(estimates, np.cumsum(sizes)[:-1])
    names = codes.dictionary.to_pylist()
    values = {name: part.tolist() for name, part in zip(names, parts, strict=True)}
    reading, seconds, cpu_seconds = map(float, done.stdout.split())
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "values": values, "seconds_reading": reading}
