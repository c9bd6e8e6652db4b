"""The machine as a shared thing: how many threads, whose turn it is, and what fits its memory.

Two torch computations at once on the same cores are many times slower than one after the
other, so every batch, every embedding call and every training step takes a turn.
"""

import math
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rung.errors import UserError
from rung.records import Usage


class Turns:
    """A first-come, first-served lock: a loop that takes it again and again starves nobody."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._busy = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the machine, hold it, hand it to whoever has waited longest."""
        with self._guard:
            mine = threading.Event()
            if self._busy:
                self._waiting.append(mine)
            else:
                self._busy = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._busy = False


@cache
def device() -> str:
    """What models compute on: `cuda` where torch sees a GPU, else `cpu`; `RUNG_DEVICE` sets it.

    torch is only asked where a driver is there: importing it takes seconds.
    """
    wanted = os.environ.get("RUNG_DEVICE")
    if wanted is not None:
        if wanted not in ("cpu", "cuda"):
            raise UserError(f"RUNG_DEVICE is {wanted!r}: set it to cpu or cuda")
        return wanted
    if not Path("/proc/driver/nvidia").exists() and shutil.which("nvidia-smi") is None:
        return "cpu"
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def bf16_is_fast() -> bool:
    """Whether torch multiplies in bf16 about as fast as in float32 on these processors.

    oneDNN does with AVX-512 or Arm's bf16; elsewhere torch goes number by number, several times
    slower than float32 (docs/engine.md). Linux's flags are asked, since importing torch takes
    seconds; another system counts as slow.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return "avx512bw" in flags or "bf16" in flags


def precision(parameters: int, on: str = "") -> str:
    """torch's name of the type of a model with so many weights: `bfloat16` or `float32`.

    float32 on processors that are slow in bf16, where it takes at most half of their memory.
    `on` is the device, this machine's unless stated; `RUNG_DTYPE` overrules.
    """
    wanted = os.environ.get("RUNG_DTYPE")
    if wanted is not None:
        if wanted not in SIZES:
            raise UserError(f"RUNG_DTYPE is {wanted!r}: set it to {' or '.join(SIZES)}")
        return wanted
    fits = parameters * SIZES["float32"] <= _memory() / 2
    slow = (on or device()) == "cpu" and not bf16_is_fast()
    return "float32" if slow and fits else "bfloat16"


def weight_bytes(parameters: int, on: str = "") -> int:
    """Memory of the weights alone; `on` as of `precision`."""
    return parameters * SIZES[precision(parameters, on)]


def _memory() -> float:
    """Bytes that this machine has, free or not; without end where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def thread_count() -> int:
    """Most threads for torch: `RUNG_THREADS`, else every core this process may use."""
    text = os.environ.get("RUNG_THREADS")
    if text is None:
        return cores()
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"RUNG_THREADS is {text!r}: set it to a whole number of threads, 1 or more")
    return int(text)


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def machine_seconds() -> float:
    """Seconds of the whole machine that this process has used: processor time over cores.

    Unlike the clock's, they do not grow while other programs hold the cores, so that a cost does
    not hang on what else ran. Take differences.
    """
    return time.process_time() / cores()


def device_seconds() -> float:
    """Seconds of the device that models compute on. Take differences, with the turn held.

    The clock's on a GPU, which whoever has the turn holds alone: the processor only waits for it.
    Else `machine_seconds`.
    """
    return time.perf_counter() if device() == "cuda" else machine_seconds()


def on_device(seconds: float) -> Usage:
    """Seconds of `device_seconds`, booked where that device is priced."""
    if not seconds:
        return Usage()  # torch is not asked for it
    return Usage(gpu_seconds=seconds) if device() == "cuda" else Usage(seconds=seconds)


class Load(NamedTuple):
    """Processor seconds since the machine started."""

    at: float
    """When it was read, in seconds."""
    machine: float
    """All cores, all programs."""
    own: float
    """This process."""


def free_threads(before: Load, now: Load, most: int) -> int:
    """Threads that find a core of their own: 1 to `most`, by what others used in between.

    Threads wait for each other at every operation, so one that shares its core with another
    program slows down all: two threads on one and a half cores are slower than one.
    """
    others = (now.machine - before.machine - now.own + before.own) / (now.at - before.at)
    return max(1, min(most, math.floor(most - others + 0.5)))


class Pace:
    """Sets torch's threads before each piece of work to the cores that are free now.

    `RUNG_THREADS` fixes the number. Without Linux's load figures it is always the most.
    """

    WINDOW_S = 0.5
    """Load is judged over at least this long."""

    def __init__(self) -> None:
        self._before = _load()
        self._threads: int | None = None

    def set_threads(self) -> None:
        """Call before a piece of work, in the thread that does it."""
        import torch

        if self._threads is None or "RUNG_THREADS" in os.environ:
            self._threads = thread_count()
        now = None if "RUNG_THREADS" in os.environ else _load()
        before = self._before
        if now is not None and before is not None and now.at - before.at >= self.WINDOW_S:
            self._threads = free_threads(before, now, thread_count())
            self._before = now
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)


def _load() -> Load | None:
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(number) for number in file.readline().split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]  # All but idle and waiting for disks.
        own = os.times()
        return Load(time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), own.user + own.system)
    except (OSError, ValueError, IndexError):
        return None


@contextmanager
def at_work() -> Iterator[None]:
    """Hold the machine for one piece of torch work, with as many threads as are free."""
    with MACHINE.turn():
        PACE.set_threads()
        yield


MACHINE = Turns()
"""The one lock of this process."""
PACE = Pace()


def quiet_waiting() -> None:
    """Before torch is first imported: let its threads sleep soon instead of spinning.

    Spinning threads steal the cores of whatever else runs. Has no effect once torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


SIZES = {"bfloat16": 2, "float32": 4}
"""Bytes a parameter."""
NF4_BYTES = 0.6
"""The same in 4 bits, with its scales and what stays in 16 bits (QLoRA, section 2)."""
AT_WORK = 1.25
"""Weights, adapter, its gradients and states, over the weights alone."""
ACTIVATIONS = 1_500_000_000
"""Bytes beside the weights for what a step keeps, and for the process itself: a lower bound, so
that nothing is refused that would have gone."""


def training_bytes(parameters: int, *, four_bits: bool = False) -> int:
    """What training an adapter takes at least."""
    weights = parameters * NF4_BYTES if four_bits else weight_bytes(parameters)
    return round(weights * AT_WORK) + ACTIVATIONS


def free_bytes() -> int | None:
    """Memory that the device has left; None where it does not say."""
    if device() == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (available,) = [line for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    return int(available.split()[1]) * 1024


def takes_four_bits(parameters: int) -> bool:
    """Base weights in 4 bits: on a GPU, where 16 would not fit and bitsandbytes is there."""
    free = free_bytes() if device() == "cuda" else None
    short = free is not None and training_bytes(parameters) > free
    return short and find_spec("bitsandbytes") is not None


def refuse_what_does_not_fit(name: str, parameters: int, *, four_bits: bool = False) -> None:
    """`UserError` where training will not fit into the memory that is left."""
    needs, free = training_bytes(parameters, four_bits=four_bits), free_bytes()
    if free is None or needs <= free:
        return
    cure = "take a smaller model, or free memory"
    if device() == "cuda" and find_spec("bitsandbytes") is None:
        cure += "; with bitsandbytes installed the base weights take a third"
    raise UserError(
        f"tuning {name} takes about {needs / 1e9:.1f} GB, and {device()} has {free / 1e9:.1f} GB "
        f"left: {cure}"
    )
