"""Which lever moves which behaviour, and which behaviour which metric: a map of stated elasticities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import NotFoundError, OptionError, one_of
from cemlab.evidence import GRADES, Evidence, Grade
from cemlab.goals.edges import KINDS, RULES, Graph, graph, inspect, units_of
from cemlab.goals.entries import as_checks, as_frame, brief
from cemlab.goals.products import paths, sums_over_paths, triangular, weakest
from cemlab.goals.swings import Swings
from cemlab.markup import number
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import generator

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

#: What an elasticity may rest on, from the weakest.
STANDINGS = ("assumption", *GRADES)
_BLOCK = 20_000


@dataclass(frozen=True, eq=False, kw_only=True)
class LeverMap(Result):
    """What moves what, as stated, and what follows for each lever and metric.

    Parameters
    ----------
    table
        One row for each lever and metric that it reaches: lever, metric, n_paths, at_mode (with every
        elasticity at its most plausible value), estimate (the mean), conf_low, conf_high, unit, grade (of the
        weakest link).
    edges
        from, from_kind, to, to_kind, low, mode, high, unit, source, grade, lagged: one row an edge.
    findings
        item, rule, what, remedy.
    graph
        The map as numbers, for further products.
    """

    edges: pd.DataFrame
    findings: pd.DataFrame
    graph: Graph

    title: ClassVar[str] = "What each lever moves, per the map"
    labels: ClassVar[dict[str, str]] = {
        "lever": "Lever", "metric": "Metric", "n_paths": "Paths", "at_mode": "At the most plausible values",
        "estimate": "Mean", "unit": "Unit", "grade": "Weakest link",
    }  # fmt: skip

    @property
    def caption(self) -> str:
        """The line under the map: whose ranges these are."""
        return f"{100 * self.conf_level:g} % of the stated ranges. {self.evidence.line()}"

    @property
    def summary(self) -> pd.DataFrame:
        """One row for each lever and metric that it reaches."""
        return self.table

    def on(self, metric: str) -> LeverMap:
        """Return the map with the rows of one metric, the largest mean first.

        Raises
        ------
        NotFoundError
            If no lever reaches such a metric.
        """
        rows = self.table[self.table["metric"] == metric]
        if rows.empty:
            raise NotFoundError(
                one_of(metric, dict.fromkeys(self.table["metric"]), what="metric that a lever reaches")
            )
        rows = rows.sort_values("estimate", key=np.abs, ascending=False, kind="stable")
        fields = {
            name: getattr(self, name) for name in ("edges", "findings", "graph", "evidence", "conf_level")
        }
        return LeverMap(table=rows.reset_index(drop=True), **fields)

    def paths(self, lever: str, metric: str) -> pd.DataFrame:
        """Return the paths between two names, one row each.

        Returns
        -------
        pandas.DataFrame
            path, via (what lies between the two names), n_edges, at_mode (product of the modes), estimate
            (product of the means), unit, grade. Means multiply exactly, since a path takes no edge twice and
            edges are independent of each other.

        Raises
        ------
        NotFoundError
            If the map has no such lever or metric.
        DesignError
            If there are more than a thousand paths.
        """  # fmt: skip
        origin, target = self._node(lever), self._node(metric)
        ways = paths(self.graph.edges, origin=origin, target=target)
        rows = []
        for way in ways:
            taken = self.edges.iloc[way]
            ranks = [STANDINGS.index(grade) for grade in taken["grade"]]
            rows.append(
                {
                    "path": " → ".join([lever, *taken["to"]]),
                    "via": " → ".join(taken["to"].iloc[:-1]),
                    "n_edges": len(way),
                    "at_mode": float(self.graph.mode[way].prod()),
                    "estimate": float(self.graph.mean[way].prod()),
                    "unit": self.graph.unit(origin, target),
                    "grade": STANDINGS[min(ranks)],
                }
            )
        columns = ["path", "via", "n_edges", "at_mode", "estimate", "unit", "grade"]
        return pd.DataFrame(rows, columns=columns)

    def swings(self, lever: str, metric: str, *, draws: int = _BLOCK, seed: int = 0) -> Swings:
        """Answer which stated range matters: each edge at its two ends, the others at their mean.

        Parameters
        ----------
        lever, metric
            What moves what.
        draws, seed
            Of the triangular distributions that tell how much the interval would narrow if an edge were
            known to be at its mean.

        Raises
        ------
        NotFoundError
            If the map has no such lever or metric, or no path between them.
        """
        origin, target = self._node(lever), self._node(metric)
        used = sorted({row for way in paths(self.graph.edges, origin=origin, target=target) for row in way})
        if not used:
            raise NotFoundError(
                f"the map has no path from {lever!r} to {metric!r}; see its table for those there are"
            )
        weights = np.repeat(self.graph.mean[:, None], 2 * len(used) + 1, axis=1)
        for at, row in enumerate(used):
            weights[row, 2 * at : 2 * at + 2] = self.graph.low[row], self.graph.high[row]
        moved = sums_over_paths(self.graph.edges, weights, origin=origin)[target]
        ends = np.sort(moved[:-1].reshape(-1, 2), axis=1)
        names = [f"{a} → {b}" for a, b in self.edges.iloc[used][["from", "to"]].itertuples(index=False)]
        table = pd.DataFrame(
            {"edge": names, "estimate": moved[-1], "conf_low": ends[:, 0], "conf_high": ends[:, 1]}
        )
        narrower = self._narrower(used, origin=origin, target=target, draws=draws, seed=seed)
        table = table.assign(
            width=ends[:, 1] - ends[:, 0],
            narrower=narrower,
            grade=self.edges.iloc[used]["grade"].to_numpy(),
        )
        table = table.sort_values("width", ascending=False, kind="stable").reset_index(drop=True)
        return Swings(
            table=table,
            evidence=self.evidence,
            lever=lever,
            metric=metric,
            unit=self.graph.unit(origin, target),
        )

    def _narrower(
        self, used: list[int], *, origin: int, target: int, draws: int, seed: int
    ) -> NDArray[np.float64]:
        """Return the share by which the interval would narrow, for each edge if it were known."""
        found = self.graph
        uniform = generator(seed).random((len(found.mode), draws))
        drawn = triangular(found.low, found.mode, found.high, uniform)
        ends = ((1 - self.conf_level) / 2, (1 + self.conf_level) / 2)

        def width(weights: NDArray[np.float64]) -> float:
            moved = sums_over_paths(found.edges, weights, origin=origin)[target]
            return float(np.ptp(np.quantile(moved, ends)))

        left = []
        for row in used:
            known = drawn.copy()
            known[row] = found.mean[row]
            left.append(width(known))
        full = width(drawn)
        return 1 - np.array(left) / full if full else np.zeros(len(used))

    def narrative(self) -> str:
        """Tell what each lever moves, largest first, and what the map lacks."""
        reached = f"{self.table['lever'].nunique():,} levers reach {self.table['metric'].nunique():,} metrics"
        told = [_told(row) for row in self.table.to_dict("records")[:3]]
        wrong = [
            f"{check.name}: {check.detail.rstrip('.')}" for check in self.evidence.checks if not check.passed
        ]
        lacks = f" The map lacks something: {'; '.join(wrong)}." if wrong else ""
        return f"As stated, and not estimated here: {reached}. {' '.join(told)}{lacks}"

    @property
    def chart(self) -> Chart:
        """The map from left to right: each arrow with its most plausible value and its range."""
        said = {"lever": "no lever", "metric": "moves nothing", "unit": "mixed units", "source": "no source"}
        shown = self.findings["rule"].replace(said)
        marks = shown.groupby(self.findings["item"]).agg(lambda words: ", ".join(dict.fromkeys(words)))
        boxes = [(None, name, kind, marks.get(name, "")) for name, kind in self.graph.kinds.items()]
        ranked = sorted(boxes, key=lambda box: KINDS.index(str(box[2])))
        arrows = [
            (row["from"], row["to"], row["to_kind"], _label(row)) for row in self.edges.to_dict("records")
        ]
        return Chart(
            kind="diagram",
            frame=pd.DataFrame([*ranked, *arrows], columns=["from", "to", "kind", "text"]),
            x="from",
            y="to",
            group="kind",
            value="text",
            x_label="",
            y_label="",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=f"{self._units()} {self.caption}".strip(),
        )

    def _units(self) -> str:
        """Say what the figure on an arrow is, from the units as they are written."""
        per = self.edges["unit"].map(lambda unit: units_of(unit)[1])
        from_lever = self.edges["from_kind"] == "lever"
        parts = [
            f"{' or '.join(words)} (from {tail})"
            for chosen, tail in ((from_lever, "a lever"), (~from_lever, "another box"))
            if (words := [f"one {unit}" for unit in dict.fromkeys(per[chosen]) if unit])
        ]
        if not parts:
            return ""
        return (
            f"On each arrow: what it is said to change at its head, with its range, for {', '.join(parts)}."
        )

    def _claim(self) -> str:
        adrift = self.findings.loc[self.findings["rule"] == "lever", "item"].tolist()
        if 1 <= len(adrift) <= 2:
            return f"No lever is drawn to {' or '.join(f'“{name}”' for name in adrift)}"
        if adrift:
            return f"{len(adrift):,} things that are to move have no lever drawn to them"
        idle = self.findings.loc[self.findings["rule"] == "metric", "item"].tolist()
        return (
            f"{len(idle):,} of the things on the map {'moves' if len(idle) == 1 else 'move'} no metric"
            if idle
            else "Every metric on the map has a lever, and every lever a metric"
        )

    def _node(self, name: str) -> int:
        if name not in self.graph.kinds:
            raise NotFoundError(one_of(name, self.graph.kinds, what="lever, behaviour or metric on the map"))
        return list(self.graph.kinds).index(name)


def lever_map(
    edges: ir.Table | pd.DataFrame,
    *,
    metrics: Sequence[str] = (),
    conf_level: float = 0.95,
    draws: int = _BLOCK,
    seed: int = 0,
    source: str = "",
) -> LeverMap:
    """Answer which lever moves which metric, by how much as stated, and what has no lever.

    Parameters
    ----------
    edges
        One row an edge: from, from_kind, to, to_kind (lever, behaviour or metric), low, mode, high, unit (the
        unit of `to` “per” the unit of `from`), source, grade (what it rests on: “assumption” or a design
        grade), and where there are any lagged (true for a feedback that works in the next period; such edges
        are drawn and not multiplied).
    metrics
        Metrics that are to be moved, e.g. those of the tree of goals; one without an edge stands alone.
    conf_level
        Which middle share of the draws the intervals hold.
    draws, seed
        Of the triangular distributions behind the intervals. Each edge is drawn once and shared by all
        paths that take it; edges are independent of each other.
    source
        The line that stands under every figure.

    Returns
    -------
    LeverMap
        For each lever and metric the sum over paths of the products along them: exactly at the modes and
        in the mean, with an interval from the draws.

    Raises
    ------
    ColumnError
        If a required column is missing.
    DataError
        If an edge is incomplete, stands twice or has its values out of order, or a name has two kinds.
    OptionError
        If a kind or grade is unknown, or `draws` is not at least 100.
    DesignError
        If edges that are not lagged go in a circle: a product round a circle has no end.

    Notes
    -----
    Elasticities hold for small changes, and products of them for small changes that do not
    disturb each other. The map orders assumptions; it estimates nothing.
    """
    check_conf_level(conf_level)
    if draws < 100:
        raise OptionError(f"draws is {draws!r}; allowed: 100 or more, or the ends of an interval are noise")
    found = graph(edges, metrics=metrics, standings=STANDINGS)
    findings = inspect(found)
    worst = min(STANDINGS.index(grade) for grade in found.frame["grade"])
    evidence = Evidence(
        grade=_as_grade(STANDINGS[worst]),
        design=f"Elasticities as stated, multiplied along the paths. Weakest link: {STANDINGS[worst]}.",
        unit="edges",
        n_used=int((~found.frame["lagged"]).sum()),
        n_given=len(found.frame),
        source=source,
        assumptions=(
            "Each elasticity lies in its range, most plausibly at its mode (triangular).",
            "The elasticities are independent of each other.",
            "Changes are small: elasticities do not change on the way.",
        ),
        checks=as_checks(RULES, findings),
    )
    table = _totals(found, conf_level=conf_level, draws=draws, seed=seed)
    return LeverMap(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        edges=found.frame,
        findings=as_frame(findings),
        graph=found,
    )


def _totals(found: Graph, *, conf_level: float, draws: int, seed: int) -> pd.DataFrame:
    rng = generator(seed)
    drawn = triangular(found.low, found.mode, found.high, rng.random((len(found.mode), draws)))
    exact = np.stack([found.mode, found.mean, np.ones_like(found.mode)], axis=1)
    ranks = np.array([STANDINGS.index(grade) for grade in found.frame["grade"]])
    ends = ((1 - conf_level) / 2, (1 + conf_level) / 2)
    names = list(found.kinds)
    rows = []
    for origin in found.of_kind("lever"):
        moved = sums_over_paths(found.edges, exact, origin=origin)
        spread = sums_over_paths(found.edges, drawn, origin=origin)
        grades = weakest(found.edges, ranks, origin=origin, best=len(STANDINGS) - 1)
        for target in found.of_kind("metric"):
            at_mode, mean, n_paths = moved[target]
            if n_paths:
                low, high = np.quantile(spread[target], ends)
                grade = STANDINGS[grades[target]]
                unit = found.unit(origin, target)
                rows.append(
                    (names[origin], names[target], int(n_paths), at_mode, mean, low, high, unit, grade)
                )
    columns = ["lever", "metric", "n_paths", "at_mode", "estimate", "conf_low", "conf_high", "unit", "grade"]
    return pd.DataFrame(rows, columns=columns)


def _as_grade(standing: str) -> Grade:
    # an assumption allows to say no more than a count does
    return next((grade for grade in GRADES if grade == standing), "descriptive")


def _told(row: Mapping[Any, Any]) -> str:
    return (
        f"“{row['lever']}” moves {row['metric']} by {brief(row['estimate'])} {row['unit']} (from "
        f"{brief(row['conf_low'])} to {brief(row['conf_high'])}; weakest link: {row['grade']})."
    )


def _label(row: Mapping[Any, Any]) -> str:
    mode = float(row["mode"])
    value = f"{'+' if mode > 0 else ''}{number(mode)} {units_of(row['unit'])[0]}".strip()
    return f"{value}\n({number(row['low'])} to {number(row['high'])})"
