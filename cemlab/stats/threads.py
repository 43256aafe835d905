"""Threads where they pay: one for many small problems, two for pieces that are worked on side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Piece = TypeVar("Piece")
Found = TypeVar("Found")

# as many as a small machine has; NumPy lets go of Python while it reckons
_WORKERS = 2


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread for a while.

    A product of matrices with a few thousand numbers takes less time than two threads take to meet. Done many
    times over, threads cost up to three times the work, and on a busy machine they wait for each other.
    The numbers of threads are put back afterwards. A library that is loaded only inside keeps its own number.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     total = np.ones((3, 3)) @ np.ones(3)
    >>> total
    array([3., 3., 3.])
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def side_by_side(work: Callable[[Piece], Found], pieces: Iterable[Piece]) -> Iterator[Found]:
    """Yield what work finds in each piece, in order, two pieces at a time.

    The order of what is yielded, and so of every sum over it, does not depend on which is done first. Pieces
    are asked for one by one, at most one more than is worked on.

    Parameters
    ----------
    work
        Changes nothing outside itself.

    Examples
    --------
    >>> list(side_by_side(lambda piece: piece ** 2, range(4)))
    [0, 1, 4, 9]
    """
    with ThreadPoolExecutor(max_workers=_WORKERS) as workers:
        under_way: deque[Future[Found]] = deque()
        for piece in pieces:
            under_way.append(workers.submit(work, piece))
            if len(under_way) > _WORKERS:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
