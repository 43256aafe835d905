"""Compare a slider's move on few customers with the same move on many, and a moved picture with a new one.

A move is what happens in the kernel from a new value to the bytes of the new picture: the estimate is made
again from counts, and one persistent figure is moved. It must take under 100 ms on a default company, and its
time must not grow by more than half from twenty thousand customers to a million.

    python benchmarks/sliders.py [--customers 20000 1000000] [--moves 40] [--seed 1] [--names lag points]

Each size is a process of its own; one that is given twice is measured once. A company that does not exist yet
is simulated first, and kept. Of fewer than about 8,000 customers too few rate a rival for the picture of
loyalty, which is refused then.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

MARGINS = {"retain": 60.0, "cross-sell": 45.0, "referral": 80.0, "cheaper channel": 12.0}
COSTS = {"retain": 3.0, "cross-sell": 0.8, "referral": 1.0, "cheaper channel": 0.5}
LINKED = ("lag", "curve", "confounder", "points", "fee")
NAMES = ("loyalty", "strategy", "margin", "saves", "plan", "event", "case", *LINKED)
MOVES: dict[str, list[dict[str, Any]]] = {
    "loyalty": [{"threshold": share} for share in (0.6, 0.75, 0.9, 0.7, 0.85)],
    "strategy": [{"margin: retain": worth} for worth in (45.0, 75.0, 60.0, 90.0, 30.0)],
    "margin": [{"horizon": 36}, {"shift": 0.5}, {"discount": 0.12}, {"horizon": 24}, {"shift": -0.5}],
    "saves": [{"cost": 40.0}, {"margin": 2000.0}, {"capacity": 600}, {"budget": 9000.0}],
    "plan": [{"branches": 30}, {"effect": 0.3}, {"trained": 0.6}, {"branches": 12}],
    "event": [{"anticipation": 1}, {"anticipation": 3}, {"controls": "never treated"}, {"anticipation": 0}],
    "case": [{"depth": 1.0}, {"turnover": 2.0}, {"unit_cost": 1200.0}, {"discount_rate": 0.12}],
    "lag": [{"lags": 6}, {"lags": 12}, {"score_error": "left in"}, {"lags": 3}, {"score_error": "taken out"}],
    "curve": [{"knots": 7}, {"curve": "quadratic"}, {"knots": 3}, {"curve": "spline"}, {"knots": 5}],
    "confounder": [{"times": 3.0}, {"r2_score": 0.3}, {"times": 0.5}, {"r2_outcome": 0.3}, {"times": 2.0}],
    "points": [{"points": 1.0}, {"margin": 0.6}, {"points": 0.2}, {"margin": 0.9}, {"months": 24}],
    "fee": [{"fee": 20.0}, {"margin": 30.0}, {"months": 36}, {"fee": 45.0}],
}
YEARS = [(date(year, 1, 1), date(year, 12, 31)) for year in range(2022, 2026)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, nargs=2, default=[20_000, 1_000_000])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.moves, asked.seed, asked.names)))
        return
    found = {
        size: in_a_process(size, asked.moves, asked.seed, asked.names)
        for size in dict.fromkeys(asked.customers)
    }
    few, many = (found[size] for size in asked.customers)
    figures = {
        "customers": asked.customers,
        **{f"{name}_ms": [round(one[name], 1) for one in (few, many)] for name in few if name != "peak_mb"},
        **{f"ratio_{name}_many_to_few": round(many[name] / few[name], 2) for name in asked.names},
        "peak_mb": round(max(few["peak_mb"], many["peak_mb"])),
    }
    if "loyalty" in asked.names:
        figures["ratio_new_picture_to_moved"] = round(few["loyalty_new_picture"] / few["loyalty"], 2)
    small, large = (f"{size:,}" for size in asked.customers)
    for name in asked.names:
        print(f"{name}: {few[name]:.0f} ms with {small} customers, {many[name]:.0f} ms with {large}")
    print(json.dumps(figures))


def in_a_process(customers: int, moves: int, seed: int, names: list[str]) -> dict[str, float]:
    """Measure one size in a process of its own."""
    command = [sys.executable, __file__, "--one", str(customers), "--moves", str(moves), "--seed", str(seed)]
    command += ["--names", *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"{customers:,} customers ended with exit code {done.returncode}; its error stands above"
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(customers: int, moves: int, seed: int, names: list[str]) -> dict[str, float]:
    """Return medians in milliseconds, and the peak memory with all that came before the first move."""
    from cemlab import simulate

    company = simulate.company(customers=customers, seed=seed)
    makers = [loyalty_picture, strategy_picture, margin_picture, saves_picture]
    makers += [plan_picture, event_picture, case_picture]
    makers += [lag_picture, curve_picture, confounder_picture, points_picture, fee_picture]
    found = {}
    for name, maker in zip(NAMES, makers, strict=True):
        if name not in names:
            continue
        explorer = maker(company)
        found[name] = median(functools.partial(to_values, explorer), MOVES[name], moves)
        if name == "loyalty":
            found["loyalty_new_picture"] = median(functools.partial(anew, explorer), MOVES[name], moves)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**found, "peak_mb": peak / (1e6 if sys.platform == "darwin" else 1024)}


def to_values(explorer: Any, values: dict[str, Any]) -> None:
    """Move as a hand does."""
    explorer.move(**values)


def anew(explorer: Any, values: dict[str, float]) -> None:
    """Do what a move does, but compose the picture from nothing."""
    from cemlab.present import plots

    chart, _ = explorer.show(**{**explorer.values, **values})
    plots.png(chart)


def median(move: Callable[[dict[str, Any]], object], to: list[dict[str, Any]], moves: int) -> float:
    """Return the median of so many moves in milliseconds, after three that warm up."""
    return 1000 * statistics.median(itertools.islice(timed(move, to), 3, moves + 3))


def timed(move: Callable[[dict[str, Any]], object], to: list[dict[str, Any]]) -> Iterator[float]:
    """Yield the seconds of one move after the other."""
    for values in itertools.cycle(to):
        start = time.perf_counter()
        move(values)
        yield time.perf_counter() - start


def loyalty_picture(company: Any) -> Any:
    """Return the explorer of notebook 03."""
    from cemlab import loyalty
    from cemlab.present.widgets import loyalty_explorer

    bought = company.table("category_purchases")
    panel = loyalty.panel(bought, base=YEARS[2], follow_up=YEARS[3])
    before = loyalty.panel(bought, base=YEARS[0], follow_up=YEARS[1])
    moves = loyalty.loyal_moves(
        bought,
        brand="Halden",
        periods=YEARS,
        ratings=company.table("competitor_ratings"),
        macro=company.table("macro"),
    )
    parts = loyalty.decompose(loyalty.switching(moves, null=loyalty.stationary_market(before)))
    null = loyalty.stationary_market(panel)
    return loyalty_explorer(panel, null=null, brand="Halden", decomposition=parts)


def strategy_picture(company: Any) -> Any:
    """Return the explorer of notebook 01."""
    from cemlab import segmentation
    from cemlab.present.widgets import strategy_explorer

    tables = {name: company.table(name) for name in ("customers", "subscriptions", "transactions")}
    cells = segmentation.campaign_cells(company.table("campaigns"), **tables)
    population = segmentation.population_cells(cells, **tables, as_of=YEARS[3][1])
    effects = segmentation.uplift(cells)
    segments = [("purchases",), ("type",), ("type", "objective")]
    return strategy_explorer(effects, population, margins=MARGINS, costs=COSTS, segments=segments, unit="EUR")


def margin_picture(company: Any) -> Any:
    """Return the explorer of notebook 04; what its ratio is of does not matter to the time of a move."""
    from cemlab import survival
    from cemlab.present.widgets import margin_explorer

    roles = {"duration": "duration", "event": "left", "entry": "observed_after"}
    worth = survival.valued_spells(company).cache()
    remaining = survival.remaining_margin(
        worth, **roles, margin="margin", group="plan", horizon=24, discount=0.08, period=365.25 / 12,
        year=365.25, unit="days", extrapolate="steady",
    )  # fmt: skip
    marked = worth.mutate(cx=(worth["plan"] == "Flex").cast("int64"))
    ratios = survival.hazard_ratios(marked, **roles, covariates=["cx"])
    acts_on = dict.fromkeys(remaining.counts.segments, 0.8)
    return margin_explorer(remaining, ratios=ratios, term="cx", acts_on=acts_on, unit="EUR")


def saves_picture(company: Any) -> Any:
    """Return the explorer of notebook 05."""
    from cemlab import saves, survival
    from cemlab.data.save_offers import save_offer_cells
    from cemlab.present.widgets import save_explorer

    cells = save_offer_cells(
        company.table("save_offers"),
        subscriptions=survival.spells(company),
        as_of=company.as_of,
        cues=["risk", "plan", "tenure"],
    )
    return save_explorer(saves.save_uplift(cells), margin=3000.0, unit="EUR")


def plan_picture(company: Any) -> Any:
    """Return the explorer of a study in notebook 09."""
    from cemlab import training
    from cemlab.present.widgets import plan_explorer
    from cemlab.training.planner import plan_study

    return plan_explorer(plan_study(training.branch_panel(company), outcome="cx", effect=0.2, draws=200))


def event_picture(company: Any) -> Any:
    """Return the explorer of anticipation in notebook 09."""
    from cemlab import training
    from cemlab.present.widgets import event_explorer

    return event_explorer(training.roll_out(training.branch_panel(company), outcome="cx"))


def case_picture(company: Any) -> Any:
    """Return the explorer of notebook 12; its counts are of one branch in thirty."""
    from cemlab.business_case import counted, ledger_of, training_case
    from cemlab.present.widgets import case_explorer

    missing = [
        counted(item=item, value=value, unit=unit)
        for item, value, unit in (
            ("half of the change is there after", 2, "months"),
            ("leaving for a competitor", 0.012, "share a month"),
            ("spend of a customer", 500, "EUR a customer and month"),
            ("persons trained", 28, "persons"),
            ("posts", 30, "posts"),
            ("customers", 666, "customers"),
        )
    ]
    return case_explorer(training_case(ledger_of(company).plus(*missing), months=48, draws=2_000))


@functools.cache
def months_of(company: Any) -> Any:
    """Return the branch-months of notebook 11, counted once for all of its explorers."""
    from cemlab import linkage

    return linkage.linked_months(company)


def linked(company: Any, *controls: str) -> Any:
    """Return margin a customer linked to experience."""
    from cemlab import linkage

    halves, outcome = ("cx_a", "cx_b"), "margin_per_customer"
    return linkage.linked_panel(months_of(company), outcome=outcome, halves=halves, controls=controls)


def lag_picture(company: Any) -> Any:
    """Return the explorer of lags in notebook 11."""
    from cemlab.present.widgets import lag_explorer

    return lag_explorer(linked(company))


def curve_picture(company: Any) -> Any:
    """Return the explorer of the curve in notebook 11."""
    from cemlab.present.widgets import curve_explorer

    return curve_explorer(linked(company))


def confounder_picture(company: Any) -> Any:
    """Return the explorer of unrecorded confounders in notebook 11."""
    from cemlab import linkage
    from cemlab.present.widgets import confounder_explorer

    return confounder_explorer(linkage.omitted_confounder(linked(company, "headcount", "region", "format")))


def points_picture(company: Any) -> Any:
    """Return the explorer of points gained in notebook 11."""
    from cemlab import linkage
    from cemlab.present.widgets import points_explorer

    ladder = linkage.value_of_a_point(linked(company))
    return points_explorer(ladder, linkage.customers_lately(months_of(company)))


def fee_picture(company: Any) -> Any:
    """Return the explorer of fees in notebook 11."""
    from cemlab import linkage
    from cemlab.present.widgets import fee_explorer

    contracts = company.table("subscriptions")
    due = linkage.fees_due(company.table("fees"), subscriptions=contracts, as_of=company.as_of)
    return fee_explorer(linkage.fee_effect(due, by_lot=True), margin=25.0)


if __name__ == "__main__":
    main()
