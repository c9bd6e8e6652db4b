"""Turns on the machine and threads for torch."""

import threading
import time

import pytest

from rung.errors import UserError
from rung.models.local import machine
from rung.models.local.decoding import Row, Timing
from rung.models.local.engine import share_out
from rung.models.local.machine import Load, Turns, free_threads, precision, thread_count
from rung.records import Usage


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


@pytest.mark.parametrize(
    ("place", "fast", "parameters", "dtype"),
    [
        ("cpu", True, 10**8, "bfloat16"),
        ("cpu", False, 10**8, "float32"),
        ("cpu", False, 2 * 10**9, "float32"),  # 8 of 16 GB
        ("cpu", False, 3 * 10**9, "bfloat16"),  # 12 of 16 GB: slow is better than not at all
        ("cuda", False, 10**8, "bfloat16"),
    ],
)
def test_numbers_have_the_type_that_the_processors_multiply_fast(
    monkeypatch, place, fast, parameters, dtype
):
    monkeypatch.delenv("RUNG_DTYPE", raising=False)
    monkeypatch.setattr(machine, "bf16_is_fast", lambda: fast)
    monkeypatch.setattr(machine, "_memory", lambda: 16e9)
    assert precision(parameters, place) == dtype


def test_the_type_can_be_set(monkeypatch):
    monkeypatch.setenv("RUNG_DTYPE", "float32")
    assert precision(10**12) == "float32"
    monkeypatch.setenv("RUNG_DTYPE", "int8")
    with pytest.raises(UserError, match="'int8': set it to bfloat16 or float32"):
        precision(10**8)


@pytest.mark.parametrize(
    ("flags", "fast"),
    [
        ("flags : fpu sse2 avx2 fma", False),
        ("flags : fpu avx2 avx512f avx512bw avx512vl", True),
        ("Features : fp asimd", False),
        ("Features : fp asimd bf16", True),
        (None, False),
    ],
)
def test_slow_in_bf16_by_the_processors_flags(monkeypatch, flags, fast):
    def read(path, **_):
        if flags is None:
            raise FileNotFoundError(path)
        return flags

    machine.bf16_is_fast.cache_clear()
    monkeypatch.setattr(machine.Path, "read_text", read)
    try:
        assert machine.bf16_is_fast() is fast
    finally:
        machine.bf16_is_fast.cache_clear()


@pytest.mark.parametrize(("on", "seconds", "gpu"), [("cpu", 2.0, 0.0), ("cuda", 0.0, 2.0)])
def test_seconds_are_booked_where_the_device_is_priced(monkeypatch, on, seconds, gpu):
    monkeypatch.setattr(machine, "device", lambda: on)
    usage = machine.on_device(2.0)
    assert (usage.seconds, usage.gpu_seconds, usage.computed) == (seconds, gpu, 2.0)
    rows = [Row(prompt=[1, 2, 3], max_tokens=4, ends=frozenset(), output=[5])] * 2
    shared = share_out(rows, 0, 0, Timing(reading=1.0, writing=3.0))
    assert [(u.seconds, u.gpu_seconds) for u in shared] == [(seconds, gpu)] * 2
    assert shared[0].input_tokens == 3


def test_a_gpu_is_timed_by_the_clock_and_a_processor_by_its_work(monkeypatch):
    def lasted() -> float:
        before = machine.device_seconds()
        time.sleep(0.05)
        return machine.device_seconds() - before

    monkeypatch.setattr(machine, "device", lambda: "cuda")
    assert lasted() >= 0.05
    monkeypatch.setattr(machine, "device", lambda: "cpu")
    assert lasted() < 0.05


def test_no_seconds_ask_for_no_device(monkeypatch):
    monkeypatch.delattr(machine, "device")
    assert machine.on_device(0.0) == Usage()


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
