"""Compare survival curves, hazards by period and hazard ratios with lifelines, R's survfit and statsmodels.

    python benchmarks/survival.py [--spells N] [--person-months N] [--rows N] [--repeats N] [--sizes N N]

Each peer is a process of its own, and peers take turns. Compared:

- Kaplan-Meier in five groups, ten million spells in whole days, from a Parquet file to the table. cemlab
  gives simultaneous bands, the log-rank test and its checks; lifelines (``KaplanMeierFitter`` for each group)
  and ``survfit`` give pointwise intervals and no test. R has no reader of Parquet: its seconds are those of
  ``survfit`` alone, from columns in memory, which favours it; what it takes to read them is told apart.
- Hazards by period, twenty million person-months with 360 patterns of covariates. cemlab goes from the
  Parquet file to the result with its tests and checks; statsmodels' ``GLM`` (complementary log-log) is timed
  from its expanded rows, for so many of which there is no room in memory: it works on the sizes that fit,
  and the seconds of twenty million are **extrapolated** linearly, by the cheaper of two straight lines.
- Cox's hazard ratios, a million rows by eight covariates, from a frame in memory: all of cemlab's
  ``hazard_ratios``, with its tests, checks and baseline, against ``CoxPHFitter().fit`` alone.

``seconds`` and ``ratio_...`` are those inside a process that is warm (imports done, a few spells worked on),
``ratio_..._cpu`` the same in processor seconds, steadier on a busy machine but unfair to who uses all cores;
``ratio_..._process`` is from starting Python to its end, imports and all. Values are compared too, and a
difference ends the run. What cannot be measured here is left out, and ``left_out`` says why. The last line is
one JSON object: medians of the repeats; statsmodels, which takes long, runs once at each size.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from processes import run
from survival_peers import FROM_FILE, FROM_MEMORY, spells_file, survfit, work

Run = dict[str, Any]
# survfit and statsmodels hold their rows several times over; bytes a row, seen with ten and two million
R_BYTES, GLM_BYTES = 600, 4_500
# of the peer's standard error: how far a value may lie from the peer's, which stops short of the maximum
WITHIN = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spells", type=int, default=10_000_000)
    parser.add_argument("--person-months", type=int, default=20_000_000)
    parser.add_argument("--sizes", type=int, nargs=2, default=[1_000_000, 2_000_000], help="for statsmodels")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer", choices=[*FROM_FILE, *FROM_MEMORY], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        work(given.peer, given.file, given.out)
        return
    left_out: dict[str, str] = {}
    figures = {"load_at_start": [round(load, 1) for load in os.getloadavg()], "cores": os.cpu_count()}
    figures |= curves(given.spells, given.repeats, left_out)
    figures |= hazards(given.person_months, given.sizes, given.repeats, left_out)
    figures |= cox(given.rows, given.repeats)
    figures |= {"left_out": left_out, "load_at_end": [round(load, 1) for load in os.getloadavg()]}
    figures["peak_mb"] = max(figures[f"peak_mb_{part}"] for part in ("curve", "hazard", "cox"))
    print(json.dumps(figures))


def curves(spells: int, repeats: int, left_out: dict[str, str]) -> dict[str, Any]:
    """Compare Kaplan-Meier by group with lifelines and, where it is there, R."""
    path = spells_file("curve", spells)
    lacking = _lacking_for_r(spells)
    if lacking:
        left_out["ratio_r_survfit_to_curve"] = lacking
    peers: dict[str, Callable[[], Run]] = {
        "curve_cemlab": lambda: inside("curve_cemlab", path),
        "curve_lifelines": lambda: inside("curve_lifelines", path),
        **({} if lacking else {"curve_r": lambda: _by_r(path)}),
    }
    seen = in_turns(peers, repeats)
    whole = in_turns({peer: lambda peer=peer: run(__file__, peer, path) for peer in list(peers)[:2]}, repeats)
    ours = seen["curve_cemlab"][0]["values"]
    for peer in list(peers)[1:]:
        theirs = seen[peer][0]["values"]
        same = ours.keys() == theirs.keys() and all(
            np.allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-12) for name in ours
        )
        agree("share still there at every departure", peer, same)
    figures = {
        "spells": spells,
        **ratios("lifelines_to_curve", seen, "curve_lifelines", "curve_cemlab"),
        "ratio_lifelines_to_curve_process": ratio(whole, "curve_lifelines", "curve_cemlab"),
        "peak_mb_curve": peak(whole["curve_cemlab"]),
        "peak_mb_curve_lifelines": peak(whole["curve_lifelines"]),
        "seconds_curve": medians(seen),
        "seconds_curve_process": medians(whole),
    }
    if not lacking:
        figures |= ratios("r_survfit_to_curve", seen, "curve_r", "curve_cemlab")
        figures["seconds_r_reading"] = round(median(seen["curve_r"], "seconds_reading"), 3)
    return figures


def hazards(months: int, sizes: list[int], repeats: int, left_out: dict[str, str]) -> dict[str, Any]:
    """Compare hazards by period with statsmodels on expanded rows, of as many as memory holds."""
    path = spells_file("hazard", months)
    fitting = [size for size in sorted(sizes) if size * GLM_BYTES < free_bytes()]
    peers = {
        "hazard_cemlab": lambda: inside("hazard_cemlab", path),
        **{f"glm_{size}": lambda size=size: _glm(size) for size in fitting},
    }
    seen = in_turns(peers, repeats, once=[f"glm_{size}" for size in fitting])
    whole = in_turns({"hazard_cemlab": lambda: run(__file__, "hazard_cemlab", path)}, repeats)
    figures = {
        "person_months": months,
        "peak_mb_hazard": peak(whole["hazard_cemlab"]),
        "seconds_hazard": medians(seen),
        "seconds_hazard_process": medians(whole),
    }
    if not fitting:
        left_out["ratio_statsmodels_to_hazard"] = f"no memory for {min(sizes):,} expanded rows"
        return figures
    ours = inside("hazard_cemlab", spells_file("hazard", fitting[0]))["values"]
    agree("coefficients", "statsmodels", close(ours, seen[f"glm_{fitting[0]}"][0]["values"]))
    for name, what in (("", "seconds"), ("_cpu", "cpu_seconds")):
        peer = extrapolated({size: median(seen[f"glm_{size}"], what) for size in fitting}, months)
        figures[f"{what}_statsmodels_extrapolated"] = round(peer, 1)
        ours_took = median(seen["hazard_cemlab"], what)
        figures[f"ratio_statsmodels_extrapolated_to_hazard{name}"] = round(peer / ours_took, 2)
        if not name:
            took = median(whole["hazard_cemlab"])
            figures["ratio_statsmodels_extrapolated_to_hazard_process"] = round(peer / took, 2)
    figures["rows_statsmodels"] = fitting
    figures["peak_mb_statsmodels"] = peak(seen[f"glm_{fitting[-1]}"])
    return figures


def cox(rows: int, repeats: int) -> dict[str, Any]:
    """Compare hazard ratios with lifelines' fit alone."""
    path = spells_file("cox", rows)
    names = ("cox_cemlab", "cox_fit_only", "cox_lifelines")
    seen = in_turns({name: lambda name=name: inside(name, path) for name in names}, repeats)
    whole = in_turns({name: lambda name=name: run(__file__, name, path) for name in names[::2]}, repeats)
    ours, theirs = seen["cox_cemlab"][0]["values"], seen["cox_lifelines"][0]["values"]
    agree("coefficients", "lifelines", close(ours, theirs))
    return {
        "rows": rows,
        **ratios("lifelines_to_cox", seen, "cox_lifelines", "cox_cemlab"),
        **ratios("lifelines_to_cox_fit_only", seen, "cox_lifelines", "cox_fit_only"),
        "ratio_lifelines_to_cox_process": ratio(whole, "cox_lifelines", "cox_cemlab"),
        "peak_mb_cox": peak(whole["cox_cemlab"]),
        "peak_mb_cox_lifelines": peak(whole["cox_lifelines"]),
        "seconds_cox": medians(seen),
        "seconds_cox_process": medians(whole),
    }


