"""Exercises of notebook 00, on goals, levers and what is taken for granted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from cemlab import goals
from cemlab.marking.exercise import Exercise, Trap

if TYPE_CHECKING:
    from cemlab.data.company import Company

# The wishes that the notebook adds to the tree: the one that serves nothing, and one that serves a goal.
_SERVES_NOTHING = "New uniforms in all branches"
_SERVES_A_GOAL = "Put the score on every scorecard"


@lru_cache(maxsize=2)
def _map(company: Company) -> tuple[goals.LeverMap, str]:
    """Return the map of levers and the metric that most of them reach."""
    tree = goals.goal_tree(company.table("goals"))
    edges = company.table("levers").to_pandas()
    levers = goals.lever_map(edges, metrics=tree.metrics("mission", "goal"))
    return levers, str(levers.table["metric"].value_counts().idxmax())


def _lever(company: Company, place: int, *, by: str = "estimate") -> str:
    levers, metric = _map(company)
    ordered = levers.on(metric).table.sort_values(by, ascending=False)
    return str(ordered["lever"].iloc[place])


def _swings(company: Company) -> pd.DataFrame:
    levers, metric = _map(company)
    reached = levers.on(metric).table["lever"]
    swings = [levers.swings(lever, metric).table.assign(lever=lever) for lever in reached]
    return pd.concat(swings, ignore_index=True).sort_values("width", ascending=False)


def _widest_swing(company: Company, *, of_second_lever: bool = False) -> str:
    swings = _swings(company)
    if of_second_lever:
        swings = swings[swings["lever"] == _lever(company, 1)]
    return str(swings["edge"].iloc[0])


def _widest_assumption(company: Company) -> str:
    """Return the arrow with the widest range on its own, as a multiple of its most plausible value."""
    edges = _map(company)[0].edges
    width = (edges["high"] - edges["low"]) / edges["mode"].abs()
    row = edges.iloc[int(width.to_numpy().argmax())]
    return f"{row['from']} → {row['to']}"


EXERCISES = (
    Exercise(
        number="00.1",
        asks="the action that leads up to no goal, by its name, a text",
        truth=lambda _: _SERVES_NOTHING,
        form="text",
        hint="Look again at what the tree says of each action: which goal does it serve in the end?",
        traps=(
            Trap(
                name="an action without a strategy",
                value=lambda _: _SERVES_A_GOAL,
                hint="it hangs directly below a goal, so it serves one; that is another fault.",
            ),
            Trap(
                name="the parent and not the action",
                value=lambda _: "A stronger brand",
                hint="asked is the action that was meant to serve it.",
            ),
        ),
    ),
    Exercise(
        number="00.2",
        asks="the lever with the largest total on the bottom line, by its name, a text",
        truth=lambda company: _lever(company, 0),
        form="text",
        hint="Look again at the section “How much, if the map were right”: what is a lever's total?",
        traps=(
            Trap(
                name="the second in the list",
                value=lambda company: _lever(company, 1),
                hint="sort by the total, the largest first.",
            ),
            Trap(
                name="the weakest lever",
                value=lambda company: _lever(company, -1),
                hint="the table was read from the other end.",
            ),
        ),
    ),
    Exercise(
        number="00.3",
        asks="the arrow that moves the result most between its two ends, as “from → to”, a text",
        truth=_widest_swing,
        form="text",
        hint="Look again at the section “What is taken for granted”: whose swings are compared there?",
        traps=(
            Trap(
                name="the widest assumption",
                value=_widest_assumption,
                hint="what counts is the width of the product, not of the arrow alone.",
            ),
            Trap(
                name="the swings of another lever",
                value=lambda company: _widest_swing(company, of_second_lever=True),
                hint="put the swings of all levers together before sorting.",
            ),
        ),
    ),
)
