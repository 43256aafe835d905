"""Simulating Halden at 20 thousand, 200 thousand and one million customers: how time and memory grow.

    python benchmarks/simulate.py [--customers N N …] [--repeats N]

Compared, each as a process of its own, are companies of different size, written whole as Parquet. There is no
peer; the claims are that time grows linearly and that memory is bounded by the block of customers and not by
the company. ``slope`` is that of log time on log customers, by least squares, after the time that starting
the process takes is taken off; ``ratio_time_to_size`` is the time of the largest as a multiple of the
smallest, divided by the same multiple of customers.

The last line is one JSON object: medians of the repeats, and the highest memory of all.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path


def main() -> None:
    """Measure, print a line a size, and the summary as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, nargs="+", default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        _simulate(options.peer, options.file)
        return
    sizes = sorted(options.customers)
    found = {size: _measured(str(size), options.repeats) for size in ("start", *sizes)}
    start = found.pop("start")["seconds"]
    for size, figures in found.items():
        print(f"{size:>9,} customers: {figures['seconds']:7.1f} s, {figures['peak_mb']:6.0f} MB")
    work = {size: found[size]["seconds"] - start for size in sizes}
    growth = work[sizes[-1]] / work[sizes[0]]
    print(
        json.dumps(
            {
                "start_seconds": start,
                "seconds": {size: found[size]["seconds"] for size in sizes},
                "slope": _slope(work),
                "ratio_time_to_size": growth / (sizes[-1] / sizes[0]),
                "peak_mb": max(figures["peak_mb"] for figures in found.values()),
            }
        )
    )


def _measured(peer: str, repeats: int) -> dict[str, float]:
    from processes import run

    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(run(__file__, peer, Path(folder) / "halden"))
    return {
        "seconds": statistics.median(one["seconds"] for one in runs),
        "peak_mb": max(one["peak_mb"] for one in runs),
    }


def _slope(work: dict[int, float]) -> float:
    """Return the slope of log time on log customers; one where there is a single size."""
    if len(work) < 2:
        return 1.0
    x, y = [math.log(size) for size in work], [math.log(seconds) for seconds in work.values()]
    return statistics.linear_regression(x, y).slope


def _simulate(peer: str, out: Path) -> None:
    from cemlab.simulate import Halden, tables, write

    if peer == "start":
        assert tables  # imported, which is what starting costs
        return
    write(out, Halden(customers=int(peer)))


if __name__ == "__main__":
    main()
