"""Train, dev and test out of one file or of given ones: by content hash, near-duplicates together.

Pure: the same examples and seed give the same splits, in whatever order they come. The place of an
example hangs on the hash of its input, so adding examples later moves only the few that stand at a
border. Every split comes in hash order: its first n are a random sample.
"""

import hashlib
import json
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

from rung.errors import UserError
from rung.task.duplicates import groups, normalised
from rung.task.rows import stated_day
from rung.task.types import Example, Frozen, LabelsOutput, Output
from rung.task.wording import did_you_mean, shown

TRAIN_SHARE = 0.5
DEV_SHARE = 0.2
"""The rest, 30 %, is test. Of a given train file, dev takes `DEV_SHARE`."""
DEV_MOST = 150
"""Dev examples beyond this many go to train: dev decides on choices, not on the verdict."""
SLACK = 0.1
"""How far a label's share of a split may stray from the shares above before examples move."""
_RARE = 3
"""Labels with fewer groups than this are split as if they were one label."""


class SplitReport(Frozen):
    """What was decided about the examples, for the audit and the report."""

    train: int
    dev: int
    test: int
    near_duplicates: int = 0
    """Examples that have a near-duplicate among those that Rung split."""
    dropped_from_train: tuple[str, ...] = ()
    """Ids whose input stands in dev or test too."""
    dropped_from_dev: tuple[str, ...] = ()
    """Ids whose input stands in test too."""


class Splits(NamedTuple):
    """Disjoint, each in hash order."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    report: SplitReport


class How(NamedTuple):
    """What a split hangs on besides the examples."""

    output: Output
    seed: int = 0
    cluster: str | None = None
    """A `meta` field or `context_ids`: equal values stay on one side."""
    group: str | None = None
    """Another field of the kind, which makes no statistical unit."""
    test: float | None = None
    """Share of test; `TRAIN_SHARE` and `DEV_SHARE` leave the rest to it where None."""
    dev: float | None = None
    """Share of dev."""
    time: str | None = None
    """A `meta` field that holds a date: the newest examples are test, the oldest train."""

    def borders(self) -> tuple[float, float]:
        """Where train ends and where dev ends, as shares of the examples."""
        dev = DEV_SHARE if self.dev is None else self.dev
        test = 1 - TRAIN_SHARE - DEV_SHARE if self.test is None else self.test
        return 1 - test - dev, 1 - test


class _Group(NamedTuple):
    """Near-duplicates, which go one way."""

    place: float
    """In [0, 1), from the hash of the input of one member."""
    label: str
    members: tuple[Example, ...]


def place(example: Example, seed: int) -> float:
    """A number in [0, 1) that hangs on the normalised input and the seed alone."""
    hashed = hashlib.sha256(f"{seed}:{normalised(example.input_text())}".encode())
    return int.from_bytes(hashed.digest()[:8], "big") / 2**64


def split_one(examples: Sequence[Example], how: How) -> Splits:
    """All three splits from one list of examples."""
    _refuse_unknown(examples, how)
    grouped = _group(examples, how)
    if len(grouped) < 3:
        raise UserError(
            f"{len(examples)} examples ({len(grouped)} different ones) cannot be split into "
            "train, dev and test: at least 3 different ones are needed, and about 100 to decide "
            "anything; add examples"
        )
    train, dev, test = _cut(grouped, how.borders(), how)
    dev, overflow = _at_most(dev, DEV_MOST)
    return _splits((train + overflow, dev, test), how, _twins(grouped))


def carve_dev(train: Sequence[Example], test: Sequence[Example], how: How) -> Splits:
    """Dev out of the train examples; train examples whose input stands in test are dropped."""
    _refuse_unknown([*train, *test], how)
    kept, leaked = _without(train, test)
    grouped = _group(kept, how)
    if len(grouped) < 2:
        raise UserError(
            f"train has {len(train)} examples, of which {len(leaked)} stand in test too: no dev "
            "can be taken from the rest, at least 2 different ones are needed; add train examples"
        )
    learn, dev = _cut(grouped, (1 - (DEV_SHARE if how.dev is None else how.dev),), how)
    dev, overflow = _at_most(dev, DEV_MOST)
    asked = [_Group(place(example, how.seed), "", (example,)) for example in test]
    return _splits((learn + overflow, dev, asked), how, _twins(grouped), leaked)


def as_given(
    train: Sequence[Example], dev: Sequence[Example], test: Sequence[Example], how: How
) -> Splits:
    """The user's own splits, less the dev and train examples whose input stands further on."""
    _refuse_unknown([*train, *dev, *test], how)
    kept_dev, dev_leaked = _without(dev, test)
    kept_train, train_leaked = _without(train, [*dev, *test])
    for name, given, kept in (("train", train, kept_train), ("dev", dev, kept_dev)):
        if not kept:
            raise UserError(
                f"{name}: all {len(given)} examples stand in a later split too, none is left and "
                f"at least 1 is needed; add {name} examples that the other files do not have"
            )
    parts = [
        [_Group(place(example, how.seed), "", (example,)) for example in part]
        for part in (kept_train, kept_dev, test)
    ]
    splits = _splits(parts, how, 0, train_leaked)
    report = splits.report.model_copy(update={"dropped_from_dev": tuple(dev_leaked)})
    return splits._replace(report=report)


