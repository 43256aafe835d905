"""The contract's tables that are written by hand: levers, costs, goals, opportunities and assumptions."""

from __future__ import annotations

from cemlab.data.columns import Table, column

__all__ = ["GOAL_KINDS", "INPUTS"]

#: The levels of the tree of goals, from the top.
GOAL_KINDS = ("mission", "goal", "strategy", "action")

_GOAL_TREE = (
    column("parent", "text", "the entry it serves; blank at the top"),
    column("kind", "text", "level of the entry in the tree", allowed=GOAL_KINDS),
    column("metric", "text", "what is measured"),
)

# What a link of the lever map can lead from and to.
_LINKED = ("lever", "behaviour", "metric")

#: What nobody measures and somebody must answer for, in the order of the contract.
INPUTS = (
    Table(
        name="levers",
        row="a link: how much one thing moves for a unit of another",
        key=("from", "to"),
        unique=True,
        columns=(
            column("from", "text", "what moves the other", required=True),
            column("from_kind", "text", "what it is", required=True, allowed=_LINKED),
            column("to", "text", "what is moved", required=True),
            column("to_kind", "text", "what it is", required=True, allowed=_LINKED),
            column("low", "number", "lowest plausible elasticity", required=True),
            column("mode", "number", "most plausible elasticity", required=True),
            column("high", "number", "highest plausible elasticity", required=True),
            column("unit", "text", "units of `to` per unit of `from`"),
            column("source", "text", "where the values come from"),
            column("grade", "text", "design grade of the source, or assumption", required=True),
            column("lagged", "flag", "works in the next period: a feedback, drawn and not multiplied"),
        ),
    ),
    *(
        Table(
            name=name,
            row=row,
            key=("item",),
            unique=True,
            columns=(
                column("item", "text", "what the entry is", required=True),
                column("low", "number", "lowest plausible value"),
                column("mode", "number", "most plausible value"),
                column("high", "number", "highest plausible value"),
                column("unit", "text", "unit of the three values"),
                column("source", "text", "where the values come from"),
                column("owner", "text", "who answers for it"),
                column("date", "date", "when it was stated"),
                *further,
            ),
        )
        for name, row, further in (
            ("costs", "a cost item", ()),
            ("goals", "a goal", _GOAL_TREE),
            ("opportunities", "an opportunity not taken", ()),
            ("ledger", "an assumption", ()),
        )
    ),
)
