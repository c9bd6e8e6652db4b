"""From traffic to examples: which answers to label first, and the next version of the data."""

from rung.loop.harvest.build import Harvested, build
from rung.loop.harvest.queue import Queue, Wanted, queue
from rung.loop.harvest.versions import Diff, Version, diff, read_version, versions, write_version

__all__ = [
    "Diff",
    "Harvested",
    "Queue",
    "Version",
    "Wanted",
    "build",
    "diff",
    "queue",
    "read_version",
    "versions",
    "write_version",
]
