"""Random numbers with names: each use has its own stream, so that one use never shifts another.

The same seed, name and block give the same numbers whatever else is drawn. Replaying a company under an
intervention with the same streams therefore changes what the intervention changes and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Changed whenever the same seed stands for another company.
GENERATION = "halden-1"


@dataclass(frozen=True)
class Streams:
    """The random numbers of one company.

    Parameters
    ----------
    seed
        The company's seed.

    Examples
    --------
    >>> float(Streams(1).generator("exits").random()) == float(Streams(1).generator("exits").random())
    True
    >>> float(Streams(1).generator("exits").random()) == float(Streams(1).generator("exits", 1).random())
    False
    """

    seed: int

    def generator(self, name: str, block: int = 0) -> np.random.Generator:
        """Return the stream of a name, from its beginning.

        Parameters
        ----------
        name
            What the numbers are for.
        block
            Which block of customers or households they are for.
        """
        key = sha256(f"{GENERATION}|{self.seed}|{name}|{block}".encode()).digest()
        return np.random.Generator(np.random.Philox(key=np.frombuffer(key[:16], dtype=np.uint64)))

    def uniform(self, name: str, shape: int | tuple[int, ...], block: int = 0) -> Floats:
        """Return uniform numbers in [0, 1)."""
        return self.generator(name, block).random(shape)

    def normal(self, name: str, shape: int | tuple[int, ...], block: int = 0) -> Floats:
        """Return standard normal numbers."""
        return self.generator(name, block).standard_normal(shape)

    def exponential(self, name: str, shape: int | tuple[int, ...], block: int = 0) -> Floats:
        """Return standard exponential numbers."""
        return self.generator(name, block).standard_exponential(shape)


def pick(uniform: Floats, shares: npt.ArrayLike) -> Ints:
    """Turn uniform numbers into codes 0, 1, … with the given shares, by inversion.

    Parameters
    ----------
    uniform
        Numbers in [0, 1), any shape.
    shares
        Shares of the codes; they are scaled to sum to one.

    Examples
    --------
    >>> pick(np.array([0.1, 0.5, 0.9]), [0.3, 0.3, 0.4]).tolist()
    [0, 1, 2]
    """
    edges = np.cumsum(np.asarray(shares, dtype=float))
    return np.searchsorted(edges[:-1] / edges[-1], uniform, side="right")
