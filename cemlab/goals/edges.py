"""The edges of a lever map: read, refused where nothing could be computed, and held to rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.goals.entries import NUMBERS, Finding, Rule, read
from cemlab.goals.products import Edges, in_order

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

KINDS = ("lever", "behaviour", "metric")

_LEVER = Rule(
    name="lever",
    null="every behaviour and every metric is moved by a lever",
    remedy="Draw the edge that moves it, or do not promise to move it.",
)
_METRIC = Rule(
    name="metric",
    null="every lever and every behaviour moves a metric",
    remedy="Say which metric would show it, or drop it.",
)
_ORDER = Rule(
    name="direction",
    null="edges lead from levers over behaviours to metrics",
    remedy="Turn it round, or mark it as lagged if it is a feedback.",
)
_UNIT = Rule(
    name="unit",
    null="every edge has a unit “… per …”, and each thing is measured in one unit throughout",
    remedy="Convert one of them; numbers in different units may not be multiplied.",
)
_SOURCE = Rule(
    name="source", null="every elasticity has a source", remedy="Say where the three values come from."
)
RULES = (_LEVER, _METRIC, _ORDER, _UNIT, _SOURCE)

_PER = " per "


@dataclass(frozen=True, eq=False, kw_only=True)
class Graph:
    """A lever map as numbers.

    Parameters
    ----------
    frame
        The edges as they were given, one row each.
    kinds
        Kind by name, in the order in which they come up.
    edges
        Those that are not lagged, in order; `row` counts all edges.
    low, mode, high
        Of shape (n_edges,), of all edges.
    """

    frame: pd.DataFrame
    kinds: dict[str, str]
    edges: Edges
    low: NDArray[np.float64]
    mode: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Means of the triangular distributions."""
        return (self.low + self.mode + self.high) / 3

    def of_kind(self, kind: str) -> list[int]:
        """Return the numbers of the nodes of one kind."""
        return [at for at, found in enumerate(self.kinds.values()) if found == kind]

    def unit(self, origin: int, target: int) -> str:
        """Return the unit of the target per unit of the origin; empty where it is not known."""
        names = list(self.kinds)
        out = next((units_of(u)[0] for u in self.frame.loc[self.frame["to"] == names[target], "unit"]), "")
        start = next(
            (units_of(u)[1] for u in self.frame.loc[self.frame["from"] == names[origin], "unit"]), ""
        )
        return f"{out}{_PER}{start}" if out and start else ""


def graph(edges: ir.Table | pd.DataFrame, *, metrics: Sequence[str], standings: Sequence[str]) -> Graph:
    """Read the edges and refuse what cannot be computed; see :func:`cemlab.goals.lever_map`."""
    required = ("from", "from_kind", "to", "to_kind", *NUMBERS, "unit", "source", "grade")
    frame = read(edges, required=required, optional=("lagged",), what="the lever map")
    frame["lagged"] = [str(value).lower() in ("true", "1", "1.0", "yes") for value in frame["lagged"]]
    for row in frame.to_dict("records"):
        _complete(row, standings)
    if (twice := frame[frame.duplicated(["from", "to"])]).size:
        a, b = twice.iloc[0][["from", "to"]]
        raise DataError(f"the lever map: the edge {a!r} → {b!r} stands twice; sum them up, or remove one")
    kinds = _kinds(frame, metrics)
    at = {name: number for number, name in enumerate(kinds)}
    rows = np.flatnonzero(~frame["lagged"].to_numpy(dtype=bool))
    start, end = ([at[name] for name in frame[column].iloc[rows]] for column in ("from", "to"))
    ordered, circle = in_order(start, end, nodes=len(kinds))
    if circle:
        names = list(kinds)
        way = " → ".join(names[node] for node in [*circle, circle[0]])
        raise DesignError(
            f"the lever map goes in a circle: {way}; mark the edge that works in the next period as lagged"
        )
    low, mode, high = (frame[name].to_numpy(dtype=float) for name in NUMBERS)
    given = Edges(ordered.start, ordered.end, rows[ordered.row], ordered.nodes)
    return Graph(frame=frame, kinds=kinds, edges=given, low=low, mode=mode, high=high)