def take(
    examples: Sequence[Example], most: int | None, how: How, by_label: bool
) -> tuple[Example, ...]:
    """At most `most` examples in hash order; a smaller sample is part of every larger one.

    `by_label` takes them from the labels in turn, so that each label keeps its share.
    """
    ordered = sorted(examples, key=lambda example: (place(example, how.seed), example.id))
    if most is None or most >= len(ordered):
        return tuple(ordered)
    if not by_label:
        return tuple(ordered[:most])
    labels = [_label(example, how.output) for example in ordered]
    chosen = sorted(sorted(range(len(ordered)), key=_shares(labels).__getitem__)[:most])
    return tuple(ordered[index] for index in chosen)


def _shares(labels: Sequence[str]) -> list[tuple[float, int]]:
    """Sort keys that interleave labels in proportion to how many there are of each."""
    totals: dict[str, int] = defaultdict(int)
    for label in labels:
        totals[label] += 1
    seen: dict[str, int] = defaultdict(int)
    keys = []
    for index, label in enumerate(labels):
        keys.append(((seen[label] + 0.5) / totals[label], index))
        seen[label] += 1
    return keys


def _label(example: Example, output: Output) -> str:
    return str(example.expected) if isinstance(output, LabelsOutput) else ""


def _refuse_unknown(examples: Sequence[Example], how: How) -> None:
    """A field of units that no row has, as a misspelt one: rows would be told apart in silence."""
    for key, field in (("[task] cluster", how.cluster), ("[split] group", how.group)):
        if field and all(unit_of(example, field) is None for example in examples):
            known = dict.fromkeys(name for example in examples for name in example.meta)
            raise UserError(
                f"rung.toml: {key}: no example has anything in {field!r}; "
                f"{did_you_mean(field, known) if known else 'the rows hold no further fields'}"
            )


def _group(examples: Sequence[Example], how: How) -> list[_Group]:
    fields = [field for field in (how.cluster, how.group) if field]
    units = [[unit_of(example, field) for example in examples] for field in fields]
    members: defaultdict[int, list[Example]] = defaultdict(list)
    for root, example in zip(
        groups([example.input_text() for example in examples], *units), examples, strict=True
    ):
        members[root].append(example)
    result = []
    for own in members.values():
        # The smallest hash stands for the group; a second hash places it, so that large groups
        # are not drawn to one end.
        head = min(own, key=lambda example: (place(example, how.seed), example.id))
        spot = place(head, how.seed) if len(own) == 1 else _again(place(head, how.seed))
        result.append(_Group(spot, _label(head, how.output), tuple(own)))
    return sorted(result, key=lambda group: (group.place, group.members[0].id))


def _again(spot: float) -> float:
    hashed = hashlib.sha256(repr(spot).encode()).digest()
    return int.from_bytes(hashed[:8], "big") / 2**64


def unit_of(example: Example, cluster: str | None) -> Hashable | None:
    """What an example has in a field whose equal values belong together; None where nothing."""
    value = example.context_ids if cluster == "context_ids" else example.meta.get(cluster or "")
    if value in (None, "", ()):
        return None
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _cut(grouped: Sequence[_Group], borders: tuple[float, ...], how: How) -> list[list[_Group]]:
    """Groups by place: below the first border, up to the next, and the rest; label by label.

    By time where that is asked: `_by_time`.
    """
    if how.time is not None:
        return _by_time(grouped, borders, how.time)
    strata: defaultdict[str, list[_Group]] = defaultdict(list)
    for group in grouped:
        strata[group.label].append(group)
    rare = [own for own in strata.values() if len(own) < _RARE]
    pooled = sorted((group for own in rare for group in own), key=lambda group: group.place)
    parts: list[list[_Group]] = [[] for _ in range(len(borders) + 1)]
    for own in [own for own in strata.values() if len(own) >= _RARE] + [pooled]:
        start = 0
        for part, end in zip(
            parts, [*_ends([group.place for group in own], borders), len(own)], strict=True
        ):
            part.extend(own[start:end])
            start = end
    return parts


