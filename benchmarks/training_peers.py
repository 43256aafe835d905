"""What each peer of training.py does, and the seeded rows that all of them read.

Of each peer the imports are done, and it has worked on a few rows, before its clock starts.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# the seed of what is drawn again
SEED = 7
# draws of the multiplier bootstrap
MULTIPLIER_DRAWS = 999
# clusters, and branches, in what warms a peer up
FEW = 40

Arrays = dict[str, npt.NDArray[Any]]


def rows_file(kind: str, *sizes: int, seed: int = 9) -> Path:
    """Return a file of arrays, made first where the temporary folder does not hold it yet."""
    folder = Path(tempfile.gettempdir()) / "cemlab-benchmarks"
    path = folder / f"training-v1-{kind}-{'-'.join(map(str, sizes))}-{seed}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished.npz")
        np.savez(unfinished, **ROWS[kind](np.random.default_rng(seed), *sizes))
        unfinished.replace(path)
    return path


def _bootstrap_rows(rng: np.random.Generator, rows: int, clusters: int, draws: int, refits: int) -> Arrays:
    """Rows of clusters, half of them treated, before and after; and how often to draw clusters and refit."""
    cluster = np.sort(np.concatenate([np.arange(clusters), rng.integers(0, clusters, rows - clusters)]))
    treated, after = cluster % 2, rng.integers(0, 2, rows)
    level = rng.normal(size=clusters)[cluster]
    change = rng.normal(scale=0.5, size=clusters)[cluster] * after
    outcome = 10 + level + change + 0.3 * after + 0.2 * treated * after + rng.normal(size=rows)
    often = {"draws": np.array(draws), "refits": np.array(refits)}
    return {"outcome": outcome, "treated": treated, "after": after, "cluster": cluster, **often}


def _panel_rows(rng: np.random.Generator, branches: int, months: int) -> Arrays:
    """Branches by months, three waves of a fifth each and the rest never, with errors that last."""
    waves = np.array([months // 4, months // 2, 3 * months // 4, 0, 0])
    first = np.repeat(waves, -(-branches // 5))[:branches]
    error = rng.normal(size=(branches, months))
    for t in range(1, months):
        error[:, t] += 0.8 * error[:, t - 1]
    since = np.arange(months) - first[:, None] + 1
    gain = np.where((first[:, None] > 0) & (since > 0), 0.02 * since, 0.0)
    outcome = rng.normal(size=(branches, 1)) + rng.normal(size=months) + gain + error
    branch, month = np.divmod(np.arange(branches * months), months)
    return {"branch": branch, "month": month + 1, "first": np.where(first > 0, first + 1, 0)[branch],
            "cx": outcome.ravel()}  # fmt: skip


ROWS: dict[str, Callable[..., Arrays]] = {"bootstrap": _bootstrap_rows, "panel": _panel_rows}


def bootstrap_cemlab(data: Arrays) -> list[float]:
    """Return every replication's coefficient from sums of clusters."""
    from cemlab.stats.cluster_bootstrap import cluster_bootstrap_did

    found = cluster_bootstrap_did(
        data["outcome"],
        treated=data["treated"],
        after=data["after"],
        cluster=data["cluster"],
        draws=int(data["draws"]),
        seed=SEED,
    )
    return [float(value) for value in found.replications]


def bootstrap_statsmodels(data: Arrays) -> list[float]:
    """Return the first replications' coefficients, each a regression on the rows of its clusters."""
    import statsmodels.api as sm

    from cemlab.stats.cluster_bootstrap import resampled_clusters

    cluster, treated, after = data["cluster"], data["treated"], data["after"]
    clusters = int(cluster.max()) + 1
    design = np.column_stack([np.ones(len(cluster)), treated, after, treated * after])
    found = []
    for counts in resampled_clusters(clusters, draws=int(data["draws"]), seed=SEED)[: int(data["refits"])]:
        rows = np.repeat(np.arange(len(cluster)), counts[cluster])
        found.append(float(sm.OLS(data["outcome"][rows], design[rows]).fit().params[3]))
    return found


def group_time_cemlab(data: Arrays) -> list[float]:
    """Return the effects by group and month, with bands from the multiplier bootstrap."""
    import pandas as pd

    from cemlab import training

    found = training.group_time_effects(
        pd.DataFrame(data),
        outcome="cx",
        first_treated="first",
        controls="never treated",
        draws=MULTIPLIER_DRAWS,
    )
    return _in_order(found.table["group"], found.table["time"], found.table["estimate"])


def group_time_pyfixest(data: Arrays) -> list[float]:
    """Return the same effects by Sun and Abraham's saturated event study, one fit without any bootstrap."""
    import pandas as pd
    import pyfixest as pf

    frame = pd.DataFrame(data).rename(columns={"branch": "unit", "month": "time", "first": "g", "cx": "y"})
    with warnings.catch_warnings():
        # that it is in beta, and that dummies of what cannot be are dropped
        warnings.simplefilter("ignore")
        fit = pf.event_study(
            frame, yname="y", idname="unit", tname="time", gname="g", estimator="saturated", cluster="unit"
        )
    estimate = fit.coef()
    cells = estimate.index.to_series().str.extract(r"::(-?\d+)(?:\.0)?:.*::(\d+)(?:\.0)?$").astype(int)
    return _in_order(cells[1], cells[0] + cells[1], estimate)


def _in_order(group: Any, time: Any, estimate: Any) -> list[float]:
    order = np.lexsort((np.asarray(time), np.asarray(group)))
    return [float(value) for value in np.asarray(estimate)[order]]


WORK: dict[str, Callable[[Arrays], list[float]]] = {
    "bootstrap_cemlab": bootstrap_cemlab,
    "bootstrap_statsmodels": bootstrap_statsmodels,
    "panel_cemlab": group_time_cemlab,
    "panel_pyfixest": group_time_pyfixest,
}


def work(peer: str, path: Path, out: Path | None) -> None:
    """Do a peer's work on a file, and write its seconds and values where asked."""
    few = (
        rows_file("panel", FEW, 12)
        if peer.startswith("panel")
        else rows_file("bootstrap", 20 * FEW, FEW, 9, 2)
    )
    for file in (few, path):
        with np.load(file) as stored:
            data = {name: stored[name] for name in stored.files}
        begun, cpu = time.perf_counter(), time.process_time()
        values = WORK[peer](data)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    if out is not None:
        found = {"seconds": seconds, "cpu_seconds": cpu_seconds, "values": values}
        out.write_text(json.dumps(found), encoding="utf-8")