def _complete(row: Mapping[Any, Any], standings: Sequence[str]) -> None:
    where = f"the lever map, edge {row['from']!r} → {row['to']!r}"
    if row["from"] is None or row["to"] is None:
        raise DataError(f"{where}: an edge has two ends; name both, or remove the row")
    for end in ("from_kind", "to_kind"):
        if row[end] not in KINDS:
            raise OptionError(f"{where}, {end}: {one_of(row[end] or '', KINDS, what='kind')}")
    if row["grade"] not in standings:
        raise OptionError(f"{where}: {one_of(row['grade'] or '', standings, what='grade')}")
    low, mode, high = (float(str(row[name])) for name in NUMBERS)
    if not (np.isfinite([low, mode, high]).all() and low <= mode <= high):
        raise DataError(
            f"{where}: low {low:g}, mode {mode:g}, high {high:g}; all three are needed, in this order"
        )


def _kinds(frame: pd.DataFrame, metrics: Sequence[str]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    ends = frame[["from", "from_kind", "to", "to_kind"]].itertuples(index=False, name=None)
    named = [pair for a, a_kind, b, b_kind in ends for pair in ((a, a_kind), (b, b_kind))]
    for name, kind in [*named, *((metric, "metric") for metric in metrics)]:
        if kinds.setdefault(name, kind) != kind:
            raise DataError(f"the lever map: {name!r} is a {kinds[name]} and a {kind}; give it one kind")
    return kinds


def inspect(found: Graph) -> list[Finding]:
    """Return what is to be mended on a map that can be computed."""
    return [*_orphans(found), *_backward(found), *_mixed_units(found), *_sourceless(found)]


def _orphans(found: Graph) -> Iterator[Finding]:
    moved, moving = set(found.of_kind("lever")), set(found.of_kind("metric"))
    for start, end in zip(found.edges.start.tolist(), found.edges.end.tolist(), strict=True):
        moved |= {end} if start in moved else set()
    for start, end in zip(found.edges.start[::-1].tolist(), found.edges.end[::-1].tolist(), strict=True):
        moving |= {start} if end in moving else set()
    for at, (name, kind) in enumerate(found.kinds.items()):
        if at not in moved:
            yield Finding(name, _LEVER, f"no lever leads to this {kind}")
        if at not in moving:
            yield Finding(name, _METRIC, f"this {kind} leads to no metric")


def _backward(found: Graph) -> Iterator[Finding]:
    for row in found.frame[~found.frame["lagged"]].to_dict("records"):
        if KINDS.index(row["from_kind"]) > KINDS.index(row["to_kind"]) or row["to_kind"] == "lever":
            what = f"an edge leads from a {row['from_kind']} to the {row['to_kind']} {row['to']!r}"
            yield Finding(row["from"], _ORDER, what)


def _mixed_units(found: Graph) -> Iterator[Finding]:
    units: dict[str, str] = {}
    for row in found.frame.to_dict("records"):
        out, per = units_of(row["unit"])
        if not out:
            yield Finding(row["from"], _UNIT, f"the unit of → {row['to']!r} is {row['unit'] or 'blank'!r}")
            continue
        for name, unit in ((row["from"], per), (row["to"], out)):
            if units.setdefault(name, unit) != unit:
                yield Finding(name, _UNIT, f"measured in {units[name]!r} and in {unit!r}")


def _sourceless(found: Graph) -> Iterator[Finding]:
    for row in found.frame[found.frame["source"].isna()].to_dict("records"):
        yield Finding(row["from"], _SOURCE, f"the edge to {row['to']!r} has none")


def units_of(text: str | None) -> tuple[str, str]:
    """Return the two halves of a unit “… per …”, both empty where it has no such form."""
    out, _, per = (text or "").partition(_PER)
    return (out.strip(), per.strip()) if out.strip() and per.strip() else ("", "")
