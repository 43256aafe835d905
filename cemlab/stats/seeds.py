"""Random numbers from a seed that is one, so that what was drawn can be drawn again."""

from __future__ import annotations

import numpy as np

from cemlab.errors import OptionError


def check_seed(seed: int) -> None:
    """Refuse what is no seed.

    Parameters
    ----------
    seed
        A whole number from 0 on. None is refused too: an answer that nobody can draw again is no evidence.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"seed is {seed!r}; allowed: a whole number from 0 on, e.g. 1")


def generator(seed: int) -> np.random.Generator:
    """Return numpy's default generator of random numbers, begun at a seed.

    Parameters
    ----------
    seed
        A whole number from 0 on.

    Raises
    ------
    OptionError
        If it is no such number.

    Examples
    --------
    >>> generator(1).integers(0, 10, 3).tolist() == generator(1).integers(0, 10, 3).tolist()
    True
    """
    check_seed(seed)
    return np.random.default_rng(seed)
