"""One thread for many small problems: what would be split among threads is too small to be worth it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
