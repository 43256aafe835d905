"""A seed is a whole number, and the same one draws the same numbers."""

import numpy as np
import pytest

from cemlab.errors import OptionError
from cemlab.stats.seeds import check_seed, generator


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True, [1]])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(OptionError, match="allowed: a whole number from 0 on"):
        check_seed(seed)


@pytest.mark.parametrize("seed", [0, 7, np.int64(7)])
def test_a_seed_draws_what_numpy_draws(seed):
    assert generator(seed).random() == np.random.default_rng(seed).random()
