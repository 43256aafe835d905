"""BG/NBD of a million customers: our fit against two others.

Compares cemlab's fit (Newton, analytic gradient and Hessian) with a straightforward one (the
textbook log-likelihood in SciPy's quasi-Newton optimiser with numeric derivatives) on the same seeded
customers, and with the package lifetimes where it can be imported. The optimum must be the same.
The last line is one JSON object; `peak_mb` is that of our fit's process, arrays included.

    python benchmarks/bg_nbd.py [--customers N]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from cemlab.stats.bg_nbd import fit_bg_nbd

FloatArray = NDArray[np.float64]
TRUTH = {"r": 0.5, "alpha": 6.0, "a": 0.8, "b": 2.5}
SEED = 20_240_601


def customers(n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return frequency, recency and age of `n` customers followed for up to two years of weeks."""
    rng = np.random.default_rng(SEED)
    rate = rng.gamma(TRUTH["r"], 1.0 / TRUTH["alpha"], n)
    drop = rng.beta(TRUTH["a"], TRUTH["b"], n)
    age = rng.uniform(26.0, 104.0, n)
    frequency, recency, clock = np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.arange(n)
    while active.size:
        clock[active] += rng.exponential(1.0, active.size) / np.maximum(rate[active], 1e-300)
        active = active[clock[active] <= age[active]]
        frequency[active] += 1.0
        recency[active] = clock[active]
        active = active[rng.random(active.size) > drop[active]]
    return frequency, recency, age


def textbook(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> tuple[float, ...]:
    """Fit by the formula as printed, with derivatives from differences."""
    again = frequency > 0

    def loss(theta: FloatArray) -> float:
        r, alpha, a, b = np.exp(theta)
        known = special.gammaln(r + frequency) - special.gammaln(r) + r * np.log(alpha)
        beta = special.betaln(a, b + frequency) - special.betaln(a, b)
        going_on = -(r + frequency) * np.log(alpha + age)
        gone = np.log(a / (b + np.maximum(frequency, 1.0) - 1.0)) - (r + frequency) * np.log(alpha + recency)
        last = np.where(again, np.logaddexp(going_on, gone), going_on)
        return -float(np.mean(known + beta + last))

    found = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    return tuple(float(value) for value in np.exp(found.x))


def ours(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> tuple[float, ...]:
    """Fit by cemlab."""
    fit = fit_bg_nbd(frequency, recency=recency, age=age)
    return fit.r, fit.alpha, fit.a, fit.b


def archived(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> tuple[float, ...]:
    """Fit by the package lifetimes."""
    from lifetimes import BetaGeoFitter

    fitter = BetaGeoFitter(penalizer_coef=0.0)
    fitter.fit(frequency, recency, age)
    return tuple(float(fitter.params_[name]) for name in ("r", "alpha", "a", "b"))


def timed(fit: Callable[..., tuple[float, ...]], n: int, runs: int) -> tuple[tuple[float, ...], float, float]:
    """Return estimate, median seconds of work and peak megabytes, to be run in a process of its own."""
    data = customers(n)
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        estimate = fit(*data)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return estimate, statistics.median(seconds), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    n = parser.parse_args().customers
    roads: list[tuple[str, Callable[..., tuple[float, ...]], int]] = [
        ("cemlab", ours, 5),
        ("textbook", textbook, 1),
    ]
    if importlib.util.find_spec("lifetimes"):
        roads.append(("lifetimes", archived, 1))
    print(f"BG/NBD, {n:,} customers, seconds of work inside the process, data in memory")
    print(f"{'':10}{'seconds':>9}{'peak MB':>9}   r, alpha, a, b   (planted {tuple(TRUTH.values())})")
    results = {}
    for name, fit, runs in roads:
        # A fresh interpreter for each, so that no peak is inherited.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results[name] = pool.apply(timed, (fit, n, runs))
        estimate, seconds, peak = results[name]
        print(f"{name:10}{seconds:9.3f}{peak:9.0f}   {', '.join(f'{value:.5f}' for value in estimate)}")
    best, seconds, peak = results["cemlab"]
    for name, (estimate, _, _) in results.items():
        # A stop by a gradient of 1e-7 per customer, from differences, is good to three digits or so.
        np.testing.assert_allclose(estimate, best, rtol=2e-3, err_msg=f"{name} found another optimum")
    ratios = {
        f"ratio_{name}": round(took / seconds, 1)
        for name, (_, took, _) in results.items()
        if name != "cemlab"
    }
    print(json.dumps({"customers": n, "seconds": round(seconds, 3), **ratios, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
