"""Turns on the machine and threads for torch."""

import threading

import pytest

from rung.errors import UserError
from rung.models.local.machine import Load, Turns, free_threads, thread_count


@pytest.mark.parametrize(
    ("others", "threads"), [(0.0, 2), (0.3, 2), (0.6, 1), (1.5, 1), (4.0, 1), (-0.1, 2)]
)
def test_threads_are_the_cores_that_others_leave(others, threads):
    now = Load(at=10.0, machine=100.0 + 2 * others + 3, own=53.0)
    assert free_threads(Load(8.0, 100.0, 50.0), now, 2) == threads


def test_thread_count_can_be_set(monkeypatch):
    monkeypatch.setenv("RUNG_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("RUNG_THREADS", "many")
    with pytest.raises(UserError, match="'many'"):
        thread_count()


def test_turns_are_taken_in_the_order_asked():
    turns, order, queued = Turns(), [], []
    with turns.turn():
        for name in range(5):
            thread = threading.Thread(target=lambda n=name: _take(turns, order, n))
            thread.start()
            queued.append(thread)
            while len(turns._waiting) <= name:
                pass
    for thread in queued:
        thread.join()
    assert order == list(range(5))


def _take(turns, order, name):
    with turns.turn():
        order.append(name)


def test_an_error_hands_the_turn_on():
    turns = Turns()
    with pytest.raises(ValueError), turns.turn():
        raise ValueError
    with turns.turn():
        pass
