"""Sums over paths: what moves at the end of a graph, as arrays. No frames here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cemlab.errors import DesignError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PATHS = 1000


@dataclass(frozen=True)
class Edges:
    """The edges of a graph without circles, those nearer to the beginning first.

    Parameters
    ----------
    start, end
        Of shape (n_edges,): the numbers of the nodes that an edge joins.
    row
        Of shape (n_edges,): which of the given edges it was.
    nodes
        How many nodes there are.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    row: NDArray[np.int64]
    nodes: int


def in_order(start: Sequence[int], end: Sequence[int], *, nodes: int) -> tuple[Edges, list[int]]:
    """Order edges so that each comes after all that lead to it, and find a circle where there is one.

    Returns
    -------
    tuple of Edges and list of int
        The edges, and the nodes of one circle in the order of its arrows; empty where there is none. With a
        circle the edges are not complete.
    """
    into = np.bincount(np.asarray(end, dtype=np.int64), minlength=nodes)
    leaving: list[list[int]] = [[] for _ in range(nodes)]
    for row, node in enumerate(start):
        leaving[node].append(row)
    ready = [node for node in range(nodes) if not into[node]]
    rows: list[int] = []
    for node in ready:  # grows while it is read
        for row in leaving[node]:
            rows.append(row)
            into[end[row]] -= 1
            if not into[end[row]]:
                ready.append(end[row])
    chosen = np.array(rows, dtype=np.int64)
    ordered = Edges(
        np.asarray(start, dtype=np.int64)[chosen], np.asarray(end, dtype=np.int64)[chosen], chosen, nodes
    )
    left = {node for node in range(nodes) if into[node]}
    return ordered, _circle(left, start, end) if left else []


def _circle(left: set[int], start: Sequence[int], end: Sequence[int]) -> list[int]:
    # every node that is left has an arrow from another such node, so going back must come round
    before = {b: a for a, b in zip(start, end, strict=True) if a in left and b in left}
    way = [min(left)]
    while before[way[-1]] not in way:
        way.append(before[way[-1]])
    return way[way.index(before[way[-1]]) :][::-1]


def triangular(
    low: NDArray[np.float64],
    mode: NDArray[np.float64],
    high: NDArray[np.float64],
    uniform: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Turn uniform numbers into triangular ones by inversion; a range of no width gives its one value.

    Parameters
    ----------
    low, mode, high
        Of shape (n,).
    uniform
        Of shape (n, draws), between 0 and 1.

    Returns
    -------
    ndarray
        Of shape (n, draws).

    Examples
    --------
    >>> triangular(np.array([0.0]), np.array([1.0]), np.array([2.0]), np.array([[0.0, 0.5, 1.0]])).tolist()
    [[0.0, 1.0, 2.0]]
    """
    a, c, b = (np.asarray(part, dtype=float)[:, None] for part in (low, mode, high))
    rising = a + np.sqrt(uniform * (b - a) * (c - a))
    falling = b - np.sqrt((1 - uniform) * (b - a) * (b - c))
    drawn: NDArray[np.float64] = np.where(uniform * (b - a) <= c - a, rising, falling)
    return drawn


def sums_over_paths(edges: Edges, weights: NDArray[np.float64], *, origin: int) -> NDArray[np.float64]:
    """Return for each node the sum, over all paths from one origin, of the products of their weights.

    Parameters
    ----------
    edges
        In order.
    weights
        Of shape (n_edges, k), in the order in which the edges were given.
    origin
        The node that moves by one unit.

    Returns
    -------
    ndarray
        Of shape (n_nodes, k); 1 at the origin.
    """
    moved = np.zeros((edges.nodes, weights.shape[1]))
    moved[origin] = 1.0
    for start, end, row in zip(edges.start, edges.end, edges.row, strict=True):
        moved[end] += moved[start] * weights[row]
    return moved


def weakest(edges: Edges, ranks: NDArray[np.int64], *, origin: int, best: int) -> NDArray[np.int64]:
    """Return for each node the lowest rank on any path from the origin; `best` + 1 where there is no path."""
    found = np.full(edges.nodes, best + 1)
    reached = np.zeros(edges.nodes, dtype=bool)
    reached[origin] = True
    for start, end, row in zip(edges.start, edges.end, edges.row, strict=True):
        if reached[start]:
            reached[end] = True
            found[end] = min(found[end], found[start], ranks[row])
    return found


def paths(edges: Edges, *, origin: int, target: int) -> list[list[int]]:
    """Return the paths between two nodes, each as the edges it takes, in the order they were given.

    Raises
    ------
    DesignError
        If there are more than a person would read.
    """
    leaving: dict[int, list[tuple[int, int]]] = {}
    for start, end, row in zip(edges.start.tolist(), edges.end.tolist(), edges.row.tolist(), strict=True):
        leaving.setdefault(start, []).append((end, row))
    towards = _leads_to(edges, target)
    found: list[list[int]] = []
    open_ways: list[tuple[int, list[int]]] = [(origin, [])]
    while open_ways:
        at, way = open_ways.pop()
        if at == target:
            found.append(way)
            if len(found) > _MOST_PATHS:
                raise DesignError(
                    f"there are more than {_MOST_PATHS:,} paths; read the totals, or draw fewer edges"
                )
            continue
        open_ways += [(end, [*way, row]) for end, row in leaving.get(at, []) if end in towards]
    return sorted(found)


def _leads_to(edges: Edges, target: int) -> set[int]:
    towards = {target}
    for start, end in zip(edges.start[::-1].tolist(), edges.end[::-1].tolist(), strict=True):
        if end in towards:
            towards.add(start)
    return towards
