"""Figures as plain data: scales, ticks, marks and label places in pixels, drawn by a template.

One specification serves the report and any other page. No drawing library: a chart is a few lines
of SVG, and the browser's own text and colours make it readable in light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rung.candidate import Technique

MARKS: dict[Technique, str] = {
    "no-llm": "M-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0-9.2 0Z",
    "prompting": "M-4.2-4.2h8.4v8.4h-8.4Z",
    "full-context": "M0-5.4L5.4 4.2H-5.4Z",
    "rag": "M0-5.8L5.8 0L0 5.8L-5.8 0Z",
    "fine-tuning": "M0 5.4L5.4-4.2H-5.4Z",
    "hybrid": "M0-5.6L1.6-1.8L5.6-1.6L2.5 1L3.5 5L0 2.8L-3.5 5L-2.5 1L-5.6-1.6L-1.6-1.8Z",
}
"""One shape a technique, around (0, 0): what tells them apart in print and to colour-blind eyes."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what is written there."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Values to pixels, linear or logarithmic. Values beyond the ends stay on the ends."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    zero: float | None = None
    """On a log axis: the pixel of 0, beyond a marked break."""

    def at(self, value: float) -> float:
        """The pixel of a value."""
        if self.log:
            if value <= 0:
                return self.start if self.zero is None else self.zero
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


@dataclass(frozen=True)
class Axis:
    """A scale with its ticks and its name."""

    scale: Scale
    ticks: tuple[Tick, ...]
    label: str
    broken: bool = False
    """It does not start at 0: a mark says so."""


@dataclass(frozen=True)
class Point:
    """One candidate in a plot: a mark with its interval both ways."""

    place: str
    technique: Technique
    x: float
    y: float
    xs: tuple[float, float]
    ys: tuple[float, float]
    title: str
    chosen: bool = False
    hollow: bool = False
    """Measured on dev only."""
    label: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Curve:
    """One candidate as a line with a band."""

    place: str
    technique: Technique
    line: str
    band: str
    dash: str
    title: str
    chosen: bool
    end: tuple[float, float]
    label_y: float


@dataclass(frozen=True)
class Plot:
    """A picture of 440 units width: points or curves on two axes."""

    title: str
    x: Axis
    y: Axis
    height: float
    points: tuple[Point, ...] = ()
    curves: tuple[Curve, ...] = ()
    frontier: str = ""
    target_y: float | None = None
    target_text: str = ""
    now_x: float | None = None
    crossings: tuple[tuple[float, float, str], ...] = ()
    width: float = 440

    @property
    def target_x(self) -> float:
        """Where the words above the target line end: at its right, or left of what is there."""
        low = self.target_y or 0.0
        near = [p.x for p in self.points if p.ys[1] <= low and p.ys[0] >= low - 18]
        places = [self.width - 16.0 - 10 * i for i in range(32)]
        return next((x for x in places if not any(x - 64 < at < x + 8 for at in near)), places[0])


@dataclass(frozen=True)
class Strip:
    """One row of intervals on an axis that all rows share."""

    bars: tuple[Bar, ...] = ()
    lines: tuple[float, ...] = ()
    """Places of upright lines: a target, or zero."""
    certified: float | None = None
    width: float = 220
    title: str = ""


@dataclass(frozen=True)
class Bar:
    """A value with its interval in a strip."""

    value: float
    low: float
    high: float
    y: float
    kind: str
    """test or dev"""
    title: str = field(default="")


def line_path(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through the points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def linear(low: float, high: float, pixels: tuple[float, float], step: float) -> Axis:
    """A linear axis with a tick every `step`."""
    scale = Scale(low, high, *pixels)
    count = round((high - low) / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [low + i * step for i in range(count + 1)]
    return Axis(scale, tuple(Tick(scale.at(v), f"{v:.{digits}f}") for v in values), "")


def logarithmic(
    values: Sequence[float], pixels: tuple[float, float], text: Callable[[float], str]
) -> Axis:
    """A log axis over the positive values, whole decades; 0 gets a place beyond a break."""
    positive = [v for v in values if v > 0] or [1.0]
    low = math.floor(math.log10(min(positive)) + 1e-9)
    high = max(low + 1, math.ceil(math.log10(max(positive)) - 1e-9))
    start, end = pixels
    has_zero = any(v <= 0 for v in values)
    gap = math.copysign(34, end - start)
    scale = Scale(
        10.0**low, 10.0**high, start + gap if has_zero else start, end, True,
        start + gap / 4 if has_zero else None,
    )  # fmt: skip
    step = max(1, math.ceil((high - low) / 6))
    ticks = [Tick(scale.at(10.0**e), text(10.0**e)) for e in range(low, high + 1, step)]
    if scale.zero is not None:
        ticks.insert(0, Tick(scale.zero, "0"))
    return Axis(scale, tuple(ticks), "", has_zero)


def place_labels(
    spots: Sequence[tuple[float, float]], right: float, bottom: float
) -> list[tuple[float, float]]:
    """A place for each spot's short label that covers neither marks nor labels placed before."""
    around = (
        (12, 0), (-12, 0), (0, -13), (0, 13), (13, -13), (-13, -13), (13, 13), (-13, 13),
        (25, 0), (-25, 0), (0, -26), (0, 26),
    )  # fmt: skip
    taken = list(spots)
    placed = []
    for x, y in spots:
        free = [
            (x + dx, y + dy)
            for dx, dy in around
            if 30 < x + dx < right
            and 8 < y + dy < bottom
            and all(abs(x + dx - a) > 11 or abs(y + dy - b) > 11 for a, b in taken)
        ]
        chosen = free[0] if free else (x + 12, y)
        taken.append(chosen)
        placed.append(chosen)
    return placed


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places moved apart to at least `gap`, in their order, kept between the ends."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    last = low - gap
    for i in order:
        placed[i] = last = max(wanted[i], last + gap)
    over = last - high
    last = high + gap
    for i in reversed(order):
        if over <= 0:
            break
        placed[i] = last = min(placed[i], last - gap)
    return placed
