"""Small problems run on one thread, and the numbers of threads are put back."""

import numpy as np  # noqa: F401 - loads a library for linear algebra, so that there are threads
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cemlab.stats.threads import one_thread


def threads():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_one_thread_inside_and_as_many_as_before_outside():
    with threadpool_limits(limits=2):
        before = threads()
        with one_thread():
            with one_thread():
                assert set(threads()) == {1}
            assert set(threads()) == {1}
        assert threads() == before


def test_threads_are_put_back_after_an_error():
    before = threads()
    with pytest.raises(ZeroDivisionError), one_thread():
        _ = 1 // 0
    assert threads() == before
