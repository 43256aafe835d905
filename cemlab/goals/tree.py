"""Mission, goals, strategies, actions: whether each serves the one above it and can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.data.contract import GOAL_KINDS
from cemlab.errors import DataError, NotFoundError, OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.goals.entries import Finding, Rule, as_checks, as_frame, blank, read, unique, unordered
from cemlab.markup import join_words
from cemlab.result import Result

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MISSION = Rule(
    name="one mission",
    null="the tree has one mission",
    remedy="Name one mission; what else stands at the top is a goal below it.",
)
_ORPHAN = Rule(
    name="no orphan",
    null="every entry below the mission serves one that is in the tree",
    remedy="Name the entry it serves, or stop doing it.",
)
_ORDER = Rule(
    name="order",
    null="goals serve the mission, strategies goals, and actions strategies",
    remedy="Put the level in between, or correct the kind.",
)
_CIRCLE = Rule(name="no circle", null="no entry serves itself", remedy="Let one of them serve another entry.")
_METRIC = Rule(
    name="metric",
    null="everything below the mission has a metric",
    remedy="Say what would be seen to move, or drop it.",
)
_IDLE = Rule(
    name="action",
    null="every goal and every strategy has an action",
    remedy="Start an action, or strike it from the list.",
)
_OWNER = Rule(name="owner", null="everything below the mission has an owner", remedy="Name one person.")
_OPPOSED = Rule(
    name="no contradiction",
    null="no metric is to rise for one entry and to fall for another",
    remedy="Let the owners of the two agree on one direction.",
)
_RANGE = Rule(
    name="range",
    null="where targets are given, low ≤ mode ≤ high",
    remedy="Correct the three values.",
)
_RULES = (_MISSION, _ORPHAN, _ORDER, _CIRCLE, _METRIC, _IDLE, _OWNER, _OPPOSED, _RANGE)
_BRIEF = {
    _ORPHAN: "serves nothing",
    _ORDER: "level skipped",
    _CIRCLE: "in a circle",
    _METRIC: "no metric",
} | {
    _IDLE: "no action",
    _OWNER: "no owner",
    _OPPOSED: "contradiction",
    _RANGE: "range",
    _MISSION: "second mission",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class GoalTree(Result):
    """What serves what, and what is to be mended.

    Parameters
    ----------
    table
        item, kind, parent, goal (the goal it serves in the end; missing for the mission and for orphans),
        metric, estimate, conf_low, conf_high (target: most plausible, lowest, highest), unit, owner, date.
    findings
        item, rule, what, remedy: one row for each entry and rule that it breaks.
    """

    findings: pd.DataFrame

    title: ClassVar[str] = "Tree of goals"
    labels: ClassVar[dict[str, str]] = {
        "kind": "Level", "entries": "Entries", "with_metric": "With a metric", "with_owner": "With an owner",
        "to_mend": "To be mended",
    }  # fmt: skip

    def metrics(self, *kinds: str) -> tuple[str, ...]:
        """Return the metrics named at some levels, in the order of the tree; at all levels, if none is given.

        Raises
        ------
        OptionError
            If there is no such level.
        """
        for kind in kinds:
            if kind not in GOAL_KINDS:
                raise OptionError(one_of(kind, GOAL_KINDS, what="level of the tree of goals"))
        rows = self.table[self.table["kind"].isin(kinds or GOAL_KINDS)]
        return tuple(dict.fromkeys(rows["metric"].dropna()))

    @property
    def caption(self) -> str:
        """The line under the tree."""
        return f"Targets and owners as stated. {self.evidence.line()}"

    @property
    def summary(self) -> pd.DataFrame:
        """One row a level: entries, with a metric, with an owner, to be mended."""
        mend = self.table["item"].isin(self.findings["item"])
        rows = self.table.assign(to_mend=mend, with_metric=self.table["metric"].notna())
        rows = rows.assign(with_owner=self.table["owner"].notna(), entries=1)
        counts = rows.groupby("kind")[["entries", "with_metric", "with_owner", "to_mend"]].sum()
        return counts.reindex([k for k in GOAL_KINDS if k in counts.index]).reset_index()

    def serving(self, item: str) -> pd.DataFrame:
        """Return the entries that serve one entry, directly or through others.

        Raises
        ------
        NotFoundError
            If the tree has no such entry.
        """
        items = self.table["item"]
        if item not in set(items):
            raise NotFoundError(one_of(item, items, what="entry in the tree of goals"))
        parents = _parents(self.table)
        return self.table[[item in set(_above(each, parents)) for each in items]].reset_index(drop=True)

    def narrative(self) -> str:
        """Tell what the tree holds and what is to be mended."""
        counts = self.summary.set_index("kind")["entries"]
        holds = join_words(f"{n:,} {_plural(str(kind), n)}" for kind, n in counts.items())
        wrong = [check for check in self.evidence.checks if not check.passed]
        if not wrong:
            return f"The tree holds {holds}. Nothing is to be mended."
        told = "; ".join(f"{check.name}: {check.detail.rstrip('.')}" for check in wrong)
        return f"The tree holds {holds}. To be mended: {told}."

    @property
    def chart(self) -> Chart:
        """The tree from left to right; what is to be mended is marked and says why."""
        brief = {rule.name: text for rule, text in _BRIEF.items()}
        marks = self.findings.groupby("item")["rule"].agg(
            lambda rules: ", ".join(brief[rule] for rule in rules)
        )
        ranked = self.table.sort_values("kind", key=lambda s: s.map(GOAL_KINDS.index), kind="stable")
        boxes = [
            (None, item, kind, marks.get(item, ""))
            for item, kind in zip(ranked["item"], ranked["kind"], strict=True)
        ]
        known = set(self.table["item"])
        links = [
            (parent, item, kind, "")
            for item, kind, parent in zip(ranked["item"], ranked["kind"], ranked["parent"], strict=True)
            if parent in known
        ]
        return Chart(
            kind="diagram",
            frame=pd.DataFrame([*boxes, *links], columns=["parent", "item", "kind", "mark"]),
            x="parent",
            y="item",
            group="kind",
            value="mark",
            x_label="",
            y_label="",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=self.caption,
        )

    def _claim(self) -> str:
        actions = self.table[self.table["kind"] == "action"]
        adrift = int(actions["goal"].isna().sum())
        if adrift:
            return f"{adrift:,} of {len(actions):,} actions {'serves' if adrift == 1 else 'serve'} no goal"
        if self.findings.empty:
            return "Every action serves a goal, and every goal can be measured"
        mend = self.findings["item"].nunique()
        return f"{mend:,} of {len(self.table):,} entries in the tree of goals are to be mended"


def goal_tree(goals: ir.Table | pd.DataFrame, *, source: str = "") -> GoalTree:
    """Answer whether everything that is done serves a goal, and can be seen to.

    Parameters
    ----------
    goals
        One row an entry: item, kind (mission, goal, strategy or action), parent (the entry it serves),
        metric, and where they are known low, mode, high, unit (the target), owner, date.
    source
        The line that stands under every figure.

    Returns
    -------
    GoalTree
        The entries with the goal each serves, and the findings.

    Raises
    ------
    ColumnError
        If item, kind, parent or metric is not a column.
    DataError
        If there is no row, an entry has no name or stands twice, or a kind is none of the four.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("Be the first choice", "mission", None, None), ("Keep members", "goal",
    ...         "Be the first choice", "retention"), ("Loyalty card", "action", "Keep members", "retention")]
    >>> tree = goal_tree(pd.DataFrame(rows, columns=["item", "kind", "parent", "metric"]))
    >>> tree.findings[tree.findings["rule"] == "order"]["what"].tolist()
    ['an action serves a goal directly']
    """
    optional = ("low", "mode", "high", "unit", "owner", "date")
    what = "the tree of goals"
    frame = read(goals, required=("item", "kind", "parent", "metric"), optional=optional, what=what)
    unique(frame["item"], what=what)
    frame["kind"] = [_kind(item, kind) for item, kind in zip(frame["item"], frame["kind"], strict=True)]
    findings = [found for rule in _FINDERS for found in rule(frame)]
    served = _served(frame)
    renamed = frame.rename(columns={"mode": "estimate", "low": "conf_low", "high": "conf_high"})
    columns = ["item", "kind", "parent", "goal", "metric", "estimate", "conf_low", "conf_high"]
    table = renamed.assign(goal=frame["item"].map(served).astype(object))
    evidence = Evidence(
        grade="descriptive",
        design="Goals as the company states them: intentions, checked for gaps and not for truth.",
        unit="entries",
        n_used=len(frame),
        n_given=len(frame),
        source=source,
        checks=as_checks(_RULES, findings),
    )
    return GoalTree(
        table=table[[*columns, "unit", "owner", "date"]], evidence=evidence, findings=as_frame(findings)
    )


def _kind(item: str, kind: object) -> str:
    found = str(kind or "").lower()
    if found not in GOAL_KINDS:
        raise DataError(
            f"the tree of goals, {item!r}: {one_of(kind or '', GOAL_KINDS, what='kind of entry')}"
        )
    return found


def _parents(frame: pd.DataFrame) -> dict[str, str | None]:
    known = set(frame["item"])
    pairs = zip(frame["item"], frame["parent"], strict=True)
    return {item: parent if parent in known else None for item, parent in pairs}


def _above(item: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """Yield what an entry serves, from near to far; a circle is gone round once."""
    seen: set[str] = set()
    at = parents[item]
    while at is not None and at not in seen:
        yield at
        seen.add(at)
        at = parents[at]


def _served(frame: pd.DataFrame) -> dict[str, str]:
    """Return the goal that each entry is or serves; an entry that hangs in the air serves none."""
    parents, kinds = _parents(frame), dict(zip(frame["item"], frame["kind"], strict=True))
    chains = {item: [item, *_above(item, parents)] for item in frame["item"]}
    goals = {item: next((at for at in chain if kinds[at] == "goal"), None) for item, chain in chains.items()}
    return {item: goal for item, goal in goals.items() if goal is not None}


def _one_mission(frame: pd.DataFrame) -> Iterator[Finding]:
    missions = frame.loc[frame["kind"] == "mission", "item"].tolist()
    if not missions:
        yield Finding("(the tree)", _MISSION, "no entry is a mission")
    for item in missions[1:]:
        yield Finding(item, _MISSION, f"{missions[0]!r} is one already")


def _orphans(frame: pd.DataFrame) -> Iterator[Finding]:
    parents = _parents(frame)
    for row in frame[frame["kind"] != "mission"].itertuples():
        if parents[str(row.item)] is None:
            gone = "it serves nothing" if row.parent is None else f"{row.parent!r} is not in the tree"
            yield Finding(str(row.item), _ORPHAN, gone)


def _out_of_order(frame: pd.DataFrame) -> Iterator[Finding]:
    parents, kinds = _parents(frame), dict(zip(frame["item"], frame["kind"], strict=True))
    for item, parent in parents.items():
        if parent is None:
            continue
        kind, above = kinds[item], kinds[parent]
        if GOAL_KINDS.index(kind) - GOAL_KINDS.index(above) != 1:
            how = "directly" if GOAL_KINDS.index(kind) > GOAL_KINDS.index(above) else "below it"
            yield Finding(item, _ORDER, f"{_a(kind)} serves {_a(above)} {how}")


def _circles(frame: pd.DataFrame) -> Iterator[Finding]:
    parents = _parents(frame)
    for item in parents:
        chain = list(_above(item, parents))
        if item in chain:
            way = " → ".join([item, *chain[: chain.index(item) + 1]])
            yield Finding(item, _CIRCLE, way)


def _idle(frame: pd.DataFrame) -> Iterator[Finding]:
    parents = _parents(frame)
    busy = {above for item in frame.loc[frame["kind"] == "action", "item"] for above in _above(item, parents)}
    for item, kind in zip(frame["item"], frame["kind"], strict=True):
        if kind in ("goal", "strategy") and item not in busy:
            yield Finding(item, _IDLE, f"no action serves this {kind}")


def _opposed(frame: pd.DataFrame) -> Iterator[Finding]:
    known = frame.dropna(subset=["metric", "low", "high"]).fillna({"unit": ""})
    for (metric, _), rows in known.groupby(["metric", "unit"], sort=False):
        rising, falling = rows.loc[rows["low"] > 0, "item"], rows.loc[rows["high"] < 0, "item"]
        if len(rising):
            yield from (
                Finding(item, _OPPOSED, f"{metric} is to fall here and to rise for {rising.iloc[0]!r}")
                for item in falling
            )


def _blanks(frame: pd.DataFrame) -> Iterator[Finding]:
    below = frame[frame["kind"] != "mission"]
    yield from blank(below, "metric", _METRIC)
    yield from blank(below, "owner", _OWNER)


def _ranges(frame: pd.DataFrame) -> Iterator[Finding]:
    yield from unordered(frame, _RANGE)


_FINDERS = (_one_mission, _orphans, _out_of_order, _circles, _blanks, _idle, _opposed, _ranges)


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "action" else f"a {kind}"


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return "strategies" if kind == "strategy" else f"{kind}s"
