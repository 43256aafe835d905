"""What each peer of linkage.py does, and the seeded Parquet that all of them read.

Of each peer the imports are done, and it has worked on a few rows, before its clock starts.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MONTHS = 48
COLUMNS = tuple(f"x{i}" for i in range(10))
# rows of what warms a peer up
FEW = 5_000


def rows_file(kind: str, rows: int, *, seed: int = 9) -> Path:
    """Return a Parquet file, made first where the temporary folder does not hold it yet."""
    folder = Path(tempfile.gettempdir()) / "cemlab-benchmarks"
    path = folder / f"linkage-v1-{kind}-{rows}-{seed}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        table = _ols_rows(rows, seed) if kind == "ols" else _panel_rows(rows, seed, kind == "gaps")
        pq.write_table(table, unfinished)
        unfinished.replace(path)
    return path


def _panel_rows(rows: int, seed: int, gaps: bool) -> pa.Table:
    """Return customers by months in no order; with gaps, a fifth of the rows are missing."""
    rng = np.random.default_rng(seed)
    customers = max(round(rows / MONTHS / (0.8 if gaps else 1)), 3)
    customer, month = np.divmod(rng.permutation(customers * MONTHS), MONTHS)
    if gaps:
        there = rng.uniform(size=customer.size) < 0.8
        customer, month = customer[there], month[there]
    level, season = rng.normal(size=customers)[customer], rng.normal(size=MONTHS)[month]
    score = 0.5 * level + 0.3 * season + rng.normal(size=customer.size)
    spend = 20 + 3 * level + season + 2 * score + rng.normal(size=customer.size)
    return pa.table({"customer": customer, "month": month, "score": score, "spend": spend})


def _ols_rows(rows: int, seed: int) -> pa.Table:
    """Return ten columns and an outcome whose errors hang together within a cluster of a hundred rows."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, max(rows // 100, 2), rows)
    columns = {name: rng.normal(size=rows) for name in COLUMNS}
    outcome = 3 + rng.normal(size=cluster.max() + 1)[cluster] + rng.normal(size=rows)
    for i, name in enumerate(COLUMNS):
        outcome += (i + 1) / 10 * columns[name]
    return pa.table({"cluster": cluster, **columns, "outcome": outcome})


def panel_cemlab(path: Path) -> list[float]:
    """Return the two-way slope and its error, from Parquet."""
    from cemlab.data.engine import connect
    from cemlab.linkage import value_at_scale

    table = connect(path.parent).read_parquet(path)
    found = value_at_scale(table, outcome="spend", score="score", unit="customer", time="month").table
    return [float(found["estimate"].iloc[0]), float(found["std_error"].iloc[0])]


def panel_pyfixest(path: Path) -> list[float]:
    """Return the same by pyfixest on the rows."""
    import pyfixest as pf

    fit = pf.feols(
        "spend ~ score | customer + month", pq.read_table(path).to_pandas(), vcov={"CRV1": "customer"}
    )
    return [float(fit.coef().iloc[0]), float(fit.se().iloc[0])]


def ols_cemlab(path: Path) -> list[float]:
    """Return slopes and their clustered errors, from Parquet."""
    from cemlab.data.cluster_products import cluster_products
    from cemlab.data.engine import connect

    table = connect(path.parent).read_parquet(path)
    found = cluster_products(table, outcome="outcome", columns=COLUMNS, cluster="cluster")
    return [*found.coefficient.tolist(), *np.sqrt(np.diag(found.covariance)).tolist()]


def ols_statsmodels(path: Path) -> list[float]:
    """Return the same by statsmodels' ``OLS`` from arrays."""
    import statsmodels.api as sm

    frame = pq.read_table(path).to_pandas()
    design = np.column_stack([np.ones(len(frame)), frame[list(COLUMNS)].to_numpy()])
    fit = sm.OLS(frame["outcome"].to_numpy(), design).fit(
        cov_type="cluster", cov_kwds={"groups": frame["cluster"].to_numpy()}
    )
    return [*fit.params.tolist(), *fit.bse.tolist()]


WORK: dict[str, Callable[[Path], list[float]]] = {
    "panel_cemlab": panel_cemlab,
    "panel_pyfixest": panel_pyfixest,
    "gaps_cemlab": panel_cemlab,
    "gaps_pyfixest": panel_pyfixest,
    "ols_cemlab": ols_cemlab,
    "ols_statsmodels": ols_statsmodels,
}


def work(peer: str, path: Path, out: Path | None) -> None:
    """Do a peer's work on a file, and write its seconds and values where asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in (rows_file(peer.split("_")[0], FEW), path):
            begun, cpu = time.perf_counter(), time.process_time()
            values = WORK[peer](file)
            seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    if out is not None:
        found = {"seconds": seconds, "cpu_seconds": cpu_seconds, "values": values}
        out.write_text(json.dumps(found), encoding="utf-8")
