"""Compare regressions on millions of rows from Parquet with pyfixest and statsmodels.

    python benchmarks/linkage.py [--rows N] [--repeats N] [--kinds panel gaps ols]

Each peer is a process of its own, and peers take turns on the same file. Compared:

- Customers over 48 months, levels of customers and months of their own, errors clustered by customer:
  cemlab's ``value_at_scale`` against pyfixest's ``feols``, without gaps (``panel``) and with a fifth of the
  rows missing (``gaps``).
- Ten columns and an intercept, errors clustered, a hundred rows a cluster (``ols``): cemlab's
  ``cluster_products`` against statsmodels' ``OLS`` from arrays.

All of it from the file on: reading is on everybody's clock. ``seconds`` and ``ratio_...`` are those inside a
process that is warm (imports done, a few rows worked on), ``ratio_..._cpu`` the same in processor seconds;
``peak_mb_...`` is the largest memory of the process. Coefficients and errors are compared too, and a
difference ends the run. The last line is one JSON object: medians of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from linkage_peers import WORK, rows_file, work
from processes import run

Run = dict[str, Any]
# by what figures may differ, as a share
WITHIN = 1e-8
PAIRS = {"panel": "pyfixest", "gaps": "pyfixest", "ols": "statsmodels"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=tuple(PAIRS), default=list(PAIRS))
    parser.add_argument("--peer", choices=tuple(WORK), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        work(given.peer, given.file, given.out)
        return
    figures: Run = {"load_at_start": [round(load, 1) for load in os.getloadavg()], "cores": os.cpu_count()}
    figures["rows"] = given.rows
    for kind in given.kinds:
        figures |= compared(kind, PAIRS[kind], made_apart(kind, given.rows), given.repeats)
    figures["load_at_end"] = [round(load, 1) for load in os.getloadavg()]
    figures["peak_mb"] = max(figures[f"peak_mb_{kind}"] for kind in given.kinds)
    print(json.dumps(figures))


def made_apart(kind: str, rows: int) -> Path:
    """Return the rows' file, made in a process of its own.

    Linux counts what a parent held when it started a process among that process's own memory.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as maker:
        return maker.submit(rows_file, kind, rows).result()


def compared(kind: str, other: str, path: Path, repeats: int) -> Run:
    """Compare cemlab and a peer, in turns so that drift hits both alike."""
    ours, theirs = f"{kind}_cemlab", f"{kind}_{other}"
    seen: dict[str, list[Run]] = {ours: [], theirs: []}
    for _ in range(repeats):
        for peer in (ours, theirs):
            seen[peer].append(inside(peer, path))
            print(f"{peer}: {seen[peer][-1]['seconds']:.3f} s", flush=True)
    values = [np.array(seen[peer][0]["values"]) for peer in (ours, theirs)]
    apart = float(np.abs(values[0] / values[1] - 1).max())
    if apart > WITHIN:
        raise SystemExit(f"cemlab and {other} differ by a share of {apart:g} ({kind})")
    return {
        f"largest_difference_{kind}": apart,
        f"seconds_{kind}": round(median(seen[ours]), 4),
        f"seconds_{kind}_{other}": round(median(seen[theirs]), 4),
        f"ratio_{kind}_{other}": round(median(seen[theirs]) / median(seen[ours]), 2),
        f"ratio_{kind}_{other}_cpu": round(
            median(seen[theirs], "cpu_seconds") / median(seen[ours], "cpu_seconds"), 2
        ),
        f"peak_mb_{kind}": peak(seen[ours]),
        f"peak_mb_{kind}_{other}": peak(seen[theirs]),
    }


def inside(peer: str, path: Path) -> Run:
    """Run a peer in a process of its own and return what it measured there, its values and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        process = run(__file__, peer, path, out)
        return {**json.loads(out.read_text(encoding="utf-8")), "peak_mb": process["peak_mb"]}


def median(runs: list[Run], what: str = "seconds") -> float:
    return statistics.median(one[what] for one in runs)


def peak(runs: list[Run]) -> int:
    return round(max(one["peak_mb"] for one in runs))


if __name__ == "__main__":
    main()
