"""What several test modules need: the real data sets, where the cache holds them."""

from __future__ import annotations

import pytest

from cemlab.data import datasets
from cemlab.data.company import Company


def public(name: str) -> Company:
    """Open a public data set from the cache, or skip saying what is missing."""
    if not datasets.available(name):
        file = datasets.DATASETS[name].file
        pytest.skip(
            f"the public data set {name!r} ({file}) is not in the cache; CEMLAB_DATA names its folder"
        )
    return datasets.load(name, download=False)


@pytest.fixture(scope="session")
def telco() -> Company:
    return public("telco")


@pytest.fixture(scope="session")
def rossi() -> Company:
    return public("rossi")


@pytest.fixture(scope="session")
def online_retail() -> Company:
    return public("online_retail")


@pytest.fixture(scope="session")
def cdnow() -> Company:
    return public("cdnow")