def _by_time(
    grouped: Sequence[_Group], borders: tuple[float, ...], field: str
) -> list[list[_Group]]:
    """Groups by the day of their newest member: no part holds a day that an earlier one has."""
    undated = [e for g in grouped for e in g.members if stated_day(e.meta.get(field)) is None]
    if undated:
        value = shown(undated[0].meta.get(field))
        raise UserError(
            f"[split] time: {len(undated)} of {sum(len(g.members) for g in grouped)} examples have "
            f"no date in {field!r}, such as {undated[0].id!r} ({value}); dates are read as "
            "2025-03-31, with or without a time, as a year, or as seconds since 1970"
        )
    newest = {
        group.members[0].id: max(stated_day(e.meta.get(field)) or 0.0 for e in group.members)
        for group in grouped
    }
    ordered = sorted(grouped, key=lambda g: (newest[g.members[0].id], g.place))
    days = [newest[group.members[0].id] for group in ordered]
    total, ends, sofar = sum(len(g.members) for g in ordered), [0], 0
    for index, group in enumerate(ordered):
        while len(ends) <= len(borders) and sofar >= borders[len(ends) - 1] * total:
            ends.append(bisect_left(days, days[index]))
        sofar += len(group.members)
    ends += [len(ordered)] * (len(borders) + 2 - len(ends))
    parts = [ordered[start:end] for start, end in pairwise(ends)]
    if not all(parts):
        raise UserError(
            f"[split] time: {len(set(days))} different days in {field!r} are too few to cut at; "
            "leave [split] time out, or give train and test files"
        )
    return parts


def _ends(places: Sequence[float], borders: tuple[float, ...]) -> list[int]:
    """Where to cut sorted places: at the borders, moved only as far as `SLACK` asks.

    Each part gets at least one group where there are enough.
    """
    size, ends = len(places), list[int]()
    for index, border in enumerate(borders):
        end = bisect_left(places, border)
        end = max(end, math.floor((border - SLACK) * size))
        end = min(end, math.ceil((border + SLACK) * size))
        after = len(borders) - index
        end = min(end, max(0, size - after))
        ends.append(max(end, min(size, (ends[-1] if ends else 0) + 1)))
    return ends


def _at_most(chosen: list[_Group], most: int) -> tuple[list[_Group], list[_Group]]:
    """As many groups as fit into `most` examples, each label in its share; and the others."""
    ordered = sorted(chosen, key=lambda group: group.place)
    keys = _shares([group.label for group in ordered])
    kept: list[_Group] = []
    overflow: list[_Group] = []
    count = 0
    for index in sorted(range(len(ordered)), key=keys.__getitem__):
        size = len(ordered[index].members)
        if kept and count + size > most:
            overflow.append(ordered[index])
        else:
            kept.append(ordered[index])
            count += size
    return kept, overflow


def _twins(grouped: Sequence[_Group]) -> int:
    return sum(len(group.members) for group in grouped if len(group.members) > 1)


def _without(
    examples: Sequence[Example], later: Sequence[Example]
) -> tuple[list[Example], list[str]]:
    """The examples whose normalised input is not among `later`, and the ids of those left out."""
    there = {normalised(example.input_text()) for example in later}
    kept = [e for e in examples if normalised(e.input_text()) not in there]
    gone = [e.id for e in examples if normalised(e.input_text()) in there]
    return kept, gone


def _splits(
    parts: Sequence[list[_Group]], how: How, near_duplicates: int, dropped: Sequence[str] = ()
) -> Splits:
    train, dev, test = (
        take([example for group in part for example in group.members], None, how, by_label=False)
        for part in parts
    )
    report = SplitReport(
        train=len(train),
        dev=len(dev),
        test=len(test),
        near_duplicates=near_duplicates,
        dropped_from_train=tuple(dropped),
    )
    return Splits(train, dev, test, report)
