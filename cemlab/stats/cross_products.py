"""Covariances of resampled respondents, and correlations of pure noise, without a second look at the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cemlab.stats.seeds import generator

FloatArray = NDArray[np.float64]

#: Into how many groups respondents are dealt for resampling; up to as many, each is a group of its own.
BLOCKS = 1_000


def correlation_of(answers: FloatArray) -> FloatArray:
    """Return the correlations of the columns of an array (n, p), of shape (p, p)."""
    apart = answers - answers.mean(axis=0)
    scaled = apart / np.sqrt((apart**2).sum(axis=0))
    found: FloatArray = scaled.T @ scaled
    np.fill_diagonal(found, 1.0)
    return found


def resampled_covariances(answers: FloatArray, *, draws: int, seed: int) -> FloatArray:
    """Return covariances of bootstrap samples of the respondents, of shape (draws, p, p).

    The rows are read once, into the cross-products of at most 1,000 groups to which chance deals them; groups
    are then drawn with replacement, all draws by one matrix product. The groups are alike but for chance, so
    their bootstrap estimates the same variance as that of respondents, with 999 degrees of freedom.

    Parameters
    ----------
    answers
        Of shape (n, p), without blanks.
    draws
        How many samples.
    seed
        For :func:`numpy.random.default_rng`.
    """
    rng = generator(seed)
    n, items = answers.shape
    blocks = min(n, BLOCKS)
    upper = np.triu_indices(items)
    sums = _block_sums(answers - answers.mean(axis=0), rng.permutation(n), blocks, upper)
    weights = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(np.float64)
    drawn = weights @ sums
    count, mean = drawn[:, 0], drawn[:, 1 : items + 1] / drawn[:, :1]
    second = np.empty((draws, items, items))
    second[:, upper[0], upper[1]] = drawn[:, items + 1 :] / count[:, None]
    second[:, upper[1], upper[0]] = second[:, upper[0], upper[1]]
    return np.asarray(second - mean[:, :, None] * mean[:, None, :])


def _block_sums(
    apart: FloatArray, deal: NDArray[np.int64], blocks: int, upper: tuple[NDArray[np.int64], ...]
) -> FloatArray:
    """Return for each group its size, sums and cross-products, of shape (blocks, 1 + p + p(p+1)/2)."""
    n, items = apart.shape
    rounds = -(-n // blocks)
    dealt = np.zeros((rounds * blocks, items))  # a seat left empty adds nothing
    dealt[:n] = apart[deal]
    seats = dealt.reshape(rounds, blocks, items).swapaxes(0, 1)
    size = np.full(blocks, rounds - 1.0)
    size[: n - (rounds - 1) * blocks] += 1
    products = (seats.swapaxes(1, 2) @ seats)[:, upper[0], upper[1]]
    return np.column_stack([size, seats.sum(axis=1), products])


def to_correlations(covariance: FloatArray) -> FloatArray:
    """Return the correlations of each of a batch of covariances (b, p, p); nan where an item is constant."""
    spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = covariance / (spread[:, :, None] * spread[:, None, :])
    return found


def noise_eigenvalues(*, n: int, items: int, draws: int, seed: int) -> FloatArray:
    """Return the eigenvalues, largest first, of correlations of unrelated items, of shape (draws, items).

    For parallel analysis (Horn 1965). Cross-products are drawn from their own distribution (Wishart), so the
    time does not depend on how many respondents there are.

    Parameters
    ----------
    n, items
        Respondents, more than items, and items.
    draws
        How many samples.
    seed
        For :func:`numpy.random.default_rng`.

    References
    ----------
    Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika 30,
    179–185.
    """
    rng = generator(seed)
    # Bartlett's decomposition: a triangle of normals with chi variables on its diagonal
    root = np.tril(rng.normal(size=(draws, items, items)), -1)
    df = n - 1 - np.arange(items)
    root[:, np.arange(items), np.arange(items)] = np.sqrt(rng.chisquare(df, size=(draws, items)))
    covariance = root @ root.swapaxes(1, 2)
    return np.asarray(np.linalg.eigvalsh(to_correlations(covariance))[:, ::-1])
