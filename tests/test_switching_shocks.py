"""What intervals of switching leave out is said: shocks that all households of a year share."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cemlab.loyalty.switching import _evidence
from cemlab.loyalty.switching_checks import _economy


@pytest.mark.parametrize(("level", "passed"), [((0.0, 0.1, 1.6), False), (tuple(range(7)), True)])
def test_the_check_of_the_economy_names_the_shocks_of_a_year(level, passed):
    years = tuple(str(2020 + i) for i in range(len(level)))
    check = _economy(
        SimpleNamespace(years=years), SimpleNamespace(level=np.array(level), focal=len(level) - 1)
    )
    assert check.passed is passed
    assert "what all households of a year share" in check.detail
    assert "too narrow" in check.detail


def test_the_assumptions_name_them_too(monkeypatch):
    # the package names the function and its module alike
    monkeypatch.setattr(sys.modules["cemlab.loyalty.switching"], "switching_checks", lambda *_: ())
    moves = SimpleNamespace(counts=SimpleNamespace(gaps=()), design="d", n=1, source="", coverage=lambda: ())
    evidence = _evidence(moves, SimpleNamespace(draws=None, checks=()), None, 0.95)
    assert any("shock of its own that all households share" in line for line in evidence.assumptions)
