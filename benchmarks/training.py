"""Compare the cluster bootstrap and group-time effects of a roll-out with statsmodels and pyfixest.

    python benchmarks/training.py [--rows N] [--clusters N] [--draws N] [--refits N] [--branches N]
                                  [--months N] [--repeats N]

Each peer is a process of its own, and peers take turns. Compared:

- A thousand replications over clusters of a two-period effect, two hundred thousand rows in two thousand
  clusters, from arrays in memory. cemlab sums clusters once; statsmodels' ``OLS`` is fitted again on the rows
  of each replication's clusters, without formula or clustered error, which favours it. It takes so long that
  a few refits are timed and the seconds of all are **extrapolated** linearly. The refits' coefficients must
  equal cemlab's on the same clusters to 1e-10, one by one.
- Effects by group and month of a thousand branches over sixty months, from a frame in memory: all of cemlab's
  ``group_time_effects``, with clustered errors and bands of 999 multiplier draws, against one fit of
  pyfixest's ``event_study(estimator="saturated")`` (Sun and Abraham), without bands. Both compare with
  branches never treated, so the estimates must be equal.

``seconds`` and ``ratio_...`` are those inside a process that is warm (imports done, a few rows worked on),
``ratio_..._cpu`` the same in processor seconds. Values are compared too, and a difference ends the run. The
last line is one JSON object: medians of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from processes import run
from training_peers import rows_file, work

Run = dict[str, Any]
# by what replications may differ: sums of clusters against a regression on their rows
WITHIN = 1e-10
# by what effects may differ: pyfixest takes fixed effects out by iterations that stop at about 1e-8
WITHIN_ITERATIONS = 1e-6
PEERS = ("bootstrap_cemlab", "bootstrap_statsmodels", "panel_cemlab", "panel_pyfixest")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--clusters", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--refits", type=int, default=50, help="timed, of all draws")
    parser.add_argument("--branches", type=int, default=1_000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        work(given.peer, given.file, given.out)
        return
    figures = {"load_at_start": [round(load, 1) for load in os.getloadavg()], "cores": os.cpu_count()}
    figures |= bootstrap(given)
    figures |= group_time(given)
    figures["load_at_end"] = [round(load, 1) for load in os.getloadavg()]
    figures["peak_mb"] = max(figures["peak_mb_bootstrap"], figures["peak_mb_group_time"])
    print(json.dumps(figures))


def bootstrap(given: argparse.Namespace) -> Run:
    """Compare replications with regressions on the rows of their clusters."""
    sizes = (given.rows, given.clusters, given.draws, min(given.refits, given.draws))
    seen = in_turns(PEERS[:2], rows_file("bootstrap", *sizes), given.repeats)
    ours, theirs = (np.array(seen[peer][0]["values"]) for peer in PEERS[:2])
    apart = float(np.abs(ours[: len(theirs)] - theirs).max())
    if apart > WITHIN:
        raise SystemExit(f"cemlab and statsmodels differ by {apart:g} in a replication")
    factor = given.draws / len(theirs)
    return {
        "rows": given.rows,
        "clusters": given.clusters,
        "draws": given.draws,
        "refits_timed": len(theirs),
        "largest_difference_replication": apart,
        "seconds_bootstrap": round(median(seen[PEERS[0]]), 4),
        "seconds_statsmodels_extrapolated": round(factor * median(seen[PEERS[1]]), 2),
        "ratio_statsmodels_extrapolated_to_bootstrap": ratio(seen, PEERS[:2], "seconds", factor),
        "ratio_statsmodels_extrapolated_to_bootstrap_cpu": ratio(seen, PEERS[:2], "cpu_seconds", factor),
        "peak_mb_bootstrap": peak(seen[PEERS[0]]),
    }


def group_time(given: argparse.Namespace) -> Run:
    """Compare group-time effects and their bands with one Sun-Abraham fit."""
    seen = in_turns(PEERS[2:], rows_file("panel", given.branches, given.months), given.repeats)
    ours, theirs = (np.array(seen[peer][0]["values"]) for peer in PEERS[2:])
    if ours.shape != theirs.shape or np.abs(ours - theirs).max() > WITHIN_ITERATIONS:
        raise SystemExit("cemlab and pyfixest differ in effects by group and month")
    return {
        "branches": given.branches,
        "months": given.months,
        "largest_difference_effect": float(np.abs(ours - theirs).max()),
        "seconds_group_time": round(median(seen[PEERS[2]]), 4),
        "seconds_sun_abraham": round(median(seen[PEERS[3]]), 4),
        "ratio_sun_abraham_to_group_time": ratio(seen, PEERS[2:], "seconds"),
        "ratio_sun_abraham_to_group_time_cpu": ratio(seen, PEERS[2:], "cpu_seconds"),
        "peak_mb_group_time": peak(seen[PEERS[2]]),
        "peak_mb_sun_abraham": peak(seen[PEERS[3]]),
    }


def in_turns(peers: tuple[str, ...], path: Path, repeats: int) -> dict[str, list[Run]]:
    """Run the peers in turns, so that drift hits all alike."""
    seen: dict[str, list[Run]] = {peer: [] for peer in peers}
    for _ in range(repeats):
        for peer in peers:
            seen[peer].append(inside(peer, path))
            print(f"{peer}: {seen[peer][-1]['seconds']:.3f} s", flush=True)
    return seen


def inside(peer: str, path: Path) -> Run:
    """Run a peer in a process of its own and return what it measured there, its values and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        process = run(__file__, peer, path, out)
        return {**json.loads(out.read_text(encoding="utf-8")), "peak_mb": process["peak_mb"]}


def median(runs: list[Run], what: str = "seconds") -> float:
    return statistics.median(one[what] for one in runs)


def ratio(seen: dict[str, list[Run]], peers: tuple[str, ...], what: str, factor: float = 1.0) -> float:
    """Return what the second peer took by what the first did."""
    ours, theirs = (median(seen[peer], what) for peer in peers)
    return round(factor * theirs / ours, 2)


def peak(runs: list[Run]) -> int:
    return round(max(one["peak_mb"] for one in runs))


if __name__ == "__main__":
    main()
