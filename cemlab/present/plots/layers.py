"""Boxes in columns: which stands where, so that links cross little and no words meet; nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cemlab.present import theme

_SWEEPS = 12
_LINK = 8.0  # points of height that a link takes where it passes between boxes


@dataclass(eq=False)
class Place:
    """A box, or the place where a long link passes through a column.

    Parameters
    ----------
    name
        Of the box; empty for a passing link.
    column
        From the left.
    height
        In points, with the white around it.
    y
        Its middle, downwards.
    before, after
        What it is linked with in the columns to the left and to the right.
    """

    name: str
    column: int
    height: float
    y: float = 0.0
    before: list[Place] = field(default_factory=list)
    after: list[Place] = field(default_factory=list)


def columns_of(levels: dict[str, str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each box: levels from left to right, chains within a level one after the other.

    Examples
    --------
    >>> columns_of({"a": "lever", "b": "metric", "c": "metric"}, [("a", "b"), ("b", "c")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    found: dict[str, int] = {}
    first = 0
    for level in dict.fromkeys(levels.values()):
        inside = [name for name, other in levels.items() if other == level]
        depth = dict.fromkeys(inside, 0)
        chained = [(a, b) for a, b in links if a in depth and b in depth and a != b]
        # at most as many rounds as boxes; a circle would go on for ever
        for _ in inside:
            deeper = {
                b: depth[a] + 1 for a, b in chained if depth[b] <= depth[a] and depth[a] + 1 < len(inside)
            }
            if not deeper:
                break
            depth |= deeper
        found |= {name: first + at for name, at in depth.items()}
        first += max(depth.values()) + 1
    return {name: found[name] for name in levels}


def chains(
    columns: dict[str, int], heights: dict[str, float], links: Sequence[tuple[str, str]]
) -> tuple[list[list[Place]], list[list[Place]]]:
    """Return the columns with their places, and the places that each forward link passes."""
    boxes = {name: Place(name, at, heights[name]) for name, at in columns.items()}
    by_column: list[list[Place]] = [[] for _ in range(max(columns.values()) + 1)]
    for place in boxes.values():
        by_column[place.column].append(place)
    ways = []
    for a, b in links:
        between = [Place("", at, _LINK) for at in range(columns[a] + 1, columns[b])]
        for place in between:
            by_column[place.column].append(place)
        way = [boxes[a], *between, boxes[b]]
        for left, right in pairwise(way):
            left.after.append(right)
            right.before.append(left)
        ways.append(way)
    return by_column, ways


def settle(by_column: list[list[Place]], *, at_least: float = 0.0) -> float:
    """Order and place everything, drawn out to a least height, and return the height that it takes."""
    _untangle(by_column)
    for column in by_column:
        top = 0.0
        for place in column:
            place.y = top + place.height / 2
            top += place.height
    tallest = max(range(len(by_column)), key=lambda at: sum(place.height for place in by_column[at]))
    right, left = range(tallest + 1, len(by_column)), range(tallest - 1, -1, -1)
    for _ in range(4):
        for at in (*right, *left):
            _move(by_column[at])
    every = [place for column in by_column for place in column]
    top = min(place.y - place.height / 2 for place in every)
    tall = max(place.y + place.height / 2 for place in every) - top
    drawn_out = max(1.0, at_least / tall)
    for place in every:
        place.y = (place.y - top) * drawn_out
    return tall * drawn_out


def _untangle(by_column: list[list[Place]]) -> None:
    """Order each column by the middle of its neighbours, to and fro; keep the order that crosses least."""
    least, kept = math.inf, [list(column) for column in by_column]
    for sweep in range(_SWEEPS + 1):
        _number(by_column)
        crossings = sum(map(_crossings, by_column))
        if crossings < least:
            least, kept = crossings, [list(column) for column in by_column]
        rightwards = sweep % 2 == 1
        for column in by_column if rightwards else by_column[::-1]:
            wished = {id(p): _middle(p.before if rightwards else p.after, p.y) for p in column}
            column.sort(key=lambda place: wished[id(place)])
            _number([column])
    for column, order in zip(by_column, kept, strict=True):
        # what is linked with nothing stands below all that is
        column[:] = sorted(order, key=lambda place: not (place.before or place.after))


def _number(by_column: list[list[Place]]) -> None:
    for column in by_column:
        for at, place in enumerate(column):
            place.y = float(at)


def _crossings(column: list[Place]) -> int:
    """Count the pairs of links to the next column that cross, from the order in which places stand."""
    links = [(place.y, other.y) for place in column for other in place.after]
    return sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(links) for c, d in links[:i])


def _move(column: list[Place]) -> None:
    """Move each place towards the middle of what it is linked with, as far as its neighbours let it."""
    linked = [place for place in column if place.before or place.after]
    wished = [_middle([*place.before, *place.after], place.y) for place in linked]
    moved = theme.spread(wished, [place.height for place in linked]) if linked else []
    for place, y in zip(linked, moved, strict=True):
        place.y = y
    below = max((place.y + place.height / 2 for place in linked), default=0.0)
    for place in column:
        if not (place.before or place.after):
            place.y = below + place.height / 2
            below += place.height


def _middle(places: Sequence[Place], otherwise: float) -> float:
    return sum(place.y for place in places) / len(places) if places else otherwise
