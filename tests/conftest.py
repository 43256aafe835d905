"""What several test modules need: the real data sets, where the cache holds them."""

from __future__ import annotations

import numpy as np
import pytest

from cemlab.data import datasets
from cemlab.data.company import Company


def needs(name: str) -> None:
    """Skip the test, saying what is missing, where a public data set is not in the cache."""
    if not datasets.available(name):
        file = datasets.DATASETS[name].file
        pytest.skip(f"{file} is not in the cache; `make data` downloads it, or set CEMLAB_DATA")


def public(name: str) -> Company:
    """Open a public data set from the cache, or skip."""
    needs(name)
    return datasets.load(name, download=False)


@pytest.fixture(scope="session")
def telco() -> Company:
    return public("telco")


@pytest.fixture(scope="session")
def rossi() -> Company:
    return public("rossi")


@pytest.fixture(scope="session")
def cdnow_histories():
    """Frequency, recency and age in weeks to 1997-09-30; purchases of one day are one.

    Read from the file by itself, so that the models are proved without the project's own counts.
    """
    needs("cdnow_sample")
    customer, date = np.loadtxt(
        datasets.raw_file("cdnow_sample"), usecols=(1, 2), dtype=np.int64, unpack=True
    )
    day = np.array([f"{d // 10000}-{d // 100 % 100:02}-{d % 100:02}" for d in date], dtype="datetime64[D]")
    end = np.datetime64("1997-09-30")
    pairs = np.unique(np.stack([customer, day.astype(np.int64)])[:, day <= end], axis=1)
    _, first, count = np.unique(pairs[0], return_index=True, return_counts=True)
    start, last = pairs[1, first], pairs[1, first + count - 1]
    return count - 1, (last - start) / 7, (end.astype(np.int64) - start) / 7
