"""Small problems run on one thread, and pieces side by side come back in order."""

import threading
import time

import numpy as np  # noqa: F401 - loads a library for linear algebra, so that there are threads
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cemlab.stats.threads import one_thread, side_by_side


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


def test_pieces_come_back_in_order_whichever_is_done_first():
    def work(piece):
        time.sleep(0.02 if piece % 2 == 0 else 0)
        return piece

    assert list(side_by_side(work, range(9))) == list(range(9))
    assert list(side_by_side(work, [])) == []


def test_two_pieces_are_worked_on_at_a_time():
    met = threading.Barrier(2, timeout=10)
    # each of a pair waits until the other is there
    assert len(list(side_by_side(lambda piece: met.wait(), range(4)))) == 4


def test_pieces_are_asked_for_when_there_is_room():
    asked = []

    def pieces():
        for piece in range(10):
            asked.append(piece)
            yield piece

    first = next(found := side_by_side(lambda piece: piece, pieces()))
    assert first == 0
    assert len(asked) == 3
    found.close()


def test_an_error_in_a_piece_reaches_who_asked():
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda piece: 1 // piece, [1, 0, 1]))