def inside(peer: str, path: Path) -> Run:
    """Run a peer in a process of its own and return what it measured there, its values and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        process = run(__file__, peer, path, out)
        return {**json.loads(out.read_text(encoding="utf-8")), "peak_mb": process["peak_mb"]}


def in_turns(
    peers: dict[str, Callable[[], Run]], repeats: int, *, once: Iterable[str] = ()
) -> dict[str, list[Run]]:
    """Run the peers in turns, so that drift hits all alike; some, which take long, once."""
    seen: dict[str, list[Run]] = {peer: [] for peer in peers}
    for turn in range(repeats):
        for peer, measure in peers.items():
            if turn == 0 or peer not in once:
                seen[peer].append(measure())
                print(f"{peer}: {seen[peer][-1]['seconds']:.2f} s", flush=True)
    return seen


def _glm(size: int) -> Run:
    return inside("hazard_statsmodels", spells_file("hazard", size))


def _by_r(path: Path) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return survfit(path, Path(folder))


def _lacking_for_r(spells: int) -> str:
    if shutil.which("Rscript") is None:
        return "Rscript is not here"
    return "" if spells * R_BYTES < free_bytes() else f"no memory for {spells:,} spells in R"


def free_bytes() -> float:
    """Return the memory that is free now, or no bound where the system does not tell."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return float("inf")


def extrapolated(seconds: dict[int, float], months: int) -> float:
    """Return the peer's seconds for so many rows, by the cheapest straight line through what was measured."""
    sizes = sorted(seconds)
    lines = [months * seconds[sizes[-1]] / sizes[-1]]
    if len(sizes) > 1:
        slope = (seconds[sizes[-1]] - seconds[sizes[0]]) / (sizes[-1] - sizes[0])
        lines.append(seconds[sizes[-1]] + max(slope, 0.0) * (months - sizes[-1]))
    return min(lines)


def close(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> bool:
    """Tell whether all coefficients lie within a small part of their standard errors of the peer's."""
    return ours.keys() == theirs.keys() and all(
        abs(ours[name][0] - value) < WITHIN * error for name, (value, error) in theirs.items()
    )


def agree(what: str, peer: str, same: bool) -> None:
    """Say that values are equal, or end here."""
    if not same:
        raise SystemExit(f"cemlab and {peer} differ in {what}")
    print(f"{what}: equal to {peer}", flush=True)


def median(runs: list[Run], what: str = "seconds") -> float:
    return statistics.median(one[what] for one in runs)


def medians(seen: dict[str, list[Run]]) -> dict[str, float]:
    return {peer: round(median(runs), 3) for peer, runs in seen.items()}


def peak(runs: list[Run]) -> int:
    return round(max(one["peak_mb"] for one in runs))


def ratio(seen: dict[str, list[Run]], above: str, below: str, what: str = "seconds") -> float:
    return round(median(seen[above], what) / median(seen[below], what), 2)


def ratios(name: str, seen: dict[str, list[Run]], above: str, below: str) -> dict[str, float]:
    """Return the ratio of two peers in seconds and in processor seconds."""
    return {
        f"ratio_{name}": ratio(seen, above, below),
        f"ratio_{name}_cpu": ratio(seen, above, below, "cpu_seconds"),
    }


if __name__ == "__main__":
    main()
